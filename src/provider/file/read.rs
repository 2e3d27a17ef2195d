//! `[read]` of a provider file: where a receiver finds what a request says about its event.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Dedupe;
use crate::json::JsonPaths;
use crate::provider::value::RequestField;
use crate::template::{Placeholder, Scope, Template};

/// `[read]`: where to find facts in a request; of several places the first that exists counts.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReadTable {
    /// Places of the event's type.
    pub event: Vec<ReadPlace>,
    /// Places of the event's id.
    pub id: Vec<ReadPlace>,
    /// Places of the event's time.
    pub time: Vec<ReadPlace>,
    /// All of them, for one pass over the body.
    #[serde(skip)]
    paths: JsonPaths,
}

/// Where a fact is in a request.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum ReadPlace {
    /// `header:NAME` or `body:PATH`.
    Field(RequestField),
    /// Several fields in one text: `${body.resource}.${body.action}`. It exists where all of them do.
    Text(Template),
    /// `TEXT if PLACE`: that text, where the place exists.
    Fixed(String, RequestField),
}

impl ReadPlace {
    /// The fields that are read.
    pub fn fields(&self) -> Vec<RequestField> {
        match self {
            Self::Field(field) | Self::Fixed(_, field) => vec![field.clone()],
            Self::Text(template) => template.placeholders().filter_map(field_of).collect(),
        }
    }

    /// The fact, where it is there; `text_of` returns what a field of the request says.
    pub fn read(&self, text_of: impl Fn(&RequestField) -> Option<String>) -> Option<String> {
        match self {
            Self::Field(field) => text_of(field),
            Self::Fixed(text, field) => text_of(field).map(|_| text.clone()),
            Self::Text(template) => template.render(|placeholder| text_of(&field_of(placeholder)?)),
        }
    }

    /// The path, where the fact is one field of the body.
    pub fn body_path(&self) -> Option<&str> {
        match self {
            Self::Field(RequestField::Body(path)) => Some(path),
            _ => None,
        }
    }
}

fn field_of(placeholder: &Placeholder) -> Option<RequestField> {
    match placeholder {
        Placeholder::BodyPath(path) => Some(RequestField::Body(path.clone())),
        Placeholder::Header(name) => Some(RequestField::Header(name.clone())),
        _ => None,
    }
}

impl TryFrom<String> for ReadPlace {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.contains("${") {
            let template = Template::parse(&text, Scope::Received).map_err(|error| error.to_string())?;
            if template
                .placeholders()
                .any(|placeholder| field_of(placeholder).is_none())
            {
                return Err(format!(
                    "`{text}` may have `${{body.PATH}}` and `${{header.NAME}}` only"
                ));
            }
            return Ok(Self::Text(template));
        }
        match text.split_once(" if ") {
            Some((fixed, field)) => Ok(Self::Fixed(fixed.to_owned(), RequestField::try_from(field.to_owned())?)),
            None => RequestField::try_from(text).map(Self::Field),
        }
    }
}

impl From<ReadPlace> for String {
    fn from(place: ReadPlace) -> Self {
        place.to_string()
    }
}

impl fmt::Display for ReadPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(field) => field.fmt(f),
            Self::Text(template) => template.fmt(f),
            Self::Fixed(text, field) => write!(f, "{text} if {field}"),
        }
    }
}

impl ReadTable {
    /// All places, for one pass over the body.
    pub(in crate::provider) fn paths(&self) -> &JsonPaths {
        &self.paths
    }

    /// The fields of all places.
    pub(in crate::provider) fn fields(&self) -> impl Iterator<Item = RequestField> {
        let places = self.event.iter().chain(&self.id).chain(&self.time);
        places.flat_map(ReadPlace::fields)
    }

    /// Compiles the places and the paths of the dedupe keys.
    pub(in crate::provider) fn index_paths(&mut self, dedupe: &Dedupe) {
        let keys = dedupe.keys.iter().flat_map(Template::placeholders);
        let fields: Vec<RequestField> = self.fields().chain(keys.filter_map(field_of)).collect();
        for field in fields {
            if let RequestField::Body(path) = field {
                self.paths.add(&path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_field_a_text_of_fields_or_a_text_under_a_condition() {
        let request = |field: &RequestField| match field {
            RequestField::Body(path) => (path == "a.b").then(|| "one".to_owned()),
            RequestField::Header(name) => (name == "x-a").then(|| "two".to_owned()),
        };
        for (text, wanted) in [
            ("body:a.b", Some("one")),
            ("header:X-A", Some("two")),
            ("body:none", None),
            ("${body.a.b}.${header.X-A}", Some("one.two")),
            ("${body.a.b}.${body.none}", None),
            ("messages if body:a.b", Some("messages")),
            ("messages if body:none", None),
        ] {
            let place = ReadPlace::try_from(text.to_owned()).unwrap();
            assert_eq!(place.read(request).as_deref(), wanted, "{text}");
            assert_eq!(place.to_string().to_lowercase(), text.to_lowercase());
        }
        for wrong in ["a.b", "${id}", "${body.a", "x if a", "body:"] {
            assert!(ReadPlace::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
