//! `hook demo`: the whole round trip in one command. Every step runs the code of the real command on a temporary
//! ledger, and is judged by what the ledger holds afterwards.

mod indented;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::app::context::Context;
use crate::cli::session::Session;
use crate::cli::ui::{Output, Ui};
use crate::config::{Paths, Settings};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::provider::Registry;
use crate::random::Random;
use crate::signature::VERIFIED;
use crate::store::{Query, Record, RecordKind, Summary};
use indented::Indented;

/// Run the whole round trip in one command, on a temporary ledger
#[derive(Debug, clap::Args)]
pub(super) struct DemoArgs {
    /// Keep the temporary folder and print its path
    #[arg(long)]
    keep: bool,
    /// Open the inspector over the tour's records at the end, and keep both until Ctrl-C
    #[cfg(feature = "inspector")]
    #[arg(long)]
    open: bool,
}

/// State of a delivery that succeeded.
const DELIVERED: &str = "delivered";

/// The event that the tour follows.
const LEAD: &str = "job.paid";

/// Checks the ledger after a step.
type DemoProof<'a> = fn(&Tour<'a>) -> Result<bool>;

/// The tour and its progress.
struct Tour<'a> {
    session: &'a Session,
    folder: PathBuf,
    steps: usize,
    failed: usize,
}

/// A listener that runs while the tour goes on.
struct DemoReceiver {
    url: String,
    thread: JoinHandle<Exit>,
}

pub(super) fn run(session: &Session, args: &DemoArgs) -> Result<Exit> {
    let name = format!("hook-demo-{}", Random::os().text(b"abcdefghijklmnopqrstuvwxyz", 10));
    let folder = std::env::temp_dir().join(name);
    crate::fs::private_folder(&folder).map_err(|error| {
        Error::internal(format!("temporary folder `{}` cannot be made", folder.display())).cause(error)
    })?;
    let mut tour = Tour {
        session,
        folder: folder.clone(),
        steps: 0,
        failed: 0,
    };
    let result = tour.walk().and_then(|()| tour.report());
    #[cfg(feature = "inspector")]
    let result = match result {
        Ok(exit) if args.open => tour.open().map(|shown| exit.worse(shown)),
        result => result,
    };
    if args.keep {
        session.ui.note(&format!("kept: {}", folder.display()));
    } else {
        let _ = std::fs::remove_dir_all(&folder);
    }
    result
}

impl<'a> Tour<'a> {
    /// Says how it went, and what to type next.
    fn report(&self) -> Result<Exit> {
        let ui = &self.session.ui;
        let (failed, steps) = (self.failed, self.steps);
        if failed > 0 {
            let text = format!("{failed} of {steps} steps did not do what they say");
            ui.line(&ui.out.bad(&text))?;
            return Ok(Exit::Unmet);
        }
        ui.line(&ui.out.good(&format!("all {steps} steps did what they say")))?;
        ui.line("Now with your own app: `hook send job.paid --to localhost:3000/webhooks`, or `hook --help`.")?;
        if cfg!(feature = "inspector") && ui.stdout_is_terminal() {
            ui.line("In a browser: `hook demo --open`.")?;
        }
        ui.flush()?;
        Ok(Exit::Ok)
    }

    /// Serves the inspector over the ledger of the tour until Ctrl-C.
    #[cfg(feature = "inspector")]
    fn open(&self) -> Result<Exit> {
        let session = Session {
            ui: Arc::clone(&self.session.ui),
            context: Context {
                notices: self.session.context.notices.clone(),
                ..self.child("").context
            },
        };
        super::web::serve(&session, crate::web::WebOptions::default(), true)
    }

