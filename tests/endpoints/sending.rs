//! Endpoints as targets of `hook send`, and what becomes of them.

use serde_json::Value;

use super::{added, closed, endpoints, listener, shown};
use crate::support::{App, Outcome, Reply, Run, Sandbox};

fn send(sandbox: &Sandbox, args: &str) -> Run {
    sandbox.hook(["send"].into_iter().chain(args.split_whitespace()))
}

/// The attempts of a run as `endpoint=what follows`.
fn ends(outcome: &Outcome) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let lines = outcome
        .json()
        .into_iter()
        .filter(|line| line["schema"] == "hook.attempt/1");
    let mut ends: Vec<String> = lines
        .map(|line| format!("{}={}", text(&line["endpoint"]), text(&line["next"])))
        .collect();
    ends.sort();
    ends
}

#[test]
fn an_endpoint_says_the_provider_and_the_secret() {
    let sandbox = Sandbox::new();
    let add = "add http://127.0.0.1:1 -p pool-brain --events customer.created --local --name a --secret-file sec";
    endpoints(&sandbox, add).ok();
    let (mut process, url) = listener(&sandbox, "--secret file:sec");
    endpoints(&sandbox, &format!("update a --to {url} --local")).ok();
    send(&sandbox, "customer.created --endpoint a")
        .run()
        .ok()
        .prints(["to a", "200 OK"]);
    let heard: Value = serde_json::from_str(&process.wait_line(|_| true)).unwrap();
    assert_eq!(
        (&heard["provider"], &heard["verdict"]),
        (&"pool-brain".into(), &"verified".into())
    );
    // A replay finds the secret of the endpoint again.
    sandbox
        .hook(["replay", "last"])
        .run()
        .ok()
        .says(["signed afresh as pool-brain"]);
    send(
        &sandbox,
        "customer.created --endpoint a --secret literal:other-secret-0123456789",
    )
    .run()
    .exits(3);
}

#[test]
fn an_account_has_a_switch_a_plan_and_parameters_that_select_endpoints() {
    let sandbox = Sandbox::new();
    let account = |text: &str| sandbox.write("hook.toml", format!("[account]\n{text}\n"));
    account("params = { company_id = \"7\" }");
    let (process, url) = listener(&sandbox, "--secret --count 1");
    for company in [7, 8] {
        let flags = format!("-p pool-brain --events customer.created --param company_id={company}");
        added(&sandbox, &format!("c{company}"), &url, &flags);
    }
    let subscribed = "customer.created -p pool-brain --subscribed --secret literal:a --dry-run";
    let goes = |args: &str, one: &str, none: &str| {
        let outcome = send(&sandbox, args).run().ok();
        outcome
            .says([one])
            .says([none])
            .prints([&format!("\"company_id\":{}", &one[1..2])]);
    };
    goes(subscribed, "c7  http", "c8  skipped: other company_id: `8`");
    goes(&format!("{subscribed} --param company_id=8"), "c8  http", "c7  skipped");

    account("enabled = false");
    // The master switch of a cloned project does nothing before it is trusted.
    send(&sandbox, "customer.created --endpoint c7 --dry-run")
        .run()
        .ok()
        .says(["not trusted; ignored: `account.enabled`"]);
    sandbox.trust();
    for args in [subscribed, "customer.created --endpoint c7"] {
        send(&sandbox, args)
            .run()
            .exits(3)
            .says(["switched off by `account.enabled`", "`--to URL` sends to a URL anyway"]);
    }
    send(&sandbox, &format!("job.paid --to {url}")).run().ok();
    process.wait().ok();

    account("plan = \"free\"");
    let add = |host: &str| {
        let add = format!("add https://{host}.example.com -p slotflow --events booking.confirmed");
        endpoints(&sandbox, &add)
    };
    add("a").ok();
    add("b").ok();
    add("c").exits(3).says(["plan `free` of `slotflow` allows 2 endpoints"]);
}

#[test]
fn a_listener_knows_whose_secret_it_was() {
    let sandbox = Sandbox::new();
    let (process, url) = listener(&sandbox, "--secret literal:another-secret-0123456789 --count 1");
    added(&sandbox, "a", &url, "-p poolflow --events job.paid");
    send(&sandbox, "job.paid --endpoint a").run().exits(3);
    process.wait().says(["it was signed with `the secret of endpoint a`"]);
}

