//! What can be seen of the lanes from outside.

use std::sync::Arc;

use super::{LaneName, Lanes, place};
use crate::app::serve::stats::Outlook;
use crate::clock::Timestamp;
use crate::store::QueueClass;

impl Lanes {
    /// Whether everything is paused, and the lanes that are paused themselves.
    pub(in crate::app::serve) fn paused(&self) -> (bool, Vec<LaneName>) {
        let paused = self.by_name.iter().filter(|(_, lane)| lane.is_paused);
        (self.is_paused, paused.map(|(name, _)| Arc::clone(name)).collect())
    }

    /// What is due the longest, and when the next retry is due, of the lanes that are neither paused nor closed.
    pub(in crate::app::serve) fn outlook(&self, now: Timestamp) -> Outlook {
        let open = || self.by_name.values().filter(|lane| !lane.is_paused && !lane.is_closed);
        let oldest = open().flat_map(|lane| lane.due.iter().flatten()).min();
        let next_retry = open().filter_map(|lane| lane.due[place(QueueClass::Retry)]).min();
        Outlook {
            oldest: oldest.copied().filter(|due| *due < now),
            next_retry: next_retry.filter(|due| *due >= now),
            in_flight: self.in_flight + self.answered,
        }
    }

    /// Lanes that wait for a fault of this machine to end.
    pub(in crate::app::serve) fn postponed(&self) -> Vec<LaneName> {
        let postponed = self.by_name.iter().filter(|(_, lane)| lane.postponed > 0);
        postponed.map(|(name, _)| Arc::clone(name)).collect()
    }

    /// Attempts in flight or not on record yet, and how often that number has changed.
    pub(in crate::app::serve) fn in_flight(&self) -> (usize, u64) {
        (self.in_flight + self.answered, self.changes)
    }

    /// Lanes that keep failing.
    pub(in crate::app::serve) fn failing(&self) -> Vec<LaneName> {
        let failing = self.by_name.iter().filter(|(_, lane)| lane.is_failing());
        failing.map(|(name, _)| Arc::clone(name)).collect()
    }
}
