//! Why captures were refused.

use rusqlite::{Connection, params};

use super::values::{change, changed, row, signed};
use crate::store::{Ack, DiagnosisNote};

/// Notes what was found about a capture, unless it was pruned meanwhile.
pub(super) fn note(connection: &Connection, capture: u64, note: &DiagnosisNote) -> rusqlite::Result<Ack> {
    let n = signed(capture);
    let sql = "
        INSERT OR REPLACE INTO diagnosis (n, cause, text, hint)
        SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM capture WHERE n = ?1)";
    let rows = change(connection, sql, params![n, note.cause, note.text, note.hint])?;
    Ok(changed(n, rows))
}

/// What was found about a capture.
pub(super) fn of(connection: &Connection, n: i64) -> rusqlite::Result<Option<DiagnosisNote>> {
    row(
        connection,
        "SELECT cause, text, hint FROM diagnosis WHERE n = ?1",
        [n],
        |row| {
            Ok(DiagnosisNote {
                cause: row.get(0)?,
                text: row.get(1)?,
                hint: row.get(2)?,
            })
        },
    )
}
