//! What accompanies a signature: the timestamp, the id and the names of headers.

use super::parts::is_time;
use crate::headers::Headers;
use crate::signature::SignatureLocation;
use crate::template::{Part, Placeholder};

/// What a request carries beside its signature, as it is written, also where the header has another fault.
pub(super) struct SignatureMetadata {
    pub(super) stamp: Option<String>,
    pub(super) id: Option<String>,
    pub(super) names: Option<String>,
}

impl SignatureMetadata {
    pub(super) fn of(carrier: &SignatureLocation, headers: &Headers) -> Self {
        let text = |bytes: Option<&[u8]>| {
            let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
            text.map(str::to_owned)
        };
        if let Ok(carried) = carrier.read(headers, None) {
            return Self {
                stamp: text(carried.timestamp),
                id: text(carried.id),
                names: text(carried.signed_headers),
            };
        }
        let header = |name: Option<&String>| text(name.and_then(|name| headers.get(name)));
        let in_pair = |wanted: fn(&Placeholder) -> bool| {
            let key = carrier.value.parts().windows(2).find_map(|two| match two {
                [Part::Text(key), Part::Placeholder(placeholder)] if wanted(placeholder) => Some(key),
                _ => None,
            })?;
            let key = key.trim_start_matches([',', ';', ' ']);
            let value = headers.get_text(&carrier.header)?;
            let rest = &value[value.find(key)? + key.len()..];
            rest.split([',', ' ', ';', '&']).next().map(str::to_owned)
        };
        let stamp = header(carrier.time_header.as_ref().map(|(name, _)| name));
        Self {
            stamp: stamp.or_else(|| in_pair(is_time)).or_else(|| {
                carrier
                    .value
                    .placeholders()
                    .any(is_time)
                    .then(|| number_of(carrier, headers))?
            }),
            id: header(carrier.id_header.as_ref()).or_else(|| in_pair(|p| *p == Placeholder::Id)),
            names: in_pair(|p| *p == Placeholder::SignedHeaders),
        }
    }
}

/// A number in the header's value that has as many digits as seconds or milliseconds have.
fn number_of(carrier: &SignatureLocation, headers: &Headers) -> Option<String> {
    let value = headers.get_text(&carrier.header)?;
    let mut words = value.split(|c: char| !c.is_ascii_alphanumeric());
    let is_time = |word: &&str| matches!(word.len(), 10 | 13) && word.bytes().all(|byte| byte.is_ascii_digit());
    words.find(is_time).map(str::to_owned)
}
