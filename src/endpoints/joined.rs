//! Endpoints with their health: the book has what people wrote, the ledger what deliveries tell. Callers see both as one.

use std::fmt::Debug;

use super::endpoint::Endpoint;
use super::error::EndpointError;
use crate::health::{Health, HealthById, HealthChange};

/// Where the health of endpoints is kept.
pub trait HealthStore: Debug + Send + Sync {
    /// Of all endpoints.
    fn read(&self) -> Result<HealthById, EndpointError>;

    /// Makes changes, in order.
    fn write(&self, changes: &[HealthChange]) -> Result<(), EndpointError>;
}

/// Gives endpoints of the book their health. What the book itself says has precedence: an earlier hook wrote it there.
pub(super) fn join(endpoints: &mut [Endpoint], health: &HealthById) {
    for endpoint in endpoints {
        let Some(health) = health.get(&endpoint.id) else {
            continue;
        };
        endpoint.failed_deliveries = health.failed;
        endpoint.failing_since = health.failing_since;
        endpoint.enabled_at = health.enabled_at;
        if endpoint.disabled.is_none() {
            endpoint.disabled.clone_from(&health.disabled);
        }
    }
}

/// Takes their health out again.
pub(super) fn without_health(endpoints: &mut [Endpoint]) {
    for endpoint in endpoints {
        (endpoint.failed_deliveries, endpoint.failing_since) = (0, None);
        endpoint.disabled.take_if(|disabled| disabled.reason.is_by_deliveries());
    }
}

/// What an earlier hook wrote into the book, and belongs elsewhere.
pub(super) fn misplaced(stored: &[Endpoint]) -> Vec<HealthChange> {
    let health = |endpoint: &Endpoint| Health {
        failed: endpoint.failed_deliveries,
        failing_since: endpoint.failing_since,
        disabled: endpoint
            .disabled
            .clone()
            .filter(|disabled| disabled.reason.is_by_deliveries()),
        ..Health::default()
    };
    let all = stored.iter().map(|endpoint| (endpoint, Box::new(health(endpoint))));
    let found = all.filter(|(_, health)| **health != Health::default());
    found
        .map(|(endpoint, health)| HealthChange::Kept {
            id: endpoint.id.clone(),
            health,
        })
        .collect()
}

