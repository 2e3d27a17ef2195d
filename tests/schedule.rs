//! Retries on the provider's schedule: the plan, the moments, the interruption and the resumption.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hook::internals::store::{DeliveryRecord, DeliveryState, SigningMode};

use crate::support::{App, Reply, Sandbox};

const SLACK: Duration = Duration::from_secs(5);

/// Waits from the end of each attempt to the beginning of the next one.
fn waits(delivery: &DeliveryRecord) -> Vec<Duration> {
    let attempts = &delivery.delivery.attempts;
    attempts
        .windows(2)
        .map(|pair| pair[1].at.since(pair[0].at.plus(pair[0].took)))
        .collect()
}

#[test]
fn a_retry_says_its_number_where_the_provider_does() {
    let sandbox = Sandbox::new();
    for (provider, event, header, numbers) in [
        (
            "bitbucket",
            "repo:push",
            "x-attempt-number",
            [Some("1"), Some("2"), Some("3")],
        ),
        (
            "slack",
            "app_mention",
            "x-slack-retry-num",
            [None, Some("1"), Some("2")],
        ),
        (
            "slack",
            "app_mention",
            "x-slack-retry-reason",
            [None, Some("http_error"), Some("http_error")],
        ),
        (
            "twitch",
            "channel.follow",
            "twitch-eventsub-message-retry",
            [Some("0"), Some("1"), Some("2")],
        ),
    ] {
        let app = App::start(|_| Reply::Status(500, ""));
        let send = [
            "send",
            event,
            "-p",
            provider,
            "--to",
            &app.url,
            "--retry",
            "--time-scale",
            "100000x",
        ];
        sandbox.hook(send).run().exits(3);
        let seen = app.rest();
        let said: Vec<Option<&str>> = seen.iter().take(3).map(|seen| seen.header(header)).collect();
        assert_eq!(said, numbers, "{provider}");
    }
}

#[test]
fn the_schedule_runs_a_thousand_times_faster_and_delivers_on_the_fourth_attempt() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--secret", "--fail-first", "3"]);
    let scaled = ["--retry", "--time-scale", "1000x"];
    let send = ["send", "job.paid", "--provider", "poolflow", "--to", &listener.url];
    sandbox
        .hook(send.into_iter().chain(scaled))
        .run()
        .ok()
        .says([
            "plan: 6 attempts: at once, then after 1m, 5m, 30m, 2h, 24h, 1000x faster",
            "response body: failed on purpose",
        ])
        .prints([
            "attempt 1  500 Internal Server Error",
            "next attempt in 60ms",
            "next attempt in 300ms",
            "next attempt in 1.8s",
            "attempt 4  200 OK",
            "delivered",
        ]);
    listener
        .stop()
        .ok()
        .says(["received 4: 4 verified, 0 refused, 0 duplicates"]);

    let delivery = sandbox.deliveries().remove(0);
    let rest = &delivery.delivery;
    assert_eq!(
        (rest.state, rest.next_due, &rest.owner),
        (DeliveryState::Delivered, None, &None)
    );
    let statuses: Vec<_> = rest.attempts.iter().map(|a| a.outcome.status()).collect();
    assert_eq!(statuses, [Some(500), Some(500), Some(500), Some(200)]);
    let planned = [60, 300, 1800].map(Duration::from_millis);
    for (wait, planned) in waits(&delivery).into_iter().zip(planned) {
        assert!(wait >= planned && wait < planned + SLACK, "{wait:?} for {planned:?}");
    }
}

#[test]
fn the_plan_is_said_before_the_first_answer() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Silence);
    let mut sending = sandbox.hook(["send", "job.paid", "--retry", "--to", &app.url]).spawn();
    sending.wait_said(|line| line == "plan: 6 attempts: at once, then after 1m, 5m, 30m, 2h, 24h, over 26h 36m in all");
    app.next();
}

