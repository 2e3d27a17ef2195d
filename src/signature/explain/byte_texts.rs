//! Bodies as texts of their bytes: lists of numbers, Python's and Postgres' notations, percent escapes, base64 of
//! compressed bytes, a request with its head.

use percent_encoding::percent_decode_str;

use super::context::SearchContext;
use super::mistake::{Change, Rank, Sink, mistake};
use super::wrapped::{from_base64, inflated};

const HINT: &str = "decode the body before the check, or use its raw bytes, before a program writes them as text";

/// Larger bodies are not written as lists of numbers, which are four times as long.
const MOST_LISTED: usize = 256 * 1024;

/// Every body that this text may have been made of.
pub(super) fn read(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    type Read = fn(&str) -> Option<Vec<u8>>;
    let Ok(text) = std::str::from_utf8(context.case.received.body) else {
        return false;
    };
    let ways: [(Read, &str, &str); 8] = [
        (
            numbers,
            "body-encoded",
            "the body is a list of the numbers of its bytes, as `JSON.stringify` writes a Buffer, and was signed before that",
        ),
        (
            python,
            "body-escaped",
            "the body is wrapped in Python's `b'...'`: its bytes were not decoded",
        ),
        (
            |text| {
                hex::decode(
                    text.trim()
                        .strip_prefix("\\x")
                        .or_else(|| text.trim().strip_prefix("0x"))?,
                )
                .ok()
            },
            "body-encoded",
            "the body is hex behind a prefix, as Postgres writes bytes, and was signed before that",
        ),
        (
            percent,
            "body-encoded",
            "the body is percent-encoded as a whole, and was signed before that",
        ),
        (
            |text| from_base64(text.as_bytes()).and_then(|bytes| inflated(&bytes)),
            "body-encoded",
            "the body is base64 of compressed bytes, and was signed before both",
        ),
        (
            |text| from_base64(&from_base64(text.as_bytes())?),
            "body-encoded",
            "the body was encoded as base64 twice, and was signed before that",
        ),
        (
            |text| from_base64(text.trim().strip_prefix("data:")?.split_once(";base64,")?.1.as_bytes()),
            "body-encoded",
            "the body is a `data:` URL with base64 in it, and was signed before that",
        ),
        (
            headed,
            "body-wrapped",
            "the body has the head of its HTTP request before it, and was signed without that",
        ),
    ];
    ways.into_iter().any(|(read, cause, said)| {
        let bytes = context.make(|| read(text)).flatten();
        bytes.is_some_and(|bytes| sink(Change::new(Rank::Sometimes, bytes, mistake(cause, said, HINT))))
    })
}

/// What programs sign that format bytes as a list of numbers.
pub(super) fn listed(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let body = context.case.received.body;
    if body.is_empty() || body.len() > MOST_LISTED {
        return false;
    }
    let decimals: Vec<String> = (0..=u8::MAX).map(|byte| byte.to_string()).collect();
    let joined = |between: &str| {
        let mut text = String::with_capacity(body.len() * 4);
        for (at, byte) in body.iter().enumerate() {
            text.push_str(if at > 0 { between } else { "" });
            text.push_str(&decimals[usize::from(*byte)]);
        }
        text
    };
    let hint = "sign the raw bytes of the body, not a text that a program makes of them";
    [
        (
            "{\"type\":\"Buffer\",\"data\":[",
            ",",
            "]}",
            "the JSON of a Buffer, `{\"type\":\"Buffer\",...}`",
        ),
        ("", ",", "", "its bytes as numbers with commas between them"),
        ("[", ",", "]", "its bytes as numbers in brackets"),
        ("[", ", ", "]", "its bytes as numbers in brackets"),
        ("[", " ", "]", "its bytes as numbers in brackets"),
    ]
    .into_iter()
    .any(|(open, between, close, what)| {
        let said = format!("the sender signs {what}, in place of the body");
        let text = context.make(|| [open, &joined(between), close].concat().into_bytes());
        text.is_some_and(|text| sink(Change::new(Rank::Rare, text, mistake("body-encoded", said, hint))))
    })
}

fn numbers(text: &str) -> Option<Vec<u8>> {
    let bare = text.trim();
    let open = bare.rfind('[').map_or(0, |at| at + 1);
    if open > 64 || !bare[..open].chars().all(|c| !c.is_ascii_digit()) {
        return None;
    }
    let list = bare[open..].trim_end_matches(['}', ']']);
    let parts = list.split([',', ' ', '\n']).filter(|part| !part.is_empty());
    let bytes: Option<Vec<u8>> = parts.map(|part| part.parse().ok()).collect();
    bytes.filter(|bytes| bytes.len() > 1)
}

/// Bytes as Python's `repr` shows them.
fn python(text: &str) -> Option<Vec<u8>> {
    let inner = text.trim().strip_prefix('b')?;
    let quote = inner.chars().next().filter(|c| "'\"".contains(*c))?;
    let mut rest = inner.strip_prefix(quote)?.strip_suffix(quote)?;
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escaped = rest[at + 1..].chars().next()?;
        rest = &rest[at + 1 + escaped.len_utf8()..];
        match escaped {
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'x' => {
                bytes.extend(hex::decode(rest.get(..2)?).ok()?);
                rest = &rest[2..];
            }
            c => bytes.extend(c.to_string().bytes()),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

/// All of a text is escaped, and not the values of a form.
fn percent(text: &str) -> Option<Vec<u8>> {
    let plain = !text.contains(['=', '&', '{', '<', ' ']) && text.contains('%');
    plain.then(|| percent_decode_str(&text.replace('+', " ")).collect())
}

fn headed(text: &str) -> Option<Vec<u8>> {
    let (head, rest) = text.split_once("\r\n\r\n").or_else(|| text.split_once("\n\n"))?;
    let first = head.lines().next()?;
    (first.contains(" HTTP/") || first.starts_with("HTTP/")).then(|| rest.as_bytes().to_vec())
}
