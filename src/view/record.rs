//! Records of the ledger in one line each.

use std::cell::OnceCell;
use std::io;

use super::columns::{Cell, Column, Layout, Tone, column};
use super::{JsonLines, Page, View, or_dash, short_size, short_time};
use crate::answered::Answered;
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
        let row = |record: &ListedRecord| row(record, age(record.summary.at, self.now));
        let rows: Vec<_> = self.records.iter().map(row).collect();
        // Later pages keep the columns of the first.
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
        lines.objects("hook.record/1", self.records.iter().map(|record| &record.summary))
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

/// A record as a row under [`COLUMNS`].
fn row(record: &ListedRecord, when: String) -> Vec<Cell> {
    let summary = &record.summary;
    let arrow = match summary.kind {
        RecordKind::Capture => "<--",
        RecordKind::Delivery => "-->",
    };
    let workflow = || summary.workflow.as_ref().map(|name| format!("workflow {name}"));
    let event = summary.event.clone().or_else(workflow);
    let target = summary.endpoint.as_ref().unwrap_or(&summary.target);
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
        Cell::new(or_dash(event.as_deref(), MOST), Tone::Name),
        Cell::new(or_dash(summary.provider.as_deref(), MOST), Tone::Plain),
        Cell::new(printable(target, MOST), Tone::Plain),
        state(summary, record.is_abandoned),
        Cell::new(duplicate, Tone::Caution),
        recorded_status(summary),
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
    let (cause, tone) = match (&summary.unprocessed, &summary.reason) {
        (Some(failed), _) => (Some(format!(", not processed: {}", failed.error)), Tone::Bad),
        _ if abandoned => (Some(": abandoned".to_owned()), tone(&summary.state)),
        (None, reason) => (
            reason.as_ref().map(|reason| format!(": {reason}")),
            tone(&summary.state),
        ),
    };
    let text = format!("{}{}", summary.state, cause.unwrap_or_default());
    Cell::new(printable(&text, MOST), tone)
}

fn recorded_status(summary: &Summary) -> Cell {
    match summary.status {
        Some(status) => status_cell(status),
        // The app's own response is not recorded.
        None if summary.kind == RecordKind::Capture && !summary.is_unreadable() => status_cell(0),
        None => Cell::new("-", Tone::Dim),
    }
}

/// A response status; numbers below 200 stand for what [`Answered`] says.
pub fn status_cell(status: u16) -> Cell {
    let answered = Answered::from_code(status);
    let tone = match answered {
        Answered::ByApp => Tone::Dim,
        _ if answered.is_success() => Tone::Good,
        _ => Tone::Bad,
    };
    Cell::new(answered.word(), tone)
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
