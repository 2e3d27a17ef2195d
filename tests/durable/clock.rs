//! The machine's clock is set while deliveries wait, or between two runs: no due time moves.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use crate::support::{App, DEADLINE, MockApi, Queue, Reply, Sandbox, number};

/// Waits between attempts, in seconds: what is wrong by a clock that was set is wrong by an hour.
const DELAYS: [u32; 2] = [2, 5];

/// What an attempt may be late beside other tests on the same machine; the spread of the delays is a tenth.
const LATE: Duration = Duration::from_secs(1);

fn service(sandbox: &Sandbox) -> MockApi {
    MockApi::ready(sandbox.on_odd_machine(sandbox.service_run::<&str>(&[])))
}

/// Providers that count delays from the attempt before, and from the first one.
fn providers(sandbox: &Sandbox) {
    let file = |name: &str, from: &str| {
        let delays = DELAYS.map(|delay| format!("{delay}s"));
        let file = format!(
            "format = 1\nname = \"{name}\"\ntitle = \"{name}\"\nextends = \"generic\"\n[delivery]\ntimeout = \"5s\"\n\
             [retry.schedule]\nfrom = \"{from}\"\ndelays = {delays:?}\n"
        );
        sandbox.write(sandbox.config(&format!("providers/{name}.toml")), file);
    };
    file("steps", "previous");
    file("plan", "first");
}

#[track_caller]
fn is_after(what: &str, passed: Duration, seconds: u32) {
    let planned = Duration::from_secs(seconds.into());
    let late = planned.mul_f64(1.1) + LATE;
    // Where delays count from the first attempt, what one is late the next one is early.
    let early = planned.saturating_sub(LATE);
    assert!((early..late).contains(&passed), "{what}: {passed:?} for {planned:?}");
}

#[test]
fn a_clock_that_is_set_while_a_service_runs_moves_no_due_time() {
    for (hours, provider, last) in [(1, "steps", DELAYS[1]), (-1, "plan", DELAYS[1] - DELAYS[0])] {
        let sandbox = Sandbox::new();
        let (came, times) = channel();
        let app = App::start(move |_| {
            came.send(Instant::now()).expect("the test goes on");
            Reply::Status(500, "")
        });
        providers(&sandbox);
        sandbox.endpoint("app", provider, &app.url);
        let service = service(&sandbox);
        service.accepts(1);
        let attempt = || times.recv_timeout(DEADLINE).expect("an attempt comes");
        let mut before = attempt();
        // Forth, and back again.
        for (ahead, delay) in [(hours, DELAYS[0]), (0, last)] {
            sandbox.set_clock(ahead);
            let at = attempt();
            is_after(provider, at - before, delay);
            before = at;
        }
        service.until(|queue| queue.waiting + queue.taken == 0);
        service.terminate().ok();
    }
}

/// Until the ledger knows that the clock was set.
fn noted(sandbox: &Sandbox) {
    let ledger = rusqlite::Connection::open(sandbox.state("ledger.db")).expect("it opens");
    let begun = Instant::now();
    let rows = || ledger.query_row("SELECT count(*) FROM queue_clock", [], |row| row.get::<_, u32>(0));
    while rows().expect("the ledger's format") == 0 {
        assert!(begun.elapsed() < DEADLINE, "not noted");
        std::thread::yield_now();
    }
}

#[test]
fn what_another_process_releases_is_due_at_once_although_the_clock_was_set() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    providers(&sandbox);
    sandbox.endpoint("app", "steps", &app.url);
    let enable = |verb: &'static str, rest: &[&'static str]| {
        let args = ["endpoints", verb, "app"].into_iter().chain(rest.iter().copied());
        sandbox.on_odd_machine(sandbox.hook(args)).run().ok();
    };
    let service = service(&sandbox);
    enable("disable", &[]);
    let begun = Instant::now();
    while service.call("GET", "/endpoints/app/health", "").1["active"] != false {
        assert!(begun.elapsed() < DEADLINE, "the service does not see it");
        std::thread::yield_now();
    }
    service.accepts(1);
    service.until(|queue| queue.parked == 1);
    sandbox.set_clock(1);
    noted(&sandbox);
    enable("enable", &["--replay-parked"]);
    assert_eq!(number(&app.next().body), Some(1));
    service.until(|queue| *queue == Queue::DONE);
    service.terminate().ok();
}

#[test]
fn after_a_restart_with_a_clock_that_was_set_back_nothing_waits_longer_than_its_longest_delay() {
    // Set back between the runs; and while the first one works, before the attempt that decides when the next one is due.
    for is_set_before in [false, true] {
        let sandbox = Sandbox::new();
        let app = App::start(|_| Reply::Status(500, ""));
        providers(&sandbox);
        sandbox.endpoint("app", "steps", &app.url);
        let first = service(&sandbox);
        if is_set_before {
            sandbox.set_clock(-1);
            noted(&sandbox);
        }
        first.accepts(1);
        app.next();
        first.until(|queue| queue.waiting == 1 && queue.taken == 0);
        first.kill();
        sandbox.set_clock(-1);
        let begun = Instant::now();
        let second = service(&sandbox);
        app.next();
        let waited = begun.elapsed();
        let longest = Duration::from_secs(DELAYS[1].into());
        assert!(waited < longest + LATE, "{is_set_before}: {waited:?}");
        second.terminate().ok();
    }
}
