//! The partitions of days: made before something is written into them, dropped as a whole.

use std::collections::BTreeSet;

use super::connection::Session;
use super::fault::Fault;
use super::values::{Day, get};
use crate::clock::Timestamp;
use crate::store::Pruned;
use crate::store::encoding::unsigned;

/// The days that are known to have partitions.
#[derive(Debug, Default)]
pub(super) struct KnownDays(BTreeSet<Day>);

impl KnownDays {
    /// Makes the partitions of those days that lack them. Outside of a transaction: another one must see them at once.
    pub(super) fn ensure(&mut self, session: &Session, days: &BTreeSet<Day>) -> Result<(), Fault> {
        for day in days.difference(&self.0.clone()) {
            if !is_made(session, *day)? {
                session.run("SELECT make_day($1)", &[day])?;
            }
            self.0.insert(*day);
        }
        Ok(())
    }

    /// Another process has dropped some.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

fn is_made(session: &Session, day: Day) -> Result<bool, Fault> {
    // One that was dropped by hand is made again.
    let sql = "
        SELECT count(*) = 5 FROM day_table WHERE day = $1 AND to_regclass('hook.' || quote_ident(name)) IS NOT NULL";
    Ok(session.row(sql, &[&day], |row| get(row, 0))?.unwrap_or_default())
}

/// The days before that moment, the oldest first.
pub(super) fn before(session: &Session, moment: Timestamp) -> Result<Vec<Day>, Fault> {
    let sql = "SELECT DISTINCT day FROM day_table WHERE day < $1 ORDER BY day";
    session.rows(sql, &[&Day::of(moment)], |row| get(row, 0))
}

/// What stays as long as it is unfinished.
const IS_BUSY: &str = "
    SELECT EXISTS (SELECT 1 FROM queue WHERE day = $1 AND state <> 2)
        OR EXISTS (SELECT 1 FROM delivery WHERE day = $1 AND state = 'pending' AND NOT is_queued AND owner IS NOT NULL)";

/// Drops the tables of a day, unless something of it is left to do. Whatever was not made by hook is left alone.
pub(super) fn drop_day(session: &Session, day: Day, gone: &mut Pruned) -> Result<(), Fault> {
    let is_busy = |session: &Session| session.row(IS_BUSY, &[&day], |row| get::<bool>(row, 0));
    if is_busy(session)?.unwrap_or(true) {
        return Ok(());
    }
    session.batch("BEGIN; SET LOCAL lock_timeout = '2s'")?;
    let dropped = drop_tables(session, day, is_busy);
    session.batch(if dropped.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    match dropped {
        Ok(dropped) => {
            gone.records += dropped.records;
            gone.parked += dropped.parked;
            Ok(())
        }
        // A long read keeps the day for now.
        Err(fault) if fault.is_locked() => Ok(()),
        Err(fault) => Err(fault),
    }
}

fn drop_tables(
    session: &Session,
    day: Day,
    is_busy: impl Fn(&Session) -> Result<Option<bool>, Fault>,
) -> Result<Pruned, Fault> {
    session.run("SELECT pg_advisory_xact_lock(1752133483, 4)", &[])?;
    let sql = "
        SELECT t.parent, quote_ident(t.name) FROM day_table AS t JOIN pg_class AS c ON c.oid = to_regclass('hook.' || quote_ident(t.name))
        JOIN pg_inherits AS i ON i.inhrelid = c.oid AND i.inhparent = to_regclass('hook.' || quote_ident(t.parent))
        WHERE t.day = $1 ORDER BY t.parent";
    let tables: Vec<(String, String)> = session.rows(sql, &[&day], |row| Ok((get(row, 0)?, get(row, 1)?)))?;
    let mut gone = Pruned::default();
    // Nothing can come into them from here on: what is busy now stays.
    for (_, name) in &tables {
        session.batch(&format!("LOCK TABLE hook.{name} IN SHARE ROW EXCLUSIVE MODE"))?;
    }
    if is_busy(session)?.unwrap_or(true) {
        return Ok(gone);
    }
    for (parent, name) in &tables {
        if parent == "capture" || parent == "delivery" {
            gone.records += count(session, &format!("SELECT count(*) FROM hook.{name}"))?;
        }
    }
    let sql = "WITH gone AS (DELETE FROM queue WHERE day = $1 RETURNING n) SELECT count(*) FROM gone";
    gone.parked = session
        .row(sql, &[&day], |row| get(row, 0).map(unsigned))?
        .unwrap_or_default();
    for sql in [
        "DELETE FROM processing WHERE day = $1",
        "DELETE FROM work WHERE day = $1",
    ] {
        session.run(sql, &[&day])?;
    }
    for (_, name) in &tables {
        session.batch(&format!("DROP TABLE hook.{name}"))?;
    }
    session.run("DELETE FROM day_table WHERE day = $1", &[&day])?;
    Ok(gone)
}

/// How many rows a query counts.
pub(super) fn count(session: &Session, sql: &str) -> Result<u64, Fault> {
    Ok(session
        .row(sql, &[], |row| get(row, 0).map(unsigned))?
        .unwrap_or_default())
}
