//! Mistakes with the body: the bytes that came are not the bytes that were signed.

use std::borrow::Cow;

use url::form_urlencoded;

use super::bench::{Bench, SMALL};
use super::json::{self, Node};
use super::styles::{LIKELY, STYLES, Style};
use super::{Explanation, found};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// A compressed body is not inflated beyond this.
const MOST_INFLATED: usize = 16 * 1024 * 1024;

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

pub(super) fn end(bench: &Bench<'_>) -> Option<Explanation> {
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
        .any(|end| bench.body(&[body, end].concat()));
    longer.then(|| {
        let hint = "use the raw bytes as they came: `curl -d @FILE` drops newlines, `--data-binary @FILE` keeps them";
        found("the body lost the newline at its end after it was signed", hint).under("body-newline-lost")
    })
}

pub(super) fn line_ends(bench: &Bench<'_>) -> Option<Explanation> {
    let body = bench.case.received.body;
    if !body.contains(&b'\n') {
        return None;
    }
    let unix = unix_line_ends(body);
    let mut windows = Vec::with_capacity(unix.len() + 64);
    for byte in &unix {
        if *byte == b'\n' {
            windows.push(b'\r');
        }
        windows.push(*byte);
    }
    (bench.body(&unix) || bench.body(&windows)).then(|| {
        found(
            "the line ends of the body were changed after it was signed (CRLF and LF)",
            "use the raw bytes as they came: read and write the body in binary mode",
        )
    })
}

pub(super) fn bom(bench: &Bench<'_>) -> Option<Explanation> {
    let body = bench.case.received.body;
    let text = match body.strip_prefix(BOM) {
        Some(rest) if bench.body(rest) => "the body got a byte order mark before it after it was signed",
        None if bench.body(&[BOM, body].concat()) => "the body lost its byte order mark after it was signed",
        _ => return None,
    };
    Some(found(
        text,
        "use the raw bytes as they came: save and read them as UTF-8 without a mark, or in binary mode",
    ))
}

/// The document written in those styles, without what is as it came. Large ones are written without a newline only.
fn rewritten<'n>(
    node: &'n Node<'n>,
    body: &'n [u8],
    styles: &'static [Style],
) -> impl Iterator<Item = (&'static str, Vec<u8>)> + 'n {
    let mut seen: Vec<Vec<u8>> = Vec::new();
    let ends: &[&str] = if body.len() > SMALL { &[""] } else { &["", "\n"] };
    styles.iter().flat_map(move |style| {
        let text = json::write(node, style, body.len());
        let new = text != body && !seen.contains(&text);
        if new && body.len() <= SMALL {
            seen.push(text.clone());
        }
        let ends = if new { ends } else { &[] };
        ends.iter()
            .map(move |end| (style.name, [&text[..], end.as_bytes()].concat()))
    })
}

pub(super) fn reserialised(bench: &Bench<'_>) -> Option<Explanation> {
    let body = bench.case.received.body;
    let node = json::parse(body.strip_prefix(BOM).unwrap_or(body))?;
    if let Some(found) = written_anew(bench, &node, &STYLES[..LIKELY]) {
        return Some(found);
    }
    // A document that was put into a string is a frequent result of encoding twice.
    let inner = match node {
        Node::Text(raw) => json::text(raw),
        _ => return None,
    };
    bench.body(inner.as_bytes()).then(|| {
        found(
            "the body is the signed JSON inside a JSON string: it was encoded twice",
            "send the text as it is: it is JSON already",
        )
    })
}

/// In one of the many styles that are not likely.
pub(super) fn rarely_reserialised(bench: &Bench<'_>) -> Option<Explanation> {
    let body = bench.case.received.body;
    let node = json::parse(body.strip_prefix(BOM).unwrap_or(body))?;
    written_anew(bench, &node, &STYLES[LIKELY..]).map(|found| found.under("body-reserialised"))
}

fn written_anew(bench: &Bench<'_>, node: &Node<'_>, styles: &'static [Style]) -> Option<Explanation> {
    let written = rewritten(node, bench.case.received.body, styles);
    let mut written = written.take_while(|_| !bench.is_out_of_time());
    let (style, _) = written.find(|(_, text)| bench.body(text))?;
    Some(found(
        format!("what was signed is {style}, and the body is written otherwise: one side parsed it and wrote it anew"),
        "sign and check the raw bytes, before anything parses the JSON",
    ))
}

/// The likeliest other bodies, for two mistakes at once.
pub(super) fn likely<'b>(body: &'b [u8]) -> Vec<(&'static str, &'static str, Cow<'b, [u8]>)> {
    let mut likely: Vec<(_, _, Cow<'b, [u8]>)> = Vec::new();
    let cut = body.strip_suffix(b"\r\n").or_else(|| body.strip_suffix(b"\n"));
    match cut {
        Some(cut) => likely.push((
            "body-newline-added",
            "the body got a newline at its end",
            Cow::Borrowed(cut),
        )),
        None => likely.push((
            "body-newline-lost",
            "the body lost the newline at its end",
            Cow::Owned([body, b"\n"].concat()),
        )),
    }
    if let Some(node) = json::parse(body) {
        for style in &STYLES[..3] {
            let text = json::write(&node, style, body.len());
            if text != body {
                likely.push((
                    "body-reserialised",
                    "the body was parsed and written anew",
                    Cow::Owned(text),
                ));
            }
        }
    }
    likely
}

pub(super) fn form(bench: &Bench<'_>) -> Option<Explanation> {
    let body = bench.case.received.body;
    let text = std::str::from_utf8(body).ok()?;
    let is_json = matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'['));
    if is_json {
        let encoded: String = form_urlencoded::byte_serialize(body).collect();
        let fits = ["payload=", "data=", "body=", ""].iter().any(|field| {
            bench.body(format!("{field}{encoded}").as_bytes())
                || bench.body(format!("{field}{}", encoded.replace('+', "%20")).as_bytes())
        });
        return fits.then(|| {
            found(
                "the sender signs the form, and the body is what was in its field",
                "check the raw body, before anything decodes the form",
            )
        });
    }
    if !text.contains('=') && !text.contains('%') {
        return None;
    }
    let mut fields = form_urlencoded::parse(body);
    let plain = |text: &str| {
        let whole = format!("_={}", text.replace('&', "%26").replace('=', "%3D"));
        form_urlencoded::parse(whole.as_bytes())
            .next()
            .map(|(_, value)| value.into_owned())
    };
    let inside = fields.any(|(_, value)| bench.body(value.as_bytes()));
    let decoded = || plain(text).is_some_and(|text| bench.body(text.as_bytes()));
    let again = || {
        let fields = form_urlencoded::parse(body);
        let text = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        bench.body(text.as_bytes()) || bench.body(text.replace('+', "%20").as_bytes())
    };
    let text = if inside {
        "the sender signs what is in a field of the form, not the form itself"
    } else if decoded() {
        "the sender signs the form after its escapes were undone"
    } else if again() {
        "the form was decoded and encoded anew with other escapes"
    } else {
        return None;
    };
    Some(found(
        text,
        "sign and check the raw body, before anything decodes the form",
    ))
}

