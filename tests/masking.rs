//! What no output and no ledger may hold: credentials, and characters that steer a terminal.

use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{App, Listener, MockApi, Outcome, Reply, Run, Sandbox, post, request};

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
    sandbox
        .add_endpoint(&format!("{url} --local -p poolflow --events job.paid --name e"))
        .never(["PLANT"]);
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
        &["verify", "--body", "{}", "-H", "Authorization Basic PLANT-7"],
        &["verify", "--body", "{}", "-H", "authorization=Bearer PLANT-8"],
        &["verify", "--body", "{}", "-H", "Bearer PLANT-9"],
        &["verify", "--body", "{}", "-H", "Authorization Basic PLANT-10:PLANT-11"],
        &["send", "job.paid", "--to", ":9", "-H", "X-Mine=PLANT-12"],
        &["send", "job.paid", "--to", ":9", "--set", "data.api_key:PLANT-13"],
        &["send", "job.paid", "--to", ":9", "--metadata", "token PLANT-14"],
        &["verify", "--body", "{}", "--url", "https//PLANT-15:PLANT-16@h/x"],
        &["listen", "--public-url", "PLANT-17:PLANT-18@h/?token=PLANT-19"],
        &["send", "job.paid", "--to", "http//PLANT-20:PLANT-21@h/"],
        &[
            "endpoints",
            "add",
            "https//PLANT-22:PLANT-23@h/",
            "-p",
            "poolflow",
            "--events",
            "job.paid",
        ],
        &["verify", "--body", "{}", "X-Api-Key", "PLANT-4d8e5a0c91f7b263"],
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
fn many_broken_requests_print_few_lines() {
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

/// Every file of the state, the ledger and what stands beside it among them; without the secrets that are kept on purpose.
fn state_files(sandbox: &Sandbox) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(sandbox.state("")).expect("the state") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_file() && !name.starts_with("dev-") {
            files.push((name, std::fs::read(&path).expect("a file")));
        }
    }
    assert!(files.iter().any(|(name, _)| name == "ledger.db"), "the ledger is there");
    files
}

#[track_caller]
fn is_not_kept(sandbox: &Sandbox, planted: &[&str]) {
    for (name, bytes) in state_files(sandbox) {
        for secret in planted {
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "`{secret}` is in `{name}`");
        }
    }
}

/// What a sender of a token scheme writes.
fn gitlab(token: &str) -> [(&str, &str); 3] {
    [
        ("x-gitlab-event", "Push Hook"),
        ("x-gitlab-token", token),
        ("content-type", "application/json"),
    ]
}

const PUSH: &[u8] = br#"{"object_kind":"push","ref":"main"}"#;

#[test]
fn a_token_is_not_in_the_ledger_and_goes_out_again_when_it_is_at_hand() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let token = "PLANT-token-of-gitlab";
    let listen = ["-p", "gitlab", "--secret", "env:TOKEN", "--forward-to", &app.url];
    let mut listener = Listener::ready(sandbox.listening(listen).env("TOKEN", token));
    assert_eq!(request("POST", &listener.url, "/", &gitlab(token), PUSH).status, 200);
    assert_eq!(app.next().header("x-gitlab-token"), Some(token));
    assert_eq!(
        request("POST", &listener.url, "/", &gitlab("PLANT-wrong-token"), PUSH).status,
        401
    );
    listener.shows("#2");
    listener.stop().ok().never(["PLANT"]);
    is_not_kept(&sandbox, &["PLANT"]);
    let again = ["replay", "1", "--as-captured", "--to", &app.url];
    sandbox.hook(again).run().exits(2).says([
        "header `x-gitlab-token` of `#1`",
        "`env:TOKEN`",
        "hook replay 1 --secret env:TOKEN",
    ]);
    assert!(app.rest().is_empty());
    sandbox.hook(again).env("TOKEN", "PLANT-another").run().exits(2);
    sandbox.hook(again).env("TOKEN", token).run().ok();
    assert_eq!(app.next().header("x-gitlab-token"), Some(token));
    sandbox
        .hook(["verify", "1", "--secret", "env:TOKEN"])
        .env("TOKEN", token)
        .run()
        .ok();
    let shown = sandbox.hook(["log", "show", "1", "--reveal"]).env("TOKEN", token).run();
    shown.ok().prints([token]);
    is_not_kept(&sandbox, &["PLANT"]);
}

