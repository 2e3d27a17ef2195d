//! What a run of deliveries comes to.

use std::collections::BTreeMap;

use super::{EndpointOutcome, Times};
use crate::engine::{Event, FailureReason, Next};
use crate::exchange::Outcome;
use crate::exit::Exit;

/// What came of all deliveries together.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Delivered with success.
    pub delivered: u64,
    /// Failed for good.
    pub failed: u64,
    /// Left with attempts to make.
    pub interrupted: u64,
    /// How often each failure ended a delivery: a status or a kind of error.
    pub causes: BTreeMap<String, u64>,
    /// Of answered attempts.
    pub times: Times,
    /// The worst of what the deliveries came to.
    pub exit: Option<Exit>,
    /// What came of deliveries to endpoints.
    pub endpoint_outcomes: Vec<EndpointOutcome>,
}

impl Tally {
    pub(super) fn count(&mut self, event: &Event) {
        let outcome = event.attempt.as_ref().map(|attempt| &attempt.outcome);
        if let (Some(attempt), Some(Outcome::Answer(_))) = (&event.attempt, outcome) {
            self.times.add(attempt.took);
        }
        let exit = match &event.next {
            Next::Retry { .. } => return,
            Next::Delivered => {
                self.delivered += 1;
                Exit::Ok
            }
            Next::Interrupted => {
                self.interrupted += 1;
                Exit::Interrupted
            }
            Next::Failed(FailureReason::Withheld) => {
                self.failed += 1;
                *self.causes.entry("disabled".to_owned()).or_default() += 1;
                Exit::Refused
            }
            Next::Failed(_) => {
                self.failed += 1;
                *self
                    .causes
                    .entry(outcome.map_or_else(String::new, Outcome::word))
                    .or_default() += 1;
                match outcome {
                    Some(Outcome::Answer(_)) => Exit::Refused,
                    _ => Exit::Unreachable,
                }
            }
        };
        self.exit = Some(self.exit.map_or(exit, |worst| worst.worse(exit)));
    }

    /// Keeps an outcome, but for a success that follows one: it says nothing new, and there may be a million of them.
    pub(super) fn add_outcome(&mut self, outcome: EndpointOutcome) {
        if !(outcome.delivered && self.endpoint_outcomes.last() == Some(&outcome)) {
            self.endpoint_outcomes.push(outcome);
        }
    }

    /// How many deliveries came to an end.
    pub fn total(&self) -> u64 {
        self.delivered + self.failed + self.interrupted
    }
}
