//! Differences between bodies and the catalogue.

use std::io;

use serde::Serialize;

use super::{JsonLines, Page, View, count};
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

/// In which records a difference was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DriftSeen {
    /// How many of them.
    pub records: u64,
    /// The number of one of them.
    pub example: u64,
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
        self.differences.iter().try_for_each(|(difference, seen)| {
            let (provider, event, seen) = (self.provider, self.event, *seen);
            lines.object(
                "hook.drift/1",
                &DriftRecord {
                    provider,
                    event,
                    difference,
                    seen,
                },
            )
        })
    }
}

/// One line a difference, in columns.
pub fn rows(differences: &[(&Difference, Option<DriftSeen>)], page: &mut Page) {
    let style = page.style;
    let paths: Vec<String> = differences.iter().map(|(difference, _)| path(difference)).collect();
    let facts = differences
        .iter()
        .map(|(difference, _)| difference.finding.fact.as_str());
    let (path_width, fact_width) = (width(paths.iter().map(String::as_str)), width(facts));
    for ((difference, seen), path) in differences.iter().zip(&paths) {
        let finding = &difference.finding;
        // Padded before it is coloured: colours have a width for the formatter, none on the screen.
        let name = &format!("{:<7}", finding.code);
        let name = if finding.is_problem() {
            style.bad(name)
        } else {
            style.dim(name)
        };
        let start = format!("  {name}  {}", style.name(&format!("{path:<path_width$}")));
        page.line(match seen {
            None => format!("{start}  {}", finding.fact),
            Some(seen) => {
                let places = count(seen.records, "record");
                let seen = style.dim(&format!("in {places}, such as #{}", seen.example));
                format!("{start}  {:<fact_width$}  {seen}", finding.fact)
            }
        });
    }
}

fn width<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(0)
}

fn path(difference: &Difference) -> String {
    match difference.path.as_str() {
        "" => "(the body)".to_owned(),
        path => printable(path, PATH_SHOWN),
    }
}
