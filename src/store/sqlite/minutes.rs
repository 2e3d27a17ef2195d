//! Maps times to numbers of records. Times follow the numbers only roughly, since long exchanges are recorded late and
//! clocks are set; an index over times would add a page to every group. So only the first number of each minute is
//! stored: no record before it is of that minute or later.

use rusqlite::Connection;

use super::values::{change, row};
use crate::clock::Timestamp;

/// Whole minutes since the epoch.
pub(super) fn minute(at: Timestamp) -> i64 {
    at.unix().div_euclid(60)
}

/// The latest minute of any record.
pub(super) fn last(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT max(minute) FROM minute")?
        .query_row([], |row| row.get(0))
}

/// Notes that record `n` is the first of its minute, which is later than all others.
pub(super) fn begin(connection: &Connection, at: Timestamp, n: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO minute (minute, n) VALUES (?1, ?2)";
    change(connection, sql, [minute(at), n]).map(drop)
}

/// A number before which every record is older than `since`; 0 when that is not known of any.
pub(super) fn floor(connection: &Connection, since: Option<Timestamp>) -> rusqlite::Result<i64> {
    let Some(since) = since else { return Ok(0) };
    let sql = "SELECT n FROM minute WHERE minute <= ?1 ORDER BY minute DESC LIMIT 1";
    Ok(row(connection, sql, [minute(since)], |row| row.get(0))?.unwrap_or_default())
}

/// A number from which on no record is older than `before`, but for late ones.
pub(super) fn ceiling(connection: &Connection, before: Timestamp) -> rusqlite::Result<i64> {
    let sql = "SELECT n FROM minute WHERE minute > ?1 ORDER BY minute LIMIT 1";
    Ok(row(connection, sql, [minute(before)], |row| row.get(0))?.unwrap_or(i64::MAX))
}

/// Drops the minutes of records that are gone. The last one stays: the next record is compared with it.
pub(super) fn forget(connection: &Connection, before: Timestamp) -> rusqlite::Result<()> {
    let sql = "DELETE FROM minute WHERE minute < ?1 AND minute < (SELECT max(minute) FROM minute)";
    change(connection, sql, [minute(before)]).map(drop)
}
