//! Where a message goes: a URL, an endpoint, or every subscribed endpoint.

use std::sync::Arc;

use url::Url;

use crate::app::context::{Context, Purpose};
use crate::app::notice::{Fact, SkippedEndpoint};
use crate::app::resolve::account_off;
use crate::endpoints::{Endpoint, SkipReason, WantedEvent};
use crate::engine::Label;
use crate::error::{Error, Result};
use crate::exchange::Execution;
use crate::exit::Exit;
use crate::health::HealthTarget;
use crate::mask;
use crate::provider::Profile;
use crate::secret::Secret;
use crate::target::parse_url;
use crate::text::{count, printable, quoted};

/// One target of a message.
#[derive(Debug, Clone)]
pub struct SendTarget {
    /// The URL.
    pub url: Url,
    /// What records say about deliveries to it.
    pub label: Arc<Label>,
    /// The endpoint's own secrets, to sign with.
    pub(super) secrets: Vec<Secret>,
}

/// The targets of a message.
#[derive(Debug, Clone)]
pub enum TargetChoice {
    /// This URL.
    Url(Url),
    /// This endpoint.
    Endpoint(Box<Endpoint>),
    /// Those of all that want the event.
    Subscribed {
        /// All of them.
        endpoints: Vec<Endpoint>,
        /// Only those of this environment.
        environment: Option<String>,
    },
}

/// The message, as far as it decides about targets.
pub(super) struct TargetContext<'a> {
    pub(super) profile: &'a Profile,
    /// The catalogue's name.
    pub(super) event: Option<&'a str>,
    /// Values of the envelope's parameters that the account and the caller give.
    pub(super) params: &'a [(String, String)],
    /// Whether the endpoint's own secrets sign.
    pub(super) with_secrets: bool,
    /// Of which workflow it is.
    pub(super) execution: Option<&'a Execution>,
    /// Whether a failed delivery has had every attempt that the schedule allows: else the provider would have gone on.
    pub(super) works_off_schedule: bool,
}

impl TargetChoice {
    /// The provider that the endpoints name. Of subscribed ones it is the only provider whose event they want.
    pub fn provider(&self, context: &Context, event: Option<&str>) -> Result<Option<String>> {
        let endpoints = match self {
            Self::Url(_) => return Ok(None),
            Self::Endpoint(endpoint) => return Ok(Some(endpoint.provider.clone())),
            Self::Subscribed { endpoints, .. } => endpoints,
        };
        let Some(event) = event else { return Ok(None) };
        let wants = |endpoint: &&Endpoint| {
            let profile = context.registry.get(&endpoint.provider).ok();
            let event = profile.as_ref().and_then(|profile| profile.canonical_event(event));
            event.is_some_and(|event| endpoint.events.contains(event))
        };
        let wanting = endpoints.iter().filter(wants);
        let mut labels: Vec<&str> = wanting.map(|endpoint| endpoint.provider.as_str()).collect();
        labels.sort_unstable();
        labels.dedup();
        match labels.as_slice() {
            [] => Ok(None),
            [one] => {
                context.notices.note(format!("provider: {one}"));
                Ok(Some((*one).to_owned()))
            }
            _ if context.settings.provider.is_some() => Ok(None),
            [first, ..] => {
                let what = format!("endpoints of several providers want `{event}`: {}", quoted(&labels));
                Err(Error::usage(what).hint(format!("pick one: `--provider {first}`")))
            }
        }
    }

    /// The endpoint's parameters of the envelope.
    pub(super) fn params(&self) -> Vec<(String, String)> {
        match self {
            Self::Endpoint(endpoint) => endpoint.params.clone().into_iter().collect(),
            Self::Url(_) | Self::Subscribed { .. } => Vec::new(),
        }
    }

    /// Resolves the targets. Reports which endpoints get the event.
    pub(super) fn targets(&self, context: &Context, of: &TargetContext<'_>) -> Result<Vec<SendTarget>> {
        if context.settings.account_off && !matches!(self, Self::Url(_)) {
            return Err(account_off().hint("`--to URL` sends to a URL anyway"));
        }
        match self {
            Self::Url(url) => Ok(vec![of.target(url.clone(), None, Vec::new())]),
            Self::Endpoint(endpoint) => {
                if let Some(disabled) = &endpoint.disabled {
                    let why = printable(&disabled.to_string(), 200);
                    let what = format!("endpoint `{}` is disabled: {why}", endpoint.name);
                    return Err(Error::new(Exit::Refused, what).hint(endpoint.activation_hint()));
                }
                if of.profile.name != endpoint.provider_name() {
                    let (name, its, ours) = (&endpoint.name, &endpoint.provider, of.profile.label());
                    let what = format!("endpoint `{name}` is of `{its}`, and the event is sent as one of `{ours}`");
                    context.notices.warn(printable(&what, 1000));
                }
                if let Some(event) = of.event.filter(|event| !endpoint.events.contains(event)) {
                    let (name, has) = (&endpoint.name, endpoint.events.summary(200));
                    let what = format!("endpoint `{name}` did not subscribe to `{event}`, but to {has}");
                    context.notices.warn(printable(&what, 1000));
                }
                Ok(vec![of.endpoint(context, endpoint)?])
            }
            Self::Subscribed { endpoints, environment } => of
                .subscribed(context, endpoints, environment.as_deref())?
                .into_iter()
                .map(|endpoint| of.endpoint(context, endpoint))
                .collect(),
        }
    }
}

