//! Tests an endpoint: sends a signed event and some with faulty signatures, and checks the answers.

mod invalid;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::app::context::Context;
use crate::app::resolve::account_off;
use crate::app::sign::check_signature;
use crate::endpoints::{AttemptTimeout, Book, Endpoint, Events};
use crate::engine::{Delivery, Event, Label, Limits, Signing};
use crate::error::{Error, Result};
use crate::exchange::{Attempt, SecretKind, SigningMode, Source};
use crate::exit::Exit;
use crate::finding::{Finding, Level};
use crate::headers::Headers;
use crate::id::{Id, IdKind};
use crate::message::{Message, Mode};
use crate::pipeline::DeliveryObserver;
use crate::provider::compose::{ComposeOptions, Composer};
use crate::provider::policy::{Policy, Schedule};
use crate::provider::{Profile, near_names};
use crate::secret::DEV_SECRET;
use crate::shell;
use crate::signature::Scheme;
use crate::store::{DeliveryState, Op};
use crate::target::parse_url;
use crate::text::printable;
use crate::transport::{AddressPolicy, HttpTransport};
use crate::verification::dev_secret::Purpose;

/// Options of a test.
pub struct ProbeOptions<'a> {
    /// The event instead of the provider's test event.
    pub event: Option<String>,
    /// How many genuine events.
    pub count: u32,
    /// Parameters of the envelope, after those of the endpoint.
    pub params: Vec<(String, String)>,
    /// The method instead of the provider's.
    pub method: Option<String>,
    /// Headers beside the provider's and the endpoint's own.
    pub headers: Headers,
    /// Which addresses may be reached.
    pub addresses: AddressPolicy,
    /// The time limit instead of the provider's.
    pub timeout: Option<Duration>,
    /// Carries the requests.
    pub transport: Arc<HttpTransport>,
    /// Stops it.
    pub cancel: CancellationToken,
    /// Of an endpoint that a provider keeps.
    pub remote: Option<ProbeRemote<'a>>,
}

/// A provider that keeps the tested endpoint.
pub struct ProbeRemote<'a> {
    /// The flags that select it, as typed.
    pub flags: &'a str,
    /// What this machine noted about its endpoints.
    pub notes: &'a Book,
}

/// The result of a test.
pub struct ProbeReport {
    /// The endpoint as it was.
    pub endpoint: Endpoint,
    /// The event that was sent.
    pub event: String,
    /// The requests in their order.
    pub exchanges: Vec<Exchange>,
    /// The answers to the four questions: received, signature checked, success, in time.
    pub findings: [Finding; 4],
}

/// One request and its outcome.
pub struct Exchange {
    /// Of the record.
    pub number: u64,
    /// How it was signed: as the provider does, or with a fault that a receiver must refuse.
    pub signing: SigningMode,
    /// The attempt.
    pub attempt: Attempt,
}

/// A test of one endpoint.
struct EndpointProbe<'a> {
    context: &'a Context,
    endpoint: &'a Endpoint,
    options: &'a ProbeOptions<'a>,
    profile: Arc<Profile>,
    event: String,
    signing: Signing,
    policy: Arc<Policy>,
}

impl ProbeReport {
    /// Whether nothing failed and nothing is in doubt.
    pub fn passed(&self) -> bool {
        self.findings.iter().all(|finding| finding.level < Level::Unknown)
    }

    /// Whether the body's type was no reason to refuse; nothing when there was no answer.
    pub fn accepts_content_type(&self) -> Option<bool> {
        let genuine = self.exchanges.iter().filter(|exchange| exchange.is_genuine());
        let mut statuses = genuine.filter_map(Exchange::status).peekable();
        statuses.peek()?;
        Some(statuses.all(|status| status != 415))
    }
}

impl Exchange {
    /// Whether it was signed as the provider does.
    pub fn is_genuine(&self) -> bool {
        self.signing == SigningMode::Fresh
    }

    /// Of the answer, when there was one.
    pub fn status(&self) -> Option<u16> {
        self.attempt.outcome.status()
    }
}

