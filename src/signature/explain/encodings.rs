//! Mistakes with the signature itself: another hash, no keyed hash, another text form.

use std::borrow::Cow;

use super::context::{CarriedSignature, ProbeContext, Trial};
use super::time_budget::StepKind;
use super::{Explanation, found};
use crate::signature::{Algorithm, Encoding};

/// Headers that are looked through for a signature, at most.
const MOST_HEADERS: usize = 16;

/// The same signature in another text form.
pub(super) fn encoding(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let (carrier, content) = (bench.carrier()?, bench.content()?);
    let fits = |target: &&CarriedSignature| {
        let trial = bench.bare(content, None, std::slice::from_ref(target));
        trial.is_some_and(|trial| bench.fits(&trial))
    };
    let target = bench.targets.iter().find(fits)?;
    let (got, wanted) = (target.encoding, carrier.encoding);
    let example = carrier.value.to_string();
    let text = match (got, wanted) {
        (got, wanted) if got != wanted => {
            format!(
                "the signature is right, but written as {} instead of {}",
                long(got),
                long(wanted)
            )
        }
        (Encoding::Base64Url, _) if target.padded => {
            "the signature is right, but its base64 has padding that does not belong".to_owned()
        }
        (Encoding::Hex, _) if carrier.exact && !target.exact => {
            "the signature is right, but its hex is in upper case, which libraries refuse".to_owned()
        }
        _ if carrier.exact && !target.exact => {
            "the signature is right, but its base64 lacks its padding, which libraries refuse".to_owned()
        }
        _ if target.before.is_empty() => {
            format!("the signature is right, but what stands around it is missing: `{example}`")
        }
        _ => format!(
            "the signature is right, but `{}` stands before it: the header is `{example}`",
            target.before.escape_debug()
        ),
    };
    let how = match wanted {
        Encoding::Hex if carrier.exact => "hex in lower case",
        Encoding::Base64 if carrier.exact => "base64 with its padding",
        wanted => long(wanted),
    };
    Some(found(
        text,
        format!(
            "the sender's `{}` must be `{example}`, with the signature as {how}",
            carrier.header
        ),
    ))
}

/// The signature in another header than its own.
pub(super) fn other_header(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let header = bench.case.scheme.header()?;
    let headers = bench.case.received.headers;
    let fits = |name: &&str| {
        let mut moved = headers.clone();
        headers.all(name).for_each(|value| moved.append(header, value));
        bench.fits(&Trial {
            headers: Cow::Owned(moved),
            ..bench.trial()
        })
    };
    let likely = |name: &&str| {
        ["sign", "hmac", "auth", "token", "hash"]
            .iter()
            .any(|part| name.contains(part))
    };
    let names = headers.iter().map(|(name, _)| name).filter(likely);
    let name = names.take(MOST_HEADERS).find(fits)?;
    Some(found(
        format!("the signature is right, but stands in `{name}` instead of `{header}`"),
        format!("the sender must put it into `{header}`"),
    ))
}

/// Another hash inside.
pub(super) fn hash(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let (own, content) = (bench.algorithm()?, bench.content()?);
    let others = [Algorithm::Sha256, Algorithm::Sha1, Algorithm::Sha512];
    let fits = |algorithm: &Algorithm| {
        *algorithm != own
            && bench
                .bare(content, Some(*algorithm), &bench.targets)
                .is_some_and(|trial| bench.fits(&trial))
    };
    let used = others.into_iter().find(fits)?;
    let keyed = if bench.hmac().is_some() { "HMAC with " } else { "" };
    Some(found(
        format!("the sender signs with {}, not with {}", name(used), name(own)),
        format!("the sender must use {keyed}{}", name(own)),
    ))
}

/// A hash of secret and body, or of the body alone, without HMAC.
pub(super) fn plain(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let hmac = bench.hmac()?;
    let body = bench.case.received.body;
    let is_there = |parts: &[&[u8]]| {
        let is_one = |hash: Vec<u8>| bench.targets.iter().any(|target| target.bytes == hash);
        let hashed = bench.pace.step(StepKind::Check, body.len(), || {
            is_one(digest::<sha2::Sha256>(parts))
                || is_one(digest::<sha1::Sha1>(parts))
                || is_one(digest::<sha2::Sha512>(parts))
        });
        hashed == Some(true)
    };
    let mut texts = bench.case.secrets.iter().map(crate::secret::Secret::expose);
    let text = if texts.any(|secret| is_there(&[secret, body]) || is_there(&[body, secret])) {
        "the sender hashes secret and body one after the other, which is no HMAC"
    } else if is_there(&[body]) {
        "the sender sends a hash of the body without any secret, which everybody can make"
    } else {
        return None;
    };
    Some(found(
        text,
        format!(
            "the sender must use HMAC with {}, keyed with the secret",
            name(hmac.algorithm)
        ),
    ))
}

fn digest<D: sha2::Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = D::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().to_vec()
}

fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Sha1 => "SHA-1",
        Algorithm::Sha256 => "SHA-256",
        Algorithm::Sha512 => "SHA-512",
    }
}

fn long(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Hex => "hex",
        Encoding::Base64 => "base64",
        Encoding::Base64Url => "URL-safe base64 without padding",
    }
}
