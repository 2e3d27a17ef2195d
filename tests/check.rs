//! `hook check`: receivers with and without mistakes, in this process and, where their frameworks are installed, those of
//! `examples/`.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hook::internals::clock::{Clock as _, SystemClock};
use hook::internals::headers::Headers;
use hook::internals::provider::Registry;
use hook::internals::secret::Secret;
use hook::internals::signature::{Encoding, Received, keyed_digest};
use serde_json::Value;

use crate::support::{App, CLOSED_PORT, ROOT, Reply, Sandbox, Seen};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const PROVIDER: &str = "standard-webhooks";

/// Whether the signature is right, of a body that may not be the one that came, at a time that may not be now.
fn is_signed(request: &Seen, body: &[u8], at: Option<i64>) -> bool {
    let profile = Registry::default().get(PROVIDER).expect("a provider");
    let verifier = profile.scheme.verifier(&[Secret::new(SECRET)]).expect("a secret");
    let lines = request.headers.iter();
    let headers: Headers = lines.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let now = SystemClock.now();
    let now = at.map_or(now, hook::internals::clock::Timestamp::from_unix);
    let received = Received {
        method: "POST",
        url: None,
        headers: &headers,
        body,
        now,
    };
    verifier.verify(&received).is_verified()
}

/// A receiver with that mistake, or none. It counts its effects at `/effects`.
fn receiver(mistake: &'static str) -> App {
    let seen = Arc::new(Mutex::new(HashSet::new()));
    let effects = Arc::new(AtomicUsize::new(0));
    App::start(move |request| {
        if request.target == "/effects" {
            return Reply::Full(200, Vec::new(), effects.load(Ordering::SeqCst).to_string().into_bytes());
        }
        let body = request.body.clone();
        let compact = || {
            let value: Option<Value> = serde_json::from_slice(&body).ok();
            value.map_or_else(|| body.clone(), |value| value.to_string().into_bytes())
        };
        let signature = request.header("webhook-signature").unwrap_or_default().to_owned();
        let stated = request.header("webhook-timestamp").and_then(|text| text.parse().ok());
        let good = match mistake {
            "no-check" => true,
            "presence-only" => !signature.is_empty(),
            "missing-header-ok" => signature.is_empty() || is_signed(request, &body, None),
            "no-clock" => is_signed(request, &body, stated),
            "reserialises" => is_signed(request, &compact(), None),
            "trims-body" => is_signed(request, body.trim_ascii(), None),
            _ => is_signed(request, &body, None),
        };
        if !good {
            return match mistake {
                "leaks-stack-trace" => Reply::Status(500, "Error: bad signature\n    at verify (/app/index.js:3:4)"),
                "refuses-with-5xx" => Reply::Status(500, ""),
                _ => Reply::Status(401, ""),
            };
        }
        let document: Value =
            serde_json::from_slice(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&body)).unwrap_or_default();
        if mistake == "unknown-event-500"
            && document["type"]
                .as_str()
                .is_some_and(|kind| kind.ends_with("added_later"))
        {
            return Reply::Status(500, "");
        }
        let id = request.header("webhook-id").unwrap_or_default().to_owned();
        let key = match mistake {
            "dedupes-by-body" => String::from_utf8_lossy(&body).into_owned(),
            "dedupe-key-changes" => signature,
            _ => id,
        };
        let mut known = seen.lock().expect("no panic");
        if mistake == "racing-dedupe" {
            let is_known = known.contains(&key);
            drop(known);
            // The other one has time to look, too.
            std::thread::sleep(Duration::from_millis(20));
            if !is_known {
                seen.lock().expect("no panic").insert(key);
                effects.fetch_add(1, Ordering::SeqCst);
            }
            return Reply::Status(200, "");
        }
        if known.insert(key) || mistake == "no-dedupe" {
            effects.fetch_add(1, Ordering::SeqCst);
        } else if mistake == "duplicate-refused" {
            return Reply::Status(409, "");
        }
        Reply::Status(200, "")
    })
}

/// The audit of a receiver, with more flags.
fn audit(sandbox: &Sandbox, app: &App, flags: &[&str]) -> (i32, Vec<Value>) {
    let (url, effects) = (format!("{}/in", app.url), format!("{}/effects", app.url));
    let secret = format!("literal:{SECRET}");
    let base = [
        "check",
        &url,
        "-p",
        PROVIDER,
        "-s",
        &secret,
        "--effects",
        &effects,
        "--json",
    ];
    let outcome = sandbox.hook(base.iter().chain(flags)).run();
    (outcome.code, outcome.json())
}

