//! What a store does beside the changes that it is asked for: its lease, its limits, its partitions.

use std::time::Duration;

use super::connection::Session;
use super::context::GroupContext;
use super::fault::Fault;
use super::{PostgresStore, UNAUTHENTICATED_QUOTA, lease, prune, recovery, values, write};
use crate::clock::Timestamp;
use crate::store::StoreError;
use crate::store::encoding::signed;
use crate::store::queue::Heartbeat;

impl PostgresStore {
    /// Renews the lease, and takes over what ended processes left.
    pub(super) fn beat(&self, session: &Session, pause: Duration) -> Result<Heartbeat, Fault> {
        let is_held = self.worker.renew(session)?;
        let context = GroupContext {
            session,
            worker: &self.worker,
            options: &self.options,
            policies: &std::collections::HashMap::new(),
        };
        session.batch("BEGIN")?;
        let crashed = lease::remove_expired(session).and_then(|_| recovery::crash_taken(&context, None, None, pause));
        session.batch(if crashed.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        Ok(Heartbeat {
            was_lost: !is_held,
            crashed: crashed? as u64,
        })
    }

    pub(super) fn tidy_up(&mut self) -> Result<(), StoreError> {
        let unverified = std::mem::take(&mut self.writer.has_unverified);
        let limit = self.size_limit;
        self.database.read(|session| {
            write::clean_commit_log(session)?;
            write::merge_counts(session)?;
            if unverified {
                let bytes = prune::unauthenticated_bytes(session)?;
                let quota = signed(UNAUTHENTICATED_QUOTA);
                if bytes > quota {
                    prune::drop_unauthenticated(session, bytes - quota + quota / 8)?;
                }
            }
            if limit.is_some() {
                prune::prune(session, None, limit, UNAUTHENTICATED_QUOTA)?;
            }
            Ok(())
        })?;
        // The partitions of tomorrow, before the first event of tomorrow waits for them.
        self.make_day_after(self.now()?)
    }

    /// The database's clock.
    pub(super) fn now(&self) -> Result<Timestamp, StoreError> {
        let now = |session: &Session| session.row("SELECT now_us()", &[], |row| values::moment(row, 0));
        Ok(self.database.read(now)?.unwrap_or_default())
    }

    fn make_day_after(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let (today, days) = (values::Day::of(now), &mut self.writer.days);
        self.database
            .with(|session| days.ensure(session, &[today, today.next()].into()))
            .map_err(|fault| self.database.place.error(&fault))
    }
}
