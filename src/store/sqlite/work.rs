//! The work queue.

use std::sync::atomic::{AtomicI64, Ordering};

use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::group::ChangeGroup;
use super::values::{change, changed, moment, named, optional_moment, optional_number, row, rows, signed, unsigned};
use super::{dedupe, sealed};
use crate::clock::Timestamp;
use crate::id::Id;
use crate::mask;
use crate::store::sealed as seal;
use crate::store::{Ack, DueWork, Lane, LaneSummary, NewWork, SealedPlace, Work, WorkKey, WorkKind};

/// The place of the next item in its lane. A lane gets items from the process that made it alone, so the number only has to
/// be unique and rising within the process: it stays so when the ledger's file is replaced under it, and items are added
/// in the order of the transactions, so that a reader that remembers the last one misses none.
static NEXT: AtomicI64 = AtomicI64::new(1);

impl ChangeGroup<'_> {
    /// Notes where a capture went.
    pub(super) fn forwarded(&self, capture: u64, url: &str) -> rusqlite::Result<Ack> {
        let (kept, left_out) = seal::url(SealedPlace::Forwarded, url);
        let (n, sql) = (signed(capture), "UPDATE capture SET forwarded_to = ?2 WHERE n = ?1");
        let rows = change(self.connection, sql, params![n, kept])?;
        sealed::keep(self.connection, n, &left_out)?;
        Ok(changed(n, rows))
    }

    /// The answer is a success.
    pub(super) fn promise(&mut self, n: i64, dedupe_key: Option<&str>, work: &[NewWork]) -> rusqlite::Result<Ack> {
        // It may have been pruned meanwhile.
        let Some((provider, at)) = capture_of(self.connection, n)? else {
            return Ok(Ack::default());
        };
        let hash = dedupe::hash(provider.as_deref(), dedupe_key);
        let duplicate_of = self.seen.check_and_insert(self.connection, hash, (self.first, n), at)?;
        let duplicate_of = duplicate_of.filter(|first| *first != n);
        let sql = "UPDATE capture SET dedupe = ?2, duplicate_of = coalesce(duplicate_of, ?3) WHERE n = ?1";
        let hash = hash.map(u64::cast_signed);
        change(self.connection, sql, params![n, hash, duplicate_of])?;
        let sql = "UPDATE capture_content SET dedupe_key = ?2 WHERE n = ?1";
        change(self.connection, sql, params![n, dedupe_key])?;
        add(self.connection, n, at, duplicate_of.is_some(), work)?;
        Ok(Ack {
            number: unsigned(n),
            duplicate_of: duplicate_of.map(unsigned),
            ..Ack::default()
        })
    }

    pub(super) fn work_started(&mut self, key: WorkKey, delivery: Id) -> rusqlite::Result<Ack> {
        match self.delivery_number(delivery)? {
            Some(n) => started(self.connection, key, n),
            None => Ok(Ack::default()),
        }
    }
}

/// Adds what a capture causes. A duplicate causes less.
pub(super) fn add(
    connection: &Connection,
    n: i64,
    at: Timestamp,
    duplicate: bool,
    work: &[NewWork],
) -> rusqlite::Result<()> {
    for item in work.iter().filter(|item| !(duplicate && item.unless_duplicate)) {
        let lane = &item.lane;
        connection
            .prepare_cached(
                // The lane exists from its first item on.
                "INSERT OR IGNORE INTO work_lane (lane, kind, target, folder, trust, policy, owner)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                lane.id.as_bytes(),
                lane.kind.name(),
                lane.target,
                lane.folder,
                lane.trust,
                // The path of a trigger may be in it, which nothing that is done later needs.
                mask::secrets(&lane.policy),
                lane.owner,
            ])?;
        let seq = NEXT.fetch_add(1, Ordering::Relaxed);
        let sql = "INSERT INTO work (lane, seq, n, at) VALUES (?1, ?2, ?3, ?4)";
        change(connection, sql, params![lane.id.as_bytes(), seq, n, at.unix_us()])?;
    }
    Ok(())
}

/// Removes an item that is done.
pub(super) fn done(connection: &Connection, key: WorkKey) -> rusqlite::Result<Ack> {
    let sql = "DELETE FROM work WHERE lane = ?1 AND seq = ?2";
    let rows = change(connection, sql, params![key.lane.as_bytes(), signed(key.seq)])?;
    Ok(changed(1, rows))
}

/// The delivery `n` is the item's from now on; where it has ended already, the item is done.
pub(super) fn started(connection: &Connection, key: WorkKey, n: i64) -> rusqlite::Result<Ack> {
    let sql = "
        UPDATE work SET delivery = ?3, due = (SELECT coalesce(next_due, at) FROM delivery WHERE n = ?3)
        WHERE lane = ?1 AND seq = ?2 AND EXISTS (SELECT 1 FROM delivery WHERE n = ?3 AND state = 'pending')";
    match change(connection, sql, params![key.lane.as_bytes(), signed(key.seq), n])? {
        0 => done(connection, key),
        rows => Ok(changed(1, rows)),
    }
}

