//! What is signed: the bytes of a template's parts, for an outgoing message and for a received request.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::location::{Carried, SignatureLocation};
use super::{Received, RejectReason, same};
use crate::digest::body_sha256;
use crate::form::is_urlencoded;
use crate::headers::Headers;
use crate::json::get;
use crate::template::{Part, Placeholder, Template, text_of};

/// The parts in order; joined they are what is signed.
pub(super) type Pieces<'a> = Vec<Cow<'a, [u8]>>;

/// Whether the body is a form: by its type, and without one unless it looks like JSON.
fn is_form(headers: &Headers, body: &[u8]) -> bool {
    match headers.get_text("content-type") {
        Some(kind) => is_urlencoded(kind),
        None => !matches!(body.trim_ascii_start().first(), None | Some(b'{' | b'[')),
    }
}

/// Names and values of a form's fields, sorted by bytes, each value of a name once.
fn sorted_form(body: &[u8]) -> Vec<u8> {
    let mut fields: BTreeMap<Cow<'_, str>, BTreeSet<Cow<'_, str>>> = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(body) {
        fields.entry(name).or_default().insert(value);
    }
    let mut text = Vec::with_capacity(body.len());
    for (name, values) in &fields {
        for value in values {
            text.extend_from_slice(name.as_bytes());
            text.extend_from_slice(value.as_bytes());
        }
    }
    text
}

/// A scalar of the document as its text.
pub(super) fn scalar<'a>(document: Option<&'a Value>, path: &str) -> Option<Cow<'a, [u8]>> {
    match get(document?, path)? {
        Value::String(text) => Some(Cow::Borrowed(text.as_bytes())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
        other => Some(Cow::Owned(text_of(other).into_bytes())),
    }
}

/// Refuses a body that a hash in the query is to cover and does not. A form's fields are signed themselves.
pub(super) fn check_body_hash(param: &str, url: &str, received: &Received<'_>) -> Result<(), RejectReason> {
    let is_empty = received.body.is_empty();
    if !is_empty && is_form(received.headers, received.body) {
        return Ok(());
    }
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let given = pairs.find(|(name, _)| name == param).map(|(_, value)| value);
    let Some(given) = given else {
        // Nothing says that there was a body.
        if is_empty {
            return Ok(());
        }
        return Err(RejectReason::part_missing("body hash", format!("query:{param}")));
    };
    if same(
        given.to_ascii_lowercase().as_bytes(),
        body_sha256(received.body).as_bytes(),
    ) {
        return Ok(());
    }
    Err(RejectReason::NoMatch {
        header: format!("query:{param}"),
        secrets: 1,
    })
}

/// The URL with the hash of the body in its query, instead of another one that may be there.
pub(super) fn with_body_hash(param: &str, url: &str, body: &[u8]) -> String {
    let (url, fragment) = url.find('#').map_or((url, ""), |at| url.split_at(at));
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let is_hash = |pair: &&str| pair.split('=').next() == Some(param);
    let hash = format!("{param}={}", body_sha256(body));
    let mut pairs: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !is_hash(pair))
        .collect();
    pairs.push(&hash);
    format!("{path}?{}{fragment}", pairs.join("&"))
}

/// Where the parts of a request's signed content are looked up.
#[derive(Clone, Copy)]
pub(super) struct PieceSource<'a> {
    pub(super) carrier: &'a SignatureLocation,
    pub(super) carried: &'a Carried<'a>,
    pub(super) received: &'a Received<'a>,
    /// The part of the body that is signed by itself, when the scheme looks into it.
    pub(super) document: Option<&'a Value>,
    /// In the form that is tried.
    pub(super) url: &'a str,
    /// The event of a message that is being signed.
    pub(super) event: &'a str,
    /// For schemes that put the secret itself into what is signed.
    pub(super) secret: &'a [u8],
}

