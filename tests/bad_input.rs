//! Bad input: each has a clear error with the documented exit code, and nothing is lost.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::support::{Answer, App, CLOSED_PORT, Outcome, Reply, Sandbox, connect, raw};

#[track_caller]
fn run(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    sandbox.hook(args).run()
}

#[test]
fn an_unknown_event_has_near_names() {
    let sandbox = Sandbox::new();
    run(&sandbox, &["send", "job.payed", "--to", ":9"]).exits(6).says([
        "error: no provider has an event `job.payed`",
        "hint: did you mean `hook send job.paid`?",
        "hint: `hook providers events NAME` shows a catalogue",
    ]);
    run(&sandbox, &["send", "job.payed", "-p", "poolflow", "--to", ":9"])
        .exits(6)
        .says([
            "error: `poolflow` has no event `job.payed`",
            "job.paid",
            "hint: `hook providers events poolflow` shows its catalogue",
        ]);
    // Data of one's own makes any name sendable.
    let app = App::start(|_| Reply::Status(200, ""));
    let own = ["send", "job.payed", "-p", "poolflow", "-d", "{}", "--to", &app.url];
    run(&sandbox, &own).ok();
}

#[test]
fn an_unknown_provider_and_variant_have_near_names() {
    let sandbox = Sandbox::new();
    run(&sandbox, &["send", "job.paid", "-p", "poolflo", "--to", ":9"])
        .exits(6)
        .says(["error: ", "`poolflo`", "hint: ", "poolflow"]);
    run(&sandbox, &["send", "job.paid", "-p", "poolflow@absolut", "--to", ":9"])
        .exits(6)
        .says(["error: ", "absolut", "hint: "]);
}

#[test]
fn an_event_of_several_providers_is_refused_with_the_candidates() {
    let sandbox = Sandbox::new();
    run(&sandbox, &["send", "order.completed", "--to", ":9"])
        .exits(2)
        .says([
            "error: event `order.completed` belongs to several providers: ",
            "`poolflow`",
            "`pocketsflow`",
            "hint: pick one: `--provider ",
        ]);
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox
        .hook(["send", "order.completed", "--to", &app.url])
        .env("HOOK_PROVIDER", "pocketsflow")
        .run()
        .ok();
}

#[test]
fn bad_json_is_told_with_its_position() {
    let sandbox = Sandbox::new();
    let file = sandbox.path("data.json");
    sandbox.write(&file, "{\n  \"a\": 1,\n  \"b\" 2\n}");
    let at_file = format!("@{}", file.display());
    for (data, position) in [("{\"a\": }", "at line 1 column 7"), (&at_file, "at line 3 column 7")] {
        run(&sandbox, &["send", "job.paid", "--to", ":9", "-d", data])
            .exits(2)
            .says(["error: `--data` is not JSON", "caused by: ", position, "hint: "]);
    }
    run(&sandbox, &["send", "job.paid", "--to", ":9", "-d", "@not-there"])
        .exits(2)
        .says(["error: `--data`: file `not-there` cannot be read", "caused by: "]);
}

#[test]
fn a_bad_url_is_told_with_the_forms_that_work() {
    let sandbox = Sandbox::new();
    for (target, fact) in [
        ("ftp://example.com", "the target's scheme is `ftp`"),
        ("http://", "has no valid host"),
        ("localhost:99999", "is not a number from 1 to 65535"),
        ("a b", "holds a space"),
        ("", "the target is empty"),
    ] {
        run(&sandbox, &["send", "job.paid", "--to", target]).exits(2).says([
            "error: ",
            fact,
            "hint: write a URL, `localhost:3000/path`, `:3000` or a port",
        ]);
    }
    run(&sandbox, &["send", "job.paid"])
        .exits(2)
        .says(["error: no target is given", "hint: add `--to URL`"]);
}

