//! Why a request was accepted or refused: in sentences, and by the bytes that are signed.

use std::ops::Range;

use serde::Serialize;

use crate::app::inspect::difference;
use crate::app::inspect::show::RecordDetails;
use crate::app::verify::VerifyReport;
use crate::store::{DeliveryState, Record};
use crate::text::printable;
use crate::view;

/// Bytes that are shown of each side, around the first difference.
const SHOWN: usize = 8 * 1024;

/// Bytes before the first difference that are shown.
const BEFORE: usize = 1024;

/// What helps when a receiver took a request with a planted fault.
const ACCEPTED_FAULT: &str = "make the receiver verify the signature before it answers 2xx; `hook endpoints test NAME` sends every kind of fault";

/// What helps when a check finds no cause.
const UNKNOWN_CAUSE: &str =
    "compare the secret with the sender's; if another one signed it, `hook ui --secret REF` checks with that one";

/// The tab of a record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WhyTab {
    /// What happened, and what helps.
    pub sentences: Vec<String>,
    /// The mistake, in words.
    pub diagnosis: Option<String>,
    /// Its code.
    pub cause: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// The bytes that the signature covers.
    pub bytes: Option<BytesTab>,
    /// Why there are no such bytes.
    pub note: Option<String>,
}

/// Two texts side by side.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BytesTab {
    /// As they came, or were sent.
    pub arrived: Vec<Segment>,
    /// Whether they were sent from here.
    pub sent: bool,
    /// As they were signed; absent when no known mistake leads to them.
    pub signed: Option<Vec<Segment>>,
    /// Whether a part was left out.
    pub cut: bool,
    /// What they say together.
    pub note: &'static str,
}

/// A stretch of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// Harmless on a terminal; white space that differs is visible.
    pub text: String,
    /// Whether the other text does not have it.
    pub differs: bool,
}

impl WhyTab {
    /// The tab of a record, with the result of checking it again where that was possible.
    pub fn of(details: &RecordDetails, checked: Result<&VerifyReport, String>) -> Self {
        let stored = match &details.record {
            Record::Capture(capture) => capture.diagnosis.as_ref(),
            Record::Delivery(_) => None,
        };
        let (report, note) = match checked {
            Ok(report) => (Some(report), None),
            Err(note) => (None, Some(note)),
        };
        let is_fault = matches!(&details.record, Record::Delivery(record) if record.delivery.signing.fault().is_some());
        let is_sent = matches!(details.record, Record::Delivery(_));
        let found = report.filter(|report| report.diagnosis.is_some());
        let text = |text: &str| printable(text, 2000);
        Self {
            sentences: view::details::sentences(details),
            diagnosis: match (stored, found) {
                (Some(note), _) => Some(text(&note.text)),
                (None, Some(report)) => report.diagnosis.as_deref().map(text),
                (None, None) => None,
            },
            cause: match (stored, found) {
                (Some(note), _) => Some(note.cause.clone()),
                (None, Some(report)) => report.cause.map(str::to_owned),
                (None, None) => None,
            },
            hint: match (stored, report) {
                (Some(note), _) if note.hint.is_some() => note.hint.as_deref().map(text),
                (None, _) if is_fault => Some(ACCEPTED_FAULT.to_owned()).filter(|_| is_accepted(&details.record)),
                (None, Some(report)) if report.judged.is_refused() && report.diagnosis.is_none() => {
                    Some(UNKNOWN_CAUSE.to_owned())
                }
                (_, Some(report)) => report.hint.as_deref().map(text),
                _ => None,
            },
            bytes: report.and_then(|report| BytesTab::of(report, stored.is_some(), is_sent)),
            note,
        }
    }
}

/// Whether a receiver took it.
fn is_accepted(record: &Record) -> bool {
    let Record::Delivery(record) = record else {
        return false;
    };
    let last = record.delivery.attempts.last();
    // What a receiver must refuse is never recorded as delivered.
    record.delivery.state == DeliveryState::Delivered
        || last
            .and_then(|attempt| attempt.outcome.status())
            .is_some_and(|status| (200..300).contains(&status))
}

