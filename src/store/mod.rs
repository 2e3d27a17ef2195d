//! The ledger: captures, messages, deliveries and attempts. The types and the trait are here; `sqlite` stores them in
//! a file, `ledger` adds a writer thread that lets many requests share one sync to disk.

mod changes;
mod check;
#[cfg(test)]
pub(crate) mod conformance;
mod contract;
mod encoding;
mod error;
mod journal;
pub mod kept;
mod keys;
mod lease;
mod ledger;
mod notes;
mod op;
mod owners;
pub mod place;
#[cfg(feature = "postgres")]
mod postgres;
mod query;
pub mod queue;
mod reader;
mod repeat;
mod sealed;
mod search;
mod sqlite;
#[cfg(test)]
pub(crate) mod testing;
mod url_parts;
mod work;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use changes::Changes;
pub use check::{check_log, check_rights, ledger_format};
pub use contract::Store;
pub use error::{StoreError, StoreNotice};
pub use journal::{AnswerJournal, JournaledAnswer};
pub use kept::KeptRows;
pub use keys::{ApiKeyRecord, KeyOp};
pub use ledger::{Ledger, PendingAck};
pub use notes::{Ack, DiagnosisNote, Processing, VerdictNote};
pub use op::Op;
pub use owners::{ClaimError, Lease, Owners};
pub use place::StorePlace;
pub use query::{EventStats, FailedProcessing, Query, QueryPage, SearchPage, Stats, Summary};
pub use queue::{EventRecord, LaneDue, QueueClass, QueueCounts, QueueOp, TakenDelivery};
pub use reader::LedgerReader;
pub use sealed::{Sealed, SealedForm, SealedPlace};
#[cfg(any(test, feature = "internals"))]
pub use sqlite::SqliteStore;
pub use work::{DueWork, Lane, LaneSummary, NewWork, Work, WorkKey, WorkKind};

use crate::clock::Timestamp;
pub use crate::exchange::{Answer, Attempt, ErrorKind, Execution, Outcome, SecretKind, SigningMode, Source};
use crate::headers::Headers;
use crate::id::Id;
use crate::message::Message;
use crate::provider::policy::Policy;
use crate::words::words;

/// The purpose for which a ledger is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading: a missing ledger is not created.
    ReadOnly,
    /// Writing too: missing folders and the file are created, readable by their owner only.
    ReadWrite,
}

/// Options of a ledger that is written; the store chooses the defaults.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoreOptions {
    /// How long a second capture of the same event counts as a duplicate.
    pub dedupe_window: Option<Duration>,
    /// How many bytes the ledger may take before [`Store::tidy`] drops records; no limit by default.
    pub size_limit: Option<u64>,
    /// Whether [`Store::prune`] works in small steps with pauses between them, so that it hardly delays other writers.
    pub gentle: bool,
}

/// Opens the ledger at that place: this function, the next four and `check` are all that chooses a store. Errors:
/// [`StoreError::Missing`] when it does not exist and is opened for reading, [`StoreError::Newer`] when a newer hook wrote it,
/// and what the system reports.
pub fn open(place: &StorePlace, access: Access, options: StoreOptions) -> Result<Box<dyn Store>, StoreError> {
    match place {
        StorePlace::File(path) => sqlite::open_store(path, access, options),
        #[cfg(feature = "postgres")]
        StorePlace::Postgres(url) => postgres::open_store(&place.resolved(url)?, access, options),
        #[cfg(not(feature = "postgres"))]
        StorePlace::Postgres(_) => Err(StoreError::NoPostgres(place.to_string())),
    }
}

/// The processes that work on the ledger at that place. Asked for again and again: a store that needs a connection for it keeps
/// one for the process.
pub fn owners(place: &StorePlace) -> Arc<dyn Owners> {
    match place {
        StorePlace::File(path) => Arc::new(lease::FileOwners::new(path)),
        #[cfg(feature = "postgres")]
        StorePlace::Postgres(url) => match place.resolved(url).and_then(|url| postgres::of_process(&url)) {
            Ok(database) => database,
            Err(error) => Arc::new(owners::NoOwners(error)),
        },
        #[cfg(not(feature = "postgres"))]
        StorePlace::Postgres(_) => Arc::new(owners::NoOwners(StoreError::NoPostgres(place.to_string()))),
    }
}

/// Waits for changes that other processes make to the ledger at that place. To be called in asynchronous code.
pub fn changes(place: &StorePlace) -> Changes {
    match place {
        #[cfg(feature = "postgres")]
        // What is wrong with the place is the answer to everything that is asked of it.
        StorePlace::Postgres(url) => (place.resolved(url).and_then(|url| postgres::Hints::start(&url)))
            .map_or_else(|_| Changes::without_hints(), Changes::with_hints),
        _ => Changes::without_hints(),
    }
}

/// The documents that are kept beside the ledger at that place; a file keeps none. A database is not asked before they are read.
pub fn kept_rows(place: &StorePlace) -> Option<Arc<dyn KeptRows>> {
    match place {
        StorePlace::File(_) => None,
        #[cfg(feature = "postgres")]
        StorePlace::Postgres(url) => match place.resolved(url).and_then(|url| postgres::of_process(&url)) {
            Ok(database) => Some(database),
            Err(error) => Some(Arc::new(kept::NoRows(error))),
        },
        #[cfg(not(feature = "postgres"))]
        StorePlace::Postgres(_) => Some(Arc::new(kept::NoRows(StoreError::NoPostgres(place.to_string())))),
    }
}

