//! Samples of events and values of parameters.

use serde_json::Value;

use super::file::{Param, ParamType};
use super::profile::Profile;
use crate::json::merge_patch;

impl Profile {
    /// The sample of an event of the catalogue, `like` resolved and placeholders still in it.
    pub fn sample(&self, event: &str) -> Result<Value, String> {
        // Deeper than any real chain of `like`, so that a circle ends.
        self.sample_within(event, 8)
    }

    fn sample_within(&self, event: &str, depth: usize) -> Result<Value, String> {
        let entry = self.events.get(event);
        let entry = entry.ok_or_else(|| format!("event `{event}` not found"))?;
        let own = entry.sample.as_deref().map(serde_json::from_str).transpose();
        let own = own.map_err(|error| format!("the sample of `{event}` is not JSON: {error}"))?;
        match (&entry.like, own) {
            (Some(like), own) if depth > 0 => {
                let mut sample = self.sample_within(like, depth - 1)?;
                if let Some(own) = own {
                    merge_patch(&mut sample, &own);
                }
                Ok(sample)
            }
            (Some(_), _) => Err(format!("`like` of `{event}` goes round in a circle")),
            (None, own) => Ok(own.unwrap_or(Value::Null)),
        }
    }
}

impl Param {
    /// Reads a parameter's text as its type.
    pub fn value(&self, text: &str) -> Result<Value, String> {
        let (value, expected) = match self.kind {
            ParamType::String => return Ok(Value::from(text)),
            ParamType::Integer => (text.parse::<i64>().ok().map(Value::from), "a whole number"),
            ParamType::Number => {
                let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
                (number.map(Value::from), "a number")
            }
            ParamType::Boolean => (text.parse::<bool>().ok().map(Value::from), "`true` or `false`"),
        };
        value.ok_or_else(|| format!("`{text}` is not {expected}"))
    }
}
