//! What dead owners left in the queue of services, and the clock by which deliveries are due.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::queue_reads::WAITING_LANES;
use super::queue_rows::{PARKED, TAKEN, counted, park, reinsert};
use super::values::{change, delays, moment, row, rows, signed};
use crate::clock::Timestamp;
use crate::store::queue::{MOST_CRASHES, ParkReason};
use crate::store::{Ack, QueueClass};

pub(super) fn adopt(
    connection: &Connection,
    (from, to): (&str, &str),
    deliveries: &[(u64, String)],
    now: Timestamp,
) -> rusqlite::Result<Ack> {
    let mut adopted = 0;
    // What that owner did not have in the queue is due by the machine's clock.
    let ahead = clock_ahead(connection, to)?;
    for (number, lane) in deliveries {
        let n = signed(*number);
        let sql = "
            UPDATE delivery SET owner = ?3 WHERE n = ?1 AND state = 'pending' AND owner = ?2
            RETURNING attempts, coalesce(next_due, at)";
        let found = row(connection, sql, params![n, from, to], |row| {
            Ok((row.get::<_, i64>(0)?, moment(row, 1)?))
        })?;
        if let Some((attempts, due)) = found {
            let class = if attempts == 0 {
                QueueClass::First
            } else {
                QueueClass::Retry
            };
            adopted += reinsert(connection, (n, to, lane), class, due.shifted_us(-ahead))?;
        }
    }
    restrain(connection, to, now)?;
    Ok(counted(adopted))
}

pub(super) fn recover(
    connection: &Connection,
    from: &str,
    to: &str,
    (now, pause): (Timestamp, Duration),
) -> rusqlite::Result<Ack> {
    let before = clock_ahead(connection, from)?;
    change(connection, "DELETE FROM queue_clock WHERE owner = ?1", [from])?;
    // That of an owner that is its own heir has begun again.
    shift(connection, from, before - clock_ahead(connection, to)?)?;
    let sql = "SELECT n FROM queue WHERE owner = ?1 AND state = ?2";
    let taken: Vec<i64> = rows(connection, sql, params![from, TAKEN], |row| row.get(0))?;
    for n in &taken {
        crashed(connection, *n, now, pause)?;
    }
    // In a row of crashes they are not tried at all.
    let sql = "UPDATE queue SET due = max(due, ?2) WHERE owner = ?1 AND class = 2 AND state = 0";
    change(connection, sql, params![from, now.plus(pause).unix_us()])?;
    if from != to {
        let sql = "UPDATE delivery SET owner = ?2 WHERE n IN (SELECT n FROM queue WHERE owner = ?1)";
        change(connection, sql, [from, to])?;
        change(connection, "UPDATE queue SET owner = ?2 WHERE owner = ?1", [from, to])?;
        forget_counts(connection, from)?;
    }
    restrain(connection, to, now)?;
    Ok(counted(taken.len()))
}

/// By how much the machine's clock is ahead of the owner's.
fn clock_ahead(connection: &Connection, owner: &str) -> rusqlite::Result<i64> {
    let sql = "SELECT ahead FROM queue_clock WHERE owner = ?1";
    Ok(row(connection, sql, [owner], |row| row.get(0))?.unwrap_or_default())
}

pub(super) fn set_clock(connection: &Connection, owner: &str, ahead_us: i64) -> rusqlite::Result<Ack> {
    let sql = "INSERT OR REPLACE INTO queue_clock (owner, ahead) VALUES (?1, ?2)";
    Ok(counted(change(connection, sql, params![owner, ahead_us])?))
}

/// Moves due times to another clock.
fn shift(connection: &Connection, owner: &str, us: i64) -> rusqlite::Result<()> {
    if us == 0 {
        return Ok(());
    }
    let sql = "
        UPDATE delivery SET next_due = next_due + ?2
        WHERE n IN (SELECT n FROM queue WHERE owner = ?1) AND next_due IS NOT NULL";
    change(connection, sql, params![owner, us])?;
    let sql = "UPDATE queue SET due = due + ?2 WHERE owner = ?1";
    change(connection, sql, params![owner, us]).map(drop)
}

