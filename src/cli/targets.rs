//! Where `send` delivers: a URL, an endpoint, or every subscribed endpoint.

use std::sync::Arc;

use clap::Args;
use url::Url;

use super::endpoints::events_shown;
use crate::app::context::Purpose;
use crate::app::resolve::account_off;
pub(super) use crate::app::resolve::target_url as parse_url;
use crate::cli::prompt;
use crate::cli::session::Session;
use crate::endpoints::{Endpoint, SkipReason, Wanted};
use crate::engine::Label;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::mask;
use crate::provider::Profile;
use crate::secret::Secret;
use crate::text::printable;
use crate::transport::address_policy;
use crate::view::count;

#[derive(Debug, Clone, Args)]
pub(super) struct TargetArgs {
    /// Where to: a URL, `localhost:3000/path`, `:3000` or a port
    #[arg(short, long, value_name = "URL", help_heading = "Target")]
    to: Option<String>,
    /// To this endpoint: a name or an id
    #[arg(short, long, value_name = "NAME", add = super::complete::endpoints(), conflicts_with = "to", help_heading = "Target")]
    endpoint: Option<String>,
    /// To every active endpoint that wants the event
    #[arg(long, conflicts_with_all = ["to", "endpoint"], help_heading = "Target")]
    subscribed: bool,
    /// Only to endpoints of this environment
    #[arg(long, value_name = "NAME", requires = "subscribed", conflicts_with_all = ["to", "endpoint"], help_heading = "Target")]
    env: Option<String>,
    /// Do not ask before sending to targets that are not loopback
    #[arg(short, long, help_heading = "Target")]
    yes: bool,
}

/// One place that a message goes to.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) label: Arc<Label>,
    /// The endpoint's own secrets, to sign with.
    pub(super) secrets: Vec<Secret>,
}

/// What the user aims at.
pub(super) enum TargetChoice {
    Url(Url),
    Endpoint(Box<Endpoint>),
    /// Those of all that want the event.
    Subscribed(Vec<Endpoint>),
}

/// What is about to be sent.
pub(super) struct TargetContext<'a> {
    pub(super) profile: &'a Profile,
    /// The catalogue's name.
    pub(super) event: Option<&'a str>,
    /// Values of the envelope's parameters that the user gave.
    pub(super) params: &'a [(String, String)],
    /// Whether the user gave other secrets.
    pub(super) other_secrets: bool,
    /// Whether nothing is sent in the end.
    pub(super) rehearsal: bool,
}

const NO_TARGET: &str = "add `--to URL`, `--endpoint NAME` or `--subscribed`";

impl TargetArgs {
    /// The same, with a URL to go to where the flags say nothing.
    pub(super) fn or_to(mut self, url: Option<String>) -> Self {
        self.to = self.to.or(url);
        self
    }

    /// Whether a flag says where to.
    pub(super) fn is_given(&self) -> bool {
        self.to.is_some()
    }

    /// What is aimed at; asks for an endpoint when no flag says it.
    pub(super) fn aim(&self, session: &Session) -> Result<TargetChoice> {
        if let Some(to) = &self.to {
            return Ok(TargetChoice::Url(parse_url(to)?));
        }
        if let Some(name) = &self.endpoint {
            return Ok(TargetChoice::Endpoint(Box::new(session.endpoint(name)?)));
        }
        if self.subscribed {
            return Ok(TargetChoice::Subscribed(session.book().read()?));
        }
        let none = || Error::usage("no target is given").hint(NO_TARGET);
        if !session.ui.can_ask() {
            return Err(none());
        }
        let mut endpoints = session.book().read()?;
        endpoints.retain(Endpoint::is_active);
        if endpoints.is_empty() {
            return Err(none().hint("`hook endpoints add` makes an endpoint to choose"));
        }
        let line = |endpoint: &Endpoint| format!("{}  {}", endpoint.name, printable(&mask::url(&endpoint.url), 80));
        let lines: Vec<String> = endpoints.iter().map(line).collect();
        let index = prompt::choose(&session.ui, "Send to which endpoint?", &lines, NO_TARGET)?;
        Ok(TargetChoice::Endpoint(Box::new(endpoints.swap_remove(index))))
    }

    /// The targets; lists them and asks where that is due.
    pub(super) fn targets(
        &self,
        session: &Session,
        aim: &TargetChoice,
        shot: &TargetContext<'_>,
    ) -> Result<Vec<Target>> {
        if session.settings.account_off && !matches!(aim, TargetChoice::Url(_)) {
            return Err(account_off().hint("`--to URL` sends to a URL anyway"));
        }
        match aim {
            TargetChoice::Url(url) => Ok(vec![Target {
                url: url.clone(),
                label: super::send::label(&shot.profile.label(), None),
                secrets: Vec::new(),
            }]),
            TargetChoice::Endpoint(endpoint) => {
                if let Some(disabled) = &endpoint.disabled {
                    let why = printable(&disabled.to_string(), 200);
                    let what = format!("endpoint `{}` is disabled: {why}", endpoint.name);
                    return Err(Error::new(Exit::Refused, what)
                        .hint(format!("`hook endpoints enable {}` turns it on again", endpoint.name)));
                }
                if let Some(event) = shot.event.filter(|event| !endpoint.events.contains(event)) {
                    let has = events_shown(&endpoint.events, 200);
                    let what = format!(
                        "endpoint `{}` did not subscribe to `{event}`, but to {has}",
                        endpoint.name
                    );
                    session.ui.warn(&printable(&what, 1000));
                }
                Ok(vec![target(session, endpoint, shot)?])
            }
            TargetChoice::Subscribed(all) => self.subscribed(session, all, shot),
        }
    }