#[test]
fn a_refused_connection_tells_whether_the_other_loopback_family_answers() {
    let sandbox = Sandbox::new();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let app = App::on(socket, |_| Reply::Status(200, ""));
    let v6 = format!("http://[::1]:{port}/in");
    run(&sandbox, &["send", "job.paid", "--to", &v6])
        .exits(4)
        .prints(["no connection", "failed"])
        .says([&format!(
            "hint: something answers on the other loopback address: `--to http://127.0.0.1:{port}/in`"
        )]);
    // The name means both, so it needs no hint.
    run(&sandbox, &["send", "job.paid", "--to", &format!("localhost:{port}")]).ok();
    drop(app);

    run(&sandbox, &["send", "job.paid", "--to", CLOSED_PORT])
        .exits(4)
        .says(["connection refused by 127.0.0.1:1", "PoolFlow retries after"])
        .never(["other loopback"]);
    run(&sandbox, &["send", "job.paid", "--to", "http://nobody.invalid"])
        .exits(4)
        .prints(["unknown host"])
        .says(["`nobody.invalid` does not resolve"]);
    assert_eq!(sandbox.deliveries().len(), 4, "failures are recorded too");
}

#[test]
fn tls_failures_name_the_cause() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen::<&str>([]);
    let plain = listener.url.replace("http:", "https:");
    run(&sandbox, &["send", "job.paid", "--to", &plain])
        .exits(4)
        .prints(["TLS failure"])
        .says(["does not speak TLS"]);
    let file = sandbox.path("ca.pem");
    sandbox.write(&file, "no certificate");
    for (path, said) in [
        (file.to_str().unwrap(), "no usable certificate"),
        ("not-there.pem", "cannot read"),
    ] {
        run(&sandbox, &["send", "job.paid", "--to", &plain, "--cacert", path])
            .exits(2)
            .says(["error: ", said]);
    }
    let args = [
        "listen",
        "--tls",
        "--port",
        "0",
        "--cert",
        file.to_str().unwrap(),
        "--key",
        file.to_str().unwrap(),
    ];
    run(&sandbox, &args).exits(2).says(["error: "]);
}

#[test]
fn a_public_url_that_is_none_is_refused_at_the_start() {
    let sandbox = Sandbox::new();
    for url in ["tunnel.example", "ftp://tunnel.example", "https://", ""] {
        run(&sandbox, &["listen", "--port", "0", "--public-url", url])
            .exits(2)
            .says(["not a whole URL such as `https://example.com/hook`"]);
    }
}

#[test]
fn secrets_that_are_not_there_are_named_and_not_shown() {
    let sandbox = Sandbox::new();
    for command in [&["send", "job.paid", "--to", ":9"][..], &["listen", "--port", "0"]] {
        for (secret, said) in [
            ("env:NOT_THERE", "error: environment variable `NOT_THERE` is not set"),
            ("env:", "hint: write the variable's name: `env:VAR`"),
            ("file:/not/there", "error: secret file `/not/there` cannot be read"),
            ("literal:", "error: the secret from `literal:********` is empty"),
        ] {
            run(&sandbox, &[command, &["--secret", secret]].concat())
                .exits(2)
                .says([said]);
        }
    }
    let app = App::start(|_| Reply::Status(200, ""));
    run(&sandbox, &["send", "job.paid", "--to", &app.url, "--secret", "bare"])
        .ok()
        .says(["warning: a secret given as text is visible to other users"]);
}

#[test]
fn a_newer_a_foreign_and_a_damaged_ledger_are_refused_and_left_alone() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let ledger = sandbox.state("ledger.db");
    run(&sandbox, &["send", "job.paid", "--to", &app.url]).ok();
    app.next();
    let open = || rusqlite::Connection::open(&ledger).unwrap();
    open().pragma_update(None, "user_version", 9999).unwrap();
    let commands = [
        &["send", "job.paid", "--to", &app.url][..],
        &["send", "job.paid", "--count", "3", "--to", &app.url],
        &["listen", "--port", "0"],
        &["replay", "last"],
    ];
    for command in commands {
        run(&sandbox, command).exits(7).says([
            "error: ledger `",
            "has format 9999; this version of hook supports up to",
            "hint: update hook",
        ]);
    }
    open().pragma_update(None, "user_version", 1).unwrap();
    open().pragma_update(None, "application_id", 77).unwrap();
    run(&sandbox, commands[0])
        .exits(7)
        .says(["it is the database of another program"]);

    let noise = "this is no ledger at all ".repeat(1000);
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        let _ = std::fs::remove_file(sandbox.state(name));
    }
    sandbox.write(&ledger, &noise);
    for command in commands {
        run(&sandbox, command)
            .exits(7)
            .says(["error: ledger `", "is not readable", "hint: move it away"]);
    }
    assert_eq!(std::fs::read_to_string(&ledger).unwrap(), noise);
    assert!(app.rest().is_empty(), "what cannot be recorded is not sent");
}

