//! The queue of services.

use std::collections::BTreeSet;

use super::connection::{Rows, Session};
use super::context::GroupContext;
use super::fault::Fault;
use super::queue_rows::{park, reinsert};
use super::read;
use super::recovery;
use super::singles::place_of;
use super::values::{Day, Param, Text, get, moment, optional_moment};
use crate::clock::Timestamp;
use crate::id::Id;
use crate::store::encoding::{class_of, counted, rank, signed, unsigned};
use crate::store::queue::{ParkReason, QueueOp};
use crate::store::{Ack, LaneDue, QueueClass, TakenDelivery};

pub(super) fn apply(context: &GroupContext<'_>, op: &QueueOp) -> Result<Ack, Fault> {
    let session = context.session;
    match op {
        // It is collected.
        QueueOp::Accept(_) => Ok(Ack::default()),
        QueueOp::Take {
            owner,
            lane,
            class,
            limit,
            bytes,
            now,
        } => take(context, (owner, lane, *class), (*limit, *bytes), *now),
        QueueOp::Release { delivery } => release(context, *delivery),
        QueueOp::Leave { delivery } => leave(session, *delivery),
        QueueOp::ParkLane {
            owner,
            lane,
            reason,
            enabled_at,
            limit,
        } => park_lane(session, (owner, lane), *reason, *enabled_at, *limit),
        QueueOp::ReleaseLane {
            lane,
            reason,
            due,
            limit,
        } => release_lane(session, (lane, *reason), *due, *limit),
        QueueOp::CancelLane { lane, limit } => cancel_lane(session, lane, *limit),
        QueueOp::Requeue {
            delivery,
            owner,
            lane,
            due,
        } => requeue(session, signed(*delivery), (owner, lane), *due),
        QueueOp::Adopt {
            from, to, deliveries, ..
        } => recovery::adopt(session, (from, to), deliveries),
        // The database's clock decides what is due, whatever happens to those of the machines.
        QueueOp::Clock { .. } => Ok(counted(1)),
        QueueOp::Recover { from, to, now, pause } => recovery::recover(context, (from, to), context.now(*now), *pause),
        QueueOp::Disown { owner } => recovery::disown(session, owner),
        QueueOp::Pause { lane, at } => pause(session, lane.as_deref(), *at),
    }
}

/// Takes what is due and fits, in the lane of this process, and reads it. The first row is there always, and says when the next one is
/// due. `now` is read once: compared with each row, the clock would let the index be read to the end of the lane. Without `$8` the
/// index would be read from its start, where it has what was taken since the last vacuum. `LIMIT 1` keeps each delivery a lookup of its own.
fn take_sql() -> String {
    format!(
        "WITH now AS MATERIALIZED (SELECT coalesce($4::int8, now_us()) AS us),
         held AS MATERIALIZED (SELECT EXISTS (SELECT 1 FROM lane WHERE name = $2 AND token = $7) AS is_held),
         waiting AS MATERIALIZED (
             SELECT n, due, size FROM queue
             WHERE state = 0 AND owner = $1 AND lane = $2 AND class = $3 AND due >= $8 AND (SELECT is_held FROM held)
             ORDER BY due, n LIMIT $5::int8 + 1 FOR UPDATE SKIP LOCKED
         ),
         sized AS MATERIALIZED (
             SELECT n, due, due <= (SELECT us FROM now) AND row_number() OVER w <= $5::int8 AND sum(size) OVER w - size < $6::int8 AS fits
             FROM waiting WINDOW w AS (ORDER BY due, n)
         ),
         taken AS (
             UPDATE queue SET state = 1, token = $7 FROM sized WHERE sized.fits AND queue.n = sized.n
             RETURNING queue.n, queue.day, queue.due
         )
         SELECT d.*, t.n, t.day, t.due, (SELECT min(due) FROM sized WHERE NOT fits), held.is_held, (SELECT min(due) FROM sized)
         FROM held LEFT JOIN taken AS t ON true
             LEFT JOIN LATERAL ({} WHERE n = t.n AND delivery.day = t.day LIMIT 1) AS d ON true
         ORDER BY t.due, t.n",
        read::DELIVERY
    )
}

/// A lane and its class of an owner, as a statement takes them.
struct TakeFrom<'t> {
    owner: Text<'t>,
    lane: Text<'t>,
    class: QueueClass,
}

