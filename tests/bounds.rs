//! What strangers can make a listener hold: memory, places, and the disk.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Listener, Sandbox, connect, post};

/// What an honest request may take while a listener is under attack.
const PATIENCE: Duration = Duration::from_secs(2);

/// The most memory that the listener had so far, in MiB; nothing where the system does not tell.
fn peak(listener: &Listener) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", listener.process.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes / 1024)
}

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
    senders.into_iter().map(|sender| sender.join().unwrap()).collect()
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
        is_served(&listener, &[b'a'; 200_000]);
        assert!(
            peak(&listener).is_none_or(|peak| peak < 300),
            "{:?} MiB",
            peak(&listener)
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
            peak(&listener).is_none_or(|peak| peak < 300),
            "{:?} MiB",
            peak(&listener)
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
