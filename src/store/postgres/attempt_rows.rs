//! The rows of attempts, with what they do to their deliveries and to the queue; and the statements that write many of them.

use super::values::{Day, Text, batch_rows, names};
use crate::clock::Timestamp;
use crate::id::Id;
use crate::mask;
use crate::store::encoding::{failure_of, nanos};
use crate::store::sealed as seal;
use crate::store::{Attempt, DeliveryState, Outcome, SealedPlace};

batch_rows! {
    /// What was tried, and in the last columns what it does to its delivery. `day` is absent where the queue says it; `state` where
    /// the delivery stays as it is.
    AttemptRow in AttemptRows {
        n: i64 as "int8",
        day: Option<Day> as "date",
        seq: i32 as "int4",
        fence: i32 as "int4",
        at: i64 as "int8",
        took: i64 as "int8",
        request: Vec<u8> as "bytea",
        request_body: Option<&'o [u8]> as "bytea",
        status: Option<i32> as "int4",
        headers: Option<Vec<u8>> as "bytea",
        truncated: Option<bool> as "bool",
        body: Option<Vec<u8>> as "bytea",
        error: Option<&'o str> as "text",
        text: Option<Text<'o>> as "text",
        sealed: Option<String> as "text",
        state: Option<&'o str> as "text",
        next_due: Option<i64> as "int8",
        reason: Option<&'o str> as "text",
    }
}

/// Columns of a row that are of its delivery alone.
const DELIVERY_COLUMNS: usize = 3;

/// An attempt that moves its delivery on.
pub(super) struct AttemptChange<'o> {
    /// Where its ack is.
    pub(super) ack: usize,
    pub(super) delivery: Id,
    pub(super) number: Option<i64>,
    pub(super) attempt: &'o Attempt,
    pub(super) state: DeliveryState,
    pub(super) next_due: Option<Timestamp>,
}

/// Where an attempt is written.
#[derive(Clone, Copy)]
pub(super) struct AttemptPlace {
    pub(super) n: i64,
    pub(super) day: Option<Day>,
    /// Above 0 when the process had lost its lease.
    pub(super) fence: i32,
}

impl<'o> AttemptRows<'o> {
    /// Writes the attempts of the table `from`. One with the same number replaces the earlier one: what was tried last is what
    /// counts.
    fn insert(from: &str) -> String {
        let columns = names(Self::COLUMNS);
        let columns = &columns[..columns.len() - DELIVERY_COLUMNS];
        let values: Vec<_> = columns[4..]
            .iter()
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        let names = columns.join(", ");
        format!(
            "INSERT INTO attempt ({names}) SELECT {names} FROM {from} ON CONFLICT (n, day, seq, fence) DO UPDATE SET {}",
            values.join(", ")
        )
    }

    /// The part of a statement that writes the attempts of new deliveries.
    pub(super) fn part(first: usize) -> String {
        format!("attempts AS ({})", Self::insert(&Self::table(first)))
    }

    /// The part of a statement that finishes attempts at what this process holds in the queue, which is `tried` then; the others are
    /// left out. The value after those of the rows is the token of the process.
    pub(super) fn held_part(first: usize) -> String {
        let token = first + Self::COLUMNS.len();
        let mut columns: Vec<_> = names(Self::COLUMNS).iter().map(|name| format!("u.{name}")).collect();
        "q.day".clone_into(&mut columns[1]);
        let columns = columns.join(", ");
        let is_held = format!("q.n = u.n AND q.state = 1 AND q.token = ${token}");
        format!(
            "u AS (SELECT * FROM {}),
             gone AS (DELETE FROM queue AS q USING u WHERE {is_held} AND u.state NOT IN ('pending', 'parked') RETURNING {columns}),
             waiting AS (
                 UPDATE queue AS q SET state = 0, token = NULL, due = coalesce(u.next_due, q.due),
                     class = CASE WHEN u.next_due IS NULL THEN q.class ELSE 1 END
                 FROM u WHERE {is_held} AND u.state = 'pending' RETURNING {columns}
             ),
             parked AS (SELECT {columns} FROM queue AS q, u WHERE {is_held} AND u.state = 'parked' FOR UPDATE OF q),
             tried AS (SELECT * FROM gone UNION ALL SELECT * FROM waiting UNION ALL SELECT * FROM parked),
             noted AS ({}),
             moved AS ({MOVE_DELIVERIES})",
            Self::table(first),
            Self::insert("tried")
        )
    }

