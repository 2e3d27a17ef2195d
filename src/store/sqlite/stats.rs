//! Figures over many records.

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::{Connection, Row, params_from_iter};

use super::filter::{self, Filter};
use super::minutes;
use super::read::nanoseconds;
use super::unsigned;
use crate::store::{Query, Stats};

/// Figures over the records that match. The page of the query says nothing here.
pub(super) fn stats(connection: &Connection, query: &Query) -> rusqlite::Result<Stats> {
    let mut query = query.clone();
    (query.page.after, query.page.before) = (None, None);
    let floor = minutes::floor(connection, query.since)?;
    let mut stats = Stats::default();
    let mut events = HashMap::new();
    if let Some(filter) = filter::captures(&query, floor) {
        captures(connection, &filter, &mut stats, &mut events)?;
    }
    if let Some(filter) = filter::deliveries(&query, floor) {
        deliveries(connection, &filter, &mut stats, &mut events)?;
        (stats.p50, stats.p95) = percentiles(connection, &filter)?;
    }
    stats.by_event = events.into_iter().collect();
    stats.by_event.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(stats)
}

fn captures(
    connection: &Connection,
    filter: &Filter,
    stats: &mut Stats,
    events: &mut HashMap<String, u64>,
) -> rusqlite::Result<()> {
    let columns = "count(*), sum(verdict = 'verified'), sum(verdict = 'refused'), count(duplicate_of)";
    by_event(connection, columns, filter, events, |row| {
        stats.captures += count(row, 1)?;
        stats.verified += count(row, 2)?;
        stats.refused += count(row, 3)?;
        stats.duplicates += count(row, 4)?;
        Ok(())
    })
}

fn deliveries(
    connection: &Connection,
    filter: &Filter,
    stats: &mut Stats,
    events: &mut HashMap<String, u64>,
) -> rusqlite::Result<()> {
    let columns = "count(*), sum(state = 'delivered'), sum(state = 'failed'), sum(state = 'pending'), sum(attempts)";
    by_event(connection, columns, filter, events, |row| {
        stats.deliveries += count(row, 1)?;
        stats.delivered += count(row, 2)?;
        stats.failed += count(row, 3)?;
        stats.pending += count(row, 4)?;
        stats.attempts += count(row, 5)?;
        Ok(())
    })
}

/// Adds up the figures of each event, and counts its records.
fn by_event(
    connection: &Connection,
    columns: &str,
    filter: &Filter,
    events: &mut HashMap<String, u64>,
    mut add: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let sql = format!("SELECT event, {columns} FROM {} GROUP BY event", filter.sql);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(&filter.values))?;
    while let Some(row) = rows.next()? {
        add(row)?;
        if let Some(event) = row.get(0)? {
            *events.entry(event).or_default() += count(row, 1)?;
        }
    }
    Ok(())
}

fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(unsigned)
}

/// The durations that 50 and 95 in 100 of the answered attempts did not exceed.
fn percentiles(connection: &Connection, filter: &Filter) -> rusqlite::Result<(Option<Duration>, Option<Duration>)> {
    let sql = format!(
        "SELECT took FROM attempt WHERE status IS NOT NULL AND delivery IN (SELECT n FROM {})",
        filter.sql
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(&filter.values), |row| row.get(0))?;
    let mut took = rows.collect::<Result<Vec<i64>, _>>()?;
    let mut nearest_rank = |percent: usize| {
        let rank = (took.len() * percent).div_ceil(100).checked_sub(1)?;
        let (_, nth, _) = took.select_nth_unstable(rank);
        Some(nanoseconds(*nth))
    };
    Ok((nearest_rank(50), nearest_rank(95)))
}
