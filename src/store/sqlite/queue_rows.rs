//! Single rows of the queue of services.

use rusqlite::{Connection, params};

use super::values::change;
use crate::clock::Timestamp;
pub(super) use crate::store::encoding::{PARKED, TAKEN, WAITING, class_of, counted, rank};
use crate::store::queue::ParkReason;
use crate::store::{Ack, DeliveryState, QueueClass};

/// Enters a delivery that is not in the queue.
pub(super) fn insert(
    connection: &Connection,
    (n, owner, lane): (i64, &str, &str),
    class: QueueClass,
    due: Timestamp,
    state: i16,
) -> rusqlite::Result<usize> {
    let sql = "INSERT INTO queue (n, owner, lane, class, due, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let values = params![n, owner, lane, rank(class), due.unix_us(), state];
    let rows = change(connection, sql, values)?;
    if state != TAKEN {
        let sql = "INSERT INTO queue_count (owner, state, count) VALUES (?1, ?2, 1)
             ON CONFLICT (owner, state) DO UPDATE SET count = count + 1";
        change(connection, sql, params![owner, state])?;
    }
    Ok(rows)
}

/// Enters a delivery, which waits from then on; it may be in the queue.
pub(super) fn reinsert(
    connection: &Connection,
    place: (i64, &str, &str),
    class: QueueClass,
    due: Timestamp,
) -> rusqlite::Result<usize> {
    change(connection, "DELETE FROM queue WHERE n = ?1", [place.0])?;
    insert(connection, place, class, due, WAITING)
}

/// The delivery of the queue goes on, or has ended. `false` when it is not in the queue.
pub(super) fn attempted(
    connection: &Connection,
    n: i64,
    state: DeliveryState,
    next_due: Option<Timestamp>,
) -> rusqlite::Result<bool> {
    let rows = match (state, next_due) {
        (DeliveryState::Pending, Some(due)) => {
            let sql = "UPDATE queue SET state = 0, class = 1, due = ?2 WHERE n = ?1";
            change(connection, sql, params![n, due.unix_us()])?
        }
        // It was stopped in the middle: as before.
        (DeliveryState::Pending, None) => {
            change(connection, "UPDATE queue SET state = 0 WHERE n = ?1 AND state = 1", [n])?
        }
        (DeliveryState::Parked, _) => 0,
        _ => change(connection, "DELETE FROM queue WHERE n = ?1", [n])?,
    };
    Ok(rows > 0)
}

pub(super) fn park(connection: &Connection, n: i64, reason: ParkReason) -> rusqlite::Result<Ack> {
    let sql = "UPDATE queue SET state = 2, parked = ?2 WHERE n = ?1";
    let rows = change(connection, sql, params![n, reason.name()])?;
    let sql = "UPDATE delivery SET state = 'parked', next_due = NULL WHERE n = ?1 AND state = 'pending'";
    change(connection, sql, [n])?;
    Ok(counted(rows))
}
