//! Whole records, by number or by the beginning of an id.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::Row;

use super::connection::{Rows, Session};
use super::fault::Fault;
use super::processing;
use super::sealed;
use super::values::{
    Day, bytes, get, headers, id, moment, named, number, optional, optional_json, optional_moment, optional_number,
    optional_status, optional_text, small, text,
};
use crate::clock::Timestamp;
use crate::id::IdKind;
use crate::message::{Message, Mode};
use crate::store::encoding::{delays, id_bounds, nanoseconds, signed, unsigned};
use crate::store::{
    Answer, Attempt, Capture, DeliveryRecord, DeliveryState, DiagnosisNote, ErrorKind, Execution, NewCapture,
    NewDelivery, Outcome, Record, SigningMode, Source, VerdictNote,
};

/// The record of that number.
pub(super) fn record(session: &Session, number: u64) -> Result<Option<Record>, Fault> {
    let n = signed(number);
    let sql = format!("{CAPTURE} WHERE n = $1");
    if let Some(mut found) = session.row(&sql, &[&n], capture)? {
        found.processing = processing::of(session, n)?;
        found.unseal();
        return Ok(Some(Record::Capture(Box::new(found))));
    }
    let sql = format!("{ORPHANS_TOO} WHERE n = $1");
    let Some((mut found, day)) = session.row(&sql, &[&n], |row| Ok((delivery(row)?, get::<Day>(row, 31)?)))? else {
        return Ok(None);
    };
    let sql = format!("{ATTEMPT} WHERE n = $1 AND day = $2 ORDER BY seq, fence");
    let attempts = session.rows(&sql, &[&n, &day], |row| Ok((attempt(row)?, sealed::read(row, 11)?)))?;
    for (attempt, left_out) in attempts {
        found.delivery.attempts.push(attempt);
        found.sealed.extend(left_out);
    }
    found.unseal();
    Ok(Some(Record::Delivery(Box::new(found))))
}

/// A delivery as it is needed for its next attempt: of its attempts the last one alone, with their number and when the first one
/// began.
pub(super) struct Unfinished {
    pub(super) record: DeliveryRecord,
    pub(super) attempts: u32,
    pub(super) first_at: Option<Timestamp>,
}

/// What was taken from a queue.
pub(super) struct TakenRow {
    pub(super) n: i64,
    pub(super) day: Day,
    pub(super) due: Timestamp,
    /// Absent where the record is gone or cannot be read.
    pub(super) unfinished: Option<Unfinished>,
}

/// The columns of [`DELIVERY`]; those of the queue follow.
const DELIVERY_COLUMNS: usize = 33;

/// The column behind number, day and due time of what was taken.
pub(super) const AFTER_TAKEN: usize = DELIVERY_COLUMNS + 3;

/// Reads what was taken: [`DELIVERY`], and its number, day and due time in the queue.
pub(super) fn taken(session: &Session, rows: &Rows) -> Result<Vec<TakenRow>, Fault> {
    let mut found = Vec::with_capacity(rows.rows.len());
    let mut tried = Vec::new();
    for row in &rows.rows {
        let Some(n) = get::<Option<i64>>(row, DELIVERY_COLUMNS)? else {
            continue;
        };
        let day = get(row, DELIVERY_COLUMNS + 1)?;
        let is_there = get::<Option<i64>>(row, 0)?.is_some();
        if is_there && get::<i32>(row, DELIVERY_COLUMNS - 1)? > 0 {
            tried.push((n, day));
        }
        let record = is_there.then(|| delivery(row).ok()).flatten();
        found.push(TakenRow {
            n,
            day,
            due: moment(row, DELIVERY_COLUMNS + 2)?,
            unfinished: record.map(|record| Unfinished {
                record,
                attempts: 0,
                first_at: None,
            }),
        });
    }
    if !tried.is_empty() {
        add_last_attempts(session, &mut found, &tried)?;
    }
    for unfinished in found.iter_mut().filter_map(|taken| taken.unfinished.as_mut()) {
        unfinished.record.unseal();
    }
    Ok(found)
}

