//! Every row of the table of exit codes, provoked through the real binary, and the form of errors.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{App, CLOSED_PORT, Outcome, Reply, Sandbox};

/// Fails unless stderr has one error, then its causes, then its hints, and nothing after them.
#[track_caller]
fn is_error(outcome: &Outcome) {
    let said = outcome.stderr();
    let lines: Vec<&str> = said.lines().skip_while(|line| !line.starts_with("error: ")).collect();
    let fact = lines.first().and_then(|line| line.strip_prefix("error: "));
    let fact = fact.unwrap_or_else(|| panic!("no error\n{outcome}"));
    let starts_well = fact.starts_with(|c: char| c.is_lowercase() || c == '`' || c == '#');
    assert!(starts_well && !fact.ends_with('.'), "{fact:?} is no fact\n{outcome}");
    let rank = |line: &&str| match line {
        line if line.starts_with("caused by: ") => 1,
        // A cause of several lines goes on with a margin.
        line if line.starts_with("  ") => 1,
        line if line.starts_with("hint: ") => 2,
        _ => panic!("{line:?} is neither cause nor hint\n{outcome}"),
    };
    let ranks: Vec<_> = lines[1..].iter().map(rank).collect();
    assert!(ranks.is_sorted(), "causes come before hints\n{outcome}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("error: ")).count(), 1);
}

#[track_caller]
fn fails<const N: usize>(sandbox: &Sandbox, args: [&str; N], code: i32) -> Outcome {
    let outcome = sandbox.hook(args).run().exits(code);
    is_error(&outcome);
    outcome
}

#[test]
fn exit_0_is_delivered_met_or_stopped_after_a_clean_drain() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--secret"]);
    sandbox.hook(["send", "job.paid", "--to", &listener.url]).run().exits(0);
    listener.stop().exits(0);
    sandbox.listening(["--for", "10ms"]).run().exits(0);
    sandbox.hook(["--version"]).run().exits(0).prints(["hook "]);
    sandbox.hook(["--help"]).run().exits(0).prints(["Usage"]);
    let listen = ["Usage: hook listen", "In CI, expect the webhooks of a test run"];
    sandbox.hook(["help", "listen"]).run().exits(0).prints(listen);
    sandbox
        .hook(["help", "nothing"])
        .run()
        .exits(2)
        .says(["unrecognized subcommand 'nothing'"]);
}

/// The one unexpected failure that can be had without breaking the program: a full device as stdout.
#[cfg(target_os = "linux")]
#[test]
fn exit_1_is_an_unexpected_failure() {
    let sandbox = Sandbox::new();
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = sandbox.hook(["providers", "list"]).command();
    let ran = command.stdout(full).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("error: stdout cannot be written\ncaused by: "),
        "{said}"
    );
}

#[test]
fn exit_2_is_a_wrong_command_line_configuration_or_provider_file() {
    let sandbox = Sandbox::new();
    fails(&sandbox, ["send", "job.paid"], 2);
    fails(&sandbox, ["send", "job.paid", "--to", "ftp://x"], 2);
    sandbox
        .hook(["send", "--no-such-flag"])
        .run()
        .exits(2)
        .says(["error: "]);
    sandbox.hook::<&str>([]).run().exits(2);
    sandbox.write(sandbox.config("providers/bad.toml"), "format = 1\nnam = \"bad\"\n");
    fails(&sandbox, ["send", "x", "-p", "bad", "--to", ":9"], 2);
    sandbox.write(sandbox.config("config.toml"), "port = \"x\"\n");
    fails(&sandbox, ["send", "job.paid", "--to", ":9"], 2);
}

#[test]
fn exit_3_is_an_answer_that_is_never_success() {
    let sandbox = Sandbox::new();
    for status in [302, 400, 401, 410, 500] {
        let app = App::start(move |_| Reply::Status(status, ""));
        let outcome = sandbox.hook(["send", "job.paid", "--to", &app.url]).run().exits(3);
        outcome.prints([&status.to_string(), "failed"]);
    }
}

