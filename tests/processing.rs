//! Commands that fail for what was received: the queue of failed processing, and `hook replay --failed --exec`.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Sandbox, keys, post, request};

/// Fails until the file `mended` is there.
const FLAKY: &str = "cat > /dev/null; echo first line >&2; echo the database is down >&2; test -e mended";

/// Receives these events, signed with the dev secret, while commands fail. The captures have odd numbers from 1 on.
#[track_caller]
fn receive<const N: usize>(sandbox: &Sandbox, options: [&str; N], events: &[&str]) {
    let listener = sandbox.listen(["--secret"].into_iter().chain(options));
    for event in events {
        let args = ["send", event, "--provider", "poolflow", "--to", &listener.url];
        sandbox.hook(args).run().ok();
    }
    listener.stop().ok();
}

/// `hook replay --failed --exec COMMAND OPTIONS`
fn again<'a, const N: usize>(sandbox: &Sandbox, command: &'a str, options: [&'a str; N]) -> crate::support::Run {
    sandbox.hook(["replay", "--failed", "--exec", command].into_iter().chain(options))
}

/// What is in the queue, the newest first.
#[track_caller]
fn queue(sandbox: &Sandbox) -> Vec<(u64, Value)> {
    let listed = sandbox.hook(["log", "--failed-processing", "--json"]).run().ok().json();
    let entry = |record: &Value| {
        (
            record["number"].as_u64().expect("a number"),
            record["failed_processing"].clone(),
        )
    };
    listed.iter().map(entry).collect()
}

#[test]
fn a_command_that_failed_is_kept_with_its_error_and_count_until_a_replay_succeeds() {
    let sandbox = Sandbox::new();
    receive(&sandbox, ["--exec", FLAKY], &["job.paid", "job.created"]);
    let down = |tries: u32| json!({"tries": tries, "error": "exit 1: the database is down"});
    assert_eq!(queue(&sandbox), [(3, down(1)), (1, down(1))]);
    sandbox
        .hook(["log", "--failed-processing"])
        .run()
        .ok()
        .prints(["job.paid", "verified, not processed: exit 1: the database is down"])
        .never(["delivered"]);

    let failed = again(&sandbox, FLAKY, ["--json"])
        .run()
        .exits(8)
        .says(["0 processed, 2 failed again"]);
    let first = &failed.json()[0];
    assert_eq!(
        keys(first).join(" "),
        "schema number id event event_id command ran state tries error took_ms"
    );
    assert_eq!(first["schema"], "hook.processing/1");
    let facts = ["number", "event", "command", "state", "tries"].map(|key| first[key].clone());
    assert_eq!(json!(facts), json!([1, "job.paid", FLAKY, "failed", 2]));
    assert_eq!(queue(&sandbox), [(3, down(2)), (1, down(2))]);

    sandbox.write("mended", "");
    let mended = again(&sandbox, FLAKY, [])
        .run()
        .ok()
        .says(["2 processed, 0 failed again"]);
    let lines: Vec<String> = mended.stdout().lines().map(|line| line[..12].to_owned()).collect();
    assert_eq!(lines, ["#1  job.paid", "#3  job.crea"], "the oldest first");
    assert_eq!(queue(&sandbox), []);
    again(&sandbox, FLAKY, []).run().exits(6).says([
        "error: no failed command is left",
        "hint: `hook log --failed-processing`",
    ]);
}

#[test]
fn a_record_tells_which_command_failed_how_often_and_what_helps() {
    let sandbox = Sandbox::new();
    receive(&sandbox, ["--on", &format!("job.*={FLAKY}")], &["job.paid"]);
    let show = |options: &[&str]| sandbox.hook(["log", "show", "1"].iter().chain(options)).run().ok();
    show(&[]).prints([
        &format!("command     {FLAKY}"),
        "failed 1 time, last ",
        "exit 1: the database is down",
    ]);
    show(&["--why"]).prints([
        "ran for it and failed 1 time, the last time with `exit 1: the database is down`.",
        &format!("`hook replay --failed --exec '{FLAKY}'` does what is left."),
    ]);
    sandbox.write("mended", "");
    again(&sandbox, FLAKY, []).run().ok();
    show(&[]).prints(["succeeded 20", "failed 1 time"]);
    show(&["--why"]).prints(["It succeeded later"]);
    let kept = &show(&["--json"]).object()["processing"][0];
    assert_eq!(keys(kept).join(" "), "command tries first_at last_at error mended_at");
    assert!(kept["mended_at"].is_string(), "{kept}");
}

