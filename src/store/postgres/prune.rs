//! Drops old records: whole days by dropping their tables, the rest row by row in transactions of their own.

use super::connection::{Session, Step};
use super::days;
use super::fault::Fault;
use super::notices;
use super::values::{Day, get};
use crate::clock::Timestamp;
use crate::store::Pruned;
use crate::store::queue::IDEMPOTENCY_KEPT;

/// Records that go in one transaction.
const BATCH: i64 = 1000;

/// What a delivery takes beside its body, and an event beside its data, in bytes.
const ROW_BYTES: i64 = 512;

/// Each selects number, day, whether it is a capture, whether it is parked, and bytes.
const OLDER_CAPTURES: &str =
    "SELECT n, day, true, false, weight FROM capture WHERE at < $1 AND day <= $2 ORDER BY n LIMIT $3";

/// Except deliveries that are in progress.
const OLDER_DELIVERIES: &str = "
    SELECT n, day, false, state = 'parked', size FROM delivery
    WHERE at < $1 AND day <= $2 AND (state <> 'pending' OR owner IS NULL) ORDER BY n LIMIT $3";

/// Captures that anyone can send to a listener that verifies.
const UNAUTHENTICATED: &str = "
    SELECT n, day, true, false, weight FROM capture WHERE verdict IN ('refused', 'unsigned') AND n NOT IN (SELECT n FROM work)
    ORDER BY n LIMIT $1";

/// Captures of a listener without a secret.
const UNCHECKED: &str = "
    SELECT n, day, true, false, weight FROM capture WHERE verdict = 'unchecked' AND n NOT IN (SELECT n FROM work)
    ORDER BY n LIMIT $1";

/// The oldest records. Deliveries with attempts left, and captures with work to do, are not given up to make room.
const OLDEST: &str = "
    (SELECT n, day, true, false, weight FROM capture WHERE n NOT IN (SELECT n FROM work) ORDER BY n LIMIT $1)
    UNION ALL
    (SELECT n, day, false, state = 'parked', size + 512 FROM delivery WHERE state <> 'pending' ORDER BY n LIMIT $1)
    ORDER BY 1 LIMIT $1";

/// One record, unless something of it is left to do.
const ONE: &str = "
    SELECT n, day, true, false, weight FROM capture WHERE n = $1 AND n NOT IN (SELECT n FROM work)
    UNION ALL
    SELECT n, day, false, state = 'parked', size FROM delivery
    WHERE n = $1 AND state <> 'pending' AND n NOT IN (SELECT n FROM queue WHERE state <> 2)";

/// A record that goes.
struct Goner {
    n: i64,
    day: Day,
    is_capture: bool,
    is_parked: bool,
    weight: i64,
}

/// Drops what is older than `before`, unauthenticated captures beyond their quota, then as much as the rest is larger than `max`.
pub(super) fn prune(
    session: &Session,
    before: Option<Timestamp>,
    max: Option<u64>,
    quota: u64,
) -> Result<Pruned, Fault> {
    let mut gone = Pruned::default();
    if let Some(before) = before {
        older(session, before, &mut gone)?;
    }
    let excess = unauthenticated_bytes(session)?.saturating_sub(crate::store::encoding::signed(quota));
    drop_weight(session, UNAUTHENTICATED, excess, &mut gone)?;
    if let Some(max) = max {
        drop_beyond(session, crate::store::encoding::signed(max), &mut gone)?;
    }
    Ok(gone)
}

fn older(session: &Session, before: Timestamp, gone: &mut Pruned) -> Result<(), Fault> {
    for day in days::before(session, before)? {
        days::drop_day(session, day, gone)?;
    }
    for sql in [OLDER_CAPTURES, OLDER_DELIVERIES] {
        // A delivery has the day of its event, which is not later than its own.
        let values: [super::values::Param<'_>; 3] = [&before.unix_us(), &Day::of(before), &BATCH];
        while drop_batch(session, sql, &values, i64::MAX, gone)?.0 > 0 {}
    }
    let sql = format!("DELETE FROM event WHERE at < $1 AND day <= $2 AND {IS_EMPTY}");
    session.run(&sql, &[&before.unix_us(), &Day::of(before)])?;
    let expired = before.minus(IDEMPOTENCY_KEPT).unix_us();
    session.run("DELETE FROM idempotency WHERE at < $1", &[&expired])?;
    notices::older(session, before.unix_us())
}

/// Whether no delivery of an event is left.
const IS_EMPTY: &str = "NOT EXISTS (SELECT 1 FROM delivery AS d
    WHERE d.day = event.day AND d.n >= event.first AND d.n < event.first + event.deliveries)";

/// Bytes of all unauthenticated captures.
pub(super) fn unauthenticated_bytes(session: &Session) -> Result<i64, Fault> {
    let sql = "SELECT coalesce(sum(weight), 0)::bigint FROM capture WHERE verdict IN ('refused', 'unsigned')";
    Ok(session.row(sql, &[], |row| get(row, 0))?.unwrap_or_default())
}

/// Drops the oldest unauthenticated captures until that many bytes are gone.
pub(super) fn drop_unauthenticated(session: &Session, bytes: i64) -> Result<(), Fault> {
    drop_weight(session, UNAUTHENTICATED, bytes, &mut Pruned::default())
}

