//! A ledger without room, or that cannot be written: nothing is acknowledged and lost, and it is said.

use std::collections::HashSet;

use crate::support::{App, Listener, Reply, Sandbox, post};

/// About a MiB: room for the empty ledger and a few requests.
const BLOCKS: u32 = 1500;

/// Posts until the listener refuses, large bodies first and then small ones; the bodies that it took.
fn fill(listener: &Listener) -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    for size in [64 * 1024, 1] {
        for number in 0.. {
            let body = format!("{number} {}", "x".repeat(size)).into_bytes();
            match post(&listener.url, &[], &body).status {
                200 => taken.push(body),
                503 => break,
                other => panic!("answered {other}"),
            }
        }
    }
    taken
}

#[test]
fn a_full_ledger_is_answered_503_said_and_listening_goes_on() {
    let sandbox = Sandbox::new();
    let mut listener = Listener::ready(sandbox.listening::<&str>([]).file_limit(BLOCKS));
    let mut taken = fill(&listener);
    listener.says("answered 503, nothing recorded: no space left for ledger");
    sandbox.checkpoint();
    assert_eq!(
        post(&listener.url, &[], b"after").status,
        200,
        "it takes requests again"
    );
    taken.push(b"after".to_vec());
    let received = format!("received {}:", taken.len());
    listener.stop().ok().says([&received, "2 not kept (answered 503)"]);

    let captures = sandbox.captures();
    let kept: HashSet<&[u8]> = captures.iter().map(|capture| &capture.request.body[..]).collect();
    assert!(taken.iter().all(|body| kept.contains(body.as_slice())));
    assert_eq!(kept.len(), taken.len(), "and nothing that was refused");
}

#[test]
fn forwarding_goes_on_when_there_is_room_again() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let run = sandbox.listening(["--forward-to", &app.url]);
    let mut listener = Listener::ready(run.file_limit(BLOCKS));
    fill(&listener);
    listener.says("waits for the ledger: no space left for ledger");
    sandbox.checkpoint();
    assert_eq!(post(&listener.url, &[("x-last", "1")], b"after").status, 200);
    while app.next().header("x-last").is_none() {}
    listener.shows("<-- ");
    listener.stop();
}

#[test]
fn what_cannot_be_recorded_is_not_sent() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    for extra in [&[][..], &["--retry"], &["--count", "5"]] {
        let args = ["send", "job.paid", "--to", &app.url];
        sandbox
            .hook(args.iter().chain(extra))
            .file_limit(40)
            .run()
            .exits(7)
            .says(["error: no space left for ledger `", "hint: free some space"]);
    }
    sandbox
        .listening::<&str>([])
        .file_limit(40)
        .run()
        .exits(7)
        .says(["error: no space left for ledger `"]);
    assert!(app.rest().is_empty());
}

#[test]
fn a_ledger_that_cannot_be_made_is_exit_7_and_nothing_is_sent() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let file = sandbox.path("file");
    sandbox.write(&file, "not a folder");
    let under = file.join("ledger.db");
    let ledger = ["--ledger", under.to_str().unwrap()];
    for args in [&["send", "job.paid", "--to", &app.url][..], &["listen", "--port", "0"]] {
        sandbox.hook(args.iter().chain(&ledger)).run().exits(7).says([
            "error: ledger `",
            "cannot be written",
            "hint: use a file that can be written",
        ]);
    }
    assert!(app.rest().is_empty());
}
