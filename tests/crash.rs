//! `kill -9` of a listener under load: what it acknowledged is in the ledger, byte for byte, and what it promised is done.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use crate::support::{App, Listener, Reply, Sandbox, soak, try_post};

const THREADS: usize = 4;
const ROUNDS: usize = 3;
const ACKNOWLEDGED: usize = 150;

/// A body like no other: some are small, some span many pages of the ledger.
fn body(round: usize, number: usize) -> Vec<u8> {
    let mut body = format!("{{\"round\":{round},\"number\":{number},\"fill\":\"").into_bytes();
    let size = [0, 100, 3_000, 50_000][number % 4];
    body.extend((0..size).map(|index| b"abcdefghij"[(index * 7 + number) % 10]));
    body.extend_from_slice(b"\"}");
    body
}

#[test]
fn what_a_killed_listener_acknowledged_is_in_the_ledger_with_its_exact_body() {
    let sandbox = Sandbox::new();
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let listener = sandbox.listen::<&str>([]);
        let numbers = Arc::new(AtomicUsize::new(0));
        let (acks_in, acks) = channel();
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (url, acks, numbers) = (listener.url.clone(), acks_in.clone(), Arc::clone(&numbers));
                std::thread::spawn(move || {
                    loop {
                        let body = body(round, numbers.fetch_add(1, Ordering::Relaxed));
                        match try_post(&url, &body) {
                            Some(answer) if answer.status == 200 => acks.send(body).expect("the test goes on"),
                            _ => break,
                        }
                    }
                })
            })
            .collect();
        drop(acks_in);
        acknowledged.extend(acks.iter().take(ACKNOWLEDGED));
        listener.process.signal("KILL");
        acknowledged.extend(acks.iter());
        for thread in threads {
            thread.join().expect("no panic");
        }
        listener.process.wait().exits(137);
    }
    let kept: HashSet<Vec<u8>> = sandbox
        .captures()
        .into_iter()
        .map(|capture| capture.request.body.to_vec())
        .collect();
    assert!(acknowledged.len() >= ROUNDS * ACKNOWLEDGED);
    let lost = acknowledged.iter().filter(|body| !kept.contains(*body)).count();
    assert_eq!(lost, 0, "of {} acknowledged requests", acknowledged.len());
}

/// Kills of a listener under load: a few with every test run, all of them with `just soak`.
fn kills() -> usize {
    if soak() { 50 } else { 5 }
}

/// Forwards and commands that are in flight at once.
const AT_ONCE: usize = 4;

/// Forwards whose outcome may be on its way to the ledger beside those: `UNRECORDED` of the worker.
const UNRECORDED: usize = 15;

/// A number from 0 to `below`, the same in every run.
fn next(seed: &mut u64, below: u64) -> u64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

/// Sends events until the listener is killed, which is after `count` acknowledgements; returns all that were acknowledged.
fn acknowledged_until_killed(listener: Listener, round: usize, count: usize) -> Vec<String> {
    let numbers = Arc::new(AtomicUsize::new(0));
    let (acks_in, acks) = channel();
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (url, acks, numbers) = (listener.url.clone(), acks_in.clone(), Arc::clone(&numbers));
            std::thread::spawn(move || {
                loop {
                    let event = format!("{round}.{}", numbers.fetch_add(1, Ordering::Relaxed));
                    match try_post(&url, event.as_bytes()) {
                        Some(answer) if answer.status == 200 => acks.send(event).expect("the test goes on"),
                        _ => break,
                    }
                }
            })
        })
        .collect();
    drop(acks_in);
    let mut acknowledged: Vec<String> = acks.iter().take(count).collect();
    listener.process.signal("KILL");
    acknowledged.extend(acks.iter());
    for thread in threads {
        thread.join().expect("no panic");
    }
    listener.process.wait().exits(137);
    acknowledged
}

#[test]
fn what_a_killed_listener_promised_is_done_once_after_a_resumption() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let (kills, mut seed, mut acknowledged) = (kills(), 10, Vec::new());
    let at_once = AT_ONCE.to_string();
    let command = "printf '%s\\n' \"$(cat)\" >> ran";
    for round in 0..kills {
        let listener = sandbox.listen([
            "--unverified",
            "--forward-to",
            &app.url,
            "--retry",
            "100ms,1s",
            "--exec",
            command,
            "--concurrency",
            &at_once,
        ]);
        let count = 20 + usize::try_from(next(&mut seed, 120)).expect("a small number");
        acknowledged.extend(acknowledged_until_killed(listener, round, count));
    }
    sandbox.hook(["replay", "--resume", "-q"]).run().ok();
    sandbox.hook(["replay", "--resume"]).run().exits(6);

    let forwarded = app.rest().into_iter();
    let forwarded: Vec<String> = forwarded
        .map(|seen| String::from_utf8_lossy(&seen.body).into_owned())
        .collect();
    let ran = std::fs::read_to_string(sandbox.path("ran")).expect("commands ran");
    let ran: Vec<String> = ran.lines().map(str::to_owned).collect();
    let mut report = vec![format!("{kills} kills, {} events acknowledged", acknowledged.len())];
    for (what, done, in_flight) in [
        ("forwarded", forwarded, AT_ONCE + UNRECORDED),
        ("commands", ran, AT_ONCE),
    ] {
        let distinct: HashSet<&String> = done.iter().collect();
        let missing = acknowledged.iter().filter(|event| !distinct.contains(event)).count();
        let twice = done.len() - distinct.len();
        report.push(format!(
            "{what}: {missing} missing, {twice} of {} twice",
            distinct.len()
        ));
        assert!(missing == 0 && twice <= kills * in_flight, "{report:?}");
    }
    println!("{}", report.join("; "));
}

#[test]
fn what_a_killed_bulk_run_with_retries_had_sent_is_on_record() {
    for round in 0..3 {
        let sandbox = Sandbox::new();
        let app = App::start(|_| Reply::Status(500, ""));
        let bulk = ["--count", "3000", "--retry", "1h", "--concurrency", "8"];
        let send = ["send", "job.paid", "-p", "poolflow", "--to", &app.url];
        let sending = sandbox.hook(send.iter().chain(&bulk)).spawn();
        let mut came = Vec::new();
        for _ in 0..40 + round * 60 {
            came.push(app.next());
        }
        sending.signal("KILL");
        sending.wait().exits(137);
        came.extend(app.rest());
        let kept: HashSet<_> = sandbox
            .deliveries()
            .into_iter()
            .map(|one| one.delivery.message.body.to_vec())
            .collect();
        let lost = came.iter().filter(|seen| !kept.contains(&seen.body)).count();
        assert_eq!(lost, 0, "of {}", came.len());
    }
}
