//! The health of endpoints.

use rusqlite::{Connection, Row, params};

use super::notices;
use super::values::{change, optional_moment, row, rows};
use crate::clock::Timestamp;
use crate::health::{Disabled, DisabledBy, Health, HealthById, HealthChange, HealthReport};
use crate::owner_notice::NoticeKind;
use crate::store::Ack;

const COLUMNS: &str = "failed, failing_since, succeeded_at, enabled_at, disabled, disabled_at, detail, warned_at";

pub(super) fn apply(connection: &Connection, of: &HealthChange) -> rusqlite::Result<Ack> {
    match of {
        HealthChange::Reported(report) => return reported(connection, report),
        HealthChange::Enabled { id, at } => {
            let mut health = one(connection, id)?.unwrap_or_default();
            health.enable(*at);
            keep(connection, id, &health)?;
        }
        HealthChange::Kept { id, health } => match one(connection, id)? {
            None => keep(connection, id, health)?,
            Some(known) if known.disabled.is_none() => {
                let disabled = health.disabled.clone();
                keep(connection, id, &Health { disabled, ..known })?;
            }
            Some(_) => {}
        },
        HealthChange::Removed { id } => {
            change(connection, "DELETE FROM endpoint_health WHERE endpoint = ?1", [id])?;
            change(connection, "DELETE FROM notice_mail WHERE endpoint = ?1", [id])?;
        }
    }
    Ok(Ack::default())
}

fn reported(connection: &Connection, report: &HealthReport) -> rusqlite::Result<Ack> {
    let before = one(connection, &report.id)?;
    let mut health = before.clone().unwrap_or_default();
    let disabled = health.note(report).cloned();
    let is_warned = report.notices.wants(NoticeKind::EndpointDisabling);
    let warning = is_warned.then(|| health.warn(report)).flatten();
    if before.unwrap_or_default() != health {
        keep(connection, &report.id, &health)?;
    }
    notices::failed(connection, report)?;
    if let Some(why) = warning {
        let kind = NoticeKind::EndpointDisabling;
        notices::add(connection, report, kind, (kind.name(), why))?;
    }
    if let Some(why) = &disabled {
        notices::add(
            connection,
            report,
            NoticeKind::EndpointDisabled,
            (why.reason.name(), why.to_string()),
        )?;
    }
    Ok(Ack {
        disabled: disabled.map(|why| Box::new(report.disabled(&why))),
        ..Ack::default()
    })
}

fn keep(connection: &Connection, id: &str, health: &Health) -> rusqlite::Result<()> {
    let disabled = health.disabled.as_ref();
    let values = params![
        id,
        health.failed,
        health.failing_since.map(Timestamp::unix_us),
        health.succeeded_at.map(Timestamp::unix_us),
        health.enabled_at.map(Timestamp::unix_us),
        disabled.map(|disabled| disabled.reason.name()),
        disabled.map(|disabled| disabled.since.unix_us()),
        disabled.and_then(|disabled| disabled.detail.as_ref()),
        health.warned_at.map(Timestamp::unix_us),
    ];
    let sql = "
        INSERT INTO endpoint_health
            (endpoint, failed, failing_since, succeeded_at, enabled_at, disabled, disabled_at, detail, warned_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
        ON CONFLICT (endpoint) DO UPDATE SET failed = ?2, failing_since = ?3, succeeded_at = ?4, enabled_at = ?5,
            disabled = ?6, disabled_at = ?7, detail = ?8, warned_at = ?9";
    change(connection, sql, values).map(drop)
}

fn one(connection: &Connection, id: &str) -> rusqlite::Result<Option<Health>> {
    let sql = format!("SELECT {COLUMNS} FROM endpoint_health WHERE endpoint = ?1");
    row(connection, &sql, [id], |row| health(row, 0))
}

pub(super) fn all(connection: &Connection) -> rusqlite::Result<HealthById> {
    let sql = format!("SELECT endpoint, {COLUMNS} FROM endpoint_health");
    let found = rows(connection, &sql, [], |row| Ok((row.get(0)?, health(row, 1)?)))?;
    Ok(found.into_iter().collect())
}

/// Reads the columns from that one on.
fn health(row: &Row<'_>, first: usize) -> rusqlite::Result<Health> {
    let reason: Option<String> = row.get(first + 4)?;
    // An unknown word is a newer hook's.
    let reason = reason.map(|word| DisabledBy::from_name(&word).unwrap_or(DisabledBy::FailedDeliveries));
    let since = optional_moment(row, first + 5)?.unwrap_or_default();
    let detail = row.get(first + 6)?;
    Ok(Health {
        failed: row.get(first)?,
        failing_since: optional_moment(row, first + 1)?,
        succeeded_at: optional_moment(row, first + 2)?,
        enabled_at: optional_moment(row, first + 3)?,
        warned_at: optional_moment(row, first + 7)?,
        disabled: reason.map(|reason| Disabled { reason, detail, since }),
    })
}
