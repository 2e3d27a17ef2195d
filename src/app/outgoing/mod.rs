//! Sending: from an event to deliveries, made and recorded. There are no prompts here: front ends make such choices before.

mod burst;
mod deliver;
mod faults;
mod message;
mod request;
mod tamper;
mod targets;

use std::sync::Arc;

pub use deliver::{RunOptions, SendResult, deliver};
pub use faults::{AcceptedEvent, FaultOptions, FaultReport};
pub use message::{BodyOptions, MessageFactory, WholeBody, no_event};
pub use request::{Rehearsal, RequestOptions};
pub use tamper::Tamper;
pub use targets::{SendTarget, TargetChoice, endpoint_secrets};

use crate::app::context::Context;
use crate::app::retry::RetryPlan;
use crate::engine::{Delivery, Signing};
use crate::error::{Error, Result};
use crate::exchange::Execution;
use crate::headers::Headers;
use crate::message::Message;
use crate::provider::policy::Policy;
use crate::provider::{Profile, Registry};
use targets::TargetContext;

/// The message, its targets, and how it is sent.
#[derive(Clone)]
pub struct SendOptions {
    /// The event's type; absent where the body has it, or there is none.
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

/// The shared parts of the deliveries of one run.
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

/// Refuses a message with neither an event nor a body.
pub fn check_event(context: &Context, event: Option<&str>, provider: Option<&str>, body: &BodyOptions) -> Result<()> {
    if event.is_some_and(|event| event.trim().is_empty()) {
        return Err(Error::usage("the event's name is empty").hint("name one, or leave it out with `--body`"));
    }
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
    /// Decides everything that does not need a request.
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
        let mut policy = options.retry.apply(profile.policy_in(options.body.compose.mode));
        policy.timeout = options.request.timeout.unwrap_or(policy.timeout);
        let retries = !policy.schedule.delays.is_empty();
        let targets = options.target.targets(
            context,
            &TargetContext {
                profile: &profile,
                event: known.or(event),
                params: &merged([&account, own]),
                with_secrets: options.secrets.is_empty(),
                execution: options.execution.as_ref(),
                works_off_schedule: retries || profile.policy.schedule.delays.is_empty(),
            },
        )?;
        let signing = |target: &SendTarget| {
            let own = (target.label.endpoint.as_deref(), target.secrets.clone());
            context.signing(&profile, &options.secrets, own)
        };
        let signings = targets.iter().map(signing).collect::<Result<_>>()?;
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

    /// The factory of this run's messages; with a seed they are the same every time.
    pub fn messages(&self, context: &Context, seed: Option<u64>) -> Result<MessageFactory<'_>> {
        let event = self.options.event.as_deref();
        let (body, params) = (&self.options.body, self.params.clone());
        let source = body.source(context, &self.profile, event, params)?;
        Ok(MessageFactory::new(context, source, seed))
    }

    /// The deliveries of one message, one a target.
    pub fn deliveries(&self, context: &Context, message: &Arc<Message>) -> Result<Vec<Delivery>> {
        let now = context.now();
        let given = self.options.body.compose.id.is_some();
        let each = self.targets.iter().zip(&self.signings).enumerate();
        each.map(|(number, (target, signing))| {
            let message = match number {
                0 => message.clone(),
                _ if given => message.clone(),
                _ => self.profile.for_another_delivery(message, now, &context.random),
            };
            let (policy, label) = (self.policy.clone(), target.label.clone());
            let (random, url) = (&context.random, target.url.clone());
            let mut delivery = Delivery {
                method: self.options.request.method(&self.profile),
                headers: self.headers.clone(),
                ..Delivery::new(random, now, message, url, signing.clone(), policy, label)
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

    /// The hint that resumes interrupted deliveries of this run.
    pub fn resumption(&self) -> &'static str {
        if self.options.secrets.is_empty() {
            "`hook replay --resume` continues what was interrupted"
        } else {
            // The ledger does not keep secrets that were given for one run.
            "`hook replay --resume` with the same `--secret` continues what was interrupted"
        }
    }

    /// Whether more than one attempt may be made.
    fn retries(&self) -> bool {
        !self.policy.schedule.delays.is_empty()
    }
}

/// Merges parameters; the last value of a name wins.
fn merged<const N: usize>(lists: [&[(String, String)]; N]) -> Vec<(String, String)> {
    let all = lists.into_iter().flatten().cloned();
    all.collect::<indexmap::IndexMap<_, _>>().into_iter().collect()
}
