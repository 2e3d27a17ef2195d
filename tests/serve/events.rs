//! What happens at a face, and who gets it: bookings, test events, modes, schedules, the ledger.

use hook::internals::message::Mode;
use hook::internals::store::DeliveryState;
use serde_json::{Value, json};

use super::registration;
use crate::support::{App, CLOSED_PORT, KEY, MockApi, Reply, Sandbox, TEST_KEY};

const BOOKING: &str = r#"{"human_id":"hu_1","starts_at":"2030-01-02T15:00:00+01:00","duration":30,
    "attendee_name":"Pat Example","metadata":{"lead_id":"lead_1","trap":"${new.uuid} ${nothing}"}}"#;

/// Registers an endpoint, and gives its secret.
#[track_caller]
fn register(face: &MockApi, url: &str, event: &str) -> String {
    let (status, made) = face.call("POST", "/webhooks", &registration(url, event));
    assert_eq!(status, 201, "{made}");
    made["signing_secret"]
        .as_str()
        .or(made["secret"].as_str())
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_booking_reaches_a_listener_signed_and_with_its_metadata_and_so_does_its_cancellation() {
    let sandbox = Sandbox::new();
    let face = sandbox.serve("slotflow", &[]);
    let body = json!({"url": CLOSED_PORT, "events": ["booking.confirmed", "booking.cancelled"]});
    assert_eq!(face.call("POST", "/webhooks", &body.to_string()).0, 201);
    // A listener knows the secret at its start, and its URL only then.
    let mut listener = sandbox.listen(["--secret", "endpoint:127-0-0-1-1", "-p", "slotflow"]);
    sandbox
        .hook(["endpoints", "update", "127-0-0-1-1", "--local", "--to", &listener.url])
        .run()
        .ok();
    let (status, booking) = face.call("POST", "/bookings", BOOKING);
    assert_eq!(status, 201, "{booking}");
    assert_eq!(
        (
            &booking["starts_at"],
            &booking["ends_at"],
            &booking["duration_minutes"],
            &booking["status"]
        ),
        (
            &json!("2030-01-02T14:00:00.000Z"),
            &json!("2030-01-02T14:30:00.000Z"),
            &json!(30),
            &json!("confirmed")
        )
    );
    assert_eq!(
        booking["metadata"]["trap"], "${new.uuid} ${nothing}",
        "strangers' text stays as it is"
    );
    assert_eq!(booking["attendee_email"], Value::Null);
    listener.shows("booking.confirmed  slotflow  verified");
    let id = booking["id"].as_str().expect("an id").to_owned();
    let path = format!("/bookings/{id}");
    assert_eq!(
        face.call("DELETE", &path, ""),
        (200, json!({"id": id, "status": "cancelled"}))
    );
    listener.shows("booking.cancelled  slotflow  verified");
    let data = |index: usize| -> Value {
        let captures = sandbox.captures();
        let event: Value = serde_json::from_slice(&captures[index].request.body).expect("JSON");
        event["data"].clone()
    };
    let mut cancelled = booking.clone();
    cancelled["status"] = json!("cancelled");
    assert_eq!((data(0), data(1)), (booking, cancelled));
    assert_eq!(face.call("DELETE", &path, "").1["error"]["code"], "NOT_FOUND");
    face.stop().ok().says(["2 delivered, 0 failed"]);
}

#[test]
fn a_slot_is_taken_until_its_booking_is_cancelled() {
    let sandbox = Sandbox::new();
    let face = sandbox.serve("slotflow", &[]);
    let (_, first) = face.call("POST", "/bookings", BOOKING);
    let (status, taken) = face.call("POST", "/bookings", BOOKING);
    assert_eq!((status, &taken["error"]["code"]), (409, &json!("SLOT_UNAVAILABLE")));
    let id = first["id"].as_str().expect("an id");
    assert_eq!(face.call("DELETE", &format!("/bookings/{id}"), "").0, 200);
    let (status, second) = face.call("POST", "/bookings", BOOKING);
    assert_eq!(status, 201);
    assert_ne!(first["id"], second["id"]);
}

#[test]
fn a_booking_that_cannot_be_is_refused_and_causes_nothing() {
    let sandbox = Sandbox::new();
    let face = sandbox.serve("slotflow", &[]);
    let app = App::start(|_| Reply::Status(200, ""));
    register(&face, &app.url, "booking.confirmed");
    for (field, value, part) in [
        ("human_id", Value::Null, "`human_id` is missing"),
        ("starts_at", json!("tomorrow"), "`starts_at` must be a time"),
        ("duration", json!(0), "`duration` must be a whole number of minutes"),
        ("duration", json!("30"), "`duration` must be a whole number of minutes"),
        ("attendee_name", json!(""), "`attendee_name` must be a non-empty string"),
        ("metadata", json!("x"), "`metadata` must be an object"),
    ] {
        let mut booking: Value = serde_json::from_str(BOOKING).expect("JSON");
        booking[field] = value;
        let (status, answer) = face.call("POST", "/bookings", &booking.to_string());
        assert_eq!(
            (status, &answer["error"]["code"]),
            (422, &json!("VALIDATION_ERROR")),
            "{answer}"
        );
        assert!(answer.to_string().contains(part), "{answer}");
    }
    assert_eq!(face.call("DELETE", "/bookings/none", "").0, 404);
    face.stop().ok();
    assert!(app.rest().is_empty() && sandbox.deliveries().is_empty());
}

#[test]
fn test_keys_cause_test_events_and_live_keys_live_ones() {
    let sandbox = Sandbox::new();
    let run = sandbox.serving("pocketsflow", &["--key", "env:KEY", "--test-key", "env:TEST"]);
    let mut face = MockApi::ready(run.env("KEY", KEY).env("TEST", TEST_KEY));
    let app = App::start(|_| Reply::Status(200, ""));
    register(&face, &app.url, "order.completed");
    let cause = |face: &MockApi, body: &str| face.call("POST", "/_hook/events", body);
    assert_eq!(cause(&face, r#"{"type":"order.completed"}"#).0, 202);
    assert_eq!(cause(&face, r#"{"event":"order.completed","mode":"test"}"#).0, 202);
    face.with("authorization", &format!("Bearer {TEST_KEY}"));
    assert_eq!(cause(&face, r#"{"type":"order.completed"}"#).0, 202);
    let (status, answer) = cause(&face, r#"{"type":"order.completed","mode":"live"}"#);
    assert_eq!(
        (status, &answer["detail"]),
        (400, &json!("a test key creates test events only"))
    );
    (0..3).for_each(|_| drop(app.next()));
    face.stop().ok();
    let modes: Vec<Mode> = sandbox
        .deliveries()
        .iter()
        .map(|one| one.delivery.message.mode)
        .collect();
    assert_eq!(modes, [Mode::Live, Mode::Test, Mode::Test]);
    let shown = sandbox.hook(["log", "show", "1"]).run().ok().stdout();
    assert!(shown.contains("live") && shown.contains("hook serve"), "{shown}");
}

#[test]
fn any_event_of_the_catalogue_can_be_made_to_happen() {
    let sandbox = Sandbox::new();
    let face = sandbox.serve("pocketsflow", &[]);
    let (wants, other) = (
        App::start(|_| Reply::Status(200, "")),
        App::start(|_| Reply::Status(200, "")),
    );
    register(&face, &wants.url, "order.refunded");
    register(&face, &other.url, "customer.created");
    let data = r#"{"type":"order.refunded","data":{"order":{"id":"${new.uuid}"}}}"#;
    let (status, answer) = face.call("POST", "/_hook/events", data);
    assert_eq!((status, &answer["deliveries"]), (202, &json!(1)));
    let seen = wants.next();
    let event: Value = serde_json::from_slice(&seen.body).expect("JSON");
    assert_eq!(
        (&event["type"], &event["data"]["order"]["id"]),
        (&json!("order.refunded"), &json!("${new.uuid}"))
    );
    assert!(seen.header("x-pocketsflow-signature").is_some());
    for (body, part) in [
        (r#"{"type":"order.refundet"}"#, "order.refundet"),
        ("{}", "`event` is missing"),
        (
            r#"{"type":"order.refunded","mode":"soft"}"#,
            "neither `test` nor `live`",
        ),
        (r#"{"type":"order.refunded","mode":1}"#, "neither `test` nor `live`"),
        (r#"{"type":"order.refunded","params":{"a":1}}"#, "`a`"),
        (r#"{"type":"order.refunded","params":[]}"#, "`params` must be an object"),
    ] {
        let (status, answer) = face.call("POST", "/_hook/events", body);
        assert_eq!(status, 400, "{body}");
        assert!(answer.to_string().contains(part), "{answer}");
    }
    face.stop().ok();
    assert!(other.rest().is_empty());
}

#[test]
fn a_failed_delivery_is_tried_again_on_the_providers_schedule() {
    let sandbox = Sandbox::new();
    let mut face = sandbox.serve("slotflow", &["--time-scale", "100000x"]);
    let app = App::start(|_| Reply::Status(503, "later"));
    register(&face, &app.url, "booking.confirmed");
    assert_eq!(face.call("POST", "/bookings", BOOKING).0, 201);
    let nexts: Vec<Value> = (0..3).map(|_| face.next("hook.attempt/1")["next"].clone()).collect();
    assert_eq!(nexts, ["retry", "retry", "failed"]);
    let signatures: Vec<_> = app
        .rest()
        .iter()
        .map(|seen| seen.header("x-slotflow-signature").map(str::to_owned))
        .collect();
    assert_eq!(signatures.len(), 3);
    face.stop().ok().says(["0 delivered, 1 failed"]);
}

#[test]
fn what_waits_at_ctrl_c_stays_in_the_ledger_and_is_taken_up_again() {
    let sandbox = Sandbox::new();
    let mut face = sandbox.serve("slotflow", &[]);
    register(&face, CLOSED_PORT, "booking.confirmed");
    assert_eq!(
        face.call("POST", "/bookings", BOOKING).0,
        201,
        "the answer does not wait for the delivery"
    );
    assert_eq!(face.next("hook.attempt/1")["next"], "retry");
    face.stop()
        .exits(130)
        .says(["1 left with attempts to make", "hook replay --resume"]);
    let deliveries = sandbox.deliveries();
    assert_eq!(deliveries[0].delivery.state, DeliveryState::Pending);
    assert_eq!(deliveries[0].delivery.attempts.len(), 1);
    let resume = ["replay", "--resume", "--retry", "1ms,1ms", "--time-scale", "100000x"];
    sandbox.hook(resume).run().exits(4);
    assert_eq!(sandbox.deliveries()[0].delivery.state, DeliveryState::Failed);
}

#[test]
fn an_answer_that_disables_is_noted_at_once() {
    let sandbox = Sandbox::new();
    let mut face = sandbox.serve("generic", &[]);
    let app = App::start(|_| Reply::Status(410, ""));
    let body = json!({"url": app.url, "events": ["all"], "name": "gone"}).to_string();
    assert_eq!(face.call("POST", "/endpoints", &body).0, 201);
    let cause = |face: &MockApi| face.call("POST", "/_hook/events", r#"{"type":"test.ping"}"#).1["deliveries"].clone();
    assert_eq!(cause(&face), 1);
    face.process
        .wait_said(|line| line.contains("endpoint `gone` is disabled"));
    assert_eq!(cause(&face), 0);
    face.process.wait_said(|line| line.contains("gone  skipped: inactive"));
}

#[test]
fn private_addresses_are_not_reached_unless_that_is_wanted() {
    let sandbox = Sandbox::new();
    // The provider's rules would refuse the address, so it comes into the book by another way.
    sandbox.add_endpoint("http://10.255.255.1:9/ -p generic --events all --name inside");
    let mut face = sandbox.serve("generic", &["--time-scale", "1000000x"]);
    assert_eq!(
        face.call("POST", "/_hook/events", r#"{"type":"test.ping"}"#).1["deliveries"],
        1
    );
    let attempt = face.next("hook.attempt/1");
    assert_eq!(
        (&attempt["error"], &attempt["status"]),
        (&json!("blocked"), &Value::Null)
    );
    assert!(
        attempt["detail"]
            .as_str()
            .is_some_and(|text| text.contains("private addresses"))
    );
}

#[test]
fn a_service_that_others_can_call_does_not_reach_this_machine_and_none_reaches_metadata() {
    for (flags, url, blocked) in [
        (&["--expose"][..], "http://127.0.0.1:9/", "loopback"),
        (&["--production"], "http://localhost:9/", "loopback"),
        (&["--allow-private"], "http://169.254.169.254/", "metadata"),
        (&["--allow-private"], "http://168.63.129.16/", "metadata"),
        (&["--allow-private"], "http://[fe80::1]/", "link-local"),
        (&["--expose", "--allow-private"], "http://0xa9fea9fe/", "metadata"),
        (&[], "http://[64:ff9b::a9fe:a9fe]/", "metadata"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.add_endpoint(&format!("{url} -p generic --events all --name inside"));
        let mut face = sandbox.serve("generic", flags);
        face.call("POST", "/_hook/events", r#"{"type":"test.ping"}"#);
        let attempt = face.next("hook.attempt/1");
        assert_eq!(attempt["error"], "blocked", "{flags:?} {url}");
        let detail = attempt["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(blocked), "{flags:?} {url}: {detail}");
    }
}

#[test]
fn an_account_that_is_switched_off_delivers_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write(sandbox.config("config.toml"), "[account]\nenabled = false\n");
    let mut face = sandbox.serve("slotflow", &[]);
    register(&face, CLOSED_PORT, "booking.confirmed");
    assert_eq!(face.call("POST", "/bookings", BOOKING).0, 201);
    face.process
        .wait_said(|line| line.contains("switched off by `account.enabled`"));
    face.stop().ok();
    assert!(sandbox.deliveries().is_empty());
}

#[test]
fn what_was_answered_is_on_record_whatever_becomes_of_the_process() {
    let sandbox = Sandbox::new();
    let face = sandbox.serve("slotflow", &[]);
    let app = App::start(|_| Reply::Silence);
    register(&face, &app.url, "booking.confirmed");
    assert_eq!(face.call("POST", "/bookings", BOOKING).0, 201);
    face.process.signal("KILL");
    face.process.wait().exits(137);
    let deliveries = sandbox.deliveries();
    assert_eq!(deliveries.len(), 1);
    assert_eq!(deliveries[0].delivery.state, DeliveryState::Pending);
    drop(app);
    let resume = ["replay", "--resume", "--time-scale", "1000000x"];
    sandbox.hook(resume).run().exits(4);
    assert_eq!(sandbox.deliveries()[0].delivery.state, DeliveryState::Failed);
}

#[test]
fn of_many_calls_at_once_no_more_succeed_than_one_after_the_other() {
    let sandbox = Sandbox::new();
    let face = sandbox.serve("slotflow", &[]);
    let at_once = |call: &(dyn Fn(usize) -> u16 + Sync)| -> usize {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || call(n))).collect();
            let statuses = threads.into_iter().map(|thread| thread.join().expect("an answer"));
            statuses.filter(|status| *status == 201).count()
        })
    };
    let api = &face.api;
    let create = |n: usize| {
        let body = registration(&format!("http://127.0.0.1:1/{n}"), "booking.cancelled");
        api.call("POST", "/webhooks", &body).0
    };
    assert_eq!(at_once(&create), 2, "as many as the plan allows");
    assert_eq!(
        at_once(&|_| api.call("POST", "/bookings", BOOKING).0),
        1,
        "one booking of a slot"
    );
}

#[test]
fn what_an_api_caller_caused_stays_within_its_addresses_when_it_is_resumed() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox.add_endpoint(&format!("{} -p generic --events all --name inside", app.url));
    let mut face = sandbox.serve("generic", &["--production"]);
    let cause = r#"{"type":"test.ping"}"#;
    assert_eq!(face.call("POST", "/_hook/events", cause).1["deliveries"], 1);
    assert_eq!(face.next("hook.attempt/1")["error"], "blocked");
    face.stop().exits(130);
    sandbox
        .hook(["replay", "--resume", "--time-scale", "1e9"])
        .run()
        .exits(4)
        .prints(["blocked"]);
    for again in [&["1"][..], &["--failed"]] {
        sandbox.hook(["replay"].iter().chain(again)).run().exits(4);
    }
    assert!(app.rest().is_empty());
    sandbox.hook(["replay", "1", "--to", &app.url]).run().ok();
    app.next();
}

#[test]
fn an_endpoint_that_is_deleted_gets_nothing_of_what_waits() {
    let sandbox = Sandbox::new();
    let mut face = sandbox.serve("generic", &["--time-scale", "100x"]);
    let app = App::start(|_| Reply::Status(500, ""));
    let body = json!({"url": app.url, "events": ["all"], "name": "gone"}).to_string();
    let (status, made) = face.call("POST", "/endpoints", &body);
    assert_eq!(status, 201);
    assert_eq!(
        face.call("POST", "/_hook/events", r#"{"type":"test.ping"}"#).1["deliveries"],
        1
    );
    assert_eq!(face.next("hook.attempt/1")["next"], "retry");
    let path = format!("/endpoints/{}", made["id"].as_str().unwrap());
    assert!((200..300).contains(&face.call("DELETE", &path, "").0));
    let idle = json!({"waiting": 0, "taken": 0, "parked": 0});
    while face.call("GET", "/_hook/status", "").1["queue"] != idle {}
    assert_eq!(sandbox.deliveries()[0].delivery.state, DeliveryState::Cancelled);
    assert_eq!(app.rest().len(), 1);
}

#[test]
fn a_typo_in_the_book_leaves_the_last_good_one_in_use_until_it_is_repaired() {
    let sandbox = Sandbox::new();
    let mut face = sandbox.serve("generic", &[]);
    let app = App::start(|_| Reply::Status(200, ""));
    let body = json!({"url": app.url, "events": ["all"], "name": "one"}).to_string();
    assert_eq!(face.call("POST", "/endpoints", &body).0, 201);
    let cause = |face: &MockApi| face.call("POST", "/_hook/events", r#"{"type":"test.ping"}"#).1["deliveries"].clone();
    assert_eq!(cause(&face), 1);
    app.next();
    let book = sandbox.config("endpoints.json");
    let good = std::fs::read(&book).unwrap();
    sandbox.write(&book, "{\"format\": 1, \"endpoints\": [,]}");
    assert_eq!(cause(&face), 1);
    face.process.wait_said(|line| line.contains("cannot be used"));
    app.next();
    sandbox.write(&book, &good);
    assert_eq!(cause(&face), 1);
    face.process.wait_said(|line| line.contains("is in use again"));
    app.next();
    // A delivery asks for the endpoints too; it is told of the same change.
    let said = face.stop().ok().stderr();
    assert_eq!(said.matches("is in use again").count(), 1, "{said}");
    assert_eq!(said.matches("endpoints.json` cannot be used").count(), 1, "{said}");
}
