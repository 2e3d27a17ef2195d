//! What is particular to PostgreSQL: the conformance suite is run first.

mod claims;
mod days;
mod hints;
mod kept;
mod lease;
mod loss;
mod proxy;
mod tls;

use std::sync::Barrier;
use std::thread;

use super::process_database::ProcessDatabase;
use super::*;
use crate::message::Mode;
use crate::store::conformance::{
    Fixture, after, answered, capture, conformance, delivery, minutes, numbers, record, record_capture,
    record_delivery, start,
};
use crate::store::queue::{Intake, NewEvent, NewQueued, SERVICE};
use crate::store::{KeptRows, NewCapture, QueryPage, QueueOp};

#[path = "../../../tests/support/postgres.rs"]
mod cluster;

/// A database of its own.
pub(super) struct TestDatabase {
    name: String,
}

impl TestDatabase {
    fn url(&self) -> String {
        server().url(&self.name)
    }

    fn opened(&self, access: Access) -> PostgresStore {
        PostgresStore::open(&self.url(), access, StoreOptions::default()).unwrap()
    }

    /// A process with a lease of its own, by the database's clock.
    fn process(&self) -> PostgresStore {
        self.opened(Access::ReadWrite).into_other_process()
    }

    fn sql(&self, statements: &str) -> String {
        server().sql(&self.name, statements)
    }
}

fn server() -> &'static cluster::Cluster {
    cluster::shared().unwrap()
}

/// A new database, where there is a server.
fn database() -> Option<TestDatabase> {
    cluster::shared().map(|_| TestDatabase::new())
}

/// A new database for documents, where there is a server.
pub(in crate::store) fn kept_rows() -> Option<Arc<dyn KeptRows>> {
    let place = Place::parse(&database()?.url()).unwrap();
    Some(Arc::new(ProcessDatabase::new(place)))
}

impl Fixture for TestDatabase {
    type Store = PostgresStore;

    const HAS_CLOCK: bool = true;

    fn is_available() -> bool {
        cluster::shared().is_some()
    }

    fn new() -> Self {
        Self {
            name: server().database(),
        }
    }

    fn open(&self) -> PostgresStore {
        self.opened(Access::ReadWrite).with_given_clock()
    }

    fn drop_messages(&self) {
        self.sql("DROP TABLE hook.message_2030_01_02");
    }
}

conformance!(TestDatabase);

/// An event with one delivery, which is taken at once or waits.
fn event(at: Timestamp, id: &str, lane: &str, taken: bool) -> NewEvent {
    let queued = NewQueued {
        delivery: crate::store::NewDelivery {
            owner: Some(SERVICE.to_owned()),
            ..delivery(at, "a")
        },
        lane: lane.to_owned(),
        taken,
    };
    NewEvent {
        id: id.to_owned(),
        at,
        name: "a".to_owned(),
        mode: Mode::Live,
        data: None,
        tenant: None,
        deliveries: vec![queued],
    }
}

fn accept(events: Vec<NewEvent>) -> Op {
    Op::Queue(QueueOp::Accept(Box::new(Intake {
        owner: SERVICE.to_owned(),
        key: None,
        book: None,
        events,
    })))
}

#[test]
fn ten_processes_make_the_tables_of_an_empty_database_at_once() {
    let Some(database) = database() else { return };
    let begin = Barrier::new(10);
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                begin.wait();
                let mut store = database.opened(Access::ReadWrite);
                record_capture(&mut store, &capture(start(), "a"));
            });
        }
    });
    assert_eq!(database.opened(Access::ReadOnly).count(&Query::default()), Ok(10));
    assert_eq!(
        ledger_format(&Secret::new(database.url())),
        Ok((schema::FORMAT, schema::FORMAT))
    );
}

#[test]
fn looking_at_an_empty_database_makes_no_tables() {
    let Some(database) = database() else { return };
    let opened = PostgresStore::open(&database.url(), Access::ReadOnly, StoreOptions::default());
    assert!(matches!(opened, Err(StoreError::Missing(_))));
    assert!(matches!(
        ledger_format(&Secret::new(database.url())),
        Err(StoreError::Missing(_))
    ));
    assert_eq!(
        database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'hook'"),
        "0"
    );
}

