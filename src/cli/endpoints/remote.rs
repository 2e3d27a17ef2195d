//! `--remote NAME`: the same subcommands on the endpoints of a provider.

use crate::api::client::RemoteStore;
use crate::cli::session::Session;
use crate::error::Result;
use crate::mask;
use crate::runtime::runtime;
use crate::secret::{SecretRef, SecretSource};
use crate::shell::quote;

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Remote")]
pub(super) struct RemoteArgs {
    /// Use the endpoints of a provider through its API: a provider, or a `[remote.NAME]` of the settings
    #[arg(long, global = true, value_name = "NAME", add = crate::cli::complete::remotes())]
    remote: Option<String>,
    /// Base URL of the API instead of the provider's
    #[arg(long, global = true, value_name = "URL", requires = "remote")]
    api_url: Option<String>,
    /// Token for the API, by reference: `env:VAR`, `file:PATH`
    #[arg(id = "api_token", long = "token", global = true, value_name = "REF", requires = "remote", add = crate::cli::complete::references())]
    token: Option<String>,
}

impl RemoteArgs {
    /// The store, if one is named, and the flags that lead to it.
    pub(super) fn open(&self, session: &Session) -> Result<Option<(RemoteStore, String)>> {
        let Some(name) = &self.remote else { return Ok(None) };
        let remote = session
            .context
            .remote(name, self.api_url.as_deref(), self.token.as_deref())?;
        let runtime = runtime()?;
        Ok(Some((RemoteStore { remote, runtime }, self.flags(name))))
    }

    /// The flags that name the same store again; a token given as text is not repeated.
    fn flags(&self, name: &str) -> String {
        let token = self.token.as_deref().map(SecretRef::parse);
        let token = token.filter(|token| matches!(token.source, SecretSource::Env(_) | SecretSource::File(_)));
        let url = self.api_url.as_ref();
        let url = url.map(|url| format!(" --api-url {}", quote(&mask::url(url))));
        let token = token.map(|token| format!(" --token {}", quote(&token.to_string())));
        let remote = format!("--remote {}", quote(name));
        [Some(remote), url, token].into_iter().flatten().collect()
    }
}
