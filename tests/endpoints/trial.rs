//! `hook endpoints test`: the four verdicts, against receivers of every kind.

use serde_json::Value;

use super::{added, closed, endpoints, listener, shown};
use crate::support::{Process, Sandbox, keys};

const VERDICTS: [&str; 4] = ["received", "signature_checked", "success", "in_time"];

/// The verdicts in their order: `pass`, `fail`, `unknown` or `skipped`.
#[track_caller]
fn verdicts(line: &Value) -> [&str; 4] {
    assert_eq!(keys(&line["verdicts"]), VERDICTS);
    VERDICTS.map(|name| line["verdicts"][name]["verdict"].as_str().expect("a verdict"))
}

/// An endpoint `a` of one provider, and a listener with its secret.
fn checking(sandbox: &Sandbox, flags: &str) -> (Process, String) {
    // The URL is known only when the listener runs, and the listener needs the secret.
    let add = "add http://127.0.0.1:1 -p poolflow --events job.paid --local --name a --secret-file sec";
    endpoints(sandbox, add).ok();
    listener(sandbox, &format!("--secret file:sec {flags}"))
}

#[test]
fn a_receiver_that_checks_signatures_passes_for_every_provider_and_form_of_secret() {
    for (provider, event) in [
        ("poolflow", "job.paid"),
        ("pool-brain", "customer.created"),
        ("pocketsflow", "order.completed"),
        ("hoopai", "ContactCreated"),
        ("hoopai@ed25519", "ContactCreated"),
        ("hoopai@rsa", "ContactCreated"),
        ("slotflow", "booking.confirmed"),
        ("standard-webhooks", "example.user.created"),
        ("generic", "test.ping"),
    ] {
        let sandbox = Sandbox::new();
        let add = format!("add http://127.0.0.1:1 -p {provider} --events {event} --local --name a --secret-file sec");
        endpoints(&sandbox, &add).ok();
        let (_listener, url) = listener(&sandbox, &format!("--secret file:sec -p {provider}"));
        endpoints(&sandbox, &format!("update a --to {url} --local")).ok();
        let outcome = endpoints(&sandbox, "test a --json");
        assert_eq!(verdicts(&outcome.object()), ["pass"; 4], "{outcome}");
        outcome.ok();
    }
}

