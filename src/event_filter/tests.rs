use serde_json::json;

use super::*;
use crate::clock::Timestamp;
use crate::provider::{Facts, Registry};
use crate::server::Incoming;
use crate::signature::{Proof, Verdict};
use crate::verification::VerificationResult;

fn judged(provider: &str, event: &str) -> VerificationResult {
    VerificationResult {
        label: Some(provider.into()),
        profile: Some(Registry::default().get(provider).unwrap()),
        verdict: Verdict::Verified(Proof::default()),
        facts: Facts {
            event: Some(event.to_owned()),
            id: Some("evt_1".to_owned()),
            ..Facts::default()
        },
        ties: Vec::new(),
    }
}

fn incoming(body: &str) -> Incoming {
    Incoming {
        method: "POST".to_owned(),
        target: "/hooks?a=1".to_owned(),
        headers: [("content-type", "application/json")].into_iter().collect(),
        body: body.to_owned().into(),
        remote: "127.0.0.1:5000".parse().unwrap(),
    }
}

/// How many events of a request match.
fn count(source: &str, provider: &str, event: &str, body: &str) -> usize {
    let (judged, incoming) = (judged(provider, event), incoming(body));
    let view = RequestView::of_incoming(&incoming, &judged, 200, Timestamp::from_unix(0));
    let filter = Arc::new(EventFilter::expression(source).unwrap());
    let met = met_by_event(&[Arc::clone(&filter)], &view);
    let count = met.iter().filter(|met| **met != 0).count();
    assert_eq!(filter.failures(), None, "{source}");
    assert_eq!(filter.matches(&view), count > 0);
    count
}

#[test]
fn the_data_of_an_event_is_found_in_the_envelope_of_its_provider() {
    let body = r#"{"id":"evt_1","type":"job.paid","data":{"total":5}}"#;
    assert_eq!(
        count(
            "data.total == 5 && path == '/hooks' && query.a == ['1']",
            "generic",
            "job.paid",
            body
        ),
        1
    );
    assert_eq!(
        count(
            "data.action == 'opened'",
            "github",
            "pull_request",
            r#"{"action":"opened"}"#
        ),
        1
    );
    assert_eq!(
        count("data.total == 5", "generic", "job.paid", r#"{"total":5}"#),
        1,
        "no envelope"
    );
}

#[test]
fn grouped_events_are_judged_each() {
    let body = json!([
        {"event": "delivered", "sg_event_id": "a", "email": "x@example.com"},
        {"event": "bounce", "sg_event_id": "b", "email": "y@example.com"},
        {"event": "bounce", "sg_event_id": "c", "email": "z@example.com"},
    ])
    .to_string();
    let count = |source: &str| count(source, "sendgrid", "delivered", &body);
    assert_eq!(count("event == 'bounce'"), 2);
    assert_eq!(count("event == 'bounce' && id == 'c' && data.email.startsWith('z')"), 1);
    assert_eq!(count("event == 'delivered' && id == 'b'"), 0, "never of two events");
    assert_eq!(count("verified"), 1, "what is the same for all events counts once");
}

#[test]
fn errors_are_counted_and_match_nothing() {
    let filter = EventFilter::expression("data.missing == 1").unwrap();
    let (judged, incoming) = (judged("generic", "a"), incoming(r#"{"data":{}}"#));
    let view = RequestView::of_incoming(&incoming, &judged, 0, Timestamp::from_unix(0));
    assert!(!filter.matches(&view) && !filter.matches(&view));
    let failures = filter.failures().unwrap();
    assert_eq!(
        failures.to_string(),
        "`data.missing == 1` failed 2 times, which counts as false: no field `missing` in `data`"
    );
}

#[test]
fn errors_of_the_source_name_the_place_and_point_to_it() {
    let error = EventFilter::parse("--where", "evnt == 'a'").unwrap_err();
    assert_eq!(
        error.message,
        "`--where` is not a valid expression: line 1, column 1: unknown variable `evnt`"
    );
    assert_eq!(error.causes, ["here:\nevnt == 'a'\n^"]);
    assert!(EventFilter::parse_live("--where", "!duplicate").is_err());
}

#[test]
fn a_pattern_knows_the_other_names_of_an_event() {
    let (judged, incoming) = (judged("pool-brain", "customer.status.changed"), incoming("{}"));
    let view = RequestView::of_incoming(&incoming, &judged, 0, Timestamp::from_unix(0));
    assert!(EventFilter::pattern("customer.status.updated").matches(&view));
    assert!(EventFilter::pattern("customer.*").matches(&view) && !EventFilter::pattern("job.*").matches(&view));
}
