//! Queries of the ledger, and summaries of records without their bodies.

use std::time::Duration;

use serde::Serialize;

use super::{DeliveryState, RecordKind};
use crate::answered::Answered;
use crate::clock::Timestamp;
use crate::id::Id;
use crate::mask;
use crate::text::serialize_millis_if_any;

/// Which records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Captures or deliveries only.
    pub kind: Option<RecordKind>,
    /// Refused captures and failed deliveries only.
    pub failed: bool,
    /// Deliveries in that state only.
    pub state: Option<DeliveryState>,
    /// Captures only for which a command failed and did not succeed since.
    pub unprocessed: bool,
    /// Not older than that.
    pub since: Option<Timestamp>,
    /// Event pattern with `*`.
    pub event: Option<String>,
    /// The endpoint's name.
    pub endpoint: Option<String>,
    /// The provider, with or without its variant.
    pub provider: Option<String>,
    /// Deliveries that forward or repeat that record only.
    pub origin: Option<u64>,
    /// Deliveries of that workflow only.
    pub workflow: Option<String>,
    /// Deliveries of that tenant only.
    pub tenant: Option<String>,
    /// Which part of the result.
    pub page: QueryPage,
}

impl Query {
    /// Whether it asks for what only deliveries have.
    pub(super) fn matches_no_capture(&self) -> bool {
        let has_part =
            self.state.is_some() || self.endpoint.is_some() || self.origin.is_some() || self.tenant.is_some();
        self.kind == Some(RecordKind::Delivery) || has_part
    }

    /// Whether every record matches.
    pub fn is_everything(&self) -> bool {
        let everything = Self {
            page: self.page,
            ..Self::default()
        };
        *self == everything
    }
}

/// Which part of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryPage {
    /// At most this many.
    pub limit: usize,
    /// Only numbers after this one: what a follower has not seen yet.
    pub after: Option<u64>,
    /// Only numbers before this one: the next page of a list that begins with the newest.
    pub before: Option<u64>,
    /// The oldest first.
    pub oldest_first: bool,
    /// Skips that many first: `last~2`.
    pub skip: usize,
}

impl Default for QueryPage {
    fn default() -> Self {
        Self::newest(20)
    }
}

impl QueryPage {
    /// That many of the newest, the newest first.
    pub fn newest(limit: usize) -> Self {
        Self {
            limit,
            after: None,
            before: None,
            oldest_first: false,
            skip: 0,
        }
    }

    /// That many after a number, the oldest first; numbers begin at 1.
    pub fn after(number: u64, limit: usize) -> Self {
        Self {
            after: Some(number),
            oldest_first: true,
            ..Self::newest(limit)
        }
    }
}

/// A real status; numbers of [`Answered`] that are none become null.
#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn serialize_status<S: serde::Serializer>(status: &Option<u16>, serializer: S) -> Result<S::Ok, S::Error> {
    status
        .and_then(|code| Answered::from_code(code).status())
        .serialize(serializer)
}

/// A record without its bytes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Shown as `#N`.
    pub number: u64,
    /// `cap_...` or `dlv_...`
    pub id: Id,
    /// What it is.
    pub kind: RecordKind,
    /// When.
    pub at: Timestamp,
    /// The event's type.
    pub event: Option<String>,
    /// The provider.
    pub provider: Option<String>,
    /// The endpoint's name.
    pub endpoint: Option<String>,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// A capture's verdict, a delivery's state: by name.
    pub state: String,
    /// A capture's reason of refusal, the failure of a delivery's last attempt, why it is parked, or why a workflow sent nothing.
    pub reason: Option<String>,
    /// `METHOD target` of a capture, the URL of a delivery.
    pub target: String,
    /// The status of the response, of a delivery that of its last attempt; absent for a capture that the app answers
    /// itself.
    #[serde(serialize_with = "serialize_status")]
    pub status: Option<u16>,
    /// How many attempts were made; 0 for a capture.
    pub attempts: u32,
    /// How long the last attempt took.
    #[serde(rename = "took_ms", serialize_with = "serialize_millis_if_any")]
    pub took: Option<Duration>,
    /// Size of the body in bytes.
    pub size: u64,
    /// The first capture of the same event.
    pub duplicate_of: Option<u64>,
    /// The process that works on it.
    #[serde(skip)]
    pub owner: Option<String>,
    /// The workflow that a delivery is of.
    pub workflow: Option<String>,
    /// The commands that failed for a capture and did not succeed since.
    #[serde(rename = "failed_processing")]
    pub unprocessed: Option<FailedProcessing>,
}

