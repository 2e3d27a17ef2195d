//! Mistakes with the secret: another one, copied with something around it, or made a key in another way.

use base64::Engine as _;

use super::context::ProbeContext;
use super::{Explanation, found};
use crate::secret::Secret;
use crate::signature::encoding::LENIENT_KEY;
use crate::signature::keys::is_public_key;
use crate::signature::{KeyForm, Scheme};

/// What is put around a secret when it is copied.
const QUOTES: [&str; 3] = ["\"", "'", "`"];

/// Known secrets that were not tried.
pub(super) fn others<'a>(bench: &ProbeContext<'a>) -> impl Iterator<Item = &'a Secret> + use<'a> {
    let case = bench.case;
    let new = move |secret: &&Secret| !case.secrets.iter().any(|tried| tried.expose() == secret.expose());
    case.others.iter().filter(new)
}

pub(super) fn other_secret(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let other = others(bench).find(|secret| bench.secret((*secret).clone()))?;
    Some(other_is(other))
}

/// Says that the other secret is the right one.
pub(super) fn other_is(other: &Secret) -> Explanation {
    let name = other.name().unwrap_or("another known secret");
    let reference = name.starts_with("env:") || name.starts_with("file:");
    found(
        format!("it was signed with `{name}`"),
        if reference {
            format!("check with that one: `--secret {name}`")
        } else {
            "sender and receiver hold different secrets: give both the same".into()
        },
    )
}

pub(super) fn whitespace(bench: &ProbeContext<'_>) -> Option<Explanation> {
    bench.case.secrets.iter().find_map(|secret| {
        let (text, name) = (secret.expose(), called(secret));
        let fits = |text: Vec<u8>| bench.secret(Secret::new(text));
        let trimmed = text.trim_ascii();
        if trimmed.len() < text.len() && (fits(trimmed.to_vec()) || fits(text.trim_ascii_end().to_vec())) {
            return Some(found(
                format!("{name} has blanks or newlines around it that the sender's has not"),
                "keep it without them: `printf %s VALUE > FILE` adds no newline",
            ));
        }
        let longer = [("", "\n"), ("", "\r\n"), ("", " "), (" ", ""), ("", "\t")]
            .iter()
            .any(|(before, after)| fits([before.as_bytes(), text, after.as_bytes()].concat()));
        longer.then(|| {
            found(
                format!("the sender's secret has a blank or newline at an end that {name} has not"),
                "set the secret again at the sender, without it",
            )
        })
    })
}

pub(super) fn quotes(bench: &ProbeContext<'_>) -> Option<Explanation> {
    bench.case.secrets.iter().find_map(|secret| {
        let (text, name) = (secret.expose(), called(secret));
        let fits = |text: Vec<u8>| bench.secret(Secret::new(text));
        for quote in QUOTES {
            let quote = quote.as_bytes();
            let bare = text
                .trim_ascii()
                .strip_prefix(quote)
                .and_then(|rest| rest.strip_suffix(quote));
            if bare.is_some_and(|bare| fits(bare.to_vec())) {
                return Some(found(
                    format!("{name} has quotes around it that are no part of it"),
                    "keep it without them: files of `NAME=VALUE` lines are not always read by a shell",
                ));
            }
            if fits([quote, text, quote].concat()) {
                return Some(found(
                    format!("the sender signs with quotes around {name}"),
                    "set the secret again at the sender, without quotes",
                ));
            }
        }
        None
    })
}

/// A key of the wrong kind: whether or not it was signed with, it cannot be right. Beside a secret of the right kind it may
/// stand for another variant, so that it is told only when it was used.
pub(super) fn key_kind(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let secrets = bench.case.secrets;
    if matches!(bench.case.scheme, Scheme::Asymmetric(_)) {
        let private = |secret: &&Secret| KeyKind::of(secret) == Some(KeyKind::Private);
        let secret = secrets
            .iter()
            .find(private)
            .filter(|_| secrets.iter().all(|secret| private(&secret)))?;
        return Some(found(
            format!(
                "{} is a private key: it signs, and the public key checks",
                called(secret)
            ),
            "give the other half: `--secret file:PATH.pub`",
        ));
    }
    bench.hmac()?;
    let keys = || secrets.iter().filter_map(|secret| Some((secret, KeyKind::of(secret)?)));
    // A sender that makes this mistake can be imitated by everybody: it is told, and not accepted.
    let used = |(secret, _): &(&Secret, KeyKind)| bench.key(secret.expose()) || bench.key(secret.expose().trim_ascii());
    let text = if let Some((secret, kind)) = keys().find(used) {
        format!(
            "the sender used {}'s text, {}, as its shared secret",
            kind.name(),
            called(secret)
        )
    } else {
        let (secret, kind) = keys().next().filter(|_| keys().count() == secrets.len())?;
        format!(
            "{} is {}, and a shared secret belongs there",
            called(secret),
            kind.name()
        )
    };
    Some(found(
        text,
        "give the shared secret: `--secret env:VAR`; a public key goes with a variant that has key pairs",
    ))
}

