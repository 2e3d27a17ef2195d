//! What is particular to the file: the conformance suite is run first.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::thread;

use rusqlite::{Connection, StatementStatus};
use tempfile::TempDir;

use super::filter;
use super::values::unsigned;
use super::*;
use crate::store::conformance::{
    Fixture, capture, conformance, delivery, numbers, record_capture, record_delivery, refused, start,
};
use crate::store::{DeliveryState, Execution, NewCapture, NewDelivery, RecordKind};

struct File(TempDir);

impl File {
    fn path(&self) -> PathBuf {
        self.0.path().join("state/ledger.db")
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        self.0.path().join(format!("state/ledger.db{suffix}"))
    }

    /// Changes the file behind the store's back.
    fn meddle(&self, sql: &str) {
        Connection::open(self.path()).unwrap().execute_batch(sql).unwrap();
    }

    fn reading(&self) -> Result<SqliteStore, StoreError> {
        SqliteStore::open(self.path(), Access::ReadOnly)
    }

    fn writing(&self) -> Result<SqliteStore, StoreError> {
        SqliteStore::open(self.path(), Access::ReadWrite)
    }
}

impl Fixture for File {
    type Store = SqliteStore;

    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn open(&self) -> SqliteStore {
        self.writing().unwrap()
    }

    fn drop_messages(&self) {
        self.meddle("DELETE FROM message");
    }
}

conformance!(File);

#[test]
fn looking_at_a_missing_ledger_makes_none() {
    let file = File::new();
    assert_eq!(
        file.reading().unwrap_err(),
        StoreError::Missing(file.path().display().to_string())
    );
    assert!(!file.path().parent().unwrap().exists());
}

#[test]
fn an_empty_file_is_no_ledger_yet() {
    let file = File::new();
    fs::create_dir_all(file.path().parent().unwrap()).unwrap();
    fs::write(file.path(), "").unwrap();
    assert!(matches!(file.reading(), Err(StoreError::Missing(_))));
    record_capture(&mut file.open(), &capture(start(), "a"));
}

#[cfg(unix)]
#[test]
fn a_new_ledger_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let file = File::new();
    let mut store = file.open();
    record_capture(&mut store, &capture(start(), "a"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(file.path().parent().unwrap()), 0o700);
    for suffix in ["", "-wal", "-shm"] {
        assert_eq!(mode(&file.beside(suffix)), 0o600, "{suffix}");
    }
}

#[test]
fn a_newer_ledger_is_refused() {
    let file = File::new();
    drop(file.open());
    file.meddle("PRAGMA user_version = 99");
    let expected = StoreError::Newer {
        path: file.path().display().to_string(),
        found: 99,
        known: schema::FORMAT.into(),
    };
    assert_eq!(file.reading().unwrap_err(), expected);
    assert_eq!(file.writing().unwrap_err(), expected);
}

