//! `hook log list`: records, the newest first.

use super::filter::Listing;
use super::{is_abandoned, reader_if_any};
use crate::cli::session::Session;
use crate::cli::ui::Output;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::store::{Query, Summary};
use crate::view::columns::Layout;
use crate::view::count;
use crate::view::record::{self, COLUMNS, RecordLine};

/// Records unless told otherwise.
pub(super) const SHOWN: u32 = 20;

/// Records that are read at once: however many are asked for, no more are held.
const PAGE: usize = 1000;

pub(super) fn run(session: &Session, listing: &Listing) -> Result<Exit> {
    let mut query = listing.filters.query(session)?;
    let Some(store) = reader_if_any(session)? else {
        return Ok(Exit::Ok);
    };
    let mut left = usize::try_from(listing.limit.unwrap_or(SHOWN)).unwrap_or(usize::MAX);
    let mut table = Table::new(session);
    loop {
        // One more than is shown tells whether there are more.
        query.page.limit = left.min(PAGE) + 1;
        let found = store.list(&query)?;
        let shown = found.len().min(query.page.limit - 1);
        table.show(&found[..shown])?;
        left -= shown;
        if found.len() == shown {
            break;
        }
        if left == 0 {
            session
                .ui
                .note(&session.ui.err.dim("there are more: `--limit N` shows them"));
            break;
        }
        query.page.before = found[..shown].last().map(|last| last.number);
    }
    if table.layout.is_none() {
        session.ui.note(nothing(&query));
    }
    match table.unreadable {
        0 => Ok(Exit::Ok),
        unreadable => Err(damaged(session, unreadable)),
    }
}

/// Records that could not be read are listed like the others, and are an error all the same.
fn damaged(session: &Session, unreadable: u64) -> Error {
    let path = session.ledger_path.display();
    let records = count(unreadable, "record");
    Error::new(Exit::Store, format!("{records} of ledger `{path}` cannot be read"))
        .hint("`hook log show NUMBER` says what is wrong with one")
}

fn nothing(query: &Query) -> &'static str {
    if *query
        == (Query {
            page: query.page,
            ..Query::default()
        })
    {
        "the ledger is empty"
    } else {
        "nothing in the ledger matches"
    }
}

/// Shows records page by page; the first page decides how wide the columns are.
struct Table<'a> {
    session: &'a Session,
    now: Timestamp,
    layout: Option<Layout>,
    unreadable: u64,
}

impl<'a> Table<'a> {
    fn new(session: &'a Session) -> Self {
        Self {
            session,
            now: session.now(),
            layout: None,
            unreadable: 0,
        }
    }

    fn show(&mut self, page: &[Summary]) -> Result<()> {
        let ui = &self.session.ui;
        if page.is_empty() {
            return Ok(());
        }
        for summary in page {
            self.unreadable += u64::from(summary.is_unreadable());
            ui.json(&RecordLine::new(summary))?;
        }
        let rows: Vec<_> = match ui.output {
            Output::Human => page.iter().map(|summary| self.row(summary)).collect(),
            Output::Json | Output::Quiet => Vec::new(),
        };
        let columns = ui.columns();
        let first = self.layout.is_none();
        let layout = self.layout.get_or_insert_with(|| Layout::fit(&COLUMNS, &rows, columns));
        if first && ui.stdout_is_terminal() {
            ui.line(&layout.line(&layout.titles(), ui.out, true))?;
        }
        rows.iter()
            .try_for_each(|row| ui.line(&layout.line(row, ui.out, columns.is_some())))
    }

    fn row(&self, summary: &Summary) -> Vec<crate::view::columns::Cell> {
        let age = record::age(summary.at, self.now);
        record::row(summary, age, is_abandoned(self.session, summary))
    }
}
