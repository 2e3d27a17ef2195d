//! The round trip: what `send` signs, `listen` verifies, records and answers; what is wrong, it refuses and says why.

use crate::support::{Listener, Sandbox};

/// The five providers whose catalogues are sent whole.
const PROVIDERS: [&str; 5] = ["poolflow", "pool-brain", "pocketsflow", "hoopai", "slotflow"];

#[test]
fn an_event_is_sent_verified_replayed_and_refused_with_another_secret() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret"]);
    let url = listener.url.clone();

    sandbox
        .hook(["send", "job.paid", "--to", &url])
        .run()
        .ok()
        .says(["provider: poolflow"])
        .prints(["#2", "job.paid", "200 OK", "delivered"]);
    let line = listener.shows("#1");
    for part in ["job.paid", "poolflow", "verified", "dev secret", "200"] {
        assert!(line.contains(part), "{part}: {line}");
    }

    sandbox
        .hook(["replay", "last"])
        .run()
        .ok()
        .says(["#2: signed afresh as poolflow with the dev secret"])
        .prints(["delivered"]);
    let line = listener.shows("#3");
    assert!(line.contains("verified") && line.contains("duplicate of #1"), "{line}");

    sandbox
        .hook(["send", "job.paid", "--secret", "literal:wrong", "--to", &url])
        .run()
        .exits(3)
        .prints(["401 Unauthorized", "failed"])
        .says(["do both sides have the same secret?"]);
    let line = listener.shows("#5");
    for part in ["refused", "does not match this request and secret", "401"] {
        assert!(line.contains(part), "{part}: {line}");
    }

    listener
        .stop()
        .ok()
        .says(["received 3: 2 verified, 1 refused, 1 duplicate, 0 forwarded"]);
}

#[test]
fn a_refusal_tells_its_reason_to_the_operator_and_nothing_to_the_caller() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret", "literal:right"]);
    let mut signed = sandbox.signed(["job.paid", "--secret", "literal:right"]);
    signed.body.extend_from_slice(b" ");
    let answer = signed.post(&listener.url);
    assert_eq!((answer.status, answer.body.as_slice()), (401, b"refused\n".as_slice()));
    assert!(listener.shows("#1").contains("refused"));

    signed.headers.retain(|(name, _)| !name.contains("signature"));
    assert_eq!(signed.post(&listener.url).status, 401);
    assert!(
        listener
            .shows("#2")
            .contains("no known provider's signature header is there")
    );

    let old = sandbox
        .hook([
            "send",
            "booking.confirmed",
            "--secret",
            "literal:right",
            "--to",
            &listener.url,
        ])
        .env("__HOOK_NOW", "2020-01-02T03:04:05Z")
        .run();
    old.exits(3);
    let line = listener.shows("#3");
    assert!(
        line.contains("timestamp too old by") && line.contains("5m allowed"),
        "{line}"
    );
    listener.stop().ok().says(["received 3: 0 verified, 3 refused"]);
}

#[test]
fn every_event_of_all_five_catalogues_is_verified_by_one_listener() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret", "--json"]);
    let mut sent = Vec::new();
    for provider in PROVIDERS {
        let events = sandbox
            .hook(["providers", "events", provider, "--json"])
            .run()
            .ok()
            .json();
        assert!(!events.is_empty(), "{provider} has events");
        for event in events {
            let event = event["event"].as_str().expect("an event's name").to_owned();
            sent.push((provider, event));
        }
    }
    for (provider, event) in &sent {
        sandbox
            .hook(["send", event, "--provider", provider, "--to", &listener.url])
            .run()
            .ok();
    }
    for (provider, event) in &sent {
        let line = listener.process.wait_line(|line| line.contains("hook.capture/1"));
        let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(line["verdict"], "verified", "{provider} {event}: {line}");
        assert_eq!(line["event"], event.as_str(), "{line}");
        let label = line["provider"].as_str().expect("a provider");
        assert_eq!(label.split('@').next(), Some(*provider), "{line}");
        assert_eq!(line["duplicate_of"], serde_json::Value::Null, "{line}");
    }
    let count = sent.len();
    assert!(count > 90, "{count} events");
    listener
        .stop()
        .ok()
        .says([&format!("received {count}: {count} verified")]);
}

