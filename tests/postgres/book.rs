//! The endpoint book in the database.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Machine, PASSWORD};
use crate::support::{App, Outcome, Reply, Run};

impl Machine {
    /// `hook LINE` with `HOOK_KEY`, not yet run.
    fn keyed(&self, line: &str) -> Run {
        self.starting(line)
            .env("HOOK_KEY", "env:A_KEY")
            .env("A_KEY", STANDARD.encode([1; 32]))
    }

    #[track_caller]
    fn with_key(&self, line: &str) -> Outcome {
        self.keyed(line).run().never([PASSWORD])
    }
}

fn add(name: &str, url: &str) -> String {
    format!("endpoints add {url} -p generic --name {name} --local --events all")
}

#[test]
fn postgres_keeps_the_endpoints_for_every_machine() {
    let Some(machine) = Machine::new() else { return };
    let (app, other) = (App::start(|_| Reply::Status(200, "")), machine.beside());
    machine.hook("endpoints list").ok();
    let without_key = machine.hook(&add("shop", &app.url)).exits(2);
    without_key.says(["`HOOK_KEY` is not set", "hint: "]);
    machine.with_key(&add("shop", &app.url)).ok();
    other
        .with_key("endpoints show shop")
        .ok()
        .prints([&app.url, "stored:shop"]);
    let before = machine.sql("SELECT text FROM hook.kept WHERE kind = 'secret'");
    assert!(before.contains("enc:v1:") && !before.contains("whsec_"), "{before}");
    other.with_key("endpoints rotate-secret shop").ok();
    assert_eq!(machine.sql("SELECT count(*) FROM hook.kept WHERE kind = 'secret'"), "2");
    let sent = "send job.paid --data {} --endpoint shop";
    machine.with_key(sent).ok().prints(["#1"]);
    machine.hook(sent).exits(7).says(["HOOK_KEY"]);
    machine.with_key(&add("shop", &app.url)).exits(3).says(["shop"]);
    other.with_key("endpoints remove shop --yes").ok();
    assert_eq!(machine.sql("SELECT count(*) FROM hook.kept"), "0");
    for machine in [machine, other] {
        machine.nothing_is_left();
        assert!(!machine.sandbox.config("endpoints.json").exists());
    }
}

#[test]
fn postgres_takes_in_the_book_of_a_file() {
    let Some(machine) = Machine::new() else { return };
    let app = App::start(|_| Reply::Status(200, ""));
    for name in ["shop", "bank"] {
        machine.keyed(&add(name, &app.url)).env("HOOK_STORE", "").run().ok();
    }
    let export = machine.keyed("endpoints export --book book.json").env("HOOK_STORE", "");
    export.run().ok();
    machine.with_key("endpoints import --book book.json").ok();
    let in_file = machine.keyed("endpoints list --json").env("HOOK_STORE", "").run().ok();
    assert_eq!(
        machine.with_key("endpoints list --json").ok().stdout(),
        in_file.stdout()
    );
    let other = machine.beside();
    other
        .with_key("send job.paid --data {} --endpoint shop")
        .ok()
        .prints(["#1"]);
    other.with_key("endpoints export --book back.json").ok();
    let endpoints = |machine: &Machine, file: &str| -> serde_json::Value {
        let text = std::fs::read(machine.sandbox.path(file)).expect("a file");
        serde_json::from_slice::<serde_json::Value>(&text).expect("JSON")["endpoints"].take()
    };
    assert_eq!(endpoints(&other, "back.json"), endpoints(&machine, "book.json"));
    let sign = "sign -p generic -s endpoint:shop --body {} --json";
    let signature = |run: Run| {
        let signed = run.run().ok().object();
        let headers = signed["headers"].as_array().cloned().expect("headers");
        let found = headers.into_iter().find(|header| header["name"] == "x-signature-256");
        found.expect("a signature")
    };
    let in_file = signature(machine.keyed(sign).env("HOOK_STORE", ""));
    assert_eq!(signature(other.keyed(sign)), in_file);
}

#[test]
fn postgres_loses_no_endpoint_of_ten_that_are_added_at_once() {
    let Some(machine) = Machine::new() else { return };
    let all: Vec<_> = (0..10)
        .map(|number| {
            machine
                .keyed(&add(&format!("e{number}"), "http://127.0.0.1:1/"))
                .spawn()
        })
        .collect();
    for one in all {
        one.wait().ok();
    }
    assert_eq!(machine.with_key("endpoints list --json").ok().json().len(), 10);
}

#[test]
fn postgres_counts_what_an_import_of_a_book_changes() {
    let Some(machine) = Machine::new() else { return };
    let app = App::start(|_| Reply::Status(500, ""));
    for name in ["shop", "bank"] {
        machine.with_key(&add(name, &app.url)).ok();
    }
    machine.with_key("endpoints export --book book.json").ok();
    let sent = "send job.paid --data {} --endpoint shop";
    machine.with_key(sent).exits(3);
    let again = machine.with_key("endpoints import --book book.json --replace").ok();
    again
        .says(["2 endpoints imported: 0 added, 0 replaced, 2 unchanged"])
        .never(["forgotten", "updated"]);
    machine.with_key("endpoints remove bank --yes").ok();
    machine
        .with_key(&format!("endpoints update shop --to {}/other", app.url))
        .ok();
    let mixed = machine.with_key("endpoints import --book book.json --replace").ok();
    mixed
        .says(["2 endpoints imported: 1 added, 1 replaced, 0 unchanged"])
        .never(["forgotten"]);
}