#[test]
fn a_body_that_repeats_a_secret_is_shown_without_it() {
    let sandbox = Sandbox::new();
    let token = "PLANT-\"token\\of gitlab";
    let header = [("x-gitlab-event", "Push Hook"), ("x-gitlab-token", token)];
    let listen = sandbox.listening(["-p", "gitlab", "--secret", "env:TOKEN", "-v"]);
    let mut listener = Listener::ready(listen.env("TOKEN", token));
    let body = serde_json::json!({"object_kind": "push", "token": token}).to_string();
    assert_eq!(
        request("POST", &listener.url, "/", &header, body.as_bytes()).status,
        200
    );
    listener.shows("\"token\": \"********\"");
    listener.stop().ok().never(["PLANT"]);
    for form in [&["show", "1"][..], &["show", "1", "--full"], &["show", "1", "--json"]] {
        let show = sandbox.hook(["log"].iter().chain(form)).env("TOKEN", token);
        show.run().ok().never(["PLANT"]).prints(["********"]);
    }
    let revealed = sandbox.hook(["log", "show", "1", "--reveal"]).env("TOKEN", token);
    revealed.run().ok().prints(["PLANT-\\\"token"]);
}

#[test]
fn a_secret_of_a_file_is_found_again_from_another_folder() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let token = "PLANT-token-of-gitlab";
    sandbox.write(sandbox.path("there/token.txt"), token);
    let there = sandbox.path("there");
    let listen = sandbox.listening(["-p", "gitlab", "--secret", "file:token.txt"]);
    let mut listener = Listener::ready(listen.dir(&there));
    request("POST", &listener.url, "/?q=PLANT-token-of-gitlab", &gitlab(token), PUSH);
    listener.shows("token only by `file:token.txt`");
    listener.stop().ok();
    sandbox.hook(["replay", "1", "--to", &app.url]).run().ok();
    let seen = app.next();
    assert_eq!(seen.header("x-gitlab-token"), Some(token));
    assert_eq!(seen.target, "/?q=PLANT-token-of-gitlab");
    let moved = sandbox.path("there/moved.txt");
    std::fs::rename(sandbox.path("there/token.txt"), &moved).unwrap();
    // What is said to be typed works.
    let left = sandbox.hook(["replay", "1", "--to", &app.url]).run().exits(2);
    left.says(["the query of `#1`", "`hook replay 1 --to URL --secret file:/"]);
    let given = format!("file:{}", moved.display());
    let again = ["replay", "1", "--to", &app.url, "--secret", &given];
    sandbox.hook(again).run().ok();
    assert_eq!(app.next().target, "/?q=PLANT-token-of-gitlab");
}

#[test]
fn without_a_secret_a_token_is_forwarded_and_not_kept() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let mut listener = sandbox.listen(["--forward-to", &app.url]);
    for _ in 0..2 {
        request("POST", &listener.url, "/", &gitlab("PLANT-unknown-token"), PUSH);
        assert_eq!(app.next().header("x-gitlab-token"), Some("PLANT-unknown-token"));
    }
    // An app's own credential is none of hook's, and is kept as it came.
    request(
        "POST",
        &listener.url,
        "/",
        &[("authorization", "Bearer of-the-app")],
        b"{}",
    );
    assert_eq!(app.next().header("authorization"), Some("Bearer of-the-app"));
    listener.shows("#3");
    listener.stop().ok().never(["PLANT"]);
    is_not_kept(&sandbox, &["PLANT"]);
    let replay = ["replay", "1", "--to", &app.url];
    sandbox
        .hook(replay)
        .run()
        .exits(2)
        .says(["is in the ledger as fingerprint", "--secret REF"]);
}

