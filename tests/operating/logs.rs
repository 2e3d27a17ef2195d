//! The log of a service in JSON, and the trace that goes through it.

use serde_json::Value;

use super::{accept, endpoint, service};
use crate::support::{App, CLOSED_PORT, Reply, Sandbox};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[test]
fn every_line_of_both_streams_is_an_object_with_a_level() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    endpoint(&sandbox, "good", &app.url, &[]);
    endpoint(&sandbox, "bad", CLOSED_PORT, &[]);
    let mut service = service(&sandbox, &["-v"]);
    accept(&service, 1);
    service.until(|queue| queue.waiting == 1 && queue.taken == 0);
    service.call("POST", "/events", "{}");
    let refused = service.next("\"status\":400");
    assert_eq!(
        (&refused["schema"], &refused["level"]),
        (&"hook.call/1".into(), &"warn".into())
    );
    let outcome = service.stop().ok();
    let lines = outcome.json();
    let levels: Vec<(&str, &str)> = lines
        .iter()
        .map(|line| {
            (
                line["schema"].as_str().expect("a schema"),
                line["level"].as_str().expect("a level"),
            )
        })
        .collect();
    for wanted in [
        ("hook.ready/1", "info"),
        ("hook.call/1", "info"),
        ("hook.attempt/1", "info"),
        ("hook.attempt/1", "warn"),
    ] {
        assert!(levels.contains(&wanted), "{wanted:?}: {levels:?}");
    }
    assert!(lines.iter().all(|line| line["at"].is_string()), "{outcome}");
    let notices: Vec<Value> = outcome
        .stderr()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    assert!(
        notices
            .iter()
            .all(|notice| notice["schema"] == "hook.log-line/1" && notice["at"].is_string())
    );
    let said = |level: &str, text: &str| {
        let says = |notice: &Value| notice["message"].as_str().is_some_and(|message| message.contains(text));
        notices.iter().any(|notice| notice["level"] == level && says(notice))
    };
    assert!(said("info", "serving events on http://"), "{outcome}");
    assert!(said("info", "1 left with attempts to make"), "{outcome}");
}

#[test]
fn an_error_is_an_object_too() {
    let sandbox = Sandbox::new();
    let run = sandbox
        .hook(["serve", "--json", "--key", "env:NOT_THERE"])
        .run()
        .exits(2);
    let error: Value = serde_json::from_str(run.stderr().trim()).expect("one object");
    assert_eq!(
        (&error["schema"], &error["level"]),
        (&"hook.log-line/1".into(), &"error".into())
    );
    assert!(
        error["message"].as_str().is_some_and(|text| text.contains("NOT_THERE")),
        "{error}"
    );
}

#[test]
fn the_trace_of_a_call_goes_on_to_its_deliveries_also_after_a_restart() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(503, ""));
    endpoint(&sandbox, "one", &app.url, &[]);
    let mut first = service(&sandbox, &[]);
    first.with("traceparent", PARENT);
    first.with("tracestate", "vendor=1");
    accept(&first, 1);
    let seen = app.next();
    assert_eq!(
        (seen.header("traceparent"), seen.header("tracestate")),
        (Some(PARENT), Some("vendor=1"))
    );
    first.until(|queue| queue.waiting == 1 && queue.taken == 0);
    first.kill();
    let mut second = service(&sandbox, &["--time-scale", "1000x"]);
    let retried = app.next();
    assert_eq!(
        (retried.header("traceparent"), retried.header("tracestate")),
        (Some(PARENT), Some("vendor=1"))
    );
    assert_eq!(super::number(&retried.body), 1);
    // A batch has one trace; one that is not valid is none.
    second.with("traceparent", PARENT);
    second.gives(
        202,
        "POST",
        "/events/batch",
        r#"[{"event":"a","data":{"n":2}},{"event":"b","data":{"n":2}}]"#,
    );
    let with_trace = |wanted: Option<&str>, n: u64, count: usize| {
        let mut left = count;
        while left > 0 {
            let seen = app.next();
            if super::number(&seen.body) == n {
                assert_eq!(seen.header("traceparent"), wanted);
                left -= 1;
            }
        }
    };
    with_trace(Some(PARENT), 2, 2);
    second.with("traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01");
    accept(&second, 3);
    with_trace(None, 3, 1);
    second.kill();
}