/// Tests an endpoint with real requests, which the ledger keeps.
pub async fn probe(context: &Context, endpoint: Endpoint, options: &ProbeOptions<'_>) -> Result<ProbeReport> {
    if context.settings.account_off && options.remote.is_none() {
        return Err(account_off());
    }
    let profile = context.registry.get(&endpoint.provider)?;
    let event = event(&profile, &endpoint, options.event.as_deref())?;
    let probe = EndpointProbe {
        context,
        endpoint: &endpoint,
        options,
        signing: signing(context, &endpoint, &profile, options.remote.as_ref())?,
        policy: Arc::new(Policy {
            // One attempt each: a retry would hide what the receiver answered first.
            schedule: Schedule::default(),
            timeout: (options.timeout)
                .or(endpoint.limits.timeout.map(AttemptTimeout::duration))
                .unwrap_or(profile.policy.timeout),
            ..profile.policy.clone()
        }),
        event,
        profile,
    };
    let (notices, name, provider) = (&context.notices, &endpoint.name, &endpoint.provider);
    if let Some(disabled) = &endpoint.disabled {
        let why = printable(&disabled.to_string(), 200);
        notices.note(format!("`{name}` is disabled ({why}): testing anyway"));
    }
    notices.note(format!("testing {name} with `{}` of {provider}", probe.event));
    let exchanges = probe.exchanges().await?;
    let findings = verdict::findings(&probe, &exchanges);
    Ok(ProbeReport {
        event: probe.event,
        endpoint,
        exchanges,
        findings,
    })
}

/// The requested event, else the provider's test event if subscribed, else the first subscribed one.
fn event(profile: &Profile, endpoint: &Endpoint, asked: Option<&str>) -> Result<String> {
    if let Some(asked) = asked {
        let known = profile.canonical_event(asked).map(str::to_owned);
        return known.ok_or_else(|| {
            let near = near_names(asked, profile.events.keys().map(String::as_str));
            let (label, name) = (profile.label(), &endpoint.name);
            Error::nothing(format!("`{label}` has no event `{}`", printable(asked, 200)))
                .near(&near, |event| {
                    format!("hook endpoints test {name} --event {}", shell::quote(event))
                })
                .hint(format!("`hook providers events {label}` shows its catalogue"))
        });
    }
    let wanted = |name: &&String| endpoint.events.contains(name) && profile.events.contains_key(*name);
    let subscribed = match &endpoint.events {
        Events::Only(names) => names.iter().find(|name| profile.events.contains_key(*name)),
        Events::All => None,
    };
    profile
        .test_event
        .as_ref()
        .filter(wanted)
        .or(subscribed)
        .or(profile.test_event.as_ref())
        .or(profile.events.keys().next())
        .cloned()
        .ok_or_else(|| {
            Error::usage(format!("`{}` has no events to test with", profile.label())).hint("name one: `--event NAME`")
        })
}

fn signing(
    context: &Context,
    endpoint: &Endpoint,
    profile: &Arc<Profile>,
    remote: Option<&ProbeRemote<'_>>,
) -> Result<Signing> {
    let unsigned = matches!(profile.scheme, Scheme::Unsigned);
    let own = match remote {
        _ if unsigned => Vec::new(),
        // Notes about a provider's endpoints are the user's own, so no project has to be trusted.
        Some(remote) => endpoint
            .signing_secrets(context.now(), profile.scheme.carries_several())
            .into_iter()
            .map(|secret| remote.notes.vault().signing(secret))
            .collect::<std::result::Result<_, _>>()?,
        None => context.endpoint_secrets(endpoint, profile, Purpose::Sign)?,
    };
    // A secret that is noted for a remote place cannot be found by the endpoint's name alone.
    let name = remote.is_none().then_some(endpoint.name.as_str());
    let signing = context.signing(profile, &[], (name, own))?;
    if matches!(&signing, Signing::Fresh { secret, .. } if **secret == SecretKind::Dev) {
        let what = format!("`{}` has no secret: signed with the {DEV_SECRET}", endpoint.name);
        context.notices.note(what);
    }
    Ok(signing)
}

