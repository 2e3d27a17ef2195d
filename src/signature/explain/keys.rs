//! Keys that may have signed: of another secret, of a text that was changed on its way, or made of the text otherwise.

use base64::Engine as _;

use super::context::SearchContext;
use super::digests::{Digest, sha256};
use super::embedded::embedded;
use super::key_kinds::{KeyKind, SHARED, called};
use super::mistake::{Change, KeyChange, Mistake, Rank, mistake};
use super::secret_cleanup::{KNOWN_PREFIX, cleanings};
use super::sender_keys;
use crate::secret::Secret;
use crate::signature::encoding::LENIENT_KEY;
use crate::signature::{Hmac, KeyForm, Scheme};

/// Secrets whose texts are changed, at most.
const MOST_SECRETS: usize = 8;

/// Ways to make a key of a text that are frequent, and that are looked for beside another mistake.
const USUAL_READINGS: usize = 8;
const READINGS_IN_PAIRS: usize = 16;

/// Prefixes of secrets, which are cut when a secret is copied.
const PREFIXES: [&str; 1] = [KNOWN_PREFIX];

/// Every key that may have signed, the likely ones first.
pub(super) fn changes(context: &SearchContext<'_>) -> Vec<KeyChange> {
    let mut found: Vec<KeyChange> = Vec::new();
    for other in others(context) {
        if let Some(key) = context.key(other) {
            found.push(Change::new(Rank::Common, key, other_is(other)));
        }
    }
    for secret in context.case.secrets.iter().take(MOST_SECRETS) {
        copied(context, secret, &mut found);
        if context.is_keyed_by_text() {
            sender_keys::with_text_around(context, secret, &mut found);
        }
        if let Scheme::Hmac(scheme) = context.case.scheme {
            key_of_pair(secret, &mut found);
            made_otherwise(scheme, secret, &mut found);
        }
    }
    if context.is_keyed_by_text() {
        sender_keys::unset(&mut found);
    }
    let mut seen: Vec<Vec<u8>> = context.keys.clone();
    found.retain(|change| {
        let is_new = !seen.contains(&change.value);
        seen.push(change.value.clone());
        is_new
    });
    // One mistake before two, the order kept among the rest.
    found.sort_by_key(|change| (change.mistakes.len(), change.rank));
    found
}

/// Known secrets that were not tried.
fn others<'c>(context: &'c SearchContext<'_>) -> impl Iterator<Item = &'c Secret> {
    let case = context.case;
    let is_new = move |secret: &&Secret| !case.secrets.iter().any(|tried| tried.expose() == secret.expose());
    case.others.iter().filter(is_new)
}

fn other_is(other: &Secret) -> Mistake {
    let name = other.name().unwrap_or("another known secret");
    let reference = name.starts_with("env:") || name.starts_with("file:");
    let said = mistake(
        "other-secret",
        format!("it was signed with `{name}`"),
        "give sender and receiver the same secret: they hold different ones",
    );
    if reference {
        said.alone(format!("check with that one: `--secret {name}`"))
    } else {
        said
    }
}

/// The secret was changed between its maker and here; also by two of the ways, one after the other.
fn copied(context: &SearchContext<'_>, secret: &Secret, found: &mut Vec<KeyChange>) {
    let name = called(secret);
    let usable = |text: &[u8]| context.key(&Secret::new(text));
    let cleaned = cleanings(secret.expose(), &name);
    for first in &cleaned {
        found.extend(usable(&first.text).map(|key| Change::new(first.rank, key, first.mistake.clone())));
    }
    for first in &cleaned {
        for second in cleanings(&first.text, &name) {
            if second.mistake.cause != first.mistake.cause || second.mistake.text != first.mistake.text {
                found.extend(usable(&second.text).map(|key| {
                    let rank = first.rank.max(second.rank);
                    Change::new(rank, key, first.mistake.clone()).and(&second.mistake)
                }));
            }
        }
        found.extend(with_prefix(context, &first.text, &name).map(|change| {
            let mut change = change.and(&first.mistake);
            change.mistakes.reverse();
            change
        }));
    }
    // What has a name of its own comes first.
    for piece in embedded(secret.expose(), &name) {
        found.extend(usable(&piece.text).map(|key| Change::new(piece.rank, key, piece.mistake)));
    }
    found.extend(with_prefix(context, secret.expose(), &name));
}

