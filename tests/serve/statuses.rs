//! The statuses and codes of refusals, the same rule for every provider.

use serde_json::json;

use super::{book, refused, registration};
use crate::support::Sandbox;

#[test]
fn hooks_own_word_for_all_events_is_no_event_of_an_api() {
    // `generic` is hook's own, where the word means all events.
    for (provider, event, status) in [
        ("slotflow", "booking.confirmed", 422),
        ("pocketsflow", "order.completed", 400),
        ("hoopai", "ContactCreated", 422),
    ] {
        let sandbox = Sandbox::new();
        let mut face = sandbox.serve(provider, &[]);
        face.with("version", "2021-07-28");
        for events in [json!(["all"]), json!([event, "all"]), json!(["all", "*"])] {
            let body = json!({"url": "https://a.example.com", "events": events, "locationId": "loc1"});
            refused(&face, ("POST", "/webhooks", &body.to_string()), status, "no event `");
        }
        assert!(book(&sandbox).is_empty(), "{provider}");
    }
    // A provider's own wildcard means all events; other names beside it are still checked.
    let sandbox = Sandbox::new();
    let face = sandbox.serve("pocketsflow", &[]);
    let (status, made) = face.call("POST", "/webhooks", &registration("https://a.example.com", "*"));
    assert_eq!((status, &made["events"]), (201, &json!(["*"])));
    let path = format!("/webhooks/{}", made["id"].as_str().expect("an id"));
    for events in [json!(["all"]), json!(["*", "order.lost"])] {
        let body = json!({"events": events}).to_string();
        refused(&face, ("PATCH", &path, &body), 400, "no event `");
    }
}

#[test]
fn a_method_that_is_not_allowed_has_the_code_that_the_provider_would_give() {
    for (provider, part) in [
        ("slotflow", "METHOD_NOT_ALLOWED"),
        ("pocketsflow", r#""error":"Method Not Allowed""#),
        ("hoopai", r#""error":"Method Not Allowed""#),
    ] {
        let sandbox = Sandbox::new();
        let face = sandbox.serve(provider, &[]);
        refused(&face, ("DELETE", "/webhooks", ""), 405, part);
    }
}
