//! What an expression compares: to explain why it does not hold.

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use serde_json::Value;

use super::nesting::end_of_text;
use super::{NAMES, TYPES};

/// Paths that an expression looks at, and the value that it compares one with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExpressionOutline {
    /// Dotted, such as `data.total`; each once.
    pub paths: Vec<String>,
    /// The path and the value of `path == value`, where the expression is no more than that.
    pub equals: Option<(String, Value)>,
}

impl ExpressionOutline {
    pub(super) fn of(syntax: &IdedExpr) -> Self {
        let mut outline = Self::default();
        collect(syntax, &mut Vec::new(), &mut outline.paths);
        outline.equals = equality(syntax);
        outline
    }
}

/// The dotted path of `a.b['c'][0]`.
pub(super) fn path(node: &IdedExpr) -> Option<String> {
    match &node.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => Some(format!("{}.{}", path(&select.operand)?, select.field)),
        Expr::Call(call) if call.func_name == operators::INDEX => match call.args.as_slice() {
            [of, index] => match literal(index)? {
                Value::String(name) if !name.contains('.') => Some(format!("{}.{name}", path(of)?)),
                Value::Number(at) => Some(format!("{}.{at}", path(of)?)),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn literal(node: &IdedExpr) -> Option<Value> {
    let Expr::Literal(literal) = &node.expr else {
        return None;
    };
    Some(match literal {
        LiteralValue::Boolean(value) => Value::from(*value.inner()),
        LiteralValue::Int(value) => Value::from(*value.inner()),
        LiteralValue::UInt(value) => Value::from(*value.inner()),
        LiteralValue::Double(value) => Value::from(*value.inner()),
        LiteralValue::String(value) => Value::from(value.inner()),
        LiteralValue::Null => Value::Null,
        LiteralValue::Bytes(_) => return None,
    })
}

fn equality(node: &IdedExpr) -> Option<(String, Value)> {
    let Expr::Call(call) = &node.expr else {
        // A variable that is true or false.
        return matches!(&node.expr, Expr::Ident(_) | Expr::Select(_))
            .then(|| Some((path(node)?, Value::Bool(true))))
            .flatten();
    };
    match call.args.as_slice() {
        [of] if call.func_name == operators::LOGICAL_NOT => Some((path(of)?, Value::Bool(false))),
        [a, b] if call.func_name == operators::EQUALS => {
            let pair = |of, value| Some((path(of)?, literal(value)?));
            pair(a, b).or_else(|| pair(b, a))
        }
        _ => None,
    }
}

/// Collects the longest paths that begin with a variable of an event.
fn collect<'a>(node: &'a IdedExpr, bound: &mut Vec<&'a str>, paths: &mut Vec<String>) {
    let own = match &node.expr {
        Expr::Select(select) if select.test => path(&select.operand).map(|path| format!("{path}.{}", select.field)),
        _ => path(node),
    };
    if let Some(path) = own {
        let root = path.split('.').next().unwrap_or_default();
        let is_known = NAMES.contains(&root) && !bound.contains(&root) && !TYPES.contains(&root);
        if is_known && !paths.contains(&path) {
            paths.push(path);
        }
        return;
    }
    match &node.expr {
        Expr::Call(call) => {
            let parts = call.target.as_deref().into_iter().chain(&call.args);
            parts.for_each(|part| collect(part, bound, paths));
        }
        Expr::Comprehension(of) => {
            collect(&of.iter_range, bound, paths);
            bound.push(&of.iter_var);
            for part in [&of.loop_step, &of.result] {
                collect(part, bound, paths);
            }
            bound.pop();
        }
        Expr::List(list) => list.elements.iter().for_each(|item| collect(item, bound, paths)),
        Expr::Map(map) => {
            for entry in &map.entries {
                if let EntryExpr::MapEntry(entry) = &entry.expr {
                    collect(&entry.key, bound, paths);
                    collect(&entry.value, bound, paths);
                }
            }
        }
        Expr::Select(select) => collect(&select.operand, bound, paths),
        Expr::Struct(_) | Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
    }
}

/// The parts between `&&` that all have to hold; the whole text where there are alternatives.
pub(super) fn conjuncts(source: &str) -> Vec<&str> {
    let bytes = source.as_bytes();
    let (mut parts, mut start, mut at, mut depth) = (Vec::new(), 0, 0, 0usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' | b'\'' => {
                let is_raw = at > 0 && matches!(bytes[at - 1], b'r' | b'R');
                at = end_of_text(bytes, at, is_raw);
                continue;
            }
            b'/' if bytes.get(at + 1) == Some(&b'/') => return vec![source],
            b'?' | b'|' if depth == 0 => return vec![source],
            b'&' if depth == 0 && bytes.get(at + 1) == Some(&b'&') => {
                parts.push(source[start..at].trim());
                start = at + 2;
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    parts.push(source[start..].trim());
    parts
}
