//! The durable service: events in, deliveries out, and both to read again.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{App, CLOSED_PORT, Reply, Sandbox, keys};

fn event(n: usize) -> String {
    json!({"event": "test.ping", "id": format!("order-{n}"), "data": {"n": n}}).to_string()
}

fn items(answer: &Value) -> &[Value] {
    answer["items"].as_array().expect("items")
}

#[test]
fn events_are_listed_page_by_page_and_read_with_their_deliveries() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox.endpoint("one", "generic", &app.url);
    sandbox.endpoint("two", "generic", &app.url.replace("127.0.0.1", "localhost"));
    let service = sandbox.service(&[]);
    for n in 1..=5 {
        let answer = service.gives(202, "POST", "/events", &event(n));
        assert_eq!(
            answer,
            json!({"id": format!("order-{n}"), "event": "test.ping", "deliveries": 2})
        );
    }
    let (mut ids, mut path) = (Vec::new(), "/events?limit=2".to_owned());
    loop {
        let page = service.gives(200, "GET", &path, "");
        ids.extend(items(&page).iter().map(|event| event["id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/events?limit=2&cursor={next}");
    }
    assert_eq!(ids, ["order-5", "order-4", "order-3", "order-2", "order-1"]);
    let read = service.gives(200, "GET", "/events/order-3", "");
    assert_eq!(
        keys(&read),
        ["id", "event", "mode", "at", "deliveries", "data", "items", "next"]
    );
    let to: BTreeSet<_> = items(&read)
        .iter()
        .filter_map(|item| item["endpoint"].as_str())
        .collect();
    assert_eq!(to, BTreeSet::from(["one", "two"]));
    let page = service.gives(200, "GET", "/events/order-3?limit=1", "");
    let next = page["next"].as_str().expect("another page");
    let rest = service.gives(200, "GET", &format!("/events/order-3?cursor={next}"), "");
    assert_eq!([items(&page), items(&rest)].concat(), items(&read));
    assert_eq!(
        service.problem(400, "GET", "/events/order-", ""),
        "`order-` is the beginning of several ids"
    );
    service.problem(404, "GET", "/events/order-33", "");
    assert_eq!(service.gives(200, "GET", "/_hook/events/order-3", ""), read);
}

#[test]
fn an_event_that_nobody_wants_is_kept_with_its_data() {
    let sandbox = Sandbox::new();
    let service = sandbox.service(&[]);
    let answer = service.gives(
        202,
        "POST",
        "/events",
        r#"{"type":"any.thing","data":{"b":1.50,"a":"é"}}"#,
    );
    assert_eq!(answer["deliveries"], 0);
    let id = answer["id"].as_str().expect("an id");
    let text = service.answer("GET", &format!("/events/{}", &id[..20]), "").body;
    let text = String::from_utf8(text).expect("text");
    assert!(text.contains(r#""data":{"b":1.50,"a":"é"}"#), "{text}");
}

#[test]
fn deliveries_are_filtered_and_shown_whole_as_the_log_shows_them() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(500, "no"));
    // Its schedule is over at once, long before an endpoint is disabled.
    sandbox.patient("quick", "5s", r#"["1ms", "1ms"]"#);
    sandbox.endpoint("bad", "quick", &format!("{}/?token=s3cr3t-of-the-url", app.url));
    sandbox.endpoint("gone", "quick", CLOSED_PORT);
    let service = sandbox.service(&[]);
    for n in 1..=3 {
        service.gives(202, "POST", "/events", &event(n));
    }
    let failed = service.wait_for("/deliveries?state=failed", |found| items(found).len() == 6);
    assert_eq!(failed["next"], Value::Null);
    let numbers: Vec<u64> = items(&failed)
        .iter()
        .filter_map(|item| item["number"].as_u64())
        .collect();
    assert_eq!(numbers, [6, 5, 4, 3, 2, 1]);
    let count = |query: &str| items(&service.gives(200, "GET", &format!("/deliveries?{query}"), "")).len();
    assert_eq!(
        (count("endpoint=bad"), count("state=delivered"), count("state=pending")),
        (3, 0, 0)
    );
    assert_eq!(
        (count("event=test.*"), count("event=other"), count("provider=quick")),
        (6, 0, 6)
    );
    assert_eq!(
        (count("since=1h"), count("since=2099-01-01T00:00:00Z"), count("limit=4")),
        (6, 0, 4)
    );
    assert_eq!(count("limit=4&cursor=3"), 2);
    service.problem(404, "GET", "/deliveries?endpoint=bat", "");
    service.problem(400, "GET", "/deliveries?state=lost", "");
    service.problem(400, "GET", "/deliveries?since=yesterday", "");
    service.problem(404, "GET", "/deliveries?provider=acme", "");
    let bad = items(&failed)
        .iter()
        .find(|item| item["endpoint"] == "bad")
        .expect("one of bad");
    let (number, id) = (&bad["number"], bad["id"].as_str().expect("an id"));
    let shown = service.gives(200, "GET", &format!("/deliveries/{number}"), "");
    assert_eq!(service.gives(200, "GET", &format!("/deliveries/{id}"), ""), shown);
    let mut logged = sandbox.hook(["log", "show", id, "--json"]).run().object();
    logged.as_object_mut().expect("an object").shift_remove("schema");
    assert_eq!(shown, logged);
    assert!(!shown.to_string().contains("s3cr3t-of-the-url"), "{shown}");
    let attempts = service.gives(200, "GET", &format!("/deliveries/{number}/attempts"), "");
    assert_eq!((items(&attempts).len(), &attempts["items"]), (3, &shown["attempts"]));
    for path in ["/deliveries/99", "/deliveries/x", "/deliveries/99/attempts"] {
        assert!(service.problem(404, "GET", path, "").contains("not found"));
    }
}

#[test]
fn of_calls_at_once_with_one_idempotency_key_one_creates_the_event_and_all_get_its_answer() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox.endpoint("one", "generic", &app.url);
    let mut service = sandbox.service(&[]);
    service.with("idempotency-key", "order-7");
    let api = &service.api;
    let body = r#"{"event":"test.ping","data":{"n":7}}"#;
    let answers: Vec<Value> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| api.gives(202, "POST", "/events", body)))
            .collect();
        calls.into_iter().map(|call| call.join().expect("an answer")).collect()
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(items(&service.gives(200, "GET", "/events", "")).len(), 1);
    app.next();
    let other = r#"{"event":"test.ping","data":{"n":8}}"#;
    assert!(
        service
            .problem(409, "POST", "/events", other)
            .contains("Idempotency-Key")
    );
    service.problem(409, "POST", "/events/batch", &format!("[{body}]"));
    service.with("idempotency-key", "");
    service.problem(400, "POST", "/events", body);
    service.with("idempotency-key", "batch-1");
    let batch = format!("[{body},{other}]");
    let first = service.gives(202, "POST", "/events/batch", &batch);
    assert_eq!(service.gives(202, "POST", "/events/batch", &batch), first);
    service.problem(409, "POST", "/events/batch", &format!("[{body}]"));
    assert_eq!(items(&service.gives(200, "GET", "/events", "")).len(), 3);
    service.stop().ok();
    // The answer outlives the process.
    let mut again = sandbox.service(&[]);
    again.with("idempotency-key", "order-7");
    assert_eq!(again.gives(202, "POST", "/events", body), answers[0]);
    assert_eq!(items(&again.gives(200, "GET", "/events", "")).len(), 3);
    assert_eq!(app.rest().len(), 2);
}