    /// The same for what no queue has: `hook listen` and `hook send` work it off.
    pub(super) fn finish_others() -> String {
        format!(
            "WITH tried AS (SELECT * FROM {}),
             attempts AS ({}),
             deliveries AS ({MOVE_DELIVERIES}),
             waiting AS (
                 UPDATE work AS w SET due = t.next_due FROM tried AS t
                 WHERE w.delivery = t.n AND t.state = 'pending' AND t.next_due IS NOT NULL
             )
             DELETE FROM work AS w USING tried AS t WHERE w.delivery = t.n AND t.state <> 'pending'",
            Self::table(1),
            Self::insert("tried")
        )
    }

    /// Adds an attempt of a new delivery.
    pub(super) fn add_new(&mut self, (n, day): (i64, Day), attempt: &'o Attempt) {
        let (day, fence) = (Some(day), 0);
        self.add(AttemptPlace { n, day, fence }, attempt, None);
    }

    /// Adds an attempt, and what it does to its delivery.
    pub(super) fn add(&mut self, place: AttemptPlace, attempt: &'o Attempt, change: Option<&AttemptChange<'o>>) {
        let (answer, error, text) = match &attempt.outcome {
            Outcome::Answer(answer) => (Some(answer), None, answer.note.as_deref()),
            Outcome::Error { kind, text } => (None, Some(kind.name()), Some(text.as_str())),
        };
        let (request, of_request) = seal::headers(SealedPlace::Request, attempt.seq, &attempt.request_headers);
        // An answer that repeats a secret is never sent again, so that nothing has to be put back.
        let answer_headers = answer.map(|answer| answer.headers.to_block());
        self.push(AttemptRow {
            n: place.n,
            day: place.day,
            seq: attempt.seq.cast_signed(),
            fence: place.fence,
            at: attempt.at.unix_us(),
            took: nanos(attempt.took),
            request,
            request_body: attempt.request_body.as_deref(),
            status: answer.map(|answer| i32::from(answer.status)),
            headers: answer_headers.map(|block| mask::bytes(&block).into_owned()),
            truncated: answer.map(|answer| answer.truncated),
            body: answer.map(|answer| mask::bytes(&answer.body).into_owned()),
            error,
            text: text.map(|text| mask::secrets(text).into_owned().into()),
            sealed: super::sealed::to_json(&of_request),
            state: change.map(|change| change.state.name()),
            next_due: change.and_then(|change| change.next_due).map(Timestamp::unix_us),
            reason: change.and_then(|change| failure_of(change.attempt)),
        });
    }
}

/// A delivery goes on or has ended.
const MOVE_DELIVERIES: &str = "
    UPDATE delivery AS d SET state = t.state, next_due = t.next_due, owner = CASE t.state WHEN 'pending' THEN d.owner END,
        attempts = greatest(d.attempts, t.seq), status = t.status, reason = t.reason, took = t.took
    FROM tried AS t WHERE d.n = t.n AND d.day = t.day AND t.state IS NOT NULL";

impl<'o> AttemptRows<'o> {
    /// Attempts at what the queue may have given to this process.
    pub(super) fn of_queue(changes: &[AttemptChange<'o>]) -> Self {
        let mut rows = Self::default();
        for change in changes {
            if let Some(n) = change.number {
                let (day, fence) = (None, 0);
                rows.add(AttemptPlace { n, day, fence }, change.attempt, Some(change));
            }
        }
        rows
    }
}
