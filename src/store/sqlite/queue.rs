//! The queue of services, and the events that were handed to them.

use std::time::Duration;

use rusqlite::{Connection, params};

use super::fault::is_damaged_record;
use super::group::ChangeGroup;
use super::queue_rows::{PARKED, TAKEN, WAITING, counted, insert, park, rank};
use super::read;
use super::values::{change, delays, moment, optional_moment, row, rows, signed, unsigned};
use crate::clock::Timestamp;
use crate::id::Id;
use crate::store::queue::{IDEMPOTENCY_KEPT, IdempotencyKey, Intake, MOST_CRASHES, NewEvent, ParkReason, QueueOp};
use crate::store::{Ack, QueueClass, TakenDelivery};

/// Expired answers that are dropped with each new one.
const EXPIRED_AT_ONCE: u32 = 4;

impl ChangeGroup<'_> {
    pub(super) fn queue(&mut self, op: &QueueOp) -> rusqlite::Result<Ack> {
        match op {
            QueueOp::Accept(intake) => self.accept(intake),
            QueueOp::Take {
                owner,
                lane,
                class,
                limit,
                bytes,
                now,
            } => take(self.connection, (owner, lane, *class), (*limit, *bytes), *now),
            QueueOp::Release { delivery, due } => self.release(*delivery, *due),
            QueueOp::Leave { delivery } => match self.delivery_number(*delivery)? {
                Some(n) => leave(self.connection, n),
                None => Ok(Ack::default()),
            },
            QueueOp::ParkLane {
                owner,
                lane,
                reason,
                enabled_at,
                limit,
            } => park_lane(self.connection, (owner, lane), *reason, *enabled_at, *limit),
            QueueOp::ReleaseLane {
                lane,
                reason,
                due,
                limit,
            } => release_lane(self.connection, (lane, *reason), *due, *limit),
            QueueOp::CancelLane { lane, limit } => cancel_lane(self.connection, lane, *limit),
            QueueOp::Requeue {
                delivery,
                owner,
                lane,
                due,
            } => requeue(self.connection, signed(*delivery), (owner, lane), *due),
            QueueOp::Adopt { from, to, deliveries } => adopt(self.connection, from, to, deliveries),
            QueueOp::Recover { from, to, now, pause } => recover(self.connection, from, to, (*now, *pause)),
            QueueOp::Disown { owner } => disown(self.connection, owner),
            QueueOp::Pause { lane, at } => pause(self.connection, lane.as_deref(), *at),
        }
    }

    fn accept(&mut self, intake: &Intake) -> rusqlite::Result<Ack> {
        if let Some(key) = &intake.key
            && let Some(answer) = answered(self.connection, key)?
        {
            return Ok(answer);
        }
        for event in &intake.events {
            self.event(&intake.owner, event)?;
        }
        Ok(Ack {
            number: unsigned(self.last()),
            ..Ack::default()
        })
    }

    fn event(&mut self, owner: &str, event: &NewEvent) -> rusqlite::Result<()> {
        let first = self.last() + 1;
        for queued in &event.deliveries {
            let delivery = &queued.delivery;
            let n = signed(self.delivery(delivery)?.number);
            let state = if queued.taken { TAKEN } else { WAITING };
            let due = delivery.next_due.unwrap_or(event.at);
            insert(self.connection, (n, owner, &queued.lane), QueueClass::First, due, state)?;
        }
        let sql = "
            INSERT INTO event (id, at, name, mode, first, deliveries, data, tenant) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let values = params![
            event.id,
            event.at.unix_us(),
            event.name,
            event.mode.name(),
            first,
            event.deliveries.len().cast_signed(),
            event.data,
            event.tenant,
        ];
        change(self.connection, sql, values).map(drop)
    }

    fn release(&self, delivery: Id, due: Timestamp) -> rusqlite::Result<Ack> {
        let Some(n) = self.delivery_number(delivery)? else {
            return Ok(Ack::default());
        };
        let sql = "UPDATE queue SET state = 0, due = ?2 WHERE n = ?1 AND state = 1";
        let rows = change(self.connection, sql, params![n, due.unix_us()])?;
        Ok(counted(rows))
    }
}