#[test]
fn a_sender_cannot_have_a_secret_put_into_a_request() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let token = "PLANT-token-of-gitlab";
    let listener = Listener::ready(
        sandbox
            .listening(["-p", "gitlab", "--secret", "env:TOKEN", "--unverified"])
            .env("TOKEN", token),
    );
    // The mask, and what the ledger holds beside the record, as a sender may write them.
    let forged = [
        ("x-gitlab-event", "Push Hook"),
        ("x-note", "********"),
        ("x-ref", "env:TOKEN"),
    ];
    request("POST", &listener.url, "/?a=********", &forged, PUSH);
    listener.stop().ok();
    let replay = ["replay", "1", "--as-captured", "--to", &app.url];
    sandbox.hook(replay).env("TOKEN", token).run().ok();
    let seen = app.next();
    assert_eq!(
        (seen.header("x-note"), seen.header("x-ref")),
        (Some("********"), Some("env:TOKEN"))
    );
}

/// Variables with secrets in them.
const PLANTED: [(&str, &str); 5] = [
    ("TOKEN", "PLANT-gitlab-token-1"),
    ("BEARER", "PLANT-bearer-token-2"),
    ("VERIFY", "PLANT-verify-token-3"),
    ("HOOK_SECRET", "PLANT-hook-secret-4"),
    ("API", "PLANT-api-key-5"),
];

/// What uses them; `URL` is an app's, `N` a record's number.
const COMMANDS: &str = "\
send push -p gitlab --to URL --secret env:TOKEN -v
send push -p gitlab --to URL --secret env:TOKEN --json
send push -p gitlab --to URL -n
send push -p gitlab --to URL --curl
send push --endpoint e -v
send job.paid -p poolflow --to URL --bearer env:BEARER --retry 1ms,1ms
send job.paid -p poolflow --to URL?key=PLANT-hook-secret-4 --bearer env:BEARER
send --workflow w --context record.json -v
send --workflow b --context record.json --json
send --workflow b --context record.json -n
replay last -n
replay --failed --secret env:TOKEN
endpoints list --json
endpoints show e
endpoints export
endpoints test e -v
endpoints doctor
config show
log
log --json
log stats --json
log drift";

/// What shows a record.
const VIEWS: &str = "\
log show N
log show N --full
log show N --json
log show N --why
log report N
log report N --json
verify N --secret env:TOKEN
replay N -n --to http://elsewhere.example/";

fn planted(run: Run) -> Run {
    PLANTED.iter().fold(run, |run, (name, value)| run.env(name, value))
}

/// A listener that checks a token and a bearer token, and one that is asked for a verify token.
fn listeners(sandbox: &Sandbox, app: &App) -> [Outcome; 2] {
    let flags = "-v --secret env:TOKEN -p gitlab --require-bearer env:BEARER --forward-to URL".replace("URL", &app.url);
    let mut listener = Listener::ready(planted(sandbox.listening(flags.split(' '))));
    let mut headers = gitlab("PLANT-gitlab-token-1").to_vec();
    headers.push(("authorization", "Bearer PLANT-bearer-token-2"));
    let target = "/in?access=PLANT-bearer-token-2";
    assert_eq!(request("POST", &listener.url, target, &headers, PUSH).status, 200);
    assert_eq!(
        request("POST", &listener.url, "/", &gitlab("PLANT-guess-6"), PUSH).status,
        401
    );
    listener.shows("500");
    let mut asked = Listener::ready(planted(sandbox.listening(["-v", "--handshake-token", "env:VERIFY"])));
    let question = "/?hub.mode=subscribe&hub.challenge=1&hub.verify_token=PLANT-verify-token-3";
    assert_eq!(request("GET", &asked.url, question, &[], b"").status, 200);
    asked.shows("#");
    [listener.stop(), asked.stop()]
}

