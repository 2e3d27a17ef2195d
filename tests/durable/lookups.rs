//! Names that cannot be looked up: a resolver that is down is no fault of the endpoints.

use serde_json::Value;

use crate::support::{App, MockApi, Queue, Reply, Sandbox, number};

/// The waits while the resolver is down are divided too.
const SCALED: &[&str] = &["--time-scale", "10x"];

/// The URL of an app by a name that has to be looked up.
fn named(app: &App, name: &str) -> String {
    app.url.replace("127.0.0.1", name)
}

fn postponed(service: &MockApi, wanted: &[&str]) {
    service.wait_for("/status", |status| {
        let postponed = status["postponed_endpoints"].as_array().expect("a list");
        postponed.iter().filter_map(Value::as_str).eq(wanted.iter().copied())
    });
}

#[test]
fn while_the_resolver_is_down_deliveries_wait_and_spend_no_attempt() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    // One attempt that is spent would be the last one.
    sandbox.patient("once", "5s", "[]");
    sandbox.endpoint("app", "once", &named(&app, "app.test"));
    sandbox.fail_lookups("all");
    let mut service = MockApi::ready(sandbox.on_odd_machine(sandbox.service_run(SCALED)));
    let events = 20;
    for number in 0..events {
        service.accepts(number);
    }
    let said = service.process.wait_said(|line| line.contains("spend no attempt"));
    assert!(said.contains("`app.test`"), "{said}");
    postponed(&service, &["app"]);
    service.until(|queue| queue.waiting == events as u64 && queue.taken == 0);
    assert_eq!(sandbox.attempts(), 0);
    let health = service.gives(200, "GET", "/endpoints/app/health", "");
    assert_eq!(
        (&health["active"], &health["failing"]),
        (&true.into(), &false.into()),
        "{health}"
    );
    assert_eq!(health["failed_deliveries"], 0, "{health}");

    sandbox.fail_lookups("");
    let mut came: Vec<_> = (0..events).filter_map(|_| number(&app.next().body)).collect();
    came.sort_unstable();
    assert_eq!(came, (0..events).collect::<Vec<_>>());
    service.process.wait_said(|line| line.contains("go on"));
    service.until(|queue| *queue == Queue::DONE);
    postponed(&service, &[]);
    assert_eq!(sandbox.attempts(), events as u64);
    let ended = service.terminate().ok();
    let told = String::from_utf8_lossy(&ended.stderr)
        .matches("spend no attempt")
        .count();
    assert_eq!(told, 1, "reported once");
}

#[test]
fn a_name_that_nobody_answers_for_while_others_resolve_is_its_endpoints_fault() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox.patient("once", "5s", "[]");
    sandbox.endpoint("app", "once", &named(&app, "app.test"));
    let service = MockApi::ready(sandbox.on_odd_machine(sandbox.service_run(SCALED)));
    service.accepts(1);
    app.next();
    sandbox.endpoint("lost", "once", &named(&app, "lost.test"));
    sandbox.fail_lookups("lost.test");
    // A call about an endpoint reads the file at once, an event within 50 ms.
    let known = |name: &str| assert_eq!(service.call("GET", &format!("/endpoints/{name}/health"), "").0, 200);
    known("lost");
    service.accepts(2);
    postponed(&service, &["lost"]);
    // Connections to the first one are kept: it is not looked up again.
    sandbox.endpoint("other", "once", &named(&app, "other.test"));
    known("other");
    service.accepts(3);
    let lost = "/deliveries?state=failed&endpoint=lost";
    service.wait_for(lost, |found| {
        found["items"].as_array().is_some_and(|items| items.len() == 2)
    });
    postponed(&service, &[]);
    service.terminate().ok();
}

#[test]
fn a_proxy_of_the_environment_that_is_down_is_not_asked() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox.patient("once", "5s", "[]");
    sandbox.endpoint("app", "once", &named(&app, "app.test"));
    let run = sandbox.service_run::<&str>(&[]);
    let run = ["HTTP_PROXY", "http_proxy", "ALL_PROXY"]
        .iter()
        .fold(run, |run, name| run.env(name, crate::support::CLOSED_PORT));
    let service = MockApi::ready(sandbox.on_odd_machine(run));
    service.accepts(1);
    app.next();
    service.until(|queue| *queue == Queue::DONE);
    service.terminate().ok();
}
