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
pub(super) fn changes(before: &[Endpoint], after: &[Endpoint], known: &HealthById) -> Vec<HealthChange> {
    let change = |old: &Endpoint| {
        let id = old.id.clone();
        match after.iter().find(|new| new.id == old.id) {
            None => known.contains_key(&id).then_some(HealthChange::Removed { id }),
            Some(new) if new.enabled_at == old.enabled_at => None,
            Some(new) => new.enabled_at.map(|at| HealthChange::Enabled { id, at }),
        }
    };
    before.iter().filter_map(change).collect()
}
