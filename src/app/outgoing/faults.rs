//! A sender with faults: repeated, reordered, late and simultaneous deliveries, and what the receiver made of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::burst::Burst;
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
    pub(super) fn copies(&self, delivery: &Delivery, now: Timestamp) -> Vec<Delivery> {
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
    pub events_accepted_twice: Vec<AcceptedEvent>,
    /// The first of those that were accepted out of order.
    pub events_out_of_order: Vec<AcceptedEvent>,
}

/// An event that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AcceptedEvent {
    /// Its number in the run, counted from 1.
    pub number: u64,
    /// Its type.
    pub event: String,
    /// The id that the receiver reads, where there is one.
    pub event_id: Option<String>,
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
    /// Waits for first attempts.
    burst: Option<Arc<Burst>>,
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
    pub(super) fn new(late_success: bool, targets: usize, burst: Option<Arc<Burst>>) -> Self {
        Self {
            burst,
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

    fn gone(&self, delivery: Id) {
        if let Some(burst) = &self.burst {
            burst.end(delivery);
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
            event: delivery.message.event.clone(),
            event_id: Some(delivery.message.wire_id.clone()).filter(|id| !id.is_empty()),
            target,
            times: *times,
            after: tracked.begun_after.filter(|after| *after > tracked.number),
        };
        match *times {
            1 if accepted.after.is_some() => {
                report.out_of_order += 1;
                if report.events_out_of_order.len() < LISTED {
                    report.events_out_of_order.push(accepted);
                }
            }
            1 => {}
            2 => {
                report.accepted_twice += 1;
                if report.events_accepted_twice.len() < LISTED {
                    accepted.after = None;
                    report.events_accepted_twice.push(accepted);
                }
            }
            more => {
                let same =
                    |event: &&mut AcceptedEvent| (event.number, &event.target) == (accepted.number, &accepted.target);
                if let Some(event) = report.events_accepted_twice.iter_mut().find(same) {
                    event.times = more;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use super::*;
    use crate::engine::Label;
    use crate::exchange::Answer;
    use crate::message::{Message, Mode};
    use crate::provider::policy::Policy;

    fn delivery(random: &Random) -> Delivery {
        let now = Timestamp::from_unix(1000);
        let message = Message {
            id: Id::new(IdKind::Message, now, random),
            wire_id: "evt".to_owned(),
            event: "job.paid".to_owned(),
            time: now,
            mode: Mode::default(),
            content_type: "application/json".to_owned(),
            body: b"{}".as_slice().into(),
        };
        let url = "http://127.0.0.1:9/".parse().unwrap();
        let policy = Arc::new(Policy::default());
        Delivery::new(random, now, message, url, Signing::AsCaptured, policy, Label::default())
    }

    fn answer(status: u16) -> Outcome {
        Outcome::Answer(Answer {
            status,
            ..Answer::default()
        })
    }

    #[test]
    fn neither_a_seed_nor_a_single_copy_is_a_fault() {
        let none = FaultOptions {
            duplicate: 1,
            seed: Some(1),
            ..FaultOptions::default()
        };
        assert!(!none.is_any() && !FaultOptions::default().is_any());
        for fault in [
            FaultOptions {
                duplicate: 2,
                ..none.clone()
            },
            FaultOptions {
                shuffle: true,
                ..none.clone()
            },
            FaultOptions {
                burst: Some(2),
                ..none.clone()
            },
        ] {
            assert!(fault.is_any(), "{fault:?}");
        }
    }

    #[test]
    fn repeated_and_shuffled_events_go_one_by_one_unless_more_is_wanted() {
        let options = |duplicate, burst| FaultOptions {
            duplicate,
            burst,
            ..FaultOptions::default()
        };
        assert_eq!(options(1, None).concurrency(16, None), 16);
        assert_eq!(options(2, None).concurrency(16, None), 1);
        assert_eq!(options(2, None).concurrency(16, Some(4)), 4);
        assert_eq!(options(2, Some(8)).concurrency(16, Some(4)), 8);
    }

    #[test]
    fn a_seed_gives_the_same_order_and_the_same_waits() {
        let random = Random::seeded(9);
        let all: Vec<_> = (0..20).map(|_| delivery(&random)).collect();
        let run = |seed| {
            let options = FaultOptions {
                shuffle: true,
                jitter: Some(Duration::from_secs(5)),
                seed: Some(seed),
                ..FaultOptions::default()
            };
            let mut sequencer = Sequencer::new(&options);
            let now = Timestamp::from_unix(1000);
            for delivery in &all {
                for copy in sequencer.copies(delivery, now) {
                    assert!(sequencer.push(copy).is_empty());
                }
            }
            let rest = sequencer.rest();
            let waits: Vec<_> = rest
                .iter()
                .map(|one| one.progress.next_due.unwrap().since(now))
                .collect();
            assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(5)));
            (rest.iter().map(|one| one.id).collect::<Vec<_>>(), waits)
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1).0, run(2).0);
        let ids = run(1).0;
        let before: Vec<_> = all.iter().map(|one| one.id).collect();
        assert_ne!(ids, before, "the order is another one");
        assert_eq!(
            ids.iter().collect::<HashSet<_>>(),
            before.iter().collect(),
            "each goes out once"
        );
    }

    #[test]
    fn copies_are_deliveries_of_one_message() {
        let options = FaultOptions {
            duplicate: 3,
            ..FaultOptions::default()
        };
        let copies = Sequencer::new(&options).copies(&delivery(&Random::seeded(1)), Timestamp::from_unix(1000));
        let mut ids: Vec<_> = copies.iter().map(|copy| copy.id).collect();
        ids.dedup();
        assert_eq!(ids.len(), 3);
        assert!(copies.iter().all(|copy| copy.message.id == copies[0].message.id));
    }

    #[test]
    fn what_was_accepted_twice_or_after_a_later_event_is_reported_once() {
        let random = Random::seeded(1);
        let watch = FaultWatch::new(false, 1, None);
        let [first, copy, second, third] = [(); 4].map(|()| delivery(&random));
        for (delivery, number) in [(&first, 1), (&copy, 1), (&second, 2), (&third, 3)] {
            watch.track(delivery.id, 0, number);
        }
        let accept = |delivery: &Delivery| {
            watch.begin(delivery);
            watch.outcome(delivery, 1, answer(200));
        };
        // Both were under way at once: their order is open.
        watch.begin(&second);
        accept(&third);
        watch.outcome(&second, 1, answer(200));
        assert_eq!(watch.report().out_of_order, 0);
        watch.begin(&first);
        watch.outcome(&first, 1, answer(500));
        accept(&first);
        accept(&copy);
        let report = watch.report();
        assert_eq!((report.requests, report.accepted), (5, 4));
        assert_eq!((report.accepted_twice, report.out_of_order), (1, 1));
        assert_eq!(
            (
                report.events_accepted_twice[0].number,
                report.events_accepted_twice[0].times
            ),
            (1, 2)
        );
        assert_eq!(
            (
                report.events_out_of_order[0].number,
                report.events_out_of_order[0].after
            ),
            (1, Some(3))
        );
    }

    #[test]
    fn a_late_success_is_a_timeout_once_and_counts_as_accepted() {
        let watch = FaultWatch::new(true, 1, None);
        let one = delivery(&Random::seeded(1));
        watch.track(one.id, 0, 1);
        let is_timeout = |outcome: Outcome| outcome.error().is_some_and(|(kind, _)| kind == ErrorKind::Timeout);
        assert!(is_timeout(watch.outcome(&one, 1, answer(200))));
        assert_eq!(watch.outcome(&one, 2, answer(200)).status(), Some(200));
        assert_eq!(watch.report().accepted_twice, 1);
        assert_eq!(
            watch.outcome(&one, 1, answer(500)).status(),
            Some(500),
            "a failure is none"
        );
    }
}