#[test]
fn of_several_named_secrets_the_verdict_names_the_one_that_matched() {
    let sandbox = Sandbox::new();
    let secrets = ["--secret", "new=env:A", "--secret", "old=env:B"];
    let run = sandbox.listening(secrets).env("A", "alpha").env("B", "beta");
    let mut listener = Listener::ready(run);
    for (secret, shown) in [("literal:beta", "by `old`"), ("literal:alpha", "by `new`")] {
        let to = listener.url.clone();
        sandbox
            .hook(["send", "job.paid", "--secret", secret, "--to", &to])
            .run()
            .ok();
        assert!(listener.shows("verified").contains(shown));
    }
    sandbox
        .hook(["send", "job.paid", "--secret", "literal:gamma", "--to", &listener.url])
        .run()
        .exits(3);
    assert!(
        listener
            .shows("refused")
            .contains("matches this request with none of 2 secrets")
    );
    listener.stop().ok().never(["alpha", "beta"]);
}

#[test]
fn in_json_the_first_line_is_ready_and_every_line_is_an_object() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret", "--json"]);
    sandbox.hook(["send", "job.paid", "--to", &listener.url]).run().ok();
    sandbox
        .hook(["send", "job.paid", "--secret", "literal:x", "--to", &listener.url])
        .run()
        .exits(3);
    listener.shows("no-match");
    let url = listener.url.clone();
    let lines = listener.stop().ok().json();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[0]["schema"], "hook.ready/1");
    assert_eq!(lines[0]["url"], url);
    assert_eq!(lines[1]["schema"], "hook.capture/1");
    assert_eq!(lines[1]["verdict"], "verified");
    assert_eq!(lines[1]["status"], 200);
    assert_eq!(
        (lines[2]["verdict"].as_str(), lines[2]["reason"].as_str()),
        (Some("refused"), Some("no-match"))
    );
    assert_eq!(lines[2]["status"], 401);
}

#[test]
fn send_in_json_prints_one_object_an_attempt_and_nothing_else() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--secret"]);
    let sent = sandbox
        .hook(["send", "job.paid", "--json", "--to", &listener.url])
        .run()
        .ok();
    let line = sent.object();
    assert_eq!(line["schema"], "hook.attempt/1");
    assert_eq!(line["next"], "delivered");
    assert_eq!(
        (line["status"].as_u64(), line["attempt"].as_u64()),
        (Some(200), Some(1))
    );
    let quiet = sandbox
        .hook(["send", "job.paid", "-q", "--to", &listener.url])
        .run()
        .ok();
    assert_eq!((quiet.stdout(), quiet.stderr()), (String::new(), String::new()));
}

#[test]
fn without_a_secret_nothing_is_verified_and_that_is_said() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen::<&str>([]);
    sandbox.hook(["send", "job.paid", "--to", &listener.url]).run().ok();
    assert!(listener.shows("#1").contains("not verified"));
    listener.stop().ok().says([
        "verifying nothing (add `--secret`)",
        "received 1: 0 verified, 0 refused",
    ]);
}

#[test]
fn the_bytes_and_headers_of_a_request_are_kept_as_they_came() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen::<&str>([]);
    let body = b"{ \"a\" :\t1.50,\r\n\"z\": \"\xff\" }";
    let headers = [("x-one", "1"), ("x-two", "b"), ("x-one", "2")];
    let answer = crate::support::request("PUT", &listener.url, "/in/here?a=1&a=2", &headers, body);
    assert_eq!(answer.status, 200);
    let kept = sandbox.captures().remove(0).request;
    assert_eq!(
        (kept.method.as_str(), kept.target.as_str()),
        ("PUT", "/in/here?a=1&a=2")
    );
    assert_eq!(kept.body, body.as_slice());
    let ones: Vec<_> = kept.headers.all("x-one").collect();
    assert_eq!(ones, [b"1", b"2"]);
    listener.stop().ok();
}
