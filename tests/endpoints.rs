//! `hook endpoints`, and endpoints as targets of `hook send`.

mod doctor;
mod health;
pub(crate) mod remote;
mod reviewed;
mod rules;
mod secrets;
mod sending;
mod trial;
mod whole_book;

use std::net::TcpListener;

use serde_json::Value;

use crate::support::{Outcome, Process, Sandbox, keys};

/// The keys of an endpoint in JSON, whatever happened to it.
const KEYS: [&str; 17] = [
    "schema",
    "id",
    "name",
    "provider",
    "url",
    "events",
    "description",
    "labels",
    "plan",
    "params",
    "active",
    "paused",
    "disabled",
    "failed_deliveries",
    "secrets",
    "created",
    "updated",
];

/// Runs `hook endpoints ARGS`, words separated by blanks.
#[track_caller]
fn endpoints(sandbox: &Sandbox, args: &str) -> Outcome {
    sandbox
        .hook(["endpoints"].into_iter().chain(args.split_whitespace()))
        .run()
}

/// Adds an endpoint of that name on this machine, and gives its secret.
#[track_caller]
fn added(sandbox: &Sandbox, name: &str, url: &str, rest: &str) -> String {
    let line = endpoints(sandbox, &format!("add {url} --local --name {name} --json {rest}"))
        .ok()
        .object();
    line["secret"].as_str().expect("a secret").to_owned()
}

/// The endpoint as `show` has it.
#[track_caller]
fn shown(sandbox: &Sandbox, name: &str) -> Value {
    endpoints(sandbox, &format!("show {name} --json")).ok().object()
}

/// A listener, and its URL. It is killed when dropped.
fn listener(sandbox: &Sandbox, rest: &str) -> (Process, String) {
    let args = ["listen", "--port", "0", "--json"];
    let mut process = sandbox.hook(args.into_iter().chain(rest.split_whitespace())).spawn();
    let ready: Value = serde_json::from_str(&process.wait_line(|_| true)).expect("a line of JSON");
    assert_eq!(ready["schema"], "hook.ready/1");
    let url = ready["url"].as_str().expect("a URL").to_owned();
    (process, url)
}

/// A URL where nobody listens.
fn closed() -> String {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    format!("http://127.0.0.1:{}/", port.expect("a free port").port())
}

fn book(sandbox: &Sandbox) -> String {
    std::fs::read_to_string(sandbox.config("endpoints.json")).unwrap_or_default()
}

#[test]
fn an_endpoint_is_added_listed_shown_changed_and_removed() {
    let sandbox = Sandbox::new();
    let add = "add https://crm.example.com/hooks -p poolflow --events job.paid,job.created --name crm --env staging";
    endpoints(&sandbox, add).ok().prints(["added crm", "secret"]);
    endpoints(
        &sandbox,
        "add --to https://b.example.com -p slotflow --events all --plan free",
    )
    .ok()
    .says(["all events of `slotflow`"]);
    endpoints(&sandbox, "ls").ok().prints([
        "NAME",
        "crm",
        "job.paid, job.created",
        "active",
        "b-example-com",
        "all events",
    ]);
    endpoints(&sandbox, "list --env staging")
        .ok()
        .prints(["crm"])
        .never(["slotflow"]);
    endpoints(&sandbox, "list -p slotflow")
        .ok()
        .prints(["b-example-com"])
        .never(["poolflow"]);
    endpoints(&sandbox, "list -p hoopai").exits(6);

    let line = shown(&sandbox, "crm");
    assert_eq!(keys(&line), KEYS);
    assert_eq!(line["schema"], "hook.endpoint/1");
    assert_eq!(line["events"], serde_json::json!(["job.paid", "job.created"]));
    assert_eq!(line["labels"]["env"], "staging");
    assert_eq!(line["active"], true);
    let id = line["id"].as_str().unwrap();
    endpoints(&sandbox, &format!("show {id}"))
        .ok()
        .prints(["crm", "env=staging"]);

    let reference = line["secrets"][0]["ref"].clone();
    endpoints(
        &sandbox,
        "update crm --events job.paid --env live --name shop --to https://shop.example.com",
    )
    .ok()
    .prints(["updated shop: name, url, events, environment"]);
    let line = shown(&sandbox, "shop");
    assert_eq!(line["url"], "https://shop.example.com");
    assert_eq!(line["labels"]["env"], "live");
    assert_eq!(line["secrets"][0]["ref"], reference, "the secret stays");

    endpoints(&sandbox, "rm shop")
        .exits(2)
        .says(["not a terminal", "--yes"]);
    endpoints(&sandbox, "rm shop nobody --yes").exits(6);
    endpoints(&sandbox, "rm shop b-example-com --yes")
        .ok()
        .prints(["removed shop"]);
    endpoints(&sandbox, "list").ok().says(["no endpoints yet"]);
    let left: Vec<_> = std::fs::read_dir(sandbox.state("secrets")).unwrap().collect();
    assert!(left.is_empty(), "secrets go with their endpoints: {left:?}");
}