/// The text with the prefix that it has lost.
fn with_prefix(context: &SearchContext<'_>, text: &[u8], name: &str) -> Option<KeyChange> {
    let own = context.case.prefix.filter(|prefix| prefix.len() > 1);
    let mut prefixes = own.into_iter().chain(PREFIXES);
    let prefix = prefixes.find(|prefix| !text.starts_with(prefix.as_bytes()))?;
    let whole = [prefix.as_bytes(), text].concat();
    let key = context.key(&Secret::new(whole))?;
    let said = format!("{name} lacks its prefix `{prefix}`");
    let hint = format!("copy the whole secret: its prefix `{prefix}` is part of it");
    Some(Change::new(Rank::Common, key, mistake("secret-prefix", said, hint)))
}

/// A sender that keys its hash with the text of a public key can be imitated by anyone: it is reported, and not accepted.
fn key_of_pair(secret: &Secret, found: &mut Vec<KeyChange>) {
    let Some(kind) = KeyKind::of(secret) else { return };
    let said = format!(
        "the sender used {}'s text, {}, as its shared secret",
        kind.name(),
        called(secret)
    );
    let said = mistake("key-kind", said, SHARED);
    for text in [secret.expose(), secret.expose().trim_ascii()] {
        found.push(Change::new(Rank::Common, text.to_vec(), said.clone()));
    }
}

/// The secret's text became a key in another way; also after its ends were trimmed.
fn made_otherwise(scheme: &Hmac, secret: &Secret, found: &mut Vec<KeyChange>) {
    let name = called(secret);
    let hint = hint_of(scheme, &name);
    let readings = |text: &[u8]| readings(text, scheme.key_prefix.as_deref());
    let said = |does: &'static str| mistake("secret-encoding", format!("the sender {does}"), hint.clone());
    for (at, (key, does)) in readings(secret.expose()).into_iter().enumerate() {
        let rank = match at {
            0..USUAL_READINGS => Rank::Common,
            USUAL_READINGS..READINGS_IN_PAIRS => Rank::Sometimes,
            _ => Rank::Rare,
        };
        found.push(Change::new(rank, key, said(does)));
    }
    for cleaned in cleanings(secret.expose(), &name) {
        if cleaned.rank == Rank::Common && cleaned.mistake.cause != "secret-encoding" {
            for (key, does) in readings(&cleaned.text) {
                found.push(Change::new(Rank::Sometimes, key, cleaned.mistake.clone()).and(&said(does)));
            }
        }
    }
}

fn hint_of(scheme: &Hmac, name: &str) -> String {
    let form = match scheme.key {
        KeyForm::Utf8 => "the text itself",
        KeyForm::Hex => "the bytes behind the hex digits",
        KeyForm::Base64 | KeyForm::PrefixedBase64 => "the bytes behind the base64",
    };
    let prefix = match (&scheme.key_prefix, scheme.key) {
        (Some(prefix), _) => format!(" after `{prefix}`"),
        (None, KeyForm::Utf8) => ", prefix included".to_owned(),
        _ => String::new(),
    };
    format!("the key of {name} is {form}{prefix}: the sender must make it so")
}

