//! A provider's endpoints behind the synchronous trait of endpoint stores.

use tokio::runtime::Runtime;

use super::Remote;
use crate::clock::Timestamp;
use crate::endpoints::{
    AddedEndpoint, Batch, Book, Change, Confirmed, Endpoint, EndpointError, EndpointStore, RemotePlace, Step,
    StepOutcome,
};
use crate::transport::HttpTransport;

/// The endpoints that a provider keeps, called over HTTP.
pub struct RemoteStore {
    /// Makes the calls.
    pub remote: Remote<HttpTransport>,
    /// Runs all calls: a connection that is kept for the next call lives on the runtime that made it.
    pub runtime: Runtime,
}

impl RemoteStore {
    /// Makes the call for a step that the rules accept.
    fn call(&self, step: &Step, validated: StepOutcome, now: Timestamp) -> Result<StepOutcome, EndpointError> {
        Ok(match (step, validated) {
            (
                Step::Change { change, .. },
                StepOutcome::Changed {
                    before,
                    after,
                    findings,
                },
            ) => {
                let change = Change {
                    events: change.events.as_ref().map(|_| after.events),
                    // The plan is the account's, not the endpoint's.
                    plan: None,
                    ..(**change).clone()
                };
                let after = self.update(&before.id, change, now)?;
                StepOutcome::Changed {
                    before,
                    after,
                    findings,
                }
            }
            (_, StepOutcome::Added(validated)) => {
                let added = self.runtime.block_on(self.remote.add(validated.endpoint))?;
                let findings = validated.findings;
                StepOutcome::Added(AddedEndpoint { findings, ..added })
            }
            (_, StepOutcome::Removed(gone)) => {
                self.runtime.block_on(self.remote.remove(&gone.id))?;
                StepOutcome::Removed(gone)
            }
            (_, validated) => validated,
        })
    }

    fn update(&self, id: &str, change: Change, now: Timestamp) -> Result<Endpoint, EndpointError> {
        self.runtime.block_on(self.remote.update(id, change, now))
    }
}

impl EndpointStore for RemoteStore {
    fn list(&self) -> Result<Vec<Endpoint>, EndpointError> {
        self.runtime.block_on(self.remote.list())
    }

    fn get_with_secret(&self, selector: &str) -> Result<Endpoint, EndpointError> {
        self.runtime.block_on(self.remote.learn(selector))
    }

    fn apply(&self, batch: &Batch<'_>, done: &mut dyn FnMut(StepOutcome) -> bool) -> Result<(), EndpointError> {
        let place = self.remote.place();
        for step in batch.steps {
            place.check(step).map_err(EndpointError::unsupported)?;
            // Before the first call: a step that fails leaves what was done before it.
            if let Step::Add(planned) = step {
                self.remote.check_new(&planned.endpoint)?;
            }
        }
        let validated = batch.perform(&mut self.list()?)?;
        for (step, validated) in batch.steps.iter().zip(validated) {
            let outcome = self.call(step, validated, batch.now)?;
            let switch_off = match (step, &outcome) {
                (Step::Add(planned), StepOutcome::Added(added)) if planned.active == Some(false) => {
                    added.endpoint.is_active().then(|| added.endpoint.id.clone())
                }
                _ => None,
            };
            // Before the second call, which may fail: the provider shows the secret only once.
            let goes_on = done(outcome);
            if let Some(id) = switch_off {
                let change = Change {
                    active: Some(false),
                    ..Change::default()
                };
                self.update(&id, change, batch.now)?;
            }
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    fn confirm(&self, id: &str, token: &str, _: Timestamp) -> Result<(Endpoint, Confirmed), EndpointError> {
        let after = self.runtime.block_on(self.remote.confirm(id, token))?;
        let confirmed = if after.is_pending() {
            Confirmed::WrongToken
        } else {
            Confirmed::Now
        };
        Ok((after, confirmed))
    }

    fn book(&self) -> &Book {
        &self.remote.notes
    }

    fn remote(&self) -> Option<RemotePlace<'_>> {
        Some(self.remote.place())
    }
}
