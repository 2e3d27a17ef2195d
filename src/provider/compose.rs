//! From an event's name to a message: sample or given data, the user's changes, the envelope, the bytes.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::near::near_names;
use super::profile::Profile;
use super::sample::{self, Filling};
use crate::clock::Timestamp;
use crate::id::{Id, IdKind};
use crate::json::{get, get_mut, insert, is_form, leaf_paths};
use crate::message::{Message, Mode};
use crate::random::Random;
use crate::template::{Document, Placeholder, text_of};

/// Room in bytes that most bodies fit in, so that the buffer need not grow.
const USUAL_BODY: usize = 1024;

/// What the user wants in the message.
#[derive(Debug, Clone, Default)]
pub struct ComposeOptions {
    /// The event's type.
    pub event: String,
    /// Data instead of the sample.
    pub data: Option<Value>,
    /// Whether the data comes from a stranger, whose `${...}` are text like any other.
    pub as_it_is: bool,
    /// Changes by path, in order.
    pub edits: Vec<Edit>,
    /// `key=value` for the profile's metadata place.
    pub metadata: Vec<(String, String)>,
    /// Parameters by name.
    pub params: Vec<(String, String)>,
    /// Many events in one message: `data` is an array of that many.
    pub group: Option<usize>,
    /// The id on the wire.
    pub id: Option<String>,
    /// When the event happened.
    pub time: Option<Timestamp>,
    /// Rehearsal or the real thing.
    pub mode: Mode,
}

/// A change of one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Edit {
    /// Dotted path in the body.
    pub path: String,
    /// As typed.
    pub text: String,
    /// How the text is read.
    pub reading: EditFormat,
    /// Whether the path may be new.
    pub create: bool,
}

/// How the text of an [`Edit`] is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EditFormat {
    /// As the type of the value it replaces when it can be, else as JSON, else as text.
    #[default]
    Fitting,
    /// As JSON.
    Json,
    /// As text.
    Text,
}

/// Why no message can be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// Not in the catalogue.
    #[error("`{provider}` has no event `{event}`")]
    UnknownEvent {
        /// The profile.
        provider: String,
        /// The name typed.
        event: String,
        /// Near names of the catalogue.
        near: Vec<String>,
    },
    /// The event cannot be grouped.
    #[error("`{0}` does not support grouping")]
    NoGrouping(String),
    /// A parameter without a default was not given.
    #[error("parameter `{name}` is required: {summary}")]
    MissingParam {
        /// The parameter.
        name: String,
        /// What it is.
        summary: String,
    },
    /// A parameter is unknown or of another type.
    #[error("parameter `{name}`: {what}")]
    BadParam {
        /// The parameter.
        name: String,
        /// The fact.
        what: String,
    },
    /// A path that does not exist.
    #[error("the body has no value at `{path}`")]
    NoSuchPath {
        /// As typed.
        path: String,
        /// Near paths.
        near: Vec<String>,
    },
    /// A value that cannot be read or placed.
    #[error("`{path}`: {what}")]
    BadValue {
        /// As typed.
        path: String,
        /// The fact.
        what: String,
    },
    /// The profile has no place for metadata.
    #[error("`{0}` says nowhere where metadata goes")]
    NoMetadata(String),
    /// The sample cannot be used: a fault of the provider file.
    #[error("{0}")]
    Sample(String),
}

/// Builds messages of one event; made once, used for each message of a bulk run.
#[derive(Debug)]
pub struct Composer<'a> {
    profile: &'a Profile,
    wishes: ComposeOptions,
    sample: Document,
    params: HashMap<String, Value>,
}

