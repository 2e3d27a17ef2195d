//! A record for a provider's support team.

use super::{JsonRecord, Page, count, short_time, status_line};
use crate::app::inspect::report::{LastExchange, Report};
use crate::text::printable;

impl JsonRecord for Report {
    const SCHEMA: &'static str = "hook.report/1";

    fn human(&self, page: &mut Page) {
        for (name, value) in rows(self) {
            let name = format!("{name}:");
            page.line(format!("{name:<15}{}", printable(&value, 2000)));
        }
    }
}

fn rows(report: &Report) -> Vec<(&'static str, String)> {
    let or_unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "(unknown)".to_owned());
    let at = report.timestamp;
    let mut rows = vec![
        ("event id", or_unknown(&report.event_id)),
        ("event", or_unknown(&report.event)),
        ("timestamp", format!("{at} (Unix {})", at.unix())),
        ("URL", report.url.clone()),
    ];
    rows.extend(report.endpoint.clone().map(|endpoint| ("endpoint", endpoint)));
    rows.push(("provider", or_unknown(&report.provider)));
    let attempts = report.attempts.map(|made| count(made as u64, "attempt"));
    let after = attempts.map_or_else(String::new, |attempts| format!(" after {attempts}"));
    rows.push(("record", format!("{}, {}{after}", report.id, report.state)));
    if let Some(last) = &report.last {
        rows.push(("last answer", format!("{}, at {}", outcome(last), last.at)));
        rows.extend(last.answer.clone().map(|answer| ("response body", answer)));
    }
    rows
}

/// `200 OK, after 3.4ms`
fn outcome(last: &LastExchange) -> String {
    let outcome = match (last.status, last.error) {
        (Some(status), _) => status_line(status),
        (None, Some(error)) => error.words().to_owned(),
        (None, None) => "by the app".to_owned(),
    };
    match last.took {
        Some(took) => format!("{outcome}, after {}", short_time(took)),
        None if last.status.is_some() => format!("{outcome}, by us"),
        None => outcome,
    }
}
