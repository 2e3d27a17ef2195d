//! Leases: what a process has is its own until its lease ends, and never after that.

use super::*;
use crate::health::{DeliveryOutcome, DisableRule, HealthChange, HealthReport};
use crate::owner_notice::NoticePlan;
use crate::store::conformance::read_delivery;
use crate::store::{DeliveryState, Outcome, QueueClass};

fn recover(store: &mut PostgresStore) {
    let op = QueueOp::Recover {
        from: SERVICE.to_owned(),
        to: SERVICE.to_owned(),
        now: start(),
        pause: minutes(1),
    };
    record(store, Op::Queue(op));
}

fn take(store: &mut PostgresStore, lane: &str) -> Vec<u64> {
    let op = QueueOp::Take {
        owner: SERVICE.to_owned(),
        lane: lane.to_owned(),
        class: QueueClass::First,
        limit: 9,
        bytes: usize::MAX,
        now: start(),
    };
    record(store, Op::Queue(op))
        .taken
        .iter()
        .map(|taken| taken.number)
        .collect()
}

fn lanes(store: &PostgresStore) -> Vec<String> {
    let mut lanes: Vec<_> = store
        .queue_lanes(SERVICE)
        .unwrap()
        .into_iter()
        .map(|lane| lane.lane)
        .collect();
    lanes.sort();
    lanes
}

fn finish(store: &mut PostgresStore, number: u64, status: u16) -> Ack {
    let id = read_delivery(store, number).delivery.id;
    let op = Op::Attempt {
        delivery: id,
        number: Some(number),
        attempt: Box::new(answered(1, start(), status, minutes(0))),
        state: DeliveryState::Delivered,
        next_due: None,
    };
    record(store, op)
}

fn expire(database: &TestDatabase, store: &PostgresStore) {
    let token = store.worker.token();
    database.sql(&format!(
        "UPDATE hook.worker SET expires_at = clock_timestamp() - interval '1 second' WHERE token = '{token}'"
    ));
}

#[test]
fn a_lane_is_of_one_process_at_a_time() {
    let Some(database) = database() else { return };
    let (mut one, mut other) = (database.process(), database.process());
    recover(&mut one);
    recover(&mut other);
    let at = one.now().unwrap();
    record(
        &mut one,
        accept(vec![event(at, "a", "one", false), event(at, "b", "two", false)]),
    );
    assert_eq!(take(&mut one, "one"), [1]);
    assert_eq!(lanes(&other), ["two"], "the first one of the others has it");
    assert_eq!(take(&mut other, "one"), [0; 0]);
    assert_eq!(take(&mut one, "two"), [0; 0]);
    assert_eq!(take(&mut other, "two"), [2]);
    // What comes in at one process for a lane of the other waits for that.
    let ack = record(
        &mut other,
        accept(vec![event(at, "c", "one", true), event(at, "d", "two", true)]),
    );
    assert_eq!(ack.not_taken, [3]);
    assert_eq!((take(&mut other, "one"), take(&mut one, "one")), (vec![], vec![3]));
    drop(other);
    assert_eq!(lanes(&one), [""; 0], "nothing waits");
    record(&mut one, accept(vec![event(at, "e", "two", false)]));
    assert_eq!(lanes(&one), ["two"], "a process that ends gives its lanes up");
}