#[test]
fn each_providers_schedule_is_described() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    for (provider, event, plan) in [
        (
            "poolflow",
            "job.paid",
            "plan: 6 attempts: at once, then after 1m, 5m, 30m, 2h, 24h,",
        ),
        (
            "poolflow@absolute",
            "job.paid",
            "after 1m, 5m, 30m, 2h, 24h from the first attempt, over 24h in all",
        ),
        (
            "pool-brain",
            "customer.created",
            "plan: 4 attempts: at once, then after 5m, 10m, 30m (give or take 10 %)",
        ),
        (
            "slotflow",
            "booking.confirmed",
            "plan: 3 attempts: at once, then after 5m, 1h, over 1h 5m in all",
        ),
        (
            "hoopai",
            "ContactCreated",
            "HoopAI does not retry: keeps the failed call",
        ),
        ("pocketsflow", "order.completed", "Pocketsflow does not retry"),
    ] {
        sandbox
            .hook(["send", event, "--provider", provider, "--retry", "--to", &app.url])
            .run()
            .ok()
            .says([plan]);
    }
}

#[test]
fn after_one_failed_attempt_it_is_said_what_the_provider_would_do() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(503, ""));
    for (provider, event, next) in [
        (
            "poolflow",
            "job.paid",
            "PoolFlow retries after 1m, 5m, 30m, 2h, 24h; pass `--retry` to follow that schedule",
        ),
        ("pocketsflow", "order.completed", "Pocketsflow would not retry"),
    ] {
        sandbox
            .hook(["send", event, "--provider", provider, "--to", &app.url])
            .run()
            .exits(3)
            .says([next]);
    }
}

#[test]
fn another_schedule_may_be_given_and_counted_from_the_first_attempt() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(500, ""));
    let own = ["send", "job.paid", "--to", &app.url, "--retry", "10ms,40ms"];
    sandbox
        .hook(own)
        .run()
        .exits(3)
        .says(["plan: 3 attempts: at once, then after 10ms, 40ms, over 50ms in all"])
        .prints(["attempt 3  500", "failed"]);
    sandbox
        .hook(own.into_iter().chain(["--schedule-from", "first"]))
        .run()
        .exits(3)
        .says(["after 10ms, 40ms from the first attempt, over 40ms in all"]);
    assert_eq!(app.rest().len(), 6);
    sandbox
        .hook(["send", "job.paid", "--to", &app.url, "--retry", "soon"])
        .run()
        .exits(2)
        .says(["error: schedule `soon`"]);
}

#[test]
fn ctrl_c_leaves_the_delivery_pending_and_a_resume_takes_up_only_that() {
    let sandbox = Sandbox::new();
    let app = App::start(|seen| match seen.header("x-good") {
        Some(_) => Reply::Status(200, ""),
        None => Reply::Status(500, ""),
    });
    // One that failed for good and one that was delivered.
    sandbox.hook(["send", "job.created", "--to", &app.url]).run().exits(3);
    let good = ["send", "job.created", "-H", "x-good: 1", "--to", &app.url];
    sandbox.hook(good).run().ok();
    let mut sending = sandbox.hook(["send", "job.paid", "--retry", "--to", &app.url]).spawn();
    sending.wait_line(|line| line.contains("next attempt in 1m"));
    sending.signal("INT");
    sending
        .wait()
        .exits(130)
        .prints(["interrupted"])
        .says(["hint: `hook replay --resume`"]);
    let pending = sandbox.deliveries().remove(2);
    assert_eq!(pending.delivery.state, DeliveryState::Pending);
    assert!(pending.delivery.next_due.is_some());
    app.rest();

    sandbox
        .hook(["replay", "--resume", "--time-scale", "1000x", "-H", "x-good: 1"])
        .run()
        .ok()
        .prints(["#3", "attempt 2  200 OK", "delivered"]);
    assert_eq!(app.rest().len(), 1);
    let all = sandbox.deliveries();
    assert_eq!(all.len(), 3, "the record stays the same one");
    let resumed = &all[2].delivery;
    assert_eq!((resumed.state, resumed.attempts.len()), (DeliveryState::Delivered, 2));
    assert_eq!(
        (resumed.message.clone(), resumed.signing),
        (pending.delivery.message, SigningMode::Fresh)
    );
    sandbox
        .hook(["replay", "--resume"])
        .run()
        .exits(6)
        .says(["error: nothing in the ledger matches"]);
}