#[test]
fn a_ledger_that_is_locked_for_too_long_is_told() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    run(&sandbox, &["send", "job.paid", "--to", &app.url]).ok();
    let other = rusqlite::Connection::open(sandbox.state("ledger.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    run(&sandbox, &["send", "job.paid", "--to", &app.url]).exits(7).says([
        "error: ledger `",
        "is locked by another process",
        "hint: wait until",
    ]);
}

#[test]
fn chunked_bodies_are_taken_and_truncated_ones_are_not() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen::<&str>([]);
    let chunked = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n\
                    3\r\n{\"a\r\n4;ext=1\r\n\":1}\r\n0\r\n\r\n";
    assert_eq!(Answer::parse(&raw(&listener.url, chunked)).status, 200);
    let cut = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{\"a\":1";
    assert_eq!(Answer::parse(&raw(&listener.url, cut)).status, 400);
    let cut = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab";
    assert_eq!(Answer::parse(&raw(&listener.url, cut)).status, 400);
    let both = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef";
    assert_eq!(Answer::parse(&raw(&listener.url, both)).status, 400);
    listener
        .stop()
        .ok()
        .says(["received 1", "it broke off after 6 B of body, answered 400"]);
    let kept: Vec<_> = sandbox
        .captures()
        .into_iter()
        .map(|capture| capture.request.body)
        .collect();
    assert_eq!(kept, [&b"{\"a\":1}"[..]]);
}

#[test]
fn a_body_that_is_too_large_is_answered_413_before_it_was_sent() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen::<&str>([]);
    let mut stream = connect(&listener.url);
    let head = format!(
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        32 * 1024 * 1024 + 1
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 413");
    drop(stream);
    listener
        .stop()
        .ok()
        .says(["the body is too large, answered 413", "received 0"]);
}

#[test]
fn headers_that_are_too_large_or_too_many_are_answered_431() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen::<&str>([]);
    let long = format!("POST / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "a".repeat(70_000));
    assert_eq!(Answer::parse(&raw(&listener.url, long.as_bytes())).status, 431);
    let many = format!("POST / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: 1\r\n".repeat(150));
    assert_eq!(Answer::parse(&raw(&listener.url, many.as_bytes())).status, 431);
    listener.stop().ok().says(["the headers are too large, answered 431"]);
}

#[test]
fn bodies_that_are_no_text_and_repeated_headers_survive_the_whole_way() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let mut listener = sandbox.listen(["--forward-to", &app.url, "-v"]);
    let body: Vec<u8> = (0..=255).collect();
    let headers = [("x-many", "1"), ("x-many", "2"), ("x-many", "1")];
    crate::support::post(&listener.url, &headers, &body);
    let seen = app.next();
    assert_eq!(
        (seen.body.as_slice(), seen.all("x-many")),
        (body.as_slice(), vec!["1", "2", "1"])
    );
    listener.shows("(256 B of binary data)");
    listener.stop().ok();
    run(&sandbox, &["replay", "1"]).ok();
    let again = app.next();
    assert_eq!((again.body, again.headers.len()), (seen.body, again.headers.len()));
    assert_eq!(again.headers.iter().filter(|(name, _)| name == "x-many").count(), 3);
}