#[test]
fn the_database_of_a_newer_hook_is_refused() {
    let Some(database) = database() else { return };
    drop(database.opened(Access::ReadWrite));
    database.sql("UPDATE hook.format SET version = version + 1");
    for access in [Access::ReadOnly, Access::ReadWrite] {
        let opened = PostgresStore::open(&database.url(), access, StoreOptions::default());
        let error = opened.err();
        assert!(
            matches!(error, Some(StoreError::Newer { found, known, .. }) if found == known + 1),
            "{error:?}"
        );
    }
}

#[test]
fn an_index_whose_building_was_interrupted_is_built_again() {
    let Some(database) = database() else { return };
    drop(database.opened(Access::ReadWrite));
    database.sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'hook.queue_due'::regclass");
    drop(database.opened(Access::ReadWrite));
    let sql = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'hook.queue_due'::regclass";
    assert_eq!(database.sql(sql), "t");
}

#[test]
fn a_follower_waits_for_a_smaller_number_that_is_committed_later() {
    let Some(database) = database() else { return };
    let (mut writer, reader) = (database.opened(Access::ReadWrite), database.opened(Access::ReadWrite));
    let first = NewCapture {
        dedupe_key: Some("held".to_owned()),
        ..capture(start(), "a")
    };
    let hash = crate::store::encoding::event_hash(first.provider.as_deref(), Some("held"))
        .unwrap()
        .cast_signed();
    // While this lock is held, the writer waits after it has drawn its number.
    let holder = Session::open(&Place::parse(&database.url()).unwrap(), Access::ReadWrite).unwrap();
    holder.run("SELECT pg_advisory_lock($1)", &[&hash]).unwrap();
    let mut held = database.opened(Access::ReadWrite);
    let held = thread::spawn(move || record_capture(&mut held, &first).number);
    while database.sql("SELECT is_called FROM hook.record_number") != "t" {
        thread::yield_now();
    }
    for event in ["b", "c"] {
        record_capture(&mut writer, &capture(after(1), event));
    }
    let follow = |after| {
        let query = Query {
            page: QueryPage::after(after, 9),
            ..Query::default()
        };
        numbers(&reader, &query)
    };
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        assert_eq!(follow(0), [0; 0], "the first one may still come");
    }
    assert_eq!(
        numbers(&reader, &Query::default()),
        [3, 2],
        "a query that does not follow sees what is there"
    );
    holder.run("SELECT pg_advisory_unlock($1)", &[&hash]).unwrap();
    assert_eq!(held.join().unwrap(), 1);
    assert_eq!(follow(0), [1, 2, 3]);
    record_capture(&mut writer, &capture(after(2), "d"));
    assert_eq!(follow(3), [4]);
}

#[test]
fn followers_miss_nothing_that_many_writers_record() {
    let Some(database) = database() else { return };
    let (writers, each) = (4, 60);
    let seen = thread::scope(|scope| {
        for _ in 0..writers {
            scope.spawn(|| {
                let mut store = database.opened(Access::ReadWrite);
                for _ in 0..each {
                    record_capture(&mut store, &capture(start(), "a"));
                }
            });
        }
        let store = database.opened(Access::ReadWrite);
        let mut seen: Vec<u64> = Vec::new();
        while seen.len() < writers * each {
            let query = Query {
                page: QueryPage::after(seen.last().copied().unwrap_or_default(), 7),
                ..Query::default()
            };
            seen.extend(numbers(&store, &query));
        }
        seen
    });
    assert!(seen.is_sorted_by(|a, b| a < b));
    assert_eq!(seen.last(), Some(&((writers * each) as u64)));
}

#[tokio::test]
async fn a_store_is_used_in_the_middle_of_asynchronous_code() {
    let Some(database) = database() else { return };
    let mut store = database.opened(Access::ReadWrite);
    let number = record_delivery(&mut store, &delivery(start(), "a"));
    assert!(store.get(number).unwrap().is_some());
}