fn causes(lines: &[Value]) -> Vec<&str> {
    let found = lines.last().expect("a result")["causes"].as_array().expect("a list");
    found.iter().filter_map(|found| found["cause"].as_str()).collect()
}

#[test]
fn each_mistake_has_exactly_one_cause_and_a_good_receiver_none() {
    let sandbox = Sandbox::new();
    for (mistake, code) in [
        ("", 0),
        ("no-check", 8),
        ("presence-only", 8),
        ("missing-header-ok", 8),
        ("no-clock", 8),
        ("reserialises", 8),
        ("trims-body", 8),
        ("no-dedupe", 8),
        ("racing-dedupe", 8),
        ("dedupe-key-changes", 8),
        ("dedupes-by-body", 0),
        ("duplicate-refused", 8),
        ("leaks-stack-trace", 8),
        ("refuses-with-5xx", 0),
        ("unknown-event-500", 0),
    ] {
        // How many connections the machine takes at once, and how fast it is, is not what is looked at here.
        let app = receiver(mistake);
        let (exit, lines) = audit(&sandbox, &app, &["--skip", "load"]);
        let expected: Vec<&str> = Some(mistake)
            .filter(|mistake| !mistake.is_empty())
            .into_iter()
            .collect();
        assert_eq!(causes(&lines), expected, "{mistake}: {lines:#?}");
        assert_eq!(exit, code, "{mistake}");
    }
}

/// The text of the signature that is right with that key.
fn right(request: &Seen, key: &'static [u8]) -> String {
    let header = |name: &str| request.header(name).unwrap_or_default().as_bytes();
    let prefix = [header("webhook-id"), b".", header("webhook-timestamp"), b"."].concat();
    let signed = [&prefix[..], &request.body].concat();
    Encoding::Base64.encode(&keyed_digest(&Secret::new(key), &signed))
}

/// A receiver of which the check of the signature has that mistake, or none. What is accepted has no effect.
fn careless(mistake: &'static str) -> App {
    const KEY: &[u8] = b"01234567890123456789012345678901";
    App::start(move |request| {
        let header = request.header("webhook-signature").unwrap_or_default().to_owned();
        let stated: i64 = request
            .header("webhook-timestamp")
            .and_then(|text| text.parse().ok())
            .unwrap_or_default();
        let age = (SystemClock.now().unix() - stated).abs();
        let expected = right(request, KEY);
        let sent: Vec<&str> = header.split(' ').filter_map(|one| one.strip_prefix("v1,")).collect();
        let any = |is: &dyn Fn(&str) -> bool| sent.iter().any(|sent| is(sent));
        let decoded = |text: &str| Encoding::Base64.decode(text.as_bytes());
        let is_right = match mistake {
            "empty-signature-ok" => any(&|sent| sent.is_empty() || *sent == expected),
            "guessable-secret" => any(&|sent| *sent == expected || *sent == right(request, b"")),
            "unset-secret" => any(&|sent| *sent == expected || *sent == right(request, b"\xba\x77\x5e\x7e\x29\xde")),
            "prefix-compare" => any(&|sent| sent.contains(&expected)),
            "starts-with" => any(&|sent| sent.starts_with(&expected)),
            "lenient-decoder" => any(&|sent| {
                let known: String = sent.chars().filter(|c| *c != '*').take_while(|c| *c != '=').collect();
                decoded(&known) == decoded(&expected)
            }),
            "ignores-case" => any(&|sent| sent.eq_ignore_ascii_case(&expected)),
            "fails-open" => any(&|sent| decoded(sent).is_none() || *sent == expected),
            "fails-open-on-header" => (!header.is_empty() && !header.contains(',')) || any(&|sent| *sent == expected),
            "refuses-with-5xx" if header.is_empty() => return Reply::Closed,
            _ => any(&|sent| *sent == expected),
        };
        let tolerance = match mistake {
            "clock-too-wide" => 300_000,
            "clock-too-narrow" => 5,
            _ => 300,
        };
        if is_right && age <= tolerance {
            return Reply::Status(200, "");
        }
        let body = match mistake {
            "echo" => [header.as_bytes(), b" ", &request.body[..]].concat(),
            "leaks-signature" => [header.as_bytes(), b" ", expected.as_bytes()].concat(),
            "leaks-secret" => Encoding::Hex.encode(KEY).into_bytes(),
            _ => Vec::new(),
        };
        Reply::Full(401, Vec::new(), body)
    })
}

