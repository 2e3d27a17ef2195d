//! `hook send`: what goes into a message and onto the wire.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use hook::internals::store::DeliveryState;
use serde_json::{Value, json};

use crate::support::{App, Outcome, Reply, Sandbox, Seen};

/// The body of what `send ARGS` would send, as JSON.
#[track_caller]
fn body<const N: usize>(sandbox: &Sandbox, args: [&str; N]) -> Value {
    let signed = sandbox.signed(args);
    serde_json::from_slice(&signed.body).expect("a JSON body")
}

/// Sends to an app and returns what came.
#[track_caller]
fn sent(sandbox: &Sandbox, args: &[&str]) -> (Outcome, Seen) {
    let app = App::start(|_| Reply::Status(200, ""));
    let run = sandbox.hook(["send", "--to", &app.url].iter().chain(args)).run().ok();
    (run, app.next())
}

/// Answers each request and closes, without having said so.
fn closing_app() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut seen = Vec::new();
                let ends = |seen: &[u8]| seen.ends_with(b"}") && seen.windows(4).any(|four| four == b"\r\n\r\n");
                while !ends(&seen) {
                    let mut some = [0; 4096];
                    match stream.read(&mut some) {
                        Ok(0) | Err(_) => return,
                        Ok(read) => seen.extend_from_slice(&some[..read]),
                    }
                }
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
            });
        }
    });
    url
}

#[test]
fn a_receiver_that_closes_after_each_answer_gets_every_event() {
    let url = closing_app();
    // Only reqwest takes a user; without one the request goes straight over hyper.
    for url in [url.clone(), url.replace("http://", "http://me@")] {
        let sandbox = Sandbox::new();
        let send = ["send", "job.paid", "--to", &url, "--count", "200"];
        sandbox.hook(send).run().ok().prints(["200 delivered, 0 failed"]);
        let attempts = sandbox.deliveries().into_iter().map(|one| one.delivery.attempts.len());
        assert_eq!(attempts.sum::<usize>(), 200, "no attempt is counted twice");
    }
}

