//! A listener that misbehaves, the judge of a sender's retries, and a faulty sender.

use std::io::Read as _;
use std::io::Write as _;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use crate::support::{App, Listener, Outcome, Reply, Sandbox, connect, post, try_post};

#[test]
fn each_event_walks_its_script_and_the_record_shows_what_was_answered() {
    for tls in [false, true] {
        let sandbox = Sandbox::new();
        let script = "500*2,429(retry-after=3),drop,reset,redirect:/x,204";
        let mut args = vec!["--respond", script];
        args.extend(tls.then_some("--tls"));
        let listener = sandbox.listen(args);
        let statuses = ["500", "500", "429", "dropped", "reset", "302", "204", "204"];
        if tls {
            let ca = sandbox.state("listen-cert.pem");
            let ca = ca.to_str().unwrap();
            for exit in [3, 3, 3, 4, 4, 3, 0, 0] {
                let args = [
                    "send",
                    "-p",
                    "poolflow",
                    "--body",
                    "{}",
                    "--cacert",
                    ca,
                    "--to",
                    &listener.url,
                ];
                sandbox.hook(args).run().exits(exit);
            }
        } else {
            let answer = |body: &[u8]| try_post(&listener.url, body);
            for status in [500, 500] {
                assert_eq!(answer(b"{}").unwrap().status, status);
            }
            let busy = answer(b"{}").unwrap();
            assert_eq!((busy.status, busy.header("retry-after")), (429, Some("3")));
            assert!(answer(b"{}").is_none(), "closed");
            assert!(answer(b"{}").is_none(), "reset");
            assert_eq!(answer(b"{}").unwrap().header("location"), Some("/x"));
            assert_eq!(answer(b"{}").unwrap().status, 204);
            // Another body is another event, where no provider says which it is.
            assert_eq!(answer(b"{\"other\":1}").unwrap().status, 500);
            assert_eq!(answer(b"{}").unwrap().status, 204);
        }
        listener.stop().ok();
        let listed = sandbox.hook(["log", "--kind", "capture", "--json"]).run().ok();
        assert_eq!(listed.json().len(), if tls { 8 } else { 9 });
        for (number, record) in listed.json().iter().rev().take(3).enumerate() {
            assert_eq!(record["status"].to_string(), statuses[number], "{record}");
        }
        let dropped = listed.json().into_iter().rev().nth(3).unwrap();
        assert!(dropped["status"].is_null(), "{dropped}");
        let number = dropped["number"].to_string();
        sandbox
            .hook(["log", "show", &number])
            .run()
            .ok()
            .prints(["the connection was closed on purpose"]);
        let shown = sandbox.hook(["log", "show", &number, "--json"]).run().ok();
        assert_eq!(shown.object()["answered"], "dropped");
        sandbox
            .hook(["log", "--kind", "capture"])
            .run()
            .ok()
            .prints(["dropped", "reset"]);
    }
}

#[test]
fn a_dropped_connection_ends_in_order_and_a_reset_does_not() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--respond", "drop,reset"]);
    let ask = || {
        let mut stream = connect(&listener.url);
        stream
            .write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
            .unwrap();
        stream.read_to_end(&mut Vec::new())
    };
    assert_eq!(ask().unwrap(), 0, "the end, and no byte before it");
    assert_eq!(ask().unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    listener.stop().ok();
}

#[test]
fn a_slow_body_takes_its_time_and_a_stop_does_not_wait_for_it() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--respond", "slow-body:256KiB/s,slow-body:1/s"]);
    let begun = Instant::now();
    let answer = post(&listener.url, &[], b"{}");
    assert!(begun.elapsed() > Duration::from_millis(200), "{:?}", begun.elapsed());
    assert_eq!(answer.status, 200);
    let url = listener.url.clone();
    let asking = std::thread::spawn(move || post(&url, &[], b"{}"));
    listener.shows("#2");
    listener.stop().ok();
    assert_eq!(asking.join().unwrap().status, 200, "the rest comes at once");
}

#[test]
fn a_type_of_event_has_a_script_of_its_own() {
    let sandbox = Sandbox::new();
    let scripts = ["--respond", "202", "--respond", "job.*=503,200"];
    let listener = sandbox.listen(scripts);
    let send = |event: &str, seed: &str| {
        let to = ["--to", listener.url.as_str(), "-p", "poolflow", "--random-seed", seed];
        sandbox.hook(["send", event].into_iter().chain(to)).run()
    };
    send("job.paid", "1").exits(3).prints(["503"]);
    send("job.paid", "1").ok().prints(["200 OK"]);
    send("job.paid", "2").exits(3).prints(["503"]);
    send("job.paid", "1").ok().prints(["200 OK"]);
    let other = ["send", "booking.confirmed", "-p", "slotflow", "--to", &listener.url];
    sandbox.hook(other).run().ok().prints(["202"]);
    listener.stop().ok();
}

