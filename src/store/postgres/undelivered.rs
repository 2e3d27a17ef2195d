//! Failed deliveries that are still not delivered, in PostgreSQL.

use std::collections::{BTreeMap, HashSet};

use tokio_postgres::Row;
use uuid::Uuid;

use super::connection::Session;
use super::fault::Fault;
use super::filter;
use super::values::{Text, get, text};
use crate::store::encoding::unsigned;
use crate::store::repeat::{DeliveryNode, to_repeat};
use crate::store::{Query, RecordKind};

/// The numbers of the deliveries to make again, the oldest first.
pub(super) fn undelivered(session: &Session, query: &Query) -> Result<Vec<u64>, Fault> {
    let query = Query {
        kind: Some(RecordKind::Delivery),
        failed: true,
        since: query.since,
        event: query.event.clone(),
        ..Query::default()
    };
    let Some(failed) = filter::deliveries(&query) else {
        return Ok(Vec::new());
    };
    let sql = format!("SELECT n FROM {} ORDER BY n", failed.sql);
    let failed: Vec<i64> = session.rows(&sql, &failed.params(), |row| get(row, 0))?;
    let (mut seen, mut chosen) = (HashSet::new(), Vec::new());
    for n in failed {
        if seen.contains(&n) {
            continue;
        }
        let group = group(session, n)?;
        seen.extend(group.keys().copied());
        chosen.extend(to_repeat(&group));
    }
    chosen.sort_unstable();
    Ok(chosen.into_iter().map(unsigned).collect())
}

/// Whether that delivery is still one of those to make again. Until the end of the transaction no other process finds so.
pub(super) fn claim_repeat(session: &Session, n: i64) -> Result<bool, Fault> {
    session.run("SELECT pg_advisory_xact_lock(1752133483, 5)", &[])?;
    Ok(to_repeat(&group(session, n)?) == Some(n))
}

/// Everything that belongs together with a delivery, by number.
fn group(session: &Session, start: i64) -> Result<BTreeMap<i64, DeliveryNode<Uuid>>, Fault> {
    let (mut group, mut open) = (BTreeMap::new(), vec![start]);
    while let Some(n) = open.pop() {
        if group.contains_key(&n) {
            continue;
        }
        let Some(node) = session.row(NODE, &[&n], read)? else {
            continue;
        };
        open.extend(related(session, n, &node)?);
        group.insert(n, node);
    }
    Ok(group)
}

const NODE: &str = "
    SELECT message, coalesce('endpoint ' || endpoint, url), state, origin, source,
        origin IS NOT NULL AND EXISTS (SELECT 1 FROM delivery AS o WHERE o.n = delivery.origin)
    FROM delivery WHERE n = $1";

fn read(row: &Row) -> Result<DeliveryNode<Uuid>, Fault> {
    let (origin, is_delivery): (Option<i64>, bool) = (get(row, 3)?, get(row, 5)?);
    let source = text(row, 4)?;
    Ok(DeliveryNode {
        message: get(row, 0)?,
        target: text(row, 1)?,
        state: text(row, 2)?,
        repeats: origin.filter(|_| is_delivery && source == "replay"),
        capture: origin.filter(|_| !is_delivery),
    })
}

/// The numbers of the deliveries that are one step away.
const RELATED: &str = "
    SELECT n FROM delivery WHERE origin = $1 AND source = 'replay'
    UNION ALL SELECT n FROM delivery WHERE origin = $2 AND coalesce('endpoint ' || endpoint, url) = $4
    UNION ALL SELECT n FROM delivery WHERE message = $3 AND n <> $1 AND coalesce('endpoint ' || endpoint, url) = $4";

fn related(session: &Session, n: i64, node: &DeliveryNode<Uuid>) -> Result<Vec<i64>, Fault> {
    let target = Text::from(&*node.target);
    let mut found: Vec<i64> = session.rows(RELATED, &[&n, &node.capture, &node.message, &target], |row| get(row, 0))?;
    found.extend(node.repeats);
    Ok(found)
}
