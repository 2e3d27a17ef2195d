//! Mistakes with the body: the bytes that came are not the bytes that were signed.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::context::{BOM, ProbeContext};
use super::json::{self, JsonNode};
use super::styles::{JsonStyle, LIKELY, STYLES};
use super::{Explanation, found};

/// Sizes at which programs cut bodies off: powers of two from 1 KiB to 8 MiB, and round decimal ones.
const LIMITS: [usize; 21] = [
    1 << 10,
    1 << 11,
    1 << 12,
    1 << 13,
    1 << 14,
    1 << 15,
    65_535,
    1 << 16,
    100 << 10,
    1 << 17,
    1 << 18,
    1 << 19,
    1 << 20,
    1 << 21,
    1 << 22,
    1 << 23,
    1000,
    10_000,
    100_000,
    1_000_000,
    5_000_000,
];

pub(super) fn end(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let body = bench.case.received.body;
    let shorter = [b"\r\n".as_slice(), b"\n"]
        .iter()
        .any(|end| body.strip_suffix(*end).is_some_and(|shorter| bench.body(shorter)));
    if shorter {
        let hint = "use the raw bytes as they came: editors and `echo` add a newline";
        return Some(found("the body got a newline at its end after it was signed", hint).under("body-newline-added"));
    }
    let longer = [b"\n".as_slice(), b"\r\n"]
        .iter()
        .any(|end| bench.body_between(b"", end));
    longer.then(|| {
        let hint = "use the raw bytes as they came: `curl -d @FILE` drops newlines, `--data-binary @FILE` keeps them";
        found("the body lost the newline at its end after it was signed", hint).under("body-newline-lost")
    })
}

pub(super) fn line_ends(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let body = bench.case.received.body;
    if !body.contains(&b'\n') {
        return None;
    }
    let changed = bench.body_of(|| unix_line_ends(body)) || bench.body_of(|| windows_line_ends(body));
    changed.then(|| {
        found(
            "the line ends of the body were changed after it was signed (CRLF and LF)",
            "use the raw bytes as they came: read and write the body in binary mode",
        )
    })
}

pub(super) fn bom(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let body = bench.case.received.body;
    let text = match body.strip_prefix(BOM) {
        Some(rest) if bench.body(rest) => "the body got a byte order mark before it after it was signed",
        None if bench.body_between(BOM, b"") => "the body lost its byte order mark after it was signed",
        _ => return None,
    };
    Some(found(
        text,
        "use the raw bytes as they came: save and read them as UTF-8 without a mark, or in binary mode",
    ))
}

pub(super) fn reserialised(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let node = bench.document()?;
    if let Some(found) = written_anew(bench, node, &STYLES[..LIKELY]) {
        return Some(found);
    }
    // A document that was put into a string is a frequent result of encoding twice.
    let JsonNode::Text(raw) = node else { return None };
    bench.body_of(|| json::text(raw).into_owned().into_bytes()).then(|| {
        found(
            "the body is the signed JSON inside a JSON string: it was encoded twice",
            "send the text as it is: it is JSON already",
        )
    })
}

/// In one of the many styles that are not likely.
pub(super) fn rarely_reserialised(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let found = written_anew(bench, bench.document()?, &STYLES[LIKELY..])?;
    Some(found.under("body-reserialised"))
}

/// The document in the first of those styles that fits, with a newline at its end or without.
fn written_anew(bench: &ProbeContext<'_>, node: &JsonNode<'_>, styles: &[JsonStyle]) -> Option<Explanation> {
    let mut seen: Vec<Vec<u8>> = Vec::new();
    let style = styles.iter().find(|style| {
        let Some(mut text) = bench.written(node, style).filter(|text| !seen.contains(text)) else {
            return false;
        };
        if bench.body(&text) {
            return true;
        }
        // Large texts are no longer kept to save what is cheap for small ones, and tried without a newline only.
        if bench.pace.is_free() {
            seen.push(text.clone());
            text.push(b'\n');
            return bench.body(&text);
        }
        false
    })?;
    Some(found(
        format!(
            "what was signed is {}, and the body is written otherwise: one side parsed it and wrote it anew",
            style.name
        ),
        "sign and check the raw bytes, before anything parses the JSON",
    ))
}