#[test]
fn a_disabled_endpoint_gets_nothing_and_an_event_it_did_not_choose_is_said() {
    let sandbox = Sandbox::new();
    let (_listener, url) = listener(&sandbox, "");
    added(&sandbox, "a", &url, "-p poolflow --events job.paid");
    send(&sandbox, "job.created --endpoint a")
        .run()
        .ok()
        .says(["did not subscribe to `job.created`, but to job.paid"]);
    endpoints(&sandbox, "disable a").ok();
    send(&sandbox, "job.paid --endpoint a")
        .run()
        .exits(3)
        .says(["endpoint `a` is disabled", "hook endpoints enable a"]);
    send(&sandbox, "job.paid")
        .run()
        .exits(2)
        .says(["no target is given", "--endpoint NAME"]);
}

#[test]
fn an_exhausted_schedule_disables_where_the_provider_does_so_and_enable_resets() {
    let sandbox = Sandbox::new();
    added(&sandbox, "a", &closed(), "-p poolflow --events job.paid");
    // After a single attempt the provider would go on.
    send(&sandbox, "job.paid --endpoint a").run().exits(4);
    assert_eq!(shown(&sandbox, "a")["failed_deliveries"], 0);
    let outcome = send(&sandbox, "job.paid --endpoint a --retry --time-scale 100000x --json")
        .run()
        .exits(4);
    let lines = outcome.json();
    assert_eq!(lines.len(), 7, "{outcome}");
    assert_eq!(lines[6]["schema"], "hook.endpoint-disabled/1");
    outcome.says([
        "endpoint `a` is disabled: a delivery failed for good",
        "would tell the endpoint's owner by email",
        "`hook endpoints enable a`",
    ]);
    let line = shown(&sandbox, "a");
    assert_eq!(
        (&line["active"], &line["failed_deliveries"]),
        (&false.into(), &1.into())
    );
    assert_eq!(line["disabled"]["reason"], "failed-deliveries");
    endpoints(&sandbox, "list").ok().prints(["disabled"]);
    endpoints(&sandbox, "enable a")
        .ok()
        .prints(["is active again; its failed delivery is forgotten"]);
    let line = shown(&sandbox, "a");
    assert_eq!((&line["active"], &line["failed_deliveries"]), (&true.into(), &0.into()));
}

#[test]
fn a_listener_that_fails_disables_too_and_a_bulk_run_counts_like_a_single_one() {
    let sandbox = Sandbox::new();
    let (_listener, url) = listener(&sandbox, "--status 500");
    added(&sandbox, "a", &url, "-p poolflow --events job.paid");
    send(&sandbox, "job.paid --endpoint a --retry 1ms,1ms")
        .run()
        .exits(3)
        .says(["endpoint `a` is disabled"]);
    endpoints(&sandbox, "enable a").ok();
    send(&sandbox, "job.paid --endpoint a --retry 1ms --count 3 --concurrency 1")
        .run()
        .exits(3)
        .says(["endpoint `a` is disabled"]);
    // The first that fails disables it; the other two are withheld, and count as nothing.
    assert_eq!(shown(&sandbox, "a")["failed_deliveries"], 1);
}

#[test]
fn other_providers_only_count_and_a_success_forgets() {
    let sandbox = Sandbox::new();
    let (_listener, url) = listener(&sandbox, "--fail-first 2");
    added(&sandbox, "a", &url, "-p pocketsflow --events order.completed");
    for (code, failed) in [(3, 1), (3, 2), (0, 0)] {
        send(&sandbox, "order.completed --endpoint a").run().exits(code);
        let line = shown(&sandbox, "a");
        assert_eq!(
            (&line["active"], &line["failed_deliveries"]),
            (&true.into(), &failed.into())
        );
    }
}

#[test]
fn an_answer_that_ends_the_subscription_disables_at_once_where_the_provider_does_so() {
    let sandbox = Sandbox::new();
    let (_listener, url) = listener(&sandbox, "--status 410");
    added(
        &sandbox,
        "a",
        &url,
        "-p standard-webhooks --events example.user.created",
    );
    added(&sandbox, "b", &url, "-p poolflow --events job.paid");
    send(&sandbox, "example.user.created --endpoint a")
        .run()
        .exits(3)
        .says(["endpoint `a` is disabled"]);
    assert_eq!(shown(&sandbox, "a")["disabled"]["reason"], "answer");
    send(&sandbox, "job.paid --endpoint b").run().exits(3);
    assert_eq!(shown(&sandbox, "b")["active"], true);
}