#[test]
fn data_comes_from_the_command_line_a_file_or_standard_input() {
    let sandbox = Sandbox::new();
    let data = json!({"id": 7, "z": 1.5, "a": [null]});
    let file = sandbox.path("data.json");
    sandbox.write(&file, data.to_string());
    let at_file = format!("@{}", file.display());
    for (source, stdin) in [(data.to_string(), ""), (at_file, ""), ("-".into(), &*data.to_string())] {
        let sent = sandbox
            .hook(["send", "job.paid", "-d", &source, "--to", ":9", "-n", "--json"])
            .stdin(stdin)
            .run()
            .ok();
        let line = sent.object();
        let body: Value = serde_json::from_str(line["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["data"], data);
        assert_eq!(body["event"], "job.paid");
    }
}

#[test]
fn a_whole_body_goes_out_byte_for_byte_and_signed() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret", "--provider", "poolflow"]);
    let bytes = b"\xef\xbb\xbf{ \"event\": \"job.paid\",\r\n\t\"x\": 1.10 }\n\xff\x00";
    let file = sandbox.path("body.bin");
    sandbox.write(&file, bytes);
    let at_file = format!("@{}", file.display());
    let url = listener.url.clone();
    let send = ["send", "--provider", "poolflow", "--to", &url, "--body"];
    sandbox.hook(send.into_iter().chain([&*at_file])).run().ok();
    sandbox
        .hook(send.into_iter().chain(["-"]))
        .stdin(bytes.as_slice())
        .run()
        .ok();
    assert!(listener.shows("#1").contains("verified"));
    assert!(listener.shows("#3").contains("verified"));
    let captures = sandbox.captures();
    assert!(captures.iter().all(|capture| capture.request.body == bytes.as_slice()));
    assert_eq!(captures.len(), 2);
    sandbox
        .hook(send.into_iter().chain(["{}", "--set", "a=1"]))
        .run()
        .exits(2)
        .says(["error: `--set` does not change a `--body`"]);
}

#[test]
fn without_a_provider_a_whole_body_is_sent_generically() {
    let sandbox = Sandbox::new();
    let (_, seen) = sent(&sandbox, &["--body", "hello"]);
    assert_eq!(seen.body, b"hello");
}

#[test]
fn set_keeps_the_type_of_what_it_replaces_when_it_can() {
    let sandbox = Sandbox::new();
    let data = r#"{"n":1,"s":"x","b":true,"o":{"k":[1,2]},"z":null}"#;
    let set = |pair: &str| {
        let args = ["job.paid", "--data", data, "--set", pair];
        let path = pair.split_once('=').unwrap().0;
        let body = body(&sandbox, args);
        body.pointer(&format!("/{}", path.replace('.', "/"))).unwrap().clone()
    };
    for (pair, value) in [
        ("data.n=42", json!(42)),
        ("data.n=4.5", json!(4.5)),
        ("data.n=many", json!("many")),
        ("data.s=42", json!("42")),
        ("data.s=true", json!("true")),
        ("data.s=", json!("")),
        ("data.s=a=b", json!("a=b")),
        ("data.b=false", json!(false)),
        ("data.o={\"x\":1}", json!({"x": 1})),
        ("data.o.k.1=9", json!(9)),
        ("data.z=[1]", json!([1])),
        ("data.z=word", json!("word")),
        ("event=other.event", json!("other.event")),
    ] {
        assert_eq!(set(pair), value, "{pair}");
    }
    let forced = body(
        &sandbox,
        [
            "job.paid",
            "--data",
            data,
            "--set-json",
            "data.s=42",
            "--set-string",
            "data.n=42",
        ],
    );
    assert_eq!((&forced["data"]["s"], &forced["data"]["n"]), (&json!(42), &json!("42")));
}

#[test]
fn a_placeholder_that_the_data_does_not_mean_is_an_error_with_the_way_to_write_it() {
    let sandbox = Sandbox::new();
    let send = ["send", "job.paid", "--to", ":9", "-n", "--data"];
    sandbox
        .hook(send.iter().chain(&[r#"{"a":"cost ${5}"}"#]))
        .run()
        .exits(2)
        .says(["unknown placeholder `${5}`", "hint: write `$${` for a literal `${`"]);
    let written = sandbox
        .hook(send.iter().chain(&[r#"{"a":"cost $${5}, $$${event}, $$"}"#]))
        .run()
        .ok();
    written.prints(["cost ${5}, $job.paid, $$"]);
}

#[test]
fn a_path_that_does_not_exist_is_an_error_with_the_near_one_unless_it_may_be_new() {
    let sandbox = Sandbox::new();
    let send = ["send", "job.paid", "--to", ":9", "-n"];
    sandbox
        .hook(send.into_iter().chain(["--set", "data.total_cent=42"]))
        .run()
        .exits(2)
        .says([
            "error: the body has no value at `data.total_cent`",
            "did you mean `--set data.total_cents=...`?",
            "hint: `--set-new` creates a path",
        ]);
    let made = body(&sandbox, ["job.paid", "--set", "data.new.deep=42", "--set-new"]);
    assert_eq!(made["data"]["new"]["deep"], 42);
    sandbox
        .hook(send.into_iter().chain(["--set-json", "data.total_cents=4x"]))
        .run()
        .exits(2)
        .says(["error: `data.total_cents`: `4x` is not JSON"]);
    sandbox
        .hook(send.into_iter().chain(["--set", "data.total_cents"]))
        .run()
        .exits(2)
        .says(["not of the form `NAME=VALUE`"]);
}

#[test]
fn metadata_and_parameters_go_where_the_provider_has_them() {
    let sandbox = Sandbox::new();
    let booking = body(
        &sandbox,
        ["booking.confirmed", "--metadata", "source=ads", "--metadata", "n=1"],
    );
    assert_eq!(booking["data"]["metadata"]["source"], "ads");
    assert_eq!(booking["data"]["metadata"]["n"], "1");
    let customer = body(
        &sandbox,
        ["customer.created", "-p", "pool-brain", "--param", "company_id=40"],
    );
    assert_eq!(customer["company_id"], 40);
    let send = ["send", "--to", ":9", "-n"];
    for (args, error) in [
        (
            &["job.paid", "--metadata", "a=b"][..],
            "`poolflow` has no place for metadata",
        ),
        (
            &["customer.created", "-p", "pool-brain", "--param", "company_id=x"],
            "parameter `company_id`",
        ),
        (
            &["job.paid", "--param", "company=1"],
            "parameter `company`: `poolflow` has none",
        ),
    ] {
        sandbox.hook(send.iter().chain(args)).run().exits(2).says([error]);
    }
}

#[test]
fn many_events_of_one_type_go_in_one_message_where_that_is_supported() {
    let sandbox = Sandbox::new();
    let mut grouped = None;
    let events = sandbox
        .hook(["providers", "events", "pool-brain", "--json"])
        .run()
        .ok()
        .json();
    for event in events {
        let name = event["event"].as_str().unwrap();
        let send = [
            "send",
            name,
            "-p",
            "pool-brain",
            "--group",
            "3",
            "--to",
            ":9",
            "-n",
            "--json",
        ];
        let outcome = sandbox.hook(send).run();
        if event["grouping"] == true {
            grouped = Some(outcome.ok().object());
        } else {
            outcome
                .exits(2)
                .says(["does not support grouping", "hint: leave out `--group`"]);
        }
    }
    let body: Value = serde_json::from_str(grouped.unwrap()["body"].as_str().unwrap()).unwrap();
    let items = body["data"].as_array().expect("an array");
    assert_eq!(items.len(), 3);
    assert!(body["id"].is_string(), "one id for all");
}

#[test]
fn id_time_and_mode_may_be_chosen() {
    let sandbox = Sandbox::new();
    let time = ["--time", "2030-01-02T03:04:05Z"];
    let args = [
        "customer.created",
        "-p",
        "pool-brain",
        "--id",
        "evt-1",
        time[0],
        time[1],
    ];
    let signed = sandbox.signed(args);
    let body: Value = serde_json::from_slice(&signed.body).unwrap();
    assert_eq!(body["id"], "evt-1");
    assert!(
        body["timestamp"].as_str().unwrap().starts_with("2030-01-02T03:04:05"),
        "{body}"
    );
    let (_, seen) = sent(&sandbox, &["job.paid", "--time", "1893553445"]);
    assert!(String::from_utf8_lossy(&seen.body).contains("2030-01-02T03:04:05Z"));
    let (said, _) = sent(&sandbox, &["job.paid", "--id", "evt-1", "--mode", "live"]);
    said.says(["warning: messages of `poolflow` carry no id"]);
    let last = sandbox.deliveries().pop().unwrap().delivery;
    assert_eq!(
        (last.message.wire_id.as_str(), last.message.mode.name()),
        ("", "live"),
        "what is not sent is not recorded"
    );
    sent(&sandbox, &["customer.created", "-p", "stripe", "--id", "evt_1"]);
    assert_eq!(sandbox.deliveries().pop().unwrap().delivery.message.wire_id, "evt_1");
    let whole = [r#"{"id":"evt_2","type":"customer.created","data":{}}"#, "-p", "stripe"];
    sent(&sandbox, &["--body", whole[0], whole[1], whole[2]]);
    let message = sandbox.deliveries().pop().unwrap().delivery.message;
    assert_eq!(
        (message.wire_id.as_str(), message.event.as_str()),
        ("evt_2", "customer.created")
    );
    sandbox
        .hook(["send", "job.paid", "--to", ":9", "--time", "yesterday"])
        .run()
        .exits(2);
}

#[test]
fn a_form_and_a_get_carry_the_fields_instead_of_json() {
    let sandbox = Sandbox::new();
    let fields = [
        "-p",
        "hoopai",
        "--field",
        "email={{contact.email}}",
        "--field",
        "note=a b&c",
    ];
    let (_, form) = sent(&sandbox, &[&fields[..], &["--form"]].concat());
    assert_eq!(form.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(form.body, b"email=pat%40example.com&note=a+b%26c");
    let (_, got) = sent(&sandbox, &[&fields[..], &["--method", "get"]].concat());
    assert_eq!((got.method.as_str(), got.body.len()), ("GET", 0));
    assert_eq!(got.target, "/?email=pat%40example.com&note=a+b%26c");
    let (_, put) = sent(&sandbox, &[&fields[..], &["--method", "PUT"]].concat());
    assert_eq!(put.method, "PUT");
    let (_, deleted) = sent(&sandbox, &[&fields[..], &["--method", "DELETE"]].concat());
    assert_eq!(deleted.method, "DELETE");
}

#[test]
fn merge_tags_are_filled_from_the_record_and_escaped_for_json() {
    let sandbox = Sandbox::new();
    let record = sandbox.path("record.json");
    sandbox.write(&record, r#"{"contact":{"name":"Pat \"P\"\nE","age":40,"note":""}}"#);
    let context = ["--context", record.to_str().unwrap()];
    let fields = [
        "--field",
        "hello=Hi {{contact.name}}!",
        "--field",
        "age={{contact.age}}",
    ];
    let (_, seen) = sent(&sandbox, &[&["-p", "hoopai"][..], &context, &fields].concat());
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(body, json!({"hello": "Hi Pat \"P\"\nE!", "age": 40}));
    let data = r#"{"to":"{{contact.name}}"}"#;
    let (_, seen) = sent(
        &sandbox,
        &[&["ContactCreated", "-p", "hoopai", "-d", data][..], &context].concat(),
    );
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    assert_eq!(body["data"]["to"], "Pat \"P\"\nE");

    let empty = [&["-p", "hoopai", "--field", "n={{contact.note}}"][..], &context].concat();
    let (said, _) = sent(&sandbox, &empty);
    said.says(["warning: merge tag `{{contact.note}}` is empty"]);
    sandbox
        .hook([&["send", "--to", ":9", "--strict"][..], &empty].concat())
        .run()
        .exits(2)
        .says(["error: merge tag `{{contact.note}}` is empty"]);
}

#[test]
fn headers_are_added_or_replace_the_providers_but_never_the_transports() {
    let sandbox = Sandbox::new();
    let own = ["-H", "X-Own: a", "-H", "x-own:b", "-H", "User-Agent: me"];
    let (_, seen) = sent(&sandbox, &[&["job.paid"][..], &own].concat());
    assert_eq!(seen.all("x-own"), ["a", "b"]);
    assert_eq!(seen.all("user-agent"), ["me"]);
    let send = ["send", "job.paid", "--to", ":9", "-n", "-H"];
    for (line, error) in [
        ("Host: evil", "header `Host` is set from the target and the body"),
        ("content-length: 1", "is set from the target"),
        ("Transfer-Encoding: chunked", "is set from the target"),
        ("x: a\r\ny: b", "holds a control character"),
        ("no colon", "`no ********` is not a header"),
        ("Authorization Basic cGF0", "`Authorization ********` is not a header"),
        ("a b: c", "is not a header name"),
    ] {
        sandbox.hook(send.iter().chain(&[line])).run().exits(2).says([error]);
    }
    // `verify` reads a header of the request that came, which has a `Host`.
    let verify = ["verify", "-p", "github", "-s", "literal:x", "--body", "{}", "-H"];
    let typed = |line: &'static str| sandbox.hook(verify.iter().chain(&[line])).run();
    typed("X A: b").exits(2).says(["`X A` is not a header name"]);
    typed("x: a\nb").exits(2).says(["holds a control character"]);
    typed("Host: a.example").never(["is set from the target"]);
}

#[test]
fn a_bearer_token_is_sent_and_never_shown() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let run = |extra: &[&str]| {
        let args = ["send", "job.paid", "--bearer", "env:TOKEN", "--to", &app.url];
        let run = sandbox.hook(args.iter().chain(extra));
        run.env("TOKEN", "abracadabra").run()
    };
    run(&["-v"]).ok().never(["abracadabra"]);
    assert_eq!(app.next().header("authorization"), Some("Bearer abracadabra"));
    for form in ["--dry-run", "--curl"] {
        run(&[form])
            .ok()
            .never(["abracadabra"])
            .prints(["authorization: ********"]);
        run(&[form, "--reveal"])
            .ok()
            .prints(["authorization: Bearer abracadabra"]);
    }
    run(&["--dry-run", "--json"]).ok().never(["abracadabra"]);
    assert!(app.rest().is_empty());
    sandbox
        .hook(["send", "job.paid", "--to", ":9", "--bearer", "env:NOT_THERE"])
        .run()
        .exits(2)
        .says(["error: environment variable `NOT_THERE` is not set"]);
}

#[test]
fn a_dry_run_is_the_exact_request() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let send = |extra: &[&str]| {
        let to = format!("{}/in?x=1", app.url);
        let args = [
            "send",
            "booking.confirmed",
            "--random-seed",
            "7",
            "-H",
            "x-own: 1",
            "--to",
            &to,
        ];
        let run = sandbox.hook(args.iter().chain(extra));
        // The clock stands, so that the signature of both is of the same second.
        run.env("__HOOK_NOW", "2030-01-02T03:04:05Z").run().ok()
    };
    let shown = send(&["--dry-run"]).stdout();
    send(&[]);
    let seen = app.next();
    let (head, shown_body) = shown.split_once("\n\n").unwrap();
    assert_eq!(shown_body.trim_end().as_bytes(), seen.body);
    let mut lines: Vec<&str> = head.lines().collect();
    assert_eq!(lines.remove(0), "POST /in?x=1 HTTP/1.1");
    let real: Vec<String> = seen
        .headers
        .iter()
        .map(|(name, value)| format!("{}: {value}", name.to_lowercase()))
        .collect();
    assert_eq!(lines, real);
    assert!(app.rest().is_empty(), "a dry run sends nothing");
    assert_eq!(sandbox.deliveries().len(), 1, "and records nothing");
}

#[test]
fn the_curl_command_runs_in_a_shell_and_verifies() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret", "--json"]);
    let trap = "it's \"$(touch pwned)\" `touch pwned` \\ %s \u{2602}\n@file";
    let data = json!({"id": 1, "text": trap}).to_string();
    let cases: [&[&str]; 4] = [
        &["job.paid", "--data", &data],
        &["booking.confirmed"],
        &["-p", "poolflow", "--body", "@not-a-file \u{0}"],
        &["ContactCreated", "-p", "hoopai", "--method", "GET"],
    ];
    for case in cases {
        // A shell word cannot hold every byte, so that one comes from a file.
        let mut args: Vec<String> = case.iter().map(|arg| (*arg).to_owned()).collect();
        if let Some(body) = args.iter_mut().find(|arg| arg.contains('\0')) {
            let file = sandbox.path("body.bin");
            sandbox.write(&file, &*body);
            *body = format!("@{}", file.display());
        }
        let to = ["send", "--curl", "--to", &listener.url].map(str::to_owned);
        let command = sandbox.hook(to.into_iter().chain(args)).run().ok().stdout();
        let ran = std::process::Command::new("sh")
            .args(["-c", &command])
            .current_dir(sandbox.path(""))
            .output()
            .expect("a shell");
        assert_eq!(String::from_utf8_lossy(&ran.stdout), "ok\n", "{command}\n{ran:?}");
        let line = listener.shows("hook.capture/1");
        assert!(line.contains("\"verdict\":\"verified\""), "{command}\n{line}");
    }
    assert!(!sandbox.path("pwned").exists());
    let kept = sandbox.captures().remove(0).request.body;
    let body: Value = serde_json::from_slice(&kept).unwrap();
    assert_eq!(body["data"]["text"], trap);
}

#[test]
fn a_seed_makes_ids_and_times_repeatable_and_without_one_every_event_is_new() {
    let sandbox = Sandbox::new();
    let with = |seed: &str| sandbox.signed(["booking.confirmed", "--random-seed", seed]).body;
    assert_eq!(with("7"), with("7"));
    assert_ne!(with("7"), with("8"));
    let fresh = || sandbox.signed(["booking.confirmed"]).body;
    assert_ne!(fresh(), fresh());
}

#[test]
fn a_bulk_run_sends_new_events_and_tells_rate_times_and_causes() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret", "--fail-first", "3", "--json"]);
    let send = [
        "send",
        "job.paid",
        "--count",
        "25",
        "--concurrency",
        "4",
        "--to",
        &listener.url,
    ];
    let outcome = sandbox.hook(send).run().exits(3);
    outcome.prints([
        "25 events: 22 delivered, 3 failed",
        " a second",
        "answer times: p50 ",
        ", p95 ",
        ", p99 ",
        "  3 x 500",
    ]);
    let line = sandbox.hook(send.into_iter().chain(["--json"])).run().ok().object();
    assert_eq!(line["schema"], "hook.bulk/1");
    assert_eq!(
        (line["deliveries"].as_u64(), line["failed"].as_u64()),
        (Some(25), Some(0))
    );
    assert!(line["p50_ms"].as_f64() <= line["p99_ms"].as_f64() && line["per_second"].as_f64() > Some(0.0));
    for _ in 0..50 {
        listener.shows("hook.capture/1");
    }
    listener
        .stop()
        .ok()
        .says(["received 50: 50 verified, 0 refused, 0 duplicates"]);
    assert_eq!(sandbox.deliveries().len(), 50);
}

#[test]
fn a_rate_holds_a_bulk_run_back() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let send = [
        "send", "job.paid", "--count", "6", "--rate", "20/s", "--json", "--to", &app.url,
    ];
    let line = sandbox.hook(send).run().ok().object();
    let seconds = line["seconds"].as_f64().unwrap();
    assert!(seconds >= 0.25, "five gaps of 50 ms: {seconds}");
    sandbox
        .hook(["send", "job.paid", "--to", ":9", "--rate", "0"])
        .run()
        .exits(2);
}

#[test]
fn ctrl_c_ends_a_bulk_run_with_130_and_what_was_under_way_can_be_resumed() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Silence);
    let send = [
        "send",
        "job.paid",
        "--count",
        "500",
        "--concurrency",
        "2",
        "--to",
        &app.url,
    ];
    let sending = sandbox.hook(send).spawn();
    app.next();
    sending.signal("INT");
    let outcome = sending.wait().exits(130);
    outcome
        .prints(["0 delivered, 0 failed"])
        .says(["hint: `hook replay --resume`"]);
    assert!(!sandbox.deliveries().is_empty());
}

#[test]
fn ctrl_c_in_the_middle_of_a_single_send_is_130() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Silence);
    let sending = sandbox.hook(["send", "job.paid", "--to", &app.url]).spawn();
    app.next();
    sending.signal("TERM");
    sending.wait().exits(130).prints(["stopped", "interrupted"]);
}

#[test]
fn when_nobody_reads_stdout_any_more_send_ends_quietly_and_has_recorded() {
    let sandbox = Sandbox::new();
    let (closed, wait) = channel();
    let wait = Mutex::new(wait);
    let app = App::start(move |_| {
        wait.lock().unwrap().recv().expect("the pipe is closed");
        Reply::Status(500, "")
    });
    for extra in [&[][..], &["--retry"]] {
        let args = ["send", "job.paid", "--to", &app.url];
        let mut command = sandbox.hook(args.iter().chain(extra)).command();
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        closed.send(()).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{ended:?}");
        assert!(!String::from_utf8_lossy(&ended.stderr).contains("error"), "{ended:?}");
    }
    let states: Vec<_> = sandbox.deliveries().iter().map(|d| d.delivery.state).collect();
    assert_eq!(states, [DeliveryState::Failed, DeliveryState::Pending]);
}

#[test]
fn a_time_limit_may_be_given_and_counts_the_whole_answer() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Silence);
    sandbox
        .hook(["send", "job.paid", "--timeout", "50ms", "--to", &app.url])
        .run()
        .exits(4)
        .prints(["timeout"])
        .says(["no complete answer within 50ms"]);
}

