//! Records without their bytes.

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

use super::filter::{self, Filter, Order};
use super::read::{id, moment, nanoseconds};
use super::unsigned;
use crate::id::IdKind;
use crate::store::{Query, RecordKind, Summary};

const CAPTURE: &str =
    "SELECT n, id, 0, at, event, provider, NULL, verdict, reason, method || ' ' || target, status, 0, NULL, size,
    duplicate_of, NULL FROM ";

const DELIVERY: &str =
    "SELECT n, id, 1, at, event, provider, endpoint, state, reason, url, status, attempts, took, size,
    NULL, owner FROM ";

/// The page that the query asks for.
pub(super) fn list(connection: &Connection, query: &Query) -> rusqlite::Result<Vec<Summary>> {
    let (mut sql, mut values) = (String::new(), Vec::new());
    let tables = [
        (CAPTURE, "capture", filter::captures(query, Order::Numbers)),
        (DELIVERY, "delivery", filter::deliveries(query, Order::Numbers)),
    ];
    for (columns, table, filter) in tables {
        let Some(mut filter) = filter else { continue };
        if !from_first_match(connection, table, query, &mut filter)? {
            continue;
        }
        if !sql.is_empty() {
            sql.push_str(" UNION ALL ");
        }
        sql.push_str(columns);
        sql.push_str(&filter.sql);
        values.extend(filter.values);
    }
    if sql.is_empty() {
        return Ok(Vec::new());
    }
    let direction = if query.page.oldest_first { "ASC" } else { "DESC" };
    sql.push_str(&format!(" ORDER BY 1 {direction} LIMIT ? OFFSET ?"));
    values
        .extend([query.page.limit, query.page.skip].map(|count| Value::Integer(count.try_into().unwrap_or(i64::MAX))));
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), summary)?;
    rows.collect()
}

/// Ends the search at the first record that is young enough, so that a list with few matches does not go through the whole
/// ledger. The times of records are not quite in the order of their numbers, so that the bound is looked up, not guessed.
/// False when no record is young enough.
fn from_first_match(
    connection: &Connection,
    table: &str,
    query: &Query,
    filter: &mut Filter,
) -> rusqlite::Result<bool> {
    let Some(since) = query.since else { return Ok(true) };
    let first: Option<i64> = connection
        .prepare_cached(&format!(
            "SELECT min(n) FROM {table} INDEXED BY {table}_at WHERE at >= ?1"
        ))?
        .query_row([since.unix_us()], |row| row.get(0))?;
    if let Some(first) = first {
        filter.and("n >= ?", [first.into()]);
    }
    Ok(first.is_some())
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
        duplicate_of: row.get::<_, Option<i64>>(14)?.map(unsigned),
        owner: row.get(15)?,
    })
}
