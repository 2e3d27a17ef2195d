//! Notices about endpoints whose deliveries fail: by mail, webhook and command. The mail server is aiosmtpd, in the virtual
//! environment among the peers; without peers the tests with mails are skipped.

use std::fs;
use std::time::Instant;

use serde_json::Value;

use crate::support::{App, CLOSED_PORT, DEADLINE, MockApi, Process, ROOT, Reply, Sandbox, Story, peers};

const EVENT: &str = r#"{"event": "job.paid", "data": {}}"#;

/// PoolFlow's 26 hours are a second.
const SCALE: [&str; 2] = ["--time-scale", "100000x"];

const SKIPPED: &str = "skipped: `HOOK_TEST_PEERS` names no folder of libraries";

const PASSWORD: &str = "a-password-of-the-test";

/// A mail server that runs; killed when dropped.
struct Mailbox {
    process: Process,
    port: u16,
}

impl Mailbox {
    /// At that port, or at one that is free for 0; `None` without peers.
    fn start(sandbox: &Sandbox, port: u16) -> Option<Self> {
        let peers = peers()?;
        if !sandbox.path("ca.pem").exists() {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
            sandbox.write("ca.pem", made.cert.pem());
            sandbox.write("key.pem", made.signing_key.serialize_pem());
        }
        let (python, script) = (peers.join("venv/bin/python"), format!("{ROOT}/tests/peers/mailbox.py"));
        let port = port.to_string();
        let args = [&*script, &*port, "ca.pem", "key.pem", "hook", PASSWORD];
        let mut process = sandbox.program(python.to_str().expect("a path"), args).spawn();
        let port = process.wait_line(|_| true).parse().expect("a port");
        Some(Self { process, port })
    }

    fn next(&mut self) -> Value {
        let line = self.process.wait_line(|_| true);
        serde_json::from_str(&line).expect("a mail")
    }

    /// The subject of the next mail, which must have come as it should.
    fn subject(&mut self) -> String {
        let mail = self.next();
        assert_eq!((&mail["tls"], &mail["login"]), (&true.into(), &true.into()), "{mail}");
        assert_eq!(mail["from"], "hook@example.com");
        let text = mail["text"].as_str().expect("a text");
        let subject = text.lines().find_map(|line| line.strip_prefix("Subject: "));
        subject.expect("a subject").to_owned()
    }

    /// Its settings.
    fn settings(&self) -> String {
        settings(self.port)
    }
}

fn settings(port: u16) -> String {
    format!(
        "from = \"hook <hook@example.com>\"\nto = [\"pat@example.com\"]\nendpoint-to = {{ b = [\"b@example.com\"] }}\n\
         smtp = {{ host = \"localhost\", port = {port}, user = \"hook\", password = \"env:SMTP\", cacert = \"ca.pem\" }}\n"
    )
}

/// A service with `[notify]` as given.
fn service(sandbox: &Sandbox, notify: &str, args: &[&str]) -> MockApi {
    sandbox.write(sandbox.config("config.toml"), format!("[notify]\n{notify}"));
    let run = sandbox.service_run(&[&SCALE[..], args].concat());
    MockApi::ready(run.env("SMTP", PASSWORD))
}

fn broken() -> App {
    App::start(|_| Reply::Status(500, ""))
}

fn add(sandbox: &Sandbox, name: &str, url: &str, rest: &str) {
    sandbox.add_endpoint(&format!("{url} --name {name} --local {rest}"));
}

/// Waits until every notice was sent.
#[track_caller]
fn all_told(sandbox: &Sandbox) {
    let ledger = rusqlite::Connection::open(sandbox.state("ledger.db")).expect("it opens");
    let begun = Instant::now();
    loop {
        let count = ledger.query_row("SELECT count(*) FROM notice_task", [], |row| row.get::<_, u32>(0));
        if count == Ok(0) {
            return;
        }
        assert!(begun.elapsed() < DEADLINE, "notices wait: {count:?}");
        std::thread::yield_now();
    }
}

