//! A message: the event as bytes. Built once, never re-serialised after.

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::id::Id;
use crate::words::words;

/// One event as it goes over the wire, whatever the number of endpoints and attempts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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

words! {
    /// Whether real money would move.
    #[derive(Default)]
    pub enum Mode {
        /// A test event.
        #[default]
        Test = "test",
        /// A live event.
        Live = "live",
    }
}
