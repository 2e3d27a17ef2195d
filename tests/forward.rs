//! What `listen` does with requests afterwards: forwards, the app's answer, commands.

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

use hook::internals::exchange::Outcome;
use serde_json::Value;

use crate::support::{App, CLOSED_PORT, Reply, Sandbox, post, request};

#[test]
fn requests_are_forwarded_in_order_with_the_same_bytes_and_end_to_end_headers() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, "fine"));
    let mut listener = sandbox.listen(["--forward-to", &app.url]);
    let body = b"{ \"a\" :\t1.50,\r\n\"z\": \"\xff\" }";
    let headers = [
        ("x-own", "1"),
        ("x-own", "2"),
        ("x-poolflow-signature", "aa"),
        ("x-hop", "gone"),
        ("keep-alive", "timeout=5"),
        ("connection", "x-hop"),
        ("x-forwarded-for", "192.0.2.1"),
    ];
    request("PUT", &listener.url, "/in/here?a=1", &headers, body);
    for n in 0..5 {
        post(&listener.url, &[("x-number", &n.to_string())], b"{}");
    }
    let seen = app.next();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("PUT", "/in/here?a=1"));
    assert_eq!(seen.body, body);
    assert_eq!(seen.all("x-own"), ["1", "2"]);
    assert_eq!(seen.header("x-poolflow-signature"), Some("aa"));
    assert_eq!((seen.header("x-hop"), seen.header("keep-alive")), (None, None));
    assert_eq!(seen.header("host"), app.url.strip_prefix("http://"));
    assert_eq!(seen.all("x-forwarded-for"), ["192.0.2.1, 127.0.0.1"]);
    assert_eq!(seen.header("x-forwarded-proto"), Some("http"));
    assert_eq!(seen.header("x-forwarded-host"), listener.url.strip_prefix("http://"));
    for n in 0..5 {
        assert_eq!(app.next().header("x-number"), Some(n.to_string().as_str()));
    }
    assert!(listener.shows("--> #1").contains("PUT http://127.0.0.1"));
    assert!(listener.shows("<-- #1").contains("200 OK"));
    listener.stop().ok().says(["received 6", "6 forwarded"]);
}

#[test]
fn a_target_with_a_path_of_its_own_keeps_it_and_the_host_can_be_kept() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let target = format!("{}/webhooks?x=1", app.url);
    let listener = sandbox.listen(["--forward-to", &target, "--preserve-host"]);
    request("POST", &listener.url, "/other", &[], b"{}");
    let seen = app.next();
    assert_eq!(seen.target, "/webhooks?x=1");
    assert_eq!(seen.header("host"), listener.url.strip_prefix("http://"));
    listener.stop().ok();
}

#[test]
fn a_forward_carries_the_queries_of_the_target_and_of_the_request() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    for (target, expected) in [
        (format!("{}/hooks", app.url), "/hooks?a=1&b=2"),
        (format!("{}/hooks?token=x", app.url), "/hooks?token=x&a=1&b=2"),
        (format!("{}/?token=x", app.url), "/in?token=x&a=1&b=2"),
    ] {
        let listener = sandbox.listen(["--forward-to", &target]);
        request("POST", &listener.url, "/in?a=1&b=2", &[], b"{}");
        assert_eq!(app.next().target, expected, "{target}");
        listener.stop().ok();
    }
}

#[test]
fn what_a_proxy_said_of_protocol_and_host_stays_alone_in_a_forward() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let listener = sandbox.listen(["--forward-to", &app.url]);
    let said = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "abc.tunnel.example"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-for", "198.51.100.7"),
    ];
    request("POST", &listener.url, "/sms", &said, b"a=b");
    let seen = app.next();
    assert_eq!(seen.all("x-forwarded-proto"), ["https"]);
    assert_eq!(seen.all("x-forwarded-host"), ["abc.tunnel.example"]);
    assert_eq!(seen.all("x-forwarded-for"), ["192.0.2.1, 198.51.100.7, 127.0.0.1"]);
    listener.stop().ok();

    // What nobody said is what the sender was told.
    let public = ["--public-url", "https://abc.tunnel.example:8443/base"];
    let listener = sandbox.listen(["--forward-to", &app.url].into_iter().chain(public));
    post(&listener.url, &[], b"a=b");
    let seen = app.next();
    assert_eq!(seen.all("x-forwarded-proto"), ["https"]);
    assert_eq!(seen.all("x-forwarded-host"), ["abc.tunnel.example:8443"]);
    listener.stop().ok();
}

