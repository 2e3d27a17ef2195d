//! Connections that are lost.

use super::proxy::{Cut, Proxy};
use super::*;

fn through(proxy: &Proxy, database: &TestDatabase) -> PostgresStore {
    let url = format!("postgres://hook@127.0.0.1:{}/{}", proxy.port, database.name);
    PostgresStore::open(&url, Access::ReadWrite, StoreOptions::default())
        .unwrap()
        .into_other_process()
}

#[test]
fn a_commit_whose_answer_was_lost_counts_once() {
    let Some(database) = database() else { return };
    let proxy = Proxy::start(server().port());
    let mut store = through(&proxy, &database);
    for i in 0..50 {
        let id = format!("msg_{i}");
        proxy.cut(Cut::AfterCommit);
        let ack = store
            .write(&[accept(vec![event(start(), &id, "one", false)])])
            .unwrap()
            .remove(0);
        let found = store.event(None, &id).unwrap().unwrap();
        assert_eq!((found.first, found.deliveries), (ack.number, 1));
    }
    assert_eq!(
        database.sql("SELECT count(*), count(DISTINCT id) FROM hook.event"),
        "50|50"
    );
    assert_eq!(store.queue_counts(SERVICE).unwrap().waiting, 50);
}

#[test]
fn a_commit_that_did_not_reach_the_server_is_an_error_and_left_nothing() {
    let Some(database) = database() else { return };
    let proxy = Proxy::start(server().port());
    let mut store = through(&proxy, &database);
    for i in 0..5 {
        let id = format!("msg_{i}");
        let op = accept(vec![event(start(), &id, "one", false)]);
        proxy.cut(Cut::BeforeCommit);
        let failed = store.write(std::slice::from_ref(&op));
        assert!(matches!(failed, Err(StoreError::Unavailable { .. })), "{failed:?}");
        assert_eq!(store.event(None, &id), Ok(None));
        // The next one finds a connection again.
        store.write(&[op]).unwrap();
        assert!(store.event(None, &id).unwrap().is_some());
    }
    assert_eq!(store.queue_counts(SERVICE).unwrap().waiting, 5);
}

#[test]
fn the_next_change_after_a_restart_of_the_server_succeeds() {
    let Some(own) = cluster::start(cluster::Durability::On) else {
        return;
    };
    let url = own.url(&own.database());
    let mut store = PostgresStore::open(&url, Access::ReadWrite, StoreOptions::default()).unwrap();
    for (number, mode) in [(1, "fast"), (2, "immediate"), (3, "fast")] {
        assert_eq!(record_capture(&mut store, &capture(start(), "a")).duplicate_of, None);
        own.restart(mode);
        assert_eq!(
            store.count(&Query::default()),
            Ok(number),
            "what was acknowledged is there"
        );
    }
}

#[test]
fn the_error_of_a_server_that_is_away_names_no_secret() {
    let url = "postgres://user:very-secret@127.0.0.1:1/ledger?application_name=x";
    let error = PostgresStore::open(url, Access::ReadWrite, StoreOptions::default())
        .err()
        .unwrap();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
    let text = format!("{error} {error:?}");
    assert!(
        text.contains("127.0.0.1:1/ledger") && !text.contains("secret"),
        "{text}"
    );
    for wrong in [
        "postgres://user:very-secret@host:port/x",
        "postgres://user:very-secret@host/x?sslmode=secret",
        "postgres://user:very-secret@host/x?unknown=secret",
    ] {
        let error = PostgresStore::open(wrong, Access::ReadOnly, StoreOptions::default())
            .err()
            .unwrap();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("secret"), "{text}");
    }
}