impl<'a> Composer<'a> {
    /// Checks the wishes against the profile. An event outside the catalogue needs data.
    pub fn new(profile: &'a Profile, mut wishes: ComposeOptions) -> Result<Self, ComposeError> {
        let known = profile.canonical_event(&wishes.event).map(str::to_owned);
        let given = wishes.data.is_some();
        let sample = match (&known, wishes.data.take()) {
            (_, Some(data)) => data,
            (Some(event), None) => profile.sample(event).map_err(ComposeError::Sample)?,
            (None, None) => {
                return Err(ComposeError::UnknownEvent {
                    provider: profile.label(),
                    near: near_names(&wishes.event, profile.events.keys().map(String::as_str)),
                    event: wishes.event,
                });
            }
        };
        let grouping = known
            .as_ref()
            .and_then(|event| profile.events.get(event))
            .is_none_or(|event| event.grouping);
        if wishes.group.is_some() && !grouping {
            return Err(ComposeError::NoGrouping(wishes.event));
        }
        if let Some(event) = known {
            wishes.event = event;
        }
        if !wishes.metadata.is_empty() && profile.metadata.is_none() {
            return Err(ComposeError::NoMetadata(profile.label()));
        }
        let params = params(profile, &wishes.params, &sample)?;
        let sample = if given && wishes.as_it_is {
            Document::Fixed(sample)
        } else {
            sample::compile(sample).map_err(ComposeError::Sample)?
        };
        Ok(Self {
            profile,
            wishes,
            sample,
            params,
        })
    }

    /// The event's type as the catalogue has it.
    pub fn event(&self) -> &str {
        &self.wishes.event
    }

    /// One message under the ledger's `id`, with identities of its own drawn from `random`.
    pub fn compose(&self, id: Id, now: Timestamp, random: &Random) -> Result<Message, ComposeError> {
        let wire_id = self
            .wishes
            .id
            .clone()
            .unwrap_or_else(|| self.profile.fresh_id(now, random));
        let time = self.wishes.time.unwrap_or(now);
        let mut filling = Filling {
            event: &self.wishes.event,
            id: &wire_id,
            time,
            mode: self.wishes.mode.name(),
            params: &self.params,
            random,
            labels: HashMap::new(),
        };
        let data = match self.wishes.group {
            None => filling.fill(&self.sample),
            Some(count) => Value::Array(
                (0..count)
                    .map(|_| {
                        filling.labels.clear();
                        filling.fill(&self.sample)
                    })
                    .collect(),
            ),
        };
        let mut document = envelope(self.profile, data, &mut filling);
        self.change(&mut document)?;
        let body = self.bytes(&document)?;
        Ok(Message {
            id,
            event: self.wishes.event.clone(),
            time,
            mode: self.wishes.mode,
            content_type: self.profile.content_type.clone(),
            body: body.into(),
            wire_id,
        })
    }

    fn bytes(&self, document: &Value) -> Result<Vec<u8>, ComposeError> {
        if let Value::Object(fields) = document
            && is_form(&self.profile.content_type)
        {
            let mut form = url::form_urlencoded::Serializer::new(String::with_capacity(USUAL_BODY));
            for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                form.append_pair(name, &text_of(value));
            }
            return Ok(form.finish().into_bytes());
        }
        let mut body = Vec::with_capacity(USUAL_BODY);
        serde_json::to_writer(&mut body, document).map_err(|error| ComposeError::Sample(error.to_string()))?;
        Ok(body)
    }

    fn change(&self, document: &mut Value) -> Result<(), ComposeError> {
        if let Some(place) = &self.profile.metadata {
            for (key, value) in &self.wishes.metadata {
                let path = format!("{place}.{key}");
                if !insert(document, &path, Value::from(value.as_str())) {
                    return Err(ComposeError::BadValue {
                        path,
                        what: "the value around it is no object".into(),
                    });
                }
            }
        }
        self.wishes.edits.iter().try_for_each(|edit| edit.apply(document))
    }
}

impl Edit {
    /// Changes the document.
    pub fn apply(&self, document: &mut Value) -> Result<(), ComposeError> {
        let bad = |what: &str| ComposeError::BadValue {
            path: self.path.clone(),
            what: what.to_owned(),
        };
        let Some(old) = get(document, &self.path) else {
            if !self.create {
                let paths = leaf_paths(document);
                let near = near_names(&self.path, paths.iter().map(String::as_str));
                return Err(ComposeError::NoSuchPath {
                    path: self.path.clone(),
                    near,
                });
            }
            let value = self.read(&Value::Null).map_err(|what| bad(&what))?;
            return if insert(document, &self.path, value) {
                Ok(())
            } else {
                Err(bad("the value around it is no object"))
            };
        };
        let value = self.read(old).map_err(|what| bad(&what))?;
        if let Some(place) = get_mut(document, &self.path) {
            *place = value;
        }
        Ok(())
    }