impl<'a> PieceSource<'a> {
    /// What must have been signed.
    pub(super) fn pieces(&self, content: &'a Template) -> Result<Pieces<'a>, RejectReason> {
        content.parts().iter().map(|part| self.piece(part)).collect()
    }

    pub(super) fn piece(&self, part: &'a Part) -> Result<Cow<'a, [u8]>, RejectReason> {
        let received = self.received;
        let carried = |found: Option<&'a [u8]>, part| {
            let missing = || RejectReason::part_missing(part, self.carrier.place_of(part));
            found.map(Cow::Borrowed).ok_or_else(missing)
        };
        let placeholder = match part {
            Part::Text(text) => return Ok(Cow::Borrowed(text.as_bytes())),
            Part::Placeholder(placeholder) => placeholder,
        };
        match placeholder {
            Placeholder::Body => Ok(Cow::Borrowed(received.body)),
            Placeholder::Event => Ok(Cow::Borrowed(self.event.as_bytes())),
            Placeholder::Timestamp(_) => carried(self.carried.timestamp, "timestamp"),
            Placeholder::Id => carried(self.carried.id, "id"),
            Placeholder::Method => Ok(Cow::Borrowed(received.method.as_bytes())),
            Placeholder::Url => Ok(Cow::Borrowed(self.url.as_bytes())),
            Placeholder::Secret => Ok(Cow::Borrowed(self.secret)),
            Placeholder::Form if is_form(received.headers, received.body) => Ok(Cow::Owned(sorted_form(received.body))),
            Placeholder::Header(name) => self.header(name).map(Cow::Borrowed),
            Placeholder::BodyPath(path) => {
                let missing = || RejectReason::part_missing("field", format!("body:{path}"));
                scalar(self.document, path).ok_or_else(missing)
            }
            Placeholder::OptionalBodyPath(path) => Ok(scalar(self.document, path).unwrap_or_default()),
            Placeholder::SignedHeaders => carried(self.carried.signed_headers, "list of headers"),
            Placeholder::SignedValues => self.values().map(Cow::Owned),
            _ => Ok(Cow::Borrowed(b"")),
        }
    }

    /// The values of the headers that the signature names.
    fn values(&self) -> Result<Vec<u8>, RejectReason> {
        let names = self.carried.signed_headers.unwrap_or_default();
        let names = String::from_utf8_lossy(names);
        let values = names.split_whitespace().map(|name| self.header(name));
        Ok(values.collect::<Result<Vec<_>, _>>()?.join(&b'.'))
    }

    fn header(&self, name: &str) -> Result<&'a [u8], RejectReason> {
        let value = self.received.headers.get(name);
        value.ok_or_else(|| RejectReason::part_missing("header", name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::UrlForm;

    #[test]
    fn a_url_is_written_in_the_forms_that_senders_are_known_to_sign() {
        let cases = [
            (
                UrlForm::WithPort,
                "https://a.example/x?y=1",
                "https://a.example:443/x?y=1",
            ),
            (
                UrlForm::WithPort,
                "http://u:p@a.example?y=1",
                "http://u:p@a.example:80?y=1",
            ),
            (UrlForm::WithPort, "https://a.example:8443/", "https://a.example:8443/"),
            (UrlForm::WithPort, "https://[::1]/x", "https://[::1]:443/x"),
            (
                UrlForm::WithoutPort,
                "https://u:p@a.example:443/x:1",
                "https://u:p@a.example/x:1",
            ),
            (UrlForm::WithoutPort, "https://[::1]:443/x", "https://[::1]/x"),
            (
                UrlForm::Unescaped,
                "https://a.example/?a=%3A%2f%20%",
                "https://a.example/?a=:/%20%",
            ),
            (UrlForm::Given, "not a url", "not a url"),
            (UrlForm::WithPort, "not a url", "not a url"),
        ];
        for (form, given, expected) in cases {
            assert_eq!(form.of(given), expected, "{form:?} {given}");
        }
    }

    #[test]
    fn the_hash_of_a_body_stands_once_and_last_in_the_query() {
        let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        for (url, before, after) in [
            ("https://a.example/x", "https://a.example/x?", ""),
            ("https://a.example?", "https://a.example?", ""),
            ("https://a.example/x?a=1&&b#f", "https://a.example/x?a=1&b&", "#f"),
            ("https://a.example/?hash=old&a=%20", "https://a.example/?a=%20&", ""),
        ] {
            assert_eq!(with_body_hash("hash", url, b""), format!("{before}hash={hash}{after}"));
        }
    }

    #[test]
    fn the_fields_of_a_form_are_sorted_by_bytes_and_each_value_counts_once() {
        assert_eq!(sorted_form(b"b=1&B=2&a=3&A=4&a=1&a=3&e="), b"A4B2a1a3b1e");
    }
}
