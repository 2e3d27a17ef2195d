//! What follows a request that was received: forwards, commands, and the explanation of a refusal. Work is taken from the
//! ledger's queue, one worker a target, so that a slow or dead target costs disk and holds up nobody else.

mod answer;
mod command;
pub mod diagnosis;
mod forward;
mod forwarded;
mod loaded;
mod policy;
mod source;
pub mod takeover;
#[cfg(test)]
mod tests;
mod workers;

pub use answer::{ANSWER_PASSED_ON, Ask};
pub use policy::WorkPolicy;
pub use workers::{Ends, Target, WorkSummary, Workers, WorkersOptions};

use crate::engine::Event;
use crate::error::Result;
use crate::store::{Lane, Sealed};
use url::Url;

/// What happens to work.
#[derive(Debug)]
pub enum WorkEvent<'a> {
    /// A forward was tried; it is on record under that number.
    Attempt {
        /// The delivery's number.
        number: u64,
        /// What was tried, and what follows.
        event: &'a Event,
    },
    /// The sender did not get the app's answer, for this reason.
    AnswerNotPassedOn {
        /// The capture's number.
        capture: u64,
        /// Why.
        reason: &'a str,
    },
    /// A forward is left in the queue: a secret of the request is not in the ledger and not at hand.
    Incomplete {
        /// The capture's number.
        capture: u64,
        /// What is not there.
        sealed: &'a Sealed,
        /// Where it was to go.
        target: &'a Url,
    },
    /// A command succeeded.
    CommandSucceeded {
        /// The capture's number.
        capture: u64,
        /// The command.
        command: &'a str,
    },
    /// A command failed, which is on record.
    CommandFailed {
        /// The capture's number.
        capture: u64,
        /// The command.
        command: &'a str,
        /// How it failed.
        error: &'a str,
    },
    /// Work of a target cannot go on for the moment: the ledger fails. Reported once until it has recovered.
    Stalled {
        /// Whose work.
        lane: &'a Lane,
        /// What is wrong.
        error: &'a str,
    },
    /// It goes on.
    Recovered {
        /// Whose work.
        lane: &'a Lane,
    },
}

/// Learns what happens to work. An error means that nobody looks on any more.
pub trait Observer: Send + Sync + 'static {
    /// One event, after it is in the ledger.
    fn on(&self, event: WorkEvent<'_>) -> Result<()>;
}
