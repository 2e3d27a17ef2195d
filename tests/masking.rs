//! What no output and no ledger may hold: credentials, and characters that steer a terminal.

use std::net::TcpStream;

use crate::support::{App, Reply, Sandbox, post, request};

/// Characters of the kinds that must not reach a terminal or a log: C0, DEL, C1, bidi, zero-width, separators, tags.
const UNSAFE: &str = "\u{1b}[2J\u{7f}\u{9b}31m\u{202e}\u{200b}\u{2028}\u{feff}\u{e0041}";

#[track_caller]
fn is_harmless(text: &str) {
    let found = text.chars().find(|c| UNSAFE.contains(*c) && !"[2J31m".contains(*c));
    assert_eq!(found, None, "{text:?}");
}

#[test]
fn credentials_in_urls_are_shown_nowhere() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["-v", "--handshake-token", "literal:PLANT-verify"]);
    for to in ["http://PLANT-user@127.0.0.1:1/", "http://u:PLANT-password@127.0.0.1:1/"] {
        sandbox
            .hook(["send", "job.paid", "--to", to])
            .run()
            .exits(4)
            .never(["PLANT"]);
    }
    let to = format!("{}/in?token=PLANT-query&page=2", listener.url);
    for form in [&["-v"][..], &["--json"], &["-n"], &["-n", "--json"], &["--curl"]] {
        let send = ["send", "job.paid", "--to", &to];
        sandbox.hook(send.iter().chain(form)).run().ok().never(["PLANT"]);
    }
    let question = "/?hub.mode=subscribe&hub.challenge=1&hub.verify_token=PLANT-verify";
    assert_eq!(request("GET", &listener.url, question, &[], b"").status, 200);
    listener.shows("hub.verify_token=********");
    listener
        .stop()
        .ok()
        .never(["PLANT"])
        .prints(["/in?token=********&page=2"]);
    let all = sandbox.hook(["log", "--json"]).run().ok().never(["PLANT"]).json();
    assert_eq!(all.len(), 7);
    for number in 1..=7 {
        let number = number.to_string();
        let forms = [
            &["log", "show", &number][..],
            &["log", "show", &number, "--json"],
            &["log", "report", &number],
        ];
        for form in forms.into_iter().chain([
            &["log", "show", &number, "--why"][..],
            &["replay", &number, "-n", "--to", &to],
        ]) {
            sandbox.hook(form).run().never(["PLANT"]);
        }
    }
    sandbox.hook(["log"]).run().ok().never(["PLANT"]);
    sandbox
        .hook(["log", "show", "3", "--reveal"])
        .run()
        .ok()
        .prints(["token=PLANT-query"]);
}

#[test]
fn an_exported_endpoint_has_no_credentials_and_is_still_the_same_endpoint() {
    let sandbox = Sandbox::new();
    let url = "http://PLANT-user:PLANT-password@localhost:1/x?key=PLANT-key";
    let add = [
        "endpoints",
        "add",
        url,
        "--local",
        "-p",
        "poolflow",
        "--events",
        "job.paid",
        "--name",
        "e",
    ];
    sandbox.hook(add).run().ok().never(["PLANT"]);
    for args in [
        &["list"][..],
        &["show", "e"],
        &["show", "e", "--json"],
        &["export", "-f", "e.toml"],
        &["export"],
    ] {
        sandbox
            .hook(["endpoints"].iter().chain(args))
            .run()
            .ok()
            .never(["PLANT"]);
    }
    let apply = ["endpoints", "apply", "-f", "e.toml", "--yes", "--local"];
    sandbox
        .hook(["endpoints", "diff", "-f", "e.toml", "--check"])
        .run()
        .ok()
        .says(["nothing to do"]);
    sandbox.hook(apply).run().ok().says(["nothing to do"]);
    let book = std::fs::read_to_string(sandbox.config("endpoints.json")).unwrap();
    assert!(book.contains(url), "{book}");
    sandbox.hook(["endpoints", "rm", "e", "--yes"]).run().ok();
    sandbox.hook(apply).run().exits(2).says([
        "`********` in place of a credential",
        "write the credential into the file",
    ]);
}

