//! Keeps what belongs to a record beside its row: what its attempts sent and got, and which workflow it is of.

use rusqlite::params;

use super::group::ChangeGroup;
use super::sealed;
use super::values::{change, nanos};
use crate::mask;
use crate::store::sealed as seal;
use crate::store::{Attempt, Execution, Outcome, SealedPlace};

/// An attempt with the same number replaces the earlier one.
pub(super) const KEEP_ATTEMPT: &str =
    "INSERT OR REPLACE INTO attempt (delivery, seq, at, took, request, status, headers, truncated, body,
    error, text)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

impl ChangeGroup<'_> {
    /// An attempt with the same number replaces the earlier one: what was tried last is what counts.
    pub(super) fn keep_attempt(&mut self, delivery: i64, attempt: &Attempt) -> rusqlite::Result<()> {
        let (answer, error) = match &attempt.outcome {
            Outcome::Answer(answer) => (Some(answer), None),
            Outcome::Error { kind, text } => (None, Some((kind.name(), mask::secrets(text)))),
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
            error.as_ref().map(|(kind, _)| kind),
            error.as_ref().map(|(_, text)| text),
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
