//! Where a delivery stands, and who works on it.

use rusqlite::params;

use super::group::ChangeGroup;
use super::values::{change, changed};
use super::work;
use crate::id::Id;
use crate::store::{Ack, DeliveryState};

impl ChangeGroup<'_> {
    pub(super) fn state(&self, id: Id, state: DeliveryState, owner: Option<&str>) -> rusqlite::Result<Ack> {
        let Some(n) = self.delivery_number(id)? else {
            return Ok(Ack::default());
        };
        let sql = "
            UPDATE delivery SET state = ?2, owner = ?3, next_due = CASE ?2 WHEN 'pending' THEN next_due END
            WHERE n = ?1";
        let rows = change(self.connection, sql, params![n, state.name(), owner])?;
        self.ended(n, state)?;
        Ok(changed(n, rows))
    }

    /// A delivery that has ended takes its item of the work queue with it.
    pub(super) fn ended(&self, n: i64, state: DeliveryState) -> rusqlite::Result<()> {
        if state == DeliveryState::Pending {
            return Ok(());
        }
        work::ended(self.connection, n)
    }

    pub(super) fn claim(&self, id: Id, from: Option<&str>, owner: &str) -> rusqlite::Result<Ack> {
        let Some(n) = self.delivery_number(id)? else {
            return Ok(Ack::default());
        };
        let sql = "UPDATE delivery SET owner = ?3 WHERE n = ?1 AND state = 'pending' AND owner IS ?2";
        let rows = change(self.connection, sql, params![n, from, owner])?;
        Ok(changed(n, rows))
    }
}