    fn read(&self, old: &Value) -> Result<Value, String> {
        let json = || serde_json::from_str::<Value>(&self.text);
        match self.reading {
            EditFormat::Text => Ok(Value::from(self.text.as_str())),
            EditFormat::Json => json().map_err(|error| format!("`{}` is not JSON: {error}", self.text)),
            EditFormat::Fitting if old.is_string() => Ok(Value::from(self.text.as_str())),
            EditFormat::Fitting => Ok(json().unwrap_or_else(|_| Value::from(self.text.as_str()))),
        }
    }
}

impl Profile {
    /// A fresh id in the provider's form, else in the ledger's.
    pub fn fresh_id(&self, now: Timestamp, random: &Random) -> String {
        match &self.id {
            Some(form) => form.fresh(random),
            None => Id::new(IdKind::Message, now, random).to_string(),
        }
    }

    /// The content type of a body of the user's: JSON is sent as JSON, also where the provider's own bodies are forms.
    pub fn type_of(&self, body: &[u8]) -> &str {
        let is_json = || matches!(serde_json::from_slice(body), Ok(Value::Object(_) | Value::Array(_)));
        if is_form(&self.content_type) && is_json() {
            "application/json"
        } else {
            &self.content_type
        }
    }
}

/// Puts data into the envelope.
fn envelope(profile: &Profile, data: Value, filling: &mut Filling<'_>) -> Value {
    let mut fields = Map::new();
    let mut data = Some(data);
    for (name, template) in &profile.envelope {
        let is_data = template.single() == Some(&Placeholder::Data);
        match (name.as_str(), is_data) {
            ("...", _) => match data.take() {
                Some(Value::Object(spread)) => fields.extend(spread),
                // Only an object can be spread: an envelope of nothing but the data is that data.
                Some(other) if profile.envelope.len() == 1 => return other,
                Some(other) => {
                    fields.insert("data".into(), other);
                }
                None => {}
            },
            (_, true) => {
                fields.insert(name.clone(), data.take().unwrap_or(Value::Null));
            }
            (_, false) => {
                fields.insert(name.clone(), filling.value(template));
            }
        }
    }
    Value::Object(fields)
}

/// The value of a parameter of the provider's envelope, in the parameter's type.
pub fn param_value(profile: &Profile, name: &str, text: &str) -> Result<Value, ComposeError> {
    let value = match profile.params.get(name) {
        Some(param) => param.value(text),
        None => {
            let names: Vec<_> = profile.params.keys().map(|name| format!("`{name}`")).collect();
            let known = if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            };
            Err(format!("`{}` has {known}", profile.label()))
        }
    };
    value.map_err(|what| ComposeError::BadParam {
        name: name.to_owned(),
        what,
    })
}

fn params(
    profile: &Profile,
    given: &[(String, String)],
    sample: &Value,
) -> Result<HashMap<String, Value>, ComposeError> {
    let mut values = HashMap::new();
    for (name, text) in given {
        values.insert(name.clone(), param_value(profile, name, text)?);
    }
    let used = |name: &str| {
        let placeholder = Placeholder::Param(name.to_owned());
        profile
            .envelope
            .iter()
            .any(|(_, template)| template.placeholders().any(|p| *p == placeholder))
            || sample.to_string().contains(&format!("${{param.{name}}}"))
    };
    for (name, param) in &profile.params {
        if values.contains_key(name) {
            continue;
        }
        match &param.default {
            Some(default) => {
                values.insert(name.clone(), param.value(default).unwrap_or(Value::Null));
            }
            None if used(name) => {
                return Err(ComposeError::MissingParam {
                    name: name.clone(),
                    summary: param.summary.clone(),
                });
            }
            None => {}
        }
    }
    Ok(values)
}
