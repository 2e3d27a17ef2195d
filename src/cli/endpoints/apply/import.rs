//! `hook endpoints import` and `export`: from a store to the book, and to a file.

use std::path::PathBuf;

use indexmap::IndexMap;

use super::super::add;
use super::super::new_secret::{NewSecret, take_back};
use super::super::remote::RemoteProvider;
use super::current;
use crate::cli::session::Session;
use crate::endpoints::{Endpoint, Entry, name_for, normalised};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::id::{Id, IdKind};
use crate::mask;
use crate::view::count;

/// Take the endpoints that a provider keeps (`--remote NAME`) into the local book; those that are there already stay as they are
#[derive(Debug, clap::Args)]
pub(in super::super) struct ImportArgs {}

/// Print the endpoints as `[[endpoint]]` tables for a reviewed file; no secret is in it
#[derive(Debug, clap::Args)]
pub(in super::super) struct ExportArgs {
    /// Write to this new file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(in super::super) fn import(session: &Session, place: Option<&RemoteProvider>, _: &ImportArgs) -> Result<Exit> {
    let Some(place) = place else {
        return Err(Error::usage("it must be said from where").hint("`hook endpoints import --remote NAME`"));
    };
    let all = place.endpoints()?;
    let mut known = 0;
    for endpoint in &all {
        let here = |other: &Endpoint| {
            other.provider_name() == endpoint.provider_name() && normalised(&other.url) == normalised(&endpoint.url)
        };
        if session.book().read()?.iter().any(here) {
            known += 1;
            continue;
        }
        let learnt = place.wait(place.learn(&endpoint.id))?;
        take(session, place, learnt)?;
    }
    session.ui.flush()?;
    if known > 0 || all.is_empty() {
        let name = &place.client.name;
        session.ui.note(&format!(
            "{} of {} at `{name}` in the book already",
            known,
            count(all.len() as u64, "endpoint")
        ));
    }
    Ok(Exit::Ok)
}

/// Takes one into the book under an id of its own, with a copy of the secret when it is known here.
fn take(session: &Session, place: &RemoteProvider, mut endpoint: Endpoint) -> Result<()> {
    let vault = session.book().vault().clone();
    let mut secrets = Vec::new();
    for secret in &endpoint.secrets {
        let fresh = crate::endpoints::Fresh {
            secret: place.notes.vault().signing(secret)?,
            public: None,
        };
        let reference = vault.store(&endpoint.name, &fresh, &session.random)?;
        secrets.push(crate::endpoints::EndpointSecret {
            reference,
            ..secret.clone()
        });
    }
    endpoint.id = Id::new(IdKind::Endpoint, session.now(), &session.random).to_string();
    endpoint.secrets.clone_from(&secrets);
    let added = session.edit_book(|endpoints| {
        if endpoints.iter().any(|other| other.name == endpoint.name) {
            endpoint.name = name_for(&endpoint.url, endpoints);
        }
        endpoints.push(endpoint.clone());
        Ok(endpoint)
    });
    let added = added.inspect_err(|_| secrets.iter().for_each(|secret| take_back(session, secret)))?;
    if added.secrets.is_empty() {
        session.ui.note(&format!(
            "the secret of `{}` is not known here: `hook endpoints rotate-secret {0} --secret env:VAR` gives it",
            added.name
        ));
    }
    add::announce(session, &added, &[], &NewSecret::none())
}

pub(in super::super) fn export(session: &Session, place: Option<&RemoteProvider>, args: &ExportArgs) -> Result<Exit> {
    let all = current(session, place)?;
    if all.is_empty() {
        return Err(Error::nothing("there are no endpoints to be written").hint("`hook endpoints add` makes one"));
    }
    let tables: IndexMap<&str, Vec<Entry>> = [("endpoint", all.iter().map(entry).collect())].into();
    let text = crate::config::to_text(&tables)?;
    match &args.file {
        None => session.ui.raw(text.as_bytes())?,
        Some(file) => {
            super::super::new_secret::write_new(file, &text)?;
            session.ui.note(&format!(
                "{} in `{}`",
                count(all.len() as u64, "endpoint"),
                file.display()
            ));
        }
    }
    Ok(Exit::Ok)
}

fn entry(endpoint: &Endpoint) -> Entry {
    Entry {
        name: Some(endpoint.name.clone()),
        // The credentials of a URL are kept apart like a secret; `apply` takes those of the endpoint of that name.
        url: mask::url(&endpoint.url),
        provider: Some(endpoint.provider.clone()),
        events: endpoint.events.clone(),
        description: endpoint.description.clone(),
        // What failures did to it is no wish of anybody's.
        active: (endpoint.disabled.as_ref())
            .filter(|disabled| disabled.reason == crate::endpoints::DisabledBy::Hand)
            .map(|_| false),
        env: endpoint.labels.get("env").cloned(),
        plan: endpoint.plan.clone(),
        params: endpoint.params.clone(),
        secret: None,
    }
}
