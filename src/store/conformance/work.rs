//! The work queue.

use std::sync::Arc;

use uuid::Uuid;

use super::*;
use crate::store::{Lane, LaneSummary, NewWork, Work, WorkKey, WorkKind};

fn lane(at: Timestamp, kind: WorkKind, target: &str) -> Arc<Lane> {
    Arc::new(Lane {
        id: Random::os().uuid_v7(at),
        kind,
        target: target.to_owned(),
        folder: "/home/a/project".to_owned(),
        trust: Some("/home/a/project/hook.toml".to_owned()),
        policy: "{}".to_owned(),
        owner: Some("one".to_owned()),
    })
}

fn item(lane: &Arc<Lane>) -> NewWork {
    NewWork {
        lane: Arc::clone(lane),
        unless_duplicate: lane.kind == WorkKind::Command,
    }
}

fn receive(capture: NewCapture, work: &[NewWork]) -> Op {
    Op::Receive {
        capture: Box::new(capture),
        work: work.to_vec(),
    }
}

fn keyed(minute: u64, key: &str) -> NewCapture {
    NewCapture {
        dedupe_key: Some(key.to_owned()),
        ..capture(after(minute), "a")
    }
}

fn captures(store: &impl Store, lane: &Lane) -> Vec<u64> {
    let found = store.work(lane.id, 0, 100).unwrap();
    found.iter().map(|work| work.capture).collect()
}

fn first(store: &impl Store, lane: &Lane) -> Work {
    store.work(lane.id, 0, 1).unwrap().remove(0)
}

