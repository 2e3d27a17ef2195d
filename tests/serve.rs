//! `hook serve`: the durable service, a provider's management API on this machine, and what both deliver.

mod access;
mod command;
mod durable_access;
mod durable_api;
mod durable_control;
mod durable_docs;
mod durable_endpoints;
mod durable_keys;
mod events;
mod handshake;
mod health;
mod notices;
mod sdk;
mod statuses;
mod subscriptions;

use serde_json::Value;

use crate::support::{MockApi, Sandbox};

/// A body that registers an endpoint.
fn registration(url: &str, event: &str) -> String {
    serde_json::json!({"url": url, "events": [event]}).to_string()
}

/// The names of the endpoints in the book.
fn book(sandbox: &Sandbox) -> Vec<String> {
    let lines = sandbox.hook(["endpoints", "list", "--json"]).run().json();
    let name = |line: &Value| line["name"].as_str().expect("a name").to_owned();
    lines.iter().map(name).collect()
}

/// Makes a call that is refused with that status and a body that contains that text.
#[track_caller]
fn refused(face: &MockApi, call: (&str, &str, &str), status: u16, part: &str) -> Value {
    let (method, path, body) = call;
    let (got, answer) = face.call(method, path, body);
    assert_eq!(got, status, "{call:?}: {answer}");
    assert!(answer.to_string().contains(part), "{call:?} lacks {part:?}: {answer}");
    answer
}
