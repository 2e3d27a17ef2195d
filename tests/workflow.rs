//! `hook send --workflow`: requests that the user shapes in the settings.

use serde_json::{Value, json};

use crate::support::{App, CLOSED_PORT, Outcome, Reply, Sandbox};

/// A record as a workflow sees it.
const RECORD: &str = r#"{"contact": {"id": "c 1", "email": "pat@example.com", "full_name": "Pat \"P\" Example", "plan": "pro", "age": 40, "note": ""}}"#;

/// A sandbox with a record and these tables; `URL` stands for the target.
fn sandbox(url: &str, tables: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("record.json", RECORD);
    sandbox.write(
        "hook.toml",
        format!("provider = \"hoopai\"\n{}", tables.replace("URL", url)),
    );
    sandbox.trust();
    sandbox
}

/// `hook send --workflow NAME --context record.json ARGS`.
fn execute(sandbox: &Sandbox, name: &str, args: &[&str]) -> Outcome {
    let always = ["send", "--workflow", name, "--context", "record.json"];
    sandbox.hook(always.iter().chain(args)).run()
}

fn app() -> App {
    App::start(|_| Reply::Status(200, ""))
}

const SHAPES: &str = r#"
[workflow.post]
state = "published"
url = "URL/in?id={{contact.id}}"
headers = { "X-Source" = "hook", "X-Who" = "{{contact.email}}" }
fields = { email = "{{contact.email}}", hello = "Hi {{contact.full_name}}!", age = "{{contact.age}}", list = ["{{contact.plan}}", 1] }

[workflow.get]
state = "published"
method = "GET"
url = "URL/in?a=1"
fields = { email = "{{contact.email}}", age = "{{contact.age}}" }

[workflow.put]
state = "published"
method = "PUT"
url = "URL/in"
fields = { plan = "{{contact.plan}}" }

[workflow.form]
state = "published"
body = "form"
url = "URL/in"
fields = { email = "{{contact.email}}", hello = "a&b {{contact.plan}}" }

[workflow.delete]
state = "published"
method = "DELETE"
url = "URL/in/{{contact.id}}"
"#;

#[test]
fn post_get_put_and_form_bodies_arrive_at_a_listener_with_their_tags_filled_in() {
    let receiving = Sandbox::new();
    let mut listener = receiving.listen(["--provider", "hoopai"]);
    let sandbox = sandbox(&listener.url, SHAPES);
    for name in ["post", "get", "put", "form", "delete"] {
        execute(&sandbox, name, &[]).ok();
    }
    listener.shows("#5");
    listener.stop().ok().says(["received 5"]);
    let captures = receiving.captures();
    let came: Vec<_> = captures.iter().map(|capture| &capture.request).collect();
    let target = |index: usize| (came[index].method.as_str(), came[index].target.as_str());
    let body = |index: usize| String::from_utf8(came[index].body.to_vec()).unwrap();
    assert_eq!(target(0), ("POST", "/in?id=c%201"));
    assert_eq!(
        serde_json::from_str::<Value>(&body(0)).unwrap(),
        json!({"email": "pat@example.com", "hello": "Hi Pat \"P\" Example!", "age": 40, "list": ["pro", 1]})
    );
    assert_eq!(came[0].headers.get_text("x-source"), Some("hook"));
    assert_eq!(came[0].headers.get_text("x-who"), Some("pat@example.com"));
    assert_eq!(target(1), ("GET", "/in?a=1&email=pat%40example.com&age=40"));
    assert_eq!(body(1), "");
    assert_eq!((target(2), &*body(2)), (("PUT", "/in"), "{\"plan\":\"pro\"}"));
    assert_eq!(
        (target(3), &*body(3)),
        (("POST", "/in"), "email=pat%40example.com&hello=a%26b+pro")
    );
    let kind = came[3].headers.get_text("content-type");
    assert_eq!(kind, Some("application/x-www-form-urlencoded"));
    assert_eq!(target(4), ("DELETE", "/in/c%201"));
}

