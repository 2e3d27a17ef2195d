//! A request as it goes over the wire, for `--dry-run` and `log show --full`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::exchange::Request;
use crate::headers::Headers;
use crate::mask;
use crate::text::encoded;

/// Headers as text, credentials masked unless revealed.
pub fn header_lines(headers: &Headers, reveal: bool, masked: &[String]) -> Vec<(String, String)> {
    if reveal {
        return headers.lines();
    }
    let masked = |(name, value): (&str, &[u8])| (name.to_owned(), mask::header(name, value, masked));
    headers.iter().map(masked).collect()
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
    bytes.extend_from_slice(&mask::bytes_unless(&request.body, reveal));
    // The next prompt or request starts on a line of its own.
    if !request.body.is_empty() && !request.body.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    bytes
}

/// The fields of `hook.request/1`: a request that was not sent. A body that is not UTF-8 is given in base64.
pub fn json(request: &Request, reveal: bool, masked: &[String]) -> Value {
    let (body, body_base64) = encoded(&mask::bytes_unless(&request.body, reveal));
    json!({
        "schema": "hook.request/1",
        "method": request.method,
        "url": mask::url_unless(request.url.as_str(), reveal),
        "headers": header_lines(&request.headers, reveal, masked),
        "body": body,
        "body_base64": body_base64,
    })
}
