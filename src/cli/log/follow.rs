//! `hook log follow`: new records as they come, and what becomes of those with attempts left.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use super::filter::Listing;
use super::is_abandoned;
use crate::cli::session::Session;
use crate::cli::ui::Output;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::shutdown::Shutdown;
use crate::store::{self, Page, Query, RecordKind, Store, StoreError, Summary};
use crate::view::columns::Layout;
use crate::view::record::{self, COLUMNS, RecordLine, USUAL};

/// How often the ledger is asked.
const INTERVAL: Duration = Duration::from_millis(200);

/// Records that are read at once.
const PAGE: usize = 1000;

/// Deliveries with attempts left whose end is waited for; the oldest are given up.
const WATCHED: usize = 256;

pub(super) fn run(session: &Session, listing: &Listing) -> Result<Exit> {
    let query = listing.filters.query(session)?;
    if query.unprocessed {
        return Err(
            Error::usage("whether a command failed is known only after its request was shown")
                .hint("`hook log --failed-processing` lists what failed so far"),
        );
    }
    super::super::runtime()?.block_on(follow(session, listing, query))
}

async fn follow(session: &Session, listing: &Listing, query: Query) -> Result<Exit> {
    let shutdown = Shutdown::install()?;
    let mut follower = Follower::new(session, query);
    follower.begin(listing)?;
    loop {
        tokio::select! {
            () = shutdown.soft.cancelled() => return Ok(Exit::Ok),
            () = tokio::time::sleep(INTERVAL) => follower.turn()?,
        }
    }
}

struct Follower<'a> {
    session: &'a Session,
    query: Query,
    /// With the number of its file: another file of that name is another ledger.
    open: Option<(Box<dyn Store>, u64)>,
    /// The last number that was seen.
    after: u64,
    /// Deliveries that were seen with attempts left, by number, with how many had been made.
    watched: BTreeMap<u64, u32>,
    layout: Layout,
}

impl<'a> Follower<'a> {
    fn new(session: &'a Session, query: Query) -> Self {
        Self {
            session,
            query,
            open: None,
            after: 0,
            watched: BTreeMap::new(),
            layout: Layout::fixed(&COLUMNS, &USUAL),
        }
    }

    /// Shows the last records when some were asked for, and starts after all that are there.
    fn begin(&mut self, listing: &Listing) -> Result<()> {
        let ui = &self.session.ui;
        if !self.opened()? {
            let path = self.session.ledger_path.display();
            ui.note(&format!("waiting for a ledger at `{path}`; Ctrl-C ends it"));
            return Ok(());
        }
        let Some((store, _)) = &self.open else { return Ok(()) };
        let newest = Query {
            page: page(1, None, false),
            ..Query::default()
        };
        self.after = store.list(&newest)?.first().map_or(0, |newest| newest.number);
        ui.note(&ui.err.dim("waiting for new records; Ctrl-C ends it"));
        if listing.limit.is_none() && listing.filters.since.is_some() {
            // All since then, however many: the first turn reads them page by page.
            self.after = 0;
            return Ok(());
        }
        let wanted = listing.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let mut last = match wanted {
            Some(limit) => store.list(&Query {
                page: page(limit, None, false),
                ..self.query.clone()
            })?,
            None => Vec::new(),
        };
        last.reverse();
        for summary in &last {
            self.after = self.after.max(summary.number);
            self.seen(summary)?;
        }
        ui.flush()
    }

    /// Whether there is a ledger, opening it when it has just come.
    fn opened(&mut self) -> Result<bool> {
        let path = &self.session.ledger_path;
        let inode = std::fs::metadata(path).map(|file| file.ino()).ok();
        if let Some((_, opened)) = &self.open {
            if inode == Some(*opened) {
                return Ok(true);
            }
            self.open = None;
            (self.after, self.watched) = (0, BTreeMap::new());
        }
        let Some(inode) = inode else { return Ok(false) };
        match store::open_read_only(path) {
            Ok(store) => self.open = Some((store, inode)),
            Err(StoreError::Missing(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }

    /// Shows what changed since the last turn.
    fn turn(&mut self) -> Result<()> {
        if !self.opened()? {
            return Ok(());
        }
        self.revisit()?;
        loop {
            let found = self.list(page(PAGE, Some(self.after), true))?;
            for summary in &found {
                self.after = summary.number;
                self.seen(summary)?;
            }
            if found.len() < PAGE {
                return self.session.ui.flush();
            }
        }
    }

    /// Whether a delivery failed is known only at its end, so that failures are not picked by the ledger.
    fn list(&self, page: Page) -> Result<Vec<Summary>> {
        let Some((store, _)) = &self.open else {
            return Ok(Vec::new());
        };
        Ok(store.list(&Query {
            failed: false,
            page,
            ..self.query.clone()
        })?)
    }

    /// Looks again at deliveries that had attempts left.
    fn revisit(&mut self) -> Result<()> {
        for (number, attempts) in self.watched.clone() {
            let found = self.list(page(1, Some(number - 1), true))?;
            let Some(summary) = found.first().filter(|summary| summary.number == number) else {
                self.watched.remove(&number);
                continue;
            };
            if summary.attempts != attempts || !record::is_pending(summary) {
                self.seen(summary)?;
            }
        }
        Ok(())
    }

    fn seen(&mut self, summary: &Summary) -> Result<()> {
        self.watched.remove(&summary.number);
        if record::is_pending(summary) {
            self.watched.insert(summary.number, summary.attempts);
            if self.watched.len() > WATCHED {
                self.watched.pop_first();
            }
        }
        if self.query.failed && !is_failed(summary) {
            return Ok(());
        }
        let ui = &self.session.ui;
        ui.json(&RecordLine::new(summary))?;
        if ui.output != Output::Human {
            return Ok(());
        }
        let row = record::row(summary, summary.at.local_clock(), is_abandoned(self.session, summary));
        ui.line(&self.layout.line(&row, ui.out, false))
    }
}

fn is_failed(summary: &Summary) -> bool {
    let failed = match summary.kind {
        RecordKind::Capture => "refused",
        RecordKind::Delivery => "failed",
    };
    summary.state == failed
}

fn page(limit: usize, after: Option<u64>, oldest_first: bool) -> Page {
    Page {
        limit,
        after,
        oldest_first,
        ..Query::default().page
    }
}
