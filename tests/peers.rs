//! What hook signs is verified by the libraries that the providers publish, for bodies of every awkward kind. They are where
//! `.ci/run` put them; without them nothing is proved here, and that is said.

use std::path::Path;

use base64::Engine as _;
use serde_json::{Map, Value, json};

use crate::support::{App, Reply, Sandbox, Seen, peers};

/// Bodies that a re-serialisation, a decoding or a trimming would change.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let mut long = br#"{"pad":""#.to_vec();
    long.resize(1024 * 1024 - 2, b'a');
    long.extend(b"\"}");
    vec![
        ("an empty object", b"{}".to_vec()),
        ("unicode", "{\"name\":\"J\u{f6}rg \u{1f600} \u{2028}\"}".into()),
        ("escaped unicode", br#"{"name":"J\u00f6rg \ud83d\ude00"}"#.to_vec()),
        ("CRLF", b"{\r\n  \"a\": 1\r\n}".to_vec()),
        ("a trailing newline", b"{\"a\":1}\n".to_vec()),
        ("escaped slashes", br#"{"url":"https:\/\/example.com\/"}"#.to_vec()),
        (
            "keys out of order and odd numbers",
            br#"{"b":1.0,"a":1e3,"10":0,"2":-0}"#.to_vec(),
        ),
        ("1 MiB", long),
    ]
}

/// The same for a provider that signs the fields of a form.
fn forms() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("two fields", b"CallSid=CA1&From=%2B12025550143".to_vec()),
        ("fields out of order", b"b=2&a=1&B=3".to_vec()),
        ("a field twice", b"a=2&a=1".to_vec()),
        ("an empty field", b"a=&b=1".to_vec()),
        ("unicode and blanks", b"Body=J%C3%B6rg+%F0%9F%98%80%0D%0A".to_vec()),
    ]
}

/// The same objects with the time that a library wants to find in them.
fn stamped() -> Vec<(&'static str, Vec<u8>)> {
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .expect("a clock")
        .as_millis();
    let stamp = |body: Vec<u8>| {
        let comma = if body.starts_with(b"{}") { "" } else { "," };
        [format!("{{\"webhookTimestamp\":{now}{comma}").as_bytes(), &body[1..]].concat()
    };
    bodies().into_iter().map(|(about, body)| (about, stamp(body))).collect()
}

/// Sends a body as the provider, and gives the request as a case for a library.
fn case(sandbox: &Sandbox, app: &App, provider: &str, secrets: (&str, &str), (about, body): &(&str, Vec<u8>)) -> Value {
    let (signing, secret) = secrets;
    sandbox.write("body", body);
    let url = format!("{}/in", app.url);
    // Which status a provider takes for a success is not what is looked at here.
    sandbox
        .hook([
            "send", "-p", provider, "--body", "@body", "--to", &url, "--secret", signing,
        ])
        .run();
    let seen = app.next();
    assert_eq!(seen.body, *body, "{provider}: {about}");
    json!({
        "provider": provider,
        "about": about,
        "url": url,
        "headers": headers(&seen),
        "body": base64::engine::general_purpose::STANDARD.encode(&seen.body),
        "secret": secret,
    })
}

fn headers(seen: &Seen) -> Map<String, Value> {
    let pairs = seen.headers.iter();
    pairs
        .map(|(name, value)| (name.to_ascii_lowercase(), Value::from(value.as_str())))
        .collect()
}

/// Runs a library over all cases of these providers.
#[expect(clippy::print_stderr, reason = "a test that does nothing on this machine says so")]
fn all_verify(providers: &[&str], bodies: &[(&'static str, Vec<u8>)], program: impl Fn(&Path) -> (String, String)) {
    let Some(peers) = peers() else {
        eprintln!("skipped: `HOOK_TEST_PEERS` names no folder of libraries");
        return;
    };
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let mut lines = String::new();
    for provider in providers {
        let made = sandbox
            .hook(["secret", "new", "-p", provider, "--json"])
            .run()
            .ok()
            .object();
        let text = |name: &str| made[name].as_str().map(str::to_owned);
        let secret = text("secret").expect("a secret");
        sandbox.write("signing", &secret);
        let verifying = text("public").unwrap_or(secret);
        for body in bodies {
            lines += &case(&sandbox, &app, provider, ("file:signing", &verifying), body).to_string();
            lines.push('\n');
        }
    }
    let (program, script) = program(&peers);
    let told = sandbox.program(&program, [script]).stdin(lines).run().ok();
    assert_eq!(told.stdout(), "", "{}", told.stderr());
}

#[test]
fn libraries_of_python_verify_what_is_signed() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/verify.py");
    let providers = [
        "standard-webhooks",
        "svix",
        "openai",
        "stripe",
        "slack",
        "square",
        "paddle",
    ];
    let python = |peers: &Path| (peers.join("venv/bin/python").display().to_string(), script.to_owned());
    all_verify(&providers, &bodies(), python);
    all_verify(&["twilio"], &forms(), python);
}

#[test]
fn libraries_of_node_verify_what_is_signed() {
    let node = |peers: &Path| ("node".to_owned(), peers.join("verify.mjs").display().to_string());
    all_verify(&["github", "discord"], &bodies(), node);
    all_verify(&["linear"], &stamped(), node);
}

/// Every payload that GitHub's own collection of examples has, with the event's type.
fn payloads(peers: &Path) -> Vec<(String, Vec<u8>)> {
    let index = peers.join("node_modules/@octokit/webhooks-examples/api.github.com/index.json");
    let index: Vec<Value> = serde_json::from_slice(&std::fs::read(index).expect("the index")).expect("JSON");
    let of_event = |event: &Value| {
        let name = event["name"].as_str().expect("a name").to_owned();
        let examples = event["examples"].as_array().expect("a list").clone();
        examples
            .into_iter()
            .map(move |example| (name.clone(), example.to_string().into_bytes()))
    };
    index.iter().flat_map(of_event).collect()
}

#[test]
fn every_published_payload_of_github_arrives_verified_and_to_the_byte_and_so_does_its_replay() {
    let Some(peers) = peers() else {
        eprintln!("skipped: `HOOK_TEST_PEERS` names no folder of libraries");
        return;
    };
    let payloads = payloads(&peers);
    assert_eq!(payloads.len(), 329);
    let (sender, receiver) = (Sandbox::new(), Sandbox::new());
    let app = App::start(|_| Reply::Status(200, ""));
    for sandbox in [&sender, &receiver] {
        sandbox.write("secret", "a secret of the test");
    }
    let args = ["-p", "github", "--secret", "file:secret", "--forward-to", &app.url];
    let listener = receiver.listen(args);
    for (event, body) in &payloads {
        sender.write("body", body);
        let args = ["send", event, "-p", "github", "--body", "@body", "--to", &listener.url];
        sender
            .hook(args.into_iter().chain(["--secret", "file:secret"]))
            .run()
            .ok();
        let seen = app.next();
        assert!(seen.body == *body, "{event} changed on its way");
        assert_eq!(seen.header("x-github-event"), Some(event.as_str()));
    }
    let again = [
        "replay",
        "--since",
        "1h",
        "--to",
        &listener.url,
        "--secret",
        "file:secret",
    ];
    sender.hook(again).run().ok();
    for (event, body) in &payloads {
        assert!(app.next().body == *body, "{event} changed in its replay");
    }
    listener.stop().ok().says(["received 658: 658 verified, 0 refused"]);
}
