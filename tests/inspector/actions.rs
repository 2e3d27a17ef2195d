//! Actions of the API on what was received, forwarded or edited.

use serde_json::{Value, json};

use super::{Page, json as parsed};
use crate::support::{App, Reply, Sandbox};

const SECRET: &str = "literal:s3cr3t-of-the-test";

/// A listener with its page that forwards to `to`; the page, and where it listens.
fn listener(sandbox: &Sandbox, to: &str, secret: &[&str]) -> (Page, String) {
    let args = ["listen", "--port", "0", "--ui=0", "-p", "poolflow", "--forward-to", to];
    let mut process = sandbox.hook(args.iter().chain(secret)).spawn();
    let said = process.wait_said(|line| line.contains("inspector: "));
    let url = said.split("inspector: ").nth(1).expect("a URL").to_owned();
    let said = process.wait_said(|line| line.starts_with("listening on "));
    let listens = said.trim_start_matches("listening on ").split(',').next();
    (Page::enter(process, &url), listens.expect("a URL").to_owned())
}

fn replay(page: &Page, number: u64, action: &Value) -> (u16, Value) {
    let answer = page.call("POST", &format!("/api/records/{number}/replay"), &action.to_string());
    (answer.status, parsed(&answer))
}

#[test]
fn a_refused_request_is_replayed_to_the_target_of_the_listener_with_its_credentials() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let target = format!("{}/in?token=abcdefgh12345678", app.url);
    let (page, url) = listener(&sandbox, &target, &["--secret", SECRET]);
    let other = ["send", "job.paid", "--to", &url, "--secret", "literal:another"];
    sandbox.hook(other).run().exits(3);
    let (_, done) = replay(&page, 1, &json!({}));
    assert_eq!(done["ok"], true, "{done}");
    let seen = app.next();
    assert!(seen.target.contains("token=abcdefgh12345678"), "{}", seen.target);
    assert!(!page.get("/api/status").to_string().contains("abcdefgh12345678"));
}

#[test]
fn an_edited_forward_is_signed_afresh() {
    for secret in [&["--secret", SECRET][..], &["--secret"]] {
        let sandbox = Sandbox::new();
        let app = App::start(|_| Reply::Status(200, ""));
        let (mut page, url) = listener(&sandbox, &app.url, secret);
        let send = ["send", "job.paid", "--to", &url];
        let given = secret.iter().filter(|_| secret.len() > 1);
        sandbox.hook(send.iter().chain(given)).run().ok();
        let first = app.next();
        page.process.wait_line(|line| line.contains("<-- #"));
        let found = page.get("/api/records?q=kind:delivery");
        let forward = found["records"]
            .as_array()
            .expect("records")
            .iter()
            .find(|record| {
                record["target"]
                    .as_str()
                    .is_some_and(|target| target.starts_with(&app.url))
            })
            .and_then(|record| record["number"].as_u64())
            .expect("the forward");
        let (_, done) = replay(&page, forward, &json!({ "body": "{\"a\":1}" }));
        assert!(done["notices"].to_string().contains("signed afresh"), "{done}");
        let edited = app.next();
        assert_eq!(edited.body, b"{\"a\":1}");
        let signature = "x-poolflow-signature";
        let (old, new) = (first.header(signature), edited.header(signature));
        assert!(old.is_some() && new.is_some() && old != new, "{old:?} {new:?}");
    }
}

#[test]
fn what_a_form_shows_masked_or_cut_is_sent_as_it_is_recorded() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let target = format!("{}/in?token=abcdefgh12345678", app.url);
    let long = "x".repeat(5000);
    let line = format!("X-Long: {long}");
    sandbox
        .hook(["send", "job.paid", "--to", &target, "-H", &line])
        .run()
        .ok();
    app.next();
    let page = Page::start(&sandbox);
    let form = page.get("/api/records/1")["edit"].clone();
    assert_eq!(form["path"], "/in?token=********");
    let mut headers = form["headers"].as_array().expect("headers").clone();
    headers.push(json!(["x-own", "1"]));
    let edit = json!({ "path": "/other?token=********", "to": form["to"], "headers": headers });
    assert_eq!(replay(&page, 1, &edit).1["ok"], true);
    let seen = app.next();
    assert_eq!(seen.target, "/other?token=abcdefgh12345678");
    assert_eq!((seen.header("x-long"), seen.header("x-own")), (Some(&*long), Some("1")));
    for edit in [
        json!({ "path": "/in?token=********&b=1" }),
        json!({ "to": format!("{}/else?token=********", app.url) }),
    ] {
        let (status, failed) = replay(&page, 1, &edit);
        assert_eq!(status, 422, "{failed}");
        assert!(
            failed["error"].to_string().contains("a mask in place of a secret"),
            "{failed}"
        );
    }
}

#[test]
fn a_forged_twin_has_to_be_refused() {
    for (status, is_refused) in [(200, false), (401, true)] {
        let sandbox = Sandbox::new();
        let app = App::start(move |_| Reply::Status(status, ""));
        sandbox.hook(["send", "job.paid", "--to", &app.url]).run();
        let page = Page::start(&sandbox);
        let (_, done) = replay(&page, 1, &json!({ "mode": "tampered" }));
        assert_eq!(done["ok"], is_refused, "{done}");
        assert_eq!(
            done["text"].to_string().contains("accepts a forged request"),
            !is_refused
        );
    }
}

#[test]
fn an_action_that_cannot_be_recorded_does_not_end_the_page() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox.hook(["send", "job.paid", "--to", &app.url]).run().ok();
    let mut process = sandbox.hook(["ui", "--port", "0"]).file_limit(200).spawn();
    let url = process.wait_line(|_| true);
    let page = Page::enter(process, &url);
    // The ledger compresses bodies.
    let numbers = std::iter::successors(Some(1_u64), |last| {
        Some(last.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1))
    });
    let body = numbers
        .take(60_000)
        .map(|number| format!("{number:016x}"))
        .collect::<Vec<_>>()
        .concat();
    let (status, failed) = replay(&page, 1, &json!({ "body": body }));
    assert_eq!(status, 503, "{failed}");
    assert_eq!(page.call("GET", "/api/status", "").status, 200);
    sandbox.checkpoint();
    let (_, done) = replay(&page, 1, &json!({}));
    assert_eq!(done["ok"], true, "the next one is not cancelled: {done}");
}
