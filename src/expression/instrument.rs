//! Puts charges into a syntax tree, wherever work depends on the size of a value: see [`super::budget`].

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};

use super::budget::{CHARGE, CHARGE_TEXT, INDEX};

/// The levels of a tree.
pub(super) fn levels(node: &IdedExpr) -> usize {
    1 + parts(node).into_iter().map(levels).max().unwrap_or_default()
}

/// The nodes of a tree.
fn nodes(node: &IdedExpr) -> i64 {
    1 + parts(node).into_iter().map(nodes).sum::<i64>()
}

fn parts(node: &IdedExpr) -> Vec<&IdedExpr> {
    match &node.expr {
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Comprehension(of) => vec![&of.iter_range, &of.accu_init, &of.loop_cond, &of.loop_step, &of.result],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map.entries.iter().flat_map(|entry| entry_parts(&entry.expr)).collect(),
        Expr::Struct(of) => of.entries.iter().flat_map(|entry| entry_parts(&entry.expr)).collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => Vec::new(),
    }
}

fn entry_parts(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}

/// The same tree with charges.
pub(super) fn instrument(node: IdedExpr) -> IdedExpr {
    let IdedExpr { id, expr } = node;
    let expr = match expr {
        Expr::Call(call) => Expr::Call(instrument_call(call)),
        Expr::Comprehension(of) => Expr::Comprehension(Box::new(instrument_loop(*of))),
        Expr::List(mut list) => {
            // A list holds copies.
            list.elements = list.elements.into_iter().map(instrument).map(charged).collect();
            Expr::List(list)
        }
        Expr::Map(mut map) => {
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    entry.key = charged(instrument(std::mem::take(&mut entry.key)));
                    entry.value = charged(instrument(std::mem::take(&mut entry.value)));
                }
            }
            Expr::Map(map)
        }
        Expr::Select(mut select) => {
            select.operand = Box::new(instrument(*select.operand));
            Expr::Select(select)
        }
        other => other,
    };
    IdedExpr { id, expr }
}

fn instrument_call(mut call: CallExpr) -> CallExpr {
    call.target = call.target.map(|target| Box::new(instrument(*target)));
    call.args = call.args.into_iter().map(instrument).collect();
    let charge: fn(IdedExpr) -> IdedExpr = match call.func_name.as_str() {
        operators::INDEX => {
            if let Some(index) = call.args.pop() {
                call.args.push(wrapped(index, |index| (INDEX, vec![index])));
            }
            return call;
        }
        // To compare with a literal takes no longer than the literal is.
        operators::EQUALS
        | operators::NOT_EQUALS
        | operators::LESS
        | operators::LESS_EQUALS
        | operators::GREATER
        | operators::GREATER_EQUALS
        | "startsWith"
        | "endsWith"
            if call.args.iter().any(is_literal) =>
        {
            return call;
        }
        operators::EQUALS | operators::NOT_EQUALS | operators::ADD | operators::IN => charged,
        // The key of a map is found at once, the item of a list is not: only the value says which of them it is.
        operators::LOGICAL_AND
        | operators::LOGICAL_OR
        | operators::LOGICAL_NOT
        | operators::CONDITIONAL
        | operators::NOT_STRICTLY_FALSE
        | "type"
        | "dyn" => return call,
        _ => text_charged,
    };
    call.target = call.target.map(|target| Box::new(charge(*target)));
    call.args = call.args.into_iter().map(charge).collect();
    call
}

fn instrument_loop(mut of: ComprehensionExpr) -> ComprehensionExpr {
    let units = nodes(&of.loop_cond) + nodes(&of.loop_step);
    let is_append = matches!(&of.accu_init.expr, Expr::List(list) if list.elements.is_empty());
    // Each item is copied for the variable of the loop.
    of.iter_range = charged(instrument(of.iter_range));
    if is_append {
        // The evaluation only appends to a list in place when the step looks like this, so that nothing around it may change.
        of.loop_step = instrument_append(of.loop_step, units);
    } else {
        of.loop_step = instrument(of.loop_step);
        let condition = instrument(of.loop_cond);
        let id = condition.id;
        let step = called(id, CHARGE, vec![literal(id, units), boolean(id)]);
        of.loop_cond = called(id, operators::LOGICAL_AND, vec![step, condition]);
    }
    of.result = instrument(of.result);
    of
}

/// `@result + [x]`, or `guard ? @result + [x] : @result`.
fn instrument_append(step: IdedExpr, units: i64) -> IdedExpr {
    let IdedExpr { id, expr } = step;
    let expr = match expr {
        Expr::Call(mut call) if call.func_name == operators::CONDITIONAL && call.args.len() == 3 => {
            let guard = instrument(std::mem::take(&mut call.args[0]));
            let id = guard.id;
            call.args[0] = called(id, CHARGE, vec![literal(id, units), guard]);
            call.args[1] = instrument_append(std::mem::take(&mut call.args[1]), 1);
            Expr::Call(call)
        }
        Expr::Call(mut call) if call.func_name == operators::ADD && call.args.len() == 2 => {
            let items = std::mem::take(&mut call.args[1]);
            call.args[1] = match items.expr {
                Expr::List(mut list) => {
                    let charge = |item: IdedExpr| {
                        let item = instrument(item);
                        let id = item.id;
                        called(id, CHARGE, vec![literal(id, units), item])
                    };
                    list.elements = list.elements.into_iter().map(charge).collect();
                    IdedExpr {
                        id: items.id,
                        expr: Expr::List(list),
                    }
                }
                other => instrument(IdedExpr {
                    id: items.id,
                    expr: other,
                }),
            };
            Expr::Call(call)
        }
        other => return instrument(IdedExpr { id, expr: other }),
    };
    IdedExpr { id, expr }
}

/// With all of its value charged. Literals are as long as the source.
fn charged(node: IdedExpr) -> IdedExpr {
    let id = node.id;
    wrapped(node, |node| (CHARGE, vec![literal(id, 1), node]))
}

fn text_charged(node: IdedExpr) -> IdedExpr {
    wrapped(node, |node| (CHARGE_TEXT, vec![node]))
}

fn wrapped(node: IdedExpr, wrap: impl FnOnce(IdedExpr) -> (&'static str, Vec<IdedExpr>)) -> IdedExpr {
    if is_literal(&node) {
        return node;
    }
    let id = node.id;
    let (name, arguments) = wrap(node);
    called(id, name, arguments)
}

fn is_literal(node: &IdedExpr) -> bool {
    matches!(node.expr, Expr::Literal(_))
}

fn called(id: u64, name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    let call = CallExpr {
        func_name: name.to_owned(),
        target: None,
        args,
    };
    IdedExpr {
        id,
        expr: Expr::Call(call),
    }
}

fn literal(id: u64, number: i64) -> IdedExpr {
    IdedExpr {
        id,
        expr: Expr::Literal(LiteralValue::Int(number.into())),
    }
}

fn boolean(id: u64) -> IdedExpr {
    IdedExpr {
        id,
        expr: Expr::Literal(LiteralValue::Boolean(true.into())),
    }
}