#[test]
fn settings_and_wrong_arguments_do_not_repeat_credentials() {
    let sandbox = Sandbox::new();
    let workflow = "[workflow.w]\nstate = \"test\"\nurl = \"https://u:PLANT-password@h.example/?sig=PLANT-sig\"\n";
    sandbox.write(sandbox.config("config.toml"), workflow);
    for form in [&["config", "show"][..], &["config", "show", "--json"]] {
        sandbox.hook(form).run().ok().never(["PLANT"]).prints(["sig=********"]);
    }
    for args in [
        &["send", "job.paid", "--to", ":9", "literal:PLANT-1"][..],
        &["send", "job.paid", "--to", "http://u:PLANT-2@exa mple/?token=PLANT-3"],
        &["listen", "--secret", "literal:PLANT-4", "literal:PLANT-5"],
        &["listen", "--port", "literal:PLANT-6"],
    ] {
        sandbox.hook(args).run().exits(2).never(["PLANT"]);
    }
}

#[test]
fn characters_that_steer_or_hide_are_escaped_in_every_form_and_json_reads_back_the_same() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["-v", "-p", "poolflow"]);
    let event = format!("a{UNSAFE}b");
    let body = serde_json::json!({"event": event, "data": {}}).to_string();
    post(
        &listener.url,
        &[("x-note", "\u{9b}31m\u{202e}\u{200b}\u{2028}\u{feff}")],
        body.as_bytes(),
    );
    listener.shows("x-note");
    is_harmless(&listener.stop().ok().stdout());
    let listed = sandbox.hook(["log", "--json"]).run().ok();
    is_harmless(&listed.stdout());
    assert_eq!(listed.object()["event"], event.as_str());
    for args in [
        &["log"][..],
        &["log", "stats"],
        &["log", "show", "1"],
        &["log", "show", "1", "--json"],
    ] {
        let shown = sandbox.hook(args).run().ok();
        is_harmless(&format!("{}{}", shown.stdout(), shown.stderr()));
    }
    // What is asked for as bytes goes into a pipe as it is.
    assert_eq!(
        sandbox.hook(["log", "show", "1", "--body"]).run().ok().stdout,
        body.as_bytes()
    );
}

#[test]
fn texts_of_files_that_others_wrote_are_escaped() {
    let sandbox = Sandbox::new();
    sandbox.write(
        sandbox.config("config.toml"),
        "provider = \"a\\u001b[2J\\u202e\\u009b\"\n",
    );
    let shown = sandbox.hook(["config", "show"]).run().ok();
    is_harmless(&shown.stdout());
    sandbox.write(sandbox.config("config.toml"), "");
    let file = "format = 1\nname = \"odd\"\ntitle = \"T\\u001b[2J\\u202e\"\nextends = \"generic\"\n\
                [events.\"a\\u009bb\"]\nsummary = \"S\\u2028\\u200b\"\nsample = { x = 1 }\n";
    sandbox.write(sandbox.config("providers/odd.toml"), file);
    for args in [
        &["providers", "list"][..],
        &["providers", "show", "odd"],
        &["providers", "events", "odd"],
    ] {
        let shown = sandbox.hook(args).run();
        is_harmless(&format!("{}{}", shown.stdout(), shown.stderr()));
    }
    sandbox.write("bad.toml", "title = \"\u{9b}\u{202e}");
    let shown = sandbox.hook(["providers", "check", "bad.toml"]).run().exits(2);
    is_harmless(&shown.stderr());
}

#[test]
fn a_crowd_of_broken_requests_fills_no_screen() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen::<&str>([]);
    for _ in 0..100 {
        use std::io::{Read as _, Write as _};
        let mut stream = TcpStream::connect(listener.url.trim_start_matches("http://")).unwrap();
        let _ = stream.write_all(b"\x16\x03\x01 no HTTP\r\n\r\n");
        let _ = stream.read(&mut [0; 64]);
    }
    listener.says("was turned away");
    let said = listener.stop().ok().stderr();
    let lines = said.lines().filter(|line| line.contains("was turned away")).count();
    assert!(
        lines < 60 && said.contains("more requests were turned away"),
        "{lines} lines\n{said}"
    );
}

#[test]
fn an_answer_that_repeats_a_secret_is_shown_without_it() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(500, "you sent PLANT-bearer-token"));
    let send = ["send", "job.paid", "--bearer", "env:TOKEN", "--to", &app.url];
    for form in [&["-v"][..], &["--json"]] {
        let sent = sandbox.hook(send.iter().chain(form)).env("TOKEN", "PLANT-bearer-token");
        sent.run().exits(3).never(["PLANT"]);
    }
}
