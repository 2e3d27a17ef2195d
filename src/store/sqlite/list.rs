//! Records without their bytes.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use uuid::Uuid;

use super::fault::is_damage;
use super::filter;
use super::minutes;
use super::values::{id, lossy, moment, nanoseconds, rows, unsigned};
use crate::id::{Id, IdKind};
use crate::store::query::UNREADABLE;
use crate::store::{FailedProcessing, Query, RecordKind, Summary};

const CAPTURE: &str =
    "SELECT n, id, 0, at, event, provider, NULL, verdict, reason, method || ' ' || target, nullif(status, 0), 0, NULL, size,
    duplicate_of, NULL, (SELECT workflow FROM execution WHERE execution.n = capture.n),
    (SELECT max(tries) FROM processing AS p WHERE p.n = capture.n AND mended IS NULL),
    (SELECT error FROM processing AS p WHERE p.n = capture.n AND mended IS NULL ORDER BY last_at DESC LIMIT 1), NULL FROM ";

const DELIVERY: &str = "SELECT n, id, 1, at, event, provider, endpoint, state,
    CASE WHEN EXISTS (SELECT 1 FROM message WHERE m = delivery.message) THEN
        coalesce(CASE state WHEN 'parked' THEN (SELECT parked FROM queue WHERE queue.n = delivery.n) END, reason,
            (SELECT note FROM execution WHERE execution.n = delivery.n))
        ELSE coalesce(reason || '; ', '') || 'its event is gone' END, url, status, attempts, took, size,
    NULL, owner, (SELECT workflow FROM execution WHERE execution.n = delivery.n), NULL, NULL,
    (SELECT tenant FROM tenant_of_delivery AS of WHERE of.n = delivery.n) FROM ";

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
    // `usize::MAX` means no limit.
    values.extend(counts.map(|count| Value::Integer(count.try_into().unwrap_or(i64::MAX))));
    let sql = format!("{selects} ORDER BY 1 {direction} LIMIT ? OFFSET ?");
    rows(connection, &sql, params_from_iter(values), summary_or_damage)
}

/// How many records match; of the page only its ends count.
pub(super) fn count(connection: &Connection, query: &Query) -> rusqlite::Result<u64> {
    let floor = minutes::floor(connection, query.since)?;
    let mut count = 0;
    for filter in [filter::captures(query, floor), filter::deliveries(query, floor)]
        .into_iter()
        .flatten()
    {
        let sql = format!("SELECT count(*) FROM {}", filter.sql);
        let mut statement = connection.prepare_cached(&sql)?;
        count += statement.query_row(params_from_iter(filter.values), |row| row.get(0).map(unsigned))?;
    }
    Ok(count)
}

/// One damaged row must not hide all others.
fn summary_or_damage(row: &Row<'_>) -> rusqlite::Result<Summary> {
    match summary(row, false) {
        Err(error) if is_damage(&error) => Ok(Summary {
            state: UNREADABLE.to_owned(),
            reason: Some(error.to_string()),
            ..summary(row, true)?
        }),
        other => other,
    }
}

/// Reads a row; of a damaged one what can be read.
fn summary(row: &Row<'_>, is_damaged: bool) -> rusqlite::Result<Summary> {
    let text = |column| {
        if is_damaged {
            row.get_ref(column).map(lossy)
        } else {
            row.get::<_, Option<String>>(column)
        }
    };
    let number = |column| readable(row.get::<_, Option<i64>>(column), is_damaged);
    let (kind, id_kind) = match number(2)? {
        Some(1) => (RecordKind::Delivery, IdKind::Delivery),
        _ => (RecordKind::Capture, IdKind::Capture),
    };
    let unknown = Id {
        kind: id_kind,
        uuid: Uuid::nil(),
    };
    Ok(Summary {
        number: row.get(0).map(unsigned)?,
        id: id(row, 1, id_kind).or_else(|error| if is_damaged { Ok(unknown) } else { Err(error) })?,
        kind,
        at: moment(row, 3)?,
        event: text(4)?,
        provider: text(5)?,
        endpoint: text(6)?,
        tenant: text(19)?,
        state: text(7)?.unwrap_or_default(),
        reason: text(8)?,
        target: text(9)?.unwrap_or_default(),
        status: readable(row.get(10), is_damaged)?,
        attempts: readable(row.get(11), is_damaged)?.unwrap_or(0),
        took: number(12)?.map(nanoseconds),
        size: number(13)?.map_or(0, unsigned),
        duplicate_of: number(14)?.map(unsigned),
        owner: text(15)?,
        workflow: text(16)?,
        unprocessed: readable(row.get(17), is_damaged)?
            .zip(text(18)?)
            .map(|(tries, error)| FailedProcessing { tries, error }),
    })
}

fn readable<T>(value: rusqlite::Result<Option<T>>, is_damaged: bool) -> rusqlite::Result<Option<T>> {
    match value {
        Err(_) if is_damaged => Ok(None),
        other => other,
    }
}