#[test]
fn forwards_from_a_tls_listener_say_https() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let listener = sandbox.listen(["--secret", "--tls", "--forward-to", &app.url]);
    let to = ["send", "job.paid", "--insecure", "--to", &listener.url];
    sandbox.hook(to).run().ok();
    assert_eq!(app.next().header("x-forwarded-proto"), Some("https"));
    listener.stop().ok();
}

#[test]
fn the_apps_answer_is_passed_back_when_that_is_wanted() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Full(418, vec![("x-app", "yes")], b"short and stout".to_vec()));
    let listener = sandbox.listen(["--forward-to", &app.url, "--answer", "app"]);
    let answer = post(&listener.url, &[], b"{}");
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (418, b"short and stout".as_slice())
    );
    assert_eq!(answer.header("x-app"), Some("yes"));
    listener.stop().ok().says(["1 not forwarded"]);
}

#[test]
fn the_apps_answer_is_passed_back_whole_or_not_at_all() {
    let sandbox = Sandbox::new();
    let mib = 1024 * 1024;
    let sizes = [64 * 1024, 64 * 1024 + 1, 5 * mib, 32 * mib, 32 * mib + 1];
    let next = AtomicUsize::new(0);
    let app = App::start(move |_| {
        let size = sizes[next.fetch_add(1, Ordering::SeqCst)];
        let headers = vec![("content-encoding", "x-own"), ("keep-alive", "timeout=9")];
        Reply::Full(200, headers, vec![b'a'; size])
    });
    let listener = sandbox.listen(["--forward-to", &app.url, "--answer", "app"]);
    for size in sizes {
        let answer = post(&listener.url, &[], size.to_string().as_bytes());
        if size > 32 * mib {
            assert_eq!(answer.status, 502);
            assert_eq!(answer.body, b"the app's answer is too long\n");
            continue;
        }
        assert_eq!((answer.status, answer.body.len()), (200, size));
        assert_eq!(answer.header("content-length"), Some(size.to_string().as_str()));
        assert_eq!(answer.header("content-encoding"), Some("x-own"));
        assert_eq!(answer.header("keep-alive"), None);
    }
    listener
        .stop()
        .ok()
        .says(["#9: the app's answer is longer than 32 MiB; the sender got 502"]);
    let kept: Vec<_> = sandbox
        .deliveries()
        .into_iter()
        .map(|one| match &one.delivery.attempts[0].outcome {
            Outcome::Answer(answer) => (answer.body.len(), answer.truncated),
            Outcome::Error { text, .. } => panic!("{text}"),
        })
        .collect();
    assert_eq!(kept[0], (64 * 1024, false));
    assert!(kept[1..].iter().all(|kept| *kept == (64 * 1024, true)), "{kept:?}");
}

#[test]
fn an_app_that_is_down_is_a_502_and_one_that_is_slow_a_504() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--forward-to", CLOSED_PORT, "--answer", "app"]);
    assert_eq!(post(&listener.url, &[], b"{}").status, 502);
    listener.stop().ok().prints(["<-- #1  no connection"]);

    let app = App::start(|_| Reply::Silence);
    let listener = sandbox.listen(["--forward-to", &app.url, "--answer", "app", "--timeout", "50ms"]);
    assert_eq!(post(&listener.url, &[], b"{}").status, 504);
    listener.stop().ok().prints(["timeout"]);
}

#[test]
fn requests_that_are_not_for_the_app_are_answered_without_it() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(500, ""));
    let options = ["--secret", "--answer", "app", "--filter", "order.*"];
    let listener = sandbox.listen(options.into_iter().chain(["--forward-to", &app.url]));
    sandbox.hook(["send", "job.paid", "--to", &listener.url]).run().ok();
    sandbox
        .hook(["send", "job.paid", "--secret", "literal:x", "--to", &listener.url])
        .run()
        .exits(3)
        .prints(["401"]);
    listener.stop().ok().says(["received 2", "0 forwarded"]);
    assert!(app.rest().is_empty());
}

#[test]
fn a_forward_that_fails_shows_the_status_and_the_first_200_characters() {
    let sandbox = Sandbox::new();
    let long = "x".repeat(300);
    let app = App::start(move |_| Reply::Full(500, Vec::new(), long.clone().into_bytes()));
    let mut listener = sandbox.listen(["--forward-to", &app.url]);
    assert_eq!(
        post(&listener.url, &[], b"{}").status,
        200,
        "the sender has its answer already"
    );
    listener.shows("<-- #1  500 Internal Server Error");
    let line = listener.shows("xxx");
    assert_eq!(line.matches('x').count(), 200, "{line}");
    listener.stop().ok().says(["0 forwarded, 1 not forwarded"]);
}