/// The answer of an earlier call with that key; otherwise notes the key.
fn answered(connection: &Connection, key: &IdempotencyKey) -> rusqlite::Result<Option<Ack>> {
    let expired = key.at.minus(IDEMPOTENCY_KEPT).unix_us();
    let sql = format!(
        "DELETE FROM idempotency WHERE key IN
             (SELECT key FROM idempotency INDEXED BY idempotency_at WHERE at < ?1 LIMIT {EXPIRED_AT_ONCE})"
    );
    change(connection, &sql, [expired])?;
    let sql = "SELECT body, answer FROM idempotency WHERE key = ?1 AND at >= ?2";
    let found: Option<(Vec<u8>, String)> = row(connection, sql, params![key.key, expired], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    if let Some((body, answer)) = found {
        return Ok(Some(Ack {
            is_conflict: body != key.body,
            answer: Some(answer),
            ..Ack::default()
        }));
    }
    let sql = "INSERT OR REPLACE INTO idempotency (key, at, body, answer) VALUES (?1, ?2, ?3, ?4)";
    change(
        connection,
        sql,
        params![key.key, key.at.unix_us(), key.body, key.answer],
    )?;
    Ok(None)
}

const DUE: &str = "
    SELECT n, again FROM queue INDEXED BY queue_due
    WHERE state = 0 AND owner = ?1 AND lane = ?2 AND class = ?3 AND due <= ?4 ORDER BY due, n LIMIT ?5";

const NEXT_DUE: &str = "
    SELECT min(due) FROM queue INDEXED BY queue_due WHERE state = 0 AND owner = ?1 AND lane = ?2 AND class = ?3";

fn take(
    connection: &Connection,
    (owner, lane, class): (&str, &str, QueueClass),
    (limit, bytes): (usize, usize),
    now: Timestamp,
) -> rusqlite::Result<Ack> {
    let values = params![owner, lane, rank(class), now.unix_us(), limit.cast_signed()];
    let due: Vec<(i64, bool)> = rows(connection, DUE, values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (mut taken, mut unreadable, mut size) = (Vec::with_capacity(due.len()), Vec::new(), 0);
    for (n, is_again) in due {
        if size >= bytes {
            break;
        }
        change(connection, "UPDATE queue SET state = 1 WHERE n = ?1", [n])?;
        // A record that cannot be read must not stop the others.
        let (delivery, attempts, first_at) = match read::unfinished(connection, n) {
            Ok(Some(found)) => found,
            Err(error) if !is_damaged_record(&error) => return Err(error),
            Ok(None) | Err(_) => {
                park(connection, n, ParkReason::Unusable)?;
                unreadable.push(unsigned(n));
                continue;
            }
        };
        size += delivery.message.body.len();
        taken.push(TakenDelivery {
            number: unsigned(n),
            lane: lane.to_owned(),
            class,
            delivery,
            attempts,
            first_at,
            is_again,
        });
    }
    let next = params![owner, lane, rank(class)];
    Ok(Ack {
        number: taken.len() as u64,
        taken,
        unreadable,
        next_due: row(connection, NEXT_DUE, next, |row| optional_moment(row, 0))?.flatten(),
        ..Ack::default()
    })
}

fn leave(connection: &Connection, n: i64) -> rusqlite::Result<Ack> {
    let sql = "UPDATE delivery SET owner = NULL WHERE n = ?1 AND state = 'pending'";
    change(connection, sql, [n])?;
    Ok(counted(change(connection, "DELETE FROM queue WHERE n = ?1", [n])?))
}

fn park_lane(
    connection: &Connection,
    (owner, lane): (&str, &str),
    reason: ParkReason,
    enabled_at: Option<Timestamp>,
    limit: usize,
) -> rusqlite::Result<Ack> {
    let sql = "SELECT enabled_at FROM endpoint_health WHERE endpoint = ?1";
    let enabled = row(connection, sql, [lane], |row| optional_moment(row, 0))?.flatten();
    if enabled != enabled_at {
        return Ok(Ack::default());
    }
    let sql = "SELECT n FROM queue INDEXED BY queue_due WHERE state = 0 AND owner = ?1 AND lane = ?2 LIMIT ?3";
    let waiting: Vec<i64> = rows(connection, sql, params![owner, lane, limit.cast_signed()], |row| {
        row.get(0)
    })?;
    for n in &waiting {
        park(connection, *n, reason)?;
    }
    Ok(counted(waiting.len()))
}

fn release_lane(
    connection: &Connection,
    (lane, reason): (&str, ParkReason),
    due: Timestamp,
    limit: usize,
) -> rusqlite::Result<Ack> {
    let sql = "
        SELECT n FROM queue INDEXED BY queue_parked WHERE state = 2 AND lane = ?1 AND parked = ?2 ORDER BY n LIMIT ?3";
    let values = params![lane, reason.name(), limit.cast_signed()];
    let found: Vec<i64> = rows(connection, sql, values, |row| row.get(0))?;
    for n in &found {
        let sql = "UPDATE queue SET state = 0, parked = NULL, due = ?2, class = min(class, 1) WHERE n = ?1";
        change(connection, sql, params![n, due.unix_us()])?;
        pending(connection, *n, due)?;
    }
    Ok(counted(found.len()))
}

fn pending(connection: &Connection, n: i64, due: Timestamp) -> rusqlite::Result<usize> {
    let sql = "
        UPDATE delivery SET state = 'pending', next_due = ?2, owner = coalesce((SELECT owner FROM queue WHERE n = ?1), owner)
        WHERE n = ?1";
    change(connection, sql, params![n, due.unix_us()])
}

fn cancel_lane(connection: &Connection, lane: &str, limit: usize) -> rusqlite::Result<Ack> {
    let sql = "SELECT n FROM queue WHERE lane = ?1 AND state <> 1 LIMIT ?2";
    let found: Vec<i64> = rows(connection, sql, params![lane, limit.cast_signed()], |row| row.get(0))?;
    for n in &found {
        change(connection, "DELETE FROM queue WHERE n = ?1", [n])?;
        let sql = "UPDATE delivery SET state = 'cancelled', owner = NULL, next_due = NULL WHERE n = ?1";
        change(connection, sql, [n])?;
    }
    Ok(counted(found.len()))
}

fn requeue(connection: &Connection, n: i64, (owner, lane): (&str, &str), due: Timestamp) -> rusqlite::Result<Ack> {
    // A forward is made again by `hook listen` alone.
    let sql = "
        SELECT attempts, state = 'failed' OR coalesce((SELECT again FROM queue WHERE queue.n = delivery.n), 0)
        FROM delivery WHERE n = ?1 AND state IN ('failed', 'parked', 'cancelled') AND source <> 'forward'";
    let found = row(connection, sql, [n], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?))
    })?;
    let Some((attempts, is_again)) = found else {
        return Ok(Ack::default());
    };
    let class = if attempts == 0 {
        QueueClass::First
    } else {
        QueueClass::Retry
    };
    insert(connection, (n, owner, lane), class, due, WAITING)?;
    change(
        connection,
        "UPDATE queue SET again = ?2 WHERE n = ?1",
        params![n, is_again],
    )?;
    Ok(counted(pending(connection, n, due)?))
}

