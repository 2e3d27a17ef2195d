//! Figures over many records.

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::{Connection, Row, params_from_iter};

use super::filter::{self, Filter};
use super::minutes;
use super::values::{lossy, moment, nanoseconds, unsigned};
use crate::clock::Timestamp;
use crate::store::{EventStats, Query, Stats};

/// Figures over the records that match. The page of the query says nothing here.
pub(super) fn stats(connection: &Connection, query: &Query) -> rusqlite::Result<Stats> {
    let mut query = query.clone();
    (query.page.after, query.page.before) = (None, None);
    let floor = minutes::floor(connection, query.since)?;
    let mut stats = Stats::default();
    let mut events = Events::new();
    if let Some(filter) = filter::captures(&query, floor) {
        captures(connection, &filter, &mut stats, &mut events)?;
    }
    if let Some(filter) = filter::deliveries(&query, floor) {
        deliveries(connection, &filter, &mut stats, &mut events)?;
        (stats.p50, stats.p95) = percentiles(connection, &filter)?;
    }
    query.unprocessed = true;
    if let Some(filter) = filter::captures(&query, floor) {
        unprocessed(connection, &filter, &mut stats, &mut events)?;
    }
    stats.by_event = events.into_values().collect();
    stats
        .by_event
        .sort_by(|a, b| b.records.cmp(&a.records).then_with(|| a.event.cmp(&b.event)));
    Ok(stats)
}

/// By their names.
type Events = HashMap<String, EventStats>;

fn captures(connection: &Connection, filter: &Filter, stats: &mut Stats, events: &mut Events) -> rusqlite::Result<()> {
    let columns =
        "min(at), count(*), sum(verdict IN ('verified', 'token-only')), sum(verdict = 'refused'), count(duplicate_of)";
    by_event(connection, columns, filter, events, |row, event| {
        stats.first = earlier(stats.first, row)?;
        stats.captures += count(row, 2)?;
        stats.verified += count(row, 3)?;
        stats.refused += count(row, 4)?;
        stats.duplicates += count(row, 5)?;
        event.records += count(row, 2)?;
        event.duplicates += count(row, 5)?;
        Ok(())
    })
}

fn deliveries(
    connection: &Connection,
    filter: &Filter,
    stats: &mut Stats,
    events: &mut Events,
) -> rusqlite::Result<()> {
    let columns =
        "min(at), count(*), sum(state = 'delivered'), sum(state = 'failed'), sum(state = 'pending'), sum(attempts)";
    by_event(connection, columns, filter, events, |row, event| {
        stats.first = earlier(stats.first, row)?;
        stats.deliveries += count(row, 2)?;
        stats.delivered += count(row, 3)?;
        stats.failed += count(row, 4)?;
        stats.pending += count(row, 5)?;
        stats.attempts += count(row, 6)?;
        event.records += count(row, 2)?;
        Ok(())
    })
}

fn unprocessed(
    connection: &Connection,
    filter: &Filter,
    stats: &mut Stats,
    events: &mut Events,
) -> rusqlite::Result<()> {
    by_event(connection, "count(*)", filter, events, |row, event| {
        stats.unprocessed += count(row, 1)?;
        event.unprocessed += count(row, 1)?;
        Ok(())
    })
}

/// Adds up the figures of each event. What has no event's name counts for the whole alone.
fn by_event(
    connection: &Connection,
    columns: &str,
    filter: &Filter,
    events: &mut Events,
    mut add: impl FnMut(&Row<'_>, &mut EventStats) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let sql = format!("SELECT event, {columns} FROM {} GROUP BY event", filter.sql);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(&filter.values))?;
    let mut nameless = EventStats::default();
    while let Some(row) = rows.next()? {
        let event = match lossy(row.get_ref(0)?) {
            None => &mut nameless,
            Some(name) => events.entry(name.clone()).or_insert_with(|| EventStats {
                event: name,
                ..EventStats::default()
            }),
        };
        add(row, event)?;
    }
    Ok(())
}

fn earlier(first: Option<Timestamp>, row: &Row<'_>) -> rusqlite::Result<Option<Timestamp>> {
    let at = moment(row, 1)?;
    Ok(Some(first.map_or(at, |first| first.min(at))))
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
