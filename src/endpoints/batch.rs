//! Steps that are done together: checked by the providers' rules and made in memory. Every store does this first, so that
//! none of the steps is done where one of them is refused.

use super::endpoint::Endpoint;
use super::error::EndpointError;
use super::names::{name_for, position};
use super::plan::{PlannedEndpoint, Step};
use super::rules::RuleOptions;
use super::rules::{validate, validate_change};
use crate::clock::Timestamp;
use crate::finding::Finding;
use crate::health::DisabledBy;
use crate::provider::Registry;
use crate::secret::Secret;

/// A list of steps for a store.
pub struct Batch<'a> {
    /// In this order.
    pub steps: &'a [Step],
    /// The providers.
    pub registry: &'a Registry,
    /// How strictly their rules are checked.
    pub rules: &'a RuleOptions,
    /// When it is done.
    pub now: Timestamp,
    /// Whether the steps still fit what the store has.
    pub fits: &'a dyn Fn(&[Endpoint]) -> bool,
}

/// The outcome of a step.
#[derive(Debug)]
pub enum StepOutcome {
    /// It was removed.
    Removed(Endpoint),
    /// It was changed.
    Changed {
        /// As it was.
        before: Box<Endpoint>,
        /// As it is.
        after: Endpoint,
        /// What the rules found, no refusal among it.
        findings: Vec<Finding>,
    },
    /// It was added.
    Added(AddedEndpoint),
}

/// An endpoint that was added.
#[derive(Debug)]
pub struct AddedEndpoint {
    /// As the store keeps it.
    pub endpoint: Endpoint,
    /// What the rules found, no refusal among it.
    pub findings: Vec<Finding>,
    /// The secret, where the store makes it and hands it over this once.
    pub secret: Option<Secret>,
    /// Why this machine could not note its name and secret, although it exists at the provider.
    pub unnoted: Option<EndpointError>,
}

impl Batch<'_> {
    /// Does all steps to these endpoints. An error leaves them half done: it is for a copy.
    pub fn perform(&self, endpoints: &mut Vec<Endpoint>) -> Result<Vec<StepOutcome>, EndpointError> {
        if !(self.fits)(endpoints) {
            return Err(EndpointError::Outdated);
        }
        self.steps.iter().map(|step| self.step(endpoints, step)).collect()
    }

    fn step(&self, endpoints: &mut Vec<Endpoint>, step: &Step) -> Result<StepOutcome, EndpointError> {
        match step {
            Step::Remove(gone) => {
                let index = position(endpoints, &gone.id)?;
                Ok(StepOutcome::Removed(endpoints.remove(index)))
            }
            Step::Change { before, change, .. } => {
                let existing = endpoints.clone();
                let index = position(endpoints, &before.id)?;
                let (before, endpoint) = (Box::new(existing[index].clone()), &mut endpoints[index]);
                let profile = self.registry.get(&endpoint.provider)?;
                let change = (**change).clone();
                let findings = validate_change(&profile, endpoint, change, &existing, (self.rules, self.now))?;
                let after = endpoint.clone();
                Ok(StepOutcome::Changed {
                    before,
                    after,
                    findings,
                })
            }
            Step::Add(planned) => self.add(endpoints, planned),
        }
    }

    fn add(&self, endpoints: &mut Vec<Endpoint>, planned: &PlannedEndpoint) -> Result<StepOutcome, EndpointError> {
        let mut endpoint = planned.endpoint.clone();
        if endpoint.name.is_empty() {
            endpoint.name = name_for(&endpoint.url, endpoints);
        }
        let profile = self.registry.get(&endpoint.provider)?;
        let findings = validate(&profile, &mut endpoint, endpoints, self.rules, &[])?;
        if planned.active == Some(false) {
            endpoint.disable(DisabledBy::Hand, None, self.now);
        }
        endpoints.push(endpoint.clone());
        Ok(StepOutcome::Added(AddedEndpoint {
            endpoint,
            findings,
            secret: None,
            unnoted: None,
        }))
    }
}
