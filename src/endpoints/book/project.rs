//! What is special about the book of a project: where its secrets may go.

use std::collections::HashMap;

use super::super::binding;
use super::super::endpoint::{Endpoint, EndpointSecret};
use super::super::error::EndpointError;
use super::Book;
use crate::trust::Grant;

impl Book {
    /// The same book, where the secrets of these endpoints are not allowed at a new URL: the user did not write it.
    #[must_use]
    pub fn without_binding(mut self, ids: Vec<String>) -> Self {
        if let Some(project) = &mut self.project {
            project.unbound = ids;
        }
        self
    }

    /// What must be allowed for an endpoint to use one of its secrets; nothing in the user's own book.
    pub fn needs(&self, endpoint: &Endpoint, secret: &EndpointSecret) -> Option<Grant> {
        self.project.as_ref()?;
        Some(binding::own_secret(&self.path, &self.vault, endpoint, secret))
    }

    /// What must be allowed for an endpoint without a secret of its own to get the one that `value` stands for.
    pub fn needs_other(&self, endpoint: &Endpoint, value: &str, shown: &str) -> Option<Grant> {
        self.project.as_ref()?;
        Some(binding::other_secret(&self.path, endpoint, value, shown))
    }

    /// Whether the user has allowed that.
    pub fn allows(&self, grant: &Grant) -> bool {
        self.project.as_ref().is_none_or(|project| project.list.allows(grant))
    }

    /// Whether an endpoint may use one of its secrets.
    pub fn may_use(&self, endpoint: &Endpoint, secret: &EndpointSecret) -> bool {
        self.needs(endpoint, secret).is_none_or(|grant| self.allows(&grant))
    }

    /// Whether an endpoint may use all of its secrets.
    pub fn is_bound(&self, endpoint: &Endpoint) -> bool {
        endpoint.secrets.iter().all(|secret| self.may_use(endpoint, secret))
    }

    /// Binds the secrets of an endpoint to where they go now: the user wrote it.
    pub fn bind(&self, endpoint: &Endpoint) -> Result<(), EndpointError> {
        self.allow(&self.needed(std::slice::from_ref(endpoint)))
    }

    fn needed(&self, endpoints: &[Endpoint]) -> Vec<Grant> {
        let all = endpoints
            .iter()
            .flat_map(|endpoint| endpoint.secrets.iter().map(move |secret| (endpoint, secret)));
        all.filter_map(|(endpoint, secret)| self.needs(endpoint, secret))
            .collect()
    }

    fn allow(&self, grants: &[Grant]) -> Result<(), EndpointError> {
        let Some(project) = &self.project else { return Ok(()) };
        let added = project.list.add(grants);
        added.map_err(EndpointError::io(project.list.path(), "written"))
    }

    /// Binds what a change brought: what hook writes for its user needs no further trust. A secret that was not allowed
    /// before the change is not allowed by it, unless its endpoint goes elsewhere now.
    pub(super) fn bind_changes(&self, before: &[Endpoint], after: &[Endpoint]) -> Result<(), EndpointError> {
        let Some(project) = &self.project else { return Ok(()) };
        let before: HashMap<&str, &Endpoint> = before.iter().map(|endpoint| (endpoint.id.as_str(), endpoint)).collect();
        let mut new = Vec::new();
        for endpoint in after.iter().filter(|endpoint| !project.unbound.contains(&endpoint.id)) {
            let old = before.get(endpoint.id.as_str()).copied();
            if old.is_some_and(|old| old.url == endpoint.url && old.secrets == endpoint.secrets) {
                continue;
            }
            let old = old.map_or_else(Vec::new, |old| self.needed(std::slice::from_ref(old)));
            let brought = self.needed(std::slice::from_ref(endpoint)).into_iter();
            new.extend(brought.filter(|grant| !old.iter().any(|old| old.allows_the_same(grant))));
        }
        self.allow(&new)
    }
}
