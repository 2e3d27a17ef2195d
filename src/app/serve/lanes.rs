//! Which lane of the queue may begin an attempt, and when. Pure: the moment is given, and nothing is read or sent here.
//!
//! A lane has room as long as its own limits and those of all lanes together allow one more attempt. Retries never take the
//! last slots, which are for first attempts, and a lane that keeps failing has few: all such lanes together never have more than
//! half of the slots, so that targets that do not answer leave the others theirs.

mod views;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::lane::{Lane, LaneLimits, for_retries, place};
use crate::clock::Timestamp;
use crate::store::QueueClass;

/// The name of a lane.
pub(super) type LaneName = Arc<str>;

/// How the lanes of deliveries begin that go to no endpoint of the book.
pub(super) const URL_LANE: &str = "url:";

/// Deliveries that are taken at once from one lane.
const BATCH: usize = 64;

/// Deliveries to be taken from the ledger: the slots for them are reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) lane: LaneName,
    pub(super) class: QueueClass,
    /// How many at most.
    pub(super) limit: usize,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// With success.
    Delivered,
    /// The target failed.
    Failed,
    /// It says nothing about the target.
    Unknown,
}

/// All lanes of one owner.
#[derive(Debug)]
pub(super) struct Lanes {
    /// Attempts at once.
    pub(super) total: usize,
    time_scale: f64,
    by_name: HashMap<LaneName, Lane>,
    /// Lanes with room and something to do, by when it may begin, for each class: those that keep failing apart.
    index: [[BTreeSet<(Timestamp, LaneName)>; 3]; 2],
    in_flight: usize,
    /// Attempts that are over and not on record yet: they take no slot.
    answered: usize,
    /// How often those numbers have changed.
    changes: u64,
    retries: usize,
    suspects: usize,
    /// Attempts in flight to targets that keep failing.
    failing: usize,
    /// Lanes that wait for a fault of this machine to end.
    postponed: usize,
    is_paused: bool,
}

impl Lanes {
    /// No lanes: at most `total` attempts at once.
    pub(super) fn new(total: usize, time_scale: f64) -> Self {
        Self {
            total,
            time_scale,
            by_name: HashMap::new(),
            index: Default::default(),
            in_flight: 0,
            answered: 0,
            changes: 0,
            retries: 0,
            suspects: 0,
            failing: 0,
            postponed: 0,
            is_paused: false,
        }
    }

    /// Something of that class is due in a lane.
    pub(super) fn add(&mut self, name: &str, class: QueueClass, due: Timestamp) {
        self.change(name, |lane| {
            let known = &mut lane.due[place(class)];
            *known = Some(known.map_or(due, |known| known.min(due)));
        });
    }

    /// Takes a slot for a first attempt that begins at once, without waiting in the ledger. `false` when it has to wait.
    pub(super) fn reserve(&mut self, name: &str, now: Timestamp) -> bool {
        if self.is_paused || self.in_flight >= self.total {
            return false;
        }
        let (time_scale, for_failing) = (self.time_scale, self.room(QueueClass::First, true));
        let is_half_free = self.in_flight < self.total / 2;
        let is_free = self.change(name, |lane| {
            // Those that wait come first.
            let waits = lane.due[0].is_some_and(|due| due <= now) || lane.not_before > now;
            let is_free = !waits && lane.has_room_at_once(is_half_free) && (for_failing > 0 || !lane.is_failing());
            if is_free {
                lane.begin(QueueClass::First, 1, now, time_scale);
            }
            is_free
        });
        self.in_flight += usize::from(is_free);
        self.changes += u64::from(is_free);
        is_free
    }

