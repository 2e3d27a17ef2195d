//! A signature in a header that no known provider uses: which hash of the body it is, and how it is written.

use super::Explanation;
use super::digests::{Digest, begins_with};
use crate::secret::Secret;
use crate::signature::Received;
use crate::signature::encoding::LENIENT_KEY;
use base64::Engine as _;

/// Secrets that are tried, at most: each costs a hash of the body.
const MOST_SECRETS: usize = 4;

/// Hashes that providers use, with the word for each in a provider file.
const HASHES: [(Digest, &str); 3] = [
    (Digest::Sha256, "sha256"),
    (Digest::Sha1, "sha1"),
    (Digest::Sha512, "sha512"),
];

/// The header that is a keyed hash of the body with one of the secrets, and the lines of a provider file that say so.
pub fn unknown_header(received: &Received<'_>, secrets: &[Secret]) -> Option<Explanation> {
    received.headers.iter().find_map(|(name, value)| {
        let value = std::str::from_utf8(value).ok()?.trim();
        let (before, signature) = value.split_at(value.trim_end_matches('=').rfind('=').map_or(0, |at| at + 1));
        forms(signature).into_iter().find_map(|(bytes, encoding)| {
            let (digest, word) = HASHES.into_iter().find(|(digest, _)| digest.size() == bytes.len())?;
            let fits = |secret: &&Secret| {
                let expected = digest.hmac(secret.expose(), &[received.body.into()]);
                begins_with(&expected, &bytes)
            };
            secrets.iter().take(MOST_SECRETS).find(fits)?;
            let name = capitalised(name);
            let hint = format!(
                "describe it in a provider file with `extends = \"generic\"` and `[signature.hmac]`: `algorithm = \"{word}\"`, \
                 `header = \"{name}\"`, `value = \"{before}${{signature}}\"`, `encoding = \"{encoding}\"`"
            );
            let text = format!("`{name}` is the HMAC-{} of the body, as {encoding}, with this secret", digest.name().replace("SHA-", "SHA"));
            Some(Explanation::new("other-header", text, hint))
        })
    })
}

/// The decoded bytes of a text, with the word for its encoding.
fn forms(text: &str) -> Vec<(Vec<u8>, &'static str)> {
    let hex = hex::decode(text).ok().map(|bytes| (bytes, "hex"));
    let base64 = || LENIENT_KEY.decode(text).ok().map(|bytes| (bytes, "base64"));
    hex.or_else(base64).into_iter().collect()
}

/// `X-Acme-Signature` of `x-acme-signature`: as headers are written in documents.
fn capitalised(name: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        first.to_ascii_uppercase() + rest
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}