#[test]
fn a_ledger_of_the_first_format_is_read_as_it_is_and_brought_up_to_date_by_a_writer() {
    let file = File::new();
    record_capture(&mut file.open(), &capture(start(), "a"));
    file.meddle("DROP TABLE queue; DROP TABLE queue_count; DROP TABLE queue_clock; DROP TABLE again; DROP TABLE crash; DROP TABLE event; DROP TABLE idempotency; DROP TABLE endpoint_health;
        DROP TABLE notice; DROP TABLE notice_task; DROP TABLE notice_mail; DROP TABLE api_key; DROP VIEW tenant_of_delivery; DROP INDEX delivery_owned; DROP INDEX delivery_tenant; DROP INDEX capture_unsigned; DROP VIEW whole_delivery; DROP VIEW whole_capture; DROP TABLE policy; ALTER TABLE delivery DROP COLUMN secret;
        ALTER TABLE delivery DROP COLUMN policy; ALTER TABLE delivery DROP COLUMN addresses; ALTER TABLE delivery DROP COLUMN tenant; ALTER TABLE capture DROP COLUMN secret;
        DROP TABLE sealed; DROP TABLE work; DROP TABLE work_lane; DROP TABLE signed_body; DROP TABLE diagnosis; DROP TABLE processing; DROP TABLE execution; PRAGMA user_version = 1");
    let store = file.reading().unwrap();
    assert_eq!(numbers(&store, &Query::default()), [1]);
    assert!(store.get(1).unwrap().is_some());
    assert_eq!(store.unprocessed(&Query::default()).unwrap(), []);
    assert_eq!(store.lanes().unwrap(), []);
    assert_eq!(store.stats(&Query::default()).unwrap().captures, 1);
    drop(store);
    let op = Op::Processed {
        capture: 1,
        command: "./run".to_owned(),
        at: start(),
        error: Some("exit 3".to_owned()),
    };
    assert_eq!(file.open().write(&[op]).unwrap()[0].number, 1);
    let of = Execution {
        workflow: "w".to_owned(),
        ..Execution::default()
    };
    let new = NewDelivery {
        execution: Some(of),
        ..delivery(start(), "a")
    };
    record_delivery(&mut file.open(), &new);
    let found = file.reading().unwrap().list(&Query::default()).unwrap();
    assert_eq!(found[0].workflow.as_deref(), Some("w"));
    assert_eq!(file.reading().unwrap().unprocessed(&Query::default()).unwrap().len(), 1);
}

#[test]
fn what_is_not_a_ledger_is_left_alone() {
    let file = File::new();
    fs::create_dir_all(file.path().parent().unwrap()).unwrap();
    file.meddle("CREATE TABLE somebody_elses (a)");
    let before = fs::read(file.path()).unwrap();
    assert!(matches!(file.writing(), Err(StoreError::Unreadable { .. })));
    file.meddle("PRAGMA user_version = 2");
    for opened in [file.reading(), file.writing()] {
        assert!(matches!(opened, Err(StoreError::Unreadable { .. })));
    }
    assert_eq!(fs::read(file.path()).unwrap().len(), before.len());

    fs::write(
        file.path(),
        "a text that is longer than the header of a database".repeat(40),
    )
    .unwrap();
    for opened in [file.reading(), file.writing()] {
        assert!(matches!(opened, Err(StoreError::Unreadable { .. })), "{opened:?}");
    }
}

#[test]
fn a_folder_in_the_place_of_the_ledger_is_an_error() {
    let file = File::new();
    fs::create_dir_all(file.path()).unwrap();
    assert!(matches!(file.reading(), Err(StoreError::Unreadable { .. })));
    assert!(matches!(file.writing(), Err(StoreError::ReadOnly { .. })));
}

#[test]
fn many_may_make_the_ledger_at_once() {
    let file = File::new();
    let together = Arc::new(Barrier::new(8));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let (together, path) = (together.clone(), file.path());
            thread::spawn(move || {
                together.wait();
                let mut store = SqliteStore::open(path, Access::ReadWrite).unwrap();
                record_capture(&mut store, &capture(start(), "a")).number
            })
        })
        .collect();
    let mut numbers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_full_disk_keeps_nothing_of_the_group_and_gives_no_number_twice() {
    let file = File::new();
    let mut store = file.open();
    let keyed = |key: &str| {
        let capture = NewCapture {
            dedupe_key: Some(key.to_owned()),
            ..capture(start(), "a")
        };
        Op::Capture(Box::new(capture))
    };
    store.write(&[keyed("1")]).unwrap();
    store.connection.pragma_update(None, "max_page_count", 1).unwrap();
    let large = NewCapture {
        body: vec![0; 100_000].into(),
        ..capture(start(), "a")
    };
    let group = [keyed("2"), Op::Capture(Box::new(large)), keyed("3")];
    for _ in 0..2 {
        let full = StoreError::Full(file.path().display().to_string());
        assert_eq!(store.write(&group).unwrap_err(), full);
        assert_eq!(numbers(&store, &Query::default()), [1]);
    }
    store
        .connection
        .pragma_update(None, "max_page_count", 1_000_000)
        .unwrap();
    let acks = store.write(&[keyed("2"), keyed("1")]).unwrap();
    let acks: Vec<_> = acks.iter().map(|ack| (ack.number, ack.duplicate_of)).collect();
    assert_eq!(acks, [(2, None), (3, Some(1))]);
}

