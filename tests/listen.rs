//! `hook listen`: how it starts, answers, shows, counts and ends.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{App, Listener, Reply, Sandbox, connect, post, raw, request, try_post};

#[test]
fn the_count_ends_it_with_0_and_too_few_within_the_time_with_8() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--count", "2"]);
    post(&listener.url, &[], b"{}");
    post(&listener.url, &[], b"{}");
    listener.process.wait().ok().says(["received 2"]);

    sandbox
        .listening(["--count", "2", "--for", "50ms"])
        .run()
        .exits(8)
        .says(["received 0", "0 of 2 requests came"]);
    sandbox.listening(["--for", "50ms"]).run().ok();
}

#[test]
fn the_ready_file_holds_the_url_before_anything_is_said() {
    let sandbox = Sandbox::new();
    let path = sandbox.path("ready");
    let listener = sandbox.listen(["--ready-file", path.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", listener.url));
    listener.stop().ok();
    let nowhere = sandbox.path("no/such/folder");
    sandbox
        .listening(["--ready-file", nowhere.to_str().unwrap()])
        .run()
        .exits(2)
        .says(["error: `--ready-file"]);
}

#[test]
fn a_command_runs_once_ready_and_its_exit_code_becomes_that_of_the_listener() {
    let sandbox = Sandbox::new();
    let hook = env!("CARGO_BIN_EXE_hook");
    let send = format!("{hook} send job.paid --to \"$HOOK_URL\"");
    sandbox
        .listening(["--secret", "--count", "1", "--", "sh", "-c", &send])
        .run()
        .ok()
        .prints(["verified"])
        .says(["received 1: 1 verified", "delivered"]);
    sandbox.listening(["--", "sh", "-c", "exit 7"]).run().exits(7);
    sandbox.listening(["--", "sh", "-c", "kill -9 $$"]).run().exits(137);
    sandbox
        .listening(["--count", "1", "--", "true"])
        .run()
        .exits(8)
        .says(["0 of 1 requests came"]);
    sandbox
        .listening(["--", "no-such-command-anywhere"])
        .run()
        .exits(2)
        .says(["error: command `no-such-command-anywhere` cannot be started"]);
}

#[test]
fn a_command_goes_on_after_the_count_was_reached_and_its_code_counts() {
    let sandbox = Sandbox::new();
    let hook = env!("CARGO_BIN_EXE_hook");
    // The second send finds nobody: the listener has its count, and the command is not cut short for it.
    let script = format!("{hook} send job.paid --to $HOOK_URL; {hook} send job.paid --to $HOOK_URL; exit 5");
    sandbox
        .listening(["--count", "1", "--", "sh", "-c", &script])
        .run()
        .exits(5)
        .says(["received 1"]);
}

#[test]
fn a_command_finds_the_ledger_and_the_secret_of_its_listener() {
    let sandbox = Sandbox::new();
    let script = r#"test "$HOOK_SECRET" = alpha && test -f "$HOOK_STORE" && test "${HOOK_STORE#/}" != "$HOOK_STORE" &&
        test -z "$HOOK_LEDGER""#;
    sandbox
        .hook([
            "--ledger", "here.db", "listen", "--port", "0", "--secret", "env:A", "--", "sh", "-c", script,
        ])
        .env("A", "alpha")
        .run()
        .ok();
    // A command may choose a ledger of its own, whichever name the listener's had.
    let hook = env!("CARGO_BIN_EXE_hook");
    let script = format!("export HOOK_STORE=child.db; {hook} send job.paid --to $HOOK_URL && test -f child.db");
    let listen = ["--count", "1", "--", "sh", "-c", &script];
    sandbox.listening(listen).run().ok();
    sandbox.listening(listen).env("HOOK_LEDGER", "old.db").run().ok();
    // So may one that runs for an event.
    let exec = format!("HOOK_STORE=child.db {hook} log --limit 1");
    let listener = sandbox.hook(["listen", "--port", "0", "--unverified", "--count", "1", "--exec", &exec]);
    let listener = Listener::ready(listener.env("HOOK_LEDGER", "old.db"));
    post(&listener.url, &[], b"{}");
    listener.process.wait().ok();
    // What the command prints is not data of the listener's.
    let out = sandbox
        .listening(["--json", "--", "echo", "words"])
        .run()
        .ok()
        .says(["words"]);
    assert_eq!(out.object()["schema"], "hook.ready/1");
}

#[test]
fn ctrl_c_and_sigterm_let_running_requests_finish_and_end_with_0() {
    for signal in ["INT", "TERM"] {
        let sandbox = Sandbox::new();
        let mut listener = sandbox.listen(["--delay", "300ms"]);
        let url = listener.url.clone();
        let asking = std::thread::spawn(move || post(&url, &[], b"{}"));
        listener.shows("#1");
        listener.process.signal(signal);
        assert_eq!(asking.join().unwrap().status, 200, "the answer came after the signal");
        listener.process.wait().ok().says(["received 1"]);
    }
}

#[test]
fn the_answer_is_what_the_provider_takes_for_success_unless_another_is_wanted() {
    let send = |sandbox: &Sandbox, listener: &Listener, provider: &str, event: &str| {
        sandbox
            .hook(["send", event, "--provider", provider, "--to", &listener.url])
            .run()
    };
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--secret"]);
    for (provider, event, status) in [
        ("discord", "APPLICATION_AUTHORIZED", "204 No Content"),
        ("poolflow", "job.paid", "200 OK"),
    ] {
        send(&sandbox, &listener, provider, event).ok().prints([status]);
    }
    listener.stop().ok().says(["received 2: 2 verified"]);
    let listener = sandbox.listen(["--status", "200"]);
    send(&sandbox, &listener, "discord", "APPLICATION_AUTHORIZED")
        .exits(3)
        .prints(["200 OK"]);
    // Nobody is asked what the filter hides.
    let app = sandbox.listen::<&str>([]);
    let hiding = ["--answer", "app", "--filter", "job.*", "--forward-to", &app.url];
    let listener = sandbox.listen(hiding);
    send(&sandbox, &listener, "discord", "APPLICATION_AUTHORIZED")
        .ok()
        .prints(["204"]);
}

#[test]
fn the_second_ctrl_c_ends_at_once_with_130() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Silence);
    let mut listener = sandbox.listen(["--answer", "app", "--forward-to", &app.url]);
    let mut stream = connect(&listener.url);
    stream
        .write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
        .unwrap();
    listener.shows("#1");
    listener.process.signal("INT");
    listener.process.signal("TERM");
    listener.process.wait().exits(130);
}

