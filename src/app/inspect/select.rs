//! Record selectors: `1042`, `#1042`, an id or the beginning of one, `last`, `last~2`.

use crate::app::context::Context;
use crate::clock::{Timestamp, parse_duration};
use crate::error::{Error, Result};
use crate::store::{self, Query, QueryPage, Record, RecordKind, Store, StoreError, Summary};

/// The ledger for reading. That there is none yet means that nothing can be found in it.
pub fn reader(context: &Context) -> Result<Box<dyn Store>> {
    match store::open_read_only(&context.store_place) {
        Err(StoreError::Missing(path)) => Err(Error::nothing("nothing was recorded yet")
            .cause(StoreError::Missing(path))
            .hint("`hook listen` and `hook send` record; `--store FILE` names another ledger")),
        other => Ok(other?),
    }
}

/// The length of `msg_` and the like with all of the hex digits.
const WHOLE_ID: usize = 4 + 32;

/// The number of one record.
pub fn number(store: &dyn Store, text: &str) -> Result<u64> {
    if let Some(back) = last(text) {
        return newest(store, back?);
    }
    let nothing = || Error::nothing(format!("record `{text}` not found")).hint("`hook log` shows what there is");
    if let Ok(number) = text.trim_start_matches('#').parse::<u64>() {
        return store.get(number)?.map(|_| number).ok_or_else(nothing);
    }
    if !["cap_", "dlv_", "msg_"].iter().any(|prefix| text.starts_with(prefix)) {
        return Err(Error::usage(format!("`{text}` is not a record"))
            .hint("write a number (`1042`), an id (`dlv_...`, `cap_...`, `msg_...`), `last` or `last~2`"));
    }
    match store.find(text, 2)?.as_slice() {
        [one] => Ok(*one),
        [] => Err(nothing()),
        // Several deliveries of one message: the newest, as with `last`.
        _ if text.len() == WHOLE_ID => store.find(text, usize::MAX)?.into_iter().max().ok_or_else(nothing),
        _ => Err(Error::usage(format!("`{text}` is the beginning of several ids")).hint("write more of it")),
    }
}

/// `last` is 0 back, `last~2` is 2 back; `None` when the text is neither.
fn last(text: &str) -> Option<Result<usize>> {
    let rest = text.strip_prefix("last")?;
    if rest.is_empty() {
        return Some(Ok(0));
    }
    let back = rest.strip_prefix('~')?.parse();
    Some(back.map_err(|_| {
        Error::usage(format!("`{text}` is not a record")).hint("write `last~2` for the one before the one before")
    }))
}

/// The newest delivery; the newest capture where nothing was ever delivered.
fn newest(store: &dyn Store, back: usize) -> Result<u64> {
    let nth = |kind, skip| -> Result<Option<u64>> {
        let query = Query {
            kind: Some(kind),
            page: QueryPage {
                skip,
                ..QueryPage::newest(1)
            },
            ..Query::default()
        };
        Ok(store.list(&query)?.first().map(|found| found.number))
    };
    // `last` after `send` is what was sent; on a machine that only receives, what was received.
    let kind = match nth(RecordKind::Delivery, 0)? {
        Some(_) => RecordKind::Delivery,
        None => RecordKind::Capture,
    };
    nth(kind, back)?
        .ok_or_else(|| Error::nothing("the ledger has no such record").hint("`hook log` shows what there is"))
}

/// The newest record, which a list has on top.
pub fn newest_of_all(store: &dyn Store) -> Result<u64> {
    let query = Query {
        page: QueryPage::newest(1),
        ..Query::default()
    };
    let found = store.list(&query)?;
    let newest = found.first().map(|found| found.number);
    newest.ok_or_else(|| Error::nothing("the ledger has no record").hint("`hook listen` and `hook send` record"))
}

/// A record, whole.
pub fn record(store: &dyn Store, number: u64) -> Result<Record> {
    store.get(number)?.ok_or_else(|| gone(number))
}

/// The error for a number without a record.
pub fn gone(number: u64) -> Error {
    Error::nothing(format!("record `#{number}` not found"))
}

/// Reads `2h` as that long ago, or a moment.
pub fn since(context: &Context, text: &str) -> Result<Timestamp> {
    match parse_duration(text) {
        Ok(ago) => Ok(context.now().minus(ago)),
        Err(_) => Timestamp::parse(text).ok_or_else(|| {
            Error::usage(format!("`{text}` is neither a duration nor a moment")).hint("write `--since 2h` or RFC 3339")
        }),
    }
}

/// A record as a line to choose from, or as the shell's description of a candidate.
pub fn describe(summary: &Summary, now: Timestamp) -> String {
    let age = crate::clock::human_duration(now.since(summary.at));
    let event = summary.event.as_deref().or(summary.workflow.as_deref()).unwrap_or("-");
    format!(
        "#{} {} {} {}, {age} ago",
        summary.number,
        summary.kind.name(),
        event,
        summary.state
    )
}
