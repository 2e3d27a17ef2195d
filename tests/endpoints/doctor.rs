//! `hook endpoints doctor`.

use super::{added, closed, endpoints, listener};
use crate::support::{Outcome, Sandbox, keys};

/// `check=result` of each check, in its order.
#[track_caller]
fn checks(outcome: &Outcome) -> Vec<String> {
    let lines = outcome.json();
    for line in &lines {
        assert_eq!(
            keys(line),
            ["schema", "endpoint", "section", "check", "result", "detail", "hint"]
        );
        assert_eq!(line["schema"], "hook.endpoint-check/1");
    }
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    lines
        .iter()
        .map(|line| format!("{}={}", text(&line["check"]), text(&line["result"])))
        .collect()
}

#[test]
fn a_healthy_endpoint_has_no_problem_and_the_questions_are_asked_in_their_order() {
    let sandbox = Sandbox::new();
    let add = "add http://127.0.0.1:1 -p poolflow --events job.paid --local --name a --secret-file sec";
    endpoints(&sandbox, add).ok();
    let (_listener, url) = listener(&sandbox, "--secret file:sec");
    endpoints(&sandbox, &format!("update a --to {url} --local")).ok();
    endpoints(&sandbox, "test a").ok();
    let outcome = endpoints(&sandbox, "doctor a --json").ok();
    assert_eq!(
        checks(&outcome),
        [
            "active=ok",
            "events=ok",
            "waived=caution",
            "connect=ok",
            "deliveries=ok",
            "secret=ok",
            "refusals=ok",
            "times=ok",
            "registrations=ok",
            "dedupe=ok",
        ]
    );
    endpoints(&sandbox, "doctor")
        .ok()
        .prints(["not being received", "verification failing", "timeouts", "duplicates"])
        .says(["0 problems, 1 caution"]);
}

#[test]
fn what_keeps_events_away_is_found_with_what_to_do() {
    let sandbox = Sandbox::new();
    let (_listener, url) = listener(&sandbox, "--secret literal:another-secret-0123456789");
    added(&sandbox, "a", &url, "-p poolflow --events job.paid");
    added(&sandbox, "b", &closed(), "-p poolflow --events job.paid");
    sandbox
        .hook(["send", "job.paid", "--endpoint", "a", "--retry", "1ms"])
        .run()
        .exits(3);
    endpoints(&sandbox, "doctor a").exits(8).prints([
        "problem  disabled since",
        "hook endpoints enable a",
        "1 of the last 1 failed: 1 x 401",
        "were answered with 401 or 403",
        "the raw bytes of the body",
        "took several attempts",
    ]);
    endpoints(&sandbox, "doctor b").exits(8).prints([
        "problem  nothing listens on port",
        "hook listen --port",
        "nothing was delivered yet",
    ]);
    endpoints(&sandbox, "doctor")
        .exits(8)
        .prints(["a  poolflow", "b  poolflow"]);
}

#[test]
fn late_answers_and_secrets_that_are_gone_are_found() {
    let sandbox = Sandbox::new();
    let (_listener, url) = listener(&sandbox, "--delay 1h");
    let add = format!("add {url} -p poolflow --events job.paid --local --name a --secret env:NOWHERE");
    endpoints(&sandbox, &add).ok();
    sandbox
        .hook(["send", "job.paid", "--endpoint", "a", "--timeout", "50ms"])
        .env("NOWHERE", "0123456789")
        .run()
        .exits(4);
    endpoints(&sandbox, "doctor a").exits(8).prints([
        "had no answer within 10s",
        "do the work afterwards",
        "environment variable `NOWHERE` is not set",
        "export NOWHERE",
    ]);
}

#[test]
fn one_url_that_is_registered_twice_is_found() {
    let sandbox = Sandbox::new();
    let (_listener, url) = listener(&sandbox, "");
    added(&sandbox, "a", &url, "-p poolflow --events job.paid,job.created");
    added(&sandbox, "b", &url, "-p poolflow --events job.created");
    added(&sandbox, "c", &url, "-p pool-brain --events customer.created");
    endpoints(&sandbox, "doctor a").exits(8).prints([
        "problem  the URL is also registered as `b`, `c`",
        "hook endpoints remove b",
    ]);
    endpoints(&sandbox, "doctor c")
        .ok()
        .prints(["caution  the URL is also registered as `a`, `b`"]);
}

#[test]
fn an_address_that_the_internet_does_not_reach_is_told_like_a_name_that_leads_to_one() {
    let sandbox = Sandbox::new();
    let (_listener, url) = listener(&sandbox, "");
    let url = url.replace("127.0.0.1", "0.0.0.0");
    endpoints(&sandbox, &format!("add {url} -p generic --events all --name a")).ok();
    endpoints(&sandbox, "doctor a")
        .ok()
        .prints(["caution  `0.0.0.0` is not a public address (unspecified)"]);
}

#[test]
fn a_self_signed_certificate_is_a_problem_of_tls() {
    let sandbox = Sandbox::new();
    let (_listener, url) = listener(&sandbox, "--tls");
    assert!(url.starts_with("https://"), "{url}");
    added(&sandbox, "a", &url, "-p poolflow --events job.paid");
    let outcome = endpoints(&sandbox, "doctor a --json").exits(8);
    assert!(checks(&outcome).contains(&"tls=problem".to_owned()), "{outcome}");
}

#[test]
fn an_unknown_provider_is_a_problem_not_a_failure_of_the_doctor() {
    let sandbox = Sandbox::new();
    added(&sandbox, "a", &closed(), "-p poolflow --events job.paid");
    let text = super::book(&sandbox).replace("\"poolflow\"", "\"gone\"");
    sandbox.write(sandbox.config("endpoints.json"), text);
    endpoints(&sandbox, "doctor a").exits(8).prints(["`gone`"]);
    endpoints(&sandbox, "list").ok().prints(["gone"]);
    endpoints(&sandbox, "show a").ok().prints(["gone"]);
}