#[test]
fn the_last_request_of_a_count_is_answered_however_long_its_answer_is_held_back() {
    let sandbox = Sandbox::new();
    // Longer than what is under way has after a signal.
    let listener = sandbox.listen(["--count", "1", "--delay", "2500ms"]);
    assert_eq!(post(&listener.url, &[], b"{}").status, 200);
    listener.process.wait().ok();
}

#[test]
fn ctrl_c_gives_the_answers_that_are_held_back() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--delay", "600s"]);
    let url = listener.url.clone();
    let asking = std::thread::spawn(move || post(&url, &[], b"{}"));
    listener.shows("#1");
    listener.process.signal("INT");
    assert_eq!(
        asking.join().unwrap().status,
        200,
        "it is on record, so its sender must know"
    );
    listener.process.wait().ok();
}

#[test]
fn a_body_as_large_as_providers_send_is_taken_and_the_limit_can_be_set() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--json"]);
    let body = vec![b'a'; 25_000_000];
    assert_eq!(post(&listener.url, &[], &body).status, 200);
    listener.shows(r#""size":25000000"#);
    assert!(sandbox.captures()[0].request.body == body);
    listener.stop().ok();
    let listener = sandbox.listen(["--max-body", "1KiB"]);
    assert_eq!(post(&listener.url, &[], &[0; 1024]).status, 200);
    assert_eq!(post(&listener.url, &[], &[0; 1025]).status, 413);
    listener.stop().ok();
}

#[test]
fn a_duplicate_is_marked_answered_200_and_counted() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret", "--json"]);
    let signed = sandbox.signed(["order.completed", "--provider", "poolflow"]);
    assert_eq!(signed.post(&listener.url).status, 200);
    assert_eq!(signed.post(&listener.url).status, 200);
    listener.shows("\"number\":1");
    let line = listener.shows("\"number\":2");
    assert!(line.contains("\"duplicate_of\":1"), "{line}");
    listener.stop().ok().says(["1 duplicate"]);
}

#[test]
fn the_window_for_duplicates_can_be_closed() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret", "--dedupe-window", "0"]);
    let signed = sandbox.signed(["job.paid"]);
    signed.post(&listener.url);
    signed.post(&listener.url);
    listener.shows("#2");
    listener.stop().ok().says(["0 duplicates"]);
}

