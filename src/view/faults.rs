//! What a receiver accepted of a faulty sender.

use crate::app::outgoing::{AcceptedEvent, FaultReport};
use crate::text::printable;
use crate::view::{JsonRecord, Page, count};

/// Events that are listed, of each kind.
const SHOWN: usize = 10;

impl JsonRecord for FaultReport {
    const SCHEMA: &'static str = "hook.faults/1";

    fn human(&self, page: &mut Page) {
        let style = page.style;
        let requests = count(self.requests, "request");
        page.line(format!("{requests}: {} accepted", self.accepted));
        if self.accepted_tampered > 0 {
            let what = format!(
                "{} accepted although tampered with",
                count(self.accepted_tampered, "request")
            );
            page.line(style.bad(&what));
        }
        if self.requests < 2 {
            return;
        }
        list(
            page,
            "accepted more than once",
            self.accepted_twice,
            &self.events_accepted_twice,
        );
        list(
            page,
            "accepted out of order",
            self.out_of_order,
            &self.events_out_of_order,
        );
    }
}

fn list(page: &mut Page, what: &str, total: u64, events: &[AcceptedEvent]) {
    let title = format!("{what}: {}", count(total, "event"));
    page.line(if total > 0 { page.style.caution(&title) } else { title });
    for event in events.iter().take(SHOWN) {
        let name = printable(&event.event, 60);
        let id = event.event_id.as_ref().map(|id| format!(" {}", printable(id, 100)));
        let target = event
            .target
            .as_ref()
            .map(|target| format!(" by {}", printable(target, 100)));
        let how = match event.after {
            Some(after) => format!("after event {after}"),
            None => format!("{} times", event.times),
        };
        let (number, id, target) = (event.number, id.unwrap_or_default(), target.unwrap_or_default());
        page.line(format!("  event {number} {name}{id}: {how}{target}"));
    }
    let left = total.saturating_sub(events.len().min(SHOWN) as u64);
    if left > 0 {
        page.line(format!("  and {left} more"));
    }
}
