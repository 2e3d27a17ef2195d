//! Drops old records, a few hundred in a transaction, so that other writers get their turn in between.

use std::thread;
use std::time::Instant;

use rusqlite::{Connection, TransactionBehavior, params_from_iter};

use super::schema::PAGE_SIZE;
use super::write::last_number;
use super::{dedupe, minutes, signed, unsigned};
use crate::clock::Timestamp;

/// How fast records go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Records, or free pages, that go in one transaction.
    batch: u32,
    /// How many times as long as a transaction takes other writers are left alone after it. The lock that is taken
    /// back at once is hardly ever free when they ask for it.
    rest: u32,
}

impl Pace {
    /// Somebody waits for the end.
    pub(super) const FAST: Self = Self { batch: 256, rest: 0 };
    /// Nobody waits, and others record meanwhile.
    pub(super) const GENTLE: Self = Self { batch: 32, rest: 4 };

    fn rest(self, begun: Instant) {
        thread::sleep(begun.elapsed() * self.rest);
    }
}

/// Whatever their state: no schedule is as long as a retention. Late ones stand among younger records.
const OLDER: &str = "
    SELECT n, 0 FROM capture WHERE n < ?1 AND at < ?2
    UNION ALL SELECT n, 1 FROM delivery WHERE n < ?1 AND at < ?2
    UNION ALL SELECT n, 0 FROM capture INDEXED BY capture_late WHERE late AND n >= ?1 AND at < ?2
    UNION ALL SELECT n, 1 FROM delivery INDEXED BY delivery_late WHERE late AND n >= ?1 AND at < ?2";

/// Deliveries with attempts left, and captures with work to do, are not given up to make room.
const OLDEST: &str = "
    SELECT n, 0 FROM capture WHERE n NOT IN (SELECT n FROM work) UNION ALL SELECT n, 1 FROM delivery WHERE state <> 'pending' ORDER BY 1";

const REFUSED: &str = "SELECT n, 0 FROM capture INDEXED BY capture_refused WHERE verdict = 'refused' AND n <= ?1";

/// Drops what is older than `before`, refused captures beyond their quota, then the oldest while the ledger is larger than
/// `max_bytes`. Returns how many records went.
pub(super) fn prune(
    connection: &mut Connection,
    before: Option<Timestamp>,
    max_bytes: Option<u64>,
    refused_quota: u64,
    pace: Pace,
) -> rusqlite::Result<u64> {
    let mut gone = 0;
    if let Some(before) = before {
        let ceiling = minutes::ceiling(connection, before)?;
        gone += drop_all(connection, OLDER, &[ceiling, before.unix_us()], pace)?;
        minutes::forget(connection, before)?;
    }
    if let Some(last) = last_beyond(connection, refused_quota)? {
        gone += drop_all(connection, REFUSED, &[last], pace)?;
    }
    if let Some(max) = max_bytes {
        while bytes(connection)? > max {
            match drop_batch(connection, OLDEST, &[], pace)? {
                0 => break,
                dropped => gone += dropped,
            }
        }
    }
    if gone > 0 {
        dedupe::forget(connection)?;
        shrink(connection, pace)?;
    }
    Ok(gone)
}

/// The newest refused capture that, with all newer ones, takes more than the quota.
fn last_beyond(connection: &Connection, quota: u64) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached(
            "SELECT max(n) FROM (
                 SELECT n, sum(weight) OVER (ORDER BY n DESC) AS total
                 FROM capture INDEXED BY capture_refused WHERE verdict = 'refused'
             ) WHERE total > ?1",
        )?
        .query_row([signed(quota)], |row| row.get(0))
}

/// What the ledger takes, in bytes, without the pages that are free to be used again.
fn bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let (all, free) = pages(connection)?;
    Ok((all - free) * u64::from(PAGE_SIZE))
}

/// How many pages the file has, and how many of them are free.
fn pages(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get(0).map(unsigned));
    Ok((number("page_count")?, number("freelist_count")?))
}

/// Gives free pages back to the file system as long as they are more than a quarter of the file. A ledger that is pruned
/// again and again uses the rest for what comes next.
fn shrink(connection: &Connection, pace: Pace) -> rusqlite::Result<()> {
    loop {
        let (all, free) = pages(connection)?;
        if free <= all / 4 {
            return Ok(());
        }
        let begun = Instant::now();
        connection.execute_batch(&format!("PRAGMA incremental_vacuum({})", pace.batch))?;
        pace.rest(begun);
        if pages(connection)?.1 >= free {
            return Ok(());
        }
    }
}

fn drop_all(connection: &mut Connection, which: &str, values: &[i64], pace: Pace) -> rusqlite::Result<u64> {
    let mut gone = 0;
    loop {
        match drop_batch(connection, which, values, pace)? {
            0 => return Ok(gone),
            dropped => gone += dropped,
        }
    }
}

/// Drops the first records that `which` names, by number and whether it is a delivery.
fn drop_batch(connection: &mut Connection, which: &str, values: &[i64], pace: Pace) -> rusqlite::Result<u64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let begun = Instant::now();
    let batch: Vec<(i64, bool)> = transaction
        .prepare_cached(&format!("{which} LIMIT {}", pace.batch))?
        .query_map(params_from_iter(values), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    if batch.is_empty() {
        return Ok(0);
    }
    let last = last_number(&transaction)?;
    transaction
        .prepare_cached("UPDATE sequence SET last = ?1 WHERE last < ?1")?
        .execute([last])?;
    for (n, is_delivery) in &batch {
        if *is_delivery {
            drop_delivery(&transaction, *n)?;
        } else {
            drop_capture(&transaction, *n)?;
        }
    }
    transaction.commit()?;
    pace.rest(begun);
    Ok(batch.len() as u64)
}

fn drop_capture(connection: &Connection, n: i64) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM capture WHERE n = ?1",
        "DELETE FROM capture_content WHERE n = ?1",
        "DELETE FROM processing WHERE n = ?1",
        "DELETE FROM diagnosis WHERE n = ?1",
        "DELETE FROM execution WHERE n = ?1",
        "DELETE FROM work WHERE n = ?1",
        "DELETE FROM sealed WHERE n = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([n])?;
    }
    Ok(())
}

/// Drops a delivery with its attempts, and its message when it was the last one.
fn drop_delivery(connection: &Connection, n: i64) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM attempt WHERE delivery = ?1",
        "DELETE FROM signed_body WHERE delivery = ?1",
        "DELETE FROM execution WHERE n = ?1",
        "DELETE FROM work WHERE delivery = ?1",
        "DELETE FROM sealed WHERE n = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([n])?;
    }
    let message: i64 = connection
        .prepare_cached("DELETE FROM delivery WHERE n = ?1 RETURNING message")?
        .query_row([n], |row| row.get(0))?;
    connection
        .prepare_cached(
            "DELETE FROM message WHERE m = ?1 AND NOT EXISTS (SELECT 1 FROM delivery WHERE n = ?1)
                 AND NOT EXISTS (SELECT 1 FROM delivery INDEXED BY delivery_shared WHERE message = ?1 AND message <> n)",
        )?
        .execute([message])
        .map(drop)
}
