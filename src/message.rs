//! A message: the event as bytes. Built once, never re-serialised after.

use bytes::Bytes;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::id::Id;

/// One event as it goes over the wire, whatever the number of endpoints and attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The ledger's id.
    pub id: Id,
    /// The id that the provider's signature, headers or body carry: stable over retries and replays.
    pub wire_id: String,
    /// The event's type; empty when it is not known.
    pub event: String,
    /// When the event happened.
    pub time: Timestamp,
    /// `test` or `live`.
    pub mode: Mode,
    /// Of the body.
    pub content_type: String,
    /// The bytes.
    pub body: Bytes,
}

/// Whether real money would move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A rehearsal.
    #[default]
    Test,
    /// The real thing.
    Live,
}

impl Mode {
    /// `test` or `live`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }

    /// Reads [`Mode::name`]; anything unknown is a rehearsal.
    pub fn from_name(name: &str) -> Self {
        if name == "live" { Self::Live } else { Self::Test }
    }
}