    fn walk(&mut self) -> Result<()> {
        let first = self.listener("a receiver that verifies every request", "--count 4")?;
        let to = format!("--to {}", first.url);
        let title = "a job was paid: signed like its provider, delivered, verified, recorded";
        self.step(title, &format!("send {LEAD} {to}"), Exit::Ok, |tour| {
            tour.has(&[(1, VERIFIED), (2, DELIVERED)])
        })?;
        let title = "the same signature with another amount: refused";
        let command = format!("replay 1 --as-captured --set data.total_cents=1 {to}");
        self.step(title, &command, Exit::Refused, |tour| {
            tour.has(&[(3, "refused"), (4, "failed")])
        })?;
        let command = format!("send {LEAD} --secret literal:another-secret {to}");
        self.step("another secret: refused", &command, Exit::Refused, |tour| {
            tour.has(&[(5, "refused")])
        })?;
        let title = "the first delivery again: signed afresh, and seen to be a duplicate";
        self.step(title, &format!("replay 2 {to}"), Exit::Ok, |tour| {
            Ok(matches!(tour.record(7)?, Some(Record::Capture(capture)) if capture.duplicate_of == Some(1)))
        })?;
        self.join(first)?;
        self.retries()?;
        self.others()?;
        self.step("what the ledger holds", "log --limit 30", Exit::Ok, |_| Ok(true))
    }

    /// A receiver that fails, and the schedule that outlasts it.
    fn retries(&mut self) -> Result<()> {
        let failing = self.listener("a receiver that fails three times", "--fail-first 3 --count 4")?;
        let title = "the provider's schedule of retries, 2000 times faster: delivered at the fourth attempt";
        let command = format!("send {LEAD} --retry --time-scale 2000x --to {}", failing.url);
        self.step(title, &command, Exit::Ok, |tour| {
            let newest = tour.newest(RecordKind::Delivery)?;
            Ok(newest.is_some_and(|sent| {
                (sent.event.as_deref(), sent.state.as_str(), sent.attempts) == (Some(LEAD), DELIVERED, 4)
            }))
        })?;
        self.join(failing)
    }

    /// The other providers of the first group, one event each.
    fn others(&mut self) -> Result<()> {
        let registry = Registry::default();
        let mut sends = Vec::new();
        for name in Registry::first() {
            let profile = registry.get(&name)?;
            let event = profile.test_event.as_ref().or_else(|| profile.events.keys().next());
            if let Some(event) = event.filter(|_| !profile.events.contains_key(LEAD)).cloned() {
                sends.push((profile, event));
            }
        }
        let count = format!("--count {}", sends.len());
        let receiver = self.listener("a receiver for the other providers", &count)?;
        for (profile, event) in sends {
            let title = format!("{}: its own signature, envelope and event", profile.title);
            let command = format!("send {event} --provider {} --to {}", profile.name, receiver.url);
            self.step(&title, &command, Exit::Ok, Tour::last_two_agree)?;
        }
        self.join(receiver)
    }

    /// Runs one command as a user would type it, and checks what it did.
    fn step(&mut self, title: &str, command: &str, wanted: Exit, proof: DemoProof<'a>) -> Result<()> {
        self.steps += 1;
        let number = self.session.ui.out.strong(&format!("{}.", self.steps));
        let words: Vec<&str> = command.split(' ').collect();
        let command = self.announce(&format!("{number} {title}"), command)?;
        let exit = run_words(&self.child("   "), &words);
        let ok = exit == wanted && proof(self)?;
        if !ok {
            self.fail(&format!("this step did not do what it says (exit {})", exit.code()))?;
        }
        let ui = &self.session.ui;
        ui.json(&json!({
            "schema": "hook.demo/1",
            "step": self.steps,
            "title": title,
            "command": command,
            "exit": exit.code(),
            "ok": ok,
        }))?;
        ui.flush()
    }

    /// Starts a listener in a thread of its own and waits until it is ready.
    fn listener(&mut self, title: &str, more: &str) -> Result<DemoReceiver> {
        let ready = self.folder.join(format!("ready-{}", self.steps));
        let command = format!("listen --secret --port 0 {more}");
        self.announce(&format!("   {title}"), &command)?;
        let mut words: Vec<OsString> = command.split(' ').map(OsString::from).collect();
        // A tour that goes wrong must still end, so the listener has a time limit.
        words.extend(["--for", "20s", "--ready-file"].map(OsString::from));
        words.push(ready.clone().into());
        let child = self.child("   | ");
        let thread = std::thread::spawn(move || run_words(&child, &words));
        let url = wait_for(&ready, &thread)?;
        Ok(DemoReceiver { url, thread })
    }

