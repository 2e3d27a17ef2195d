//! Why an evaluation has no result: the innermost part that fails is found by evaluating the parts once more, from what is
//! left of the budget.

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, SelectExpr, operators};
use cel::common::types::{CelBool, CelList, CelMap, CelString};
use cel::common::value::Val;
use cel::{Context, ExecutionError, Value};

use super::budget::{self, CHARGE, CHARGE_TEXT, INDEX};
use super::outline::{literal, path};
use super::{EvaluationError, Variables};
use crate::text::printable;

/// Characters of a name that are shown.
const SHOWN: usize = 200;

/// Characters of a literal that are shown.
const LITERAL_SHOWN: usize = 40;

/// The error of an expression that has no value.
pub(super) fn failure(
    syntax: &IdedExpr,
    context: &Context<'_, '_>,
    variables: &Variables<'_>,
    error: &ExecutionError,
) -> EvaluationError {
    let what = Explainer { variables }.fault(syntax, context, error);
    if budget::is_exhausted() {
        return EvaluationError::Failed(in_general(error));
    }
    EvaluationError::Failed(what)
}

struct Explainer<'a, 'v> {
    variables: &'a Variables<'v>,
}

impl Explainer<'_, '_> {
    /// Why a node fails, which it does with that error.
    fn fault(&self, node: &IdedExpr, context: &Context<'_, '_>, error: &ExecutionError) -> String {
        match &node.expr {
            Expr::Call(call) if call.func_name == operators::CONDITIONAL && call.args.len() == 3 => {
                self.of_condition(call, context, error)
            }
            Expr::Call(call) => {
                let parts = call.target.as_deref().into_iter().chain(&call.args);
                self.of_first(parts, context)
                    .unwrap_or_else(|| self.of_call(call, context, error))
            }
            Expr::Select(select) => self
                .of_first([&*select.operand], context)
                .unwrap_or_else(|| self.of_select(select, context, error)),
            Expr::List(list) => self
                .of_first(&list.elements, context)
                .unwrap_or_else(|| in_general(error)),
            Expr::Comprehension(of) => self
                .of_first([&of.iter_range], context)
                .or_else(|| self.of_loop(of, context))
                .unwrap_or_else(|| self.of_range(of, context, error)),
            _ => in_general(error),
        }
    }

