//! `--remote NAME`: the same verbs on endpoints that a provider keeps.

use crate::api::client::RemoteStore;
use crate::cli::session::Session;
use crate::error::Result;
use crate::mask;
use crate::runtime::runtime;
use crate::secret::{SecretRef, SecretSource};
use crate::shell::quote;

#[derive(Debug, clap::Args)]
pub(super) struct RemoteArgs {
    /// Use the endpoints of a provider through its API: a provider, or a `[remote.NAME]` of the settings
    #[arg(long, global = true, value_name = "NAME", add = crate::cli::complete::remotes(), help_heading = "Remote")]
    remote: Option<String>,
    /// Base URL of the API instead of the provider's
    #[arg(
        long,
        global = true,
        value_name = "URL",
        requires = "remote",
        help_heading = "Remote"
    )]
    api_url: Option<String>,
    /// Token for the API, by reference: `env:VAR`, `file:PATH`
    #[arg(id = "api_token", long = "token", global = true, value_name = "REF", requires = "remote", add = crate::cli::complete::references(), help_heading = "Remote")]
    token: Option<String>,
}

impl RemoteArgs {
    /// The store, where one is named, and the flags that lead to it.
    pub(super) fn open(&self, session: &Session) -> Result<Option<(RemoteStore, String)>> {
        let Some(name) = &self.remote else { return Ok(None) };
        let remote = session
            .context
            .remote(name, self.api_url.as_deref(), self.token.as_deref())?;
        let runtime = runtime()?;
        Ok(Some((RemoteStore { remote, runtime }, self.flags(name))))
    }

    /// What has to be typed once more to mean the same place; a token that stood there as text is not repeated.
    fn flags(&self, name: &str) -> String {
        let token = self.token.as_deref().map(SecretRef::parse);
        let token = token.filter(|token| matches!(token.source, SecretSource::Env(_) | SecretSource::File(_)));
        let url = self
            .api_url
            .as_ref()
            .map(|url| format!(" --api-url {}", quote(&mask::url(url))));
        let token = token.map(|token| format!(" --token {}", quote(&token.to_string())));
        [Some(format!("--remote {}", quote(name))), url, token]
            .into_iter()
            .flatten()
            .collect()
    }
}