#[test]
fn what_is_wrong_with_a_script_is_said_with_its_place() {
    let sandbox = Sandbox::new();
    let refused = |args: &[&str]| sandbox.listening(args).run().exits(2);
    refused(&["--respond", "500*2,foo"]).says(["at column 7: unknown response `foo`"]);
    refused(&["--respond", "500", "--respond", "200"]).says(["two scripts are for all events"]);
    refused(&["--respond", "500", "--fail-first", "2"]).says(["cannot be used with"]);
    let unknown = ["--respond", "500", "--expect-retries", "poolflwo"];
    sandbox.listening(unknown).run().exits(6).says(["--provider poolflow"]);
}

/// A plain sender: tries again after each of these waits until it is answered with success.
fn retry_loop(url: &str, waits: &[u64]) {
    let body = br#"{"event":"job.paid","data":{"id":17}}"#;
    let mut waits = waits.iter();
    while try_post(url, body).is_none_or(|answer| answer.status != 200) {
        let Some(wait) = waits.next() else { break };
        std::thread::sleep(Duration::from_millis(*wait));
    }
}

/// A listener that expects the retries of a provider so many times faster.
fn judging(sandbox: &Sandbox, provider: &str, scale: &str, more: &[&str]) -> Listener {
    let judge = ["--expect-retries", provider, "--time-scale", scale];
    sandbox.listen(judge.iter().chain(more))
}

#[test]
fn a_sender_on_the_schedule_passes() {
    let sandbox = Sandbox::new();
    // Of 5 and 10 minutes, give or take a tenth, 1.5 and 3 seconds remain: room enough for a busy machine.
    let more = ["--respond", "500,drop,200", "--count", "3", "--json"];
    let listener = judging(&sandbox, "pool-brain", "200", &more);
    retry_loop(&listener.url, &[1500, 3000]);
    let ended = listener.process.wait().ok().says([
        "4 attempts: at once, then after 1.5s, 3s, 9s (give or take 10 %)",
        "retries: 2 intervals as scheduled",
    ]);
    let report = report(&ended, "hook.retries/1");
    assert_eq!(
        (&report["attempts"], &report["provider"]),
        (&3.into(), &"pool-brain".into())
    );
    assert!(report["difference"].is_null());
}

#[test]
fn a_sender_off_the_schedule_fails_with_both_schedules() {
    let sandbox = Sandbox::new();
    let more = ["--respond", "500*3,200", "--count", "4"];
    let listener = judging(&sandbox, "poolflow", "10", &more);
    retry_loop(&listener.url, &[1, 1, 1]);
    listener
        .process
        .wait()
        .exits(8)
        .prints([
            "attempt 2 came",
            "expected 6s (5.6s to 6.4s)",
            "expected  6 attempts: at once, then after 6s, 30s, 3m, 12m, 2h 24m",
            "seen      4 attempts: at once, then after ",
        ])
        .says(["3 of 3 intervals between attempts are not as scheduled"]);
}

#[test]
fn a_schedule_of_which_no_retry_was_seen_is_not_kept() {
    let sandbox = Sandbox::new();
    let listener = judging(&sandbox, "poolflow", "100", &["--respond", "500", "--count", "1"]);
    retry_loop(&listener.url, &[]);
    listener.process.wait().exits(8).says(["no retry came"]);
    let listener = judging(&sandbox, "poolflow", "100", &["--count", "1"]);
    retry_loop(&listener.url, &[]);
    listener
        .process
        .wait()
        .exits(8)
        .says(["no retry came: no attempt failed (`--fail-first 2`"]);
    let listener = judging(&sandbox, "poolflow", "100", &["--for", "50ms"]);
    listener.process.wait().exits(8).says(["no request came"]);
    // This provider makes one attempt, and so did the sender.
    let listener = judging(&sandbox, "pocketsflow", "100", &["--respond", "500", "--count", "1"]);
    retry_loop(&listener.url, &[]);
    listener.process.wait().ok();
}

/// The object of that schema among the lines of a command.
fn report(outcome: &Outcome, schema: &str) -> serde_json::Value {
    let found = outcome.json().into_iter().find(|line| line["schema"] == schema);
    found.unwrap_or_else(|| panic!("no {schema}\n{outcome}"))
}

#[test]
fn a_receiver_refuses_every_fault_and_none_is_sent_again() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--secret", "-p", "slotflow"]);
    for fault in ["body", "signature", "timestamp", "secret", "missing"] {
        let args = ["send", "booking.confirmed", "-p", "slotflow", "--to", &listener.url];
        let sent = sandbox.hook(args.into_iter().chain(["--tamper", fault])).run();
        sent.exits(3)
            .prints(["401", "1 request: 0 accepted"])
            .never(["same secret"]);
    }
    listener.stop().ok().says(["0 verified, 5 refused"]);
    sandbox.hook(["replay", "--failed"]).run().exits(6);
    let app = App::start(|_| Reply::Status(200, "ok"));
    let args = [
        "send",
        "booking.confirmed",
        "-p",
        "slotflow",
        "--tamper",
        "body",
        "--json",
        "--to",
        &app.url,
    ];
    let accepted = sandbox.hook(args).run().ok();
    assert_eq!(report(&accepted, "hook.faults/1")["accepted_tampered"], 1);
    let impossible = [
        "send",
        "job.paid",
        "-p",
        "poolflow",
        "--tamper",
        "timestamp",
        "--to",
        &app.url,
    ];
    sandbox
        .hook(impossible)
        .run()
        .exits(2)
        .says(["`poolflow` signs no time that can be changed"]);
}

