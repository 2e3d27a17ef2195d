//! The text of a signature: what a header's value can be read as, and how that differs from what the scheme writes.

use base64::Engine as _;

use super::digests::{Digest, begins_with, der};
use super::mistake::{Mistake, mistake};
use super::notations::{self, SHORTEST, Token, tokens};
use crate::headers::Headers;
use crate::signature::encoding::LENIENT_KEY;
use crate::signature::{AsymmetricKind, Encoding, RejectReason, Scheme, SignatureLocation, same};
use crate::template::{Part, Placeholder};

/// Signatures of one value that are looked at, at most: a sender may write thousands.
const MOST: usize = 16;

/// Writes the bytes of a signature.
type WriteBytes = fn(&[u8]) -> String;

/// A signature that a request may carry, and what is wrong with its text.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) bytes: Vec<u8>,
    /// The hash that gives that many bytes; of no meaning with a pair of keys.
    pub(super) digest: Digest,
    /// How the sender writes the signature, when its text cannot be decoded: the text itself is compared then.
    pub(super) written: Option<WriteBytes>,
    pub(super) mistakes: Vec<Mistake>,
}

impl Target {
    /// Whether it is that signature, or the beginning of it.
    pub(super) fn is_of(&self, expected: &[u8]) -> bool {
        match self.written {
            Some(write) => same(write(expected).as_bytes(), &self.bytes),
            None => begins_with(expected, &self.bytes),
        }
    }
}

/// What a text decodes to, and what is odd about it.
struct Decoded {
    bytes: Vec<u8>,
    encoding: Encoding,
    odd: Option<String>,
    cut: bool,
}

/// The texts that the scheme itself reads as signatures.
enum OwnReading {
    Texts(Vec<Vec<u8>>),
    /// The value is in order, and its timestamp is not.
    TimeFault,
    Unreadable,
}

/// Everything in a value that can be a signature of the scheme.
pub(super) fn targets(scheme: &Scheme, carrier: &SignatureLocation, value: &[u8]) -> Vec<Target> {
    let Ok(text) = std::str::from_utf8(value) else {
        return Vec::new();
    };
    let own = own_reading(carrier, value);
    let mut found: Vec<Target> = Vec::new();
    for token in tokens(text, carrier.encoding, 4 * MOST) {
        for decoded in decode(&token.text, carrier.encoding) {
            for (bytes, digest, mut mistakes) in as_signatures(scheme, &decoded) {
                mistakes.extend(form_mistake(scheme, carrier, &own, text, &token, &decoded));
                let known = found
                    .iter()
                    .position(|have| have.bytes == bytes && have.digest == digest);
                match known {
                    Some(at) if found[at].mistakes.len() > mistakes.len() => found[at].mistakes = mistakes,
                    Some(_) => {}
                    None if found.len() < MOST => found.push(Target {
                        bytes,
                        digest,
                        written: None,
                        mistakes,
                    }),
                    None => return found,
                }
            }
        }
        found.extend(without_zeros(scheme, carrier, &token));
    }
    found
}

/// Hex digits of which some zeros are missing: which they were cannot be read from the text.
fn without_zeros(scheme: &Scheme, carrier: &SignatureLocation, token: &Token<'_>) -> Vec<Target> {
    let Some(digest) = Digest::own(scheme) else {
        return Vec::new();
    };
    let text = token.text.to_ascii_lowercase();
    let is_shorter = (digest.size() * 3 / 2..digest.size() * 2).contains(&text.len());
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let ways: [(WriteBytes, &str); 2] = [
        (
            |bytes| bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:x}")),
            "the signature's hex has no zeros before single digits: each byte must be two digits",
        ),
        (
            |bytes| hex::encode(bytes).trim_start_matches('0').to_owned(),
            "the signature's hex has lost the zeros at its beginning: it was written as a number",
        ),
    ];
    let target = |(write, odd)| Target {
        bytes: text.clone().into_bytes(),
        digest,
        written: Some(write),
        mistakes: vec![mistake("signature-encoding", odd, form_hint(carrier))],
    };
    ways.into_iter().filter(|_| is_shorter && is_hex).map(target).collect()
}

/// The form that the header must have.
fn form_hint(carrier: &SignatureLocation) -> String {
    let how = match carrier.encoding {
        Encoding::Hex if carrier.exact => "hex in lower case",
        Encoding::Base64 if carrier.exact => "base64 with its padding",
        wanted => long(wanted),
    };
    format!(
        "the sender's `{}` must have the form `{}`, with the signature as {how}",
        carrier.header, carrier.value
    )
}

