//! Retries of a sender beside the schedule that is expected.

use crate::app::receive::RetryReport;
use crate::text::printable;
use crate::view::{JsonRecord, Page, or_dash};

impl JsonRecord for RetryReport {
    const SCHEMA: &'static str = "hook.retries/1";

    fn human(&self, page: &mut Page) {
        let Some(difference) = &self.difference else {
            return;
        };
        let style = page.style;
        let event = or_dash(self.event.as_deref(), 60);
        let id = self.event_id.as_ref().map(|id| format!(" {}", printable(id, 100)));
        let what = style.bad(&difference.describe());
        page.line(format!("{}{}: {what}", style.name(&event), id.unwrap_or_default()));
        page.line(format!("  expected  {}  ({})", self.expected, self.provider));
        page.line(format!("  seen      {}", self.seen));
    }
}
