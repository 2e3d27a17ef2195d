//! What an evaluation may spend.
//!
//! CEL ends always, but `data.a.all(x, data.b.all(y, x + y != "..."))` over a body of a stranger may take hours, and
//! `data.a + data.a + ...` gigabytes. [`super::instrument`] puts a charge wherever work depends on the size of a value:
//! steps of loops, text that is searched, values that are compared or copied.

use std::cell::Cell;

use cel::common::types::{
    CelBool, CelBytes, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelString, DYN_TYPE, INT_TYPE, Kind, STRING_TYPE,
};
use cel::common::value::{CowVal, Val};
use cel::{Env, ExecutionError};

use crate::glob::Glob;

/// Units of one evaluation; one is a step, a value, or [`TEXT_UNIT`] bytes of text.
const BUDGET: u64 = 1_000_000;

/// Bytes of text that are searched or copied in the time of one step.
const TEXT_UNIT: u64 = 32;

/// Charges a number of units and all of a value, and gives the value back.
pub(super) const CHARGE: &str = "@charge";

/// Charges the text of a value, and gives the value back.
pub(super) const CHARGE_TEXT: &str = "@charge_text";

/// Charges and checks what a list or a map is indexed with.
pub(super) const INDEX: &str = "@index";

/// Whether a text fits a pattern with `*`.
pub(super) const GLOB: &str = "glob";

thread_local! {
    // Functions of CEL are plain function pointers: they have no other place to keep a count in.
    static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Runs an evaluation with a budget of its own.
pub(super) fn limited<T>(evaluate: impl FnOnce() -> T) -> T {
    LEFT.set(Some(BUDGET));
    let result = evaluate();
    LEFT.set(None);
    result
}

/// Whether the evaluation has spent everything.
pub(super) fn is_exhausted() -> bool {
    LEFT.get() == Some(0)
}

/// Spends that many units; false when there are not so many left.
pub(super) fn spend(units: u64) -> bool {
    match LEFT.get() {
        None => true,
        Some(left) => {
            let left = left.saturating_sub(units);
            LEFT.set(Some(left));
            left > 0
        }
    }
}

fn exhausted() -> ExecutionError {
    ExecutionError::function_error(CHARGE, "the budget is spent")
}

fn spend_or_fail(units: u64) -> Result<(), ExecutionError> {
    if spend(units) { Ok(()) } else { Err(exhausted()) }
}

/// Declares the functions that charge, and `glob`.
pub(super) fn declare(env: &mut Env) {
    // An overload that is declared already is an error, and none of these is.
    let declared = [
        env.add_overload(CHARGE, CHARGE, vec![INT_TYPE, DYN_TYPE], charge),
        env.add_overload(CHARGE_TEXT, CHARGE_TEXT, vec![DYN_TYPE], charge_text),
        env.add_overload(INDEX, INDEX, vec![DYN_TYPE], index),
        env.add_overload(GLOB, GLOB, vec![STRING_TYPE, STRING_TYPE], glob),
    ];
    debug_assert!(declared.iter().all(Result::is_ok), "a function is declared twice");
}

type Arguments<'b, 'v> = Vec<CowVal<'b, 'v>>;

fn last<'b, 'v>(mut arguments: Arguments<'b, 'v>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    arguments.pop().ok_or_else(ExecutionError::missing_argument_or_target)
}

fn charge<'b, 'v>(arguments: Arguments<'b, 'v>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let units = arguments.first().and_then(|units| units.downcast_ref::<CelInt>());
    let units = units.and_then(|units| u64::try_from(*units.inner()).ok());
    let value = last(arguments)?;
    spend_or_fail(units.unwrap_or(1))?;
    charge_all(&*value)?;
    Ok(value)
}

/// Charges a value with everything in it.
fn charge_all(value: &dyn Val) -> Result<(), ExecutionError> {
    spend_or_fail(1 + text_units(value))?;
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        list.inner().iter().try_for_each(|item| charge_all(item.as_ref()))
    } else if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        map.inner().iter().try_for_each(|(key, value)| {
            if let CelMapKey::String(key) = key {
                spend_or_fail(1 + units_of(key.inner().len()))?;
            }
            charge_all(value.as_ref())
        })
    } else {
        Ok(())
    }
}

fn charge_text<'b, 'v>(arguments: Arguments<'b, 'v>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = last(arguments)?;
    spend_or_fail(1 + text_units(&*value))?;
    Ok(value)
}

fn index<'b, 'v>(arguments: Arguments<'b, 'v>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = last(arguments)?;
    // CEL copies a whole list into the error of an index such as 0.5.
    if value.get_type().kind() == Kind::Double && value.downcast_ref::<CelDouble>().is_some() {
        return Err(ExecutionError::function_error(
            INDEX,
            "an index is a whole number or a text",
        ));
    }
    spend_or_fail(1 + text_units(&*value))?;
    Ok(value)
}

#[expect(clippy::needless_pass_by_value, reason = "CEL calls functions of this type")]
fn glob<'b, 'v>(arguments: Arguments<'b, 'v>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let text = |at: usize| {
        arguments
            .get(at)
            .and_then(|value| value.downcast_ref::<CelString<'_>>())
    };
    let (Some(name), Some(pattern)) = (text(0), text(1)) else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    // Each piece between two `*` is searched once, from where the last one ended.
    let fits = Glob::new(pattern.inner()).fits(name.inner());
    Ok(CowVal::owned(CelBool::from(fits)))
}

fn text_units(value: &dyn Val) -> u64 {
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        units_of(text.inner().len())
    } else if let Some(bytes) = value.downcast_ref::<CelBytes<'_>>() {
        units_of(bytes.inner().len())
    } else {
        0
    }
}

fn units_of(bytes: usize) -> u64 {
    bytes as u64 / TEXT_UNIT
}
