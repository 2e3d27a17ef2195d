//! Notices to the owners of endpoints, and which of them each channel has still to send.

use super::connection::Session;
use super::fault::Fault;
use super::values::{Text, batch_rows, get, moment, named, number, small, text};
use crate::clock::Timestamp;
use crate::health::{DeliveryOutcome, HealthReport, OwnerNotice};
use crate::owner_notice::{NoticeChange, NoticeChannel, NoticeKind, NoticeTask};
use crate::store::Ack;
use crate::store::encoding::signed;

/// Notices about attempts and deliveries that wait, at most: then the oldest are dropped for new ones.
const MOST_WAITING: i64 = 10_000;

/// Notices that are kept after they were sent, whatever their age.
const MOST_NOTICES: i64 = 10_000;

/// Between two mails about an endpoint for the same reason.
const MAIL_EVERY_US: i64 = 24 * 60 * 60 * 1_000_000;

batch_rows! {
    /// A notice for the owner of an endpoint.
    NoticeRow in NoticeRows {
        at: i64 as "int8",
        endpoint: Text<'o> as "text",
        kind: &'o str as "text",
        json: Text<'o> as "text",
        channels: String as "text",
    }
}

/// The notices of a group, until they are written.
#[derive(Default)]
pub(super) struct NewNotices<'o>(NoticeRows<'o>);

/// Numbers them in their order.
const NUMBERED: &str = "
    SELECT nextval('notice_number') AS i, sorted.* FROM (SELECT * FROM u ORDER BY place) AS sorted";

impl<'o> NewNotices<'o> {
    /// Notices about an attempt that failed, and about the delivery that ends with it, where they are wanted.
    pub(super) fn failed(&mut self, session: &Session, report: &'o HealthReport) -> Result<(), Fault> {
        let (attempt, delivery) = (NoticeKind::AttemptFailed, NoticeKind::DeliveryFailed);
        let kinds: &[NoticeKind] = match report.outcome {
            DeliveryOutcome::Delivered => return Ok(()),
            DeliveryOutcome::Retried { .. } => &[attempt],
            DeliveryOutcome::Failed | DeliveryOutcome::Gone => &[attempt, delivery],
        };
        for kind in kinds.iter().filter(|kind| report.notices.wants(**kind)) {
            let reason = match kind {
                NoticeKind::DeliveryFailed => "a delivery failed for good",
                _ => "an attempt failed",
            };
            self.add(session, report, *kind, (kind.name(), reason.to_owned()))?;
        }
        Ok(())
    }

    /// Adds a notice, and what channels have to do for it: a mail only where the last one of the same `cause` is old.
    pub(super) fn add(
        &mut self,
        session: &Session,
        report: &'o HealthReport,
        kind: NoticeKind,
        (cause, reason): (&str, String),
    ) -> Result<(), Fault> {
        let json = serde_json::to_string(&report.notice(kind, reason)).unwrap_or_default();
        let at = report.at.unix_us();
        let mut channels = Vec::new();
        for channel in report.notices.channels(kind) {
            if channel != NoticeChannel::Mail || is_mail_due(session, &report.id, cause, at)? {
                channels.push(channel.name());
            }
        }
        self.0.push(NoticeRow {
            at,
            endpoint: (&*report.id).into(),
            kind: kind.name(),
            json: json.into(),
            channels: channels.join(","),
        });
        Ok(())
    }

    /// Writes them, and drops the oldest where there are many.
    pub(super) fn write(&mut self, session: &Session) -> Result<(), Fault> {
        let rows = std::mem::take(&mut self.0);
        if rows.at.is_empty() {
            return Ok(());
        }
        let table = NoticeRows::table(1)
            .replace(" AS u (", " WITH ORDINALITY AS u (")
            .replace("channels)", "channels, place)");
        let sql = format!(
            "WITH u AS (SELECT * FROM {table}), numbered AS MATERIALIZED ({NUMBERED}),
             added AS (INSERT INTO notice (i, at, endpoint, kind, json) SELECT i, at, endpoint, kind, json FROM numbered),
             tasks AS (
                 INSERT INTO notice_task (channel, i, due) SELECT channel, i, at
                 FROM numbered CROSS JOIN LATERAL unnest(string_to_array(channels, ',')) AS channel
             ) SELECT max(i) FROM numbered"
        );
        let newest: Option<i64> = session.row(&sql, &rows.params(), |row| get(row, 0))?.flatten();
        make_room(session, newest.unwrap_or_default())
    }
}

