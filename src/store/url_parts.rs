//! The parts of a URL, or of path and query, that may contain a secret.

use std::ops::Range;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// All but what RFC 3986 calls unreserved.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Where host and port are.
pub(super) fn host_of(text: &str) -> Range<usize> {
    authority(text).map_or(0..0, |(_, host)| host)
}

/// Where user and password with the `@` are, and where host and port are.
fn authority(text: &str) -> Option<(Range<usize>, Range<usize>)> {
    let start = text.find("://")? + 3;
    let end = text[start..]
        .find(['/', '?', '#'])
        .map_or(text.len(), |len| start + len);
    let host = text[start..end].rfind('@').map_or(start, |at| start + at + 1);
    Some((start..host, host..end))
}

/// Where the values of a URL are.
pub(super) fn values_of(text: &str) -> Vec<Range<usize>> {
    let mut values = Vec::new();
    let (user, _) = authority(text).unwrap_or_default();
    if !user.is_empty() {
        let password = text[user.clone()].find(':').map(|colon| user.start + colon + 1);
        values.push(user.start..password.unwrap_or(user.end) - 1);
        values.extend(password.map(|password| password..user.end - 1));
    }
    let path_end = text[user.start..]
        .find(['?', '#'])
        .map_or(text.len(), |len| user.start + len);
    let segments = pieces(text, user.start..path_end, &['/']);
    // The first piece is the host. A secret without `%` was found already, as a part of the text.
    values.extend(segments.skip(1).filter(|segment| text[segment.clone()].contains('%')));
    if let Some(query) = text.find('?') {
        for pair in pieces(text, query + 1..text.len(), &['&', '#']) {
            let value = text[pair.clone()].find('=').map_or(0, |at| at + 1);
            values.push(pair.start + value..pair.end);
        }
    }
    values
}

/// The ranges of the pieces of a part of a text, as `split` cuts it.
fn pieces<'t>(text: &'t str, part: Range<usize>, at: &'t [char]) -> impl Iterator<Item = Range<usize>> + 't {
    let mut start = part.start;
    text[part].split(at).map(move |piece| {
        let range = start..start + piece.len();
        start = range.end + 1;
        range
    })
}

/// Percent-decoded bytes, `+` as a space.
pub(super) fn unescaped(text: &str) -> Vec<u8> {
    percent_decode_str(&text.replace('+', " ")).collect()
}

/// Percent-encoded bytes.
pub(super) fn escaped(bytes: &[u8]) -> Vec<u8> {
    percent_encode(bytes, ESCAPED).to_string().into_bytes()
}
