//! The durable service: deliveries tried again, pauses, and the status.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use hook::internals::store::DeliveryState;
use serde_json::{Value, json};

use crate::support::{App, CLOSED_PORT, DEADLINE, MockApi, Reply, Sandbox};

const EVENT: &str = r#"{"event":"test.ping","data":{"n":1}}"#;

/// Delays of a schedule that is over at once, long before an endpoint is disabled.
const QUICK: &str = r#"["1ms", "1ms"]"#;

/// An app whose status can be changed.
fn switched() -> (App, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(500));
    let now = Arc::clone(&status);
    (
        App::start(move |_| Reply::Status(now.load(Ordering::SeqCst), "")),
        status,
    )
}

fn count(service: &MockApi, query: &str) -> usize {
    let found = service.gives(200, "GET", &format!("/deliveries?{query}"), "");
    found["items"].as_array().map_or(0, Vec::len)
}

fn wait_for(service: &MockApi, query: &str, wanted: usize) {
    service.wait_for(&format!("/deliveries?{query}"), |found| {
        found["items"].as_array().map(Vec::len) == Some(wanted)
    });
}

#[test]
fn a_failed_delivery_is_tried_again_once_more_than_its_schedule_says() {
    let sandbox = Sandbox::new();
    let (app, status) = switched();
    sandbox.patient("quick", "5s", QUICK);
    sandbox.endpoint("one", "quick", &app.url);
    let service = sandbox.service(&[]);
    service.gives(202, "POST", "/events", EVENT);
    wait_for(&service, "state=failed", 1);
    assert_eq!(app.rest().len(), 3);
    let answer = service.gives(202, "POST", "/deliveries/1/retry", "");
    assert_eq!((&answer["number"], &answer["state"]), (&json!(1), &json!("pending")));
    app.next();
    wait_for(&service, "state=failed", 1);
    status.store(200, Ordering::SeqCst);
    let id = answer["id"].as_str().expect("an id");
    service.gives(202, "POST", &format!("/deliveries/{id}/retry"), "{}");
    wait_for(&service, "state=delivered", 1);
    let why = service.problem(409, "POST", "/deliveries/1/retry", "");
    assert_eq!(why, "delivery `#1` is delivered");
    service.problem(404, "POST", "/deliveries/2/retry", "");
    let shown = service.gives(200, "GET", "/deliveries/1", "");
    assert_eq!(shown["attempts"].as_array().map(Vec::len), Some(5));
}

