//! `hook endpoints test`: the four verdicts, against receivers of every kind.

use serde_json::Value;

use super::{added, closed, endpoints, listener, shown};
use crate::support::{App, Process, Reply, Sandbox, keys};

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
    // The age of a signature is advised for one of them only, so that a listener takes an old one.
    for (provider, event, count, received) in [
        ("poolflow", "job.paid", 6, "received 6: 2 verified, 4 refused"),
        (
            "hoopai@ed25519",
            "ContactCreated",
            7,
            "received 7: 3 verified, 4 refused",
        ),
    ] {
        let sandbox = Sandbox::new();
        let add = format!("add http://127.0.0.1:1 -p {provider} --events {event} --local --name a");
        endpoints(&sandbox, &add).ok();
        let (listener, url) = listener(&sandbox, &format!("--secret endpoint:a -p {provider} --count {count}"));
        endpoints(&sandbox, &format!("update a --to {url} --local")).ok();
        endpoints(&sandbox, "test a").ok();
        sandbox.hook(["send", event, "--endpoint", "a"]).run().ok();
        listener
            .wait()
            .ok()
            .prints([r#""detail":"by `endpoint:a`""#])
            .says([received]);
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
            "job.paid, without a signature  401 Unauthorized",
            "job.paid, with an empty signature  401 Unauthorized",
            "job.paid, signed with another secret  401 Unauthorized",
            "job.paid, changed after it was signed  401 Unauthorized",
        ])
        .prints([
            "pass     received",
            "pass     signature checked  refused: missing, empty, wrong-secret, tampered (401 Unauthorized)",
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
    assert_eq!(
        kinds,
        [
            "genuine",
            "genuine",
            "genuine",
            "missing",
            "empty",
            "wrong-secret",
            "tampered"
        ]
    );
    let number = requests[3]["number"].to_string();
    sandbox.hook(["replay", &number, "--dry-run"]).run().ok();
    // What was refused is no delivery that failed.
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
            "fail     signature checked  accepted: missing, empty, wrong-secret, tampered (200 OK)",
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
        // A receiver that refuses everything proves nothing by refusing what is invalid.
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
    assert_eq!(verdicts(&outcome.object()), ["unknown", "unknown", "unknown", "fail"]);
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

/// An app that answers by what a request has at the header of Slotflow's signature.
fn judging(accepts: impl Fn(Option<&str>) -> u16 + Send + Sync + 'static) -> App {
    App::start(move |seen| Reply::Status(accepts(seen.header("x-slotflow-signature")), ""))
}

#[test]
fn a_receiver_that_skips_the_check_for_some_requests_fails_and_they_are_named() {
    let sandbox = Sandbox::new();
    // It checks a signature that is there, and takes what has none.
    let skipping = judging(|signature| {
        if signature.is_some_and(|text| !text.is_empty()) {
            401
        } else {
            200
        }
    });
    added(&sandbox, "a", &skipping.url, "-p slotflow --events booking.confirmed");
    endpoints(&sandbox, "test a")
        .exits(8)
        .prints(["fail     signature checked  accepted: missing, empty (200 OK)"]);
    let kinds: Vec<_> = skipping.rest().into_iter().map(|seen| seen.body).collect();
    assert_eq!(kinds.len(), 6, "one genuine, five that must be refused");
    // A redirect is no refusal: the receiver may have checked nothing.
    let genuine = std::sync::atomic::AtomicBool::new(true);
    let redirecting = judging(move |_| {
        if genuine.swap(false, std::sync::atomic::Ordering::SeqCst) {
            200
        } else {
            302
        }
    });
    added(
        &sandbox,
        "b",
        &redirecting.url,
        "-p slotflow --events booking.confirmed",
    );
    endpoints(&sandbox, "test b")
        .exits(8)
        .prints(["unknown  signature checked  neither accepted nor refused: missing, empty, wrong-secret, tampered, stale (302 Found)"])
        .says(["does not show that it checked anything"]);
}

#[test]
fn an_old_signature_is_refused_where_the_provider_limits_its_age() {
    let sandbox = Sandbox::new();
    let add = "add http://127.0.0.1:1 -p slotflow --events booking.confirmed --local --name a --secret-file sec";
    endpoints(&sandbox, add).ok();
    let (_listener, url) = listener(&sandbox, "--secret file:sec -p slotflow");
    endpoints(&sandbox, &format!("update a --to {url} --local")).ok();
    let refused = "refused: missing, empty, wrong-secret, tampered, stale (401 Unauthorized)";
    endpoints(&sandbox, "test a").ok().prints([refused]);
    let reasons = sandbox.captures();
    let reasons: Vec<_> = reasons.iter().map(|one| one.request.verdict.reason.clone()).collect();
    let texts: Vec<_> = reasons.iter().map(|reason| reason.as_deref().unwrap_or("-")).collect();
    assert_eq!(
        texts,
        ["-", "header-missing", "malformed", "no-match", "no-match", "too-old"]
    );
}

#[test]
fn an_old_signature_that_the_provider_does_not_limit_is_tried_and_its_acceptance_a_caution() {
    let sandbox = Sandbox::new();
    let add = "add http://127.0.0.1:1 -p zoom --events meeting.started --local --name a --secret-file sec";
    endpoints(&sandbox, add).ok();
    let (_listener, url) = listener(&sandbox, "--secret file:sec -p zoom");
    endpoints(&sandbox, &format!("update a --to {url} --local")).ok();
    endpoints(&sandbox, "test a").ok().prints(["accepted: stale (200 OK)"]);
}

#[test]
fn a_faulty_test_request_is_replayed_with_its_fault_and_shown_as_one() {
    let sandbox = Sandbox::new();
    let (_listener, url) = checking(&sandbox, "");
    endpoints(&sandbox, &format!("update a --to {url} --local")).ok();
    endpoints(&sandbox, "test a").ok();
    let numbers = sandbox.deliveries();
    let tampered = numbers.iter().max_by_key(|one| one.number).expect("a delivery");
    let number = tampered.number.to_string();
    sandbox
        .hook(["log", "show", &number])
        .run()
        .ok()
        .prints(["tampered: changed after it was signed, which a receiver must refuse"]);
    let why = sandbox.hook(["log", "show", &number, "--why"]).run().ok();
    why.prints(["refusing it is right"])
        .never(["do both sides have the same secret"]);
    sandbox
        .hook(["replay", &number])
        .run()
        .exits(3)
        .says(["sent changed after it was signed, as in the test"])
        .prints(["401 Unauthorized"]);
}

#[test]
fn a_test_uses_the_parameters_of_the_account() {
    let sandbox = Sandbox::new();
    sandbox.write(
        sandbox.config("config.toml"),
        "[account]\nparams = { company_id = \"42\" }\n",
    );
    let app = App::start(|_| Reply::Status(200, ""));
    added(&sandbox, "a", &app.url, "-p pool-brain --events customer.created");
    endpoints(&sandbox, "test a").exits(8);
    for seen in app.rest() {
        let body: Value = serde_json::from_slice(&seen.body).expect("a JSON body");
        assert_eq!(body["company_id"], 42);
    }
    added(
        &sandbox,
        "b",
        &app.url,
        "-p pool-brain --events customer.created --param company_id=7",
    );
    endpoints(&sandbox, "test b").exits(8);
    let body: Value = serde_json::from_slice(&app.next().body).expect("a JSON body");
    assert_eq!(body["company_id"], 7, "its own wins");
}

#[test]
fn a_signature_in_the_body_is_tested_too() {
    let sandbox = Sandbox::new();
    for (provider, event) in [("adyen", "AUTHORISATION"), ("mailgun", "delivered")] {
        let add = format!(
            "add http://127.0.0.1:1 -p {provider} --events {event} --local --name {provider} --secret-file {provider}"
        );
        endpoints(&sandbox, &add).ok();
        let (_listener, url) = listener(&sandbox, &format!("--secret file:{provider} -p {provider}"));
        endpoints(&sandbox, &format!("update {provider} --to {url} --local")).ok();
        let outcome = endpoints(&sandbox, &format!("test {provider} --json"));
        assert_eq!(verdicts(&outcome.object()), ["pass"; 4], "{outcome}");
    }
}