#[test]
fn an_event_goes_to_everyone_who_wants_it_and_each_other_has_its_reason() {
    let sandbox = Sandbox::new();
    let (_listener, url) = listener(&sandbox, "");
    added(&sandbox, "one", &url, "-p poolflow --events job.paid");
    added(
        &sandbox,
        "two",
        &format!("{url}/two"),
        "-p poolflow --events all --env staging",
    );
    added(
        &sandbox,
        "lead",
        &format!("{url}/lead"),
        "-p poolflow --events job.created",
    );
    added(&sandbox, "off", &format!("{url}/off"), "-p poolflow --events job.paid");
    added(
        &sandbox,
        "slot",
        &format!("{url}/slot"),
        "-p slotflow --events booking.confirmed --plan free",
    );
    endpoints(&sandbox, "disable off").ok();
    let outcome = send(&sandbox, "job.paid --subscribed --json").run().ok().says([
        "provider: poolflow",
        "`job.paid` goes to 2 of 5 endpoints",
        "skipped: subscribed to job.created",
        "skipped: inactive: switched off by hand",
        "skipped: other provider: `slotflow`",
    ]);
    assert_eq!(ends(&outcome), ["one=delivered", "two=delivered"]);
    let staging = send(&sandbox, "job.paid --subscribed --env staging --json")
        .run()
        .ok()
        .says(["skipped: no environment"]);
    assert_eq!(ends(&staging), ["two=delivered"]);
    send(&sandbox, "job.quote_sent --subscribed --env live")
        .run()
        .exits(6)
        .says([
            "no endpoint gets `job.quote_sent`",
            "skipped: other environment: `staging`",
        ]);
    send(&sandbox, "--subscribed --body hello")
        .run()
        .exits(2)
        .says(["needs an event"]);
    send(&sandbox, "job.paid --env staging --to 9").run().exits(2);
}

#[test]
fn a_target_that_is_not_on_this_machine_is_not_sent_to_unasked() {
    let sandbox = Sandbox::new();
    endpoints(
        &sandbox,
        "add https://a.example.invalid -p poolflow --events job.paid --name a",
    )
    .ok();
    send(&sandbox, "job.paid --subscribed")
        .run()
        .exits(2)
        .says(["not on this machine", "--yes"]);
    send(&sandbox, "job.paid --subscribed --dry-run")
        .run()
        .ok()
        .prints(["host: a.example.invalid"]);
    send(&sandbox, "job.paid --subscribed --yes").run().exits(4);
}

#[test]
fn an_event_of_several_providers_goes_to_the_one_that_has_endpoints_for_it() {
    let sandbox = Sandbox::new();
    let (_listener, url) = listener(&sandbox, "");
    send(&sandbox, "customer.created --subscribed")
        .run()
        .exits(2)
        .says(["belongs to several providers"]);
    added(&sandbox, "a", &url, "-p pool-brain --events customer.created");
    send(&sandbox, "customer.created --subscribed")
        .run()
        .ok()
        .says(["provider: pool-brain"]);
    added(&sandbox, "b", &url, "-p pocketsflow --events customer.created");
    send(&sandbox, "customer.created --subscribed").run().exits(2).says([
        "endpoints of several providers want `customer.created`",
        "--provider pocketsflow",
    ]);
    let outcome = send(&sandbox, "customer.created --subscribed -p pocketsflow --json")
        .run()
        .ok();
    assert_eq!(ends(&outcome), ["b=delivered"]);
}

#[test]
fn an_endpoint_of_one_company_gets_the_events_of_that_company() {
    let sandbox = Sandbox::new();
    let (_listener, url) = listener(&sandbox, "");
    added(
        &sandbox,
        "a",
        &url,
        "-p pool-brain --events customer.created --param company_id=40",
    );
    added(
        &sandbox,
        "b",
        &format!("{url}/b"),
        "-p pool-brain --events customer.created",
    );
    send(&sandbox, "customer.created --endpoint a --dry-run")
        .run()
        .ok()
        .prints(["\"company_id\":40"]);
    send(
        &sandbox,
        "customer.created --endpoint a --param company_id=41 --dry-run",
    )
    .run()
    .ok()
    .prints(["\"company_id\":41"]);
    let outcome = send(&sandbox, "customer.created --subscribed --json")
        .run()
        .ok()
        .says(["other company_id: `40`"]);
    assert_eq!(ends(&outcome), ["b=delivered"]);
    let outcome = send(&sandbox, "customer.created --subscribed --param company_id=40 --json")
        .run()
        .ok();
    assert_eq!(ends(&outcome), ["a=delivered", "b=delivered"]);
}

