//! `hook endpoints add --remote NAME`.

use super::super::add::{self, EndpointAddArgs};
use super::super::ask;
use super::super::judge;
use super::super::new_secret::{self, Handed, NewSecret, SecretArgs};
use super::RemoteProvider;
use crate::cli::session::Session;
use crate::endpoints::{Added, Endpoint, EndpointStore as _, name_for};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::provider::api::Field;
use crate::text::printable;

pub(super) fn run(session: &Session, place: &RemoteProvider, args: &EndpointAddArgs) -> Result<Exit> {
    let label = place.client.profile.label();
    if args.provider.as_ref().is_some_and(|provider| *provider != label) {
        let name = &place.client.name;
        return Err(Error::usage(format!("the provider of `{name}` is `{label}`")).hint("leave out `--provider`"));
    }
    let url = args.url.as_deref().or(args.to.as_deref());
    let wish = ask::complete(session, Some(&label), url, &args.events)?;
    check_secret(session, place, &args.secret)?;
    let mut endpoint = add::draft(session, args, &wish)?;
    let findings = judge::check_events(&wish.profile, &mut endpoint, &args.rules)?;
    session.notices.findings(&findings);
    let existing = place.endpoints()?;
    endpoint.name = args.name.clone().unwrap_or_else(|| name_for(&endpoint.url, &existing));
    judge::check_free_name(&endpoint, &existing)?;
    judge::warn_of_twins(session, &wish.profile, &endpoint, &existing);
    let added = add_with(session, place, endpoint, args.secret.secret.as_deref())?;
    finish(session, place, added, &args.secret)
}

/// Adds an endpoint with the secret that is given for it, which is kept only when the provider takes the endpoint.
pub(in super::super) fn add_with(
    session: &Session,
    place: &RemoteProvider,
    mut endpoint: Endpoint,
    secret: Option<&str>,
) -> Result<Added> {
    if let Some(text) = secret {
        let (vault, profile) = (place.notes.vault(), &place.client.profile);
        endpoint.secrets = vec![new_secret::given(session, vault, profile, (text, &endpoint.name))?];
    }
    let kept = endpoint.secrets.clone();
    place.wait(place.add(endpoint)).map_err(|error| {
        for secret in kept {
            new_secret::take_back(session, &secret);
        }
        error.into()
    })
}

/// A secret is given where the provider makes none; it is handed over where it can be seen.
pub(in super::super) fn check_secret(session: &Session, place: &RemoteProvider, args: &SecretArgs) -> Result<()> {
    let makes = place.client.api.field(Field::Secret).is_some();
    let label = place.client.profile.label();
    if makes && args.secret.is_some() {
        return Err(Error::usage(format!("`{label}` makes the secret itself")).hint("leave out `--secret`"));
    }
    if !makes && args.secret_file.is_some() {
        return Err(Error::usage(format!(
            "`{label}` hands no secret over, so there is none to be written"
        )));
    }
    if makes {
        args.check(session, &place.client.profile)
    } else {
        Ok(())
    }
}

/// Says what was made. What could not be noted here is an error after that: the endpoint is there.
pub(in super::super) fn finish(
    session: &Session,
    place: &RemoteProvider,
    added: Added,
    args: &SecretArgs,
) -> Result<Exit> {
    let text = added
        .secret
        .as_ref()
        .map(|secret| String::from_utf8_lossy(secret.expose()).into_owned());
    let handed = match (text, &args.secret_file) {
        (None, _) => None,
        (Some(text), None) => Some(Handed::Secret(text)),
        (Some(text), Some(file)) => match new_secret::write(file, &text) {
            Ok(()) => Some(Handed::File(file.clone())),
            // It is shown once: better here than nowhere.
            Err(error) => {
                session.ui.warn(&error.to_string());
                Some(Handed::Secret(text))
            }
        },
    };
    let new = NewSecret {
        secret: None,
        handed,
        public: false,
    };
    add::announce(session, &added.endpoint, &[], &new)?;
    say_pending(session, place, &added.endpoint);
    match added.unnoted {
        None => Ok(Exit::Ok),
        Some(error) => {
            session.ui.warn(&format!(
                "the endpoint `{}` is made, but its name and secret are not noted on this machine",
                printable(&added.endpoint.id, 200)
            ));
            Err(error.into())
        }
    }
}

/// A provider may ask the endpoint first.
pub(in super::super) fn say_pending(session: &Session, place: &RemoteProvider, endpoint: &Endpoint) {
    if endpoint.is_pending() {
        session.ui.note(&format!(
            "`{}` is pending: its endpoint is asked to confirm that it wants the events",
            endpoint.name
        ));
        session.ui.hint(&format!(
            "`hook endpoints {} confirm {} TOKEN` confirms it by the token that the endpoint was sent",
            place.flags, endpoint.name
        ));
    }
}
