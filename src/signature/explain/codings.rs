//! Mistakes with the codings of a body: forms and compression.

use url::form_urlencoded;

use super::context::ProbeContext;
use super::{Explanation, found};
use crate::template::Placeholder;

/// A compressed body is not inflated beyond this, and a small one to less: see [`most_inflated`].
const MOST_INFLATED: usize = 16 * 1024 * 1024;

/// Fields of a form whose values are tried, at most.
const MOST_FIELDS: usize = 64;

pub(super) fn form(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let body = bench.case.received.body;
    if bench.case.scheme.signs_form() {
        return unsorted(bench);
    }
    match body.trim_ascii_start().first() {
        Some(b'{' | b'[') => inside_a_form(bench),
        _ if body.iter().any(|byte| matches!(byte, b'=' | b'%')) => of_a_form(bench),
        _ => None,
    }
}

/// The scheme signs the sorted fields of a form, and the form itself was signed, or the fields as they come.
fn unsorted(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let body = bench.case.received.body;
    let content = bench.content()?;
    let with = |text: String| content.filled(|placeholder| (*placeholder == Placeholder::Form).then(|| text.clone()));
    let raw = bench.changed(|| with(String::from_utf8_lossy(body).into_owned()))?;
    let fields = |body| form_urlencoded::parse(body).flat_map(|(name, value)| [name, value]);
    let text = if bench.signed(&raw) {
        "the sender signs the form as it stands, not its names and values"
    } else if bench.signed(&bench.changed(|| with(fields(body).collect()))?) {
        "the sender signs names and values of the form in the order in which they come"
    } else {
        return None;
    };
    let hint = "what is signed of a form are its names and values, decoded and sorted by the names";
    Some(found(text, hint))
}

/// The body is JSON, and a form with it was signed.
fn inside_a_form(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let body = bench.case.received.body;
    let encoded = bench.changed(|| form_urlencoded::byte_serialize(body).collect::<String>())?;
    let fits = ["payload=", "data=", "body=", ""].iter().any(|field| {
        let form = || format!("{field}{encoded}").into_bytes();
        let percents = || format!("{field}{}", encoded.replace('+', "%20")).into_bytes();
        bench.body_of(form) || bench.body_of(percents)
    });
    fits.then(|| {
        found(
            "the sender signs the form, and the body is what was in its field",
            "check the raw body, before anything decodes the form",
        )
    })
}

/// The body is a form, and something was decoded.
fn of_a_form(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let body = bench.case.received.body;
    let mut fields = form_urlencoded::parse(body).take(MOST_FIELDS);
    let text = if fields.any(|(_, value)| bench.body(value.as_bytes())) {
        "the sender signs what is in a field of the form, not the form itself"
    } else if bench.body_of(|| unescaped(body)) {
        "the sender signs the form after its escapes were undone"
    } else if bench.body_of(|| encoded_anew(body).into_bytes())
        || bench.body_of(|| encoded_anew(body).replace('+', "%20").into_bytes())
    {
        "the form was decoded and encoded anew with other escapes"
    } else {
        return None;
    };
    Some(found(
        text,
        "sign and check the raw body, before anything decodes the form",
    ))
}

fn unescaped(body: &[u8]) -> Vec<u8> {
    let separators = |byte: &u8| matches!(byte, b'&' | b'=');
    let mut text = Vec::with_capacity(body.len());
    for piece in body.split_inclusive(separators) {
        let (piece, separator) = match piece.split_last() {
            Some((last, rest)) if separators(last) => (rest, Some(*last)),
            _ => (piece, None),
        };
        let value = form_urlencoded::parse(piece).next();
        text.extend(value.into_iter().flat_map(|(name, _)| name.into_owned().into_bytes()));
        text.extend(separator);
    }
    text
}

fn encoded_anew(body: &[u8]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::with_capacity(body.len()));
    form.extend_pairs(form_urlencoded::parse(body)).finish()
}

pub(super) fn compressed(bench: &ProbeContext<'_>) -> Option<Explanation> {
    let body = bench.case.received.body;
    let inflated = bench.changed(|| inflated(body))??;
    bench.body(&inflated).then(|| {
        found(
            "the body is compressed, and was signed before that",
            "undo the compression before the check, or sign what is sent",
        )
    })
}

/// JSON is seldom compressed to less than a thirtieth. A body that inflates to a thousand times its size is a trap.
fn most_inflated(body: &[u8]) -> usize {
    MOST_INFLATED.min(512 * 1024 + body.len().saturating_mul(32))
}

fn inflated(body: &[u8]) -> Option<Vec<u8>> {
    match body {
        [0x1f, 0x8b, 8, flags, _, _, _, _, _, _, rest @ ..] => {
            let deflated = after_gzip_fields(rest, *flags)?;
            miniz_oxide::inflate::decompress_to_vec_with_limit(deflated, most_inflated(body)).ok()
        }
        [0x78, ..] => miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(body, most_inflated(body)).ok(),
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
