//! `hook replay --failed --exec CMD`: runs a command again for the requests that it failed for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::send;
use crate::app::inspect::select;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::listener::exec::{self, Bounds, Ran};
use crate::shutdown::Shutdown;
use crate::signature::{TOKEN_ONLY, VERIFIED};
use crate::store::{Capture, Lease, Ledger, Op, Processing, Query, Record, Store, StoreError};
use crate::text::printable;
use crate::view::{millis, short_time};

/// Characters of a command in a message, at most.
const SHOWN: usize = 200;

/// Flags about commands.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ExecArgs {
    /// Run this command again for requests that a command of `listen` failed for, the oldest first
    // Nothing is sent, so nothing about sending goes with it.
    #[arg(
        long,
        value_name = "CMD",
        requires = "failed",
        conflicts_with_all = [
            "to", "send_credentials", "provider", "secrets", "as_captured", "new_id", "edit", "set", "set_json",
            "set_string", "set_new", "method", "headers", "bearer", "timeout", "insecure", "cacert", "proxy", "retry",
            "time_scale", "schedule_from", "rate", "dry_run", "reveal",
        ],
        help_heading = "Command"
    )]
    pub(super) exec: Option<String>,
    /// Time limit of the command; none unless given
    #[arg(long, value_name = "DURATION", value_parser = super::duration, requires = "exec", help_heading = "Command")]
    exec_timeout: Option<Duration>,
    /// Run it for requests too that were never verified
    #[arg(long, requires = "exec", help_heading = "Command")]
    unverified: bool,
}

/// `{"schema":"hook.processing/1"}`: what came of a command for one request.
#[derive(Serialize)]
struct ProcessingLine<'a> {
    schema: &'static str,
    number: u64,
    id: String,
    event: Option<&'a str>,
    event_id: Option<&'a str>,
    command: &'a str,
    ran: &'a str,
    state: &'static str,
    tries: u32,
    error: Option<&'a str>,
    took_ms: f64,
}

/// What came of it all.
#[derive(Default)]
struct Tally {
    processed: u64,
    failed: u64,
    interrupted: bool,
}

/// Runs `command` for what failed within `query`.
pub(super) fn run(session: &Session, args: &ExecArgs, command: &str, mut query: Query) -> Result<Exit> {
    let store = &*select::reader(session)?;
    query.unprocessed = true;
    query.page.limit = usize::MAX;
    query.page.oldest_first = true;
    let open = chosen(session, store.unprocessed(&query)?, command)?;
    if !args.unverified {
        refuse_unverified(store, &query, &open)?;
    }
    super::runtime()?.block_on(run_all(session, args, command, store, open))
}

/// What the command is to run for: what it failed for itself; a command that is new stands in for the only one that failed.
fn chosen(session: &Session, open: Vec<(u64, Processing)>, command: &str) -> Result<Vec<(u64, Processing)>> {
    let mut names: Vec<&str> = open.iter().map(|(_, found)| found.command.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    match names.as_slice() {
        [] => Err(Error::nothing("no command failed that did not succeed since")
            .hint("`hook log --failed-processing` shows what there is")),
        names if names.contains(&command) => {
            Ok(open.into_iter().filter(|(_, found)| found.command == command).collect())
        }
        [only] => {
            let only = printable(only, SHOWN);
            session.ui.note(&format!("it stands in for `{only}`, which failed"));
            Ok(open)
        }
        names => {
            let names = names.iter().map(|name| format!("`{}`", printable(name, SHOWN)));
            let names = names.collect::<Vec<_>>().join(", ");
            Err(Error::usage(format!(
                "several commands failed, and `{}` is none of them",
                printable(command, SHOWN)
            ))
            .hint(format!("give one of them as it is: {names}"))
            .hint("or choose with `--event` and `--since` until a single one is left to stand in for"))
        }
    }
}

/// The rule of `hook listen`.
fn refuse_unverified(store: &dyn Store, query: &Query, open: &[(u64, Processing)]) -> Result<()> {
    let unverified = store.list(query)?.into_iter().find(|summary| {
        !matches!(summary.state.as_str(), VERIFIED | TOKEN_ONLY)
            && open
                .binary_search_by_key(&summary.number, |(number, _)| *number)
                .is_ok()
    });
    match unverified {
        None => Ok(()),
        Some(summary) => Err(Error::usage(format!(
            "the command would run for `#{}`, which nobody verified",
            summary.number
        ))
        .hint("add `--unverified` if anybody may run it")),
    }
}

async fn run_all(
    session: &Session,
    args: &ExecArgs,
    command: &str,
    store: &dyn Store,
    open: Vec<(u64, Processing)>,
) -> Result<Exit> {
    let shutdown = Shutdown::install().map_err(|error| Error::internal("signals cannot be caught").cause(error))?;
    let again = Again {
        session,
        command,
        limit: args.exec_timeout,
        ledger: session.ledger(),
        owner: send::claim(session)?,
        shutdown,
    };
    let mut tally = Tally::default();
    for (number, listed) in open {
        if again.shutdown.soft.is_cancelled() {
            tally.interrupted = true;
            break;
        }
        again.one(store, number, &listed.command, &mut tally).await?;
    }
    again.ledger.close();
    let Tally {
        processed,
        failed,
        interrupted,
    } = tally;
    session
        .ui
        .note(&format!("{processed} processed, {failed} failed again"));
    Ok(match (interrupted, failed) {
        (true, _) => Exit::Interrupted,
        (false, 0) => Exit::Ok,
        (false, _) => Exit::Unmet,
    })
}

struct Again<'a> {
    session: &'a Session,
    command: &'a str,
    limit: Option<Duration>,
    ledger: Ledger,
    owner: Lease,
    shutdown: Shutdown,
}

