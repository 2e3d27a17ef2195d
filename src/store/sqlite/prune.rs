//! Drops old records, a few hundred in a transaction, so that other writers get their turn in between.

mod events;

use std::thread;
use std::time::Instant;

use rusqlite::{Connection, TransactionBehavior, params_from_iter};

use super::schema::PAGE_SIZE;
use super::sequence::{begin_after, last_number};
use super::values::{change, rows, unsigned};
use super::{dedupe, minutes};
use crate::clock::Timestamp;
use crate::store::Pruned;

/// How fast records are dropped.
#[derive(Debug, Clone, Copy)]
pub(super) struct PruneSpeed {
    /// Records, or free pages, that go in one transaction.
    pub(super) batch: u32,
    /// The pause after a transaction, as a multiple of its duration. Without it, other writers hardly ever find the
    /// lock free.
    rest: u32,
}

impl PruneSpeed {
    /// A user waits for the result.
    pub(super) const FAST: Self = Self { batch: 256, rest: 0 };
    /// In the background, beside other writers.
    pub(super) const GENTLE: Self = Self { batch: 32, rest: 4 };

    pub(super) fn rest(self, begun: Instant) {
        thread::sleep(begun.elapsed() * self.rest);
    }
}

/// Except deliveries that are in progress. Late ones are among younger records.
const OLDER: &str = "
    SELECT n, 0, 0 FROM capture WHERE n < ?1 AND at < ?2
    UNION ALL SELECT n, 1 + (state = 'parked'), 0 FROM delivery WHERE n < ?1 AND at < ?2
        AND (state <> 'pending' OR owner IS NULL)
    UNION ALL SELECT n, 0, 0 FROM capture INDEXED BY capture_late WHERE late AND n >= ?1 AND at < ?2
    UNION ALL SELECT n, 1 + (state = 'parked'), 0 FROM delivery INDEXED BY delivery_late WHERE late AND n >= ?1 AND at < ?2
        AND (state <> 'pending' OR owner IS NULL)";

/// The oldest records that are left when only those of known senders are. Deliveries with attempts left, and captures with
/// work to do, are not given up to make room.
const OLDEST: &str = "
    SELECT n, 0, weight FROM capture WHERE n NOT IN (SELECT n FROM work)
    UNION ALL SELECT n, 1 + (state = 'parked'), size + 512 FROM delivery WHERE state <> 'pending' ORDER BY 1";

/// Captures that anyone can send to a listener that verifies, with their weights.
const UNAUTHENTICATED: &str = "
    SELECT n, 0, weight FROM capture INDEXED BY capture_refused WHERE verdict = 'refused' AND n NOT IN (SELECT n FROM work)
    UNION ALL
    SELECT n, 0, weight FROM capture INDEXED BY capture_unsigned WHERE verdict = 'unsigned' AND n NOT IN (SELECT n FROM work)
    ORDER BY 1";

/// Captures of a listener without a secret. They have no index, since it would contain everything that such a listener
/// writes: each search continues where the previous one ended.
const UNCHECKED: &str = "
    SELECT n, 0, weight FROM capture WHERE verdict = 'unchecked' AND n >= ?1 AND n NOT IN (SELECT n FROM work) ORDER BY n";

/// Drops what is older than `before`, unauthenticated captures beyond their quota, then as much as the rest is larger than
/// `max_bytes`.
pub(super) fn prune(
    connection: &mut Connection,
    before: Option<Timestamp>,
    max_bytes: Option<u64>,
    unauthenticated_quota: u64,
    unchecked_from: &mut i64,
    pace: PruneSpeed,
) -> rusqlite::Result<Pruned> {
    let (mut gone, mut events_gone) = (Pruned::default(), 0);
    if let Some(before) = before {
        let ceiling = minutes::ceiling(connection, before)?;
        let older = drop_weight(connection, OLDER, &[ceiling, before.unix_us()], u64::MAX, pace)?;
        add(&mut gone, older);
        minutes::forget(connection, before)?;
        events_gone = events::older(connection, before, pace)?;
    }
    let unauthenticated = unauthenticated_bytes(connection)?;
    if unauthenticated > unauthenticated_quota {
        let excess = unauthenticated - unauthenticated_quota;
        add(&mut gone, drop_weight(connection, UNAUTHENTICATED, &[], excess, pace)?);
    }
    if let Some(max) = max_bytes {
        add(&mut gone, drop_beyond(connection, max, unchecked_from, pace)?);
    }
    if gone.records > 0 {
        dedupe::forget(connection)?;
    }
    if gone.records + events_gone > 0 {
        shrink(connection, pace)?;
    }
    Ok(gone)
}

