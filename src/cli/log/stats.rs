//! `hook log stats`: figures over records.

use serde::Serialize;

use super::filter::Filters;
use super::reader_if_any;
use crate::error::Result;
use crate::exit::Exit;
use crate::render::{millis, short_time};
use crate::session::Session;
use crate::store::{Stats, Store as _};
use crate::ui::{Ui, printable};

/// `{"schema":"hook.stats/1"}`: figures over the records that match.
#[derive(Serialize)]
struct StatsLine<'a> {
    schema: &'static str,
    since: Option<String>,
    captures: u64,
    verified: u64,
    refused: u64,
    duplicates: u64,
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
}

pub(super) fn run(session: &Session, filters: &Filters) -> Result<Exit> {
    let query = filters.query(session)?;
    let Some(store) = reader_if_any(session)? else {
        return Ok(Exit::Ok);
    };
    let stats = store.stats(&query)?;
    session.ui.json(&StatsLine {
        schema: "hook.stats/1",
        since: query.since.map(|since| since.to_string()),
        captures: stats.captures,
        verified: stats.verified,
        refused: stats.refused,
        duplicates: stats.duplicates,
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
            .map(|(event, count)| EventPart { event, count: *count })
            .collect(),
    })?;
    human(&session.ui, &stats)?;
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

fn human(ui: &Ui, stats: &Stats) -> Result<()> {
    let field = |name: &str, value: String| ui.line(&format!("{}{value}", ui.out.dim(&format!("{name:<12}"))));
    field(
        "received",
        format!(
            "{}: {} verified, {} refused, {} duplicates",
            stats.captures, stats.verified, stats.refused, stats.duplicates
        ),
    )?;
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
    for (index, (event, count)) in stats.by_event.iter().enumerate() {
        let name = if index == 0 { "events" } else { "" };
        field(name, format!("{count:>8}  {}", ui.out.name(&printable(event, 200))))?;
    }
    Ok(())
}
