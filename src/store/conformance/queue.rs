//! The queue of services.

use super::changes::finish;
use super::*;
use crate::store::queue::{IdempotencyKey, Intake, MOST_CRASHES, NewEvent, NewQueued, ParkReason, SERVICE};
use crate::store::{LaneDue, QueueClass, QueueCounts, QueueOp, TakenDelivery};

fn queued(at: Timestamp, lane: &str, taken: bool) -> NewQueued {
    let mut delivery = delivery(at, "a");
    delivery.owner = Some(SERVICE.to_owned());
    NewQueued {
        delivery,
        lane: lane.to_owned(),
        taken,
    }
}

fn event(at: Timestamp, deliveries: Vec<NewQueued>) -> NewEvent {
    NewEvent {
        id: format!("msg_{}", at.unix_us()),
        at,
        name: "a".to_owned(),
        mode: Mode::Live,
        data: None,
        tenant: None,
        deliveries,
    }
}

fn intake(events: Vec<NewEvent>) -> Intake {
    Intake {
        owner: SERVICE.to_owned(),
        key: None,
        book: None,
        events,
    }
}

/// Accepts one event with deliveries of that moment, one for each lane.
fn accept(store: &mut impl Store, at: Timestamp, lanes: &[&str], taken: bool) -> Vec<NewDelivery> {
    let deliveries: Vec<_> = lanes.iter().map(|lane| queued(at, lane, taken)).collect();
    let made = deliveries.iter().map(|queued| queued.delivery.clone()).collect();
    change(store, QueueOp::Accept(Box::new(intake(vec![event(at, deliveries)]))));
    made
}

fn change(store: &mut impl Store, op: QueueOp) -> Ack {
    record(store, Op::Queue(op))
}

fn take(store: &mut impl Store, lane: &str, class: QueueClass, limit: usize, now: Timestamp) -> Ack {
    let op = QueueOp::Take {
        owner: SERVICE.to_owned(),
        lane: lane.to_owned(),
        class,
        limit,
        bytes: usize::MAX,
        now,
    };
    change(store, op)
}

fn numbers_of(taken: &[TakenDelivery]) -> Vec<u64> {
    taken.iter().map(|taken| taken.number).collect()
}

fn counts(store: &impl Store) -> (u64, u64) {
    let QueueCounts { waiting, parked } = store.queue_counts(SERVICE).unwrap();
    (waiting, parked)
}

fn fail(store: &mut impl Store, delivery: &NewDelivery, seq: u32, next_due: Option<Timestamp>) {
    let state = match next_due {
        Some(_) => DeliveryState::Pending,
        None => DeliveryState::Failed,
    };
    let op = Op::Attempt {
        delivery: delivery.id,
        number: None,
        attempt: Box::new(unanswered(seq, after(1), ErrorKind::Connect)),
        state,
        next_due,
    };
    record(store, op);
}

pub(crate) fn an_event_is_recorded_with_its_deliveries_and_found_again<F: Fixture>() {
    let fixture = F::new();
    let mut store = fixture.open();
    record_capture(&mut store, &capture(start(), "a"));
    let made = accept(&mut store, after(1), &["one", "two"], false);
    accept(&mut store, after(2), &["one"], false);
    drop(store);
    let store = fixture.open();
    let found = store
        .event(None, &format!("msg_{}", after(1).unix_us()))
        .unwrap()
        .unwrap();
    assert_eq!((found.number, found.first, found.deliveries), (1, 2, 2));
    assert_eq!(
        (found.at, &*found.name, found.mode, found.data),
        (after(1), "a", Mode::Live, None)
    );
    let read = read_delivery(&store, 3).delivery;
    assert_eq!(read.id, made[1].id);
    assert_eq!(read.owner.as_deref(), Some(SERVICE));
    let page: Vec<_> = store
        .events(None, None, 9)
        .unwrap()
        .iter()
        .map(|event| event.number)
        .collect();
    assert_eq!(page, [2, 1]);
    assert_eq!(store.events(None, Some(2), 9).unwrap().len(), 1);
    assert_eq!(store.event(None, "msg_unknown").unwrap(), None);
}