/// Opens the journal of answers of the durable service, with what an earlier process left in it. It is kept beside a ledger's
/// file; a database has none, since the next service may run on another machine.
pub fn answer_journal(place: &StorePlace) -> io::Result<Option<(AnswerJournal, Vec<JournaledAnswer>)>> {
    match place {
        StorePlace::File(path) => AnswerJournal::open(path).map(Some),
        StorePlace::Postgres(_) => Ok(None),
    }
}

/// Opens the ledger at that place for reading.
pub fn open_read_only(place: &StorePlace) -> Result<Box<dyn Store>, StoreError> {
    open(place, Access::ReadOnly, StoreOptions::default())
}

/// How far a backup is, in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupProgress {
    /// Copied.
    pub done: u64,
    /// In all.
    pub all: u64,
}

/// Copies the ledger in the file at `path` as it is now to a new file at `to`, whatever other processes write meanwhile. The copy is a ledger
/// that can be opened. `goes_on` is asked again and again; `false` stops it. Returns the bytes of the copy; `None` when it was
/// stopped: then, and after an error, there is no file.
pub fn backup(
    path: &Path,
    to: &Path,
    goes_on: &mut dyn FnMut(BackupProgress) -> bool,
) -> Result<Option<u64>, StoreError> {
    sqlite::backup(path, to, goes_on)
}

/// What [`Store::prune`] dropped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Records.
    pub records: u64,
    /// Parked deliveries among them: they will never be delivered.
    pub parked: u64,
}

words! {
    /// What a numbered record is.
    pub enum RecordKind {
        /// A request that `listen` received.
        Capture = "capture",
        /// A message for one URL.
        Delivery = "delivery",
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
    /// The verdict of the check.
    pub verdict: VerdictNote,
    /// The status answered.
    pub status: u16,
    /// Equal for two deliveries of the same event of a provider; absent for refused requests, which must not
    /// be able to make a later genuine one a duplicate.
    pub dedupe_key: Option<String>,
    /// The workflow whose inbound trigger received it.
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
    /// Why it was refused, where that is known.
    pub diagnosis: Option<DiagnosisNote>,
    /// Secrets that are not in the ledger and could not be restored.
    pub sealed: Vec<Sealed>,
}

words! {
    /// The state of a delivery.
    #[derive(Default)]
    pub enum DeliveryState {
        /// Attempts are left.
        #[default]
        Pending = "pending",
        /// The target responded with success.
        Delivered = "delivered",
        /// No attempts are left.
        Failed = "failed",
        /// Set aside by a person or a rule: not retried until a user asks for it.
        Parked = "parked",
        /// A faulty request of `hook endpoints test` or `hook send --tamper`: never delivered again by itself.
        Tested = "tested",
        /// Given up before its attempts were used: its endpoint was removed.
        Cancelled = "cancelled",
        /// A workflow's condition did not hold: nothing was sent.
        Skipped = "skipped",
        /// A workflow in test: its request was built, and not sent.
        Rehearsed = "rehearsed",
    }
}

/// A delivery to be recorded, in whatever state it is by then.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewDelivery {
    /// `dlv_...`
    pub id: Id,
    /// When it was made.
    pub at: Timestamp,
    /// What is delivered; several deliveries may share it.
    pub message: Message,
    /// The simulated provider, with its variant.
    pub provider: Option<String>,
    /// The endpoint's name, when it goes to one.
    pub endpoint: Option<String>,
    /// Whose it is.
    pub tenant: Option<String>,
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
    /// The lease of the process that works on it, until it is finished.
    pub owner: Option<String>,
    /// Its state.
    pub state: DeliveryState,
    /// When the next attempt is due, while pending.
    pub next_due: Option<Timestamp>,
    /// The attempts so far.
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
    /// Secrets that are not in the ledger and could not be restored.
    pub sealed: Vec<Sealed>,
    /// Whether it had failed before it was retried by hand: its failure was counted.
    pub is_again: bool,
    /// Whether its event is gone, as when its day was dropped by hand: the message is empty, and nothing can be sent.
    pub is_orphan: bool,
}

/// The message about a delivery whose event is gone.
pub const ORPHAN: &str = "its event is gone";

/// A record, whole.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A request that was received.
    Capture(Box<Capture>),
    /// A message on its way.
    Delivery(Box<DeliveryRecord>),
}

impl Record {
    /// Shown as `#N`.
    pub fn number(&self) -> u64 {
        match self {
            Self::Capture(capture) => capture.number,
            Self::Delivery(delivery) => delivery.number,
        }
    }

    /// Restores the secrets that this process knows.
    pub fn unseal(&mut self) {
        match self {
            Self::Capture(capture) => capture.unseal(),
            Self::Delivery(delivery) => delivery.unseal(),
        }
    }

    /// The secrets that were left out and that this process does not know.
    pub fn sealed(&self) -> &[Sealed] {
        match self {
            Self::Capture(capture) => &capture.sealed,
            Self::Delivery(delivery) => &delivery.sealed,
        }
    }

    /// The capture, when it is one.
    pub fn into_capture(self) -> Option<Capture> {
        match self {
            Self::Capture(capture) => Some(*capture),
            Self::Delivery(_) => None,
        }
    }

    /// The delivery, when it is one.
    pub fn into_delivery(self) -> Option<DeliveryRecord> {
        match self {
            Self::Delivery(delivery) => Some(*delivery),
            Self::Capture(_) => None,
        }
    }
}
