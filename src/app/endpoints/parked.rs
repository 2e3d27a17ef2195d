//! Deliveries that were parked while their endpoint was disabled.

use super::Endpoints;
use crate::endpoints::Endpoint;
use crate::error::{Error, Result};
use crate::store::queue::ParkReason;
use crate::store::{self, Access, Op, QueueOp, StoreOptions};
use crate::text::count;

/// Deliveries that are released in one transaction.
const AT_ONCE: usize = 500;

impl Endpoints<'_> {
    /// Refuses to release what only the provider has.
    pub(super) fn check_replay(&self, replay: bool) -> Result<()> {
        if replay && self.store.remote().is_some() {
            let what = "`--replay-parked` is for endpoints of the local book: a provider keeps its deliveries itself";
            return Err(Error::usage(what).hint("leave out `--replay-parked`"));
        }
        Ok(())
    }

    /// Releases what is parked for endpoints that were enabled, or says how much it is.
    pub(super) fn release_parked(&self, enabled: &[Endpoint], replay: bool) -> Result<()> {
        let (place, notices) = (&self.context.store_place, &self.context.notices);
        if self.store.remote().is_some() || !place.exists() {
            return Ok(());
        }
        let reader = self.context.reader()?;
        for Endpoint { id, name, .. } in enabled {
            let parked = reader.parked(id)?;
            // One that is not confirmed stays disabled.
            if parked == 0 || !self.store.get(id)?.is_active() {
                continue;
            }
            if replay {
                let released = count(self.release(id)?, "parked delivery");
                notices.note(format!("{released} of `{name}` released: `hook serve` delivers them"));
            } else {
                let parked = count(parked, "delivery");
                notices.note(format!("{parked} of `{name}` still parked"));
                notices.hint(format!("`hook endpoints enable {name} --replay-parked` releases them"));
            }
        }
        Ok(())
    }

    fn release(&self, id: &str) -> Result<u64> {
        let options = StoreOptions::default();
        let mut store = store::open(&self.context.store_place, Access::ReadWrite, options)?;
        let op = Op::Queue(QueueOp::ReleaseLane {
            lane: id.to_owned(),
            reason: ParkReason::Disabled,
            due: self.context.now(),
            limit: AT_ONCE,
        });
        let mut released = 0;
        loop {
            let acks = store.write(std::slice::from_ref(&op))?;
            match acks.first().map_or(0, |ack| ack.number) {
                0 => return Ok(released),
                some => released += some,
            }
        }
    }
}
