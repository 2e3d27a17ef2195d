//! What a front end learns of while hook receives requests and passes them on.

use url::Url;

use super::summary::ListenSummary;
use super::trigger::TriggerReport;
use crate::app::socket::Ready;
use crate::engine::Event;
use crate::error::Result;
use crate::listener::ReceivedRequest;
use crate::store::{Lane, Sealed};

/// What happens.
#[derive(Debug)]
pub enum ReceiveEvent<'a> {
    /// Requests are taken from now on.
    Ready(&'a Ready),
    /// A request is on record, and answered or about to be. Those that the filter hides are not reported.
    Request(&'a ReceivedRequest),
    /// What the request before says to an inbound trigger.
    Triggered(&'a TriggerReport<'a>),
    /// Every request so far was reported: what is buffered can go out.
    AllTold,
    /// Why a request was refused, and what to do about it. The same is not reported twice in a row.
    Explained {
        /// The fact.
        text: Option<&'a str>,
        /// What to do about it.
        hint: Option<&'a str>,
    },
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
    CommandSucceeded,
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
    /// All requests and what they caused are done. A command beside the listener may still run.
    Finished(&'a ListenSummary),
}

/// Learns what happens. An error means that nobody looks on any more.
pub trait Observer: Send + Sync + 'static {
    /// One event, after it is in the ledger.
    fn on(&self, event: ReceiveEvent<'_>) -> Result<()>;
}
