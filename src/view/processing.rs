//! What came of a command that ran again for a request.

use std::io;

use crate::app::replay::rerun::ProcessingResult;
use crate::text::printable;
use crate::view::{JsonLines, Page, View, short_time};

impl View for ProcessingResult {
    fn human(&self, page: &mut Page) {
        let style = page.style;
        let event = self
            .event
            .as_deref()
            .map_or_else(|| "-".to_owned(), |event| printable(event, 200));
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
            style.name(&event),
            style.dim(&short_time(self.took)),
        ));
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.object("hook.processing/1", self)
    }
}
