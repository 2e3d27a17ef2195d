//! Differences between bodies and the catalogue.

use std::io;

use serde::Serialize;

use super::columns::{Cell, Tone};
use super::{JsonLines, Page, View, count};
use crate::app::inspect::drift::{DriftGroup, DriftSeen};
use crate::provider::drift::Difference;
use crate::text::printable;

/// Characters of a path, at most: it comes from the network.
const PATH_SHOWN: usize = 200;

/// What was found in the bodies of one event.
pub struct DriftReport<'a> {
    /// Whose event it is.
    pub provider: &'a str,
    /// The event.
    pub event: &'a str,
    /// How many records were compared; absent for a body that is in none.
    pub records: Option<u64>,
    /// In the order in which they are shown.
    pub differences: Vec<(&'a Difference, Option<DriftSeen>)>,
}

impl<'a> DriftReport<'a> {
    /// What was found in recorded requests.
    pub fn of(group: &'a DriftGroup) -> Self {
        Self {
            provider: &group.provider,
            event: &group.event,
            records: Some(group.looked_at),
            differences: group.found.iter().map(|(one, seen)| (one, Some(*seen))).collect(),
        }
    }
}

impl View for DriftReport<'_> {
    fn human(&self, page: &mut Page) {
        let style = page.style;
        let title = format!("{} {}", style.name(self.event), self.provider);
        let records = self
            .records
            .map_or_else(String::new, |n| format!("{}, ", count(n, "record")));
        if self.differences.is_empty() {
            let ok = style.good("ok");
            return page.line(format!("{ok} {title}: {records}as in the catalogue"));
        }
        let differences = count(self.differences.len() as u64, "difference");
        page.line(format!("{title}: {records}{differences}"));
        rows(&self.differences, page);
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        #[derive(Serialize)]
        struct DriftRecord<'a> {
            provider: &'a str,
            event: &'a str,
            #[serde(flatten)]
            difference: &'a Difference,
            #[serde(flatten)]
            seen: Option<DriftSeen>,
        }
        let record = |&(difference, seen)| DriftRecord {
            provider: self.provider,
            event: self.event,
            difference,
            seen,
        };
        lines.objects("hook.drift/1", self.differences.iter().map(record))
    }
}

/// One line per difference.
pub fn rows(differences: &[(&Difference, Option<DriftSeen>)], page: &mut Page) {
    let row = |(difference, seen): &(&Difference, Option<DriftSeen>)| {
        let finding = &difference.finding;
        let tone = if finding.is_problem() { Tone::Bad } else { Tone::Dim };
        let path = match difference.path.as_str() {
            "" => "(the body)".to_owned(),
            path => printable(path, PATH_SHOWN),
        };
        let seen = seen.map(|seen| format!("in {}, such as #{}", count(seen.records, "record"), seen.example));
        vec![
            Cell::new(format!("  {:<7}", finding.code), tone),
            Cell::new(path, Tone::Name),
            Cell::new(&finding.fact, Tone::Plain),
            Cell::new(seen.unwrap_or_default(), Tone::Dim),
        ]
    };
    page.table(differences.iter().map(row));
}
