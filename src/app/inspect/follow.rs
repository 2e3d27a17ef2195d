//! Follows the ledger: new records, and changes of deliveries that have attempts left.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::ListedRecord;
use super::matching::RecordMatcher;
use crate::app::context::Context;
use crate::error::{Error, Result};
use crate::event_filter::EventFilter;
use crate::shutdown::Shutdown;
use crate::store::{self, Query, QueryPage, Store, StoreError, Summary};

/// The polling interval.
const INTERVAL: Duration = Duration::from_millis(200);

/// Records that are read at once.
const PAGE: usize = 1000;

/// Deliveries with attempts left that are watched; the oldest ones are dropped beyond that.
const WATCHED: usize = 256;

/// What a follower sees.
#[derive(Debug)]
pub enum FollowEvent {
    /// The ledger is open, and new records are waited for.
    Waiting,
    /// A record is new, or has changed.
    Record(Box<ListedRecord>),
    /// All records so far were emitted.
    CaughtUp,
}

/// Emits new records until the program is stopped; with a limit, that many of the last ones first.
pub async fn follow(
    context: &Context,
    query: Query,
    filter: Option<&EventFilter>,
    limit: Option<u32>,
    tell: &mut dyn FnMut(FollowEvent) -> Result<()>,
) -> Result<()> {
    if query.unprocessed {
        return Err(
            Error::usage("whether a command failed is known only after its request was shown")
                .hint("`hook log --failed-processing` lists what failed so far"),
        );
    }
    let shutdown = Shutdown::install()?;
    let mut follower = Follower {
        context,
        matcher: RecordMatcher::new(context, filter),
        query,
        tell,
        open: None,
        after: 0,
        watched: BTreeMap::new(),
        is_away: false,
    };
    follower.begin(limit)?;
    loop {
        tokio::select! {
            () = shutdown.soft.cancelled() => {
                follower.matcher.report_failures();
                return Ok(());
            }
            // What is asked of a server that is away may take long: Ctrl-C must not wait for it.
            is_there = next_turn(context, follower.is_away) => if is_there {
                follower.ride_out()?;
            },
        }
    }
}

/// Waits for the next turn. Whether the ledger is there, where it was away.
async fn next_turn(context: &Context, is_away: bool) -> bool {
    tokio::time::sleep(INTERVAL).await;
    if !is_away {
        return true;
    }
    let (answer, answered) = oneshot::channel();
    let place = context.store_place.clone();
    // A thread of its own: the runtime would wait for it at the end.
    let look = move || {
        let is_away = matches!(store::ledger_format(&place), Err(error) if error.is_away());
        let _ = answer.send(!is_away);
    };
    if thread::Builder::new().name("look".to_owned()).spawn(look).is_err() {
        return true;
    }
    answered.await.unwrap_or(true)
}

/// Why a turn ended early.
enum TurnError {
    /// The ledger could not be read.
    Store(StoreError),
    /// Anything else.
    Other(Error),
}

impl From<StoreError> for TurnError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Error> for TurnError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<TurnError> for Error {
    fn from(error: TurnError) -> Self {
        match error {
            TurnError::Store(error) => error.into(),
            TurnError::Other(error) => error,
        }
    }
}

struct Follower<'a> {
    context: &'a Context,
    query: Query,
    matcher: RecordMatcher<'a>,
    tell: &'a mut dyn FnMut(FollowEvent) -> Result<()>,
    /// With its identity: another file of that name is another ledger.
    open: Option<(Box<dyn Store>, u64)>,
    /// The last number that was seen.
    after: u64,
    /// Deliveries that were seen with attempts left, by number, with how many had been made.
    watched: BTreeMap<u64, u32>,
    /// Its database did not answer the last time.
    is_away: bool,
}

