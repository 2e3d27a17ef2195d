//! What waits in the queue of services, and the events that were handed to them.

use rusqlite::{Connection, Row, params};

use super::queue_rows::{WAITING, class_of};
use super::values::{moment, named, row, rows, signed, unsigned};
use crate::clock::Timestamp;
use crate::message::Mode;
use crate::store::queue::ParkReason;
use crate::store::{EventRecord, LaneDue, QueueCounts};

/// The lanes of owner `?1` in which something waits, and the classes.
pub(super) const WAITING_LANES: &str = "
    WITH RECURSIVE lanes (lane) AS (
        SELECT min(lane) FROM queue INDEXED BY queue_due WHERE state = 0 AND owner = ?1
        UNION ALL
        SELECT (SELECT min(lane) FROM queue INDEXED BY queue_due WHERE state = 0 AND owner = ?1 AND queue.lane > lanes.lane)
        FROM lanes WHERE lane IS NOT NULL
    ), classes (class) AS (VALUES (0), (1), (2))";

/// Lanes and classes in which something waits, each with its earliest due time.
pub(super) fn lanes(connection: &Connection, owner: &str) -> rusqlite::Result<Vec<LaneDue>> {
    let sql = format!(
        "{WAITING_LANES} SELECT lane, class, (
            SELECT min(due) FROM queue INDEXED BY queue_due
            WHERE state = 0 AND owner = ?1 AND queue.lane = lanes.lane AND queue.class = classes.class
        ) AS due FROM lanes, classes WHERE lane IS NOT NULL AND due IS NOT NULL"
    );
    rows(connection, &sql, [owner], |row| {
        Ok(LaneDue {
            lane: row.get(0)?,
            class: class_of(row.get(1)?),
            due: moment(row, 2)?,
        })
    })
}

const COUNTS: &str = "SELECT state, count FROM queue_count WHERE owner = ?1";

pub(super) fn counts(connection: &Connection, owner: &str) -> rusqlite::Result<QueueCounts> {
    let mut counts = QueueCounts::default();
    for (state, count) in rows(connection, COUNTS, [owner], |row| {
        Ok((row.get(0)?, row.get(1).map(unsigned)?))
    })? {
        match state {
            WAITING => counts.waiting = count,
            _ => counts.parked += count,
        }
    }
    Ok(counts)
}

/// How many deliveries of a lane are parked for that reason.
pub(super) fn parked_count(connection: &Connection, lane: &str, reason: ParkReason) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM queue INDEXED BY queue_parked WHERE state = 2 AND lane = ?1 AND parked = ?2";
    let found = row(connection, sql, [lane, reason.name()], |row| row.get(0).map(unsigned))?;
    Ok(found.unwrap_or_default())
}

/// Lanes with deliveries that are parked for a reason. What is parked for others is skipped, not read.
const PARKED_LANES: &str = "
    WITH RECURSIVE lanes (lane) AS (
        SELECT min(lane) FROM queue INDEXED BY queue_parked WHERE state = 2 AND parked = ?1
        UNION ALL
        SELECT (SELECT min(lane) FROM queue INDEXED BY queue_parked
            WHERE state = 2 AND parked = ?1 AND queue.lane > lanes.lane)
        FROM lanes WHERE lane IS NOT NULL
    ) SELECT lane FROM lanes WHERE lane IS NOT NULL";

pub(super) fn parked_lanes(connection: &Connection, reason: ParkReason) -> rusqlite::Result<Vec<String>> {
    rows(connection, PARKED_LANES, [reason.name()], |row| row.get(0))
}

/// Why a delivery is parked, and when processes died during its attempts.
pub(super) fn trouble(connection: &Connection, n: i64) -> rusqlite::Result<(Option<ParkReason>, Vec<Timestamp>)> {
    let sql = "SELECT parked FROM queue WHERE n = ?1 AND parked IS NOT NULL";
    let reason = row(connection, sql, [n], |row| named(row, 0, ParkReason::from_name))?;
    let crashes = rows(
        connection,
        "SELECT at FROM crash WHERE n = ?1 ORDER BY at",
        [n],
        |row| moment(row, 0),
    )?;
    Ok((reason, crashes))
}

/// The paused lanes; the empty name stands for all of them.
pub(super) fn paused(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    rows(
        connection,
        "SELECT endpoint FROM endpoint_health WHERE paused_at IS NOT NULL ORDER BY endpoint",
        [],
        |row| row.get(0),
    )
}

