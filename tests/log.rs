//! `hook log`: what was recorded, in every form, and `hook verify ID`.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{App, Reply, Sandbox, Seen, keys, request};
use hook::internals::store::{Access, DeliveryState, Op, SqliteStore, Store as _};

/// Longer than anything takes on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(60);

/// One verified request, one refused, and the deliveries that made them: #1 to #4.
fn round_trip(sandbox: &Sandbox) {
    let mut listener = sandbox.listen(["--secret"]);
    let url = listener.url.clone();
    sandbox.hook(["send", "job.paid", "--to", &url]).run().ok();
    let wrong = ["send", "job.created", "--secret", "literal:wrong", "--to", &url];
    sandbox.hook(wrong).run().exits(3);
    listener.shows("refused");
    listener.stop().ok();
}

/// An app that answers everything with this.
fn app(status: u16) -> App {
    App::start(move |_: &Seen| Reply::Status(status, "it says so"))
}

/// A delivery with attempts left whose process has ended.
fn abandoned(sandbox: &Sandbox, to: &str) {
    let mut sender = sandbox.hook(["send", "job.paid", "--retry", "1h", "--to", to]).spawn();
    sender.wait_line(|line| line.contains("next attempt in"));
    sender.signal("INT");
    sender.wait().exits(130);
}

#[test]
fn records_are_listed_the_newest_first_with_direction_state_and_cause() {
    let sandbox = Sandbox::new();
    round_trip(&sandbox);
    let listed = sandbox.hook(["log"]).run().ok().stdout();
    let lines: Vec<Vec<&str>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 4, "{listed}");
    for (line, parts) in lines.iter().zip([
        ["#4", "-->", "job.created", "poolflow", "failed", "401"],
        ["#3", "<--", "job.created", "poolflow", "refused:", "401"],
        ["#2", "-->", "job.paid", "poolflow", "delivered", "200"],
        ["#1", "<--", "job.paid", "poolflow", "verified", "200"],
    ]) {
        for part in parts {
            assert!(line.contains(&part), "{part}: {line:?}");
        }
    }
    assert!(listed.contains("refused: no-match"), "{listed}");
}

#[test]
fn filters_choose_records_before_and_after_the_word_list() {
    let sandbox = Sandbox::new();
    round_trip(&sandbox);
    let numbers = |args: &[&str]| -> Vec<u64> {
        let listed = sandbox.hook(args).run().ok();
        listed
            .json()
            .iter()
            .filter_map(|record| record["number"].as_u64())
            .collect()
    };
    for (filter, found) in [
        (vec!["--failed"], vec![4, 3]),
        (vec!["--kind", "capture"], vec![3, 1]),
        (vec!["--event", "job.p*"], vec![2, 1]),
        (vec!["--since", "1h", "--provider", "poolflow"], vec![4, 3, 2, 1]),
        (vec!["--since", "2090-01-01T00:00:00Z"], vec![]),
        (vec!["--limit", "1"], vec![4]),
    ] {
        assert_eq!(
            numbers(&[&["log", "--json"], filter.as_slice()].concat()),
            found,
            "{filter:?}"
        );
        assert_eq!(
            numbers(&[&["log", "list", "--json"], filter.as_slice()].concat()),
            found
        );
        assert_eq!(
            numbers(&[&["log"], filter.as_slice(), &["list", "--json"]].concat()),
            found
        );
    }
    sandbox
        .hook(["log", "--limit", "1"])
        .run()
        .ok()
        .says(["there are more"]);
    sandbox
        .hook(["log", "--event", "none"])
        .run()
        .ok()
        .says(["nothing in the ledger matches"]);
    sandbox
        .hook(["log", "--failed", "show", "1"])
        .run()
        .exits(2)
        .says(["options of `hook log list` do not apply to this subcommand"]);
}

#[test]
fn in_json_a_record_is_one_object_with_all_that_the_list_knows() {
    let sandbox = Sandbox::new();
    round_trip(&sandbox);
    let records = sandbox.hook(["log", "--json"]).run().ok().json();
    for record in &records {
        assert_eq!(
            keys(record).join(" "),
            "schema number id kind at event provider endpoint state reason target status attempts took_ms size \
             duplicate_of workflow failed_processing"
        );
        assert_eq!(record["schema"], "hook.record/1");
    }
    let (refused, delivered) = (&records[1], &records[2]);
    assert_eq!(refused["state"], "refused");
    assert_eq!(refused["reason"], "no-match");
    assert_eq!(refused["target"], "POST /");
    assert_eq!(refused["took_ms"], json!(null));
    assert_eq!(delivered["kind"], "delivery");
    assert_eq!(delivered["attempts"], 1);
    assert_eq!(delivered["status"], 200);
    assert!(delivered["took_ms"].as_f64().is_some_and(|took| took > 0.0));
    assert!(delivered["at"].as_str().is_some_and(|at| at.ends_with('Z')));
}