    fn subscribed(&self, session: &Session, all: &[Endpoint], shot: &TargetContext<'_>) -> Result<Vec<Target>> {
        let Some(event) = shot.event else {
            return Err(
                Error::usage("`--subscribed` needs an event to find who wants it").hint(format!(
                    "name it: `hook send EVENT`; `hook providers events {}` shows the catalogue",
                    shot.profile.label()
                )),
            );
        };
        let params = shot.profile.effective_params(shot.params);
        let wanted = Wanted {
            provider: &shot.profile.name,
            event,
            environment: self.env.as_deref(),
            params: &params,
        };
        let judged: Vec<(&Endpoint, Option<SkipReason>)> = all
            .iter()
            .map(|endpoint| (endpoint, endpoint.wants(&wanted).err()))
            .collect();
        let chosen: Vec<&Endpoint> = judged
            .iter()
            .filter(|(_, skip)| skip.is_none())
            .map(|(e, _)| *e)
            .collect();
        announce(session, event, &judged, chosen.len());
        if chosen.is_empty() {
            return Err(
                Error::nothing(format!("no endpoint gets `{event}` of `{}`", shot.profile.label()))
                    .hint("`hook endpoints add` subscribes one"),
            );
        }
        let targets: Vec<Target> = chosen
            .iter()
            .map(|endpoint| target(session, endpoint, shot))
            .collect::<Result<_>>()?;
        self.ask(session, event, &targets, shot.rehearsal)?;
        Ok(targets)
    }

    fn ask(&self, session: &Session, event: &str, targets: &[Target], rehearsal: bool) -> Result<()> {
        let outside = targets
            .iter()
            .filter(|target| !address_policy::is_loopback(&target.url))
            .count();
        if outside == 0 || self.yes || rehearsal {
            return Ok(());
        }
        let what = match (targets.len(), outside) {
            (1, _) => "1 endpoint that is not on this machine".to_owned(),
            (all, outside) => format!("{all} endpoints, {outside} of them not on this machine"),
        };
        if prompt::confirm(&session.ui, &format!("Send `{event}` to {what}?"), "add `--yes`")? {
            Ok(())
        } else {
            Err(Error::silent(Exit::Interrupted))
        }
    }
}

impl TargetChoice {
    /// The provider that the endpoints name. Of subscribed ones it is the only provider whose event they want.
    pub(super) fn provider(&self, session: &Session, event: Option<&str>) -> Result<Option<String>> {
        let all = match self {
            Self::Url(_) => return Ok(None),
            Self::Endpoint(endpoint) => return Ok(Some(endpoint.provider.clone())),
            Self::Subscribed(all) => all,
        };
        let Some(event) = event else { return Ok(None) };
        let wants = |endpoint: &&Endpoint| {
            let profile = session.registry.get(&endpoint.provider);
            profile.is_ok_and(|profile| {
                profile
                    .canonical_event(event)
                    .is_some_and(|event| endpoint.events.contains(event))
            })
        };
        let mut labels: Vec<&str> = all
            .iter()
            .filter(wants)
            .map(|endpoint| endpoint.provider.as_str())
            .collect();
        labels.sort_unstable();
        labels.dedup();
        match labels.as_slice() {
            [] => Ok(None),
            [one] => {
                session.ui.note(&format!("provider: {}", session.ui.err.name(one)));
                Ok(Some((*one).to_owned()))
            }
            _ if session.settings.provider.is_some() => Ok(None),
            [first, ..] => {
                let names: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
                let what = format!("endpoints of several providers want `{event}`: {}", names.join(", "));
                Err(Error::usage(what).hint(format!("pick one: `--provider {first}`")))
            }
        }
    }

    /// What the endpoint says about the envelope.
    pub(super) fn params(&self) -> Vec<(String, String)> {
        match self {
            Self::Endpoint(endpoint) => endpoint.params.clone().into_iter().collect(),
            Self::Url(_) | Self::Subscribed(_) => Vec::new(),
        }
    }
}

fn target(session: &Session, endpoint: &Endpoint, shot: &TargetContext<'_>) -> Result<Target> {
    let secrets = if shot.other_secrets {
        Vec::new()
    } else {
        session.endpoint_secrets(endpoint, shot.profile, Purpose::Sign)?
    };
    Ok(Target {
        url: parse_url(&endpoint.url)?,
        label: super::send::label(&shot.profile.label(), Some(endpoint.name.clone())),
        secrets,
    })
}

/// Says who gets the event, and why the others do not.
fn announce(session: &Session, event: &str, judged: &[(&Endpoint, Option<SkipReason>)], chosen: usize) {
    let (ui, style) = (&session.ui, session.ui.err);
    let of = count(judged.len() as u64, "endpoint");
    ui.note(&format!("`{event}` goes to {chosen} of {of}"));
    let wide = judged
        .iter()
        .map(|(endpoint, _)| endpoint.name.len())
        .max()
        .unwrap_or_default();
    for (endpoint, skip) in judged {
        let name = format!("{:<wide$}", endpoint.name);
        ui.note(&match skip {
            None => format!("  {}  {}", style.name(&name), mask::url(&endpoint.url)),
            Some(skip) => style.dim(&format!("  {name}  skipped: {}", printable(&skip.to_string(), 200))),
        });
    }
}

/// The secrets that deliveries to an endpoint are signed with.
pub(super) fn endpoint_secrets(session: &Session, name: Option<&str>, profile: &Profile) -> Result<Vec<Secret>> {
    let Some(name) = name else { return Ok(Vec::new()) };
    let endpoints = session.book().read()?;
    let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.name == name) else {
        let name = printable(name, 80);
        session.ui.note(&format!(
            "endpoint `{name}` is not in the book any more, and its secret is not known"
        ));
        return Ok(Vec::new());
    };
    session.endpoint_secrets(endpoint, profile, Purpose::Sign)
}
