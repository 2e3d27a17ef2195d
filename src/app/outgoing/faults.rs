//! A sender with faults: repeated, reordered, late and simultaneous deliveries, and what the receiver made of them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::tamper::Tamper;
use crate::clock::Timestamp;
use crate::engine::{Delivery, FaultInjector, Signing};
use crate::exchange::{ErrorKind, Outcome};
use crate::id::{Id, IdKind};
use crate::random::Random;

/// Deliveries that are put in another order together, at most, and the bytes of their bodies.
const SHUFFLED: usize = 1024;
const SHUFFLED_BYTES: usize = 8 * 1024 * 1024;

/// Events that are listed in the report, of each kind.
const LISTED: usize = 100;

/// The faults of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FaultOptions {
    /// What is wrong with every request.
    pub tamper: Option<Tamper>,
    /// How often each event is sent, 0 counts as once.
    pub duplicate: u32,
    /// Send in a random order.
    pub shuffle: bool,
    /// Before each delivery a random wait up to this.
    pub jitter: Option<Duration>,
    /// So many at once, then the next ones.
    pub burst: Option<usize>,
    /// Take the first answer with success for one that came after the time limit.
    pub late_success: bool,
    /// Makes order and waits the same on every run.
    pub seed: Option<u64>,
}

impl FaultOptions {
    /// Whether there is any fault.
    pub fn is_any(&self) -> bool {
        // Neither a seed nor a single copy is one.
        let plain = Self {
            duplicate: self.duplicate.min(1),
            seed: self.seed,
            ..Self::default()
        };
        *self != plain
    }

    /// Requests in flight at once to one target: with repeated or reordered events one by one, unless a burst is wanted.
    pub fn concurrency(&self, usual: usize, given: Option<usize>) -> usize {
        let is_ordered = self.shuffle || self.duplicate > 1;
        let wanted = self.burst.or(given).or(is_ordered.then_some(1)).unwrap_or(usual);
        wanted.max(self.burst.unwrap_or_default())
    }
}

/// Puts deliveries in order: copies, waits, another sequence.
pub(super) struct Sequencer<'a> {
    options: &'a FaultOptions,
    random: Random,
    waiting: Vec<Delivery>,
    bytes: usize,
}

impl<'a> Sequencer<'a> {
    pub(super) fn new(options: &'a FaultOptions) -> Self {
        Self {
            options,
            random: options.seed.map_or_else(Random::os, Random::seeded),
            waiting: Vec::new(),
            bytes: 0,
        }
    }

    /// A delivery and its copies, with their waits; `now` is the time from which they wait.
    pub(super) fn copies(&self, delivery: Delivery, now: Timestamp) -> Vec<Delivery> {
        let copies = (0..self.options.duplicate.max(1)).map(|number| {
            let mut copy = delivery.clone();
            if number > 0 {
                copy.id = Id::new(IdKind::Delivery, now, &self.random);
            }
            if let Some(most) = self.options.jitter {
                copy.progress.next_due = Some(now.plus(most.mul_f64(self.random.unit())));
            }
            copy
        });
        copies.collect()
    }

    /// Takes a delivery, and gives back those that go out now.
    pub(super) fn push(&mut self, delivery: Delivery) -> Vec<Delivery> {
        if !self.options.shuffle {
            return vec![delivery];
        }
        self.bytes += delivery.message.body.len();
        self.waiting.push(delivery);
        if self.waiting.len() < SHUFFLED && self.bytes < SHUFFLED_BYTES {
            return Vec::new();
        }
        self.rest()
    }

    /// What waits, in another order.
    pub(super) fn rest(&mut self) -> Vec<Delivery> {
        self.bytes = 0;
        let mut rest = std::mem::take(&mut self.waiting);
        for last in (1..rest.len()).rev() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "1024 at most"
            )]
            let other = (self.random.unit() * (last + 1) as f64) as usize;
            rest.swap(last, other.min(last));
        }
        rest
    }
}

/// What the receiver accepted that it should look at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FaultReport {
    /// Requests that were sent.
    pub requests: u64,
    /// Those that were answered with success.
    pub accepted: u64,
    /// Those of them whose signature was wrong on purpose.
    pub accepted_tampered: u64,
    /// Events that were accepted more than once.
    pub accepted_twice: u64,
    /// Events that were accepted after a later one had been.
    pub out_of_order: u64,
    /// The first of the events that were accepted more than once.
    pub twice: Vec<AcceptedEvent>,
    /// The first of those that were accepted out of order.
    pub late: Vec<AcceptedEvent>,
}

