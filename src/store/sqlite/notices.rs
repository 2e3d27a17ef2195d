//! Notices to the owners of endpoints, and which of them each channel has still to send.

use rusqlite::{Connection, params};

use super::values::{change, moment, named, rows, signed, unsigned};
use crate::clock::Timestamp;
use crate::health::{DeliveryOutcome, HealthReport, OwnerNotice};
use crate::owner_notice::{NoticeChange, NoticeChannel, NoticeKind, NoticeTask};
use crate::store::Ack;

/// Notices about attempts and deliveries that wait, at most: then the oldest is dropped for a new one.
const MOST_WAITING: i64 = 10_000;

/// Notices that are kept after they were sent, whatever their age.
const MOST_NOTICES: i64 = 10_000;

/// Between two mails about an endpoint for the same reason.
const MAIL_EVERY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// Notices about an attempt that failed, and about the delivery that ends with it, where they are wanted.
pub(super) fn failed(connection: &Connection, report: &HealthReport) -> rusqlite::Result<()> {
    let (attempt, delivery) = (NoticeKind::AttemptFailed, NoticeKind::DeliveryFailed);
    let kinds: &[NoticeKind] = match report.outcome {
        DeliveryOutcome::Delivered => return Ok(()),
        DeliveryOutcome::Retried { .. } => &[attempt],
        DeliveryOutcome::Failed | DeliveryOutcome::Gone => &[attempt, delivery],
    };
    let wanted = kinds.iter().filter(|kind| report.notices.wants(**kind));
    for kind in wanted {
        let reason = match kind {
            NoticeKind::DeliveryFailed => "a delivery failed for good",
            _ => "an attempt failed",
        };
        let number = add(connection, report, *kind, (kind.name(), reason.to_owned()))?;
        make_room(connection, number)?;
    }
    Ok(())
}

/// Records a notice, and what channels have to do for it: a mail only where the last one of the same `cause` is old. Returns its
/// number.
pub(super) fn add(
    connection: &Connection,
    report: &HealthReport,
    kind: NoticeKind,
    (cause, reason): (&str, String),
) -> rusqlite::Result<i64> {
    let told = serde_json::to_string(&report.notice(kind, reason)).unwrap_or_default();
    let at = report.at.unix_us();
    let sql = "INSERT INTO notice (at, endpoint, kind, json) VALUES (?1, ?2, ?3, ?4)";
    change(connection, sql, params![at, report.id, kind.name(), told])?;
    let number = connection.last_insert_rowid();
    for channel in report.notices.channels(kind) {
        if channel != NoticeChannel::Mail || is_mail_due(connection, &report.id, cause, at)? {
            let sql = "INSERT OR REPLACE INTO notice_task (channel, i, due) VALUES (?1, ?2, ?3)";
            change(connection, sql, params![channel.name(), number, at])?;
        }
    }
    let sql = "DELETE FROM notice WHERE i = ?1 AND i NOT IN (SELECT i FROM notice_task)";
    change(connection, sql, [number - MOST_NOTICES])?;
    Ok(number)
}

fn is_mail_due(connection: &Connection, endpoint: &str, cause: &str, at: i64) -> rusqlite::Result<bool> {
    let sql = "INSERT INTO notice_mail (endpoint, reason, at) VALUES (?1, ?2, ?3)
        ON CONFLICT (endpoint, reason) DO UPDATE SET at = ?3 WHERE at > ?3 OR at <= ?4";
    Ok(change(connection, sql, params![endpoint, cause, at, at - MAIL_EVERY_US])? > 0)
}

/// Drops the notice that is too far behind a new one, if it is one of those that may be very many. Numbers have no gaps there.
fn make_room(connection: &Connection, newest: i64) -> rusqlite::Result<()> {
    let old = newest - MOST_WAITING;
    let sql = "DELETE FROM notice WHERE i = ?1 AND kind IN (?2, ?3)";
    let passing = NoticeKind::PASSING.map(NoticeKind::name);
    if change(connection, sql, params![old, passing[0], passing[1]])? > 0 {
        for channel in NoticeChannel::ALL {
            drop_task(connection, *channel, old)?;
        }
    }
    Ok(())
}

fn drop_task(connection: &Connection, channel: NoticeChannel, number: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM notice_task WHERE channel = ?1 AND i = ?2";
    change(connection, sql, params![channel.name(), number]).map(drop)
}

/// A channel got a notice, gave it up, or tries it again.
pub(super) fn apply(connection: &Connection, of: NoticeChange) -> rusqlite::Result<Ack> {
    let number = signed(of.number);
    if let Some(due) = of.due {
        let sql = "UPDATE notice_task SET tries = tries + 1, due = ?3 WHERE channel = ?1 AND i = ?2";
        change(connection, sql, params![of.channel.name(), number, due.unix_us()])?;
        return Ok(Ack::default());
    }
    drop_task(connection, of.channel, number)?;
    let sql = "DELETE FROM notice WHERE i = ?1 AND kind IN (?2, ?3) AND NOT EXISTS
        (SELECT 1 FROM notice_task WHERE channel IN ('mail', 'webhook', 'exec') AND notice_task.i = notice.i)";
    let passing = NoticeKind::PASSING.map(NoticeKind::name);
    change(connection, sql, params![number, passing[0], passing[1]])?;
    Ok(Ack::default())
}

/// Drops what came before that moment.
pub(super) fn older(connection: &Connection, before: i64) -> rusqlite::Result<()> {
    if change(connection, "DELETE FROM notice WHERE at < ?1", [before])? > 0 {
        let sql = "DELETE FROM notice_task WHERE i NOT IN (SELECT i FROM notice)";
        change(connection, sql, [])?;
    }
    change(connection, "DELETE FROM notice_mail WHERE at < ?1", [before]).map(drop)
}

/// What a channel has to do by then, the oldest first.
pub(super) fn tasks(
    connection: &Connection,
    channel: NoticeChannel,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<NoticeTask>> {
    let sql = "SELECT i, tries, at, kind, json FROM notice_task JOIN notice USING (i)
        WHERE channel = ?1 AND due <= ?2 ORDER BY i LIMIT ?3";
    let values = params![channel.name(), now.unix_us(), limit.cast_signed()];
    rows(connection, sql, values, |row| {
        let told: String = row.get(4)?;
        Ok(NoticeTask {
            number: unsigned(row.get(0)?),
            tries: row.get(1)?,
            at: moment(row, 2)?,
            kind: named(row, 3, NoticeKind::from_name)?,
            data: serde_json::from_str(&told).unwrap_or_default(),
        })
    })
}

/// The notices about an endpoint, sent or not, the newest first.
pub(super) fn told(connection: &Connection, endpoint: &str, limit: usize) -> rusqlite::Result<Vec<OwnerNotice>> {
    let sql = "SELECT at, kind, json FROM notice WHERE endpoint = ?1 ORDER BY i DESC LIMIT ?2";
    rows(connection, sql, params![endpoint, limit.cast_signed()], |row| {
        let told: String = row.get(2)?;
        Ok(OwnerNotice {
            at: moment(row, 0)?,
            kind: row.get(1)?,
            told: serde_json::from_str(&told).unwrap_or_default(),
        })
    })
}