/// What the records take, in bytes: what was written, not what the tables take on the disk, which does not shrink when rows go.
fn bytes(session: &Session) -> Result<i64, Fault> {
    let sql =
        "SELECT ((SELECT coalesce(sum(weight), 0) FROM capture) + (SELECT coalesce(sum(size + $1), 0) FROM delivery)
        + (SELECT coalesce(sum($1 + coalesce(length(data), 0)), 0) FROM event))::bigint";
    Ok(session.row(sql, &[&ROW_BYTES], |row| get(row, 0))?.unwrap_or_default())
}

/// Drops records until the rest takes `max` bytes: first unauthenticated captures, so that strangers cannot displace other records,
/// then the oldest with the events that were handed over before them.
fn drop_beyond(session: &Session, max: i64, gone: &mut Pruned) -> Result<(), Fault> {
    for sql in [UNAUTHENTICATED, UNCHECKED, OLDEST] {
        let excess = bytes(session)?.saturating_sub(max);
        drop_weight(session, sql, excess, gone)?;
    }
    loop {
        let excess = bytes(session)?.saturating_sub(max);
        let sql = format!(
            "DELETE FROM event WHERE (e, day) IN (SELECT e, day FROM event WHERE {IS_EMPTY} ORDER BY e LIMIT $1)"
        );
        let most = (excess / ROW_BYTES + 1).min(BATCH);
        if excess <= 0 || session.change(&sql, &[&most])? == 0 {
            return Ok(());
        }
    }
}

fn drop_weight(session: &Session, which: &str, weight: i64, gone: &mut Pruned) -> Result<(), Fault> {
    let mut left = weight;
    while left > 0 {
        let (records, dropped) = drop_batch(session, which, &[&BATCH], left, gone)?;
        if records == 0 {
            return Ok(());
        }
        left -= dropped;
    }
    Ok(())
}

/// Drops one record; whether it was there and could be dropped.
pub(super) fn remove(session: &Session, n: i64) -> Result<bool, Fault> {
    let (records, _) = drop_batch(session, ONE, &[&n], i64::MAX, &mut Pruned::default())?;
    Ok(records > 0)
}

/// Drops the first records that the query selects, up to a weight. Returns how many, and their weight.
fn drop_batch(
    session: &Session,
    which: &str,
    values: &[super::values::Param<'_>],
    weight: i64,
    gone: &mut Pruned,
) -> Result<(usize, i64), Fault> {
    let found = session.rows(which, values, |row| {
        Ok(Goner {
            n: get(row, 0)?,
            day: get(row, 1)?,
            is_capture: get(row, 2)?,
            is_parked: get(row, 3)?,
            weight: get(row, 4)?,
        })
    })?;
    let mut dropped = 0;
    let fits = found.into_iter().take_while(|goner| {
        let is_needed = dropped < weight;
        dropped += if is_needed { goner.weight } else { 0 };
        is_needed
    });
    let all: Vec<Goner> = fits.collect();
    let parked = all.iter().filter(|goner| goner.is_parked).count();
    if !all.is_empty() {
        drop_records(session, &all)?;
    }
    gone.records += all.len() as u64;
    gone.parked += parked as u64;
    Ok((all.len(), dropped))
}

/// A table `u` of the numbers and days.
const OF: &str = "unnest($1::int8[], $2::date[]) AS u (n, day)";

fn drop_records(session: &Session, all: &[Goner]) -> Result<(), Fault> {
    let places = |is_capture| -> (Vec<i64>, Vec<Day>) {
        let some = all.iter().filter(|goner| goner.is_capture == is_capture);
        some.map(|goner| (goner.n, goner.day)).unzip()
    };
    let ((captures, their_days), (deliveries, days)) = (places(true), places(false));
    let of_captures: [super::values::Param<'_>; 2] = [&captures, &their_days];
    let of_deliveries: [super::values::Param<'_>; 2] = [&deliveries, &days];
    let capture = format!("DELETE FROM capture AS c USING {OF} WHERE c.n = u.n AND c.day = u.day");
    let attempt = format!("DELETE FROM attempt AS a USING {OF} WHERE a.n = u.n AND a.day = u.day");
    // A message goes with the last delivery of its day. Those that go now are still to be seen by the statement.
    let delivery = format!(
        "WITH gone AS (DELETE FROM delivery AS d USING {OF} WHERE d.n = u.n AND d.day = u.day RETURNING d.message, d.day)
         DELETE FROM message AS m USING (SELECT DISTINCT message, day FROM gone) AS g
         WHERE m.key = g.message AND m.day = g.day AND NOT EXISTS
             (SELECT 1 FROM delivery AS d WHERE d.message = m.key AND d.day = m.day AND d.n <> ALL ($1))"
    );
    session.batch("BEGIN")?;
    let result = session.pipeline(&[
        Step::Run(&capture, &of_captures),
        Step::Run("DELETE FROM processing WHERE n = ANY($1)", &[&captures]),
        Step::Run("DELETE FROM work WHERE n = ANY($1)", &[&captures]),
        Step::Run(&attempt, &of_deliveries),
        Step::Run(&delivery, &of_deliveries),
        Step::Run("DELETE FROM queue WHERE n = ANY($1)", &[&deliveries]),
        Step::Run("DELETE FROM work WHERE delivery = ANY($1)", &[&deliveries]),
    ]);
    session.batch(if result.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    result.map(drop)
}