pub(crate) fn an_event_without_deliveries_keeps_its_data<F: Fixture>() {
    let mut store = F::new().open();
    let mut new = event(start(), Vec::new());
    new.data = Some(b"{\"a\":1.10}".to_vec());
    change(&mut store, QueueOp::Accept(Box::new(intake(vec![new.clone()]))));
    let found = store.event(None, &new.id).unwrap().unwrap();
    assert_eq!((found.deliveries, found.data), (0, new.data));
}

pub(crate) fn a_call_with_a_known_key_records_nothing_and_gets_the_first_answer<F: Fixture>() {
    let mut store = F::new().open();
    let mut call = |key: u8, body: u8, at: Timestamp, answer: &str| {
        let key = IdempotencyKey {
            key: [key; 32],
            body: [body; 32],
            at,
            answer: answer.to_owned(),
        };
        let mut new = intake(vec![event(at, vec![queued(at, "one", false)])]);
        new.key = Some(key);
        let ack = change(&mut store, QueueOp::Accept(Box::new(new)));
        let count = store.queue_counts(SERVICE).unwrap().waiting;
        (ack.answer, ack.is_conflict, count)
    };
    assert_eq!(call(1, 1, start(), "first"), (None, false, 1));
    assert_eq!(call(1, 1, after(1), "second"), (Some("first".to_owned()), false, 1));
    assert_eq!(call(1, 2, after(2), "third"), (Some("first".to_owned()), true, 1));
    assert_eq!(call(2, 1, after(3), "other"), (None, false, 2));
    assert_eq!(call(1, 2, after(24 * 60 + 1), "later"), (None, false, 3));
}

pub(crate) fn what_is_due_is_taken_once_the_longest_waiting_first<F: Fixture>() {
    let mut store = F::new().open();
    for minute in [3, 1, 2, 9] {
        accept(&mut store, after(minute), &["one"], false);
    }
    accept(&mut store, after(1), &["two"], false);
    let ack = take(&mut store, "one", QueueClass::First, 2, after(5));
    assert_eq!(numbers_of(&ack.taken), [2, 3]);
    assert_eq!(ack.next_due, Some(after(3)));
    let delivery = &ack.taken[0].delivery;
    assert_eq!(
        (&*delivery.message.body, ack.taken[0].attempts),
        (&*read_delivery(&store, 2).delivery.message.body, 0)
    );
    let ack = take(&mut store, "one", QueueClass::First, 9, after(5));
    assert_eq!((numbers_of(&ack.taken), ack.next_due), (vec![1], Some(after(9))));
    assert_eq!(take(&mut store, "one", QueueClass::Retry, 9, after(99)).taken, []);
    assert_eq!(counts(&store), (2, 0));
}

pub(crate) fn no_more_bytes_are_taken_than_asked_for<F: Fixture>() {
    let mut store = F::new().open();
    for _ in 0..3 {
        accept(&mut store, start(), &["one"], false);
    }
    let op = QueueOp::Take {
        owner: SERVICE.to_owned(),
        lane: "one".to_owned(),
        class: QueueClass::First,
        limit: 9,
        bytes: 1,
        now: start(),
    };
    assert_eq!(change(&mut store, op).taken.len(), 1);
    assert_eq!(counts(&store), (2, 0));
}

pub(crate) fn a_taken_delivery_waits_again_or_leaves_with_its_attempt<F: Fixture>() {
    let mut store = F::new().open();
    let made = accept(&mut store, start(), &["one", "one", "one"], true);
    assert_eq!(counts(&store), (0, 0));
    record(&mut store, finish(&made[0], answered(1, after(1), 200, minutes(1))));
    fail(&mut store, &made[1], 1, Some(after(9)));
    let op = QueueOp::Release { delivery: made[2].id };
    assert_eq!(change(&mut store, op).number, 1);
    assert_eq!(counts(&store), (2, 0));
    let first = take(&mut store, "one", QueueClass::First, 9, start());
    assert_eq!(numbers_of(&first.taken), [3], "its due time is the one that it had");
    let retry = take(&mut store, "one", QueueClass::Retry, 9, after(9));
    assert_eq!((numbers_of(&retry.taken), retry.taken[0].attempts), (vec![2], 1));
    assert_eq!(retry.taken[0].first_at, Some(after(1)));
    fail(&mut store, &made[1], 2, None);
    assert_eq!(counts(&store), (0, 0));
}

