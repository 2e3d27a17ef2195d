//! The work queue: what `listen` has promised is done, whatever happens to the process.

use std::collections::HashSet;
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use crate::support::{App, Listener, Reply, Sandbox, post};

/// An app that hangs until it is told to go on; it tells of what it has answered by `seen`.
fn gated() -> (App, Arc<AtomicBool>) {
    let open = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&open);
    let app = App::start(move |_| {
        if gate.load(Ordering::SeqCst) {
            Reply::Status(200, "")
        } else {
            Reply::Silence
        }
    });
    (app, open)
}

/// Kills a listener whose targets hang, after it has acknowledged that many requests.
#[track_caller]
fn killed(sandbox: &Sandbox, args: &[&str], count: usize) {
    let listener = sandbox.listen(args);
    for number in 0..count {
        let body = format!("{{\"n\":{number}}}");
        assert_eq!(post(&listener.url, &[], body.as_bytes()).status, 200);
    }
    listener.process.signal("KILL");
    listener.process.wait().exits(137);
}

fn lines(sandbox: &Sandbox, name: &str) -> Vec<String> {
    let text = fs::read_to_string(sandbox.path(name)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Hangs until it is told to go on. It outlives a listener that is killed, so that it must not hold its stderr.
const RECORDS: &str = "test -e open || exec sleep 60 > /dev/null; echo $WEBHOOK_NUMBER >> ran";

#[test]
fn the_next_start_resumes_what_a_killed_listener_had_promised_in_order() {
    let sandbox = Sandbox::new();
    let (app, open) = gated();
    let args = [
        "--unverified",
        "--forward-to",
        &app.url,
        "--retry",
        "1s",
        "--exec",
        RECORDS,
    ];
    killed(&sandbox, &args, 5);
    open.store(true, Ordering::SeqCst);
    sandbox.write("open", "");
    // What hangs is what the killed process left behind; the next one starts afresh.
    let mut process = sandbox.listening(args).spawn();
    process.wait_said(|line| line == "resuming 5 forwards and 5 commands of an earlier run");
    let bodies: Vec<Vec<u8>> = (0..5)
        .map(|number| format!("{{\"n\":{number}}}").into_bytes())
        .collect();
    let mut seen = Vec::new();
    while seen.len() < 5 {
        let body = app.next().body;
        if !seen.contains(&body) {
            seen.push(body);
        }
    }
    assert_eq!(seen, bodies, "in the order in which they came");
    process.signal("INT");
    process.wait().ok().says(["5 forwarded"]);
    assert_eq!(lines(&sandbox, "ran"), ["1", "2", "3", "4", "5"]);
    sandbox.hook(["replay", "--resume"]).run().exits(6);
}

#[test]
fn other_work_is_listed_at_the_start_and_a_resumption_does_all_of_it() {
    let sandbox = Sandbox::new();
    let (app, open) = gated();
    let args = ["--unverified", "--forward-to", &app.url, "--exec", RECORDS];
    killed(&sandbox, &args, 3);
    open.store(true, Ordering::SeqCst);
    sandbox.write("open", "");
    let listener = sandbox.listen(["--unverified", "--exec", "cat > /dev/null"]);
    listener.stop().ok().says([
        "left by earlier runs: 3 forwards and 3 commands",
        &format!("forwarding to {}/ for 3 events", app.url),
        "running `test -e open",
        "hint: `hook replay --resume` resumes them",
    ]);
    // Commands run where they were to run, wherever the resumption is typed.
    sandbox
        .hook(["replay", "--resume", "--dry-run"])
        .run()
        .ok()
        .prints(["forwarding to", "for 3 events, in "]);
    sandbox
        .hook(["replay", "--resume"])
        .dir(sandbox.home())
        .run()
        .ok()
        .says([
            "resuming 3 forwards and 3 commands",
            "3 forwarded, 0 not forwarded",
            "3 commands succeeded, 0 failed",
        ]);
    let bodies: HashSet<Vec<u8>> = app.rest().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies.len(), 3);
    assert_eq!(lines(&sandbox, "ran"), ["1", "2", "3"]);
}

#[test]
fn a_listener_that_passes_nothing_on_lists_what_is_left_too() {
    let sandbox = Sandbox::new();
    let (app, _) = gated();
    killed(&sandbox, &["--unverified", "--forward-to", &app.url], 2);
    sandbox.listen::<&str>([]).stop().ok().says([
        "left by earlier runs: 2 forwards",
        "hint: `hook replay --resume` resumes them",
    ]);
    let show = || sandbox.hook(["log", "show", "2", "--why"]).run().ok();
    let waiting = format!("forwarding to {}/", app.url);
    show().prints([
        &format!("waiting     {waiting}"),
        &format!("Pending: {waiting}. `hook replay --resume` runs it."),
    ]);
}

#[test]
fn what_a_living_process_works_on_is_left_to_it() {
    let sandbox = Sandbox::new();
    let (app, _) = gated();
    let listener = sandbox.listen(["--forward-to", &app.url]);
    post(&listener.url, &[], b"{}");
    app.next();
    sandbox
        .hook(["replay", "--resume"])
        .run()
        .exits(6)
        .says(["nothing in the ledger matches"]);
    listener.stop().exits(130).says(["1 interrupted"]);
}

#[test]
fn what_ctrl_c_leaves_waits_for_a_resumption_and_not_for_the_next_start() {
    let sandbox = Sandbox::new();
    let args = ["--unverified", "--exec", RECORDS];
    let listener = sandbox.listen(args);
    for _ in 0..2 {
        post(&listener.url, &[], b"{}");
    }
    listener.stop().exits(130).says(["2 interrupted"]);
    sandbox.write("open", "");
    let listener = sandbox.listen(args);
    listener.stop().ok().says(["left by earlier runs: 2 commands"]);
    assert_eq!(lines(&sandbox, "ran"), [""; 0]);
    sandbox
        .hook(["replay", "--resume"])
        .run()
        .ok()
        .says(["2 commands succeeded"]);
    assert_eq!(lines(&sandbox, "ran"), ["1", "2"]);
}

#[test]
fn a_command_of_a_project_runs_again_only_while_the_project_is_trusted_to() {
    let sandbox = Sandbox::new();
    let settings = |command: &str| format!("[listen]\non = [\"*={command}\"]\n");
    let trust = || {
        sandbox.hook(["config", "trust"]).run().ok();
    };
    sandbox.write("hook.toml", settings(RECORDS));
    trust();
    killed(&sandbox, &["--unverified"], 2);
    sandbox.write("open", "");
    sandbox.write("hook.toml", settings("touch other"));
    sandbox.hook(["replay", "--resume"]).run().exits(8).says([
        "warning: left: running `test -e open",
        "for 2 events, since `",
        "hook.toml` is not trusted or no longer names it",
        "restore the entry in the file if it was removed; then `hook config trust ",
        "hook.toml && hook replay --resume`",
    ]);
    trust();
    sandbox.hook(["replay", "--resume"]).run().exits(8);
    sandbox.write("hook.toml", settings(RECORDS));
    trust();
    sandbox
        .hook(["replay", "--resume"])
        .run()
        .ok()
        .says(["2 commands succeeded"]);
    assert_eq!(lines(&sandbox, "ran").len(), 2);
}

#[test]
fn hanging_targets_hold_up_neither_the_intake_nor_others() {
    // More than the channels of old took together.
    const EVENTS: usize = 2_500;
    const THREADS: usize = 4;
    let sandbox = Sandbox::new();
    let (hanging, quick) = (App::start(|_| Reply::Silence), App::start(|_| Reply::Status(200, "")));
    let on = [format!("*={}", hanging.url), format!("*={}", quick.url)];
    let exec = "exec sleep 600";
    let options = ["--unverified", "--exec", exec, "--timeout", "10m"];
    let run = sandbox.listening(options.into_iter().chain(["--on", &on[0], "--on", &on[1]]));
    let listener = Listener::ready(run);
    let senders: Vec<_> = (0..THREADS)
        .map(|_| {
            let url = listener.url.clone();
            std::thread::spawn(move || {
                for _ in 0..EVENTS / THREADS {
                    assert_eq!(post(&url, &[], b"{}").status, 200);
                }
            })
        })
        .collect();
    for sender in senders {
        sender.join().expect("every request is answered");
    }
    for _ in 0..EVENTS {
        quick.next();
    }
    listener.process.signal("INT");
    listener.process.signal("INT");
    listener.process.wait().exits(130);
}

#[test]
fn with_the_answer_of_an_app_nothing_is_promised_before_it() {
    let sandbox = Sandbox::new();
    let (say, answers) = mpsc::channel::<u16>();
    let answers = Mutex::new(answers);
    let app = App::start(move |_| {
        let status = answers.lock().map(|answers| answers.recv().unwrap_or(500));
        Reply::Status(status.unwrap_or(500), "")
    });
    let options = ["--secret", "--forward-to", &app.url, "--answer", "app"];
    let listener = sandbox.listen(options.into_iter().chain(["--exec", "echo $WEBHOOK_NUMBER >> ran"]));
    let signed = sandbox.signed(["job.paid"]);
    for (status, keys) in [(500, 0), (200, 1), (200, 2)] {
        say.send(status).expect("the app waits");
        assert_eq!(signed.post(&listener.url).status, status);
        let captures = sandbox.captures();
        let with_key = captures.iter().filter(|capture| capture.request.dedupe_key.is_some());
        assert_eq!(with_key.count(), keys);
    }
    let said = listener.stop().ok();
    said.says(["1 duplicate"]);
    // The first try was not a success, so that the second one is no duplicate; the third one is.
    let captures = sandbox.captures();
    assert_eq!(lines(&sandbox, "ran"), [captures[1].number.to_string()]);
    assert_eq!(captures[0].request.dedupe_key, None);
    assert_eq!(captures[2].duplicate_of, Some(captures[1].number));
    sandbox.hook(["replay", "--resume"]).run().exits(6);
}

#[test]
fn a_note_that_cannot_be_written_does_not_end_the_listener() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret"]);
    // The body has changed on the way, which the explanation finds out.
    let signed = sandbox.signed(["job.paid"]);
    let changed = [&signed.body, &b"\n"[..]].concat();
    let refused = |listener: &Listener| {
        assert_eq!(post(&listener.url, &signed.pairs(), &changed).status, 401);
    };
    refused(&listener);
    listener.shows("refused");
    // The table is gone for a while, as when the disk has room for small changes only.
    let ledger = sandbox.state("ledger.db");
    let change = |sql: &str| {
        let python = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()";
        let done = Command::new("python3")
            .args(["-c", python])
            .arg(&ledger)
            .arg(sql)
            .status();
        assert!(done.is_ok_and(|status| status.success()), "{sql}");
    };
    change("ALTER TABLE diagnosis RENAME TO away");
    refused(&listener);
    listener.says("could not record the diagnosis");
    refused(&listener);
    listener.shows("#3");
    change("ALTER TABLE away RENAME TO diagnosis");
    refused(&listener);
    listener.says("diagnoses are recorded again");
    let said = listener.stop().ok().stderr();
    assert_eq!(said.matches("could not record the diagnosis").count(), 1, "{said}");
}

