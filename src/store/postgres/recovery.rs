//! What processes that ended left in the queue of services.

use std::collections::BTreeMap;
use std::time::Duration;

use super::connection::Session;
use super::context::GroupContext;
use super::fault::Fault;
use super::lease;
use super::queue_rows::{park, reinsert};
use super::values::{Day, Text, get};
use crate::store::encoding::{TAKEN, counted, signed};
use crate::store::queue::{MOST_CRASHES, ParkReason};
use crate::store::{Ack, QueueClass};

/// Enters pending deliveries that a dead process left, unless another one was faster.
pub(super) fn adopt(session: &Session, (from, to): (&str, &str), deliveries: &[(u64, String)]) -> Result<Ack, Fault> {
    let mut adopted = 0;
    let (from, to) = (Text::from(from), Text::from(to));
    for (number, lane) in deliveries {
        let n = signed(*number);
        let sql = "
            UPDATE delivery SET owner = $3, is_queued = true WHERE n = $1 AND state = 'pending' AND owner = $2 AND NOT is_queued
            RETURNING day, attempts, size, coalesce(next_due, at)";
        let found = session.row(sql, &[&n, &from, &to], |row| {
            let attempts: i32 = get(row, 1)?;
            Ok((get::<Day>(row, 0)?, attempts, get::<i64>(row, 2)?, get::<i64>(row, 3)?))
        })?;
        if let Some((day, attempts, size, due)) = found {
            let class = if attempts == 0 {
                QueueClass::First
            } else {
                QueueClass::Retry
            };
            adopted += reinsert(session, (n, day, size), (&to, lane), (class, due))?;
        }
    }
    Ok(counted(adopted))
}

/// Takes over what an owner left that has no living process: what such a process had taken counts as a crash. What this process
/// has counts too: it asks before it begins.
pub(super) fn recover(
    context: &GroupContext<'_>,
    (from, to): (&str, &str),
    now: Option<i64>,
    pause: Duration,
) -> Result<Ack, Fault> {
    let session = context.session;
    lease::remove_expired(session)?;
    let crashes = crash_taken(context, Some(from), now, pause)?;
    let until = until(session, now, pause)?;
    // In a row of crashes they are not tried at all.
    let sql = "UPDATE queue SET due = greatest(due, $2) WHERE owner = $1 AND class = 2 AND state = 0";
    session.run(sql, &[&Text::from(from), &until])?;
    if from != to {
        let sql = "
            WITH moved AS (UPDATE queue SET owner = $2 WHERE owner = $1 RETURNING n, day)
            UPDATE delivery AS d SET owner = $2 FROM moved WHERE d.n = moved.n AND d.day = moved.day";
        session.run(sql, &[&Text::from(from), &Text::from(to)])?;
    }
    Ok(counted(crashes))
}

/// The end of a pause by the clock that counts.
fn until(session: &Session, now: Option<i64>, pause: Duration) -> Result<i64, Fault> {
    let us = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
    let sql = "SELECT coalesce($1, now_us()) + $2::int8";
    Ok(session.row(sql, &[&now, &us], |row| get(row, 0))?.unwrap_or_default())
}

/// What was taken by a process without a lease, or by this one where an owner is given, was interrupted. Returns how many there
/// were.
pub(super) fn crash_taken(
    context: &GroupContext<'_>,
    owner: Option<&str>,
    now: Option<i64>,
    pause: Duration,
) -> Result<usize, Fault> {
    let session = context.session;
    let sql = "
        SELECT n, day FROM queue WHERE state = 1 AND (
            ($1::text IS NOT NULL AND owner = $1 AND token = $2)
            OR token NOT IN (SELECT token FROM worker WHERE expires_at > clock_timestamp())
        ) ORDER BY n FOR UPDATE SKIP LOCKED";
    let owner = super::values::optional(owner);
    let taken: Vec<(i64, Day)> = session.rows(sql, &[&owner, &context.worker.token()], |row| {
        Ok((get(row, 0)?, get(row, 1)?))
    })?;
    if taken.is_empty() {
        return Ok(0);
    }
    let (numbers, days): (Vec<i64>, Vec<Day>) = taken.iter().copied().unzip();
    let sql = "
        UPDATE delivery AS d SET crashes = array_append(d.crashes, coalesce($3, now_us()))
        FROM unnest($1::int8[], $2::date[]) AS u (n, day) WHERE d.n = u.n AND d.day = u.day
        RETURNING d.n, d.day, cardinality(d.crashes)";
    let counted = session.rows(sql, &[&numbers, &days, &now], |row| {
        Ok((get::<i32>(row, 2)?, (get::<i64>(row, 0)?, get::<Day>(row, 1)?)))
    })?;
    let mut by_count: BTreeMap<u32, Vec<(i64, Day)>> = BTreeMap::new();
    for (count, place) in counted {
        let count = u32::try_from(count).unwrap_or_default().min(MOST_CRASHES);
        by_count.entry(count).or_default().push(place);
    }
    let until = until(session, now, pause)?;
    for (count, places) in by_count {
        let numbers: Vec<i64> = places.iter().map(|(n, _)| *n).collect();
        match count {
            MOST_CRASHES => park(session, &places, ParkReason::Crashed).map(drop)?,
            1 => {
                let sql = "UPDATE queue SET state = 0, token = NULL WHERE n = ANY($1) AND state = $2";
                session.run(sql, &[&numbers, &TAKEN])?;
            }
            _ => {
                let sql =
                    "UPDATE queue SET state = 0, token = NULL, class = 2, due = $3 WHERE n = ANY($1) AND state = $2";
                session.run(sql, &[&numbers, &TAKEN, &until])?;
            }
        }
    }
    Ok(taken.len())
}

/// Gives up all deliveries of an owner, apart from those that are parked.
pub(super) fn disown(session: &Session, owner: &str) -> Result<Ack, Fault> {
    let sql = "
        WITH gone AS (DELETE FROM queue WHERE owner = $1 AND state <> 2 RETURNING n, day)
        UPDATE delivery AS d SET owner = NULL, is_queued = false FROM gone WHERE d.n = gone.n AND d.day = gone.day";
    Ok(counted(session.change(sql, &[&Text::from(owner)])?))
}
