//! What strangers can make a listener hold: memory, places, and the disk.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Listener, Sandbox, connect, post};

/// What an honest request may take while a listener is under attack.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens many connections and sends the same on each, for as long as the listener takes it. They stay open.
fn attack(listener: &Listener, count: usize, head: &str, body: usize) -> Vec<TcpStream> {
    let senders: Vec<_> = (0..count)
        .map(|_| {
            let (mut stream, head) = (connect(&listener.url), head.to_owned());
            thread::spawn(move || {
                let sent = stream.write_all(head.as_bytes());
                let _ = sent.and_then(|()| stream.write_all(&vec![b'q'; body]));
                stream
            })
        })
        .collect();
    senders
        .into_iter()
        .map(|sender| sender.join().expect("no panic"))
        .collect()
}

/// Opens many connections, each with the beginning of a request that does not go on.
fn drip(listener: &Listener, count: usize, start: &str) -> Vec<TcpStream> {
    let address = listener.url.trim_start_matches("http://");
    let mut open: Vec<_> = (0..count).map_while(|_| TcpStream::connect(address).ok()).collect();
    for stream in &mut open {
        let _ = stream.write_all(start.as_bytes());
    }
    // Where this process may not have as many files open, the honest request still needs one.
    open.truncate(count.min(open.len().saturating_sub(8)));
    open
}

#[track_caller]
fn is_served(listener: &Listener, body: &[u8]) {
    let begun = Instant::now();
    assert_eq!(post(&listener.url, &[], body).status, 200);
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

#[test]
fn stalled_bodies_hold_a_bounded_memory_and_an_honest_request_is_answered() {
    let sandbox = Sandbox::new();
    for framing in [
        "content-length: 9900000\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\n97f0e0\r\n",
    ] {
        let listener = sandbox.listen::<&str>([]);
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\n{framing}");
        let attackers = attack(&listener, 60, &head, 9_899_999);
        is_served(&listener, b"{}");
        is_served(&listener, &vec![b'a'; 200_000]);
        assert!(
            listener.process.peak().is_none_or(|peak| peak < 300),
            "{:?} MiB",
            listener.process.peak()
        );
        drop(attackers);
    }
}

#[test]
fn requests_that_do_not_get_on_leave_a_place_for_others() {
    let sandbox = Sandbox::new();
    for start in [
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\na",
        "POST / HTTP/1.1\r\nho",
        "",
    ] {
        let listener = sandbox.listen::<&str>([]);
        let attackers = drip(&listener, 1100, start);
        is_served(&listener, b"{}");
        assert!(
            listener.process.peak().is_none_or(|peak| peak < 300),
            "{:?} MiB",
            listener.process.peak()
        );
        drop(attackers);
    }
}

#[test]
fn a_listener_that_may_open_few_files_serves_honest_requests_too() {
    let sandbox = Sandbox::new();
    let listener = Listener::ready(sandbox.listening::<&str>([]).open_files(64));
    let attackers = drip(
        &listener,
        200,
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\na",
    );
    is_served(&listener, b"{}");
    drop(attackers);
}

/// Sends bodies that are refused, each on a connection of its own.
fn refused(listener: &Listener, count: usize, body: &[u8]) {
    for _ in 0..count {
        assert_eq!(post(&listener.url, &[], body).status, 401);
    }
}

#[test]
fn what_is_refused_fills_no_disk_and_pushes_out_nothing() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--secret"]);
    sandbox.hook(["send", "job.paid", "--to", &listener.url]).run().ok();
    let folder = sandbox.state("");
    let size = || -> u64 {
        let files = std::fs::read_dir(&folder).unwrap().flatten();
        files.map(|file| file.metadata().map_or(0, |file| file.len())).sum()
    };
    let body = vec![b'x'; 9_900_000];
    for _ in 0..8 {
        refused(&listener, 3, &body);
        assert!(size() < 190_000_000, "{}", size());
    }
    listener.stop().ok();
    assert!(size() < 150_000_000, "{}", size());
    let verified = sandbox
        .captures()
        .into_iter()
        .filter(|one| one.request.verdict.name == "verified");
    assert_eq!(verified.count(), 1);
}

#[test]
fn handshakes_that_anybody_can_ask_push_out_no_event() {
    let sandbox = Sandbox::new();
    sandbox.write(sandbox.config("config.toml"), "[ledger]\nmax-size = 3\n");
    let listener = sandbox.listen(["--secret"]);
    sandbox.hook(["send", "job.paid", "--to", &listener.url]).run().ok();
    let long = "a".repeat(45_000);
    for _ in 0..150 {
        let headers = [("x-hook-secret", "a"), ("x-a", long.as_str())];
        assert_eq!(post(&listener.url, &headers, &[b'a'; 16_000]).status, 200);
    }
    listener.stop().ok();
    sandbox.hook(["log", "prune", "--yes"]).run().ok();
    let verified = sandbox
        .captures()
        .into_iter()
        .filter(|one| one.request.verdict.name == "verified");
    assert_eq!(verified.count(), 1);
}

#[test]
fn a_ledger_that_is_removed_under_a_listener_is_created_again_and_reported_once() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen::<&str>([]);
    assert_eq!(post(&listener.url, &[], b"1").status, 200);
    std::fs::remove_dir_all(sandbox.state("")).unwrap();
    assert_eq!(post(&listener.url, &[], b"2").status, 200);
    listener.says("was removed while it was in use; new records go into a new ledger");
    assert_eq!(post(&listener.url, &[], b"3").status, 200);
    let kept: Vec<_> = sandbox.captures().into_iter().map(|one| one.request.body).collect();
    assert_eq!(kept, [&b"2"[..], b"3"], "what was acknowledged since is there");
    // Where no ledger can be made, nothing is acknowledged.
    std::fs::remove_dir_all(sandbox.state("")).unwrap();
    std::fs::write(sandbox.state("").with_file_name("hook"), "a file in its place").unwrap();
    assert_eq!(post(&listener.url, &[], b"4").status, 503);
    std::fs::remove_file(sandbox.state("").with_file_name("hook")).unwrap();
    assert_eq!(post(&listener.url, &[], b"5").status, 200);
    assert_eq!(sandbox.captures().len(), 1);
    listener.stop().ok();
}

#[test]
fn nothing_is_dropped_at_first_where_even_the_newest_record_is_beyond_the_retention() {
    let sandbox = Sandbox::new();
    sandbox.write(sandbox.config("config.toml"), "[ledger]\nretention = \"30d\"\n");
    let old = sandbox.listen::<&str>([]);
    assert_eq!(post(&old.url, &[], b"old").status, 200);
    old.stop().ok();
    let listener = Listener::ready(sandbox.listening::<&str>([]).env("__HOOK_NOW", "2099-01-01T00:00:00Z"));
    listener.stop().ok().says(["nothing is dropped for 1h"]);
}