/// Owners of pending deliveries, apart from the durable service, whose deliveries are all in the queue.
pub(super) fn owners(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "
        WITH RECURSIVE owners (owner) AS (
            SELECT min(owner) FROM delivery INDEXED BY delivery_owned WHERE state = 'pending' AND owner <> 'serve'
            UNION ALL
            SELECT (SELECT min(owner) FROM delivery INDEXED BY delivery_owned
                WHERE state = 'pending' AND owner <> 'serve' AND delivery.owner > owners.owner) FROM owners WHERE owner IS NOT NULL
        ) SELECT owner FROM owners WHERE owner IS NOT NULL";
    rows(connection, sql, [], |row| row.get(0))
}

/// Numbers, endpoints and URLs of what that owner left pending and is neither a forward nor in the queue.
pub(super) fn left(
    connection: &Connection,
    owner: &str,
    limit: usize,
) -> rusqlite::Result<Vec<(u64, Option<String>, String)>> {
    let sql = "
        SELECT n, endpoint, url FROM delivery INDEXED BY delivery_owned
        WHERE state = 'pending' AND owner <> 'serve' AND owner = ?1 AND source IN ('send', 'replay', 'serve')
            AND n NOT IN (SELECT n FROM queue) ORDER BY n LIMIT ?2";
    rows(connection, sql, params![owner, limit.cast_signed()], |row| {
        Ok((row.get(0).map(unsigned)?, row.get(1)?, row.get(2)?))
    })
}

const EVENT: &str = "SELECT e, id, at, name, mode, first, deliveries, data, tenant FROM event";

fn event(row: &Row<'_>) -> rusqlite::Result<EventRecord> {
    Ok(EventRecord {
        number: row.get(0).map(unsigned)?,
        id: row.get(1)?,
        at: moment(row, 2)?,
        name: row.get(3)?,
        mode: Mode::from_name(row.get_ref(4)?.as_str()?).unwrap_or_default(),
        first: row.get(5).map(unsigned)?,
        deliveries: row.get(6).map(unsigned)?,
        data: row.get(7)?,
        tenant: row.get(8)?,
    })
}

/// The newest event with that id.
pub(super) fn event_by_id(
    connection: &Connection,
    tenant: Option<&str>,
    id: &str,
) -> rusqlite::Result<Option<EventRecord>> {
    let sql = format!("{EVENT} WHERE id = ?1 AND (?2 IS NULL OR tenant = ?2) ORDER BY e DESC LIMIT 1");
    row(connection, &sql, params![id, tenant], event)
}

/// Ids of events that begin like that, at most `limit`.
pub(super) fn event_ids(
    connection: &Connection,
    tenant: Option<&str>,
    (prefix, limit): (&str, usize),
) -> rusqlite::Result<Vec<String>> {
    // The largest character ends the range of texts that begin so.
    let sql = "
        SELECT DISTINCT id FROM event INDEXED BY event_id
        WHERE id >= ?1 AND id < ?1 || char(1114111) AND (?3 IS NULL OR tenant = ?3) ORDER BY id LIMIT ?2";
    rows(connection, sql, params![prefix, limit.cast_signed(), tenant], |row| {
        row.get(0)
    })
}

/// Events before that one, the newest first.
pub(super) fn events(
    connection: &Connection,
    tenant: Option<&str>,
    (before, limit): (Option<u64>, usize),
) -> rusqlite::Result<Vec<EventRecord>> {
    let (before, limit) = (before.map_or(i64::MAX, signed), limit.cast_signed());
    let Some(tenant) = tenant else {
        let sql = format!("{EVENT} WHERE e < ?1 ORDER BY e DESC LIMIT ?2");
        return rows(connection, &sql, params![before, limit], event);
    };
    let sql = format!("{EVENT} INDEXED BY event_tenant WHERE tenant = ?3 AND e < ?1 ORDER BY e DESC LIMIT ?2");
    rows(connection, &sql, params![before, limit, tenant], event)
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::store::sqlite::schema::MIGRATIONS;

    #[test]
    fn counts_take_as_many_steps_however_much_waits() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(&MIGRATIONS.concat()).unwrap();
        let steps = |rows: u64| {
            let fill = format!(
                "DELETE FROM queue;
                 WITH RECURSIVE numbers (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})
                 INSERT INTO queue (n, owner, lane, class, due, state) SELECT n, 'serve', 'a', 0, n, 1 FROM numbers;
                 UPDATE queue SET state = 2 * (n % 2)"
            );
            connection.execute_batch(&fill).unwrap();
            let statement = || connection.prepare_cached(COUNTS).unwrap();
            statement().reset_status(StatementStatus::VmStep);
            let counts = counts(&connection, "serve").unwrap();
            assert_eq!(counts.waiting + counts.parked, rows);
            statement().get_status(StatementStatus::VmStep)
        };
        let few = steps(30);
        assert!(few > 0);
        assert_eq!(steps(30_000), few);
    }
}
