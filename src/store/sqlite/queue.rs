//! The queue of services, and the events that were handed to them.

use rusqlite::{Connection, params};

use super::fault::is_damaged_record;
use super::group::ChangeGroup;
use super::queue_recovery::{adopt, disown, recover, set_clock};
use super::queue_rows::{TAKEN, WAITING, counted, insert, park, rank, reinsert};
use super::read;
use super::values::{change, moment, optional_moment, row, rows, signed, unsigned};
use super::write::MessageRow;
use crate::clock::Timestamp;
use crate::id::Id;
use crate::message::Message;
use crate::store::queue::{IDEMPOTENCY_KEPT, IdempotencyKey, Intake, NewEvent, ParkReason, QueueOp};
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
            QueueOp::Release { delivery } => self.release(*delivery),
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
            QueueOp::Adopt {
                from,
                to,
                deliveries,
                now,
            } => adopt(self.connection, (from, to), deliveries, *now),
            QueueOp::Clock { owner, ahead_us } => set_clock(self.connection, owner, *ahead_us),
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
        // Their messages are new, so that only those of the event itself can be the same.
        let mut messages: Vec<(i64, &Message)> = Vec::new();
        for queued in &event.deliveries {
            let delivery = &queued.delivery;
            let known = messages.iter().find(|(_, message)| **message == delivery.message);
            let place = known.map_or(MessageRow::New, |(key, _)| MessageRow::Known(*key));
            let n = signed(self.delivery_of(place, delivery)?.number);
            if known.is_none() {
                messages.push((n, &delivery.message));
            }
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

    fn release(&self, delivery: Id) -> rusqlite::Result<Ack> {
        let Some(n) = self.delivery_number(delivery)? else {
            return Ok(Ack::default());
        };
        let sql = "UPDATE queue SET state = 0 WHERE n = ?1 AND state = 1";
        let rows = change(self.connection, sql, [n])?;
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
    SELECT n, due FROM queue INDEXED BY queue_due
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
    let due: Vec<(i64, Timestamp)> = rows(connection, DUE, values, |row| Ok((row.get(0)?, moment(row, 1)?)))?;
    let (mut taken, mut unreadable, mut size) = (Vec::with_capacity(due.len()), Vec::new(), 0);
    for (n, due) in due {
        if size >= bytes {
            break;
        }
        change(connection, "UPDATE queue SET state = 1 WHERE n = ?1", [n])?;
        // A record that cannot be read must not stop the others.
        let (found, attempts, first_at) = match read::unfinished(connection, n) {
            Ok(Some(found)) => found,
            Err(error) if !is_damaged_record(&error) => return Err(error),
            Ok(None) | Err(_) => {
                park(connection, n, ParkReason::Unusable)?;
                unreadable.push(unsigned(n));
                continue;
            }
        };
        size += found.delivery.message.body.len();
        taken.push(TakenDelivery {
            number: unsigned(n),
            lane: lane.to_owned(),
            class,
            delivery: found.delivery,
            attempts,
            first_at,
            is_again: found.is_again,
            due,
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
        let sql = "
            UPDATE queue SET state = 0, parked = NULL, class = min(class, 1),
                due = ?2 - coalesce((SELECT ahead FROM queue_clock WHERE queue_clock.owner = queue.owner), 0)
            WHERE n = ?1 RETURNING due";
        if let Some(due) = row(connection, sql, params![n, due.unix_us()], |row| moment(row, 0))? {
            pending(connection, *n, due)?;
        }
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
    let sql = "
        SELECT n FROM queue INDEXED BY queue_parked WHERE state = 2 AND lane = ?1
        UNION ALL
        SELECT n FROM queue INDEXED BY queue_due
            WHERE state = 0 AND owner IN (SELECT owner FROM queue_count) AND lane = ?1 LIMIT ?2";
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
        SELECT attempts, state = 'failed' FROM delivery WHERE n = ?1 AND state IN ('failed', 'parked', 'cancelled') AND source <> 'forward'";
    let found = row(connection, sql, [n], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?))
    })?;
    let Some((attempts, has_failed)) = found else {
        return Ok(Ack::default());
    };
    let class = if attempts == 0 {
        QueueClass::First
    } else {
        QueueClass::Retry
    };
    reinsert(connection, (n, owner, lane), class, due)?;
    // A retry by hand resets the count of crashes.
    change(connection, "DELETE FROM crash WHERE n = ?1", [n])?;
    if has_failed {
        change(connection, "INSERT OR IGNORE INTO again (n) VALUES (?1)", [n])?;
    }
    Ok(counted(pending(connection, n, due)?))
}

fn pause(connection: &Connection, lane: Option<&str>, at: Option<Timestamp>) -> rusqlite::Result<Ack> {
    let lane = lane.unwrap_or_default();
    let sql = "
        INSERT INTO endpoint_health (endpoint, paused_at) VALUES (?1, ?2)
        ON CONFLICT (endpoint) DO UPDATE SET paused_at = excluded.paused_at WHERE paused_at IS NOT excluded.paused_at";
    let rows = change(connection, sql, params![lane, at.map(Timestamp::unix_us)])?;
    Ok(counted(rows))
}
