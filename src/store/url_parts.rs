//! The parts of a URL, or of path and query, in which a secret may stand.

use std::ops::Range;

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
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let (bytes, mut plain, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        match (bytes[at], digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                plain.push(u8::try_from(high * 16 + low).unwrap_or_default());
                at += 2;
            }
            (b'+', ..) => plain.push(b' '),
            (byte, ..) => plain.push(byte),
        }
        at += 1;
    }
    plain
}

/// Bytes with `%` where a URL needs it.
pub(super) fn escaped(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(byte) {
            text.push(*byte);
        } else {
            text.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    text
}
