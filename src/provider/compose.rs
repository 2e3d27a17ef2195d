//! From an event's name to a message: sample or given data, the user's changes, the envelope, the bytes.

mod edit;
mod envelope;

use std::collections::HashMap;

use edit::not_in_object;
pub use edit::{Edit, EditFormat};
use envelope::envelope;
use serde_json::Value;

use super::file::{EnvelopeField, ParamType};
use super::near::near_names;
use super::profile::Profile;
use crate::clock::Timestamp;
use crate::form::is_urlencoded;
use crate::id::Id;
use crate::json::without_bom;
use crate::json_text;
use crate::message::{Message, Mode};
use crate::random::Random;
use crate::template::{JsonTemplate, Placeholder, Scope, TemplateError};
use crate::text::quoted;

/// Room in bytes that most bodies fit in, so that the buffer need not grow.
const USUAL_BODY: usize = 1024;

/// What the user asked for.
#[derive(Debug, Clone, Default)]
pub struct ComposeOptions {
    /// The event's type.
    pub event: String,
    /// Data instead of the sample: JSON text, whose numbers stay as they are written.
    pub data: Option<String>,
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

    /// That event with values for all parameters that a user would have to give: where only the types matter.
    pub(super) fn example(profile: &Profile, event: &str) -> Self {
        let made_up = |kind| match kind {
            ParamType::String => "",
            ParamType::Integer | ParamType::Number => "0",
            ParamType::Boolean => "false",
        };
        let required = profile.params.iter().filter(|(_, param)| param.default.is_none());
        Self {
            event: event.to_owned(),
            params: required
                .map(|(name, param)| (name.clone(), made_up(param.kind).to_owned()))
                .collect(),
            ..Self::default()
        }
    }
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
    /// The data is a whole event, which would be put into a second envelope.
    #[error("the data is a whole event: it has `{0}`, which the envelope adds")]
    Enveloped(String),
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
    sample: JsonTemplate,
    params: HashMap<String, Value>,
}

