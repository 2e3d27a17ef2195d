//! `hook listen --inbound`: triggers that take unsigned requests at a path that nobody can guess.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::{Answer, App, Listener, Reply, Sandbox, request};

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// The path of a listener's URL.
fn path(listener: &Listener) -> &str {
    let (_, rest) = listener.url.split_once("://").expect("a URL");
    &rest[rest.find('/').expect("a path")..]
}

/// `hook listen --inbound -p hoopai ARGS`, ready.
fn trigger(sandbox: &Sandbox, args: &[&str]) -> Listener {
    sandbox.listen(["--inbound", "-p", "hoopai"].iter().chain(args))
}

/// A POST of JSON to the trigger.
fn post(listener: &Listener, body: &str) -> Answer {
    request("POST", &listener.url, path(listener), &[JSON], body.as_bytes())
}

/// Stops a listener with `--json` and returns what it said of each request.
fn said(listener: Listener) -> Vec<Value> {
    let all = listener.stop().ok().json();
    all.into_iter()
        .filter(|line| line["schema"] == "hook.inbound/1")
        .collect()
}

#[test]
fn a_path_nobody_can_guess_is_the_only_one_and_stays_for_each_workflow() {
    let sandbox = Sandbox::new();
    let listener = trigger(&sandbox, &["--workflow", "welcome"]);
    let first = path(&listener).to_owned();
    let digits = first.strip_prefix("/inbound/").expect("its folder");
    assert!(
        digits.len() >= 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()),
        "{first}"
    );
    let tried = [
        "/",
        "/inbound/",
        "/inbound",
        &first[..first.len() - 1],
        &format!("{first}/"),
    ]
    .map(str::to_owned);
    for target in &tried {
        let answer = request("POST", &listener.url, target, &[JSON], b"{\"email\":\"a@b.c\"}");
        assert_eq!(answer.status, 404, "{target}");
    }
    assert_eq!(request("DELETE", &listener.url, &first, &[], b"").status, 405);
    let ended = listener.stop().ok();
    ended
        .says(["the trigger of workflow `welcome`: POST or GET, unsigned", "6 refused"])
        .never(["enrolled"]);
    let reasons: Vec<_> = sandbox
        .captures()
        .into_iter()
        .map(|one| one.request.verdict.reason)
        .collect();
    assert_eq!(reasons.iter().flatten().filter(|reason| *reason == "path").count(), 5);
    let kept = sandbox.state("inbound/welcome.json");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);

    assert_eq!(path(&trigger(&sandbox, &["--workflow", "welcome"])), first);
    assert_ne!(path(&trigger(&sandbox, &["--workflow", "other"])), first);
    let fresh = path(&trigger(&sandbox, &["--workflow", "welcome", "--new-path"])).to_owned();
    assert_ne!(fresh, first);
    let ready = sandbox.path("ready");
    let last = trigger(
        &sandbox,
        &["--workflow", "welcome", "--ready-file", ready.to_str().unwrap()],
    );
    assert_eq!(path(&last), fresh);
    let public = ["--public-url", "https://t.example/", "--json", "--for", "10ms"];
    let always = ["--inbound", "-p", "hoopai", "--workflow", "welcome"];
    let line = sandbox.listening(always.iter().chain(&public)).run().ok().object();
    assert_eq!(line["public_url"], format!("https://t.example{fresh}"));
    assert_eq!(fs::read_to_string(ready).unwrap(), format!("{}\n", last.url));
}

#[test]
fn posts_and_gets_become_records_and_the_map_says_where_fields_come_from() {
    let sandbox = Sandbox::new();
    let listener = trigger(
        &sandbox,
        &["--json", "--map", "plan=custom.plan", "--map", "email=who.mail"],
    );
    let body = r#"{"who": {"mail": "pat@example.com"}, "custom": {"plan": "pro"}}"#;
    assert_eq!(post(&listener, body).status, 200);
    let target = format!("{}?email=x%40y.z&custom.plan=free", path(&listener));
    assert_eq!(request("GET", &listener.url, &target, &[], b"").status, 200);
    let form = request("POST", &listener.url, path(&listener), &[FORM], b"phone=%2B1555");
    assert_eq!(form.status, 200);
    let said = said(listener);
    let record = |index: usize| &said[index]["record"];
    assert_eq!(
        record(0),
        &json!({"who": {"mail": "pat@example.com"}, "custom": {"plan": "pro"}, "plan": "pro", "email": "pat@example.com"})
    );
    assert_eq!(
        record(1),
        &json!({"email": "x@y.z", "custom.plan": "free", "plan": "free"})
    );
    assert_eq!(record(2), &json!({"phone": "+1555"}));
    assert!(
        said.iter()
            .all(|line| line["enrolled"] == true && line["workflow"] == "default")
    );
    assert_eq!(said[2]["unmapped"], json!(["custom.plan", "who.mail"]));
}