#[test]
fn a_time_limit_and_ctrl_c_reach_everything_that_a_command_started() {
    // The pipe ends only when all who hold its other end are gone.
    let sandbox = Sandbox::new();
    let held = sandbox.path("held");
    assert!(Command::new("mkfifo").arg(&held).status().unwrap().success());
    let command = "exec 3> held; sleep 600 & echo started >&2; sleep 600";
    for (limit, stops) in [("100ms", false), ("1h", true)] {
        let options = ["--unverified", "--exec", command, "--exec-timeout", limit];
        let mut listener = sandbox.listen(options);
        post(&listener.url, &[], b"{}");
        let reading = std::thread::spawn({
            let held = held.clone();
            move || fs::read(held)
        });
        listener.says("started");
        if stops {
            listener.process.signal("INT");
        }
        assert_eq!(reading.join().expect("no panic").expect("the pipe ends"), b"");
        let outcome = if stops {
            listener.process.wait()
        } else {
            listener.stop()
        };
        outcome.exits(if stops { 130 } else { 0 });
    }
}

#[test]
fn a_forward_of_a_trusted_project_is_resumed_however_its_target_is_written() {
    let sandbox = Sandbox::new();
    let (app, open) = gated();
    let address = app.url.trim_start_matches("http://");
    // With `--on`, the first would be a command.
    for target in [
        format!("{address}/x;y"),
        format!("user:pw@{address}/x"),
        app.url.clone(),
    ] {
        open.store(false, Ordering::SeqCst);
        sandbox.write("hook.toml", format!("[listen]\nforward-to = \"{target}\"\n"));
        sandbox.hook(["config", "trust"]).run().ok();
        killed(&sandbox, &["--unverified"], 1);
        open.store(true, Ordering::SeqCst);
        let resumed = sandbox.hook(["replay", "--resume"]).run().ok();
        resumed.says(["1 forwarded, 0 not forwarded"]);
    }
}
