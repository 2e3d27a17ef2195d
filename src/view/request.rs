//! A request as it goes over the wire, for `--dry-run` and `log show --full`.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Serialize;

use crate::exchange::Request;
use crate::headers::Headers;
use crate::mask;

/// `{"schema":"hook.request/1"}`: a request that was not sent.
#[derive(Debug, Serialize)]
pub struct RequestLine {
    schema: &'static str,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    body_base64: Option<String>,
}

/// Headers as text, credentials masked unless revealed.
pub fn header_lines(headers: &Headers, reveal: bool, masked: &[String]) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let value = if reveal {
                String::from_utf8_lossy(value).into_owned()
            } else {
                mask::header(name, value, masked)
            };
            (name.to_owned(), value)
        })
        .collect()
}

/// The body, unless it is to be revealed without the secrets that are known here.
pub fn shown_body(request: &Request, reveal: bool) -> Cow<'_, [u8]> {
    if reveal {
        Cow::Borrowed(&request.body)
    } else {
        mask::bytes(&request.body)
    }
}

/// The request line, all headers, an empty line and the body's bytes.
pub fn wire(request: &Request, reveal: bool, masked: &[String]) -> Vec<u8> {
    let target = &request.url[url::Position::BeforePath..url::Position::AfterQuery];
    let target = mask::url_unless(target, reveal);
    let mut text = format!("{} {target} HTTP/1.1\n", request.method);
    for (name, value) in header_lines(&request.headers, reveal, masked) {
        let _ = writeln!(text, "{name}: {value}");
    }
    text.push('\n');
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&shown_body(request, reveal));
    if !request.body.is_empty() && !request.body.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    bytes
}

impl RequestLine {
    /// A body that is no UTF-8 is given in base64.
    pub fn new(request: &Request, reveal: bool, masked: &[String]) -> Self {
        use base64::Engine as _;
        let body = shown_body(request, reveal);
        let text = std::str::from_utf8(&body).ok().map(str::to_owned);
        let base64 = text
            .is_none()
            .then(|| base64::engine::general_purpose::STANDARD.encode(&body));
        Self {
            schema: "hook.request/1",
            method: request.method.clone(),
            url: mask::url_unless(request.url.as_str(), reveal),
            headers: header_lines(&request.headers, reveal, masked),
            body: text,
            body_base64: base64,
        }
    }
}
