//! Records, the newest first.

use super::matching::RecordMatcher;
use super::{ListedRecord, reader_if_any};
use crate::app::context::Context;
use crate::error::{Error, Result};
use crate::event_filter::EventFilter;
use crate::exit::Exit;
use crate::store::Query;
use crate::text::count;

/// Records that are read at once: memory is bounded, whatever the limit of the list.
const PAGE: usize = 1000;

/// How a list ended.
#[derive(Debug, Clone, Copy, Default)]
pub struct ListEnd {
    /// Whether there are more records than the limit.
    pub more: bool,
    /// Records that could not be read.
    unreadable: u64,
}

/// Hands the newest `limit` records that match to `show`, page by page.
pub fn list(
    context: &Context,
    mut query: Query,
    filter: Option<&EventFilter>,
    limit: u32,
    show: &mut dyn FnMut(&[ListedRecord]) -> Result<()>,
) -> Result<ListEnd> {
    let mut end = ListEnd::default();
    let Some(store) = reader_if_any(context)? else {
        return Ok(end);
    };
    let matcher = RecordMatcher::new(context, filter);
    let mut left = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut is_empty = true;
    loop {
        // One more than is shown, to know whether there are more.
        query.page.limit = left.min(PAGE) + 1;
        let mut found = matcher.list(&*store, &query)?;
        let is_last = found.len() < query.page.limit;
        found.truncate(query.page.limit - 1);
        end.unreadable += found.iter().filter(|found| found.is_unreadable()).count() as u64;
        query.page.before = found.last().map(|last| last.number);
        left -= found.len();
        if !found.is_empty() {
            is_empty = false;
            let listed = found.into_iter().map(|found| ListedRecord::new(context, found));
            show(&listed.collect::<Vec<_>>())?;
        }
        if is_last || left == 0 {
            end.more = !is_last;
            break;
        }
    }
    matcher.report_failures();
    if is_empty {
        context.notices.note(if query.is_everything() && filter.is_none() {
            "the ledger is empty"
        } else {
            "nothing in the ledger matches"
        });
    }
    Ok(end)
}

impl ListEnd {
    /// Records that could not be read are listed like the others, and are an error nevertheless.
    pub fn check(self, context: &Context) -> Result<()> {
        if self.unreadable == 0 {
            return Ok(());
        }
        let (path, records) = (&context.store_place, count(self.unreadable, "record"));
        let error = Error::new(Exit::Store, format!("{records} of ledger `{path}` cannot be read"));
        Err(error.hint("`hook log show NUMBER` says what is wrong with one"))
    }
}