#[test]
fn an_attempt_that_was_stopped_in_the_middle_is_made_again_and_uses_up_no_retry() {
    let sandbox = Sandbox::new();
    let answers = Arc::new(AtomicBool::new(false));
    let says = Arc::clone(&answers);
    let app = App::start(move |_| {
        if says.load(Ordering::SeqCst) {
            Reply::Status(500, "")
        } else {
            Reply::Silence
        }
    });
    for (retry, attempts) in [(None, 1), (Some("--retry=10ms"), 2)] {
        answers.store(false, Ordering::SeqCst);
        let send = ["send", "job.paid", "--to", &app.url];
        let sending = sandbox.hook(send.into_iter().chain(retry)).spawn();
        app.next();
        sending.signal("INT");
        sending.wait().exits(130).says(["hint: `hook replay --resume`"]);
        answers.store(true, Ordering::SeqCst);
        sandbox.hook(["replay", "--resume"]).run().exits(3);
        app.rest();
        let delivery = sandbox.deliveries().pop().unwrap().delivery;
        assert_eq!(delivery.state, DeliveryState::Failed);
        let statuses: Vec<_> = delivery.attempts.iter().map(|a| a.outcome.status()).collect();
        assert_eq!(statuses, vec![Some(500); attempts]);
    }
}

#[test]
fn a_delivery_of_a_living_process_is_not_taken_up_and_that_of_a_killed_one_is() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(500, ""));
    let mut sending = sandbox.hook(["send", "job.paid", "--retry", "--to", &app.url]).spawn();
    sending.wait_line(|line| line.contains("next attempt in 1m"));
    sandbox.hook(["replay", "--resume"]).run().exits(6);
    sending.signal("KILL");
    sending.wait().exits(137);
    sandbox
        .hook(["replay", "--resume", "--time-scale", "1e9"])
        .run()
        .exits(3)
        .prints(["attempt 6", "failed"]);
}

#[test]
fn of_two_resumes_at_once_one_gets_the_delivery() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(500, ""));
    let mut sending = sandbox
        .hook(["send", "job.paid", "--retry=1m", "--to", &app.url])
        .spawn();
    sending.wait_line(|line| line.contains("next attempt in 1m"));
    sending.signal("INT");
    sending.wait().exits(130);
    app.rest();
    let resume = || sandbox.hook(["replay", "--resume", "--time-scale", "1e6"]).spawn();
    let resumes = [resume(), resume(), resume()];
    for process in resumes {
        let outcome = process.wait();
        assert!([0, 3, 6].contains(&outcome.code), "{outcome}");
    }
    assert_eq!(app.rest().len(), 1);
}

#[test]
fn a_resumed_delivery_keeps_its_target_its_bytes_and_needs_its_secret() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(500, ""));
    let secret = ["--secret", "literal:theirs"];
    let send = ["send", "job.paid", "--retry", "--to", &app.url];
    let mut sending = sandbox.hook(send.into_iter().chain(secret)).spawn();
    sending.wait_line(|line| line.contains("next attempt in 1m"));
    sending.signal("INT");
    sending
        .wait()
        .exits(130)
        .says(["hint: `hook replay --resume` with the same `--secret`"]);
    for change in [&["--to", ":9"][..], &["--set", "event=x"], &["--edit"], &["--new-id"]] {
        let resume = ["replay", "--resume"];
        sandbox.hook(resume.iter().chain(change)).run().exits(2);
    }
    let first = app.next();
    let resume = ["replay", "--resume", "--time-scale", "1e7"];
    sandbox.hook(resume.into_iter().chain(secret)).run().exits(3);
    let again = app.next();
    assert_eq!(
        first.header("x-poolflow-signature"),
        again.header("x-poolflow-signature")
    );
    assert_eq!(first.body, again.body);
}

#[test]
fn several_deliveries_wait_without_holding_each_other_up() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(500, ""));
    let bulk = ["--count", "30", "--concurrency", "2", "--retry", "300ms,300ms"];
    let send = ["send", "job.paid", "--to", &app.url];
    sandbox
        .hook(send.into_iter().chain(bulk))
        .run()
        .exits(3)
        .prints(["30 events: 0 delivered, 30 failed", "30 x 500"]);
    assert_eq!(app.rest().len(), 90);
    let slowest = sandbox.deliveries().iter().flat_map(waits).max().unwrap();
    assert!(slowest < SLACK, "{slowest:?}");
}

