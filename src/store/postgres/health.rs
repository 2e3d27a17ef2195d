//! The health of endpoints. That of all endpoints of a group is read at once, changed in memory and written at once.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Row;

use super::connection::Session;
use super::fault::Fault;
use super::notices::NewNotices;
use super::values::{Text, batch_rows, get, names, optional, optional_moment, optional_text, text};
use crate::clock::Timestamp;
use crate::health::{Disabled, DisabledBy, Health, HealthById, HealthChange, HealthReport};
use crate::owner_notice::NoticeKind;
use crate::store::{Ack, Op};

pub(super) const COLUMNS: &str =
    "endpoint, failed, failing_since, succeeded_at, enabled_at, disabled, disabled_at, detail, warned_at";

/// The health of endpoints while a group is made; absent for those without any.
#[derive(Default)]
pub(super) struct HealthCache {
    known: BTreeMap<String, Option<Health>>,
    changed: BTreeSet<String>,
}

/// The endpoints whose health the changes look at.
pub(super) fn endpoints(ops: &[Op], found: &mut BTreeSet<String>) {
    for op in ops {
        match op {
            Op::Health(HealthChange::Reported(report)) => drop(found.insert(report.id.clone())),
            Op::Health(
                HealthChange::Enabled { id, .. } | HealthChange::Kept { id, .. } | HealthChange::Removed { id },
            ) => drop(found.insert(id.clone())),
            Op::Together(ops) => endpoints(ops, found),
            _ => {}
        }
    }
}

impl HealthCache {
    /// That of those endpoints, as rows have it from a column on.
    pub(super) fn read(endpoints: &BTreeSet<String>, rows: &[Row], first: usize) -> Result<Self, Fault> {
        let mut known: BTreeMap<_, _> = endpoints.iter().map(|name| (name.clone(), None)).collect();
        for row in rows {
            if get::<Option<&str>>(row, first)?.is_some() {
                let (name, health) = named_health(row, first)?;
                known.insert(name, Some(health));
            }
        }
        let changed = BTreeSet::new();
        Ok(Self { known, changed })
    }

    fn set(&mut self, id: &str, health: Health) {
        self.changed.insert(id.to_owned());
        self.known.insert(id.to_owned(), Some(health));
    }

    fn get(&self, id: &str) -> Option<&Health> {
        self.known.get(id)?.as_ref()
    }

    /// Counts the end of a delivery, with the notices for it.
    pub(super) fn report<'o>(
        &mut self,
        session: &Session,
        report: &'o HealthReport,
        notices: &mut NewNotices<'o>,
    ) -> Result<Ack, Fault> {
        let before = self.get(&report.id).cloned().unwrap_or_default();
        let mut health = before.clone();
        let disabled = health.note(report).cloned();
        let is_warned = report.notices.wants(NoticeKind::EndpointDisabling);
        let warning = is_warned.then(|| health.warn(report)).flatten();
        if before != health {
            self.set(&report.id, health);
        }
        notices.failed(session, report)?;
        if let Some(why) = warning {
            let kind = NoticeKind::EndpointDisabling;
            notices.add(session, report, kind, (kind.name(), why))?;
        }
        if let Some(why) = &disabled {
            let kind = NoticeKind::EndpointDisabled;
            notices.add(session, report, kind, (why.reason.name(), why.to_string()))?;
        }
        Ok(Ack {
            disabled: disabled.map(|why| Box::new(report.disabled(&why))),
            ..Ack::default()
        })
    }

    /// What was changed and is not written.
    pub(super) fn changed_rows(&self) -> HealthRows<'_> {
        let mut rows = HealthRows::default();
        for id in &self.changed {
            if let Some((id, Some(health))) = self.known.get_key_value(id) {
                rows.add(id, health);
            }
        }
        rows
    }

    fn write(&mut self, session: &Session) -> Result<(), Fault> {
        let rows = self.changed_rows();
        if !rows.endpoint.is_empty() {
            session.run(&HealthRows::upsert(), &rows.params())?;
        }
        self.changed.clear();
        Ok(())
    }
}