#[test]
fn a_draft_does_not_run_a_test_sends_nothing_and_what_is_published_is_sent() {
    let app = app();
    let states = "[workflow.plain]\nurl = \"URL/\"\n\
                  [workflow.trial]\nstate = \"test\"\nurl = \"URL/\"\nfields = { plan = \"{{contact.plan}}\" }\n\
                  [workflow.live]\nstate = \"published\"\nurl = \"URL/\"\n";
    let sandbox = sandbox(&app.url, states);
    execute(&sandbox, "plain", &[]).exits(3).says([
        "error: workflow `plain` is a draft: it does not run",
        "hint: `--state test`",
    ]);
    assert!(sandbox.records().is_empty(), "a draft leaves no trace");
    execute(&sandbox, "trial", &[])
        .ok()
        .prints(["POST / HTTP/1.1\n", "{\"plan\":\"pro\"}"])
        .says([
            "workflow `trial` is in test: #1 is what it would send",
            "nothing was sent",
        ]);
    assert_eq!(app.rest().len(), 0);
    execute(&sandbox, "live", &[]).ok().prints(["#2", "delivered"]);
    assert_eq!(app.next().method, "POST");
    // A flag is stronger than the table.
    execute(&sandbox, "plain", &["--state", "published"]).ok();
    execute(&sandbox, "live", &["--state", "draft"]).exits(3);
    execute(&sandbox, "plain", &["--dry-run"])
        .ok()
        .prints(["POST / HTTP/1.1"]);
    assert_eq!(app.rest().len(), 1);
}

#[test]
fn a_record_that_does_not_meet_every_condition_is_skipped_and_the_reason_said() {
    let app = app();
    let tables = "[workflow.w]\nstate = \"published\"\nurl = \"URL/\"\nfields = { gone = \"{{contact.gone}}\" }\n\
                  [workflow.w.when]\n\"contact.age\" = 40\n\"contact.plan\" = \"free*\"\n\
                  [workflow.met]\nstate = \"published\"\nurl = \"URL/\"\nwhen = { \"contact.plan\" = \"p*\", \"contact.age\" = 40 }\n\
                  [workflow.text]\nstate = \"published\"\nurl = \"URL/\"\nwhen = { \"contact.age\" = \"40\" }\n\
                  [workflow.absent]\nstate = \"test\"\nurl = \"URL/\"\nwhen = { \"contact.city\" = \"*\" }\n\
                  [workflow.odd]\nstate = \"published\"\nurl = \"URL/\"\nwhen = { \"contact.city\" = [1] }\n";
    let sandbox = sandbox(&app.url, tables);
    let why = "`contact.plan` is `pro`, and `free*` is wanted";
    execute(&sandbox, "w", &[])
        .exits(8)
        .says(["warning: workflow `w` skipped the record, as #1: ", why]);
    let line = execute(&sandbox, "w", &["--json"]).exits(8).object();
    assert_eq!(
        line,
        json!({"schema": "hook.execution/1", "workflow": "w", "state": "skipped", "number": 2, "reason": why})
    );
    execute(&sandbox, "absent", &[])
        .exits(8)
        .says(["the record has no `contact.city`, and `*` is wanted"]);
    // The quotes tell the text of the table from the number of the record.
    execute(&sandbox, "text", &[])
        .exits(8)
        .says(["`contact.age` is `40`, and `\"40\"` is wanted"]);
    execute(&sandbox, "met", &["-n"]).ok().never(["would be skipped"]);
    execute(&sandbox, "absent", &["-n"])
        .ok()
        .says(["warning: the record would be skipped"]);
    execute(&sandbox, "odd", &[])
        .exits(2)
        .says(["error: workflow `odd`: `when` compares `contact.city` with something"]);
    assert_eq!(app.rest().len(), 0);
    execute(&sandbox, "met", &[]).ok();
    assert_eq!(app.rest().len(), 1);
}