pub(crate) fn lanes_tell_when_the_first_of_each_class_is_due<F: Fixture>() {
    let mut store = F::new().open();
    let made = accept(&mut store, after(2), &["two", "one"], true);
    fail(&mut store, &made[0], 1, Some(after(7)));
    accept(&mut store, after(3), &["one"], false);
    accept(&mut store, after(4), &["one", "two"], false);
    let due = |lane: &str, class, minute| LaneDue {
        lane: lane.to_owned(),
        class,
        due: after(minute),
    };
    let mut found = store.queue_lanes(SERVICE).unwrap();
    found.sort_by_key(|lane| (lane.lane.clone(), lane.class));
    assert_eq!(
        found,
        [
            due("one", QueueClass::First, 3),
            due("two", QueueClass::First, 4),
            due("two", QueueClass::Retry, 7)
        ]
    );
    assert_eq!(store.queue_lanes("nobody").unwrap(), []);
}

pub(crate) fn a_crash_is_counted_and_the_third_one_parks<F: Fixture>() {
    let mut store = F::new().open();
    accept(&mut store, start(), &["one"], true);
    accept(&mut store, start(), &["one"], false);
    let recover = |now| QueueOp::Recover {
        from: SERVICE.to_owned(),
        to: SERVICE.to_owned(),
        now: after(now),
        pause: minutes(1),
    };
    for (crash, class) in [(1, QueueClass::First), (2, QueueClass::Suspect)] {
        assert_eq!(take(&mut store, "one", QueueClass::Suspect, 1, after(crash)).taken, []);
        assert_eq!(change(&mut store, recover(crash)).number, 1);
        let due = after(if crash == 1 { 1 } else { 3 });
        let taken = take(&mut store, "one", class, 1, due).taken;
        assert_eq!(numbers_of(&taken), [1], "crash {crash}");
        assert_eq!(taken[0].attempts, 0, "a crash is no attempt");
    }
    change(&mut store, recover(3));
    assert_eq!(counts(&store), (1, 1));
    let (reason, crashes) = store.trouble(1).unwrap();
    assert_eq!(
        (reason, crashes.len()),
        (Some(ParkReason::Crashed), MOST_CRASHES as usize)
    );
    assert_eq!(read_delivery(&store, 1).delivery.state, DeliveryState::Parked);
    // A retry by hand resets the count.
    let again = QueueOp::Requeue {
        delivery: 1,
        owner: SERVICE.to_owned(),
        lane: "one".to_owned(),
        due: after(4),
    };
    assert_eq!(change(&mut store, again).number, 1);
    assert_eq!(take(&mut store, "one", QueueClass::First, 2, after(4)).taken.len(), 2);
    change(&mut store, recover(4));
    assert_eq!(store.trouble(1).unwrap(), (None, vec![after(4)]));
    assert_eq!(counts(&store), (2, 0));
}

pub(crate) fn parked_deliveries_are_released_or_cancelled<F: Fixture>() {
    let mut store = F::new().open();
    accept(&mut store, start(), &["one", "one", "one", "two"], false);
    let park = |limit| QueueOp::ParkLane {
        owner: SERVICE.to_owned(),
        lane: "one".to_owned(),
        reason: ParkReason::Disabled,
        enabled_at: None,
        limit,
    };
    assert_eq!(change(&mut store, park(2)).number, 2);
    assert_eq!(change(&mut store, park(2)).number, 1);
    assert_eq!(counts(&store), (1, 3));
    assert_eq!(read_delivery(&store, 1).delivery.state, DeliveryState::Parked);
    assert_eq!(store.parked("one").unwrap(), 3);
    assert_eq!(store.parked_lanes(ParkReason::Disabled).unwrap(), ["one"]);
    assert!(store.parked_lanes(ParkReason::Locked).unwrap().is_empty());
    let release = |reason| QueueOp::ReleaseLane {
        lane: "one".to_owned(),
        reason,
        due: after(5),
        limit: 1,
    };
    assert_eq!(change(&mut store, release(ParkReason::Crashed)).number, 0);
    assert_eq!(change(&mut store, release(ParkReason::Disabled)).number, 1);
    let read = read_delivery(&store, 1).delivery;
    assert_eq!(
        (read.state, read.next_due, read.owner.as_deref()),
        (DeliveryState::Pending, Some(after(5)), Some(SERVICE))
    );
    let op = QueueOp::CancelLane {
        lane: "one".to_owned(),
        limit: 9,
    };
    assert_eq!(change(&mut store, op).number, 3);
    assert_eq!(counts(&store), (1, 0));
    let read = read_delivery(&store, 2).delivery;
    assert_eq!((read.state, read.owner), (DeliveryState::Cancelled, None));
}

