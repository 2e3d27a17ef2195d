//! Forwards and commands of `listen` that wait to be resumed.

use std::io;

use crate::app::receive::takeover::described;
use crate::app::replay::Resumable;
use crate::store::LaneSummary;
use crate::text::count;
use crate::view::{JsonLines, Page, View};

impl View for Resumable {
    fn human(&self, page: &mut Page) {
        for LaneSummary { lane, waiting, .. } in &self.lanes {
            let events = count(*waiting, "event");
            page.line(format!("{} for {events}, in {}", described(lane), lane.folder));
        }
    }

    fn json(&self, _: &mut JsonLines<'_>) -> io::Result<()> {
        Ok(())
    }
}