#[test]
fn a_capture_is_shown_with_verdict_headers_and_its_body_indented() {
    let sandbox = Sandbox::new();
    round_trip(&sandbox);
    sandbox.hook(["log", "show", "1"]).run().ok().prints([
        "#1  cap_",
        "verified: by `dev secret`",
        "answered    200 OK",
        "POST /",
        "x-poolflow-signature: ",
        "\n  \"event\": \"job.paid\",\n",
        "\n    \"total_cents\": ",
    ]);
    let shown = sandbox.hook(["log", "show", "#3", "--json"]).run().ok().object();
    assert_eq!(
        keys(&shown).join(" "),
        "schema number id at remote method target event event_id provider verdict reason detail cause diagnosis status answered duplicate_of same_content \
         workflow forwarded_to deliveries processing size headers body body_base64"
    );
    assert_eq!(shown["schema"], "hook.capture/1");
    assert_eq!(shown["verdict"], "refused");
    assert_eq!(shown["status"], 401);
    assert_eq!(shown["headers"][0][0], "host");
    let body: serde_json::Value = serde_json::from_str(shown["body"].as_str().expect("text")).expect("JSON");
    assert_eq!(body["event"], "job.created");
    let id = shown["id"].as_str().expect("an id");
    sandbox.hook(["log", "show", &id[..36]]).run().ok().prints(["#3  cap_"]);
}

#[test]
fn a_delivery_is_shown_with_each_attempt_and_what_the_answer_said() {
    let sandbox = Sandbox::new();
    let app = app(500);
    let args = [
        "send",
        "job.paid",
        "--retry",
        "1ms,1ms",
        "--header",
        "x-mine: 1",
        "--to",
        &app.url,
    ];
    sandbox.hook(args).run().exits(3);
    sandbox.hook(["log", "show"]).run().ok().prints([
        "#1  dlv_",
        "by `hook send`",
        "signed      afresh on every attempt",
        "3 attempts: at once, then after 1ms, 1ms",
        "attempt 3   500 Internal Server Error",
        "response body: it says so",
        "x-mine: 1",
    ]);
    let full = sandbox.hook(["log", "show", "1", "--full"]).run().ok().stdout();
    assert_eq!(full.matches("x-poolflow-signature: ").count(), 3, "{full}");
    let shown = sandbox.hook(["log", "show", "1", "--json"]).run().ok().object();
    assert_eq!(
        keys(&shown).join(" "),
        "schema number id at source origin event message message_record message_time mode provider endpoint workflow \
         reason method url signing state next_due parked crashes owner_alive delays_ms attempts deliveries size content_type headers body \
         body_base64"
    );
    assert_eq!(shown["schema"], "hook.delivery/1");
    assert_eq!(shown["state"], "failed");
    assert_eq!(shown["delays_ms"], json!([1.0, 1.0]));
    let attempts = shown["attempts"].as_array().expect("a list");
    assert_eq!(attempts.len(), 3);
    assert_eq!(
        keys(&attempts[2]).join(" "),
        "attempt at took_ms request_headers status error detail headers body body_base64 truncated"
    );
    assert_eq!(attempts[2]["body"], "it says so");
}

#[test]
fn why_says_in_plain_words_what_happened_and_which_command_helps() {
    let sandbox = Sandbox::new();
    round_trip(&sandbox);
    let why = |id: &str| sandbox.hook(["log", "show", id, "--why"]).run().ok();
    why("1").prints(["Its signature is valid, by `dev secret`.", "`hook replay 1 --to URL`"]);
    why("3").prints([
        "It was refused: `X-PoolFlow-Signature` does not match",
        "`hook verify 3 --secret REF`",
        "Nothing was forwarded or run",
    ]);
    why("4").prints([
        "answered 401 Unauthorized",
        "do both sides have the same secret?",
        "PoolFlow itself makes 6 attempts: at once, then after 1m",
        "`hook replay 4` delivers it again.",
    ]);
    sandbox
        .hook(["send", "job.paid", "--to", "http://127.0.0.1:1"])
        .run()
        .exits(4);
    why("5").prints(["got no answer: no connection", "Nothing listens there"]);
    let shown = sandbox
        .hook(["log", "show", "5", "--why", "--json"])
        .run()
        .ok()
        .object();
    assert!(shown["why"].as_array().is_some_and(|why| why.len() > 3), "{shown}");
}

