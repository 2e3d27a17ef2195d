//! A disk that is full, that cannot be written, or that has kept something else than was written.

use std::collections::HashSet;
use std::io::Write as _;
use std::net::TcpListener;

use crate::support::{App, CLOSED_PORT, MockApi, Queue, Reply, Sandbox, event, number};

/// About a MiB: room for the empty ledger and some events.
const BLOCKS: u32 = 1500;

/// Hands events over until the service has no room, large ones first and then small ones; how many it took.
#[track_caller]
fn fill(service: &MockApi) -> usize {
    let mut taken = 0;
    for size in [32 * 1024, 1] {
        loop {
            let mut event = event(taken);
            event["data"]["fill"] = "x".repeat(size).into();
            let answer = service.answer("POST", "/events", &event.to_string());
            match answer.status {
                202 => taken += 1,
                503 => {
                    assert!(answer.header("retry-after").is_some(), "{answer:?}");
                    break;
                }
                other => panic!("answered {other}"),
            }
        }
    }
    taken
}

/// The numbers of the events that came to an app.
fn came(app: &App) -> HashSet<usize> {
    app.rest().iter().filter_map(|seen| number(&seen.body)).collect()
}

#[test]
fn a_full_disk_is_answered_503_and_what_was_acknowledged_is_delivered() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox.patient("steady", "5s", r#"["1s", "1s", "1s"]"#);
    sandbox.endpoint("app", "steady", &app.url);
    let mut service = MockApi::ready(sandbox.service_run::<&str>(&[]).file_limit(BLOCKS));
    let taken = fill(&service);
    assert!(taken > 0);
    service
        .process
        .wait_said(|line| line.contains("no space left for ledger"));
    sandbox.checkpoint();
    service.accepts(taken);
    service.process.signal("KILL");
    service.process.wait().exits(137);

    // With room again, nothing of it is missing.
    let service = sandbox.service(&[]);
    service.until(|queue| *queue == Queue::DONE);
    service.terminate().ok();
    let came = came(&app);
    let missing: Vec<_> = (0..=taken).filter(|number| !came.contains(number)).collect();
    assert!(missing.is_empty(), "of {taken}: {missing:?}");
}

#[test]
fn a_ledger_that_cannot_be_written_is_exit_7_before_anything_is_accepted() {
    let sandbox = Sandbox::new();
    // A file in the place of its folder, a folder in the place of its log, a file system that nobody can write.
    sandbox.write("file", "not a folder");
    std::fs::create_dir_all(sandbox.path("blocked.db-wal")).expect("a folder");
    for ledger in ["file/ledger.db", "blocked.db", "/proc/ledger.db"] {
        let run = sandbox.service_run(&["--ledger", ledger, "--ready-file", "ready"]);
        run.run()
            .exits(7)
            .says(["\"level\":\"error\",\"message\":\"ledger `", "\"hints\":[\""]);
        assert!(!sandbox.path("ready").exists(), "{ledger}");
    }
}

/// A service that dies with events that wait for a receiver which is not there.
#[track_caller]
fn dead_with(sandbox: &Sandbox, count: usize) {
    let service = sandbox.service(&[]);
    for number in 0..count {
        service.accepts(number);
    }
    service.until(|queue| queue.taken == 0 && queue.waiting == count as u64);
    service.kill();
}

const EVENTS: usize = 20;