#[test]
fn a_listener_takes_the_secrets_of_an_endpoint_by_its_name() {
    for (provider, event) in [("poolflow", "job.paid"), ("hoopai@ed25519", "ContactCreated")] {
        let sandbox = Sandbox::new();
        let add = format!("add http://127.0.0.1:1 -p {provider} --events {event} --local --name a");
        endpoints(&sandbox, &add).ok();
        let (listener, url) = listener(&sandbox, &format!("--secret endpoint:a -p {provider} --count 3"));
        endpoints(&sandbox, &format!("update a --to {url} --local")).ok();
        endpoints(&sandbox, "test a").ok();
        sandbox.hook(["send", event, "--endpoint", "a"]).run().ok();
        listener
            .wait()
            .ok()
            .prints([r#""detail":"by `endpoint:a`""#])
            .says(["received 3: 2 verified, 1 refused"]);
    }
    let sandbox = Sandbox::new();
    let outcome = sandbox
        .hook(["listen", "--secret", "endpoint:nobody", "--port", "0"])
        .run();
    outcome.exits(6).says(["endpoint `nobody` not found"]);
}

#[test]
fn the_verdicts_are_for_people_and_for_scripts_and_both_requests_are_recorded() {
    let sandbox = Sandbox::new();
    let (_listener, url) = checking(&sandbox, "");
    endpoints(&sandbox, &format!("update a --to {url} --local")).ok();
    endpoints(&sandbox, "test a -v")
        .ok()
        .prints([
            "job.paid  200 OK",
            "content-type: text/plain",
            "response body: ok",
            "job.paid, tampered  401 Unauthorized",
        ])
        .prints([
            "pass     received",
            "pass     signature checked",
            "pass     2xx",
            "pass     in time",
        ]);
    let line = endpoints(&sandbox, "test a --event job.created --count 3 --json")
        .ok()
        .object();
    let wanted = [
        "schema",
        "endpoint",
        "provider",
        "url",
        "event",
        "active",
        "passed",
        "verdicts",
        "accepts_content_type",
        "requests",
    ];
    assert_eq!(keys(&line), wanted);
    assert_eq!(line["schema"], "hook.endpoint-test/1");
    assert_eq!((&line["event"], &line["passed"]), (&"job.created".into(), &true.into()));
    assert_eq!(line["accepts_content_type"], true);
    let requests = line["requests"].as_array().unwrap();
    let kinds: Vec<_> = requests
        .iter()
        .map(|request| request["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["genuine", "genuine", "genuine", "tampered"]);
    let number = requests[3]["number"].to_string();
    sandbox.hook(["replay", &number, "--dry-run"]).run().ok();
    // The refused twin is no delivery that failed.
    sandbox.hook(["replay", "--failed", "--dry-run"]).run().exits(6);
    assert_eq!(shown(&sandbox, "a")["failed_deliveries"], 0);
}

#[test]
fn a_receiver_that_checks_nothing_fails_the_second_verdict() {
    let sandbox = Sandbox::new();
    let (_listener, url) = listener(&sandbox, "");
    added(&sandbox, "a", &url, "-p poolflow --events job.paid");
    endpoints(&sandbox, "test a")
        .exits(8)
        .prints([
            "fail     signature checked  the tampered twin was accepted with 200 OK",
            "pass     2xx",
        ])
        .says(["check the signature over the raw body"]);
    let line = endpoints(&sandbox, "test a --json").exits(8).object();
    assert_eq!(verdicts(&line), ["pass", "fail", "pass", "pass"]);
    assert_eq!(line["passed"], false);
}

#[test]
fn an_answer_that_is_no_success_fails_and_says_what_to_do() {
    for (status, hint) in [
        ("500", "the receiver's own log"),
        ("404", "is the path of the URL right?"),
        ("415", "let the receiver take `application/json`"),
        ("302", "redirects are not followed"),
    ] {
        let sandbox = Sandbox::new();
        let (_listener, url) = listener(&sandbox, &format!("--status {status}"));
        added(&sandbox, "a", &url, "-p poolflow --events job.paid");
        let outcome = endpoints(&sandbox, "test a --json").exits(8);
        let line = outcome.object();
        // A receiver that refuses everything proves nothing by refusing the twin.
        assert_eq!(verdicts(&line), ["pass", "unknown", "fail", "pass"], "{status}");
        assert_eq!(line["accepts_content_type"], status != "415");
        outcome.says([hint]);
    }
}

#[test]
fn a_receiver_with_another_secret_is_told_from_one_that_checks_nothing() {
    let sandbox = Sandbox::new();
    let (_listener, url) = listener(&sandbox, "--secret literal:another-secret-0123456789");
    added(&sandbox, "a", &url, "-p poolflow --events job.paid");
    endpoints(&sandbox, "test a")
        .exits(8)
        .prints([
            "unknown  signature checked",
            "so was the genuine event",
            "fail     2xx                401",
        ])
        .says(["does the receiver have this endpoint's secret"]);
}

#[test]
fn a_closed_port_and_a_late_answer_are_told_apart() {
    let sandbox = Sandbox::new();
    added(&sandbox, "a", &closed(), "-p poolflow --events job.paid");
    let line = endpoints(&sandbox, "test a --json").exits(8).object();
    assert_eq!(verdicts(&line), ["fail", "unknown", "unknown", "unknown"]);
    assert_eq!(line["accepts_content_type"], Value::Null);
    assert_eq!(line["requests"][0]["error"], "connect");

    let (_listener, url) = listener(&sandbox, "--delay 1h");
    added(&sandbox, "b", &url, "-p poolflow --events job.paid");
    let outcome = endpoints(&sandbox, "test b --timeout 50ms --json").exits(8);
    assert_eq!(verdicts(&outcome.object()), ["fail", "unknown", "unknown", "fail"]);
    outcome.says(["answer first, and do the work afterwards"]);
}

#[test]
fn a_token_that_covers_no_body_is_tampered_with_itself_and_an_unsigned_provider_is_not_asked() {
    let sandbox = Sandbox::new();
    let provider = |name: &str, signature: &str| {
        format!(
            "format = 1\nname = \"{name}\"\n[signature.{signature}\n[envelope.json]\ntype = \"${{event}}\"\n\
             [retry.none]\n[events.ping]\nsample = \"{{}}\"\n"
        )
    };
    sandbox.write(
        sandbox.config("providers/acme.toml"),
        provider("acme", "token]\nheader = \"X-Token\""),
    );
    sandbox.write(sandbox.config("providers/open.toml"), provider("open", "unsigned]"));
    endpoints(
        &sandbox,
        "add http://127.0.0.1:1 -p acme --events ping --name a --secret-file sec",
    )
    .ok();
    let (_listener, url) = listener(&sandbox, "--secret file:sec -p acme");
    endpoints(&sandbox, &format!("update a --to {url}")).ok();
    let outcome = endpoints(&sandbox, "test a --json").ok();
    assert_eq!(verdicts(&outcome.object()), ["pass"; 4]);

    let (_open, url) = listener(&sandbox, "");
    endpoints(&sandbox, &format!("add {url} -p open --events ping --name b")).ok();
    let line = endpoints(&sandbox, "test b --json").ok().object();
    assert_eq!(verdicts(&line), ["pass", "skipped", "pass", "pass"]);
    endpoints(&sandbox, "rotate-secret b").exits(2).says(["signs nothing"]);
}

#[test]
fn a_disabled_endpoint_is_tested_with_a_note() {
    let sandbox = Sandbox::new();
    let (_listener, url) = checking(&sandbox, "");
    endpoints(&sandbox, &format!("update a --to {url} --local --active false")).ok();
    endpoints(&sandbox, "test a")
        .ok()
        .says(["`a` is disabled", "testing anyway"]);
    assert_eq!(shown(&sandbox, "a")["active"], false);
}
