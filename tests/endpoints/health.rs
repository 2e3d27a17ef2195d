//! The health of endpoints is in the ledger; the endpoint file has what people wrote.

use serde_json::{Value, json};

use super::{added, closed, endpoints, shown};
use crate::support::Sandbox;

/// The endpoint file as JSON.
fn file(sandbox: &Sandbox) -> Value {
    let text = std::fs::read_to_string(sandbox.config("endpoints.json")).expect("an endpoint file");
    serde_json::from_str(&text).expect("JSON")
}

/// Disables an endpoint of that name by a delivery whose schedule is worked off.
fn exhaust(sandbox: &Sandbox, name: &str) {
    let args = format!("send job.paid --endpoint {name} --retry 1ms -q");
    let outcome = sandbox.hook(args.split_whitespace()).run().exits(4);
    // With `--quiet` too: deliveries end here.
    outcome.says([&format!("endpoint `{name}` is disabled")]);
}

#[test]
fn deliveries_that_fail_do_not_change_the_endpoint_file() {
    let sandbox = Sandbox::new();
    added(&sandbox, "a", &closed(), "-p poolflow --events job.paid");
    let before = file(&sandbox);
    exhaust(&sandbox, "a");
    assert_eq!(file(&sandbox), before);
    let line = shown(&sandbox, "a");
    assert_eq!(line["disabled"]["reason"], "failed-deliveries");
    let notice = &line["notices"][0];
    assert_eq!(notice["kind"], "endpoint.disabled");
    assert_eq!(notice["told"]["reason"], "a delivery failed for good");
    assert_eq!(notice["told"]["notified_by"], "email");
    endpoints(&sandbox, "show a")
        .ok()
        .prints(["disabled: a delivery failed for good (by email)"]);
    endpoints(&sandbox, "doctor a").prints(["disabled since"]);
    // Another ledger knows nothing of it, and is not made by looking.
    let other = ["--ledger", "other.db", "endpoints", "list", "--json"];
    assert_eq!(sandbox.hook(other).run().ok().object()["active"], true);
    assert!(!sandbox.path("other.db").exists());
    endpoints(&sandbox, "enable a").ok();
    assert_eq!(file(&sandbox)["endpoints"][0].get("failed_deliveries"), None);
    let line = shown(&sandbox, "a");
    assert_eq!((&line["active"], &line["failed_deliveries"]), (&true.into(), &0.into()));
    assert_eq!(line["notices"].as_array().map(Vec::len), Some(1), "it was told");
}

#[test]
fn by_hand_is_written_to_the_file_and_one_that_is_removed_leaves_nothing() {
    let sandbox = Sandbox::new();
    added(&sandbox, "a", &closed(), "-p poolflow --events job.paid");
    endpoints(&sandbox, "disable a").ok();
    assert_eq!(file(&sandbox)["endpoints"][0]["disabled"]["reason"], "hand");
    endpoints(&sandbox, "enable a").ok();
    exhaust(&sandbox, "a");
    endpoints(&sandbox, "disable a").ok().prints(["is disabled already"]);
    assert_eq!(file(&sandbox)["endpoints"][0].get("disabled"), None);
    endpoints(&sandbox, "rm a --yes").ok();
    added(&sandbox, "a", &closed(), "-p poolflow --events job.paid");
    assert_eq!(shown(&sandbox, "a")["active"], true);
}

#[test]
fn what_an_earlier_hook_wrote_into_the_file_counts_and_moves_with_the_next_change() {
    let sandbox = Sandbox::new();
    for name in ["a", "b"] {
        added(&sandbox, name, &closed(), "-p poolflow --events job.paid");
    }
    let mut old = file(&sandbox);
    old["endpoints"][0]["failed_deliveries"] = json!(4);
    old["endpoints"][0]["disabled"] = json!({"reason": "failed-deliveries", "since": "2030-01-02T03:04:05Z"});
    sandbox.write(sandbox.config("endpoints.json"), old.to_string());
    let line = shown(&sandbox, "a");
    assert_eq!(
        (&line["active"], &line["failed_deliveries"]),
        (&false.into(), &4.into())
    );
    assert_eq!(file(&sandbox), old, "looking changes nothing");
    endpoints(&sandbox, "update b --description x").ok();
    assert_eq!(file(&sandbox)["endpoints"][0].get("disabled"), None);
    let line = shown(&sandbox, "a");
    assert_eq!(
        (&line["active"], &line["failed_deliveries"]),
        (&false.into(), &4.into())
    );
    endpoints(&sandbox, "enable a")
        .ok()
        .prints(["its 4 failed deliveries are forgotten"]);
    assert_eq!(shown(&sandbox, "a")["active"], true);
}

#[test]
fn a_ledger_that_cannot_be_read_is_an_error_where_it_matters() {
    let sandbox = Sandbox::new();
    added(&sandbox, "a", &closed(), "-p poolflow --events job.paid");
    sandbox.write("broken.db", "no ledger");
    let list = |command: &str| sandbox.hook(["--ledger", "broken.db", "endpoints", command, "a"]).run();
    list("show").exits(7).says(["broken.db"]);
    list("enable").exits(7).says(["broken.db"]);
}