#[test]
fn a_careless_check_of_the_signature_has_one_cause_and_a_lenient_one_none() {
    let sandbox = Sandbox::new();
    for (mistake, expected) in [
        ("", ""),
        ("echo", ""),
        ("lenient-decoder", ""),
        ("empty-signature-ok", "empty-signature-ok"),
        ("guessable-secret", "guessable-secret"),
        ("unset-secret", "guessable-secret"),
        ("prefix-compare", "prefix-compare"),
        ("starts-with", "prefix-compare"),
        ("ignores-case", "ignores-case"),
        ("fails-open", "fails-open"),
        ("fails-open-on-header", "fails-open"),
        ("refuses-with-5xx", "refuses-with-5xx"),
        ("clock-too-wide", "clock-too-wide"),
        ("clock-too-narrow", "clock-too-narrow"),
        ("leaks-signature", "leaks-signature"),
        ("leaks-secret", "leaks-secret"),
    ] {
        let app = careless(mistake);
        let (url, secret) = (format!("{}/in", app.url), format!("literal:{SECRET}"));
        let only = "signature,clock,secrets,refusals";
        let outcome = sandbox
            .hook(["check", &url, "-p", PROVIDER, "-s", &secret, "--json", "--only", only])
            .run();
        let lines = outcome.json();
        let expected: Vec<&str> = Some(expected).filter(|cause| !cause.is_empty()).into_iter().collect();
        assert_eq!(causes(&lines), expected, "{mistake}: {lines:#?}");
    }
}

#[test]
fn a_listener_of_this_program_passes_with_every_scheme() {
    for provider in [PROVIDER, "stripe", "github", "poolflow", "gitlab", "twilio"] {
        let sandbox = Sandbox::new();
        let listener = sandbox.listen(["-p", provider, "--secret"]);
        let url = format!("{}/in", listener.url);
        let skipped = "load,unknown-event";
        let outcome = sandbox
            .hook(["check", &url, "-p", provider, "--json", "--skip", skipped])
            .run();
        let lines = outcome.json();
        assert_eq!(causes(&lines), Vec::<&str>::new(), "{provider}: {outcome}");
        assert_eq!(outcome.code, 0, "{provider}: {outcome}");
    }
}

#[test]
fn a_receiver_that_refuses_a_valid_event_cannot_be_judged_and_the_reason_is_named() {
    let sandbox = Sandbox::new();
    for (status, part) in [
        (401, "does the receiver have this secret"),
        (404, "path"),
        (500, "own log"),
    ] {
        let app = App::start(move |_| Reply::Status(status, ""));
        let secret = format!("literal:{SECRET}");
        let outcome = sandbox.hook(["check", &app.url, "-p", PROVIDER, "-s", &secret]).run();
        outcome.exits(8).prints(["cannot judge", part]);
    }
    // One that checks what the serialiser of Python would have written.
    let app = App::start(|request| {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        Reply::Status(if text.contains("\": ") { 200 } else { 401 }, "")
    });
    let outcome = sandbox
        .hook(["check", &app.url, "-p", "poolflow", "--framework", "flask"])
        .run();
    outcome
        .exits(8)
        .prints(["serialised again", "docs/fixes.md#reserialises", "request.get_data()"]);
}

#[test]
fn what_is_no_receiver_of_this_machine_is_refused_or_unreachable() {
    let sandbox = Sandbox::new();
    sandbox.hook(["check", CLOSED_PORT, "-p", PROVIDER]).run().exits(4);
    let far = sandbox.hook(["check", "https://example.com/x", "-p", PROVIDER]).run();
    far.exits(2).says(["not on this machine", "--yes"]);
    sandbox
        .hook(["check", CLOSED_PORT, "--only", "nothing"])
        .run()
        .exits(2)
        .says(["selects no case"]);
    sandbox
        .hook(["check", CLOSED_PORT, "-p", PROVIDER, "--events", "nothing"])
        .run()
        .exits(6);
    sandbox
        .hook(["check", "--list"])
        .run()
        .ok()
        .prints(["same-moment", "required", "advised"]);
}