#[test]
fn a_command_that_is_run_again_gets_the_same_body_and_facts() {
    let sandbox = Sandbox::new();
    let command = "{ env | grep ^WEBHOOK_ | sort; cat; } > $(test -e 1 && echo 2 || echo 1); exit 1";
    let listener = sandbox.listen(["--secret", "--exec", command]);
    let to = format!("{}/in?x=1", listener.url);
    let send = ["send", "customer.created", "--provider", "pool-brain", "--to", &to];
    sandbox.hook(send).run().ok();
    listener.stop().ok();
    again(&sandbox, command, []).run().exits(8);
    let facts = fs::read_to_string(sandbox.path("1")).unwrap();
    assert!(
        facts.contains("WEBHOOK_ID=") && facts.contains("WEBHOOK_VERIFIED=true"),
        "{facts}"
    );
    assert_eq!(facts, fs::read_to_string(sandbox.path("2")).unwrap());
}

#[test]
fn whatever_way_a_command_fails_it_is_kept() {
    for (command, limit, error) in [
        ("exit 3", "1h", "exit 3"),
        ("kill -9 $$", "1h", "signal 9"),
        // How it goes on depends on the shell.
        ("./not-there", "1h", "exit 127: sh: "),
        (
            "printf 'no line feed \\033[31m' >&2; exit 1",
            "1h",
            "exit 1: no line feed \\u{1b}[31m",
        ),
        (
            "echo talks while it hangs >&2; exec sleep 600",
            "1s",
            "took longer than 1s: talks while it hangs",
        ),
    ] {
        let sandbox = Sandbox::new();
        receive(&sandbox, ["--exec", command, "--exec-timeout", limit], &["job.paid"]);
        let kept = queue(&sandbox);
        assert_eq!(kept.len(), 1, "{command}");
        let found = kept[0].1["error"].as_str().unwrap();
        assert!(found.starts_with(error), "{command}: {found}");
    }
    let sandbox = Sandbox::new();
    receive(&sandbox, ["--exec", "exec cat > /dev/null"], &["job.paid"]);
    assert_eq!(queue(&sandbox), []);
}

#[test]
fn a_command_that_says_much_and_reads_late_is_not_in_its_own_way() {
    let sandbox = Sandbox::new();
    let command = "head -c 300000 /dev/zero | tr '\\0' x >&2; test $(wc -c) -gt 200000 && exit 5";
    let listener = sandbox.listen(["--unverified", "--exec", command, "--count", "1"]);
    post(&listener.url, &[], &vec![b'x'; 250_000]);
    listener.process.wait().ok();
    let error = queue(&sandbox)[0].1["error"].as_str().unwrap().to_owned();
    assert!(
        error.starts_with("exit 5: xxxx") && error.chars().count() < 250,
        "{error}"
    );
}

#[test]
fn of_two_replays_at_once_one_runs_the_command() {
    let sandbox = Sandbox::new();
    let gate = sandbox.path("gate");
    assert!(Command::new("mkfifo").arg(&gate).status().unwrap().success());
    let command = "test -e busy || exit 1; echo ran >> out; echo started >&2; read go < gate";
    receive(&sandbox, ["--exec", command], &["job.paid"]);
    sandbox.write("busy", "");
    let mut first = again(&sandbox, command, []).spawn();
    first.wait_said(|line| line == "started");
    again(&sandbox, command, []).run().ok().says([
        "#1: another process has already taken it",
        "0 processed, 0 failed again",
    ]);
    fs::write(&gate, "go\n").unwrap();
    first.wait().ok().says(["1 processed"]);
    assert_eq!(fs::read_to_string(sandbox.path("out")).unwrap(), "ran\n");
    assert_eq!(queue(&sandbox), []);
}

