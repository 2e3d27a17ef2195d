//! Two mistakes at once, of a short list: what is known to come together.

use std::borrow::Cow;

use super::context::{ProbeContext, Trial};
use super::{Explanation, bodies, found, secrets};
use crate::secret::Secret;
use crate::signature::Algorithm;

/// Another secret, or one with a newline too many, and another body.
pub(super) fn secret_and_body(bench: &ProbeContext<'_>) -> Option<Explanation> {
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
    bodies::likely(bench).find_map(|(why, body)| {
        let (what, _) = keys.iter().find(|(_, key)| {
            bench.fits(&Trial {
                secrets: Cow::Owned(vec![key.clone()]),
                body: Cow::Borrowed(&body),
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
pub(super) fn form_and_body(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let content = bench.content().filter(|_| bench.signs_body())?;
    let own = bench.algorithm();
    let others = [Algorithm::Sha256, Algorithm::Sha1].map(Some);
    let others = others.into_iter().filter(|other| own.is_some() && *other != own);
    let form = (
        bench.bare(content, own, &bench.targets)?,
        "the signature is in another text form",
    );
    let hashes = others.filter_map(|hash| {
        Some((
            bench.bare(content, hash, &bench.targets)?,
            "the sender uses another hash",
        ))
    });
    let bare: Vec<_> = std::iter::once(form).chain(hashes).collect();
    bodies::likely(bench).find_map(|(why, body)| {
        let (_, what) = bare.iter().find(|(bare, _)| {
            bench.fits(&Trial {
                body: Cow::Borrowed(&body),
                ..bare.clone()
            })
        })?;
        Some(found(
            format!("two mistakes at once: {what}, and {why}"),
            "mend the signature's form first, then check the raw bytes as they came",
        ))
    })
}