#[test]
fn what_waits_or_has_no_target_any_more_is_not_tried_again() {
    let sandbox = Sandbox::new();
    sandbox.endpoint("one", "generic", CLOSED_PORT);
    let service = sandbox.service(&[]);
    service.gives(202, "POST", "/events", EVENT);
    assert_eq!(
        service.problem(409, "POST", "/deliveries/1/retry", ""),
        "delivery `#1` is pending"
    );
    sandbox.hook(["endpoints", "remove", "one", "--yes"]).run().ok();
    wait_for(&service, "state=cancelled", 1);
    let why = service.problem(409, "POST", "/deliveries/1/retry", "");
    assert!(why.contains("endpoint `one`, which was removed"), "{why}");
    let answer = service.gives(202, "POST", "/deliveries/retry", r#"{"state":"cancelled"}"#);
    assert_eq!(answer, json!({"retried": 0, "skipped": 1}));
}

#[test]
fn failed_deliveries_are_tried_again_in_bulk_by_filter_and_since_a_moment() {
    let sandbox = Sandbox::new();
    let (app, status) = switched();
    sandbox.patient("quick", "5s", QUICK);
    sandbox.endpoint("one", "quick", &app.url);
    sandbox.endpoint("two", "quick", CLOSED_PORT);
    // Endpoints that keep failing are slowed down.
    let service = sandbox.service(&["--time-scale", "100x"]);
    let batch = format!("[{}]", [EVENT; 250].join(","));
    service.gives(202, "POST", "/events/batch", &batch);
    let idle = |service: &MockApi| {
        service.wait_for("/status", |found| {
            found["queue"]["waiting"] == 0 && found["queue"]["taken"] == 0
        });
    };
    idle(&service);
    assert_eq!(count(&service, "state=failed&limit=200"), 200);
    status.store(200, Ordering::SeqCst);
    let retry = |body: &str| service.gives(202, "POST", "/deliveries/retry", body);
    assert_eq!(retry(r#"{"event":"other.*"}"#), json!({"retried": 0, "skipped": 0}));
    assert_eq!(
        retry(r#"{"endpoint":"one","since":"1h"}"#),
        json!({"retried": 250, "skipped": 0})
    );
    idle(&service);
    assert_eq!(count(&service, "endpoint=one&state=failed"), 0);
    assert_eq!(count(&service, "endpoint=two&state=failed&limit=200"), 200);
    for (body, part) in [
        (r#"{"state":"pending"}"#, "`pending` deliveries are not retried"),
        (r#"{"state":"lost"}"#, "`state` is none of"),
        (r#"{"states":"failed"}"#, "`states` is not known"),
        (r#"{"since":1}"#, "`since` must be a text"),
        ("[]", "must be an object"),
    ] {
        let why = service.problem(400, "POST", "/deliveries/retry", body);
        assert!(why.contains(part), "{body}: {why}");
    }
    sandbox
        .hook([
            "endpoints",
            "update",
            "two",
            "--local",
            "--to",
            &app.url.replace("127.0.0.1", "localhost"),
        ])
        .run()
        .ok();
    let recover = |body: &str| service.gives(202, "POST", "/endpoints/two/recover", body);
    assert_eq!(
        recover(r#"{"since":"2099-01-01T00:00:00Z"}"#),
        json!({"retried": 0, "skipped": 0})
    );
    assert_eq!(recover(r#"{"since":"1h"}"#), json!({"retried": 250, "skipped": 0}));
    assert!(
        service
            .problem(400, "POST", "/endpoints/two/recover", "")
            .contains("`since` is missing")
    );
    service.problem(404, "POST", "/endpoints/three/recover", r#"{"since":"1h"}"#);
    idle(&service);
}

#[test]
fn a_pause_holds_back_attempts_at_once_and_outlives_the_process() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox.endpoint("one", "generic", &app.url);
    sandbox.endpoint("two", "generic", &app.url.replace("127.0.0.1", "localhost"));
    let service = sandbox.service(&[]);
    let endpoint = service.gives(200, "POST", "/endpoints/one/pause", "");
    assert_eq!(endpoint, json!({"endpoint": "one", "paused": true}));
    service.gives(202, "POST", "/events", EVENT);
    app.next();
    wait_for(&service, "state=delivered&endpoint=two", 1);
    assert_eq!(count(&service, "state=pending&endpoint=one"), 1);
    let status = service.gives(200, "GET", "/status", "");
    assert_eq!(
        (&status["paused"], &status["paused_endpoints"]),
        (&json!(false), &json!(["one"]))
    );
    assert_eq!(service.gives(200, "POST", "/pause", "")["paused"], true);
    service.gives(202, "POST", "/events", EVENT);
    service.stop().ok();
    let service = sandbox.service(&[]);
    let status = service.gives(200, "GET", "/status", "");
    assert_eq!(
        (&status["paused"], &status["queue"]["waiting"]),
        (&json!(true), &json!(3))
    );
    assert!(app.rest().is_empty());
    service.gives(200, "POST", "/resume", "");
    app.next();
    wait_for(&service, "state=delivered&endpoint=two", 2);
    assert_eq!(count(&service, "state=pending&endpoint=one"), 2);
    service.gives(200, "POST", "/endpoints/one/resume", "");
    (0..2).for_each(|_| drop(app.next()));
    service.wait_for("/status", |status| {
        status["queue"]["waiting"] == 0 && status["paused_endpoints"] == json!([])
    });
    service.problem(404, "POST", "/endpoints/three/pause", "");
}

#[test]
fn what_a_killed_process_left_is_taken_over_although_nothing_else_changes() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(500, ""));
    sandbox.endpoint("one", "generic", CLOSED_PORT);
    let service = sandbox.service(&[]);
    let send = ["send", "test.ping", "-p", "generic", "--to", &app.url, "--retry", "1h"];
    let sending = sandbox.hook(send).spawn();
    app.next();
    service.until(|_| sandbox.attempts() == 1);
    // A change that is seen later than that attempt.
    sandbox.hook(["endpoints", "pause", "one"]).run().ok();
    service.wait_for("/status", |status| status["paused_endpoints"] == json!(["one"]));
    assert_eq!(service.queue().waiting, 0);
    sending.signal("KILL");
    sending.wait();
    service.until(|queue| queue.waiting == 1);
}

#[test]
fn the_health_of_an_endpoint_tells_why_it_gets_nothing_and_what_it_missed_waits_until_it_is_enabled() {
    let sandbox = Sandbox::new();
    let (app, status) = switched();
    sandbox.endpoint("one", "generic", &app.url);
    let service = sandbox.service(&[]);
    let health = |service: &MockApi| service.gives(200, "GET", "/endpoints/one/health", "");
    let before = health(&service);
    assert_eq!((&before["active"], &before["disabled"]), (&json!(true), &Value::Null));
    status.store(410, Ordering::SeqCst);
    service.gives(202, "POST", "/events", EVENT);
    let after = service.wait_for("/endpoints/one/health", |health| health["active"] == false);
    assert!(after["disabled"]["reason"].is_string(), "{after}");
    for (path, body) in [
        ("/deliveries/1/retry", ""),
        ("/endpoints/one/recover", r#"{"since":"1h"}"#),
    ] {
        let why = service.problem(409, "POST", path, body);
        assert!(why.contains("endpoint `one` is disabled"), "{path}: {why}");
    }
    status.store(200, Ordering::SeqCst);
    sandbox.hook(["endpoints", "enable", "one"]).run().ok();
    service.wait_for("/endpoints/one/health", |health| health["active"] == true);
    let recovered = service.gives(202, "POST", "/endpoints/one/recover", r#"{"since":"1h"}"#);
    assert_eq!(recovered, json!({"retried": 1, "skipped": 0}));
    wait_for(&service, "state=delivered", 1);
    service.problem(404, "GET", "/endpoints/three/health", "");
}

#[test]
fn the_status_counts_what_waits_and_what_happened_lately() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox.endpoint("good", "generic", &app.url);
    sandbox.endpoint("bad", "generic", CLOSED_PORT);
    let service = sandbox.service(&[]);
    let batch = format!("[{}]", [EVENT; 20].join(","));
    service.gives(202, "POST", "/events/batch", &batch);
    let status = service.wait_for("/status", |status| {
        status["queue"]["waiting"] == 20 && status["queue"]["taken"] == 0 && status["last_minute"]["delivered"] == 20
    });
    assert_eq!(
        status["last_minute"],
        json!({"events": 20, "delivered": 20, "failed": 0})
    );
    assert_eq!(status["failing_endpoints"], json!(["bad"]));
    assert!(status["next_retry"].is_string(), "{status}");
    assert_eq!(service.gives(200, "GET", "/ready", ""), json!({"status": "ready"}));
    let paused: Value = service.gives(200, "POST", "/_hook/pause", "");
    assert_eq!(paused, json!({"paused": true}));
}

#[test]
fn a_slow_answer_is_waited_for_at_the_end_unless_a_second_signal_comes() {
    for (signals, state) in [
        (&["TERM"][..], DeliveryState::Delivered),
        (&["INT", "TERM"], DeliveryState::Pending),
    ] {
        let sandbox = Sandbox::new();
        let (came, begun) = channel();
        let app = App::start(move |_| {
            came.send(()).expect("the test goes on");
            // More than clients have for the rest of their requests.
            std::thread::sleep(Duration::from_secs(3));
            Reply::Status(200, "")
        });
        sandbox.endpoint("slow", "generic", &app.url);
        let service = sandbox.service(&[]);
        service.gives(202, "POST", "/events", EVENT);
        begun.recv_timeout(DEADLINE).expect("a request comes");
        for signal in signals {
            service.process.signal(signal);
        }
        service.process.wait();
        assert_eq!(sandbox.deliveries()[0].delivery.state, state, "{signals:?}");
        // What a person stops is no crash.
        sandbox
            .service(&[])
            .stop()
            .ok()
            .never(["the last run ended during an attempt"]);
        let shown = sandbox.hook(["log", "show", "1", "--json"]).run().ok().object();
        assert_eq!(shown["crashes"], json!([]), "{signals:?}");
    }
}

#[test]
fn a_service_with_another_book_leaves_alone_what_waits_for_endpoints_that_it_does_not_have() {
    let sandbox = Sandbox::new();
    sandbox.endpoint("one", "generic", CLOSED_PORT);
    let service = sandbox.service(&[]);
    service.gives(202, "POST", "/events", EVENT);
    service.wait_for("/status", |status| {
        status["queue"]["waiting"] == 1 && status["queue"]["taken"] == 0
    });
    service.stop().ok();
    sandbox.write("hook.toml", "provider = \"generic\"\n");
    let mut service = sandbox.service(&[]);
    service
        .process
        .wait_said(|line| line.contains("deliveries wait for endpoints that `"));
    let status = service.gives(200, "GET", "/status", "");
    let unknown = status["unknown_endpoints"].as_array().map(Vec::len);
    assert_eq!(unknown, Some(1), "{status}");
    assert_eq!(service.gives(202, "POST", "/events", EVENT)["deliveries"], 0);
    service.stop().ok();
    let kept = &sandbox.deliveries()[0].delivery;
    assert_eq!(kept.state, DeliveryState::Pending);
}