    /// Waits for the end of a listener, which stops by itself when it got what was sent.
    fn join(&mut self, receiver: DemoReceiver) -> Result<()> {
        match receiver.thread.join().unwrap_or(Exit::Internal) {
            Exit::Ok => Ok(()),
            exit => self.fail(&format!(
                "the receiver did not get what was sent (exit {})",
                exit.code()
            )),
        }
    }

    /// Shows a title and the command under it, and returns the whole command.
    fn announce(&self, title: &str, command: &str) -> Result<String> {
        let (ui, command) = (&self.session.ui, format!("hook {command}"));
        ui.line(&format!("\n{title}"))?;
        ui.line(&ui.out.dim(&format!("   $ {command}")))?;
        ui.flush()?;
        Ok(command)
    }

    fn fail(&mut self, what: &str) -> Result<()> {
        self.failed += 1;
        let ui = &self.session.ui;
        ui.line(&ui.out.bad(&format!("   {what}")))
    }

    /// A session of its own, as another process would have, whose lines are indented.
    fn child(&self, indent: &'static str) -> Session {
        let own = &self.session.ui;
        let lines =
            |to_stderr: bool| -> Box<dyn Write + Send> { Box::new(Indented::new(Arc::clone(own), indent, to_stderr)) };
        let output = match own.output {
            Output::Human => Output::Human,
            Output::Json | Output::Quiet => Output::Quiet,
        };
        let paths = Paths {
            config: self.folder.join("config"),
            state: self.folder.join("state"),
        };
        let ui = Ui::onto(output, own.verbose, [own.out, own.err], [lines(false), lines(true)]);
        Session::new(Arc::new(ui), |notices| Context {
            notices,
            settings: Settings::defaults(),
            registry: Registry::default(),
            store_place: paths.ledger().into(),
            paths,
            ..self.session.context.clone()
        })
    }

    fn record(&self, number: u64) -> Result<Option<Record>> {
        Ok(self.child("").context.reader()?.get(number)?)
    }

    /// Whether the records are in these states.
    fn has(&self, wanted: &[(u64, &str)]) -> Result<bool> {
        for (number, wanted) in wanted {
            let is_so = match self.record(*number)? {
                Some(Record::Capture(capture)) => capture.request.verdict.name == *wanted,
                Some(Record::Delivery(delivery)) => delivery.delivery.state.name() == *wanted,
                None => false,
            };
            if !is_so {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn newest(&self, kind: RecordKind) -> Result<Option<Summary>> {
        let query = Query {
            kind: Some(kind),
            ..Query::default()
        };
        Ok(self.child("").context.reader()?.list(&query)?.into_iter().next())
    }

    /// The newest delivery was delivered, and the newest capture is the same event, verified.
    fn last_two_agree(&self) -> Result<bool> {
        let sent = self.newest(RecordKind::Delivery)?;
        let received = self.newest(RecordKind::Capture)?;
        Ok(sent.zip(received).is_some_and(|(sent, received)| {
            sent.state == DELIVERED
                && received.state == VERIFIED
                && (sent.event, sent.provider) == (received.event, received.provider)
        }))
    }
}

/// Parses and runs a command line in that session.
fn run_words(session: &Session, words: &[impl AsRef<OsStr>]) -> Exit {
    let words = words.iter().map(|word| word.as_ref().to_owned());
    let words: Vec<OsString> = std::iter::once("hook".into()).chain(words).collect();
    let parsed = super::parse(&words).map_err(|error| Error::usage(error.to_string()));
    let result = parsed.and_then(|(_, command)| command.run(session));
    let exit = result.unwrap_or_else(|error| {
        session.ui.error(&error);
        error.exit
    });
    let _ = session.ui.flush();
    exit
}

/// The listener's URL, as soon as it is ready.
fn wait_for(ready: &Path, thread: &JoinHandle<Exit>) -> Result<String> {
    let begun = Instant::now();
    loop {
        if let Ok(url) = std::fs::read_to_string(ready) {
            return Ok(url.trim().to_owned());
        }
        if thread.is_finished() || begun.elapsed() > Duration::from_secs(10) {
            return Err(Error::internal("the receiver did not start"));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