pub(crate) fn a_failed_delivery_is_entered_again<F: Fixture>() {
    let mut store = F::new().open();
    let made = accept(&mut store, start(), &["one"], true);
    fail(&mut store, &made[0], 1, None);
    let again = QueueOp::Requeue {
        delivery: 1,
        owner: SERVICE.to_owned(),
        lane: "one".to_owned(),
        due: after(3),
    };
    assert_eq!(change(&mut store, again.clone()).number, 1);
    assert_eq!(change(&mut store, again).number, 0, "it is pending");
    let taken = take(&mut store, "one", QueueClass::Retry, 9, after(3)).taken;
    assert_eq!(
        (numbers_of(&taken), taken[0].attempts, taken[0].is_again),
        (vec![1], 1, true)
    );
    fail(&mut store, &made[0], 2, Some(after(4)));
    assert!(take(&mut store, "one", QueueClass::Retry, 9, after(4)).taken[0].is_again);
    // Whoever goes on with it: a failure counts once.
    change(
        &mut store,
        QueueOp::Disown {
            owner: SERVICE.to_owned(),
        },
    );
    assert!(read_delivery(&store, 1).is_again);
}

pub(crate) fn what_a_dead_process_left_is_adopted_once<F: Fixture>() {
    let mut store = F::new().open();
    let mut left = delivery(start(), "a");
    left.owner = Some("dead".to_owned());
    left.source = Source::Send;
    let number = record_delivery(&mut store, &left);
    let mut forward = delivery(start(), "a");
    (forward.owner, forward.source) = (Some("dead".to_owned()), Source::Forward);
    record_delivery(&mut store, &forward);
    record_delivery(&mut store, &delivery(start(), "nobody's"));
    assert_eq!(store.delivery_owners().unwrap(), ["dead"]);
    let found = store.left_by("dead", 9).unwrap();
    assert_eq!(found.iter().map(|(number, ..)| *number).collect::<Vec<_>>(), [number]);
    let adopt = QueueOp::Adopt {
        from: "dead".to_owned(),
        to: SERVICE.to_owned(),
        deliveries: vec![(number, "one".to_owned())],
        now: after(1),
    };
    assert_eq!(change(&mut store, adopt.clone()).number, 1);
    assert_eq!(change(&mut store, adopt).number, 0);
    assert_eq!(store.left_by("dead", 9).unwrap(), []);
    let taken = take(&mut store, "one", QueueClass::First, 9, after(1)).taken;
    assert_eq!(numbers_of(&taken), [number]);
}

pub(crate) fn what_somebody_takes_over_by_hand_leaves_the_queue<F: Fixture>() {
    let mut store = F::new().open();
    let made = accept(&mut store, start(), &["one"], false);
    let claim = Op::Claim {
        delivery: made[0].id,
        from: Some(SERVICE.to_owned()),
        owner: "me".to_owned(),
    };
    assert_eq!(record(&mut store, claim).number, 1);
    assert_eq!(counts(&store), (0, 0));
}

pub(crate) fn what_is_given_up_has_no_owner<F: Fixture>() {
    let mut store = F::new().open();
    accept(&mut store, start(), &["one"], false);
    let op = QueueOp::Disown {
        owner: SERVICE.to_owned(),
    };
    assert_eq!(change(&mut store, op).number, 1);
    let read = read_delivery(&store, 1).delivery;
    assert_eq!((read.state, read.owner), (DeliveryState::Pending, None));
    assert_eq!(counts(&store), (0, 0));
}

pub(crate) fn a_delivery_that_is_left_waits_for_somebody_to_resume_it<F: Fixture>() {
    let mut store = F::new().open();
    let made = accept(&mut store, start(), &["one"], true);
    let op = QueueOp::Leave { delivery: made[0].id };
    assert_eq!(change(&mut store, op).number, 1);
    let read = read_delivery(&store, 1).delivery;
    assert_eq!((read.state, read.owner), (DeliveryState::Pending, None));
    assert_eq!(counts(&store), (0, 0));
}

