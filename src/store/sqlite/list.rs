//! Records without their bytes.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use uuid::Uuid;

use super::fault::is_damage;
use super::filter;
use super::minutes;
use super::values::{id, lossy, moment, nanoseconds, optional_number, unsigned};
use crate::id::{Id, IdKind};
use crate::store::query::UNREADABLE;
use crate::store::{Query, RecordKind, Summary};

const CAPTURE: &str =
    "SELECT n, id, 0, at, event, provider, NULL, verdict, reason, method || ' ' || target, status, 0, NULL, size,
    duplicate_of, NULL, (SELECT workflow FROM execution WHERE execution.n = capture.n),
    (SELECT max(tries) FROM processing AS p WHERE p.n = capture.n AND mended IS NULL),
    (SELECT error FROM processing AS p WHERE p.n = capture.n AND mended IS NULL ORDER BY last_at DESC LIMIT 1) FROM ";

const DELIVERY: &str = "SELECT n, id, 1, at, event, provider, endpoint, state,
    coalesce(reason, (SELECT note FROM execution WHERE execution.n = delivery.n)), url, status, attempts, took, size,
    NULL, owner, (SELECT workflow FROM execution WHERE execution.n = delivery.n), NULL, NULL FROM ";

/// The page that the query asks for.
pub(super) fn list(connection: &Connection, query: &Query) -> rusqlite::Result<Vec<Summary>> {
    let floor = minutes::floor(connection, query.since)?;
    let arms = [
        (CAPTURE, filter::captures(query, floor)),
        (DELIVERY, filter::deliveries(query, floor)),
    ];
    let (mut selects, mut values) = (Vec::new(), Vec::new());
    for (columns, filter) in arms {
        if let Some(filter) = filter {
            selects.push(format!("{columns}{}", filter.sql));
            values.extend(filter.values);
        }
    }
    if selects.is_empty() {
        return Ok(Vec::new());
    }
    let direction = if query.page.oldest_first { "ASC" } else { "DESC" };
    let selects = selects.join(" UNION ALL ");
    let counts = [query.page.limit, query.page.skip];
    values.extend(counts.map(|count| Value::Integer(count.try_into().unwrap_or(i64::MAX))));
    connection
        .prepare_cached(&format!("{selects} ORDER BY 1 {direction} LIMIT ? OFFSET ?"))?
        .query_map(params_from_iter(values), summary_or_damage)?
        .collect()
}

/// One row that is damaged must not hide all others.
fn summary_or_damage(row: &Row<'_>) -> rusqlite::Result<Summary> {
    match summary(row) {
        Err(error) if is_damage(&error) => salvaged(row, &error),
        other => other,
    }
}

/// What can be read of a damaged row.
fn salvaged(row: &Row<'_>, error: &rusqlite::Error) -> rusqlite::Result<Summary> {
    let text = |column| row.get_ref(column).map(lossy);
    let number = |column| row.get::<_, Option<i64>>(column).ok().flatten();
    let kind = match number(2) {
        Some(1) => RecordKind::Delivery,
        _ => RecordKind::Capture,
    };
    let id_kind = match kind {
        RecordKind::Delivery => IdKind::Delivery,
        RecordKind::Capture => IdKind::Capture,
    };
    let unknown = Id {
        kind: id_kind,
        uuid: Uuid::nil(),
    };
    Ok(Summary {
        number: row.get(0).map(unsigned)?,
        id: id(row, 1, id_kind).unwrap_or(unknown),
        kind,
        at: moment(row, 3)?,
        event: text(4)?,
        provider: text(5)?,
        endpoint: text(6)?,
        state: UNREADABLE.to_owned(),
        reason: Some(error.to_string()),
        target: text(9)?.unwrap_or_default(),
        status: None,
        attempts: 0,
        took: None,
        size: number(13).map_or(0, unsigned),
        duplicate_of: number(14).map(unsigned),
        owner: text(15)?,
        workflow: text(16)?,
        unprocessed: None,
    })
}

fn summary(row: &Row<'_>) -> rusqlite::Result<Summary> {
    let (kind, id_kind) = if row.get(2)? {
        (RecordKind::Delivery, IdKind::Delivery)
    } else {
        (RecordKind::Capture, IdKind::Capture)
    };
    Ok(Summary {
        number: row.get(0).map(unsigned)?,
        id: id(row, 1, id_kind)?,
        kind,
        at: moment(row, 3)?,
        event: row.get(4)?,
        provider: row.get(5)?,
        endpoint: row.get(6)?,
        state: row.get(7)?,
        reason: row.get(8)?,
        target: row.get(9)?,
        status: row.get(10)?,
        attempts: row.get(11)?,
        took: row.get::<_, Option<i64>>(12)?.map(nanoseconds),
        size: row.get(13).map(unsigned)?,
        duplicate_of: optional_number(row, 14)?,
        owner: row.get(15)?,
        workflow: row.get(16)?,
        unprocessed: row.get::<_, Option<u32>>(17)?.zip(row.get(18)?),
    })
}