#[test]
fn a_person_sees_the_mapped_record_and_what_is_not_enrolled() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "hook.toml",
        "[workflow.welcome]\nprovider = \"hoopai\"\nmap = { plan = \"custom.plan\" }\n",
    );
    sandbox
        .listening(["--inbound", "--workflow", "welcome"])
        .run()
        .exits(3)
        .says(["workflow `welcome` is the project's", "`hook config trust`"]);
    sandbox.trust();
    let mut listener = sandbox.listen(["--inbound", "--workflow", "welcome"]);
    post(&listener, r#"{"email": "pat@example.com", "custom": {"plan": "pro"}}"#);
    listener.shows("      enrolled");
    listener.shows("        \"plan\": \"pro\"");
    listener.shows("kept as the sample");
    post(&listener, r#"{"customer": {"email": "pat@example.com"}}"#);
    listener.shows("not enrolled: it has neither `email` nor `phone`");
    listener.shows("nothing found at `custom.plan`");
    listener.says("hint: `--map email=customer.email`");
    listener.stop().ok();
}

#[test]
fn what_is_no_record_is_answered_400_and_enrols_nobody() {
    let sandbox = Sandbox::new();
    let listener = trigger(&sandbox, &["--json"]);
    for (body, status) in [
        ("[1]", 400),
        ("\"a\"", 400),
        ("{", 400),
        ("", 400),
        ("{\"name\":\"x\"}", 200),
    ] {
        assert_eq!(post(&listener, body).status, status, "{body:?}");
    }
    let said = said(listener);
    let reasons: Vec<_> = said.iter().map(|line| line["reason"].as_str().unwrap()).collect();
    assert_eq!(
        reasons,
        [
            "its body is a list, not one object",
            "its body is not an object",
            "its body is neither JSON nor a form",
            "it has neither a body nor a query",
            "it has neither `email` nor `phone`",
        ]
    );
    assert!(said.iter().all(|line| line["enrolled"] == false));
    assert_eq!(sandbox.captures().len(), 5, "all of it is recorded");
    let why = sandbox.hook(["log", "show", "1", "--why"]).run().ok();
    why.prints(["It was answered 400 Bad Request: its body is no record."]);
}

#[test]
fn the_first_request_fixes_the_structure_until_it_is_to_be_forgotten() {
    let sandbox = Sandbox::new();
    let listener = trigger(&sandbox, &["--json"]);
    post(&listener, "[]");
    post(&listener, r#"{"email": "a@b.c", "n": 1, "o": {"x": true}}"#);
    post(&listener, r#"{"email": "d@e.f", "n": 2, "o": {"x": false}}"#);
    let first = said(listener);
    let fits: Vec<_> = first.iter().map(|line| &line["sample"]).collect();
    assert_eq!(fits, [&Value::Null, &json!("kept"), &json!("fits")]);

    let listener = trigger(&sandbox, &["--json"]);
    post(&listener, r#"{"email": "a@b.c", "n": "1", "new": 1}"#);
    let later = said(listener);
    assert_eq!(later[0]["sample"], "differs");
    assert_eq!(
        later[0]["differences"],
        json!([
            {"path": "n", "finding": "retyped", "wanted": "integer", "found": "string"},
            {"path": "o", "finding": "missing", "wanted": "object", "found": null},
            {"path": "new", "finding": "added", "wanted": null, "found": "integer"},
        ])
    );
    assert_eq!(later[0]["enrolled"], true);

    let mut listener = trigger(&sandbox, &["--new-sample"]);
    post(&listener, r#"{"phone": "1"}"#);
    listener.shows("kept as the sample");
    post(&listener, r#"{"email": "a@b.c"}"#);
    listener.shows("differs from the sample:");
    listener.shows("missing  phone");
    listener.stop().ok();
}

#[test]
fn a_command_gets_the_record_of_those_who_are_enrolled_and_an_app_the_request() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    // One write a command: several run at once.
    let exec = "read -r record; echo \"$record\" >> ran";
    sandbox
        .listening(["--inbound", "-p", "hoopai", "--exec", exec])
        .run()
        .exits(2)
        .says([
            "unverified requests",
            "add `--unverified` if anyone with the URL may run them",
        ]);
    let args = [
        "--exec",
        exec,
        "--unverified",
        "--forward-to",
        &app.url,
        "--map",
        "plan=p",
    ];
    let listener = trigger(&sandbox, &args);
    let target = format!("{}?email=a%40b.c&p=pro", path(&listener));
    request("GET", &listener.url, &target, &[], b"");
    // Once more: each request to a trigger counts.
    request("GET", &listener.url, &target, &[], b"");
    post(&listener, r#"{"name": "nobody"}"#);
    request(
        "POST",
        &listener.url,
        "/inbound/guess",
        &[JSON],
        b"{\"email\":\"a@b.c\"}",
    );
    let origin = [JSON, ("origin", "http://evil.example")];
    request(
        "POST",
        &listener.url,
        path(&listener),
        &origin,
        b"{\"email\":\"a@b.c\"}",
    );
    listener.stop().ok().says(["came from a web page", "2 forwarded"]);
    let ran = fs::read_to_string(sandbox.path("ran")).unwrap();
    assert_eq!(ran, "{\"email\":\"a@b.c\",\"p\":\"pro\",\"plan\":\"pro\"}\n".repeat(2));
    let seen = app.rest();
    assert_eq!(seen.len(), 2);
    // The path is a secret that the app has no need of.
    assert!(
        seen.iter()
            .all(|seen| seen.method == "GET" && seen.target == "/?email=a%40b.c&p=pro")
    );
    assert_eq!(sandbox.captures().len(), 5);
}

#[test]
fn a_trigger_needs_a_provider_that_has_them_and_a_plain_name() {
    let sandbox = Sandbox::new();
    let fails = |args: &[&str]| sandbox.listening(["--inbound"].iter().chain(args)).run().exits(2);
    fails(&["-p", "poolflow"]).says([
        "error: `poolflow` has no inbound triggers",
        "hint: `--provider hoopai` has them",
    ]);
    fails(&["--workflow", "../x"]).says(["error: `../x` cannot be the name of a workflow"]);
    fails(&["--map", "plan"])
        .says(["error: invalid value 'plan' for '--map <FIELD=PATH>': not of the form `NAME=VALUE`"]);
    fails(&["--secret"]).says(["cannot be used with"]);
    sandbox.listening(["--map", "a=b"]).run().exits(2).says(["--inbound"]);
    // The only one that has triggers need not be named.
    sandbox
        .listening(["--inbound", "--for", "10ms"])
        .run()
        .ok()
        .says(["provider: hoopai"]);
    sandbox.write(sandbox.state("inbound/default.json"), "{");
    sandbox
        .listening(["--inbound"])
        .run()
        .exits(7)
        .says(["cannot be read", "hint: remove the file: a new path is made then"]);
}

#[test]
fn what_came_to_a_trigger_is_found_by_its_workflow_and_its_path_is_in_no_report() {
    let sandbox = Sandbox::new();
    let listener = trigger(&sandbox, &["--workflow", "welcome"]);
    let secret = path(&listener).to_owned();
    post(&listener, r#"{"email":"a@b.c"}"#);
    post(&listener, "nonsense");
    request("POST", &listener.url, "/inbound/guess", &[JSON], b"{}");
    listener.stop().ok();
    let other = trigger(&sandbox, &["--workflow", "other"]);
    post(&other, r#"{"email":"a@b.c"}"#);
    other.stop().ok();

    let listed = |workflow: &str| -> Vec<u64> {
        let lines = sandbox
            .hook(["log", "--workflow", workflow, "--json"])
            .run()
            .ok()
            .json();
        assert!(lines.iter().all(|line| line["workflow"] == workflow), "{lines:?}");
        lines.iter().filter_map(|line| line["number"].as_u64()).collect()
    };
    assert_eq!((listed("welcome"), listed("other")), (vec![2, 1], vec![4]));
    let shown = sandbox.hook(["log", "show", "1"]).run().ok();
    shown.prints(["trigger of  welcome\n"]);
    let report = sandbox.hook(["log", "report", "1"]).run().ok();
    report.never([secret.as_str()]).prints(["/********\n"]);
}
