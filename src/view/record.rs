//! Records of the ledger in one line each.

use std::cell::OnceCell;
use std::io;

use super::columns::{Cell, Column, Layout, Tone, column};
use super::{JsonLines, Page, View, short_size, short_time};
use crate::app::inspect::ListedRecord;
use crate::clock::Timestamp;
use crate::store::{RecordKind, Summary};
use crate::text::printable;

/// Characters of a text from the network in one column, at most.
const MOST: usize = 200;

/// The columns of a list of records.
const COLUMNS: [Column; 12] = [
    column("#", true, 2, false),
    column("WHEN", true, 10, false),
    column("", false, 3, false),
    column("EVENT", false, 12, false),
    column("PROVIDER", false, 8, true),
    column("TARGET", false, 14, false),
    column("STATE", false, 24, false),
    column("", false, 12, false),
    column("STATUS", true, 6, false),
    column("TRIES", true, 5, true),
    column("TOOK", true, 7, true),
    column("SIZE", true, 8, true),
];

/// Widths for records that are still to come.
const USUAL: [usize; 12] = [6, 12, 3, 24, 14, 30, 18, 16, 6, 5, 8, 8];

/// Records of a list, page by page. The first page decides how wide the columns are.
pub struct RecordPage<'a> {
    /// The records of this page.
    pub records: &'a [ListedRecord],
    /// For their age.
    pub now: Timestamp,
    /// Kept from one page to the next.
    pub layout: &'a OnceCell<Layout>,
}

impl View for RecordPage<'_> {
    fn human(&self, page: &mut Page) {
        let when = |summary: &Summary| age(summary.at, self.now);
        let rows: Vec<_> = self
            .records
            .iter()
            .map(|record| row(record, when(&record.summary)))
            .collect();
        if self.layout.get().is_none() {
            let layout = self.layout.get_or_init(|| Layout::fit(&COLUMNS, &rows, page.columns));
            if page.columns.is_some() {
                page.line(layout.line(&layout.titles(), page.style, true));
            }
        }
        for (row, layout) in rows.iter().zip(std::iter::repeat(self.layout.get()).flatten()) {
            page.line(layout.line(row, page.style, page.columns.is_some()));
        }
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        let mut records = self.records.iter();
        records.try_for_each(|record| lines.object("hook.record/1", &record.summary))
    }
}

/// A record that has just come or changed.
pub struct FollowedRecord<'a>(pub &'a ListedRecord);

impl View for FollowedRecord<'_> {
    fn human(&self, page: &mut Page) {
        let row = row(self.0, self.0.summary.at.local_clock());
        page.line(Layout::fixed(&COLUMNS, &USUAL).line(&row, page.style, false));
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.object("hook.record/1", &self.0.summary)
    }
}

/// A record as a row under [`COLUMNS`]. `when` is said as it is.
fn row(record: &ListedRecord, when: String) -> Vec<Cell> {
    let summary = &record.summary;
    let text = |text: &str| printable(text, MOST);
    let arrow = match summary.kind {
        RecordKind::Capture => "<--",
        RecordKind::Delivery => "-->",
    };
    let event = match (&summary.event, &summary.workflow) {
        (Some(event), _) => text(event),
        (None, Some(workflow)) => text(&format!("workflow {workflow}")),
        (None, None) => "-".to_owned(),
    };
    let provider = summary.provider.as_deref().map_or_else(|| "-".to_owned(), text);
    let target = match &summary.endpoint {
        Some(endpoint) => text(endpoint),
        None => text(&summary.target),
    };
    let tries = match (summary.kind, &summary.unprocessed) {
        (RecordKind::Capture, Some(failed)) => failed.tries.to_string(),
        (RecordKind::Capture, None) => String::new(),
        (RecordKind::Delivery, _) => summary.attempts.to_string(),
    };
    let duplicate = summary
        .duplicate_of
        .map_or_else(String::new, |first| format!("duplicate of #{first}"));
    vec![
        Cell::new(format!("#{}", summary.number), Tone::Strong),
        Cell::new(when, Tone::Dim),
        Cell::new(arrow, Tone::Dim),
        Cell::new(event, Tone::Name),
        Cell::new(provider, Tone::Plain),
        Cell::new(target, Tone::Plain),
        state(summary, record.is_abandoned),
        Cell::new(duplicate, Tone::Caution),
        status_cell(summary),
        Cell::new(tries, Tone::Plain),
        Cell::new(summary.took.map_or_else(String::new, short_time), Tone::Dim),
        Cell::new(short_size(summary.size), Tone::Dim),
    ]
}

/// How good a state is.
pub fn tone(state: &str) -> Tone {
    match state {
        "verified" | "token-only" | "delivered" => Tone::Good,
        "refused" | "failed" => Tone::Bad,
        _ => Tone::Caution,
    }
}

fn state(summary: &Summary, abandoned: bool) -> Cell {
    if let Some(failed) = &summary.unprocessed {
        let text = format!("{}, not processed: {}", summary.state, failed.error);
        return Cell::new(printable(&text, MOST), Tone::Bad);
    }
    let cause = if abandoned {
        Some("abandoned")
    } else {
        summary.reason.as_deref()
    };
    let text = match cause {
        Some(cause) => format!("{}: {cause}", summary.state),
        None => summary.state.clone(),
    };
    Cell::new(printable(&text, MOST), tone(&summary.state))
}

fn status_cell(summary: &Summary) -> Cell {
    match summary.status {
        Some(code @ 200..300) => Cell::new(code.to_string(), Tone::Good),
        Some(code) => Cell::new(code.to_string(), Tone::Bad),
        // The app's own response is not recorded.
        None if summary.kind == RecordKind::Capture && !summary.is_unreadable() => Cell::new("app", Tone::Dim),
        None => Cell::new("-", Tone::Dim),
    }
}

/// How long ago, in one unit; the day when that is more than a week.
pub fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(at).as_secs();
    match seconds {
        0..1 => "now".to_owned(),
        1..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        86_400..604_800 => format!("{}d", seconds / 86_400),
        _ => at.local_datetime().chars().take(10).collect(),
    }
}
