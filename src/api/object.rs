//! A subscription as an API writes it, read and written by the field names of the profile.

use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::endpoints::{Endpoint, Events};
use crate::json::{get, insert};
use crate::provider::Profile;
use crate::provider::api::{Api, Field};
use crate::secret::Secret;

/// What an API says about one subscription.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscription {
    /// The provider's id.
    pub id: String,
    /// Where deliveries go.
    pub url: String,
    /// What it wants.
    pub events: Events,
    /// Where the API keeps names.
    pub name: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// Whether it gets deliveries.
    pub active: bool,
    /// Whether its endpoint has yet to be confirmed.
    pub pending: bool,
    /// Where the answer carries it.
    pub secret: Option<Secret>,
    /// When it was made.
    pub created: Option<Timestamp>,
}

impl Subscription {
    /// Reads an object of an answer. The error is a clause about the object.
    pub fn read(profile: &Profile, api: &Api, object: &Value) -> Result<Self, String> {
        if !object.is_object() {
            return Err("it is no object".into());
        }
        let at = |field| {
            api.field(field)
                .and_then(|name| get(object, name))
                .filter(|value| !value.is_null())
        };
        let text = |field: Field| match at(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(format!("its `{}` is no text", api.field(field).unwrap_or_default())),
        };
        let needed = |field: Field| {
            let found = text(field)?.filter(|text| !text.is_empty());
            found.ok_or_else(|| format!("it has no `{}`", api.field(field).unwrap_or_default()))
        };
        let active = match at(Field::Active) {
            None => true,
            Some(Value::Bool(active)) => *active,
            Some(_) => {
                return Err(format!(
                    "its `{}` is neither true nor false",
                    api.field(Field::Active).unwrap_or_default()
                ));
            }
        };
        Ok(Self {
            id: needed(Field::Id)?,
            url: needed(Field::Url)?,
            events: read_events(profile, at(Field::Events))
                .map_err(|what| format!("its `{}` {what}", api.field(Field::Events).unwrap_or_default()))?,
            name: text(Field::Name)?,
            description: text(Field::Description)?.filter(|text| !text.is_empty()),
            active,
            pending: api.pending.is_some() && text(Field::Status)? == api.pending,
            secret: text(Field::Secret)?.filter(|text| !text.is_empty()).map(Secret::new),
            created: text(Field::Created)?.and_then(|text| Timestamp::parse(&text)),
        })
    }

    /// Writes the object of an answer without the fields of `hides`.
    pub fn write(&self, profile: &Profile, api: &Api, hides: &[Field]) -> Value {
        let mut object = Value::Object(Map::new());
        for (field, name) in api.fields.iter().filter(|(field, _)| !hides.contains(field)) {
            let text = |text: &Option<String>| text.clone().map_or(Value::Null, Value::String);
            let value = match field {
                Field::Id => Value::from(self.id.as_str()),
                Field::Url => Value::from(self.url.as_str()),
                Field::Events => Value::from(wire_events(profile, &self.events)),
                Field::Name => text(&self.name),
                Field::Description => text(&self.description),
                Field::Active => Value::from(self.active),
                Field::Status => Value::from(match &api.pending {
                    Some(pending) if self.pending => pending.as_str(),
                    _ => "active",
                }),
                Field::Secret => match &self.secret {
                    Some(secret) => Value::from(String::from_utf8_lossy(secret.expose())),
                    None => continue,
                },
                Field::Created => self.created.map_or(Value::Null, |at| {
                    Value::from(at.rfc3339(crate::clock::Precision::Millis))
                }),
            };
            insert(&mut object, name, value);
        }
        object
    }
}

/// The fields of an endpoint that a request carries, by the API's names, in the order of the profile.
pub fn write_fields(profile: &Profile, api: &Api, endpoint: &Endpoint, fields: &[Field]) -> Value {
    let mut object = Value::Object(Map::new());
    for (field, name) in api.fields.iter().filter(|(field, _)| fields.contains(field)) {
        let value = match field {
            Field::Url => Value::from(endpoint.url.as_str()),
            Field::Events => Value::from(wire_events(profile, &endpoint.events)),
            Field::Name => Value::from(endpoint.name.as_str()),
            Field::Description => match &endpoint.description {
                Some(text) => Value::from(text.as_str()),
                None => continue,
            },
            Field::Active => Value::from(endpoint.is_active()),
            Field::Id | Field::Status | Field::Secret | Field::Created => continue,
        };
        insert(&mut object, name, value);
    }
    object
}

/// The names that go over the wire: the provider's sign for all events, or all that the catalogue has.
pub fn wire_events(profile: &Profile, events: &Events) -> Vec<String> {
    match (events, &profile.endpoint.all_events) {
        (Events::Only(names), _) => names.clone(),
        (Events::All, Some(sign)) => vec![sign.clone()],
        (Events::All, None) => profile.events.keys().cloned().collect(),
    }
}

/// Reads a list of event names; aliases become the catalogue's names.
pub fn read_events(profile: &Profile, value: Option<&Value>) -> Result<Events, String> {
    let Some(Value::Array(items)) = value else {
        return Err("is no list of events".into());
    };
    let names = items.iter().map(|item| item.as_str().map(str::to_owned));
    let names: Option<Vec<String>> = names.collect();
    let names = Events::Only(names.ok_or("holds something that is no text")?);
    Ok(crate::endpoints::rules::canonical_events(profile, &names))
}
