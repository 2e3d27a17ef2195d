//! The JSON of every schema, compared with the recorded one in `tests/snapshots/`: names, order and formats of the fields are
//! a contract with scripts.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::endpoints::remote::There;
use crate::support::{App, CLOSED_PORT, KEY, Reply, Sandbox, Story, post, request};

const RECORD: &str = r#"{"contact": {"plan": "pro"}}"#;

#[test]
fn every_schema_in_the_code_is_recorded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut code, mut recorded) = (BTreeSet::new(), BTreeSet::new());
    schemas(&root.join("src"), &mut code);
    schemas(&root.join("tests/snapshots"), &mut recorded);
    assert!(code.len() > 30, "the sources are read: {code:?}");
    let missing: Vec<_> = code.difference(&recorded).collect();
    assert!(missing.is_empty(), "schemas without a snapshot: {missing:?}");
}

/// Every `hook.NAME/N` in quotes below a folder; a stored file has another one.
fn schemas(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            schemas(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).expect("text");
        let quoted = text.split('"').filter(|part| part.len() < 40);
        let names = quoted.filter_map(|part| part.trim_end_matches('\\').strip_prefix("hook."));
        let schema = |name: &&str| {
            name.split_once('/')
                .is_some_and(|(_, version)| version.parse::<u8>().is_ok())
        };
        found.extend(names.filter(schema).map(str::to_owned));
    }
}

/// Requests to a listener: verified, refused, a duplicate, and what was delivered: #1 to #6.
fn recorded() -> (Story, String) {
    let mut story = Story::new();
    let mut listener = story.listen("--json -s literal:whsec_right");
    let to = format!("--random-seed 1 -p poolflow --json --to {}", listener.url);
    story
        .quietly(&format!("send job.paid -s literal:whsec_right {to}"))
        .ok();
    story
        .quietly(&format!("send job.created -s literal:whsec_wrong {to}"))
        .exits(3);
    story
        .quietly(&format!("send job.paid -s literal:whsec_right {to}"))
        .ok();
    let _ = listener.shows("duplicate_of\":1");
    let ended = listener.stop().ok();
    let shown = story.sandbox.fields(&ended);
    story = story.silent();
    (story, shown)
}

#[test]
fn sending_and_listening() {
    let (mut story, listened) = recorded();
    story.text(&listened);
    story.compare("json-listen");
    let mut story = story.silent();
    story.json(&format!(
        "send job.paid --random-seed 1 -s literal:a --retry 5ms --json --to {CLOSED_PORT}"
    ));
    story.compare("json-attempt");
    let mut story = story.silent();
    story.json(&format!(
        "send job.paid --random-seed 1 -s literal:a --count 3 --concurrency 1 --json --to {CLOSED_PORT}"
    ));
    story.compare("json-bulk");
    let mut story = story.silent();
    story.json("send job.paid --random-seed 1 -s literal:a --json --dry-run --reveal --to https://x.example/in");
    story.compare("json-request");
    let mut story = story.silent();
    for command in [
        "log --json",
        "log show 1 --json",
        "log show 2 --json",
        "log show 3 --json",
        "log show 3 --why --json",
    ] {
        story.json(command);
    }
    story.json("log show 7 --json");
    story.compare("json-log");
    let mut story = story.silent();
    for command in ["log stats --json", "log report 3 --json", "log report 4 --json"] {
        story.json(command);
    }
    story.compare("json-statistics");
    let mut story = story.silent();
    story.json("log prune --older-than 0 --yes --json");
    story.compare("json-pruned");
}

