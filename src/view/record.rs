//! Records of the ledger in one line each.

use serde::Serialize;

use super::columns::{Cell, Column, Tone, column};
use super::{millis, short_size, short_time};
use crate::clock::Timestamp;
use crate::mask;
use crate::store::{DeliveryState, RecordKind, Summary};
use crate::text::printable;

/// Characters of a text from the network in one column, at most.
const MOST: usize = 200;

/// `{"schema":"hook.record/1"}`: a record without its bytes.
#[derive(Debug, Serialize)]
pub struct RecordLine<'a> {
    schema: &'static str,
    number: u64,
    id: String,
    kind: &'static str,
    at: String,
    event: Option<&'a str>,
    provider: Option<&'a str>,
    endpoint: Option<&'a str>,
    state: &'a str,
    reason: Option<&'a str>,
    target: String,
    status: Option<u16>,
    attempts: u32,
    took_ms: Option<f64>,
    size: u64,
    duplicate_of: Option<u64>,
    workflow: Option<&'a str>,
    failed_processing: Option<FailedProcessing<'a>>,
}

/// What came of the commands for a capture.
#[derive(Debug, Serialize)]
struct FailedProcessing<'a> {
    tries: u32,
    error: &'a str,
}

impl<'a> RecordLine<'a> {
    /// From what the ledger lists.
    pub fn new(summary: &'a Summary) -> Self {
        Self {
            schema: "hook.record/1",
            number: summary.number,
            id: summary.id.to_string(),
            kind: summary.kind.name(),
            at: summary.at.to_string(),
            event: summary.event.as_deref(),
            provider: summary.provider.as_deref(),
            endpoint: summary.endpoint.as_deref(),
            state: &summary.state,
            reason: summary.reason.as_deref(),
            target: target(summary),
            status: status(summary),
            attempts: summary.attempts,
            took_ms: summary.took.map(millis),
            size: summary.size,
            duplicate_of: summary.duplicate_of,
            workflow: summary.workflow.as_deref(),
            failed_processing: summary
                .unprocessed
                .as_ref()
                .map(|(tries, error)| FailedProcessing { tries: *tries, error }),
        }
    }
}

/// The columns of a list of records.
pub const COLUMNS: [Column; 12] = [
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
pub const USUAL: [usize; 12] = [6, 12, 3, 24, 14, 30, 18, 16, 6, 5, 8, 8];

/// A record as a row under [`COLUMNS`]. `when` is said as it is; `abandoned`: no living process works on it.
pub fn row(summary: &Summary, when: String, abandoned: bool) -> Vec<Cell> {
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
        None => text(&target(summary)),
    };
    let tries = match (summary.kind, &summary.unprocessed) {
        (RecordKind::Capture, Some((tries, _))) => tries.to_string(),
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
        state(summary, abandoned),
        Cell::new(duplicate, Tone::Caution),
        status_cell(summary),
        Cell::new(tries, Tone::Plain),
        Cell::new(summary.took.map_or_else(String::new, short_time), Tone::Dim),
        Cell::new(short_size(summary.size), Tone::Dim),
    ]
}

/// Method and target, or URL, without credentials; of a request to an inbound trigger without the path.
fn target(summary: &Summary) -> String {
    let trigger = summary.kind == RecordKind::Capture && summary.workflow.is_some();
    match summary.target.split_once(' ').filter(|_| trigger) {
        Some((method, target)) => format!("{method} {}", mask::trigger(target)),
        None => mask::url(&summary.target),
    }
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
    if let Some((_, error)) = &summary.unprocessed {
        let text = format!("{}, not processed: {error}", summary.state);
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

/// The status of a capture whose answer is the app's was never known.
fn status(summary: &Summary) -> Option<u16> {
    summary.status.filter(|status| *status != 0)
}

fn status_cell(summary: &Summary) -> Cell {
    match status(summary) {
        Some(code @ 200..300) => Cell::new(code.to_string(), Tone::Good),
        Some(code) => Cell::new(code.to_string(), Tone::Bad),
        None if summary.status.is_some() => Cell::new("app", Tone::Dim),
        None => Cell::new("-", Tone::Dim),
    }
}

/// Whether attempts are left.
pub fn is_pending(summary: &Summary) -> bool {
    summary.kind == RecordKind::Delivery && summary.state == DeliveryState::Pending.name()
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
