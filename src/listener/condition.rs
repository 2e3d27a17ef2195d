//! What a document must say.

use serde_json::Value;

use super::Pattern;
use crate::json::get;
use crate::template::text_of;
use crate::text::printable;

/// Characters of a value that are shown.
const SHOWN: usize = 80;

/// What stands at a place of the body.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Dotted; items of lists by their number.
    pub path: String,
    /// What is there.
    pub wanted: ConditionValue,
}

/// A value to compare with.
#[derive(Debug, Clone, PartialEq)]
pub enum ConditionValue {
    /// Text, in which `*` stands for anything.
    Text(Pattern),
    /// A number, `true` or `false`.
    Value(Value),
}

impl Condition {
    /// Reads one. The error is a clause that follows the table's name.
    pub fn new(path: &str, wanted: &Value) -> Result<Self, String> {
        let wanted = match wanted {
            Value::String(text) => ConditionValue::Text(Pattern::new(text)),
            Value::Number(_) | Value::Bool(_) => ConditionValue::Value(wanted.clone()),
            _ => {
                return Err(format!(
                    "compares `{path}` with something that is no text, number or boolean"
                ));
            }
        };
        Ok(Self {
            path: path.to_owned(),
            wanted,
        })
    }

    /// Whether it holds for that document.
    pub fn holds(&self, body: &Value) -> bool {
        match (get(body, &self.path), &self.wanted) {
            (Some(Value::String(text)), ConditionValue::Text(pattern)) => pattern.fits(text),
            (Some(found), ConditionValue::Value(wanted)) => found == wanted,
            _ => false,
        }
    }

    /// Why it does not hold, as a clause; `None` when it does.
    pub fn unmet(&self, body: &Value) -> Option<String> {
        if self.holds(body) {
            return None;
        }
        let wanted = match &self.wanted {
            ConditionValue::Text(pattern) => pattern.to_string(),
            ConditionValue::Value(value) => value.to_string(),
        };
        let path = printable(&self.path, SHOWN);
        let wanted = printable(&wanted, SHOWN);
        Some(match get(body, &self.path) {
            None => format!("the record has no `{path}`, and `{wanted}` is wanted"),
            Some(found) => {
                let found = printable(&text_of(found), SHOWN);
                format!("`{path}` is `{found}`, and `{wanted}` is wanted")
            }
        })
    }
}
