//! Pauses by hand.

use super::{accept, endpoint, number, service};
use crate::support::{App, Reply, Sandbox, post};

#[test]
fn a_paused_endpoint_gets_nothing_until_it_is_resumed_and_the_others_go_on() {
    let sandbox = Sandbox::new();
    let [held, free] = [(); 2].map(|()| App::start(|_| Reply::Status(200, "")));
    endpoint(&sandbox, "held", &held.url, &[]);
    endpoint(&sandbox, "free", &free.url, &[]);
    sandbox
        .hook(["endpoints", "pause", "held"])
        .run()
        .ok()
        .prints(["held is paused: deliveries wait"]);
    let service = service(&sandbox, &[]);
    accept(&service, 1);
    assert_eq!(number(&free.next().body), 1);
    assert_eq!(service.call("GET", "/status", "").1["queue"]["waiting"], 1);
    let state = |name: &str| sandbox.hook(["endpoints", "show", name, "--json"]).run().object()["paused"].clone();
    assert_eq!((state("held"), state("free")), (true.into(), false.into()));
    sandbox
        .hook(["endpoints", "list"])
        .run()
        .ok()
        .prints(["paused", "active"]);
    assert!(held.rest().is_empty());
    sandbox
        .hook(["endpoints", "resume", "held"])
        .run()
        .ok()
        .prints(["held is resumed"]);
    assert_eq!(number(&held.next().body), 1);
    sandbox
        .hook(["endpoints", "resume", "held"])
        .run()
        .ok()
        .prints(["held was not paused"]);
    service.stop().ok();
}

#[test]
fn a_pause_of_everything_is_one_of_its_own() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    endpoint(&sandbox, "one", &app.url, &[]);
    sandbox.hook(["endpoints", "pause", "one"]).run().ok();
    let all = sandbox
        .hook(["endpoints", "pause", "--all", "--json"])
        .run()
        .ok()
        .object();
    assert_eq!((&all["schema"], &all["paused"]), (&"hook.pause/1".into(), &true.into()));
    let service = service(&sandbox, &[]);
    accept(&service, 1);
    sandbox
        .hook(["endpoints", "resume", "one"])
        .run()
        .ok()
        .says(["everything is still paused", "resume --all"]);
    sandbox
        .hook(["endpoints", "list"])
        .run()
        .ok()
        .says(["everything is paused"]);
    assert!(app.rest().is_empty());
    sandbox.hook(["endpoints", "resume", "--all"]).run().ok();
    assert_eq!(number(&app.next().body), 1);
    service.stop().ok();
    sandbox.hook(["endpoints", "pause"]).run().exits(2);
    sandbox.hook(["endpoints", "pause", "one", "--all"]).run().exits(2);
    sandbox
        .hook([
            "endpoints",
            "pause",
            "one",
            "--remote",
            "slotflow",
            "--token",
            "literal:a",
        ])
        .run()
        .exits(2)
        .says(["cannot be paused here"]);
}

#[test]
fn a_listener_receives_while_everything_is_paused_and_forwards_afterwards() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox.hook(["endpoints", "pause", "--all"]).run().ok();
    let mut listener = sandbox.listen(["--unverified", "--forward-to", &app.url]);
    listener.says("everything is paused: forwards and commands wait");
    assert_eq!(post(&listener.url, &[], b"{}").status, 200);
    assert!(app.rest().is_empty());
    sandbox.hook(["endpoints", "resume", "--all"]).run().ok();
    assert_eq!(app.next().body, b"{}");
    listener.stop().ok();
}

#[test]
fn send_waits_for_a_paused_endpoint_and_what_ctrl_c_ends_can_be_resumed() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    endpoint(&sandbox, "one", &app.url, &[]);
    sandbox.hook(["endpoints", "pause", "one"]).run().ok();
    let send = ["send", "thing.created", "--endpoint", "one", "--data", "{\"n\":7}"];
    let mut waiting = sandbox.hook(send).spawn();
    waiting.wait_said(|line| line == "endpoint `one` is paused: deliveries to it wait");
    let mut ended = sandbox.hook(send).spawn();
    ended.wait_said(|line| line.contains("is paused"));
    ended.signal("INT");
    ended.wait().exits(130);
    assert!(app.rest().is_empty());
    sandbox.hook(["endpoints", "resume", "one"]).run().ok();
    waiting.wait().ok();
    app.next();
    sandbox.hook(["replay", "--resume"]).run().ok();
    app.next();
    assert!(app.rest().is_empty());
}