#[test]
fn a_failed_forward_is_tried_again_on_request() {
    let sandbox = Sandbox::new();
    let count = AtomicUsize::new(0);
    let app = App::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 | 1 => Reply::Status(500, "not yet"),
        _ => Reply::Status(200, ""),
    });
    let mut listener = sandbox.listen(["--forward-to", &app.url, "--retry", "10ms,20ms"]);
    post(&listener.url, &[], b"{}");
    listener.shows("next attempt in 10ms");
    listener.shows("next attempt in 20ms");
    listener.shows("<-- #1  200 OK");
    listener.stop().ok().says(["1 forwarded"]);
    let delivery = sandbox.deliveries().remove(0).delivery;
    assert_eq!(delivery.attempts.len(), 3);
    assert_eq!(sandbox.captures()[0].forwarded_to, Some(format!("{}/", app.url)));
}

#[test]
fn routes_send_each_event_to_its_own_app_and_none_waits_for_an_app_that_is_down() {
    let sandbox = Sandbox::new();
    let orders = App::start(|_| Reply::Status(200, ""));
    let demo = App::start(|_| Reply::Status(200, ""));
    // Its first request hangs until the other apps have theirs; then it fails once.
    let (release, held) = channel::<()>();
    let (held, count) = (Mutex::new(held), AtomicUsize::new(0));
    let slow = App::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => {
            let _ = held.lock().map(|held| held.recv());
            Reply::Status(500, "not yet")
        }
        _ => Reply::Status(200, ""),
    });
    let routes = format!(
        r#"
        [[route]]
        event = "order.*"
        forward = "{}/orders"

        [[route]]
        event = "booking.*"
        where = {{ "data.metadata.source" = "demo", "data.duration_minutes" = 30 }}
        forward = "{}"

        [[route]]
        event = "booking.confirmed"
        where = {{ "data.metadata.source" = "p*" }}
        forward = "{}"
        "#,
        orders.url, demo.url, slow.url
    );
    sandbox.write("hook.toml", &routes);
    sandbox.trust();
    let mut listener = sandbox.listen(["--secret", "--retry", "10ms"]);
    let send = |event: &str, more: &[&str]| {
        let args = ["send", event, "--to", &listener.url];
        sandbox.hook(args.iter().chain(more)).run().ok();
    };
    let slotflow = |source: &str| send("booking.confirmed", &["-p", "slotflow", "--metadata", source]);
    slotflow("source=prod");
    slotflow("source=prod2");
    slotflow("source=demo");
    slotflow("source=other");
    send("order.completed", &["-p", "pocketsflow"]);
    slotflow("source=demo");
    let sources = |app: &App| {
        let body: Value = serde_json::from_slice(&app.next().body).expect("JSON");
        body["data"]["metadata"]["source"].as_str().expect("a text").to_owned()
    };
    assert_eq!([sources(&demo), sources(&demo)], ["demo", "demo"]);
    assert_eq!(orders.next().target, "/orders");
    release.send(()).expect("the app waits");
    listener.shows("next attempt in 10ms");
    listener.shows("200 OK");
    let mut seen = [sources(&slow), sources(&slow), sources(&slow)];
    seen.sort();
    assert_eq!(seen, ["prod", "prod", "prod2"]);
    listener.stop().ok().says(["received 6", "5 forwarded"]);
    assert!(orders.rest().is_empty() && demo.rest().is_empty() && slow.rest().is_empty());
}

#[test]
fn a_route_that_makes_no_sense_is_told_with_its_number() {
    let sandbox = Sandbox::new();
    let fails = |text: &str, what: &str| {
        sandbox.write("hook.toml", text);
        let _ = sandbox.hook(["config", "trust"]).run();
        let outcome = sandbox.hook(["listen", "--port", "0"]).run();
        outcome.exits(2).says([what]);
    };
    let good = "[[route]]\nforward = \":1\"\n";
    fails(
        &format!("{good}[[route]]\nevent = \"a\"\n"),
        "`[[route]]` number 2: it has neither `forward` nor `run`",
    );
    fails("[[route]]\nforward = \"::\"\n", "`[[route]]` number 1");
    fails(
        "[[route]]\nforward = \":1\"\nwhere = { a = [1] }\n",
        "`where` compares `a` with something that is not text, a number or a boolean",
    );
    fails("[[route]]\nforwards = \":1\"\n", "unknown field `forwards`");
    // A cloned project's commands do not run before they were read.
    sandbox.write("hook.toml", "[[route]]\nrun = \"touch ran\"\n");
    let listener = sandbox.listen(["--count", "9"]);
    post(&listener.url, &[], b"{}");
    listener.stop().says(["not trusted", "received 1"]);
    assert!(!sandbox.path("ran").exists());
}

