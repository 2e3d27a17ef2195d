//! What a reviewed file wants, read and checked.

use std::path::Path;
use std::sync::Arc;

use super::wanted;
use crate::api::object::wire_events;
use crate::app::context::Context;
use crate::app::trust;
use crate::config;
use crate::config::file::ConfigFile;
use crate::config::trust::{entry_secret, project_secret};
use crate::endpoints::{Endpoint, EndpointEntry, Events, PlannedEndpoint, RemotePlace, check_name, normalised, rules};
use crate::error::{Error, Result};
use crate::mask::{self, MASK};
use crate::trust::TrustList;

/// The targets of the file; for a provider's own store those of that provider.
pub(super) fn read(
    context: &Context,
    place: Option<RemotePlace<'_>>,
    file: Option<&Path>,
) -> Result<Vec<PlannedEndpoint>> {
    let (shown, settings) = match file {
        Some(file) => named(file)?,
        None => of_project(context)?,
    };
    let Some(entries) = settings.endpoint else {
        return Err(Error::usage(format!("`{shown}` says nothing about endpoints")).hint(
            "write `[[endpoint]]` tables, or `hook endpoints export`; `endpoint = []` means that there are to be none",
        ));
    };
    let is_empty = entries.is_empty();
    let targets = (1..).zip(entries).filter_map(|(number, entry)| {
        let target = target(context, place, &entry).map_err(|error| Error {
            message: format!("endpoint {number} of `{shown}`: {}", error.message),
            ..error
        });
        target.transpose()
    });
    let targets: Vec<PlannedEndpoint> = targets.collect::<Result<_>>()?;
    match place {
        Some(place) if !is_empty && targets.is_empty() => {
            let label = place.profile.label();
            Err(Error::usage(format!("`{shown}` has no endpoint of `{label}`"))
                .hint("add one with `provider`, or `endpoint = []` when there are to be none"))
        }
        _ => check_names(targets, &shown),
    }
}

/// Gives a URL that `export` wrote without its credentials those of the endpoint that it was written of.
pub(super) fn unmask(targets: &mut [PlannedEndpoint], current: &[Endpoint]) -> Result<()> {
    for target in targets.iter_mut().filter(|target| target.endpoint.url.contains(MASK)) {
        let wanted = &mut target.endpoint;
        let same = |other: &&Endpoint| {
            (wanted.name.is_empty() || wanted.name == other.name)
                && normalised(&mask::url(&other.url)) == normalised(&wanted.url)
        };
        let Some(whole) = current.iter().find(same) else {
            let what = format!("`{}` has `{MASK}` in place of a credential", wanted.url);
            return Err(
                Error::usage(what).hint("write the credential into the file: `hook endpoints export` leaves it out")
            );
        };
        wanted.url.clone_from(&whole.url);
    }
    Ok(())
}

/// The file that the user names.
fn named(file: &Path) -> Result<(String, ConfigFile)> {
    let shown = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| {
        Error::usage(format!("file `{shown}` cannot be read"))
            .cause(error)
            .hint("`hook endpoints export -f FILE` writes one")
    })?;
    let settings = config::parse(&text, &shown)?;
    Ok((shown, settings))
}

/// The project's file: a secret in it has to be allowed.
fn of_project(context: &Context) -> Result<(String, ConfigFile)> {
    let Some(path) = &context.settings.project else {
        return Err(
            Error::usage("there is no `hook.toml` here or above").hint("`-f FILE` names the file with the endpoints")
        );
    };
    let mut settings = config::read_project(path)?.unwrap_or_default();
    let list = TrustList::new(context.paths.trust());
    for entry in settings.endpoint.iter_mut().flatten() {
        if let Some(grant) = entry_secret(path, entry, settings.provider.as_deref()).filter(|grant| !list.allows(grant))
        {
            return Err(trust::refused(&grant));
        }
        entry.secret = entry.secret.as_deref().map(|secret| project_secret(path, secret));
    }
    Ok((path.display().to_string(), settings))
}

fn check_names(targets: Vec<PlannedEndpoint>, file: &str) -> Result<Vec<PlannedEndpoint>> {
    for (index, target) in targets.iter().enumerate() {
        let name = &target.endpoint.name;
        if !name.is_empty() && targets[..index].iter().any(|other| other.endpoint.name == *name) {
            let what = format!("`{file}` has two endpoints with the name `{name}`");
            return Err(Error::usage(what).hint("give one of them another `name`"));
        }
    }
    Ok(targets)
}

/// One entry; nothing when it belongs to another provider than the place.
fn target(context: &Context, place: Option<RemotePlace<'_>>, entry: &EndpointEntry) -> Result<Option<PlannedEndpoint>> {
    let first = match &entry.events {
        Events::Only(names) => names.first(),
        Events::All => None,
    };
    let profile = match (place, &entry.provider) {
        (Some(place), Some(named)) if place.profile.name != *named && place.profile.label() != *named => {
            return Ok(None);
        }
        (Some(place), _) => Arc::clone(place.profile),
        (None, named) => context.provider_for(named.as_deref(), first.map(String::as_str))?,
    };
    let mut endpoint = wanted(context, &profile, entry)?;
    if !endpoint.name.is_empty() {
        check_name(&endpoint.name).map_err(Error::usage)?;
    }
    endpoint.events = rules::canonical_events(&profile, &entry.events);
    if let Some(place) = place {
        if entry.secret.is_some() && place.makes_secrets() {
            let what = format!("`{}` makes the secret itself", profile.label());
            return Err(Error::usage(what).hint("take `secret` out of the entry"));
        }
        // Where there is no sign for all events, all of them are written out.
        if profile.endpoint.all_events.is_none() {
            endpoint.events = Events::Only(wire_events(&profile, &endpoint.events));
        }
        endpoint.plan = place.plan.map(str::to_owned);
    }
    Ok(Some(PlannedEndpoint {
        endpoint,
        active: entry.active,
        secret: entry.secret.clone(),
    }))
}