fn is_mail_due(session: &Session, endpoint: &str, cause: &str, at: i64) -> Result<bool, Fault> {
    let sql = "
        INSERT INTO notice_mail (endpoint, reason, at) VALUES ($1, $2, $3)
        ON CONFLICT (endpoint, reason) DO UPDATE SET at = $3 WHERE notice_mail.at > $3 OR notice_mail.at <= $4";
    let values: [super::values::Param<'_>; 4] = [&Text::from(endpoint), &Text::from(cause), &at, &(at - MAIL_EVERY_US)];
    Ok(session.change(sql, &values)? > 0)
}

/// Drops notices that are too far behind the newest one: those that may be very many, and those that were sent.
fn make_room(session: &Session, newest: i64) -> Result<(), Fault> {
    let [one, other] = NoticeKind::PASSING.map(NoticeKind::name);
    let sql = "
        WITH gone AS (DELETE FROM notice WHERE i <= $1 AND kind IN ($2, $3) RETURNING i)
        DELETE FROM notice_task USING gone WHERE notice_task.i = gone.i";
    session.run(sql, &[&(newest - MOST_WAITING), &one, &other])?;
    let sql =
        "DELETE FROM notice WHERE i <= $1 AND NOT EXISTS (SELECT 1 FROM notice_task WHERE notice_task.i = notice.i)";
    session.run(sql, &[&(newest - MOST_NOTICES)]).map(drop)
}

/// A channel got a notice, gave it up, or tries it again.
pub(super) fn apply(session: &Session, of: NoticeChange) -> Result<Ack, Fault> {
    let (number, channel) = (signed(of.number), of.channel.name());
    if let Some(due) = of.due {
        let sql = "UPDATE notice_task SET tries = tries + 1, due = $3 WHERE channel = $1 AND i = $2";
        session.run(sql, &[&channel, &number, &due.unix_us()])?;
        return Ok(Ack::default());
    }
    session.run(
        "DELETE FROM notice_task WHERE channel = $1 AND i = $2",
        &[&channel, &number],
    )?;
    let [one, other] = NoticeKind::PASSING.map(NoticeKind::name);
    let sql = "
        DELETE FROM notice WHERE i = $1 AND kind IN ($2, $3)
            AND NOT EXISTS (SELECT 1 FROM notice_task WHERE notice_task.i = notice.i)";
    session.run(sql, &[&number, &one, &other])?;
    Ok(Ack::default())
}

/// Drops what came before that moment.
pub(super) fn older(session: &Session, before: i64) -> Result<(), Fault> {
    let sql = "
        WITH gone AS (DELETE FROM notice WHERE at < $1 RETURNING i)
        DELETE FROM notice_task USING gone WHERE notice_task.i = gone.i";
    session.run(sql, &[&before])?;
    session
        .run("DELETE FROM notice_mail WHERE at < $1", &[&before])
        .map(drop)
}

/// What a channel has to do by then, the oldest first.
pub(super) fn tasks(
    session: &Session,
    channel: NoticeChannel,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<NoticeTask>, Fault> {
    let sql = "
        SELECT i, tries, at, kind, json FROM notice_task JOIN notice USING (i)
        WHERE channel = $1 AND due <= $2 ORDER BY i LIMIT $3";
    session.rows(sql, &[&channel.name(), &now.unix_us(), &signed(limit as u64)], |row| {
        Ok(NoticeTask {
            number: number(row, 0)?,
            tries: small(row, 1)?,
            at: moment(row, 2)?,
            kind: named(row, 3, NoticeKind::from_name)?,
            data: serde_json::from_str(&text(row, 4)?).unwrap_or_default(),
        })
    })
}

/// The notices about an endpoint, sent or not, the newest first.
pub(super) fn of_endpoint(session: &Session, endpoint: &str, limit: usize) -> Result<Vec<OwnerNotice>, Fault> {
    let sql = "SELECT at, kind, json FROM notice WHERE endpoint = $1 ORDER BY i DESC LIMIT $2";
    session.rows(sql, &[&Text::from(endpoint), &signed(limit as u64)], |row| {
        Ok(OwnerNotice {
            at: moment(row, 0)?,
            kind: text(row, 1)?,
            told: serde_json::from_str(&text(row, 2)?).unwrap_or_default(),
        })
    })
}
