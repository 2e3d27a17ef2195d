//! Prefixed ids: sortable by time, safe to type, of which any unique prefix names the record.

use std::fmt;

use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::random::Random;
use crate::words::words;

words! {
    /// What an id names; its word is the prefix.
    #[derive(Default)]
    pub enum IdKind {
        /// A message.
        #[default]
        Message = "msg_",
        /// A delivery.
        Delivery = "dlv_",
        /// A received request.
        Capture = "cap_",
        /// An endpoint.
        Endpoint = "ep_",
        /// A key of the service's API.
        Key = "key_",
    }
}

/// Whether a text is a UUID as it is usually written, with dashes.
pub fn is_uuid(text: &str) -> bool {
    text.len() == 36 && Uuid::parse_str(text).is_ok()
}

/// A record's id: a kind and a version 7 uuid, written as 32 hex digits after the prefix.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Id {
    /// What it names.
    pub kind: IdKind,
    /// The sortable part.
    pub uuid: Uuid,
}

impl Id {
    /// A fresh id of that moment.
    pub fn new(kind: IdKind, at: Timestamp, random: &Random) -> Self {
        Self {
            kind,
            uuid: random.uuid_v7(at),
        }
    }

    /// Reads a whole id; `None` when the prefix or the digits are wrong.
    pub fn parse(text: &str) -> Option<Self> {
        let kind = *IdKind::ALL.iter().find(|kind| text.starts_with(kind.name()))?;
        let digits = text.get(kind.name().len()..).filter(|digits| digits.len() == 32)?;
        let uuid = Uuid::try_parse(digits).ok()?;
        Some(Self { kind, uuid })
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind, self.uuid.simple())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_written_and_sort_by_time() {
        let random = Random::os();
        let first = Id::new(IdKind::Capture, Timestamp::from_unix(1000), &random);
        let second = Id::new(IdKind::Capture, Timestamp::from_unix(1001), &random);
        assert_eq!(Id::parse(&first.to_string()), Some(first));
        assert!(first.to_string() < second.to_string());
        assert!(first.to_string().starts_with("cap_"));
        assert_eq!(Id::parse("cap_12"), None);
        assert_eq!(Id::parse("xyz_018bcfe56800700080000000000000aa"), None);
    }
}