/// An event that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AcceptedEvent {
    /// Its number in the run, counted from 1.
    pub number: u64,
    /// The id that the receiver reads.
    pub event_id: String,
    /// By which target, where there are several.
    pub target: Option<String>,
    /// How often.
    pub times: u32,
    /// The latest event that had been accepted when the request began, where that is a later one.
    pub after: Option<u64>,
}

/// Watches a run for its report, and makes successes late.
#[derive(Debug)]
pub(super) struct FaultWatch {
    late_success: bool,
    several_targets: bool,
    state: Mutex<WatchState>,
}

#[derive(Debug, Default)]
struct WatchState {
    deliveries: HashMap<Id, Tracked>,
    /// How often each target accepted each event.
    accepted: HashMap<(usize, u64), u32>,
    /// The latest event that each target accepted.
    latest: HashMap<usize, u64>,
    report: FaultReport,
}

#[derive(Debug, Clone, Copy)]
struct Tracked {
    target: usize,
    number: u64,
    /// The latest event that was accepted when the last attempt began.
    begun_after: Option<u64>,
}

impl FaultWatch {
    pub(super) fn new(late_success: bool, targets: usize) -> Self {
        Self {
            late_success,
            several_targets: targets > 1,
            state: Mutex::default(),
        }
    }

    /// A delivery of the event of that number to the target at that place.
    pub(super) fn track(&self, delivery: Id, target: usize, number: u64) {
        let begun_after = None;
        let tracked = Tracked {
            target,
            number,
            begun_after,
        };
        self.state().deliveries.insert(delivery, tracked);
    }

    pub(super) fn report(&self) -> FaultReport {
        self.state().report.clone()
    }

    fn state(&self) -> MutexGuard<'_, WatchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FaultInjector for FaultWatch {
    fn begin(&self, delivery: &Delivery) {
        let state = &mut *self.state();
        state.report.requests += 1;
        if let Some(tracked) = state.deliveries.get_mut(&delivery.id) {
            tracked.begun_after = state.latest.get(&tracked.target).copied();
        }
    }

    fn outcome(&self, delivery: &Delivery, attempt: u32, outcome: Outcome) -> Outcome {
        let is_success = outcome
            .status()
            .is_some_and(|status| delivery.policy.success.contains(status));
        if !is_success {
            return outcome;
        }
        let target = self.several_targets.then(|| {
            let url = || crate::mask::url(delivery.url.as_str());
            delivery.label.endpoint.clone().unwrap_or_else(url)
        });
        self.state().accept(delivery, target);
        if !self.late_success || attempt > 1 {
            return outcome;
        }
        Outcome::Error {
            kind: ErrorKind::Timeout,
            text: format!("gave up on purpose before the answer {} came", outcome.summary()),
        }
    }
}

impl WatchState {
    fn accept(&mut self, delivery: &Delivery, target: Option<String>) {
        let report = &mut self.report;
        report.accepted += 1;
        report.accepted_tampered += u64::from(matches!(delivery.signing, Signing::Invalid(_)));
        let Some(tracked) = self.deliveries.get(&delivery.id).copied() else {
            return;
        };
        let times = self.accepted.entry((tracked.target, tracked.number)).or_default();
        *times += 1;
        let latest = self.latest.entry(tracked.target).or_default();
        *latest = tracked.number.max(*latest);
        let mut accepted = AcceptedEvent {
            number: tracked.number,
            event_id: delivery.message.wire_id.clone(),
            target,
            times: *times,
            after: tracked.begun_after.filter(|after| *after > tracked.number),
        };
        match *times {
            1 if accepted.after.is_some() => {
                report.out_of_order += 1;
                if report.late.len() < LISTED {
                    report.late.push(accepted);
                }
            }
            1 => {}
            2 => {
                report.accepted_twice += 1;
                if report.twice.len() < LISTED {
                    accepted.after = None;
                    report.twice.push(accepted);
                }
            }
            more => {
                let same =
                    |event: &&mut AcceptedEvent| (event.number, &event.target) == (accepted.number, &accepted.target);
                if let Some(event) = report.twice.iter_mut().find(same) {
                    event.times = more;
                }
            }
        }
    }
}
