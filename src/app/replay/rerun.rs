//! Runs a command again for the requests that it failed for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::app::context::Context;
use crate::app::inspect::matching::RecordMatcher;
use crate::error::{Error, Result};
use crate::event_filter::EventFilter;
use crate::exit::Exit;
use crate::listener::exec::{self, Bounds, CommandError};
use crate::shutdown::Shutdown;
use crate::signature::{TOKEN_ONLY, VERIFIED};
use crate::store::{Capture, Lease, Ledger, Op, Processing, Query, Record, Store, StoreError};
use crate::text::{printable, quoted, serialize_millis};

/// Characters of a command in a message, at most.
const SHOWN: usize = 200;

/// The command to run.
#[derive(Debug, Clone)]
pub struct RerunOptions {
    /// The command.
    pub command: String,
    /// Its time limit for one request.
    pub timeout: Option<Duration>,
    /// Whether it also runs for requests that were never verified.
    pub unverified: bool,
    /// Only requests that it matches.
    pub filter: Option<Arc<EventFilter>>,
}

/// The result of the command for one request: `hook.processing/1`.
#[derive(Debug, Clone, Serialize)]
pub struct ProcessingResult {
    /// The capture's number.
    pub number: u64,
    /// The capture's id.
    pub id: String,
    /// The event's type.
    pub event: Option<String>,
    /// The event's id.
    pub event_id: Option<String>,
    /// The command that failed for it.
    pub command: String,
    /// The command that ran now.
    pub ran: String,
    /// `processed` or `failed`.
    pub state: &'static str,
    /// How often it failed so far.
    pub tries: u32,
    /// How it failed now.
    pub error: Option<String>,
    /// How long it ran.
    #[serde(rename = "took_ms", serialize_with = "serialize_millis")]
    pub took: Duration,
    /// Whether it was stopped.
    #[serde(skip)]
    pub interrupted: bool,
}

/// Requests to run a command for.
pub struct Rerun<'a> {
    context: &'a Context,
    store: &'a dyn Store,
    options: RerunOptions,
    open: Vec<(u64, Processing)>,
}

impl<'a> Rerun<'a> {
    /// Finds what a command failed for within the query, the oldest first.
    pub fn find(context: &'a Context, store: &'a dyn Store, mut query: Query, options: RerunOptions) -> Result<Self> {
        query.unprocessed = true;
        query.page.limit = usize::MAX;
        query.page.oldest_first = true;
        let matcher = RecordMatcher::new(context, options.filter.as_deref());
        let mut open = Vec::new();
        for found in store.unprocessed(&query)? {
            if matcher.matches(store, found.0)? {
                open.push(found);
            }
        }
        matcher.report_failures();
        let open = chosen(context, open, &options.command)?;
        if !options.unverified {
            refuse_unverified(store, &query, &open)?;
        }
        Ok(Self {
            context,
            store,
            options,
            open,
        })
    }

    /// Runs the command for each request, and shows each result.
    pub async fn run(self, shutdown: &Shutdown, mut show: impl FnMut(&ProcessingResult) -> Result<()>) -> Result<Exit> {
        let (ledger, owner) = (self.context.ledger(), self.context.lease()?);
        let notices = &self.context.notices;
        let (mut processed, mut failed, mut interrupted) = (0, 0, false);
        for (number, listed) in &self.open {
            if shutdown.soft.is_cancelled() {
                interrupted = true;
                break;
            }
            let record = match self.store.get(*number) {
                Err(error @ StoreError::Damaged { .. }) => {
                    notices.warn(error.to_string());
                    failed += 1;
                    continue;
                }
                found => found?,
            };
            let Some(Record::Capture(capture)) = record else {
                continue;
            };
            // Another process may have claimed it since the list was made.
            let Some(tries) = self.claim(&capture, &listed.command, &ledger, &owner).await? else {
                notices.note(format!("#{number}: another process has already taken it"));
                continue;
            };
            let result = self
                .run_one(&capture, (&listed.command, tries), &ledger, shutdown)
                .await?;
            match result.error {
                None => processed += 1,
                Some(_) => failed += 1,
            }
            interrupted |= result.interrupted;
            show(&result)?;
        }
        ledger.close();
        notices.note(format!("{processed} processed, {failed} failed again"));
        Ok(match (interrupted, failed) {
            (true, _) => Exit::Interrupted,
            (false, 0) => Exit::Ok,
            (false, _) => Exit::Unmet,
        })
    }

