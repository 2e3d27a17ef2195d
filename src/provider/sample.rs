//! Samples: JSON with placeholders in its strings, compiled once and filled in for every message.

use std::collections::HashMap;

use serde_json::Value;

use super::file::{Param, ParamType};
use super::profile::Profile;
use crate::clock::Timestamp;
use crate::json::merge_patch;
use crate::random::Random;
use crate::template::{Document, Placeholder, Scope, Template};

/// What fills the placeholders of one message.
pub(super) struct Filling<'a> {
    pub(super) event: &'a str,
    pub(super) id: &'a str,
    pub(super) time: Timestamp,
    pub(super) mode: &'a str,
    pub(super) params: &'a HashMap<String, Value>,
    pub(super) random: &'a Random,
    /// Labelled identities that were drawn for this message.
    pub(super) labels: HashMap<String, Value>,
}

/// Compiles a sample; the error names the placeholder.
pub(super) fn compile(sample: Value) -> Result<Document, String> {
    Document::compile(sample, &|name| Scope::Message.read(name)).map_err(|error| error.to_string())
}

impl Filling<'_> {
    /// A document of its own, with fresh identities.
    pub(super) fn fill(&mut self, sample: &Document) -> Value {
        sample.value(&mut |placeholder| self.placeholder(placeholder))
    }

    /// A template's value: one placeholder alone keeps its type, anything else is text.
    pub(super) fn value(&mut self, template: &Template) -> Value {
        template.value(&mut |placeholder| self.placeholder(placeholder))
    }

    fn placeholder(&mut self, placeholder: &Placeholder) -> Value {
        match placeholder {
            Placeholder::Event => Value::from(self.event),
            Placeholder::Id => Value::from(self.id),
            Placeholder::Mode => Value::from(self.mode),
            Placeholder::Time(form, shift) => form.value(self.time.shifted_us(*shift)),
            Placeholder::Param(name) => self.params.get(name).cloned().unwrap_or(Value::Null),
            Placeholder::New(kind, None) => kind.value(self.random),
            Placeholder::New(kind, Some(label)) => self
                .labels
                .entry(label.clone())
                .or_insert_with(|| kind.value(self.random))
                .clone(),
            _ => Value::Null,
        }
    }
}

impl Profile {
    /// The sample of an event of the catalogue, `like` resolved and placeholders still in it.
    pub fn sample(&self, event: &str) -> Result<Value, String> {
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
