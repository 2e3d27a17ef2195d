//! Conditions on the fields of a document.

use serde_json::Value;

use crate::glob::Glob;
use crate::json::get;
use crate::template::text_of;
use crate::text::printable;

/// Characters of a value that are shown.
const SHOWN: usize = 80;

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
        match (get(body, &self.path), &self.wanted) {
            (Some(Value::String(text)), Value::String(pattern)) => Glob::new(pattern).fits(text),
            (found, wanted) => found == Some(wanted),
        }
    }

    /// Why it does not hold, as a clause; `None` when it does.
    pub fn unmet(&self, body: &Value) -> Option<String> {
        if self.holds(body) {
            return None;
        }
        let shown = |text: &str| printable(text, SHOWN);
        let (path, wanted) = (shown(&self.path), shown(&text_of(&self.wanted)));
        Some(match get(body, &self.path) {
            None => format!("the record has no `{path}`, and `{wanted}` is wanted"),
            Some(found) => format!("`{path}` is `{}`, and `{wanted}` is wanted", shown(&text_of(found))),
        })
    }
}
