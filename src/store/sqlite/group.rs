//! A group of changes while its transaction lasts: the numbers of its records, the state of a delivery and who works on it,
//! and what is kept beside the row of a record.

use rusqlite::{Connection, params};

use super::dedupe::DedupeIndex;
use super::policies::Policies;
use super::sequence::last_number;
use super::values::{change, changed, nanos, row};
use super::{minutes, queue_rows, sealed};
use crate::clock::Timestamp;
use crate::id::Id;
use crate::mask;
use crate::store::sealed as seal;
use crate::store::{Ack, Attempt, DeliveryState, Execution, Outcome, SealedPlace};

/// An attempt with the same number replaces the earlier one.
pub(super) const KEEP_ATTEMPT: &str =
    "INSERT OR REPLACE INTO attempt (delivery, seq, at, took, request, status, headers, truncated, body,
    error, text)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

/// Changes that are made in one transaction.
pub(super) struct ChangeGroup<'c> {
    pub(super) connection: &'c Connection,
    pub(super) policies: Policies,
    pub(super) seen: &'c mut DedupeIndex,
    /// The number of the first record of the group.
    pub(super) first: i64,
    /// The number of the next record. Only this transaction can give numbers while it lasts.
    next: i64,
    /// The latest minute of any record so far.
    minute: Option<i64>,
}

impl<'c> ChangeGroup<'c> {
    /// No changes yet.
    pub(super) fn begin(connection: &'c Connection, seen: &'c mut DedupeIndex) -> rusqlite::Result<Self> {
        let next = last_number(connection)? + 1;
        Ok(Self {
            first: next,
            next,
            minute: minutes::last(connection)?,
            connection,
            policies: Policies::default(),
            seen,
        })
    }

    /// The last number that was given.
    pub(super) fn last(&self) -> i64 {
        self.next - 1
    }

    /// The number of a record of that moment, and whether it is late.
    pub(super) fn number(&mut self, at: Timestamp) -> rusqlite::Result<(i64, bool)> {
        let (n, minute) = (self.next, Some(minutes::minute(at)));
        self.next += 1;
        if self.minute < minute {
            minutes::begin(self.connection, at, n)?;
            self.minute = minute;
        }
        Ok((n, minute < self.minute))
    }

    /// The number of the delivery with that id.
    pub(super) fn delivery_number(&self, id: Id) -> rusqlite::Result<Option<i64>> {
        // A seeded run that is repeated gives the same ids again: the newest delivery counts.
        let sql = "SELECT n FROM delivery WHERE id = ?1 ORDER BY n DESC LIMIT 1";
        row(self.connection, sql, [id.uuid.as_bytes()], |row| row.get(0))
    }

    pub(super) fn state(&self, id: Id, state: DeliveryState, owner: Option<&str>) -> rusqlite::Result<Ack> {
        let Some(n) = self.delivery_number(id)? else {
            return Ok(Ack::default());
        };
        let sql = "
            UPDATE delivery SET state = ?2, owner = ?3, next_due = CASE ?2 WHEN 'pending' THEN next_due END
            WHERE n = ?1";
        let rows = change(self.connection, sql, params![n, state.name(), owner])?;
        self.move_item(n, state, None)?;
        queue_rows::attempted(self.connection, n, state, None)?;
        Ok(changed(n, rows))
    }

    /// The item of the work queue that a delivery has waits with it, and ends with it.
    pub(super) fn move_item(&self, n: i64, state: DeliveryState, due: Option<Timestamp>) -> rusqlite::Result<()> {
        match (state, due) {
            (DeliveryState::Pending, Some(due)) => {
                let sql = "UPDATE work SET due = ?2 WHERE delivery = ?1";
                change(self.connection, sql, params![n, due.unix_us()])?;
            }
            (DeliveryState::Pending, None) => {}
            _ => drop(change(self.connection, "DELETE FROM work WHERE delivery = ?1", [n])?),
        }
        Ok(())
    }

    pub(super) fn claim(&self, id: Id, from: Option<&str>, owner: &str) -> rusqlite::Result<Ack> {
        let Some(n) = self.delivery_number(id)? else {
            return Ok(Ack::default());
        };
        let sql = "UPDATE delivery SET owner = ?3 WHERE n = ?1 AND state = 'pending' AND owner IS ?2";
        let rows = change(self.connection, sql, params![n, from, owner])?;
        if rows > 0 {
            // A process that takes a delivery over finishes it outside of the queue.
            change(self.connection, "DELETE FROM queue WHERE n = ?1", [n])?;
        }
        Ok(changed(n, rows))
    }

    /// An attempt with the same number replaces the earlier one: what was tried last is what counts.
    pub(super) fn keep_attempt(&mut self, delivery: i64, attempt: &Attempt) -> rusqlite::Result<()> {
        let (answer, error, text) = match &attempt.outcome {
            Outcome::Answer(answer) => (Some(answer), None, answer.note.as_deref()),
            Outcome::Error { kind, text } => (None, Some(kind.name()), Some(text.as_str())),
        };
        let (request, of_request) = seal::headers(SealedPlace::Request, attempt.seq, &attempt.request_headers);
        // An answer that repeats a secret is never sent again, so that nothing has to be put back.
        let answer_headers = answer.map(|answer| answer.headers.to_block());
        self.connection.prepare_cached(KEEP_ATTEMPT)?.execute(params![
            delivery,
            attempt.seq,
            attempt.at.unix_us(),
            nanos(attempt.took),
            request,
            answer.map(|answer| answer.status),
            answer_headers.as_deref().map(mask::bytes),
            answer.map(|answer| answer.truncated),
            answer.map(|answer| mask::bytes(&answer.body)),
            error,
            text.map(mask::secrets),
        ])?;
        sealed::keep(self.connection, delivery, &of_request)?;
        if let Some(body) = &attempt.request_body {
            let sql = "INSERT OR REPLACE INTO signed_body (delivery, seq, body) VALUES (?1, ?2, ?3)";
            change(self.connection, sql, params![delivery, attempt.seq, &body[..]])?;
        }
        Ok(())
    }

    pub(super) fn execution(&self, n: i64, execution: &Execution) -> rusqlite::Result<()> {
        let values = params![n, execution.workflow, execution.note, execution.secret_header];
        let sql = "INSERT INTO execution (n, workflow, note, secret_header) VALUES (?1, ?2, ?3, ?4)";
        change(self.connection, sql, values).map(drop)
    }
}
