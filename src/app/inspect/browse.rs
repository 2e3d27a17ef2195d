//! Records page by page, with a filter, from a ledger that stays open.

use super::ListedRecord;
use super::filter::RecordFilter;
use crate::app::context::Context;
use crate::error::Result;
use crate::store::{Query, QueryPage, Store};

/// Records that a search for a text reads in one call, at most.
pub const MOST_SCANNED: usize = 2000;

/// Records of one page, at most.
pub const MOST_LISTED: usize = 500;

/// Which page.
#[derive(Debug, Clone, Default)]
pub struct BrowseOptions {
    /// Which records.
    pub filter: RecordFilter,
    /// Only numbers before this one.
    pub before: Option<u64>,
    /// Only numbers after this one; the newest of them, unless `before` is not given and `forwards` is.
    pub after: Option<u64>,
    /// At most this many; [`MOST_LISTED`] at most.
    pub limit: usize,
}

/// One page, the newest record first.
#[derive(Debug, Default)]
pub struct BrowsePage {
    /// The records.
    pub records: Vec<ListedRecord>,
    /// The newest number of the whole ledger; 0 when it is empty.
    pub newest: u64,
    /// The oldest number of the whole ledger; 0 when it is empty.
    pub oldest: u64,
    /// Before which number the next page begins; absent when there are no more.
    pub next: Option<u64>,
    /// Records that the filter hides, from the newest of the page's range to its end.
    pub hidden: u64,
}

/// Lists a page. A search for a text may end early: `next` is then where it goes on, and the page may be empty.
pub fn browse(context: &Context, store: &dyn Store, options: &BrowseOptions) -> Result<BrowsePage> {
    let limit = options.limit.clamp(1, MOST_LISTED);
    let mut query = options.filter.query.clone();
    query.page = QueryPage {
        after: options.after,
        before: options.before,
        ..QueryPage::newest(limit)
    };
    let (found, next) = if options.filter.text.is_empty() {
        // One more than is shown, to know whether there are more.
        query.page.limit += 1;
        let mut found = store.list(&query)?;
        let is_last = found.len() <= limit;
        found.truncate(limit);
        let next = found.last().map(|last| last.number).filter(|_| !is_last);
        (found, next)
    } else {
        let page = store.search(&query, &options.filter.text, MOST_SCANNED)?;
        (page.found, page.stopped_at)
    };
    let hidden = if options.filter.is_everything() {
        0
    } else {
        let range = Query {
            page: QueryPage {
                after: next.map(|next| next.saturating_sub(1)).max(options.after),
                before: options.before,
                ..QueryPage::newest(1)
            },
            ..Query::default()
        };
        store.count(&range)?.saturating_sub(found.len() as u64)
    };
    let end = |oldest_first| -> Result<u64> {
        let page = QueryPage {
            oldest_first,
            ..QueryPage::newest(1)
        };
        let found = store.list(&Query {
            page,
            ..Query::default()
        })?;
        Ok(found.first().map_or(0, |found| found.number))
    };
    Ok(BrowsePage {
        records: found
            .into_iter()
            .map(|found| ListedRecord::new(context, found))
            .collect(),
        newest: end(false)?,
        oldest: end(true)?,
        next,
        hidden,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::inspect::tests::context;
    use crate::store::conformance::{capture, record_capture, refused, start};
    use crate::store::{Access, SqliteStore};

    #[test]
    fn pages_follow_each_other_and_hidden_records_are_counted() {
        let (context, _folder) = context();
        let mut store = SqliteStore::open(context.store_place.file().unwrap(), Access::ReadWrite).unwrap();
        for _ in 0..5 {
            record_capture(&mut store, &capture(start(), "a"));
            record_capture(&mut store, &refused(start()));
        }
        let page = |filter: &str, before| {
            let options = BrowseOptions {
                filter: RecordFilter::parse(&context, filter).unwrap(),
                before,
                limit: 3,
                ..BrowseOptions::default()
            };
            let page = browse(&context, &store, &options).unwrap();
            let numbers: Vec<u64> = page.records.iter().map(|record| record.summary.number).collect();
            (numbers, page.next, page.hidden)
        };
        assert_eq!(page("", None), (vec![10, 9, 8], Some(8), 0));
        assert_eq!(page("", Some(3)), (vec![2, 1], None, 0));
        assert_eq!(page("failed", None), (vec![10, 8, 6], Some(6), 2));
        assert_eq!(page("failed", Some(6)), (vec![4, 2], None, 3));
        assert_eq!(page("nowhere", None), (vec![], None, 10));
        assert_eq!(page("WRONG-secret", None), (vec![10, 8, 6], Some(6), 2));
    }
}