#[test]
fn what_a_replay_had_taken_when_it_was_killed_is_taken_up_by_the_next() {
    let sandbox = Sandbox::new();
    let gate = sandbox.path("gate");
    assert!(Command::new("mkfifo").arg(&gate).status().unwrap().success());
    let command = "test -e open && exit; test -e busy || exit 1; echo started >&2; read go < gate";
    receive(&sandbox, ["--exec", command], &["job.paid"]);
    sandbox.write("busy", "");
    let mut killed = again(&sandbox, command, []).spawn();
    killed.wait_said(|line| line == "started");
    killed.signal("KILL");
    // Lets go of the command, which outlives the process that ran it.
    fs::write(&gate, "go\n").unwrap();
    killed.wait().exits(137);
    sandbox.write("open", "");
    again(&sandbox, command, []).run().ok().says(["1 processed"]);
    assert_eq!(queue(&sandbox), []);
}

#[test]
fn ctrl_c_stops_a_replay_and_what_it_did_not_do_stays() {
    let sandbox = Sandbox::new();
    let command = "test -e busy || exit 1; echo started >&2; exec sleep 600";
    receive(&sandbox, ["--exec", command], &["job.paid", "job.created"]);
    sandbox.write("busy", "");
    let mut stopped = again(&sandbox, command, []).spawn();
    stopped.wait_said(|line| line == "started");
    stopped.signal("INT");
    stopped.wait().exits(130);
    let kept = [
        (3, json!({"tries": 1, "error": "exit 1"})),
        (1, json!({"tries": 2, "error": "interrupted"})),
    ];
    assert_eq!(queue(&sandbox), kept);
}

#[test]
fn a_command_runs_again_for_verified_requests_only_unless_asked_otherwise() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--unverified", "--exec", FLAKY, "--count", "1"]);
    post(&listener.url, &[], b"{}");
    listener.process.wait().ok();
    sandbox.write("mended", "");
    again(&sandbox, FLAKY, []).run().exits(2).says([
        "error: refusing to run the command for unverified request `#1`",
        "hint: add `--unverified`",
    ]);
    assert_eq!(queue(&sandbox).len(), 1);
    again(&sandbox, FLAKY, ["--unverified"])
        .run()
        .ok()
        .says(["1 processed"]);
}

#[test]
fn each_command_is_run_again_for_what_it_failed_for_and_a_new_one_stands_in_for_a_single_one() {
    let sandbox = Sandbox::new();
    receive(
        &sandbox,
        ["--on", "job.paid=exit 1", "--on", "job.*=exit 2"],
        &["job.paid", "job.created"],
    );
    again(&sandbox, "true", []).run().exits(2).says([
        "error: several commands failed, and `true` is not one of them",
        "hint: give one of them as it is: `exit 1`, `exit 2`",
    ]);
    let again_two = again(&sandbox, "exit 2", ["--json"]).run().exits(8);
    let numbers: Vec<_> = again_two.json().iter().map(|line| line["number"].clone()).collect();
    assert_eq!(numbers, [json!(1), json!(3)]);

    let only = again(&sandbox, "true", ["--event", "job.created"]).run().ok();
    only.says(["running in place of `exit 2`, which failed", "1 processed"]);
    assert_eq!(queue(&sandbox).len(), 1, "both of the other event are left");
    for left in ["exit 1", "exit 2"] {
        again(&sandbox, left, []).run().exits(8);
    }
    let kept = &sandbox.captures()[0].processing;
    let kept: Vec<_> = kept.iter().map(|found| (found.command.as_str(), found.tries)).collect();
    assert_eq!(kept.len(), 2);
    assert!(
        kept.contains(&("exit 1", 2)) && kept.contains(&("exit 2", 3)),
        "{kept:?}"
    );
}