#[test]
fn header_values_that_are_no_text_are_kept_and_forwarded_as_bytes() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let listener = sandbox.listen(["--forward-to", &app.url]);
    let request = b"POST / HTTP/1.1\r\nhost: x\r\nx-name: caf\xe9\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(Answer::parse(&raw(&listener.url, request)).status, 200);
    app.next();
    listener.stop().ok();
    let captured = sandbox.captures().remove(0).request.headers;
    let sent = sandbox
        .deliveries()
        .remove(0)
        .delivery
        .attempts
        .remove(0)
        .request_headers;
    assert_eq!(captured.get("x-name"), Some(&b"caf\xe9"[..]));
    assert_eq!(sent.get("x-name"), Some(&b"caf\xe9"[..]));
}

#[test]
fn a_typo_in_a_provider_file_is_told_with_line_column_and_the_accepted_names() {
    let sandbox = Sandbox::new();
    let file = "format = 1\nname = \"mine\"\ntitle = \"Mine\"\nextends = \"generic\"\n[delivery]\ntimeot = \"5s\"\n";
    sandbox.write(sandbox.config("providers/mine.toml"), file);
    run(&sandbox, &["send", "thing", "-p", "mine", "-d", "{}", "--to", ":9"])
        .exits(2)
        .says([
            "error: ",
            "mine.toml",
            "line 6, column 1",
            "timeot",
            "timeout",
            "hint: `hook providers check ",
        ]);
    // The others still work, and the listener starts.
    let listener = sandbox.listen(["--secret"]);
    run(&sandbox, &["send", "job.paid", "-p", "poolflow", "--to", &listener.url]).ok();
    listener.stop().ok();
}

#[test]
fn an_unknown_merge_tag_suggests_the_near_one() {
    let sandbox = Sandbox::new();
    for args in [["--field", "to={{email}}"], ["--data", "{\"to\":\"{{email}}\"}"]] {
        let send = [
            "send",
            "ContactCreated",
            "-p",
            "hoopai",
            "--to",
            ":9",
            "--context",
            "record.json",
        ];
        sandbox.write(sandbox.path("record.json"), r#"{"contact":{"email":"a@example.com"}}"#);
        run(&sandbox, &[&send[..], &args].concat()).exits(2).says([
            "error: unknown merge tag `{{email}}`",
            "hint: did you mean `{{contact.email}}`?",
        ]);
    }
    // Against the provider's own sample record too.
    run(
        &sandbox,
        &["send", "-p", "hoopai", "--to", ":9", "--field", "to={{email}}"],
    )
    .exits(2)
    .says(["hint: ", "{{contact.email}}"]);
    run(
        &sandbox,
        &["send", "-p", "hoopai", "--to", ":9", "--field", "a={{zzz.qqq}}"],
    )
    .exits(2)
    .says(["error: unknown merge tag `{{zzz.qqq}}`", "hint: tags are paths"]);
}

#[test]
fn bad_settings_are_told_with_their_place() {
    let sandbox = Sandbox::new();
    sandbox.write(
        sandbox.config("config.toml"),
        "provider = \"poolflow\"\n[listen]\nprot = 1\n",
    );
    run(&sandbox, &["send", "job.paid", "--to", ":9"]).exits(2).says([
        "error: settings file `",
        "line 3",
        "prot",
        "port",
    ]);
}

#[test]
fn extreme_numbers_are_refused_instead_of_overflowing() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(500, ""));
    let send = ["send", "job.paid", "--to", &app.url];
    for bad in [
        &["--retry", "999999999d"][..],
        &["--retry", "--time-scale", "0"],
        &["--retry", "--time-scale", "1e-300"],
        &["--retry", "--time-scale", "1e300"],
        &["--rate", "1e-300"],
        &["--count", "0"],
        &["--concurrency", "0"],
        &["--timeout", "-1s"],
    ] {
        run(&sandbox, &[&send[..], bad].concat()).exits(2);
    }
    assert!(app.rest().is_empty());
}

#[test]
fn standard_input_is_read_once() {
    let sandbox = Sandbox::new();
    sandbox
        .hook(["send", "job.paid", "--to", ":9", "--data", "-", "--secret", "-"])
        .stdin("{}")
        .run()
        .exits(2)
        .says(["stdin can be read only once"]);
}
