//! Rows of the queue.

use super::connection::Session;
use super::fault::Fault;
use super::values::{Day, Text};
use crate::store::encoding::{counted, rank};
use crate::store::queue::ParkReason;
use crate::store::{Ack, QueueClass};

/// Parks deliveries of the queue.
pub(super) fn park(session: &Session, deliveries: &[(i64, Day)], reason: ParkReason) -> Result<Ack, Fault> {
    let (numbers, days): (Vec<i64>, Vec<Day>) = deliveries.iter().copied().unzip();
    let sql = "UPDATE queue SET state = 2, token = NULL, parked = $2 WHERE n = ANY($1)";
    let rows = session.change(sql, &[&numbers, &reason.name()])?;
    let sql = "
        UPDATE delivery AS d SET state = 'parked', next_due = NULL FROM unnest($1::int8[], $2::date[]) AS u (n, day)
        WHERE d.n = u.n AND d.day = u.day AND d.state = 'pending'";
    session.run(sql, &[&numbers, &days])?;
    Ok(counted(rows))
}

/// Enters a delivery, which waits from then on; it may be in the queue.
pub(super) fn reinsert(
    session: &Session,
    (n, day, size): (i64, Day, i64),
    (owner, lane): (&Text<'_>, &str),
    (class, due): (QueueClass, i64),
) -> Result<usize, Fault> {
    let sql = "
        INSERT INTO queue (n, day, size, owner, lane, class, due, state) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)
        ON CONFLICT (n) DO UPDATE SET owner = excluded.owner, lane = excluded.lane, class = excluded.class, due = excluded.due,
            state = 0, parked = NULL, token = NULL";
    session.change(sql, &[&n, &day, &size, owner, &Text::from(lane), &rank(class), &due])
}