    /// Why the first of these fails that does.
    fn of_first<'n>(&self, nodes: impl IntoIterator<Item = &'n IdedExpr>, context: &Context<'_, '_>) -> Option<String> {
        nodes.into_iter().find_map(|node| {
            let error = Value::resolve_val(node, context).err()?;
            Some(self.fault(node, context, &error))
        })
    }

    /// Only one of the alternatives was evaluated.
    fn of_condition(&self, call: &CallExpr, context: &Context<'_, '_>, error: &ExecutionError) -> String {
        let condition = match Value::resolve_val(&call.args[0], context) {
            Err(error) => return self.fault(&call.args[0], context, &error),
            Ok(value) => value.downcast_ref::<CelBool>().map(|holds| *holds.inner()),
        };
        match condition {
            Some(holds) => self
                .of_first([&call.args[if holds { 1 } else { 2 }]], context)
                .unwrap_or_else(|| in_general(error)),
            None => format!(
                "the condition of `?:` must be a `bool`, not {}",
                self.subject(&call.args[0], context)
            ),
        }
    }

    /// The first item for which the step of a loop fails.
    fn of_loop(&self, of: &ComprehensionExpr, context: &Context<'_, '_>) -> Option<String> {
        let range = Value::resolve_val(&of.iter_range, context).ok()?;
        let start = Value::resolve_val(&of.accu_init, context).ok()?;
        let mut inner = context.new_inner_scope();
        inner.add_variable_as_val(&of.accu_var, start.into_owned());
        let mut items = range.as_iterable()?.iter();
        while let Some(item) = items.next() {
            if !budget::spend(1) {
                return None;
            }
            inner.add_variable_as_val(&of.iter_var, item.clone_as_boxed());
            if let Some(fault) = self.of_first([&of.loop_step], &inner) {
                return Some(fault);
            }
        }
        None
    }

    fn of_range(&self, of: &ComprehensionExpr, context: &Context<'_, '_>, error: &ExecutionError) -> String {
        match Value::resolve_val(&of.iter_range, context) {
            Ok(range) if range.as_iterable().is_none() => {
                let subject = self.subject(&of.iter_range, context);
                format!("{subject} is neither a list nor a map")
            }
            _ => in_general(error),
        }
    }

    fn of_select(&self, select: &SelectExpr, context: &Context<'_, '_>, error: &ExecutionError) -> String {
        let field = printable(&select.field, SHOWN);
        match Value::resolve_val(&select.operand, context) {
            Ok(value) => self.no_field(&select.operand, &*value, &field, context),
            Err(_) => in_general(error),
        }
    }

    /// A value has no such field.
    fn no_field(&self, of: &IdedExpr, value: &dyn Val, field: &str, context: &Context<'_, '_>) -> String {
        let place = place(of);
        match (place, value.downcast_ref::<CelMap<'_>>()) {
            (Some(place), Some(_)) => {
                let is_upper = place == "headers" && field.chars().any(|c| c.is_ascii_uppercase());
                let why = if is_upper {
                    ": their names are in lower case"
                } else {
                    ""
                };
                format!("no field `{field}` in `{place}`{why}")
            }
            (None, Some(_)) => format!("no field `{field}`"),
            (_, None) => format!("no field `{field}`: {}", self.is_what(of, value, context)),
        }
    }

    /// The parts of a call have values; the call has none.
    fn of_call(&self, call: &CallExpr, context: &Context<'_, '_>, error: &ExecutionError) -> String {
        match error {
            ExecutionError::Overflow(..) => return "a number is too large".to_owned(),
            ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
                return "division by zero".to_owned();
            }
            _ => {}
        }
        let parts: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        match (call.func_name.as_str(), parts.as_slice()) {
            (operators::INDEX, [of, index]) => self.of_index(of, index, context, error),
            // It has one reason of its own, beside that the budget is spent.
            (INDEX, _) => "an index is a whole number or a text".to_owned(),
            (CHARGE | CHARGE_TEXT, _) => in_general(error),
            (name, parts) => {
                let subjects: Vec<String> = parts.iter().map(|part| self.subject(part, context)).collect();
                let name = name.trim_start_matches('@').trim_matches('_');
                match error {
                    ExecutionError::NoSuchOverload(_)
                    | ExecutionError::ValuesNotComparable(..)
                    | ExecutionError::UnsupportedBinaryOperator(..)
                    | ExecutionError::UnexpectedType { .. } => {
                        format!("`{name}` cannot be used with {}", subjects.join(" and "))
                    }
                    // A text that is no number, and the like.
                    other => format!("`{name}` fails for {}: {}", subjects.join(" and "), in_general(other)),
                }
            }
        }
    }

    fn of_index(&self, of: &IdedExpr, index: &IdedExpr, context: &Context<'_, '_>, error: &ExecutionError) -> String {
        let (Ok(value), Ok(key)) = (Value::resolve_val(of, context), Value::resolve_val(index, context)) else {
            return in_general(error);
        };
        let key_text = key
            .downcast_ref::<CelString<'_>>()
            .map(|text| printable(text.inner(), SHOWN));
        match (value.downcast_ref::<CelList<'_>>(), key_text) {
            (Some(list), None) if matches!(error, ExecutionError::IndexOutOfBounds(_)) => {
                let list = crate::text::count(list.inner().len() as u64, "item");
                let place = place(of).map_or_else(String::new, |place| format!(" `{place}`"));
                let index = in_general(error);
                format!("{index}: the list{place} has {list}")
            }
            (None, Some(key)) => self.no_field(of, &*value, &key, context),
            _ => {
                let (of, index) = (self.subject(of, context), self.subject(index, context));
                format!("{of} has no item {index}")
            }
        }
    }

    /// `PLACE is null`, or what else it is.
    fn is_what(&self, node: &IdedExpr, value: &dyn Val, context: &Context<'_, '_>) -> String {
        match place(node) {
            Some(place) if type_name(value) == "null" => match &self.variables.data {
                Err(reason) if place == "data" => format!("`data` is null, because {reason}"),
                _ => format!("`{place}` is null"),
            },
            _ => format!("{} has no fields", self.subject(node, context)),
        }
    }

    /// A value in words: `` `data.n` (int) ``.
    fn subject(&self, node: &IdedExpr, context: &Context<'_, '_>) -> String {
        let node = uncharged(node);
        let kind = Value::resolve_val(node, context).map_or_else(|_| "no value".to_owned(), |value| type_name(&*value));
        match (place(node), literal(node)) {
            (Some(place), _) => match &self.variables.data {
                Err(reason) if place == "data" => format!("`data` (null, because {reason})"),
                _ => format!("`{place}` ({kind})"),
            },
            (None, Some(literal)) => {
                let text = printable(&literal.to_string(), LITERAL_SHOWN);
                format!("`{text}` ({kind})")
            }
            (None, None) => format!("a value ({kind})"),
        }
    }
}

/// The dotted path of a node, where it is one.
fn place(node: &IdedExpr) -> Option<String> {
    path(uncharged(node)).map(|path| printable(&path, SHOWN))
}

/// Without the calls that charge.
fn uncharged(mut node: &IdedExpr) -> &IdedExpr {
    while let Expr::Call(call) = &node.expr
        && [CHARGE, CHARGE_TEXT, INDEX].contains(&call.func_name.as_str())
        && let Some(last) = call.args.last()
    {
        node = last;
    }
    node
}

/// In the words of CEL, except for the type of `null`.
fn type_name(value: &dyn Val) -> String {
    match value.get_type().name() {
        "null_type" => "null".to_owned(),
        name => printable(name, LITERAL_SHOWN),
    }
}

/// An error by itself.
fn in_general(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("no field `{}`", printable(key, SHOWN)),
        ExecutionError::IndexOutOfBounds(index) => {
            let index = match index {
                Value::Int(index) => index.to_string(),
                Value::UInt(index) => index.to_string(),
                _ => String::new(),
            };
            format!("no item {index}")
        }
        ExecutionError::Overflow(..) => "a number is too large".to_owned(),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "division by zero".to_owned(),
        // Their texts hold the values, which may be large, and names of types that are not those of CEL.
        ExecutionError::ValuesNotComparable(..) => "the values cannot be compared".to_owned(),
        ExecutionError::UnsupportedBinaryOperator(..) | ExecutionError::NoSuchOverload(_) => {
            "the types of the values do not fit".to_owned()
        }
        other => printable(&other.to_string(), SHOWN),
    }
}