pub(crate) fn after_the_clock_was_set_back_nothing_waits_longer_than_its_longest_delay<F: Fixture>() {
    let mut store = F::new().open();
    let longest = minutes(20);
    let delayed = || {
        let mut queued = queued(after(60), "one", true);
        queued.delivery.delays = vec![minutes(5), longest];
        queued
    };
    let deliveries = vec![delayed(), delayed()];
    let made: Vec<_> = deliveries.iter().map(|queued| queued.delivery.clone()).collect();
    change(
        &mut store,
        QueueOp::Accept(Box::new(intake(vec![event(after(60), deliveries)]))),
    );
    fail(&mut store, &made[0], 1, Some(after(60).plus(longest)));
    fail(&mut store, &made[1], 1, Some(after(0).plus(longest / 2)));
    let recover = |now| QueueOp::Recover {
        from: SERVICE.to_owned(),
        to: SERVICE.to_owned(),
        now,
        pause: minutes(1),
    };
    let due = |store: &F::Store, number| read_delivery(store, number).delivery.next_due.unwrap();
    change(&mut store, recover(after(61)));
    assert_eq!(due(&store, 1), after(60).plus(longest));
    change(&mut store, recover(after(0)));
    if F::HAS_CLOCK {
        // No machine's clock moves anything.
        assert_eq!(due(&store, 1), after(60).plus(longest));
        assert_eq!(due(&store, 2), after(0).plus(longest / 2));
        return;
    }
    assert_eq!(due(&store, 1), after(0).plus(longest));
    assert_eq!(due(&store, 2), after(0).plus(longest / 2));
    let earliest = store.queue_lanes(SERVICE).unwrap();
    assert_eq!(earliest[0].due, after(0).plus(longest / 2));

    // Of all that happened only an attempt is yet to come.
    let mut store = F::new().open();
    let mut one = queued(start(), "one", true);
    one.delivery.delays = vec![longest];
    let made = one.delivery.clone();
    change(
        &mut store,
        QueueOp::Accept(Box::new(intake(vec![event(start(), vec![one])]))),
    );
    fail(&mut store, &made, 1, Some(after(1).plus(longest)));
    change(&mut store, recover(start()));
    assert_eq!(due(&store, 1), start().plus(longest));
}

pub(crate) fn a_clock_that_was_set_moves_no_due_time<F: Fixture>() {
    let mut store = F::new().open();
    let made = accept(&mut store, start(), &["one", "one", "one"], true);
    fail(&mut store, &made[0], 1, Some(after(30)));
    let set = |owner: &str, ahead_us| QueueOp::Clock {
        owner: owner.to_owned(),
        ahead_us,
    };
    // By a clock of the store's own the machine's is never ahead.
    let hour = if F::HAS_CLOCK { minutes(0) } else { minutes(60) };
    let us = i64::try_from(hour.as_micros()).unwrap();
    change(&mut store, set(SERVICE, if F::HAS_CLOCK { 3_600_000_000 } else { us }));
    // Another process has the machine's clock.
    fail(&mut store, &made[1], 1, Some(after(40)));
    let park = QueueOp::ParkLane {
        owner: SERVICE.to_owned(),
        lane: "one".to_owned(),
        reason: ParkReason::Disabled,
        enabled_at: None,
        limit: 9,
    };
    assert_eq!(change(&mut store, park).number, 2);
    let release = QueueOp::ReleaseLane {
        lane: "one".to_owned(),
        reason: ParkReason::Disabled,
        due: after(50).plus(hour),
        limit: 1,
    };
    change(&mut store, release);
    let due = |store: &F::Store, number| read_delivery(store, number).delivery.next_due;
    assert_eq!(due(&store, 1), Some(after(50)));
    // The next run begins with the machine's clock.
    change(
        &mut store,
        QueueOp::Recover {
            from: SERVICE.to_owned(),
            to: SERVICE.to_owned(),
            now: after(45).plus(hour),
            pause: minutes(1),
        },
    );
    assert_eq!(due(&store, 1), Some(after(50).plus(hour)));
    let early = after(50).plus(hour).shifted_us(-1);
    assert_eq!(take(&mut store, "one", QueueClass::Retry, 9, early).number, 0);
    assert_eq!(
        take(&mut store, "one", QueueClass::Retry, 9, after(50).plus(hour)).number,
        1
    );
}

