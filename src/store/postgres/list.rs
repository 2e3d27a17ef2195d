//! Records without their bytes.

use tokio_postgres::Row;

use super::connection::Session;
use super::fault::Fault;
use super::filter;
use super::values::{get, id, moment, number, optional_number, optional_status, optional_text, small, text};
use crate::id::IdKind;
use crate::store::encoding::{nanoseconds, signed};
use crate::store::{FailedProcessing, Query, RecordKind, Summary};

const CAPTURE: &str = "
    SELECT n, id, 0 AS kind, at, event, provider, NULL::text AS endpoint, verdict, reason, method || ' ' || target AS target,
        nullif(status, 0) AS status, 0 AS attempts, NULL::bigint AS took, size, duplicate_of, NULL::text AS owner, workflow,
        (SELECT max(tries) FROM processing AS p WHERE p.n = capture.n AND mended IS NULL),
        (SELECT error FROM processing AS p WHERE p.n = capture.n AND mended IS NULL ORDER BY last_at DESC LIMIT 1),
        NULL::text
    FROM ";

const DELIVERY: &str = "
    SELECT n, id, 1, at, event, provider, endpoint, state,
        nullif(concat_ws('; ',
            coalesce(CASE state WHEN 'parked' THEN (SELECT parked FROM queue WHERE queue.n = delivery.n) END, reason, note),
            CASE WHEN NOT EXISTS (SELECT 1 FROM message AS m WHERE m.key = delivery.message AND m.day = delivery.day)
                THEN 'its event is gone' END), ''), url,
        status, attempts, took, size, NULL::bigint, owner, workflow, NULL::int, NULL::text, tenant
    FROM ";

/// The page that the query asks for. Numbers above `settled` are left out: smaller ones may still come.
pub(super) fn list(session: &Session, query: &Query, settled: Option<i64>) -> Result<Vec<Summary>, Fault> {
    let direction = if query.page.oldest_first { "ASC" } else { "DESC" };
    // `usize::MAX` means no limit.
    let (limit, skip) = (signed(query.page.limit as u64), signed(query.page.skip as u64));
    let reach = limit.saturating_add(skip);
    let (mut selects, mut values) = (Vec::new(), Vec::new());
    for (columns, filter) in [
        (CAPTURE, filter::captures(query)),
        (DELIVERY, filter::deliveries(query)),
    ] {
        let Some(mut filter) = filter else { continue };
        if let Some(settled) = settled {
            filter.up_to(settled);
        }
        let filter = filter.shifted(values.len());
        // Each side is cut off where the page ends, before what is beside a row is looked up.
        let rows = format!("({columns}{} ORDER BY n {direction} LIMIT {reach})", filter.sql);
        selects.push(rows);
        values.extend(filter.values);
    }
    if selects.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT * FROM ({}) AS page ORDER BY 1 {direction} LIMIT {limit} OFFSET {skip}",
        selects.join(" UNION ALL ")
    );
    let params: Vec<super::values::Param<'_>> = values.iter().map(|value| &**value as _).collect();
    session.rows(&sql, &params, summary)
}

/// How many records match; of the page only its ends count.
pub(super) fn count(session: &Session, query: &Query) -> Result<u64, Fault> {
    let mut count = 0;
    for filter in [filter::captures(query), filter::deliveries(query)]
        .into_iter()
        .flatten()
    {
        let sql = format!("SELECT count(*) FROM {}", filter.sql);
        count += session
            .row(&sql, &filter.params(), |row| number(row, 0))?
            .unwrap_or_default();
    }
    Ok(count)
}

fn summary(row: &Row) -> Result<Summary, Fault> {
    let (kind, id_kind) = match get::<i32>(row, 2)? {
        1 => (RecordKind::Delivery, IdKind::Delivery),
        _ => (RecordKind::Capture, IdKind::Capture),
    };
    let tries = get::<Option<i32>>(row, 17)?.map(|tries| u32::try_from(tries).unwrap_or_default());
    let unprocessed = tries.zip(optional_text(row, 18)?);
    Ok(Summary {
        number: number(row, 0)?,
        id: id(row, 1, id_kind)?,
        kind,
        at: moment(row, 3)?,
        event: optional_text(row, 4)?,
        provider: optional_text(row, 5)?,
        endpoint: optional_text(row, 6)?,
        tenant: optional_text(row, 19)?,
        state: text(row, 7)?,
        reason: optional_text(row, 8)?,
        target: text(row, 9)?,
        status: optional_status(row, 10)?,
        attempts: small(row, 11)?,
        took: get::<Option<i64>>(row, 12)?.map(nanoseconds),
        size: number(row, 13)?,
        duplicate_of: optional_number(row, 14)?,
        owner: optional_text(row, 15)?,
        workflow: optional_text(row, 16)?,
        unprocessed: unprocessed.map(|(tries, error)| FailedProcessing { tries, error }),
    })
}
