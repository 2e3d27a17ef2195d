//! The numbers of records: captures and deliveries share one sequence, and no number is given twice.

use rusqlite::Connection;

use super::values::change;

/// The highest number that was ever given.
pub(super) fn last_number(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "SELECT max(last, coalesce((SELECT max(n) FROM capture), 0), coalesce((SELECT max(n) FROM delivery), 0))
             FROM sequence",
        )?
        .query_row([], |row| row.get(0))
}

/// Reserves the numbers up to that one, also those of dropped records: a user may still refer to them.
pub(super) fn begin_after(connection: &Connection, last: i64) -> rusqlite::Result<()> {
    change(connection, "UPDATE sequence SET last = ?1 WHERE last < ?1", [last]).map(drop)
}
