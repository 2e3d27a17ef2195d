//! Samples: JSON with placeholders in its strings, compiled once and filled in for every message.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::profile::{Param, ParamType, Profile};
use crate::clock::Timestamp;
use crate::json::merge_patch;
use crate::random::Random;
use crate::template::{Part, Placeholder, Scope, Template, text_of};

/// A JSON document whose strings may be templates.
#[derive(Debug, Clone)]
pub(super) enum Sample {
    Const(Value),
    Template(Template),
    List(Vec<Sample>),
    Object(Vec<(String, Sample)>),
}

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

impl Sample {
    /// Compiles a document; the error names the placeholder.
    pub(super) fn compile(document: Value) -> Result<Self, String> {
        Ok(match document {
            Value::String(text) if text.contains("${") => {
                Self::Template(Template::parse(&text, Scope::Message).map_err(|error| error.to_string())?)
            }
            Value::Array(items) => Self::List(items.into_iter().map(Self::compile).collect::<Result<_, _>>()?),
            Value::Object(fields) => Self::Object(
                fields
                    .into_iter()
                    .map(|(key, value)| Ok((key, Self::compile(value)?)))
                    .collect::<Result<_, String>>()?,
            ),
            other => Self::Const(other),
        })
    }

    /// A document of its own, with fresh identities.
    pub(super) fn fill(&self, filling: &mut Filling<'_>) -> Value {
        match self {
            Self::Const(value) => value.clone(),
            Self::Template(template) => filling.value(template),
            Self::List(items) => Value::Array(items.iter().map(|item| item.fill(filling)).collect()),
            Self::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(key, value)| (key.clone(), value.fill(filling)))
                    .collect::<Map<_, _>>(),
            ),
        }
    }
}

impl Filling<'_> {
    /// A template's value: one placeholder alone keeps its type, anything else is text.
    pub(super) fn value(&mut self, template: &Template) -> Value {
        if let Some(placeholder) = template.single() {
            return self.placeholder(placeholder);
        }
        let mut text = String::new();
        for part in template.parts() {
            match part {
                Part::Text(fixed) => text.push_str(fixed),
                Part::Placeholder(placeholder) => text.push_str(&text_of(&self.placeholder(placeholder))),
            }
        }
        Value::String(text)
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
        let entry = self
            .events
            .get(event)
            .ok_or_else(|| format!("there is no event `{event}`"))?;
        let own = match &entry.sample {
            Some(text) => Some(
                serde_json::from_str(text).map_err(|error| format!("the sample of `{event}` is not JSON: {error}"))?,
            ),
            None => None,
        };
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
        let wrong = |wanted: &str| format!("`{text}` is not {wanted}");
        match self.kind {
            ParamType::String => Ok(Value::from(text)),
            ParamType::Integer => text
                .parse::<i64>()
                .map(Value::from)
                .map_err(|_| wrong("a whole number")),
            ParamType::Number => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Value::from(number)),
                _ => Err(wrong("a number")),
            },
            ParamType::Boolean => text
                .parse::<bool>()
                .map(Value::from)
                .map_err(|_| wrong("`true` or `false`")),
        }
    }
}
