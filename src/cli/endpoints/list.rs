//! `hook endpoints list` and `show`.

use super::show::{self, EndpointLine};
use crate::cli::session::Session;
use crate::endpoints::Endpoint;
use crate::error::{Error, Result};
use crate::exit::Exit;

/// All endpoints, a line each
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Only those of this provider, with or without its variant
    #[arg(short, long, value_name = "NAME", add = crate::cli::complete::providers())]
    provider: Option<String>,
    /// Only those of this environment
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
}

/// Everything about endpoints but their secrets
#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// Names, ids, or the beginnings of ids
    #[arg(required = true, value_name = "NAME", add = crate::cli::complete::endpoints())]
    pub(super) names: Vec<String>,
}

impl ListArgs {
    pub(super) fn fits(&self, endpoint: &Endpoint) -> bool {
        let provider = |wanted: &String| endpoint.provider == *wanted || endpoint.provider_name() == wanted;
        self.provider.as_ref().is_none_or(provider)
            && self
                .env
                .as_ref()
                .is_none_or(|env| endpoint.labels.get("env") == Some(env))
    }
}

pub(super) fn list(session: &Session, args: &ListArgs) -> Result<Exit> {
    let book = session.book();
    let all = book.read()?;
    let endpoints: Vec<&Endpoint> = all.iter().filter(|endpoint| args.fits(endpoint)).collect();
    if all.is_empty() {
        session
            .ui
            .note(&format!("no endpoints yet in `{}`", book.path().display()));
        session.ui.hint("`hook endpoints add` makes one");
        return Ok(Exit::Ok);
    }
    if endpoints.is_empty() {
        return Err(Error::nothing("no endpoint matches").hint("`hook endpoints list` shows all of them"));
    }
    print_list(session, &endpoints)
}

pub(super) fn print_list(session: &Session, endpoints: &[&Endpoint]) -> Result<Exit> {
    show::table(session, endpoints)?;
    for endpoint in endpoints {
        session.ui.json(&EndpointLine::new(session, endpoint))?;
    }
    Ok(Exit::Ok)
}

pub(super) fn show(session: &Session, args: &ShowArgs) -> Result<Exit> {
    print_pages(session, &session.book().read()?, args)
}

pub(super) fn print_pages(session: &Session, all: &[Endpoint], args: &ShowArgs) -> Result<Exit> {
    for (index, name) in args.names.iter().enumerate() {
        let endpoint = crate::endpoints::select(all, name)?;
        if index > 0 {
            session.ui.line("")?;
        }
        show::page(session, endpoint)?;
        session.ui.json(&EndpointLine::new(session, endpoint))?;
    }
    Ok(Exit::Ok)
}
