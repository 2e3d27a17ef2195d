//! What waits in the queue of services, and the events that were handed to them.

use tokio_postgres::Row;

use super::connection::Session;
use super::fault::Fault;
use super::filter;
use super::values::{Text, get, moment, number, optional, optional_text, text};
use crate::clock::Timestamp;
use crate::message::Mode;
use crate::store::encoding::{WAITING, signed};
use crate::store::queue::ParkReason;
use crate::store::{EventRecord, QueueCounts};

pub(super) fn counts(session: &Session, owner: &str) -> Result<QueueCounts, Fault> {
    let sql = "SELECT state, greatest(sum(count), 0)::bigint FROM queue_count WHERE owner = $1 GROUP BY state";
    let mut counts = QueueCounts::default();
    for (state, count) in session.rows(sql, &[&Text::from(owner)], |row| {
        Ok((get::<i16>(row, 0)?, number(row, 1)?))
    })? {
        match state {
            WAITING => counts.waiting = count,
            _ => counts.parked += count,
        }
    }
    Ok(counts)
}

/// How many deliveries of a lane are parked for that reason.
pub(super) fn parked_count(session: &Session, lane: &str, reason: ParkReason) -> Result<u64, Fault> {
    let sql = "SELECT count(*) FROM queue WHERE state = 2 AND lane = $1 AND parked = $2";
    let found = session.row(sql, &[&Text::from(lane), &reason.name()], |row| number(row, 0))?;
    Ok(found.unwrap_or_default())
}

/// Lanes with deliveries that are parked for a reason. What is parked for others is skipped, not read.
const PARKED_LANES: &str = "
    WITH RECURSIVE lanes (lane) AS (
        (SELECT lane FROM queue WHERE state = 2 AND parked = $1 ORDER BY lane LIMIT 1)
        UNION ALL
        SELECT (SELECT queue.lane FROM queue WHERE state = 2 AND parked = $1 AND queue.lane > lanes.lane ORDER BY queue.lane LIMIT 1)
        FROM lanes WHERE lane IS NOT NULL
    ) SELECT lane FROM lanes WHERE lane IS NOT NULL";

pub(super) fn parked_lanes(session: &Session, reason: ParkReason) -> Result<Vec<String>, Fault> {
    session.rows(PARKED_LANES, &[&reason.name()], |row| text(row, 0))
}

/// Why a delivery is parked, and when processes died during its attempts.
pub(super) fn trouble(session: &Session, n: i64) -> Result<(Option<ParkReason>, Vec<Timestamp>), Fault> {
    let sql = "SELECT parked FROM queue WHERE n = $1 AND parked IS NOT NULL";
    let reason = session.row(sql, &[&n], |row| super::values::named(row, 0, ParkReason::from_name))?;
    let sql = "SELECT crashes FROM delivery WHERE n = $1 LIMIT 1";
    let crashes: Option<Vec<i64>> = session.row(sql, &[&n], |row| get(row, 0))?.flatten();
    let mut crashes: Vec<Timestamp> = crashes
        .unwrap_or_default()
        .into_iter()
        .map(Timestamp::from_unix_us)
        .collect();
    crashes.sort_unstable();
    Ok((reason, crashes))
}

/// The paused lanes; the empty name stands for all of them.
pub(super) fn paused(session: &Session) -> Result<Vec<String>, Fault> {
    let sql = "SELECT endpoint FROM endpoint_health WHERE paused_at IS NOT NULL ORDER BY endpoint";
    session.rows(sql, &[], |row| text(row, 0))
}

/// Owners of pending deliveries that are in no queue, apart from the durable service.
pub(super) fn owners(session: &Session) -> Result<Vec<String>, Fault> {
    let sql = "
        SELECT owner FROM delivery WHERE state = 'pending' AND NOT is_queued AND owner <> 'serve'
        UNION SELECT owner FROM queue_count WHERE owner <> 'serve' GROUP BY owner HAVING sum(count) > 0 ORDER BY owner";
    session.rows(sql, &[], |row| text(row, 0))
}

/// Numbers, endpoints and URLs of what that owner left pending and is neither a forward nor in the queue.
pub(super) fn left(session: &Session, owner: &str, limit: usize) -> Result<Vec<(u64, Option<String>, String)>, Fault> {
    let sql = "
        SELECT n, endpoint, url FROM delivery WHERE state = 'pending' AND NOT is_queued AND owner = $1 AND owner <> 'serve'
            AND source IN ('send', 'replay', 'serve') ORDER BY n LIMIT $2";
    session.rows(sql, &[&Text::from(owner), &signed(limit as u64)], |row| {
        Ok((number(row, 0)?, optional_text(row, 1)?, text(row, 2)?))
    })
}

const EVENT: &str = "SELECT e, id, at, name, mode, first, deliveries, data, tenant FROM event";

fn event(row: &Row) -> Result<EventRecord, Fault> {
    Ok(EventRecord {
        number: number(row, 0)?,
        id: text(row, 1)?,
        at: moment(row, 2)?,
        name: text(row, 3)?,
        mode: Mode::from_name(get(row, 4)?).unwrap_or_default(),
        first: number(row, 5)?,
        deliveries: number(row, 6)?,
        data: get(row, 7)?,
        tenant: optional_text(row, 8)?,
    })
}

/// The newest event with that id.
pub(super) fn event_by_id(session: &Session, tenant: Option<&str>, id: &str) -> Result<Option<EventRecord>, Fault> {
    let sql = format!("{EVENT} WHERE id = $1 AND ($2::text IS NULL OR tenant = $2) ORDER BY e DESC LIMIT 1");
    session.row(&sql, &[&Text::from(id), &optional(tenant)], event)
}

/// Ids of events that begin like that, at most `limit`.
pub(super) fn event_ids(
    session: &Session,
    tenant: Option<&str>,
    (prefix, limit): (&str, usize),
) -> Result<Vec<String>, Fault> {
    let sql =
        "SELECT DISTINCT id FROM event WHERE id LIKE $1 AND ($3::text IS NULL OR tenant = $3) ORDER BY id LIMIT $2";
    let pattern = Text::from(format!("{}%", filter::literal(prefix)));
    session.rows(sql, &[&pattern, &signed(limit as u64), &optional(tenant)], |row| {
        text(row, 0)
    })
}

/// Events before that one, the newest first.
pub(super) fn events(
    session: &Session,
    tenant: Option<&str>,
    (before, limit): (Option<u64>, usize),
) -> Result<Vec<EventRecord>, Fault> {
    let (before, limit) = (before.map_or(i64::MAX, signed), signed(limit as u64));
    let Some(tenant) = tenant else {
        let sql = format!("{EVENT} WHERE e < $1 ORDER BY e DESC LIMIT $2");
        return session.rows(&sql, &[&before, &limit], event);
    };
    let sql = format!("{EVENT} WHERE tenant = $3 AND e < $1 ORDER BY e DESC LIMIT $2");
    session.rows(&sql, &[&before, &limit, &Text::from(tenant)], event)
}