#[test]
fn the_log_lists_the_executions_of_one_workflow_with_their_errors() {
    let tables = format!(
        "[workflow.down]\nstate = \"published\"\nurl = \"{CLOSED_PORT}/x\"\n\
         [workflow.other]\nstate = \"published\"\nurl = \"URL/\"\nwhen = {{ \"contact.plan\" = \"free\" }}\n"
    );
    let app = App::start(|_| Reply::Status(500, "broken"));
    let sandbox = sandbox(&app.url, &tables);
    execute(&sandbox, "down", &[]).exits(4);
    execute(&sandbox, "down", &["--state", "test"]).ok();
    execute(&sandbox, "down", &["--to", &app.url]).exits(3);
    execute(&sandbox, "other", &[]).exits(8);
    let log = sandbox.hook(["log", "--workflow", "down"]).run().ok();
    assert_eq!(log.stdout().lines().count(), 3, "{log}");
    log.prints([
        "workflow down",
        "failed: connect",
        "rehearsed: the workflow is in test",
        "500",
    ]);
    let records = sandbox
        .hook(["log", "--workflow", "other", "--json"])
        .run()
        .ok()
        .object();
    assert_eq!(
        (&records["workflow"], &records["state"]),
        (&json!("other"), &json!("skipped"))
    );
    sandbox
        .hook(["log", "show", "4"])
        .run()
        .ok()
        .prints(["workflow    other", "not sent    `contact.plan`"]);
    sandbox.hook(["log", "show", "4", "--why"]).run().ok().prints([
        "The request of workflow `other` was to go to",
        "Nothing was sent: `contact.plan`",
    ]);
    let shown = sandbox.hook(["log", "show", "2", "--json"]).run().ok().object();
    assert_eq!(
        (&shown["workflow"], &shown["reason"]),
        (&json!("down"), &json!("the workflow is in test"))
    );
    sandbox
        .hook(["log", "stats", "--workflow", "down", "--json"])
        .run()
        .ok()
        .prints(["\"deliveries\":3"]);
    sandbox
        .hook(["log", "--workflow", "nothing"])
        .run()
        .exits(6)
        .says(["workflow `nothing` not found"]);
    // A replay belongs to the workflow too; what was not sent is not among what is replayed in bulk.
    sandbox.hook(["replay", "1", "--to", &app.url]).run().exits(3);
    let log = sandbox.hook(["log", "--workflow", "down"]).run().ok();
    assert_eq!(log.stdout().lines().count(), 4, "{log}");
    let again = sandbox
        .hook(["replay", "--since", "1h", "--to", &app.url])
        .run()
        .exits(3);
    assert_eq!(
        again.stdout().lines().filter(|line| line.starts_with('#')).count(),
        3,
        "{again}"
    );
}

#[test]
fn secrets_of_a_workflow_come_by_reference_and_are_never_shown() {
    let app = app();
    let tables = "[workflow.bearer]\nstate = \"published\"\nurl = \"URL/\"\nauth = { bearer = \"env:KEY\" }\n\
                  [workflow.key]\nstate = \"published\"\nurl = \"URL/\"\nauth = { api-key = \"env:KEY\", header = \"X-Pass\" }\n\
                  [workflow.basic]\nstate = \"published\"\nurl = \"URL/\"\nauth = { basic = \"env:KEY\", user = \"pat\" }\n\
                  [workflow.literal]\nstate = \"published\"\nurl = \"URL/\"\nauth = { bearer = \"topsecret\" }\n";
    let sandbox = sandbox(&app.url, tables);
    let run = |name: &str, args: &[&str]| {
        let always = ["send", "--workflow", name, "--context", "record.json"];
        sandbox.hook(always.iter().chain(args)).env("KEY", "topsecret").run()
    };
    // A project's workflow does not run before it is trusted.
    let trusted = sandbox.state("trusted");
    std::fs::remove_file(&trusted).unwrap();
    run("key", &[])
        .exits(3)
        .says([
            "hook.toml` is not trusted; ignored: `workflow.bearer`, `workflow.key`",
            "error: workflow `key` is the project's, and the project is not trusted",
            "`hook config trust`",
        ])
        .never(["topsecret"]);
    assert_eq!(app.rest().len(), 0);
    sandbox
        .hook(["config", "trust"])
        .run()
        .ok()
        .prints(["`workflow.bearer` sends `env:KEY` to"])
        .never(["topsecret"]);
    for (name, header, value) in [
        ("bearer", "authorization", "Bearer topsecret"),
        ("key", "x-pass", "topsecret"),
        ("basic", "authorization", "Basic cGF0OnRvcHNlY3JldA=="),
    ] {
        run(name, &[]).ok().never(["topsecret", "cGF0O"]);
        assert_eq!(app.next().header(header), Some(value));
        run(name, &["-n"])
            .ok()
            .prints(["********"])
            .never(["topsecret", "cGF0O"]);
        run(name, &["--curl"]).ok().never(["topsecret", "cGF0O"]);
        sandbox
            .hook(["log", "show", "last", "--full"])
            .run()
            .ok()
            .prints(["********"])
            .never(["topsecret"]);
    }
    run("literal", &[])
        .exits(2)
        .says(["by reference: `env:VAR` or `file:PATH`"])
        .never(["topsecret"]);
    sandbox
        .hook(["config", "show"])
        .run()
        .ok()
        .prints(["env:KEY"])
        .never(["topsecret"]);
    sandbox
        .hook(["send", "--workflow", "key"])
        .run()
        .exits(2)
        .says(["environment variable `KEY` is not set"]);
}

