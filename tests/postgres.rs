//! The command line over a ledger and an endpoint book in PostgreSQL. Without a server these tests are skipped, but never in CI.

mod book;
mod rights;

use std::fs;
use std::path::Path;

use crate::support::postgres::{self as cluster, Cluster, Durability};
use crate::support::{App, CLOSED_PORT, Listener, Outcome, Reply, Run, Sandbox, request};

/// The password of every URL here. The server does not ask for it.
const PASSWORD: &str = "hidden-password";

/// A machine with an empty database.
struct Machine {
    sandbox: Sandbox,
    cluster: &'static Cluster,
    database: String,
}

impl Machine {
    /// Where there is a server.
    fn new() -> Option<Self> {
        let cluster = cluster::shared()?;
        Some(Self {
            sandbox: Sandbox::new(),
            cluster,
            database: cluster.database(),
        })
    }

    /// Another machine with the same database.
    fn beside(&self) -> Self {
        Self {
            sandbox: Sandbox::new(),
            cluster: self.cluster,
            database: self.database.clone(),
        }
    }

    fn url(&self) -> String {
        with_password(&self.cluster.url(&self.database))
    }

    /// `hook LINE`, not yet run, with the database by `HOOK_STORE`.
    fn starting(&self, line: &str) -> Run {
        self.sandbox.hook(line.split(' ')).env("HOOK_STORE", self.url())
    }

    /// `hook LINE`, whose output does not show the password.
    #[track_caller]
    fn hook(&self, line: &str) -> Outcome {
        self.starting(line).run().never([PASSWORD])
    }

    fn sql(&self, statement: &str) -> String {
        self.cluster.sql(&self.database, statement)
    }

    /// Fails when a file of the user's has the password, or there is a ledger in a file.
    #[track_caller]
    fn nothing_is_left(&self) {
        no_file_has(self.sandbox.home(), PASSWORD);
        assert!(!self.sandbox.state("ledger.db").exists());
    }
}

fn with_password(url: &str) -> String {
    url.replace("hook@", &format!("hook:{PASSWORD}@"))
}

#[track_caller]
fn no_file_has(folder: &Path, text: &str) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            no_file_has(&path, text);
        } else if let Ok(bytes) = fs::read(&path) {
            let has = bytes.windows(text.len()).any(|part| part == text.as_bytes());
            assert!(!has, "{} has the text", path.display());
        }
    }
}

#[test]
fn postgres_records_what_is_sent_replayed_and_counted() {
    let Some(machine) = Machine::new() else { return };
    let app = App::start(|_| Reply::Status(200, ""));
    machine.hook("log").ok().says(["nothing was recorded yet"]);
    let send = format!("send job.paid -p generic --data {{\"a\":1}} --to {}", app.url);
    machine.hook(&send).ok().prints(["#1"]);
    machine
        .hook(&send.replace(&app.url, CLOSED_PORT))
        .exits(4)
        .prints(["#2"]);
    let failed = machine.hook("log --failed --json").ok().json();
    assert_eq!((failed.len(), failed[0]["number"].as_u64()), (1, Some(2)));
    machine.hook("log show 1").ok().prints(["job.paid", "delivered"]);
    machine.hook(&format!("replay 2 --to {}", app.url)).ok().prints(["#3"]);
    machine.hook("log stats").ok().prints(["3: 2 delivered, 1 failed"]);
    assert_eq!(machine.sql("SELECT count(*) FROM hook.delivery"), "3");
    machine.nothing_is_left();
}

#[test]
fn postgres_is_chosen_by_an_option_too() {
    let Some(machine) = Machine::new() else { return };
    let url = machine.url();
    let with = |args: &[&str]| {
        machine
            .sandbox
            .hook(args.iter().copied().chain(["--store", &url]))
            .run()
    };
    let sent = with(&["send", "job.paid", "-p", "generic", "--data", "{}", "--to", CLOSED_PORT]);
    sent.exits(4)
        .says(["a password in `--store` is visible to other users"])
        .never([PASSWORD]);
    with(&["log"]).ok().prints(["#1"]).never([PASSWORD]);
    let shown = with(&["config", "path", "--json"]).ok().never([PASSWORD]).object();
    let place = machine.cluster.url(&machine.database).replace("hook@", "");
    assert_eq!(shown["ledger"].as_str(), Some(&*place));
    machine.nothing_is_left();
}

