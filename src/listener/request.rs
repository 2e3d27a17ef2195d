//! The events of a listener.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{ChallengeReply, PACED_BODY, TriggerReading, Withheld};
use crate::answered::Answered;
use crate::clock::Timestamp;
use crate::digest::sha256_of;
use crate::event_filter::ExpectationSet;
use crate::exchange::{Answer, ErrorKind, Outcome};
use crate::id::Id;
use crate::provider::{Facts, Profile};
use crate::server::{Incoming, Rejection, Reply, ReplyEnding};
use crate::store::{Lane, NewCapture, StoreError};
use crate::verification::VerificationResult;

/// What happened at the listener.
#[derive(Debug)]
pub enum ListenerEvent {
    /// A request, recorded and answered (or about to be, when the app answers).
    Request(Box<ReceivedRequest>),
    /// The answer to a request, where retries are judged. It comes after its request.
    Answered(Box<RequestAnswer>),
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
    /// What is answered.
    pub answered: Answered,
    /// Present when it was a challenge of the provider, and no event.
    pub handshake: Option<ChallengeReply>,
    /// Which attempt it is, where retries are judged.
    pub attempt: Option<AttemptOf>,
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

/// Characters of an id or a type that are kept of an attempt.
const TEXT_KEPT: usize = 200;

/// A request as an attempt to deliver an event.
#[derive(Debug, Clone)]
pub struct AttemptOf {
    /// Equal for all attempts of the event.
    pub identity: String,
    /// The event's id, where it has one.
    pub id: Option<String>,
    /// The event's type.
    pub event: Option<String>,
    /// When all of it was there.
    pub arrived: Instant,
}

impl AttemptOf {
    /// Reads a request of that provider, which arrived then. Of texts that a sender chooses it keeps little.
    pub(super) fn new(profile: &Profile, incoming: &Incoming, arrived: Instant) -> Self {
        let facts = profile.facts(&incoming.headers, &incoming.body);
        let identity = event_identity(None, &facts, incoming);
        let cut = |text: String| text.chars().take(TEXT_KEPT).collect();
        Self {
            identity: sha256_of(&[identity.as_bytes()]),
            id: facts.id.map(cut),
            event: facts.event.map(cut),
            arrived,
        }
    }
}

/// What a sender got.
#[derive(Debug, Clone)]
pub struct RequestAnswer {
    /// To which attempt.
    pub attempt: AttemptOf,
    /// The wall-clock time now.
    pub now: Timestamp,
    /// When the last byte is sent, where the client reads fast enough.
    pub at: Instant,
    /// As the sender sees it.
    pub outcome: Outcome,
}

impl RequestAnswer {
    /// A reply that is sent now.
    pub(super) fn of(attempt: AttemptOf, now: Timestamp, reply: &Reply) -> Self {
        let lost = |text: &str| Outcome::Error {
            kind: ErrorKind::Protocol,
            text: text.to_owned(),
        };
        let outcome = match reply.ending {
            ReplyEnding::Closed => lost("the connection was closed"),
            ReplyEnding::Reset => lost("the connection was reset"),
            ReplyEnding::Sent | ReplyEnding::Paced(_) => Outcome::Answer(Answer {
                status: reply.status,
                headers: reply.headers.clone(),
                ..Answer::default()
            }),
        };
        let lasts = match reply.ending {
            ReplyEnding::Paced(rate) => Duration::from_secs(PACED_BODY as u64 / rate.max(1)),
            _ => Duration::ZERO,
        };
        let at = Instant::now() + lasts;
        Self {
            attempt,
            now,
            at,
            outcome,
        }
    }
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

/// What the attempts of one event have in common: its id, else target and body.
pub(super) fn event_identity(provider: Option<&str>, facts: &Facts, incoming: &Incoming) -> String {
    match &facts.id {
        Some(id) => format!("{}:{id}", provider.unwrap_or_default()),
        None => {
            let line = format!("{} {}\n", incoming.method, incoming.target);
            format!("content {}", sha256_of(&[line.as_bytes(), &incoming.body]))
        }
    }
}