fn own_reading(carrier: &SignatureLocation, value: &[u8]) -> OwnReading {
    // A fault of another header is not one of this text.
    let alone = SignatureLocation {
        time_header: None,
        body: None,
        ..carrier.clone()
    };
    let header = if carrier.body.is_some() {
        "body"
    } else {
        &carrier.header
    };
    let headers: Headers = [(header, value)].into_iter().collect();
    let alone = SignatureLocation {
        header: header.to_owned(),
        ..alone
    };
    match alone.read(&headers, None) {
        Ok(carried) => OwnReading::Texts(carried.signatures.iter().map(|text| text.to_vec()).collect()),
        Err(RejectReason::Malformed { expected, .. }) if expected == "a timestamp" => OwnReading::TimeFault,
        Err(_) => OwnReading::Unreadable,
    }
}

/// Every way to decode a text.
fn decode(text: &str, wanted: Encoding) -> Vec<Decoded> {
    let mut all = Vec::new();
    let mut add = |bytes: Vec<u8>, encoding, odd: Option<String>, cut| {
        all.push(Decoded {
            bytes,
            encoding,
            odd,
            cut,
        });
    };
    if let Some((bytes, odd)) = notations::read(text) {
        add(
            bytes,
            Encoding::Hex,
            Some(format!("{odd} instead of {}", long(wanted))),
            false,
        );
        return all;
    }
    let digits: String = text.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex && let Ok(bytes) = hex::decode(&digits[..digits.len() & !1]) {
        let odd = if text.contains(':') {
            Some("hex with colons")
        } else {
            let dashed = digits.len() < text.len();
            dashed.then_some("hex with dashes, as .NET's BitConverter writes it,")
        };
        let odd = odd.map(|odd| format!("{odd} instead of {}", long(wanted)));
        add(bytes, Encoding::Hex, odd, digits.len() % 2 == 1);
    }
    if is_hex && wanted == Encoding::Hex {
        return all;
    }
    let bare = text.trim_end_matches('=');
    let url_safe = bare.contains(['-', '_']);
    let standard: String = bare
        .chars()
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    let is_cut = standard.len() % 4 == 1;
    if let Ok(bytes) = LENIENT_KEY.decode(&standard[..standard.len() - usize::from(is_cut)]) {
        let encoding = if url_safe || (wanted == Encoding::Base64Url && !text.ends_with('=')) {
            Encoding::Base64Url
        } else {
            Encoding::Base64
        };
        add(bytes, encoding, None, is_cut);
    }
    all
}

/// What bytes can be as a signature: of which hash, cut off, or written otherwise.
fn as_signatures(scheme: &Scheme, decoded: &Decoded) -> Vec<(Vec<u8>, Digest, Vec<Mistake>)> {
    let bytes = &decoded.bytes;
    let own = match scheme {
        Scheme::Asymmetric(scheme) => {
            let mut all = vec![(bytes.clone(), Digest::Sha256, Vec::new())];
            if scheme.kind == AsymmetricKind::Ecdsa && bytes.len() == 64 {
                let text = "the signature is written as r||s (P1363, as Web Crypto writes it) instead of DER";
                let hint = "the sender must write the signature in the form DER (ASN.1), in base64";
                all.push((
                    der(bytes),
                    Digest::Sha256,
                    vec![mistake("signature-encoding", text, hint)],
                ));
            }
            return all;
        }
        scheme => match Digest::own(scheme) {
            Some(own) => own,
            None => return Vec::new(),
        },
    };
    let mut all = Vec::new();
    if bytes.len() == own.size() && !decoded.cut {
        return vec![(bytes.clone(), own, Vec::new())];
    }
    let other = Digest::ALL
        .into_iter()
        .find(|digest| *digest != own && digest.size() == bytes.len());
    if let Some(digest) = other.filter(|_| !decoded.cut) {
        let keyed = if matches!(scheme, Scheme::Hmac(_)) {
            "HMAC with "
        } else {
            ""
        };
        let text = format!("the sender signs with {}, not with {}", digest.name(), own.name());
        let hint = format!("the sender must use {keyed}{} for its form of signature", own.name());
        all.push((bytes.clone(), digest, vec![mistake("wrong-hash", text, hint)]));
    }
    if (SHORTEST..own.size()).contains(&bytes.len()) {
        let text = format!(
            "the signature is cut off: only its first {} bytes of {} are there",
            bytes.len(),
            own.size()
        );
        let hint = "carry the whole signature: the column or buffer that it went through is too short for its form";
        all.push((bytes.clone(), own, vec![mistake("signature-encoding", text, hint)]));
    }
    if let Some(before) = bytes.len().checked_sub(own.size()).filter(|before| *before > 0) {
        let text = format!(
            "the signature follows {before} other bytes: Go's `Sum(b)` appends the hash to `b`, and does not hash `b`"
        );
        let hint = "the sender must write the body into the hash first, and call `Sum(nil)`, for its form of signature";
        let tail = bytes[before..].to_vec();
        all.push((tail, own, vec![mistake("signature-encoding", text, hint)]));
    }
    all
}