#[test]
fn an_app_is_started_with_port_and_secret_and_ends_with_all_that_it_started() {
    let sandbox = Sandbox::new();
    let port = {
        let probe = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        probe.local_addr().expect("an address").port()
    };
    let url = format!("127.0.0.1:{port}/in");
    let hook = env!("CARGO_BIN_EXE_hook");
    // Its own settings: it is another program.
    let command = format!(
        "HOME={}/app '{hook}' listen -p stripe --port $PORT --secret env:WEBHOOK_SECRET",
        sandbox.home().display()
    );
    let check = || {
        sandbox
            .hook(["check", &url, "-p", "stripe", "--skip", "load", "--app", &command])
            .run()
    };
    check().ok();
    // The port is free again.
    std::net::TcpListener::bind(("127.0.0.1", port)).expect("nothing listens any more");
    let ended = sandbox.hook(["check", &url, "-p", "stripe", "--app", "exit 3"]).run();
    ended.exits(4).says(["ended before port"]);
    let _taken = std::net::TcpListener::bind(("127.0.0.1", port)).expect("a free port");
    check().exits(2).says(["is in use"]);
}

#[test]
fn reports_are_files_and_github_gets_annotations_and_a_summary() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let file = |name: &str| sandbox.path(name).display().to_string();
    let report = format!("junit={},tap={},json={}", file("a.xml"), file("a.tap"), file("a.json"));
    let run = sandbox.hook([
        "check",
        &app.url,
        "-p",
        "github",
        "--only",
        "signature",
        "--report",
        &report,
    ]);
    let run = run
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", file("summary.md"))
        .run();
    let outcome = run
        .exits(8)
        .says(["::error title=signature%3A wrong-secret::accepted (200 OK)"]);
    let outcome = outcome.prints(["cause: no-check"]);
    let read = |name: &str| fs::read_to_string(sandbox.path(name)).expect("a report");
    assert!(read("a.xml").contains("type=\"no-check\""), "{outcome}");
    assert!(read("a.tap").starts_with("TAP version 14\n1.."));
    assert!(read("a.json").starts_with("{\"schema\":\"hook.case-report/1\""));
    assert!(read("summary.md").contains("| signature: wrong-secret | failed | no-check |"));
    let bad = sandbox
        .hook(["check", &app.url, "-p", "github", "--report", "xml=a"])
        .run();
    bad.exits(2);
}

/// Blocks of code below the heading of a framework, by framework.
fn quoted(page: &str) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut framework, mut block): (String, Option<Vec<&str>>) = (String::new(), None);
    for line in page.lines() {
        match (&mut block, line) {
            (None, line) if line.starts_with("### ") => line[4..].clone_into(&mut framework),
            (None, line) if line.starts_with("```") => block = Some(Vec::new()),
            (Some(lines), "```") => {
                let text = lines.join("\n");
                found.entry(framework.clone()).or_default().push(text);
                block = None;
            }
            (Some(lines), line) => lines.push(line),
            _ => {}
        }
    }
    found
}

/// Lines without what all of them are indented by, and without the marks of a region.
fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.trim().to_owned());
    lines
        .filter(|line| !line.is_empty() && !line.contains("// [") && !line.contains("# ["))
        .collect()
}

#[test]
fn the_code_of_the_fixes_is_that_of_the_receivers() {
    let text = |path: &str| fs::read_to_string(Path::new(ROOT).join(path)).expect("a file");
    let quoted = quoted(&text("docs/fixes.md"));
    for (framework, file) in [
        ("Express", "express/receiver.mjs"),
        ("Flask", "flask/receiver.py"),
        ("FastAPI", "fastapi/receiver.py"),
        ("Go", "go/receiver.go"),
        ("axum", "axum/src/main.rs"),
    ] {
        let source = lines(&text(&format!("examples/receivers/{file}")));
        let blocks = &quoted[framework];
        assert!(blocks.len() > 40, "{framework}");
        for block in blocks {
            let wanted = lines(block);
            let is_there = source.windows(wanted.len()).any(|window| window == wanted);
            assert!(is_there, "not in the receiver of {framework}:\n{block}");
        }
    }
}
