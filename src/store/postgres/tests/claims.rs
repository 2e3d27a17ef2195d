//! What a claim reads, however much waits in the queue and however much has left it.

use std::time::{Duration, Instant};

use super::*;
use crate::store::{DeliveryState, QueueClass};

/// Deliveries in a claim.
const EACH: usize = 64;

/// In the long form: a million deliveries that wait for a retry, and ten minutes of traffic.
fn is_long() -> bool {
    std::env::var_os("HOOK_SOAK").is_some()
}

fn accept_some(store: &mut PostgresStore, moment: &mut i64) {
    let mut ops = Vec::with_capacity(EACH);
    for _ in 0..EACH {
        *moment += 300;
        let at = Timestamp::from_unix_us(*moment);
        ops.push(accept(vec![event(at, &format!("msg_{moment}"), "one", false)]));
    }
    store.write(&ops).unwrap();
}

fn claim() -> Op {
    Op::Queue(QueueOp::Take {
        owner: SERVICE.to_owned(),
        lane: "one".to_owned(),
        class: QueueClass::First,
        limit: EACH,
        bytes: usize::MAX,
        now: Timestamp::default(),
    })
}

/// Claims and finishes what was accepted.
fn work_off(store: &mut PostgresStore) {
    let taken = record(store, claim()).taken;
    assert_eq!(taken.len(), EACH);
    let finished: Vec<Op> = taken
        .iter()
        .map(|taken| Op::Attempt {
            delivery: taken.delivery.id,
            number: Some(taken.number),
            attempt: Box::new(answered(1, taken.due, 200, Duration::ZERO)),
            state: DeliveryState::Delivered,
            next_due: None,
        })
        .collect();
    store.write(&finished).unwrap();
}

/// The pages that a claim reads, which is undone.
fn pages(store: &PostgresStore) -> i64 {
    let claimed = store.database.with(|session| {
        session.batch("BEGIN")?;
        let plan = queue::explain_take(session, &store.worker, (SERVICE, "one", QueueClass::First), EACH);
        session.batch("ROLLBACK")?;
        plan
    });
    let plan = claimed.unwrap();
    let buffers = plan.iter().find(|line| line.contains("Buffers:")).unwrap();
    let read = buffers.split_whitespace().filter_map(|word| {
        let count = word.strip_prefix("hit=").or_else(|| word.strip_prefix("read="))?;
        count.parse::<i64>().ok()
    });
    read.sum()
}

fn traffic(store: &mut PostgresStore, moment: &mut i64, rounds: usize, lasts: Duration) -> usize {
    let begun = Instant::now();
    let mut done = 0;
    while done < rounds || begun.elapsed() < lasts {
        accept_some(store, moment);
        work_off(store);
        store.tidy();
        done += 1;
    }
    done * EACH
}

/// Adds deliveries that wait for a retry, with all that belongs to them.
fn add_retries(database: &TestDatabase, count: usize) {
    database.sql(&format!(
        "SET search_path = hook;
         INSERT INTO queue (n, day, owner, lane, class, due, state, size)
         SELECT nextval('record_number'), '2023-11-14', 'serve', CASE i % 3 WHEN 0 THEN 'one' ELSE 'lane' || i % 100 END, 1,
             now_us() + 3600000000 + i, 0, 300 FROM generate_series(1, {count}) AS i;
         INSERT INTO message SELECT new.* FROM queue CROSS JOIN (SELECT message AS old FROM message LIMIT 1) AS known
             CROSS JOIN LATERAL jsonb_populate_record(old, jsonb_build_object('key', md5(n::text), 'id', md5(n::text))) AS new;
         INSERT INTO delivery SELECT new.* FROM queue CROSS JOIN (SELECT delivery AS old FROM delivery LIMIT 1) AS known
             CROSS JOIN LATERAL jsonb_populate_record(old, jsonb_build_object(
                 'n', n, 'id', md5(n::text), 'message', md5(n::text), 'state', 'pending')) AS new"
    ));
}

#[test]
fn a_claim_reads_as_much_after_long_traffic_behind_a_long_read_and_beside_many_retries() {
    let Some(database) = database() else { return };
    let mut store = database.process();
    let mut moment = 1_700_000_000_000_000;
    let (waiting, rounds, reading, lasts) = if is_long() {
        (1_000_000, 0, Duration::from_secs(60), Duration::from_secs(540))
    } else {
        (20_000, 60, Duration::ZERO, Duration::ZERO)
    };
    // The connection has its plans, the lane its holder, and the tables have pages.
    traffic(&mut store, &mut moment, 30, Duration::ZERO);
    add_retries(&database, waiting);
    accept_some(&mut store, &mut moment);
    let before = pages(&store);
    work_off(&mut store);
    let reader = Session::open(&Place::parse(&database.url()).unwrap(), Access::ReadOnly).unwrap();
    reader
        .batch("SET idle_in_transaction_session_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM day_table")
        .unwrap();
    let mut events = traffic(&mut store, &mut moment, rounds, reading);
    accept_some(&mut store, &mut moment);
    let behind_reader = pages(&store);
    work_off(&mut store);
    reader.batch("COMMIT").unwrap();
    events += traffic(&mut store, &mut moment, rounds, lasts);
    accept_some(&mut store, &mut moment);
    let afterwards = pages(&store);
    println!(
        "pages of a claim of {EACH} beside {waiting} retries: {before}; after {events} events {behind_reader} behind a reader, \
         {afterwards} afterwards"
    );
    for (pages, when) in [(behind_reader, "behind a reader"), (afterwards, "afterwards")] {
        assert!(pages * 10 <= before * 12, "{pages} pages {when}, {before} before");
    }
}
