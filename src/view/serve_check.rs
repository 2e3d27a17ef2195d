//! What `hook serve --check` found.

use std::io;

use serde_json::json;

use super::check::tone;
use super::{JsonLines, Page, View};
use crate::finding::Finding;

/// The findings, in order.
pub struct ServeCheck(pub Vec<Finding>);

impl View for ServeCheck {
    /// `ok       ledger       ... has format 6`
    fn human(&self, page: &mut Page) {
        let style = page.style;
        for finding in &self.0 {
            let word = style.paint(tone(finding.level), &format!("{:<7}", finding.level.name()));
            page.line(format!("{word}  {:<11}  {}", finding.code, finding.fact));
            if let Some(hint) = &finding.hint {
                page.line(style.dim(&format!("{:<22}{hint}", "")));
            }
        }
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        let records = self.0.iter().map(|finding| {
            json!({
                "check": finding.code,
                "result": finding.level.name(),
                "detail": finding.fact,
                "hint": finding.hint,
            })
        });
        lines.objects("hook.serve-check/1", records)
    }
}