/// One step of a search.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SearchPage {
    /// Records that match, in the order of the query.
    pub found: Vec<Summary>,
    /// How many records were read.
    pub scanned: u64,
    /// The last number that was read, when the limit ended the search: it goes on behind that. `None`: everything was read.
    pub stopped_at: Option<u64>,
}

/// The state of a record that cannot be read; its reason is the error, and the other fields are what could be read.
pub(super) const UNREADABLE: &str = "unreadable";

impl Summary {
    /// Whether the record is damaged.
    pub fn is_unreadable(&self) -> bool {
        self.state == UNREADABLE
    }

    /// Whether attempts are left.
    pub fn is_pending(&self) -> bool {
        self.kind == RecordKind::Delivery && self.state == DeliveryState::Pending.name()
    }

    /// Whether it is a refused capture or a failed delivery.
    pub fn is_failed(&self) -> bool {
        let failed = match self.kind {
            RecordKind::Capture => "refused",
            RecordKind::Delivery => DeliveryState::Failed.name(),
        };
        self.state == failed
    }

    /// Takes the credentials out of the target; of a request to an inbound trigger also the path.
    pub fn mask_target(&mut self) {
        let trigger = self.kind == RecordKind::Capture && self.workflow.is_some();
        self.target = match self.target.split_once(' ').filter(|_| trigger) {
            Some((method, target)) => format!("{method} {}", mask::trigger(target)),
            None => mask::url(&self.target),
        };
    }

    /// Whether a workflow decided to send nothing.
    pub fn is_unsent(&self) -> bool {
        let unsent = [DeliveryState::Skipped, DeliveryState::Rehearsed];
        self.kind == RecordKind::Delivery && unsent.iter().any(|state| self.state == state.name())
    }
}

/// Commands that failed for a capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedProcessing {
    /// How often the worst of them failed.
    pub tries: u32,
    /// The latest failure.
    pub error: String,
}

/// Statistics of records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    /// Captures in all.
    pub captures: u64,
    /// Captures that were verified.
    pub verified: u64,
    /// Captures of which only the token was right, which count as verified too.
    pub token_only: u64,
    /// Captures that were refused.
    pub refused: u64,
    /// Captures of an event that was there before.
    pub duplicates: u64,
    /// Deliveries in all.
    pub deliveries: u64,
    /// Deliveries that succeeded.
    pub delivered: u64,
    /// Deliveries that failed for good.
    pub failed: u64,
    /// Deliveries with attempts left.
    pub pending: u64,
    /// Deliveries that wait until they are released by hand.
    pub parked: u64,
    /// Attempts in all.
    pub attempts: u64,
    /// Duration that half of the answered attempts did not exceed.
    pub p50: Option<Duration>,
    /// Duration that 95 in 100 of the answered attempts did not exceed.
    pub p95: Option<Duration>,
    /// Captures for which a command failed and did not succeed since.
    pub unprocessed: u64,
    /// The time of the first record.
    pub first: Option<Timestamp>,
    /// Each event, the most frequent first.
    pub by_event: Vec<EventStats>,
}

/// Statistics of the records of one event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventStats {
    /// Its type.
    pub event: String,
    /// Captures and deliveries.
    pub records: u64,
    /// Captures of an event that was there before.
    pub duplicates: u64,
    /// Captures for which a command failed and did not succeed since.
    pub unprocessed: u64,
}

impl EventStats {
    /// The most frequent first, those of the same number by their names.
    pub(super) fn ranked(events: impl Iterator<Item = Self>) -> Vec<Self> {
        let mut ranked: Vec<Self> = events.collect();
        ranked.sort_by(|a, b| b.records.cmp(&a.records).then_with(|| a.event.cmp(&b.event)));
        ranked
    }
}
