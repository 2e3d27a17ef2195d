//! The result of a command that ran again for a request.

use crate::app::replay::rerun::ProcessingResult;
use crate::view::{JsonRecord, Page, or_dash, short_time};

impl JsonRecord for ProcessingResult {
    const SCHEMA: &'static str = "hook.processing/1";

    fn human(&self, page: &mut Page) {
        let style = page.style;
        let what = match &self.error {
            None => style.good("processed"),
            Some(error) => format!(
                "{} {}",
                style.bad(&format!("failed: {error}")),
                style.dim(&format!("(try {})", self.tries))
            ),
        };
        page.line(format!(
            "{}  {}  {what}  {}",
            style.strong(&format!("#{}", self.number)),
            style.name(&or_dash(self.event.as_deref(), 200)),
            style.dim(&short_time(self.took)),
        ));
    }
}
