//! `hook demo`: the first thing that a new user runs.

use std::time::{Duration, Instant};

use crate::support::Sandbox;

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
fn the_demo_tells_scripts_of_each_step() {
    let steps = Sandbox::new().hook(["demo", "--json"]).run().ok().json();
    assert_eq!(steps.len(), 10);
    for (index, step) in steps.iter().enumerate() {
        assert_eq!(step["schema"], "hook.demo/1");
        assert_eq!(step["step"], index + 1);
        assert_eq!(step["ok"], true, "{step}");
    }
}
