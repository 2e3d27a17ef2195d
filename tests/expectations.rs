//! `hook listen --expect`: what arrives is judged; and `--where`, which says the same of records.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::process::Command;

use crate::support::{Outcome, Sandbox, post};

/// A shell command that sends an event to the listener, with data that never came before: else it would be a duplicate.
fn send(event: &str, data: &str) -> String {
    let hook = env!("CARGO_BIN_EXE_hook");
    let data = data.trim_end_matches('}');
    format!("{hook} send {event} --provider poolflow --to \"$HOOK_URL\" --data '{data},\"at\":'$(date +%s%N)'}}'")
}

/// `hook listen ARGS -- sh -c SCRIPT`, with the dev secret of one provider.
#[track_caller]
fn listen(sandbox: &Sandbox, args: &[&str], script: &str) -> Outcome {
    let secret = ["--provider", "poolflow", "--secret", "--settle", "100ms"];
    let command = ["--", "sh", "-c", script];
    sandbox.listening(secret.iter().chain(args).chain(&command)).run()
}

#[test]
fn what_is_expected_arrives_or_the_exit_code_is_8() {
    let sandbox = Sandbox::new();
    let paid = send("job.paid", r#"{"total_cents":2500}"#);
    let expect = r#"event == "job.paid" && data.total_cents > 1000"#;
    listen(&sandbox, &["--expect", expect], &paid).ok().prints([
        "met    event == \"job.paid\" && data.total_cents > 1000  1, at least 1",
        "1 expectation met",
    ]);
    let outcome = listen(
        &sandbox,
        &["--expect", r#"event == "job.created" && data.total_cents == 1000"#],
        &paid,
    );
    outcome.exits(8).prints([
        "unmet",
        "0, at least 1",
        "nearest: #",
        "event: expected \"job.created\", came \"job.paid\"",
        "data.total_cents: expected 1000, came 2500",
        "1 request arrived:",
        "1 of 1 expectation not met",
    ]);
    listen(&sandbox, &["--expect", "data.total_cents > 5000"], &paid)
        .exits(8)
        .prints(["not true: data.total_cents > 5000", "data.total_cents is 2500"]);
    listen(&sandbox, &["--expect", "verified"], "true")
        .exits(8)
        .prints(["nothing arrived"]);
}

#[test]
fn a_count_belongs_to_the_expectation_before_it() {
    let sandbox = Sandbox::new();
    let (paid, created) = (send("job.paid", r#"{"a":1}"#), send("job.created", r#"{"a":1}"#));
    let three = format!("{paid}; {created}; {created}");
    let (is_paid, is_created) = ("event == 'job.paid'", "event == 'job.created'");
    listen(
        &sandbox,
        &["--expect", is_paid, "--expect", is_created, "--count", "2"],
        &three,
    )
    .ok()
    .prints(["1, at least 1", "2, at least 2"]);
    listen(
        &sandbox,
        &["--expect", is_paid, "--count", "2", "--expect", is_created],
        &three,
    )
    .exits(8);
    listen(&sandbox, &["--expect", is_created, "--count", "0"], &three)
        .exits(8)
        .prints(["2, none wanted"]);
    listen(
        &sandbox,
        &["--expect", "event == 'job.cancelled'", "--count", "0"],
        &three,
    )
    .ok();
    listen(
        &sandbox,
        &["--in-order", "--expect", is_paid, "--expect", is_created],
        &three,
    )
    .ok();
    listen(
        &sandbox,
        &["--in-order", "--expect", is_created, "--expect", is_paid],
        &three,
    )
    .exits(8)
    .prints([
        " job.paid came before #",
        " job.created\n",
        "  job.paid  out of order",
        "it matches, and does not count: out of order",
    ]);
    listen(&sandbox, &["--no-extra", "--expect", is_paid], &three)
        .exits(8)
        .prints(["meets no expectation (`--no-extra`)"]);
    for (args, said) in [
        (
            &["--count", "2", "--expect", is_paid][..],
            "comes before every `--expect`",
        ),
        (
            &["--expect", is_paid, "--count", "1", "--count", "2"],
            "is the second one",
        ),
        (&["--expect", is_paid, "--count", "5..2"], "is empty"),
        (
            &["--expect", is_paid, "--count", "-1"],
            "`-1` is neither a number nor a range",
        ),
        (&["--count", "-1"], "a number of requests from 1"),
        (&["--expect", "1"], "the result is a number, never a `bool`"),
        (&["--expect", "event.glob('a*')"], "`glob` is not a method"),
        (&["--count", "0..2"], "a number of requests from 1"),
        (&["--expect", "evnt == 'a'"], "unknown variable `evnt`"),
        (&["--expect", "event == "], "line 1, column"),
    ] {
        sandbox.listening(args).run().exits(2).says([said]);
    }
}

#[test]
fn the_code_of_the_command_counts_more_and_a_typed_limit_ends_everything() {
    let sandbox = Sandbox::new();
    let paid = send("job.paid", r#"{"a":1}"#);
    listen(
        &sandbox,
        &["--expect", "event == 'job.paid'"],
        &format!("{paid}; exit 3"),
    )
    .exits(3);
    listen(&sandbox, &["--expect", "event == 'job.paid'"], "exit 3").exits(3);
    listen(
        &sandbox,
        &["--for", "500ms", "--expect", "event == 'job.paid'"],
        "exec sleep 60",
    )
    .exits(8)
    .prints(["nothing arrived", "unmet  the command did not end in time"]);
    listen(
        &sandbox,
        &["--for", "3s", "--expect", "event == 'job.paid'"],
        &format!("{paid}; exec sleep 60"),
    )
    .exits(8)
    .prints(["the command did not end in time"]);
    // Without a command, `--for` is the limit.
    sandbox
        .listening(["--for", "50ms", "--expect", "true", "--count", "0"])
        .run()
        .ok();
    sandbox.listening(["--for", "50ms", "--expect", "true"]).run().exits(8);
}

#[test]
fn what_the_command_left_behind_ends_with_the_listener() {
    let sandbox = Sandbox::new();
    let file = sandbox.path("pid");
    let script = format!("sleep 600 & echo $! > {}", file.display());
    listen(&sandbox, &["--expect", "true", "--count", "0"], &script).ok();
    let pid = fs::read_to_string(file).unwrap();
    let is_there = fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    assert!(is_there.is_err() || is_there.unwrap().contains(") Z "), "it was ended");
}

#[test]
fn only_verified_requests_pass_where_that_is_asked_for() {
    let sandbox = Sandbox::new();
    let forged = format!("HOOK_SECRET=wrong {}; true", send("job.paid", r#"{"a":1}"#));
    let paid = send("job.paid", r#"{"a":2}"#);
    let expect = ["--expect", "event == 'job.paid'"];
    listen(&sandbox, &expect, &format!("{forged}; {paid}")).ok();
    let all = [expect[0], expect[1], "--all-verified"];
    listen(&sandbox, &all, &format!("{forged}; {paid}"))
        .exits(8)
        .prints(["is not verified (`--all-verified`)"]);
    listen(&sandbox, &expect, &forged)
        .exits(8)
        .prints(["it matches, and does not count: refused"]);
}

#[test]
fn reports_are_files_and_what_github_shows() {
    let sandbox = Sandbox::new();
    let (junit, tap, json) = (sandbox.path("r.xml"), sandbox.path("r.tap"), sandbox.path("r.json"));
    let report = format!(
        "junit={},tap={},json={}",
        junit.display(),
        tap.display(),
        json.display()
    );
    let summary = sandbox.path("summary.md");
    sandbox
        .listening(["--for", "50ms", "--expect", "event == 'job.paid'", "--report", &report])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())
        .run()
        .exits(8)
        .says(["::error title="]);
    let read = |path| fs::read_to_string(path).unwrap();
    assert!(read(&junit).contains("failures=\"1\""), "{}", read(&junit));
    assert!(read(&tap).contains("not ok 1"), "{}", read(&tap));
    assert!(read(&json).contains("\"outcome\":\"failed\""), "{}", read(&json));
    assert!(read(&summary).contains("1 failed"), "{}", read(&summary));
}

#[test]
fn a_report_goes_where_its_path_leads_and_never_replaces_a_pipe_or_a_link() {
    let sandbox = Sandbox::new();
    let path = |name: &str| sandbox.path(name);
    let shown = |name: &str| path(name).display().to_string();
    assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
    symlink("behind", path("link")).unwrap();
    let reader = std::thread::spawn({
        let pipe = path("pipe");
        move || fs::read_to_string(pipe).unwrap()
    });
    let none = ["--for", "50ms", "--expect", "true", "--count", "0", "--report"];
    let listen = |report: &str| sandbox.listening(none.iter().copied().chain([report])).run();
    listen(&format!("json={},tap={}", shown("pipe"), shown("link"))).ok();
    assert!(reader.join().unwrap().contains("hook.case-report/1"));
    assert!(fs::symlink_metadata(path("pipe")).unwrap().file_type().is_fifo());
    assert!(fs::symlink_metadata(path("link")).unwrap().is_symlink());
    assert!(fs::read_to_string(path("behind")).unwrap().starts_with("TAP"));
    listen("json=/dev/stdout")
        .ok()
        .prints(["hook.case-report/1", "1 expectation met"]);
    for (report, said) in [
        ("json=-".to_owned(), "`-` is not a file: write `/dev/stdout`"),
        (format!("json={},tap={}", shown("behind"), shown("link")), "twice"),
        (format!("json={},tap={}", shown("a"), shown("./a")), "twice"),
        (format!("json={}", shown("none/a")), "cannot write the report to"),
    ] {
        listen(&report).exits(2).says([said]);
    }
}

#[test]
fn what_was_judged_counts_more_than_a_report_that_cannot_be_written() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("reports");
    let script = |code: u8| format!("rm -r {}; exit {code}", folder.display());
    let second = sandbox.path("second.json");
    let report = format!("junit={},json={}", folder.join("a.xml").display(), second.display());
    for (count, code, exit) in [("0", 0, 1), ("0", 3, 3), ("1", 0, 8)] {
        fs::create_dir_all(&folder).unwrap();
        let _ = fs::remove_file(&second);
        let args = ["--expect", "true", "--count", count, "--report", &report];
        listen(&sandbox, &args, &script(code))
            .exits(exit)
            .says(["cannot write the report to"]);
        assert!(second.exists(), "the other report is written");
    }
    sandbox
        .listening(["--for", "50ms", "--expect", "true"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", "/nonexistent/summary")
        .run()
        .exits(8)
        .says(["cannot write the job summary"]);
}

#[test]
fn reports_have_everything_that_made_the_run_fail() {
    let sandbox = Sandbox::new();
    let file = sandbox.path("report.json");
    let report = format!("json={}", file.display());
    let none = ["--expect", "event == 'job.paid'", "--count", "0", "--report", &report];
    let failed = || -> Vec<String> {
        let text = fs::read_to_string(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        let cases = report["cases"].as_array().unwrap().iter();
        let failed = cases.filter(|case| case["outcome"] == "failed");
        let line = |case: &serde_json::Value| {
            let text = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
            format!("{}: {}: {}", text("group"), text("name"), text("message"))
        };
        failed.map(line).collect()
    };
    listen(&sandbox, &none, "exit 3")
        .exits(3)
        .says(["the command `sh` failed: it ended with the exit code 3"]);
    assert_eq!(failed(), ["command: sh: it ended with the exit code 3"]);
    let cut_off = ["--for", "300ms", "--expect", "event == 'a'", "--report", &report];
    listen(&sandbox, &cut_off, "exec sleep 60").exits(8);
    let all = failed();
    assert!(
        all[0].starts_with("expectation: 1 event == 'a': 0, at least 1"),
        "{all:?}"
    );
    assert_eq!(
        all[1],
        "rule: the command did not end in time: the command did not end in time"
    );
    assert_eq!(all[2], "command: sh: it did not end in time");
    let nonexistent = none.iter().copied().chain(["--", "/nonexistent"]);
    sandbox.listening(nonexistent).run().exits(2);
    let all = failed();
    assert_eq!(all.len(), 1, "what was not judged is skipped: {all:?}");
    assert!(
        all[0].starts_with("command: /nonexistent: it cannot be started: "),
        "{all:?}"
    );

    let retries = ["--expect-retries", "poolflow", "--report", &report, "--", "true"];
    sandbox.listening(retries).run().exits(8).says(["no request came"]);
    assert_eq!(failed(), ["retries: all events: no request came"]);
}

#[test]
fn quiet_shows_what_is_not_met() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.listening(["-q", "--for", "50ms", "--expect", "verified"]).run();
    outcome
        .exits(8)
        .says(["error: expectation `1 verified` is not met", "caused by: 0, at least 1"]);
}

#[test]
fn a_sender_cannot_hide_its_data_behind_a_number_or_deep_lists() {
    let sandbox = Sandbox::new();
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    for x in ["1e400", deep.as_str()] {
        let body = format!(r#"{{"event":"job.paid","data":{{"x":{x},"y":1}}}}"#);
        let listener = sandbox.listen(["--expect", "data.data.y == 1 && size(data.data.x) > 0"]);
        post(&listener.url, &[("content-type", "application/json")], body.as_bytes());
        listener.process.wait().ok();
    }
}

#[test]
fn an_expression_selects_records_of_listen_log_and_replay() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--where", "data.n > 1", "--count", "4"]);
    for body in [r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#, "none"] {
        post(&listener.url, &[("content-type", "application/json")], body.as_bytes());
    }
    let outcome = listener.process.wait().ok();
    let outcome = outcome.prints(["#2", "#3"]).says([
        "`data.n > 1` failed once, which counts as false: no field `n`: `data` is null, because the body is not JSON",
        "2 hidden by `--where`",
    ]);
    assert!(
        !outcome.stdout().contains("#1 ") && !outcome.stdout().contains("#4 "),
        "{}",
        outcome.stdout()
    );

    let numbers = |args: &[&str]| -> Vec<u64> {
        let out = sandbox.hook(["--json", "log"].iter().chain(args)).run().ok();
        out.json().iter().map(|line| line["number"].as_u64().unwrap()).collect()
    };
    assert_eq!(numbers(&["--where", "has(data.n) && data.n >= 2"]), [3, 2]);
    assert_eq!(numbers(&["--where", "data.n >= 1", "--limit", "2"]), [3, 2]);
    assert_eq!(
        numbers(&["--where", "data.n == 1", "--limit", "1"]),
        [1],
        "the limit counts what matches"
    );
    assert_eq!(numbers(&["--where", "direction == 'out'"]), [0; 0]);
    assert_eq!(numbers(&["--where", "-1 < size", "--limit", "1"]), [4]);
    sandbox
        .hook(["log", "--where", "nothing == 1"])
        .run()
        .exits(2)
        .says(["unknown variable `nothing`", "^"]);

    let target = sandbox.listen(["--count", "2"]);
    sandbox
        .hook(["replay", "--as-captured", "--where", "data.n >= 2", "--to", &target.url])
        .run()
        .ok();
    target.process.wait().ok().says(["received 2"]);
    sandbox.hook(["replay", "--where", "data.n == 9"]).run().exits(6);
}

#[test]
fn a_route_takes_an_expression() {
    let sandbox = Sandbox::new();
    let file = sandbox.path("out");
    let command = format!("cat >> {}", file.display());
    let settings = format!("[[route]]\nwhere = 'data.n > 1 && method == \"POST\"'\nrun = {command:?}\n");
    sandbox.write("hook.toml", settings);
    sandbox.trust();
    let listener = sandbox.listen(["--unverified", "--count", "2"]);
    for body in [r#"{"n":1}"#, r#"{"n":2}"#] {
        post(&listener.url, &[("content-type", "application/json")], body.as_bytes());
    }
    listener.process.wait().ok();
    assert_eq!(fs::read_to_string(file).unwrap(), r#"{"n":2}"#);
    sandbox.write("hook.toml", "[[route]]\nwhere = 'data.n >'\nrun = 'true'\n");
    sandbox.trust();
    sandbox
        .listening(["--unverified"])
        .run()
        .exits(2)
        .says(["`[[route]]` number 1", "line 1, column"]);
}
