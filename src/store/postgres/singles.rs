//! Changes of one record that are written on their own.

use super::connection::Session;
use super::fault::Fault;
use super::values::{Day, Text, get, optional};
use crate::id::Id;
use crate::store::encoding::changed;
use crate::store::sealed as seal;
use crate::store::{Ack, DeliveryState, DiagnosisNote, SealedPlace};

/// Number and day of the newest delivery with that id.
pub(super) fn place_of(session: &Session, id: Id) -> Result<Option<(i64, Day)>, Fault> {
    let sql = "SELECT n, day FROM delivery WHERE id = $1 ORDER BY n DESC LIMIT 1";
    session.row(sql, &[&id.uuid], |row| Ok((get(row, 0)?, get(row, 1)?)))
}

/// Sets state and owner of a delivery, without an attempt.
pub(super) fn state(session: &Session, id: Id, state: DeliveryState, owner: Option<&str>) -> Result<Ack, Fault> {
    let Some((n, day)) = place_of(session, id)? else {
        return Ok(Ack::default());
    };
    let sql = "
        UPDATE delivery SET state = $3, owner = $4, next_due = CASE $3 WHEN 'pending' THEN next_due END
        WHERE n = $1 AND day = $2";
    let rows = session.change(sql, &[&n, &day, &state.name(), &optional(owner)])?;
    match state {
        DeliveryState::Pending => {
            session.run(
                "UPDATE queue SET state = 0, token = NULL WHERE n = $1 AND state = 1",
                &[&n],
            )?;
        }
        state => {
            session.run("DELETE FROM work WHERE delivery = $1", &[&n])?;
            if state != DeliveryState::Parked {
                session.run("DELETE FROM queue WHERE n = $1", &[&n])?;
            }
        }
    }
    Ok(changed(n, rows))
}

/// A process that takes a delivery over finishes it outside of the queue.
pub(super) fn claim(session: &Session, id: Id, from: Option<&str>, owner: &str) -> Result<Ack, Fault> {
    let Some((n, day)) = place_of(session, id)? else {
        return Ok(Ack::default());
    };
    let sql = "
        UPDATE delivery SET owner = $4, is_queued = false
        WHERE n = $1 AND day = $2 AND state = 'pending' AND owner IS NOT DISTINCT FROM $3";
    let rows = session.change(sql, &[&n, &day, &optional(from), &Text::from(owner)])?;
    if rows > 0 {
        session.run("DELETE FROM queue WHERE n = $1", &[&n])?;
    }
    Ok(changed(n, rows))
}

/// Notes where a capture went.
pub(super) fn forwarded(session: &Session, n: i64, url: &str) -> Result<Ack, Fault> {
    let (kept, left_out) = seal::url(SealedPlace::Forwarded, url);
    let left_out = super::sealed::to_json(&left_out);
    let sql = "UPDATE capture SET forwarded_to = $2, forwarded_sealed = $3 WHERE n = $1";
    Ok(changed(n, session.change(sql, &[&n, &Text::from(kept), &left_out])?))
}

/// Notes why a capture was refused.
pub(super) fn explained(session: &Session, n: i64, note: &DiagnosisNote) -> Result<Ack, Fault> {
    let sql = "UPDATE capture SET cause = $2, cause_text = $3, cause_hint = $4 WHERE n = $1";
    let (cause, text, hint) = (
        Text::from(&*note.cause),
        Text::from(&*note.text),
        optional(note.hint.as_deref()),
    );
    Ok(changed(n, session.change(sql, &[&n, &cause, &text, &hint])?))
}