pub(super) fn compressed(bench: &Bench<'_>) -> Option<Explanation> {
    let inflated = inflated(bench.case.received.body)?;
    bench.body(&inflated).then(|| {
        found(
            "the body is compressed, and was signed before that",
            "undo the compression before the check, or sign what is sent",
        )
    })
}

fn inflated(body: &[u8]) -> Option<Vec<u8>> {
    match body {
        [0x1f, 0x8b, 8, flags, _, _, _, _, _, _, rest @ ..] => {
            let deflated = after_gzip_fields(rest, *flags)?;
            miniz_oxide::inflate::decompress_to_vec_with_limit(deflated, MOST_INFLATED).ok()
        }
        [0x78, ..] => miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(body, MOST_INFLATED).ok(),
        _ => None,
    }
}

/// What follows the optional fields of a gzip header (RFC 1952).
fn after_gzip_fields(mut rest: &[u8], flags: u8) -> Option<&[u8]> {
    if flags & 4 != 0 {
        let (length, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for flag in [8, 16] {
        if flags & flag != 0 {
            let end = rest.iter().position(|b| *b == 0)?;
            rest = &rest[end + 1..];
        }
    }
    if flags & 2 == 0 { Some(rest) } else { rest.get(2..) }
}

/// Only a beginning of the body was signed.
pub(super) fn cut(bench: &Bench<'_>) -> Option<Explanation> {
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
pub(super) fn incomplete(bench: &Bench<'_>) -> Option<Explanation> {
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
        let text = format!(
            "the body has {} bytes, and its headers say {length}: it was cut off",
            body.len()
        );
        let hint = "raise the limit of the proxy or framework in between; the signature covers the whole body";
        return Some(found(text, hint).under("body-truncated").guess());
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

fn unix_line_ends(body: &[u8]) -> Vec<u8> {
    let mut unix = Vec::with_capacity(body.len());
    for (at, byte) in body.iter().enumerate() {
        if *byte != b'\r' || body.get(at + 1) != Some(&b'\n') {
            unix.push(*byte);
        }
    }
    unix
}
