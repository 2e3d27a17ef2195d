//! The health of endpoints, and what their owners were told.

use rusqlite::{Connection, Row, params};

use super::values::{change, moment, optional_moment, row, rows};
use crate::clock::Timestamp;
use crate::health::{Disabled, DisabledBy, EndedDelivery, Health, HealthById, HealthChange, OwnerNotice};
use crate::store::Ack;

/// Notices that are kept, whatever their age.
const MOST_NOTICES: u32 = 10_000;

const COLUMNS: &str = "failed, failing_since, succeeded_at, enabled_at, disabled, disabled_at, detail";

pub(super) fn apply(connection: &Connection, of: &HealthChange) -> rusqlite::Result<Ack> {
    match of {
        HealthChange::Ended(ended) => return self::ended(connection, ended),
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
        }
    }
    Ok(Ack::default())
}

fn ended(connection: &Connection, ended: &EndedDelivery) -> rusqlite::Result<Ack> {
    let before = one(connection, &ended.id)?;
    let mut health = before.clone().unwrap_or_default();
    let disabled = health.note(ended).map(|why| Box::new(ended.disabled(why)));
    if before.as_ref() != Some(&health) {
        keep(connection, &ended.id, &health)?;
    }
    if let Some(disabled) = &disabled {
        let sql = "INSERT INTO notice (at, endpoint, kind, json) VALUES (?1, ?2, 'disabled', ?3)";
        let told = serde_json::to_string(disabled).unwrap_or_default();
        change(connection, sql, params![ended.at.unix_us(), ended.id, told])?;
        let sql = "DELETE FROM notice WHERE i <= (SELECT max(i) FROM notice) - ?1";
        change(connection, sql, [MOST_NOTICES])?;
    }
    Ok(Ack {
        disabled,
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
    ];
    let sql = "
        INSERT INTO endpoint_health
            (endpoint, failed, failing_since, succeeded_at, enabled_at, disabled, disabled_at, detail)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (endpoint) DO UPDATE SET failed = ?2, failing_since = ?3, succeeded_at = ?4, enabled_at = ?5,
            disabled = ?6, disabled_at = ?7, detail = ?8";
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
        disabled: reason.map(|reason| Disabled { reason, detail, since }),
    })
}

pub(super) fn notices(connection: &Connection, endpoint: &str, limit: usize) -> rusqlite::Result<Vec<OwnerNotice>> {
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
