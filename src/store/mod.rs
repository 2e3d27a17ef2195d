//! The ledger: captures, messages, deliveries and attempts. The types and the trait are here; `sqlite` keeps them in
//! a file, `ledger` puts a writer thread before it that lets many requests share one sync to disk.

#[cfg(test)]
pub(crate) mod conformance;
mod error;
mod errors;
mod lease;
mod ledger;
mod names;
mod notes;
mod op;
mod query;
mod reader;
mod sealed;
mod sqlite;
mod url_parts;
mod work;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use error::{StoreError, StoreNotice};
pub use lease::Lease;
pub use ledger::{Ledger, PendingAck};
pub use notes::{Ack, DiagnosisNote, Processing, VerdictNote};
pub use op::Op;
pub use query::{EventStats, Query, QueryPage, Stats, Summary};
pub use reader::LedgerReader;
pub use sealed::{Sealed, SealedForm, SealedPlace};
#[cfg(any(test, feature = "internals"))]
pub use sqlite::SqliteStore;
pub use work::{Lane, LaneSummary, NewWork, Work, WorkKey, WorkKind};

use serde::Serialize;
use uuid::Uuid;

use crate::clock::Timestamp;
pub use crate::exchange::{Answer, Attempt, ErrorKind, Execution, Outcome, SecretKind, Source};
use crate::headers::Headers;
use crate::id::Id;
use crate::message::Message;
use crate::provider::policy::Policy;

/// What the ledger is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Looking only: nothing is made when there is no ledger.
    ReadOnly,
    /// Recording too: the folder and the file are made when they are missing, for their owner alone.
    ReadWrite,
}

/// How a ledger that is recorded into behaves; a default is what the store chooses.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoreOptions {
    /// How long a second capture of the same event counts as a duplicate.
    pub dedupe_window: Option<Duration>,
    /// How many bytes the ledger may take before [`Store::tidy`] drops records; no limit by default.
    pub size_limit: Option<u64>,
    /// Whether [`Store::prune`] goes in small steps with rests between them, so that others who record meanwhile are
    /// hardly held up.
    pub gentle: bool,
}

/// Opens the ledger at `path`: the only place that chooses a store. Errors: [`StoreError::Missing`] when it may only be read
/// and is not there, [`StoreError::Newer`] when a newer hook wrote it, and whatever the system says.
pub fn open(path: &Path, access: Access, options: StoreOptions) -> Result<Box<dyn Store>, StoreError> {
    sqlite::open_store(path, access, options)
}

/// Opens the ledger at `path` for reading.
pub fn open_read_only(path: &Path) -> Result<Box<dyn Store>, StoreError> {
    open(path, Access::ReadOnly, StoreOptions::default())
}

/// What a numbered record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// A request that `listen` received.
    Capture,
    /// A message on its way to one URL.
    Delivery,
}

impl RecordKind {
    /// The name in JSON and on the screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Delivery => "delivery",
        }
    }
}

/// A request that was received, to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct NewCapture {
    /// `cap_...`
    pub id: Id,
    /// When its last byte was there.
    pub at: Timestamp,
    /// Of the request line.
    pub method: String,
    /// Path and query as they came.
    pub target: String,
    /// As they came.
    pub headers: Headers,
    /// The raw bytes.
    pub body: Bytes,
    /// Address and port of the peer.
    pub remote: String,
    /// The provider recognised or given, with its variant.
    pub provider: Option<String>,
    /// The event's type.
    pub event: Option<String>,
    /// The event's id.
    pub event_id: Option<String>,
    /// What the check said.
    pub verdict: VerdictNote,
    /// The status answered.
    pub status: u16,
    /// The same for a second delivery of the same event, scoped by provider; absent for refused requests, which must not
    /// be able to make a later real one a duplicate.
    pub dedupe_key: Option<String>,
    /// The workflow to whose inbound trigger it came.
    pub workflow: Option<String>,
}

/// A request that was received, as recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Capture {
    /// Shown as `#N`.
    pub number: u64,
    /// What was recorded.
    pub request: NewCapture,
    /// The first capture of the same event.
    pub duplicate_of: Option<u64>,
    /// Where it was forwarded last.
    pub forwarded_to: Option<String>,
    /// Commands that failed for it, whether or not they succeeded since.
    pub processing: Vec<Processing>,
    /// Why it was refused, where that was found out.
    pub diagnosis: Option<DiagnosisNote>,
    /// Secrets that are not in the ledger and were not put back.
    pub sealed: Vec<Sealed>,
}

/// How a delivery is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SigningMode {
    /// Anew on every attempt, with the provider's scheme.
    #[default]
    Fresh,
    /// With the headers that were captured.
    AsCaptured,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeliveryState {
    /// Attempts are left.
    #[default]
    Pending,
    /// The target answered with success.
    Delivered,
    /// No attempts are left.
    Failed,
    /// Set aside by a person or a rule: nothing is tried until somebody asks.
    Parked,
    /// A workflow's condition did not hold: nothing was sent.
    Skipped,
    /// A workflow in test: its request was made, and not sent.
    Rehearsed,
}