#[test]
fn ctrl_c_leaves_a_forward_that_waits_for_its_retry_and_a_resume_takes_it_up() {
    let sandbox = Sandbox::new();
    let count = AtomicUsize::new(0);
    let app = App::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::Status(503, ""),
        _ => Reply::Status(200, ""),
    });
    let mut listener = sandbox.listen(["--forward-to", &app.url, "--retry", "5s"]);
    post(&listener.url, &[], b"{\"n\":1}");
    listener.shows("next attempt in 5s");
    listener
        .stop()
        .exits(130)
        .says(["1 interrupted", "hint: `hook replay --resume`"]);
    sandbox
        .hook(["replay", "--resume", "--time-scale", "1000x"])
        .run()
        .ok()
        .prints(["delivered"])
        .says(["sent as captured"]);
    let bodies: Vec<_> = app.rest().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, [b"{\"n\":1}", b"{\"n\":1}"]);
}

#[test]
fn a_clock_that_was_set_back_does_not_make_a_resumed_retry_wait_for_years() {
    let sandbox = Sandbox::new();
    let count = AtomicUsize::new(0);
    let app = App::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::Status(503, ""),
        _ => Reply::Status(200, ""),
    });
    let mut listener = sandbox.listen(["--forward-to", &app.url, "--retry", "5s"]);
    post(&listener.url, &[], b"{}");
    listener.shows("next attempt in 5s");
    listener.stop().exits(130);
    sandbox
        .hook(["replay", "--resume", "--time-scale", "1000x"])
        .env("__HOOK_NOW", "2020-01-02T03:04:05Z")
        .run()
        .ok()
        .prints(["delivered"]);
}

#[test]
fn what_is_answered_with_a_failure_on_purpose_is_passed_on_only_when_it_comes_again() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let listener = sandbox.listen(["--forward-to", &app.url, "--fail-first", "1"]);
    assert_eq!(post(&listener.url, &[("x-try", "1")], b"{}").status, 500);
    assert_eq!(post(&listener.url, &[("x-try", "2")], b"{}").status, 200);
    assert_eq!(app.next().header("x-try"), Some("2"));
    listener.stop().ok().says(["received 2", "1 forwarded"]);
    assert!(app.rest().is_empty());

    let listener = sandbox.listen(["--forward-to", &app.url, "--status", "503"]);
    assert_eq!(post(&listener.url, &[], b"{}").status, 503);
    let said = listener.stop().ok();
    said.says([
        "warning: requests are answered 503, so they are not passed on",
        "0 forwarded",
    ]);
}

#[test]
fn a_duplicate_is_forwarded_but_its_command_does_not_run_again() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let out = sandbox.path("out");
    let command = format!("cat >> {0}; echo >> {0}", out.display());
    let listener = sandbox.listen(["--secret", "--forward-to", &app.url, "--exec", &command]);
    let signed = sandbox.signed(["job.paid"]);
    signed.post(&listener.url);
    signed.post(&listener.url);
    assert_eq!(app.next().body, app.next().body);
    listener.stop().ok().says(["1 duplicate, 2 forwarded"]);
    assert_eq!(fs::read(out).unwrap(), [signed.body.as_slice(), b"\n"].concat());
}

#[test]
fn a_command_gets_the_body_on_stdin_and_the_facts_in_its_environment() {
    let sandbox = Sandbox::new();
    let out = sandbox.path("out");
    let facts = "$WEBHOOK_EVENT $WEBHOOK_PROVIDER $WEBHOOK_VERIFIED $WEBHOOK_NUMBER $WEBHOOK_METHOD $WEBHOOK_TARGET";
    let command = format!("{{ echo \"{facts} $WEBHOOK_ID\"; cat; }} > {}", out.display());
    let listener = sandbox.listen([
        "--secret",
        "--provider",
        "pool-brain",
        "--exec",
        &command,
        "--count",
        "1",
    ]);
    let to = format!("{}/in?x=1", listener.url);
    let sent = sandbox.hook([
        "send",
        "customer.created",
        "--provider",
        "pool-brain",
        "--json",
        "--to",
        &to,
    ]);
    let id = sent.run().ok().object()["message"].as_str().unwrap().to_owned();
    let data = listener.process.wait().ok();
    let kept = sandbox.captures().remove(0).request;
    let text = fs::read_to_string(out).unwrap();
    let (facts, body) = text.split_once('\n').unwrap();
    let event = kept.event.unwrap();
    assert_eq!(facts, format!("{event} pool-brain true 1 POST /in?x=1 {id}"));
    assert_eq!(body.as_bytes(), kept.body);
    assert!(
        data.stdout().lines().count() == 1,
        "what a command prints is not data\n{data}"
    );
}

