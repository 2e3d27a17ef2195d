//! Whole records, by number or by the beginning of an id.

use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use super::values::{
    bytes, delays, headers, id, moment, named, nanoseconds, optional_json, optional_moment, optional_number, row, rows,
    signed, unsigned,
};
use super::{diagnosis, processing, sealed};
use crate::clock::Timestamp;
use crate::id::IdKind;
use crate::message::{Message, Mode};
use crate::store::encoding::id_bounds;
use crate::store::{
    Answer, Attempt, Capture, DeliveryRecord, DeliveryState, ErrorKind, Execution, NewCapture, NewDelivery, Outcome,
    Record, SigningMode, Source, VerdictNote,
};

/// The record of that number.
pub(super) fn record(connection: &Connection, number: u64) -> rusqlite::Result<Option<Record>> {
    let n = signed(number);
    if let Some(mut found) = row(connection, CAPTURE, [n], capture)? {
        found.processing = processing::of(connection, n)?;
        found.diagnosis = diagnosis::of(connection, n)?;
        found.sealed = sealed::of(connection, n)?;
        found.unseal();
        return Ok(Some(Record::Capture(Box::new(found))));
    }
    let Some(mut found) = row(connection, DELIVERY, [n], delivery)? else {
        return Ok(None);
    };
    found.delivery.attempts = rows(connection, ATTEMPTS, [n], attempt)?;
    found.sealed = sealed::of(connection, n)?;
    found.unseal();
    Ok(Some(Record::Delivery(Box::new(found))))
}

/// A delivery as it is needed for its next attempt: of its attempts the last one alone, with their number and when the first
/// one began.
pub(super) fn unfinished(
    connection: &Connection,
    n: i64,
) -> rusqlite::Result<Option<(DeliveryRecord, u32, Option<Timestamp>)>> {
    let found = row(connection, DELIVERY, [n], delivery)?;
    let Some(mut found) = found.filter(|found| !found.is_orphan) else {
        return Ok(None);
    };
    found.sealed = sealed::of(connection, n)?;
    found.unseal();
    let sql = "SELECT max(seq), min(at) FROM attempt WHERE delivery = ?1 AND coalesce(error, '') <> 'cancelled'";
    let made = row(connection, sql, [n], |row| {
        Ok((row.get::<_, Option<u32>>(0)?, optional_moment(row, 1)?))
    })?;
    let (attempts, first_at) = made.unwrap_or_default();
    if attempts.is_some() {
        let sql = format!("{ATTEMPTS} DESC LIMIT 1");
        found.delivery.attempts.extend(row(connection, &sql, [n], attempt)?);
    }
    Ok(Some((found, attempts.unwrap_or_default(), first_at)))
}

const CAPTURE: &str = "
    SELECT n, id, at, method, target, headers, body, remote, provider, event, event_id, verdict, reason, detail, status,
        dedupe_key, duplicate_of, forwarded_to, workflow, proof
    FROM whole_capture JOIN capture_content USING (n) LEFT JOIN execution USING (n) WHERE n = ?1";

fn capture(row: &Row<'_>) -> rusqlite::Result<Capture> {
    let request = NewCapture {
        id: id(row, 1, IdKind::Capture)?,
        at: moment(row, 2)?,
        method: row.get(3)?,
        target: row.get(4)?,
        headers: headers(row, 5)?,
        body: bytes(row, 6)?,
        remote: row.get(7)?,
        provider: row.get(8)?,
        event: row.get(9)?,
        event_id: row.get(10)?,
        verdict: VerdictNote {
            name: row.get(11)?,
            reason: row.get(12)?,
            detail: row.get(13)?,
            secret: optional_json(row, 19)?,
        },
        status: row.get(14)?,
        dedupe_key: row.get(15)?,
        workflow: row.get(18)?,
    };
    Ok(Capture {
        number: row.get(0).map(unsigned)?,
        request,
        duplicate_of: optional_number(row, 16)?,
        forwarded_to: row.get(17)?,
        processing: Vec::new(),
        diagnosis: None,
        sealed: Vec::new(),
    })
}

const DELIVERY: &str = "
    SELECT n, delivery.id, at, provider, endpoint, url, method, headers, signing, source, origin, delays, owner, state,
        next_due, message.id, wire_id, coalesce(message.event, delivery.event), time, mode, content_type, body, workflow, note, secret_header,
        delivery.secret, policy.text, addresses,
        (SELECT tenant FROM tenant_of_delivery AS of WHERE of.n = delivery.n),
        EXISTS (SELECT 1 FROM again WHERE again.n = delivery.n)
    FROM whole_delivery AS delivery LEFT JOIN message ON m = message LEFT JOIN execution USING (n)
        LEFT JOIN policy ON p = delivery.policy WHERE n = ?1";