#[test]
fn a_command_goes_with_the_queue_and_with_nothing_about_sending() {
    let sandbox = Sandbox::new();
    let replay = |args: &[&str]| sandbox.hook(["replay"].iter().chain(args)).run().exits(2);
    replay(&["--exec", "true"]).says(["--failed"]);
    replay(&["--failed", "--unverified"]).says(["--exec <CMD>"]);
    for flag in [
        ["--to", ":1"],
        ["--secret", "literal:x"],
        ["--retry", "1s"],
        ["--set", "a=1"],
        ["--rate", "1"],
    ] {
        replay(&[&["--failed", "--exec", "true"], flag.as_slice()].concat()).says(["cannot be used with", flag[0]]);
    }
    sandbox
        .hook(["log", "follow", "--failed-processing"])
        .run()
        .exits(2)
        .says(["hint: `hook log --failed-processing`"]);
    sandbox.hook(["replay", "--failed", "--exec", "true"]).run().exits(6);
}

#[test]
fn figures_tell_how_often_each_event_came_its_duplicates_and_what_failed() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--secret", "--on", "job.paid=exit 1"]);
    let signed = sandbox.signed(["job.paid"]);
    for _ in 0..3 {
        signed.post(&listener.url);
    }
    sandbox.signed(["job.created"]).post(&listener.url);
    listener.stop().ok();
    let stats = sandbox
        .hook(["log", "stats", "--since", "2h", "--json"])
        .run()
        .ok()
        .object();
    assert_eq!(
        (&stats["duplicates"], &stats["failed_processing"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(stats["from"], stats["since"]);
    let events = json!([
        {"event": "job.paid", "count": 3, "per_hour": 1.5, "duplicates": 2, "failed_processing": 1},
        {"event": "job.created", "count": 1, "per_hour": 0.5, "duplicates": 0, "failed_processing": 0},
    ]);
    assert_eq!(stats["events"], events);
    sandbox.hook(["log", "stats", "--since", "2h"]).run().ok().prints([
        "period      2h, since 20",
        "received    4: 4 verified, 0 refused, 2 duplicates",
        "processing  1 failed",
        "       3      1.5/h  job.paid  2 duplicates, 1 failed processing",
        "       1   12.0/day  job.created\n",
    ]);
}

#[test]
fn a_report_of_a_request_has_id_time_and_url_and_no_secret() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--secret", "--exec", "echo hunter2hunter2 >&2; exit 1", "--count", "1"]);
    let mut signed = sandbox.signed(["customer.created", "--provider", "pool-brain"]);
    let forwarded = [
        ("authorization", "Bearer a-long-friendly-token"),
        ("x-forwarded-proto", "https"),
    ];
    signed
        .headers
        .extend(forwarded.map(|(name, value)| (name.to_owned(), value.to_owned())));
    request(
        "POST",
        &listener.url,
        "/in?token=opensesame",
        &signed.pairs(),
        &signed.body,
    );
    let port = listener.url.rsplit(':').next().unwrap().to_owned();
    listener.process.wait().ok();
    let signature = signed
        .headers
        .iter()
        .find(|(name, _)| name.contains("signature"))
        .expect("it is signed")
        .1
        .clone();
    let secrets = ["opensesame", "a-long-friendly-token", "hunter2hunter2", &signature];
    let kept = sandbox.captures().remove(0).request;
    let body: Value = serde_json::from_slice(&signed.body).expect("JSON");
    let stated = body["timestamp"].as_str().expect("a time");
    sandbox.hook(["log", "report", "1"]).run().ok().never(secrets).prints([
        &format!("event id:      {}", kept.event_id.as_deref().unwrap()),
        "event:         customer.created",
        &format!("timestamp:     {}", &stated[..23]),
        &format!("URL:           https://127.0.0.1:{port}/in?token=********"),
        "provider:      pool-brain",
        "last answer:   200 OK, by us",
    ]);
    let report = sandbox
        .hook(["log", "report", "1", "--json"])
        .run()
        .ok()
        .never(secrets)
        .object();
    assert_eq!(report["event_id"], json!(kept.event_id));
    assert_eq!(report["timestamp"], json!(format!("{}Z", &stated[..23])));
}
