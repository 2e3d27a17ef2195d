//! `hook demo`: the first thing that a new user runs.

use std::time::{Duration, Instant};

use crate::support::{Sandbox, request};

#[test]
fn the_demo_does_what_each_step_says_and_leaves_the_users_ledger_alone() {
    let sandbox = Sandbox::new();
    let begun = Instant::now();
    sandbox.hook(["demo"]).run().ok().prints([
        "$ hook send job.paid",
        "refused",
        "duplicate of #1",
        "attempt 4",
        "all 10 steps did what they say",
    ]);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(!sandbox.state("").exists());
}

#[test]
#[cfg(feature = "inspector")]
fn the_demo_keeps_its_records_and_a_page_until_ctrl_c() {
    let sandbox = Sandbox::new();
    let mut demo = sandbox.hook(["demo", "--open"]).spawn();
    let url = demo.wait_line(|line| line.contains("/#token="));
    let origin = url.split("/#").next().unwrap_or_default();
    assert_eq!(request("GET", origin, "/", &[], b"").status, 200);
    demo.signal("INT");
    demo.wait().ok().prints(["all 10 steps did what they say"]);
    // Only a terminal is offered the page.
    sandbox.hook(["demo"]).run().ok().never(["demo --open"]);
}

#[test]
fn the_demo_tells_scripts_of_each_step() {
    let steps = Sandbox::new().hook(["demo", "--json"]).run().ok().json();
    assert_eq!(steps.len(), 10);
    for (index, step) in steps.iter().enumerate() {
        assert_eq!(step["schema"], "hook.demo/1");
        assert_eq!(step["step"], index + 1);
        assert_eq!(step["ok"], true, "{step}");
    }
}
