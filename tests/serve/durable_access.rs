//! The durable service: who may call, and what is refused.

use serde_json::Value;

use crate::support::{KEY, MockApi, Sandbox, TEST_KEY, raw, request};

const EVENT: &str = r#"{"event":"test.ping","data":{"n":1}}"#;

#[test]
fn without_a_right_key_nothing_is_answered_or_recorded_and_the_key_is_never_logged() {
    let sandbox = Sandbox::new();
    let mut service = sandbox.service(&[]);
    for value in ["", "Bearer", "Bearer x", "Basic abc", KEY, &format!("Bearer {KEY}x")] {
        service.with("authorization", value);
        for (method, path) in [
            ("POST", "/events"),
            ("GET", "/events"),
            ("GET", "/deliveries/1"),
            ("POST", "/pause"),
            ("GET", "/status"),
            ("GET", "/_hook/status"),
        ] {
            let answer = service.answer(method, path, EVENT);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{value:?} {path}");
            service.problem(401, method, path, EVENT);
        }
        service.gives(200, "GET", "/health", "");
    }
    service.with("authorization", &format!("bearer {KEY}"));
    assert_eq!(
        service.gives(200, "GET", "/events", "")["items"],
        Value::Array(Vec::new())
    );
    service.stop().ok().never([KEY]);
}

#[test]
fn a_test_key_creates_test_events_and_reads_and_decides_nothing() {
    let sandbox = Sandbox::new();
    let run = sandbox.service_with(&["--key", "env:KEY", "--test-key", "env:TEST"]);
    let mut service = MockApi::ready(run.env("KEY", KEY).env("TEST", TEST_KEY));
    service.with("authorization", &format!("Bearer {TEST_KEY}"));
    service.gives(202, "POST", "/events", EVENT);
    assert_eq!(service.gives(200, "GET", "/events", "")["items"][0]["mode"], "test");
    for path in [
        "/pause",
        "/resume",
        "/deliveries/retry",
        "/deliveries/1/retry",
        "/endpoints/a/recover",
    ] {
        let why = service.problem(403, "POST", path, "");
        assert!(why.contains("test key"), "{path}: {why}");
    }
    assert_eq!(service.gives(200, "GET", "/status", "")["paused"], false);
}

#[test]
fn without_a_key_web_pages_and_foreign_names_are_refused() {
    let sandbox = Sandbox::new();
    let service = MockApi::ready(sandbox.service_with(&["--no-auth"]));
    let port = service.url.rsplit(':').next().expect("a port");
    let get = |headers: &[(&str, &str)]| request("GET", &service.url, "/status", headers, b"").status;
    assert_eq!(get(&[]), 200);
    assert_eq!(get(&[("origin", "https://evil.example")]), 403);
    assert_eq!(get(&[("origin", "null")]), 403);
    let named = |host: &str| {
        let head = format!(
            "POST /events HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n\r\n{EVENT}",
            EVENT.len()
        );
        let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
        String::from_utf8_lossy(&raw(&service.url, head.as_bytes()))[9..12].to_owned()
    };
    assert_eq!(named(&format!("localhost:{port}")), "202");
    for foreign in [
        "evil.example",
        &format!("evil.example:{port}"),
        "localhost",
        "127.0.0.1:1",
    ] {
        assert_eq!(named(foreign), "403", "{foreign}");
    }
    let recorded = request("GET", &service.url, "/events", &[], b"");
    let recorded: Value = serde_json::from_slice(&recorded.body).expect("JSON");
    assert_eq!(recorded["items"].as_array().map(Vec::len), Some(1));
    service.stop().ok().says(["no key is required"]);
    let refused = |args: &[&str]| sandbox.service_with(args).run().exits(2);
    refused(&["--no-auth", "--bind", "0.0.0.0", "--expose"]).says(["cannot be used with"]);
}

