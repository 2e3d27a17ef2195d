//! One record in full.

mod capture;
mod delivery;
mod why;

use std::io;

use super::record::tone;
use super::style::Style;
use super::{JsonLines, Page, View, body};
use crate::app::inspect::json;
use crate::app::inspect::show::RecordDetails;
use crate::clock::{Timestamp, human_duration};
use crate::headers::Headers;
use crate::mask;
use crate::store::{Record, Summary};
use crate::text::printable;
use crate::view::record::age;
use crate::view::request::header_lines;

/// How much of a body is shown without `--full`, in characters.
const BODY_SHOWN: usize = 4096;

/// How much of a header is shown without `--full`, in characters.
const HEADER_SHOWN: usize = 500;

/// How a record is shown.
pub struct DetailsView<'a> {
    /// The record, and what belongs to it.
    pub details: &'a RecordDetails,
    /// Whole bodies, and the headers of every attempt.
    pub full: bool,
    /// In sentences: what happened, why, and what helps.
    pub why: bool,
}

impl View for DetailsView<'_> {
    fn human(&self, page: &mut Page) {
        let mut sheet = RecordSheet {
            page,
            details: self.details,
            full: self.full,
        };
        match &self.details.record {
            Record::Capture(capture) => sheet.capture(capture, !self.why),
            Record::Delivery(delivery) => sheet.delivery(delivery, !self.why),
        }
        if self.why {
            page.line("");
            page.lines.extend(self.sentences());
        }
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        let (schema, mut fields) = match &self.details.record {
            Record::Capture(capture) => ("hook.capture/1", capture::json(self.details, capture)),
            Record::Delivery(delivery) => ("hook.delivery/1", json::delivery(self.details, delivery)),
        };
        if self.why {
            fields["why"] = self.sentences().into();
        }
        lines.object(schema, &fields)
    }
}

impl DetailsView<'_> {
    fn sentences(&self) -> Vec<String> {
        sentences(self.details)
    }
}

/// A record in sentences: what happened, why, and what helps.
pub fn sentences(details: &RecordDetails) -> Vec<String> {
    match &details.record {
        Record::Capture(capture) => why::of_capture(details, capture),
        Record::Delivery(delivery) => why::of_delivery(details, delivery),
    }
}

/// Names and values of a record, without headers and body. A value without a name belongs to the one before.
pub fn fields(details: &RecordDetails) -> Vec<(String, String)> {
    let mut page = Page::new(Style::default(), None);
    let mut sheet = RecordSheet {
        page: &mut page,
        details,
        full: false,
    };
    match &details.record {
        Record::Capture(capture) => sheet.capture(capture, false),
        Record::Delivery(delivery) => sheet.delivery(delivery, false),
    }
    page.fields
}

/// A page about one record.
struct RecordSheet<'a> {
    page: &'a mut Page,
    details: &'a RecordDetails,
    full: bool,
}

impl RecordSheet<'_> {
    /// `#17  cap_...  verified`
    fn title(&mut self, number: u64, id: &str, state: &str) {
        let style = self.page.style;
        self.page.line(format!(
            "{}  {}  {}",
            style.strong(&format!("#{number}")),
            style.dim(id),
            style.paint(tone(state), &printable(state, HEADER_SHOWN)),
        ));
    }

    /// Text from the network.
    fn foreign(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.page.field(name, &printable(value, HEADER_SHOWN));
        }
    }

    /// `2030-01-02 03:04:05, 3m ago`
    fn moment(&self, at: Timestamp) -> String {
        format!("{}, {}", at.local_datetime(), ago(at, self.details.now))
    }

    /// What forwards or repeats the record.
    fn later(&mut self, word: &str) {
        for summary in &self.details.later {
            self.page.field(word, &outcome(self.details, summary));
        }
    }

    /// Headers and body under an indentation.
    fn content(&mut self, indent: &str, headers: &Headers, bytes: &[u8]) {
        let style = self.page.style;
        let (most, body_most) = if self.full {
            (usize::MAX, usize::MAX)
        } else {
            (HEADER_SHOWN, BODY_SHOWN)
        };
        for (name, value) in header_lines(headers, true, &[]) {
            let name = style.dim(&format!("{}:", printable(&name, most)));
            self.page.line(format!("{indent}{name} {}", printable(&value, most)));
        }
        if bytes.is_empty() {
            return;
        }
        if !headers.is_empty() {
            self.page.line("");
        }
        let shown = body::pretty(bytes, body_most);
        for line in shown.text.lines() {
            self.page.line(format!("{indent}{line}"));
        }
        if shown.cut {
            let more = format!("{indent}… `--full` shows all, `--body` prints the bytes");
            self.page.line(style.dim(&more));
        }
    }
}

/// `#18 to http://127.0.0.1:3000/: delivered 200`
fn outcome(details: &RecordDetails, summary: &Summary) -> String {
    let cause = match (summary.status, &summary.reason) {
        (Some(status), _) => format!(" {status}"),
        (None, Some(reason)) => format!(": {reason}"),
        (None, None) => String::new(),
    };
    let url = mask::url_unless(&summary.target, details.reveal);
    let outcome = format!("#{} to {url}: {}{cause}", summary.number, summary.state);
    printable(&outcome, HEADER_SHOWN)
}

/// `3m ago`, `in 4m 10s`.
fn ago(at: Timestamp, now: Timestamp) -> String {
    if at > now {
        return format!("in {}", human_duration(at.since(now)));
    }
    match age(at, now).as_str() {
        "now" => "just now".to_owned(),
        _ => format!("{} ago", human_duration(now.since(at))),
    }
}
