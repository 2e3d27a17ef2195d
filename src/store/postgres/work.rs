//! The work queue.

use std::sync::atomic::{AtomicI64, Ordering};

use tokio_postgres::Row;
use uuid::Uuid;

use super::connection::{Session, Step};
use super::fault::Fault;
use super::singles::place_of;
use super::values::{
    Day, Text, get, moment, named, number, optional, optional_moment, optional_number, optional_text, text,
};
use crate::clock::Timestamp;
use crate::id::Id;
use crate::mask;
use crate::store::encoding::{changed, signed, unsigned};
use crate::store::{Ack, DueWork, Lane, LaneSummary, NewCapture, NewWork, Work, WorkKey, WorkKind};

/// The place of the next item in its lane. A lane gets items from the process that made it alone, so the number only has to be
/// unique and rising within the process; items are added in the order of the transactions, so that a reader that remembers the last
/// one misses none.
static NEXT: AtomicI64 = AtomicI64::new(1);

/// Adds what a new capture causes. A duplicate causes less.
pub(super) fn add(
    session: &Session,
    record: (i64, Day),
    capture: &NewCapture,
    is_duplicate: bool,
    work: &[NewWork],
) -> Result<(), Fault> {
    let size = signed(capture.body.len() as u64);
    add_for(session, record, (capture.at, size), is_duplicate, work)
}

/// The same for one that is there, with its time and the size of its body.
pub(super) fn add_for(
    session: &Session,
    (n, day): (i64, Day),
    (at, size): (Timestamp, i64),
    is_duplicate: bool,
    work: &[NewWork],
) -> Result<(), Fault> {
    for item in work.iter().filter(|item| !(is_duplicate && item.unless_duplicate)) {
        let lane = &item.lane;
        // The lane exists from its first item on.
        let make = "
            INSERT INTO work_lane (lane, kind, target, folder, trust, policy, owner)
            VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
        // The path of a trigger may be in it, which nothing that is done later needs.
        let policy = mask::secrets(&lane.policy);
        let enter = "INSERT INTO work (lane, seq, n, day, at, size) VALUES ($1, $2, $3, $4, $5, $6)";
        let seq = NEXT.fetch_add(1, Ordering::Relaxed);
        session.pipeline(&[
            Step::Run(
                make,
                &[
                    &lane.id,
                    &lane.kind.name(),
                    &Text::from(&*lane.target),
                    &Text::from(&*lane.folder),
                    &optional(lane.trust.as_deref()),
                    &Text::from(&*policy),
                    &optional(lane.owner.as_deref()),
                ],
            ),
            Step::Run(enter, &[&lane.id, &seq, &n, &day, &at.unix_us(), &size]),
        ])?;
    }
    Ok(())
}

/// Removes an item that is done.
pub(super) fn done(session: &Session, key: WorkKey) -> Result<Ack, Fault> {
    let sql = "DELETE FROM work WHERE lane = $1 AND seq = $2";
    Ok(changed(1, session.change(sql, &[&key.lane, &signed(key.seq)])?))
}

/// The delivery is the item's from now on; where it has ended already, the item is done.
pub(super) fn started(session: &Session, key: WorkKey, delivery: Id) -> Result<Ack, Fault> {
    let Some((n, day)) = place_of(session, delivery)? else {
        return Ok(Ack::default());
    };
    let sql = "
        UPDATE work SET delivery = $3, due = coalesce(d.next_due, d.at) FROM delivery AS d
        WHERE work.lane = $1 AND work.seq = $2 AND d.n = $3 AND d.day = $4 AND d.state = 'pending'";
    match session.change(sql, &[&key.lane, &signed(key.seq), &n, &day])? {
        0 => done(session, key),
        rows => Ok(changed(1, rows)),
    }
}