#[test]
fn a_delivery_with_attempts_left_says_whether_anybody_works_on_it() {
    let sandbox = Sandbox::new();
    let app = app(500);
    let mut sender = sandbox
        .hook(["send", "job.paid", "--retry", "1h", "--to", &app.url])
        .spawn();
    sender.wait_line(|line| line.contains("next attempt in"));
    let alive = sandbox.hook(["log", "show", "1", "--json"]).run().ok().object();
    assert_eq!(
        (&alive["state"], &alive["owner_alive"]),
        (&json!("pending"), &json!(true))
    );
    sandbox
        .hook(["log", "show", "1", "--why"])
        .run()
        .ok()
        .prints(["attempt 2 is due in ", "the process that makes it is running"]);
    sandbox
        .hook(["log"])
        .run()
        .ok()
        .prints(["pending "])
        .never(["abandoned"]);
    sender.signal("INT");
    sender.wait().exits(130);
    sandbox.hook(["log"]).run().ok().prints(["pending: abandoned"]);
    sandbox
        .hook(["log", "show", "1", "--why"])
        .run()
        .ok()
        .prints(["`hook replay --resume` does"]);
}

#[test]
fn forwards_and_repetitions_are_named_at_what_they_came_from() {
    let sandbox = Sandbox::new();
    let app = app(200);
    let mut listener = sandbox.listen(["--secret", "--forward-to", &app.url]);
    sandbox.hook(["send", "job.paid", "--to", &listener.url]).run().ok();
    listener.shows("<-- #1");
    listener.stop().ok();
    let capture = sandbox.hook(["log", "show", "1", "--json"]).run().ok().object();
    let forward = &capture["deliveries"][0];
    assert_eq!(forward["state"], "delivered", "{capture}");
    let number = forward["number"].to_string();
    sandbox
        .hook(["log", "show", "1"])
        .run()
        .ok()
        .prints([&format!("#{number} to {}", app.url)]);
    sandbox
        .hook(["log", "show", &number])
        .run()
        .ok()
        .prints(["a forward of #1"]);
    sandbox.hook(["replay", &number]).run().ok();
    sandbox
        .hook(["log", "show", &number, "--why"])
        .run()
        .ok()
        .prints(["It went on as #"]);
    sandbox
        .hook(["log", "show", "last"])
        .run()
        .ok()
        .prints([&format!("`hook replay` of #{number}")]);
}

#[test]
fn the_body_is_printed_to_the_byte() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen::<&str>([]);
    let body = [b"\xff\x00 {\r\n".as_slice(), &[0xc3; 5000]].concat();
    request("PUT", &listener.url, "/x?a=1", &[], &body);
    request("POST", &listener.url, "/", &[], b" {\"n\": 1.10,\"n\":2}\n");
    listener.stop().ok();
    assert_eq!(sandbox.hook(["log", "show", "1", "--body"]).run().ok().stdout, body);
    let json = sandbox.hook(["log", "show", "1", "--body", "--json"]).run().ok();
    assert_eq!(json.stdout, body);
    let shown = sandbox.hook(["log", "show", "1", "--json"]).run().ok().object();
    assert_eq!(shown["body"], json!(null));
    assert!(
        shown["body_base64"]
            .as_str()
            .is_some_and(|text| text.starts_with("/wAg"))
    );
    sandbox
        .hook(["log", "show", "1"])
        .run()
        .ok()
        .prints(["PUT /x?a=1", "of binary data"]);
    // Numbers and repeated keys stay as they came.
    sandbox
        .hook(["log", "show", "2"])
        .run()
        .ok()
        .prints(["  \"n\": 1.10,\n  \"n\": 2\n"]);
}

#[test]
fn a_long_body_is_shown_in_part_unless_all_is_wanted() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen::<&str>([]);
    let body = format!("{}END", "x".repeat(5000));
    request("POST", &listener.url, "/", &[], body.as_bytes());
    listener.stop().ok();
    sandbox
        .hook(["log", "show", "1"])
        .run()
        .ok()
        .prints(["`--full` shows all"])
        .never(["END"]);
    sandbox.hook(["log", "show", "1", "--full"]).run().ok().prints(["END"]);
}

