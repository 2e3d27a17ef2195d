//! The trait of everything that keeps endpoints: the local book, and a provider's API. Every verb of `hook endpoints` is
//! written once, over it.

use std::sync::Arc;

use super::batch::{Batch, StepOutcome};
use super::book::Book;
use super::confirmation::Confirmed;
use super::endpoint::{Change, Endpoint};
use super::error::EndpointError;
use super::names::{select, select_mut};
use super::plan::Step;
use crate::clock::Timestamp;
use crate::provider::Profile;
use crate::provider::api::{Api, Field, Verb};

/// A place where endpoints are kept. Selectors are names, ids, or unique beginnings of ids. The calls wait for files and
/// for the network: a server makes them on a thread that may wait.
pub trait EndpointStore: Send + Sync {
    /// All of them, in the store's order.
    fn list(&self) -> Result<Vec<Endpoint>, EndpointError>;

    /// One of them.
    fn get(&self, selector: &str) -> Result<Endpoint, EndpointError> {
        Ok(select(&self.list()?, selector)?.clone())
    }

    /// One of them with its secret, where the store can show it.
    fn get_with_secret(&self, selector: &str) -> Result<Endpoint, EndpointError> {
        self.get(selector)
    }

    /// Does the steps when the rules refuse none of them. The book does all or nothing; at a provider one call follows
    /// the other, and an error leaves what was done before it. `done` receives each outcome, and returns whether to
    /// continue.
    fn apply(&self, batch: &Batch<'_>, done: &mut dyn FnMut(StepOutcome) -> bool) -> Result<(), EndpointError>;

    /// Confirms an endpoint by the token that it was sent.
    fn confirm(&self, id: &str, token: &str, now: Timestamp) -> Result<(Endpoint, Confirmed), EndpointError>;

    /// What this machine keeps: the endpoints themselves, or what it notes about those of a provider. The secrets are
    /// in its vault.
    fn book(&self) -> &Book;

    /// The provider that keeps them; `None` for the local book.
    fn remote(&self) -> Option<RemotePlace<'_>> {
        None
    }
}

impl EndpointStore for Book {
    fn list(&self) -> Result<Vec<Endpoint>, EndpointError> {
        self.read()
    }

    fn apply(&self, batch: &Batch<'_>, done: &mut dyn FnMut(StepOutcome) -> bool) -> Result<(), EndpointError> {
        // The file is written as a whole, so stopping here skips only the remaining outcomes.
        self.edit(|endpoints| batch.perform(endpoints))?.into_iter().all(done);
        Ok(())
    }

    fn confirm(&self, id: &str, token: &str, now: Timestamp) -> Result<(Endpoint, Confirmed), EndpointError> {
        self.edit(|endpoints| {
            let endpoint = select_mut(endpoints, id)?;
            let confirmed = endpoint.confirm(token, now);
            Ok((endpoint.clone(), confirmed))
        })
    }

    fn book(&self) -> &Book {
        self
    }
}

/// A provider that keeps endpoints, and what its API can do with them.
#[derive(Clone, Copy)]
pub struct RemotePlace<'a> {
    /// What the user calls it.
    pub name: &'a str,
    /// Whose API it is.
    pub profile: &'a Arc<Profile>,
    /// The API.
    pub api: &'a Api,
    /// The account's plan.
    pub plan: Option<&'a str>,
    /// Whether the API is on this machine, so that it reaches targets here too.
    pub is_loopback: bool,
}

impl RemotePlace<'_> {
    /// Whether the provider makes the secrets and hands them over.
    pub fn makes_secrets(&self) -> bool {
        self.api.field(Field::Secret).is_some()
    }

    /// Why the provider cannot do a step, not even by removing the endpoint and adding it again.
    pub fn check(&self, step: &Step) -> Result<(), String> {
        let label = self.profile.label();
        let has_place = self.api.takes(Verb::Create, Field::Description);
        let (active, description) = match step {
            Step::Remove(_) => return Ok(()),
            Step::Add(planned) => (
                planned.active.filter(|active| !active),
                planned.endpoint.description.as_deref(),
            ),
            Step::Change { change, .. } => (change.active, change.description.as_deref()),
        };
        let after = step.after();
        if !after.limits.is_default() {
            return Err(format!(
                "`{label}` decides itself how fast it delivers: limits are for local endpoints"
            ));
        }
        if after.tenant.is_some() || !after.conditions.is_empty() || !after.headers.is_empty() {
            return Err(format!(
                "`{label}` decides itself what it delivers: tenant, conditions and headers are for local endpoints"
            ));
        }
        if active.is_some() && !self.api.takes(Verb::Update, Field::Active) {
            return Err(format!("`{label}` cannot switch endpoints on and off"));
        }
        if description.is_some_and(|text| !text.is_empty()) && !has_place {
            return Err(format!("`{label}` has no place for a description"));
        }
        Ok(())
    }

    /// The first thing in a change that no call can change: the endpoint has to be removed and made again for it.
    pub fn unchangeable(&self, change: &Change) -> Option<String> {
        let parts = [
            (change.url.is_some(), Field::Url, "URL"),
            (change.events.is_some(), Field::Events, "events"),
            (change.description.is_some(), Field::Description, "description"),
        ];
        let cannot =
            |(is_changed, field, _): &(bool, Field, &str)| *is_changed && !self.api.takes(Verb::Update, *field);
        let (_, _, part) = parts.into_iter().find(cannot)?;
        Some(format!("`{}` cannot change an endpoint's {part}", self.profile.label()))
    }
}
