//! Statistics.

use std::collections::HashMap;

use tokio_postgres::Row;

use super::connection::Session;
use super::fault::Fault;
use super::filter::{self, SqlFilter};
use super::values::{get, number, optional_moment, optional_text};
use crate::store::encoding::nanoseconds;
use crate::store::{EventStats, Query, Stats};

/// Statistics of the records that match. The page of the query is ignored.
pub(super) fn stats(session: &Session, query: &Query) -> Result<Stats, Fault> {
    let mut query = query.clone();
    // The filter would apply them.
    (query.page.after, query.page.before) = (None, None);
    let mut figures = Figures::default();
    if let Some(filter) = filter::captures(&query) {
        figures.captures(session, &filter)?;
    }
    if let Some(filter) = filter::deliveries(&query) {
        figures.deliveries(session, &filter)?;
        let has_both = figures.stats.captures > 0 && figures.stats.deliveries > 0;
        if let Some(captures) = filter::captures(&query).filter(|_| has_both) {
            figures.both_ends(session, &captures, &filter)?;
        }
        percentiles(session, &filter, &mut figures.stats)?;
    }
    query.unprocessed = true;
    if let Some(filter) = filter::captures(&query) {
        figures.unprocessed(session, &filter)?;
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
    fn captures(&mut self, session: &Session, filter: &SqlFilter) -> Result<(), Fault> {
        let columns = "min(at), count(*), count(*) FILTER (WHERE verdict IN ('verified', 'token-only')),
             count(*) FILTER (WHERE verdict = 'refused'), count(duplicate_of), count(*) FILTER (WHERE verdict = 'token-only')";
        self.by_event(session, columns, filter, |row, stats, event| {
            earlier(row, stats)?;
            stats.captures += number(row, 2)?;
            stats.verified += number(row, 3)?;
            stats.refused += number(row, 4)?;
            stats.duplicates += number(row, 5)?;
            event.records += number(row, 2)?;
            event.duplicates += number(row, 5)?;
            stats.token_only += number(row, 6)?;
            Ok(())
        })
    }

    fn deliveries(&mut self, session: &Session, filter: &SqlFilter) -> Result<(), Fault> {
        let columns =
            "min(at), count(*), count(*) FILTER (WHERE state = 'delivered'), count(*) FILTER (WHERE state = 'failed'),
             count(*) FILTER (WHERE state = 'pending'), sum(attempts)::bigint,
             count(DISTINCT message) FILTER (WHERE origin IS NULL), count(*) FILTER (WHERE state = 'parked')";
        self.by_event(session, columns, filter, |row, stats, event| {
            earlier(row, stats)?;
            stats.deliveries += number(row, 2)?;
            stats.delivered += number(row, 3)?;
            stats.failed += number(row, 4)?;
            stats.pending += number(row, 5)?;
            stats.attempts += number(row, 6)?;
            stats.parked += number(row, 8)?;
            // One event for several endpoints is one; a forward or a replay is the event that came before.
            event.records += number(row, 7)?;
            Ok(())
        })
    }

    /// Counts once what was sent and received on this machine: messages to loopback addresses of which captures with the same
    /// event and size exist.
    fn both_ends(&mut self, session: &Session, captures: &SqlFilter, sent: &SqlFilter) -> Result<(), Fault> {
        let received = by_size(session, "count(*)", captures)?;
        let local = "count(DISTINCT message) FILTER (WHERE origin IS NULL
             AND (url ILIKE '%://127.%' OR url ILIKE '%://localhost%' OR url ILIKE '%://[::1]%'))";
        for (key, count) in by_size(session, local, sent)? {
            let both = received.get(&key).map_or(0, |received| count.min(*received));
            if let Some(event) = self.events.get_mut(&key.0) {
                event.records = event.records.saturating_sub(both);
            }
        }
        Ok(())
    }

    fn unprocessed(&mut self, session: &Session, filter: &SqlFilter) -> Result<(), Fault> {
        self.by_event(session, "count(*)", filter, |row, stats, event| {
            stats.unprocessed += number(row, 1)?;
            event.unprocessed += number(row, 1)?;
            Ok(())
        })
    }

    /// Adds up the figures of each event. What has no event's name counts for the whole alone.
    fn by_event(
        &mut self,
        session: &Session,
        columns: &str,
        filter: &SqlFilter,
        add: impl Fn(&Row, &mut Stats, &mut EventStats) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let sql = format!("SELECT event, {columns} FROM {} GROUP BY event", filter.sql);
        let mut nameless = EventStats::default();
        for row in session.run(&sql, &filter.params())?.rows {
            let event = match optional_text(&row, 0)? {
                None => &mut nameless,
                Some(name) => self.events.entry(name.clone()).or_insert_with(|| EventStats {
                    event: name,
                    ..EventStats::default()
                }),
            };
            add(&row, &mut self.stats, event)?;
        }
        Ok(())
    }
}

/// A figure for each event and size of a body.
fn by_size(session: &Session, figure: &str, filter: &SqlFilter) -> Result<HashMap<(String, i64), u64>, Fault> {
    let sql = format!("SELECT event, size, {figure} FROM {} GROUP BY event, size", filter.sql);
    let found = session.rows(&sql, &filter.params(), |row| {
        Ok((optional_text(row, 0)?, get::<i64>(row, 1)?, number(row, 2)?))
    })?;
    let named = found
        .into_iter()
        .filter_map(|(event, size, count)| Some(((event?, size), count)));
    Ok(named.collect())
}

fn earlier(row: &Row, stats: &mut Stats) -> Result<(), Fault> {
    let at = optional_moment(row, 1)?;
    stats.first = stats.first.into_iter().chain(at).min();
    Ok(())
}

/// The durations that 50 and 95 in 100 of the answered attempts did not exceed.
fn percentiles(session: &Session, filter: &SqlFilter, stats: &mut Stats) -> Result<(), Fault> {
    let sql = format!(
        "SELECT percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY took) FROM attempt
         WHERE status IS NOT NULL AND fence = 0 AND (n, day) IN (SELECT n, day FROM {})",
        filter.sql
    );
    let found: Option<Vec<i64>> = session.row(&sql, &filter.params(), |row| get(row, 0))?.flatten();
    if let Some([p50, p95]) = found.as_deref() {
        (stats.p50, stats.p95) = (Some(nanoseconds(*p50)), Some(nanoseconds(*p95)));
    }
    Ok(())
}
