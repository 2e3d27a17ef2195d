//! Values that are written as text, or in more than one type; without `untagged`, so that a fault keeps its line and column.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::clock::parse_duration;
use crate::template::text_of;

/// A duration such as `30s`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DurationText(pub Duration);

impl TryFrom<String> for DurationText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse_duration(&text).map(Self)
    }
}

/// As whole milliseconds.
impl Serialize for DurationText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u128(self.0.as_millis())
    }
}

/// A share such as `10%`, as a number from 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Share(pub f64);

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.strip_suffix('%').and_then(|n| n.trim().parse::<f64>().ok()) {
            Some(percent) if (0.0..=100.0).contains(&percent) => Ok(Self(percent / 100.0)),
            _ => Err(format!("`{text}` is not a share such as `10%`")),
        }
    }
}

/// A place in a request: `header:NAME` or `body:PATH`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum RequestField {
    /// A header.
    Header(String),
    /// A dotted path in a JSON body.
    Body(String),
}

impl TryFrom<String> for RequestField {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("header", name)) if !name.is_empty() => Ok(Self::Header(name.to_ascii_lowercase())),
            Some(("body", path)) if !path.is_empty() => Ok(Self::Body(path.to_owned())),
            _ => Err(format!("`{text}` is not a place: `header:NAME` or `body:PATH`")),
        }
    }
}

impl From<RequestField> for String {
    fn from(place: RequestField) -> Self {
        place.to_string()
    }
}

impl fmt::Display for RequestField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Body(path) => write!(f, "body:{path}"),
        }
    }
}

/// The largest number allowed; `unlimited` when absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Limit(pub Option<u32>);

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(count) => count.fmt(f),
            None => f.write_str("unlimited"),
        }
    }
}

impl From<Limit> for Value {
    fn from(limit: Limit) -> Self {
        limit.0.map_or_else(|| Self::from("unlimited"), Self::from)
    }
}

impl TryFrom<Value> for Limit {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, &'static str> {
        match (value.as_str(), value.as_u64().map(u32::try_from)) {
            (Some("unlimited"), _) => Ok(Self(None)),
            (_, Some(Ok(count))) => Ok(Self(Some(count))),
            _ => Err("expected a whole number or \"unlimited\""),
        }
    }
}

/// A string, a number or a boolean, as text.
pub(super) fn scalar_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(de::Error::custom("expected a string, a number or a boolean"))
        }
        scalar => Ok(Some(text_of(&scalar))),
    }
}
