//! From an event to deliveries: who plays which provider, what goes into the message, which targets get it, and how the
//! deliveries are made and recorded. Nothing is asked here: choices that need a person are made before.

mod deliver;
mod message;
mod request;
mod targets;

use std::sync::Arc;

pub use deliver::{RunOptions, SendResult, deliver};
pub use message::{BodyOptions, MessageFactory, WholeBody, no_event};
pub use request::{Rehearsal, RequestOptions};
pub use targets::{SendTarget, TargetChoice, endpoint_secrets};

use crate::app::context::Context;
use crate::app::retry::RetryPlan;
use crate::engine::{Delivery, Progress, Signing};
use crate::error::{Error, Result};
use crate::exchange::Execution;
use crate::headers::Headers;
use crate::id::{Id, IdKind};
use crate::message::Message;
use crate::provider::policy::Policy;
use crate::provider::{Profile, Registry};
use crate::transport::AddressPolicy;
use targets::TargetContext;

/// What is sent, where to, and how.
#[derive(Clone)]
pub struct SendOptions {
    /// The event's type; absent where the body says it, or there is none.
    pub event: Option<String>,
    /// The provider to play, with its variant.
    pub provider: Option<String>,
    /// References of secrets to sign with instead of the endpoint's.
    pub secrets: Vec<String>,
    /// Where to.
    pub target: TargetChoice,
    /// What goes into the message.
    pub body: BodyOptions,
    /// What the request looks like beside it.
    pub request: RequestOptions,
    /// What follows a failed attempt.
    pub retry: RetryPlan,
    /// Of which workflow it is, when it is one's.
    pub execution: Option<Execution>,
}

/// Everything that the deliveries of one run have in common.
pub struct SendPlan<'a> {
    /// The provider that is played.
    pub profile: Arc<Profile>,
    /// The schedule as the caller wants it.
    pub policy: Arc<Policy>,
    /// The event's name in the catalogue, where it has one.
    pub event: Option<String>,
    /// Where the message goes.
    pub targets: Vec<SendTarget>,
    options: &'a SendOptions,
    signings: Vec<Signing>,
    /// Parameters of the envelope: the account's, the endpoint's, the caller's.
    params: Vec<(String, String)>,
    headers: Headers,
}

/// Refuses what has neither an event nor a body of its own.
pub fn check_event(context: &Context, event: Option<&str>, provider: Option<&str>, body: &BodyOptions) -> Result<()> {
    if event.is_some() || body.is_whole() {
        return Ok(());
    }
    Err(match provider {
        Some(name) => no_event(&*context.registry.get(name)?),
        None => Error::usage("no event is given")
            .hint("`hook send job.paid --to URL`; `hook providers list` shows whose events there are"),
    })
}

impl SendOptions {
    /// The provider to play: the caller's, the endpoint's, the one whose catalogue has the event.
    fn profile(&self, context: &Context) -> Result<Arc<Profile>> {
        let named = match &self.provider {
            Some(name) => Some(name.clone()),
            None => self.target.provider(context, self.event.as_deref())?,
        };
        // The event of a body that is sent as it is does not have to be in the catalogue of a provider that was named.
        let is_whole = self.body.is_whole();
        let event = self.event.as_deref().filter(|_| !is_whole || named.is_none());
        match (&named, event) {
            (None, None) if is_whole && context.settings.provider.is_none() => {
                Ok(context.registry.get(Registry::GENERIC)?)
            }
            _ => context.provider_for(named.as_deref(), event),
        }
    }
}

impl<'a> SendPlan<'a> {
    /// Finds out everything that can be known before the first request.
    pub fn new(context: &Context, options: &'a SendOptions) -> Result<Self> {
        check_event(
            context,
            options.event.as_deref(),
            options.provider.as_deref(),
            &options.body,
        )?;
        let profile = options.profile(context)?;
        let event = options.event.as_deref();
        let known = event.and_then(|event| profile.canonical_event(event));
        if let (Some(event), None) = (event, known) {
            context.notices.findings(&profile.naming.check(&profile.label(), event));
        }
        let own = &options.body.compose.params;
        let account = context.account_params(&profile);
        let targets = options.target.targets(
            context,
            &TargetContext {
                profile: &profile,
                event: known.or(event),
                params: &merged([&account, own]),
                with_secrets: options.secrets.is_empty(),
                execution: options.execution.as_ref(),
            },
        )?;
        let signing = |target: &SendTarget| {
            let own = (target.label.endpoint.as_deref(), target.secrets.clone());
            context.signing(&profile, &options.secrets, own)
        };
        let signings = targets.iter().map(signing).collect::<Result<_>>()?;
        let mut policy = options.retry.apply(&profile.policy);
        policy.timeout = options.request.timeout.unwrap_or(policy.timeout);
        Ok(Self {
            policy: Arc::new(policy),
            headers: options.request.headers(context)?,
            params: merged([&account, &options.target.params(), own]),
            event: known.or(event).map(str::to_owned),
            options,
            profile,
            targets,
            signings,
        })
    }

    /// What makes the messages of this run; with a seed the same ones every time.
    pub fn messages(&self, context: &Context, seed: Option<u64>) -> Result<MessageFactory<'_>> {
        let event = self.options.event.as_deref();
        let source = self
            .options
            .body
            .source(context, &self.profile, event, self.params.clone())?;
        Ok(MessageFactory::new(context, source, seed))
    }

    /// The deliveries of one message, one a target.
    pub fn deliveries(&self, context: &Context, message: &Arc<Message>) -> Result<Vec<Delivery>> {
        let now = context.now();
        let each = self.targets.iter().zip(&self.signings);
        each.map(|(target, signing)| {
            let mut delivery = Delivery {
                id: Id::new(IdKind::Delivery, now, &context.random),
                message: Arc::clone(message),
                url: target.url.clone(),
                method: self.options.request.method(&self.profile),
                headers: self.headers.clone(),
                signing: signing.clone(),
                policy: Arc::clone(&self.policy),
                addresses: AddressPolicy::Any,
                is_changed: false,
                progress: Progress::default(),
                at: now,
                label: Arc::clone(&target.label),
            };
            message::reshape(&mut delivery, self.options.body.form)?;
            Ok(delivery)
        })
        .collect()
    }

    /// The deliveries of the first message.
    pub fn first_deliveries(&self, context: &Context, seed: Option<u64>) -> Result<Vec<Delivery>> {
        let message = self.messages(context, seed)?.message(context, 0)?;
        self.deliveries(context, &message)
    }

    /// What takes up deliveries of this run that are interrupted.
    pub fn resumption(&self) -> &'static str {
        if self.options.secrets.is_empty() {
            "`hook replay --resume` continues what was interrupted"
        } else {
            // The ledger does not keep secrets that were given for one run.
            "`hook replay --resume` with the same `--secret` takes up what was interrupted"
        }
    }

    /// Whether more than one attempt may be made.
    fn retries(&self) -> bool {
        !self.policy.schedule.delays.is_empty()
    }

    /// Whether failed deliveries have had every attempt that the schedule allows.
    fn works_off_schedule(&self) -> bool {
        self.retries() || self.profile.policy.schedule.delays.is_empty()
    }
}

/// Parameters of which those of later lists replace those of earlier ones, and later ones of the same list earlier ones.
fn merged<const N: usize>(lists: [&[(String, String)]; N]) -> Vec<(String, String)> {
    let all = lists.into_iter().flatten().cloned();
    all.collect::<indexmap::IndexMap<_, _>>().into_iter().collect()
}