/// What the change of the endpoints means for their health.
pub(super) fn changes(before: &[Endpoint], after: &[Endpoint]) -> Vec<HealthChange> {
    let change = |old: &Endpoint| {
        let id = old.id.clone();
        match after.iter().find(|new| new.id == old.id) {
            None => Some(HealthChange::Removed { id }),
            Some(new) if new.enabled_at == old.enabled_at => None,
            Some(new) => new.enabled_at.map(|at| HealthChange::Enabled { id, at }),
        }
    };
    before.iter().filter_map(change).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::endpoints::testing::{at, endpoint};
    use crate::endpoints::{Book, BookWatch, Change, Vault};
    use crate::health::{Disabled, DisabledBy};

    /// Health in memory, with the changes that were made.
    #[derive(Debug, Default)]
    struct Memory {
        health: Mutex<HealthById>,
        changes: Mutex<Vec<HealthChange>>,
    }

    impl HealthStore for Memory {
        fn read(&self) -> Result<HealthById, EndpointError> {
            Ok(self.health.lock().unwrap().clone())
        }

        fn write(&self, changes: &[HealthChange]) -> Result<(), EndpointError> {
            self.changes.lock().unwrap().extend_from_slice(changes);
            Ok(())
        }
    }

    fn failing() -> Health {
        Health {
            failed: 3,
            disabled: Some(Disabled {
                reason: DisabledBy::FailedDeliveries,
                detail: None,
                since: at(5),
            }),
            ..Health::default()
        }
    }

    struct Setting {
        _folder: tempfile::TempDir,
        memory: Arc<Memory>,
        book: Book,
    }

    /// A book with one endpoint, which is disabled by its deliveries.
    fn setting() -> (Setting, Endpoint) {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(folder.path().join("secrets"), folder.path());
        let memory = Arc::new(Memory::default());
        let book = Book::new(folder.path().join("endpoints.json"), vault).with_health(memory.clone());
        let endpoint = book.add(endpoint("a")).unwrap();
        memory.health.lock().unwrap().insert(endpoint.id.clone(), failing());
        let setting = Setting {
            _folder: folder,
            memory,
            book,
        };
        (setting, endpoint)
    }

    impl Setting {
        fn said(&self) -> Vec<HealthChange> {
            std::mem::take(&mut self.memory.changes.lock().unwrap())
        }
    }

    #[test]
    fn an_endpoint_is_read_with_its_health_and_written_without() {
        let (setting, written) = setting();
        let read = setting.book.read().unwrap();
        assert_eq!((read[0].failed_deliveries, read[0].is_active()), (3, false));
        assert_eq!(setting.book.written().unwrap(), std::slice::from_ref(&written));
        let change = Change {
            description: Some("x".into()),
            ..Change::default()
        };
        setting.book.update("a", change, at(6)).unwrap();
        assert_eq!(setting.said(), []);
        assert!(setting.book.written().unwrap()[0].is_active());
        assert!(!setting.book.read().unwrap()[0].is_active());
    }

    #[test]
    fn enabling_and_removing_change_the_health_and_disabling_by_hand_the_file() {
        let (setting, written) = setting();
        let switch = |active| Change {
            active: Some(active),
            ..Change::default()
        };
        let id = written.id.clone();
        let disabled = setting.book.update("a", switch(false), at(6)).unwrap();
        assert_eq!(disabled.disabled, failing().disabled, "it is already");
        assert!(setting.book.update("a", switch(true), at(7)).unwrap().is_active());
        let enabled = HealthChange::Enabled {
            id: id.clone(),
            at: at(7),
        };
        assert_eq!(setting.said(), [enabled]);
        setting
            .memory
            .health
            .lock()
            .unwrap()
            .insert(id.clone(), Health::default());
        setting.book.update("a", switch(false), at(8)).unwrap();
        assert!(!setting.book.written().unwrap()[0].is_active());
        assert_eq!(setting.said(), []);
        setting.book.remove("a").unwrap();
        assert_eq!(setting.said(), [HealthChange::Removed { id }]);
    }

    #[test]
    fn what_an_earlier_hook_wrote_into_the_book_moves_with_any_change() {
        let (setting, written) = setting();
        setting.memory.health.lock().unwrap().clear();
        let mut old = written;
        old.failed_deliveries = 3;
        old.disabled = failing().disabled;
        let plain = Book::new(setting.book.path(), setting.book.vault().clone());
        let put = |all: &mut Vec<Endpoint>| {
            all[0] = old.clone();
            Ok(())
        };
        plain.edit(put).unwrap();
        assert!(!setting.book.read().unwrap()[0].is_active());
        setting.book.move_health().unwrap();
        let kept = HealthChange::Kept {
            id: old.id.clone(),
            health: Box::new(failing()),
        };
        assert_eq!(setting.said(), [kept]);
        assert!(setting.book.written().unwrap()[0].is_active());
        setting.book.move_health().unwrap();
        assert_eq!(setting.said(), []);
    }

    #[test]
    fn a_watch_sees_health_that_others_changed_when_it_looks() {
        let (setting, written) = setting();
        let watch = BookWatch::new(setting.book.clone(), |_| {});
        assert!(!watch.read().unwrap().endpoints[0].is_active());
        watch.look().unwrap();
        assert!(watch.current().is_some());
        let enabled = Health {
            enabled_at: Some(at(9)),
            ..Health::default()
        };
        setting.memory.health.lock().unwrap().insert(written.id, enabled);
        assert!(watch.current().is_some(), "not by itself");
        watch.look().unwrap();
        assert!(watch.current().is_none());
        assert!(watch.read().unwrap().endpoints[0].is_active());
        watch.outdate();
        assert!(watch.current().is_none());
        watch.read().unwrap();
        assert!(watch.current().is_some());
    }
}