fn add(gone: &mut Pruned, more: Dropped) {
    gone.records += more.records;
    gone.parked += more.parked;
}

/// One record, unless something of it is left to do.
const ONE: &str = "
    SELECT n, 0, 0 FROM capture WHERE n = ?1 AND n NOT IN (SELECT n FROM work)
    UNION ALL SELECT n, 1 + (state = 'parked'), 0 FROM delivery WHERE n = ?1 AND state <> 'pending'
        AND n NOT IN (SELECT n FROM queue WHERE state <> 2)";

/// Drops one record; whether it was there and could be dropped.
pub(super) fn remove(connection: &mut Connection, n: i64) -> rusqlite::Result<bool> {
    let dropped = drop_batch(connection, ONE, &[n], u64::MAX, PruneSpeed::FAST)?;
    if dropped.records > 0 {
        dedupe::forget(connection)?;
    }
    Ok(dropped.records > 0)
}

/// Drops as much as the ledger is larger than `max_bytes`, and leaves the free pages to what comes next. Returns how many
/// parked deliveries went.
pub(super) fn make_room(
    connection: &mut Connection,
    max_bytes: u64,
    unchecked_from: &mut i64,
    pace: PruneSpeed,
) -> rusqlite::Result<u64> {
    let dropped = drop_beyond(connection, max_bytes, unchecked_from, pace)?;
    if dropped.records > 0 {
        dedupe::forget(connection)?;
    }
    Ok(dropped.parked)
}

/// Drops records until the ledger takes `max` bytes: first unauthenticated captures, so that strangers cannot displace other
/// records, then the oldest with the events that were handed over before them.
fn drop_beyond(
    connection: &mut Connection,
    max: u64,
    unchecked_from: &mut i64,
    pace: PruneSpeed,
) -> rusqlite::Result<Dropped> {
    let mut gone = Dropped::default();
    for which in [UNAUTHENTICATED, UNCHECKED, OLDEST] {
        loop {
            let beyond = bytes(connection)?.saturating_sub(max);
            if beyond == 0 {
                return Ok(gone);
            }
            let values: &[i64] = if which == UNCHECKED { &[*unchecked_from] } else { &[] };
            // Read before the search: captures that arrive meanwhile are searched next time.
            let last = last_number(connection)?;
            let batch = drop_batch(connection, which, values, beyond, pace)?;
            gone.add(batch);
            let found = batch.records > 0;
            if which == OLDEST && found {
                events::before(connection, batch.last, pace)?;
            }
            if which == UNCHECKED {
                *unchecked_from = if found { batch.last } else { last } + 1;
            }
            if !found {
                break;
            }
        }
    }
    // An event without a subscriber has no record.
    while bytes(connection)? > max && events::before(connection, i64::MAX - 1, pace)? > 0 {}
    Ok(gone)
}

/// Weight of all unauthenticated captures, in bytes.
pub(super) fn unauthenticated_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached(
            "SELECT coalesce((SELECT sum(weight) FROM capture INDEXED BY capture_refused WHERE verdict = 'refused'), 0)
                 + coalesce((SELECT sum(weight) FROM capture INDEXED BY capture_unsigned WHERE verdict = 'unsigned'), 0)",
        )?
        .query_row([], |row| row.get(0).map(unsigned))
}

