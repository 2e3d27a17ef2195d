//! Whatever ends or stops the view, the terminal is as it was before.

use super::terminal::Terminal;
use crate::support::post;

/// Each way of running it.
const VIEWS: [&str; 2] = ["ui --tui", "listen --tui --port 0"];

fn shown(line: &str) -> Option<Terminal> {
    let terminal = Terminal::start(80, 24)?;
    terminal.run(line);
    terminal.wait("the view", |screen| screen.contains("? keys"));
    assert_eq!(terminal.fact("alternate_on"), "1");
    assert_eq!(terminal.fact("cursor_flag"), "0");
    Some(terminal)
}

#[test]
fn leaving_it_gives_the_terminal_back() {
    for line in VIEWS {
        for key in ["q", "C-c"] {
            let Some(terminal) = shown(line) else { return };
            terminal.keys([key]);
            terminal.is_restored(key);
        }
    }
}

#[test]
fn a_paste_has_no_brackets_after_it() {
    let Some(terminal) = Terminal::start(80, 24) else {
        return;
    };
    // The line editor of a shell would set this mode itself.
    let script = format!("{} ui --tui\ncat\n", env!("CARGO_BIN_EXE_hook"));
    terminal.sandbox.write("both.sh", script);
    terminal.type_line("clear; sh both.sh");
    terminal.wait("the view", |screen| screen.contains("? keys"));
    terminal.keys(["/"]);
    terminal.paste("job.paid");
    terminal.wait("the filter", |screen| screen.contains("/job.paid"));
    terminal.escape("the list", |screen| !screen.contains("/job.paid"));
    terminal.keys(["q"]);
    terminal.wait("the shell's screen", |_| terminal.fact("alternate_on") == "0");
    terminal.paste("pasted");
    terminal.keys(["Enter", "C-d"]);
    terminal.wait("the paste", |screen| screen.contains("pasted\npasted\n"));
    terminal.is_restored("q");
}

#[test]
fn a_signal_gives_the_terminal_back() {
    for line in VIEWS {
        for signal in ["TERM", "INT", "HUP"] {
            let Some(terminal) = shown(line) else { return };
            terminal.signal(signal);
            terminal.is_restored(signal);
        }
    }
}

#[test]
fn a_panic_gives_the_terminal_back_and_its_message_is_seen() {
    for line in VIEWS {
        let Some(terminal) = Terminal::start(80, 24) else {
            return;
        };
        terminal.type_line("export __HOOK_PANIC=1");
        terminal.run(line);
        terminal.wait("the view", |screen| screen.contains("? keys"));
        terminal.keys(["!"]);
        terminal.wait("the message", |screen| {
            screen.contains("a test asked for it") && screen.contains("the terminal view broke down")
        });
        terminal.type_line("echo code $?");
        terminal.wait("the code", |screen| screen.contains("code 1\n"));
        terminal.is_restored("a panic");
    }
}

#[test]
fn it_is_stopped_and_continued_as_a_job() {
    for line in VIEWS {
        for by_key in [true, false] {
            let Some(terminal) = shown(line) else { return };
            if by_key {
                terminal.keys(["C-z"]);
            } else {
                terminal.signal("TSTP");
            }
            terminal.wait("the shell's notice", |screen| screen.contains("Stopped"));
            terminal.is_restored("it is stopped");
            terminal.type_line("fg");
            terminal.wait("the view", |screen| screen.contains("? keys"));
            assert_eq!(terminal.fact("alternate_on"), "1");
            terminal.keys(["?"]);
            terminal.wait("the help", |screen| screen.contains("next record"));
            terminal.keys(["q"]);
            terminal.is_restored("q");
        }
    }
}

#[test]
fn the_count_of_a_listener_ends_its_view() {
    let Some(terminal) = Terminal::start(80, 24) else {
        return;
    };
    let url = terminal.listen("--count 1");
    post(&url, &[], b"{}");
    terminal.wait("the summary", |screen| screen.contains("received 1"));
    terminal.is_restored("the count");
}

#[test]
fn the_demo_names_the_page_on_a_terminal() {
    let Some(terminal) = Terminal::start(100, 60) else {
        return;
    };
    terminal.run("demo");
    terminal.wait("the last line", |screen| {
        screen.contains("In a browser: `hook demo --open`.")
    });
    terminal.is_restored("the demo");
}