#[test]
fn credentials_are_masked_unless_they_are_to_be_revealed() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen::<&str>([]);
    let url = listener.url.replace("http://", "http://me:opensesame@");
    let args = [
        "send",
        "job.paid",
        "--header",
        "cookie: chocolate",
        "--bearer",
        "literal:friend",
    ];
    sandbox
        .hook([args.as_slice(), &["--to", &listener.url]].concat())
        .run()
        .ok();
    sandbox.hook(["send", "job.paid", "--to", &url]).run();
    listener.stop().ok();
    for form in [vec![], vec!["--full"], vec!["--json"], vec!["--why"]] {
        for number in ["1", "2", "3", "4"] {
            let args = [&["log", "show", number], form.as_slice()].concat();
            sandbox
                .hook(args)
                .run()
                .ok()
                .never(["chocolate", "friend", "opensesame"]);
        }
    }
    sandbox.hook(["log"]).run().ok().never(["opensesame"]);
    sandbox.hook(["log", "--json"]).run().ok().never(["opensesame"]);
    sandbox
        .hook(["log", "show", "1"])
        .run()
        .ok()
        .prints(["cookie: ********", "authorization: ********"]);
    sandbox
        .hook(["log", "show", "1", "--reveal"])
        .run()
        .ok()
        .prints(["cookie: chocolate", "authorization: Bearer friend"]);
}

#[test]
fn text_from_the_network_cannot_steer_a_terminal() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen::<&str>([]);
    let body = b"{\"event\":\"a\\u001b]0;x\\u0007\"} \x1b[2J";
    request("POST", &listener.url, "/", &[("x-note", "\u{202e}evil")], body);
    listener.stop().ok();
    for args in [
        vec!["log"],
        vec!["log", "show", "1"],
        vec!["log", "show", "1", "--why"],
        vec!["log", "stats"],
    ] {
        let shown = sandbox.hook(args).run().ok();
        assert!(!shown.stdout().contains(['\u{1b}', '\u{7}', '\u{202e}']), "{shown}");
    }
    sandbox
        .hook(["log", "show", "1"])
        .run()
        .ok()
        .prints(["\\u{202e}evil", "\\u{1b}[2J"]);
}

#[test]
fn figures_tell_success_durations_duplicates_and_events() {
    let sandbox = Sandbox::new();
    round_trip(&sandbox);
    sandbox.hook(["log", "stats"]).run().ok().prints([
        "received    2: 1 verified, 1 refused, 0 duplicates",
        "deliveries  2: 1 delivered, 1 failed, 0 with attempts left",
        "success     50.00 %",
        "p50 ",
        "job.paid",
        "processing  0 failed",
    ]);
    let stats = sandbox
        .hook(["log", "stats", "--json", "--kind", "delivery"])
        .run()
        .ok()
        .object();
    assert_eq!(
        keys(&stats).join(" "),
        "schema since from until captures verified refused duplicates failed_processing deliveries delivered failed \
         pending parked success_rate attempts p50_ms p95_ms events"
    );
    assert_eq!(stats["schema"], "hook.stats/1");
    assert_eq!((&stats["captures"], &stats["deliveries"]), (&json!(0), &json!(2)));
    assert_eq!(stats["success_rate"], 0.5);
    let events: Vec<_> = stats["events"].as_array().unwrap().iter().collect();
    assert_eq!(
        keys(events[0]).join(" "),
        "event count per_hour duplicates failed_processing"
    );
    let events = events.iter().map(|event| (&event["event"], &event["count"]));
    assert!(events.eq([(&json!("job.created"), &json!(1)), (&json!("job.paid"), &json!(1))]));
}

