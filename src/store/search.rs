//! Records by a text in them. Bodies have no index, so a search reads record after record and stops at a limit.

use super::{Outcome, Query, Record, SearchPage, Store, StoreError, Summary};
use crate::headers::Headers;

/// Records that are listed at once.
const PAGE: usize = 100;

/// Bytes of bodies that one search reads, at most: it is continued by another one.
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// Reads records that match the query until `query.page.limit` of them contain the text, or `most` were read.
pub(super) fn search(store: &dyn Store, query: &Query, text: &str, most: usize) -> Result<SearchPage, StoreError> {
    let (mut page, mut bytes) = (SearchPage::default(), 0);
    let needle = text.to_ascii_lowercase().into_bytes();
    let mut step = query.clone();
    loop {
        step.page.limit = PAGE.min(most.saturating_sub(usize::try_from(page.scanned).unwrap_or(usize::MAX)));
        let listed = store.list(&step)?;
        let is_last = listed.len() < step.page.limit;
        for summary in listed {
            let number = summary.number;
            page.scanned += 1;
            let (is_found, read) = contains(store, &summary, &needle);
            bytes += read;
            if is_found {
                page.found.push(summary);
            }
            page.stopped_at = Some(number);
            if page.found.len() >= query.page.limit || bytes >= MOST_BYTES {
                return Ok(page);
            }
        }
        if is_last {
            page.stopped_at = None;
            return Ok(page);
        }
        if page.scanned >= most as u64 {
            return Ok(page);
        }
        let end = page.stopped_at;
        if step.page.oldest_first {
            step.page.after = end;
        } else {
            step.page.before = end;
        }
    }
}

/// Whether the record has the text, and how many bytes were read for that. What cannot be read has none.
fn contains(store: &dyn Store, summary: &Summary, needle: &[u8]) -> (bool, usize) {
    let fields = [
        summary.event.as_deref(),
        summary.provider.as_deref(),
        summary.endpoint.as_deref(),
        summary.workflow.as_deref(),
        summary.reason.as_deref(),
        Some(summary.target.as_str()),
    ];
    if fields.into_iter().flatten().any(|field| has(field.as_bytes(), needle)) {
        return (true, 0);
    }
    match store.get(summary.number) {
        Ok(Some(Record::Capture(capture))) => {
            let request = &capture.request;
            let found = in_headers(&request.headers, needle) || has(&request.body, needle);
            (found, request.body.len())
        }
        Ok(Some(Record::Delivery(record))) => {
            let delivery = &record.delivery;
            let mut bytes = delivery.message.body.len();
            let mut found = in_headers(&delivery.headers, needle) || has(&delivery.message.body, needle);
            for attempt in &delivery.attempts {
                found |= in_headers(&attempt.request_headers, needle);
                if let Outcome::Answer(answer) = &attempt.outcome {
                    bytes += answer.body.len();
                    found |= in_headers(&answer.headers, needle) || has(&answer.body, needle);
                }
            }
            (found, bytes)
        }
        Ok(None) | Err(_) => (false, 0),
    }
}

fn in_headers(headers: &Headers, needle: &[u8]) -> bool {
    let mut lines = headers.iter();
    lines.any(|(name, value)| has(name.as_bytes(), needle) || has(value, needle))
}

/// Whether the text is there, in letters of either case. `needle` is in lower case.
fn has(text: &[u8], needle: &[u8]) -> bool {
    let Some(first) = needle.first() else { return true };
    let fits = |window: &[u8]| window[0].to_ascii_lowercase() == *first && window.eq_ignore_ascii_case(needle);
    text.windows(needle.len()).any(fits)
}
