//! The provider's face: its management API, answered from the local book as its profile describes it. Events that calls
//! cause are handed to whoever delivers, and are answered once they are on record. It knows nothing of the command line:
//! whoever runs it gives it a place to tell of what happens.

mod event_request;
mod gate;
mod ids;
mod object;
mod outcome;
mod page;
mod resources;
mod route;
mod subscription_request;
mod subscriptions;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

pub use gate::{Access, Key};
pub use route::base_path;

use crate::clock::Clock;
use crate::endpoints::rules::RuleOptions;
use crate::endpoints::{Book, Endpoint};
use crate::message::{Message, Mode};
use crate::provider::Profile;
use crate::provider::api::{Api, FaultKind};
use crate::random::Random;
use crate::secret::Secret;
use crate::server::{Handler, Incoming, Reason, Rejection, Reply};
use gate::{Left, Meter};
use outcome::{ApiRejection, Outcome};
use resources::ResourceStore;
use route::{Action, Found, Router};

/// What a face is made of.
pub struct Setup {
    /// Whose face it is.
    pub profile: Arc<Profile>,
    /// Where subscriptions are kept.
    pub book: Book,
    /// Who may call.
    pub access: Access,
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
    /// Who is told; bounded, so that a slow reader slows the calls instead of filling the memory.
    pub outlet: mpsc::Sender<ApiEvent>,
}

/// A provider's face: the handler behind `hook serve`.
pub struct MockApi {
    setup: Setup,
    api: Api,
    router: Router,
    meter: Meter,
    things: ResourceStore,
}

/// What whoever runs a face is told.
#[derive(Debug)]
pub enum ApiEvent {
    /// A call was answered.
    Call(Called),
    /// An event happened, and is to be delivered.
    Event(Occurrence),
    /// An endpoint is to be asked whether it is wanted there.
    Question(Box<Question>),
    /// A request that was turned away before it was complete.
    Rejected(Box<Rejection>),
    /// A connection that could not be accepted.
    NotAccepted(String),
}

/// A call that was answered.
#[derive(Debug)]
pub struct Called {
    /// As sent.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// What was answered.
    pub status: u16,
    /// What was done, or why nothing was.
    pub said: String,
    /// Of the key.
    pub mode: Option<Mode>,
    /// From the last byte of the request to the answer.
    pub took: Duration,
}

/// An event that a call caused.
#[derive(Debug)]
pub struct Occurrence {
    /// As every endpoint gets it.
    pub message: Arc<Message>,
    /// The parameters of its envelope.
    pub params: Vec<(String, String)>,
    /// How many endpoints it goes to, once that is on record; else why it is not.
    pub kept: oneshot::Sender<Result<usize, String>>,
}

/// What was learnt of the caller of a call, answered or refused.
#[derive(Debug, Default)]
struct Seen {
    mode: Option<Mode>,
    left: Option<Left>,
}

/// An endpoint that is not confirmed, and what its answer must carry.
#[derive(Debug)]
pub struct Question {
    /// As it is in the book.
    pub endpoint: Endpoint,
    /// What is sent to it.
    pub token: Secret,
}

impl MockApi {
    /// A face of a provider that has an API; `None` for one that has none.
    pub fn new(setup: Setup) -> Option<Self> {
        let api = setup.profile.api.clone()?;
        Some(Self {
            router: Router::new(&api),
            meter: Meter::default(),
            things: ResourceStore::default(),
            api,
            setup,
        })
    }

    async fn answer(&self, incoming: &Incoming, seen: &mut Seen) -> Outcome {
        let (api, setup) = (&self.api, &self.setup);
        let caller = setup.access.admit(api, incoming)?;
        seen.mode = Some(caller.mode);
        seen.left = self.meter.count(api, caller, setup.clock.now());
        seen.left.as_ref().map_or(Ok(()), Left::check)?;
        let (action, id) = match self.router.find(&incoming.method, &incoming.target) {
            Found::Call(action, id) => (action, id),
            Found::OtherMethods(allowed) => {
                let what = format!("`{}` is not possible here: {allowed}", incoming.method);
                return Err(ApiRejection::fault(FaultKind::Method, what).header("allow", allowed));
            }
            Found::Nothing => return Err(ApiRejection::fault(FaultKind::Unknown, "there is no such path")),
        };
        match action {
            Action::Happen => self.happen(incoming, caller.mode).await,
            Action::Make(index) => {
                gate::headers(api, incoming)?;
                self.make(index, incoming, caller.mode).await
            }
            Action::End(index) => {
                gate::headers(api, incoming)?;
                self.end(index, id.unwrap_or_default(), caller.mode).await
            }
            Action::Subscription(verb) => {
                gate::headers(api, incoming)?;
                self.subscription(verb, id.unwrap_or_default(), incoming).await
            }
        }
    }

    async fn tell(&self, told: ApiEvent) {
        // Nobody listens any more only while the program ends.
        let _ = self.setup.outlet.send(told).await;
    }
}

impl Handler for MockApi {
    async fn handle(&self, incoming: Incoming) -> Reply {
        let begun = Instant::now();
        let mut seen = Seen::default();
        let outcome = self.answer(&incoming, &mut seen).await;
        let (mut reply, status, said) = match outcome {
            Ok(done) => (done.reply(), done.status, done.said),
            Err(refusal) => (refusal.reply(&self.api), refusal.status(&self.api), refusal.message),
        };
        if let Some(left) = seen.left {
            left.headers(&self.api, &mut reply);
        }
        self.tell(ApiEvent::Call(Called {
            method: incoming.method,
            target: incoming.target,
            status,
            said,
            mode: seen.mode,
            took: begun.elapsed(),
        }))
        .await;
        reply
    }

    fn rejected(&self, rejection: Rejection) {
        let _ = self.setup.outlet.try_send(ApiEvent::Rejected(Box::new(rejection)));
    }

    fn refusal(&self, status: u16, reason: &Reason) -> Option<Reply> {
        let message = match reason {
            Reason::TooLarge => "the body is too large",
            _ => "the request did not come whole",
        };
        Some(ApiRejection::own(status, "REQUEST_NOT_READ", message).reply(&self.api))
    }

    fn accept_failed(&self, error: &std::io::Error) {
        let _ = self.setup.outlet.try_send(ApiEvent::NotAccepted(error.to_string()));
    }
}