#[test]
fn a_reader_sees_what_is_written_while_it_looks_and_cannot_write() {
    let file = File::new();
    let mut writer = file.open();
    record_capture(&mut writer, &capture(start(), "a"));
    let mut reader = file.reading().unwrap();
    assert_eq!(numbers(&reader, &Query::default()), [1]);
    record_capture(&mut writer, &capture(start(), "a"));
    assert_eq!(numbers(&reader, &Query::default()), [2, 1]);
    let refused = reader.write(&[Op::Capture(Box::new(capture(start(), "a")))]);
    assert!(matches!(refused, Err(StoreError::ReadOnly { .. })));
}

#[test]
fn a_locked_ledger_says_so() {
    let file = File::new();
    let (mut store, other) = (file.open(), file.open());
    store
        .connection
        .busy_handler(Some(open::waiter(Duration::ZERO)))
        .unwrap();
    other.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let locked = StoreError::Locked(file.path().display().to_string());
    let op = Op::Capture(Box::new(capture(start(), "a")));
    assert_eq!(store.write(&[op]).unwrap_err(), locked);
}

#[test]
fn a_reader_needs_no_files_beside_the_ledger() {
    let file = File::new();
    record_capture(&mut file.open(), &capture(start(), "a"));
    // As after copying the ledger alone: everything is in it once the log is moved.
    file.meddle("PRAGMA wal_checkpoint(TRUNCATE)");
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(file.beside(suffix));
    }
    assert_eq!(numbers(&file.reading().unwrap(), &Query::default()), [1]);

    // Folders of these names keep SQLite from making the files, as a read-only folder does.
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(file.beside(suffix));
    }
    fs::create_dir(file.beside("-shm")).unwrap();
    assert_eq!(numbers(&file.reading().unwrap(), &Query::default()), [1]);
}

#[test]
fn a_long_log_is_moved_into_the_file_at_the_end() {
    let file = File::new();
    let log = || fs::metadata(file.beside("-wal")).unwrap().len();
    record_capture(&mut file.open(), &capture(start(), "a"));
    assert!(log() > 0, "a short one is left to the next process");
    let mut store = file.open();
    for _ in 0..100 {
        record_capture(&mut store, &capture(start(), "a"));
    }
    assert!(log() > 1_000_000);

    let mut visitor = file.open();
    record_capture(&mut visitor, &capture(start(), "a"));
    record_capture(&mut store, &capture(start(), "a"));
    drop(visitor);
    assert!(log() > 1_000_000, "a short visit leaves it to those who stay");
    drop(store);
    assert_eq!(log(), 0);
}

#[test]
fn lists_and_prefixes_use_an_index_and_sort_nothing() {
    let file = File::new();
    let store = file.open();
    let plan = |sql: &str, values: usize| {
        let mut statement = store.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let zeros = rusqlite::params_from_iter(vec![0; values]);
        let rows = statement.query_map(zeros, |row| row.get::<_, String>(3)).unwrap();
        rows.collect::<Result<Vec<_>, _>>().unwrap().join("; ")
    };
    for (failed, state, index) in [
        (true, None, "failed"),
        (false, Some(DeliveryState::Pending), "pending"),
        (false, None, "delivery"),
    ] {
        let query = Query {
            kind: Some(RecordKind::Delivery),
            failed,
            state,
            since: Some(start()),
            ..Query::default()
        };
        let filter = filter::deliveries(&query, 0).unwrap();
        let plan = plan(
            &format!("SELECT * FROM {} ORDER BY n DESC", filter.sql),
            filter.values.len(),
        );
        assert!(plan.contains(index) && !plan.contains("TEMP"), "{plan}");
    }
    let led_to = Query {
        origin: Some(1),
        ..Query::default()
    };
    let filter = filter::deliveries(&led_to, 0).unwrap();
    let plan_of_origin = plan(
        &format!("SELECT * FROM {} ORDER BY n DESC", filter.sql),
        filter.values.len(),
    );
    assert!(
        plan_of_origin.contains("origin=?") && !plan_of_origin.contains("TEMP"),
        "{plan_of_origin}"
    );
    for (_, sql) in read::FINDS {
        let plan = plan(sql, 3);
        assert!(plan.contains("id>?") && !plan.contains("TEMP"), "{plan}");
    }
}

