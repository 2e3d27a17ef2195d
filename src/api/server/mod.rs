//! The mock server of a provider's management API: it answers from the local endpoint file as the provider's profile
//! describes. Events that calls create go to a channel; such a call is answered once its event is in the ledger.

mod access;
mod event_request;
mod ids;
mod object;
mod page;
mod resources;
mod response;
mod route;
mod subscriptions;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

pub use access::{AccessDenied, ApiAccess, ApiKey, bearer, check_local};
pub use route::base_path;

use crate::clock::Clock;
use crate::endpoints::rules::RuleOptions;
use crate::endpoints::{Book, Endpoint};
use crate::mask;
use crate::message::{Message, Mode};
use crate::provider::Profile;
use crate::provider::api::Api;
use crate::random::Random;
use crate::secret::Secret;
use crate::server::{Handler, Incoming, IncompleteReason, Rejection, Reply};
use crate::text::serialize_millis;
use access::{RateLimits, RateStatus};
use resources::ResourceStore;
use response::{ApiRejection, ApiResult};
use route::{Action, ApiRouter};

/// Options of the mock server.
pub struct MockApiOptions {
    /// The provider.
    pub profile: Arc<Profile>,
    /// The endpoint file.
    pub book: Book,
    /// Who may call.
    pub access: ApiAccess,
    /// The scopes of every key; `None`: all.
    pub scopes: Option<Vec<String>>,
    /// How strictly subscriptions are validated.
    pub rules: RuleOptions,
    /// Parameters of the envelope that every event gets.
    pub params: Vec<(String, String)>,
    /// The time of events and changes.
    pub clock: Arc<dyn Clock>,
    /// The source of ids and secrets.
    pub random: Arc<Random>,
    /// Receives what happens; bounded, so that a slow receiver slows down the calls instead of filling the memory.
    pub events: mpsc::Sender<ApiEvent>,
}

/// A provider's API: the handler behind `hook serve`.
pub struct MockApi {
    options: MockApiOptions,
    api: Api,
    router: ApiRouter,
    rate_limits: RateLimits,
    resources: ResourceStore,
}

/// What happened at the mock server.
#[derive(Debug)]
pub enum ApiEvent {
    /// A call was answered.
    Call(ApiCall),
    /// An event was created, and must be delivered.
    Event(CreatedEvent),
    /// An endpoint must be asked to confirm its subscription.
    Confirmation(Box<ConfirmationRequest>),
    /// A request was rejected before it was complete.
    Rejected(Rejection),
    /// A connection could not be accepted.
    NotAccepted(String),
}

/// A call that was answered: the record `hook.call/1`.
#[derive(Debug, Serialize)]
pub struct ApiCall {
    /// As sent.
    pub method: String,
    /// Path and query, with masked credentials.
    #[serde(rename = "path")]
    pub target: String,
    /// Of the answer.
    pub status: u16,
    /// What was done, or why the call was rejected.
    #[serde(rename = "said")]
    pub summary: String,
    /// What the receiver of a new endpoint verifies with, where no answer of the API contains it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Of the key.
    pub mode: Option<Mode>,
    /// Time from the last byte of the request to the answer.
    #[serde(rename = "took_ms", serialize_with = "serialize_millis")]
    pub took: Duration,
}

/// An event that a call created.
#[derive(Debug)]
pub struct CreatedEvent {
    /// The message that every endpoint gets.
    pub message: Arc<Message>,
    /// The parameters of its envelope.
    pub params: Vec<(String, String)>,
    /// Takes the number of endpoints it goes to, once that is in the ledger; else the error.
    pub recorded: oneshot::Sender<Result<usize, String>>,
}

/// What is known about the caller, also of a call that is rejected.
#[derive(Debug, Default)]
struct CallerStatus {
    mode: Option<Mode>,
    left: Option<RateStatus>,
}

/// An endpoint that is not confirmed, and the token that its answer must contain.
#[derive(Debug)]
pub struct ConfirmationRequest {
    /// As it is in the endpoint file.
    pub endpoint: Endpoint,
    /// The token that is sent to it.
    pub token: Secret,
}

impl MockApi {
    /// The API of the provider.
    pub fn new(api: Api, options: MockApiOptions) -> Self {
        Self {
            router: ApiRouter::new(&api),
            rate_limits: RateLimits::default(),
            resources: ResourceStore::default(),
            api,
            options,
        }
    }

    async fn answer(&self, incoming: &Incoming, seen: &mut CallerStatus) -> ApiResult {
        let (api, options) = (&self.api, &self.options);
        let caller = options.access.authenticate(api, incoming)?;
        seen.mode = Some(caller.mode);
        seen.left = self.rate_limits.count(api, caller, options.clock.now());
        // After the count, so that rejected calls are counted, too.
        seen.left.as_ref().map_or(Ok(()), RateStatus::check)?;
        let (action, id) = self.router.find(&incoming.method, &incoming.target)?;
        access::headers(api, incoming)?;
        match action {
            Action::Create(index) => self.create_resource(index, incoming, caller.mode).await,
            Action::Delete(index) => self.delete_resource(index, id, caller.mode).await,
            Action::Subscription(verb) => self.subscription(verb, id, incoming).await,
        }
    }

    async fn emit(&self, event: ApiEvent) {
        // The receiver is dropped only while the program ends.
        let _ = self.options.events.send(event).await;
    }
}

impl Handler for MockApi {
    async fn handle(&self, incoming: Incoming) -> Reply {
        let begun = Instant::now();
        let mut seen = CallerStatus::default();
        let (mut reply, summary, secret) = match self.answer(&incoming, &mut seen).await {
            Ok(done) => (
                response::json(done.status, done.body.as_ref()),
                done.summary,
                done.secret,
            ),
            Err(rejection) => (rejection.reply(&self.api), rejection.message, None),
        };
        if let Some(left) = seen.left {
            left.headers(&self.api, &mut reply);
        }
        self.emit(ApiEvent::Call(ApiCall {
            method: incoming.method,
            target: mask::url(&incoming.target),
            status: reply.status,
            summary,
            secret,
            mode: seen.mode,
            took: begun.elapsed(),
        }))
        .await;
        reply
    }

    fn rejected(&self, rejection: Rejection) -> Option<Reply> {
        let message = match rejection.reason {
            IncompleteReason::TooLarge => "the body is too large",
            _ => "the request is incomplete",
        };
        let status = rejection.reason.status();
        // Dropped when the reader is too slow: many broken requests must not slow down good ones.
        let _ = self.options.events.try_send(ApiEvent::Rejected(rejection));
        Some(ApiRejection::own(status?, "REQUEST_NOT_READ", message).reply(&self.api))
    }

    fn accept_failed(&self, error: &std::io::Error) {
        let _ = self.options.events.try_send(ApiEvent::NotAccepted(error.to_string()));
    }
}