#[test]
fn commands_are_not_run_for_refused_requests_nor_for_other_events() {
    let sandbox = Sandbox::new();
    let out = sandbox.path("out");
    let on = format!("job.*=echo $WEBHOOK_EVENT >> {}", out.display());
    let app = App::start(|_| Reply::Status(200, ""));
    let to_app = format!("order.completed={}", app.url);
    let listener = sandbox.listen(["--secret", "--on", &on, "--on", &to_app]);
    for event in ["order.completed", "job.created"] {
        sandbox
            .hook(["send", event, "--provider", "poolflow", "--to", &listener.url])
            .run()
            .ok();
    }
    let refused = ["send", "job.paid", "--secret", "literal:x", "--to", &listener.url];
    sandbox.hook(refused).run().exits(3);
    listener.stop().ok().says(["1 refused", "1 forwarded"]);
    assert_eq!(fs::read_to_string(out).unwrap(), "job.created\n");
    assert!(String::from_utf8_lossy(&app.next().body).contains("order.completed"));
}

#[test]
fn nothing_from_the_network_becomes_part_of_a_command_line() {
    let sandbox = Sandbox::new();
    let out = sandbox.path("out");
    let command = format!("printf '%s' \"$WEBHOOK_EVENT\" > {}", out.display());
    let listener = sandbox.listen(["--unverified", "--exec", &command, "--count", "1"]);
    let event = "$(touch pwned); `touch pwned`";
    let body = format!("{{\"event\":\"{event}\",\"data\":{{}}}}");
    post(&listener.url, &[("x-poolflow-signature", "aa")], body.as_bytes());
    listener.process.wait().ok();
    assert_eq!(fs::read_to_string(out).unwrap(), event);
    assert!(!sandbox.path("pwned").exists());
}

#[test]
fn a_command_that_fails_is_said() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--unverified", "--exec", "exit 3", "--count", "1"]);
    post(&listener.url, &[], b"{}");
    listener
        .process
        .wait()
        .ok()
        .says(["warning: #1: `exit 3` failed: exit 3", "1 command failed"]);
}

#[test]
fn commands_run_one_at_a_time_unless_asked_otherwise_and_ctrl_c_leaves_what_is_not_done() {
    for (concurrency, most) in [("1", 1), ("4", 4)] {
        let sandbox = Sandbox::new();
        let folder = sandbox.path("running");
        fs::create_dir(&folder).unwrap();
        let command = format!(
            "touch {}/$WEBHOOK_NUMBER; echo started >&2; exec sleep 600",
            folder.display()
        );
        let options = ["--unverified", "--exec", &command, "--concurrency", concurrency];
        let mut listener = sandbox.listen(options);
        for _ in 0..8 {
            post(&listener.url, &[], b"{}");
        }
        for _ in 0..most {
            listener.says("started");
        }
        listener.shows("#8");
        listener.stop().exits(130).says([
            "8 interrupted",
            "hint: `hook replay --resume` continues what was interrupted",
        ]);
        assert_eq!(fs::read_dir(folder).unwrap().count(), most);
    }
}

#[test]
fn commands_refuse_to_start_without_verification() {
    let sandbox = Sandbox::new();
    for flag in [["--exec", "true"], ["--on", "job.*=true"]] {
        sandbox.listening(flag).run().exits(2).says([
            "error: refusing to run commands for unverified requests",
            "hint: add `--secret`, or `--unverified`",
        ]);
    }
    sandbox
        .listening(["--answer", "app"])
        .run()
        .exits(2)
        .says(["`--answer app` needs an app"]);
    sandbox
        .listening(["--on", "job.paid"])
        .run()
        .exits(2)
        .says(["error: `--on`: `job.paid` is not `EVENT=URL or CMD`"]);
}

