//! `hook log stats`: figures over records.

use std::time::Duration;

use serde::Serialize;

use super::filter::Filters;
use super::reader_if_any;
use crate::cli::session::Session;
use crate::cli::ui::Ui;
use crate::clock::{Timestamp, human_duration};
use crate::error::Result;
use crate::exit::Exit;
use crate::store::{EventStats, Stats};
use crate::text::printable;
use crate::view::{millis, short_time};

/// `{"schema":"hook.stats/1"}`: figures over the records that match.
#[derive(Serialize)]
struct StatsLine<'a> {
    schema: &'static str,
    since: Option<String>,
    from: Option<String>,
    until: String,
    captures: u64,
    verified: u64,
    refused: u64,
    duplicates: u64,
    failed_processing: u64,
    deliveries: u64,
    delivered: u64,
    failed: u64,
    pending: u64,
    success_rate: Option<f64>,
    attempts: u64,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    events: Vec<EventPart<'a>>,
}

#[derive(Serialize)]
struct EventPart<'a> {
    event: &'a str,
    count: u64,
    per_hour: f64,
    duplicates: u64,
    failed_processing: u64,
}

/// The time that is looked at.
#[derive(Debug, Clone, Copy)]
struct Window {
    /// From `--since`, else from the first record; absent where there is neither.
    from: Option<Timestamp>,
    until: Timestamp,
}

/// The shortest time over which a frequency is said: three events of one second are not 10,800 an hour.
const SHORTEST: Duration = Duration::from_secs(60);

impl Window {
    fn length(self) -> Duration {
        self.from.map_or(Duration::ZERO, |from| self.until.since(from))
    }

    #[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
    fn per_hour(self, count: u64) -> f64 {
        let rate = count as f64 * 3600.0 / self.length().max(SHORTEST).as_secs_f64();
        (rate * 1000.0).round() / 1000.0
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

pub(super) fn run(session: &Session, filters: &Filters) -> Result<Exit> {
    let query = filters.query(session)?;
    let Some(store) = reader_if_any(session)? else {
        return Ok(Exit::Ok);
    };
    let stats = store.stats(&query)?;
    let window = Window {
        from: query.since.or(stats.first),
        until: session.now(),
    };
    session.ui.json(&StatsLine {
        schema: "hook.stats/1",
        since: query.since.map(|since| since.to_string()),
        from: window.from.map(|from| from.to_string()),
        until: window.until.to_string(),
        captures: stats.captures,
        verified: stats.verified,
        refused: stats.refused,
        duplicates: stats.duplicates,
        failed_processing: stats.unprocessed,
        deliveries: stats.deliveries,
        delivered: stats.delivered,
        failed: stats.failed,
        pending: stats.pending,
        success_rate: success_rate(&stats),
        attempts: stats.attempts,
        p50_ms: stats.p50.map(millis),
        p95_ms: stats.p95.map(millis),
        events: stats
            .by_event
            .iter()
            .map(|event| EventPart {
                event: &event.event,
                count: event.records,
                per_hour: window.per_hour(event.records),
                duplicates: event.duplicates,
                failed_processing: event.unprocessed,
            })
            .collect(),
    })?;
    human(&session.ui, &stats, window)?;
    Ok(Exit::Ok)
}

/// Of the deliveries that came to an end, the share that succeeded.
fn success_rate(stats: &Stats) -> Option<f64> {
    let ended = stats.delivered + stats.failed;
    #[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
    let rate = stats.delivered as f64 / ended as f64;
    // Rounded down: 1 is said only when none failed.
    (ended > 0).then(|| (rate * 10_000.0).floor() / 10_000.0)
}

fn human(ui: &Ui, stats: &Stats, window: Window) -> Result<()> {
    let field = |name: &str, value: String| ui.line(&format!("{}{value}", ui.out.dim(&format!("{name:<12}"))));
    if let Some(from) = window.from {
        let length = human_duration(Duration::from_secs(window.length().as_secs().max(1)));
        field("period", format!("{length}, since {}", from.local_datetime()))?;
    }
    field(
        "received",
        format!(
            "{}: {} verified, {} refused, {} duplicates",
            stats.captures, stats.verified, stats.refused, stats.duplicates
        ),
    )?;
    field("processing", format!("{} failed", stats.unprocessed))?;
    field(
        "deliveries",
        format!(
            "{}: {} delivered, {} failed, {} with attempts left",
            stats.deliveries, stats.delivered, stats.failed, stats.pending
        ),
    )?;
    if let Some(rate) = success_rate(stats) {
        field("success", format!("{:.2} %", rate * 100.0))?;
    }
    field("attempts", stats.attempts.to_string())?;
    if let (Some(p50), Some(p95)) = (stats.p50, stats.p95) {
        let (p50, p95) = (short_time(p50), short_time(p95));
        field("answers", format!("p50 {p50}, p95 {p95}"))?;
    }
    for (index, event) in stats.by_event.iter().enumerate() {
        let name = if index == 0 { "events" } else { "" };
        let (count, rate) = (event.records, rate(window.per_hour(event.records)));
        let shown = ui.out.name(&printable(&event.event, 200));
        let troubles = ui.out.caution(&troubles(event));
        field(name, format!("{count:>8}  {rate:>9}  {shown}{troubles}"))?;
    }
    Ok(())
}

/// `  2 duplicates, 1 failed`
fn troubles(event: &EventStats) -> String {
    let parts: Vec<_> = [
        (event.duplicates, "duplicates"),
        (event.unprocessed, "failed processing"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    if parts.is_empty() {
        return String::new();
    }
    format!("  {}", parts.join(", "))
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

    #[test]
    fn a_frequency_is_that_of_the_window_and_of_a_minute_at_least() {
        let from = Timestamp::from_unix(1_893_553_200);
        let after = |seconds| Window {
            from: Some(from),
            until: from.plus(Duration::from_secs(seconds)),
        };
        assert!((after(7200).per_hour(3) - 1.5).abs() < 1e-9);
        assert!((after(1).per_hour(3) - 180.0).abs() < 1e-9);
        assert!(after(0).per_hour(0).abs() < 1e-9);
    }
}
