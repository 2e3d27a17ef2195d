//! `hook replay`: which records, where to, signed how.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hook::internals::store::DeliveryState;
use serde_json::Value;

use crate::support::{App, Listener, Reply, Sandbox, Seen, post, request};

fn app() -> App {
    App::start(|_| Reply::Status(200, ""))
}

/// Sends an event and returns what the app got.
#[track_caller]
fn send(sandbox: &Sandbox, app: &App, args: &[&str]) -> Seen {
    let to = ["send", "--to", &app.url];
    sandbox.hook(to.iter().chain(args)).run().ok();
    app.next()
}

#[track_caller]
fn replay(sandbox: &Sandbox, app: &App, args: &[&str]) -> Seen {
    sandbox.hook(["replay"].iter().chain(args)).run().ok();
    app.next()
}

#[test]
fn records_are_named_by_number_id_prefix_and_from_the_end() {
    let sandbox = Sandbox::new();
    let app = app();
    let sent: Vec<_> = (0..3)
        .map(|n| send(&sandbox, &app, &["job.paid", "--set", &format!("data.total_cents={n}")]))
        .collect();
    let ids: Vec<_> = sandbox.deliveries().iter().map(|d| d.delivery.id.to_string()).collect();
    let message = sandbox.deliveries()[1].delivery.message.id.to_string();
    for (name, which) in [
        ("1", 0),
        ("#2", 1),
        (ids[0].as_str(), 0),
        (&ids[2][..ids[2].len() - 1], 2),
        (&message, 1),
    ] {
        assert_eq!(replay(&sandbox, &app, &[name]).body, sent[which].body, "{name}");
    }
    assert_eq!(replay(&sandbox, &app, &["last"]).body, sent[1].body);
    assert_eq!(replay(&sandbox, &app, &["last~2"]).body, sent[2].body);
    assert_eq!(sandbox.deliveries().last().unwrap().delivery.origin, Some(7));
    sandbox.hook(["replay", "1", "3"]).run().ok();
    assert_eq!(
        [app.next().body, app.next().body],
        [sent[0].body.clone(), sent[2].body.clone()]
    );

    for (name, code, said) in [
        ("99", 6, "error: record `99` not found"),
        ("last~50", 6, "error: the ledger has no such record"),
        ("dlv_ffff", 6, "error: record `dlv_ffff` not found"),
        ("dlv_", 2, "is the beginning of several ids"),
        ("last~x", 2, "error: `last~x` is not a record"),
        ("yesterday", 2, "error: `yesterday` is not a record"),
    ] {
        sandbox.hook(["replay", name]).run().exits(code).says([said, "hint: "]);
    }
}

