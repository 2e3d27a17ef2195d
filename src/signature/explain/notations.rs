//! The pieces of a header's value, and notations that no scheme has: encoded twice, as a list of numbers, with spaces,
//! percent-encoded.

use std::borrow::Cow;

use base64::Engine as _;
use percent_encoding::percent_decode_str;

use crate::signature::Encoding;
use crate::signature::encoding::LENIENT_KEY;

/// What ends a piece of a header's value.
const ENDS: &str = ", ;.\"'`\t\\<>[]{}()&\u{2026}";

/// Shorter texts are no signature that was encoded twice.
const SHORTEST_INNER: usize = 28;

/// A value is looked at as a whole up to this length.
const LONGEST: usize = 1024;

/// A shorter beginning of a signature proves too little.
pub(super) const SHORTEST: usize = 12;

/// A piece of a value with the text around it.
pub(super) struct Token<'v> {
    pub(super) before: &'v str,
    pub(super) text: Cow<'v, str>,
    pub(super) after: &'v str,
    /// What is odd about it, when that is known.
    pub(super) odd: Option<&'static str>,
}

/// The pieces of a value, with the text around them.
pub(super) fn tokens(value: &str, wanted: Encoding, most: usize) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut start = 0;
    for piece in value.split(|c: char| ENDS.contains(c)) {
        let end = start + piece.len();
        let mut add = |from: usize| {
            let text = value[start + from..end].trim_end_matches('.');
            if text.len() >= SHORTEST {
                tokens.push(Token {
                    before: &value[..start + from],
                    text: Cow::Borrowed(text),
                    after: &value[end..],
                    odd: None,
                });
            }
        };
        // The `=` of a pair has something behind it, that of base64 has not.
        let bare = piece.trim_end_matches('=');
        let equals = bare.rfind('=').map_or(0, |at| at + 1);
        add(bare.rfind(['=', ':']).map_or(0, |at| at + 1));
        // Pieces with colons between pairs of digits are one text.
        if bare[equals..].bytes().filter(|byte| *byte == b':').count() > 10 {
            add(equals);
        }
        if tokens.len() > most {
            break;
        }
        start = end + value[end..].chars().next().map_or(0, char::len_utf8);
    }
    tokens.extend(of_value(value, wanted));
    tokens
}

/// The bytes of a text in an odd notation, and its name.
pub(super) fn read(text: &str) -> Option<(Vec<u8>, &'static str)> {
    for (prefix, name) in [
        ("0x", "hex after `0x`"),
        ("0X", "hex after `0x`"),
        ("x", "hex after `\\x`"),
    ] {
        if let Some(bytes) = text.strip_prefix(prefix).and_then(|digits| hex::decode(digits).ok()) {
            return Some((bytes, name));
        }
    }
    if text.starts_with(LIST) {
        let numbers = text[LIST.len_utf8()..]
            .split(',')
            .map(|number| number.parse::<i16>().ok());
        let bytes: Option<Vec<u8>> = numbers.map(|number| Some(number?.to_le_bytes()[0])).collect();
        return Some((bytes?, "a list of decimal numbers"));
    }
    if text.contains(' ') && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_hexdigit()) {
        return Some((hex::decode(text.replace(' ', "")).ok()?, "hex with spaces"));
    }
    let inner_of = |bytes: Vec<u8>| {
        String::from_utf8(bytes)
            .ok()
            .filter(|inner| inner.len() >= SHORTEST_INNER)
    };
    if let Some(inner) = hex::decode(text).ok().and_then(inner_of) {
        let bytes = hex::decode(&inner).map(|bytes| (bytes, "hex of the hex text"));
        return bytes
            .ok()
            .or_else(|| Some((LENIENT_KEY.decode(&inner).ok()?, "hex of the base64 text")));
    }
    let inner = LENIENT_KEY.decode(text.trim_end_matches('=')).ok().and_then(inner_of)?;
    let bytes = hex::decode(&inner).map(|bytes| (bytes, "base64 of the hex text"));
    bytes
        .ok()
        .or_else(|| Some((LENIENT_KEY.decode(&inner).ok()?, "base64 of the base64 text")))
}

/// Stands before the numbers of a list, whose brackets and spaces are gone.
const LIST: char = '[';

/// Texts for which the whole value is needed.
fn of_value(value: &str, wanted: Encoding) -> impl Iterator<Item = Token<'_>> {
    let bare = value.trim();
    let is_short = bare.len() <= LONGEST;
    // `sha256=` and its like stay in front.
    let from = bare.trim_end_matches('=').rfind(['=', ',']).map_or(0, |at| at + 1);
    let (before, text) = bare.split_at(from);
    let token = |before, text, odd| Token {
        before,
        text: Cow::Owned(text),
        after: "",
        odd,
    };
    let blanks = (text.contains(' ') && is_short).then(|| {
        let is_hex = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_hexdigit());
        if is_hex || wanted == Encoding::Hex {
            return token(before, text.trim().to_owned(), None);
        }
        let odd = "the signature has spaces where base64 has `+`: it was URL-decoded on the way";
        token(before, text.replace(' ', "+"), Some(odd))
    });
    let escaped = (text.contains('%') && is_short).then(|| {
        let plain = percent_decode_str(text).decode_utf8_lossy();
        let from = plain.trim_end_matches('=').rfind(['=', ',']).map_or(0, |at| at + 1);
        let odd = "the signature is percent-encoded, as in a URL";
        token(before, plain[from..].to_owned(), Some(odd))
    });
    let open = bare.find('[').map_or(0, |at| at + 1);
    let inner = bare[open..].trim_end_matches(['}', ']']);
    let is_list = inner.matches([',', ' ']).count() >= SHORTEST
        && inner
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b", -".contains(&byte));
    let list = (is_list && is_short).then(|| {
        let numbers: Vec<&str> = inner.split([',', ' ']).filter(|number| !number.is_empty()).collect();
        token(
            &bare[..open.saturating_sub(1)],
            format!("{LIST}{}", numbers.join(",")),
            None,
        )
    });
    [blanks, escaped, list].into_iter().flatten()
}
