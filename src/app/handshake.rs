//! Handshakes: challenging a receiver as a provider does. A token is sent, and the answer must carry it. The token is
//! neither shown nor recorded: anyone who has it can confirm the subscription.

pub mod challenge;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::app::context::{Context, Purpose};
use crate::clock::Timestamp;
use crate::endpoints::Endpoint;
use crate::error::Result;
use crate::exchange::{Outcome, Request};
use crate::id::{Id, IdKind};
use crate::mask;
use crate::message::Message;
use crate::provider::handshake::{Handshake, echoes};
use crate::provider::{Profile, RequestTarget};
use crate::secret::Secret;
use crate::target::parse_url;
use crate::text::{printable, serialize_millis_if_any, status_line};
use crate::transport::Transport;

/// The result of one challenge: `hook.handshake/1`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct HandshakeResult {
    /// Where the endpoint has a name.
    pub endpoint: Option<String>,
    /// The target, credentials masked.
    pub url: String,
    /// Whether the answer was as expected.
    pub confirmed: bool,
    /// Why it was not.
    pub why: Option<String>,
    /// The provider that challenges.
    pub provider: String,
    /// Which of the provider's handshakes, where it has several.
    pub handshake: Option<String>,
    /// Whether the challenge was signed wrongly on purpose.
    pub wrongly_signed: bool,
    /// Of the answer, where one came.
    pub status: Option<u16>,
    /// Until the answer.
    #[serde(rename = "took_ms", serialize_with = "serialize_millis_if_any")]
    pub took: Option<Duration>,
}

impl HandshakeResult {
    /// The result for an endpoint; an error says why it is not confirmed.
    pub fn of_endpoint(endpoint: &Endpoint, outcome: std::result::Result<(), String>) -> Self {
        Self {
            endpoint: Some(endpoint.name.clone()),
            url: mask::url(&endpoint.url),
            confirmed: outcome.is_ok(),
            why: outcome.err(),
            provider: endpoint.provider.clone(),
            ..Self::default()
        }
    }
}

/// The challenge to an endpoint. It is signed like an event, so that a receiver that knows the secret can verify it.
pub fn question(
    context: &Context,
    profile: &Arc<Profile>,
    handshake: &Handshake,
    endpoint: &Endpoint,
    token: &Secret,
) -> Result<Request> {
    let token = String::from_utf8_lossy(token.expose());
    let own = context.endpoint_secrets(endpoint, profile, Purpose::Sign)?;
    let signer = context.signer(profile, (Some(&endpoint.name), own))?;
    let url = parse_url(&endpoint.url)?;
    let now = context.now();
    let body = handshake.request.written(&token, "").body.unwrap_or_default();
    let message = message(context, profile, body.to_string().into(), now);
    let target = RequestTarget {
        method: "POST",
        url: url.as_str(),
        retries: 0,
        retry_reason: None,
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

/// A challenge as a message, for the provider's own headers and signature.
fn message(context: &Context, profile: &Profile, body: Bytes, now: Timestamp) -> Message {
    Message {
        id: Id::new(IdKind::Message, now, &context.random),
        wire_id: profile.fresh_id(now, &context.random),
        time: now,
        content_type: "application/json".to_owned(),
        body,
        ..Message::default()
    }
}

/// Sends the challenge. An error says why the answer does not confirm the endpoint.
pub async fn ask<T: Transport>(transport: &T, request: &Request, token: &Secret) -> std::result::Result<(), String> {
    match transport.send(request).await {
        Outcome::Answer(answer) if echoes(&answer, &String::from_utf8_lossy(token.expose())) => Ok(()),
        Outcome::Answer(answer) if (200..300).contains(&answer.status) => {
            Err("its answer does not carry the token".to_owned())
        }
        Outcome::Answer(answer) => Err(format!("it answered {}", status_line(answer.status))),
        Outcome::Error { text, .. } => Err(printable(&text, 400)),
    }
}