#[test]
fn redirects_are_not_followed() {
    let sandbox = Sandbox::new();
    let elsewhere = App::start(|_| Reply::Status(200, ""));
    let target = elsewhere.url.clone();
    let target: &'static str = Box::leak(target.into_boxed_str());
    let app = App::start(move |_| Reply::Full(302, vec![("location", target)], Vec::new()));
    sandbox
        .hook(["send", "job.paid", "--to", &app.url])
        .run()
        .exits(3)
        .prints(["302 Found", "failed"]);
    assert!(elsewhere.rest().is_empty());
}

#[test]
fn a_proxy_is_used_when_given_and_the_environments_only_for_targets_elsewhere() {
    let sandbox = Sandbox::new();
    let proxy = App::start(|_| Reply::Status(202, ""));
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox
        .hook(["send", "job.paid", "--to", &app.url])
        .env("http_proxy", &proxy.url)
        .run()
        .ok()
        .prints(["200 OK"]);
    sandbox
        .hook(["send", "job.paid", "--to", "http://somewhere.example/in"])
        .env("http_proxy", &proxy.url)
        .run()
        .ok()
        .prints(["202"]);
    assert_eq!(proxy.next().target, "http://somewhere.example/in");
    sandbox
        .hook(["send", "job.paid", "--proxy", &proxy.url, "--to", &app.url])
        .run()
        .ok()
        .prints(["202"]);
}

