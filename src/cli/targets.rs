//! Flags about where `send` delivers: a URL, an endpoint, or every subscribed endpoint.

use clap::Args;

use crate::app::outgoing::{SendTarget, TargetChoice};
use crate::cli::prompt;
use crate::cli::session::Session;
use crate::endpoints::Endpoint;
use crate::error::{Error, Result};
use crate::mask;
use crate::target::parse_url;
use crate::text::printable;
use crate::transport::address_policy;

#[derive(Debug, Clone, Args)]
pub(super) struct TargetArgs {
    /// Target: a URL, `localhost:3000/path`, `:3000` or a port
    #[arg(short, long, value_name = "URL", help_heading = "Target")]
    pub(super) to: Option<String>,
    /// Deliver to this endpoint: a name or an id
    #[arg(short, long, value_name = "NAME", add = super::complete::endpoints(), conflicts_with = "to", help_heading = "Target")]
    endpoint: Option<String>,
    /// Deliver to every active endpoint that subscribes to the event
    #[arg(long, conflicts_with_all = ["to", "endpoint"], help_heading = "Target")]
    subscribed: bool,
    /// Deliver only to endpoints of this environment
    #[arg(long, value_name = "NAME", requires = "subscribed", conflicts_with_all = ["to", "endpoint"], help_heading = "Target")]
    env: Option<String>,
    /// Do not ask before sending to targets that are not loopback
    #[arg(short, long, help_heading = "Target")]
    yes: bool,
}

const NO_TARGET: &str = "add `--to URL`, `--endpoint NAME` or `--subscribed`";

impl TargetArgs {
    /// The target that the flags name; prompts for an endpoint without one.
    pub(super) fn choose(&self, session: &Session) -> Result<TargetChoice> {
        if let Some(to) = &self.to {
            return Ok(TargetChoice::Url(parse_url(to)?));
        }
        if let Some(name) = &self.endpoint {
            return Ok(TargetChoice::Endpoint(Box::new(session.context.endpoint(name)?)));
        }
        if self.subscribed {
            return Ok(TargetChoice::Subscribed {
                endpoints: session.context.book().read()?,
                environment: self.env.clone(),
            });
        }
        let none = || Error::usage("no target is given").hint(NO_TARGET);
        if !session.ui.can_ask() {
            return Err(none());
        }
        let mut endpoints = session.context.book().read()?;
        endpoints.retain(Endpoint::is_active);
        if endpoints.is_empty() {
            return Err(none().hint("`hook endpoints add` makes an endpoint to choose"));
        }
        let line = |endpoint: &Endpoint| format!("{}  {}", endpoint.name, printable(&mask::url(&endpoint.url), 80));
        let lines: Vec<String> = endpoints.iter().map(line).collect();
        let index = prompt::choose(&session.ui, "Send to which endpoint?", &lines, NO_TARGET)?;
        Ok(TargetChoice::Endpoint(Box::new(endpoints.swap_remove(index))))
    }

    /// Prompts before an event goes to subscribed endpoints on other machines.
    pub(super) fn confirm(&self, session: &Session, event: &str, targets: &[SendTarget]) -> Result<()> {
        let is_outside = |target: &&SendTarget| !address_policy::is_loopback(&target.url);
        let outside = targets.iter().filter(is_outside).count();
        if !self.subscribed || self.yes || outside == 0 {
            return Ok(());
        }
        let what = match targets.len() {
            1 => "1 endpoint that is not on this machine".to_owned(),
            all => format!("{all} endpoints, {outside} of them not on this machine"),
        };
        prompt::insist(&session.ui, &format!("Send `{event}` to {what}?"), "add `--yes`")
    }
}
