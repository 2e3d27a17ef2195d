//! What accompanies a signature: the timestamp, the id and the names of headers.

use super::mistake::{Mistake, mistake};
use super::parts::is_time;
use super::time_texts;
use crate::headers::Headers;
use crate::signature::SignatureLocation;
use crate::template::{Part, Placeholder};

/// What a request carries with its signature, as it is written, also where the header has another fault.
pub(super) struct SignatureMetadata {
    pub(super) stamp: Option<String>,
    pub(super) id: Option<String>,
    pub(super) names: Option<String>,
    /// Where the timestamp or the id is in another header than the scheme's.
    pub(super) moved: Vec<Mistake>,
}

impl SignatureMetadata {
    pub(super) fn of(carrier: &SignatureLocation, headers: &Headers) -> Self {
        let text = |bytes: Option<&[u8]>| Some(std::str::from_utf8(bytes?).ok()?.to_owned());
        let carried = carrier.read(headers, None).unwrap_or_default();
        let header = |name: Option<&String>| text(name.and_then(|name| headers.get(name)));
        let time_header = carrier.time_header.as_ref().map(|(name, _)| name);
        let mut metadata = Self {
            stamp: text(carried.timestamp)
                .or_else(|| header(time_header))
                .or_else(|| in_pair(carrier, headers, is_time))
                .or_else(|| number_of(carrier, headers)),
            id: text(carried.id)
                .or_else(|| header(carrier.id_header.as_ref()))
                .or_else(|| in_pair(carrier, headers, |p| *p == Placeholder::Id)),
            names: text(carried.signed_headers)
                .or_else(|| in_pair(carrier, headers, |p| *p == Placeholder::SignedHeaders)),
            moved: Vec::new(),
        };
        if let Some(wanted) = time_header.filter(|_| metadata.stamp.is_none()) {
            let is_time =
                |name: &str, value: &str| name != "date" && value.len() >= 10 && time_texts::read(value).is_some();
            metadata.stamp = metadata.moved_from(headers, "timestamp", wanted, is_time);
        }
        if let Some(wanted) = carrier.id_header.as_ref().filter(|_| metadata.id.is_none()) {
            metadata.id = metadata.moved_from(headers, "id", wanted, |name, _| name.ends_with("-id"));
        }
        metadata
    }

    /// The value of the first header that may be the one that is missing.
    fn moved_from(
        &mut self,
        headers: &Headers,
        what: &str,
        wanted: &str,
        fits: impl Fn(&str, &str) -> bool,
    ) -> Option<String> {
        let mut texts = headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_ascii_lowercase(), std::str::from_utf8(value).ok()?)));
        let (name, value) = texts.find(|(name, value)| fits(name, value))?;
        let text = format!("the {what} is in `{name}` instead of `{wanted}`");
        let hint = format!("the sender must put the {what} into `{wanted}`");
        self.moved.push(mistake("other-header", text, hint));
        Some(value.to_owned())
    }
}

/// The value behind a placeholder's key in the header, where the header as a whole cannot be read.
fn in_pair(carrier: &SignatureLocation, headers: &Headers, wanted: fn(&Placeholder) -> bool) -> Option<String> {
    let key = carrier.value.parts().windows(2).find_map(|pair| match pair {
        [Part::Text(key), Part::Placeholder(placeholder)] if wanted(placeholder) => Some(key),
        _ => None,
    })?;
    let key = key.trim_start_matches([',', ';', ' ']);
    let value = headers.get_text(&carrier.header)?;
    let rest = value[value.find(key)? + key.len()..].trim_start_matches(['"', '\'']);
    rest.split([',', ' ', ';', '&', '"', '\'']).next().map(str::to_owned)
}

/// A number in the header's value that has as many digits as seconds or milliseconds have.
fn number_of(carrier: &SignatureLocation, headers: &Headers) -> Option<String> {
    if !carrier.value.placeholders().any(is_time) {
        return None;
    }
    let value = headers.get_text(&carrier.header)?;
    let mut words = value.split(|c: char| !c.is_ascii_alphanumeric());
    let is_time = |word: &&str| matches!(word.len(), 10 | 13) && word.bytes().all(|byte| byte.is_ascii_digit());
    words.find(is_time).map(str::to_owned)
}