#[test]
fn postgres_keeps_what_a_listener_receives_and_forwards() {
    let Some(machine) = Machine::new() else { return };
    let app = App::start(|_| Reply::Status(200, ""));
    let line = format!("listen --port 0 --forward-to {}", app.url);
    let mut listener = Listener::ready(machine.starting(&line));
    let mut follower = machine.beside().starting("log follow").spawn();
    follower.wait_said(|line| line.starts_with("waiting for new records"));
    let answer = request("POST", &listener.url, "/hooks", &[], b"{\"a\":1}");
    assert_eq!(answer.status, 200);
    listener.shows("#1");
    follower.wait_line(|line| line.contains("#1"));
    follower.signal("INT");
    follower.wait().ok().never([PASSWORD]);
    listener.stop().ok().never([PASSWORD]);
    let all = machine.hook("log --json").ok().json();
    assert_eq!(all.len(), 2, "the request and its forward: {all:?}");
    assert_eq!(machine.sql("SELECT forwarded_to IS NOT NULL FROM hook.capture"), "t");
    machine.nothing_is_left();
}

#[cfg(feature = "inspector")]
#[test]
fn postgres_is_shown_by_the_inspector() {
    let Some(machine) = Machine::new() else { return };
    machine
        .hook(&format!("send job.paid -p generic --data {{}} --to {CLOSED_PORT}"))
        .exits(4);
    let mut process = machine.starting("ui --port 0").spawn();
    let url = process.wait_line(|_| true);
    let (origin, token) = url.split_once("/#token=").expect("a token in the fragment");
    let session = request("POST", origin, "/api/session", &[], token.as_bytes());
    let cookie = session.header("set-cookie").expect("a cookie").to_owned();
    let cookie = cookie.split(';').next().unwrap_or_default();
    let session: serde_json::Value = serde_json::from_slice(&session.body).expect("JSON");
    let headers = [
        ("cookie", cookie),
        ("x-hook-key", session["key"].as_str().expect("a key")),
    ];
    let records = request("GET", origin, "/api/records", &headers, b"");
    let body = String::from_utf8_lossy(&records.body).into_owned();
    assert!(
        records.status == 200 && body.contains("job.paid"),
        "{} {body}",
        records.status
    );
    assert!(!body.contains(PASSWORD));
    process.signal("INT");
    process.wait().never([PASSWORD]);
    machine.nothing_is_left();
}

#[test]
fn postgres_is_set_up_by_ten_commands_at_once() {
    let Some(machine) = Machine::new() else { return };
    let line = format!("send job.paid -p generic --data {{}} --to {CLOSED_PORT}");
    let readers: Vec<_> = (0..10).map(|_| machine.starting("log").spawn()).collect();
    let writers: Vec<_> = (0..10).map(|_| machine.starting(&line).spawn()).collect();
    for reader in readers {
        reader.wait().ok();
    }
    for writer in writers {
        writer.wait().exits(4).never(["ledger", PASSWORD]);
    }
    assert_eq!(machine.hook("log --json").ok().json().len(), 10);
}

#[test]
fn postgres_that_cannot_be_used_ends_with_7_and_a_hint() {
    let Some(machine) = Machine::new() else { return };
    let url = machine.url();
    let unknown_database = url.replace(&machine.database, "unknown");
    let unknown_user = url.replace("hook:", "stranger:");
    let down = url.replace(&machine.cluster.port().to_string(), "1");
    for (store, what) in [
        (unknown_database, "\"unknown\" does not exist"),
        (unknown_user, "\"stranger\" does not exist"),
        (down, "Connection refused"),
    ] {
        for line in [
            "log",
            "endpoints list",
            "listen --port 0",
            "send a -p generic --data {} --to :1",
        ] {
            let refused = machine.starting(line).env("HOOK_STORE", &store).run();
            refused
                .exits(7)
                .says([
                    "is not available",
                    what,
                    "hint: check that the server runs",
                    "password and database",
                ])
                .never([PASSWORD]);
        }
    }
    machine.nothing_is_left();
}

