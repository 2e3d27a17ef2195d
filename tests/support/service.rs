//! `hook serve` as a durable service beside a test: events are handed to it, endpoints come from the book.

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Api, DEADLINE, KEY, MockApi, Outcome, Run, Sandbox};

/// Between two looks at what cannot be waited for.
const PAUSE: Duration = Duration::from_millis(10);

/// Whether the long forms of the proofs are wanted: `just soak`.
pub(crate) fn soak() -> bool {
    std::env::var_os("HOOK_SOAK").is_some()
}

impl Sandbox {
    /// `hook serve --port 0 ARGS`, ready to take events.
    #[track_caller]
    pub(crate) fn service(&self, args: &[&str]) -> MockApi {
        MockApi::ready(self.service_run(args))
    }

    /// The same, not yet started.
    pub(crate) fn service_run<S: AsRef<OsStr>>(&self, args: &[S]) -> Run {
        let given = args.iter().map(|arg| arg.as_ref().to_owned());
        // As fast as a test calls.
        let always = [
            "serve",
            "--port",
            "0",
            "--json",
            "--key",
            "env:KEY",
            "--rate-limit",
            "0",
        ]
        .map(Into::into);
        self.hook(always.into_iter().chain(given)).env("KEY", KEY)
    }

    /// `hook serve --port 0 --json ARGS`, not yet started.
    pub(crate) fn service_with<S: AsRef<OsStr>>(&self, args: &[S]) -> Run {
        let given = args.iter().map(|arg| arg.as_ref().to_owned());
        let always = ["serve", "--port", "0", "--json"].map(Into::into);
        self.hook(always.into_iter().chain(given))
    }

    /// Adds an endpoint for all events to the book.
    #[track_caller]
    pub(crate) fn endpoint(&self, name: &str, provider: &str, url: &str) {
        let add = ["endpoints", "add", url, "--provider", provider, "--name", name];
        let rest = ["--events", "all", "--local", "--secret-file", "secret"];
        self.hook(add.iter().chain(&rest)).run().ok();
        std::fs::remove_file(self.path("secret")).expect("a secret was made");
    }

    /// Moves the write-ahead log into the ledger's file, which makes room for more records.
    pub(crate) fn checkpoint(&self) {
        let ledger = rusqlite::Connection::open(self.state("ledger.db")).expect("it opens");
        ledger
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .expect("the ledger can be written by others");
    }

    /// Attempts in the ledger.
    #[track_caller]
    pub(crate) fn attempts(&self) -> u64 {
        let ledger = rusqlite::Connection::open(self.state("ledger.db")).expect("it opens");
        let sql = "SELECT count(*) FROM attempt";
        let count = ledger.query_row(sql, [], |row| row.get::<_, u32>(0));
        count.expect("the ledger's format").into()
    }

    /// Adds a provider that is `generic` but for its time limit and its delays.
    pub(crate) fn patient(&self, name: &str, timeout: &str, delays: &str) {
        let file = format!(
            "format = 1\nname = \"{name}\"\ntitle = \"{name}\"\nextends = \"generic\"\n[delivery]\ntimeout = \"{timeout}\"\n\
             [retry.schedule]\ndelays = {delays}\n"
        );
        self.write(self.config(&format!("providers/{name}.toml")), file);
    }
}

impl MockApi {
    /// Hands over an event of that number, which must be accepted.
    #[track_caller]
    pub(crate) fn accepts(&self, number: usize) {
        let (status, answer) = self.call("POST", "/events", &event(number).to_string());
        assert_eq!(status, 202, "{answer}");
    }

    /// Waits until the counts of the queue are as wanted.
    #[track_caller]
    pub(crate) fn until(&self, wanted: impl Fn(&Queue) -> bool) {
        self.within(DEADLINE, wanted);
    }

    /// The same for what takes longer.
    #[track_caller]
    pub(crate) fn within(&self, limit: Duration, wanted: impl Fn(&Queue) -> bool) {
        self.wait_within(limit, "/status", |status| wanted(&Queue::of(status)));
    }

    /// The counts of its queue.
    #[track_caller]
    pub(crate) fn queue(&self) -> Queue {
        Queue::of(&self.gives(200, "GET", "/status", ""))
    }

    /// Ends it as a service manager does, and waits.
    #[track_caller]
    pub(crate) fn terminate(self) -> Outcome {
        self.process.signal("TERM");
        self.process.wait()
    }

    /// Ends it as a power cut does.
    #[track_caller]
    pub(crate) fn kill(self) {
        self.process.signal("KILL");
        self.process.wait().exits(137);
    }
}

impl Api {
    /// A call that succeeds with that status.
    #[track_caller]
    pub(crate) fn gives(&self, status: u16, method: &str, path: &str, body: &str) -> Value {
        let (got, answer) = self.call(method, path, body);
        assert_eq!(got, status, "{method} {path} {body}: {answer}");
        answer
    }

    /// A call that is refused with that status and a problem document. Returns its detail.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, method: &str, path: &str, body: &str) -> String {
        let answer = self.answer(method, path, body);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, status, "{method} {path} {body}: {text}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{method} {path}"
        );
        let problem: Value = serde_json::from_str(&text).expect("a problem document");
        assert_eq!(problem["status"], status, "{text}");
        assert!(
            problem["title"].as_str().is_some_and(|title| !title.is_empty()),
            "{text}"
        );
        problem["detail"].as_str().expect("a detail").to_owned()
    }

    /// Asks again and again until the answer is as wanted.
    #[track_caller]
    pub(crate) fn wait_for(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.wait_within(DEADLINE, path, wanted)
    }

    /// The same for what takes longer.
    #[track_caller]
    pub(crate) fn wait_within(&self, limit: Duration, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let answer = self.gives(200, "GET", path, "");
            if wanted(&answer) {
                return answer;
            }
            assert!(begun.elapsed() < limit, "{path} stays {answer}");
            std::thread::sleep(PAUSE);
        }
    }
}

/// Deliveries of a service that are not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Queue {
    pub(crate) waiting: u64,
    pub(crate) taken: u64,
    pub(crate) parked: u64,
}

impl Queue {
    /// What `/status` says.
    fn of(status: &Value) -> Self {
        let count = |name: &str| {
            let count = status["queue"][name].as_u64();
            count.unwrap_or_else(|| panic!("no count `{name}`: {status}"))
        };
        Self {
            waiting: count("waiting"),
            taken: count("taken"),
            parked: count("parked"),
        }
    }

    /// Nothing is left to do.
    pub(crate) const DONE: Self = Self {
        waiting: 0,
        taken: 0,
        parked: 0,
    };
}

/// The event of that number, as it is handed over.
pub(crate) fn event(number: usize) -> Value {
    json!({"event": "thing.created", "id": format!("evt_{number}"), "data": {"n": number}})
}

/// The number of an event, from the body of a delivery.
pub(crate) fn number(body: &[u8]) -> Option<usize> {
    let body: Value = serde_json::from_slice(body).ok()?;
    usize::try_from(body["data"]["n"].as_u64()?).ok()
}