/// Adds what is needed of the attempts of those that had any.
fn add_last_attempts(session: &Session, found: &mut [TakenRow], tried: &[(i64, Day)]) -> Result<(), Fault> {
    let (numbers, days): (Vec<i64>, Vec<Day>) = tried.iter().copied().unzip();
    let sql = format!(
        "SELECT made.*, last.* FROM unnest($1::int8[], $2::date[]) AS u (n, day)
         CROSS JOIN LATERAL (
             SELECT a.n, max(a.seq), min(a.at) FROM attempt AS a
             WHERE a.n = u.n AND a.day = u.day AND a.fence = 0 AND a.error IS DISTINCT FROM 'cancelled' GROUP BY a.n
         ) AS made
         CROSS JOIN LATERAL ({ATTEMPT} WHERE n = u.n AND day = u.day AND fence = 0 ORDER BY seq DESC LIMIT 1) AS last"
    );
    let mut by_number: HashMap<i64, &mut TakenRow> = found.iter_mut().map(|taken| (taken.n, taken)).collect();
    for row in session.run(&sql, &[&numbers, &days])?.rows {
        let Some(taken) = by_number.get_mut(&get::<i64>(&row, 0)?) else {
            continue;
        };
        let Some(unfinished) = &mut taken.unfinished else {
            continue;
        };
        unfinished.attempts = small(&row, 1)?;
        unfinished.first_at = optional_moment(&row, 2)?;
        match attempt_from(&row, 3) {
            Ok(last) => {
                unfinished.record.delivery.attempts.push(last);
                unfinished.record.sealed.extend(sealed::read(&row, 14)?);
            }
            Err(_) => taken.unfinished = None,
        }
    }
    Ok(())
}

const CAPTURE: &str = "
    SELECT n, id, at, method, target, headers, body, remote, provider, event, event_id, verdict, reason, detail, secret, status,
        dedupe_key, duplicate_of, forwarded_to, workflow, cause, cause_text, cause_hint, sealed, forwarded_sealed
    FROM capture";

fn capture(row: &Row) -> Result<Capture, Fault> {
    let request = NewCapture {
        id: id(row, 1, IdKind::Capture)?,
        at: moment(row, 2)?,
        method: text(row, 3)?,
        target: text(row, 4)?,
        headers: headers(row, 5)?,
        body: bytes(row, 6)?,
        remote: text(row, 7)?,
        provider: optional_text(row, 8)?,
        event: optional_text(row, 9)?,
        event_id: optional_text(row, 10)?,
        verdict: VerdictNote {
            name: text(row, 11)?,
            reason: optional_text(row, 12)?,
            detail: optional_text(row, 13)?,
            secret: optional_json(row, 14)?,
        },
        status: u16::try_from(get::<i32>(row, 15)?).unwrap_or_default(),
        dedupe_key: optional_text(row, 16)?,
        workflow: optional_text(row, 19)?,
    };
    let mut left_out = sealed::read(row, 23)?;
    left_out.extend(sealed::read(row, 24)?);
    Ok(Capture {
        number: number(row, 0)?,
        request,
        duplicate_of: optional_number(row, 17)?,
        forwarded_to: optional_text(row, 18)?,
        processing: Vec::new(),
        diagnosis: diagnosis(row)?,
        sealed: left_out,
    })
}

fn diagnosis(row: &Row) -> Result<Option<DiagnosisNote>, Fault> {
    let Some(cause) = optional_text(row, 20)? else {
        return Ok(None);
    };
    Ok(Some(DiagnosisNote {
        cause,
        text: optional_text(row, 21)?.unwrap_or_default(),
        hint: optional_text(row, 22)?,
    }))
}

