//! Commands that failed for captures.

use rusqlite::{Connection, Row, params, params_from_iter};

use super::values::{change, changed, lossy, moment, optional_moment, rows, signed, unsigned};
use super::{filter, minutes};
use crate::clock::Timestamp;
use crate::store::{Ack, Processing, Query};

const COLUMNS: &str = "n, command, tries, first_at, last_at, error, owner, mended";

/// Notes how a command ended: with `error`, or well.
pub(super) fn note(
    connection: &Connection,
    capture: u64,
    command: &str,
    at: Timestamp,
    error: Option<&str>,
) -> rusqlite::Result<Ack> {
    let n = signed(capture);
    // Nothing is noted of a capture that was pruned meanwhile.
    let failed = "
        INSERT INTO processing (n, command, tries, first_at, last_at, error)
        SELECT ?1, ?2, 1, ?3, ?3, ?4 WHERE EXISTS (SELECT 1 FROM capture WHERE n = ?1)
        ON CONFLICT (n, command) DO UPDATE SET
            tries = tries + 1, last_at = ?3, error = ?4, owner = NULL, mended = NULL";
    let mended = "UPDATE processing SET mended = ?3, owner = NULL WHERE n = ?1 AND command = ?2 AND mended IS NULL";
    let rows = match error {
        Some(error) => change(connection, failed, params![n, command, at.unix_us(), error])?,
        None => change(connection, mended, params![n, command, at.unix_us()])?,
    };
    Ok(changed(n, rows))
}

/// Gives a command that failed an owner, unless it has another one by now than `from`.
pub(super) fn claim(
    connection: &Connection,
    capture: u64,
    command: &str,
    from: Option<&str>,
    owner: &str,
) -> rusqlite::Result<Ack> {
    let n = signed(capture);
    let sql = "UPDATE processing SET owner = ?4 WHERE n = ?1 AND command = ?2 AND mended IS NULL AND owner IS ?3";
    let rows = change(connection, sql, params![n, command, from, owner])?;
    Ok(changed(n, rows))
}

/// Of one capture, in the order in which they failed first.
pub(super) fn of(connection: &Connection, n: i64) -> rusqlite::Result<Vec<Processing>> {
    let sql = format!("SELECT {COLUMNS} FROM processing WHERE n = ?1 ORDER BY first_at, command");
    rows(connection, &sql, [n], |row| Ok(processing(row)?.1))
}

/// What failed and did not succeed since, of the captures that match.
pub(super) fn open(connection: &Connection, query: &Query) -> rusqlite::Result<Vec<(u64, Processing)>> {
    let query = Query {
        unprocessed: true,
        ..query.clone()
    };
    let floor = minutes::floor(connection, query.since)?;
    let Some(filter) = filter::captures(&query, floor) else {
        return Ok(Vec::new());
    };
    let direction = if query.page.oldest_first { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT {COLUMNS} FROM processing WHERE mended IS NULL AND n IN (SELECT n FROM {})
         ORDER BY n {direction}, first_at, command",
        filter.sql
    );
    rows(connection, &sql, params_from_iter(&filter.values), processing)
}

fn processing(row: &Row<'_>) -> rusqlite::Result<(u64, Processing)> {
    let found = Processing {
        command: lossy(row.get_ref(1)?).unwrap_or_default(),
        tries: u32::try_from(row.get::<_, i64>(2)?).unwrap_or(u32::MAX),
        first_at: moment(row, 3)?,
        last_at: moment(row, 4)?,
        error: lossy(row.get_ref(5)?).unwrap_or_default(),
        owner: row.get(6)?,
        mended_at: optional_moment(row, 7)?,
    };
    Ok((row.get(0).map(unsigned)?, found))
}