/// The likeliest other bodies, for two mistakes at once, each with what happened to it.
pub(super) fn likely<'b>(bench: &'b ProbeContext<'_>) -> impl Iterator<Item = (&'static str, Cow<'b, [u8]>)> {
    let body = bench.case.received.body;
    let end = || match body.strip_suffix(b"\r\n").or_else(|| body.strip_suffix(b"\n")) {
        Some(cut) => Some(("the body got a newline at its end", Cow::Borrowed(cut))),
        None => {
            let longer = bench.changed(|| [body, b"\n"].concat())?;
            Some(("the body lost the newline at its end", Cow::Owned(longer)))
        }
    };
    let anew = STYLES[..3].iter().filter_map(move |style| {
        let text = bench.written(bench.document()?, style)?;
        (text != body).then_some(("the body was parsed and written anew", Cow::Owned(text)))
    });
    end().into_iter().chain(anew)
}

/// Only a beginning of the body was signed.
pub(super) fn cut(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let body = bench.case.received.body;
    if bench.body(b"") {
        let text = "the sender signs an empty body: it hashes before the body is there, or reads it twice";
        return Some(found(text, "sign the bytes that are sent").under("body-empty"));
    }
    let limit = LIMITS
        .iter()
        .find(|limit| body.get(..**limit).is_some_and(|cut| bench.body(cut)))?;
    Some(found(
        format!("the sender signs the first {limit} bytes only"),
        "sign the whole body: a limit cuts it off before it is hashed",
    ))
}

/// What the headers say about a body that is not there as a whole. Nothing is proved by it.
pub(super) fn incomplete(bench: &ProbeContext<'_>) -> Option<Explanation> {
    // A token does not cover the body.
    bench.content()?;
    let (headers, body) = (bench.case.received.headers, bench.case.received.body);
    let length: Option<usize> = headers
        .get_text("content-length")
        .and_then(|text| text.trim().parse().ok());
    let short = length.filter(|length| *length > body.len());
    let coded = headers
        .get_text("content-encoding")
        .is_some_and(|coding| coding.contains("gzip"));
    if body.is_empty() && (short.is_some() || headers.contains("content-type")) {
        let text = "the body is empty, though its headers speak of one: a redirect turns POST into GET and drops it";
        let hint = "give the sender the last URL itself, with its scheme and slash: `curl -sI URL` shows a redirect";
        return Some(found(text, hint).under("body-empty").guess());
    }
    if let Some(length) = short {
        return Some(cut_off(format!(
            "the body has {} bytes, and its headers say {length}",
            body.len()
        )));
    }
    if breaks_off(bench) {
        return Some(cut_off(format!(
            "the body is JSON that breaks off after {} bytes",
            body.len()
        )));
    }
    let inflated_on_the_way = coded && !body.starts_with(&[0x1f, 0x8b]);
    inflated_on_the_way.then(|| {
        found(
            "the headers say gzip and the body is none: something on the way undid it, and the compressed bytes were signed",
            "check the signature before the compression is undone",
        )
        .under("body-compressed")
        .guess()
    })
}

fn cut_off(fact: String) -> Explanation {
    let hint = "raise the limit of the proxy or framework in between; the signature covers the whole body";
    found(fact + ": it was cut off", hint).under("body-truncated").guess()
}

/// Whether the body begins as JSON and ends in the middle of it.
fn breaks_off(bench: &ProbeContext<'_>) -> bool {
    let body = bench.case.received.body;
    let reads = matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    let read = reads.then(|| bench.changed(|| serde_json::from_slice::<IgnoredAny>(body).err()));
    read.flatten().flatten().is_some_and(|error| error.is_eof())
}

fn unix_line_ends(body: &[u8]) -> Vec<u8> {
    let mut unix = Vec::with_capacity(body.len());
    for (at, byte) in body.iter().enumerate() {
        if *byte != b'\r' || body.get(at + 1) != Some(&b'\n') {
            unix.push(*byte);
        }
    }
    unix
}

fn windows_line_ends(body: &[u8]) -> Vec<u8> {
    let mut windows = Vec::with_capacity(body.len() + body.len() / 16);
    for (at, byte) in body.iter().enumerate() {
        if *byte == b'\n' && (at == 0 || body[at - 1] != b'\r') {
            windows.push(b'\r');
        }
        windows.push(*byte);
    }
    windows
}
