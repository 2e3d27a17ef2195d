//! Attempts, written many at once, with what they do to their deliveries and to the queue.

use std::collections::HashMap;

use uuid::Uuid;

use super::fault::Fault;
use super::group::{AttemptChange, Group};
use super::values::{Day, Text, batch_rows, get, names};
use crate::clock::Timestamp;
use crate::mask;
use crate::store::encoding::{TAKEN, changed, failure_of, nanos};
use crate::store::sealed as seal;
use crate::store::{Attempt, Outcome, SealedPlace};

batch_rows! {
    /// What was tried.
    AttemptRow in AttemptRows {
        n: i64 as "int8",
        day: Day as "date",
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
    }
}

impl<'o> AttemptRows<'o> {
    /// An attempt with the same number replaces the earlier one: what was tried last is what counts.
    pub(super) fn insert() -> String {
        let columns = names(Self::COLUMNS);
        let values: Vec<_> = columns[4..]
            .iter()
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        let names = columns.join(", ");
        format!(
            "INSERT INTO attempt ({names}) SELECT {names} FROM {} ON CONFLICT (n, day, seq, fence) DO UPDATE SET {}",
            Self::table(),
            values.join(", ")
        )
    }

    pub(super) fn add(&mut self, (n, day): (i64, Day), attempt: &'o Attempt, fence: i32) {
        let (answer, error, text) = match &attempt.outcome {
            Outcome::Answer(answer) => (Some(answer), None, answer.note.as_deref()),
            Outcome::Error { kind, text } => (None, Some(kind.name()), Some(text.as_str())),
        };
        let (request, of_request) = seal::headers(SealedPlace::Request, attempt.seq, &attempt.request_headers);
        // An answer that repeats a secret is never sent again, so that nothing has to be put back.
        let answer_headers = answer.map(|answer| answer.headers.to_block());
        self.push(AttemptRow {
            n,
            day,
            seq: attempt.seq.cast_signed(),
            fence,
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
        });
    }
}

batch_rows! {
    /// What an attempt does to its delivery.
    ProgressRow in ProgressRows {
        n: i64 as "int8",
        day: Day as "date",
        state: &'o str as "text",
        next_due: Option<i64> as "int8",
        seq: i32 as "int4",
        status: Option<i32> as "int4",
        reason: Option<&'o str> as "text",
        took: i64 as "int8",
    }
}

impl ProgressRows<'_> {
    /// A delivery goes on or has ended, and its place in a queue with it. One that was stopped in the middle waits as before.
    fn apply() -> String {
        format!(
            "WITH u AS (SELECT * FROM {}),
             delivered AS (
                 UPDATE delivery AS d SET state = u.state, next_due = u.next_due,
                     owner = CASE u.state WHEN 'pending' THEN d.owner END, attempts = greatest(d.attempts, u.seq),
                     status = u.status, reason = u.reason, took = u.took
                 FROM u WHERE d.n = u.n AND d.day = u.day
             ),
             waiting AS (
                 UPDATE queue AS q SET state = 0, token = NULL, due = coalesce(u.next_due, q.due),
                     class = CASE WHEN u.next_due IS NULL THEN q.class ELSE 1 END
                 FROM u WHERE q.n = u.n AND u.state = 'pending'
             ),
             left_queue AS (DELETE FROM queue AS q USING u WHERE q.n = u.n AND u.state NOT IN ('pending', 'parked')),
             waiting_work AS (
                 UPDATE work AS w SET due = u.next_due FROM u
                 WHERE w.delivery = u.n AND u.state = 'pending' AND u.next_due IS NOT NULL
             )
             DELETE FROM work AS w USING u WHERE w.delivery = u.n AND u.state <> 'pending'",
            Self::table()
        )
    }
}

/// Where a delivery is.
struct DeliveryPlace {
    day: Day,
    /// Whether this process may move it on: it has it, or no queue has.
    is_ours: bool,
}

