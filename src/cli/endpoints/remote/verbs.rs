//! What is done with endpoints that are there.

use super::super::change::{self, UpdateArgs};
use super::super::confirm;
use super::super::list::{self, ListArgs, ShowArgs};
use super::super::new_secret::SecretArgs;
use super::super::switch::{self, NameArgs, RemoveArgs};
use super::super::{judge, show::EndpointLine};
use super::{RemoteProvider, add};
use crate::cli::session::Session;
use crate::endpoints::{Change, Endpoint, EndpointError, EndpointStore as _, select};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::mask;

pub(super) fn list(session: &Session, place: &RemoteProvider, args: &ListArgs) -> Result<Exit> {
    let all = place.endpoints()?;
    let endpoints: Vec<&Endpoint> = all.iter().filter(|endpoint| args.fits(endpoint)).collect();
    if all.is_empty() {
        let name = &place.client.name;
        session.ui.note(&format!("no endpoints at `{name}`"));
        session
            .ui
            .hint(&format!("`hook endpoints add {}` makes one", place.flags));
        return Ok(Exit::Ok);
    }
    if endpoints.is_empty() {
        return Err(Error::nothing("no endpoint matches").hint("leave out `--provider` and `--env`"));
    }
    list::print_list(session, &endpoints)
}

pub(super) fn show(session: &Session, place: &RemoteProvider, args: &ShowArgs) -> Result<Exit> {
    list::print_pages(session, &place.endpoints()?, args)
}

pub(super) fn update(session: &Session, place: &RemoteProvider, args: &UpdateArgs) -> Result<Exit> {
    let existing = place.endpoints()?;
    let before = select(&existing, &args.endpoint)?.clone();
    let profile = &place.client.profile;
    let mut change = args.change(&before, profile)?;
    if change.plan.is_some() {
        return Err(
            Error::usage("the plan is the account's").hint("`[remote.NAME]` or `[account]` in the settings says it")
        );
    }
    let mut wanted = before.clone();
    wanted.apply(change.clone(), session.now());
    let findings = judge::check_events(profile, &mut wanted, &args.rules)?;
    change.events = change.events.map(|_| wanted.events.clone());
    judge::check_free_name(&wanted, &existing)?;
    session.notices.findings(&findings);
    match place.wait(place.update(&before.id, change, session.now())) {
        Ok(after) => {
            change::announce(session, &before, &after, &findings)?;
            add::say_pending(session, place, &after);
            Ok(Exit::Ok)
        }
        Err(EndpointError::Unsupported(_)) if args.recreate => recreate(session, place, &before, wanted),
        Err(error @ EndpointError::Unsupported(_)) => Err(Error::from(error).hint(format!(
            "add `--recreate` to remove `{}` and make it anew, with a new id and a new secret",
            before.name
        ))),
        Err(error) => Err(error.into()),
    }
}

/// Removes an endpoint and makes it anew. The old one goes first: its URL may be taken once only, and the plan may allow
/// no more.
pub(in super::super) fn recreate(
    session: &Session,
    place: &RemoteProvider,
    before: &Endpoint,
    wanted: Endpoint,
) -> Result<Exit> {
    if before.is_active() != wanted.is_active() {
        let label = place.client.profile.label();
        return Err(
            Error::usage(format!("`{label}` has no endpoints that are switched off")).hint("remove it instead"),
        );
    }
    add::check_secret(session, place, &SecretArgs::default())?;
    place.wait(place.remove(&before.id))?;
    switch::announce_removed(session, before)?;
    session.ui.flush()?;
    let (to, events) = (wanted.url.clone(), super::super::events_shown(&wanted.events, 2000));
    let wanted = Endpoint {
        secrets: Vec::new(),
        ..wanted
    };
    let added = place.wait(place.add(wanted)).map_err(|error| {
        let error = Error::from(error);
        Error {
            message: format!("`{}` is removed, and not made anew: {}", before.name, error.message),
            ..error
        }
        .hint(format!(
            "`hook endpoints add {to} --events {} --name {}` makes it",
            events.replace(", ", ","),
            before.name
        ))
    })?;
    add::finish(session, place, added, &SecretArgs::default())
}

pub(super) fn switch(session: &Session, place: &RemoteProvider, args: &NameArgs, active: bool) -> Result<Exit> {
    let existing = place.endpoints()?;
    let found = switch::pick(&existing, &args.names)?;
    for before in found {
        let change = Change {
            active: Some(active),
            ..Change::default()
        };
        let after = place
            .wait(place.update(&before.id, change, session.now()))
            .map_err(|error| match error {
                EndpointError::Unsupported(_) => {
                    let label = place.client.profile.label();
                    Error::usage(format!("`{label}` cannot switch endpoints on and off"))
                        .hint(format!("`hook endpoints remove {}` ends it", before.name))
                }
                error => error.into(),
            })?;
        let ui = &session.ui;
        let said = match (active, before.is_active() == after.is_active()) {
            (true, false) => "is active again",
            (true, true) => "is active already",
            (false, false) => "is disabled: nothing is delivered to it",
            (false, true) => "is disabled already",
        };
        ui.line(&format!("{} {said}", ui.out.name(&after.name)))?;
        ui.json(&EndpointLine::new(session, &after))?;
        ui.flush()?;
    }
    Ok(Exit::Ok)
}

pub(super) fn confirm(session: &Session, place: &RemoteProvider, args: &confirm::EndpointConfirmArgs) -> Result<Exit> {
    let Some(token) = &args.token else {
        return Err(Error::usage("the token is missing").hint(format!(
            "the provider sent it to the endpoint: `hook endpoints confirm {} TOKEN`",
            args.endpoint
        )));
    };
    let before = place.wait(place.get(&args.endpoint))?;
    if !before.is_pending() {
        return confirm::announce(session, &before, "waits for no confirmation");
    }
    let after = place.wait(place.confirm(&before.id, token))?;
    if after.is_pending() {
        let what = format!("`{}` is still pending at `{}`", after.name, place.client.name);
        return Err(Error::new(Exit::Refused, what).hint("is it the token that the endpoint was sent last?"));
    }
    confirm::announce(session, &after, "is confirmed: it gets deliveries from now on")
}

pub(super) fn remove(session: &Session, place: &RemoteProvider, args: &RemoveArgs) -> Result<Exit> {
    let existing = place.endpoints()?;
    let found = switch::pick(&existing, &args.names)?;
    switch::confirm(session, args, &found)?;
    for endpoint in &found {
        place.wait(place.remove(&endpoint.id))?;
        switch::announce_removed(session, endpoint)?;
        session.ui.flush()?;
    }
    Ok(Exit::Ok)
}

/// The endpoint of that name with its secret, which the provider's list may show.
pub(super) fn with_secret(place: &RemoteProvider, selector: &str) -> Result<Endpoint> {
    let endpoint = place.wait(place.learn(selector))?;
    let signs = !matches!(place.client.profile.scheme, crate::signature::Scheme::Unsigned);
    if signs && endpoint.secrets.is_empty() {
        let error = Error::usage(format!(
            "the secret of `{}` is not known on this machine",
            endpoint.name
        ));
        let to = mask::url(&endpoint.url);
        return Err(error.hint(format!(
            "`hook send EVENT --to {to} --secret env:VAR` signs with the one that you have"
        )));
    }
    Ok(endpoint)
}