impl EndpointProbe<'_> {
    /// The genuine events, and then those that a receiver must refuse when there was any answer.
    async fn exchanges(&self) -> Result<Vec<Exchange>> {
        let composer = Composer::new(&self.profile, self.compose_options())?;
        let genuine = (0..self.options.count).map(|_| self.event_of(&composer));
        let genuine = genuine.collect::<Result<Vec<Delivery>>>()?;
        if let Some(first) = genuine.first() {
            check_signature(self.context, first)?;
        }
        let mut exchanges = self.send(genuine).await?;
        if !exchanges.iter().any(|exchange| exchange.status().is_some()) {
            return Ok(exchanges);
        }
        let invalid = self.invalid(&composer)?;
        let ids: Vec<Id> = invalid.iter().map(|delivery| delivery.id).collect();
        exchanges.extend(self.send(invalid).await?);
        // So that `replay --failed` does not send them again.
        let ledger = self.context.ledger();
        for delivery in ids {
            let state = DeliveryState::Tested;
            let owner = None;
            ledger.write(Op::State { delivery, state, owner }).await?;
        }
        ledger.close();
        Ok(exchanges)
    }

    /// A new event of the test, to be delivered.
    fn event_of(&self, composer: &Composer<'_>) -> Result<Delivery> {
        let now = self.context.now();
        let id = Id::new(IdKind::Message, now, &self.context.random);
        self.delivery(composer.compose(id, now, &self.context.random)?)
    }

    /// Those of the endpoint, and those of the options, which win.
    fn headers(&self) -> Headers {
        let own = self.endpoint.headers.iter();
        let mut headers: Headers = own.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        headers.replace_with(self.options.headers.iter());
        headers
    }

    fn remote_flags(&self) -> Option<&str> {
        self.options.remote.as_ref().map(|remote| remote.flags)
    }

    fn compose_options(&self) -> ComposeOptions {
        let account = self.context.account_params(&self.profile).into_iter();
        let own = self.endpoint.params.clone();
        ComposeOptions {
            event: self.event.clone(),
            // The last value of a name counts.
            params: account.chain(own).chain(self.options.params.iter().cloned()).collect(),
            mode: Mode::Test,
            ..ComposeOptions::default()
        }
    }

    fn delivery(&self, message: Message) -> Result<Delivery> {
        let now = self.context.now();
        let label = Label {
            source: Source::Test,
            provider: Some(self.profile.label()),
            endpoint: Some(self.endpoint.name.clone()),
            tenant: self.endpoint.tenant.clone(),
            ..Label::default()
        };
        let (random, url) = (&self.context.random, parse_url(&self.endpoint.url)?);
        let (signing, policy) = (self.signing.clone(), Arc::clone(&self.policy));
        let method = self.options.method.as_ref();
        Ok(Delivery {
            method: method.unwrap_or(&self.profile.delivery.method).clone(),
            headers: self.headers(),
            addresses: self.options.addresses,
            ..Delivery::new(random, now, message, url, signing, policy, label)
        })
    }

    /// Sends one after the other, through the ledger like everything else.
    async fn send(&self, deliveries: Vec<Delivery>) -> Result<Vec<Exchange>> {
        let (jobs_in, jobs) = mpsc::channel(deliveries.len().max(1));
        for delivery in deliveries {
            let _ = jobs_in.send(delivery).await;
        }
        drop(jobs_in);
        let (transport, cancel) = (Arc::clone(&self.options.transport), self.options.cancel.clone());
        let ledger = self.context.ledger();
        let pipeline = self
            .context
            .pipeline(transport, ledger.clone(), Limits::default(), cancel, None);
        let mut exchanges = Vec::new();
        let tally = pipeline.run(jobs, &mut exchanges).await?;
        ledger.close();
        if tally.interrupted > 0 {
            return Err(Error::silent(Exit::Interrupted));
        }
        Ok(exchanges)
    }
}

impl DeliveryObserver for Vec<Exchange> {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        self.extend(event.attempt.clone().map(|attempt| Exchange {
            number,
            signing: match event.delivery.signing {
                Signing::Invalid(mode) => mode,
                Signing::Fresh { .. } | Signing::AsCaptured => SigningMode::Fresh,
            },
            attempt,
        }));
        Ok(())
    }
}
