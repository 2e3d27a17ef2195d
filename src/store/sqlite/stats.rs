//! Statistics.

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::{Connection, Row, params_from_iter};

use super::filter::{self, SqlFilter};
use super::minutes;
use super::values::{lossy, moment, nanoseconds, rows, unsigned};
use crate::clock::Timestamp;
use crate::percentile::nearest_rank;
use crate::store::{EventStats, Query, Stats};

/// Statistics of the records that match. The page of the query is ignored.
pub(super) fn stats(connection: &Connection, query: &Query) -> rusqlite::Result<Stats> {
    let mut query = query.clone();
    // The filter would apply them.
    (query.page.after, query.page.before) = (None, None);
    let floor = minutes::floor(connection, query.since)?;
    let mut figures = Figures::default();
    if let Some(filter) = filter::captures(&query, floor) {
        figures.captures(connection, &filter)?;
    }
    if let Some(filter) = filter::deliveries(&query, floor) {
        figures.deliveries(connection, &filter)?;
        let has_both = figures.stats.captures > 0 && figures.stats.deliveries > 0;
        if let Some(captures) = filter::captures(&query, floor).filter(|_| has_both) {
            figures.both_ends(connection, &captures, &filter)?;
        }
        (figures.stats.p50, figures.stats.p95) = percentiles(connection, &filter)?;
    }
    query.unprocessed = true;
    if let Some(filter) = filter::captures(&query, floor) {
        figures.unprocessed(connection, &filter)?;
    }
    let Figures { mut stats, events } = figures;
    stats.by_event = EventStats::ranked(events.into_values());
    Ok(stats)
}

/// What was counted so far.
#[derive(Default)]
struct Figures {
    stats: Stats,
    /// By their names.
    events: HashMap<String, EventStats>,
}

impl Figures {
    fn captures(&mut self, connection: &Connection, filter: &SqlFilter) -> rusqlite::Result<()> {
        let columns = "min(at), count(*), sum(verdict IN ('verified', 'token-only')), sum(verdict = 'refused'),
             count(duplicate_of), sum(verdict = 'token-only')";
        self.by_event(connection, columns, filter, |row, stats, event| {
            stats.first = earlier(stats.first, row)?;
            stats.captures += count(row, 2)?;
            stats.verified += count(row, 3)?;
            stats.refused += count(row, 4)?;
            stats.duplicates += count(row, 5)?;
            event.records += count(row, 2)?;
            event.duplicates += count(row, 5)?;
            stats.token_only += count(row, 6)?;
            Ok(())
        })
    }

    fn deliveries(&mut self, connection: &Connection, filter: &SqlFilter) -> rusqlite::Result<()> {
        let columns =
            "min(at), count(*), sum(state = 'delivered'), sum(state = 'failed'), sum(state = 'pending'), sum(attempts),
             count(DISTINCT CASE WHEN origin IS NULL THEN message END), sum(state = 'parked')";
        self.by_event(connection, columns, filter, |row, stats, event| {
            stats.first = earlier(stats.first, row)?;
            stats.deliveries += count(row, 2)?;
            stats.delivered += count(row, 3)?;
            stats.failed += count(row, 4)?;
            stats.pending += count(row, 5)?;
            stats.attempts += count(row, 6)?;
            stats.parked += count(row, 8)?;
            // One event for several endpoints is one; a forward or a replay is the event that came before.
            event.records += count(row, 7)?;
            Ok(())
        })
    }

    /// Counts once what was sent and received on this machine: messages to loopback addresses of which captures with the same
    /// event and size exist.
    fn both_ends(&mut self, connection: &Connection, captures: &SqlFilter, sent: &SqlFilter) -> rusqlite::Result<()> {
        let mut received: HashMap<(String, i64), u64> = HashMap::new();
        by_size(connection, "count(*)", captures, |key, count| {
            received.insert(key, count);
        })?;
        let local = "count(DISTINCT CASE WHEN origin IS NULL AND (url LIKE '%://127.%' OR url LIKE '%://localhost%'
             OR url LIKE '%://[::1]%') THEN message END)";
        by_size(connection, local, sent, |key, count| {
            let both = received.get(&key).map_or(0, |received| count.min(*received));
            if let Some(event) = self.events.get_mut(&key.0) {
                event.records = event.records.saturating_sub(both);
            }
        })
    }

    fn unprocessed(&mut self, connection: &Connection, filter: &SqlFilter) -> rusqlite::Result<()> {
        self.by_event(connection, "count(*)", filter, |row, stats, event| {
            stats.unprocessed += count(row, 1)?;
            event.unprocessed += count(row, 1)?;
            Ok(())
        })
    }

    /// Adds up the figures of each event. What has no event's name counts for the whole alone.
    fn by_event(
        &mut self,
        connection: &Connection,
        columns: &str,
        filter: &SqlFilter,
        add: impl Fn(&Row<'_>, &mut Stats, &mut EventStats) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let sql = format!("SELECT event, {columns} FROM {} GROUP BY event", filter.sql);
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query(params_from_iter(&filter.values))?;
        let mut nameless = EventStats::default();
        while let Some(row) = rows.next()? {
            let event = match lossy(row.get_ref(0)?) {
                None => &mut nameless,
                Some(name) => self.events.entry(name.clone()).or_insert_with(|| EventStats {
                    event: name,
                    ..EventStats::default()
                }),
            };
            add(row, &mut self.stats, event)?;
        }
        Ok(())
    }
}

/// A figure for each event and size of a body.
fn by_size(
    connection: &Connection,
    figure: &str,
    filter: &SqlFilter,
    mut found: impl FnMut((String, i64), u64),
) -> rusqlite::Result<()> {
    let sql = format!("SELECT event, size, {figure} FROM {} GROUP BY event, size", filter.sql);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(&filter.values))?;
    while let Some(row) = rows.next()? {
        if let Some(event) = lossy(row.get_ref(0)?) {
            found((event, row.get(1)?), count(row, 2)?);
        }
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
fn percentiles(connection: &Connection, filter: &SqlFilter) -> rusqlite::Result<(Option<Duration>, Option<Duration>)> {
    let sql = format!(
        "SELECT took FROM attempt WHERE status IS NOT NULL AND delivery IN (SELECT n FROM {})",
        filter.sql
    );
    let mut took: Vec<i64> = rows(connection, &sql, params_from_iter(&filter.values), |row| row.get(0))?;
    let mut percentile = |share| {
        let rank = usize::try_from(nearest_rank(took.len() as u64, share)?).ok()?;
        let (_, nth, _) = took.select_nth_unstable(rank);
        Some(nanoseconds(*nth))
    };
    Ok((percentile(0.5), percentile(0.95)))
}
