//! The walk through a sample and the bodies beside it.

use indexmap::IndexSet;
use serde_json::Value;

use super::{Difference, EACH};
use crate::clock::Timestamp;
use crate::id::is_uuid;
use crate::json::below;

/// What was found so far, each difference once.
#[derive(Debug)]
pub(super) struct SampleComparison<'m> {
    listed: &'m [(String, Vec<String>)],
    faults: IndexSet<Difference>,
    added: IndexSet<Difference>,
}

impl<'m> SampleComparison<'m> {
    /// Texts that the documents list, by their path.
    pub(super) fn new(listed: &'m [(String, Vec<String>)]) -> Self {
        Self {
            listed,
            faults: IndexSet::new(),
            added: IndexSet::new(),
        }
    }

    /// Every difference once: the sample's fields in its order, then what was added.
    pub(super) fn of(mut self, sample: &Value, bodies: &[&Value]) -> Vec<Difference> {
        self.walk("", sample, bodies);
        self.faults.into_iter().chain(self.added).collect()
    }

    /// Compares all values at one path with the sample there: all items of an array at once, so that each difference comes
    /// once and in the sample's order.
    fn walk(&mut self, path: &str, wanted: &Value, found: &[&Value]) {
        if wanted.is_null() {
            return;
        }
        let mut fitting = Vec::with_capacity(found.len());
        for value in found.iter().filter(|value| !value.is_null()) {
            if fits(wanted, value) {
                fitting.push(*value);
                if let Some(format) = format_of(wanted).filter(|format| format_of(value) != Some(format)) {
                    self.faults.insert(Difference::retyped(path, format, "another text"));
                }
            } else {
                let difference = Difference::retyped(path, wanted_type(wanted), found_type(value));
                self.faults.insert(difference);
            }
        }
        self.values(path, &fitting);
        match wanted {
            Value::Object(fields) if !fields.is_empty() => self.fields(path, fields, &fitting),
            Value::Array(items) => {
                let all = fitting.iter().filter_map(|v| v.as_array()).flatten();
                // A list may mix several kinds of items: each is compared with the one in the sample that is most like it.
                let mut alike: Vec<Vec<&Value>> = vec![Vec::new(); items.len()];
                for value in all {
                    if let Some(like) = most_alike(items, value).and_then(|index| alike.get_mut(index)) {
                        like.push(value);
                    }
                }
                for (item, values) in items.iter().zip(&alike) {
                    self.walk(&below(path, EACH), item, values);
                }
            }
            _ => {}
        }
    }

    fn values(&mut self, path: &str, found: &[&Value]) {
        let Some((_, listed)) = self.listed.iter().find(|(place, _)| place == path) else {
            return;
        };
        let mut texts = found.iter().filter_map(|value| value.as_str());
        if texts.any(|text| !listed.iter().any(|known| known == text)) {
            self.added.insert(Difference::unlisted(path));
        }
    }

    fn fields(&mut self, path: &str, fields: &serde_json::Map<String, Value>, found: &[&Value]) {
        for (name, wanted) in fields {
            let path = below(path, name);
            let values: Vec<&Value> = found.iter().filter_map(|value| value.get(name)).collect();
            // What is null in the sample may as well be absent.
            if values.len() < found.len() && !wanted.is_null() {
                self.faults.insert(Difference::missing(&path, wanted_type(wanted)));
            }
            self.walk(&path, wanted, &values);
        }
        for (name, value) in found.iter().filter_map(|value| value.as_object()).flatten() {
            if !fields.contains_key(name) {
                self.added
                    .insert(Difference::added(&below(path, name), found_type(value)));
            }
        }
    }
}

/// The number of the item that a value is most like: of those of its type the first with the most of its fields, texts
/// that name a kind before all others.
fn most_alike(items: &[Value], value: &Value) -> Option<usize> {
    let likeness = |item: &Value| match (item, value) {
        (Value::Object(wanted), Value::Object(found)) => {
            let same_kind = ["type", "object", "kind"]
                .iter()
                .any(|name| found.get(*name).is_some_and(|kind| wanted.get(*name) == Some(kind)));
            let missing = wanted.keys().filter(|name| !found.contains_key(*name)).count();
            (same_kind, true, usize::MAX - missing)
        }
        (wanted, found) => (false, fits(wanted, found), 0),
    };
    // The last of equal ones would be taken: the order is reversed, so that it is the first.
    let best = items.iter().enumerate().rev().max_by_key(|(_, item)| likeness(item));
    best.map(|(index, _)| index)
}

/// Whether a value is of the sample's type. Where the sample has any number, an integer is one too.
fn fits(wanted: &Value, found: &Value) -> bool {
    match (wanted_type(wanted), found_type(found)) {
        ("number", "integer") => true,
        (wanted, found) => wanted == found,
    }
}

/// The format of a text that programs parse: a uuid, or a moment as RFC 3339 writes it.
fn format_of(value: &Value) -> Option<&'static str> {
    let text = value.as_str()?;
    if is_uuid(text) {
        return Some("uuid");
    }
    // Without the `T`, Unix seconds would be a moment too.
    let is_moment = text.contains('T') && Timestamp::parse(text).is_some();
    is_moment.then_some("time")
}

/// JSON's types, with whole numbers apart. A sample that writes `12.0` means any number.
pub(super) fn wanted_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// As [`wanted_type`], but `12.0` in a body is a whole number: some writers always put a fraction.
fn found_type(value: &Value) -> &'static str {
    match value.as_f64() {
        Some(float) if float.fract() == 0.0 => "integer",
        _ => wanted_type(value),
    }
}