#[test]
fn a_batch_is_taken_whole_or_not_at_all() {
    let sandbox = Sandbox::new();
    let service = sandbox.service(&[]);
    let batch = |events: &[String]| format!("[{}]", events.join(","));
    let why = service.problem(
        400,
        "POST",
        "/events/batch",
        &batch(&[event(1), "{}".to_owned(), event(2)]),
    );
    assert!(why.starts_with("event 1: `event` is missing"), "{why}");
    for size in [0, 1001] {
        let events: Vec<String> = (0..size).map(event).collect();
        let why = service.problem(400, "POST", "/events/batch", &batch(&events));
        assert!(why.contains("1 to 1000 events"), "{why}");
    }
    assert!(items(&service.gives(200, "GET", "/events", "")).is_empty());
    let events: Vec<String> = (0..1000).map(event).collect();
    let answer = service.gives(202, "POST", "/events/batch", &batch(&events));
    assert_eq!(answer.as_array().map(Vec::len), Some(1000));
    let page = service.gives(200, "GET", "/events?limit=200", "");
    assert_eq!((items(&page).len(), &items(&page)[0]["id"]), (200, &json!("order-999")));
}

#[test]
fn a_batch_for_many_endpoints_is_bounded_by_its_deliveries() {
    let sandbox = Sandbox::new();
    let rest = "provider = \"generic\"\nevents = [\"test.ping\"]\n";
    let endpoints = (0..51).map(|n| format!("[[endpoint]]\nname = \"e{n}\"\nurl = \"{CLOSED_PORT}/{n}\"\n{rest}"));
    let endpoints = endpoints.collect::<Vec<_>>().concat();
    sandbox.write("book.toml", endpoints);
    let apply = ["endpoints", "apply", "-f", "book.toml", "--yes", "--local"];
    sandbox.hook(apply).run().ok();
    let service = sandbox.service(&[]);
    service.gives(200, "POST", "/pause", "");
    let batch = |size: usize| format!("[{}]", (0..size).map(event).collect::<Vec<_>>().join(","));
    let why = service.problem(413, "POST", "/events/batch", &batch(1000));
    assert_eq!(why, "the batch makes more than 50000 deliveries: send it in parts");
    assert_eq!(service.queue().waiting, 0);
    service.gives(202, "POST", "/events/batch", &batch(10));
    assert_eq!(service.queue().waiting, 510);
}

