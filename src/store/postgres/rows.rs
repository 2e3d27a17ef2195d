//! The rows of new records, and the statements that write many of them.

use uuid::Uuid;

use super::values::{Day, Text, batch_rows, names, optional};
use crate::clock::Timestamp;
use crate::store::encoding::{delays_text, failure_of, json, nanos, signed};
use crate::store::sealed as seal;
use crate::store::{NewDelivery, SealedPlace};

batch_rows! {
    /// A request that was received.
    CaptureRow in CaptureRows {
        n: i64 as "int8",
        day: Day as "date",
        id: Uuid as "uuid",
        at: i64 as "int8",
        method: Text<'o> as "text",
        target: Text<'o> as "text",
        remote: Text<'o> as "text",
        provider: Option<Text<'o>> as "text",
        event: Option<Text<'o>> as "text",
        event_id: Option<Text<'o>> as "text",
        verdict: Text<'o> as "text",
        reason: Option<Text<'o>> as "text",
        detail: Option<Text<'o>> as "text",
        secret: Option<Text<'o>> as "text",
        status: i32 as "int4",
        size: i64 as "int8",
        weight: i64 as "int8",
        dedupe: Option<i64> as "int8",
        dedupe_key: Option<Text<'o>> as "text",
        duplicate_of: Option<i64> as "int8",
        workflow: Option<Text<'o>> as "text",
        sealed: Option<String> as "text",
        headers: Vec<u8> as "bytea",
        body: &'o [u8] as "bytea",
    }
}

impl CaptureRows<'_> {
    pub(super) fn part(first: usize) -> String {
        format!(
            "captures AS ({})",
            insert("capture", &names(Self::COLUMNS), &Self::table(first))
        )
    }
}

batch_rows! {
    /// What is delivered.
    MessageRow in MessageRows {
        key: Uuid as "uuid",
        day: Day as "date",
        id: Uuid as "uuid",
        wire_id: Text<'o> as "text",
        event: Text<'o> as "text",
        time: i64 as "int8",
        mode: &'o str as "text",
        content_type: Text<'o> as "text",
        body: &'o [u8] as "bytea",
    }
}

impl MessageRows<'_> {
    /// One that is there already is the same.
    pub(super) fn part(first: usize) -> String {
        let insert = insert("message", &names(Self::COLUMNS), &Self::table(first));
        format!("messages AS ({insert} ON CONFLICT DO NOTHING)")
    }
}

batch_rows! {
    /// An event that was handed to a service.
    EventRow in EventRows {
        e: i64 as "int8",
        day: Day as "date",
        id: Text<'o> as "text",
        at: i64 as "int8",
        name: Text<'o> as "text",
        mode: &'o str as "text",
        first: i64 as "int8",
        deliveries: i64 as "int8",
        data: Option<&'o [u8]> as "bytea",
        tenant: Option<Text<'o>> as "text",
    }
}

impl EventRows<'_> {
    pub(super) fn part(first: usize) -> String {
        format!(
            "events AS ({})",
            insert("event", &names(Self::COLUMNS), &Self::table(first))
        )
    }
}

batch_rows! {
    /// A delivery, and its place in the queue where it has one.
    DeliveryRow in DeliveryRows {
        n: i64 as "int8",
        day: Day as "date",
        id: Uuid as "uuid",
        at: i64 as "int8",
        message: Uuid as "uuid",
        event: Option<Text<'o>> as "text",
        provider: Option<Text<'o>> as "text",
        endpoint: Option<Text<'o>> as "text",
        tenant: Option<Text<'o>> as "text",
        url: Text<'o> as "text",
        method: Text<'o> as "text",
        headers: Vec<u8> as "bytea",
        signing: &'o str as "text",
        secret: Option<Text<'o>> as "text",
        policy: Option<Uuid> as "uuid",
        addresses: Option<Text<'o>> as "text",
        source: &'o str as "text",
        origin: Option<i64> as "int8",
        workflow: Option<Text<'o>> as "text",
        note: Option<Text<'o>> as "text",
        secret_header: Option<Text<'o>> as "text",
        delays: String as "text",
        owner: Option<Text<'o>> as "text",
        state: &'o str as "text",
        next_due: Option<i64> as "int8",
        size: i64 as "int8",
        attempts: i32 as "int4",
        status: Option<i32> as "int4",
        reason: Option<&'o str> as "text",
        took: Option<i64> as "int8",
        sealed: Option<String> as "text",
        is_queued: bool as "bool",
        lane: Option<Text<'o>> as "text",
        queue_owner: Option<Text<'o>> as "text",
        due: Option<i64> as "int8",
        is_taken: bool as "bool",
    }
}

