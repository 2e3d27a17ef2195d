//! Asking an endpoint whether it is wanted there, as its provider does: a token goes there, and must come back. The token
//! is neither shown nor recorded: whoever has it can confirm.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use crate::app::context::Purpose;
use crate::cli::session::Session;
use crate::clock::Timestamp;
use crate::endpoints::{Confirmed, Endpoint, EndpointError, select_mut};
use crate::error::Result;
use crate::exchange::{Outcome, Request};
use crate::id::{Id, IdKind};
use crate::message::{Message, Mode};
use crate::provider::handshake::{Handshake, echoes};
use crate::provider::{Profile, Target};
use crate::secret::Secret;
use crate::text::printable;
use crate::transport::Transport;
use crate::view::status_line;

/// `{"schema":"hook.handshake/1"}`: what came of asking whether the provider is wanted there.
#[derive(Serialize)]
pub(super) struct HandshakeLine<'a> {
    pub(super) schema: &'static str,
    /// Where the endpoint has one.
    pub(super) endpoint: Option<&'a str>,
    pub(super) url: String,
    pub(super) confirmed: bool,
    pub(super) why: Option<&'a str>,
    pub(super) provider: &'a str,
    /// Where the provider asks in several ways.
    pub(super) handshake: Option<&'a str>,
    /// Whether the question was signed wrongly on purpose.
    pub(super) wrongly_signed: bool,
    pub(super) status: Option<u16>,
    pub(super) took_ms: Option<f64>,
}

impl HandshakeLine<'_> {
    /// With the place alone.
    pub(super) fn to(url: String) -> Self {
        Self {
            schema: "hook.handshake/1",
            endpoint: None,
            url,
            confirmed: false,
            why: None,
            provider: "",
            handshake: None,
            wrongly_signed: false,
            status: None,
            took_ms: None,
        }
    }
}

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answered {
    /// The token came back.
    Echoed,
    /// It did not; says why.
    Not(String),
}

/// The request that asks. It is signed like an event, so that a receiver that knows the secret can check it.
pub(super) fn question(
    session: &Session,
    profile: &Arc<Profile>,
    handshake: &Handshake,
    endpoint: &Endpoint,
    token: &Secret,
) -> Result<Request> {
    let token = String::from_utf8_lossy(token.expose());
    let now = session.now();
    let message = message(session, profile, handshake.question(&token).to_string().into(), now);
    let own = session.endpoint_secrets(endpoint, profile, Purpose::Sign)?;
    let signer = session.signer(profile, (Some(&endpoint.name), own))?;
    let url = super::targets::parse_url(&endpoint.url)?;
    let target = Target {
        method: "POST",
        url: url.as_str(),
        retries: 0,
    };
    let (headers, body) = profile.request(&message, signer.as_deref(), now, target)?;
    Ok(Request {
        method: "POST".to_owned(),
        url,
        headers,
        body,
        timeout: profile.policy.timeout,
    })
}

/// A question as a message, for the provider's own headers and signature.
pub(super) fn message(session: &Session, profile: &Profile, body: Bytes, now: Timestamp) -> Message {
    Message {
        id: Id::new(IdKind::Message, now, &session.random),
        wire_id: profile.fresh_id(now, &session.random),
        event: String::new(),
        time: now,
        mode: Mode::Test,
        content_type: "application/json".to_owned(),
        body,
    }
}

/// Sends the question.
pub(super) async fn ask<T: Transport>(transport: &T, request: &Request, token: &Secret) -> Answered {
    let token = String::from_utf8_lossy(token.expose());
    match transport.send(request).await {
        Outcome::Answer(answer) if echoes(&answer, &token) => Answered::Echoed,
        Outcome::Answer(answer) if (200..300).contains(&answer.status) => {
            Answered::Not("its answer does not carry the token".to_owned())
        }
        Outcome::Answer(answer) => Answered::Not(format!("it answered {}", status_line(answer.status))),
        Outcome::Error { text, .. } => Answered::Not(printable(&text, 400)),
    }
}

/// Confirms the endpoint of that name or id in the book.
pub(super) fn confirm(session: &Session, selector: &str, token: &Secret) -> Result<(Endpoint, Confirmed)> {
    let token = String::from_utf8_lossy(token.expose());
    let now = session.now();
    Ok(session.edit_book(|endpoints| {
        let endpoint = select_mut(endpoints, selector)?;
        let confirmed = endpoint.confirm(&token, now);
        Ok::<_, EndpointError>((endpoint.clone(), confirmed))
    })?)
}