    /// The next deliveries to take; their slots are reserved until [`Lanes::taken`].
    pub(super) fn next(&mut self, now: Timestamp) -> Option<Order> {
        let (_, class, is_failing) = self.next_class().filter(|(due, ..)| *due <= now)?;
        let (_, name) = self.index[usize::from(is_failing)][place(class)].first()?.clone();
        let (free, time_scale) = (self.room(class, is_failing), self.time_scale);
        let limit = self.change(&name, |lane| {
            let most = if lane.gap(time_scale).is_some() { 1 } else { BATCH };
            let limit = lane.room(class).min(free).min(most);
            lane.due[place(class)] = None;
            lane.begin(class, limit, now, time_scale);
            limit
        });
        self.count(class, limit);
        let lane = name;
        Some(Order { lane, class, limit })
    }

    /// The order was carried out: so many were taken, and the next one of its class is due then.
    pub(super) fn taken(&mut self, order: &Order, count: usize, next_due: Option<Timestamp>) {
        let unused = order.limit.saturating_sub(count);
        self.change(&order.lane, |lane| lane.end(order.class, unused));
        self.uncount(order.class, unused);
        if let Some(due) = next_due {
            self.add(&order.lane, order.class, due);
        }
    }

    /// A target has accepted a delivery: its slot is free before that is on record. `false` where the slot is kept until then: in
    /// order, and where a delivery is tried alone.
    pub(super) fn answered(&mut self, name: &str, class: QueueClass) -> bool {
        let is_freed = class != QueueClass::Suspect
            && self.change(name, |lane| {
                let is_freed = !lane.limits.is_ordered;
                lane.end(class, usize::from(is_freed));
                is_freed
            });
        if is_freed {
            self.answered += 1;
            self.uncount(class, 1);
        }
        is_freed
    }

    /// What was answered is on record, and ends as if it had kept its slot.
    pub(super) fn recall(&mut self, name: &str, class: QueueClass) {
        self.answered = self.answered.saturating_sub(1);
        self.count(class, 1);
        self.change(name, |lane| lane.occupy(class, 1));
    }

    /// An attempt has ended.
    pub(super) fn ended(&mut self, name: &str, class: QueueClass, how: Ended) {
        self.change(name, |lane| {
            lane.end(class, 1);
            lane.failures = match how {
                Ended::Delivered => 0,
                Ended::Failed => lane.failures.saturating_add(1),
                Ended::Unknown => lane.failures,
            };
            if how != Ended::Unknown {
                lane.postponed = 0;
            }
            if how == Ended::Delivered && lane.limits.rate.is_none() {
                lane.not_before = Timestamp::default();
            }
        });
        self.uncount(class, 1);
    }

    /// A fault of this machine kept a request from being sent: its delivery is due as before, and its lane waits. Says
    /// nothing about the target.
    pub(super) fn postpone(&mut self, name: &str, class: QueueClass, now: Timestamp) {
        let time_scale = self.time_scale;
        self.ended(name, class, Ended::Unknown);
        self.change(name, |lane| lane.postpone(now, time_scale));
        self.add(name, class, now);
    }

    /// Whether a lane waits for a fault of this machine to end.
    pub(super) fn is_postponing(&self) -> bool {
        self.postponed > 0
    }