#[test]
fn copies_of_an_event_come_one_by_one_or_at_once() {
    let sandbox = Sandbox::new();
    // Each answer waits for the other requests: only requests that overlap are answered.
    let together = Arc::new(Barrier::new(4));
    let app = App::start(move |_| {
        together.wait();
        Reply::Status(200, "ok")
    });
    let args = [
        "send",
        "booking.confirmed",
        "-p",
        "slotflow",
        "--duplicate",
        "4",
        "--burst",
        "4",
        "--json",
        "--to",
        &app.url,
    ];
    let sent = sandbox.hook(args).run().ok();
    let reported = report(&sent, "hook.faults/1");
    assert_eq!(
        (&reported["requests"], &reported["accepted_twice"]),
        (&4.into(), &1.into())
    );
    assert_eq!(reported["events_accepted_twice"][0]["times"], 4);
    let ids: Vec<_> = app.rest().iter().map(|seen| seen.body.clone()).collect();
    assert!(
        ids.len() == 4 && ids.iter().all(|body| *body == ids[0]),
        "the same event"
    );

    let listener = sandbox.listen(["--delay", "20ms"]);
    let args = [
        "send",
        "booking.confirmed",
        "-p",
        "slotflow",
        "--duplicate",
        "3",
        "--to",
        &listener.url,
    ];
    sandbox
        .hook(args)
        .run()
        .ok()
        .prints(["accepted more than once: 1 event", "3 times"]);
    listener.stop().ok().says(["received 3", "2 duplicates"]);
}

#[test]
fn a_burst_waits_for_the_one_before() {
    let sandbox = Sandbox::new();
    let together = Arc::new(Barrier::new(3));
    let app = App::start(move |_| {
        together.wait();
        Reply::Status(200, "ok")
    });
    let args = [
        "send", "job.paid", "-p", "poolflow", "--count", "9", "--burst", "3", "--json", "--to", &app.url,
    ];
    let sent = sandbox.hook(args).run().ok();
    assert_eq!(report(&sent, "hook.faults/1")["accepted"], 9);
}

#[test]
fn a_seed_shuffles_the_same_way_and_the_report_names_what_came_late() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, "ok"));
    let shuffled = |seed: &str| {
        let args = [
            "send",
            "booking.confirmed",
            "-p",
            "slotflow",
            "--count",
            "10",
            "--shuffle",
            "--json",
            "--random-seed",
            seed,
        ];
        let sent = sandbox.hook(args.into_iter().chain(["--to", &app.url])).run().ok();
        let bodies: Vec<_> = app.rest().into_iter().map(|seen| seen.body).collect();
        (report(&sent, "hook.faults/1"), bodies)
    };
    let (first, bodies) = shuffled("7");
    assert_eq!((bodies.len(), shuffled("7").1 == bodies), (10, true));
    assert!(shuffled("8").1 != bodies);
    assert!(first["out_of_order"].as_u64().unwrap() > 0, "{first}");
    let late = &first["events_out_of_order"][0];
    assert!(late["after"].as_u64() > late["number"].as_u64(), "{late}");
    // In order nothing is late.
    let args = [
        "send",
        "booking.confirmed",
        "-p",
        "slotflow",
        "--count",
        "5",
        "--duplicate",
        "2",
        "--json",
        "--to",
        &app.url,
    ];
    let sent = sandbox.hook(args).run().ok();
    let ordered = report(&sent, "hook.faults/1");
    assert_eq!(
        (&ordered["out_of_order"], &ordered["accepted_twice"]),
        (&0.into(), &5.into())
    );
}

#[test]
fn jitter_delivers_everything_within_its_time() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, "ok"));
    let args = [
        "send", "job.paid", "-p", "poolflow", "--count", "20", "--jitter", "200ms", "--json", "--to", &app.url,
    ];
    let sent = sandbox.hook(args).run().ok();
    assert_eq!(report(&sent, "hook.faults/1")["accepted"], 20);
    assert_eq!(app.rest().len(), 20);
}

#[test]
fn a_late_success_is_sent_again() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--secret"]);
    let args = [
        "send",
        "booking.confirmed",
        "-p",
        "slotflow",
        "--late-success",
        "--time-scale",
        "10000",
        "--to",
        &listener.url,
    ];
    sandbox
        .hook(args)
        .run()
        .ok()
        .prints(["timeout", "200 OK", "accepted more than once: 1 event"])
        .says(["gave up on purpose before the answer 200 OK came"]);
    listener.stop().ok().says(["received 2", "1 duplicate"]);
    let never = [
        "send",
        "order.completed",
        "-p",
        "pocketsflow",
        "--late-success",
        "--to",
        "http://127.0.0.1:9",
    ];
    sandbox
        .hook(never)
        .run()
        .exits(2)
        .says(["`--late-success` needs retries"]);
}