#[test]
fn every_refusal_is_a_problem_document() {
    let sandbox = Sandbox::new();
    let mut service = sandbox.service(&[]);
    let answer = service.answer("DELETE", "/events", "");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET,HEAD,POST")));
    service.problem(405, "DELETE", "/events", "");
    service.problem(405, "POST", "/health", "");
    for path in [
        "/",
        "/event",
        "/events/",
        "/events/a/b",
        "/_hook",
        "/_hook/none",
        "/deliveries/1/attempts/1",
    ] {
        service.problem(404, "GET", path, "");
    }
    service.problem(400, "GET", "/deliveries/%ff", "");
    let why = service.problem(400, "GET", "/status?verbose=1", "");
    assert!(why.contains("`verbose` is not known"), "{why}");
    let why = service.problem(400, "GET", "/events?page=2", "");
    assert!(why.contains("there are `cursor`, `limit`"), "{why}");
    service.with("content-type", "application/x-www-form-urlencoded");
    let why = service.problem(415, "POST", "/events", EVENT);
    assert!(why.contains("Content-Type: application/json"), "{why}");
    service.with("content-type", "application/json; charset=iso-8859-1");
    let why = service.problem(415, "POST", "/events", EVENT);
    assert!(why.contains("JSON in UTF-8"), "{why}");
    service.with("content-type", "application/json");
    service.with("content-encoding", "gzip");
    let why = service.problem(415, "POST", "/events", EVENT);
    assert!(why.contains("Content-Encoding"), "{why}");
    service.problem(415, "POST", "/endpoints", "{}");
    service.with("content-encoding", "identity");
    service.problem(400, "POST", "/events?x=1", EVENT);
    service.problem(400, "GET", "/health?x=1", "");
    let large = format!(r#"{{"event":"test.ping","data":"{}"}}"#, "x".repeat(1024 * 1024));
    service.problem(413, "POST", "/events", &large);
    let why = service.problem(413, "POST", "/events/batch", &format!("[{EVENT},{large}]"));
    assert!(why.starts_with("event 1: "), "{why}");
    let fits = format!(r#"{{"event":"test.ping","data":"{}"}}"#, "x".repeat(1024 * 1024 - 2));
    service.gives(202, "POST", "/events", &fits);
    let body = format!("[{}]", [EVENT; 17].join(&" ".repeat(1024 * 1024)));
    service.problem(413, "POST", "/events/batch", &body);
    assert_eq!(
        service.gives(200, "GET", "/events", "")["items"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    let head = service.answer("HEAD", "/status", "");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

/// Numbers that look random, the same in every run.
fn shuffled(count: u32) -> impl Iterator<Item = u32> {
    (0..count).scan(0x2545_f491_u32, |state, _| {
        *state ^= *state << 13;
        *state ^= *state >> 17;
        *state ^= *state << 5;
        Some(*state)
    })
}

#[test]
fn no_request_breaks_the_service() {
    const METHODS: [&str; 8] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW"];
    const PARTS: [&str; 24] = [
        "events",
        "deliveries",
        "endpoints",
        "retry",
        "batch",
        "recover",
        "pause",
        "resume",
        "status",
        "attempts",
        "_hook",
        "1",
        "0",
        "18446744073709551615",
        "-1",
        "last",
        "last~99999999999999999999",
        "%00",
        "%ff",
        "dlv_",
        "msg_0",
        "%23",
        "",
        "..",
    ];
    const QUERIES: [&str; 8] = [
        "",
        "?",
        "?limit=1",
        "?cursor=18446744073709551615",
        "?state=parked&since=1h",
        "?event=**",
        "?endpoint=%00",
        "?%ff=&&=",
    ];
    const BODIES: [&str; 10] = [
        "",
        "{}",
        "[]",
        "null",
        "{\"since\":\"1h\"}",
        "{\"state\":\"parked\"}",
        "{\"event\":\"\\u0000\",\"data\":1}",
        "[[[[",
        "{\"event\":1}",
        "{\"since\":\"-999999999999h\"}",
    ];
    let sandbox = Sandbox::new();
    sandbox.endpoint("one", "generic", crate::support::CLOSED_PORT);
    let service = sandbox.service(&[]);
    service.gives(202, "POST", "/events", EVENT);
    let mut numbers = shuffled(3000).map(|number| number as usize);
    let mut pick = |among: usize| numbers.next().expect("enough numbers") % among;
    for _ in 0..400 {
        let parts: Vec<&str> = (0..=pick(3)).map(|_| PARTS[pick(PARTS.len())]).collect();
        let path = format!("/{}{}", parts.join("/"), QUERIES[pick(QUERIES.len())]);
        let (method, body) = (METHODS[pick(METHODS.len())], BODIES[pick(BODIES.len())]);
        let answer = service.answer(method, &path, body);
        let call = format!("{method} {path} {body}");
        assert!((200..500).contains(&answer.status), "{call}: {}", answer.status);
        let expected = if answer.status < 400 {
            "application/json"
        } else {
            "application/problem+json"
        };
        assert_eq!(answer.header("content-type"), Some(expected), "{call}");
    }
    service.gives(200, "GET", "/ready", "");
}
