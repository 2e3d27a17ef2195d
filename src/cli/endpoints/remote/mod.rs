//! `hook endpoints --remote NAME`: the same verbs on endpoints that a provider keeps.

mod add;
mod verbs;

use std::ops::Deref;

use tokio::runtime::Runtime;

use crate::api::client::Remote;
use crate::cli::session::Session;
use crate::endpoints::{Endpoint, EndpointStore as _};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::mask;
use crate::secret::{SecretRef, SecretSource};
use crate::shell::quote;
use crate::transport::HttpTransport;

use super::{EndpointsCommand, apply};

pub(super) use add::{add_with, check_secret, finish as say_added, say_pending};
pub(super) use verbs::recreate;

/// A provider's endpoints, called over HTTP.
pub(super) struct RemoteProvider {
    remote: Remote<HttpTransport>,
    /// The flags that lead to it, as they are typed.
    pub(super) flags: String,
    /// One for all calls: a connection that is kept for the next one lives on the runtime that made it.
    runtime: Runtime,
}

impl RemoteProvider {
    /// Waits for a call.
    pub(super) fn wait<F: Future>(&self, call: F) -> F::Output {
        self.runtime.block_on(call)
    }

    /// The whole list, from the provider.
    pub(super) fn endpoints(&self) -> Result<Vec<Endpoint>> {
        Ok(self.wait(self.list())?)
    }
}

impl Deref for RemoteProvider {
    type Target = Remote<HttpTransport>;

    fn deref(&self) -> &Self::Target {
        &self.remote
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct RemoteArgs {
    /// The endpoints that a provider keeps, through its API: a provider, or a `[remote.NAME]` of the settings
    #[arg(long, global = true, value_name = "NAME", add = crate::cli::complete::remotes(), help_heading = "Remote")]
    remote: Option<String>,
    /// Where the API is, when it is not the provider's usual place
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
    /// The place, where one is named.
    pub(super) fn open(&self, session: &Session) -> Result<Option<RemoteProvider>> {
        let open = |name: &String| {
            let remote = session.remote(name, self.api_url.as_deref(), self.token.as_deref())?;
            let (runtime, flags) = (crate::cli::runtime()?, self.flags(name));
            Ok(RemoteProvider { remote, flags, runtime })
        };
        self.remote.as_ref().map(open).transpose()
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

/// The verbs that a provider's API can have.
pub(super) fn run(session: &Session, place: &RemoteProvider, command: &EndpointsCommand) -> Result<Exit> {
    run_there(session, place, command).map_err(|mut error| {
        // What is to be typed next is about the same place.
        let there = format!("`hook endpoints {} ", place.flags);
        for hint in &mut error.hints {
            *hint = hint.replace("`hook endpoints ", &there);
        }
        error
    })
}

fn run_there(session: &Session, place: &RemoteProvider, command: &EndpointsCommand) -> Result<Exit> {
    match command {
        EndpointsCommand::Add(args) => add::run(session, place, args),
        EndpointsCommand::List(args) => verbs::list(session, place, args),
        EndpointsCommand::Show(args) => verbs::show(session, place, args),
        EndpointsCommand::Update(args) => verbs::update(session, place, args),
        EndpointsCommand::Remove(args) => verbs::remove(session, place, args),
        EndpointsCommand::Enable(args) => verbs::switch(session, place, args, true),
        EndpointsCommand::Disable(args) => verbs::switch(session, place, args, false),
        EndpointsCommand::Confirm(args) => verbs::confirm(session, place, args),
        EndpointsCommand::Test(args) => {
            let endpoint = verbs::with_secret(place, args.endpoint())?;
            super::probe::run(session, args, endpoint, Some(place))
        }
        EndpointsCommand::Diff(args) => apply::diff(session, Some(place), args),
        EndpointsCommand::Apply(args) => apply::apply(session, Some(place), args),
        EndpointsCommand::Import(args) => apply::import(session, Some(place), args),
        EndpointsCommand::Export(args) => apply::export(session, Some(place), args),
        EndpointsCommand::RotateSecret(_) => {
            let label = place.client.profile.label();
            Err(Error::usage(format!("hook knows of no call by which `{label}` makes a new secret"))
                .hint("make it at the provider; `rotate-secret NAME --secret REF` without `--remote` is for the local book"))
        }
        EndpointsCommand::Doctor(_) => Err(Error::usage("`doctor` looks at endpoints that are kept here")
            .hint("leave out `--remote`; `hook endpoints import` takes in what is kept there")),
    }
}