/// A delivery, with its message where that is joined so, and its policy. `LIMIT` keeps the message from being read before the delivery: a
/// statement that was planned when the day was new would read all messages of the day for each delivery.
macro_rules! delivery_sql {
    ($join:literal) => {
        concat!(
            "SELECT n, delivery.id, at, provider, endpoint, url, method, headers, signing, source, origin, delays, owner, state,
                next_due, m.id, m.wire_id, coalesce(m.event, delivery.event), m.time, m.mode, m.content_type, m.body, workflow,
                note, secret_header, secret, policy.text, addresses, tenant, is_again, sealed, delivery.day, delivery.attempts
            FROM delivery ",
            $join,
            " LATERAL (SELECT * FROM message WHERE key = delivery.message AND message.day = delivery.day LIMIT 1) AS m ON true
                LEFT JOIN policy ON policy.key = delivery.policy"
        )
    };
}

/// What can be delivered.
pub(super) const DELIVERY: &str = delivery_sql!("JOIN");

/// What is left of any delivery: its message may be gone.
const ORPHANS_TOO: &str = delivery_sql!("LEFT JOIN");

fn delivery(row: &Row) -> Result<DeliveryRecord, Fault> {
    let is_orphan = get::<Option<uuid::Uuid>>(row, 15)?.is_none();
    let message = if is_orphan {
        Message {
            event: optional_text(row, 17)?.unwrap_or_default(),
            ..Message::default()
        }
    } else {
        Message {
            id: id(row, 15, IdKind::Message)?,
            wire_id: text(row, 16)?,
            event: text(row, 17)?,
            time: moment(row, 18)?,
            mode: Mode::from_name(get(row, 19)?).unwrap_or_default(),
            content_type: text(row, 20)?,
            body: bytes(row, 21)?,
        }
    };
    let delivery = NewDelivery {
        id: id(row, 1, IdKind::Delivery)?,
        at: moment(row, 2)?,
        message,
        provider: optional_text(row, 3)?,
        endpoint: optional_text(row, 4)?,
        tenant: optional_text(row, 28)?,
        url: text(row, 5)?,
        method: text(row, 6)?,
        headers: headers(row, 7)?,
        signing: named(row, 8, SigningMode::from_name)?,
        secret: optional_json(row, 25)?,
        policy: optional_json(row, 26)?.map(Arc::new),
        addresses: optional_text(row, 27)?,
        source: named(row, 9, Source::from_name)?,
        origin: optional_number(row, 10)?,
        execution: execution(row)?,
        delays: named(row, 11, delays)?,
        owner: optional_text(row, 12)?,
        state: named(row, 13, DeliveryState::from_name)?,
        next_due: optional_moment(row, 14)?,
        attempts: Vec::new(),
    };
    Ok(DeliveryRecord {
        number: get(row, 0).map(unsigned)?,
        delivery,
        sealed: sealed::read(row, 30)?,
        is_again: get(row, 29)?,
        is_orphan,
    })
}

fn execution(row: &Row) -> Result<Option<Execution>, Fault> {
    let Some(workflow) = optional_text(row, 22)? else {
        return Ok(None);
    };
    Ok(Some(Execution {
        workflow,
        note: optional_text(row, 23)?,
        secret_header: optional_text(row, 24)?,
    }))
}

const ATTEMPT: &str = "
    SELECT seq, at, took, request, status, headers, truncated, body, error, text, request_body, sealed, fence FROM attempt";

fn attempt(row: &Row) -> Result<Attempt, Fault> {
    attempt_from(row, 0)
}

/// What an attempt says that did not count, because the process had lost its lease by then.
const FENCED: &str = "not counted: the lease of the process had ended";