#[test]
fn what_a_frozen_process_does_after_its_lease_is_kept_and_changes_nothing() {
    let Some(database) = database() else { return };
    let (mut frozen, mut other) = (database.process(), database.process());
    recover(&mut frozen);
    recover(&mut other);
    let at = frozen.now().unwrap();
    let ack = record(
        &mut frozen,
        accept(vec![event(at, "a", "one", true), event(at, "b", "one", true)]),
    );
    assert_eq!(ack.not_taken, [0; 0]);
    assert_eq!(other.heartbeat(minutes(1)), Ok(Heartbeat::default()), "it is alive");
    expire(&database, &frozen);
    let beat = other.heartbeat(minutes(1)).unwrap();
    assert_eq!((beat.was_lost, beat.crashed), (false, 2));
    assert_eq!(lanes(&other), ["one"]);
    assert_eq!(take(&mut other, "one"), [1, 2]);

    let late = finish(&mut frozen, 1, 200);
    assert_eq!((late.number, late.is_fenced), (1, true));
    let read = read_delivery(&other, 1).delivery;
    assert_eq!((read.state, read.attempts.len()), (DeliveryState::Pending, 1));
    let Outcome::Answer(answer) = &read.attempts[0].outcome else {
        panic!("an answer")
    };
    assert!(
        answer.note.as_deref().is_some_and(|note| note.contains("lease")),
        "{answer:?}"
    );

    assert!(!finish(&mut other, 1, 201).is_fenced);
    let read = read_delivery(&other, 1).delivery;
    assert_eq!(
        (read.state, read.attempts.len()),
        (DeliveryState::Delivered, 2),
        "both are there"
    );
    // Finished by another process, it is not touched again.
    assert!(finish(&mut frozen, 1, 500).is_fenced);
    assert_eq!(read_delivery(&other, 1).delivery.state, DeliveryState::Delivered);
    assert_eq!(other.list(&Query::default()).unwrap()[1].status, Some(201));

    // A release of what is another one's by now does nothing either.
    let id = read_delivery(&other, 2).delivery.id;
    assert_eq!(
        record(&mut frozen, Op::Queue(QueueOp::Release { delivery: id })).number,
        0
    );
    assert!(frozen.heartbeat(minutes(1)).unwrap().was_lost);
    assert!(!frozen.heartbeat(minutes(1)).unwrap().was_lost, "it begins again");
    assert!(!finish(&mut other, 2, 200).is_fenced);
    assert_eq!(database.sql("SELECT count(*) FROM hook.queue"), "0");
}

#[test]
fn what_did_not_count_says_nothing_about_the_health_of_an_endpoint() {
    let Some(database) = database() else { return };
    let (mut frozen, mut other) = (database.process(), database.process());
    recover(&mut frozen);
    let at = frozen.now().unwrap();
    record(&mut frozen, accept(vec![event(at, "a", "ep_1", true)]));
    expire(&database, &frozen);
    assert_eq!(other.heartbeat(minutes(1)).unwrap().crashed, 1);
    let report = || {
        Op::Health(HealthChange::Reported(Box::new(HealthReport {
            id: "ep_1".to_owned(),
            name: "a".to_owned(),
            provider: "acme".to_owned(),
            notify: None,
            outcome: DeliveryOutcome::Gone,
            rule: DisableRule::InARow(1),
            began: at,
            at,
            attempt: None,
            notices: NoticePlan::default(),
        })))
    };
    let attempt = Op::Attempt {
        delivery: read_delivery(&other, 1).delivery.id,
        number: Some(1),
        attempt: Box::new(answered(1, start(), 410, minutes(0))),
        state: DeliveryState::Failed,
        next_due: None,
    };
    let ack = record(&mut frozen, Op::Together(vec![attempt, report()]));
    assert_eq!((ack.is_fenced, ack.disabled), (true, None));
    assert!(other.health().unwrap().is_empty());
    assert!(record(&mut other, report()).disabled.is_some(), "on its own it counts");
}

#[test]
fn a_heartbeat_keeps_the_lease() {
    let Some(database) = database() else { return };
    let mut store = database.process();
    recover(&mut store);
    let sql = "UPDATE hook.worker SET expires_at = clock_timestamp() + interval '1 second'";
    database.sql(sql);
    assert!(!store.heartbeat(minutes(1)).unwrap().was_lost);
    let left = database.sql("SELECT extract(epoch FROM expires_at - clock_timestamp()) > 10 FROM hook.worker");
    assert_eq!(left, "t");
}

#[test]
fn what_crashed_three_times_is_parked() {
    let Some(database) = database() else { return };
    let mut survivor = database.process();
    recover(&mut survivor);
    let at = survivor.now().unwrap();
    record(&mut survivor, accept(vec![event(at, "a", "one", false)]));
    for crash in 1..=3 {
        let mut victim = database.process();
        recover(&mut victim);
        let sql = "UPDATE hook.queue SET state = 1, token = '{token}'";
        database.sql(&sql.replace("{token}", &victim.worker.token().to_string()));
        expire(&database, &victim);
        assert_eq!(survivor.heartbeat(minutes(0)).unwrap().crashed, 1, "crash {crash}");
    }
    assert_eq!(survivor.trouble(1).unwrap().0, Some(ParkReason::Crashed));
    let counts = survivor.queue_counts(SERVICE).unwrap();
    assert_eq!((counts.waiting, counts.parked), (0, 1));
}
