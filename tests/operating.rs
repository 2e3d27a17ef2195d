//! A durable service in operation: limits and pauses of endpoints, backups, what is parked, how little it may have open.

mod backup;
mod certificate;
mod documents;
mod limits;
mod logs;
mod metrics;
mod parked;
mod pause;
mod settings;

use serde_json::json;

use crate::support::{KEY, MockApi, Run, Sandbox};

/// `hook serve --port 0 ARGS`, not yet started.
fn service_run(sandbox: &Sandbox, args: &[&str]) -> Run {
    let always = ["serve", "--port", "0", "--json", "--key", "env:KEY"];
    sandbox.hook(always.iter().chain(args)).env("KEY", KEY)
}

/// The same, ready to take events.
fn service(sandbox: &Sandbox, args: &[&str]) -> MockApi {
    MockApi::ready(service_run(sandbox, args))
}

/// Adds an endpoint for all events.
#[track_caller]
fn endpoint(sandbox: &Sandbox, name: &str, url: &str, args: &[&str]) {
    let always = ["endpoints", "add", url, "-p", "generic", "--name", name, "--local"];
    let always = always
        .iter()
        .chain(&["--events", "all", "--quiet", "-s", "literal:whsec_a"]);
    sandbox.hook(always.chain(args)).run().ok();
}

/// Hands over an event with that number.
#[track_caller]
fn accept(service: &MockApi, number: usize) {
    let event = json!({"event": "thing.created", "data": {"n": number}});
    let (status, answer) = service.call("POST", "/events", &event.to_string());
    assert_eq!(status, 202, "{answer}");
}

/// The number of an event, from the body of a delivery.
fn number(body: &[u8]) -> u64 {
    let body: serde_json::Value = serde_json::from_slice(body).expect("JSON");
    body["data"]["n"].as_u64().expect("a number")
}