#[test]
fn a_workflow_of_a_project_that_is_not_trusted_does_not_run_and_one_of_the_user_does() {
    let app = app();
    let tables = "[workflow.w]\nstate = \"published\"\nprovider = \"hoopai@bearer\"\nurl = \"URL/\"\n";
    let sandbox = sandbox(&app.url, tables);
    std::fs::remove_file(sandbox.state("trusted")).unwrap();
    let run = |args: &[&str]| {
        let always = ["send", "--workflow", "w", "--context", "record.json"];
        sandbox
            .hook(always.iter().chain(args))
            .env("HOOK_SECRET", "topsecret")
            .run()
    };
    for args in [&[][..], &["--secret", "env:HOOK_SECRET"], &["--to", &app.url], &["-n"]] {
        run(args)
            .exits(3)
            .says(["the project is not trusted"])
            .never(["topsecret"]);
    }
    assert_eq!(app.rest().len(), 0);
    sandbox.trust();
    run(&[]).ok();
    assert_eq!(app.next().header("authorization"), Some("Bearer topsecret"));
    // A pull that changes the URL takes nothing along.
    let text = std::fs::read_to_string(sandbox.path("hook.toml")).unwrap();
    sandbox.write("hook.toml", text.replace("state", "method = \"PUT\"\nstate"));
    run(&[]).exits(3);
    // The user's own settings are the user's own word, also under the same name.
    sandbox.write(sandbox.config("config.toml"), text);
    run(&[]).ok();
    assert_eq!(app.rest().len(), 1);
}

#[test]
fn tags_without_namespace_and_empty_ones_are_said_and_refused_when_strict() {
    let tables = "[workflow.bare]\nstate = \"test\"\nurl = \"URL/\"\nfields = { email = \"{{email}}\" }\n\
                  [workflow.empty]\nstate = \"test\"\nurl = \"URL/\"\nfields = { note = \"{{contact.note}}\" }\n";
    let sandbox = sandbox(CLOSED_PORT, tables);
    let near = "hint: did you mean `{{contact.email}}`?";
    execute(&sandbox, "bare", &[])
        .exits(2)
        .says(["error: unknown merge tag `{{email}}`", near]);
    sandbox.write(
        "record.json",
        r#"{"email": "pat@example.com", "contact": {"note": ""}}"#,
    );
    let what = "merge tag `{{email}}` has no namespace, and HoopAI wants one";
    execute(&sandbox, "bare", &[])
        .ok()
        .prints(["pat@example.com"])
        .says(["warning: ", what, near]);
    execute(&sandbox, "bare", &["--strict"])
        .exits(2)
        .says(["error: ", what, near]);
    execute(&sandbox, "empty", &[])
        .ok()
        .says(["warning: merge tag `{{contact.note}}` is empty"]);
    execute(&sandbox, "empty", &["--strict"]).exits(2);
}

#[test]
fn an_unknown_workflow_exits_with_6_and_names_near_ones() {
    let sandbox = sandbox(CLOSED_PORT, "[workflow.welcome]\nurl = \"URL/\"\n");
    execute(&sandbox, "welcom", &[]).exits(6).says([
        "error: workflow `welcom` not found",
        "hint: did you mean `--workflow welcome`?",
    ]);
    execute(&sandbox, "xyzzy", &[]).exits(6).says(["there are: `welcome`"]);
    let empty = Sandbox::new();
    empty
        .hook(["send", "--workflow", "a"])
        .run()
        .exits(6)
        .says(["`[workflow.NAME]` in `hook.toml`"]);
    execute(&sandbox, "welcome", &["--data", "{}"]).exits(2);
    sandbox.write("hook.toml", "[workflow.a]\nstate = \"live\"\n");
    execute(&sandbox, "a", &[])
        .exits(2)
        .says(["`draft`, `test`, `published`"]);
}

#[test]
fn a_url_that_cannot_be_one_is_refused_and_the_provider_s_rules_are_said() {
    let tables = "[workflow.blank]\nstate = \"published\"\nurl = \"https://a.example/x \"\n\
                  [workflow.bare]\nstate = \"published\"\nurl = \"a.example/x\"\n\
                  [workflow.plain]\nstate = \"test\"\nurl = \"http://a.example/x\"\n\
                  [workflow.none]\nstate = \"published\"\n";
    let sandbox = sandbox(CLOSED_PORT, tables);
    execute(&sandbox, "blank", &[])
        .exits(2)
        .says(["error: workflow `blank`: ", "whitespace or invisible characters"]);
    execute(&sandbox, "bare", &[]).exits(2).says(["is not a URL"]);
    execute(&sandbox, "plain", &[])
        .ok()
        .says(["is not https, which `hoopai` requires"]);
    execute(&sandbox, "none", &[])
        .exits(2)
        .says(["workflow `none`: it has no `url`", "`--to URL`"]);
}