/// Gives a lane another owner, unless it has another one by now than `from`. After the clock was set back, no item waits
/// longer than it would have.
pub(super) fn claim(
    connection: &Connection,
    lane: Uuid,
    (from, owner): (Option<&str>, Option<&str>),
    now: Timestamp,
) -> rusqlite::Result<Ack> {
    let sql = "UPDATE work_lane SET owner = ?3 WHERE lane = ?1 AND owner IS ?2";
    let rows = change(connection, sql, params![lane.as_bytes(), from, owner])?;
    if rows > 0 && owner.is_some() {
        let sql = "
            UPDATE work SET due = work.due - last.at + ?2
            FROM (SELECT delivery, max(at) AS at FROM attempt GROUP BY delivery) AS last
            WHERE work.lane = ?1 AND work.delivery = last.delivery AND last.at > ?2";
        change(connection, sql, params![lane.as_bytes(), now.unix_us()])?;
    }
    Ok(changed(1, rows))
}

/// Drops a lane when nothing is in it.
pub(super) fn close(connection: &Connection, lane: Uuid) -> rusqlite::Result<Ack> {
    let sql = "DELETE FROM work_lane WHERE lane = ?1 AND NOT EXISTS (SELECT 1 FROM work WHERE work.lane = ?1)";
    Ok(changed(1, change(connection, sql, [lane.as_bytes()])?))
}

/// Every lane, the oldest first.
pub(super) fn lanes(connection: &Connection) -> rusqlite::Result<Vec<LaneSummary>> {
    let sql = "
        SELECT work_lane.lane, kind, target, folder, trust, policy, owner, count(seq), count(delivery)
        FROM work_lane LEFT JOIN work USING (lane) GROUP BY work_lane.lane ORDER BY work_lane.lane";
    rows(connection, sql, [], |row| {
        let (total, retrying) = (unsigned(row.get(7)?), unsigned(row.get(8)?));
        Ok(LaneSummary {
            lane: lane(row)?,
            waiting: total.saturating_sub(retrying),
            retrying,
        })
    })
}

/// The lanes in which something waits for a capture and is not begun, the oldest first.
pub(super) fn waiting(connection: &Connection, capture: u64) -> rusqlite::Result<Vec<Lane>> {
    let sql = "
        SELECT DISTINCT work_lane.lane, kind, target, folder, trust, policy, owner
        FROM work JOIN work_lane USING (lane) WHERE work.n = ?1 AND delivery IS NULL ORDER BY work_lane.lane";
    rows(connection, sql, [signed(capture)], lane)
}

fn lane(row: &Row<'_>) -> rusqlite::Result<Lane> {
    Ok(Lane {
        id: Uuid::from_bytes(row.get(0)?),
        kind: named(row, 1, WorkKind::from_name)?,
        target: row.get(2)?,
        folder: row.get(3)?,
        trust: row.get(4)?,
        policy: row.get(5)?,
        owner: row.get(6)?,
    })
}

const DUE: &str = "
    SELECT lane, seq, work.n, work.at, capture.size, work.delivery, work.due
    FROM work INDEXED BY work_due JOIN capture ON capture.n = work.n
    WHERE lane = ?1 AND work.delivery IS NOT NULL AND work.due <= ?2 ORDER BY work.due LIMIT ?3";

const NEXT_DUE: &str = "
    SELECT min(due) FROM work INDEXED BY work_due WHERE lane = ?1 AND delivery IS NOT NULL AND due > ?2";

/// Items of a lane whose next attempt is due, the longest waiting first.
pub(super) fn due(connection: &Connection, lane: Uuid, now: Timestamp, limit: usize) -> rusqlite::Result<DueWork> {
    let (key, moment) = (lane.as_bytes(), now.unix_us());
    let items = rows(connection, DUE, params![key, moment, limit.cast_signed()], item)?;
    let next = match items.len() {
        most if most == limit => Some(now),
        _ => row(connection, NEXT_DUE, params![key, moment], |row| {
            optional_moment(row, 0)
        })?
        .flatten(),
    };
    Ok(DueWork { items, next })
}

const ITEMS: &str = "
    SELECT lane, seq, work.n, work.at, capture.size, delivery, due
    FROM work JOIN capture ON capture.n = work.n
    WHERE lane = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";

/// Items of a lane behind `after`, in order.
pub(super) fn items(connection: &Connection, lane: Uuid, after: u64, limit: usize) -> rusqlite::Result<Vec<Work>> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    rows(connection, ITEMS, params![lane.as_bytes(), signed(after), most], item)
}

fn item(row: &Row<'_>) -> rusqlite::Result<Work> {
    let at = moment(row, 3)?;
    Ok(Work {
        key: WorkKey {
            lane: Uuid::from_bytes(row.get(0)?),
            seq: unsigned(row.get(1)?),
        },
        capture: unsigned(row.get(2)?),
        at,
        size: unsigned(row.get(4)?),
        delivery: optional_number(row, 5)?,
        due: optional_moment(row, 6)?.unwrap_or(at),
    })
}

/// Provider and time of a capture, unless it was pruned.
pub(super) fn capture_of(connection: &Connection, n: i64) -> rusqlite::Result<Option<(Option<String>, Timestamp)>> {
    let sql = "SELECT provider, at FROM capture WHERE n = ?1";
    row(connection, sql, [n], |row| Ok((row.get(0)?, moment(row, 1)?)))
}