/// Where a delivery waits.
pub(super) struct QueuePlace<'o> {
    pub(super) owner: &'o str,
    pub(super) lane: &'o str,
    pub(super) due: Timestamp,
    /// Whether its first attempt begins at once.
    pub(super) is_taken: bool,
}

/// Columns of a row that are of the queue alone.
const QUEUE_COLUMNS: usize = 4;

impl<'o> DeliveryRows<'o> {
    /// What this process did not get, because it does not hold its lane.
    pub(super) const NOT_TAKEN: &'static str =
        "queued WHERE state = 0 AND EXISTS (SELECT 1 FROM delivered AS d WHERE d.n = queued.n AND d.is_taken)";

    /// The value after those of the rows is the token of the process.
    pub(super) fn part(first: usize) -> String {
        let mut columns = names(Self::COLUMNS);
        let token = first + columns.len();
        columns.truncate(columns.len() - QUEUE_COLUMNS);
        let columns = columns.join(", ");
        format!(
            "delivered AS MATERIALIZED (SELECT * FROM {}),
             deliveries AS (INSERT INTO delivery ({columns}) SELECT {columns} FROM delivered),
             queued AS (
                 INSERT INTO queue (n, day, owner, lane, class, due, state, size, token)
                 SELECT d.n, d.day, d.queue_owner, d.lane, 0, d.due, CASE WHEN l.token IS NULL THEN 0 ELSE 1 END, d.size, l.token
                 FROM delivered AS d LEFT JOIN lane AS l ON d.is_taken AND l.name = d.lane AND l.token = ${token}
                 WHERE d.lane IS NOT NULL
                 RETURNING n, state
             )",
            Self::table(first)
        )
    }

    pub(super) fn add(
        &mut self,
        (n, day): (i64, Day),
        new: &'o NewDelivery,
        (message, policy): (Uuid, Option<Uuid>),
        place: Option<QueuePlace<'o>>,
    ) {
        let last = new.attempts.last();
        let (url, of_url) = seal::url(SealedPlace::Url, &new.url);
        let (headers, of_headers) = seal::headers(SealedPlace::Headers, 0, &new.headers);
        let execution = new.execution.as_ref();
        let event = Some(&*new.message.event).filter(|event| !event.is_empty());
        self.push(DeliveryRow {
            n,
            day,
            id: new.id.uuid,
            at: new.at.unix_us(),
            message,
            event: optional(event),
            provider: optional(new.provider.as_deref()),
            endpoint: optional(new.endpoint.as_deref()),
            tenant: optional(new.tenant.as_deref()),
            url: url.into(),
            method: (&*new.method).into(),
            headers,
            signing: new.signing.name(),
            secret: new.secret.as_ref().and_then(json).map(Text::from),
            policy,
            addresses: optional(new.addresses.as_deref()),
            source: new.source.name(),
            origin: new.origin.map(signed),
            workflow: optional(execution.map(|execution| &*execution.workflow)),
            note: optional(execution.and_then(|execution| execution.note.as_deref())),
            secret_header: optional(execution.and_then(|execution| execution.secret_header.as_deref())),
            delays: delays_text(&new.delays),
            owner: optional(new.owner.as_deref()),
            state: new.state.name(),
            next_due: new.next_due.map(Timestamp::unix_us),
            size: signed(new.message.body.len() as u64),
            attempts: last.map_or(0, |last| last.seq.cast_signed()),
            status: last.and_then(|last| last.outcome.status()).map(i32::from),
            reason: last.and_then(failure_of),
            took: last.map(|last| nanos(last.took)),
            sealed: super::sealed::to_json(of_url.iter().chain(&of_headers)),
            is_queued: place.is_some(),
            lane: optional(place.as_ref().map(|place| place.lane)),
            queue_owner: optional(place.as_ref().map(|place| place.owner)),
            due: place.as_ref().map(|place| place.due.unix_us()),
            is_taken: place.is_some_and(|place| place.is_taken),
        });
    }
}

/// Inserts all rows of the table `u`.
fn insert(into: &str, columns: &[&str], rows: &str) -> String {
    let columns = columns.join(", ");
    format!("INSERT INTO {into} ({columns}) SELECT {columns} FROM {rows}")
}
