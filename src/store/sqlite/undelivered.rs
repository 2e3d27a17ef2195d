//! Failed deliveries that are still not delivered, in SQLite.

use std::collections::{BTreeMap, HashSet};

use rusqlite::{Connection, Row, params, params_from_iter};

use super::values::{lossy, row, rows, unsigned};
use super::{filter, minutes};
use crate::store::repeat::{DeliveryNode, to_repeat};
use crate::store::{Query, RecordKind};

/// The numbers of the deliveries to make again, the oldest first.
pub(super) fn undelivered(connection: &Connection, query: &Query) -> rusqlite::Result<Vec<u64>> {
    let query = Query {
        kind: Some(RecordKind::Delivery),
        failed: true,
        since: query.since,
        event: query.event.clone(),
        ..Query::default()
    };
    let floor = minutes::floor(connection, query.since)?;
    let Some(failed) = filter::deliveries(&query, floor) else {
        return Ok(Vec::new());
    };
    let sql = format!("SELECT n FROM {} ORDER BY n", failed.sql);
    let failed: Vec<i64> = rows(connection, &sql, params_from_iter(failed.values), |row| row.get(0))?;
    let (mut seen, mut chosen) = (HashSet::new(), Vec::new());
    for n in failed {
        if seen.contains(&n) {
            continue;
        }
        let group = group(connection, n)?;
        seen.extend(group.keys().copied());
        chosen.extend(to_repeat(&group));
    }
    chosen.sort_unstable();
    Ok(chosen.into_iter().map(unsigned).collect())
}

/// Whether that delivery is still one of those to make again.
pub(super) fn is_to_repeat(connection: &Connection, n: i64) -> rusqlite::Result<bool> {
    Ok(to_repeat(&group(connection, n)?) == Some(n))
}

/// Everything that belongs together with a delivery, by number.
fn group(connection: &Connection, start: i64) -> rusqlite::Result<BTreeMap<i64, DeliveryNode<i64>>> {
    let (mut group, mut open) = (BTreeMap::new(), vec![start]);
    while let Some(n) = open.pop() {
        if group.contains_key(&n) {
            continue;
        }
        let Some(node) = node(connection, n)? else { continue };
        open.extend(related(connection, n, &node)?);
        group.insert(n, node);
    }
    Ok(group)
}

fn node(connection: &Connection, n: i64) -> rusqlite::Result<Option<DeliveryNode<i64>>> {
    let sql = "
        SELECT message, coalesce('endpoint ' || endpoint, url), state, origin, source,
            origin IS NOT NULL AND EXISTS (SELECT 1 FROM delivery AS o WHERE o.n = delivery.origin)
        FROM delivery WHERE n = ?1";
    row(connection, sql, [n], read)
}

fn read(row: &Row<'_>) -> rusqlite::Result<DeliveryNode<i64>> {
    let (origin, is_delivery): (Option<i64>, bool) = (row.get(3)?, row.get(5)?);
    // A damaged record is reported when it is repeated.
    let text = |column| row.get_ref(column).map(|value| lossy(value).unwrap_or_default());
    let source = text(4)?;
    Ok(DeliveryNode {
        message: row.get(0)?,
        target: text(1)?,
        state: text(2)?,
        repeats: origin.filter(|_| is_delivery && source == "replay"),
        capture: origin.filter(|_| !is_delivery),
    })
}

/// The numbers of the deliveries that are one step away. The indexes are named, because SQLite has no statistics to choose
/// them by.
const RELATED: &str = "
    SELECT n FROM delivery INDEXED BY delivery_origin
        WHERE origin = ?1 AND origin IS NOT NULL AND source = 'replay'
    UNION ALL SELECT n FROM delivery INDEXED BY delivery_origin
        WHERE origin = ?2 AND origin IS NOT NULL AND coalesce('endpoint ' || endpoint, url) = ?4
    UNION ALL SELECT n FROM delivery INDEXED BY delivery_shared
        WHERE message = ?3 AND message <> n AND coalesce('endpoint ' || endpoint, url) = ?4
    UNION ALL SELECT n FROM delivery
        WHERE n = ?3 AND coalesce('endpoint ' || endpoint, url) = ?4";

fn related(connection: &Connection, n: i64, node: &DeliveryNode<i64>) -> rusqlite::Result<Vec<i64>> {
    let values = params![n, node.capture, node.message, node.target];
    let mut found = rows(connection, RELATED, values, |row| row.get(0))?;
    found.extend(node.repeats);
    Ok(found)
}