    async fn run_one(
        &self,
        capture: &Capture,
        (name, tries): (&str, u32),
        ledger: &Ledger,
        shutdown: &Shutdown,
    ) -> Result<ProcessingResult> {
        let (number, request) = (capture.number, &capture.request);
        let begun = Instant::now();
        let bounds = Bounds {
            limit: self.options.timeout,
            stop: &shutdown.soft,
            kill: &shutdown.hard,
            folder: None,
        };
        let output = &self.context.command_output;
        let ran = exec::run(&self.options.command, number, request, bounds, output).await;
        let took = begun.elapsed();
        let interrupted = ran == Err(CommandError::Stopped);
        let error = match ran {
            Ok(()) => None,
            Err(CommandError::Failed(words)) => Some(words),
            Err(CommandError::Stopped) => Some("interrupted".to_owned()),
        };
        let ended = Op::Processed {
            capture: number,
            command: name.to_owned(),
            at: self.context.now(),
            error: error.clone(),
        };
        ledger.write(ended).await?;
        Ok(ProcessingResult {
            number,
            id: request.id.to_string(),
            event: request.event.clone(),
            event_id: request.event_id.clone(),
            command: name.to_owned(),
            ran: self.options.command.clone(),
            state: if error.is_none() { "processed" } else { "failed" },
            tries: tries.saturating_add(u32::from(error.is_some())),
            error,
            took,
            interrupted,
        })
    }

    /// Claims a request for this process, and returns how often the command failed so far; `None` when another process has
    /// claimed or processed it.
    async fn claim(&self, capture: &Capture, name: &str, ledger: &Ledger, owner: &Lease) -> Result<Option<u32>> {
        let open = |found: &&Processing| found.command == name && found.mended_at.is_none();
        let Some(found) = capture.processing.iter().find(open) else {
            return Ok(None);
        };
        let alive = |owner: &String| self.context.owners().is_alive(owner);
        if found.owner.as_ref().is_some_and(alive) {
            return Ok(None);
        }
        let claim = Op::ClaimProcessing {
            capture: capture.number,
            command: name.to_owned(),
            from: found.owner.clone(),
            owner: owner.name().to_owned(),
        };
        let taken = ledger.write(claim).await?.number != 0;
        Ok(taken.then_some(found.tries))
    }
}

/// The requests to run the command for: those that it failed for. A new command replaces the only one that failed.
fn chosen(context: &Context, open: Vec<(u64, Processing)>, command: &str) -> Result<Vec<(u64, Processing)>> {
    let mut names: Vec<&str> = open.iter().map(|(_, found)| found.command.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    match names.as_slice() {
        [] => {
            Err(Error::nothing("no failed command is left").hint("`hook log --failed-processing` shows what there is"))
        }
        names if names.contains(&command) => {
            Ok(open.into_iter().filter(|(_, found)| found.command == command).collect())
        }
        [only] => {
            let only = printable(only, SHOWN);
            context
                .notices
                .note(format!("running in place of `{only}`, which failed"));
            Ok(open)
        }
        names => {
            let names = quoted(names.iter().map(|name| printable(name, SHOWN)));
            Err(Error::usage(format!(
                "several commands failed, and `{}` is not one of them",
                printable(command, SHOWN)
            ))
            .hint(format!("give one of them as it is: {names}"))
            .hint("or narrow the selection with `--event` and `--since` to one failed command"))
        }
    }
}

/// Refuses to run the command for unverified requests, as `hook listen` does.
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
            "refusing to run the command for unverified request `#{}`",
            summary.number
        ))
        .hint("add `--unverified` if anybody may run it")),
    }
}