#[test]
fn with_several_endpoints_the_worst_end_counts_and_each_is_signed_with_its_own_secret() {
    let sandbox = Sandbox::new();
    for name in ["one", "two"] {
        let add = format!("add http://127.0.0.1:1/{name} -p poolflow --events job.paid --local --name {name}");
        endpoints(&sandbox, &format!("{add} --secret-file {name}")).ok();
    }
    let (_one, first) = listener(&sandbox, "--secret file:one");
    endpoints(&sandbox, &format!("update one --to {first} --local")).ok();
    endpoints(&sandbox, &format!("update two --to {first}/two --local")).ok();
    let outcome = send(&sandbox, "job.paid --subscribed --json").run().exits(3);
    assert_eq!(ends(&outcome), ["one=delivered", "two=failed"]);
}

#[test]
fn what_waits_for_an_endpoint_that_is_disabled_or_removed_by_another_process_ends() {
    for (change, provider) in [("disable a", "poolflow"), ("rm a --yes", "poolflow")] {
        let sandbox = Sandbox::new();
        let app = App::start(|_| Reply::Status(500, ""));
        added(&sandbox, "a", &app.url, &format!("-p {provider} --events job.paid"));
        let mut sending = send(&sandbox, "job.paid --endpoint a --retry 3s,3s").spawn();
        sending.wait_line(|line| line.contains("next attempt in "));
        endpoints(&sandbox, change).ok();
        sending.wait().exits(3).prints(["failed: endpoint disabled or removed"]);
        assert_eq!(app.rest().len(), 1, "{change}");
    }
}

#[test]
fn an_endpoint_that_is_disabled_by_an_answer_gets_nothing_of_what_waits() {
    let sandbox = Sandbox::new();
    let app = App::start(|seen| match seen.header("webhook-id") {
        Some(_) => Reply::Status(410, ""),
        None => Reply::Status(500, ""),
    });
    added(
        &sandbox,
        "a",
        &app.url,
        "-p standard-webhooks --events example.user.created",
    );
    send(
        &sandbox,
        "example.user.created --endpoint a --count 50 --concurrency 1 --retry 1h",
    )
    .run()
    .exits(3)
    .says(["endpoint `a` is disabled"])
    .prints(["50 failed", " x disabled"]);
    let reached = app.rest().len();
    assert!(reached < 50, "{reached} of 50");
}

#[test]
fn a_slow_endpoint_holds_up_no_other_in_a_bulk_run() {
    let sandbox = Sandbox::new();
    let slow = App::start(|_| Reply::Silence);
    let good = App::start(|_| Reply::Status(200, ""));
    for (name, app) in [("slow", &slow), ("good", &good)] {
        added(&sandbox, name, &app.url, "-p poolflow --events job.paid");
    }
    let bulk = "job.paid -p poolflow --subscribed --count 60 --concurrency 2 --timeout 1m";
    let sending = send(&sandbox, bulk).spawn();
    for _ in 0..60 {
        good.next();
    }
    assert!(slow.rest().len() <= 2);
    sending.signal("KILL");
    sending.wait().exits(137);
    assert_eq!(sandbox.deliveries().len(), 120, "what waits is on record");
}

#[test]
fn an_account_that_is_switched_off_tests_no_endpoint_and_the_doctor_says_so() {
    let sandbox = Sandbox::new();
    sandbox.write("hook.toml", "");
    let app = App::start(|_| Reply::Status(200, ""));
    added(&sandbox, "a", &app.url, "-p poolflow --events job.paid");
    sandbox.write("hook.toml", "[account]\nenabled = false\n");
    sandbox.trust();
    endpoints(&sandbox, "test a")
        .exits(3)
        .says(["switched off by `account.enabled`"])
        .never(["--to URL"]);
    assert!(app.rest().is_empty());
    endpoints(&sandbox, "doctor a")
        .exits(8)
        .prints(["switched off by `account.enabled`"]);
}
