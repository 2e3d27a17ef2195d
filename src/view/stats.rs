//! Figures over records.

use std::io;
use std::time::Duration;

use serde_json::json;

use super::{JsonLines, Page, View, counted, millis, short_time};
use crate::app::inspect::stats::Statistics;
use crate::clock::human_duration;
use crate::store::EventStats;
use crate::text::printable;

impl View for Statistics {
    fn human(&self, page: &mut Page) {
        let (style, stats) = (page.style, &self.stats);
        let mut field = |name: &str, value: String| page.field(name, &value);
        if let Some(from) = self.from {
            let length = human_duration(Duration::from_secs(self.length().as_secs().max(1)));
            field("period", format!("{length}, since {}", from.local_datetime()));
        }
        field(
            "received",
            format!(
                "{}: {} verified, {} refused, {} duplicates",
                stats.captures, stats.verified, stats.refused, stats.duplicates
            ),
        );
        let parked = match stats.parked {
            0 => String::new(),
            some => format!(", {some} parked"),
        };
        field("processing", format!("{} failed", stats.unprocessed));
        field(
            "deliveries",
            format!(
                "{}: {} delivered, {} failed, {} with attempts left{parked}",
                stats.deliveries, stats.delivered, stats.failed, stats.pending
            ),
        );
        if let Some(rate) = self.success_rate() {
            field("success", format!("{:.2} %", rate * 100.0));
        }
        field("attempts", stats.attempts.to_string());
        if let (Some(p50), Some(p95)) = (stats.p50, stats.p95) {
            let (p50, p95) = (short_time(p50), short_time(p95));
            field("answers", format!("p50 {p50}, p95 {p95}"));
        }
        for (index, event) in stats.by_event.iter().enumerate() {
            let name = if index == 0 { "events" } else { "" };
            let (count, rate) = (event.records, rate(self.per_hour(event.records)));
            let shown = style.name(&printable(&event.event, 200));
            let troubles = style.caution(&troubles(event));
            field(name, format!("{count:>8}  {rate:>9}  {shown}{troubles}"));
        }
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        let stats = &self.stats;
        let event = |event: &EventStats| {
            json!({
                "event": event.event,
                "count": event.records,
                "per_hour": self.per_hour(event.records),
                "duplicates": event.duplicates,
                "failed_processing": event.unprocessed,
            })
        };
        let fields = json!({
            "since": self.since,
            "from": self.from,
            "until": self.until,
            "captures": stats.captures,
            "verified": stats.verified,
            "refused": stats.refused,
            "duplicates": stats.duplicates,
            "failed_processing": stats.unprocessed,
            "deliveries": stats.deliveries,
            "delivered": stats.delivered,
            "failed": stats.failed,
            "pending": stats.pending,
            "parked": stats.parked,
            "success_rate": self.success_rate(),
            "attempts": stats.attempts,
            "p50_ms": stats.p50.map(millis),
            "p95_ms": stats.p95.map(millis),
            "events": stats.by_event.iter().map(event).collect::<Vec<_>>(),
        });
        lines.object("hook.stats/1", &fields)
    }
}

/// `3.5/min`, `12/h`, `0.5/day`: in the longest unit in which it is not long to read.
fn rate(per_hour: f64) -> String {
    let (number, unit) = match per_hour {
        many if many >= 120.0 => (many / 60.0, "min"),
        some if some >= 1.0 => (some, "h"),
        few => (few * 24.0, "day"),
    };
    let digits = usize::from(number < 100.0);
    format!("{number:.digits$}/{unit}")
}

/// `  2 duplicates, 1 failed`
fn troubles(event: &EventStats) -> String {
    let parts = counted([
        (event.duplicates, "duplicates"),
        (event.unprocessed, "failed processing"),
    ]);
    match parts.as_slice() {
        [] => String::new(),
        parts => format!("  {}", parts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frequency_is_said_in_a_unit_in_which_it_can_be_read() {
        for (per_hour, said) in [
            (0.5, "12.0/day"),
            (1.0, "1.0/h"),
            (119.0, "119/h"),
            (120.0, "2.0/min"),
            (600_000.0, "10000/min"),
        ] {
            assert_eq!(rate(per_hour), said);
        }
    }
}
