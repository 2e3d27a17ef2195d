//! The events of a listener and its workers, for front ends.

use url::Url;

use super::retry_judge::RetryReport;
use super::summary::ListenSummary;
use super::trigger::TriggerReport;
use crate::app::expect::ExpectationReport;
use crate::app::socket::Ready;
use crate::case_report::CaseReport;
use crate::engine::Event;
use crate::error::Result;
use crate::listener::ReceivedRequest;
use crate::store::{Lane, Sealed};

/// An event.
#[derive(Debug)]
pub enum ReceiveEvent<'a> {
    /// Requests are taken from now on.
    Ready(&'a Ready),
    /// A request is on record, and answered or about to be. Those that the filter hides are not reported.
    Request(&'a ReceivedRequest),
    /// A request was answered 503: the ledger did not take it.
    NotRecorded {
        /// The failure of the ledger.
        error: &'a str,
    },
    /// How an inbound trigger read the request before.
    Triggered(&'a TriggerReport<'a>),
    /// Every request so far was reported: buffers can be flushed.
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
        /// The attempt and what follows.
        event: &'a Event,
    },
    /// The sender did not get the app's answer, for this reason.
    AnswerNotPassedOn {
        /// The capture's number.
        capture: u64,
        /// Why.
        reason: &'a str,
    },
    /// A forward stays in the queue: a secret of the request is neither in the ledger nor available.
    Incomplete {
        /// The capture's number.
        capture: u64,
        /// The missing secret.
        sealed: &'a Sealed,
        /// The target.
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
        /// The lane of the target.
        lane: &'a Lane,
        /// The failure of the ledger.
        error: &'a str,
    },
    /// Everything is paused: forwards and commands wait.
    Paused,
    /// The work goes on.
    Recovered {
        /// The lane of the target.
        lane: &'a Lane,
    },
    /// The attempts of an event that was tried more than once, at the end.
    Retries(&'a RetryReport),
    /// What arrived was judged.
    Judged(&'a ExpectationReport),
    /// Everything by which the run is judged, at its very end; also when the command could not be started.
    Cases(&'a CaseReport),
    /// All requests and what they caused are done. A command beside the listener may still run.
    Finished(&'a ListenSummary),
}

/// Receives the events. An error means that the front end has failed.
pub trait Observer: Send + Sync + 'static {
    /// One event, after it is in the ledger.
    fn on(&self, event: ReceiveEvent<'_>) -> Result<()>;
}