/// The notices that the command of a test wrote, by name.
fn written(sandbox: &Sandbox) -> Vec<Value> {
    let text = fs::read_to_string(sandbox.path("notices")).unwrap_or_default();
    let lines = text.lines();
    lines.map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

const WRITE: &str = "cat >> notices; echo >> notices";

fn events(notices: &[Value]) -> Vec<&str> {
    notices.iter().filter_map(|notice| notice["event"].as_str()).collect()
}

#[test]
fn the_warning_and_the_notice_arrive_by_mail_webhook_and_command_once() {
    let sandbox = Sandbox::new();
    let Some(mut mailbox) = Mailbox::start(&sandbox, 0) else {
        eprintln!("{SKIPPED}");
        return;
    };
    let app = broken();
    add(&sandbox, "a", &app.url, "-p poolflow --events all");
    add(
        &sandbox,
        "ops",
        CLOSED_PORT,
        "-p generic --events endpoint.disabled --new-events",
    );
    let mut listener = sandbox.listen(["-p", "generic", "--secret", "endpoint:ops", "--json"]);
    sandbox
        .hook(["endpoints", "update", "ops", "--to", &listener.url, "--local"])
        .run()
        .ok();
    let notify = format!("webhook = \"ops\"\n{}", mailbox.settings());
    let mut running = service(&sandbox, &notify, &["--notify-exec", WRITE]);
    running.gives(202, "POST", "/events", EVENT);
    running.next("hook.endpoint-disabled/1");
    let mails = [mailbox.subject(), mailbox.subject()];
    assert_eq!(
        mails,
        [
            "Webhook endpoint a is about to be disabled",
            "Webhook endpoint a was disabled"
        ]
    );
    let wanted = ["endpoint.disabling", "endpoint.disabled"];
    for event in wanted {
        let line = listener.shows("hook.capture/");
        let capture: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(
            (&capture["event"], &capture["verdict"]),
            (&event.into(), &"verified".into()),
            "{line}"
        );
    }
    all_told(&sandbox);
    running.stop().ok().never([PASSWORD]);
    // A restart finds nothing to tell, and more deliveries to `a` are parked.
    let running = service(&sandbox, &notify, &["--notify-exec", WRITE]);
    running.gives(202, "POST", "/events", EVENT);
    all_told(&sandbox);
    running.stop().ok();
    let notices = written(&sandbox);
    assert_eq!(events(&notices), wanted);
    let data = &notices[1]["data"];
    assert_eq!(data["reason"], "a delivery failed for good");
    assert_eq!(
        (&data["endpoint"], &data["attempt"]),
        (&"a".into(), &6.into()),
        "{data}"
    );
    assert_eq!(
        sandbox
            .deliveries()
            .iter()
            .filter(|found| found.delivery.endpoint.as_deref() == Some("ops"))
            .count(),
        2
    );
    mailbox.process.signal("TERM");
    let said = mailbox.process.wait().stdout();
    assert_eq!(said.lines().count(), 3, "the port, and two mails: {said}");
    listener.stop().ok();
}

#[test]
fn a_mail_comes_when_the_server_is_up_again_and_events_are_taken_meanwhile() {
    let sandbox = Sandbox::new();
    let Some(mailbox) = Mailbox::start(&sandbox, 0) else {
        eprintln!("{SKIPPED}");
        return;
    };
    let (port, app) = (mailbox.port, broken());
    drop(mailbox);
    add(&sandbox, "b", &app.url, "-p poolflow --events all");
    let mut running = service(
        &sandbox,
        &format!("events = [\"endpoint.disabled\"]\n{}", settings(port)),
        &[],
    );
    running.gives(202, "POST", "/events", EVENT);
    running
        .process
        .wait_said(|line| line.contains("about `b` by mail is tried again in 1s"));
    running.gives(202, "POST", "/events", EVENT);
    let mut mailbox = Mailbox::start(&sandbox, port).expect("it was there");
    let mail = mailbox.next();
    assert_eq!(mail["to"], serde_json::json!(["b@example.com"]));
    all_told(&sandbox);
    assert_eq!(running.gives(200, "GET", "/status", "")["failed_notices"], 0);
    running.stop().ok();
}

#[test]
fn a_mail_that_the_server_refuses_is_given_up_and_causes_nothing() {
    let sandbox = Sandbox::new();
    let Some(mailbox) = Mailbox::start(&sandbox, 0) else {
        eprintln!("{SKIPPED}");
        return;
    };
    let app = broken();
    add(&sandbox, "a", &app.url, "-p poolflow --events all");
    let notify = mailbox
        .settings()
        .replace("\"hook\", password", "\"somebody\", password");
    let mut running = service(&sandbox, &format!("events = [\"endpoint.disabled\"]\n{notify}"), &[]);
    running.gives(202, "POST", "/events", EVENT);
    running
        .process
        .wait_said(|line| line.contains("about `a` by mail is given up"));
    all_told(&sandbox);
    running.wait_for("/status", |status| status["failed_notices"] == 1);
    running.stop().ok().never([PASSWORD]);
}

#[test]
fn attempts_and_deliveries_that_fail_are_told_on_request() {
    let mut story = Story::new();
    let sandbox = &story.sandbox;
    let app = broken();
    add(sandbox, "a", &app.url, "-p poolflow --events all");
    let every = r#"["endpoint.disabling", "endpoint.disabled", "attempt.failed", "delivery.failed"]"#;
    let mut running = service(sandbox, &format!("events = {every}\nexec = \"{WRITE}\"\n"), &[]);
    running.gives(202, "POST", "/events", EVENT);
    running.next("hook.endpoint-disabled/1");
    all_told(sandbox);
    running.stop().ok();
    let notices = written(sandbox);
    let (attempt, last) = (
        "attempt.failed",
        ["attempt.failed", "delivery.failed", "endpoint.disabled"],
    );
    let expected = [&[attempt; 5][..], &["endpoint.disabling"], &last].concat();
    assert_eq!(events(&notices), expected);
    assert_eq!(notices[0]["data"]["failure"], "500 Internal Server Error");
    let ids: std::collections::BTreeSet<_> = notices.iter().map(|notice| notice["id"].to_string()).collect();
    assert_eq!(ids.len(), notices.len());
    let mut last = notices[8].clone();
    assert_eq!(
        last["id"],
        format!("endpoint.disabled_{}_6", last["data"]["delivery"].as_str().unwrap())
    );
    last["id"] = "endpoint.disabled_dlv_..._6".into();
    let last = sandbox.pretty(&last);
    story.text(&last);
    story.compare("json-notice");
}

#[test]
fn a_notice_that_fails_disables_nothing_and_causes_no_notice() {
    let sandbox = Sandbox::new();
    let (app, ops) = (broken(), App::start(|_| Reply::Status(410, "")));
    add(&sandbox, "a", &app.url, "-p poolflow --events all");
    add(&sandbox, "ops", &ops.url, "-p poolflow --events job.created");
    let notify = format!("webhook = \"ops\"\nexec = \"{WRITE}\"\n");
    let mut running = service(&sandbox, &notify, &[]);
    running.gives(202, "POST", "/events", EVENT);
    running.next("hook.endpoint-disabled/1");
    all_told(&sandbox);
    running.until(|queue| queue.waiting == 0 && queue.taken == 0);
    assert!(ops.rest().len() >= 2);
    let health = running.gives(200, "GET", "/endpoints/ops/health", "");
    assert_eq!(
        (&health["active"], &health["failed_deliveries"]),
        (&true.into(), &0.into())
    );
    running.stop().ok();
    assert_eq!(events(&written(&sandbox)), ["endpoint.disabling", "endpoint.disabled"]);
}

#[test]
fn a_command_that_fails_is_run_again() {
    let sandbox = Sandbox::new();
    let app = broken();
    add(&sandbox, "a", &app.url, "-p poolflow --events all");
    let once = "test -e failed || { touch failed; echo no room >&2; exit 3; }";
    let notify = format!("events = [\"endpoint.disabled\"]\nexec = \"{once}; {WRITE}\"\n");
    let mut running = service(&sandbox, &notify, &[]);
    running.gives(202, "POST", "/events", EVENT);
    running
        .process
        .wait_said(|line| line.contains("by exec is tried again in 1s: exit 3: no room"));
    all_told(&sandbox);
    running.stop().ok();
    assert_eq!(events(&written(&sandbox)), ["endpoint.disabled"]);
}

#[test]
fn a_command_that_fails_for_each_notice_is_reported_once_and_prints_nothing_itself() {
    let sandbox = Sandbox::new();
    let app = broken();
    add(&sandbox, "a", &app.url, "-p poolflow --events all");
    add(&sandbox, "b", &app.url, "-p poolflow --events all");
    let notify = "events = [\"endpoint.disabled\"]\nexec = \"date >> runs; echo printed; echo no room >&2; exit 3\"\n";
    let mut running = service(&sandbox, notify, &[]);
    running.gives(202, "POST", "/events", EVENT);
    for _ in 0..2 {
        running.next("hook.endpoint-disabled/1");
    }
    let begun = Instant::now();
    while fs::read_to_string(sandbox.path("runs"))
        .unwrap_or_default()
        .lines()
        .count()
        < 4
    {
        assert!(begun.elapsed() < DEADLINE, "the command does not run");
        std::thread::yield_now();
    }
    let said = running.stop().ok().stderr();
    assert_eq!(said.matches("no room").count(), 1, "{said}");
    assert!(!said.contains("printed"), "{said}");
    assert!(said.lines().all(|line| line.starts_with('{')), "{said}");
}

#[test]
fn settings_that_cannot_be_used_are_refused_at_the_start() {
    let sandbox = Sandbox::new();
    let server = "from = \"hook@example.com\"\nto = [\"pat@example.com\"]\n";
    for (notify, part) in [
        ("events = [\"nothing\"]", "`nothing` is none of `endpoint.disabling`"),
        (
            "smtp = { host = \"mail.example.com\" }",
            "setting `notify.from` is missing",
        ),
        (
            "from = \"a@example.com\"\nsmtp = { host = \"mail.example.com\" }",
            "setting `notify.to` is missing",
        ),
        (
            &format!("{server}smtp = {{ host = \"mail.example.com\", tls = \"none\" }}"),
            "is for a mail server on this machine",
        ),
        (
            &format!("{server}smtp = {{ host = \"mail.example.com\", user = \"pat\" }}"),
            "`user` and `password` belong together",
        ),
        (
            &format!("{server}smtp = {{ host = \"mail.example.com\", cacert = \"none.pem\" }}"),
            "the certificates in `none.pem` cannot be used",
        ),
        (
            "from = \"nobody\"\nto = [\"a@example.com\"]\nsmtp = { host = \"mail.example.com\" }",
            "`nobody` is not a mail address",
        ),
    ] {
        sandbox.write(sandbox.config("config.toml"), format!("[notify]\n{notify}\n"));
        sandbox.hook(["serve", "--port", "0"]).run().exits(2).says([part]);
        let check = sandbox.hook(["serve", "--check"]).run().exits(2);
        assert!((check.stdout() + &check.stderr()).contains(part), "{check}");
    }
}

#[test]
fn a_project_may_set_nothing_of_it_without_trust() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "hook.toml",
        "[notify]\nexec = \"touch stolen\"\nsmtp = { host = \"localhost\", password = \"literal:abc\" }\n",
    );
    sandbox
        .hook(["config", "show"])
        .run()
        .ok()
        .says(["`notify`"])
        .never(["touch stolen"]);
    sandbox
        .hook(["config", "trust", "--yes"])
        .run()
        .ok()
        .never(["literal:abc"]);
    sandbox
        .hook(["config", "show"])
        .run()
        .ok()
        .prints(["touch stolen"])
        .never(["literal:abc"]);
}