    /// When something may begin; absent: only after an event.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        self.next_class().map(|(due, ..)| due)
    }

    /// Sets the limits of a lane.
    pub(super) fn limit(&mut self, name: &str, limits: LaneLimits) {
        self.change(name, |lane| lane.limits = limits);
    }

    /// Pauses everything, or resumes it.
    pub(super) fn pause_all(&mut self, is_paused: bool) {
        self.is_paused = is_paused;
    }

    /// Pauses exactly these lanes.
    pub(super) fn pause_only(&mut self, paused: &[String]) {
        let names: Vec<LaneName> = self.by_name.keys().cloned().collect();
        for name in names {
            let is_paused = paused.iter().any(|paused| **paused == *name);
            self.change(&name, |lane| lane.is_paused = is_paused);
        }
        for name in paused.iter().filter(|name| !name.is_empty()) {
            self.change(name, |lane| lane.is_paused = true);
        }
    }

    /// Pauses a lane, or resumes it.
    pub(super) fn pause(&mut self, name: &str, is_paused: bool) {
        self.change(name, |lane| lane.is_paused = is_paused);
    }

    /// Closes a lane, whose endpoint is disabled or gone, or opens it again.
    pub(super) fn close(&mut self, name: &str, is_closed: bool) {
        self.change(name, |lane| {
            if lane.is_closed && !is_closed {
                lane.failures = 0;
            }
            lane.is_closed = is_closed;
            if is_closed {
                lane.postponed = 0;
            }
        });
    }

    /// Closes the lanes that `is_gone` names.
    pub(super) fn close_all(&mut self, is_gone: impl Fn(&str) -> bool) {
        let gone = self.by_name.keys().filter(|name| is_gone(name));
        let gone: Vec<LaneName> = gone.cloned().collect();
        for name in gone {
            self.close(&name, true);
        }
    }

    /// Slots that a class has left of those for all lanes, or for all that keep failing.
    fn room(&self, class: QueueClass, is_failing: bool) -> usize {
        let mut free = self.total.saturating_sub(self.in_flight);
        if is_failing {
            free = free.min((self.total / 2).max(1).saturating_sub(self.failing));
        }
        match class {
            QueueClass::First => free,
            QueueClass::Retry => free.min(for_retries(self.total).saturating_sub(self.retries)),
            QueueClass::Suspect => free.min(1_usize.saturating_sub(self.suspects)),
        }
    }

    /// The class whose turn it is, since when, and whether it is that of lanes that keep failing.
    fn next_class(&self) -> Option<(Timestamp, QueueClass, bool)> {
        if self.is_paused {
            return None;
        }
        let all = [false, true]
            .into_iter()
            .flat_map(|is_failing| QueueClass::ALL.iter().map(move |class| (*class, is_failing)));
        let due = |(class, is_failing): (QueueClass, bool)| {
            let (due, _) = self.index[usize::from(is_failing)][place(class)].first()?;
            (self.room(class, is_failing) > 0).then_some((*due, class, is_failing))
        };
        all.filter_map(due).min()
    }

    fn count(&mut self, class: QueueClass, count: usize) {
        self.in_flight += count;
        self.changes += 1;
        if class != QueueClass::First {
            self.retries += count;
        }
        if class == QueueClass::Suspect {
            self.suspects += count;
        }
    }

    fn uncount(&mut self, class: QueueClass, count: usize) {
        self.in_flight = self.in_flight.saturating_sub(count);
        self.changes += 1;
        if class != QueueClass::First {
            self.retries = self.retries.saturating_sub(count);
        }
        if class == QueueClass::Suspect {
            self.suspects = self.suspects.saturating_sub(count);
        }
    }

    /// Changes a lane, and its places in the index.
    fn change<T>(&mut self, name: &str, change: impl FnOnce(&mut Lane) -> T) -> T {
        let name: LaneName = match self.by_name.get_key_value(name) {
            Some((known, _)) => Arc::clone(known),
            None => name.into(),
        };
        let lane = self.by_name.entry(Arc::clone(&name)).or_default();
        let was_failing = lane.is_failing();
        self.postponed -= usize::from(lane.postponed > 0);
        self.failing -= if was_failing { lane.in_flight } else { 0 };
        let changed = change(lane);
        let is_failing = lane.is_failing();
        self.postponed += usize::from(lane.postponed > 0);
        self.failing += if is_failing { lane.in_flight } else { 0 };
        for class in QueueClass::ALL {
            let at = place(*class);
            let wanted = lane.due[at].filter(|_| lane.room(*class) > 0);
            let wanted = wanted.map(|due| due.max(lane.not_before));
            if wanted == lane.indexed[at] && was_failing == is_failing {
                continue;
            }
            if let Some(old) = lane.indexed[at] {
                self.index[usize::from(was_failing)][at].remove(&(old, Arc::clone(&name)));
            }
            if let Some(new) = wanted {
                self.index[usize::from(is_failing)][at].insert((new, Arc::clone(&name)));
            }
            lane.indexed[at] = wanted;
        }
        if lane.is_idle() && lane.limits == LaneLimits::default() {
            self.by_name.remove(&name);
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::super::lane::FAILURES;
    use super::super::stats::Outlook;
    use super::*;
    use QueueClass::{First, Retry, Suspect};

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    fn lanes() -> Lanes {
        Lanes::new(256, 1.0)
    }

    fn order(lane: &str, class: QueueClass, limit: usize) -> Order {
        Order {
            lane: lane.into(),
            class,
            limit,
        }
    }

    #[test]
    fn the_longest_waiting_lane_is_next_and_nothing_before_it_is_due() {
        let mut lanes = lanes();
        lanes.add("b", First, at(20));
        lanes.add("a", Retry, at(10));
        assert_eq!((lanes.next(at(9)), lanes.wake_at()), (None, Some(at(10))));
        assert_eq!(lanes.next(at(30)), Some(order("a", Retry, 48)));
        assert_eq!(lanes.next(at(30)), Some(order("b", First, 64)));
        assert_eq!((lanes.next(at(30)), lanes.wake_at()), (None, None));
    }

    #[test]
    fn what_was_not_taken_gives_its_slots_back_and_the_rest_stays_due() {
        let mut lanes = lanes();
        lanes.add("a", First, at(0));
        let first = lanes.next(at(0)).unwrap();
        lanes.taken(&first, 3, Some(at(5)));
        assert_eq!(lanes.in_flight, 3);
        assert_eq!(lanes.next(at(5)), Some(order("a", First, 61)));
    }

    #[test]
    fn a_lane_has_as_many_slots_as_its_limit_and_retries_leave_some_to_first_attempts() {
        let mut lanes = lanes();
        lanes.limit(
            "a",
            LaneLimits {
                concurrency: 4,
                ..LaneLimits::default()
            },
        );
        lanes.add("a", Retry, at(0));
        let retries = lanes.next(at(0)).unwrap();
        assert_eq!(retries.limit, 3);
        lanes.taken(&retries, 3, Some(at(0)));
        assert_eq!(lanes.next(at(0)), None);
        assert!(lanes.reserve("a", at(0)));
        assert!(!lanes.reserve("a", at(0)));
        lanes.ended("a", Retry, Ended::Delivered);
        assert_eq!(lanes.next(at(0)), Some(order("a", Retry, 1)));
    }

    #[test]
    fn a_lane_without_a_limit_of_its_own_has_twice_as_many_slots_while_half_of_all_are_free() {
        let mut lanes = lanes();
        let own = LaneLimits {
            may_burst: false,
            ..LaneLimits::default()
        };
        lanes.limit("b", own);
        let mut begun = |name: &str| std::iter::from_fn(|| lanes.reserve(name, at(0)).then_some(())).count();
        assert_eq!(begun("b"), 64);
        assert_eq!(begun("a"), 64, "half of all slots are taken");
        lanes = self::lanes();
        let mut begun = |name: &str| std::iter::from_fn(|| lanes.reserve(name, at(0)).then_some(())).count();
        assert_eq!((begun("a"), begun("c")), (128, 64));
        lanes.add("a", First, at(0));
        assert_eq!(lanes.next(at(0)), None);
    }

    #[test]
    fn an_accepted_delivery_frees_its_slot_before_it_is_on_record_and_counts_until_then() {
        let mut lanes = lanes();
        let one = LaneLimits {
            concurrency: 1,
            may_burst: false,
            ..LaneLimits::default()
        };
        lanes.limit("a", one);
        assert!(lanes.reserve("a", at(0)));
        assert!(!lanes.reserve("a", at(0)));
        assert!(lanes.answered("a", First));
        assert!(lanes.reserve("a", at(0)));
        assert_eq!(lanes.in_flight().0, 2);
        lanes.recall("a", First);
        lanes.ended("a", First, Ended::Delivered);
        assert_eq!(lanes.in_flight().0, 1);
        assert!(!lanes.reserve("a", at(0)));
        lanes.limit(
            "b",
            LaneLimits {
                is_ordered: true,
                ..one
            },
        );
        assert!(lanes.reserve("b", at(0)));
        assert!(!lanes.answered("b", First), "the next one waits for the record");
    }

    #[test]
    fn retries_of_many_lanes_leave_slots_to_first_attempts() {
        let mut lanes = Lanes::new(16, 1.0);
        for name in ["a", "b", "c"] {
            lanes.add(name, Retry, at(0));
        }
        let taken: usize = std::iter::from_fn(|| lanes.next(at(0))).map(|order| order.limit).sum();
        assert_eq!(taken, 12);
        assert!(lanes.reserve("d", at(0)));
    }

    #[test]
    fn an_ordered_lane_has_one_attempt_at_once_and_a_retry_comes_before_the_others() {
        let mut lanes = lanes();
        lanes.limit(
            "a",
            LaneLimits {
                is_ordered: true,
                ..LaneLimits::default()
            },
        );
        assert!(lanes.reserve("a", at(0)));
        lanes.add("a", First, at(1));
        assert_eq!(lanes.next(at(9)), None);
        lanes.ended("a", First, Ended::Failed);
        lanes.add("a", Retry, at(50));
        assert_eq!((lanes.next(at(9)), lanes.wake_at()), (None, Some(at(50))));
        assert!(!lanes.reserve("a", at(9)));
        let retry = lanes.next(at(50)).unwrap();
        assert_eq!((retry.class, retry.limit), (Retry, 1));
        lanes.taken(&retry, 1, None);
        lanes.ended("a", Retry, Ended::Delivered);
        assert_eq!(lanes.next(at(50)), Some(order("a", First, 1)));
    }

    #[test]
    fn a_rate_spreads_the_beginnings() {
        let mut lanes = lanes();
        lanes.limit(
            "a",
            LaneLimits {
                rate: Some(10.0),
                ..LaneLimits::default()
            },
        );
        assert!(lanes.reserve("a", at(0)));
        assert!(!lanes.reserve("a", at(50)));
        lanes.add("a", First, at(50));
        assert_eq!((lanes.next(at(60)), lanes.wake_at()), (None, Some(at(100))));
        let one = lanes.next(at(100)).unwrap();
        assert_eq!(one.limit, 1);
        lanes.taken(&one, 1, Some(at(50)));
        assert_eq!(lanes.wake_at(), Some(at(200)));
    }

    #[test]
    fn a_lane_that_keeps_failing_is_slowed_down_until_a_success() {
        let mut lanes = lanes();
        for _ in 0..FAILURES {
            assert!(lanes.reserve("a", at(0)));
            lanes.ended("a", First, Ended::Failed);
        }
        assert_eq!(lanes.failing().len(), 1);
        lanes.add("a", Retry, at(0));
        let one = lanes.next(at(0)).unwrap();
        assert_eq!(one.limit, 1);
        lanes.taken(&one, 1, Some(at(0)));
        assert_eq!((lanes.next(at(99)), lanes.wake_at()), (None, Some(at(100))));
        lanes.ended("a", Retry, Ended::Delivered);
        assert!(lanes.failing().is_empty());
        assert_eq!(lanes.next(at(99)), Some(order("a", Retry, 48)));
    }

    #[test]
    fn lanes_that_keep_failing_leave_half_of_the_slots_to_the_others() {
        let mut lanes = Lanes::new(16, 1.0);
        for name in ["a", "b", "c"] {
            for _ in 0..FAILURES {
                assert!(lanes.reserve(name, at(0)));
                lanes.ended(name, First, Ended::Failed);
            }
            lanes.add(name, First, at(0));
        }
        // One after the other, as their gaps allow.
        for now in (0..10_000).step_by(100) {
            while let Some(one) = lanes.next(at(now)) {
                lanes.taken(&one, 1, Some(at(0)));
            }
        }
        assert_eq!((lanes.in_flight, lanes.failing), (8, 8));
        assert!(!lanes.reserve("a", at(10_000)));
        lanes.add("good", First, at(9_999));
        assert_eq!(lanes.next(at(10_000)), Some(order("good", First, 8)));
        // One that works again is not one of them any more.
        let full = lanes.next(at(10_000));
        lanes.ended("a", First, Ended::Delivered);
        assert_eq!(
            (full, lanes.failing),
            (
                None,
                lanes.failing().iter().map(|name| lanes.by_name[name].in_flight).sum()
            )
        );
        assert!(lanes.next(at(10_000)).is_some());
    }

    #[test]
    fn a_fault_of_this_machine_holds_a_lane_longer_each_time_and_is_no_failure_of_its_target() {
        let mut lanes = lanes();
        for _ in 0..9 {
            assert!(lanes.reserve("a", at(0)));
        }
        for _ in 0..9 {
            lanes.postpone("a", First, at(5));
        }
        assert!(lanes.is_postponing() && lanes.failing().is_empty());
        let mut now = 5;
        for wait in [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000] {
            assert_eq!((lanes.next(at(now)), lanes.wake_at()), (None, Some(at(now + wait))));
            now += wait;
            let one = lanes.next(at(now)).unwrap();
            assert_eq!(one, order("a", First, 1), "one after the other");
            lanes.taken(&one, 1, Some(at(0)));
            lanes.postpone("a", First, at(now));
        }
        assert_eq!(lanes.in_flight, 0);
        lanes.next(at(now + 60_000)).unwrap();
        lanes.ended("a", First, Ended::Failed);
        lanes.add("a", First, at(now));
        assert!(!lanes.is_postponing());
        assert_eq!(lanes.next(at(now + 60_000)), Some(order("a", First, 64)));
    }

    #[test]
    fn a_suspect_is_tried_alone() {
        let mut lanes = lanes();
        lanes.add("a", Suspect, at(0));
        lanes.add("b", Suspect, at(0));
        let one = lanes.next(at(0)).unwrap();
        assert_eq!(one.limit, 1);
        assert_eq!(lanes.next(at(0)), None);
        lanes.taken(&one, 1, None);
        lanes.ended(&one.lane, Suspect, Ended::Delivered);
        assert_eq!(lanes.next(at(0)), Some(order("b", Suspect, 1)));
    }

    #[test]
    fn a_pause_holds_a_lane_or_all_of_them() {
        let mut lanes = lanes();
        lanes.add("a", First, at(0));
        lanes.pause_only(&["a".to_owned()]);
        assert_eq!((lanes.next(at(0)), lanes.wake_at()), (None, None));
        assert!(!lanes.reserve("a", at(0)));
        assert!(lanes.reserve("b", at(0)));
        lanes.pause_only(&[]);
        lanes.pause_all(true);
        assert_eq!((lanes.next(at(0)), lanes.wake_at()), (None, None));
        lanes.pause_all(false);
        assert_eq!(lanes.next(at(0)), Some(order("a", First, 64)));
    }

    #[test]
    fn a_lane_without_anything_is_forgotten() {
        let mut lanes = lanes();
        assert!(lanes.reserve("a", at(0)));
        lanes.ended("a", First, Ended::Delivered);
        assert!(lanes.by_name.is_empty());
    }

    #[test]
    fn the_outlook_tells_what_is_late_and_when_the_next_retry_is_due() {
        let mut lanes = lanes();
        lanes.add("a", First, at(10));
        lanes.add("b", Retry, at(50));
        lanes.add("c", Retry, at(40));
        lanes.pause_only(&["c".to_owned()]);
        let outlook = |oldest: Option<i64>, next_retry: Option<i64>| Outlook {
            oldest: oldest.map(at),
            next_retry: next_retry.map(at),
            in_flight: 0,
        };
        assert_eq!(lanes.outlook(at(5)), outlook(None, Some(50)));
        assert_eq!(lanes.outlook(at(20)), outlook(Some(10), Some(50)));
        assert_eq!(lanes.outlook(at(60)), outlook(Some(10), None));
    }
}