pub(crate) fn work_is_kept_with_its_capture_until_it_is_done<F: Fixture>() {
    let fixture = F::new();
    let mut store = fixture.open();
    let (app, run) = (
        lane(start(), WorkKind::Forward, "http://a/"),
        lane(after(1), WorkKind::Command, "./run"),
    );
    assert_eq!(store.lanes().unwrap(), []);
    for minute in 0..3 {
        record(
            &mut store,
            receive(capture(after(minute), "a"), &[item(&run), item(&app)]),
        );
    }
    drop(store);
    let mut store = fixture.open();
    let summary = |lane: &Arc<Lane>, waiting| LaneSummary {
        lane: (**lane).clone(),
        waiting,
        retrying: 0,
    };
    assert_eq!(store.lanes().unwrap(), [summary(&app, 3), summary(&run, 3)]);
    let items = store.work(app.id, 0, 2).unwrap();
    assert_eq!(items.iter().map(|work| work.capture).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(
        (items[1].at, items[1].due, items[1].size, items[1].delivery),
        (after(1), after(1), 2, None)
    );
    let rest = store.work(app.id, items[1].key.seq, 9).unwrap();
    assert_eq!(rest.iter().map(|work| work.capture).collect::<Vec<_>>(), [3]);

    assert_eq!(record(&mut store, Op::WorkDone(items[0].key)).number, 1);
    assert_eq!(record(&mut store, Op::WorkDone(items[0].key)).number, 0);
    assert_eq!(
        (captures(&store, &app), captures(&store, &run)),
        (vec![2, 3], vec![1, 2, 3])
    );
}

pub(crate) fn a_duplicate_causes_no_command_but_a_forward<F: Fixture>() {
    let mut store = F::new().open();
    let (app, run) = (
        lane(start(), WorkKind::Forward, "http://a/"),
        lane(start(), WorkKind::Command, "./run"),
    );
    for minute in 0..2 {
        record(&mut store, receive(keyed(minute, "k"), &[item(&run), item(&app)]));
    }
    assert_eq!((captures(&store, &app), captures(&store, &run)), (vec![1, 2], vec![1]));
}

pub(crate) fn what_is_not_answered_yet_causes_nothing_and_makes_no_duplicate<F: Fixture>() {
    let mut store = F::new().open();
    let run = lane(start(), WorkKind::Command, "./run");
    let unanswered = |minute, key: &str| Op::ReceiveUnanswered(Box::new(keyed(minute, key)));
    let promise = |capture, key: &str| Op::Promise {
        capture,
        dedupe_key: Some(key.to_owned()),
        work: vec![item(&run)],
    };
    record(&mut store, unanswered(0, "k"));
    assert_eq!(
        record(&mut store, unanswered(1, "k")).duplicate_of,
        None,
        "the first one has failed"
    );
    assert_eq!(captures(&store, &run), [0; 0]);
    assert_eq!(record(&mut store, promise(2, "k")).duplicate_of, None);
    assert_eq!(record(&mut store, unanswered(2, "k")).duplicate_of, Some(2));
    assert_eq!(record(&mut store, promise(3, "k")).duplicate_of, Some(2));
    assert_eq!(record(&mut store, receive(keyed(3, "k"), &[])).duplicate_of, Some(2));
    assert_eq!(captures(&store, &run), [2], "a duplicate runs nothing");
    let Some(Record::Capture(kept)) = store.get(2).unwrap() else {
        panic!("no capture")
    };
    assert_eq!(
        (kept.request.dedupe_key.as_deref(), kept.duplicate_of),
        (Some("k"), None)
    );
    assert_eq!(record(&mut store, promise(99, "k")), Ack::default());
}

pub(crate) fn an_item_ends_with_its_delivery<F: Fixture>() {
    let mut store = F::new().open();
    let app = lane(start(), WorkKind::Forward, "http://a/");
    for minute in 0..3 {
        record(&mut store, receive(capture(after(minute), "a"), &[item(&app)]));
    }
    let begin = |store: &mut F::Store, new: &NewDelivery| {
        let started = Op::WorkStarted {
            work: store
                .work(app.id, 0, 9)
                .unwrap()
                .into_iter()
                .find(|work| work.delivery.is_none())
                .unwrap()
                .key,
            delivery: new.id,
        };
        record(store, Op::Together(vec![Op::Delivery(Box::new(new.clone())), started])).number
    };
    let ended = NewDelivery {
        state: DeliveryState::Delivered,
        ..delivery(start(), "a")
    };
    assert_eq!(begin(&mut store, &ended), 4, "the ack is that of the first change");
    assert_eq!(captures(&store, &app), [2, 3]);
    let pending = NewDelivery {
        next_due: Some(after(30)),
        ..delivery(start(), "a")
    };
    let number = begin(&mut store, &pending);
    assert_eq!(
        (first(&store, &app).delivery, first(&store, &app).due),
        (Some(number), after(30))
    );
    let summary = store.lanes().unwrap().remove(0);
    assert_eq!((summary.waiting, summary.retrying, summary.total()), (1, 1, 2));
    let last = |state| Op::Attempt {
        delivery: pending.id,
        number: None,
        attempt: Box::new(answered(2, after(30), 200, minutes(1))),
        state,
        next_due: None,
    };
    record(&mut store, last(DeliveryState::Pending));
    assert_eq!(captures(&store, &app), [2, 3]);
    record(&mut store, last(DeliveryState::Delivered));
    assert_eq!(captures(&store, &app), [3]);
    let parked = delivery(start(), "a");
    begin(&mut store, &parked);
    record(
        &mut store,
        Op::State {
            delivery: parked.id,
            state: DeliveryState::Parked,
            owner: None,
        },
    );
    assert_eq!(captures(&store, &app), [0; 0]);
}

pub(crate) fn begun_items_come_when_they_are_due<F: Fixture>() {
    let mut store = F::new().open();
    let app = lane(start(), WorkKind::Forward, "http://a/");
    // The first one is due last.
    let due = [5, 3, 1].map(|minute| {
        let received = record(&mut store, receive(capture(start(), "a"), &[item(&app)]));
        let new = NewDelivery {
            next_due: Some(after(minute)),
            attempts: vec![answered(1, start(), 500, minutes(0))],
            ..delivery(start(), "a")
        };
        let items = store.work(app.id, 0, 9).unwrap();
        let work = items.iter().find(|work| work.capture == received.number).unwrap().key;
        let delivery = new.id;
        let begun = vec![Op::Delivery(Box::new(new)), Op::WorkStarted { work, delivery }];
        record(&mut store, Op::Together(begun));
        (received.number, delivery)
    });
    // One more, which is not begun.
    record(&mut store, receive(capture(start(), "a"), &[item(&app)]));
    let due_at = |store: &F::Store, minute, limit| {
        let found = store.due_work(app.id, after(minute), limit).unwrap();
        let captures: Vec<u64> = found.items.iter().map(|work| work.capture).collect();
        (captures, found.next)
    };
    let [(last, latest), (middle, _), (first, _)] = due;
    assert_eq!(due_at(&store, 0, 9), (vec![], Some(after(1))));
    assert_eq!(due_at(&store, 3, 9), (vec![first, middle], Some(after(5))));
    assert_eq!(due_at(&store, 3, 1), (vec![first], Some(after(3))), "more are due");
    assert_eq!(due_at(&store, 9, 9), (vec![first, middle, last], None));
    let again = Op::Attempt {
        delivery: latest,
        number: None,
        attempt: Box::new(answered(2, after(5), 500, minutes(0))),
        state: DeliveryState::Pending,
        next_due: Some(after(9)),
    };
    record(&mut store, again);
    assert_eq!(due_at(&store, 8, 9), (vec![first, middle], Some(after(9))));
    // The last attempt was four minutes before the next one: so it stays when the clock is set back.
    let claim = Op::ClaimLane {
        lane: app.id,
        from: Some("one".to_owned()),
        owner: Some("two".to_owned()),
        now: after(2),
    };
    record(&mut store, claim);
    assert_eq!(due_at(&store, 6, 9), (vec![first, middle, last], None));
    assert_eq!(due_at(&store, 5, 9), (vec![first, middle], Some(after(6))));
}

pub(crate) fn one_of_two_claims_of_a_lane_succeeds<F: Fixture>() {
    let fixture = F::new();
    let (mut one, mut other) = (fixture.open(), fixture.open());
    let app = lane(start(), WorkKind::Forward, "http://a/");
    record(&mut one, receive(capture(start(), "a"), &[item(&app)]));
    let claim = |from: &str, owner: &str| Op::ClaimLane {
        lane: app.id,
        from: Some(from.to_owned()),
        owner: Some(owner.to_owned()),
        now: after(9),
    };
    assert_eq!(record(&mut one, claim("one", "two")).number, 1);
    assert_eq!(record(&mut other, claim("one", "three")).number, 0);
    assert_eq!(other.lanes().unwrap()[0].lane.owner.as_deref(), Some("two"));
    assert_eq!(
        record(&mut other, Op::CloseLane(app.id)).number,
        0,
        "something is in it"
    );
    let key = first(&one, &app).key;
    record(&mut one, Op::WorkDone(key));
    assert_eq!(record(&mut other, Op::CloseLane(app.id)).number, 1);
    assert_eq!(one.lanes().unwrap(), []);
    let nobody = WorkKey {
        lane: Uuid::nil(),
        seq: 1,
    };
    assert_eq!(record(&mut one, Op::WorkDone(nobody)).number, 0);
}

pub(crate) fn captures_with_work_to_do_do_not_make_room<F: Fixture>() {
    let mut store = F::new().open();
    let app = lane(start(), WorkKind::Forward, "http://a/");
    record(&mut store, receive(capture(start(), "a"), &[item(&app)]));
    record_capture(&mut store, &capture(after(1), "a"));
    store.prune(None, Some(0)).unwrap();
    assert_eq!(numbers(&store, &Query::default()), [1]);
    assert_eq!(store.prune(Some(after(1)), None).unwrap().records, 1);
    assert_eq!(captures(&store, &app), [0; 0], "it is too old for anybody");
}
