//! `hook endpoints confirm`.

use super::show::EndpointLine;
use crate::app::handshake::{self, Answered};
use crate::cli::session::Session;
use crate::endpoints::{Confirmed, Endpoint, EndpointError, select_mut};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::provider::Profile;
use crate::provider::handshake::Handshake;
use crate::secret::Secret;
use crate::transport::{HttpOptions, HttpTransport};

/// Confirm an endpoint by the token that its provider sent to it
#[derive(Debug, clap::Args)]
pub(super) struct EndpointConfirmArgs {
    /// Name, id, or the beginning of an id
    #[arg(value_name = "NAME", add = crate::cli::complete::endpoints())]
    pub(super) endpoint: String,
    /// The token; without one a new token is sent to the endpoint, which must answer with it
    pub(super) token: Option<String>,
}

pub(super) fn run(session: &Session, args: &EndpointConfirmArgs) -> Result<Exit> {
    let endpoint = session.endpoint(&args.endpoint)?;
    let token = match &args.token {
        Some(token) => Secret::new(token.as_str()),
        None if endpoint.is_pending() => super::super::runtime()?.block_on(ask(session, &endpoint))?,
        None => Secret::new(""),
    };
    let (endpoint, confirmed) = handshake::confirm(session, &endpoint.id, &token)?;
    let said = match confirmed {
        Confirmed::Now => "is confirmed: it gets deliveries from now on",
        Confirmed::Before if endpoint.is_active() => "waits for no confirmation",
        Confirmed::Before => "waits for no confirmation, but is disabled",
        Confirmed::WrongToken => {
            let what = format!(
                "the token is not the one that endpoint `{}` was sent last",
                endpoint.name
            );
            return Err(Error::new(Exit::Refused, what)
                .hint(format!("`hook endpoints confirm {}` sends a new one", endpoint.name)));
        }
    };
    announce(session, &endpoint, said)
}

/// Says how it is now.
pub(super) fn announce(session: &Session, endpoint: &Endpoint, said: &str) -> Result<Exit> {
    let ui = &session.ui;
    ui.line(&format!("{} {said}", ui.out.name(&endpoint.name)))?;
    ui.json(&EndpointLine::new(session, endpoint))?;
    Ok(Exit::Ok)
}

/// How the provider asks.
pub(super) fn how(profile: &Profile) -> Result<&Handshake> {
    let none = || {
        Error::usage(format!(
            "`{}` asks no endpoint whether it is wanted there",
            profile.label()
        ))
    };
    profile.handshakes.first().ok_or_else(none)
}

/// Asks an endpoint that was just added; it stays pending when it does not answer with the token.
pub(super) fn first(session: &Session, endpoint: &Endpoint) -> Result<Endpoint> {
    match super::super::runtime()?.block_on(ask(session, endpoint)) {
        Ok(token) => Ok(handshake::confirm(session, &endpoint.id, &token)?.0),
        Err(error) if error.exit == Exit::Refused => {
            session.ui.warn(&format!("{error}: it is pending"));
            error.hints.iter().for_each(|hint| session.ui.hint(hint));
            session.endpoint(&endpoint.id)
        }
        Err(error) => Err(error),
    }
}

/// Sends a new token, and gives it back when the endpoint did.
async fn ask(session: &Session, endpoint: &Endpoint) -> Result<Secret> {
    let profile = session.registry.get(&endpoint.provider)?;
    let shake = how(&profile)?;
    let text = shake.fresh_token(&session.random);
    let now = session.now();
    session.edit_book(|endpoints| {
        select_mut(endpoints, &endpoint.id)?.await_confirmation(&text, now);
        Ok::<_, EndpointError>(())
    })?;
    let token = Secret::new(text);
    let request = handshake::question(session, &profile, shake, endpoint, &token)?;
    let transport = HttpTransport::new(HttpOptions {
        proxy_from_env: true,
        ..HttpOptions::default()
    });
    let transport = transport.map_err(|error| Error::usage(error.to_string()).because_of(&error))?;
    match handshake::ask(&transport, &request, &token).await {
        Answered::Echoed => Ok(token),
        Answered::Not(why) => Err(Error::new(
            Exit::Refused,
            format!("endpoint `{}` does not confirm: {why}", endpoint.name),
        )
        .hint(format!(
            "`hook listen` answers such a question; or take the token from the receiver: `hook endpoints confirm {} TOKEN`",
            endpoint.name
        ))),
    }
}
