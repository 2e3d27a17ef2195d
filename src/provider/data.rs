//! Where the data of events is in a body, and the events of a body that groups several.

use serde_json::Value;

use super::file::ReadPlace;
use super::profile::Profile;
use super::value::RequestField;
use crate::json::{below, get};
use crate::template::{Document, Placeholder};

/// Where the data is in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DataAt {
    /// In a field.
    Field(String),
    /// Spread over the top level, beside other fields.
    Spread,
    /// It is the body.
    Whole,
}

impl DataAt {
    /// By the envelope of a provider.
    pub(super) fn of(profile: &Profile) -> Self {
        let path_in = |document: &Document| document.path_of(|placeholder| *placeholder == Placeholder::Data);
        let fields = &profile.envelope.json;
        match fields.iter().find_map(|(name, field)| Some((name, path_in(&field.0)?))) {
            Some((name, path)) if name != "..." && path.is_empty() => Self::Field(name.clone()),
            Some((name, path)) if name != "..." => Self::Field(below(name, &path)),
            Some(_) if fields.len() == 1 => Self::Whole,
            _ => Self::Spread,
        }
    }

    /// A place of the data as one of the body.
    pub(super) fn path(&self, path: &str) -> String {
        match self {
            Self::Field(name) => below(name, path),
            Self::Spread | Self::Whole => path.to_owned(),
        }
    }
}

/// One event of a body.
#[derive(Debug, Clone, PartialEq)]
pub struct BodyEvent<'d> {
    /// Its data.
    pub data: &'d Value,
    /// Its type, where each event of the body states its own.
    pub event: Option<String>,
    /// Its id, where each event of the body states its own.
    pub id: Option<String>,
}

impl<'d> BodyEvent<'d> {
    /// The only event of a body.
    pub fn only(data: &'d Value) -> Self {
        Self {
            data,
            event: None,
            id: None,
        }
    }
}

impl Profile {
    /// The events of a body, one unless it groups several. A body without the envelope is data as a whole.
    pub fn events_in<'d>(&self, event: Option<&str>, document: &'d Value) -> Vec<BodyEvent<'d>> {
        let at = DataAt::of(self);
        let data = match &at {
            DataAt::Field(path) => get(document, path).unwrap_or(document),
            DataAt::Spread | DataAt::Whole => document,
        };
        let items = match (&at, data) {
            (DataAt::Whole, Value::Array(items)) => items,
            (DataAt::Field(_), Value::Array(items)) if self.may_group(event) => items,
            (DataAt::Spread, _) if self.may_group(event) => match document.get("data") {
                Some(Value::Array(items)) => items,
                _ => return vec![BodyEvent::only(data)],
            },
            _ => return vec![BodyEvent::only(data)],
        };
        if items.is_empty() {
            return vec![BodyEvent::only(data)];
        }
        let one = |item: &'d Value| BodyEvent {
            data: item,
            event: in_item(&self.read.event, item),
            id: in_item(&self.read.id, item),
        };
        items.iter().map(one).collect()
    }

    /// Whether a message of that event may have several of them; of an event that the catalogue does not have, whether the
    /// provider groups any.
    fn may_group(&self, event: Option<&str>) -> bool {
        let known = event.and_then(|event| self.events.get(self.canonical_event(event)?));
        known.map_or_else(
            || self.events.values().any(|event| event.grouping),
            |event| event.grouping,
        )
    }
}

/// A fact that is read from the first item of a list, in another item.
fn in_item(places: &[ReadPlace], item: &Value) -> Option<String> {
    let text_of = |field: &RequestField| match field {
        RequestField::Body(path) => match get(item, path.strip_prefix("0.")?)? {
            Value::String(text) => Some(text.clone()),
            value @ (Value::Number(_) | Value::Bool(_)) => Some(value.to_string()),
            _ => None,
        },
        RequestField::Header(_) => None,
    };
    places.iter().find_map(|place| place.read(text_of))
}