/// Reads the columns from that one on.
fn attempt_from(row: &Row, first: usize) -> Result<Attempt, Fault> {
    let said = optional_text(row, first + 9)?;
    let is_fenced = get::<i32>(row, first + 12)? > 0;
    let note = match said {
        Some(said) if is_fenced => Some(format!("{FENCED}; {said}")),
        None if is_fenced => Some(FENCED.to_owned()),
        said => said,
    };
    let outcome = match optional_status(row, first + 4)? {
        Some(status) => Outcome::Answer(Answer {
            status,
            headers: headers(row, first + 5)?,
            truncated: get(row, first + 6)?,
            body: bytes(row, first + 7)?,
            note,
            whole: None,
        }),
        None => Outcome::Error {
            kind: named(row, first + 8, ErrorKind::from_name)?,
            text: note.unwrap_or_default(),
        },
    };
    Ok(Attempt {
        seq: small(row, first)?,
        at: moment(row, first + 1)?,
        took: get(row, first + 2).map(nanoseconds)?,
        request_headers: headers(row, first + 3)?,
        request_body: get::<Option<Vec<u8>>>(row, first + 10)?.map(Into::into),
        outcome,
    })
}

/// How ids of each kind are found, in the order in which they are looked for.
const FINDS: [(IdKind, &str); 3] = [
    (
        IdKind::Delivery,
        "SELECT n FROM delivery WHERE id BETWEEN $1 AND $2 ORDER BY id DESC LIMIT $3",
    ),
    (
        IdKind::Capture,
        "SELECT n FROM capture WHERE id BETWEEN $1 AND $2 ORDER BY id DESC LIMIT $3",
    ),
    (
        IdKind::Message,
        "SELECT d.n FROM (SELECT key, day, id FROM message WHERE id BETWEEN $1 AND $2 ORDER BY id DESC LIMIT $3) AS m
         JOIN delivery AS d ON d.message = m.key AND d.day = m.day ORDER BY m.id DESC, d.n LIMIT $3",
    ),
];

/// The numbers of the records whose id, or whose message's id, starts with that text: deliveries first, the newest ones first
/// among each.
pub(super) fn find(session: &Session, prefix: &str, limit: usize) -> Result<Vec<u64>, Fault> {
    let most = signed(limit as u64);
    let mut numbers = Vec::new();
    for (kind, sql) in FINDS {
        // Looking for further deliveries of every message would go through all of them.
        if numbers.len() >= limit {
            break;
        }
        let Some((low, high)) = id_bounds(kind, prefix) else {
            continue;
        };
        for number in session.rows(sql, &[&low, &high, &most], |row| number(row, 0))? {
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
    session: &Session,
    tenant: Option<&str>,
    (prefix, limit): (&str, usize),
) -> Result<Vec<u64>, Fault> {
    let Some((low, high)) = id_bounds(IdKind::Delivery, prefix) else {
        return Ok(Vec::new());
    };
    let sql = "
        SELECT n FROM delivery WHERE id BETWEEN $1 AND $2 AND ($3::text IS NULL OR tenant = $3) ORDER BY id DESC LIMIT $4";
    session.rows(sql, &[&low, &high, &optional(tenant), &signed(limit as u64)], |row| {
        number(row, 0)
    })
}

/// What was left out of captures in the work queue, each secret once.
pub(super) fn sealed_work(session: &Session) -> Result<Vec<(Option<String>, crate::store::Sealed)>, Fault> {
    let sql = "
        SELECT provider, sealed, forwarded_sealed FROM capture WHERE (n, day) IN (SELECT n, day FROM work)
            AND (sealed IS NOT NULL OR forwarded_sealed IS NOT NULL) ORDER BY n";
    let mut found: Vec<(Option<String>, crate::store::Sealed)> = Vec::new();
    for row in session.run(sql, &[])?.rows {
        let provider = optional_text(&row, 0)?;
        let mut left_out = sealed::read(&row, 1)?;
        left_out.extend(sealed::read(&row, 2)?);
        for one in left_out {
            let is_known = found.iter().any(|(of, known)| {
                (of, &known.reference, &known.fingerprint) == (&provider, &one.reference, &one.fingerprint)
            });
            if !is_known {
                found.push((provider.clone(), one));
            }
        }
    }
    Ok(found)
}
