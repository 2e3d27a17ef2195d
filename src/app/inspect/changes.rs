//! What changed in the ledger since the last look: the basis of live views.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::store::{Query, QueryPage, Store, Summary};

/// Deliveries with attempts left that are looked at again; the oldest ones are dropped beyond that.
const WATCHED: usize = 256;

/// Records that are listed in one look.
const PAGE: usize = 500;

/// What changed between two looks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerChanges {
    /// The newest number; 0 while the ledger is empty.
    pub newest: u64,
    /// Deliveries that were listed before and have changed or are gone.
    pub changed: Vec<u64>,
}

/// Remembers what was seen. A caller decides how often it looks.
#[derive(Debug, Default)]
pub struct ChangeWatch {
    newest: u64,
    /// The ledger's version at the last look.
    version: Option<i64>,
    /// By number: attempts and state.
    watched: BTreeMap<u64, (u32, String)>,
}

impl ChangeWatch {
    /// What changed since the last look; nothing when that is nothing. The first look reports where the ledger ends.
    pub fn look(&mut self, store: &dyn Store) -> Result<Option<LedgerChanges>> {
        // Without another process's write nothing is read at all. The number means nothing across connections, so that it
        // is only compared for one that stays open.
        let version = store.version()?;
        if self.version == Some(version) {
            return Ok(None);
        }
        let watched = self.watched.clone();
        let looked = self.read(store);
        match looked {
            Ok(_) => self.version = Some(version),
            // The next look finds what this one did not.
            Err(_) => self.watched = watched,
        }
        looked
    }

    fn read(&mut self, store: &dyn Store) -> Result<Option<LedgerChanges>> {
        let is_first = self.version.is_none();
        let mut changed = self.revisit(store)?;
        let page = if is_first {
            QueryPage::newest(PAGE)
        } else {
            QueryPage {
                after: Some(self.newest),
                ..QueryPage::newest(PAGE)
            }
        };
        let found = store.list(&query(page))?;
        let newest = found.first().map_or(self.newest, |first| first.number);
        if newest < self.newest {
            // Another file has taken its place.
            changed.clear();
        }
        let is_new = newest != self.newest;
        self.newest = newest;
        for summary in &found {
            self.watch(summary);
        }
        let changes = LedgerChanges { newest, changed };
        Ok((is_first || is_new || !changes.changed.is_empty()).then_some(changes))
    }

    /// Forgets everything: the ledger is another one.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    fn watch(&mut self, summary: &Summary) {
        if summary.is_pending() {
            self.watched
                .insert(summary.number, (summary.attempts, summary.state.clone()));
            if self.watched.len() > WATCHED {
                self.watched.pop_first();
            }
        }
    }

    /// Looks again at deliveries that had attempts left.
    fn revisit(&mut self, store: &dyn Store) -> Result<Vec<u64>> {
        let mut changed = Vec::new();
        for (number, before) in std::mem::take(&mut self.watched) {
            let found = store.list(&query(QueryPage::after(number - 1, 1)))?;
            let found = found.into_iter().next().filter(|summary| summary.number == number);
            let now = found.as_ref().map(|summary| (summary.attempts, summary.state.clone()));
            if now.as_ref() != Some(&before) {
                changed.push(number);
            }
            if let Some(summary) = found {
                self.watch(&summary);
            }
        }
        Ok(changed)
    }
}

fn query(page: QueryPage) -> Query {
    Query {
        page,
        ..Query::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{after, capture, delivery, record_capture, record_delivery, start};
    use crate::store::{Access, DeliveryState, Op, SqliteStore};

    #[test]
    fn new_records_and_deliveries_that_went_on_are_reported_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let mut writer = SqliteStore::open(&path, Access::ReadWrite).unwrap();
        let reader = SqliteStore::open(&path, Access::ReadOnly).unwrap();
        let mut watch = ChangeWatch::default();
        let mut look = || {
            watch
                .look(&reader)
                .unwrap()
                .map(|changes| (changes.newest, changes.changed))
        };
        assert_eq!(look(), Some((0, vec![])), "where it begins");
        assert_eq!(look(), None);
        record_capture(&mut writer, &capture(start(), "a"));
        let pending = delivery(after(1), "a");
        let number = record_delivery(&mut writer, &pending);
        assert_eq!(look(), Some((2, vec![])));
        assert_eq!(look(), None);
        let done = Op::Attempt {
            delivery: pending.id,
            number: None,
            attempt: Box::new(crate::store::conformance::answered(
                1,
                after(2),
                200,
                std::time::Duration::ZERO,
            )),
            state: DeliveryState::Delivered,
            next_due: None,
        };
        writer.write(&[done]).unwrap();
        assert_eq!(look(), Some((2, vec![number])));
        assert_eq!(look(), None);
        record_capture(&mut writer, &capture(start(), "a"));
        assert_eq!(look(), Some((3, vec![])));
    }
}
