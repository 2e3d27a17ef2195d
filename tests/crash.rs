//! `kill -9` of a listener under load: what it acknowledged is in the ledger, byte for byte.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use crate::support::{Sandbox, try_post};

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