/// A delivery to be recorded, in whatever state it is by then.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDelivery {
    /// `dlv_...`
    pub id: Id,
    /// When it was made.
    pub at: Timestamp,
    /// What is delivered; several deliveries may share it.
    pub message: Message,
    /// The provider that is played, with its variant.
    pub provider: Option<String>,
    /// The endpoint's name, when it goes to one.
    pub endpoint: Option<String>,
    /// Where it goes.
    pub url: String,
    /// With which method.
    pub method: String,
    /// Headers beside the provider's own: the user's, or those of the capture.
    pub headers: Headers,
    /// How it is signed.
    pub signing: SigningMode,
    /// With which secret; absent in records of older formats.
    pub secret: Option<SecretKind>,
    /// The rules that its attempts follow; absent in records of older formats, which follow the provider's.
    pub policy: Option<Arc<Policy>>,
    /// Which addresses it may reach, by name; absent in records of older formats.
    pub addresses: Option<String>,
    /// Who made it.
    pub source: Source,
    /// The record that it repeats or forwards.
    pub origin: Option<u64>,
    /// Of which workflow, when it is one's.
    pub execution: Option<Execution>,
    /// Waits before attempts 2, 3, ... as they were planned, already scaled.
    pub delays: Vec<Duration>,
    /// The process that works on it, until it is finished.
    pub owner: Option<String>,
    /// Where it stands.
    pub state: DeliveryState,
    /// When the next attempt is due, while pending.
    pub next_due: Option<Timestamp>,
    /// What was tried so far.
    pub attempts: Vec<Attempt>,
}

/// A delivery as recorded.
#[derive(Debug, Clone, PartialEq)]
#[allow(
    clippy::struct_field_names,
    reason = "what was recorded is a delivery without its number"
)]
pub struct DeliveryRecord {
    /// Shown as `#N`.
    pub number: u64,
    /// What was recorded, with all attempts.
    pub delivery: NewDelivery,
    /// Secrets that are not in the ledger and were not put back.
    pub sealed: Vec<Sealed>,
}

/// A record, whole.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A request that was received.
    Capture(Box<Capture>),
    /// A message on its way.
    Delivery(Box<DeliveryRecord>),
}

/// A place where the ledger is kept. One conformance suite runs against every implementation.
pub trait Store: Send {
    /// Makes a group of changes: all or none, durable when this returns. Acks are in the order of the changes.
    fn write(&mut self, ops: &[Op]) -> Result<Vec<Ack>, StoreError>;

    /// Does what the first group would do before its changes, so that it takes less time. Changes nothing.
    fn prepare(&mut self) {}

    /// Keeps the store within its limits. Called when those who wait for a group have their answers.
    fn tidy(&mut self) {}

    /// Whether the store is still where it was opened. A reader of one that is not opens it again.
    fn is_current(&self) -> bool {
        true
    }

    /// What happened to the store that its user has to know; told once.
    fn notice(&mut self) -> Option<StoreNotice> {
        None
    }

    /// Records that match, the newest first unless the query says otherwise.
    fn list(&self, query: &Query) -> Result<Vec<Summary>, StoreError>;

    /// A record by its number.
    fn get(&self, number: u64) -> Result<Option<Record>, StoreError>;

    /// A delivery by its id; the newest one where the id came twice.
    fn delivery(&self, id: Id) -> Result<Option<DeliveryRecord>, StoreError> {
        let numbers = self.find(&id.to_string(), usize::MAX)?;
        let Some(newest) = numbers.into_iter().max() else {
            return Ok(None);
        };
        Ok(self.get(newest)?.and_then(|record| match record {
            Record::Delivery(delivery) => Some(*delivery),
            Record::Capture(_) => None,
        }))
    }

    /// Numbers of the records whose id starts with that text (`dlv_`, `cap_` or `msg_` and hex digits), at most `limit`.
    fn find(&self, prefix: &str, limit: usize) -> Result<Vec<u64>, StoreError>;

    /// Numbers of the deliveries that failed and are still not delivered, the oldest first, each message once for its
    /// target. Of the query only the moment and the event count.
    fn undelivered(&self, query: &Query) -> Result<Vec<u64>, StoreError>;

    /// Commands that failed and did not succeed since, by the numbers of their captures, of the captures that match. Of the
    /// page only the direction counts.
    fn unprocessed(&self, query: &Query) -> Result<Vec<(u64, Processing)>, StoreError>;

    /// The lanes of the work queue, the oldest first.
    fn lanes(&self) -> Result<Vec<LaneSummary>, StoreError>;

    /// Items of a lane of the work queue that stand behind `after`, in order, at most `limit`.
    fn work(&self, lane: Uuid, after: u64, limit: usize) -> Result<Vec<Work>, StoreError>;

    /// The lanes in which something for that capture is not begun.
    fn waiting(&self, capture: u64) -> Result<Vec<Lane>, StoreError>;

    /// The secrets that were left out of captures in the work queue, each once, with the provider of the capture.
    fn sealed_work(&self) -> Result<Vec<(Option<String>, Sealed)>, StoreError>;

    /// Figures over the records that match.
    fn stats(&self, query: &Query) -> Result<Stats, StoreError>;

    /// Drops records older than that moment, and the oldest beyond that many bytes. Returns how many went.
    fn prune(&mut self, before: Option<Timestamp>, max_bytes: Option<u64>) -> Result<u64, StoreError>;
}