#[test]
fn a_report_has_what_support_asks_for_and_no_secret() {
    let sandbox = Sandbox::new();
    let echo = App::start(|seen: &Seen| Reply::Full(500, Vec::new(), format!("{:?}", seen.headers).into_bytes()));
    let url = format!("{}/in?token=opensesame", echo.url);
    sandbox
        .hook([
            "send",
            "job.paid",
            "--bearer",
            "literal:a-long-friendly-token",
            "--to",
            &url,
        ])
        .run()
        .exits(3);
    let signature = echo
        .next()
        .header("x-poolflow-signature")
        .expect("it is signed")
        .to_owned();
    let secrets = [signature.as_str(), "opensesame", "a-long-friendly-token"];
    sandbox.hook(["log", "report", "1"]).run().ok().never(secrets).prints([
        "event id:      (unknown)",
        "event:         job.paid",
        "timestamp:     20",
        &format!("URL:           {}/in?token=********", echo.url),
        "provider:      poolflow",
        "failed after 1 attempt",
        "last answer:   500 Internal Server Error, after ",
        "response body: ",
    ]);
    let report = sandbox
        .hook(["log", "report", "last", "--json"])
        .run()
        .ok()
        .never(secrets)
        .object();
    assert_eq!(
        keys(&report).join(" "),
        "schema number id event_id event timestamp url endpoint provider state attempts last"
    );
    assert_eq!(report["schema"], "hook.report/1");
    assert_eq!(report["last"]["status"], 500);
}

#[test]
fn a_report_of_a_request_tells_where_it_came_and_what_was_answered() {
    let sandbox = Sandbox::new();
    round_trip(&sandbox);
    sandbox.hook(["log", "report", "3"]).run().ok().prints([
        "event:         job.created",
        "URL:           http://127.0.0.1:",
        ", refused\n",
        "last answer:   401 Unauthorized, by us",
    ]);
}

#[test]
fn pruning_asks_first_and_says_how_many_records_went() {
    let sandbox = Sandbox::new();
    let app = app(200);
    let send = |now: &str| {
        let run = sandbox.hook(["send", "job.paid", "--to", &app.url]);
        run.env("__HOOK_NOW", now).run().ok();
    };
    send("2020-01-02T03:04:05Z");
    send("2020-01-02T03:04:06Z");
    sandbox.hook(["send", "job.paid", "--to", &app.url]).run().ok();
    sandbox
        .hook(["log", "prune"])
        .run()
        .exits(2)
        .says(["Drop records older than 30d or beyond 2048.0 MiB", "add `--yes`"]);
    assert_eq!(sandbox.records().len(), 3);
    sandbox
        .hook(["log", "prune", "--yes"])
        .run()
        .ok()
        .prints(["dropped 2 records"]);
    sandbox
        .hook(["log", "show", "1"])
        .run()
        .exits(6)
        .says(["record `1` not found"]);
    sandbox.hook(["log", "show", "3"]).run().ok();
    let pruned = sandbox
        .hook(["log", "prune", "--older-than", "0", "--yes", "--json"])
        .run()
        .ok()
        .object();
    assert_eq!(pruned, json!({"schema": "hook.pruned/1", "dropped": 1, "parked": 0}));
    sandbox.hook(["log"]).run().ok().says(["the ledger is empty"]);
    sandbox.hook(["log", "prune", "--max-size", "some"]).run().exits(2);
}

#[test]
fn a_listener_drops_what_is_too_old_by_itself() {
    let sandbox = Sandbox::new();
    let app = app(200);
    let run = sandbox.hook(["send", "job.paid", "--to", &app.url]);
    run.env("__HOOK_NOW", "2020-01-02T03:04:05Z").run().ok();
    // Where even the newest is too old, nothing is dropped for an hour.
    sandbox.hook(["send", "job.paid", "--to", &app.url]).run().ok();
    let listener = sandbox.listen::<&str>([]);
    let begun = Instant::now();
    while sandbox.hook(["log", "show", "1"]).run().code == 0 {
        assert!(begun.elapsed() < DEADLINE, "it is still there");
    }
    listener.stop().ok();
}

#[test]
fn a_follower_waits_for_the_ledger_and_shows_records_as_they_come() {
    let sandbox = Sandbox::new();
    let mut follower = sandbox.hook(["log", "follow"]).spawn();
    follower.wait_said(|line| line.contains("waiting for a ledger at "));
    let app = app(200);
    sandbox.hook(["send", "job.paid", "--to", &app.url]).run().ok();
    let line = follower.wait_line(|line| line.contains("#1"));
    assert!(line.contains("job.paid") && line.contains("delivered"), "{line}");
    sandbox.hook(["send", "job.created", "--to", &app.url]).run().ok();
    follower.wait_line(|line| line.contains("#2") && line.contains("job.created"));
    follower.signal("INT");
    follower.wait().ok();
}

