//! Limits of single endpoints.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{accept, endpoint, number, service};
use crate::support::{App, Reply, Sandbox};

#[test]
fn deliveries_of_an_ordered_endpoint_wait_for_the_retries_of_the_one_before() {
    let sandbox = Sandbox::new();
    let tries = AtomicUsize::new(0);
    let app = App::start(move |_| match tries.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => Reply::Status(500, ""),
        _ => Reply::Status(200, ""),
    });
    endpoint(&sandbox, "one", &app.url, &["--ordered"]);
    let service = service(&sandbox, &["--time-scale", "1000x"]);
    for n in 1..=4 {
        accept(&service, n);
    }
    let seen: Vec<u64> = (0..6).map(|_| number(&app.next().body)).collect();
    assert_eq!(seen, [1, 1, 1, 2, 3, 4]);
    service.stop().ok();
}

#[test]
fn no_more_attempts_begin_in_a_second_than_the_rate_says() {
    let sandbox = Sandbox::new();
    let times = std::sync::Arc::new(Mutex::new(Vec::new()));
    let noted = std::sync::Arc::clone(&times);
    let app = App::start(move |_| {
        noted.lock().expect("no panic").push(Instant::now());
        Reply::Status(200, "")
    });
    endpoint(&sandbox, "one", &app.url, &["--rate", "10"]);
    let service = service(&sandbox, &[]);
    for n in 0..6 {
        accept(&service, n);
    }
    for _ in 0..6 {
        app.next();
    }
    let times = times.lock().expect("no panic");
    let took = times[5] - times[0];
    // Five gaps of 100 ms; a machine that is slow makes them longer, and the first may have been on its way for a while.
    assert!(took >= Duration::from_millis(400), "{took:?}");
    service.stop().ok();
}

#[test]
fn limits_are_shown_changed_exported_and_applied() {
    let sandbox = Sandbox::new();
    let flags = ["--concurrency", "4", "--rate", "2.5", "--ordered"];
    endpoint(&sandbox, "one", "https://example.com/a", &flags);
    let shown = || sandbox.hook(["endpoints", "show", "one", "--json"]).run().object()["limits"].clone();
    let set = serde_json::json!({"concurrency": 4, "rate": 2.5, "ordered": true});
    assert_eq!(shown(), set);
    sandbox
        .hook(["endpoints", "show", "one"])
        .run()
        .prints(["4 at once, 2.5 a second, in order"]);
    sandbox.hook(["endpoints", "export", "-f", "file.toml"]).run().ok();
    let update = |flags: &[&str]| sandbox.hook(["endpoints", "update", "one"].iter().chain(flags)).run();
    update(&["--rate", "0", "--ordered=false"]).ok().prints(["limits"]);
    assert_eq!(shown(), serde_json::json!({"concurrency": 4}));
    update(&["--concurrency", "0"]).ok();
    assert!(shown().is_null());
    update(&["--rate", "0.0001"]).exits(2).says(["0.001"]);
    let apply = ["endpoints", "apply", "-f", "file.toml", "--yes"];
    sandbox.hook(apply).run().ok().prints(["limits"]);
    assert_eq!(shown(), set);
    sandbox.hook(apply).run().ok().says(["nothing to do"]);
}

#[test]
fn a_provider_that_delivers_itself_takes_no_limits() {
    let sandbox = Sandbox::new();
    let remote = sandbox.serve("slotflow", &[]);
    let place = ["--remote", "slotflow", "--api-url", &remote.url, "--token", "env:KEY"];
    let add = [
        "endpoints",
        "add",
        "https://example.com/",
        "--events",
        "booking.confirmed",
        "--rate",
        "5",
    ];
    let run = sandbox
        .hook(add.iter().chain(&place))
        .env("KEY", crate::support::KEY)
        .run();
    run.exits(2).says(["limits are for local endpoints"]);
    remote.stop().ok();
}