fn take(
    context: &GroupContext<'_>,
    (owner, lane, class): (&str, &str, QueueClass),
    (limit, bytes): (usize, usize),
    now: Timestamp,
) -> Result<Ack, Fault> {
    let (session, worker) = (context.session, context.worker);
    let from = TakeFrom {
        owner: owner.into(),
        lane: lane.into(),
        class,
    };
    let most = (signed(limit as u64), signed(bytes as u64));
    let mut rows = take_rows(context, &from, most, now)?;
    // A lane is of one process at a time: its limits and its order are kept there.
    if !is_held(&rows)? {
        if !worker.holds(session, lane)? {
            return Ok(Ack::default());
        }
        rows = take_rows(context, &from, most, now)?;
    }
    let mut ack = Ack::default();
    for mut taken in read::taken(session, &rows)? {
        match taken.unfinished.take() {
            Some(unfinished) => ack.taken.push(TakenDelivery {
                number: unsigned(taken.n),
                lane: lane.to_owned(),
                class,
                delivery: unfinished.record.delivery,
                attempts: unfinished.attempts,
                first_at: unfinished.first_at,
                is_again: unfinished.record.is_again,
                due: taken.due,
            }),
            // A record that cannot be read must not stop the others.
            None => {
                park(session, &[(taken.n, taken.day)], ParkReason::Unusable)?;
                ack.unreadable.push(unsigned(taken.n));
            }
        }
    }
    ack.number = ack.taken.len() as u64;
    let first = rows.rows.first();
    ack.next_due = first
        .map(|row| optional_moment(row, read::AFTER_TAKEN))
        .transpose()?
        .flatten();
    Ok(ack)
}

