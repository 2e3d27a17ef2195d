//! Requests that a receiver must refuse, made from one that it must accept.

pub mod texts;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::endpoints::generate;
use crate::engine::{Delivery, Progress, Signing};
use crate::error::Result;
use crate::exchange::{SecretKind, SigningMode};
use crate::headers::Headers;
use crate::json::{get, get_mut, leaf_paths};
use crate::provider::Profile;
use crate::random::Random;
use crate::signature::Signer;

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
    let mut delivery = signed_once(delivery, profile)?;
    let body = delivery.message.body.clone();
    let is_empty = mode == SigningMode::Empty;
    let body = profile.scheme.strip(&mut delivery.headers, &body, is_empty);
    Ok(body.map(|body| with_body(delivery, body, mode)))
}

/// The request without the signature, but with what is beside it in its header; `None` where nothing is.
pub fn without_pairs(delivery: Delivery, profile: &Profile) -> Result<Option<Delivery>> {
    let mut delivery = signed_once(delivery, profile)?;
    let is_changed = profile.scheme.strip_pairs(&mut delivery.headers);
    Ok(is_changed.then(|| invalid(delivery, SigningMode::Missing)))
}

/// The request with another text in place of the whole header of the signature; `None` where no header has one.
pub fn with_header_text(delivery: Delivery, profile: &Profile, text: &str) -> Result<Option<Delivery>> {
    let mut delivery = signed_once(delivery, profile)?;
    let carried = profile
        .scheme
        .signature_headers()
        .filter(|name| delivery.headers.contains(name));
    let names: Vec<String> = carried.map(str::to_owned).collect();
    for name in &names {
        delivery.headers.set(name, text);
    }
    Ok((!names.is_empty()).then(|| invalid(delivery, SigningMode::Tampered)))
}

/// The request signed with a secret that is made for it; `None` where the provider's secrets cannot be made.
pub fn with_other_secret(delivery: Delivery, profile: &Arc<Profile>) -> Result<Option<Delivery>> {
    // A seeded source would make a secret that others can guess, and the receiver may be any.
    let Some(other) = generate(profile, &Random::os())? else {
        return Ok(None);
    };
    signed_by(delivery, profile, profile.scheme.signer(&[other.secret])?).map(Some)
}

/// The request signed by a signer that is not the provider's.
pub fn signed_by(mut delivery: Delivery, profile: &Arc<Profile>, signer: Signer) -> Result<Delivery> {
    delivery.signing = Signing::Fresh {
        profile: Arc::clone(profile),
        signer: Some(Arc::new(signer)),
        secret: Arc::new(SecretKind::None),
    };
    Ok(invalid(signed(delivery)?, SigningMode::WrongSecret))
}

/// The request with that change in the text of each signature, or of its token; `None` where it has none, or where nothing changes.
pub fn with_changed_signature(
    delivery: Delivery,
    profile: &Profile,
    change: impl Fn(&str) -> String,
) -> Result<Option<Delivery>> {
    let mut delivery = signed_once(delivery, profile)?;
    let body = delivery.message.body.clone();
    let body = profile.scheme.change_signature(&mut delivery.headers, &body, change);
    Ok(body.map(|body| with_body(delivery, body, SigningMode::Tampered)))
}

/// The request with another time than the one that was signed; `None` where none is signed.
pub fn with_changed_time(
    delivery: Delivery,
    profile: &Profile,
    change: impl Fn(Timestamp) -> Timestamp,
) -> Result<Option<Delivery>> {
    let mut delivery = signed(delivery)?;
    let body = delivery.message.body.clone();
    let body = profile.scheme.change_time(&mut delivery.headers, &body, change);
    Ok(body.map(|body| with_body(delivery, body, SigningMode::Tampered)))
}

/// The request with another id than the one that was signed; `None` where no signed header carries it.
pub fn with_changed_id(delivery: Delivery, profile: &Profile, id: &str) -> Result<Option<Delivery>> {
    let scheme = &profile.scheme;
    let Some(name) = scheme.carrier().and_then(|carrier| carrier.id_header.clone()) else {
        return Ok(None);
    };
    let mut delivery = signed(delivery)?;
    if !delivery.headers.contains(&name) || !scheme.signs_header(&name, &delivery.headers) {
        return Ok(None);
    }
    delivery.headers.set(&name, id);
    Ok(Some(invalid(delivery, SigningMode::Tampered)))
}

/// The request with a line feed behind its body that was not signed.
pub fn padded(delivery: Delivery) -> Delivery {
    let body: Bytes = [&delivery.message.body[..], b"\n"].concat().into();
    with_body(delivery, body, SigningMode::Tampered)
}

/// The signed request without the signatures that the provider sends beside its own: a receiver may check those instead.
fn signed_once(delivery: Delivery, profile: &Profile) -> Result<Delivery> {
    let mut delivery = signed(delivery)?;
    let body = delivery.message.body.clone();
    for scheme in &profile.beside {
        let _ = scheme.strip(&mut delivery.headers, &body, false);
    }
    Ok(delivery)
}

/// The delivery with a signature that is wrong in that way.
pub fn invalid(mut delivery: Delivery, mode: SigningMode) -> Delivery {
    delivery.signing = Signing::Invalid(mode);
    delivery
}

/// The delivery with another body and a signature that is wrong in that way.
pub fn with_body(mut delivery: Delivery, body: impl Into<Bytes>, mode: SigningMode) -> Delivery {
    let mut message = (*delivery.message).clone();
    message.body = body.into();
    delivery.message = Arc::new(message);
    invalid(delivery, mode)
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
