//! `hook endpoints add`.

use super::ask;
use super::flags::{self, EndpointSecretArgs, LimitArgs, OwnArgs, RuleArgs};
use crate::app::endpoints::{AddOptions, Endpoints};
use crate::cli::input;
use crate::cli::session::Session;
use crate::endpoints::{EndpointEntry, EndpointLimits};
use crate::error::{Error, Result};
use crate::exit::Exit;

/// Add an endpoint, validated by its provider's rules; prompts for what is missing
#[derive(Debug, clap::Args)]
pub(super) struct EndpointAddArgs {
    /// Target of deliveries: a URL, `localhost:3000/path`, `:3000` or a port
    url: Option<String>,
    /// The same as a flag
    #[arg(short, long, value_name = "URL", conflicts_with = "url")]
    to: Option<String>,
    /// The provider that delivers: `NAME` or `NAME@VARIANT`
    #[arg(short, long, value_name = "NAME", add = crate::cli::complete::providers())]
    provider: Option<String>,
    /// Events of the catalogue, separated by commas, or `all`
    #[arg(long, value_name = "EVENTS", value_delimiter = ',', add = crate::cli::complete::events())]
    events: Vec<String>,
    /// Name of the endpoint; derived from the URL unless given
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Description for people
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Environment of the endpoint, such as `staging`
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// The account's plan, where the provider limits endpoints by plan
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// Parameter of the provider's envelope for this endpoint: `NAME=VALUE` (can be repeated)
    #[arg(long = "param", value_name = "PAIR", value_parser = input::pair)]
    params: Vec<(String, String)>,
    /// Send the provider's handshake first: the endpoint is pending until it returns the token
    #[arg(long, conflicts_with = "remote")]
    confirm: bool,
    #[command(flatten)]
    own: OwnArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    secret: EndpointSecretArgs,
    #[command(flatten)]
    rules: RuleArgs,
}

pub(super) fn run(session: &Session, endpoints: Endpoints<'_>, args: &EndpointAddArgs) -> Result<Exit> {
    let remote = endpoints.store.remote();
    let label = remote.map(|remote| remote.profile.label());
    // The provider of a remote is fixed; another one would be ignored silently.
    if let (Some(remote), Some(label)) = (remote, &label)
        && args.provider.as_ref().is_some_and(|provider| provider != label)
    {
        let what = format!("the provider of `{}` is `{label}`", remote.name);
        return Err(Error::usage(what).hint("leave out `--provider`"));
    }
    let url = args.url.as_deref().or(args.to.as_deref());
    let required = ask::complete(
        session,
        label.as_deref().or(args.provider.as_deref()),
        url,
        &args.events,
    )?;
    let name = endpoints.add(AddOptions {
        profile: required.profile,
        entry: EndpointEntry {
            name: args.name.clone(),
            url: required.url,
            provider: None,
            events: flags::events(&required.events),
            description: args.description.clone(),
            active: None,
            env: args.env.clone(),
            plan: args.plan.clone(),
            params: args.params.iter().cloned().collect(),
            tenant: args.own.tenant.clone(),
            conditions: args.own.conditions(),
            headers: args.own.headers(),
            limits: EndpointLimits::default().changed(args.limits.change()),
            secret: None,
        },
        confirm: args.confirm,
        secret: args.secret.options(session),
        rules: args.rules.options(),
    })?;
    if remote.is_none() {
        session.ui.hint(&format!(
            "`hook endpoints test {name}` tries it out; `hook listen --secret endpoint:{name}` verifies what comes"
        ));
    }
    Ok(Exit::Ok)
}