#[test]
fn a_name_or_an_id_that_no_header_can_carry_is_refused_before_it_is_accepted() {
    let sandbox = Sandbox::new();
    sandbox.endpoint("one", "generic", CLOSED_PORT);
    let service = sandbox.service(&[]);
    for (body, part) in [
        (
            r#"{"event":"a\nb","data":1}"#,
            "`event` must not contain control characters",
        ),
        (
            r#"{"event":"a\u0000b","data":1}"#,
            "`event` must not contain control characters",
        ),
        (
            r#"{"event":"a","id":"b\r\nX-Evil: 1","data":1}"#,
            "`id` must not contain control characters",
        ),
        (
            r#"{"event":" ","data":1}"#,
            "`event` must be a text of 1 to 255 characters",
        ),
    ] {
        let why = service.problem(400, "POST", "/events", body);
        assert!(why.contains(part), "{body}: {why}");
    }
    let named = |length: usize| json!({"event": "é".repeat(length), "data": 1}).to_string();
    service.problem(400, "POST", "/events", &named(256));
    assert_eq!(service.gives(202, "POST", "/events", &named(255))["deliveries"], 1);
}

#[test]
fn a_call_that_only_reads_is_not_printed_unless_it_is_refused() {
    let sandbox = Sandbox::new();
    let service = sandbox.service(&[]);
    service.gives(202, "POST", "/events", &event(1));
    service.gives(200, "GET", "/events", "");
    service.gives(200, "GET", "/status", "");
    service.problem(404, "GET", "/deliveries/9", "");
    let out = service.stop().ok();
    let calls = out.json().into_iter().filter(|line| line["schema"] == "hook.call/1");
    let calls: Vec<Value> = calls
        .map(|line| json!([line["method"], line["path"], line["said"]]))
        .collect();
    assert_eq!(
        calls,
        [
            json!(["POST", "/events", "test.ping goes to 0"]),
            json!(["GET", "/deliveries/9", "delivery `9` not found"])
        ]
    );
}
