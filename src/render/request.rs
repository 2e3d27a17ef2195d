//! A request as it goes over the wire, for `--dry-run` and `log show --full`.

use std::fmt::Write as _;

use serde::Serialize;

use crate::exchange::Request;
use crate::headers::Headers;

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

/// What stands in place of a credential.
pub const MASK: &str = "********";

/// Headers as text, credentials masked unless revealed.
pub fn header_lines(headers: &Headers, reveal: bool, masked: &[String]) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let secret = Headers::is_credential(name) || masked.iter().any(|m| m.eq_ignore_ascii_case(name));
            let value = if secret && !reveal {
                MASK.into()
            } else {
                String::from_utf8_lossy(value).into_owned()
            };
            (name.to_owned(), value)
        })
        .collect()
}

/// The lines that the transport adds.
fn added(request: &Request) -> Vec<(String, String)> {
    let host = request.url.host_str().unwrap_or_default();
    let host = request
        .url
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let mut lines = vec![("host".to_owned(), host)];
    if !request.body.is_empty() || !matches!(request.method.as_str(), "GET" | "HEAD") {
        lines.push(("content-length".to_owned(), request.body.len().to_string()));
    }
    lines
}

/// The request line, all headers with those of the transport, an empty line and the body's bytes.
pub fn wire(request: &Request, reveal: bool, masked: &[String]) -> Vec<u8> {
    let query = request
        .url
        .query()
        .map_or_else(String::new, |query| format!("?{query}"));
    let mut text = format!("{} {}{query} HTTP/1.1\n", request.method, request.url.path());
    for (name, value) in header_lines(&request.headers, reveal, masked)
        .into_iter()
        .chain(added(request))
    {
        let _ = writeln!(text, "{name}: {value}");
    }
    text.push('\n');
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&request.body);
    if !request.body.is_empty() && !request.body.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    bytes
}

impl RequestLine {
    /// A body that is no UTF-8 is given in base64.
    pub fn new(request: &Request, reveal: bool, masked: &[String]) -> Self {
        use base64::Engine as _;
        let text = std::str::from_utf8(&request.body).ok().map(str::to_owned);
        let base64 = text
            .is_none()
            .then(|| base64::engine::general_purpose::STANDARD.encode(&request.body));
        Self {
            schema: "hook.request/1",
            method: request.method.clone(),
            url: request.url.to_string(),
            headers: header_lines(&request.headers, reveal, masked)
                .into_iter()
                .chain(added(request))
                .collect(),
            body: text,
            body_base64: base64,
        }
    }
}