#[test]
fn an_endpoint_is_switched_off_and_on_and_says_so() {
    let sandbox = Sandbox::new();
    added(&sandbox, "crm", &closed(), "-p poolflow --events job.paid");
    endpoints(&sandbox, "disable crm")
        .ok()
        .prints(["crm is disabled"])
        .says(["endpoints enable crm"]);
    let line = shown(&sandbox, "crm");
    assert_eq!(
        (&line["active"], &line["disabled"]["reason"]),
        (&false.into(), &"hand".into())
    );
    endpoints(&sandbox, "disable crm").ok().prints(["is disabled already"]);
    endpoints(&sandbox, "enable crm").ok().prints(["is active again"]);
    endpoints(&sandbox, "enable crm").ok().prints(["is active already"]);
    endpoints(&sandbox, "update crm --active false")
        .ok()
        .prints(["disabled"]);
    endpoints(&sandbox, "update crm --active true")
        .ok()
        .prints(["active again"]);
    endpoints(&sandbox, "disable crm nobody").exits(6);
    assert_eq!(shown(&sandbox, "crm")["active"], true, "all of them or none");
}

#[test]
fn what_cannot_be_found_or_told_apart_is_said_with_what_is_near() {
    let sandbox = Sandbox::new();
    for name in ["crm", "shop"] {
        added(&sandbox, name, &closed(), "-p poolflow --events job.paid");
    }
    for verb in [
        "show",
        "update --active true",
        "enable",
        "disable",
        "rm --yes",
        "test",
        "rotate-secret",
        "doctor",
    ] {
        endpoints(&sandbox, &format!("{verb} cmr"))
            .exits(6)
            .says(["endpoint `cmr` not found", "`hook endpoints show crm`"]);
    }
    endpoints(&sandbox, "show ep_0")
        .exits(2)
        .says(["may be any of `crm`, `shop`"]);
    endpoints(&sandbox, "update crm").exits(2).says(["nothing to change"]);
    endpoints(&sandbox, "update crm --name shop")
        .exits(3)
        .says(["already an endpoint with the name `shop`"]);
    sandbox
        .hook(["send", "job.paid", "--endpoint", "cmr"])
        .run()
        .exits(6)
        .says(["endpoint `cmr` not found"]);
}

#[test]
fn a_verb_that_finds_nothing_makes_no_book() {
    let sandbox = Sandbox::new();
    for verb in ["show x", "enable x", "rm x --yes", "rotate-secret x", "test x", "list"] {
        endpoints(&sandbox, verb);
    }
    endpoints(&sandbox, "doctor").exits(6);
    assert!(!sandbox.config("endpoints.json").exists());
    assert!(!sandbox.config("endpoints.json.lock").exists());
}

#[test]
fn without_a_terminal_add_says_which_flags_are_missing() {
    let sandbox = Sandbox::new();
    for (args, missing) in [
        ("add", "`--provider`, `--to` and `--events` must be given"),
        ("add https://a.example.com", "`--provider` and `--events` must be given"),
        ("add -p poolflow --events job.paid", "`--to` must be given"),
        (
            "add --events all --to https://a.example.com",
            "`--provider` must be given",
        ),
    ] {
        endpoints(&sandbox, args)
            .exits(2)
            .says([missing, "hook endpoints add --provider NAME"]);
    }
    // An event that only one provider has tells which one.
    endpoints(&sandbox, "add https://a.example.com --events job.paid")
        .ok()
        .says(["provider: poolflow"]);
}

#[test]
fn a_projects_book_is_beside_its_settings_and_keeps_locks_from_git() {
    let sandbox = Sandbox::new();
    sandbox.write("hook.toml", "provider = \"poolflow\"\n");
    sandbox.write("sub/x", "");
    sandbox
        .hook([
            "endpoints",
            "add",
            "https://a.example.com",
            "--events",
            "job.paid",
            "--name",
            "a",
        ])
        .dir(&sandbox.path("sub"))
        .run()
        .ok();
    assert!(sandbox.path(".hook/endpoints.json").exists());
    let ignored = std::fs::read_to_string(sandbox.path(".hook/.gitignore")).unwrap();
    assert!(ignored.lines().any(|line| line == "*.lock"));
    assert!(!sandbox.config("endpoints.json").exists());
    endpoints(&sandbox, "list").ok().prints(["https://a.example.com"]);
}

#[test]
fn a_book_that_cannot_be_used_ends_with_7_and_stays_as_it_is() {
    let sandbox = Sandbox::new();
    for (text, says) in [
        ("{\"format\": 1, \"endpoints\": [", "is not valid"),
        (
            "{\"format\": 2, \"endpoints\": []}",
            "has format 2, this hook knows up to 1",
        ),
        (
            "{\"format\": 1, \"endpoints\": [], \"\\u001b[2J\": 1}",
            "unknown field `\\u{1b}[2J`",
        ),
    ] {
        sandbox.write(sandbox.config("endpoints.json"), text);
        for verb in [
            "list",
            "show a",
            "enable a",
            "add https://a.example.com -p poolflow --events job.paid",
        ] {
            endpoints(&sandbox, verb).exits(7).says([says]).never(["\u{1b}"]);
        }
        let send = ["send", "job.paid", "--subscribed"];
        sandbox.hook(send).run().exits(7).says([says]);
        assert_eq!(book(&sandbox), text);
    }
    assert!(
        !sandbox.state("secrets").exists(),
        "no secret is made for a book that refuses it"
    );
}
