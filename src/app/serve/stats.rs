//! What a service has done since its start.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Timestamp;
use crate::engine::Next;

/// Counters of a run, in memory only.
#[derive(Debug, Default)]
pub(super) struct QueueStats {
    /// Accepted.
    pub(super) events: AtomicU64,
    /// Attempts with success.
    pub(super) delivered: AtomicU64,
    /// Attempts that failed, and more follow.
    pub(super) retried: AtomicU64,
    /// Deliveries that failed for good.
    pub(super) failed: AtomicU64,
    /// What waits in the ledger, as counted last.
    pub(super) waiting: AtomicU64,
    /// What is parked there.
    pub(super) parked: AtomicU64,
}

impl QueueStats {
    /// So many events were accepted.
    pub(super) fn accepted(&self, events: usize) {
        self.events.fetch_add(events as u64, Ordering::Relaxed);
    }

    /// An attempt is on record.
    pub(super) fn ended(&self, next: &Next) {
        let counter = match next {
            Next::Delivered => &self.delivered,
            Next::Retry { .. } => &self.retried,
            Next::Failed(_) => &self.failed,
            Next::Interrupted => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the lanes have to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Outlook {
    /// Since when the delivery waits that is due the longest.
    pub(super) oldest: Option<Timestamp>,
    /// When the next retry is due, unless one is due already.
    pub(super) next_retry: Option<Timestamp>,
    /// Attempts in flight.
    pub(super) in_flight: usize,
}