/// How programs make a key of a text, the likely ways first.
fn readings(text: &[u8], prefix: Option<&str>) -> Vec<(Vec<u8>, &'static str)> {
    let bare = prefix
        .and_then(|prefix| text.strip_prefix(prefix.as_bytes()))
        .or_else(|| text.strip_prefix(KNOWN_PREFIX.as_bytes()))
        .or_else(|| after_prefix(text));
    let unhexed = |text: &[u8]| hex::decode(text).ok();
    let rest = bare.unwrap_or(text);
    let hashed = |digest: Digest| Some(hex::encode(digest.hash(&[text.into()])).into_bytes());
    let words = std::str::from_utf8(text).ok();
    let utf16 = words.map(|words| words.encode_utf16().flat_map(u16::to_le_bytes).collect());
    let ways = [
        (Some(text.to_vec()), "signs with the secret's whole text, not decoded"),
        (
            bare.map(<[u8]>::to_vec),
            "signs with the secret's text after its prefix, not decoded",
        ),
        (decoded(rest), "decodes the secret as base64"),
        (decoded(text), "decodes the secret as base64 with the prefix in it"),
        (
            decoded(rest).and_then(|bytes| decoded(&bytes)),
            "decodes the secret as base64 twice",
        ),
        (unhexed(rest), "decodes the secret as hex"),
        (
            decoded(rest).map(|bytes| hex::encode(bytes).into_bytes()),
            "signs with the hex digits of the decoded secret",
        ),
        (
            Some(encoded(text)),
            "encodes the secret as base64 and signs with that text",
        ),
        (
            Some(encoded(rest)),
            "encodes the secret as base64 and signs with that text",
        ),
        (
            Some(hex::encode(text).into_bytes()),
            "encodes the secret as hex and signs with those digits",
        ),
        (
            hashed(Digest::Sha256),
            "signs with the SHA-256 hash of the secret, in hex",
        ),
        (Some(sha256(text)), "signs with the SHA-256 hash of the secret"),
        (hashed(Digest::Md5), "signs with the MD5 hash of the secret, in hex"),
        (hashed(Digest::Sha1), "signs with the SHA-1 hash of the secret, in hex"),
        (
            hashed(Digest::Sha512),
            "signs with the SHA-512 hash of the secret, in hex",
        ),
        (utf16, "encodes the secret as UTF-16, as .NET's `Encoding.Unicode` does"),
        (cut(text, 16), "signs with the first 16 bytes of the secret only"),
        (cut(text, 32), "signs with the first 32 bytes of the secret only"),
        (
            decoded(rest).map(|bytes| String::from_utf8_lossy(&bytes).into_owned().into_bytes()),
            "decodes the secret as base64 and its bytes as UTF-8",
        ),
        (
            decoded(rest).map(|bytes| bytes.into_iter().map(char::from).collect::<String>().into_bytes()),
            "decodes the secret as base64 and its bytes as Latin-1",
        ),
    ];
    let ways = ways.into_iter().chain(rare_readings(text));
    ways.filter_map(|(bytes, does)| Some((bytes.filter(|bytes| !bytes.is_empty())?, does)))
        .collect()
}

/// The first bytes of a longer text.
fn cut(text: &[u8], length: usize) -> Option<Vec<u8>> {
    let cut = text.get(..length).filter(|cut| cut.len() < text.len());
    cut.map(<[u8]>::to_vec)
}

/// Less common ways.
fn rare_readings(text: &[u8]) -> [(Option<Vec<u8>>, &'static str); 5] {
    [
        (
            Some(encoded(&sha256(text))),
            "signs with the SHA-256 hash of the secret, in base64",
        ),
        (
            Some(Digest::Md5.hash(&[text.into()])),
            "signs with the MD5 hash of the secret",
        ),
        (
            Some(Digest::Sha1.hash(&[text.into()])),
            "signs with the SHA-1 hash of the secret",
        ),
        (cut(text, 20), "signs with the first 20 bytes of the secret only"),
        (cut(text, 24), "signs with the first 24 bytes of the secret only"),
    ]
}

fn encoded(text: &[u8]) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.encode(text).into_bytes()
}

/// As programs decode base64 that forgive: both alphabets, other characters skipped, and a last one that is alone.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().position(|byte| *byte == b'=').unwrap_or(text.len());
    let mut standard: Vec<u8> = text[..end]
        .iter()
        .filter_map(|byte| match byte {
            b'-' => Some(b'+'),
            b'_' => Some(b'/'),
            byte if byte.is_ascii_alphanumeric() || b"+/".contains(byte) => Some(*byte),
            _ => None,
        })
        .collect();
    if standard.len() % 4 == 1 {
        standard.pop();
    }
    LENIENT_KEY.decode(standard).ok().filter(|bytes| !bytes.is_empty())
}

/// What is behind a prefix as secrets have it: `whsec_...`.
fn after_prefix(text: &[u8]) -> Option<&[u8]> {
    let end = text.iter().take(16).rposition(|byte| *byte == b'_')?;
    Some(&text[end + 1..])
}
