//! Every key, at three widths.

use super::terminal::{Terminal, make_executable};
use crate::support::{App, Reply};

/// Sends events so that there is something to look at: two verified ones, which are forwarded, and a refused one.
fn fill(terminal: &Terminal, url: &str) {
    let refused = ["-s", "literal:another-secret-0123456789abcdef"];
    for (event, more, newest) in [
        ("job.paid", &[][..], "#2"),
        ("job.paid", &[], "#4"),
        ("job.paid", &refused, "#5"),
    ] {
        // The ledger of the listener is not theirs, so that only what is received is in it.
        let args = ["send", event, "--to", url, "--ledger", "other.db"].into_iter();
        let code = terminal.sandbox.hook(args.chain(more.iter().copied())).run().code;
        assert!(matches!(code, 0 | 3), "{event}: {code}");
        terminal.wait(newest, |screen| screen.contains(newest));
    }
}

/// A view with three requests in its list, of which two were forwarded.
fn filled(width: u16, app: &App) -> Option<Terminal> {
    let terminal = Terminal::start(width, 40)?;
    terminal.sandbox.write(
        "edit.sh",
        "#!/bin/sh\nsed -i 's/^POST /PUT /; s/job\\./changed./' \"$1\"\n",
    );
    make_executable(&terminal.sandbox, "edit.sh");
    let url = terminal.listen_with("EDITOR=./edit.sh", &format!("--secret --forward-to {}", app.url));
    fill(&terminal, &url);
    terminal.wait("all records", |screen| {
        screen.contains("3 received") && screen.contains("#5") && screen.contains("1 refused")
    });
    Some(terminal)
}

fn app() -> App {
    App::start(|_| Reply::Status(200, "fine"))
}

fn wait_selected(terminal: &Terminal, number: u64) {
    let wanted = format!("#{number} ");
    terminal.wait(&format!("the selection of #{number}"), |_| {
        terminal.marked().iter().any(|text| text.contains(&wanted))
    });
}

const WIDTHS: [u16; 3] = [40, 80, 200];

#[test]
fn the_list_is_moved_through_and_filtered() {
    for width in WIDTHS {
        let app = app();
        let Some(terminal) = filled(width, &app) else { return };
        for (keys, number) in [
            ("j", 4),
            ("k", 5),
            ("Down", 4),
            ("Up", 5),
            ("G", 1),
            ("g g", 5),
            ("End", 1),
            ("Home", 5),
            ("PageDown", 1),
            ("PageUp", 5),
            ("j f", 5),
            ("j", 4),
            ("n", 2),
            ("N", 4),
        ] {
            keys.split(' ').for_each(|key| terminal.keys([key]));
            wait_selected(&terminal, number);
        }
        terminal.keys(["/"]);
        terminal.wait("what can be typed", |screen| screen.contains("event:"));
        for key in ["f", "a", "i", "l", "e", "d", "x", "BSpace", "Enter"] {
            terminal.keys([key]);
        }
        terminal.wait("one row", |screen| {
            screen.contains("hidden") && screen.contains("refused") && !screen.contains("-->")
        });
        terminal.keys(["Escape"]);
        terminal.wait("all rows", |screen| {
            !screen.contains("hidden") && screen.contains("-->")
        });
        terminal.keys(["/", "z", "z", "z", "Escape"]);
        terminal.wait("all rows still", |screen| {
            screen.contains("-->") && !screen.contains("/zzz")
        });
        terminal.keys(["g", "g", "G", "n"]);
        terminal.keys(["N"]);
        terminal.keys(["q"]);
        terminal.is_restored("q");
    }
}

#[test]
fn a_record_is_opened_and_its_tabs_are_turned() {
    for width in WIDTHS {
        let app = app();
        let Some(terminal) = filled(width, &app) else { return };
        terminal.keys(["Enter"]);
        terminal.wait("the summary", |screen| screen.contains("1 Summary"));
        for (key, shown) in [
            ("2", "2 Headers"),
            ("3", "3 Body"),
            ("4", "4 Why"),
            ("5", "5 Attempts"),
            ("6", "6 Answer"),
            ("1", "1 Summary"),
            ("Tab", "2 Headers"),
            ("Tab", "3 Body"),
            ("BTab", "2 Headers"),
        ] {
            terminal.keys([key]);
            terminal.wait(shown, |_| terminal.marked().iter().any(|text| text.trim() == shown));
        }
        terminal.keys(["3"]);
        terminal.wait("the body", |screen| screen.contains("pretty"));
        for form in ["raw", "hex", "pretty"] {
            terminal.keys(["b"]);
            terminal.wait(form, |screen| {
                screen.contains(&format!(", {form}:")) || screen.contains(&format!("{form}: "))
            });
        }
        terminal.keys(["?"]);
        terminal.wait("the keys", |screen| screen.contains("next record"));
        // A terminal hands two at once over as one.
        terminal.escape("the record", |screen| !screen.contains("next record"));
        terminal.escape("the list", |screen| !screen.contains("3 Body"));
        terminal.keys(["q"]);
        terminal.is_restored("q");
    }
}

