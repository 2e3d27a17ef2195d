//! Which secrets were left out of a record.

use rusqlite::{Connection, Row, params};

use super::values::{change, named, rows, signed, unsigned};
use crate::store::{Sealed, SealedForm, SealedPlace};

/// Keeps what was left out of record `n` at a place, instead of what an earlier writing there left out.
pub(super) fn keep(connection: &Connection, n: i64, sealed: &[Sealed]) -> rusqlite::Result<()> {
    let Some(first) = sealed.first() else { return Ok(()) };
    // Only these are ever written again.
    if matches!(first.place, SealedPlace::Request | SealedPlace::Forwarded) {
        let sql = "DELETE FROM sealed WHERE n = ?1 AND place = ?2 AND part = ?3";
        change(connection, sql, params![n, first.place.name(), first.part])?;
    }
    for one in sealed {
        let (place, form, start) = (one.place.name(), one.form.name(), signed(one.start as u64));
        let values = params![n, place, one.part, start, form, one.reference, one.fingerprint];
        let sql = "
            INSERT INTO sealed (n, place, part, start, form, reference, fingerprint)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        change(connection, sql, values)?;
    }
    Ok(())
}

/// What was left out of captures in the work queue, each secret once.
pub(super) fn of_work(connection: &Connection) -> rusqlite::Result<Vec<(Option<String>, Sealed)>> {
    let sql = "
        SELECT place, part, min(start), form, reference, fingerprint, provider FROM sealed JOIN capture USING (n)
        WHERE n IN (SELECT n FROM work) GROUP BY provider, reference, fingerprint";
    rows(connection, sql, [], |row| Ok((row.get(6)?, one(row)?)))
}

/// What was left out of record `n`.
pub(super) fn of(connection: &Connection, n: i64) -> rusqlite::Result<Vec<Sealed>> {
    let sql = "SELECT place, part, start, form, reference, fingerprint FROM sealed WHERE n = ?1";
    rows(connection, sql, [n], one)
}

fn one(row: &Row<'_>) -> rusqlite::Result<Sealed> {
    Ok(Sealed {
        place: named(row, 0, SealedPlace::from_name)?,
        part: row.get(1)?,
        start: usize::try_from(unsigned(row.get(2)?)).unwrap_or(usize::MAX),
        form: named(row, 3, SealedForm::from_name)?,
        reference: row.get(4)?,
        fingerprint: row.get(5)?,
        header: None,
    })
}