#[test]
fn statements_are_not_compiled_anew_for_other_values() {
    let file = File::new();
    let store = file.open();
    let sql = "SELECT n FROM capture WHERE n > ?1 AND at >= ?2";
    for value in 0..5 {
        let mut statement = store.connection.prepare_cached(sql).unwrap();
        assert!(!statement.exists([value, value]).unwrap());
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}

#[test]
fn refused_captures_share_a_quota_and_the_oldest_go() {
    let file = File::new();
    let mut store = file.open();
    for _ in 0..10 {
        let body = vec![0; 1000].into();
        record_capture(
            &mut store,
            &NewCapture {
                body,
                ..refused(start())
            },
        );
        record_capture(&mut store, &capture(start(), "a"));
    }
    store.set_unauthenticated_quota(5000);
    assert_eq!(store.prune(None, None).unwrap().records, 7);
    let query = Query {
        failed: true,
        ..Query::default()
    };
    assert_eq!(numbers(&store, &query), [19, 17, 15]);
    assert_eq!(store.stats(&Query::default()).unwrap().captures, 13);
}

/// An unauthenticated capture with that verdict and a body of that size.
fn stranger(verdict: &str, size: usize) -> NewCapture {
    let mut new = refused(start());
    verdict.clone_into(&mut new.verdict.name);
    NewCapture {
        body: vec![b'x'; size].into(),
        ..new
    }
}

/// Records it as the writer of a ledger does.
fn write(store: &mut SqliteStore, new: &NewCapture) -> u64 {
    let number = record_capture(store, new).number;
    store.tidy();
    number
}

fn left(store: &SqliteStore) -> Vec<u64> {
    let mut query = Query::default();
    query.page.limit = usize::MAX;
    numbers(store, &query)
}

#[test]
fn the_quota_of_strangers_is_applied_when_they_are_recorded_and_touches_nobody_else() {
    let file = File::new();
    let (mut store, mut other) = (file.open(), file.open());
    store.set_unauthenticated_quota(100_000);
    other.set_unauthenticated_quota(100_000);
    let known = write(&mut store, &capture(start(), "a"));
    let size = |store: &SqliteStore| prune::unauthenticated_bytes(&store.connection).unwrap();
    for round in 0..100 {
        write(&mut store, &stranger("refused", 5000));
        write(&mut store, &stranger("unsigned", 3000));
        write(&mut store, &stranger("unchecked", 500));
        if round % 10 == 0 {
            write(&mut other, &stranger("refused", 9000));
        }
        assert!(size(&store) <= 130_000, "{}", size(&store));
    }
    let stats = store.stats(&Query::default()).unwrap();
    assert!(size(&store) > 60_000, "no more than needed goes: {}", size(&store));
    assert_eq!(stats.verified, 1);
    assert!(store.get(known).unwrap().is_some());
    let unchecked: u64 = store
        .connection
        .query_row("SELECT count(*) FROM capture WHERE verdict = 'unchecked'", [], |row| {
            row.get(0).map(unsigned)
        })
        .unwrap();
    assert_eq!(unchecked, 100);
}

#[test]
fn the_file_does_not_grow_with_what_strangers_send() {
    let file = File::new();
    let mut store = file.open();
    store.set_unauthenticated_quota(10_000_000);
    for _ in 0..60 {
        write(&mut store, &stranger("refused", 2_000_000));
    }
    let length = |suffix: &str| fs::metadata(file.beside(suffix)).unwrap().len();
    assert!(
        length("") + length("-wal") < 60_000_000,
        "{} {}",
        length(""),
        length("-wal")
    );
    drop(store);
    assert!(length("") < 15_000_000, "{}", length(""));
}

#[test]
fn a_ledger_beyond_its_limit_drops_strangers_first_then_the_oldest() {
    let file = File::new();
    let mut store = file.open();
    let large = |new: NewCapture| NewCapture {
        body: vec![b'x'; 100_000].into(),
        ..new
    };
    let known = |store: &mut SqliteStore| write(store, &large(capture(start(), "a")));
    // Limits count what is recorded, beside the tables themselves.
    let empty = prune::bytes(&store.connection).unwrap();
    let old: Vec<u64> = (0..5).map(|_| known(&mut store)).collect();
    let unchecked: Vec<u64> = (0..10)
        .map(|_| write(&mut store, &stranger("unchecked", 100_000)))
        .collect();
    let unsigned: Vec<u64> = (0..10)
        .map(|_| write(&mut store, &stranger("unsigned", 100_000)))
        .collect();
    let new: Vec<u64> = (0..5).map(|_| known(&mut store)).collect();
    let is_left = |store: &SqliteStore, numbers: &[u64]| {
        let left = left(store);
        numbers.iter().filter(|number| left.contains(number)).count()
    };
    for (limit, expected) in [(2_400_000, [5, 10, 5]), (1_360_000, [5, 5, 0]), (565_000, [2, 0, 0])] {
        store.prune(None, Some(empty + limit)).unwrap();
        let found = [
            is_left(&store, &old),
            is_left(&store, &unchecked),
            is_left(&store, &unsigned),
        ];
        let near = found
            .iter()
            .zip(expected)
            .all(|(found, expected)| found.abs_diff(expected) <= 2);
        assert!(near, "{limit}: {found:?}");
        assert_eq!(is_left(&store, &new), 5);
    }
    // The same when it is recorded.
    store.configure(StoreOptions {
        size_limit: Some(empty + 565_000),
        ..StoreOptions::default()
    });
    for _ in 0..400 {
        write(&mut store, &stranger("unchecked", 100_000));
    }
    assert!(prune::bytes(&store.connection).unwrap() < 25_000_000);
    assert_eq!(is_left(&store, &new), 5, "strangers compete with each other only");
}

#[test]
fn a_ledger_that_is_taken_away_or_emptied_is_made_anew_and_told_of() {
    let file = File::new();
    let mut store = file.open();
    let sabotage: [&dyn Fn(); 3] = [
        &|| fs::remove_file(file.path()).unwrap(),
        &|| fs::remove_dir_all(file.path().parent().unwrap()).unwrap(),
        &|| fs::write(file.path(), "").unwrap(),
    ];
    let mut number = record_capture(&mut store, &capture(start(), "a")).number;
    for (index, sabotage) in sabotage.iter().enumerate() {
        assert_eq!(store.notice(), None);
        sabotage();
        let next = record_capture(&mut store, &capture(start(), "a")).number;
        assert_eq!(next, number + 1, "no number is given twice");
        assert!(matches!(store.notice(), Some(StoreNotice::Removed(_))), "{index}");
        record_capture(&mut store, &capture(start(), "a"));
        number = next + 1;
        assert_eq!(
            numbers(&file.reading().unwrap(), &Query::default()),
            [number, next],
            "{index}"
        );
    }
}

#[test]
fn a_ledger_that_is_replaced_takes_what_comes_next() {
    let file = File::new();
    let other = File::new();
    record_capture(&mut other.open(), &capture(start(), "other"));
    other.meddle("PRAGMA wal_checkpoint(TRUNCATE)");
    let mut store = file.open();
    record_capture(&mut store, &capture(start(), "a"));
    record_capture(&mut store, &capture(start(), "a"));
    fs::rename(other.path(), file.path()).unwrap();
    assert_eq!(record_capture(&mut store, &capture(start(), "a")).number, 3);
    assert!(matches!(store.notice(), Some(StoreNotice::Replaced(_))));
    drop(store);
    let store = file.reading().unwrap();
    assert_eq!(numbers(&store, &Query::default()), [3, 1]);
    let Some(Record::Capture(first)) = store.get(1).unwrap() else {
        panic!("no capture")
    };
    assert_eq!(first.request.event.as_deref(), Some("other"));
}

#[test]
fn nothing_is_acknowledged_where_no_ledger_can_be() {
    let file = File::new();
    let mut store = file.open();
    record_capture(&mut store, &capture(start(), "a"));
    let folder = file.path().parent().unwrap().to_owned();
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "a file in its place").unwrap();
    let op = [Op::Capture(Box::new(capture(start(), "a")))];
    assert!(store.write(&op).is_err());
    fs::remove_file(&folder).unwrap();
    assert_eq!(
        store.write(&op).unwrap()[0].number,
        2,
        "and it goes on as soon as it can"
    );
    fs::remove_file(file.beside("-wal")).unwrap();
    assert!(store.write(&op).is_err(), "what is in a log without a name is lost");
}

