//! What waits is on disk: neither a service nor a listener grows with it.

use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{App, CLOSED_PORT, Reply, Sandbox, connect, number, soak};

/// The limit of a release build, and beside it what a build for tests needs more.
const LIMIT: u64 = 64;

/// To the listener.
const CONNECTIONS: usize = 8;

/// What it may grow while much more waits.
const GROWTH: u64 = 8;

/// An endpoint that keeps failing is tried ten times a second: that wait is divided too.
const SCALED: &[&str] = &["--time-scale", "1000x"];

/// Retries that wait before and after, and those that are then due.
fn retries() -> (usize, u32, u32) {
    if soak() {
        (1000, 1_000_000, 20_000)
    } else {
        (200, 50_000, 500)
    }
}

/// Fills the queue up with copies of its first delivery, so many of them due: to make the first attempts of all of them
/// would take an hour.
fn fill_up(sandbox: &Sandbox, count: u32, due: u32) {
    let ledger = rusqlite::Connection::open(sandbox.state("ledger.db")).expect("it opens");
    let number = |sql: &str| ledger.query_row(sql, [], |row| row.get::<_, u32>(0)).expect(sql);
    let first = number("SELECT max(n) + 1 FROM delivery");
    let last = count - number("SELECT count(*) FROM queue") + first - 1;
    let mut sql = String::from("BEGIN;");
    for (table, key) in [("attempt", "delivery"), ("delivery", "n"), ("queue", "n")] {
        let statement = ledger.prepare(&format!("SELECT * FROM {table}")).expect(table);
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let value = |name: &String| match name.as_str() {
            name if name == key => "copy".to_owned(),
            "id" => "randomblob(16)".to_owned(),
            name => name.to_owned(),
        };
        let values: Vec<String> = names.iter().map(value).collect();
        let copies = format!(
            "WITH RECURSIVE copies (copy) AS (VALUES ({first}) UNION ALL SELECT copy + 1 FROM copies WHERE copy < {last})
             INSERT INTO {table} ({}) SELECT {} FROM copies, {table} WHERE {key} = 1;",
            names.join(", "),
            values.join(", ")
        );
        sql.push_str(&copies);
    }
    let due = format!(
        "UPDATE queue SET due = 0 WHERE n > {last} - {due};
         UPDATE queue_count SET count = (SELECT count(*) FROM queue WHERE state = queue_count.state); COMMIT;"
    );
    ledger.execute_batch(&(sql + &due)).expect("the ledger's format");
}

#[test]
fn a_service_with_many_waiting_retries_holds_none_of_them() {
    let (few, many, due) = retries();
    let sandbox = Sandbox::new();
    let healthy = App::start(|_| Reply::Status(200, ""));
    sandbox.patient("slow", "5s", r#"["10000h", "10000h"]"#);
    sandbox.endpoint("gone", "slow", CLOSED_PORT);
    let service = sandbox.service(SCALED);
    for number in 0..few {
        service.accepts(number);
    }
    // All have been tried, and wait for the next attempt.
    service.until(|queue| queue.taken == 0 && sandbox.attempts() == few as u64);
    let before = service.process.peak();
    service.kill();
    fill_up(&sandbox, many, due);

    sandbox.endpoint("healthy", "slow", &healthy.url);
    let service = sandbox.service(SCALED);
    let all = u64::from(many);
    service.until(|queue| queue.waiting + queue.taken == all);
    service.accepts(few);
    assert_eq!(number(&healthy.next().body), Some(few));
    let limit = Duration::from_secs(600);
    // One attempt of each, one more of what was due, and the two of the last event.
    let attempts = all + u64::from(due) + 2;
    service.within(limit, |queue| queue.taken == 0 && sandbox.attempts() == attempts);
    assert_eq!(service.queue().waiting, all + 1);
    let after = service.process.peak();
    println!("largest RSS with {few} waiting retries: {before:?} MiB; with {many}, {due} of them due: {after:?} MiB");
    if let (Some(before), Some(after)) = (before, after) {
        assert!(after < LIMIT && after <= before + GROWTH, "{before} and {after} MiB");
    }
    service.terminate().ok();
}

#[test]
fn a_listener_with_a_dead_target_holds_none_of_its_captures() {
    let (few, many) = if soak() { (10_000, 100_000) } else { (1_000, 5_000) };
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--unverified", "--forward-to", CLOSED_PORT, "--retry", "24h"]);
    let mut peaks = Vec::new();
    for (from, to) in [(0, few), (few, many)] {
        let share = (to - from) / CONNECTIONS;
        std::thread::scope(|scope| {
            for start in (from..to).step_by(share) {
                let stream = connect(&listener.url);
                scope.spawn(move || captures(&stream, start..to.min(start + share)));
            }
        });
        peaks.extend(listener.process.peak());
    }
    println!("largest RSS with {few} and {many} captures: {peaks:?} MiB");
    if let [before, after] = peaks[..] {
        assert!(after < LIMIT && after <= before + GROWTH, "{peaks:?} MiB");
    }
    listener.process.signal("KILL");
}

/// Sends requests on one connection, each after the answer to the one before.
fn captures(stream: &TcpStream, numbers: std::ops::Range<usize>) {
    let mut answers = BufReader::new(stream);
    for number in numbers {
        let body = format!("{{\"n\":{number},\"fill\":\"{}\"}}", "x".repeat(900));
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
        { stream }.write_all((head + &body).as_bytes()).expect("it is sent");
        let (mut answer, mut byte) = (Vec::new(), [0]);
        while !answer.ends_with(b"\r\n\r\nok\n") {
            answers.read_exact(&mut byte).expect("an answer");
            answer.push(byte[0]);
        }
        assert!(
            answer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
}