/// What is wrong with the text of a signature, when anything is.
fn form_mistake(
    scheme: &Scheme,
    carrier: &SignatureLocation,
    own: &OwnReading,
    value: &str,
    token: &Token<'_>,
    decoded: &Decoded,
) -> Option<Mistake> {
    let text = token.text.as_bytes();
    let is_read = match own {
        OwnReading::Texts(texts) => texts.iter().any(|own| own == text),
        OwnReading::TimeFault => true,
        OwnReading::Unreadable => false,
    };
    let also = match scheme {
        Scheme::Hmac(scheme) => scheme.also_accept.as_slice(),
        _ => &[],
    };
    // A signature that was cut off is said by that, and nothing more.
    let decodes = carrier.decode(text).is_some_and(|bytes| bytes == decoded.bytes) || decoded.cut;
    let accepted = is_read && decodes
        || also.iter().any(|form| {
            form.decode(value.trim().as_bytes())
                .is_some_and(|bytes| bytes == decoded.bytes)
        });
    if accepted {
        return None;
    }
    let odd = odd_text(carrier, token, decoded).or_else(|| odd_frame(carrier, value, token));
    let said = odd.unwrap_or_else(|| format!("the signature is not written as in `{}`", carrier.value));
    Some(mistake("signature-encoding", said, form_hint(carrier)))
}

/// What is odd about the signature's own characters.
fn odd_text(carrier: &SignatureLocation, token: &Token<'_>, decoded: &Decoded) -> Option<String> {
    let (got, wanted) = (decoded.encoding, carrier.encoding);
    if let Some(odd) = &decoded.odd {
        return Some(format!("the signature is written as {odd}"));
    }
    if let Some(odd) = token.odd {
        return Some(odd.to_owned());
    }
    if got != wanted {
        return Some(format!(
            "the signature is written as {} instead of {}",
            long(got),
            long(wanted)
        ));
    }
    let text = token.text.as_ref();
    if carrier.decode(text.as_bytes()).is_some() {
        return None;
    }
    Some(match wanted {
        Encoding::Base64Url => "the signature's base64 has padding that does not belong".to_owned(),
        Encoding::Hex => "the signature's hex is in upper case, which libraries refuse".to_owned(),
        Encoding::Base64 => "the signature's base64 lacks its padding, which libraries refuse".to_owned(),
    })
}

/// What is odd about the text before and after a signature.
fn odd_frame(carrier: &SignatureLocation, value: &str, token: &Token<'_>) -> Option<String> {
    let example = carrier.value.to_string();
    let (before, after) = (token.before, token.after);
    let wanted = before_signature(carrier);
    let bare = before.trim_start_matches(['"', '\'', '`', ' ']);
    let missing = || match wanted.trim() {
        "" => format!("the text around the signature is missing: the header must have the form `{example}`"),
        wanted => {
            format!("the prefix `{wanted}` before the signature is missing: the header must have the form `{example}`")
        }
    };
    if before.ends_with("b'") && after.starts_with('\'') {
        return Some("the signature is wrapped in Python's `b'...'`: its bytes were not decoded".to_owned());
    }
    if bare.len() < before.len() && after.contains(['"', '\'', '`']) && value.trim().len() > token.text.len() + 1 {
        return Some("the header's value is in quotes".to_owned());
    }
    if value.matches(token.text.as_ref()).count() > 1 {
        return Some("the header has two values joined into one: it was sent twice".to_owned());
    }
    if let Some(pairs) = &carrier.pairs {
        let key = before.rsplit([',', ';', ' ', '&']).next().unwrap_or_default();
        let read_keys: Vec<&str> = wanted.rsplit(pairs.as_str()).take(1).collect();
        return Some(match key {
            "" => missing(),
            key if read_keys.contains(&key) => format!("the pairs of the header are not separated by `{pairs}` alone"),
            key => format!(
                "the signature has the prefix `{}` instead of `{}`",
                key.escape_debug(),
                read_keys.concat()
            ),
        });
    }
    if !wanted.is_empty() && before == wanted.repeat(2) {
        return Some(format!("the prefix `{wanted}` stands twice before the signature"));
    }
    match (before, wanted.as_str()) {
        ("", "") => None,
        ("", _) => Some(missing()),
        (before, "") => Some(format!(
            "the signature has the prefix `{}`, and must have none",
            before.escape_debug()
        )),
        (before, wanted) => Some(format!(
            "the signature has the prefix `{}` instead of `{wanted}`",
            before.escape_debug()
        )),
    }
}

/// The text of the value in front of the signature.
fn before_signature(carrier: &SignatureLocation) -> String {
    let mut before = String::new();
    for part in carrier.value.parts() {
        match part {
            Part::Placeholder(Placeholder::Signature) => break,
            Part::Text(text) => before.clone_from(text),
            Part::Placeholder(_) => {}
        }
    }
    before
}

pub(super) fn long(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Hex => "hex",
        Encoding::Base64 => "base64",
        Encoding::Base64Url => "URL-safe base64 without padding",
    }
}
