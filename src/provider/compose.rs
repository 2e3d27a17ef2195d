//! From an event's name to a message: sample or given data, the user's changes, the envelope, the bytes.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::near::near_names;
use super::profile::Profile;
use crate::clock::Timestamp;
use crate::id::{Id, IdKind};
use crate::json::{get, get_mut, insert, is_form, leaf_paths};
use crate::message::{Message, Mode};
use crate::random::Random;
use crate::template::{Document, Placeholder, Scope, Template, TemplateError, text_of};
use crate::text::quoted;

/// Room in bytes that most bodies fit in, so that the buffer need not grow.
const USUAL_BODY: usize = 1024;

/// What the user asked for.
#[derive(Debug, Clone, Default)]
pub struct ComposeOptions {
    /// The event's type.
    pub event: String,
    /// Data instead of the sample.
    pub data: Option<Value>,
    /// Whether `${...}` in the data is plain text, because the data comes from an untrusted sender.
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
    /// Test or live.
    pub mode: Mode,
}

impl ComposeOptions {
    /// An event with its sample as data.
    pub fn of(event: impl Into<String>, params: Vec<(String, String)>) -> Self {
        Self {
            event: event.into(),
            params,
            ..Self::default()
        }
    }
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
    /// A path that does not exist.
    #[error("the body has no value at `{path}`")]
    NoSuchPath {
        /// As typed.
        path: String,
        /// Near paths.
        near: Vec<String>,
    },
    /// The profile has no place for metadata.
    #[error("`{0}` has no place for metadata")]
    NoMetadata(String),
    /// A text of the sample, or of given data, is no template.
    #[error("{0}")]
    Template(#[from] TemplateError),
    /// A parameter, a value or the sample of the provider file cannot be used.
    #[error("{0}")]
    Invalid(String),
}

/// Builds messages of one event; made once, used for each message of a bulk run.
#[derive(Debug)]
pub struct Composer<'a> {
    profile: &'a Profile,
    options: ComposeOptions,
    sample: Document,
    params: HashMap<String, Value>,
}

impl<'a> Composer<'a> {
    /// Checks the options against the profile. An event outside the catalogue needs data.
    pub fn new(profile: &'a Profile, mut options: ComposeOptions) -> Result<Self, ComposeError> {
        let known = profile.canonical_event(&options.event).map(str::to_owned);
        let given = options.data.is_some();
        let sample = match (&known, options.data.take()) {
            (_, Some(data)) => data,
            (Some(event), None) => profile.sample(event).map_err(ComposeError::Invalid)?,
            (None, None) => {
                return Err(ComposeError::UnknownEvent {
                    provider: profile.label(),
                    near: near_names(&options.event, profile.events.keys().map(String::as_str)),
                    event: options.event,
                });
            }
        };
        let grouping = known
            .as_ref()
            .and_then(|event| profile.events.get(event))
            .is_none_or(|event| event.grouping);
        if options.group.is_some() && !grouping {
            return Err(ComposeError::NoGrouping(options.event));
        }
        if let Some(event) = known {
            options.event = event;
        }
        if !options.metadata.is_empty() && profile.message.metadata.is_none() {
            return Err(ComposeError::NoMetadata(profile.label()));
        }
        let params = params(profile, &options.params, &sample)?;
        let sample = if given && options.as_it_is {
            Document::Fixed(sample)
        } else {
            let known = |name: &str| Scope::Message.read(name);
            Document::compile(sample, &known)?
        };
        Ok(Self {
            profile,
            options,
            sample,
            params,
        })
    }

    /// The event's type as the catalogue has it.
    pub fn event(&self) -> &str {
        &self.options.event
    }

    /// One message under the ledger's `id`, with fresh identities from `random`.
    pub fn compose(&self, id: Id, now: Timestamp, random: &Random) -> Result<Message, ComposeError> {
        let given = self.options.id.clone();
        let wire_id = given.unwrap_or_else(|| self.profile.fresh_id(now, random));
        let time = self.options.time.unwrap_or(now);
        let mut labels = HashMap::new();
        let value_of = |placeholder: &Placeholder, labels: &mut HashMap<String, Value>| match placeholder {
            Placeholder::Event => Value::from(self.options.event.as_str()),
            Placeholder::Id => Value::from(wire_id.as_str()),
            Placeholder::Mode => Value::from(self.options.mode.name()),
            Placeholder::Time(form, shift) => form.value(time.shifted_us(*shift)),
            Placeholder::Param(name) => self.params.get(name).cloned().unwrap_or(Value::Null),
            Placeholder::New(kind, None) => kind.value(random),
            Placeholder::New(kind, Some(label)) => labels
                .entry(label.clone())
                .or_insert_with(|| kind.value(random))
                .clone(),
            _ => Value::Null,
        };
        // A label repeats an identity within one event and its envelope, not in the next event of a group.
        let mut one = || {
            labels.clear();
            self.sample.value(&mut |placeholder| value_of(placeholder, &mut labels))
        };
        let data = match self.options.group {
            None => one(),
            Some(count) => (0..count).map(|_| one()).collect(),
        };
        let mut document = envelope(self.profile, data, |template| {
            template.value(&mut |placeholder| value_of(placeholder, &mut labels))
        });
        self.change(&mut document)?;
        let body = self.bytes(&document)?;
        Ok(Message {
            id,
            event: self.options.event.clone(),
            time,
            mode: self.options.mode,
            content_type: self.profile.delivery.content_type.clone(),
            body: body.into(),
            wire_id,
        })
    }