/// Gives a lane another owner, unless it has another one by now than `from`. After the clock was set back, no item waits longer
/// than it would have.
pub(super) fn claim(
    session: &Session,
    lane: Uuid,
    (from, owner): (Option<&str>, Option<&str>),
    now: Timestamp,
) -> Result<Ack, Fault> {
    let sql = "UPDATE work_lane SET owner = $3 WHERE lane = $1 AND owner IS NOT DISTINCT FROM $2";
    let rows = session.change(sql, &[&lane, &optional(from), &optional(owner)])?;
    if rows > 0 && owner.is_some() {
        let sql = "
            UPDATE work SET due = work.due - last.at + $2
            FROM (SELECT w.seq, (SELECT max(a.at) FROM attempt AS a WHERE a.n = w.delivery) AS at
                  FROM work AS w WHERE w.lane = $1 AND w.delivery IS NOT NULL) AS last
            WHERE work.lane = $1 AND work.seq = last.seq AND last.at > $2";
        session.run(sql, &[&lane, &now.unix_us()])?;
    }
    Ok(changed(1, rows))
}

/// Drops a lane when nothing is in it.
pub(super) fn close(session: &Session, lane: Uuid) -> Result<Ack, Fault> {
    let sql = "DELETE FROM work_lane WHERE lane = $1 AND NOT EXISTS (SELECT 1 FROM work WHERE work.lane = $1)";
    Ok(changed(1, session.change(sql, &[&lane])?))
}

/// Every lane, the oldest first.
pub(super) fn lanes(session: &Session) -> Result<Vec<LaneSummary>, Fault> {
    let sql = "
        SELECT lane, kind, target, folder, trust, policy, owner, coalesce(total, 0), coalesce(retrying, 0) FROM work_lane
        LEFT JOIN (SELECT lane, count(*) AS total, count(delivery) AS retrying FROM work GROUP BY lane) AS items USING (lane)
        ORDER BY lane";
    session.rows(sql, &[], |row| {
        let (total, retrying) = (number(row, 7)?, number(row, 8)?);
        Ok(LaneSummary {
            lane: lane(row)?,
            waiting: total.saturating_sub(retrying),
            retrying,
        })
    })
}

/// The lanes in which something waits for a capture and is not begun, the oldest first.
pub(super) fn waiting(session: &Session, capture: u64) -> Result<Vec<Lane>, Fault> {
    let sql = "
        SELECT lane, kind, target, folder, trust, policy, owner FROM work_lane
        WHERE lane IN (SELECT lane FROM work WHERE n = $1 AND delivery IS NULL) ORDER BY lane";
    session.rows(sql, &[&signed(capture)], lane)
}

fn lane(row: &Row) -> Result<Lane, Fault> {
    Ok(Lane {
        id: get(row, 0)?,
        kind: named(row, 1, WorkKind::from_name)?,
        target: text(row, 2)?,
        folder: text(row, 3)?,
        trust: optional_text(row, 4)?,
        policy: text(row, 5)?,
        owner: optional_text(row, 6)?,
    })
}

const ITEM: &str = "SELECT lane, seq, n, at, size, delivery, due FROM work WHERE lane = $1";

/// Items of a lane whose next attempt is due, the longest waiting first.
pub(super) fn due(session: &Session, lane: Uuid, now: Timestamp, limit: usize) -> Result<DueWork, Fault> {
    let (at, most) = (now.unix_us(), signed(limit as u64));
    let sql = format!("{ITEM} AND delivery IS NOT NULL AND due <= $2 ORDER BY due LIMIT $3");
    let items = session.rows(&sql, &[&lane, &at, &most], item)?;
    if items.len() == limit {
        return Ok(DueWork { items, next: Some(now) });
    }
    let sql = "SELECT min(due) FROM work WHERE lane = $1 AND delivery IS NOT NULL AND due > $2";
    let next = session
        .row(sql, &[&lane, &at], |row| optional_moment(row, 0))?
        .flatten();
    Ok(DueWork { items, next })
}

/// Items of a lane behind `after`, in order.
pub(super) fn items(session: &Session, lane: Uuid, after: u64, limit: usize) -> Result<Vec<Work>, Fault> {
    let sql = format!("{ITEM} AND seq > $2 ORDER BY seq LIMIT $3");
    session.rows(&sql, &[&lane, &signed(after), &signed(limit as u64)], item)
}

fn item(row: &Row) -> Result<Work, Fault> {
    let at = moment(row, 3)?;
    Ok(Work {
        key: WorkKey {
            lane: get(row, 0)?,
            seq: get(row, 1).map(unsigned)?,
        },
        capture: number(row, 2)?,
        at,
        size: number(row, 4)?,
        delivery: optional_number(row, 5)?,
        due: optional_moment(row, 6)?.unwrap_or(at),
    })
}