impl<'a> Composer<'a> {
    /// Checks the options against the profile. An event outside the catalogue needs data.
    pub fn new(profile: &'a Profile, mut options: ComposeOptions) -> Result<Self, ComposeError> {
        if options.event.trim().is_empty() {
            return Err(ComposeError::Invalid("the event's name is empty".into()));
        }
        let known = profile.canonical_event(&options.event).map(str::to_owned);
        let given = options.data.is_some();
        if let Some(name) = options.data.as_deref().and_then(|data| profile.enveloped(data)) {
            return Err(ComposeError::Enveloped(name.to_owned()));
        }
        let sample = match (&known, options.data.take()) {
            (_, Some(data)) => data,
            (Some(event), None) => profile.sample(event).map_err(ComposeError::Invalid)?.to_string(),
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
        // Some providers send arrays always.
        let is_usual = |event: &String| profile.sample(event).is_ok_and(|usual| usual.is_array());
        let is_group = given && sample.trim_start().starts_with('[') && !known.as_ref().is_some_and(is_usual);
        if !grouping && (options.group.is_some() || is_group) {
            return Err(ComposeError::NoGrouping(options.event));
        }
        let is_empty = |sample: &str| json_text::items(sample).is_some_and(|items| items.is_empty());
        if options.group == Some(0) || is_group && is_empty(&sample) {
            return Err(ComposeError::Invalid("a group has at least one event".into()));
        }
        if let Some(event) = known {
            options.event = event;
        }
        if !options.metadata.is_empty() && profile.message.metadata.is_none() {
            return Err(ComposeError::NoMetadata(profile.label()));
        }
        let sample = if given && options.as_it_is {
            JsonTemplate::fixed(&sample).map_err(|error| ComposeError::Invalid(error.to_string()))?
        } else {
            JsonTemplate::compile(&sample, |name| Scope::Message.read(name))?
        };
        let params = params(profile, &options.params, &sample)?;
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
        let fresh_id = given.unwrap_or_else(|| self.profile.fresh_id(now, random));
        let time = self.options.time.unwrap_or(now);
        let mut labels = HashMap::new();
        let value_of = |placeholder: &Placeholder, labels: &mut HashMap<String, Value>| match placeholder {
            Placeholder::Event => Value::from(self.options.event.as_str()),
            Placeholder::Id => Value::from(fresh_id.as_str()),
            Placeholder::Mode => Value::from(self.options.mode.name()),
            Placeholder::Live => Value::from(self.options.mode == Mode::Live),
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
            Some(count) => format!("[{}]", (0..count).map(|_| one()).collect::<Vec<_>>().join(",")),
        };
        let body = envelope(self.profile, data, |placeholder| value_of(placeholder, &mut labels));
        let body = self.written(self.changed(body)?).into_bytes();
        let content_type = &self.profile.delivery.content_type;
        Ok(Message {
            id,
            event: self.options.event.clone(),
            time,
            mode: self.options.mode,
            wire_id: self.profile.wire_id(fresh_id, content_type, &body),
            content_type: content_type.clone(),
            body: body.into(),
        })
    }

    /// The body as it is sent.
    fn written(&self, body: String) -> String {
        if !is_urlencoded(&self.profile.delivery.content_type) {
            return body;
        }
        let Some(fields) = json_text::members(&body) else {
            return body;
        };
        let mut form = url::form_urlencoded::Serializer::new(String::with_capacity(USUAL_BODY));
        // A form cannot express null.
        for (name, value) in fields.iter().filter(|(_, value)| *value != "null") {
            form.append_pair(name, &json_text::bare(value));
        }
        form.finish()
    }

    fn changed(&self, mut body: String) -> Result<String, ComposeError> {
        if let Some(place) = &self.profile.message.metadata {
            for (key, value) in &self.options.metadata {
                // The key is a name, not a path: a dot in it leads nowhere.
                let keys: Vec<&str> = place.split('.').chain([key.as_str()]).collect();
                let is_list = json_text::get(&body, place).is_some_and(|around| around.starts_with('['));
                let set = json_text::set_at(&body, &keys, &json_text::quoted(value)).filter(|_| !is_list);
                body = set.ok_or_else(|| not_in_object(&format!("{place}.{key}")))?;
            }
        }
        self.options.edits.iter().try_fold(body, |body, edit| edit.apply(&body))
    }
}

impl Profile {
    /// The name of the event in data that has what the envelope puts around data: the event and the data.
    fn enveloped(&self, data: &str) -> Option<&str> {
        if let Some(items) = json_text::items(data) {
            return items.into_iter().find_map(|item| self.enveloped(item));
        }
        let has = |wanted: Placeholder| {
            let mut fields = self.envelope.json.iter().filter(|(name, _)| *name != "...");
            fields.find_map(|(name, field)| {
                // Most data has no such name, which costs less to find out than its structure.
                if !data.contains(name.as_str()) {
                    return None;
                }
                let inside = field.0.path_of(|placeholder| *placeholder == wanted)?;
                let inside = inside.split('.').filter(|key| !key.is_empty());
                let path = std::iter::once(name.as_str()).chain(inside);
                json_text::get_at(data, &path.collect::<Vec<_>>()).map(|_| name.as_str())
            })
        };
        has(Placeholder::Data).and(has(Placeholder::Event))
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
        let is_json = || {
            matches!(
                serde_json::from_slice(without_bom(body)),
                Ok(Value::Object(_) | Value::Array(_))
            )
        };
        if is_urlencoded(&self.delivery.content_type) && is_json() {
            "application/json"
        } else {
            &self.delivery.content_type
        }
    }
}

fn params(
    profile: &Profile,
    given: &[(String, String)],
    sample: &JsonTemplate,
) -> Result<HashMap<String, Value>, ComposeError> {
    let mut values = HashMap::new();
    for (name, text) in profile.effective_params(given) {
        let value = profile.param_value(&name, &text)?;
        values.insert(name, value);
    }
    let used = |name: &str| {
        let placeholder = Placeholder::Param(name.to_owned());
        let envelope = profile.envelope.json.values();
        let envelope = envelope.flat_map(|EnvelopeField(field)| field.placeholders());
        envelope.chain(sample.placeholders()).any(|used| *used == placeholder)
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