/// What a text is that is no shared secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KeyKind {
    Public,
    Private,
    Certificate,
}

impl KeyKind {
    fn of(secret: &Secret) -> Option<Self> {
        let text = secret.expose().trim_ascii();
        if !is_public_key(text) {
            return None;
        }
        Some(match text.strip_prefix(b"-----BEGIN ") {
            Some(label) if label.starts_with(b"CERTIFICATE") => Self::Certificate,
            Some(label) if !label.starts_with(b"PUBLIC") && !label.starts_with(b"RSA PUBLIC") => Self::Private,
            _ => Self::Public,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Public => "a public key",
            Self::Private => "a private key",
            Self::Certificate => "a certificate",
        }
    }
}

/// What bytes a text may stand for.
struct KeyReading {
    bytes: Vec<u8>,
    /// What the sender does.
    does: &'static str,
}

/// A secret whose text became a key in another way.
pub(super) fn key_form(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let hmac = bench.hmac()?;
    bench.case.secrets.iter().find_map(|secret| {
        let readings = readings(secret.expose(), hmac.key_prefix.as_deref());
        let reading = readings.into_iter().find(|reading| bench.key(&reading.bytes))?;
        let form = match hmac.key {
            KeyForm::Utf8 => "the text itself",
            KeyForm::Hex => "the bytes behind the hex digits",
            KeyForm::Base64 | KeyForm::PrefixedBase64 => "the bytes behind the base64",
        };
        let prefix = match (&hmac.key_prefix, hmac.key) {
            (Some(prefix), _) => format!(" after `{prefix}`"),
            (None, KeyForm::Utf8) => ", prefix included".to_owned(),
            _ => String::new(),
        };
        Some(found(
            format!("the sender {}", reading.does),
            format!(
                "the key of {} is {form}{prefix}: the sender must make it so",
                called(secret)
            ),
        ))
    })
}

/// How programs make a key of a text, the likely ways first.
fn readings(text: &[u8], prefix: Option<&str>) -> Vec<KeyReading> {
    let bare = prefix
        .and_then(|prefix| text.strip_prefix(prefix.as_bytes()))
        .or_else(|| after_prefix(text));
    let decoded = |text: &[u8]| {
        let end = text.iter().position(|b| *b == b'=').unwrap_or(text.len());
        let mut standard: Vec<u8> = text[..end].iter().map(|b| alphabet(*b)).collect();
        // A lonely last character has too few bits for a byte: programs that forgive drop it.
        if standard.len() % 4 == 1 {
            standard.pop();
        }
        LENIENT_KEY.decode(standard).ok().filter(|bytes| !bytes.is_empty())
    };
    let unhexed = |text: &[u8]| hex::decode(text).ok().filter(|bytes| !bytes.is_empty());
    let rest = bare.unwrap_or(text);
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
    ];
    let ways = ways.into_iter();
    ways.filter_map(|(bytes, does)| bytes.map(|bytes| KeyReading { bytes, does }))
        .collect()
}

/// What is behind a prefix as secrets have it: `whsec_...`.
fn after_prefix(text: &[u8]) -> Option<&[u8]> {
    let end = text.iter().take(16).rposition(|b| *b == b'_')?;
    Some(&text[end + 1..])
}

/// Many decoders take both alphabets.
fn alphabet(byte: u8) -> u8 {
    match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

fn called(secret: &Secret) -> String {
    let name = secret.name();
    name.map_or_else(|| "the secret".into(), |name| format!("the secret `{name}`"))
}

/// A token with the word before it that belongs there, or without it.
pub(super) fn token(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let Scheme::Token(scheme) = bench.case.scheme else {
        return None;
    };
    let sent = bench.case.received.headers.get(&scheme.header)?;
    let bare = |text: &[u8]| text.rsplit(|b| *b == b' ').next().unwrap_or_default().to_vec();
    let fits = |secret: &&Secret| bare(sent) == secret.expose();
    bench.case.secrets.iter().find(fits)?;
    let (header, value) = (&scheme.header, &scheme.value);
    Some(found(
        format!("the token is right, and what stands before it in `{header}` is not"),
        format!("the header must be `{header}: {value}`"),
    ))
}
