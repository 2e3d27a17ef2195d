//! One lane of the queue: its slots and its limits.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::store::QueueClass;

/// Attempts at once to one endpoint, unless it has a limit of its own.
pub(super) const CONCURRENCY: usize = 64;

/// The same while half of all slots are free, for deliveries that begin with their event: what waits for no slot needs not be read
/// from the ledger again.
const BURST: usize = 2 * CONCURRENCY;

/// Failures in a row after which a lane is slowed down.
pub(super) const FAILURES: u32 = 8;

/// Attempts at once to an endpoint that keeps failing, and the shortest time between their beginnings.
const FAILING_CONCURRENCY: usize = 4;
const FAILING_GAP: Duration = Duration::from_millis(100);

/// How long a lane waits at first and at most while a fault of this machine keeps its requests from being sent.
const POSTPONED_FIRST: Duration = Duration::from_secs(1);
const POSTPONED_MOST: Duration = Duration::from_secs(60);

/// Limits of one lane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LaneLimits {
    /// Attempts at once.
    pub(super) concurrency: usize,
    /// Whether there may be more while half of all slots are free.
    pub(super) may_burst: bool,
    /// Attempts begun in a second, at most.
    pub(super) rate: Option<f64>,
    /// Whether each delivery waits for the end of the one before.
    pub(super) is_ordered: bool,
}

impl Default for LaneLimits {
    fn default() -> Self {
        Self {
            concurrency: CONCURRENCY,
            may_burst: true,
            rate: None,
            is_ordered: false,
        }
    }
}

#[derive(Debug, Default)]
/// One target: its slots, and what is due.
pub(super) struct Lane {
    pub(super) limits: LaneLimits,
    pub(super) in_flight: usize,
    pub(super) retries: usize,
    /// When the first delivery of each class is due, as far as it is known.
    pub(super) due: [Option<Timestamp>; 3],
    /// Where the lane stands in the index, by class.
    pub(super) indexed: [Option<Timestamp>; 3],
    pub(super) is_paused: bool,
    /// Its endpoint is disabled or gone.
    pub(super) is_closed: bool,
    pub(super) failures: u32,
    /// How often in a row a fault of this machine kept its requests from being sent.
    pub(super) postponed: u32,
    /// The next attempt begins then or later.
    pub(super) not_before: Timestamp,
}

pub(super) fn place(class: QueueClass) -> usize {
    match class {
        QueueClass::First => 0,
        QueueClass::Retry => 1,
        QueueClass::Suspect => 2,
    }
}

/// The share of slots that retries may take.
pub(super) fn for_retries(slots: usize) -> usize {
    (slots - slots / 4).max(1)
}

impl Lane {
    pub(super) fn is_failing(&self) -> bool {
        self.failures >= FAILURES
    }

    pub(super) fn concurrency(&self) -> usize {
        match (self.limits.is_ordered || self.postponed > 0, self.is_failing()) {
            (true, _) => 1,
            (false, true) => self.limits.concurrency.min(FAILING_CONCURRENCY),
            (false, false) => self.limits.concurrency,
        }
    }

    /// Slots that a class has left.
    pub(super) fn room(&self, class: QueueClass) -> usize {
        if self.is_paused || self.is_closed {
            return 0;
        }
        let free = self.concurrency().saturating_sub(self.in_flight);
        match class {
            // In order, a delivery that was tried comes before those that were not.
            QueueClass::First if self.limits.is_ordered && (self.due[1].is_some() || self.due[2].is_some()) => 0,
            QueueClass::First => free,
            QueueClass::Retry => free.min(for_retries(self.concurrency()).saturating_sub(self.retries)),
            QueueClass::Suspect => free.min(1),
        }
    }

    /// Whether a delivery may begin with its event, with half of all slots free or not.
    pub(super) fn has_room_at_once(&self, is_half_free: bool) -> bool {
        let may_burst = is_half_free && self.limits.may_burst && self.concurrency() == CONCURRENCY;
        let is_open = !self.is_paused && !self.is_closed && !self.limits.is_ordered;
        self.room(QueueClass::First) > 0 || (may_burst && is_open && self.in_flight < BURST)
    }

    /// The time between two beginnings.
    pub(super) fn gap(&self, time_scale: f64) -> Option<Duration> {
        let own = self
            .limits
            .rate
            .and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok());
        let slowed = self.is_failing().then(|| FAILING_GAP.div_f64(time_scale));
        own.max(slowed)
    }

    pub(super) fn begin(&mut self, class: QueueClass, count: usize, now: Timestamp, time_scale: f64) {
        self.occupy(class, count);
        if let Some(gap) = self.gap(time_scale) {
            self.not_before = self.not_before.max(now).plus(gap);
        }
    }

    /// Takes slots.
    pub(super) fn occupy(&mut self, class: QueueClass, count: usize) {
        self.in_flight += count;
        if class != QueueClass::First {
            self.retries += count;
        }
    }

    pub(super) fn end(&mut self, class: QueueClass, count: usize) {
        self.in_flight = self.in_flight.saturating_sub(count);
        if class != QueueClass::First {
            self.retries = self.retries.saturating_sub(count);
        }
    }

    /// Nothing could be sent: waits twice as long as the last time, however many requests fail together.
    pub(super) fn postpone(&mut self, now: Timestamp, time_scale: f64) {
        if self.not_before > now && self.postponed > 0 {
            return;
        }
        let doubled = POSTPONED_FIRST.saturating_mul(1 << self.postponed.min(16));
        let wait = doubled.min(POSTPONED_MOST).div_f64(time_scale);
        self.postponed = self.postponed.saturating_add(1);
        self.not_before = self.not_before.max(now.plus(wait));
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_flight == 0
            && self.due == [None; 3]
            && !self.is_paused
            && !self.is_closed
            && self.failures == 0
            && self.postponed == 0
    }
}