fn adopt(connection: &Connection, from: &str, to: &str, deliveries: &[(u64, String)]) -> rusqlite::Result<Ack> {
    let mut adopted = 0;
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
            adopted += insert(connection, (n, to, lane), class, due, WAITING)?;
        }
    }
    Ok(counted(adopted))
}

fn recover(
    connection: &Connection,
    from: &str,
    to: &str,
    (now, pause): (Timestamp, Duration),
) -> rusqlite::Result<Ack> {
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

/// After the clock was set back no delivery waits longer than its longest delay.
fn restrain(connection: &Connection, owner: &str, now: Timestamp) -> rusqlite::Result<()> {
    let sql =
        "SELECT max((SELECT at FROM event ORDER BY e DESC LIMIT 1), (SELECT at FROM delivery ORDER BY n DESC LIMIT 1))";
    let last = row(connection, sql, [], |row| optional_moment(row, 0))?.flatten();
    if last.is_none_or(|last| last <= now) {
        return Ok(());
    }
    let sql = "
        SELECT n, delays FROM queue JOIN delivery USING (n)
        WHERE queue.owner = ?1 AND queue.state = 0 AND queue.due > ?2";
    let later = rows(connection, sql, params![owner, now.unix_us()], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
    })?;
    for (n, text) in later {
        let longest = delays(&text).unwrap_or_default().into_iter().max().unwrap_or_default();
        let latest = now.plus(longest).unix_us();
        let sql = "UPDATE queue SET due = min(due, ?2) WHERE n = ?1";
        change(connection, sql, params![n, latest])?;
        let sql = "UPDATE delivery SET next_due = min(next_due, ?2) WHERE n = ?1";
        change(connection, sql, params![n, latest])?;
    }
    Ok(())
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

fn disown(connection: &Connection, owner: &str) -> rusqlite::Result<Ack> {
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

fn pause(connection: &Connection, lane: Option<&str>, at: Option<Timestamp>) -> rusqlite::Result<Ack> {
    let lane = lane.unwrap_or_default();
    let sql = "
        INSERT INTO endpoint_health (endpoint, paused_at) VALUES (?1, ?2)
        ON CONFLICT (endpoint) DO UPDATE SET paused_at = excluded.paused_at WHERE paused_at IS NOT excluded.paused_at";
    let rows = change(connection, sql, params![lane, at.map(Timestamp::unix_us)])?;
    Ok(counted(rows))
}
