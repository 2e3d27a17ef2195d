//! The command itself: what it says at its start and end, and what it does not start with.

use std::fs;

use crate::support::{MockApi, Sandbox, keys, try_post};

#[test]
fn the_first_line_says_where_clients_are_to_call_and_what_is_played() {
    let sandbox = Sandbox::new();
    let face = sandbox.serve("slotflow", &["--ready-file", "url"]);
    let names = [
        "schema",
        "at",
        "level",
        "url",
        "public_url",
        "ca_file",
        "origin",
        "provider",
        "plan",
        "key",
        "test_key",
        "endpoints",
    ];
    assert_eq!(keys(&face.ready), names);
    assert_eq!(face.ready["plan"], "free");
    assert!(face.ready["key"].is_null(), "a given key is not shown");
    let origin = face.ready["origin"].as_str().expect("a URL");
    assert_eq!(face.url, format!("{origin}/v1"));
    let written = fs::read_to_string(sandbox.path("url")).expect("the file");
    assert_eq!(written.trim(), face.url);
    face.stop().ok();
}

#[test]
fn people_are_told_the_same_in_words() {
    let sandbox = Sandbox::new();
    let mut process = sandbox.hook(["serve", "-p", "slotflow", "--port", "0"]).spawn();
    process.wait_said(|line| line.starts_with("serving Slotflow on http://127.0.0.1:") && line.ends_with("/v1"));
    process.wait_said(|line| line.starts_with("key:      sk_live_") && line.ends_with("(for this run)"));
    process.wait_said(|line| line.starts_with("test key: sk_test_"));
    process.wait_said(|line| line == "plan free, 2 endpoints at most");
    process.wait_said(|line| line.starts_with("endpoints are stored in ") && line.ends_with("endpoints.json"));
    process.wait_said(|line| line.contains("--production"));
    process.signal("TERM");
    process.wait().ok().says(["deliveries: 0 delivered, 0 failed"]);
}

#[test]
fn what_cannot_be_served_is_said_before_anything_starts() {
    let sandbox = Sandbox::new();
    for (args, code, parts) in [
        (&["serve", "--plan", "free"][..], 2, ["--provider <NAME>", "--plan"]),
        (&["serve", "--scope", "contacts"], 2, ["--provider <NAME>", "--scope"]),
        (&["serve", "-p", "slotflo"], 6, ["slotflo", "--provider slotflow"]),
        (
            &["serve", "-p", "poolflow"],
            2,
            ["`poolflow` has no management API", "generic"],
        ),
        (
            &["serve", "-p", "slotflow", "--plan", "huge"],
            2,
            ["no plan `huge`", "`starter`"],
        ),
        (
            &["serve", "-p", "hoopai", "--plan", "free"],
            2,
            ["has no plans", "leave out `--plan`"],
        ),
        (
            &["serve", "-p", "hoopai", "--test-key", "env:A"],
            2,
            ["has no test keys", "leave out `--test-key`"],
        ),
        (
            &["serve", "-p", "slotflow", "--key", "env:NO_SUCH"],
            2,
            ["`NO_SUCH` is not set", ""],
        ),
    ] {
        sandbox.hook(args).run().exits(code).says(parts);
    }
    assert!(sandbox.deliveries().is_empty());
}

#[test]
fn a_port_that_is_taken_is_said_with_a_way_out() {
    let sandbox = Sandbox::new();
    let face = sandbox.serve("slotflow", &[]);
    let port = face.ready["origin"]
        .as_str()
        .and_then(|url| url.rsplit(':').next())
        .expect("a port");
    sandbox
        .hook(["serve", "-p", "slotflow", "--port", port])
        .run()
        .exits(2)
        .says(["cannot listen on", "--port 0"]);
}

#[test]
fn a_second_ctrl_c_ends_at_once_and_a_stopped_face_answers_nobody() {
    let sandbox = Sandbox::new();
    let face = sandbox.serve("slotflow", &[]);
    let url = face.ready["origin"].as_str().expect("a URL").to_owned();
    face.stop().ok();
    assert!(try_post(&url, b"{}").is_none());
    let slow = crate::support::App::start(|_| crate::support::Reply::Silence);
    let mut face = sandbox.serve("slotflow", &[]);
    let body = super::registration(&slow.url, "booking.confirmed");
    assert_eq!(face.call("POST", "/webhooks", &body).0, 201);
    assert_eq!(
        face.call("POST", "/_hook/events", r#"{"type":"booking.confirmed"}"#).0,
        202
    );
    slow_is_asked(&mut face);
    face.process.signal("INT");
    face.process.signal("INT");
    face.process.wait().exits(130);
}

/// Waits until the event's call was answered, by when its delivery is on record.
fn slow_is_asked(face: &mut MockApi) {
    while face.next("hook.call/1")["status"] != 202 {}
}

#[test]
fn a_project_gets_its_own_book() {
    let sandbox = Sandbox::new();
    sandbox.write("hook.toml", "provider = \"poolflow\"\n");
    let face = MockApi::ready(
        sandbox
            .hook(["serve", "-p", "slotflow", "--port", "0", "--json", "--key", "env:KEY"])
            .env("KEY", crate::support::KEY),
    );
    let body = super::registration("https://a.example.com", "booking.confirmed");
    assert_eq!(face.call("POST", "/webhooks", &body).0, 201);
    assert!(sandbox.path(".hook/endpoints.json").exists() && sandbox.path(".hook/.gitignore").exists());
}
