//! From JSON and other values to those of CEL.

use std::collections::HashMap;

use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt};
use cel::common::value::Val;
use serde_json::{Number, Value};

/// A value of CEL that borrows.
pub(super) type BoxedVal<'a> = Box<dyn Val + 'a>;

/// A JSON value: whole numbers are `int` where they fit, else `uint` where they fit, else `double`.
pub(super) fn of_json(value: &Value) -> BoxedVal<'_> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Number(number) => of_number(number),
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(items) => Box::new(CelList::from(items.iter().map(of_json).collect::<Vec<_>>())),
        Value::Object(fields) => map(fields
            .iter()
            .map(|(name, value)| (name.as_str().into(), of_json(value)))),
    }
}

fn of_number(number: &Number) -> BoxedVal<'static> {
    if let Some(int) = number.as_i64() {
        Box::new(CelInt::from(int))
    } else if let Some(uint) = number.as_u64() {
        Box::new(CelUInt::from(uint))
    } else {
        Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN)))
    }
}

/// A text, or null.
pub(super) fn of_text(text: Option<&str>) -> BoxedVal<'_> {
    match text {
        Some(text) => Box::new(CelString::from(text)),
        None => Box::new(CelNull),
    }
}

/// Names with all of their values, in the order of the values.
pub(super) fn of_lists<'a>(lines: impl Iterator<Item = (CelString<'a>, CelString<'a>)>) -> BoxedVal<'a> {
    let mut lists: HashMap<CelString<'a>, Vec<BoxedVal<'a>>> = HashMap::new();
    for (name, value) in lines {
        lists.entry(name).or_default().push(Box::new(value));
    }
    map(lists
        .into_iter()
        .map(|(name, values)| (name, Box::new(CelList::from(values)) as BoxedVal<'a>)))
}

fn map<'a>(fields: impl Iterator<Item = (CelString<'a>, BoxedVal<'a>)>) -> BoxedVal<'a> {
    let fields = fields.map(|(name, value)| (CelMapKey::String(name), value));
    Box::new(CelMap::from(fields.collect::<HashMap<_, _>>()))
}
