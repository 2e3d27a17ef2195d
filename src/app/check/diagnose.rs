//! Why a receiver refuses a valid event: then nothing can be judged, and a few more events tell the likely reason.

use std::sync::Arc;

use super::cause::Cause;
use super::planner::{Planner, with_new_body};
use super::player::Exchange;
use super::variants;
use crate::app::resolve::signing_with;
use crate::engine::Delivery;
use crate::error::Result;
use crate::exchange::{Answer, ErrorKind, Outcome, SecretKind};
use crate::inflate::readable;
use crate::mask;
use crate::provider::Profile;
use crate::secret::Secret;
use crate::signature::{KeyForm, Scheme};
use crate::text::printable;
use crate::transport::WireShape;
use crate::verification::dev_secret::Secrets;

/// Why nothing can be judged.
#[derive(Debug, Clone)]
pub struct Unjudged {
    /// What came of the valid event.
    pub fact: String,
    /// The likely reason.
    pub reason: String,
    /// The cause, where the reason is one.
    pub cause: Option<Cause>,
    /// The beginning of what was answered.
    pub answer: Option<String>,
}

/// Characters of an answer that are shown.
const SAID: usize = 300;

/// The likely reason of a valid event that was not accepted.
pub(super) async fn diagnose(planner: &Planner<'_>, exchange: &Exchange, secret: Option<&Secret>) -> Result<Unjudged> {
    let player = planner.player;
    let unjudged = |reason: String, cause: Option<Cause>| Unjudged {
        fact: format!(
            "a valid `{}` was not accepted: {}",
            player.event,
            exchange.attempt.outcome.summary()
        ),
        reason,
        cause,
        answer: exchange.attempt.outcome.answer().and_then(said),
    };
    let answer = match &exchange.attempt.outcome {
        Outcome::Answer(answer) => answer,
        Outcome::Error {
            kind: ErrorKind::Timeout,
            ..
        } => {
            let cause = Cause::WorksBeforeAnswering;
            let reason = format!("it may do its work before it answers ({cause}), or never answer");
            return Ok(unjudged(reason, Some(cause)));
        }
        Outcome::Error { text, .. } => return Ok(unjudged(printable(text, 300), None)),
    };
    if matches!(answer.status, 400..=403 | 422 | 500..) {
        if let Some(who) = serialised(planner).await? {
            let title = Cause::Reserialises.title();
            let reason = format!("{title}: a body as {who} it is accepted");
            return Ok(unjudged(reason, Some(Cause::Reserialises)));
        }
        if let Some(reason) = other_key(planner, secret).await? {
            return Ok(unjudged(reason, None));
        }
    }
    let reason = reason(answer.status, player.profile.as_ref(), &player.method);
    Ok(unjudged(reason, None))
}

/// The beginning of an answer's body, in one line.
fn said(answer: &Answer) -> Option<String> {
    let body = readable(&answer.body);
    let text = String::from_utf8_lossy(&body);
    let text = printable(&mask::text(text.trim()), SAID);
    (!text.is_empty()).then_some(text)
}

/// The usual reason of a status that refuses a valid event.
pub fn reason(status: u16, profile: &Profile, method: &str) -> String {
    match status {
        300..=399 => "redirects are not followed: give the final URL".into(),
        401 | 403 => "does the receiver have this secret, and does it check the raw bytes of the body?".into(),
        404 => "is the path of the URL right?".into(),
        405 => format!("let the receiver take {method}"),
        415 => format!("let the receiver take `{}`", profile.delivery.content_type),
        500.. => "the receiver's own log says why it failed".into(),
        _ => format!("`{}` takes {} for success", profile.label(), profile.policy.success),
    }
}

async fn is_accepted(planner: &Planner<'_>, delivery: Delivery) -> Result<bool> {
    let id = delivery.id;
    let exchanges = planner.player.send(vec![delivery], 1, &WireShape::default()).await?;
    planner.player.mark_tested([id]).await?;
    let success = &planner.player.policy.success;
    Ok(exchanges
        .iter()
        .any(|exchange| exchange.status().is_some_and(|status| success.contains(status))))
}

/// Whose serialiser writes bodies that are accepted.
async fn serialised(planner: &Planner<'_>) -> Result<Option<&'static str>> {
    let delivery = planner.fresh()?;
    let text = String::from_utf8_lossy(&delivery.message.body).into_owned();
    for (who, body) in variants::as_serialised(&text) {
        let body = with_new_body(planner.fresh()?, body);
        if is_accepted(planner, body).await? {
            return Ok(Some(who));
        }
    }
    Ok(None)
}

/// Whether the receiver makes another key of the secret's text.
async fn other_key(planner: &Planner<'_>, secret: Option<&Secret>) -> Result<Option<String>> {
    let (Scheme::Hmac(scheme), Some(secret)) = (&planner.player.profile.scheme, secret) else {
        return Ok(None);
    };
    let whole = (
        KeyForm::Utf8,
        None,
        "the receiver takes the whole text of the secret as the key",
    );
    let text = (
        KeyForm::Utf8,
        scheme.key_prefix.clone(),
        "the receiver takes the text of the secret as the key, without decoding it",
    );
    let decoded = (
        KeyForm::Base64,
        scheme.key_prefix.clone(),
        "the receiver decodes the secret as base64, which this provider does not do",
    );
    for (key, prefix, reason) in [whole, text, decoded] {
        if key == scheme.key && prefix == scheme.key_prefix {
            continue;
        }
        let mut profile = (*planner.player.profile).clone();
        let mut other = scheme.clone();
        (other.key, other.key_prefix) = (key, prefix);
        profile.scheme = Scheme::Hmac(other);
        let profile = Arc::new(profile);
        let Ok(signing) = signing_with(&profile, &Secrets::Given(vec![secret.clone()]), SecretKind::None) else {
            continue;
        };
        let mut delivery = planner.fresh()?;
        delivery.signing = signing;
        if is_accepted(planner, delivery).await? {
            return Ok(Some(reason.to_owned()));
        }
    }
    Ok(None)
}
