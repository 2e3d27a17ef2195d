//! `hook endpoints update`, `enable`, `disable`, `remove` and `rotate-secret`.

use std::time::Duration;

use super::flags::{self, EndpointSecretArgs, LimitArgs, OwnArgs, RuleArgs};
use crate::app::endpoints::{Endpoints, UpdateOptions};
use crate::cli::session::Session;
use crate::cli::{input, prompt};
use crate::endpoints::{Change, Endpoint};
use crate::error::Result;
use crate::mask;
use crate::text::count;

/// Change an endpoint; its secret stays
#[derive(Debug, clap::Args)]
pub(super) struct UpdateArgs {
    /// Name, id or id prefix
    #[arg(value_name = "NAME", add = crate::cli::complete::endpoints())]
    pub(super) endpoint: String,
    /// New URL
    #[arg(short, long, value_name = "URL", help_heading = "Changes")]
    to: Option<String>,
    /// New events, separated by commas, or `all`
    #[arg(long, value_name = "EVENTS", value_delimiter = ',', add = crate::cli::complete::events(), help_heading = "Changes")]
    events: Option<Vec<String>>,
    /// New name
    #[arg(long = "name", value_name = "NAME", help_heading = "Changes")]
    rename: Option<String>,
    /// New description; an empty one removes it
    #[arg(long, value_name = "TEXT", help_heading = "Changes")]
    description: Option<String>,
    /// Enable or disable it
    #[arg(long, value_name = "BOOL", help_heading = "Changes")]
    active: Option<bool>,
    /// New environment; an empty one removes it
    #[arg(long, value_name = "NAME", help_heading = "Changes")]
    env: Option<String>,
    /// New plan; an empty one removes it
    #[arg(long, value_name = "PLAN", help_heading = "Changes")]
    plan: Option<String>,
    /// New value of an envelope's parameter: `NAME=VALUE` (can be repeated)
    #[arg(long = "param", value_name = "PAIR", value_parser = input::pair, help_heading = "Changes")]
    params: Vec<(String, String)>,
    #[command(flatten)]
    own: OwnArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    rules: RuleArgs,
    /// With `--remote`: remove and recreate it where the provider cannot change it, with a new id and a new secret
    #[arg(long, requires = "remote")]
    recreate: bool,
}

/// Give an endpoint a new secret; the old one stays valid for a while
#[derive(Debug, clap::Args)]
pub(super) struct RotateArgs {
    /// Name, id or id prefix
    #[arg(value_name = "NAME", add = crate::cli::complete::endpoints())]
    pub(super) endpoint: String,
    /// How long the old secret still verifies; `0` ends it at once
    #[arg(long, value_name = "DURATION", value_parser = crate::clock::parse_duration, default_value = "24h")]
    pub(super) overlap: Duration,
    #[command(flatten)]
    pub(super) secret: EndpointSecretArgs,
}

/// Enable endpoints again, and reset their failure counts
#[derive(Debug, clap::Args)]
pub(super) struct EnableArgs {
    /// Names, ids or id prefixes
    #[arg(required = true, value_name = "NAME", add = crate::cli::complete::endpoints())]
    pub(super) names: Vec<String>,
    /// Deliver what `hook serve` parked while they were disabled
    #[arg(long)]
    pub(super) replay_parked: bool,
}

/// Stop deliveries to endpoints until they are enabled again
#[derive(Debug, clap::Args)]
pub(super) struct NameArgs {
    /// Names, ids or id prefixes
    #[arg(required = true, value_name = "NAME", add = crate::cli::complete::endpoints())]
    pub(super) names: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct PauseArgs {
    /// Names, ids or id prefixes
    #[arg(required_unless_present = "all", value_name = "NAME", add = crate::cli::complete::endpoints())]
    names: Vec<String>,
    /// Everything that `hook serve` delivers, and every endpoint
    #[arg(long, conflicts_with = "names")]
    all: bool,
}

impl PauseArgs {
    pub(super) fn set(&self, endpoints: Endpoints<'_>, paused: bool) -> Result<()> {
        if self.all {
            endpoints.pause_all(paused)
        } else {
            endpoints.pause(&self.names, paused)
        }
    }
}

/// Remove endpoints and their stored secrets
#[derive(Debug, clap::Args)]
pub(super) struct RemoveArgs {
    /// Names, ids or id prefixes
    #[arg(required = true, value_name = "NAME", add = crate::cli::complete::endpoints())]
    pub(super) names: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl UpdateArgs {
    pub(super) fn options(&self, session: &Session) -> UpdateOptions {
        UpdateOptions {
            change: Change {
                name: self.rename.clone(),
                url: self.to.clone(),
                events: self.events.as_deref().map(flags::events),
                active: self.active,
                description: self.description.clone(),
                labels: self.env.clone().map(|env| [("env".to_owned(), env)].into()),
                plan: self.plan.clone(),
                params: (!self.params.is_empty()).then(|| self.params.iter().cloned().collect()),
                tenant: self.own.tenant.clone(),
                conditions: Some(self.own.conditions()).filter(|given| !given.is_empty()),
                headers: Some(self.own.headers()).filter(|given| !given.is_empty()),
                limits: None,
                secret: None,
            },
            limits: self.limits.change(),
            rules: self.rules.options(),
            recreate: self.recreate,
            secret: EndpointSecretArgs::default().options(session),
        }
    }
}

impl RemoveArgs {
    /// Prompts before the endpoints are removed, unless `--yes` is given.
    pub(super) fn confirmed(&self, session: &Session, found: Vec<Endpoint>) -> Result<Vec<Endpoint>> {
        if self.yes {
            return Ok(found);
        }
        let ui = &session.ui;
        for endpoint in &found {
            let (name, url) = (ui.err.name(&endpoint.name), mask::url(&endpoint.url));
            ui.note(&format!("{name}  {}  {url}", endpoint.provider));
        }
        let question = match found.as_slice() {
            [one] => format!("Remove endpoint `{}` with its secret?", one.name),
            several => format!("Remove {} with their secrets?", count(several.len() as u64, "endpoint")),
        };
        prompt::insist(ui, &question, "add `--yes`").map(|()| found)
    }
}
