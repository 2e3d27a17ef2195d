//! A provider's endpoints as a store like any other: each call is waited for.

use std::ops::ControlFlow;

use tokio::runtime::Runtime;

use super::Remote;
use crate::clock::Timestamp;
use crate::endpoints::{
    Batch, Book, Change, Confirmed, Endpoint, EndpointError, EndpointStore, RemotePlace, Step, StepOutcome,
};
use crate::transport::HttpTransport;

/// The endpoints that a provider keeps, called over HTTP.
pub struct RemoteStore {
    /// The calls.
    pub remote: Remote<HttpTransport>,
    /// One for all calls: a connection that is kept for the next one lives on the runtime that made it.
    pub runtime: Runtime,
}

impl RemoteStore {
    /// Makes the call for a step that the rules let pass.
    fn call(&self, step: &Step, judged: StepOutcome, now: Timestamp) -> Result<StepOutcome, EndpointError> {
        match (step, judged) {
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
                    // The account's, not the endpoint's.
                    plan: None,
                    ..(**change).clone()
                };
                let after = self.update(&before.id, change, now)?;
                Ok(StepOutcome::Changed {
                    before,
                    after,
                    findings,
                })
            }
            (_, StepOutcome::Added(judged)) => {
                let mut added = self.runtime.block_on(self.remote.add(judged.endpoint))?;
                added.findings = judged.findings;
                Ok(StepOutcome::Added(added))
            }
            (_, judged) => {
                if let StepOutcome::Removed(gone) = &judged {
                    self.runtime.block_on(self.remote.remove(&gone.id))?;
                }
                Ok(judged)
            }
        }
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

    fn apply(
        &self,
        batch: &Batch<'_>,
        done: &mut dyn FnMut(StepOutcome) -> ControlFlow<()>,
    ) -> Result<(), EndpointError> {
        let judged = batch.perform(&mut self.list()?)?;
        for (step, judged) in batch.steps.iter().zip(judged) {
            let outcome = self.call(step, judged, batch.now)?;
            let to_switch_off = match (step, &outcome) {
                (Step::Add(planned), StepOutcome::Added(added)) if planned.active == Some(false) => {
                    Some(added.endpoint.id.clone()).filter(|_| added.endpoint.is_active())
                }
                _ => None,
            };
            // Its secret is handed over first: it comes once.
            let goes_on = done(outcome);
            if let Some(id) = to_switch_off {
                let active = Some(false);
                self.update(
                    &id,
                    Change {
                        active,
                        ..Change::default()
                    },
                    batch.now,
                )?;
            }
            if goes_on.is_break() {
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