#[test]
fn a_follower_shows_the_last_records_first_and_a_delivery_again_when_it_ends() {
    let sandbox = Sandbox::new();
    let app = app(500);
    sandbox.hook(["send", "job.created", "--to", &app.url]).run().exits(3);
    abandoned(&sandbox, &app.url);
    let mut follower = sandbox.hook(["log", "--follow", "--limit", "1", "--json"]).spawn();
    let line = follower.wait_line(|_| true);
    assert!(line.contains("\"number\":2") && line.contains("pending"), "{line}");
    let mut store = SqliteStore::open(sandbox.state("ledger.db"), Access::ReadWrite).expect("the ledger opens");
    let delivery = sandbox.deliveries().remove(1).delivery.id;
    let over = Op::State {
        delivery,
        state: DeliveryState::Parked,
        owner: None,
    };
    store.write(&[over]).expect("it is written");
    let line = follower.wait_line(|_| true);
    assert!(line.contains("\"number\":2") && line.contains("parked"), "{line}");
    follower.signal("TERM");
    follower.wait().ok();
}

#[test]
fn a_long_list_is_whole_and_ends_quietly_when_its_reader_has_seen_enough() {
    let sandbox = Sandbox::new();
    let app = app(200);
    sandbox.hook(["send", "job.paid", "--to", &app.url]).run().ok();
    let delivery = sandbox.deliveries().remove(0).delivery;
    let op = Op::Delivery(Box::new(delivery));
    let mut store = SqliteStore::open(sandbox.state("ledger.db"), Access::ReadWrite).expect("the ledger opens");
    store.write(&vec![op; 3000]).expect("they are written");
    for form in ["human", "json"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hook"))
            .args(["log", "--limit", "5000", "--output", form, "--ledger"])
            .arg(sandbox.state("ledger.db"))
            .env("HOME", sandbox.path(""))
            .current_dir(sandbox.path(""))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut first = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        stdout.read_line(&mut first).expect("a line");
        drop(stdout);
        let ended = child.wait_with_output().expect("it ends");
        assert!(first.contains("3001"), "{first}");
        assert_eq!(ended.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
    }
    let listed = sandbox.hook(["log", "--limit", "2500", "--json"]).run().ok().json();
    let numbers: Vec<u64> = listed.iter().filter_map(|record| record["number"].as_u64()).collect();
    assert_eq!(numbers, (502..=3001).rev().collect::<Vec<u64>>());
}

#[test]
fn without_a_ledger_lists_are_empty_and_records_are_not_found() {
    let sandbox = Sandbox::new();
    for args in [
        vec!["log"],
        vec!["log", "--json"],
        vec!["log", "stats"],
        vec!["log", "prune", "--yes"],
    ] {
        let empty = sandbox.hook(args).run().ok().says(["nothing was recorded yet"]);
        assert_eq!(empty.stdout(), "");
    }
    for args in [
        vec!["log", "show", "1"],
        vec!["log", "report", "last"],
        vec!["verify", "1"],
        vec!["replay", "last"],
    ] {
        sandbox
            .hook(args)
            .run()
            .exits(6)
            .says(["nothing was recorded yet", "hint: "]);
    }
    assert!(!sandbox.state("ledger.db").exists());
}

#[test]
fn a_ledger_that_cannot_be_read_is_told_apart_with_exit_7() {
    let sandbox = Sandbox::new();
    round_trip(&sandbox);
    let path = sandbox.state("ledger.db");
    let commands = [
        vec!["log"],
        vec!["log", "show", "1"],
        vec!["log", "stats"],
        vec!["log", "prune", "--yes"],
    ];
    let connection = rusqlite::Connection::open(&path).expect("it opens");
    connection
        .pragma_update(None, "user_version", 99)
        .expect("it is written");
    for args in &commands {
        sandbox.hook(args).run().exits(7).says([
            "has format 99; this version of hook supports up to",
            "hint: update hook",
        ]);
    }
    drop(connection);
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(sandbox.state(&format!("ledger.db{suffix}")));
    }
    sandbox.write(&path, "this is no ledger, whatever its name says. ".repeat(50));
    for args in &commands {
        sandbox
            .hook(args)
            .run()
            .exits(7)
            .says(["is not readable", "hint: move it away"]);
    }
    sandbox.hook(["log", "follow"]).run().exits(7);
    let foreign = sandbox.path("foreign.db");
    let connection = rusqlite::Connection::open(&foreign).expect("it opens");
    connection
        .execute_batch("CREATE TABLE t (x); PRAGMA user_version = 1;")
        .expect("it is written");
    sandbox
        .hook(["log", "--ledger", "foreign.db"])
        .run()
        .exits(7)
        .says(["it is the database of another program"]);
}