#[test]
fn an_event_that_is_missing_is_asked_for_with_the_names_of_the_provider() {
    let sandbox = Sandbox::new();
    for extra in [&[][..], &["-d", "{}"]] {
        let send = ["send", "-p", "linear", "--to", ":9"].iter().chain(extra);
        sandbox.hook(send).run().exits(2).says([
            "error: no event is given",
            "hint: Linear has `Issue`",
            "`hook providers events linear` shows its whole catalogue",
        ]);
    }
}

#[test]
fn it_is_said_when_an_answer_like_success_is_none_for_the_provider() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(202, ""));
    let send = ["send", "APPLICATION_AUTHORIZED", "-p", "discord", "--to", &app.url];
    let says = ["hint: 202 is a failure here: Discord takes only 204 for success"];
    sandbox.hook(send).run().exits(3).says(says);
}

#[test]
fn a_password_in_the_url_is_masked_wherever_the_url_is_shown() {
    let sandbox = Sandbox::new();
    let send = [
        "send",
        "job.paid",
        "-p",
        "poolflow",
        "--to",
        "http://u:hunter2@127.0.0.1:1/",
    ];
    let all: [&[&str]; 6] = [
        &[],
        &["-v"],
        &["--json"],
        &["--dry-run"],
        &["--curl"],
        &["--dry-run", "--json"],
    ];
    for rest in all {
        let outcome = sandbox.hook(send.iter().chain(rest)).run();
        outcome.never(["hunter2"]);
    }
    let shown = sandbox.hook(send.iter().chain(&["--curl", "--reveal"])).run().ok();
    shown.prints(["http://u:hunter2@127.0.0.1:1/"]);
}
