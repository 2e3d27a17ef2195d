//! The texts of keys: PEM, base64 of DER, raw bytes in hex or base64.

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::encoding::LENIENT;

/// The bytes before the 32 bytes of an Ed25519 public key in its SPKI DER (RFC 8410).
pub(super) const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The bytes before the 65 bytes of an uncompressed P-256 public key in its SPKI DER (RFC 5480).
pub(super) const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The prefix of the base64 of a public key in the Standard Webhooks specification.
const PUBLIC_PREFIX: &[u8] = b"whpk_";

/// What base64 makes of the beginning of a PEM document.
const PEM_IN_BASE64: &[u8] = b"LS0tLS1CRUdJTi";

/// Whether a text is a key of a pair: PEM, `whpk_...`, or base64 or hex of an SPKI document. Everybody knows a public key,
/// so that nothing keyed with its text proves anything.
pub fn is_public_key(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii();
    if text.starts_with(PUBLIC_PREFIX) || text.starts_with(PEM_IN_BASE64) || has_pem(text) {
        return true;
    }
    // Shorter than the shortest key, and not the start of a SEQUENCE: no need to decode.
    if text.len() < 56 || !(text[0] == b'M' || text.starts_with(b"30")) {
        return false;
    }
    let mut joined = text.to_vec();
    joined.retain(|byte| !byte.is_ascii_whitespace());
    let is_key = |der: Vec<u8>| is_key_document(&der);
    hex::decode(&joined).is_ok_and(is_key) || LENIENT.decode(&joined).is_ok_and(is_key)
}

/// Some tools write attributes in front of a PEM document.
fn has_pem(text: &[u8]) -> bool {
    let begin = b"-----BEGIN ";
    text.windows(begin.len()).any(|part| part == begin)
}

/// Whether it is a SEQUENCE as long as the text, and in it what a public key (SPKI) or a private one (PKCS#8) begins with.
fn is_key_document(der: &[u8]) -> bool {
    let inner = match der.get(..4) {
        Some([0x30, length, ..]) if usize::from(*length) == der.len() - 2 => &der[2..],
        Some([0x30, 0x81, length, _]) if usize::from(*length) == der.len() - 3 => &der[3..],
        Some([0x30, 0x82, high, low]) if usize::from(u16::from_be_bytes([*high, *low])) == der.len() - 4 => &der[4..],
        _ => return false,
    };
    matches!(inner, [0x30, _, 0x06, ..] | [0x02, 0x01, 0x00, 0x30, _, 0x06, ..])
}

/// Whether a text has the form of a raw public key in hex. Some secrets have the same form; only the provider decides.
pub fn is_hex_key(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    text.len() == 64 && text.iter().all(u8::is_ascii_hexdigit)
}

pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = (0..text.len())
        .step_by(64)
        .filter_map(|at| text.get(at..text.len().min(at + 64)))
        .collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

pub(super) fn stripped<'a>(text: &'a [u8], prefix: Option<&String>) -> Option<&'a [u8]> {
    text.strip_prefix(prefix?.as_bytes())
}

/// PKCS#8, a seed, or a seed and the public key that belongs to it.
pub(super) fn ed25519_pair(der: &[u8]) -> Option<Ed25519KeyPair> {
    match der.len() {
        32 => Ed25519KeyPair::from_seed_unchecked(der).ok(),
        // Standard Webhooks and libsodium write the seed followed by the public key.
        64 => Ed25519KeyPair::from_seed_and_public_key(&der[..32], &der[32..]).ok(),
        _ => Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok(),
    }
}

/// The bytes of a key's text: PEM, hex or base64.
pub(super) fn der_of(text: &[u8]) -> Option<Vec<u8>> {
    if text.starts_with(b"-----BEGIN") {
        let text = std::str::from_utf8(text).ok()?;
        let inner = text.lines().filter(|line| !line.starts_with("-----"));
        return LENIENT.decode(inner.map(str::trim).collect::<String>()).ok();
    }
    // 64 hex digits are also valid base64: hex is the form that providers document for 32 bytes.
    if text.len() == 64
        && let Ok(bytes) = hex::decode(text)
    {
        return Some(bytes);
    }
    LENIENT.decode(text).ok()
}
