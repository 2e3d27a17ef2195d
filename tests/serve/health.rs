//! What becomes of endpoints whose deliveries fail, and of what waits for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::support::{App, MockApi, Reply, Sandbox};

const EVENT: &str = r#"{"event": "job.paid", "data": {}}"#;

/// A receiver whose status can be set.
fn receiver(status: u16) -> (App, Arc<AtomicU16>) {
    let current = Arc::new(AtomicU16::new(status));
    let answers = Arc::clone(&current);
    let app = App::start(move |_| Reply::Status(answers.load(Ordering::SeqCst), ""));
    (app, current)
}

fn add(sandbox: &Sandbox, url: &str, provider: &str) {
    let add = format!("endpoints add {url} -p {provider} --events all --local --name a");
    sandbox.hook(add.split_whitespace()).run().ok();
}

/// `hook endpoints ARGS`.
fn endpoints(sandbox: &Sandbox, args: &str) -> crate::support::Outcome {
    sandbox
        .hook(["endpoints"].into_iter().chain(args.split_whitespace()))
        .run()
        .ok()
}

/// Hands over an event.
#[track_caller]
fn post(service: &MockApi) {
    let (status, answer) = service.call("POST", "/events", EVENT);
    assert_eq!((status, &answer["deliveries"]), (202, &1.into()), "{answer}");
}

/// Waits until the deliveries in the ledger have these states, the oldest first.
#[track_caller]
fn wait_for(sandbox: &Sandbox, wanted: &[&str]) {
    let begun = std::time::Instant::now();
    loop {
        let found: Vec<_> = sandbox
            .deliveries()
            .iter()
            .map(|found| found.delivery.state.name())
            .collect();
        if found == wanted {
            return;
        }
        assert!(begun.elapsed().as_secs() < 30, "{found:?} and not {wanted:?}");
        std::thread::yield_now();
    }
}

/// A service whose endpoint `a` was disabled by a delivery, and two events after that.
fn disabled(sandbox: &Sandbox, app: &App) -> MockApi {
    add(sandbox, &app.url, "poolflow");
    let mut service = sandbox.service(&["--time-scale", "1000000x"]);
    post(&service);
    let line = service.next("hook.endpoint-disabled/1");
    assert_eq!(line["reason"], "a delivery failed for good");
    let tried = app.rest().len();
    assert_eq!(tried, 6);
    post(&service);
    post(&service);
    wait_for(sandbox, &["failed", "parked", "parked"]);
    assert!(app.rest().is_empty(), "its lane is closed");
    service
}

#[test]
fn what_a_disabled_endpoint_would_get_is_parked_until_somebody_releases_it() {
    let sandbox = Sandbox::new();
    let (app, status) = receiver(500);
    let service = disabled(&sandbox, &app);
    status.store(200, Ordering::SeqCst);
    endpoints(&sandbox, "enable a").says([
        "2 deliveries of `a` still parked",
        "`hook endpoints enable a --replay-parked`",
    ]);
    post(&service);
    wait_for(&sandbox, &["failed", "parked", "parked", "delivered"]);
    endpoints(&sandbox, "enable a --replay-parked").says(["2 parked deliveries of `a` released"]);
    wait_for(&sandbox, &["failed", "delivered", "delivered", "delivered"]);
    service.stop().ok();
}

#[test]
fn what_is_released_while_no_service_runs_is_delivered_by_the_next_one() {
    let sandbox = Sandbox::new();
    let (app, status) = receiver(500);
    disabled(&sandbox, &app).stop().ok();
    status.store(200, Ordering::SeqCst);
    endpoints(&sandbox, "enable a --replay-parked");
    wait_for(&sandbox, &["failed", "pending", "pending"]);
    let service = sandbox.service(&[]);
    wait_for(&sandbox, &["failed", "delivered", "delivered"]);
    service.stop().ok();
}

#[test]
fn the_removal_of_an_endpoint_cancels_what_is_parked_for_it() {
    let sandbox = Sandbox::new();
    let (app, _) = receiver(500);
    let service = disabled(&sandbox, &app);
    endpoints(&sandbox, "rm a --yes");
    wait_for(&sandbox, &["failed", "cancelled", "cancelled"]);
    service.stop().ok();
}

#[test]
fn an_endpoint_is_disabled_by_hooks_own_rule_where_the_provider_states_none() {
    let sandbox = Sandbox::new();
    let (app, status) = receiver(500);
    add(&sandbox, &app.url, "generic");
    // 24 hours are 0.86 s.
    let mut service = sandbox.service(&["--time-scale", "100000x"]);
    let mut failed = 0;
    let line = loop {
        post(&service);
        let line = service
            .process
            .wait_line(|line| line.contains(r#""next":"failed""#) || line.contains("endpoint-disabled"));
        if line.contains("endpoint-disabled") {
            break line;
        }
        failed += 1;
    };
    assert!(line.contains("nothing succeeded for"), "{line}");
    assert!(failed > 1, "not by the first delivery that failed");
    status.store(200, Ordering::SeqCst);
    endpoints(&sandbox, "enable a --replay-parked");
    post(&service);
    service.process.wait_line(|line| line.contains(r#""next":"delivered""#));
    service.stop();
}