/// Drops the oldest unauthenticated captures until that many bytes are free. Returns how many became free.
pub(super) fn drop_unauthenticated(connection: &mut Connection, bytes: u64) -> rusqlite::Result<u64> {
    Ok(drop_weight(connection, UNAUTHENTICATED, &[], bytes, PruneSpeed::FAST)?.weight)
}

/// Drops records in batches until that much weight is gone, or no record is left.
fn drop_weight(
    connection: &mut Connection,
    which: &str,
    values: &[i64],
    weight: u64,
    pace: PruneSpeed,
) -> rusqlite::Result<Dropped> {
    let mut all = Dropped::default();
    while all.weight < weight {
        let batch = drop_batch(connection, which, values, weight - all.weight, pace)?;
        if batch.records == 0 {
            break;
        }
        all.add(batch);
    }
    Ok(all)
}

/// Records dropped in one transaction.
#[derive(Debug, Clone, Copy, Default)]
struct Dropped {
    records: u64,
    /// Parked deliveries among them.
    parked: u64,
    /// In bytes, 0 where the query selects none.
    weight: u64,
    /// The number of the last one.
    last: i64,
}

impl Dropped {
    fn add(&mut self, more: Self) {
        self.records += more.records;
        self.parked += more.parked;
        self.weight += more.weight;
        self.last = more.last;
    }
}

/// Size of the ledger in bytes, without its free pages.
pub(super) fn bytes(connection: &Connection) -> rusqlite::Result<u64> {
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
fn shrink(connection: &Connection, pace: PruneSpeed) -> rusqlite::Result<()> {
    loop {
        let (all, free) = pages(connection)?;
        // The rest is reused by the next records.
        if free <= all / 4 {
            return Ok(());
        }
        let begun = Instant::now();
        connection.execute_batch(&format!("PRAGMA incremental_vacuum({})", pace.batch))?;
        pace.rest(begun);
        // Nothing was released: a reader still uses the pages, or an old file has no vacuum mode.
        if pages(connection)?.1 >= free {
            return Ok(());
        }
    }
}

/// Drops the first records that the query `which` selects, up to `weight`: number, kind (0 a capture, 1 a delivery, 2 one that
/// is parked), weight.
fn drop_batch(
    connection: &mut Connection,
    which: &str,
    values: &[i64],
    weight: u64,
    pace: PruneSpeed,
) -> rusqlite::Result<Dropped> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let begun = Instant::now();
    let sql = format!("{which} LIMIT {}", pace.batch);
    let batch: Vec<(i64, i64, u64)> = rows(&transaction, &sql, params_from_iter(values), |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2).map(unsigned)?))
    })?;
    if batch.is_empty() {
        return Ok(Dropped::default());
    }
    // The newest records may be dropped, and their numbers must not be assigned again.
    let last = last_number(&transaction)?;
    begin_after(&transaction, last)?;
    let mut dropped = Dropped::default();
    for (n, kind, own) in &batch {
        if dropped.weight >= weight {
            break;
        }
        match kind {
            0 => drop_capture(&transaction, *n)?,
            _ => drop_delivery(&transaction, *n)?,
        }
        dropped.add(Dropped {
            records: 1,
            parked: u64::from(*kind == 2),
            weight: *own,
            last: *n,
        });
    }
    transaction.commit()?;
    pace.rest(begun);
    Ok(dropped)
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
        change(connection, sql, [n])?;
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
        "DELETE FROM queue WHERE n = ?1",
        "DELETE FROM crash WHERE n = ?1",
        "DELETE FROM again WHERE n = ?1",
        "DELETE FROM sealed WHERE n = ?1",
    ] {
        change(connection, sql, [n])?;
    }
    let message: i64 = connection
        .prepare_cached("DELETE FROM delivery WHERE n = ?1 RETURNING message")?
        .query_row([n], |row| row.get(0))?;
    let sql = "
        DELETE FROM message WHERE m = ?1 AND NOT EXISTS (SELECT 1 FROM delivery WHERE n = ?1)
            AND NOT EXISTS (SELECT 1 FROM delivery INDEXED BY delivery_shared WHERE message = ?1 AND message <> n)";
    change(connection, sql, [message]).map(drop)
}
