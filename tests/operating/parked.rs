//! What is parked, and how little a service may have open.

use super::{accept, endpoint, service, service_run};
use crate::support::{App, MockApi, Reply, Sandbox};

#[test]
fn a_delivery_whose_process_died_three_times_is_parked_listed_explained_and_replayed() {
    let sandbox = Sandbox::new();
    let silent = App::start(|_| Reply::Silence);
    endpoint(&sandbox, "one", &silent.url, &[]);
    for crash in 0..3 {
        let service = service(&sandbox, &["--time-scale", "1000x"]);
        if crash == 0 {
            accept(&service, 1);
        }
        silent.next();
        service.process.signal("KILL");
        service.process.wait().exits(137);
    }
    let last = service(&sandbox, &[]);
    assert_eq!(last.call("GET", "/status", "").1["queue"]["parked"], 1);
    last.stop().ok();
    let listed = sandbox.hook(["log", "--parked", "--json"]).run().ok().object();
    assert_eq!(
        (&listed["state"], &listed["reason"]),
        (&"parked".into(), &"crashed".into())
    );
    let shown = sandbox.hook(["log", "show", "1", "--json"]).run().ok().object();
    assert_eq!(shown["parked"], "crashed");
    assert_eq!(shown["crashes"].as_array().map(Vec::len), Some(3));
    sandbox.hook(["log", "show", "1"]).run().ok().prints([
        "the process died three times during its attempts",
        "outcome unknown, the process died during the attempt",
    ]);
    let why = sandbox.hook(["log", "show", "1", "--why"]).run().ok();
    why.prints(["It is parked, since the process died three times", "`hook replay 1`"]);
    sandbox.hook(["log", "stats"]).run().ok().prints(["1 parked"]);
    assert_eq!(sandbox.hook(["log", "stats", "--json"]).run().object()["parked"], 1);
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox.hook(["replay", "1", "--to", &app.url]).run().ok();
    app.next();
    let prune = ["log", "prune", "--older-than", "1ms", "--yes"];
    sandbox.hook(prune).run().ok().prints(["1 parked delivery"]);
}

#[test]
fn a_service_that_may_open_few_files_says_so_and_works() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    endpoint(&sandbox, "one", &app.url, &[]);
    let service = MockApi::ready(service_run(&sandbox, &[]).open_files(128));
    accept(&service, 1);
    app.next();
    service
        .stop()
        .ok()
        .says(["only 128 files may be open at once", "ulimit -n"]);
}

#[test]
fn faulty_requests_of_a_test_are_not_parked_and_are_not_tried_again() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(401, ""));
    endpoint(&sandbox, "one", &app.url, &[]);
    sandbox.hook(["endpoints", "test", "one"]).run();
    let listed = sandbox.hook(["log", "--json"]).run().ok().json();
    let tested = listed.iter().filter(|record| record["state"] == "tested").count();
    assert_eq!(tested, listed.len() - 1, "all but the genuine one");
    sandbox
        .hook(["log", "--parked"])
        .run()
        .ok()
        .says(["nothing in the ledger matches"]);
    assert_eq!(sandbox.hook(["log", "stats", "--json"]).run().object()["parked"], 0);
    let why = sandbox.hook(["log", "show", "2", "--why"]).run().ok();
    why.prints(["It is a faulty request of `hook endpoints test` or `hook send --tamper`"]);
    let service = service(&sandbox, &[]);
    assert_eq!(service.call("POST", "/deliveries/2/retry", "").0, 409);
    service.stop().ok();
    let prune = ["log", "prune", "--older-than", "1ms", "--yes", "--json"];
    assert_eq!(sandbox.hook(prune).run().ok().object()["parked"], 0);
}