#[test]
fn a_ledger_that_is_damaged_within_is_told_with_exit_7() {
    let sandbox = Sandbox::new();
    round_trip(&sandbox);
    let path = sandbox.state("ledger.db");
    let connection = rusqlite::Connection::open(&path).expect("it opens");
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .expect("it is settled");
    drop(connection);
    let mut bytes = std::fs::read(&path).expect("it is read");
    bytes[8192..].fill(0x5a);
    sandbox.write(&path, bytes);
    for (args, said) in [
        (vec!["log"], "is not readable"),
        (vec!["log", "stats"], "is not readable"),
        (vec!["log", "show", "1"], "record `#1` of ledger"),
    ] {
        sandbox.hook(args).run().exits(7).says([said, "hint: "]);
    }
}

#[test]
fn a_record_is_verified_as_of_its_arrival() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret", "literal:right"]);
    let url = listener.url.clone();
    let send = ["send", "booking.confirmed", "--secret", "literal:right", "--to", &url];
    sandbox.hook(send).run().ok();
    let wrong = ["send", "booking.confirmed", "--secret", "literal:wrong", "--to", &url];
    sandbox.hook(wrong).run().exits(3);
    listener.shows("refused");
    listener.stop().ok();
    let verify = |id: &str, more: &[&str]| {
        let args = [&["verify", id, "--secret", "literal:right"], more].concat();
        sandbox.hook(args).env("__HOOK_NOW", "2090-01-02T03:04:05Z").run()
    };
    verify("1", &[])
        .ok()
        .prints(["verified: slotflow"])
        .says(["#1 is checked as of 20"]);
    verify("2", &[]).ok().prints(["verified: slotflow"]);
    verify("3", &[]).exits(5).prints(["refused: slotflow"]);
    verify("1", &["--at", "2090-01-02T03:04:05Z"])
        .exits(5)
        .prints(["too old"]);
    let line = verify("last", &["--json"]).exits(5).object();
    assert_eq!(
        (&line["schema"], &line["reason"]),
        (&json!("hook.verdict/1"), &json!("no-match"))
    );
    sandbox.hook(["verify", "99"]).run().exits(6);
    sandbox.hook(["verify", "1", "--body", "x"]).run().exits(2);
}

#[test]
fn a_damaged_record_hides_no_other_one() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(500, ""));
    for event in ["job.paid", "job.created", "job.paid", "job.paid"] {
        sandbox.hook(["send", event, "--to", &app.url]).run().exits(3);
    }
    let ledger = rusqlite::Connection::open(sandbox.state("ledger.db")).unwrap();
    ledger
        .execute_batch(
            "UPDATE delivery SET id = x'00' WHERE n = 2; UPDATE delivery SET event = CAST(x'6aff' AS TEXT) WHERE n = 3;
             UPDATE delivery SET status = 99999 WHERE n = 4; UPDATE delivery SET signing = 'magic' WHERE n = 4",
        )
        .unwrap();
    let out = sandbox
        .hook(["log", "--json"])
        .run()
        .exits(7)
        .says(["3 records of ledger"]);
    let states: Vec<_> = out
        .json()
        .iter()
        .map(|line| {
            (
                line["number"].as_u64().unwrap(),
                line["state"] == "unreadable",
                line["reason"].is_null(),
            )
        })
        .collect();
    let bad = |number| (number, true, false);
    assert_eq!(states, [bad(4), bad(3), bad(2), (1, false, true)]);
    sandbox.hook(["log"]).run().exits(7).prints(["#4", "unreadable", "#1"]);
    sandbox
        .hook(["log", "stats"])
        .run()
        .ok()
        .prints(["4: 0 delivered, 4 failed"]);
    sandbox
        .hook(["log", "show", "2"])
        .run()
        .exits(7)
        .says(["record `#2` of ledger", "cannot be read"]);
    sandbox.hook(["log", "show", "1"]).run().ok();
    // What can be read is replayed, and the rest is said.
    let before = app.rest().len();
    assert_eq!(before, 4);
    sandbox
        .hook(["replay", "--since", "1h"])
        .run()
        .exits(7)
        .says(["record `#2` of ledger", "record `#4` of ledger"]);
    assert!(!app.rest().is_empty());
}
