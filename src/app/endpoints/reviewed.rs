//! The endpoints of a reviewed file, read and checked.

use std::collections::HashSet;
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

/// The endpoints of the file; for a remote those of its provider.
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
        return Err(Error::usage(format!("`{shown}` has no `endpoint` entries"))
            .hint("write `[[endpoint]]` tables, or `hook endpoints export`; `endpoint = []` means none"));
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
    // A file for another provider must not remove every endpoint of this one.
    if let Some(place) = place.filter(|_| !is_empty && targets.is_empty()) {
        let label = place.profile.label();
        return Err(Error::usage(format!("`{shown}` has no endpoint of `{label}`"))
            .hint("add one with `provider`, or write `endpoint = []` to have none"));
    }
    let mut names = HashSet::new();
    let named = targets.iter().map(|target| &target.endpoint.name);
    if let Some(name) = named.filter(|name| !name.is_empty()).find(|name| !names.insert(*name)) {
        let what = format!("`{shown}` has two endpoints with the name `{name}`");
        return Err(Error::usage(what).hint("give one of them another `name`"));
    }
    Ok(targets)
}

/// Restores the credentials of a URL that `export` masked, from the endpoint that it was exported from.
pub(super) fn unmask(targets: &mut [PlannedEndpoint], current: &[Endpoint]) -> Result<()> {
    for target in targets.iter_mut() {
        let wanted = &mut target.endpoint;
        let known = current.iter().find(|other| other.name == wanted.name);
        for (name, value) in wanted.headers.iter_mut().filter(|(_, value)| value.contains(MASK)) {
            let whole = known.and_then(|known| known.headers.get(name));
            let what = || {
                format!(
                    "the header `{name}` of `{}` has `{MASK}` in place of a credential",
                    wanted.name
                )
            };
            *value = whole.cloned().ok_or_else(|| {
                Error::usage(what()).hint("write the credential into the file: `hook endpoints export` leaves it out")
            })?;
        }
        if !wanted.url.contains(MASK) {
            continue;
        }
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
        return Err(Error::usage("no `hook.toml` here or above").hint("`-f FILE` names the file with the endpoints"));
    };
    let mut settings = config::read_project(path)?.unwrap_or_default();
    let list = TrustList::new(context.paths.trust());
    for entry in settings.endpoint.iter_mut().flatten() {
        let needed = entry_secret(path, entry, settings.provider.as_deref());
        if let Some(grant) = needed.filter(|grant| !list.allows(grant)) {
            return Err(trust::refused(&grant));
        }
        entry.secret = entry.secret.as_deref().map(|secret| project_secret(path, secret));
    }
    Ok((path.display().to_string(), settings))
}

/// One entry; nothing when it belongs to another provider than the place.
fn target(context: &Context, place: Option<RemotePlace<'_>>, entry: &EndpointEntry) -> Result<Option<PlannedEndpoint>> {
    let profile = match (place, &entry.provider) {
        (Some(place), Some(named)) if place.profile.name != *named && place.profile.label() != *named => {
            return Ok(None);
        }
        (Some(place), _) => Arc::clone(place.profile),
        (None, named) => context.provider_for(named.as_deref(), entry.first_event())?,
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