#[test]
fn faults_and_retries() {
    let mut story = Story::new();
    let listener = story.listen("--json --respond 500 --expect-retries poolflow --count 2");
    for _ in 0..2 {
        post(&listener.url, &[], br#"{"event":"job.paid","data":{"id":17}}"#);
    }
    let ended = listener.process.wait().exits(8);
    let mut lines = ended.json();
    for line in lines.iter_mut().filter(|line| line["schema"] == "hook.retries/1") {
        // The time between two requests.
        line["seen"] = "[measured]".into();
    }
    let lines: Vec<_> = lines.iter().map(|line| story.sandbox.pretty(line) + "\n").collect();
    story.text(&lines.concat());
    story.compare("json-retries");
    let mut story = story.silent();
    let app = App::start(|_| Reply::Status(200, "ok"));
    story.json(&format!(
        "send booking.confirmed --random-seed 1 -p slotflow --duplicate 2 --json --to {}",
        app.url
    ));
    story.compare("json-faults");
}

#[test]
fn expectations() {
    let mut story = Story::new();
    let expect = "--expect 'event == \"job.created\" && data.total_cents == 1' --expect verified --count 0..5";
    let report = story.sandbox.path("report.json");
    let report_to = format!("--report json={}", report.display());
    let mut listener = story.listen(&format!(
        "--json -s literal:whsec_right -p poolflow {report_to} {expect}"
    ));
    let to = format!("--random-seed 1 -p poolflow --to {}", listener.url);
    story
        .quietly(&format!("send job.paid -s literal:whsec_right {to}"))
        .ok();
    let _ = listener.shows("job.paid");
    let ended = listener.stop().exits(8);
    let cases = fs::read_to_string(report).expect("the report");
    let cases = serde_json::from_str(&cases).expect("JSON");
    let shown = story.sandbox.fields(&ended) + &story.sandbox.pretty(&cases);
    story.text(&shown);
    story.compare("json-expectations");
}

#[test]
fn commands_that_fail() {
    let mut story = Story::new();
    let mut listener = story.listen("--json -s literal:whsec_right -p poolflow --exec 'echo out of order >&2; exit 3'");
    let to = format!("--random-seed 1 -p poolflow --to {}", listener.url);
    story
        .quietly(&format!("send job.paid -s literal:whsec_right {to}"))
        .ok();
    listener.says("exit 3");
    let ended = listener.stop();
    let lines = story.sandbox.fields(&ended);
    story.text(&lines);
    for command in ["replay 1 --exec false", "log show 1", "log", "replay 1 --exec true"] {
        story.json(&format!("{command} --json"));
    }
    story.compare("json-processing");
}

#[test]
fn forwarding() {
    let mut story = Story::new();
    let app = App::start(|_| Reply::Status(503, "busy"));
    let mut listener = story.listen(&format!("--json -f {}", app.url));
    // With a ledger of its own: which of the two records its attempt first is not said.
    story
        .quietly(&format!(
            "send job.paid --random-seed 1 -p poolflow --ledger sent.db --to {}",
            listener.url
        ))
        .ok();
    listener.shows("hook.attempt/1");
    let ended = listener.stop();
    let lines = story.sandbox.fields(&ended);
    story.text(&lines);
    story.compare("json-forward");
}

#[test]
fn inbound_triggers() {
    let mut story = Story::new();
    let mut listener = story.listen("--json --inbound -p hoopai");
    let path = format!("/{}", listener.url.splitn(4, '/').nth(3).expect("a path"));
    let kind = [("content-type", "application/json")];
    request("POST", &listener.url, &path, &kind, br#"{"email": "pat@example.com"}"#);
    request("POST", &listener.url, &path, &kind, b"[]");
    listener.shows("hook.inbound/1");
    let ended = listener.stop().ok();
    let lines = story.sandbox.fields(&ended);
    story.text(&lines);
    story.compare("json-inbound");
}

#[test]
fn verification() {
    let mut story = Story::new();
    story.json("sign -p poolflow -s literal:whsec_a --body x --json");
    story.json("sign -p slotflow -s literal:whsec_a --body x --id msg_1 --json");
    story.compare("json-signature");
    let mut story = story.silent();
    let line = story
        .quietly("sign -p poolflow -s literal:whsec_a --body x")
        .ok()
        .stdout();
    for rest in [
        "-s literal:whsec_a --body x",
        "-s literal:whsec_b --body x",
        "-s literal:whsec_a --body y",
    ] {
        story.json(&format!("verify -p poolflow {rest} --json -H '{}'", line.trim()));
    }
    story.json("verify -p poolflow -s literal:a --body x --json");
    story.compare("json-verdict");
    let mut story = story.silent();
    story.json("secret new -p poolflow --json");
    story.json("secret new -p hoopai@ed25519 --json");
    story.json("secret show -p poolflow --json");
    story.compare("json-secret");
}

#[test]
fn facts_about_endpoints() {
    let mut story = Story::new();
    story
        .quietly("endpoints add http://127.0.0.1:1 -p poolflow --events job.paid --local --name crm")
        .ok();
    story.json("send job.paid --random-seed 1 -s literal:a --endpoint crm --retry 1ms --time-scale 1000x --json");
    story.compare("json-endpoint-disabled");
    let mut story = story.silent();
    story.json("send job.paid --random-seed 1 -s literal:a -p poolflow --subscribed --json");
    story.compare("json-skip");
    let mut story = story.silent();
    story.json("serve keys add shop --read --tenant acme --json");
    story.json("serve keys list --json");
    story.compare("json-key");
    let mut story = story.silent();
    story.json("endpoints pause --all --json");
    story.compare("json-pause");
    let mut story = story.silent();
    story.json("log backup copy.db --json");
    story.compare("json-backup");
    let mut story = story.silent();
    story
        .sandbox
        .write("key", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    story.json("endpoints rekey --to file:key --json");
    story.json("endpoints rekey --from file:key --decrypt --json");
    story.compare("json-rekey");
}

#[test]
fn endpoints() {
    let mut story = Story::new();
    story.sandbox.write("hook.toml", "[[endpoint]]\nname = \"crm\"\nprovider = \"poolflow\"\nurl = \"https://crm.example.com/new\"\nevents = [\"job.paid\"]\n");
    story.json(
        "endpoints add https://crm.example.com/hooks -p poolflow --events job.paid --name crm --env staging --json",
    );
    story.json("endpoints add http://127.0.0.1:1 -p hoopai@ed25519 --events ContactCreated --local --name here --json");
    for command in [
        "list",
        "show crm",
        "update crm --events job.created",
        "rotate-secret crm",
        "disable here",
        "enable here",
    ] {
        story.json(&format!("endpoints {command} --json"));
    }
    story.compare("json-endpoint");
    let mut story = story.silent();
    story.json("endpoints add http://127.0.0.1:1 -p poolflow --events job.paid --json");
    story.compare("json-refusal");
    let mut story = story.silent();
    story.json("endpoints diff --json");
    story.json("endpoints apply --yes --json");
    story.compare("json-step");
    let mut story = story.silent();
    story.json("endpoints add http://127.0.0.1:1 -p poolflow --events job.paid --local --name test --json");
    story.json("endpoints test test --json");
    story.compare("json-endpoint-test");
    let mut story = story.silent();
    story.json("endpoints doctor test --json");
    story.compare("json-endpoint-check");
    let stored = fs::read_dir(story.sandbox.state("secrets"))
        .expect("stored secrets")
        .flatten();
    let mut names: Vec<_> = stored.map(|entry| entry.path()).collect();
    names.sort();
    let mut story = story.silent();
    for name in names {
        let text = fs::read_to_string(name).expect("a stored secret");
        let value = serde_json::from_str(&text).expect("JSON");
        let pretty = story.sandbox.pretty(&value);
        story.text(&(pretty + "\n"));
    }
    story.compare("json-stored-secret");
}

#[test]
fn audits() {
    let app = App::start(|_| Reply::Status(200, ""));
    let mut story = Story::new();
    let file = story.sandbox.path("report.json");
    let file = file.display();
    story.json(&format!(
        "check {} -p poolflow --events job.paid --only event,missing-signature,same-id --report json={file} --json",
        app.url
    ));
    let text = fs::read_to_string(story.sandbox.path("report.json")).expect("a report");
    let report = serde_json::from_str(&text).expect("JSON");
    let pretty = story.sandbox.pretty(&report);
    story.text(&(pretty + "\n"));
    story.json("check --list --json");
    story.compare("json-check");
}

#[test]
fn endpoints_at_a_provider() {
    let there = There::serve("slotflow", "");
    let mut text = String::new();
    for command in [
        "add https://crm.example.com/hooks --events booking.confirmed --name crm --json",
        "list --json",
        "show crm --json",
        "doctor crm --json",
        "remove crm --yes --json",
    ] {
        let outcome = there.endpoints(command);
        if !outcome.stdout.is_empty() {
            text += &there.sandbox.fields(&outcome);
        }
    }
    let mut story = Story::new();
    story.text(&text);
    story.compare("json-endpoint-remote");
}

#[test]
fn workflows() {
    let mut story = Story::new();
    story.sandbox.write("hook.toml", "provider = \"hoopai\"\n[workflow.w]\nstate = \"published\"\nurl = \"https://w.example/\"\nwhen = { \"contact.plan\" = \"free\" }\n[workflow.draft]\nurl = \"http://w.example/\"\nfields = { a = \"{{contact.b}}\" }\n");
    story.sandbox.write("record.json", RECORD);
    story.json("config trust --json");
    story.compare("json-trust");
    let mut story = story.silent();
    story.json("send --workflow w --context record.json --json");
    story.json("log show 1 --json");
    story.compare("json-execution");
    let mut story = story.silent();
    story.json("endpoints doctor --workflow draft --json");
    story.compare("json-workflow-check");
}

#[test]
fn handshakes() {
    let mut story = Story::new();
    let app = App::start(|_| Reply::Full(200, vec![("content-type", "text/plain")], b"something".to_vec()));
    story.json(&format!(
        "send --handshake -p meta --handshake-token literal:tok --json --to {}",
        app.url
    ));
    story.json(&format!("send --handshake -p okta --json --to {}", app.url));
    story.compare("json-handshake");
}

#[test]
fn serving() {
    let sandbox = Sandbox::new();
    let mut mock = sandbox.serve("slotflow", &[]);
    let body = format!(r#"{{"url": "{CLOSED_PORT}", "events": ["booking.confirmed"]}}"#);
    assert_eq!(mock.call("POST", "/webhooks", &body).0, 201);
    assert_eq!(mock.call("GET", "/nothing", "").0, 404);
    let _ = post(&mock.url, &[("authorization", &format!("Bearer {KEY}"))], b"");
    mock.next("hook.call/1");
    mock.next("hook.call/1");
    let ended = mock.stop().ok();
    let mut story = Story::new();
    story.text(&sandbox.fields(&ended));
    story.compare("json-call");
    let mut story = story.silent();
    story.json("serve --check --json");
    story.compare("json-serve-check");
    let mut story = story.silent();
    let refused = story.quietly("serve --json --key env:NOT_THERE").exits(2);
    let notice = serde_json::from_slice(&refused.stderr).expect("one object");
    story.text(&(story.sandbox.pretty(&notice) + "\n"));
    story.compare("json-log-line");
}

#[test]
fn providers() {
    let mut story = Story::new();
    story
        .sandbox
        .write("body.json", r#"{"event": "booking.confirmed", "data": {"id": 7}}"#);
    story
        .sandbox
        .write("acme.toml", "format = 1\nname = \"acme\"\nextends = \"poolflow\"\n");
    story.json("providers list --json");
    story.json("providers events slotflow --json");
    story.json("providers sample poolflow job.paid --json");
    story.json("providers receiver poolflow --lang flask --json");
    story.json("providers check acme.toml --json");
    story.compare("json-provider");
    for name in [
        "poolflow",
        "slotflow",
        "hoopai",
        "hoopai@ed25519",
        "standard-webhooks",
        "stripe",
        "twilio",
    ] {
        let mut story = Story::new();
        story.json(&format!("providers show {name} --json"));
        story.compare(&format!("json-profile-{}", name.replace('@', "-")));
    }
    let mut story = story.silent();
    story.json("providers diff booking.confirmed body.json --json");
    story.compare("json-drift");
}

#[test]
fn settings_and_the_rest() {
    let mut story = Story::new();
    story.json("config show --json");
    story.json("config path --json");
    story.compare("json-settings");
    let mut story = story.silent();
    story.json("completions bash --install --json");
    story.compare("json-completions");
    let mut story = story.silent();
    story.json("demo --json");
    story.compare("json-demo");
}
