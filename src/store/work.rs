//! The ledger's work queue: forwards and commands that were promised for a capture. An item is written in the transaction
//! that records its capture and removed in the one that records its result, so that a crash loses no promise.
//!
//! Items are in lanes. A lane is one target of one process: its items are done in order, under one policy and one
//! lease. A forward whose first attempt is on record points to its delivery, which carries the rest of the schedule; the
//! item is removed when that delivery ends, whichever process ends it.

use std::sync::Arc;

use uuid::Uuid;

use crate::clock::Timestamp;
pub use crate::exchange::WorkKey;
use crate::words::words;

words! {
    /// What an item of work does.
    #[derive(PartialOrd, Ord)]
    pub enum WorkKind {
        /// Forwards the capture to a URL.
        Forward = "forward",
        /// Runs a shell command for the capture.
        Command = "command",
    }
}

/// One target of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// Sorts by time: the lane of an earlier process comes first.
    pub id: Uuid,
    /// What its items do.
    pub kind: WorkKind,
    /// A URL, or the text of a command.
    pub target: String,
    /// Where commands run.
    pub folder: String,
    /// The project's file that named the target; absent: the user did.
    pub trust: Option<String>,
    /// Options of the process that does the work, as JSON.
    pub policy: String,
    /// The process that works on it.
    pub owner: Option<String>,
}

/// An item to be added with its capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWork {
    /// Where it belongs; the lane is made with its first item.
    pub lane: Arc<Lane>,
    /// Whether it is dropped when the capture turns out to be a duplicate.
    pub unless_duplicate: bool,
}

/// An item of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Names it.
    pub key: WorkKey,
    /// The number of its capture.
    pub capture: u64,
    /// When it was promised.
    pub at: Timestamp,
    /// When it is due: at once, or with the next attempt of its delivery.
    pub due: Timestamp,
    /// Size of the capture's body in bytes.
    pub size: u64,
    /// The number of its delivery, once the first attempt of a forward is on record.
    pub delivery: Option<u64>,
}

/// Items of a lane that are due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueWork {
    /// The items, the longest waiting first.
    pub items: Vec<Work>,
    /// When the next one is due; absent: no other one waits.
    pub next: Option<Timestamp>,
}

/// A lane with something in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneSummary {
    /// Which one.
    pub lane: Lane,
    /// Items that were not begun.
    pub waiting: u64,
    /// Forwards with attempts left after the first one.
    pub retrying: u64,
}

impl LaneSummary {
    /// All of its items.
    pub fn total(&self) -> u64 {
        self.waiting + self.retrying
    }
}
