//! Documents and leases over connections that are lost.

use std::time::Duration;

use super::proxy::{Cut, Proxy};
use super::*;
use crate::store::kept::{KeptKind, KeptRows, RowChange};
use crate::store::owners::Owners as _;
use crate::store::postgres::lock::{self, LockKind, SessionLock};
use crate::store::postgres::owners::HeldLease;
use crate::store::postgres::process_database::ProcessDatabase;

fn process(url: &str) -> ProcessDatabase {
    ProcessDatabase::new(Place::parse(url).unwrap())
}

fn add(key: &str) -> RowChange {
    let (key, text) = (key.to_owned(), "text".to_owned());
    RowChange::Add { key, text }
}

/// Ends all connections to the database but the one that asks.
fn end_connections(database: &TestDatabase) {
    database.sql(
        "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
}

#[test]
fn another_process_sees_a_change_and_the_generation() {
    let Some(database) = database() else { return };
    let (one, other) = (process(&database.url()), process(&database.url()));
    assert_eq!(other.rows(KeptKind::Endpoint), Ok(Vec::new()));
    assert_eq!(one.change(KeptKind::Endpoint, &[add("a")]), Ok(true));
    assert_eq!(other.rows(KeptKind::Endpoint).unwrap().len(), 1);
    assert_eq!((one.generation(), other.generation()), (Ok(1), Ok(1)));
    assert_eq!(one.change(KeptKind::Endpoint, &[add("a")]), Ok(false));
    assert_eq!(one.change(KeptKind::Endpoint, &[]), Ok(true));
    assert_eq!(one.generation(), Ok(1));
}

fn accept_for(book: Option<u64>) -> Op {
    let event = event(start(), "e", "lane", false);
    Op::Queue(QueueOp::Accept(Box::new(Intake {
        owner: SERVICE.to_owned(),
        key: None,
        book,
        events: vec![event],
    })))
}

#[test]
fn an_intake_counts_only_for_the_documents_as_they_are() {
    let Some(database) = database() else { return };
    let process = process(&database.url());
    let mut store = database.opened(Access::ReadWrite);
    assert_eq!(process.change(KeptKind::Endpoint, &[add("a")]), Ok(true));
    let events = |store: &dyn Store| store.events(None, None, 10).unwrap().len();
    let outdated = [
        accept_for(Some(0)),
        accept_for(Some(2)),
        Op::Together(vec![accept_for(Some(0)), Op::Capture(Box::new(capture(start(), "a")))]),
    ];
    for ack in store.write(&outdated).unwrap() {
        assert!(ack.is_outdated);
        assert_eq!(ack.number, 0);
    }
    assert_eq!((events(&store), store.count(&Query::default())), (0, Ok(0)));
    // One that is outdated keeps no other one of its group back.
    let acks = store
        .write(&[accept_for(Some(1)), accept_for(Some(0)), accept_for(None)])
        .unwrap();
    let outdated: Vec<bool> = acks.iter().map(|ack| ack.is_outdated).collect();
    assert_eq!(outdated, [false, true, false]);
    assert_eq!(events(&store), 2);
    // The generation of another process is known at once where it is asked for.
    let other = self::process(&database.url());
    assert_eq!((other.generation(), process.generation()), (Ok(1), Ok(1)));
    assert_eq!(process.change(KeptKind::Endpoint, &[add("b")]), Ok(true));
    assert_eq!((other.generation_now(), other.generation()), (Ok(2), Ok(2)));
}

#[test]
fn documents_are_read_and_changed_after_a_lost_connection() {
    let Some(database) = database() else { return };
    let process = process(&database.url());
    for key in ["a", "b", "c"] {
        assert_eq!(process.change(KeptKind::Secret, &[add(key)]), Ok(true));
        end_connections(&database);
        assert!(process.row(KeptKind::Secret, key).unwrap().is_some());
        end_connections(&database);
    }
    assert_eq!(process.generation(), Ok(3));
}

#[test]
fn a_change_of_documents_whose_answer_was_lost_counts_once() {
    let Some(database) = database() else { return };
    let proxy = Proxy::start(server().port());
    let process = process(&format!("postgres://hook@127.0.0.1:{}/{}", proxy.port, database.name));
    assert_eq!(process.change(KeptKind::Endpoint, &[add("a")]), Ok(true));
    for (key, cut) in [
        ("b", Cut::AfterCommit),
        ("c", Cut::BeforeCommit),
        ("d", Cut::AfterCommit),
    ] {
        proxy.cut(cut);
        assert_eq!(process.change(KeptKind::Endpoint, &[add(key)]), Ok(true));
    }
    assert_eq!(process.rows(KeptKind::Endpoint).unwrap().len(), 4);
    assert_eq!(process.generation(), Ok(4));
}

#[test]
fn a_lock_is_waited_for_until_a_limit_and_lost_with_its_connection() {
    let Some(database) = database() else { return };
    let (place, key) = (
        Place::parse(&database.url()).unwrap(),
        lock::key(LockKind::Kept, "book"),
    );
    let held = SessionLock::wait(&place, key, Duration::from_secs(30)).unwrap();
    let refused = SessionLock::wait(&place, key, Duration::from_millis(20)).err().unwrap();
    assert!(matches!(place.error(&refused), StoreError::Locked(_)), "{refused:?}");
    end_connections(&database);
    let other = SessionLock::wait(&place, key, Duration::from_secs(30)).unwrap();
    assert!(!held.is_held() && other.is_held());
    drop(other);
    assert!(SessionLock::try_take(&place, key).unwrap().is_some());
}

#[test]
fn a_lease_is_alive_until_it_is_dropped() {
    let Some(database) = database() else { return };
    let (one, other) = (process(&database.url()), process(&database.url()).claim().unwrap());
    let lease = one.claim().unwrap();
    let name = lease.name().to_owned();
    assert!(process(&database.url()).is_alive(&name));
    assert_ne!(name, other.name());
    drop(lease);
    let reader = process(&database.url());
    assert!(!reader.is_alive(&name) && reader.is_alive(other.name()));
    for unknown in ["", "name", "../x", "00000000000000000000000000000000"] {
        assert!(!reader.is_alive(unknown), "{unknown}");
    }
}

#[test]
fn a_lease_that_was_lost_with_its_connection_is_taken_again() {
    let Some(database) = database() else { return };
    let (place, name) = (
        Place::parse(&database.url()).unwrap(),
        "00000000000000000000000000000001",
    );
    let held = HeldLease::take(&place, name).unwrap();
    end_connections(&database);
    assert!(!process(&database.url()).is_alive(name));
    held.look();
    assert!(process(&database.url()).is_alive(name));
    held.end();
    held.look();
    assert!(!process(&database.url()).is_alive(name));
}

#[test]
fn services_share_a_database_and_one_is_alive_while_its_lease_lasts() {
    let Some(database) = database() else { return };
    let (one, other) = (process(&database.url()), process(&database.url()));
    let leases = (one.claim_service().unwrap(), other.claim_service().unwrap());
    assert_eq!((leases.0.name(), leases.1.name()), (SERVICE, SERVICE));
    assert!(!one.is_alive(SERVICE), "there are no tables");
    let mut store = database.process();
    let op = QueueOp::Recover {
        from: SERVICE.to_owned(),
        to: SERVICE.to_owned(),
        now: start(),
        pause: minutes(1),
    };
    record(&mut store, Op::Queue(op));
    assert!(process(&database.url()).is_alive(SERVICE));
    database.sql("UPDATE hook.worker SET expires_at = clock_timestamp()");
    assert!(!process(&database.url()).is_alive(SERVICE));
}

#[test]
fn a_lease_counts_as_held_while_the_server_is_away() {
    let away = process("postgres://hook@127.0.0.1:1/ledger");
    assert!(away.is_alive("00000000000000000000000000000000") && away.is_alive(SERVICE));
    assert!(matches!(away.generation(), Err(StoreError::Unavailable { .. })));
    assert!(matches!(
        away.rows(KeptKind::Endpoint),
        Err(StoreError::Unavailable { .. })
    ));
    assert!(matches!(away.lock("book").err(), Some(StoreError::Unavailable { .. })));
}