fn take_rows(
    context: &GroupContext<'_>,
    from: &TakeFrom<'_>,
    (limit, bytes): (i64, i64),
    now: Timestamp,
) -> Result<Rows, Fault> {
    let (class, now, token) = (rank(from.class), context.now(now), context.worker.token());
    let start = context.worker.start((from.owner.kept(), from.lane.kept(), class));
    let values: [Param<'_>; 8] = [&from.owner, &from.lane, &class, &now, &limit, &bytes, &token, &start];
    let rows = context.session.run(&take_sql(), &values)?;
    let earliest: Option<i64> = match rows.rows.first() {
        Some(row) => get(row, read::AFTER_TAKEN + 2)?,
        None => None,
    };
    let place = (from.owner.kept(), from.lane.kept(), class);
    context.worker.note_start(place, start, earliest);
    Ok(rows)
}

/// The plan by which what is taken is found, with what it read.
#[cfg(test)]
pub(super) fn explain_take(
    session: &Session,
    worker: &super::lease::Worker,
    (owner, lane, class): (&str, &str, QueueClass),
    limit: usize,
) -> Result<Vec<String>, Fault> {
    let (limit, class, token) = (signed(limit as u64), rank(class), worker.token());
    let start = worker.start((owner, lane, class));
    let values: [Param<'_>; 8] = [
        &Text::from(owner),
        &Text::from(lane),
        &class,
        &None::<i64>,
        &limit,
        &i64::MAX,
        &token,
        &start,
    ];
    let sql = format!("EXPLAIN (ANALYZE, BUFFERS) {}", take_sql());
    session.rows(&sql, &values, |row| get(row, 0))
}

/// Whether the process held the lane.
fn is_held(rows: &Rows) -> Result<bool, Fault> {
    let first = rows.rows.first();
    Ok(first
        .map(|row| get(row, read::AFTER_TAKEN + 1))
        .transpose()?
        .unwrap_or_default())
}

fn release(context: &GroupContext<'_>, delivery: Id) -> Result<Ack, Fault> {
    let Some((n, _)) = place_of(context.session, delivery)? else {
        return Ok(Ack::default());
    };
    let sql = "UPDATE queue SET state = 0, token = NULL WHERE n = $1 AND state = 1 AND token = $2";
    let rows = context.session.change(sql, &[&n, &context.worker.token()])?;
    Ok(counted(rows))
}

fn leave(session: &Session, delivery: Id) -> Result<Ack, Fault> {
    let Some((n, day)) = place_of(session, delivery)? else {
        return Ok(Ack::default());
    };
    let sql = "UPDATE delivery SET owner = NULL, is_queued = false WHERE n = $1 AND day = $2 AND state = 'pending'";
    session.run(sql, &[&n, &day])?;
    Ok(counted(session.change("DELETE FROM queue WHERE n = $1", &[&n])?))
}

fn park_lane(
    session: &Session,
    (owner, lane): (&str, &str),
    reason: ParkReason,
    enabled_at: Option<Timestamp>,
    limit: usize,
) -> Result<Ack, Fault> {
    let (owner, lane) = (Text::from(owner), Text::from(lane));
    let sql = "SELECT enabled_at FROM endpoint_health WHERE endpoint = $1";
    let enabled = session.row(sql, &[&lane], |row| optional_moment(row, 0))?.flatten();
    if enabled != enabled_at {
        return Ok(Ack::default());
    }
    let sql = "
        SELECT n, day FROM queue WHERE state = 0 AND owner = $1 AND lane = $2 ORDER BY class, due, n LIMIT $3
        FOR UPDATE SKIP LOCKED";
    let waiting = session.rows(sql, &[&owner, &lane, &signed(limit as u64)], |row| {
        Ok((get(row, 0)?, get(row, 1)?))
    })?;
    park(session, &waiting, reason)
}

fn release_lane(
    session: &Session,
    (lane, reason): (&str, ParkReason),
    due: Timestamp,
    limit: usize,
) -> Result<Ack, Fault> {
    let sql = "
        WITH found AS (
            SELECT n FROM queue WHERE state = 2 AND lane = $1 AND parked = $2 ORDER BY n LIMIT $4 FOR UPDATE SKIP LOCKED
        ), released AS (
            UPDATE queue SET state = 0, parked = NULL, class = least(class, 1), due = $3 FROM found WHERE queue.n = found.n
            RETURNING queue.n, queue.day, queue.owner
        )
        UPDATE delivery AS d SET state = 'pending', next_due = $3, owner = r.owner
        FROM released AS r WHERE d.n = r.n AND d.day = r.day";
    let values: [Param<'_>; 4] = [&Text::from(lane), &reason.name(), &due.unix_us(), &signed(limit as u64)];
    Ok(counted(session.change(sql, &values)?))
}

fn cancel_lane(session: &Session, lane: &str, limit: usize) -> Result<Ack, Fault> {
    let sql = "
        WITH parked AS (
            SELECT n FROM queue WHERE state = 2 AND lane = $1 LIMIT $2 FOR UPDATE SKIP LOCKED
        ), waiting AS (
            SELECT n FROM queue WHERE state = 0 AND owner IN (SELECT DISTINCT owner FROM queue_count) AND lane = $1
            LIMIT $2 FOR UPDATE SKIP LOCKED
        ), found AS (
            SELECT n FROM parked UNION ALL SELECT n FROM waiting
        ), gone AS (
            DELETE FROM queue WHERE n IN (SELECT n FROM found LIMIT $2) RETURNING n, day
        )
        UPDATE delivery AS d SET state = 'cancelled', owner = NULL, next_due = NULL
        FROM gone WHERE d.n = gone.n AND d.day = gone.day";
    Ok(counted(
        session.change(sql, &[&Text::from(lane), &signed(limit as u64)])?,
    ))
}

fn requeue(session: &Session, n: i64, (owner, lane): (&str, &str), due: Timestamp) -> Result<Ack, Fault> {
    // A forward is made again by `hook listen` alone. A retry by hand resets the count of crashes.
    let sql = "
        UPDATE delivery SET is_again = is_again OR state = 'failed', crashes = NULL, is_queued = true,
            state = 'pending', next_due = $2, owner = $3
        WHERE n = $1 AND state IN ('failed', 'parked', 'cancelled') AND source <> 'forward' RETURNING day, attempts, size";
    let (at, owner) = (due.unix_us(), Text::from(owner));
    let found = session.row(sql, &[&n, &at, &owner], |row| {
        Ok((get::<Day>(row, 0)?, get::<i32>(row, 1)?, get::<i64>(row, 2)?))
    })?;
    let Some((day, attempts, size)) = found else {
        return Ok(Ack::default());
    };
    let class = if attempts == 0 {
        QueueClass::First
    } else {
        QueueClass::Retry
    };
    reinsert(session, (n, day, size), (&owner, lane), (class, at))?;
    Ok(counted(1))
}

fn pause(session: &Session, lane: Option<&str>, at: Option<Timestamp>) -> Result<Ack, Fault> {
    let sql = "
        INSERT INTO endpoint_health (endpoint, paused_at) VALUES ($1, $2)
        ON CONFLICT (endpoint) DO UPDATE SET paused_at = excluded.paused_at
            WHERE endpoint_health.paused_at IS DISTINCT FROM excluded.paused_at";
    let values: [Param<'_>; 2] = [&Text::from(lane.unwrap_or_default()), &at.map(Timestamp::unix_us)];
    Ok(counted(session.change(sql, &values)?))
}

/// Lanes and classes in which something of an owner waits, each with its earliest due time. Skips from one lane to the next.
const LANES: &str = "
    WITH RECURSIVE lanes (lane) AS (
        (SELECT lane FROM queue WHERE state = 0 AND owner = $1 ORDER BY lane LIMIT 1)
        UNION ALL
        SELECT (SELECT queue.lane FROM queue WHERE state = 0 AND owner = $1 AND queue.lane > lanes.lane ORDER BY queue.lane LIMIT 1)
        FROM lanes WHERE lane IS NOT NULL
    )
    SELECT lane, class, due FROM lanes CROSS JOIN (VALUES (0::int2), (1::int2), (2::int2)) AS classes (class)
    CROSS JOIN LATERAL (
        SELECT due FROM queue WHERE state = 0 AND owner = $1 AND queue.lane = lanes.lane AND queue.class = classes.class
        ORDER BY due, n LIMIT 1
    ) AS first
    WHERE lane IS NOT NULL";

/// What waits in the lanes of an owner. Where a process works, lanes of no living process become its own, and those of others are
/// left out.
pub(super) fn lanes(session: &Session, worker: &super::lease::Worker, owner: &str) -> Result<Vec<LaneDue>, Fault> {
    let mut found = session.rows(LANES, &[&Text::from(owner)], |row| {
        Ok(LaneDue {
            lane: super::values::text(row, 0)?,
            class: class_of(get(row, 1)?),
            due: moment(row, 2)?,
        })
    })?;
    if worker.is_registered() && !found.is_empty() {
        let names: BTreeSet<&str> = found.iter().map(|lane| &*lane.lane).collect();
        let held = worker.claim_all(session, &names)?;
        found.retain(|lane| held.contains(&lane.lane));
    }
    Ok(found)
}