#[test]
fn postgres_that_refuses_a_password_ends_with_7_and_a_hint() {
    let Some(own) = cluster::start(Durability::Off) else {
        return;
    };
    let sandbox = Sandbox::new();
    own.sql(
        "postgres",
        "CREATE USER guarded PASSWORD 'right-password'; ALTER DATABASE postgres OWNER TO guarded",
    );
    own.sql(
        "postgres",
        "DO $$ BEGIN EXECUTE format('COPY (VALUES (''local all all trust''), (''host all all all scram-sha-256'')) TO %L',
             current_setting('hba_file')); END $$",
    );
    own.restart("fast");
    let url = own.url("postgres");
    let with = |password: &str| {
        let url = url.replace("hook@", &format!("guarded{password}@"));
        sandbox.hook(["log"]).env("HOOK_STORE", url)
    };
    let wrong = with(":hidden-password").run().exits(7);
    wrong
        .says([
            "password authentication failed for user \"guarded\"",
            "hint: check that",
        ])
        .never([PASSWORD]);
    with("").run().exits(7).says(["is not available", "hint: check that"]);
    with(":right-password").run().ok().never(["right-password"]);
    sandbox.write("pgpass", "*:*:*:guarded:right-password\n");
    let status = std::process::Command::new("chmod")
        .arg("600")
        .arg(sandbox.path("pgpass"))
        .status();
    assert!(status.is_ok_and(|status| status.success()));
    let by_file = with("").env("PGPASSFILE", sandbox.path("pgpass")).run();
    by_file.ok().never(["right-password"]);
}

#[test]
fn postgres_shows_a_delivery_whose_event_is_gone() {
    let Some(machine) = Machine::new() else { return };
    let app = App::start(|_| Reply::Status(503, ""));
    let send = format!("send job.paid -p generic --data {{}} --to {}", app.url);
    machine.hook(&send).exits(3);
    let day = machine.sql("SELECT name FROM hook.day_table WHERE parent = 'message'");
    machine.sql(&format!("DROP TABLE hook.{day}"));
    machine.hook("log").ok().prints(["#1", "its event is gone"]);
    let shown = machine.hook("log show 1").ok();
    shown.prints(["job.paid", "missing: its event is gone", "attempt 1", "503"]);
    let shown = machine.hook("log show 1 --json").ok().object();
    assert_eq!(
        (&shown["reason"], shown["attempts"].as_array().map(Vec::len)),
        (&"its event is gone".into(), Some(1))
    );
    machine
        .hook(&format!("replay 1 --to {}", app.url))
        .exits(6)
        .says(["`#1` cannot be sent: its event is gone", "hint: `hook log show 1`"]);
    // The day has a table for new events again.
    machine.hook(&send).exits(3).prints(["#2"]);
    machine.hook("log show 2").ok().prints(["msg_"]);
}

#[cfg(feature = "inspector")]
#[test]
fn postgres_of_a_newer_hook_is_refused_by_every_reader() {
    let Some(machine) = Machine::new() else { return };
    machine
        .hook(&format!("send job.paid -p generic --data {{}} --to {CLOSED_PORT}"))
        .exits(4);
    machine.sql("UPDATE hook.format SET version = version + 1");
    for line in [
        "ui --port 0",
        "log",
        "log show 1",
        "log follow",
        "log stats",
        "replay 1",
        "endpoints list",
        "serve --check",
        "serve --port 0",
        "listen --port 0",
        "log prune --older-than 1s --yes",
    ] {
        let refused = machine.hook(line).exits(7);
        let shown = format!("{}{}", refused.stdout(), refused.stderr());
        assert!(shown.contains("this version of hook supports up to"), "{line}: {shown}");
        refused.never(["disk", "--store FILE", "another `hook serve`"]);
    }
}
