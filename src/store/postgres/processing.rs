//! Commands that failed for captures.

use tokio_postgres::Row;

use super::connection::Session;
use super::fault::Fault;
use super::filter;
use super::values::{Text, moment, number, optional, optional_moment, optional_text, small, text};
use crate::clock::Timestamp;
use crate::store::encoding::changed;
use crate::store::{Ack, Processing, Query};

const COLUMNS: &str = "n, command, tries, first_at, last_at, error, owner, mended";

/// Notes how a command ended: with an error, or well.
pub(super) fn note(
    session: &Session,
    n: i64,
    command: &str,
    (at, error): (Timestamp, Option<&str>),
) -> Result<Ack, Fault> {
    // Nothing is noted of a capture that was pruned meanwhile.
    let failed = "
        INSERT INTO processing (n, day, command, tries, first_at, last_at, error)
        SELECT n, day, $2, 1, $3, $3, $4 FROM capture WHERE n = $1
        ON CONFLICT (n, command) DO UPDATE SET
            tries = processing.tries + 1, last_at = $3, error = $4, owner = NULL, mended = NULL";
    let mended = "UPDATE processing SET mended = $3, owner = NULL WHERE n = $1 AND command = $2 AND mended IS NULL";
    let (command, at) = (Text::from(command), at.unix_us());
    let rows = match error {
        Some(error) => session.change(failed, &[&n, &command, &at, &Text::from(error)])?,
        None => session.change(mended, &[&n, &command, &at])?,
    };
    Ok(changed(n, rows))
}

/// Gives a command that failed an owner, unless it has another one by now than `from`.
pub(super) fn claim(
    session: &Session,
    n: i64,
    command: &str,
    (from, owner): (Option<&str>, &str),
) -> Result<Ack, Fault> {
    let sql = "
        UPDATE processing SET owner = $4
        WHERE n = $1 AND command = $2 AND mended IS NULL AND owner IS NOT DISTINCT FROM $3";
    let rows = session.change(sql, &[&n, &Text::from(command), &optional(from), &Text::from(owner)])?;
    Ok(changed(n, rows))
}

/// Of one capture, in the order in which they failed first.
pub(super) fn of(session: &Session, n: i64) -> Result<Vec<Processing>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM processing WHERE n = $1 ORDER BY first_at, command");
    session.rows(&sql, &[&n], |row| Ok(processing(row)?.1))
}

/// What failed and did not succeed since, of the captures that match.
pub(super) fn open(session: &Session, query: &Query) -> Result<Vec<(u64, Processing)>, Fault> {
    let query = Query {
        unprocessed: true,
        ..query.clone()
    };
    let Some(filter) = filter::captures(&query) else {
        return Ok(Vec::new());
    };
    let direction = if query.page.oldest_first { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT {COLUMNS} FROM processing WHERE mended IS NULL AND n IN (SELECT n FROM {})
         ORDER BY n {direction}, first_at, command",
        filter.sql
    );
    session.rows(&sql, &filter.params(), processing)
}

fn processing(row: &Row) -> Result<(u64, Processing), Fault> {
    let found = Processing {
        command: text(row, 1)?,
        tries: small(row, 2)?,
        first_at: moment(row, 3)?,
        last_at: moment(row, 4)?,
        error: text(row, 5)?,
        owner: optional_text(row, 6)?,
        mended_at: optional_moment(row, 7)?,
    };
    Ok((number(row, 0)?, found))
}
