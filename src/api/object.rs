//! A subscription in the JSON of an API, read and written by the field names of the profile.

use serde_json::{Map, Value};

use crate::clock::{Precision, Timestamp};
use crate::endpoints::{Disabled, DisabledBy, Endpoint, Events};
use crate::json::{get, insert};
use crate::provider::Profile;
use crate::provider::api::{Api, Field};
use crate::secret::Secret;

/// The `status` of a subscription that gets no events although it is confirmed.
const DISABLED: &str = "disabled";

/// A subscription that an API returned.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscription {
    /// The endpoint; without a name where the provider has no names.
    pub endpoint: Endpoint,
    /// The secret, where the answer contains it.
    pub secret: Option<Secret>,
    /// Whether the answer says when it was created.
    pub is_dated: bool,
}

impl Subscription {
    /// Reads an object of an answer. The error is a clause about the object.
    pub fn read(profile: &Profile, api: &Api, object: &Value) -> Result<Self, String> {
        if !object.is_object() {
            return Err("it is not an object".into());
        }
        let name_of = |field| api.field(field).unwrap_or_default();
        let at = |field| get(object, api.field(field)?).filter(|value| !value.is_null());
        let text = |field: Field| match at(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(format!("its `{}` is not a string", name_of(field))),
        };
        let required = |field: Field| text(field)?.ok_or_else(|| format!("it has no `{}`", name_of(field)));
        let status = text(Field::Status)?;
        let is_active = match at(Field::Active) {
            None => status.as_deref() != Some(DISABLED),
            Some(Value::Bool(active)) => *active,
            Some(_) => return Err(format!("its `{}` is neither true nor false", name_of(Field::Active))),
        };
        let is_pending = api.pending.is_some() && status == api.pending;
        let disabled = match (is_pending, is_active) {
            (true, _) => Some(DisabledBy::Unconfirmed),
            (false, false) => Some(DisabledBy::Hand),
            (false, true) => None,
        };
        let created = text(Field::Created)?.and_then(|text| Timestamp::parse(&text));
        let since = created.unwrap_or(Timestamp::from_unix(0));
        let (id, url) = (required(Field::Id)?, required(Field::Url)?);
        let events = read_events(profile, at(Field::Events))
            .map_err(|what| format!("its `{}` {what}", name_of(Field::Events)))?;
        let name = text(Field::Name)?.unwrap_or_default();
        Ok(Self {
            endpoint: Endpoint {
                id,
                description: text(Field::Description)?,
                disabled: disabled.map(|reason| Disabled {
                    reason,
                    detail: None,
                    since,
                }),
                created: since,
                updated: since,
                ..Endpoint::new("", &name, &url, &profile.label(), events, since)
            },
            secret: text(Field::Secret)?.map(Secret::new),
            is_dated: created.is_some(),
        })
    }
}

/// The JSON object of an endpoint in a request or an answer: the fields that `has` selects, under the API's names, in the
/// order of the profile.
pub fn write(
    profile: &Profile,
    api: &Api,
    (endpoint, secret): (&Endpoint, Option<&Secret>),
    has: impl Fn(Field) -> bool,
) -> Value {
    let mut object = Value::Object(Map::new());
    for (field, name) in api.fields.iter().filter(|(field, _)| has(**field)) {
        let value = match field {
            Field::Id => Value::from(endpoint.id.as_str()),
            Field::Url => Value::from(endpoint.url.as_str()),
            Field::Events => Value::from(wire_events(profile, &endpoint.events)),
            Field::Name => Value::from(endpoint.name.as_str()),
            Field::Description => endpoint.description.clone().map_or(Value::Null, Value::from),
            Field::Active => Value::from(endpoint.is_active()),
            Field::Status => Value::from(match &api.pending {
                Some(pending) if endpoint.is_pending() => pending.as_str(),
                _ if endpoint.is_active() => "active",
                _ => DISABLED,
            }),
            Field::Secret => match secret {
                Some(secret) => Value::from(String::from_utf8_lossy(secret.expose())),
                None => continue,
            },
            Field::Created => Value::from(endpoint.created.rfc3339(Precision::Millis)),
        };
        insert(&mut object, name, value);
    }
    object
}

/// The event names in a request or an answer: for all events the provider's wildcard, or every name of the catalogue.
pub fn wire_events(profile: &Profile, events: &Events) -> Vec<String> {
    match (events, &profile.endpoint.all_events) {
        (Events::Only(names), _) => names.clone(),
        (Events::All, Some(sign)) => vec![sign.clone()],
        (Events::All, None) => profile.events.keys().cloned().collect(),
    }
}

/// Reads a list of event names; aliases become the catalogue's names. The error is the end of a sentence.
pub fn read_events(profile: &Profile, value: Option<&Value>) -> Result<Events, String> {
    let Some(Value::Array(items)) = value else {
        return Err("is not a list of events".into());
    };
    let names = items.iter().map(|item| item.as_str().map(str::to_owned));
    let names: Option<Vec<String>> = names.collect();
    let names = Events::Only(names.ok_or("contains something that is not a string")?);
    Ok(crate::endpoints::rules::canonical_events(profile, &names))
}
