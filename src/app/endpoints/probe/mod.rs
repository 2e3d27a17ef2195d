//! Tests an endpoint: sends a signed event and some with faulty signatures, and checks the answers.

mod verdict;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::check::forge::SHORT;
use crate::app::check::player::{Exchange, Player};
use crate::app::context::Context;
use crate::app::resolve::account_off;
use crate::app::sign::check_signature;
use crate::endpoints::{AttemptTimeout, Book, Endpoint, Events};
use crate::engine::{Delivery, Label, Signing};
use crate::error::{Error, Result};
use crate::exchange::{SecretKind, Source};
use crate::finding::{Finding, Level};
use crate::headers::Headers;
use crate::id::Id;
use crate::provider::policy::{Policy, Schedule};
use crate::provider::{Profile, near_names};
use crate::secret::DEV_SECRET;
use crate::shell;
use crate::signature::Scheme;
use crate::target::parse_url;
use crate::text::printable;
use crate::transport::{AddressPolicy, HttpTransport, WireShape};
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

/// A test of one endpoint.
struct EndpointProbe<'a> {
    endpoint: &'a Endpoint,
    options: &'a ProbeOptions<'a>,
    player: Player<'a>,
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

/// Tests an endpoint with real requests, which the ledger keeps.
pub async fn probe(context: &Context, endpoint: Endpoint, options: &ProbeOptions<'_>) -> Result<ProbeReport> {
    if context.settings.account_off && options.remote.is_none() {
        return Err(account_off());
    }
    let profile = context.registry.get(&endpoint.provider)?;
    let event = event(&profile, &endpoint, options.event.as_deref())?;
    let signing = signing(context, &endpoint, &profile, options.remote.as_ref())?;
    let probe = EndpointProbe {
        player: player(context, &endpoint, options, (profile, event, signing))?,
        endpoint: &endpoint,
        options,
    };
    let (notices, name, provider) = (&context.notices, &endpoint.name, &endpoint.provider);
    if let Some(disabled) = &endpoint.disabled {
        let why = printable(&disabled.to_string(), 200);
        notices.note(format!("`{name}` is disabled ({why}): testing anyway"));
    }
    notices.note(format!("testing {name} with `{}` of {provider}", probe.player.event));
    let exchanges = probe.exchanges().await?;
    let findings = verdict::findings(&probe, &exchanges);
    let event = probe.player.event;
    Ok(ProbeReport {
        endpoint,
        event,
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

/// Plays the endpoint's provider.
fn player<'a>(
    context: &'a Context,
    endpoint: &Endpoint,
    options: &ProbeOptions<'_>,
    (profile, event, signing): (Arc<Profile>, String, Signing),
) -> Result<Player<'a>> {
    let account = context.account_params(&profile).into_iter();
    let own = endpoint.params.clone();
    // Those of the endpoint, and those of the options, which win.
    let mut headers: Headers = endpoint
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    headers.replace_with(options.headers.iter());
    Ok(Player {
        context,
        event,
        url: parse_url(&endpoint.url)?,
        method: options.method.as_ref().unwrap_or(&profile.delivery.method).clone(),
        headers,
        addresses: options.addresses,
        policy: Arc::new(Policy {
            // One attempt each: a retry would hide what the receiver answered first.
            schedule: Schedule::default(),
            timeout: (options.timeout)
                .or(endpoint.limits.timeout.map(AttemptTimeout::duration))
                .unwrap_or(profile.policy.timeout),
            ..profile.policy.clone()
        }),
        label: Label {
            source: Source::Test,
            provider: Some(profile.label()),
            endpoint: Some(endpoint.name.clone()),
            tenant: endpoint.tenant.clone(),
            ..Label::default()
        },
        signing,
        // The last value of a name counts.
        params: account.chain(own).chain(options.params.iter().cloned()).collect(),
        transport: Arc::clone(&options.transport),
        cancel: options.cancel.clone(),
        until: None,
        ledger: context.ledger(),
        profile,
    })
}

impl EndpointProbe<'_> {
    /// The genuine events, and then those that a receiver must refuse when there was any answer.
    async fn exchanges(&self) -> Result<Vec<Exchange>> {
        let player = &self.player;
        let composer = player.composer()?;
        let genuine = (0..self.options.count).map(|_| player.event_of(&composer));
        let genuine = genuine.collect::<Result<Vec<Delivery>>>()?;
        if let Some(first) = genuine.first() {
            check_signature(player.context, first)?;
        }
        let shape = WireShape::default();
        let mut exchanges = player.send(genuine, 1, &shape).await?;
        if !exchanges.iter().any(|exchange| exchange.status().is_some()) {
            return Ok(exchanges);
        }
        let faulty = SHORT.iter().map(|mode| player.faulty(&composer, *mode));
        let faulty: Vec<Delivery> = faulty.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
        let ids: Vec<Id> = faulty.iter().map(|delivery| delivery.id).collect();
        exchanges.extend(player.send(faulty, 1, &shape).await?);
        player.mark_tested(ids).await?;
        Ok(exchanges)
    }

    fn remote_flags(&self) -> Option<&str> {
        self.options.remote.as_ref().map(|remote| remote.flags)
    }
}