impl Again<'_> {
    /// Runs it for one request, unless another process does or did since the list was made.
    async fn one(&self, store: &dyn Store, number: u64, name: &str, tally: &mut Tally) -> Result<()> {
        let capture = match store.get(number) {
            Ok(Some(Record::Capture(capture))) => capture,
            Ok(_) => return Ok(()),
            Err(error @ StoreError::Damaged { .. }) => {
                self.session.ui.warn(&error.to_string());
                tally.failed += 1;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let Some(tries) = self.claim(&capture, name).await? else {
            self.session
                .ui
                .note(&format!("#{number}: somebody else took it up first"));
            return Ok(());
        };
        let begun = Instant::now();
        let bounds = Bounds {
            limit: self.limit,
            stop: &self.shutdown.soft,
            kill: &self.shutdown.hard,
            folder: None,
        };
        let ran = exec::run(self.command, number, &capture.request, bounds).await;
        let took = begun.elapsed();
        let error = match ran {
            Ran::Well => None,
            Ran::Badly(words) => Some(words),
            Ran::Stopped => {
                tally.interrupted = true;
                Some("interrupted".to_owned())
            }
        };
        let ended = Op::Processed {
            capture: number,
            command: name.to_owned(),
            at: self.session.now(),
            error: error.clone(),
        };
        self.ledger.write(ended).await?;
        let tries = tries.saturating_add(u32::from(error.is_some()));
        match error {
            None => tally.processed += 1,
            Some(_) => tally.failed += 1,
        }
        self.show(&capture, name, tries, error.as_deref(), took)
    }

    /// Makes it this process's, and says how often it failed so far; `None` when another one has it, or has done it.
    async fn claim(&self, capture: &Capture, name: &str) -> Result<Option<u32>> {
        let open = |found: &&Processing| found.command == name && found.mended_at.is_none();
        let Some(found) = capture.processing.iter().find(open) else {
            return Ok(None);
        };
        let alive = |owner: &String| Lease::is_alive(&self.session.ledger_path, owner);
        if found.owner.as_ref().is_some_and(alive) {
            return Ok(None);
        }
        let claim = Op::ClaimProcessing {
            capture: capture.number,
            command: name.to_owned(),
            from: found.owner.clone(),
            owner: self.owner.name().to_owned(),
        };
        let taken = self.ledger.write(claim).await?.number != 0;
        Ok(taken.then_some(found.tries))
    }

    fn show(&self, capture: &Capture, name: &str, tries: u32, error: Option<&str>, took: Duration) -> Result<()> {
        let (ui, request) = (Arc::clone(&self.session.ui), &capture.request);
        ui.json(&ProcessingLine {
            schema: "hook.processing/1",
            number: capture.number,
            id: request.id.to_string(),
            event: request.event.as_deref(),
            event_id: request.event_id.as_deref(),
            command: name,
            ran: self.command,
            state: if error.is_none() { "processed" } else { "failed" },
            tries,
            error,
            took_ms: millis(took),
        })?;
        let event = request
            .event
            .as_deref()
            .map_or_else(|| "-".to_owned(), |event| printable(event, SHOWN));
        let what = match error {
            None => ui.out.good("processed"),
            Some(error) => format!(
                "{} {}",
                ui.out.bad(&format!("failed: {error}")),
                ui.out.dim(&format!("(try {tries})"))
            ),
        };
        ui.line(&format!(
            "{}  {}  {what}  {}",
            ui.out.strong(&format!("#{}", capture.number)),
            ui.out.name(&event),
            ui.out.dim(&short_time(took)),
        ))?;
        ui.flush()
    }
}
