//! `kill -9` of a service under load, at every step of its work.

use std::collections::HashSet;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::receiver::{Deliveries, Key, Killed, Step, Watch, receive};
use crate::support::{KEY, MockApi, Sandbox, event, soak, try_request};

const ENDPOINTS: [&str; 3] = ["a", "b", "c"];
const SENDERS: usize = 4;

/// After its answer a delivery is on record within that time.
const RECORDED: Duration = Duration::from_secs(5);

/// Events and kills.
fn size() -> (usize, usize) {
    if soak() { (10_000, 50) } else { (300, 5) }
}

/// A number from 1 to `most`, the same in every run.
fn next(seed: &mut u64, most: usize) -> usize {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    1 + usize::try_from(*seed >> 33).expect("64 bits") % most
}

/// A twentieth of the events is refused once at one endpoint.
fn fails_once((number, endpoint): &Key, so_far: &Deliveries) -> bool {
    refused(*number, endpoint) && so_far.came == 1
}

fn refused(number: usize, endpoint: &str) -> bool {
    number.is_multiple_of(20) && endpoint == "/b"
}

/// Hands events over until there are no more, each until it is acknowledged, with the same key.
fn send(watch: &Watch, numbers: &AtomicUsize, events: usize) {
    loop {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        if number >= events {
            return;
        }
        let (body, key) = (event(number).to_string(), format!("key-{number}"));
        let bearer = format!("Bearer {KEY}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", &key),
        ];
        let mut life = 0;
        loop {
            let (now, url) = watch.open_for(number, life);
            life = now;
            let posted = || watch.step(Step::Posted);
            match try_request(&url, "/events", &headers, body.as_bytes(), posted) {
                Some(answer) if answer.status == 202 => break,
                // Cut by the kill.
                None => {}
                Some(answer) => panic!("answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body)),
            }
        }
        watch.step(Step::Acknowledged);
    }
}

/// A copy of the ledger as the killed service left it, which the next one is to mend itself.
fn copy(sandbox: &Sandbox) -> rusqlite::Connection {
    let _ = std::fs::remove_dir_all(sandbox.path("copy"));
    std::fs::create_dir(sandbox.path("copy")).expect("a folder");
    for name in ["ledger.db", "ledger.db-wal"] {
        // After an orderly end there is no log.
        let _ = std::fs::copy(sandbox.state(name), sandbox.path(&format!("copy/{name}")));
    }
    rusqlite::Connection::open(sandbox.path("copy/ledger.db")).expect("it opens")
}