impl BytesTab {
    /// Of a check. `is_explained`: the mistake was found when the request came; `sent`: from here.
    fn of(report: &VerifyReport, is_explained: bool, sent: bool) -> Option<Self> {
        let bytes = report.bytes.as_ref()?;
        let Some(signed) = &bytes.signed else {
            let (arrived, cut) = segments(&bytes.arrived, &[], 0);
            let note = if is_explained {
                "What was signed is not shown: the secret of this request is not known here. `--secret REF` adds it."
            } else {
                "No known mistake leads from these bytes to what was signed: the secret, or the content, is another one."
            };
            return Some(Self {
                arrived,
                sent,
                signed: None,
                cut,
                note,
            });
        };
        let found = difference::bytes(&bytes.arrived, signed);
        let first = [found.left.first(), found.right.first()].into_iter().flatten();
        let first = first.map(|range| range.start).min();
        let from = first.unwrap_or(0).saturating_sub(BEFORE);
        let (arrived, cut) = segments(&bytes.arrived, &found.left, from);
        let (signed, cut_too) = segments(signed, &found.right, from);
        let note = match (first, report.judged.is_refused()) {
            (None, false) if sent => "What is sent is what was signed.",
            (None, false) => "What came is what was signed.",
            (None, true) => "The signed bytes came unchanged: the mistake is not in them.",
            (Some(_), _) => "The marked bytes differ.",
        };
        Some(Self {
            arrived,
            sent,
            signed: Some(signed),
            cut: cut || cut_too,
            note,
        })
    }
}

/// The text from there on, divided where it begins or ends to differ; whether a part was left out.
fn segments(bytes: &[u8], differing: &[Range<usize>], from: usize) -> (Vec<Segment>, bool) {
    let end = bytes.len().min(from + SHOWN);
    let (mut at, mut segments) = (from.min(end), Vec::new());
    let mut add = |range: Range<usize>, differs: bool| {
        if !range.is_empty() {
            let text = shown(&bytes[range], differs);
            segments.push(Segment { text, differs });
        }
    };
    for range in differing {
        let (start, stop) = (range.start.clamp(at, end), range.end.clamp(at, end));
        add(at..start, false);
        add(start..stop, true);
        at = stop.max(at);
    }
    add(at..end, false);
    (segments, from > 0 || end < bytes.len())
}

/// Bytes as text. White space that differs gets a sign: it would be invisible.
fn shown(bytes: &[u8], differs: bool) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' if differs => shown.push('·'),
            '\t' if differs => shown.push('→'),
            '\r' if differs => shown.push('␍'),
            '\n' if differs => shown.push_str("⏎\n"),
            '\n' => shown.push('\n'),
            c => shown.push_str(&printable(c.encode_utf8(&mut [0; 4]), 16)),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(segments: &[Segment]) -> String {
        let marked = |segment: &Segment| {
            let sides = if segment.differs { ["[", "]"] } else { ["", ""] };
            sides.join(&segment.text)
        };
        segments.iter().map(marked).collect()
    }

    #[test]
    fn differing_stretches_are_marked_and_their_spaces_visible() {
        let (shown, cut) = segments(b"{\"a\": 1,\n\"b\":2}\n", &[5..6, 8..9, 15..16], 0);
        assert_eq!(text(&shown), "{\"a\":[·]1,[⏎\n]\"b\":2}[⏎\n]");
        assert!(!cut);
    }

    #[test]
    fn a_long_text_is_shown_around_its_first_difference() {
        let bytes = [vec![b'x'; 5000], b"y".to_vec(), vec![b'x'; 20_000]].concat();
        let (shown, cut) = segments(&bytes, std::slice::from_ref(&(5000..5001)), 5000 - BEFORE);
        assert!(cut);
        assert_eq!(shown[0].text.len(), BEFORE);
        assert_eq!(shown[1].text, "y");
        assert_eq!(shown[2].text.len(), SHOWN - BEFORE - 1);
    }
}
