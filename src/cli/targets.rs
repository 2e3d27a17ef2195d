//! Where `send` delivers: a URL, an endpoint, or every subscribed endpoint.

use std::sync::Arc;

use clap::Args;
use url::Url;

use crate::engine::Label;
use crate::error::{Error, Result};
use crate::pipeline::Tally;
use crate::provider::Profile;
use crate::secret::Secret;
use crate::session::Session;
use crate::transport::guard;

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

/// A target as users write it.
pub(super) fn parse_url(text: &str) -> Result<Url> {
    guard::target(text)
        .map_err(|error| Error::usage(error.to_string()).hint("write a URL, `localhost:3000/path`, `:3000` or a port"))
}

impl TargetArgs {
    /// The provider of the endpoint, when the target is one.
    pub(super) fn provider(&self, _session: &Session) -> Result<Option<String>> {
        Ok(None)
    }

    /// The targets.
    pub(super) fn choose(&self, _session: &Session, profile: &Profile, _event: Option<&str>) -> Result<Vec<Target>> {
        let Some(to) = &self.to else {
            return Err(Error::usage("no target is given").hint("add `--to URL`, `--endpoint NAME` or `--subscribed`"));
        };
        let label = super::send::label(&profile.label(), None);
        Ok(vec![Target {
            url: parse_url(to)?,
            label,
            secrets: Vec::new(),
        }])
    }
}

/// The secrets that deliveries to an endpoint are signed with.
pub(super) fn endpoint_secrets(_session: &Session, _name: Option<&str>) -> Result<Vec<Secret>> {
    Ok(Vec::new())
}

/// Counts what came of deliveries to endpoints, and says when one was disabled.
pub(super) fn note_ends(_session: &Session, _profile: &Profile, _tally: &Tally) -> Result<()> {
    Ok(())
}