impl Follower<'_> {
    /// Emits the last records if a limit is given, and starts after the newest one.
    fn begin(&mut self, limit: Option<u32>) -> std::result::Result<(), TurnError> {
        if !self.opened()? {
            let place = &self.context.store_place;
            let notice = format!("waiting for a ledger at `{place}`; Ctrl-C ends it");
            self.context.notices.note(notice);
            return Ok(());
        }
        let newest = Query {
            page: QueryPage::newest(1),
            ..Query::default()
        };
        self.after = self.list(&newest)?.first().map_or(0, |newest| newest.number);
        (self.tell)(FollowEvent::Waiting)?;
        let Some(limit) = limit else {
            if self.query.since.is_some() {
                // All since then, however many: the first turn reads them page by page.
                self.after = 0;
                return Ok(());
            }
            return Ok((self.tell)(FollowEvent::CaughtUp)?);
        };
        let last = Query {
            page: QueryPage::newest(usize::try_from(limit).unwrap_or(usize::MAX)),
            ..self.query.clone()
        };
        let last = match &self.open {
            Some((store, _)) => self.matcher.list(&**store, &last)?,
            None => Vec::new(),
        };
        for summary in last.into_iter().rev() {
            self.after = self.after.max(summary.number);
            self.see(summary)?;
        }
        Ok((self.tell)(FollowEvent::CaughtUp)?)
    }

    /// Whether there is a ledger, opening it when it has just come.
    fn opened(&mut self) -> std::result::Result<bool, StoreError> {
        let place = &self.context.store_place;
        let identity = place.identity();
        if let Some((_, opened)) = &self.open {
            if identity == Some(*opened) {
                return Ok(true);
            }
            self.open = None;
            // Another file at that path is another ledger, with numbers of its own.
            (self.after, self.watched) = (0, BTreeMap::new());
        }
        let Some(identity) = identity else { return Ok(false) };
        match store::open_read_only(place) {
            Ok(store) => self.open = Some((store, identity)),
            Err(StoreError::Missing(_)) => return Ok(false),
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// A turn; a database that is away is waited for. What was not shown yet is found by the next turn.
    fn ride_out(&mut self) -> Result<()> {
        let notices = &self.context.notices;
        match self.turn() {
            Err(TurnError::Store(error)) if error.is_away() => {
                if !std::mem::replace(&mut self.is_away, true) {
                    notices.warn(format!("{error}; waiting for it, Ctrl-C ends"));
                }
                Ok(())
            }
            Ok(()) => {
                if std::mem::take(&mut self.is_away) {
                    self.context.notices.note("the database is back: following goes on");
                }
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Shows what changed since the last turn.
    fn turn(&mut self) -> std::result::Result<(), TurnError> {
        if !self.opened()? {
            return Ok(());
        }
        self.revisit()?;
        loop {
            let found = self.next(QueryPage::after(self.after, PAGE))?;
            let is_last = found.len() < PAGE;
            for summary in found {
                let number = summary.number;
                self.see(summary)?;
                self.after = number;
            }
            if is_last {
                return Ok((self.tell)(FollowEvent::CaughtUp)?);
            }
        }
    }

    fn list(&self, query: &Query) -> std::result::Result<Vec<Summary>, StoreError> {
        match &self.open {
            Some((store, _)) => store.list(query),
            None => Ok(Vec::new()),
        }
    }

    /// The records after those that were seen.
    fn next(&self, page: QueryPage) -> std::result::Result<Vec<Summary>, StoreError> {
        self.list(&Query {
            // Filtered in `see` instead: a delivery that is listed now may fail later.
            failed: false,
            page,
            ..self.query.clone()
        })
    }

    /// Looks again at deliveries that had attempts left.
    fn revisit(&mut self) -> std::result::Result<(), TurnError> {
        for (number, attempts) in self.watched.clone() {
            let found = self.next(QueryPage::after(number - 1, 1))?.into_iter().next();
            let Some(summary) = found.filter(|summary| summary.number == number) else {
                self.watched.remove(&number);
                continue;
            };
            if summary.attempts != attempts || !summary.is_pending() {
                self.see(summary)?;
            }
        }
        Ok(())
    }

    fn see(&mut self, summary: Summary) -> std::result::Result<(), TurnError> {
        // Before anything is noted: a record that cannot be read now is looked at again.
        let matches = match &self.open {
            Some((store, _)) if !self.query.failed || summary.is_failed() => {
                self.matcher.matches(&**store, summary.number)?
            }
            _ => !self.query.failed,
        };
        self.watched.remove(&summary.number);
        if summary.is_pending() {
            self.watched.insert(summary.number, summary.attempts);
            if self.watched.len() > WATCHED {
                self.watched.pop_first();
            }
        }
        if !matches {
            return Ok(());
        }
        let record = ListedRecord::new(self.context, summary);
        Ok((self.tell)(FollowEvent::Record(Box::new(record)))?)
    }
}
