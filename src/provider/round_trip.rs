//! Whether a receiver accepts what a profile signs: a file may be well formed and describe signatures that never verify.

use super::compose::{ComposeOptions, Composer};
use super::fault::{ProfileError, fault};
use super::headers::RequestTarget;
use super::profile::Profile;
use crate::clock::Timestamp;
use crate::id::{Id, IdKind};
use crate::message::{Message, Mode};
use crate::random::Random;
use crate::secret::Secret;
use crate::signature::{KeyError, Received, Scheme, Verdict};

/// Where the request goes.
const URL: &str = "https://example.com/hook";

/// Signs one request with a fresh secret and verifies it.
pub(super) fn check(profile: &Profile) -> Result<(), ProfileError> {
    let key = format!("signature.{}", profile.scheme.kind());
    let Some((private, public)) = keys(profile).or_else(|error| fault("secret.form", error.to_string()))? else {
        return Ok(());
    };
    let now = Timestamp::from_unix(1_893_553_445);
    // Without a sample nothing is known of the fields that are signed.
    let Some(message) = message(profile, now) else {
        return Ok(());
    };
    let prepared = profile.signer(std::slice::from_ref(&private));
    let signer = prepared.or_else(|error| fault("secret.form", error.to_string()))?;
    let address = profile.scheme.address(URL, &message.content_type, &message.body);
    let url = address.as_deref().unwrap_or(URL);
    let method = profile.delivery.method.as_str();
    let target = RequestTarget {
        method,
        url,
        retries: 0,
        retry_reason: None,
    };
    let signed = profile.request(&message, Some(&signer), now, target);
    let (headers, body) = signed.or_else(|error| fault(&key, error.to_string()))?;
    let received = Received {
        method,
        url: Some(url),
        headers: &headers,
        body: &body,
        now,
    };
    let prepared = profile.scheme.verifier(std::slice::from_ref(&public));
    match prepared
        .or_else(|error| fault("secret.form", error.to_string()))?
        .verify(&received)
    {
        Verdict::Refused(reason) => fault(&key, format!("it refuses what it signs itself: {reason}")),
        _ => Ok(()),
    }
}

/// The secret that signs and the one that verifies; `None` where nothing is signed.
fn keys(profile: &Profile) -> Result<Option<(Secret, Secret)>, KeyError> {
    Ok(match &profile.scheme {
        Scheme::Unsigned => None,
        Scheme::Asymmetric(scheme) => match scheme.kind.generate() {
            Some(pair) => {
                let public = scheme.public_text(&Secret::new(pair.public))?;
                Some((scheme.private_text(&pair.private)?, public))
            }
            None => None,
        },
        _ => {
            let secret = Secret::new(profile.secret.form.fresh(&Random::os()));
            Some((secret.clone(), secret))
        }
    })
}

fn message(profile: &Profile, now: Timestamp) -> Option<Message> {
    let random = Random::os();
    let id = Id::new(IdKind::Message, now, &random);
    let event = profile.test_event.as_ref().or_else(|| profile.events.keys().next());
    let Some(event) = event else {
        let body = b"{}".as_slice().into();
        return (!profile.scheme.looks_into_body()).then(|| Message {
            id,
            wire_id: profile.fresh_id(now, &random),
            event: "example.event".to_owned(),
            time: now,
            mode: Mode::default(),
            content_type: profile.delivery.content_type.clone(),
            body,
        });
    };
    let composer = Composer::new(profile, ComposeOptions::example(profile, event)).ok()?;
    composer.compose(id, now, &random).ok()
}
