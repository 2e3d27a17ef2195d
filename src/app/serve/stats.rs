//! What a service has done since its start.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::metrics::{AttemptMetrics, RequestMetrics};
use super::rates::MinuteCounter;
use crate::clock::Timestamp;
use crate::engine::{Event, Next};

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
    /// Notices that a channel never took.
    pub(super) failed_notices: AtomicU64,
    /// What waits in the ledger, as counted last.
    pub(super) waiting: AtomicU64,
    /// What is parked there.
    pub(super) parked: AtomicU64,
    /// Attempts by outcome.
    pub(super) attempts: AttemptMetrics,
    /// Requests of clients.
    pub(super) requests: RequestMetrics,
    /// Events, deliveries with success, and deliveries that failed for good.
    lately: Mutex<[MinuteCounter; 3]>,
}

impl QueueStats {
    /// So many events were accepted.
    pub(super) fn accepted(&self, events: usize) {
        self.events.fetch_add(events as u64, Ordering::Relaxed);
        self.lately()[0].add(Instant::now(), events as u64);
    }

    /// Events that were accepted in the last minute, and deliveries that succeeded and that failed for good.
    pub(super) fn last_minute(&self) -> [u64; 3] {
        let (now, mut lately) = (Instant::now(), self.lately());
        lately.each_mut().map(|counter| counter.sum(now))
    }

    fn lately(&self) -> MutexGuard<'_, [MinuteCounter; 3]> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event of a delivery is on record.
    pub(super) fn ended(&self, event: &Event) {
        let next = &event.next;
        if let Some(attempt) = &event.attempt {
            self.attempts.count(attempt, next);
        }
        let counter = match next {
            Next::Delivered => &self.delivered,
            Next::Retry { .. } => &self.retried,
            Next::Failed(_) => &self.failed,
            Next::Postponed { .. } | Next::Interrupted => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        match next {
            Next::Delivered => self.lately()[1].add(Instant::now(), 1),
            Next::Failed(_) => self.lately()[2].add(Instant::now(), 1),
            Next::Retry { .. } | Next::Postponed { .. } | Next::Interrupted => {}
        }
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
