//! Drops events that were handed to a service, once nothing is left of their deliveries; and what is kept beside them.

use std::time::Instant;

use rusqlite::{Connection, TransactionBehavior, params};

use super::PruneSpeed;
use crate::clock::Timestamp;
use crate::store::queue::IDEMPOTENCY_KEPT;
use crate::store::sqlite::notices;
use crate::store::sqlite::values::{change, row};

/// Whether no delivery of an event is left.
const IS_EMPTY: &str = "NOT EXISTS
    (SELECT 1 FROM delivery WHERE delivery.n >= event.first AND delivery.n < event.first + event.deliveries)";

/// Drops what came before that moment, but for events with a delivery that is left. Returns how many events went.
pub(super) fn older(connection: &mut Connection, before: Timestamp, pace: PruneSpeed) -> rusqlite::Result<u64> {
    let at = before.unix_us();
    let first_young = "SELECT e FROM event WHERE at >= ?1 ORDER BY e LIMIT 1";
    let end: i64 = row(connection, first_young, [at], |row| row.get(0))?.unwrap_or(i64::MAX);
    let expired = before.minus(IDEMPOTENCY_KEPT).unix_us();
    change(connection, "DELETE FROM idempotency WHERE at < ?1", [expired])?;
    notices::older(connection, at)?;
    let mut gone = 0;
    loop {
        match drop_events(connection, end, i64::MAX, pace)? {
            0 => return Ok(gone),
            some => gone += some,
        }
    }
}

/// Drops events that came before record `last` was followed by another, at most a batch. Returns how many went.
pub(super) fn before(connection: &mut Connection, last: i64, pace: PruneSpeed) -> rusqlite::Result<u64> {
    let end = first_after(connection, last + 1)?;
    drop_events(connection, end, last + 1, pace)
}

/// Drops events with a number below `end` and a first delivery up to `first`.
fn drop_events(connection: &mut Connection, end: i64, first: i64, pace: PruneSpeed) -> rusqlite::Result<u64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let begun = Instant::now();
    let sql = format!(
        "DELETE FROM event WHERE e IN
            (SELECT e FROM event WHERE e < ?1 AND first <= ?2 AND {IS_EMPTY} ORDER BY e LIMIT {})",
        pace.batch
    );
    let gone = change(&transaction, &sql, params![end, first])?;
    transaction.commit()?;
    pace.rest(begun);
    Ok(gone as u64)
}

/// The first event whose deliveries begin after `first`. Both numbers grow together, so that halving finds it.
fn first_after(connection: &Connection, first: i64) -> rusqlite::Result<i64> {
    let ends = "SELECT coalesce(min(e), 0), coalesce(max(e), 0) + 1 FROM event";
    let (mut low, mut high) = row(connection, ends, [], |row| Ok((row.get(0)?, row.get(1)?)))?.unwrap_or((0i64, 0i64));
    while low < high {
        let middle = low + (high - low) / 2;
        let sql = "SELECT e, first FROM event WHERE e >= ?1 ORDER BY e LIMIT 1";
        let found: Option<(i64, i64)> = row(connection, sql, [middle], |row| Ok((row.get(0)?, row.get(1)?)))?;
        match found {
            Some((e, begins)) if begins <= first => low = e + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}
