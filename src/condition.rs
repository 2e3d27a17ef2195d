//! Conditions on the fields of a document.

use serde_json::Value;

use crate::glob::Glob;
use crate::json::get;
use crate::template::text_of;
use crate::text::printable;

/// Characters of a value that are shown.
const SHOWN: usize = 80;

/// Whether all conditions hold for that document; of grouped events one that fulfils all of them is enough.
pub fn all_hold(conditions: &[Condition], body: &Value) -> bool {
    let holds = |number| conditions.iter().all(|one| one.holds_for(body, number));
    let events = conditions.iter().map(|one| one.events_in(body)).max();
    holds(None) || (0..events.unwrap_or_default()).any(|number| holds(Some(number)))
}

/// A value that a document must have at a path.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Dotted; items of lists by their number.
    path: String,
    /// A text, in which `*` stands for anything, a number or a boolean.
    wanted: Value,
}

impl Condition {
    /// Reads one. The error is a clause that follows the table's name.
    pub fn new(path: &str, wanted: &Value) -> Result<Self, String> {
        if !matches!(wanted, Value::String(_) | Value::Number(_) | Value::Bool(_)) {
            return Err(format!(
                "compares `{path}` with something that is not text, a number or a boolean"
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            wanted: wanted.clone(),
        })
    }

    /// Whether it holds for that document.
    pub fn holds(&self, body: &Value) -> bool {
        self.fits(get(body, &self.path))
    }

    /// The same for one of grouped events, by its number.
    fn holds_for(&self, body: &Value, number: Option<usize>) -> bool {
        match (self.group(body), number) {
            (Some((events, path)), Some(number)) => self.fits(events.get(number).and_then(|event| get(event, path))),
            _ => self.holds(body),
        }
    }

    /// How many grouped events the path leads into.
    fn events_in(&self, body: &Value) -> usize {
        self.group(body).map_or(0, |(events, _)| events.len())
    }

    /// Grouped events are a list in the place of the data, or of the whole body; with the path within one of them.
    fn group<'b>(&self, body: &'b Value) -> Option<(&'b Vec<Value>, &str)> {
        let (list, path) = match body {
            Value::Array(events) => (events, self.path.as_str()),
            body => {
                let (name, path) = self.path.split_once('.')?;
                (body.get(name)?.as_array()?, path)
            }
        };
        // A number names one of them already.
        let first = path.split('.').next().unwrap_or_default();
        first.parse::<usize>().is_err().then_some((list, path))
    }

    fn fits(&self, found: Option<&Value>) -> bool {
        match (found, &self.wanted) {
            (Some(Value::String(text)), Value::String(pattern)) => Glob::new(pattern).fits(text),
            // `1.10` is `1.1`; whole numbers may have more digits than a floating point number.
            (Some(Value::Number(found)), Value::Number(wanted)) if found.is_f64() || wanted.is_f64() => {
                found.as_f64() == wanted.as_f64()
            }
            (found, wanted) => found == Some(wanted),
        }
    }

    /// Why it does not hold, as a clause; `None` when it does.
    pub fn unmet(&self, body: &Value) -> Option<String> {
        if self.holds(body) {
            return None;
        }
        let shown = |text: &str| printable(text, SHOWN);
        let (path, wanted) = (shown(&self.path), text_of(&self.wanted));
        Some(match get(body, &self.path) {
            None => format!("the record has no `{path}`, and `{}` is wanted", shown(&wanted)),
            Some(found) => {
                let text = text_of(found);
                // The quotes of a text tell it from a number.
                let (found, wanted) = if text == wanted {
                    (found.to_string(), self.wanted.to_string())
                } else {
                    (text, wanted)
                };
                format!("`{path}` is `{}`, and `{}` is wanted", shown(&found), shown(&wanted))
            }
        })
    }
}
