//! Who may call: keys, scopes, headers, the open door, and how often.

use serde_json::{Value, json};

use super::registration;
use crate::support::{CLOSED_PORT, KEY, MockApi, Sandbox, request};

#[test]
fn a_missing_or_wrong_key_is_refused_in_the_providers_shape() {
    let sandbox = Sandbox::new();
    let mut face = sandbox.serve("slotflow", &[]);
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic abc",
        KEY,
        &format!("Bearer {KEY}x"),
    ] {
        face.with("authorization", value);
        let answer = face.answer("GET", "/webhooks", "");
        assert_eq!(
            (answer.status, answer.header("www-authenticate")),
            (401, Some("Bearer")),
            "{value}"
        );
        let body = String::from_utf8(answer.body).expect("text");
        assert!(body.contains(r#""code":"UNAUTHORIZED""#), "{body}");
    }
    face.with("authorization", &format!("bearer {KEY}"));
    assert_eq!(
        face.call("GET", "/webhooks", "").0,
        200,
        "the scheme's case makes no difference"
    );
    let out = face.stop().ok();
    out.never([KEY]);
}

#[test]
fn keys_are_made_up_in_the_providers_form_and_shown_once_when_none_is_given() {
    let sandbox = Sandbox::new();
    let mut face = MockApi::ready(sandbox.serving::<&str>("pocketsflow", &[]));
    let key = |name: &str| face.ready[name].as_str().expect("a key").to_owned();
    let (live, test) = (key("key"), key("test_key"));
    assert!(live.starts_with("pk_live_") && test.starts_with("pk_test_"));
    for key in [&live, &test] {
        face.with("authorization", &format!("Bearer {key}"));
        assert_eq!(face.call("GET", "/webhooks", "").0, 200);
    }
    let out = face.stop().ok();
    assert_eq!(out.stdout().matches(&live).count(), 1);
    sandbox
        .hook(["serve", "-p", "pocketsflow", "--port", "0", "--quiet"])
        .run()
        .exits(2)
        .says(["--key env:VAR"]);
}

#[test]
fn without_a_key_web_pages_and_foreign_names_are_refused() {
    let sandbox = Sandbox::new();
    let face = MockApi::ready(sandbox.serving("pocketsflow", &["--no-auth"]));
    let port = face.url.rsplit(':').next().expect("a port");
    let get = |headers: &[(&str, &str)]| request("GET", &face.url, "/webhooks", headers, b"").status;
    assert_eq!(get(&[]), 200);
    assert_eq!(get(&[("origin", "https://evil.example")]), 403);
    assert_eq!(get(&[("origin", "null")]), 403);
    let named = |host: &str| {
        let head = format!("GET /webhooks HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let answer = crate::support::raw(&face.url, head.as_bytes());
        String::from_utf8_lossy(&answer)[9..12].to_owned()
    };
    for own in ["localhost", "LOCALHOST", "127.0.0.1", "[::1]"] {
        assert_eq!(named(&format!("{own}:{port}")), "200", "{own}");
    }
    for foreign in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("localhost.evil.example:{port}"),
        "localhost".to_owned(),
        "127.0.0.1:1".to_owned(),
        String::new(),
    ] {
        assert_eq!(named(&foreign), "403", "{foreign}");
    }
    let out = face.stop().ok();
    out.says(["no key is required"]);
}

#[test]
fn an_open_door_is_for_this_machine_alone() {
    let sandbox = Sandbox::new();
    let serve = |args: &[&str]| sandbox.serving("pocketsflow", args).run().exits(2);
    serve(&["--no-auth", "--bind", "0.0.0.0", "--expose"]).says(["cannot be used with"]);
    serve(&["--bind", "0.0.0.0"]).says(["can be reached by other machines", "--expose"]);
    serve(&["--no-auth", "--key", "env:KEY"]).says(["cannot be used with"]);
}

#[test]
fn a_scope_that_is_missing_is_named_and_one_that_is_there_lets_pass() {
    let sandbox = Sandbox::new();
    let mut face = sandbox.serve("hoopai", &["--scope", "contacts.readonly"]);
    face.with("version", "2021-07-28");
    let create = |event: &str| {
        let body = json!({"url": "https://a.example.com", "events": [event], "locationId": "loc1"});
        face.call("POST", "/webhooks", &body.to_string())
    };
    let (status, answer) = create("CampaignStatusUpdate");
    assert_eq!(status, 403);
    assert!(
        answer["message"]
            .as_str()
            .is_some_and(|text| text.contains("`campaigns.readonly`"))
    );
    let (status, made) = create("ContactCreated");
    assert_eq!(status, 201);
    let path = format!("/webhooks/{}", made["id"].as_str().expect("an id"));
    assert_eq!(face.call("PUT", &path, r#"{"events":["InboundMessage"]}"#).0, 403);
    sandbox
        .serving("hoopai", &["--scope", "contact.readonly"])
        .run()
        .exits(2)
        .says(["no scope `contact.readonly`", "`contacts.readonly`"]);
    sandbox
        .serving("slotflow", &["--scope", "a"])
        .run()
        .exits(2)
        .says(["leave out `--scope`"]);
}

#[test]
fn every_event_needs_a_scope_but_those_about_the_app_itself() {
    let sandbox = Sandbox::new();
    let mut face = sandbox.serve("hoopai", &["--scope", "contacts.readonly"]);
    face.with("version", "2021-07-28");
    let catalogue = sandbox.hook(["providers", "events", "hoopai", "--json"]).run().ok();
    let events: Vec<Value> = catalogue.json();
    let name = |event: &Value| event["event"].as_str().expect("a name").to_owned();
    let mut allowed: Vec<String> = events.iter().map(name).collect();
    assert!(allowed.len() > 60, "{allowed:?}");
    allowed.retain(|event| {
        let body = json!({"url": CLOSED_PORT, "events": [event], "locationId": "loc1"});
        let (status, answer) = face.call("POST", "/webhooks", &body.to_string());
        assert!(matches!(status, 201 | 403), "{event}: {answer}");
        status == 201
    });
    let about_contacts = |event: &String| ["Contact", "Note", "Task"].iter().any(|kind| event.starts_with(kind));
    let (contacts, others): (Vec<String>, Vec<String>) = allowed.into_iter().partition(about_contacts);
    assert_eq!(contacts.len(), 14, "{contacts:?}");
    assert_eq!(others, ["INSTALL", "UNINSTALL", "PLAN_CHANGE"]);
}

#[test]
fn a_key_of_the_other_mode_is_refused() {
    for (provider, flag, key, hint) in [
        ("pocketsflow", "--key", "pk_test_1", "give it with `--test-key`"),
        ("slotflow", "--key", "sk_test_1", "give it with `--test-key`"),
        ("pocketsflow", "--test-key", "pk_live_1", "give it with `--key`"),
        ("slotflow", "--test-key", "sk_live_1", "give it with `--key`"),
    ] {
        let run = Sandbox::new()
            .serving(provider, &[flag, "env:MINE"])
            .env("MINE", key)
            .run();
        run.exits(2).says([&format!("`{flag}`"), hint]).never([key]);
    }
}

#[test]
fn a_header_that_every_call_carries_is_demanded() {
    let sandbox = Sandbox::new();
    let mut face = sandbox.serve("hoopai", &[]);
    let message = |face: &MockApi| {
        let (status, answer) = face.call("GET", "/webhooks", "");
        format!("{status} {}", answer["message"].as_str().unwrap_or_default())
    };
    assert_eq!(message(&face), "422 the header `Version` must be `2021-07-28`");
    face.with("version", "2020-01-01");
    assert_eq!(message(&face), "422 the header `Version` must be `2021-07-28`");
    face.with("version", "2021-07-28");
    assert_eq!(message(&face), "200 ");
    let body = registration("https://a.example.com", "ContactCreated");
    assert_eq!(
        face.call("POST", "/webhooks", &body).1["message"],
        "`locationId` is missing"
    );
}

#[test]
fn calls_beyond_the_providers_rate_are_told_when_to_come_again() {
    let sandbox = Sandbox::new();
    let mut face = sandbox.serve("hoopai", &[]);
    face.with("version", "2021-07-28");
    let answers: Vec<_> = (0..101).map(|_| face.answer("GET", "/webhooks", "")).collect();
    assert_eq!(answers[0].header("x-ratelimit-remaining"), Some("99"));
    assert_eq!((answers[99].status, answers[100].status), (200, 429));
    let wait: u64 = answers[100]
        .header("retry-after")
        .expect("a time")
        .parse()
        .expect("seconds");
    assert!((1..=10).contains(&wait), "{wait}");
}
