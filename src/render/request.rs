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

/// A URL without the password in it, unless revealed.
pub fn masked_url(url: &str, reveal: bool) -> String {
    let (Some((scheme, rest)), false) = (url.split_once("://"), reveal) else {
        return url.to_owned();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')) {
        Some((user, password)) => {
            let after = &rest[user.len() + 1 + password.len()..];
            format!("{scheme}://{user}:{MASK}{after}")
        }
        None => url.to_owned(),
    }
}

/// The request line, all headers, an empty line and the body's bytes.
pub fn wire(request: &Request, reveal: bool, masked: &[String]) -> Vec<u8> {
    let query = request
        .url
        .query()
        .map_or_else(String::new, |query| format!("?{query}"));
    let mut text = format!("{} {}{query} HTTP/1.1\n", request.method, request.url.path());
    for (name, value) in header_lines(&request.headers, reveal, masked) {
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
            url: masked_url(request.url.as_str(), reveal),
            headers: header_lines(&request.headers, reveal, masked),
            body: text,
            body_base64: base64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_url_is_masked_and_nothing_else() {
        for (url, shown) in [
            ("http://u:p@h:1/a?b=c:d@e", "http://u:********@h:1/a?b=c:d@e"),
            ("http://u:p@q@h/", "http://u:********@h/"),
            ("http://u@h/x:y@z", "http://u@h/x:y@z"),
            ("http://h:1/", "http://h:1/"),
            ("POST /a:b@c", "POST /a:b@c"),
        ] {
            assert_eq!(masked_url(url, false), shown);
            assert_eq!(masked_url(url, true), url);
        }
    }
}
