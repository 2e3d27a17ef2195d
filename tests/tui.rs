//! `hook ui --tui` and `hook listen --tui` in a real terminal, which `tmux` is: what is on the screen, and what is left of it
//! afterwards.

mod diagnosis;
mod ending;
mod keys;
mod terminal;

use std::fs;

use crate::support::{Sandbox, post};
use terminal::Terminal;

#[test]
fn without_a_terminal_a_listener_prints_its_usual_lines_and_the_view_is_a_usage_error() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--tui", "--count", "1"]);
    post(&listener.url, &[], b"{}");
    listener.process.wait().ok().prints(["#1"]).says(["received 1"]);
    sandbox
        .hook(["ui", "--tui"])
        .run()
        .exits(2)
        .says(["error: the terminal view needs a terminal", "hint: `hook log`"]);
    for other in [["--open"], ["--port=0"]] {
        sandbox.hook(["ui", "--tui"].into_iter().chain(other)).run().exits(2);
    }
    sandbox.listening(["--tui", "--", "true"]).run().exits(2);
}

#[test]
fn output_for_programs_is_not_replaced_by_a_view() {
    let Some(terminal) = Terminal::start(80, 24) else {
        return;
    };
    terminal.run("listen --tui --port 0 --json --for 0s");
    terminal.wait("the schema", |screen| screen.contains("hook.ready/1"));
    terminal.is_restored("json");
}

#[test]
fn a_listener_shows_where_it_listens_and_what_comes_while_its_list_is_open() {
    let Some(terminal) = Terminal::start(120, 30) else {
        return;
    };
    terminal.sandbox.write("app.secret", "0123456789abcdef0123456789abcdef");
    let url = terminal.listen("-p github -s file:app.secret --forward-to 127.0.0.1:1");
    let screen = terminal.wait("the header", |screen| screen.contains("secret file:app.secret"));
    assert!(screen.contains(&url) && screen.contains("github"), "{screen}");
    assert!(screen.contains("-> http://127.0.0.1:1/"), "{screen}");
    assert!(screen.contains("Nothing was recorded yet."), "{screen}");
    post(&url, &[("x-github-event", "push")], b"{}");
    terminal.wait("a row", |screen| {
        screen.contains("refused") && screen.contains("1 received") && screen.contains("1 refused")
    });
    let secret = terminal.sandbox.path("app.secret");
    let secret = secret.to_str().expect("text").to_owned();
    terminal
        .sandbox
        .hook([
            "send",
            "push",
            "-p",
            "github",
            "-s",
            &format!("file:{secret}"),
            "--to",
            &url,
        ])
        .run();
    // A forward to a port without a listener waits for its retry, or has failed.
    terminal.wait("a verified row", |screen| {
        screen.contains("verified") && screen.contains("-->")
    });
    terminal.keys(["q"]);
    terminal.wait("the summary", |screen| screen.contains("received 2: 1 verified"));
    terminal.is_restored("q");
}

#[test]
fn a_text_that_steers_terminals_is_shown_and_not_obeyed() {
    for width in [40, 80, 200] {
        let Some(terminal) = Terminal::start(width, 30) else {
            return;
        };
        let url = terminal.listen("");
        let hostile = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}[31m\u{9b}5m\u{202e}\u{200b}\u{1b}c";
        let body = serde_json::json!({ "type": hostile, "a": hostile, "b": "ok" }).to_string();
        // JSON escapes them; raw bytes come too.
        let raw = format!("{{\"type\":\"plain\",\"b\":\"{}\"}}", hostile.replace('"', ""));
        post(
            &url,
            &[("x-event", "a"), ("content-type", "application/json")],
            body.as_bytes(),
        );
        post(&url, &[("x-event", "b"), ("user-agent", "x\u{9b}31m")], raw.as_bytes());
        terminal.wait("both rows", |screen| {
            screen.contains("#2") && screen.contains("2 received")
        });
        terminal.keys(["Enter"]);
        for tab in ["1", "2", "3", "4", "5", "6"] {
            terminal.keys([tab]);
            terminal.wait("the tab", |screen| {
                screen.contains(&format!("{tab} ")) && !screen.contains("reading ...")
            });
        }
        terminal.keys(["3"]);
        let screen = terminal.wait("the body", |screen| screen.contains("plain"));
        assert!(screen.contains("u{1b}"), "{screen}");
        assert_eq!(terminal.title(), terminal::TITLE, "a title was set");
        let escapes = terminal.escapes();
        for c in ['\u{9b}', '\u{202e}', '\u{200b}', '\u{7}'] {
            assert!(!escapes.contains(c), "{c:?} is on the screen at {width}");
        }
        terminal.keys(["q"]);
        terminal.is_restored("q");
    }
}