#[test]
fn exit_4_is_no_answer_after_all_attempts() {
    let sandbox = Sandbox::new();
    sandbox.hook(["send", "job.paid", "--to", CLOSED_PORT]).run().exits(4);
    let retry = ["send", "job.paid", "--retry", "1ms,1ms", "--to", CLOSED_PORT];
    sandbox.hook(retry).run().exits(4).prints(["attempt 3  no connection"]);
    let silent = App::start(|_| Reply::Silence);
    let limit = ["send", "job.paid", "--timeout", "20ms", "--to", &silent.url];
    sandbox.hook(limit).run().exits(4).prints(["timeout"]);
    sandbox
        .hook(["send", "job.paid", "--to", "http://nobody.invalid"])
        .run()
        .exits(4);
    let listener = sandbox.listen::<&str>([]);
    let plain = listener.url.replace("http", "https");
    sandbox.hook(["send", "job.paid", "--to", &plain]).run().exits(4);
}

#[test]
fn of_several_deliveries_the_worst_decides() {
    let sandbox = Sandbox::new();
    let bulk = [
        "send",
        "job.paid",
        "--count",
        "3",
        "--concurrency",
        "1",
        "--timeout",
        "100ms",
    ];
    for (replies, code) in [([200, 500, 200], 3), ([500, 0, 200], 4), ([200, 200, 200], 0)] {
        let turn = AtomicUsize::new(0);
        let app = App::start(move |_| match replies[turn.fetch_add(1, Ordering::SeqCst) % 3] {
            0 => Reply::Silence,
            status => Reply::Status(status, ""),
        });
        sandbox.hook(bulk.iter().chain(&["--to", &app.url])).run().exits(code);
    }
}

#[test]
fn exit_5_is_a_signature_that_does_not_verify() {
    let sandbox = Sandbox::new();
    let verify = [
        "verify",
        "-p",
        "poolflow",
        "-s",
        "literal:a",
        "-H",
        "X-PoolFlow-Signature: 00",
        "--body",
        "{}",
    ];
    sandbox.hook(verify).run().exits(5);
}

#[test]
fn exit_6_is_a_selector_or_a_name_that_matches_nothing() {
    let sandbox = Sandbox::new();
    fails(&sandbox, ["send", "no.such.event", "--to", ":9"], 6);
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox.hook(["send", "job.paid", "--to", &app.url]).run().ok();
    fails(&sandbox, ["replay", "77"], 6);
    fails(&sandbox, ["replay", "--failed"], 6);
    fails(&sandbox, ["replay", "--resume"], 6);
}

#[test]
fn exit_7_is_a_ledger_that_cannot_be_used() {
    let sandbox = Sandbox::new();
    sandbox.write(sandbox.path("file"), "no ledger");
    fails(
        &sandbox,
        ["send", "job.paid", "--to", ":9", "--ledger", "file/ledger.db"],
        7,
    );
    sandbox.write(sandbox.path("noise.db"), "no ledger ".repeat(2000));
    fails(&sandbox, ["listen", "--port", "0", "--ledger", "noise.db"], 7);
    fails(&sandbox, ["replay", "last", "--ledger", "noise.db"], 7);
}

#[test]
fn exit_8_is_an_expectation_that_was_not_met() {
    let sandbox = Sandbox::new();
    sandbox.listening(["--count", "1", "--for", "10ms"]).run().exits(8);
}

#[test]
fn the_code_of_a_command_wins_over_an_unmet_count() {
    let sandbox = Sandbox::new();
    sandbox
        .listening(["--count", "1", "--", "sh", "-c", "exit 42"])
        .run()
        .exits(42);
    sandbox.listening(["--", "sh", "-c", "kill -TERM $$"]).run().exits(143);
    sandbox.listening(["--count", "1", "--", "true"]).run().exits(8);
    sandbox.listening(["--", "true"]).run().exits(0);
}

#[test]
fn exit_130_is_an_interruption_with_something_unfinished() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(500, ""));
    let mut sending = sandbox.hook(["send", "job.paid", "--retry", "--to", &app.url]).spawn();
    sending.wait_line(|line| line.contains("next attempt"));
    sending.signal("INT");
    sending.wait().exits(130);
}