#[test]
fn records_are_selected_by_failure_time_and_event() {
    let sandbox = Sandbox::new();
    let app = App::start(|seen| match seen.header("x-bad") {
        Some(_) => Reply::Status(500, ""),
        None => Reply::Status(200, ""),
    });
    let to = ["send", "-p", "poolflow", "--to", &app.url];
    sandbox
        .hook(to.iter().chain(&["job.paid"]))
        .env("__HOOK_NOW", "2020-01-02T03:04:05Z")
        .run()
        .ok();
    sandbox.hook(to.iter().chain(&["job.created"])).run().ok();
    sandbox
        .hook(to.iter().chain(&["order.completed", "-H", "x-bad: 1"]))
        .run()
        .exits(3);
    sandbox
        .hook(to.iter().chain(&["job.created", "-H", "x-bad: 1"]))
        .run()
        .exits(3);
    let events = |args: &[&str]| -> Vec<String> {
        app.rest();
        let dry = ["replay", "--dry-run", "--json"];
        let lines = sandbox.hook(dry.iter().chain(args)).run().ok().json();
        let body = |line: &Value| -> Value { serde_json::from_str(line["body"].as_str().unwrap()).unwrap() };
        lines
            .iter()
            .map(|line| body(line)["event"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(events(&["--failed"]), ["order.completed", "job.created"]);
    assert_eq!(
        events(&["--since", "1h"]),
        ["job.created", "order.completed", "job.created"]
    );
    assert_eq!(events(&["--since", "2020-01-01T00:00:00Z"]).len(), 4);
    assert_eq!(
        events(&["--event", "job.*"]),
        ["job.paid", "job.created", "job.created"]
    );
    assert_eq!(events(&["--event", "job.*", "--failed"]), ["job.created"]);
    assert!(app.rest().is_empty(), "a dry run sends nothing");
    for none in [["--event", "x.*"], ["--since", "0"]] {
        sandbox
            .hook(["replay"].iter().chain(&none))
            .run()
            .exits(6)
            .says(["nothing in the ledger matches"]);
    }
    sandbox.hook(["replay", "--since", "later"]).run().exits(2);
    sandbox.hook(["replay", "1", "--failed"]).run().exits(2);
}

#[test]
fn without_a_selection_it_says_what_to_type_where_nobody_can_be_asked() {
    let sandbox = Sandbox::new();
    let app = app();
    sandbox.hook(["replay"]).run().exits(6).says([
        "error: nothing was recorded yet",
        "caused by: ledger `",
        "` not found",
    ]);
    send(&sandbox, &app, &["job.paid"]);
    sandbox
        .hook(["replay"])
        .run()
        .exits(2)
        .says(["hint: ", "`hook replay last`"]);
}

#[test]
fn the_target_is_the_given_one_then_the_records_own_then_where_it_was_forwarded() {
    let sandbox = Sandbox::new();
    let (first, second) = (app(), app());
    send(&sandbox, &first, &["job.paid"]);
    replay(&sandbox, &first, &["1"]);
    replay(&sandbox, &second, &["1", "--to", &second.url]);
    replay(&sandbox, &second, &["last"]);

    let listener = sandbox.listen(["--forward-to", &first.url]);
    post(&listener.url, &[], b"{}");
    first.next();
    listener.stop().ok();
    let capture = sandbox.captures().remove(0).number.to_string();
    replay(&sandbox, &first, &[&capture]);

    let listener = sandbox.listen::<&str>([]);
    post(&listener.url, &[], b"{}");
    listener.stop().ok();
    let capture = sandbox.captures().pop().unwrap().number;
    sandbox.hook(["replay", &capture.to_string()]).run().exits(2).says([
        &format!("error: `#{capture}` was received and never forwarded"),
        &format!("hint: `hook replay {capture} --to URL`"),
    ]);
}

#[test]
fn a_capture_goes_to_another_target_with_its_path_and_query() {
    let sandbox = Sandbox::new();
    let app = app();
    let listener = sandbox.listen::<&str>([]);
    request("POST", &listener.url, "/in/here?a=1", &[], b"{}");
    listener.stop().ok();
    for (to, expected) in [
        (app.url.clone(), "/in/here?a=1"),
        (format!("{}/?token=x", app.url), "/in/here?token=x&a=1"),
        (format!("{}/hooks", app.url), "/hooks?a=1"),
        (format!("{}/hooks?token=x", app.url), "/hooks?token=x&a=1"),
    ] {
        assert_eq!(replay(&sandbox, &app, &["1", "--to", &to]).target, expected, "{to}");
    }
    // So does what was made of it, without the query of the target that it was for.
    assert_eq!(
        replay(&sandbox, &app, &["last", "--to", &app.url]).target,
        "/in/here?a=1"
    );
    let listener = sandbox.listen(["--forward-to", &format!("{}/hooks?token=x", app.url)]);
    request("POST", &listener.url, "/in/there?b=2", &[], b"{}");
    assert_eq!(app.next().target, "/hooks?token=x&b=2");
    listener.stop().ok();
    assert_eq!(replay(&sandbox, &app, &["last"]).target, "/hooks?token=x&b=2");
    assert_eq!(
        replay(&sandbox, &app, &["last", "--to", &app.url]).target,
        "/in/there?b=2"
    );
    // The query of a delivery of one's own is part of the target that it was made for.
    send(&sandbox, &app, &["job.paid"]);
    assert_eq!(replay(&sandbox, &app, &["last", "--to", &app.url]).target, "/");
}

#[test]
fn without_deliveries_last_is_the_newest_capture() {
    let sandbox = Sandbox::new();
    let app = app();
    let listener = sandbox.listen::<&str>([]);
    post(&listener.url, &[], b"one");
    post(&listener.url, &[], b"two");
    listener.stop().ok();
    assert_eq!(replay(&sandbox, &app, &["last~1", "--to", &app.url]).body, b"one");
    // From now on there is a delivery, and the captures are no longer counted.
    assert_eq!(replay(&sandbox, &app, &["last"]).body, b"one");
    sandbox.hook(["replay", "last~2"]).run().exits(6);
}

#[test]
fn a_replay_is_signed_afresh_with_the_same_id_and_says_so() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret"]);
    let to = listener.url.clone();
    sandbox
        .hook(["send", "booking.confirmed", "--to", &to])
        .env("__HOOK_NOW", "2020-01-02T03:04:05Z")
        .run()
        .exits(3);
    assert!(listener.shows("#1").contains("too old"));
    sandbox
        .hook(["replay", "last"])
        .run()
        .ok()
        .says(["#2: signed afresh as slotflow with the dev secret"]);
    assert!(listener.shows("#3").contains("verified"));
    let deliveries = sandbox.deliveries();
    assert_eq!(deliveries[0].delivery.message, deliveries[1].delivery.message);
    assert_eq!(deliveries[1].delivery.origin, Some(2));
}

#[test]
fn a_capture_whose_secret_is_unknown_is_sent_as_captured_with_a_warning_when_it_is_stale() {
    let sandbox = Sandbox::new();
    let app = app();
    let other = ["--secret", "literal:theirs"];
    let run = sandbox.listening(other).env("__HOOK_NOW", "2020-01-02T03:04:05Z");
    let listener = Listener::ready(run);
    sandbox
        .hook(
            ["send", "booking.confirmed", "--to", &listener.url]
                .iter()
                .chain(&other),
        )
        .env("__HOOK_NOW", "2020-01-02T03:04:05Z")
        .run()
        .ok();
    listener.stop().ok();
    sandbox.hook(["replay", "1", "--to", &app.url]).run().ok().says([
        "#1: sent as captured",
        "warning: #1 was signed",
        "Slotflow allows 5m: a receiver will refuse it",
        "hint: sign it afresh: `--secret REF`",
    ]);
    let old = app.next();
    let signature = |seen: &Seen| seen.header("x-slotflow-signature").unwrap().to_owned();
    assert!(signature(&old).starts_with("t=1577934245,"));
    sandbox
        .hook(["replay", "1", "--to", &app.url].iter().chain(&other))
        .run()
        .ok()
        .says(["#1: signed afresh as slotflow"]);
    let fresh = app.next();
    assert!(!signature(&fresh).starts_with("t=1577934245,"));
    assert_eq!(old.body, fresh.body);
    sandbox
        .hook(["replay", "1", "--to", &app.url, "--as-captured", "--new-id"])
        .run()
        .exits(2);
}

#[test]
fn a_delivery_as_captured_carries_the_headers_of_its_last_attempt() {
    let sandbox = Sandbox::new();
    let app = app();
    let sent = send(&sandbox, &app, &["booking.confirmed", "-H", "x-own: 1"]);
    let again = replay(&sandbox, &app, &["last", "--as-captured"]);
    assert_eq!(again.headers, sent.headers);
    assert_eq!(again.body, sent.body);
}

#[test]
fn a_new_id_makes_a_new_event_and_values_may_be_changed() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret", "--json"]);
    let to = ["--to", &listener.url.clone()];
    sandbox
        .hook(["send", "customer.created", "-p", "pool-brain"].iter().chain(&to))
        .run()
        .ok();
    sandbox.hook(["replay", "last"]).run().ok();
    sandbox.hook(["replay", "2", "--new-id"]).run().ok();
    sandbox.hook(["replay", "2", "--set", "company_id=77"]).run().ok();
    let lines: Vec<Value> = (0..4)
        .map(|_| serde_json::from_str(&listener.shows("hook.capture/1")).unwrap())
        .collect();
    assert!(lines.iter().all(|line| line["verdict"] == "verified"), "{lines:?}");
    let duplicates: Vec<_> = lines.iter().map(|line| line["duplicate_of"].as_u64()).collect();
    assert_eq!(duplicates, [None, Some(1), None, Some(1)]);
    assert_ne!(lines[0]["event_id"], lines[2]["event_id"]);
    let changed = sandbox.captures().pop().unwrap().request.body;
    let changed: Value = serde_json::from_slice(&changed).unwrap();
    assert_eq!(changed["company_id"], 77);
    sandbox
        .hook(["replay", "2", "--set", "company=1"])
        .run()
        .exits(2)
        .says(["error: the body has no value at `company`", "company_id"]);
}

#[test]
fn the_body_can_be_changed_in_an_editor() {
    let sandbox = Sandbox::new();
    let app = app();
    let body = r#"{"data":{"total_cents":15000}}"#;
    send(&sandbox, &app, &["job.paid", "-p", "poolflow", "--body", body]);
    let edit = |editor: &str| {
        let run = sandbox.hook(["replay", "1", "--edit"]).env("EDITOR", editor);
        run.env("TMPDIR", sandbox.path("")).run()
    };
    // As most editors do, this one ends the last line; that is none of the user's changes.
    sandbox.write(
        sandbox.path("ed"),
        "sed s/15000/1/ \"$2\" > new && (cat new && $1) > \"$2\"",
    );
    edit("sh ed echo").ok();
    assert_eq!(app.next().body, br#"{"data":{"total_cents":1}}"#);
    edit("false")
        .exits(130)
        .says(["error: editor `false` failed; nothing was sent"]);
    sandbox
        .hook(["replay", "1", "--edit"])
        .run()
        .exits(2)
        .says(["error: no editor is set", "hint: `export EDITOR=nano`"]);
    assert!(app.rest().is_empty());
    let left = std::fs::read_dir(sandbox.path("")).unwrap().flatten();
    let left = left.filter(|entry| entry.path().extension().is_some_and(|end| end == "json"));
    assert_eq!(left.count(), 0, "the temporary file is gone");
}

#[test]
fn a_dry_run_shows_the_request_and_sends_nothing() {
    let sandbox = Sandbox::new();
    let app = app();
    let sent = send(&sandbox, &app, &["job.paid"]);
    let shown = sandbox.hook(["replay", "last", "-n"]).run().ok().stdout();
    assert!(shown.starts_with("POST / HTTP/1.1\nhost: 127.0.0.1"), "{shown}");
    assert!(
        shown.trim_end().ends_with(&*String::from_utf8_lossy(&sent.body)),
        "{shown}"
    );
    assert!(app.rest().is_empty());
    assert_eq!(sandbox.deliveries().len(), 1);
}

#[test]
fn many_replays_go_out_in_order_at_the_given_rate() {
    let sandbox = Sandbox::new();
    let app = app();
    let sent: Vec<_> = (0..4).map(|_| send(&sandbox, &app, &["job.paid"]).body).collect();
    let begun = std::time::Instant::now();
    sandbox
        .hook(["replay", "--event", "job.paid", "--rate", "20"])
        .run()
        .ok();
    assert!(begun.elapsed().as_millis() >= 150, "three gaps of 50 ms");
    let again: Vec<_> = app.rest().into_iter().map(|seen| seen.body).collect();
    assert_eq!(again, sent);
}

#[test]
fn a_replay_may_be_tried_again_on_a_schedule() {
    let sandbox = Sandbox::new();
    let app = app();
    send(&sandbox, &app, &["job.paid"]);
    drop(app);
    let down = App::start(|_| Reply::Status(503, ""));
    sandbox
        .hook(["replay", "last", "--to", &down.url, "--retry", "--time-scale", "1e7"])
        .run()
        .exits(3)
        .prints(["attempt 6  503"]);
    assert_eq!(sandbox.deliveries()[1].delivery.attempts.len(), 6);
}

#[test]
fn captured_credentials_do_not_go_to_another_host() {
    let sandbox = Sandbox::new();
    let app = app();
    let listener = sandbox.listen(["--forward-to", &app.url]);
    let headers = [
        ("authorization", "Bearer abracadabra"),
        ("cookie", "a=sesame"),
        ("x-own", "1"),
    ];
    post(&listener.url, &headers, b"{}");
    listener.stop().ok();
    assert_eq!(replay(&sandbox, &app, &["1"]).header("cookie"), Some("a=sesame"));
    let dry = |args: &[&str]| {
        let always = ["replay", "1", "-n", "--reveal"];
        sandbox.hook(always.iter().chain(args)).run().ok()
    };
    dry(&["--to", "https://elsewhere.example"])
        .never(["abracadabra", "sesame"])
        .prints(["x-own: 1"]);
    dry(&["--to", "https://elsewhere.example", "--send-credentials"]).prints(["abracadabra", "sesame"]);
    sandbox
        .hook(["replay", "1", "-n"])
        .run()
        .ok()
        .never(["abracadabra", "sesame"]);
}

#[test]
fn the_users_own_credentials_go_to_the_host_they_were_for_and_to_no_other() {
    let sandbox = Sandbox::new();
    let to = ["--to", "http://somewhere.invalid/in"];
    // By reference: the ledger holds no secret, and only what it names is found again.
    let send = ["send", "job.paid", "--bearer", "env:TOKEN"];
    let hook = |args: &[&str]| sandbox.hook(args).env("TOKEN", "abracadabra").run();
    hook(&[&send[..], &to].concat()).exits(4);
    let dry = ["replay", "last", "-n", "--reveal"];
    hook(&dry).ok().prints(["authorization: Bearer abracadabra"]);
    for other in ["http://elsewhere.invalid/in", "https://somewhere.invalid/in"] {
        hook(&[&dry[..], &["--to", other]].concat()).ok().never(["abracadabra"]);
    }
}

#[test]
fn a_token_that_is_the_secret_itself_is_masked_in_a_dry_run() {
    let sandbox = Sandbox::new();
    let app = app();
    let file = "format = 1\nname = \"tokened\"\ntitle = \"Tokened\"\nextends = \"generic\"\n\
                [signature.token]\nheader = \"X-Token\"\n";
    sandbox.write(sandbox.config("providers/tokened.toml"), file);
    let args = ["-p", "tokened", "--body", "{}", "--secret", "literal:abracadabra"];
    let seen = send(&sandbox, &app, &args);
    assert_eq!(seen.header("x-token"), Some("abracadabra"));
    for replayed in [
        &["last", "--secret", "literal:abracadabra"][..],
        &["last", "--as-captured"],
    ] {
        let dry = ["replay", "-n"];
        let shown = sandbox.hook(dry.iter().chain(replayed)).run().ok();
        shown.prints(["x-token: ********"]).never(["abracadabra"]);
    }
}

#[test]
fn what_failed_is_delivered_once_however_often_that_is_asked_for() {
    let sandbox = Sandbox::new();
    let up = Arc::new(AtomicBool::new(false));
    let says = Arc::clone(&up);
    let app = App::start(move |_| Reply::Status(if says.load(Ordering::SeqCst) { 200 } else { 500 }, ""));
    for event in ["job.paid", "job.created"] {
        let send = ["send", event, "-p", "poolflow", "--to", &app.url];
        sandbox.hook(send).run().exits(3);
    }
    app.rest();
    for _ in 0..4 {
        sandbox.hook(["replay", "--failed"]).run().exits(3);
        assert_eq!(app.rest().len(), 2);
    }
    up.store(true, Ordering::SeqCst);
    sandbox.hook(["replay", "1"]).run().ok();
    sandbox.hook(["replay", "--failed"]).run().ok();
    let events: Vec<_> = app.rest().iter().map(|seen| seen.body.clone()).collect();
    assert_eq!(
        events.len(),
        2,
        "what was delivered by its number is not delivered again"
    );
    assert_ne!(events[0], events[1]);
    sandbox
        .hook(["replay", "--failed"])
        .run()
        .exits(6)
        .says(["nothing in the ledger matches"]);
}

#[test]
fn what_another_process_delivers_again_is_left_to_it() {
    let sandbox = Sandbox::new();
    let came = AtomicUsize::new(0);
    let app = App::start(move |_| match came.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::Status(500, ""),
        1 => Reply::Silence,
        _ => Reply::Status(200, ""),
    });
    let send = ["send", "job.paid", "-p", "poolflow", "--to", &app.url];
    sandbox.hook(send).run().exits(3);
    let first = sandbox.hook(["replay", "--failed"]).spawn();
    app.next();
    app.next();
    sandbox
        .hook(["replay", "--failed"])
        .run()
        .exits(6)
        .says(["nothing in the ledger matches"]);
    first.signal("KILL");
    first.wait().exits(137);
    assert_eq!(app.rest().len(), 0);
    sandbox.hook(["replay", "--resume"]).run().ok();
    assert_eq!(app.rest().len(), 1);
}

#[test]
fn what_failed_and_was_signed_with_a_secret_that_is_not_at_hand_is_left() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(500, ""));
    let send = ["send", "job.paid", "-p", "poolflow", "--to", &app.url];
    let run = sandbox.hook(send.iter().chain(&["--secret", "env:THEIRS"]));
    run.env("THEIRS", "a b").run().exits(3);
    app.rest();
    for again in [&["--failed"][..], &["1"]] {
        sandbox.hook(["replay"].iter().chain(again)).run().exits(2).says([
            "error: `#1` was signed with `env:THEIRS`",
            "hint: `hook replay 1 --secret env:THEIRS`",
        ]);
    }
    assert!(app.rest().is_empty());
}