#[test]
fn a_request_of_a_web_page_is_recorded_but_not_passed_on_while_nothing_is_verified() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let page = ("origin", "https://evil.example");
    let listener = sandbox.listen(["--forward-to", &app.url]);
    assert_eq!(post(&listener.url, &[page], b"{}").status, 200);
    listener.stop().ok().says([
        "#1 is not passed on: it came from a web page and is not verified",
        "0 forwarded",
    ]);
    assert!(app.rest().is_empty());
    assert_eq!(sandbox.captures().len(), 1);

    let listener = sandbox.listen(["--secret", "--forward-to", &app.url]);
    let mut signed = sandbox.signed(["job.paid"]);
    signed.headers.push((page.0.into(), page.1.into()));
    signed.post(&listener.url);
    assert_eq!(app.next().body, signed.body);
    listener.stop().ok();
}

#[test]
fn a_slow_target_holds_up_no_other() {
    let sandbox = Sandbox::new();
    let (slow, quick) = (App::start(|_| Reply::Silence), App::start(|_| Reply::Status(200, "")));
    let routes = [format!("*={}", slow.url), format!("*={}", quick.url)];
    let options = ["--on", &routes[0], "--on", &routes[1], "--timeout", "60s"];
    let mut listener = sandbox.listen(options);
    for _ in 0..3 {
        assert_eq!(post(&listener.url, &[], b"{}").status, 200);
        quick.next();
        listener.shows("200 OK");
    }
    listener.stop().exits(130).says(["3 forwarded, 3 interrupted"]);
}

#[test]
fn an_app_with_a_certificate_of_its_own_is_reached_on_request() {
    let sandbox = Sandbox::new();
    let app = sandbox.listen(["--tls"]);
    let certificate = sandbox.state("listen-cert.pem").display().to_string();
    let forward = |flags: &[&str]| {
        let listen = ["--forward-to", app.url.as_str(), "--count", "1"];
        let listener = sandbox.listen(listen.iter().chain(flags));
        post(&listener.url, &[], b"{}");
        listener.process.wait()
    };
    forward(&[]).prints(["TLS failure", "`--cacert FILE` trusts it"]);
    forward(&["--insecure"]).ok().prints(["200 OK"]);
    forward(&["--cacert", &certificate]).ok().prints(["200 OK"]);
    sandbox
        .listening(["--forward-to", &app.url, "--cacert", "nowhere.pem"])
        .run()
        .exits(2)
        .says(["cannot read the certificates in `nowhere.pem`"]);
}

#[test]
fn a_redirect_names_the_url_to_use_and_a_client_that_speaks_tls_the_flag() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Full(308, vec![("location", "/hook/")], Vec::new()));
    let send = ["send", "job.paid", "--to", &format!("{}/hook", app.url)];
    let hint = format!("redirects are not followed: `--to {}/hook/`", app.url);
    sandbox.hook(send).run().exits(3).says([&hint]);
    let listener = sandbox.listen(["--forward-to", &app.url, "--count", "1"]);
    post(&listener.url, &[], b"{}");
    let hint = format!("redirects are not followed: `--forward-to {}/hook/`", app.url);
    listener.process.wait().says([&hint]);
    let mut plain = sandbox.listen(["--count", "1"]);
    let https = plain.url.replace("http://", "https://");
    sandbox
        .hook(["send", "job.paid", "--to", &https, "--insecure"])
        .run()
        .exits(4)
        .says(["does not speak TLS: use `http://`"]);
    plain.says("the client speaks TLS: serve it with `--tls`");
}

#[test]
fn a_compressed_answer_is_shown_as_text() {
    let sandbox = Sandbox::new();
    // `gzip` of "wrong signature".
    let gzip = "1f8b08000000000002ff2b2fcacf4b5728ce4ccf4b2c292d4a050040845cd70f000000";
    let bytes: Vec<u8> = (0..gzip.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&gzip[at..at + 2], 16).unwrap())
        .collect();
    let app = App::start(move |_| Reply::Full(400, vec![("content-encoding", "gzip")], bytes.clone()));
    let send = ["send", "job.paid", "--to", &app.url];
    sandbox
        .hook(send)
        .run()
        .exits(3)
        .says(["response body: wrong signature"]);
    sandbox
        .hook(["log", "show", "last"])
        .run()
        .ok()
        .prints(["response body: wrong signature"]);
    sandbox
        .hook(["log", "show", "last", "--full"])
        .run()
        .ok()
        .prints(["wrong signature"]);
}