#[test]
fn what_a_filter_hides_is_counted_and_still_recorded() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret", "--filter", "job.*"]);
    for event in ["order.completed", "job.paid"] {
        sandbox
            .hook(["send", event, "--provider", "poolflow", "--to", &listener.url])
            .run()
            .ok();
    }
    listener.shows("job.paid");
    listener
        .stop()
        .ok()
        .says(["received 2: 2 verified", "1 hidden by `--filter`"])
        .never(["order.completed"]);
    assert_eq!(sandbox.captures().len(), 2);
}

#[test]
fn only_addresses_on_the_list_and_the_right_bearer_token_are_let_in() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--allow-ip", "10.0.0.0/8", "--allow-ip", "::1"]);
    assert_eq!(post(&listener.url, &[], b"{}").status, 401);
    assert!(listener.shows("#1").contains("address `127.0.0.1` is not allowed"));
    listener.stop().ok();

    let run = sandbox.listening(["--require-bearer", "env:TOKEN", "--reject-status", "403"]);
    let mut listener = Listener::ready(run.env("TOKEN", "abracadabra"));
    for (header, status) in [("Bearer abracadabra", 200), ("Bearer x", 403), ("abracadabra", 403)] {
        assert_eq!(
            post(&listener.url, &[("authorization", header)], b"{}").status,
            status,
            "{header}"
        );
    }
    assert_eq!(post(&listener.url, &[], b"{}").status, 403);
    assert!(listener.shows("refused").contains("bearer token"));
    listener.stop().ok().never(["abracadabra"]);
}

#[test]
fn a_secret_that_the_named_provider_cannot_use_is_refused_at_the_start() {
    let sandbox = Sandbox::new();
    sandbox
        .listening(["--provider", "hoopai@rsa", "--secret", "literal:text", "--for", "50ms"])
        .run()
        .exits(2)
        .says([
            "error: the secret cannot be used by the named provider",
            "hint: `hook providers show",
        ]);
}

#[test]
fn an_address_that_is_no_network_is_refused() {
    let sandbox = Sandbox::new();
    let listening = sandbox.listening(["--allow-ip", "10.0.0.0/99"]).run();
    listening.exits(2).says(["is not an address range"]);
}

#[test]
fn the_first_requests_fail_on_purpose_but_refused_ones_do_not_count() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--secret", "--fail-first", "2", "--status", "202"]);
    let signed = sandbox.signed(["job.paid"]);
    let statuses: Vec<u16> = (0..2)
        .map(|_| signed.post(&listener.url).status)
        .chain([post(&listener.url, &[], b"{}").status])
        .chain((0..1).map(|_| signed.post(&listener.url).status))
        .collect();
    assert_eq!(statuses, [500, 500, 401, 202]);
    // What failed was not taken, so that its second coming is no duplicate.
    listener.stop().ok().says(["0 duplicates"]);
}

#[test]
fn an_answer_without_a_body_may_be_chosen() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--status", "204"]);
    let answer = post(&listener.url, &[], b"{}");
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    listener.stop().ok();
}

#[test]
fn with_tls_the_certificate_made_on_the_spot_is_enough_for_send() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret", "--tls", "--json"]);
    assert!(listener.url.starts_with("https://"), "{}", listener.url);
    let ready = listener.process.wait_line(|line| line.contains("hook.ready/1"));
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    let ca_file = ready["ca_file"].as_str().expect("a certificate");
    sandbox
        .hook(["send", "job.paid", "--cacert", ca_file, "--to", &listener.url])
        .run()
        .ok();
    sandbox
        .hook(["send", "job.paid", "--insecure", "--to", &listener.url])
        .run()
        .ok();
    sandbox
        .hook(["send", "job.paid", "--to", &listener.url])
        .run()
        .exits(4)
        .prints(["TLS failure"])
        .says(["comes from an unknown issuer"]);
    listener.stop().ok().says(["received 2: 2 verified"]);
}

#[test]
fn an_address_that_others_can_reach_must_be_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.listening(["--bind", "0.0.0.0"]).run().exits(2).says([
        "error: `0.0.0.0` can be reached by other machines",
        "hint: add `--expose`",
    ]);
    let listener = sandbox.listen(["--bind", "0.0.0.0", "--expose"]);
    assert_eq!(post(&listener.url, &[], b"{}").status, 200);
    listener.stop().ok().says(["warning: nothing is verified"]);
}

#[test]
fn a_port_in_use_is_said_with_a_way_out() {
    let sandbox = Sandbox::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    sandbox.hook(["listen", "--port", &port]).run().exits(2).says([
        "error: cannot listen on `127.0.0.1:",
        "caused by: ",
        "hint: ",
        "`--port 0`",
    ]);
}