#[test]
fn own_delays_keep_what_the_provider_makes_of_an_answer() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(410, ""));
    let send = [
        "send",
        "example.user.created",
        "-p",
        "standard-webhooks",
        "--to",
        &app.url,
    ];
    sandbox
        .hook(send.into_iter().chain(["--retry", "1ms,1ms"]))
        .run()
        .exits(3)
        .prints(["410 Gone", "failed: gone"]);
    assert_eq!(app.rest().len(), 1);
    let policy = sandbox.deliveries().remove(0).delivery.policy.unwrap();
    assert!(policy.schedule.disable_on.contains(410));
    assert_eq!(policy.schedule.delays, [Duration::from_millis(1); 2]);
}

#[test]
fn a_resumed_delivery_follows_the_rules_that_it_was_begun_with() {
    let sandbox = Sandbox::new();
    let gone = Arc::new(AtomicBool::new(false));
    let says = Arc::clone(&gone);
    let app = App::start(move |_| Reply::Status(if says.load(Ordering::SeqCst) { 410 } else { 500 }, ""));
    let send = [
        "send",
        "example.user.created",
        "-p",
        "standard-webhooks",
        "--to",
        &app.url,
    ];
    for again in [&["--resume"][..], &["--failed", "--retry=1ms"]] {
        gone.store(false, Ordering::SeqCst);
        let mut sending = sandbox
            .hook(send.into_iter().chain(["--retry=1m,1m", "--timeout", "7s"]))
            .spawn();
        sending.wait_line(|line| line.contains("next attempt in "));
        sending.signal("INT");
        sending.wait().exits(130);
        gone.store(true, Ordering::SeqCst);
        app.rest();
        let replay = ["replay", "--time-scale", "1e6"];
        sandbox
            .hook(replay.iter().chain(again))
            .run()
            .exits(3)
            .prints(["410 Gone", "failed: gone"]);
        assert_eq!(app.rest().len(), 1, "410 ends it: {again:?}");
    }
    for delivery in sandbox.deliveries() {
        assert_eq!(delivery.delivery.policy.unwrap().timeout, Duration::from_secs(7));
    }
}

#[test]
fn what_was_signed_with_a_secret_that_is_not_at_hand_is_left_and_the_rest_is_resumed() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(500, ""));
    let interrupted = |secret: &[&str]| {
        let send = ["send", "job.paid", "-p", "poolflow", "--retry", "--to", &app.url];
        let run = sandbox.hook(send.iter().chain(secret)).env("THEIRS", "theirs");
        let mut sending = run.spawn();
        sending.wait_line(|line| line.contains("next attempt in 1m"));
        sending.signal("INT");
        sending.wait().exits(130);
        app.rest()
    };
    interrupted(&["--secret", "literal:theirs"]);
    let resume = ["replay", "--resume", "--time-scale", "1e9"];
    sandbox.hook(resume).run().exits(2).says([
        "error: `#1` was signed with a secret of its command line, which is not available: not sent",
        "hint: `hook replay --resume 1 --secret REF`",
    ]);
    let theirs = interrupted(&["--secret", "env:THEIRS"]);
    interrupted(&[]);
    // The one that is signed with the dev secret goes on.
    let outcome = sandbox.hook(resume).run().exits(2);
    outcome.says(["hint: `hook replay --resume 2 --secret env:THEIRS`"]);
    assert_eq!(app.rest().len(), 5, "the attempts that #3 had left");
    let state = |at: usize| sandbox.deliveries().remove(at).delivery.state;
    assert_eq!(
        [state(0), state(1), state(2)],
        [DeliveryState::Pending, DeliveryState::Pending, DeliveryState::Failed]
    );
    let named = ["2", "--secret", "env:THEIRS"];
    let run = sandbox.hook(resume.iter().chain(&named)).env("THEIRS", "theirs");
    run.run().exits(3);
    let again = app.rest();
    assert_eq!(again.len(), 5);
    assert_eq!(
        again[0].header("x-poolflow-signature"),
        theirs[0].header("x-poolflow-signature")
    );
    assert_eq!([state(0), state(1)], [DeliveryState::Pending, DeliveryState::Failed]);
}