#[test]
fn an_endpoint_that_is_disabled_or_removed_gets_no_replay_but_another_target_does() {
    let sandbox = Sandbox::new();
    sandbox.write("hook.toml", "");
    let app = App::start(|_| Reply::Status(500, ""));
    let endpoints = |args: &str| {
        sandbox
            .hook(["endpoints"].into_iter().chain(args.split(' ')))
            .run()
            .ok()
    };
    endpoints(&format!(
        "add {} -p poolflow --events job.paid --name shop --local",
        app.url
    ));
    sandbox.hook(["send", "job.paid", "--endpoint", "shop"]).run().exits(3);
    let mut sending = sandbox
        .hook(["send", "job.paid", "--endpoint", "shop", "--retry"])
        .spawn();
    sending.wait_line(|line| line.contains("next attempt in 1m"));
    sending.signal("INT");
    sending.wait().exits(130);
    app.rest();

    let refused = |why: &str| {
        for again in [&["1"][..], &["--failed"], &["--resume"]] {
            sandbox.hook(["replay"].iter().chain(again)).run().exits(3).says([why]);
        }
        assert!(app.rest().is_empty(), "{why}");
        // A removed endpoint has taken its secret along.
        let elsewhere = ["replay", "1", "--to", &app.url, "--secret", "literal:x"];
        sandbox.hook(elsewhere).run().exits(3);
        assert_eq!(app.rest().len(), 1);
    };
    sandbox.write("hook.toml", "[account]\nenabled = false\n");
    sandbox.hook(["config", "trust"]).run().ok();
    refused("switched off by `account.enabled`");
    sandbox.write("hook.toml", "");
    endpoints("disable shop");
    refused("endpoint `shop` of `#");
    endpoints("enable shop");
    sandbox.hook(["replay", "1"]).run().exits(3);
    assert_eq!(app.rest().len(), 1);
    endpoints("rm shop --yes");
    refused("was removed");
    let pending = sandbox.deliveries().remove(1).delivery;
    assert_eq!(pending.state, DeliveryState::Pending, "it is left as it is");
}