#[test]
fn a_group_takes_the_same_statements_however_many_events_it_has() {
    let Some(database) = database() else { return };
    if database.sql("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_stat_statements'") == "0" {
        return;
    }
    database.sql("CREATE EXTENSION pg_stat_statements");
    let mut store = database.process();
    let mut calls = |events: usize| {
        let at = store.now().unwrap();
        let ops: Vec<Op> = (0..events)
            .map(|i| accept(vec![event(at, &format!("msg_{i}"), "one", true)]))
            .collect();
        let ids: Vec<_> = ops
            .iter()
            .flat_map(|op| match op {
                Op::Queue(QueueOp::Accept(intake)) => {
                    intake.events[0].deliveries.iter().map(|queued| queued.delivery.id)
                }
                _ => unreachable!(),
            })
            .collect();
        database.sql("SELECT pg_stat_statements_reset()");
        let acks = store.write(&ops).unwrap();
        let ended: Vec<Op> = ids
            .iter()
            .zip(&acks)
            .map(|(id, ack)| Op::Attempt {
                delivery: *id,
                number: Some(ack.number),
                attempt: Box::new(answered(1, at, 200, minutes(0))),
                state: crate::store::DeliveryState::Delivered,
                next_due: None,
            })
            .collect();
        assert!(store.write(&ended).unwrap().iter().all(|ack| !ack.is_fenced));
        let sql = "SELECT sum(calls) FROM pg_stat_statements AS s JOIN pg_database AS d ON d.oid = s.dbid
            WHERE d.datname = current_database() AND query NOT LIKE '%pg_stat_statements%'";
        database.sql(sql).parse::<u32>().unwrap()
    };
    // The first group also finds its tables.
    calls(1);
    let (few, many) = (calls(2), calls(200));
    assert_eq!(few, many);
    assert!(many <= 24, "{many} statements");
}

#[test]
fn what_is_due_is_decided_by_the_clock_of_the_database() {
    let Some(database) = database() else { return };
    let mut store = database.process();
    let now = store.now().unwrap();
    let events = vec![
        event(now.minus(minutes(1)), "due", "one", false),
        event(now.plus(minutes(60)), "later", "one", false),
    ];
    record(&mut store, accept(events));
    let take = Op::Queue(QueueOp::Take {
        owner: SERVICE.to_owned(),
        lane: "one".to_owned(),
        class: crate::store::QueueClass::First,
        limit: 9,
        bytes: usize::MAX,
        // A machine whose clock is years ahead.
        now: after(0),
    });
    let ack = record(&mut store, take);
    assert_eq!(ack.taken.iter().map(|taken| taken.number).collect::<Vec<_>>(), [1]);
    assert!(
        store.clock_ahead_us().unwrap().abs() < 5_000_000,
        "it is the same machine"
    );
}

#[test]
fn tidying_keeps_the_counts_and_makes_the_tables_of_tomorrow() {
    let Some(database) = database() else { return };
    for id in ["a", "b"] {
        record(&mut database.process(), accept(vec![event(start(), id, "one", false)]));
    }
    let mut store = database.process();
    // A connection ends a little after its client.
    while database.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") != "2" {
        thread::yield_now();
    }
    store.tidy_up().unwrap();
    assert_eq!(store.queue_counts(SERVICE).unwrap().waiting, 2);
    assert_eq!(database.sql("SELECT count(*) FROM hook.queue_count"), "1");
    let tomorrow = "SELECT count(*) FROM hook.day_table WHERE day = (now() AT TIME ZONE 'UTC')::date + 1";
    assert_eq!(database.sql(tomorrow), "5");
}

#[test]
fn a_statement_by_hand_needs_no_search_path() {
    let Some(database) = database() else { return };
    let mut store = database.open();
    for id in ["a", "b"] {
        record(&mut store, accept(vec![event(start(), id, "one", false)]));
    }
    let rival =
        "CREATE TABLE public.queue_count (LIKE hook.queue_count); CREATE TABLE public.day_table (LIKE hook.day_table);";
    database.sql(&format!("{rival} DELETE FROM hook.queue WHERE n = 1"));
    assert_eq!(store.queue_counts(SERVICE).unwrap().waiting, 1);
    database.sql("SELECT hook.make_day('2031-01-01')");
    assert_eq!(
        database.sql("SELECT count(*) FROM hook.day_table WHERE day = '2031-01-01'"),
        "5"
    );
    let group = "SELECT first_n > 0 AND first_e > 0 FROM hook.begin_group(gen_random_uuid(), 2, 2, true)";
    assert_eq!(database.sql(group), "t");
}