/// After the clock was set back no delivery waits longer than its longest delay.
fn restrain(connection: &Connection, owner: &str, now: Timestamp) -> rusqlite::Result<()> {
    if !was_set_back(connection, owner, now)? {
        return Ok(());
    }
    // A million may wait, but few lists of delays are different.
    let sql = "
        SELECT DISTINCT delays FROM queue JOIN delivery USING (n)
        WHERE queue.owner = ?1 AND queue.state = 0 AND queue.due > ?2";
    let lists: Vec<String> = rows(connection, sql, params![owner, now.unix_us()], |row| row.get(0))?;
    for list in lists {
        let longest = delays(&list).unwrap_or_default().into_iter().max().unwrap_or_default();
        let latest = now.plus(longest).unix_us();
        let sql = "
            UPDATE delivery SET next_due = ?3 WHERE delays = ?2
                AND n IN (SELECT n FROM queue WHERE owner = ?1 AND state = 0 AND due > ?3)";
        change(connection, sql, params![owner, list, latest])?;
        let sql = "
            UPDATE queue SET due = ?3 WHERE owner = ?1 AND state = 0 AND due > ?3
                AND (SELECT delays FROM delivery WHERE delivery.n = queue.n) = ?2";
        change(connection, sql, params![owner, list, latest])?;
    }
    Ok(())
}

/// Whether what happened last is yet to come: the last event or delivery, or an attempt of what is due the latest in a lane.
/// Those of a lane share their delays, so that one which waits too long is due after all that do not.
fn was_set_back(connection: &Connection, owner: &str, now: Timestamp) -> rusqlite::Result<bool> {
    let sql = format!(
        "{WAITING_LANES} SELECT max(
            coalesce((SELECT at FROM event ORDER BY e DESC LIMIT 1), 0) > ?2,
            coalesce((SELECT at FROM delivery ORDER BY n DESC LIMIT 1), 0) > ?2,
            EXISTS (SELECT 1 FROM lanes, classes JOIN attempt ON attempt.delivery = (
                SELECT n FROM queue INDEXED BY queue_due
                WHERE state = 0 AND owner = ?1 AND queue.lane = lanes.lane AND queue.class = classes.class
                ORDER BY due DESC, n DESC LIMIT 1)
            WHERE lanes.lane IS NOT NULL AND attempt.at > ?2))"
    );
    // Records have the machine's clock.
    let now = now.shifted_us(clock_ahead(connection, owner)?).unix_us();
    let found = row(connection, &sql, params![owner, now], |row| row.get(0))?;
    Ok(found.unwrap_or_default())
}

/// Counts a crash: after two it is tried alone, after three it is parked.
fn crashed(connection: &Connection, n: i64, now: Timestamp, pause: Duration) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO crash (n, at) VALUES (?1, ?2)";
    change(connection, sql, params![n, now.unix_us()])?;
    let crashes: u32 = row(connection, "SELECT count(*) FROM crash WHERE n = ?1", [n], |row| {
        row.get(0)
    })?
    .unwrap_or_default();
    if crashes >= MOST_CRASHES {
        return park(connection, n, ParkReason::Crashed).map(drop);
    }
    if crashes == 1 {
        return change(connection, "UPDATE queue SET state = 0 WHERE n = ?1", [n]).map(drop);
    }
    let sql = "UPDATE queue SET state = 0, class = 2, due = ?2 WHERE n = ?1";
    change(connection, sql, params![n, now.plus(pause).unix_us()]).map(drop)
}

pub(super) fn disown(connection: &Connection, owner: &str) -> rusqlite::Result<Ack> {
    let sql = "UPDATE delivery SET owner = NULL WHERE n IN (SELECT n FROM queue WHERE owner = ?1 AND state <> ?2)";
    change(connection, sql, params![owner, PARKED])?;
    let rows = change(
        connection,
        "DELETE FROM queue WHERE owner = ?1 AND state <> ?2",
        params![owner, PARKED],
    )?;
    forget_counts(connection, owner)?;
    Ok(counted(rows))
}

/// The owner has ended: its counters that are zero stay so.
fn forget_counts(connection: &Connection, owner: &str) -> rusqlite::Result<()> {
    let sql = "DELETE FROM queue_count WHERE owner = ?1 AND count = 0";
    change(connection, sql, [owner]).map(drop)
}
