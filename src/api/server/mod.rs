//! The mock server of a provider's management API, answered from the local book as the provider's profile describes it.
//! Events that calls create go to the caller's channel, and are answered once they are on record.

mod access;
mod event_request;
mod ids;
mod object;
mod page;
mod resources;
mod response;
mod route;
mod subscription_request;
mod subscriptions;

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};
use tokio::sync::{mpsc, oneshot};

pub use access::{ApiAccess, ApiKey};
pub use route::base_path;

use crate::clock::Clock;
use crate::endpoints::rules::RuleOptions;
use crate::endpoints::{Book, Endpoint};
use crate::mask;
use crate::message::{Message, Mode};
use crate::provider::Profile;
use crate::provider::api::{Api, FaultKind};
use crate::random::Random;
use crate::secret::Secret;
use crate::server::{Handler, Incoming, Reason, Rejection, Reply};
use crate::text::serialize_millis;
use access::{RateLimits, RateStatus};
use resources::ResourceStore;
use response::{ApiRejection, ApiResult};
use route::{Action, ApiRouter, RouteMatch};

/// What the mock server is made of.
pub struct MockApiOptions {
    /// Whose API it is.
    pub profile: Arc<Profile>,
    /// Where subscriptions are kept.
    pub book: Book,
    /// Who may call.
    pub access: ApiAccess,
    /// The scopes of every key; absent: all.
    pub scopes: Option<Vec<String>>,
    /// How strictly subscriptions are judged.
    pub rules: RuleOptions,
    /// Parameters of the envelope that hold for the account.
    pub params: Vec<(String, String)>,
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// Ids and secrets.
    pub random: Arc<Random>,
    /// Where events go; bounded, so that a slow reader slows the calls instead of filling the memory.
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
    /// An endpoint is to be asked whether it is wanted there.
    Confirmation(Box<ConfirmationRequest>),
    /// A request that was turned away before it was complete.
    Rejected(Box<Rejection>),
    /// A connection that could not be accepted.
    NotAccepted(String),
}

/// A call that was answered, as `hook.call/1` says it.
#[derive(Debug, Serialize)]
pub struct ApiCall {
    /// As sent.
    pub method: String,
    /// Path and query as sent.
    #[serde(rename = "path", serialize_with = "serialize_masked")]
    pub target: String,
    /// What was answered.
    pub status: u16,
    /// What was done, or why nothing was.
    #[serde(rename = "said")]
    pub summary: String,
    /// Of the key.
    pub mode: Option<Mode>,
    /// From the last byte of the request to the answer.
    #[serde(rename = "took_ms", serialize_with = "serialize_millis")]
    pub took: Duration,
}

fn serialize_masked<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&mask::url(url))
}

/// An event that a call created.
#[derive(Debug)]
pub struct CreatedEvent {
    /// As every endpoint gets it.
    pub message: Arc<Message>,
    /// The parameters of its envelope.
    pub params: Vec<(String, String)>,
    /// How many endpoints it goes to, once that is on record; else why it is not.
    pub recorded: oneshot::Sender<Result<usize, String>>,
}

/// What was learnt of the caller of a call, answered or refused.
#[derive(Debug, Default)]
struct CallerStatus {
    mode: Option<Mode>,
    left: Option<RateStatus>,
}

/// An endpoint that is not confirmed, and what its answer must carry.
#[derive(Debug)]
pub struct ConfirmationRequest {
    /// As it is in the book.
    pub endpoint: Endpoint,
    /// What is sent to it.
    pub token: Secret,
}

impl MockApi {
    /// The API of a provider; `None` for one that has none.
    pub fn new(options: MockApiOptions) -> Option<Self> {
        let api = options.profile.api.clone()?;
        Some(Self {
            router: ApiRouter::new(&api),
            rate_limits: RateLimits::default(),
            resources: ResourceStore::default(),
            api,
            options,
        })
    }

    async fn answer(&self, incoming: &Incoming, seen: &mut CallerStatus) -> ApiResult {
        let (api, options) = (&self.api, &self.options);
        let caller = options.access.admit(api, incoming)?;
        seen.mode = Some(caller.mode);
        seen.left = self.rate_limits.count(api, caller, options.clock.now());
        seen.left.as_ref().map_or(Ok(()), RateStatus::check)?;
        let (action, id) = match self.router.find(&incoming.method, &incoming.target) {
            RouteMatch::Call(action, id) => (action, id),
            RouteMatch::OtherMethods(allowed) => {
                let what = format!("`{}` is not possible here: {allowed}", incoming.method);
                return Err(ApiRejection::fault(FaultKind::Method, what).header("allow", allowed));
            }
            RouteMatch::Nothing => return Err(ApiRejection::fault(FaultKind::Unknown, "there is no such path")),
        };
        match action {
            Action::EmitEvent => self.emit_event(incoming, caller.mode).await,
            Action::Create(index) => {
                access::headers(api, incoming)?;
                self.create_resource(index, incoming, caller.mode).await
            }
            Action::Delete(index) => {
                access::headers(api, incoming)?;
                self.delete_resource(index, id.unwrap_or_default(), caller.mode).await
            }
            Action::Subscription(verb) => {
                access::headers(api, incoming)?;
                self.subscription(verb, id.unwrap_or_default(), incoming).await
            }
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
        let outcome = self.answer(&incoming, &mut seen).await;
        let (mut reply, status, summary) = match outcome {
            Ok(done) => (done.reply(), done.status, done.summary),
            Err(refusal) => (refusal.reply(&self.api), refusal.status(&self.api), refusal.message),
        };
        if let Some(left) = seen.left {
            left.headers(&self.api, &mut reply);
        }
        self.emit(ApiEvent::Call(ApiCall {
            method: incoming.method,
            target: incoming.target,
            status,
            summary,
            mode: seen.mode,
            took: begun.elapsed(),
        }))
        .await;
        reply
    }

    fn rejected(&self, rejection: Rejection) {
        let _ = self.options.events.try_send(ApiEvent::Rejected(Box::new(rejection)));
    }

    fn refusal(&self, status: u16, reason: &Reason) -> Option<Reply> {
        let message = match reason {
            Reason::TooLarge => "the body is too large",
            _ => "the request did not come whole",
        };
        Some(ApiRejection::own(status, "REQUEST_NOT_READ", message).reply(&self.api))
    }

    fn accept_failed(&self, error: &std::io::Error) {
        let _ = self.options.events.try_send(ApiEvent::NotAccepted(error.to_string()));
    }
}