    fn bytes(&self, document: &Value) -> Result<Vec<u8>, ComposeError> {
        if let Value::Object(fields) = document
            && is_form(&self.profile.delivery.content_type)
        {
            let mut form = url::form_urlencoded::Serializer::new(String::with_capacity(USUAL_BODY));
            // A form cannot express null.
            for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                form.append_pair(name, &text_of(value));
            }
            return Ok(form.finish().into_bytes());
        }
        let mut body = Vec::with_capacity(USUAL_BODY);
        serde_json::to_writer(&mut body, document).map_err(|error| ComposeError::Invalid(error.to_string()))?;
        Ok(body)
    }

    fn change(&self, document: &mut Value) -> Result<(), ComposeError> {
        if let Some(place) = &self.profile.message.metadata {
            for (key, value) in &self.options.metadata {
                let path = format!("{place}.{key}");
                if !insert(document, &path, Value::from(value.as_str())) {
                    return Err(not_in_object(&path));
                }
            }
        }
        self.options.edits.iter().try_for_each(|edit| edit.apply(document))
    }
}

impl Edit {
    /// Changes the document.
    pub fn apply(&self, document: &mut Value) -> Result<(), ComposeError> {
        let old = get(document, &self.path);
        if old.is_none() && !self.create {
            let paths = leaf_paths(document);
            return Err(ComposeError::NoSuchPath {
                path: self.path.clone(),
                near: near_names(&self.path, paths.iter().map(String::as_str)),
            });
        }
        let value = self.read(old.unwrap_or(&Value::Null))?;
        if let Some(place) = get_mut(document, &self.path) {
            *place = value;
        } else if !insert(document, &self.path, value) {
            return Err(not_in_object(&self.path));
        }
        Ok(())
    }

    fn read(&self, old: &Value) -> Result<Value, ComposeError> {
        let json = || serde_json::from_str::<Value>(&self.text);
        match self.reading {
            EditFormat::Text => Ok(Value::from(self.text.as_str())),
            EditFormat::Json => json().map_err(|error| {
                ComposeError::Invalid(format!("`{}`: `{}` is not JSON: {error}", self.path, self.text))
            }),
            EditFormat::Fitting if old.is_string() => Ok(Value::from(self.text.as_str())),
            EditFormat::Fitting => Ok(json().unwrap_or_else(|_| Value::from(self.text.as_str()))),
        }
    }
}

fn not_in_object(path: &str) -> ComposeError {
    ComposeError::Invalid(format!("`{path}`: the value around it is not an object"))
}

impl Profile {
    /// A fresh id in the provider's form, else in the ledger's.
    pub fn fresh_id(&self, now: Timestamp, random: &Random) -> String {
        match &self.message.id {
            Some(form) => form.fresh(random),
            None => Id::new(IdKind::Message, now, random).to_string(),
        }
    }

    /// Reads a parameter as its type.
    pub fn param_value(&self, name: &str, text: &str) -> Result<Value, ComposeError> {
        let invalid = |what: String| ComposeError::Invalid(format!("parameter `{name}`: {what}"));
        let Some(param) = self.params.get(name) else {
            let names = Some(quoted(self.params.keys())).filter(|names| !names.is_empty());
            let names = names.unwrap_or_else(|| "none".to_owned());
            return Err(invalid(format!("`{}` has {names}", self.label())));
        };
        param.value(text).map_err(invalid)
    }

    /// The content type of a body of the user's: JSON is sent as JSON, also where the provider's own bodies are forms.
    pub fn type_of(&self, body: &[u8]) -> &str {
        let is_json = || matches!(serde_json::from_slice(body), Ok(Value::Object(_) | Value::Array(_)));
        if is_form(&self.delivery.content_type) && is_json() {
            "application/json"
        } else {
            &self.delivery.content_type
        }
    }
}

/// Puts data into the envelope.
fn envelope(profile: &Profile, data: Value, mut value: impl FnMut(&Template) -> Value) -> Value {
    let mut fields = Map::new();
    let mut data = Some(data);
    for (name, template) in &profile.envelope.json {
        let is_data = template.single() == Some(&Placeholder::Data);
        match (name.as_str(), is_data) {
            ("...", _) => match data.take() {
                Some(Value::Object(spread)) => fields.extend(spread),
                // Only an object can be spread: an envelope of nothing but the data is that data.
                Some(other) if profile.envelope.json.len() == 1 => return other,
                Some(other) => {
                    fields.insert("data".into(), other);
                }
                None => {}
            },
            (_, true) => {
                fields.insert(name.clone(), data.take().unwrap_or(Value::Null));
            }
            (_, false) => {
                fields.insert(name.clone(), value(template));
            }
        }
    }
    Value::Object(fields)
}

fn params(
    profile: &Profile,
    given: &[(String, String)],
    sample: &Value,
) -> Result<HashMap<String, Value>, ComposeError> {
    let mut values = HashMap::new();
    for (name, text) in profile.effective_params(given) {
        let value = profile.param_value(&name, &text)?;
        values.insert(name, value);
    }
    let used = |name: &str| {
        let placeholder = Placeholder::Param(name.to_owned());
        let mut fields = profile.envelope.json.values();
        fields.any(|template| template.placeholders().any(|p| *p == placeholder))
            || sample.to_string().contains(&format!("${{param.{name}}}"))
    };
    let mut params = profile.params.iter();
    match params.find(|(name, _)| !values.contains_key(*name) && used(name)) {
        Some((name, param)) => Err(ComposeError::MissingParam {
            name: name.clone(),
            summary: param.summary.clone(),
        }),
        None => Ok(values),
    }
}