fn delivery(row: &Row<'_>) -> rusqlite::Result<DeliveryRecord> {
    let is_orphan = row.get_ref(15)? == ValueRef::Null;
    let message = if is_orphan {
        Message {
            event: row.get::<_, Option<String>>(17)?.unwrap_or_default(),
            ..Message::default()
        }
    } else {
        Message {
            id: id(row, 15, IdKind::Message)?,
            wire_id: row.get(16)?,
            event: row.get(17)?,
            time: moment(row, 18)?,
            mode: Mode::from_name(row.get_ref(19)?.as_str()?).unwrap_or_default(),
            content_type: row.get(20)?,
            body: bytes(row, 21)?,
        }
    };
    let delivery = NewDelivery {
        id: id(row, 1, IdKind::Delivery)?,
        at: moment(row, 2)?,
        message,
        provider: row.get(3)?,
        endpoint: row.get(4)?,
        tenant: row.get(28)?,
        url: row.get(5)?,
        method: row.get(6)?,
        headers: headers(row, 7)?,
        signing: named(row, 8, SigningMode::from_name)?,
        secret: optional_json(row, 25)?,
        policy: optional_json(row, 26)?.map(Arc::new),
        addresses: row.get(27)?,
        source: named(row, 9, Source::from_name)?,
        origin: optional_number(row, 10)?,
        execution: execution(row)?,
        delays: named(row, 11, delays)?,
        owner: row.get(12)?,
        state: named(row, 13, DeliveryState::from_name)?,
        next_due: optional_moment(row, 14)?,
        attempts: Vec::new(),
    };
    Ok(DeliveryRecord {
        number: row.get(0).map(unsigned)?,
        delivery,
        sealed: Vec::new(),
        is_again: row.get(29)?,
        is_orphan,
    })
}

fn execution(row: &Row<'_>) -> rusqlite::Result<Option<Execution>> {
    let Some(workflow) = row.get(22)? else {
        return Ok(None);
    };
    Ok(Some(Execution {
        workflow,
        note: row.get(23)?,
        secret_header: row.get(24)?,
    }))
}

const ATTEMPTS: &str = "
    SELECT seq, at, took, request, status, headers, truncated, attempt.body, error, text, signed_body.body
    FROM attempt LEFT JOIN signed_body USING (delivery, seq) WHERE delivery = ?1 ORDER BY seq";

fn attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    let outcome = match row.get(4)? {
        Some(status) => Outcome::Answer(Answer {
            status,
            headers: headers(row, 5)?,
            truncated: row.get(6)?,
            body: bytes(row, 7)?,
            note: row.get(9)?,
            whole: None,
        }),
        None => Outcome::Error {
            kind: named(row, 8, ErrorKind::from_name)?,
            text: row.get(9)?,
        },
    };
    Ok(Attempt {
        seq: row.get(0)?,
        at: moment(row, 1)?,
        took: row.get(2).map(nanoseconds)?,
        request_headers: headers(row, 3)?,
        request_body: row.get::<_, Option<Vec<u8>>>(10)?.map(Into::into),
        outcome,
    })
}

/// How ids of each kind are found, in the order in which they are looked for.
pub(super) const FINDS: [(IdKind, &str); 4] = [
    (
        IdKind::Delivery,
        "SELECT n FROM delivery WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT ?3",
    ),
    (
        IdKind::Capture,
        "SELECT n FROM capture WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT ?3",
    ),
    // The first delivery of a message has the message's key as its number. Only the others are in the index.
    (
        IdKind::Message,
        "SELECT n FROM message CROSS JOIN delivery ON n = m
         WHERE message.id BETWEEN ?1 AND ?2 ORDER BY message.id DESC LIMIT ?3",
    ),
    (
        IdKind::Message,
        "SELECT n FROM message CROSS JOIN delivery INDEXED BY delivery_shared ON message = m
         WHERE message <> n AND message.id BETWEEN ?1 AND ?2 ORDER BY message.id DESC LIMIT ?3",
    ),
];

/// The numbers of the records whose id, or whose message's id, starts with that text: deliveries first, the newest ones
/// first among each.
pub(super) fn find(connection: &Connection, prefix: &str, limit: usize) -> rusqlite::Result<Vec<u64>> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut numbers = Vec::new();
    for (kind, sql) in FINDS {
        // Looking for further deliveries of every message would go through all of them.
        if numbers.len() >= limit {
            break;
        }
        let Some((low, high)) = id_bounds(kind, prefix) else {
            continue;
        };
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map(params![low.as_bytes(), high.as_bytes(), most], |row| row.get(0))?;
        for number in rows {
            let number = unsigned(number?);
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
    }
    numbers.truncate(limit);
    Ok(numbers)
}

/// The numbers of deliveries whose id starts with that text, the newest first.
pub(super) fn delivery_numbers(
    connection: &Connection,
    tenant: Option<&str>,
    (prefix, limit): (&str, usize),
) -> rusqlite::Result<Vec<u64>> {
    let Some((low, high)) = id_bounds(IdKind::Delivery, prefix) else {
        return Ok(Vec::new());
    };
    let sql = "
        SELECT n FROM delivery WHERE id BETWEEN ?1 AND ?2 AND (?3 IS NULL OR tenant = ?3) ORDER BY id DESC LIMIT ?4";
    let values = params![low.as_bytes(), high.as_bytes(), tenant, limit.cast_signed()];
    rows(connection, sql, values, |row| row.get(0).map(unsigned))
}
