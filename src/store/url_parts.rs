//! The parts of a URL, or of path and query, in which a secret may stand.

use std::ops::Range;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

/// All but what RFC 3986 calls unreserved.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Where host and port are.
pub(super) fn host_of(text: &str) -> Range<usize> {
    let Some(start) = text.find("://").map(|at| at + 3) else {
        return 0..0;
    };
    let end = text[start..]
        .find(['/', '?', '#'])
        .map_or(text.len(), |len| start + len);
    let host = text[start..end].rfind('@').map_or(start, |at| start + at + 1);
    host..end
}

/// Where the values of a URL are.
pub(super) fn values_of(text: &str) -> Vec<Range<usize>> {
    let mut values = Vec::new();
    if let Some(start) = text.find("://").map(|at| at + 3) {
        let end = text[start..]
            .find(['/', '?', '#'])
            .map_or(text.len(), |len| start + len);
        if let Some(at) = text[start..end].rfind('@') {
            let user = &text[start..start + at];
            let colon = user.find(':').unwrap_or(user.len());
            values.push(start..start + colon);
            values.extend((colon < user.len()).then(|| start + colon + 1..start + at));
        }
    }
    let path = text.find("://").map_or(0, |at| at + 3);
    let path_end = text[path..].find(['?', '#']).map_or(text.len(), |len| path + len);
    let mut start = path;
    for (number, segment) in text[path..path_end].split('/').enumerate() {
        // What is written as it is was found as a part; the first one is the host.
        if number > 0 && segment.contains('%') {
            values.push(start..start + segment.len());
        }
        start += segment.len() + 1;
    }
    if let Some(query) = text.find('?').map(|at| at + 1) {
        let mut start = query;
        for pair in text[query..].split(['&', '#']) {
            let value = pair.find('=').map_or(0, |at| at + 1);
            values.push(start + value..start + pair.len());
            start += pair.len() + 1;
        }
    }
    values
}

/// The bytes that a text with `%` and `+` stands for.
pub(super) fn unescaped(text: &str) -> Vec<u8> {
    percent_decode_str(&text.replace('+', " ")).collect()
}

/// Bytes with `%` where a URL needs it.
pub(super) fn escaped(bytes: &[u8]) -> Vec<u8> {
    percent_encode(bytes, ESCAPED).to_string().into_bytes()
}