impl TargetContext<'_> {
    /// The endpoints that want the event.
    fn subscribed<'e>(
        &self,
        context: &Context,
        all: &'e [Endpoint],
        environment: Option<&str>,
    ) -> Result<Vec<&'e Endpoint>> {
        let label = self.profile.label();
        let event = self.event.ok_or_else(|| {
            Error::usage("`--subscribed` needs an event to find who wants it").hint(format!(
                "name it: `hook send EVENT`; `hook providers events {label}` shows the catalogue"
            ))
        })?;
        let wanted = WantedEvent {
            provider: &self.profile.name,
            event,
            environment,
            tenant: None,
            params: &self.profile.effective_params(self.params),
        };
        let judged = all.iter().map(|endpoint| (endpoint, endpoint.wants(&wanted).err()));
        let judged: Vec<(&Endpoint, Option<SkipReason>)> = judged.collect();
        let chosen = judged.iter().filter(|(_, skip)| skip.is_none());
        let chosen: Vec<&Endpoint> = chosen.map(|(endpoint, _)| *endpoint).collect();
        announce(context, event, &judged, chosen.len());
        if chosen.is_empty() {
            let mut disabled = judged.iter().filter(|(endpoint, _)| {
                endpoint.disabled.is_some()
                    && endpoint.provider_name() == self.profile.name
                    && endpoint.events.contains(event)
            });
            let hint = match disabled.next() {
                Some((endpoint, _)) => endpoint.activation_hint(),
                None => "`hook endpoints add` subscribes one".to_owned(),
            };
            return Err(Error::nothing(format!("no endpoint gets `{event}` of `{label}`")).hint(hint));
        }
        Ok(chosen)
    }

    fn endpoint(&self, context: &Context, endpoint: &Endpoint) -> Result<SendTarget> {
        let secrets = if self.with_secrets {
            context.endpoint_secrets(endpoint, self.profile, Purpose::Sign)?
        } else {
            Vec::new()
        };
        Ok(self.target(parse_url(&endpoint.url)?, Some(endpoint), secrets))
    }

    fn target(&self, url: Url, endpoint: Option<&Endpoint>, secrets: Vec<Secret>) -> SendTarget {
        let label = Arc::new(Label {
            provider: Some(self.profile.label()),
            endpoint: endpoint.map(|endpoint| endpoint.name.clone()),
            tenant: endpoint.and_then(|endpoint| endpoint.tenant.clone()),
            execution: self.execution.cloned(),
            health: endpoint.map(|endpoint| HealthTarget {
                id: endpoint.id.clone(),
                counts_failure: self.works_off_schedule,
            }),
            ..Label::default()
        });
        SendTarget { url, label, secrets }
    }
}

/// Reports which endpoints get the event, and why the others do not.
fn announce(context: &Context, event: &str, judged: &[(&Endpoint, Option<SkipReason>)], chosen: usize) {
    let of = count(judged.len() as u64, "endpoint");
    context.notices.note(format!("`{event}` goes to {chosen} of {of}"));
    let names = judged.iter().map(|(endpoint, _)| endpoint.name.len());
    let wide = names.max().unwrap_or_default();
    for (endpoint, skip) in judged {
        let name = &endpoint.name;
        match skip {
            None => context
                .notices
                .note(format!("  {name:<wide$}  {}", mask::url(&endpoint.url))),
            Some(skip) => context.notices.fact(Fact::Skipped(SkippedEndpoint {
                endpoint: name.clone(),
                event: event.to_owned(),
                reason: skip.to_string(),
                width: wide,
            })),
        }
    }
}

/// The secrets that deliveries to an endpoint are signed with.
pub fn endpoint_secrets(context: &Context, name: Option<&str>, profile: &Profile) -> Result<Vec<Secret>> {
    let Some(name) = name else { return Ok(Vec::new()) };
    let endpoints = context.book().written()?;
    let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.name == name) else {
        let name = printable(name, 80);
        context
            .notices
            .note(format!("endpoint `{name}` was removed, so its secret is not known"));
        return Ok(Vec::new());
    };
    context.endpoint_secrets(endpoint, profile, Purpose::Sign)
}
