//! A service whose key changes while it runs.

use std::fs;

use super::key;
use crate::support::{App, CLOSED_PORT, KEY, MockApi, Reply, Run, Sandbox, Seen};

/// `hook serve` with the key in the file `key`.
fn service(sandbox: &Sandbox) -> Run {
    let args = ["serve", "--port", "0", "--json", "--key", "env:KEY"];
    sandbox.hook(args).env("KEY", KEY).env("HOOK_KEY", "file:key")
}

#[track_caller]
fn post(service: &MockApi) {
    let (status, answer) = service.call("POST", "/events", r#"{"event": "thing.created", "data": {"n": 1}}"#);
    assert_eq!(status, 202, "{answer}");
}

/// Fails unless the secret of the endpoint signed it.
#[track_caller]
fn is_signed(sandbox: &Sandbox, sent: &Seen) {
    let body = String::from_utf8_lossy(&sent.body);
    let sign = ["sign", "-p", "generic", "-s", "literal:whsec_a", "--body", &body];
    let signature = sent
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("x-signature-256"));
    let (_, signature) = signature.expect("a signature");
    sandbox.hook(sign).run().ok().prints([signature.as_str()]);
}

#[test]
fn a_service_parks_what_it_cannot_sign_and_goes_on_when_the_key_is_right_again() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox.add_with_key(1, "one", &app.url, "whsec_a");
    sandbox.write("key", key(1));
    sandbox.write("new", key(2));
    let mut running = MockApi::ready(service(&sandbox));
    post(&running);
    app.next();
    sandbox
        .hook(["endpoints", "rekey", "--from", "file:key", "--to", "file:new"])
        .run()
        .ok();
    let said = running
        .process
        .wait_said(|line| line.contains("deliveries to `one` are parked"));
    assert!(said.contains("is encrypted with key `"), "{said}");
    post(&running);
    running.until(|queue| queue.parked == 1);
    assert!(app.rest().is_empty(), "nothing is sent without a signature");
    let listed = sandbox.hook(["log", "--parked", "--json"]).run().ok().object();
    assert_eq!(
        (&listed["state"], &listed["reason"]),
        (&"parked".into(), &"locked".into())
    );
    let why = sandbox.hook(["log", "show", "last", "--why"]).run().ok();
    why.prints([
        "`HOOK_KEY` is not its key",
        "`hook serve` with the right key delivers it",
    ]);

    fs::rename(sandbox.path("new"), sandbox.path("key")).expect("the new key");
    running
        .process
        .wait_said(|line| line.contains("can be decrypted again"));
    is_signed(&sandbox, &app.next());
    running.until(|queue| queue.parked == 0 && queue.waiting == 0 && queue.taken == 0);

    // Locked again, and ended so: the next start goes on.
    sandbox.write("next", key(3));
    sandbox
        .hook(["endpoints", "rekey", "--from", "file:key", "--to", "file:next"])
        .run()
        .ok();
    running
        .process
        .wait_said(|line| line.contains("deliveries to `one` are parked"));
    post(&running);
    running.until(|queue| queue.parked == 1);
    running.stop().ok();
    service(&sandbox)
        .run()
        .exits(7)
        .says(["endpoint `one`", "is encrypted with key `"]);
    fs::rename(sandbox.path("next"), sandbox.path("key")).expect("the new key");
    let running = MockApi::ready(service(&sandbox));
    is_signed(&sandbox, &app.next());
    running.until(|queue| queue.parked == 0 && queue.waiting == 0 && queue.taken == 0);
    running.stop().ok();
}

#[test]
fn the_start_says_that_secrets_are_in_clear_text_where_some_are() {
    let start = |sandbox: &Sandbox| MockApi::ready(sandbox.service_run::<&str>(&[])).stop().ok();
    let sandbox = Sandbox::new();
    sandbox.add_endpoint(&format!(
        "{CLOSED_PORT} -p generic --name one --events all --local --quiet -s env:NONE"
    ));
    start(&sandbox).never(["clear text"]);
    sandbox.add_with_key(1, "two", CLOSED_PORT, "whsec_a");
    let with_key = sandbox
        .service_run::<&str>(&[])
        .env("HOOK_KEY", "env:A_KEY")
        .env("A_KEY", key(1));
    MockApi::ready(with_key).stop().ok().never(["clear text"]);
    sandbox.with_key(1, "endpoints remove two --yes").run().ok();
    sandbox.hook(["secret", "show", "-p", "generic"]).run().ok();
    start(&sandbox)
        .says(["stored secrets are in clear text, since `HOOK_KEY` is not set: `hook endpoints rekey --to file:PATH`"]);
    let with_key = sandbox
        .service_run::<&str>(&[])
        .env("HOOK_KEY", "env:A_KEY")
        .env("A_KEY", key(1));
    let said = MockApi::ready(with_key).stop().ok();
    said.says(["some stored secrets are in clear text: `hook endpoints rekey --to env:A_KEY`"]);
}
