//! Two mistakes at once, of a short list: what is known to come together.

use std::borrow::Cow;

use super::bench::{Bench, Trial};
use super::{Explanation, bodies, found, secrets};
use crate::secret::Secret;
use crate::signature::Algorithm;

/// Another secret, or one with a newline too many, and another body.
pub(super) fn secret_and_body(bench: &Bench<'_>) -> Option<Explanation> {
    if !bench.signs_body() {
        return None;
    }
    let trimmed = bench.case.secrets.iter().filter_map(|secret| {
        let trimmed = secret.expose().trim_ascii();
        (trimmed.len() < secret.expose().len()).then(|| Secret::new(trimmed))
    });
    let mut keys: Vec<(String, Secret)> = secrets::others(bench)
        .map(|secret| (secrets::other_is(secret).text, secret.clone()))
        .collect();
    keys.extend(trimmed.map(|secret| ("the secret has blanks or newlines around it".to_owned(), secret)));
    if keys.is_empty() {
        return None;
    }
    let bodies = bodies::likely(bench.case.received.body);
    keys.iter().find_map(|(what, key)| {
        let (_, why, _) = bodies.iter().find(|(_, _, body)| {
            bench.fits(&Trial {
                secrets: Cow::Owned(vec![key.clone()]),
                body: Cow::Borrowed(body),
                ..bench.trial()
            })
        })?;
        Some(found(
            format!("two mistakes at once: {what}, and {why}"),
            "mend the secret first, then check the raw bytes as they came",
        ))
    })
}

/// Another text form of the signature, or another hash, and another body.
pub(super) fn form_and_body(bench: &Bench<'_>) -> Option<Explanation> {
    let content = bench.content().filter(|_| bench.signs_body())?;
    let bodies = bodies::likely(bench.case.received.body);
    let hash = bench.hmac().map(|hmac| hmac.algorithm);
    let hashes = [hash, Some(Algorithm::Sha256), Some(Algorithm::Sha1)];
    hashes.iter().enumerate().find_map(|(index, hash)| {
        if index > 0 && (hash == &hashes[0] || hashes[0].is_none()) {
            return None;
        }
        let bare = bench.bare(content, *hash, &bench.targets)?;
        let (_, why, _) = bodies.iter().find(|(_, _, body)| {
            bench.fits(&Trial {
                body: Cow::Borrowed(body),
                ..bare.clone()
            })
        })?;
        let what = if index == 0 {
            "the signature is in another text form"
        } else {
            "the sender uses another hash"
        };
        Some(found(
            format!("two mistakes at once: {what}, and {why}"),
            "mend the signature's form first, then check the raw bytes as they came",
        ))
    })
}