#[test]
fn the_flags_of_the_command_line_win_over_the_table() {
    let app = app();
    let sandbox = sandbox(CLOSED_PORT, SHAPES);
    let flags = [
        "--to",
        &app.url,
        "--method",
        "PUT",
        "-H",
        "X-Source: mine",
        "--field",
        "email=x {{contact.plan}}",
    ];
    execute(&sandbox, "post", &flags).ok();
    let seen = app.next();
    assert_eq!(seen.method, "PUT");
    assert_eq!(seen.all("x-source"), ["mine"]);
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!((&body["email"], &body["age"]), (&json!("x pro"), &json!(40)));
}

#[test]
fn a_workflow_follows_a_schedule_like_any_delivery() {
    let app = App::start(|_| Reply::Status(500, ""));
    let sandbox = sandbox(&app.url, SHAPES);
    execute(&sandbox, "put", &["--retry", "1ms,1ms"]).exits(3);
    let kept = &sandbox.deliveries()[0].delivery;
    assert_eq!((kept.attempts.len(), app.rest().len()), (3, 3));
    assert_eq!(kept.execution.as_ref().map(|of| of.workflow.as_str()), Some("put"));
}

#[test]
fn the_doctor_says_why_a_workflow_sends_nothing() {
    let tables = "[workflow.good]\nstate = \"published\"\nurl = \"https://a.example/{{contact.id}}\"\nwhen = { \"contact.city\" = \"Ex*\" }\n\
                  [workflow.bad]\nurl = \"http://a.example/x y\"\nfields = { email = \"{{email}}\" }\nauth = { bearer = \"env:GONE\" }\n\
                  [workflow.bad.when]\n\"contact.cty\" = \"x\"\n\"opportunity.lead_value\" = \"250\"\n\
                  [workflow.trial]\nstate = \"test\"\nurl = \"http://a.example/\"\n";
    let sandbox = sandbox(CLOSED_PORT, tables);
    sandbox.hook(["config", "trust"]).run().ok();
    let doctor = |args: &[&str]| sandbox.hook(["endpoints", "doctor"].iter().chain(args)).run();
    let checks = |outcome: &Outcome| -> Vec<String> {
        let line = |line: &Value| format!("{}={}", line["check"], line["result"]).replace('"', "");
        outcome.json().iter().map(line).collect()
    };
    let good = doctor(&["--workflow", "good", "--json"]).ok();
    assert_eq!(checks(&good), ["state=ok", "url=ok", "when=ok", "tags=ok"]);
    let bad = doctor(&["--workflow", "bad", "--json"]).exits(8);
    assert_eq!(
        checks(&bad),
        [
            "state=problem",
            "bad-url=problem",
            "when=caution",
            "when=caution",
            "tags=caution",
            "auth=problem"
        ]
    );
    doctor(&["--workflow", "bad"]).exits(8).prints([
        "it is a draft: it does not run",
        "`state = \"published\"` in `[workflow.bad]`",
        "did you mean `contact.city`?",
        "did you mean `{{contact.email}}`?",
        "environment variable `GONE` is not set",
    ]);
    let trial = doctor(&["--workflow", "trial"]).exits(8);
    trial.prints(["caution  it is in test", "is not https, which `hoopai` requires"]);
    doctor(&["--workflow", "goood"])
        .exits(6)
        .says(["did you mean `--workflow good`?"]);
    doctor(&[])
        .exits(8)
        .prints(["good  workflow", "bad  workflow", "trial  workflow"]);
}

#[test]
fn tab_offers_the_names_of_workflows() {
    let sandbox = sandbox(CLOSED_PORT, SHAPES);
    for words in [
        ["send", "--workflow", "p"],
        ["log", "--workflow", "p"],
        ["listen", "--workflow", "p"],
    ] {
        let words = ["--", "hook"].iter().chain(&words);
        let asked = sandbox.hook(words).env("_HOOK_COMPLETE", "fish").run().ok();
        assert_eq!(asked.stdout().lines().count(), 2, "{asked}");
        asked.prints(["post\tpublished http://127.0.0.1:1/in?id=", "put\tpublished"]);
    }
}

#[test]
fn a_name_that_could_disturb_a_terminal_is_none() {
    let sandbox = sandbox(CLOSED_PORT, "[workflow.\"a\\u001b[2J\"]\nurl = \"URL/\"\n");
    execute(&sandbox, "a\u{1b}[2J", &[]).exits(2).never(["\u{1b}[2J"]);
    execute(&sandbox, "a", &[]).exits(6).never(["\u{1b}[2J"]);
    for (command, code) in [(["config", "show"], 0), (["endpoints", "doctor"], 8)] {
        sandbox.hook(command).run().exits(code).never(["\u{1b}[2J"]);
    }
}
