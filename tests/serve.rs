//! `hook serve`: a provider's management API on this machine, and what it delivers.

mod access;
mod command;
mod events;
mod handshake;
mod sdk;
mod subscriptions;

/// A body that registers an endpoint.
fn registration(url: &str, event: &str) -> String {
    serde_json::json!({"url": url, "events": [event]}).to_string()
}