/// A script that uses every kind of secret.
#[test]
fn planted_secrets_are_in_no_output_and_not_in_the_ledger() {
    let sandbox = Sandbox::new();
    // It repeats what it got, as many do while they are written.
    let app = App::start(|seen| {
        let said = seen.header("authorization").unwrap_or("nothing").to_owned();
        Reply::Full(500, Vec::new(), said.into_bytes())
    });
    let url = format!("{}/x", app.url);
    let run = |line: &str, number: usize| {
        let line = line.replace("URL", &url).replace(" N", &format!(" {number}"));
        planted(sandbox.hook(line.split(' '))).run()
    };
    let mut all: Vec<Outcome> = listeners(&sandbox, &app).into();
    let add = "endpoints add URL --local -p gitlab --events all --name e --json";
    let made = run(add, 0).ok().object();
    let made = made["secret"].as_str().expect("it is handed over once");
    let workflows = "[workflow.w]\nstate = \"published\"\nurl = \"URL\"\nauth = { api-key = \"env:API\", header = \"X-Own\" }\n\
         [workflow.b]\nstate = \"published\"\nurl = \"URL\"\nauth = { basic = \"env:API\", user = \"pat\" }\n";
    sandbox.write(sandbox.config("config.toml"), workflows.replace("URL", &url));
    sandbox.write("record.json", "{\"a\": 1}");
    all.extend([inbound(&sandbox), served(&sandbox)]);
    for line in COMMANDS.lines() {
        let outcome = run(line, 0);
        assert_ne!(outcome.code, 2, "{outcome}");
        all.push(outcome);
    }
    let count = sandbox.records().len();
    assert!(count >= 15, "{count} records");
    for number in 1..=count {
        all.extend(VIEWS.lines().map(|line| run(line, number)));
    }
    let basic = base64_of("pat:PLANT-api-key-5");
    for outcome in all {
        outcome.never(["PLANT", made, &basic]);
    }
    let mut secrets = vec!["PLANT-guess-6", made, &basic];
    secrets.extend(PLANTED.map(|(_, value)| value));
    is_not_kept(&sandbox, &secrets);
}

/// A trigger that was used. Its path is told at the beginning, and nowhere else.
fn inbound(sandbox: &Sandbox) -> Outcome {
    let mut listener = sandbox.listen(["--inbound", "-p", "hoopai", "--workflow", "w", "-v"]);
    let path = listener.url[listener.url.find("/inbound/").expect("its path")..].to_owned();
    let target = format!("{path}?code=PLANT-8");
    request("POST", &listener.url, &target, &[], b"{\"email\":\"a@b.c\"}");
    listener.shows("********?code=********");
    // A proxy may escape the path; it is as good as the path.
    let (head, tail) = path.split_at("/inbound/".len() + 1);
    let digit = head.as_bytes()[head.len() - 1];
    let target = format!("/inbound/%{digit:x}{tail}");
    assert_eq!(request("POST", &listener.url, &target, &[], b"{}").status, 404);
    listener.shows("/inbound/********");
    let outcome = listener.stop().ok();
    assert!(!outcome.stdout().contains(tail), "{outcome}");
    is_not_kept(sandbox, &[tail]);
    for args in [
        &["log"][..],
        &["log", "--json"],
        &["log", "show", "last", "--json"],
        &["log", "report", "last"],
    ] {
        assert!(!sandbox.hook(args).run().ok().stdout().contains(tail), "{args:?}");
    }
    outcome
}

#[test]
fn the_path_of_a_trigger_is_masked_in_what_came_to_it() {
    let sandbox = Sandbox::new();
    for form in ["-v", "--json"] {
        let mut listener = sandbox.listen(["--inbound", "-p", "hoopai", form]);
        let path = listener.url[listener.url.find("/inbound/").expect("its path")..].to_owned();
        let body = serde_json::json!({"email": "a@b.c", "hook": listener.url}).to_string();
        assert_eq!(request("POST", &listener.url, &path, &[], body.as_bytes()).status, 200);
        listener.shows("/inbound/********");
        let secret = &path["/inbound/".len()..];
        // The line that tells it is on stderr, or the first of JSON.
        let shown = listener.stop().ok().stdout();
        assert!(
            shown.lines().skip(1).all(|line| !line.contains(secret)),
            "{form}: {shown}"
        );
        for args in [&["log", "show", "last"][..], &["log", "show", "last", "--json"]] {
            let shown = sandbox.hook(args).run().ok().stdout();
            assert!(!shown.contains(secret), "{args:?}: {shown}");
        }
    }
}