/// Deliveries in that state.
fn in_state(ledger: &rusqlite::Connection, state: &str) -> HashSet<Key> {
    let sql = "SELECT event.id, delivery.url FROM delivery JOIN event
        ON delivery.n >= event.first AND delivery.n < event.first + event.deliveries WHERE delivery.state = ?1";
    let mut statement = ledger.prepare(sql).expect("the ledger's format");
    let found = statement.query_map([state], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
    let key = |(id, url): (String, String)| {
        let number = id.trim_start_matches("evt_").parse().expect("our number");
        let path = url.rfind('/').expect("a path");
        (number, url[path..].to_owned())
    };
    found
        .expect("it is read")
        .map(|row| key(row.expect("it is read")))
        .collect()
}

/// Sums over all kills.
#[derive(Debug, Default)]
struct Interrupted {
    /// Requests that the receiver had read and not answered.
    open: usize,
    /// Requests that the receiver had and that were not on record as finished: those, and what was just answered.
    unfinished: usize,
}

impl Interrupted {
    fn add(&mut self, killed: Killed, unfinished: &HashSet<Key>, watch: &Watch) {
        self.open += killed.open;
        for (key, one) in watch.of_last_life() {
            if unfinished.contains(&key) && !refused(key.0, &key.1) {
                self.unfinished += 1;
                let late = one.answered.map(|at| killed.at.saturating_duration_since(at));
                assert!(
                    late.is_none_or(|late| late < RECORDED),
                    "{key:?}: {late:?} not on record"
                );
            }
        }
    }
}

#[test]
fn what_a_killed_service_acknowledged_reaches_every_endpoint_and_only_what_was_open_comes_twice() {
    let (events, kills) = size();
    let (sandbox, watch) = (Sandbox::new(), Arc::new(Watch::default()));
    let url = receive(&watch, fails_once);
    for name in ENDPOINTS {
        sandbox.endpoint(name, "generic", &format!("{url}/{name}"));
    }
    let numbers = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| {
            let (watch, numbers) = (Arc::clone(&watch), Arc::clone(&numbers));
            std::thread::spawn(move || send(&watch, &numbers, events))
        })
        .collect();

    let (share, mut seed, mut sums) = (events / (kills + 1), 13, Interrupted::default());
    for round in 0..kills {
        // A share is acknowledged and delivered in every life, if the kill does not come first.
        let last = match round % 5 {
            0 => Some((Step::Acknowledged, next(&mut seed, share))),
            1 => Some((Step::Received, next(&mut seed, 2 * share))),
            2 => Some((Step::Answered, next(&mut seed, 2 * share))),
            3 => Some((Step::Posted, next(&mut seed, share))),
            _ => None,
        };
        let service = started(&sandbox, &watch, share * (round + 1), last);
        if last.is_none() {
            watch.kill_after(Duration::from_millis(next(&mut seed, 200) as u64));
        }
        let killed = watch.killed();
        service.process.wait().exits(137);
        sums.add(killed, &in_state(&copy(&sandbox), "pending"), &watch);
    }
    let service = started(&sandbox, &watch, events, None);
    for sender in senders {
        sender.join().expect("no panic");
    }
    service.until(|queue| queue.waiting + queue.taken == 0);
    service.terminate().ok();
    let came = watch.deliveries();
    let parked = in_state(&copy(&sandbox), "parked").into_iter();
    let parked: Vec<_> = parked
        .map(|key| (came.get(&key).map_or(0, |one| one.came), key))
        .collect();
    assert!(parked.is_empty(), "parked, and how often each came: {parked:?}");
    settled(&sandbox, events);
    delivered(&watch, events, kills, &sums);
}

#[track_caller]
fn started(sandbox: &Sandbox, watch: &Watch, allowed: usize, last: Option<(Step, usize)>) -> MockApi {
    let service = sandbox.service(&["--time-scale", "100x"]);
    watch.started(service.process.id(), &service.url, allowed, last);
    service
}

/// The ledger is whole, has each event once, and nothing is left to do.
#[track_caller]
fn settled(sandbox: &Sandbox, events: usize) {
    let ledger = rusqlite::Connection::open(sandbox.state("ledger.db")).expect("it opens");
    let text = |sql: &str| ledger.query_row(sql, [], |row| row.get::<_, String>(0)).expect(sql);
    let count = |sql: &str| ledger.query_row(sql, [], |row| row.get::<_, u32>(0)).expect(sql);
    assert_eq!(text("PRAGMA integrity_check"), "ok");
    let events = u32::try_from(events).expect("not that many");
    assert_eq!(count("SELECT count(*) FROM event"), events);
    assert_eq!(count("SELECT count(*) FROM queue"), 0);
    let states = count("SELECT count(*) FROM delivery WHERE state = 'delivered'");
    assert_eq!(states, 3 * events);
}

/// Every event has come to every endpoint, and duplicates are explained by what the kills interrupted.
#[track_caller]
fn delivered(watch: &Watch, events: usize, kills: usize, sums: &Interrupted) {
    let all = watch.deliveries();
    let keys = (0..events).flat_map(|number| ENDPOINTS.map(|name| (number, format!("/{name}"))));
    let missing: Vec<Key> = keys
        .filter(|key| all.get(key).is_none_or(|one| one.taken == 0))
        .collect();
    let counted = all.iter().filter(|((number, endpoint), _)| !refused(*number, endpoint));
    let twice: usize = counted.map(|(_, one)| one.came - 1).sum();
    let report = format!(
        "{events} events to {} endpoints, {kills} kills: {} missing, {twice} came twice; at the kills {} requests were open \
         at the receiver, {} were not on record as finished",
        ENDPOINTS.len(),
        missing.len(),
        sums.open,
        sums.unfinished
    );
    let _ = writeln!(std::io::stdout(), "{report}");
    assert!(missing.is_empty() && twice <= sums.unfinished, "{report}: {missing:?}");
}
