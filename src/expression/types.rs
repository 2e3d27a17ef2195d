//! Types that are known before anything is evaluated: what can never be true or false is refused at the start.

use cel::common::ast::{ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators};

use super::SyntaxError;
use super::offsets::SourceOffsets;

/// Variables that are a `bool`.
const BOOLS: &[&str] = &["verified", "duplicate"];

/// Refuses a condition that can never be a `bool`.
pub(super) fn check(syntax: &IdedExpr, offsets: &SourceOffsets<'_>) -> Result<(), SyntaxError> {
    if let Some(kind) = never_bool(syntax, &mut Vec::new()) {
        let what = format!("the result is {kind}, never a `bool`");
        return Err(offsets
            .error(syntax.id, what)
            .hint("compare it with a value: `event == \"job.paid\"`"));
    }
    operands(syntax, &mut Vec::new(), offsets)
}

/// Checks what `&&`, `||`, `!` and `?:` work with, anywhere in the tree.
fn operands<'a>(node: &'a IdedExpr, bound: &mut Vec<&'a str>, offsets: &SourceOffsets<'_>) -> Result<(), SyntaxError> {
    match &node.expr {
        Expr::Call(call) => {
            let conditions: &[IdedExpr] = match call.func_name.as_str() {
                operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT => &call.args,
                operators::CONDITIONAL => call.args.get(..1).unwrap_or_default(),
                _ => &[],
            };
            for condition in conditions {
                if let Some(kind) = never_bool(condition, bound) {
                    let operator = call.func_name.trim_matches('_').replace("_:", ":");
                    let what = format!("`{operator}` needs a `bool`, and this is {kind}");
                    return Err(offsets.error(condition.id, what));
                }
            }
            let mut parts = call.target.as_deref().into_iter().chain(&call.args);
            parts.try_for_each(|part| operands(part, bound, offsets))
        }
        Expr::Comprehension(of) => {
            operands(&of.iter_range, bound, offsets)?;
            let outer = bound.len();
            bind(of, bound);
            let checked = operands(&of.loop_step, bound, offsets);
            bound.truncate(outer);
            checked
        }
        Expr::List(list) => list.elements.iter().try_for_each(|item| operands(item, bound, offsets)),
        Expr::Select(select) => operands(&select.operand, bound, offsets),
        _ => Ok(()),
    }
}

/// What the value of a node is, where it can be no `bool`.
fn never_bool<'a>(node: &'a IdedExpr, bound: &mut Vec<&'a str>) -> Option<&'static str> {
    match &node.expr {
        Expr::Literal(literal) => Some(match literal {
            LiteralValue::Boolean(_) => return None,
            LiteralValue::Int(_) | LiteralValue::UInt(_) | LiteralValue::Double(_) => "a number",
            LiteralValue::String(_) => "a `string`",
            LiteralValue::Bytes(_) => "`bytes`",
            LiteralValue::Null => "`null`",
        }),
        Expr::List(_) => Some("a list"),
        Expr::Map(_) => Some("a map"),
        // A variable of a macro, and data, may be anything.
        Expr::Ident(name) if bound.contains(&name.as_str()) || name == "data" => None,
        Expr::Ident(name) if BOOLS.contains(&name.as_str()) => None,
        Expr::Ident(name) => Some(match name.as_str() {
            "headers" | "query" => "a map",
            "size" | "status" => "a number",
            "body" => "`bytes`",
            name if super::TYPES.contains(&name) => "a type",
            _ => "a `string`",
        }),
        Expr::Call(call) => match call.func_name.as_str() {
            operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::NEGATE
            | "size"
            | "int"
            | "uint"
            | "double" => Some("a number"),
            operators::ADD => Some("a sum"),
            "string" => Some("a `string`"),
            "bytes" => Some("`bytes`"),
            "type" => Some("a type"),
            operators::CONDITIONAL => match call.args.get(1..) {
                Some([a, b]) => never_bool(a, bound).and(never_bool(b, bound)),
                _ => None,
            },
            _ => None,
        },
        Expr::Comprehension(of) => {
            // `map` and `filter` give their list.
            let is_list = matches!(&of.accu_init.expr, Expr::List(_));
            let gives_it = matches!(&of.result.expr, Expr::Ident(name) if *name == of.accu_var);
            (is_list && gives_it).then_some("a list")
        }
        Expr::Select(_) | Expr::Struct(_) | Expr::Unspecified => None,
    }
}

fn bind<'a>(of: &'a ComprehensionExpr, bound: &mut Vec<&'a str>) {
    bound.extend([of.iter_var.as_str(), of.accu_var.as_str()]);
    bound.extend(of.iter_var2.as_deref());
}
