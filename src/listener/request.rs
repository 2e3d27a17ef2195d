//! The events of a listener.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{ChallengeReply, TriggerReading, Withheld};
use crate::event_filter::ExpectationSet;
use crate::id::Id;
use crate::server::{Rejection, Reply};
use crate::store::{Lane, NewCapture, StoreError};
use crate::verification::VerificationResult;

/// What happened at the listener.
#[derive(Debug)]
pub enum ListenerEvent {
    /// A request, recorded and answered (or about to be, when the app answers).
    Request(Box<ReceivedRequest>),
    /// A request that could not be recorded, and was answered 503.
    NotKept(StoreError),
    /// A request that was turned away before it was complete.
    Rejected(Box<Rejection>),
    /// A connection that could not be accepted.
    NotAccepted(String),
}

/// A request that was recorded.
#[derive(Debug)]
pub struct ReceivedRequest {
    /// Shown as `#N`.
    pub number: u64,
    /// `cap_...`
    pub id: Id,
    /// The verdict, and what the request says about itself.
    pub judged: VerificationResult,
    /// The content type of a form, where the provider sends JSON and the body is JSON.
    pub wrong_type: Option<String>,
    /// The first capture of the same event.
    pub duplicate_of: Option<u64>,
    /// Whether that one has another id, which is not signed.
    pub same_content: bool,
    /// What of an accepted request is not signed, when it is shown.
    pub unsigned: Vec<String>,
    /// What was answered; 0 when the app answers.
    pub status: u16,
    /// Present when it was a challenge of the provider, and no event.
    pub handshake: Option<ChallengeReply>,
    /// Size of the body.
    pub size: usize,
    /// From the last byte of the request to the decision, the sync to disk included.
    pub took: Duration,
    /// Headers, body and the rest, when they are needed.
    pub whole: Option<WholeRequest>,
    /// What it says to an inbound trigger.
    pub reading: Option<TriggerReading>,
    /// Why it is not passed on although routes would take it.
    pub withheld: Option<Withheld>,
    /// The app that is asked for the answer.
    pub ask: Option<AskApp>,
    /// Whether a filter hides it.
    pub hidden: bool,
    /// Of each of its events, which expectations it meets.
    pub met: Vec<ExpectationSet>,
    /// Whether the decided answer is a success, whatever the app answers later.
    pub is_success: bool,
}

/// A request with its bytes, and the memory that it takes until it is dropped.
#[derive(Debug)]
pub struct WholeRequest {
    /// What was recorded.
    pub capture: Arc<NewCapture>,
    pub(super) _permit: OwnedSemaphorePermit,
}

/// A request to an app for its answer.
#[derive(Debug)]
pub struct AskApp {
    /// The capture's number.
    pub capture: u64,
    /// The lane of the app.
    pub lane: Arc<Lane>,
    /// Where the answer goes.
    pub reply: oneshot::Sender<AppReply>,
}

impl AskApp {
    /// Asks the app of that lane about a capture; the answer comes by the receiver.
    pub(super) fn new(capture: u64, lane: Arc<Lane>) -> (Self, oneshot::Receiver<AppReply>) {
        let (reply, answer) = oneshot::channel();
        (Self { capture, lane, reply }, answer)
    }
}

/// What an app answered.
#[derive(Debug)]
pub struct AppReply {
    /// For the sender.
    pub reply: Reply,
    /// Whether it is a success, so that what else the request causes is promised.
    pub success: bool,
}