#[test]
fn another_size_is_drawn_at_once() {
    let Some(terminal) = Terminal::start(200, 40) else {
        return;
    };
    let url = terminal.listen("");
    post(&url, &[], br#"{"type":"job.paid"}"#);
    terminal.wait("a wide list", |screen| {
        screen.contains("LATENCY") && screen.contains("#1")
    });
    terminal.keys(["Enter"]);
    terminal.wait("the record beside it", |screen| {
        screen.contains("LATENCY") && screen.contains("1 Summary")
    });
    terminal.resize(40, 12);
    terminal.wait("the record alone", |screen| {
        !screen.contains("VERDICT") && screen.contains("1 Summary")
    });
    terminal.resize(10, 3);
    terminal.resize(1, 1);
    terminal.resize(80, 24);
    terminal.wait("the record alone, wider", |screen| screen.contains("2 Headers"));
    terminal.escape("the list", |screen| screen.contains("VERDICT"));
    terminal.keys(["q"]);
    terminal.is_restored("q");
}

#[test]
fn colours_are_left_out_where_they_are_not_wanted() {
    for (env, colored) in [("NO_COLOR=1", false), ("TERM=vt220", false), ("NO_COLOR=", true)] {
        let Some(terminal) = Terminal::start(80, 24) else {
            return;
        };
        let url = terminal.listen_with(env, "--secret");
        post(&url, &[], b"{}");
        terminal.wait("a row", |screen| screen.contains("refused") && screen.contains("#1"));
        let escapes = terminal.escapes();
        let has_color = escapes.contains("38;5;1m");
        assert_eq!(has_color, colored, "{env}: {escapes:?}");
        terminal.keys(["q"]);
        terminal.is_restored("q");
    }
}

#[test]
fn notices_are_shown_in_the_view() {
    let Some(terminal) = Terminal::start(100, 24) else {
        return;
    };
    terminal
        .sandbox
        .write("fail.sh", "#!/bin/sh\necho broken >&2\nexit 3\n");
    let url = terminal.listen("--exec 'sh fail.sh' --unverified");
    post(&url, &[], b"{}");
    terminal.wait("the notice", |screen| {
        screen.contains("sh fail.sh") || screen.contains("broken")
    });
    terminal.keys(["q"]);
    terminal.is_restored("q");
}

#[test]
fn a_ledger_that_comes_later_is_found() {
    let Some(terminal) = Terminal::start(80, 24) else {
        return;
    };
    terminal.run("ui --tui");
    terminal.wait("what to type", |screen| {
        screen.contains("no ledger yet") && screen.contains("hook listen")
    });
    let listener = terminal.sandbox.listen(["--count", "1"]);
    post(&listener.url, &[], b"{}");
    listener.process.wait().ok();
    terminal.wait("the record", |screen| screen.contains("#1"));
    fs::remove_file(terminal.sandbox.state("ledger.db")).expect("it is there");
    terminal.wait("that it is gone", |screen| screen.contains("no ledger yet"));
    terminal.keys(["q"]);
    terminal.is_restored("q");
}