#[test]
fn a_torn_tail_of_the_store_costs_nothing_that_was_acknowledged() {
    let sandbox = Sandbox::new();
    sandbox.patient("slow", "5s", r#"["24h"]"#);
    sandbox.endpoint("gone", "slow", CLOSED_PORT);
    dead_with(&sandbox, EVENTS);
    let log = sandbox.state("ledger.db-wal");
    let whole = std::fs::read(&log).expect("the log is there");
    // The next frame, as a power cut leaves it: a head, and half of a page that is not what it should be.
    for tail in [&whole[32..32 + 24 + 2048], &[0; 3000][..], &whole[whole.len() - 17..]] {
        let mut file = std::fs::File::options().append(true).open(&log).expect("it opens");
        file.write_all(tail).expect("it is written");
        let service = sandbox.service(&[]);
        service.until(|queue| queue.waiting + queue.taken == EVENTS as u64);
        service.kill();
    }
    // It goes on from there.
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox
        .hook(["endpoints", "update", "gone", "--to", &app.url, "--local"])
        .run()
        .ok();
    let service = sandbox.service(&[]);
    service.accepts(EVENTS);
    assert_eq!(number(&app.next().body), Some(EVENTS));
    service.terminate().ok();
}

#[test]
fn a_flipped_byte_in_the_log_loses_nothing_without_a_word() {
    let sandbox = Sandbox::new();
    sandbox.patient("slow", "5s", r#"["24h"]"#);
    sandbox.endpoint("gone", "slow", CLOSED_PORT);
    dead_with(&sandbox, EVENTS);
    let log = sandbox.state("ledger.db-wal");
    let mut bytes = std::fs::read(&log).expect("the log is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    sandbox.write(&log, &bytes);
    let facts = ["ledger.db-wal` is damaged: ", " behind the damage would be dropped"];
    sandbox.service_run::<&str>(&[]).run().exits(7).says(facts);
    sandbox.service_run(&["--check"]).run().exits(7).prints(facts);
    let after = std::fs::read(&log).expect("the log is there");
    assert!(after == bytes, "it is left as it is");
    // What the hint says saves the rest.
    sandbox.hook(["log", "backup", "saved.db"]).run().ok();
    let service = sandbox.service(&["--ledger", "saved.db"]);
    service.stop().ok();
}

#[test]
fn a_flipped_byte_in_the_queue_is_reported_at_the_start() {
    let sandbox = Sandbox::new();
    sandbox.patient("slow", "5s", r#"["24h"]"#);
    sandbox.endpoint("gone", "slow", CLOSED_PORT);
    dead_with(&sandbox, EVENTS);
    sandbox.checkpoint();
    let path = sandbox.state("ledger.db");
    let ledger = rusqlite::Connection::open(&path).expect("it opens");
    let number = |sql: &str| ledger.query_row(sql, [], |row| row.get::<_, u32>(0)).expect(sql);
    let page = number("PRAGMA page_size");
    let pages = number("SELECT rootpage FROM sqlite_schema WHERE name = 'queue'");
    drop(ledger);
    // The first byte of a page says what it is.
    let at = usize::try_from((pages - 1) * page).expect("64 bits");
    let mut bytes = std::fs::read(&path).expect("the ledger is there");
    bytes[at] ^= 0x10;
    sandbox.write(&path, &bytes);
    let run = sandbox.service_run::<&str>(&[]).run();
    run.exits(7)
        .says(["\"message\":\"ledger `", "is not readable", "\"hints\":[\""]);
    let after = std::fs::read(&path).expect("the ledger is there");
    assert!(after == bytes, "a damaged ledger is left as it is");
}

#[test]
fn a_damaged_delivery_is_reported_and_keeps_no_other_one() {
    let sandbox = Sandbox::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    sandbox.patient("back", "5s", r#"["10m"]"#);
    sandbox.endpoint("back", "back", &format!("http://{address}"));
    let service = sandbox.service(&[]);
    for number in 0..EVENTS {
        service.accepts(number);
    }
    service.until(|queue| queue.taken == 0 && queue.waiting == EVENTS as u64);
    service.kill();
    let ledger = rusqlite::Connection::open(sandbox.state("ledger.db")).expect("it opens");
    ledger
        .execute_batch("UPDATE delivery SET signing = 'magic' WHERE n = 7; UPDATE queue SET due = 0")
        .expect("the ledger's format");
    drop(ledger);
    let app = App::on(TcpListener::bind(address).expect("the port is free"), |_| {
        Reply::Status(200, "")
    });
    let mut service = sandbox.service(&[]);
    let came: HashSet<_> = (1..EVENTS)
        .map(|_| number(&app.next().body).expect("a number"))
        .collect();
    assert_eq!(came.len(), EVENTS - 1);
    service.process.wait_said(|line| line.contains("#7"));
    service.until(|queue| queue.waiting + queue.taken == 0 && queue.parked == 1);
    service.terminate().ok();
}
