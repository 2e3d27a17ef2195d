//! The tampered message: its signature is that of another one.

use std::sync::Arc;

use serde_json::Value;

use crate::app::context::Context;
use crate::engine::{Delivery, Progress, Signing};
use crate::headers::Headers;
use crate::id::{Id, IdKind};
use crate::json::leaf_paths;
use crate::provider::Profile;
use crate::signature::Scheme;

/// A copy of the delivery that a receiver must refuse: the same signature, and a body that differs by one byte. Where the
/// signature is a token that covers no body, the token differs. `None` when nothing is signed.
pub(super) fn of(context: &Context, profile: &Profile, genuine: &Delivery) -> Option<Delivery> {
    let now = context.now();
    let mut headers = genuine.request(now, genuine.progress.attempts).ok()?.headers;
    let mut message = (*genuine.message).clone();
    match &profile.scheme {
        Scheme::Unsigned => return None,
        Scheme::Token(scheme) => spoil(&mut headers, &scheme.header),
        // What is signed of a body that carries its own signature may be anything but the byte that is changed.
        scheme if scheme.header().is_none() => return None,
        Scheme::Hmac(_) | Scheme::Hash(_) | Scheme::Asymmetric(_) => {
            message.body = tampered(profile, &headers, &message.body).into();
        }
    }
    message.id = Id::new(IdKind::Message, now, &context.random);
    Some(Delivery {
        id: Id::new(IdKind::Delivery, now, &context.random),
        message: Arc::new(message),
        headers,
        signing: Signing::AsCaptured,
        progress: Progress::default(),
        at: now,
        ..genuine.clone()
    })
}

/// The body with one byte changed, in a value that leaves its shape and its event as they were: a receiver that checks no
/// signature must not reject it for its form.
fn tampered(profile: &Profile, headers: &Headers, body: &[u8]) -> Vec<u8> {
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

fn spoil(headers: &mut Headers, name: &str) {
    let mut value = headers.get(name).unwrap_or_default().to_vec();
    match value.last_mut() {
        Some(last) if last.is_ascii_alphanumeric() => *last = neighbour(*last),
        _ => value.push(b'x'),
    }
    headers.set(name, value);
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
            let changed = tampered(&profile, &Headers::new(), body.as_bytes());
            assert_eq!(String::from_utf8_lossy(&changed), expected);
        }
    }
}
