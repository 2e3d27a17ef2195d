//! The names in an expression: variables and functions that do not exist are found before anything is evaluated.

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};

use super::budget::GLOB;
use super::offsets::SourceOffsets;
use super::{NAMES, SyntaxError, TYPES};

/// A function that can be called, operators and macros apart.
struct Function {
    name: &'static str,
    /// How many arguments `name(...)` takes; absent: it is not called like that.
    arguments: Option<usize>,
    /// How many `value.name(...)` takes.
    member_arguments: Option<usize>,
    example: &'static str,
}

/// All of them.
const FUNCTIONS: &[Function] = &[
    of_value("bool", "`bool(data.flag)`"),
    of_value("bytes", "`bytes(data.text)`"),
    of_member("contains", "`event.contains(\"paid\")`"),
    of_value("double", "`double(data.total)`"),
    of_value("dyn", "`dyn(data.total)`"),
    of_member("endsWith", "`event.endsWith(\".paid\")`"),
    Function {
        name: GLOB,
        arguments: Some(2),
        member_arguments: None,
        example: "`glob(event, \"job.*\")`",
    },
    of_value("int", "`int(data.total)`"),
    Function {
        name: "size",
        arguments: Some(1),
        member_arguments: Some(0),
        example: "`size(data.items)` or `data.items.size()`",
    },
    of_member("startsWith", "`event.startsWith(\"job.\")`"),
    of_value("string", "`string(body)`"),
    of_value("type", "`type(data.total) == int`"),
    of_value("uint", "`uint(data.total)`"),
];

const fn of_value(name: &'static str, example: &'static str) -> Function {
    Function {
        name,
        arguments: Some(1),
        member_arguments: None,
        example,
    }
}

const fn of_member(name: &'static str, example: &'static str) -> Function {
    Function {
        name,
        arguments: None,
        member_arguments: Some(1),
        example,
    }
}

const OPERATORS: &[&str] = &[
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::INDEX,
    operators::NOT_STRICTLY_FALSE,
    operators::IN,
];

/// Macros, which are called on a list or a map with a variable of their own.
const MACROS: &[&str] = &["all", "exists", "exists_one", "filter", "map"];

/// Checks every name and every call, and gives the variables that are used.
pub(super) fn check(syntax: &IdedExpr, offsets: &SourceOffsets<'_>) -> Result<Vec<&'static str>, SyntaxError> {
    let mut references = References {
        offsets,
        used: Vec::new(),
        bound: Vec::new(),
    };
    references.visit(syntax)?;
    Ok(references.used)
}

struct References<'a> {
    offsets: &'a SourceOffsets<'a>,
    used: Vec<&'static str>,
    /// Variables of the macros around.
    bound: Vec<&'a str>,
}

impl<'a> References<'a> {
    fn visit(&mut self, node: &'a IdedExpr) -> Result<(), SyntaxError> {
        match &node.expr {
            Expr::Ident(name) => self.variable(node.id, name),
            Expr::Select(select) => self.visit(&select.operand),
            Expr::Call(call) => {
                self.function(node.id, call)?;
                if call.func_name == operators::INDEX
                    && let Some(Expr::Literal(LiteralValue::Double(_))) = call.args.get(1).map(|index| &index.expr)
                {
                    return Err(self
                        .offsets
                        .error(node.id, "an index is a whole number or a text".to_owned()));
                }
                let target = call.target.as_deref();
                target
                    .into_iter()
                    .chain(&call.args)
                    .try_for_each(|part| self.visit(part))
            }
            Expr::List(list) => list.elements.iter().try_for_each(|item| self.visit(item)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => self.visit(&entry.key).and_then(|()| self.visit(&entry.value)),
                EntryExpr::StructField(_) => Err(self.offsets.error(entry.id, "messages are not supported".to_owned())),
            }),
            Expr::Comprehension(comprehension) => {
                self.visit(&comprehension.iter_range)?;
                self.visit(&comprehension.accu_init)?;
                let bound = self.bound.len();
                self.bound
                    .extend([comprehension.iter_var.as_str(), comprehension.accu_var.as_str()]);
                self.bound.extend(comprehension.iter_var2.as_deref());
                let parts = [
                    &comprehension.loop_cond,
                    &comprehension.loop_step,
                    &comprehension.result,
                ];
                parts.into_iter().try_for_each(|part| self.visit(part))?;
                self.bound.truncate(bound);
                Ok(())
            }
            Expr::Literal(_) => Ok(()),
            Expr::Struct(_) => Err(self.offsets.error(node.id, "messages are not supported".to_owned())),
            Expr::Unspecified => Err(self.offsets.error(node.id, "it cannot be parsed".to_owned())),
        }
    }

    fn variable(&mut self, id: u64, name: &str) -> Result<(), SyntaxError> {
        let is_bound = self.bound.contains(&name);
        if is_bound || TYPES.contains(&name) {
            return Ok(());
        }
        match NAMES.iter().find(|known| **known == name) {
            Some(known) if self.used.contains(known) => Ok(()),
            Some(known) => {
                self.used.push(known);
                Ok(())
            }
            None => {
                let error = self.offsets.error(id, format!("unknown variable `{name}`"));
                Err(error.hint(format!("the variables are {}", crate::text::quoted(NAMES))))
            }
        }
    }

    fn function(&self, id: u64, call: &CallExpr) -> Result<(), SyntaxError> {
        let (name, is_member) = (call.func_name.as_str(), call.target.is_some());
        if OPERATORS.contains(&name) {
            return Ok(());
        }
        if let Some(function) = FUNCTIONS.iter().find(|function| function.name == name) {
            return self.arguments(id, function, call);
        }
        let error = |what: String| self.offsets.error_at_name(id, name, what);
        Err(match name {
            "matches" => error("`matches` is not supported: there are no regular expressions".to_owned())
                .hint("a pattern with `*` is `glob(event, \"job.*\")`"),
            name if is_member && MACROS.contains(&name) => error(format!("`{name}` has the wrong number of arguments"))
                .hint("`data.items.all(item, item.quantity > 0)`"),
            "has" => error("`has` takes one argument".to_owned()).hint("`has(data.customer)`"),
            name => {
                let functions: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
                error(format!("unknown function `{name}`")).hint(format!(
                    "the functions are {}, and the macros `has`, {}",
                    crate::text::quoted(&functions),
                    crate::text::quoted(MACROS)
                ))
            }
        })
    }

    /// Refuses a call that no overload of the function takes.
    fn arguments(&self, id: u64, function: &Function, call: &CallExpr) -> Result<(), SyntaxError> {
        let name = function.name;
        let (wanted, other) = match call.target {
            Some(_) => (function.member_arguments, "a method"),
            None => (function.arguments, "a function of its own"),
        };
        let what = match wanted {
            Some(wanted) if wanted == call.args.len() => return Ok(()),
            Some(0) => format!("`{name}` takes no argument here"),
            Some(wanted) => format!("`{name}` takes {}", crate::text::count(wanted as u64, "argument")),
            None => format!("`{name}` is not {other}"),
        };
        Err(self.offsets.error_at_name(id, name, what).hint(function.example))
    }
}