pub(crate) fn pauses_are_kept<F: Fixture>() {
    let fixture = F::new();
    let (mut store, other) = (fixture.open(), fixture.open());
    let before = other.version().unwrap();
    let set = |lane: Option<&str>, at| QueueOp::Pause {
        lane: lane.map(str::to_owned),
        at,
    };
    assert_eq!(change(&mut store, set(Some("one"), Some(start()))).number, 1);
    change(&mut store, set(None, Some(start())));
    assert_ne!(other.version().unwrap(), before);
    assert_eq!(other.paused().unwrap(), ["", "one"]);
    assert_eq!(change(&mut store, set(None, None)).number, 1);
    assert_eq!(other.paused().unwrap(), ["one"]);
}

pub(crate) fn no_unfinished_delivery_of_a_service_is_pruned<F: Fixture>() {
    let mut store = F::new().open();
    let made = accept(&mut store, start(), &["one", "two"], true);
    record(&mut store, finish(&made[0], answered(1, after(1), 200, minutes(1))));
    assert_eq!(store.prune(Some(after(1000)), None).unwrap().records, 1);
    assert_eq!(numbers(&store, &Query::default()), [2]);
    assert_eq!(counts(&store), (0, 0));
}

/// How many events there are.
fn events(store: &impl Store) -> usize {
    store.events(None, None, usize::MAX).unwrap().len()
}

pub(crate) fn an_event_goes_with_its_last_delivery<F: Fixture>() {
    let mut store = F::new().open();
    let made = accept(&mut store, start(), &["one", "two"], true);
    accept(&mut store, after(1), &[], false);
    accept(&mut store, after(9), &["one"], false);
    record(&mut store, finish(&made[0], answered(1, after(1), 200, minutes(1))));
    assert_eq!(store.prune(Some(after(5)), None).unwrap().records, 1);
    // That of the first event is unfinished; nobody gets the second one.
    assert_eq!(events(&store), 2);
    record(&mut store, finish(&made[1], answered(1, after(2), 200, minutes(1))));
    assert_eq!(store.prune(Some(after(5)), None).unwrap().records, 1);
    assert_eq!(events(&store), 1);
}

pub(crate) fn events_make_room_with_the_records_of_their_time<F: Fixture>() {
    let mut store = F::new().open();
    let made = accept(&mut store, start(), &["one"], true);
    accept(&mut store, after(1), &[], false);
    accept(&mut store, after(2), &["one"], true);
    accept(&mut store, after(3), &[], false);
    record(&mut store, finish(&made[0], answered(1, after(1), 200, minutes(1))));
    assert_eq!(store.prune(None, Some(0)).unwrap().records, 1);
    // Whatever the limit, what is unfinished stays, with its event.
    let left: Vec<_> = store
        .events(None, None, 9)
        .unwrap()
        .iter()
        .map(|event| event.at)
        .collect();
    assert_eq!(left, [after(2)]);
    assert_eq!(counts(&store), (0, 0));
}

pub(crate) fn parked_deliveries_that_are_pruned_are_counted<F: Fixture>() {
    let mut store = F::new().open();
    accept(&mut store, start(), &["one", "one", "one"], false);
    for reason in [ParkReason::Disabled, ParkReason::Crashed] {
        let op = QueueOp::ParkLane {
            owner: SERVICE.to_owned(),
            lane: "one".to_owned(),
            reason,
            enabled_at: None,
            limit: 1,
        };
        assert_eq!(change(&mut store, op).number, 1);
    }
    let listed = Query {
        state: Some(DeliveryState::Parked),
        ..Query::default()
    };
    let reasons: Vec<_> = store
        .list(&listed)
        .unwrap()
        .into_iter()
        .map(|found| found.reason)
        .collect();
    assert_eq!(reasons, [Some("crashed".to_owned()), Some("disabled".to_owned())]);
    assert_eq!(store.stats(&Query::default()).unwrap().parked, 2);
    let pruned = store.prune(Some(after(5)), None).unwrap();
    assert_eq!((pruned.records, pruned.parked), (2, 2));
    assert_eq!((counts(&store), store.list(&listed).unwrap().len()), ((1, 0), 0));
}

pub(crate) fn what_waits_without_its_event_is_parked<F: Fixture>() {
    let fixture = F::new();
    let mut store = fixture.open();
    accept(&mut store, start(), &["one"], false);
    fixture.drop_messages();
    let ack = take(&mut store, "one", QueueClass::First, 9, after(1));
    assert_eq!((ack.taken.len(), ack.unreadable), (0, vec![1]));
}
