//! Keys of the API of `hook serve`, as the ledger has them.
//!
//! A key is 256 random bits, and the ledger keeps its SHA-256. A slow hash with a salt protects passwords, which people choose and
//! attackers guess; 256 random bits cannot be guessed, so that one fast hash is enough, and a call costs no more than that.

use crate::clock::Timestamp;
use crate::message::Mode;

/// A key, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRecord {
    /// `key_...`
    pub id: String,
    /// The user's name for it, unique.
    pub name: String,
    /// SHA-256 of the key.
    pub digest: [u8; 32],
    /// Whether it may only read.
    pub reads_only: bool,
    /// Of the events that it makes; a test key makes no others.
    pub mode: Mode,
    /// The tenant to whose events, deliveries and endpoints it is confined.
    pub tenant: Option<String>,
    /// When it was added.
    pub created: Timestamp,
}

/// A change of the keys. The ack has how many keys it changed.
#[derive(Debug, Clone)]
pub enum KeyOp {
    /// Adds a key, unless there is one of that name.
    Add(Box<ApiKeyRecord>),
    /// Removes the key of that name: it is refused from then on.
    Revoke(String),
}