#[test]
fn a_request_whose_client_does_not_wait_for_the_answer_is_taken_like_any_other() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen::<&str>([]);
    let ledger = rusqlite::Connection::open(sandbox.state("ledger.db")).unwrap();
    ledger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut stream = connect(&listener.url);
    stream
        .write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
        .unwrap();
    drop(stream);
    // Until here nothing could be recorded.
    ledger.execute_batch("COMMIT").unwrap();
    listener.shows("#1");
    listener.stop().ok().says(["received 1"]);
}

#[test]
fn credentials_and_control_characters_of_a_request_do_not_reach_the_terminal() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["-v"]);
    let body = "{\"event\":\"a\u{1b}[31mb\",\"data\":{}}";
    let headers = [("authorization", "Bearer abracadabra"), ("x-poolflow-signature", "aa")];
    post(&listener.url, &headers, body.as_bytes());
    listener.shows("********");
    let said = listener.stop().ok().never(["abracadabra", "\u{1b}"]);
    assert!(said.stdout().contains("x-poolflow-signature: aa"), "{said}");
}

#[test]
fn when_nobody_reads_stdout_any_more_it_ends_quietly() {
    let sandbox = Sandbox::new();
    let ready = sandbox.path("ready");
    let mut command = sandbox.listening(["--ready-file", ready.to_str().unwrap()]).command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let said = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .next()
        .unwrap()
        .unwrap();
    assert!(said.starts_with("listening on "), "{said}");
    let _ = try_post(fs::read_to_string(&ready).unwrap().trim(), b"{}");
    assert!(child.wait().unwrap().success());
    assert_eq!(sandbox.captures().len(), 1);
}

#[test]
fn a_public_url_is_announced() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--public-url", "https://tunnel.example/in", "--json"]);
    let lines = listener
        .stop()
        .ok()
        .says(["reachable as https://tunnel.example/in"])
        .json();
    assert_eq!(lines[0]["public_url"], "https://tunnel.example/in");
}

#[test]
fn a_provider_that_is_named_is_expected() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret", "--provider", "slotflow"]);
    sandbox.hook(["send", "job.paid", "--to", &listener.url]).run().exits(3);
    assert!(
        listener
            .shows("#1")
            .contains("header `X-Slotflow-Signature` is missing")
    );
    listener.stop().ok().says(["it was signed as `poolflow`"]);
    sandbox
        .listening(["--provider", "slotfow"])
        .run()
        .exits(6)
        .says(["error: ", "`slotfow`", "slotflow"]);
}

#[test]
fn providers_that_fit_alike_are_shown() {
    let sandbox = Sandbox::new();
    let twin = "format = 1\nname = \"twin\"\ntitle = \"Twin\"\nextends = \"pool-brain\"\n";
    sandbox.write(sandbox.config("providers/twin.toml"), twin);
    let mut listener = sandbox.listen::<&str>([]);
    let sent = ["send", "customer.created", "-p", "twin", "--to", &listener.url];
    sandbox.hook(sent).run().ok();
    let line = listener.shows("#1");
    assert!(
        line.contains("pool-brain") && line.contains("twin") && line.contains("(or "),
        "{line}"
    );
    listener.stop().ok();
}

#[test]
fn an_answer_can_be_held_back() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--delay", "150ms"]);
    let begun = Instant::now();
    assert_eq!(post(&listener.url, &[], b"{}").status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(150));
    listener.stop().ok();
}

#[test]
fn two_listeners_and_a_sender_share_one_ledger() {
    let sandbox = Sandbox::new();
    let listeners = [sandbox.listen(["--secret"]), sandbox.listen(["--secret"])];
    let sending: Vec<_> = listeners
        .iter()
        .map(|listener| {
            let run = sandbox.hook(["send", "job.paid", "--count", "40", "--to", &listener.url]);
            run.spawn()
        })
        .collect();
    for process in sending {
        process.wait().ok().prints(["40 events: 40 delivered"]);
    }
    for listener in listeners {
        listener.stop().ok().says(["received 40: 40 verified"]);
    }
    assert_eq!((sandbox.captures().len(), sandbox.deliveries().len()), (80, 80));
}

#[test]
fn a_request_line_longer_than_allowed_is_answered_431_and_said() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen::<&str>([]);
    let long = format!("/{}", "a".repeat(70_000));
    assert_eq!(request("GET", &listener.url, &long, &[], b"").status, 431);
    let text = raw(&listener.url, b"nonsense\r\n\r\n");
    assert!(text.starts_with(b"HTTP/1.1 400"));
    listener.stop().ok().says([
        "the headers are too large, answered 431",
        "it is not HTTP",
        "received 0",
    ]);
}
