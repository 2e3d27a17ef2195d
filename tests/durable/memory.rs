//! What waits is on disk: neither a service nor a listener grows with it.

use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{MockApi, NOBODY, Sandbox, connect, event, soak};

/// The limit of a release build, and beside it what a build for tests needs more.
const LIMIT: u64 = 64;

/// What it may grow while much more waits.
const GROWTH: u64 = 8;

/// Hands over that many events in batches.
fn batches(service: &MockApi, from: usize, to: usize) {
    for start in (from..to).step_by(1000) {
        let events: Vec<_> = (start..to.min(start + 1000)).map(event).collect();
        let body = serde_json::to_string(&events).expect("JSON");
        let (status, answer) = service.call("POST", "/events/batch", &body);
        assert_eq!(status, 202, "{answer}");
    }
}

#[test]
fn a_service_with_many_waiting_retries_holds_none_of_them() {
    let (few, many) = if soak() { (100_000, 1_000_000) } else { (5_000, 50_000) };
    let sandbox = Sandbox::new();
    sandbox.patient("slow", "5s", r#"["24h"]"#);
    sandbox.endpoint("gone", "slow", NOBODY);
    let service = sandbox.service(&[]);
    let mut peaks = Vec::new();
    for (from, to) in [(0, few), (few, many)] {
        batches(&service, from, to);
        let limit = Duration::from_secs(if soak() { 3600 } else { 120 });
        // All have been tried, and wait for the next attempt.
        service.within(limit, |queue| queue.taken == 0 && sandbox.tried() == to as u64);
        assert_eq!(service.queue().waiting, to as u64);
        peaks.extend(service.process.peak());
    }
    println!("largest RSS with {few} and {many} waiting retries: {peaks:?} MiB");
    if let [before, after] = peaks[..] {
        assert!(after < LIMIT && after <= before + GROWTH, "{peaks:?} MiB");
    }
    service.kill();
    let service = sandbox.service(&[]);
    assert_eq!(service.queue().waiting, many as u64);
    let resumed = service.process.peak();
    println!("after a restart: {resumed:?} MiB");
    assert!(resumed.is_none_or(|peak| peak < LIMIT), "{resumed:?} MiB");
    service.terminate().ok();
}

#[test]
fn a_listener_with_a_dead_target_holds_none_of_its_captures() {
    let (few, many) = if soak() { (10_000, 100_000) } else { (1_000, 10_000) };
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--unverified", "--forward-to", NOBODY, "--retry", "24h", "--quiet"]);
    let stream = connect(&listener.url);
    let mut peaks = Vec::new();
    for (from, to) in [(0, few), (few, many)] {
        captures(&stream, from..to);
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
        while !answer.ends_with(b"\r\n\r\nok\n") && answers.read_exact(&mut byte).is_ok() {
            answer.push(byte[0]);
        }
        assert!(
            answer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
}