/// A change that is no report.
pub(super) fn apply(session: &Session, cache: &mut HealthCache, change: &HealthChange) -> Result<Ack, Fault> {
    match change {
        HealthChange::Reported(_) => {}
        HealthChange::Enabled { id, at } => {
            let mut health = cache.get(id).cloned().unwrap_or_default();
            health.enable(*at);
            cache.set(id, health);
        }
        HealthChange::Kept { id, health } => match cache.get(id).cloned() {
            None => cache.set(id, (**health).clone()),
            Some(known) if known.disabled.is_none() => {
                let disabled = health.disabled.clone();
                cache.set(id, Health { disabled, ..known });
            }
            Some(_) => {}
        },
        HealthChange::Removed { id } => {
            cache.known.insert(id.clone(), None);
            let name = Text::from(&**id);
            session.run("DELETE FROM endpoint_health WHERE endpoint = $1", &[&name])?;
            session.run("DELETE FROM notice_mail WHERE endpoint = $1", &[&name])?;
        }
    }
    cache.write(session)?;
    Ok(Ack::default())
}

batch_rows! {
    /// The health of an endpoint.
    HealthRow in HealthRows {
        endpoint: Text<'o> as "text",
        failed: i64 as "int8",
        failing_since: Option<i64> as "int8",
        succeeded_at: Option<i64> as "int8",
        enabled_at: Option<i64> as "int8",
        disabled: Option<&'o str> as "text",
        disabled_at: Option<i64> as "int8",
        detail: Option<Text<'o>> as "text",
        warned_at: Option<i64> as "int8",
    }
}

impl<'o> HealthRows<'o> {
    pub(super) fn upsert() -> String {
        let columns = names(Self::COLUMNS);
        let values: Vec<_> = columns[1..]
            .iter()
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        format!(
            "INSERT INTO endpoint_health ({COLUMNS}) SELECT {COLUMNS} FROM {} ON CONFLICT (endpoint) DO UPDATE SET {}",
            Self::table(1),
            values.join(", ")
        )
    }

    fn add(&mut self, id: &'o str, health: &'o Health) {
        let disabled = health.disabled.as_ref();
        self.push(HealthRow {
            endpoint: id.into(),
            failed: i64::from(health.failed),
            failing_since: health.failing_since.map(Timestamp::unix_us),
            succeeded_at: health.succeeded_at.map(Timestamp::unix_us),
            enabled_at: health.enabled_at.map(Timestamp::unix_us),
            disabled: disabled.map(|disabled| disabled.reason.name()),
            disabled_at: disabled.map(|disabled| disabled.since.unix_us()),
            detail: optional(disabled.and_then(|disabled| disabled.detail.as_deref())),
            warned_at: health.warned_at.map(Timestamp::unix_us),
        });
    }
}

pub(super) fn all(session: &Session) -> Result<HealthById, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM endpoint_health");
    let found = session.rows(&sql, &[], |row| named_health(row, 0))?;
    Ok(found.into_iter().collect())
}

/// Reads [`COLUMNS`] from a column on.
fn named_health(row: &Row, first: usize) -> Result<(String, Health), Fault> {
    let reason: Option<&str> = get(row, first + 5)?;
    // An unknown word is a newer hook's.
    let reason = reason.map(|word| DisabledBy::from_name(word).unwrap_or(DisabledBy::FailedDeliveries));
    let since = optional_moment(row, first + 6)?.unwrap_or_default();
    let detail = optional_text(row, first + 7)?;
    let health = Health {
        failed: u32::try_from(get::<i64>(row, first + 1)?).unwrap_or(u32::MAX),
        failing_since: optional_moment(row, first + 2)?,
        succeeded_at: optional_moment(row, first + 3)?,
        enabled_at: optional_moment(row, first + 4)?,
        warned_at: optional_moment(row, first + 8)?,
        disabled: reason.map(|reason| Disabled { reason, detail, since }),
    };
    Ok((text(row, first)?, health))
}