fn served(sandbox: &Sandbox) -> Outcome {
    let serving = sandbox
        .serving("generic", &["--key", "env:KEY"])
        .env("KEY", "PLANT-serve-key-7");
    let face = MockApi::ready(serving);
    let key = [("authorization", "Bearer PLANT-serve-key-7")];
    request("GET", &face.api.url, "/nothing?token=PLANT-9", &key, b"");
    face.process.signal("INT");
    face.process.wait()
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn a_forward_that_an_earlier_run_promised_goes_out_with_its_token_or_not_at_all() {
    let sandbox = Sandbox::new();
    let token = "PLANT-token-of-gitlab";
    let first = AtomicBool::new(true);
    let app = App::start(move |_| {
        if first.swap(false, Ordering::SeqCst) {
            Reply::Silence
        } else {
            Reply::Status(200, "")
        }
    });
    let flags = ["-p", "gitlab", "--forward-to", &app.url];
    let checked = flags.iter().chain(&["--secret", "env:TOKEN"]);
    let mut listener = Listener::ready(sandbox.listening(checked).env("TOKEN", token));
    assert_eq!(request("POST", &listener.url, "/", &gitlab(token), PUSH).status, 200);
    listener.shows("#1");
    app.next();
    listener.process.signal("KILL");
    listener.process.wait();
    // Without the secret it is left, and what to type is said.
    let mut without = sandbox.listen(flags);
    without.says("#1 is not forwarded");
    without.says("hook replay 1 --to");
    without.process.signal("KILL");
    without.process.wait();
    assert!(app.rest().is_empty());
    let with = Listener::ready(sandbox.listening(flags).env("TOKEN", token));
    assert_eq!(app.next().header("x-gitlab-token"), Some(token));
    with.stop();
    is_not_kept(&sandbox, &["PLANT"]);
}

#[test]
fn a_promised_forward_whose_token_is_not_at_hand_is_left_and_not_called_interrupted() {
    let sandbox = Sandbox::new();
    let token = "PLANT-token-of-gitlab";
    let first = AtomicBool::new(true);
    let app = App::start(move |_| {
        if first.swap(false, Ordering::SeqCst) {
            Reply::Silence
        } else {
            Reply::Status(200, "")
        }
    });
    let listen = ["-p", "gitlab", "--forward-to", &app.url, "--secret", "env:TOKEN"];
    let mut listener = Listener::ready(sandbox.listening(listen).env("TOKEN", token));
    assert_eq!(request("POST", &listener.url, "/", &gitlab(token), PUSH).status, 200);
    listener.shows("#1");
    app.next();
    listener.process.signal("KILL");
    listener.process.wait();
    let resume = ["replay", "--resume"];
    sandbox
        .hook(resume)
        .run()
        .exits(8)
        .says(["#1 is not forwarded", "1 left"]);
    assert!(app.rest().is_empty());
    sandbox
        .hook(resume)
        .env("TOKEN", token)
        .run()
        .ok()
        .says(["1 forwarded"]);
    assert_eq!(app.next().header("x-gitlab-token"), Some(token));
}

#[test]
fn a_retry_carries_the_credentials_that_the_ledger_does_not_hold() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(500, ""));
    let to = format!("{}/?key=PLANT-bearer-token", app.url);
    let flags = [
        "--bearer",
        "env:TOKEN",
        "-p",
        "gitlab",
        "--secret",
        "env:SECRET",
        "--retry",
        "1ms,1ms",
    ];
    let send = ["send", "push", "--to", &to];
    let run = sandbox
        .hook(send.iter().chain(&flags))
        .env("TOKEN", "PLANT-bearer-token");
    run.env("SECRET", "PLANT-secret").run().exits(3).never(["PLANT"]);
    for _ in 0..3 {
        let seen = app.next();
        assert_eq!(seen.header("authorization"), Some("Bearer PLANT-bearer-token"));
        assert_eq!(seen.header("x-gitlab-token"), Some("PLANT-secret"));
        assert_eq!(seen.target, "/?key=PLANT-bearer-token");
    }
    is_not_kept(&sandbox, &["PLANT"]);
}
