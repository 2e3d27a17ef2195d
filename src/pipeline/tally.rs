//! The totals of a run of deliveries.

use std::collections::BTreeMap;

use super::Times;
use crate::engine::{Event, FailureReason, Next};
use crate::exchange::Outcome;
use crate::exit::Exit;

/// The totals of a run.
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
    /// The worst exit code of a delivery.
    pub exit: Option<Exit>,
}

impl Tally {
    pub(super) fn count(&mut self, event: &Event) {
        let outcome = event.attempt.as_ref().map(|attempt| &attempt.outcome);
        let is_answer = matches!(outcome, Some(Outcome::Answer(_)));
        if let Some(attempt) = event.attempt.as_ref().filter(|_| is_answer) {
            self.times.add(attempt.took);
        }
        let exit = match &event.next {
            Next::Retry { .. } | Next::Postponed { .. } => return,
            Next::Delivered => Exit::Ok,
            Next::Interrupted => Exit::Interrupted,
            Next::Failed(reason) => {
                let withheld = *reason == FailureReason::Withheld;
                let cause = if withheld {
                    "disabled".to_owned()
                } else {
                    outcome.map_or_else(String::new, Outcome::word)
                };
                *self.causes.entry(cause).or_default() += 1;
                if withheld || is_answer {
                    Exit::Refused
                } else {
                    Exit::Unreachable
                }
            }
        };
        *match exit {
            Exit::Ok => &mut self.delivered,
            Exit::Interrupted => &mut self.interrupted,
            _ => &mut self.failed,
        } += 1;
        self.exit = Some(self.exit.map_or(exit, |worst| worst.worse(exit)));
    }

    /// How many deliveries came to an end.
    pub fn total(&self) -> u64 {
        self.delivered + self.failed + self.interrupted
    }
}
