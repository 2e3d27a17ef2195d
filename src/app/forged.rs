//! Requests that a receiver must refuse, made from one that it must accept.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::endpoints::generate;
use crate::engine::{Delivery, Progress, Signing};
use crate::error::Result;
use crate::exchange::{SecretKind, SigningMode};
use crate::headers::Headers;
use crate::json::{get, get_mut, leaf_paths};
use crate::provider::Profile;
use crate::random::Random;

/// A delivery of which headers and body are fixed, with a valid signature.
pub fn signed(mut delivery: Delivery) -> Result<Delivery> {
    let request = delivery.request(delivery.at, Progress::default())?;
    let mut message = (*delivery.message).clone();
    message.body = request.body;
    delivery.message = Arc::new(message);
    delivery.url = request.url;
    delivery.headers = request.headers;
    Ok(delivery)
}

/// The same request with one byte of what is signed changed after it was signed; `None` where nothing is signed.
pub fn twin(delivery: Delivery, profile: &Profile) -> Result<Option<Delivery>> {
    let delivery = signed(delivery)?;
    let body = tampered(profile, &delivery.headers, &delivery.message.body);
    Ok(body.map(|body| with_body(delivery, body, SigningMode::Tampered)))
}

/// The request without its signature, or with an empty one; `None` where the scheme has no place for one.
pub fn without_signature(delivery: Delivery, profile: &Profile, mode: SigningMode) -> Result<Option<Delivery>> {
    let mut delivery = signed(delivery)?;
    let body = delivery.message.body.clone();
    let is_empty = mode == SigningMode::Empty;
    let body = profile.scheme.strip(&mut delivery.headers, &body, is_empty);
    Ok(body.map(|body| with_body(delivery, body, mode)))
}

/// The request signed with a secret that is made for it; `None` where the provider's secrets cannot be made.
pub fn with_other_secret(mut delivery: Delivery, profile: &Arc<Profile>) -> Result<Option<Delivery>> {
    // A seeded source would make a secret that others can guess, and the receiver may be any.
    let Some(other) = generate(profile, &Random::os())? else {
        return Ok(None);
    };
    delivery.signing = Signing::Fresh {
        profile: Arc::clone(profile),
        signer: Some(Arc::new(profile.scheme.signer(&[other.secret])?)),
        secret: Arc::new(SecretKind::None),
    };
    let mut delivery = signed(delivery)?;
    delivery.signing = Signing::Invalid(SigningMode::WrongSecret);
    Ok(Some(delivery))
}

/// The request with a changed signature; `None` where it has none, or where it is a token.
pub fn with_changed_signature(delivery: Delivery, profile: &Profile) -> Result<Option<Delivery>> {
    let mut delivery = signed(delivery)?;
    let body = delivery.message.body.clone();
    let body = profile.scheme.change_signature(&mut delivery.headers, &body);
    Ok(body.map(|body| with_body(delivery, body, SigningMode::Tampered)))
}

/// The request with another time than the one that was signed; `None` where none is signed.
pub fn with_changed_time(delivery: Delivery, profile: &Profile) -> Result<Option<Delivery>> {
    let mut delivery = signed(delivery)?;
    let body = delivery.message.body.clone();
    let body = profile.scheme.change_time(&mut delivery.headers, &body);
    Ok(body.map(|body| with_body(delivery, body, SigningMode::Tampered)))
}

/// The delivery with another body and a signature that is wrong in that way.
pub fn with_body(mut delivery: Delivery, body: impl Into<Bytes>, mode: SigningMode) -> Delivery {
    let mut message = (*delivery.message).clone();
    message.body = body.into();
    delivery.message = Arc::new(message);
    delivery.signing = Signing::Invalid(mode);
    delivery
}

/// The body with one byte of what is signed changed; `None` where nothing of it is signed.
pub fn tampered(profile: &Profile, headers: &Headers, body: &[u8]) -> Option<Vec<u8>> {
    if profile.scheme.covers_body(headers) {
        return Some(changed(profile, headers, body)).filter(|changed| changed != body);
    }
    let mut document: Value = serde_json::from_slice(body).ok()?;
    // The longest of the signed values is a token or an id, and hardly ever the event's name.
    let length = |path: &String| get(&document, path).and_then(Value::as_str).map_or(0, str::len);
    let signed = leaf_paths(&document)
        .into_iter()
        .filter(|path| profile.scheme.signs_field(path));
    let path = signed.max_by_key(length)?;
    let Value::String(text) = get_mut(&mut document, &path)? else {
        return None;
    };
    let last = text.pop()?;
    text.push(if last == '1' { '2' } else { '1' });
    serde_json::to_vec(&document).ok()
}

/// The body with one byte changed, in a value that leaves its shape and its event as they were: a receiver that checks no
/// signature must not reject it for its form.
fn changed(profile: &Profile, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let shape = |body: &[u8]| {
        let document: Value = serde_json::from_slice(body).ok()?;
        Some((leaf_paths(&document), profile.facts(headers, body).event))
    };
    let before = shape(body);
    let mut changed = body.to_vec();
    for index in (0..body.len())
        .rev()
        .filter(|index| body[*index].is_ascii_alphanumeric())
    {
        changed[index] = neighbour(body[index]);
        if before.is_some() && shape(&changed) == before {
            return changed;
        }
        changed[index] = body[index];
    }
    if let Some(last) = changed.last_mut() {
        *last ^= 1;
    }
    changed
}

/// Another letter or digit of the same kind.
fn neighbour(byte: u8) -> u8 {
    match byte {
        b'9' | b'z' | b'Z' => byte - 1,
        _ => byte + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Registry;

    #[test]
    fn one_byte_of_a_value_changes_and_the_event_stays_what_it_is() {
        let profile = Registry::default().get("poolflow").unwrap();
        for (body, expected) in [
            (
                r#"{"event":"job.paid","data":{"id":19}}"#,
                r#"{"event":"job.paid","data":{"id":18}}"#,
            ),
            (
                r#"{"event":"job.paid","data":{"ok":true,"name":"Pat z"}}"#,
                r#"{"event":"job.paid","data":{"ok":true,"name":"Pat y"}}"#,
            ),
            // `true` would not be JSON any more.
            (
                r#"{"at":"10","event":"job.paid","data":true}"#,
                r#"{"at":"11","event":"job.paid","data":true}"#,
            ),
            ("no json at all!", "no json at all "),
        ] {
            let changed = changed(&profile, &Headers::new(), body.as_bytes());
            assert_eq!(String::from_utf8_lossy(&changed), expected);
        }
    }
}