impl Group<'_, '_> {
    /// Writes the attempts that were collected. One of a process that has lost its lease is kept, and changes nothing.
    pub(super) fn write_attempts(&mut self) -> Result<(), Fault> {
        let changes = std::mem::take(&mut self.attempts);
        let by_id = self.numbers(&changes)?;
        let number = |change: &AttemptChange<'_>| change.number.or_else(|| by_id.get(&change.delivery.uuid).copied());
        let places = self.places(&changes.iter().filter_map(number).collect::<Vec<_>>())?;
        let (mut attempts, mut progress) = (AttemptRows::default(), ProgressRows::default());
        for change in &changes {
            let found = number(change).and_then(|n| Some((n, places.get(&n)?)));
            let Some((n, place)) = found else { continue };
            self.acks[change.ack] = changed(n, 1);
            if !place.is_ours {
                let fence = self.next_fence((n, place.day), change.attempt.seq)?;
                attempts.add((n, place.day), change.attempt, fence);
                self.acks[change.ack].is_fenced = true;
                continue;
            }
            attempts.add((n, place.day), change.attempt, 0);
            progress.push(ProgressRow {
                n,
                day: place.day,
                state: change.state.name(),
                next_due: change.next_due.map(Timestamp::unix_us),
                seq: change.attempt.seq.cast_signed(),
                status: change.attempt.outcome.status().map(i32::from),
                reason: failure_of(change.attempt),
                took: nanos(change.attempt.took),
            });
        }
        let (insert, apply) = (AttemptRows::insert(), ProgressRows::apply());
        let (of_attempts, of_progress) = (attempts.params(), progress.params());
        let requests = [(&*insert, &*of_attempts), (&*apply, &*of_progress)];
        self.session().pipeline(&requests).map(drop)
    }

    /// The numbers of those deliveries that are named by their ids. A seeded run that is repeated gives the same ids again: the
    /// newest delivery counts.
    fn numbers(&self, changes: &[AttemptChange<'_>]) -> Result<HashMap<Uuid, i64>, Fault> {
        let unknown = changes.iter().filter(|change| change.number.is_none());
        let ids: Vec<Uuid> = unknown.map(|change| change.delivery.uuid).collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let sql = "SELECT id, max(n) FROM delivery WHERE id = ANY($1) GROUP BY id";
        let found = self
            .session()
            .rows(sql, &[&ids], |row| Ok((get(row, 0)?, get(row, 1)?)))?;
        Ok(found.into_iter().collect())
    }

    fn places(&self, numbers: &[i64]) -> Result<HashMap<i64, DeliveryPlace>, Fault> {
        let token = self.context.worker.token();
        // Locked, so that no other process takes them over until the end of the transaction.
        let sql = "SELECT n, day, state, token FROM queue WHERE n = ANY($1) ORDER BY n FOR UPDATE";
        let queued = self.session().rows(sql, &[&numbers], |row| {
            let (state, holder): (i16, Option<Uuid>) = (get(row, 2)?, get(row, 3)?);
            let is_ours = state == TAKEN && holder == Some(token);
            Ok((
                get(row, 0)?,
                DeliveryPlace {
                    day: get(row, 1)?,
                    is_ours,
                },
            ))
        })?;
        let mut places: HashMap<i64, DeliveryPlace> = queued.into_iter().collect();
        let others: Vec<i64> = numbers.iter().copied().filter(|n| !places.contains_key(n)).collect();
        if !others.is_empty() {
            let sql = "SELECT n, day, is_queued FROM delivery WHERE n = ANY($1)";
            let others = self.session().rows(sql, &[&others], |row| {
                // What was in a queue and is not any more was finished by another process.
                let is_ours = !get::<bool>(row, 2)?;
                Ok((
                    get(row, 0)?,
                    DeliveryPlace {
                        day: get(row, 1)?,
                        is_ours,
                    },
                ))
            })?;
            places.extend(others);
        }
        Ok(places)
    }

    fn next_fence(&self, (n, day): (i64, Day), seq: u32) -> Result<i32, Fault> {
        let sql = "SELECT coalesce(max(fence), 0) + 1 FROM attempt WHERE n = $1 AND day = $2 AND seq = $3";
        let next = self
            .session()
            .row(sql, &[&n, &day, &seq.cast_signed()], |row| get(row, 0))?;
        Ok(next.unwrap_or(1))
    }
}