#[test]
fn records_are_delivered_again_in_every_way() {
    for width in WIDTHS {
        let app = app();
        let Some(terminal) = filled(width, &app) else { return };
        let (_, _) = (app.next(), app.next());
        terminal.keys(["G"]);
        wait_selected(&terminal, 1);
        terminal.keys(["r"]);
        let fresh = app.next();
        terminal.keys(["R"]);
        let captured = app.next();
        assert_eq!(fresh.body, captured.body, "at {width}");
        terminal.keys(["t"]);
        let forged = app.next();
        assert_ne!(forged.body, fresh.body, "at {width}");
        terminal.keys(["e"]);
        let edited = app.next();
        assert_eq!(edited.method, "PUT");
        assert!(String::from_utf8_lossy(&edited.body).contains("changed."), "at {width}");
        terminal.keys(["s"]);
        terminal.wait("the catalogue", |screen| screen.contains("send a sample"));
        for key in ["j", "o", "b", "p", "a", "i", "d", "Down", "Up"] {
            terminal.keys([key]);
        }
        terminal.wait("the sample", |screen| {
            screen.contains("> jobpaid") && screen.contains("job.paid")
        });
        terminal.keys(["Enter"]);
        app.next();
        terminal.keys(["q"]);
        terminal.is_restored("q");
    }
}

#[test]
fn records_are_compared_copied_and_deleted() {
    for width in WIDTHS {
        let app = app();
        let Some(terminal) = filled(width, &app) else { return };
        terminal.keys(["G", "m"]);
        terminal.wait("the mark", |screen| screen.contains('*'));
        terminal.keys(["g", "g", "d"]);
        terminal.wait("the comparison", |screen| screen.contains("#1 and #5"));
        terminal.keys(["j", "k", "PageDown", "PageUp"]);
        terminal.escape("the list", |screen| !screen.contains("#1 and #5"));
        terminal.keys(["c"]);
        let command = terminal.clipboard(|text| text.starts_with("curl"));
        assert!(command.contains("127.0.0.1"), "{command}");
        terminal.keys(["y"]);
        terminal.clipboard(|text| text.starts_with('{') && text.contains("job.paid"));
        terminal.keys(["i"]);
        terminal.clipboard(|text| text.starts_with("cap_") || text.starts_with("dlv_"));
        terminal.keys(["x"]);
        terminal.wait("the question", |screen| screen.contains("Delete #5?"));
        terminal.keys(["n"]);
        terminal.wait("the list", |screen| {
            !screen.contains("Delete #5?") && screen.contains("#5")
        });
        terminal.keys(["x", "y"]);
        terminal.wait("that it is gone", |screen| screen.contains("#5 was deleted"));
        terminal.keys(["q"]);
        terminal.is_restored("q");
    }
}

#[test]
fn deliveries_are_paused_and_the_rest_of_hook_is_reached() {
    for width in WIDTHS {
        let app = app();
        let Some(terminal) = filled(width, &app) else { return };
        terminal
            .sandbox
            .add_endpoint("http://localhost:1/ -p github --events push --local --name shop --secret literal:topsecret");
        terminal.keys(["p"]);
        terminal.wait("that they are paused", |screen| screen.contains("are paused"));
        terminal.keys(["p"]);
        terminal.wait("that they go on", |screen| {
            screen.contains("deliveries to endpoints go on") && !screen.contains("PAUSED")
        });
        terminal.keys(["u"]);
        terminal.wait("that nothing is left", |screen| {
            screen.contains("nothing was interrupted")
        });
        terminal.keys(["E"]);
        terminal.wait("the endpoints", |screen| {
            screen.contains("shop") && screen.contains("active")
        });
        terminal.keys(["e"]);
        terminal.wait("that it is disabled", |screen| screen.contains("disabled"));
        terminal.keys(["e"]);
        terminal.wait("that it is enabled", |screen| screen.contains("is enabled"));
        // Together with the next key, an escape would be Alt and that key.
        terminal.keys(["Escape"]);
        terminal.wait("the list", |screen| !screen.contains("┌ endpoints"));
        terminal.keys(["C"]);
        terminal.wait("the charts", |screen| {
            screen.contains("requests a minute") && screen.contains("3 in 2 out")
        });
        terminal.keys(["Escape"]);
        terminal.wait("the list", |screen| !screen.contains("requests a minute"));
        terminal.keys(["o"]);
        terminal.wait("the browser", |_| {
            std::fs::read_to_string(terminal.sandbox.path("opened")).is_ok_and(|url| url.contains("#token="))
        });
        terminal.keys(["q"]);
        terminal.is_restored("q");
    }
}
