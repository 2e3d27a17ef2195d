//! A record as a row of the list.

use std::time::Duration;

use serde::Serialize;

use crate::answered::Answered;
use crate::app::inspect::ListedRecord;
use crate::clock::Timestamp;
use crate::store::{RecordKind, Summary};
use crate::text::{printable, serialize_millis_if_any, short_size, short_time};
use crate::view::record::tone;
use crate::view::style::Tone;

/// Characters of a text from the network in one column, at most.
const MOST: usize = 200;

/// A row. Its texts are harmless on a terminal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ListRow {
    /// Shown as `#N`.
    pub number: u64,
    /// `cap_...` or `dlv_...`
    pub id: String,
    /// What it is.
    pub kind: RecordKind,
    /// When, in milliseconds of Unix time.
    #[serde(rename = "at_ms", serialize_with = "unix_ms")]
    pub at: Timestamp,
    /// The event's type, or the workflow.
    pub event: String,
    /// The provider.
    pub provider: String,
    /// The endpoint's name, else the target.
    pub target: String,
    /// Verdict or state in a word or two.
    pub verdict: &'static str,
    /// How good that is: `good`, `bad` or `caution`.
    pub tone: &'static str,
    /// Why it is so, where that is known.
    pub reason: String,
    /// The status of the answer; absent for one that the app gives itself, and where there was none.
    pub status: Option<u16>,
    /// What was done on purpose in place of an answer, in a word.
    pub unanswered: Option<String>,
    /// Attempts; 0 for a capture.
    pub tries: u32,
    /// Size of the body, in words.
    pub size: String,
    /// How long the last attempt took.
    #[serde(rename = "took_ms", serialize_with = "serialize_millis_if_any")]
    pub took: Option<Duration>,
    /// The same in words.
    pub took_text: String,
    /// The first capture of the same event.
    pub duplicate_of: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn unix_ms<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(at.unix_ms())
}

impl ListRow {
    /// The row of a record.
    pub fn of(record: &ListedRecord) -> Self {
        let summary = &record.summary;
        let text = |text: Option<&str>| text.map(|text| printable(text, MOST)).unwrap_or_default();
        let workflow = || summary.workflow.as_ref().map(|name| format!("workflow {name}"));
        let event = summary.event.clone().or_else(workflow);
        let failed = summary.unprocessed.as_ref();
        let answered = summary.status.map(Answered::from_code);
        let failure = failed.map(|failed| format!("not processed: {}", failed.error));
        Self {
            number: summary.number,
            id: summary.id.to_string(),
            kind: summary.kind,
            at: summary.at,
            event: text(event.as_deref()),
            provider: text(summary.provider.as_deref()),
            target: text(summary.endpoint.as_deref().or(Some(&summary.target))),
            verdict: word(summary, record.is_abandoned),
            tone: tone_name(if failed.is_some() {
                Tone::Bad
            } else {
                tone(&summary.state)
            }),
            reason: text(failure.as_deref().or(summary.reason.as_deref())),
            status: answered.and_then(Answered::status),
            unanswered: answered
                .filter(|answered| answered.status().is_none())
                .map(Answered::word),
            tries: summary.attempts,
            size: short_size(summary.size),
            took: summary.took,
            took_text: summary.took.map(short_time).unwrap_or_default(),
            duplicate_of: summary.duplicate_of,
        }
    }
}

/// A verdict or a state as it is shown.
fn word(summary: &Summary, is_abandoned: bool) -> &'static str {
    if is_abandoned {
        return "abandoned";
    }
    match summary.state.as_str() {
        "verified" => "verified",
        "token-only" => "token only",
        "refused" => "refused",
        "unsigned" => "unsigned",
        "unchecked" => "not verified",
        "pending" => "waiting",
        "delivered" => "delivered",
        "failed" => "failed",
        "parked" => "parked",
        "cancelled" => "cancelled",
        "skipped" => "skipped",
        "rehearsed" => "rehearsed",
        _ => "unreadable",
    }
}

/// The name of a tone for a style sheet.
pub fn tone_name(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Caution => "caution",
        Tone::Dim => "dim",
        Tone::Strong => "strong",
        Tone::Name => "name",
        Tone::Plain => "plain",
    }
}