#[test]
fn the_window_can_be_set() {
    let file = File::new();
    let mut store = file.open();
    store.configure(StoreOptions {
        dedupe_window: Some(Duration::from_secs(10)),
        ..StoreOptions::default()
    });
    let mut at = |seconds| {
        let capture = NewCapture {
            dedupe_key: Some("1".to_owned()),
            ..capture(start().plus(Duration::from_secs(seconds)), "a")
        };
        record_capture(&mut store, &capture).duplicate_of
    };
    assert_eq!([at(0), at(10), at(21), at(22)], [None, Some(1), None, Some(3)]);
}

#[test]
fn pruning_gives_space_back() {
    let file = File::new();
    let mut store = file.open();
    for _ in 0..100 {
        let body = vec![0; 50_000].into();
        record_capture(
            &mut store,
            &NewCapture {
                body,
                ..capture(start(), "a")
            },
        );
    }
    record_capture(&mut store, &capture(start(), "a"));
    store.set_unauthenticated_quota(0);
    assert_eq!(store.prune(None, Some(100_000)).unwrap().records, 101);
    drop(store);
    assert!(fs::metadata(file.path()).unwrap().len() < 1_000_000);
    let mut store = file.open();
    assert_eq!(record_capture(&mut store, &capture(start(), "a")).number, 102);
    let sound: String = store
        .connection
        .pragma_query_value(None, "integrity_check", |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
    let delivery = Op::Delivery(Box::new(delivery(start(), "a")));
    assert_eq!(store.write(&[delivery]).unwrap()[0].number, 103);
}

#[test]
fn what_is_damaged_is_listed_as_such_beside_the_rest() {
    let file = File::new();
    let mut store = file.open();
    for event in ["a", "b", "c", "d"] {
        record_capture(&mut store, &capture(start(), event));
    }
    file.meddle(
        "UPDATE capture SET id = x'00' WHERE n = 2; UPDATE capture SET target = CAST(x'ff' AS TEXT) WHERE n = 3;
         UPDATE capture SET status = -1 WHERE n = 4",
    );
    let found = store.list(&Query::default()).unwrap();
    let unreadable: Vec<_> = found.iter().map(|one| (one.number, one.is_unreadable())).collect();
    assert_eq!(unreadable, [(4, true), (3, true), (2, true), (1, false)]);
    assert_eq!(found[0].event.as_deref(), Some("d"), "what can be read is shown");
    assert!(matches!(store.get(2), Err(StoreError::Damaged { number: 2, .. })));
    assert!(store.get(1).unwrap().is_some());
    assert_eq!(store.stats(&Query::default()).unwrap().captures, 4);
}
