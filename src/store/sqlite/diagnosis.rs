//! Why captures were refused.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::values::{changed, signed};
use crate::store::{Ack, DiagnosisNote};

/// Notes what was found about a capture, unless it was pruned meanwhile.
pub(super) fn note(connection: &Connection, capture: u64, note: &DiagnosisNote) -> rusqlite::Result<Ack> {
    let n = signed(capture);
    let rows = connection
        .prepare_cached(
            "INSERT OR REPLACE INTO diagnosis (n, cause, text, hint)
             SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM capture WHERE n = ?1)",
        )?
        .execute(params![n, note.cause, note.text, note.hint])?;
    Ok(changed(n, rows))
}

/// What was found about a capture.
pub(super) fn of(connection: &Connection, n: i64) -> rusqlite::Result<Option<DiagnosisNote>> {
    connection
        .prepare_cached("SELECT cause, text, hint FROM diagnosis WHERE n = ?1")?
        .query_row([n], |row| {
            Ok(DiagnosisNote {
                cause: row.get(0)?,
                text: row.get(1)?,
                hint: row.get(2)?,
            })
        })
        .optional()
}
