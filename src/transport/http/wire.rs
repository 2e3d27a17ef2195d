//! From the engine's request to reqwest's, and back from its headers to ours.

use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Client, Method};
use url::Url;

use crate::exchange::Request;
use crate::headers::Headers;

/// What reqwest adds to a request without an `accept` line, and cannot be told to leave out.
pub(super) const ACCEPT: &str = "*/*";

/// The request as it goes out. `host` comes first, then the request's own lines, then what follows from URL and body.
/// The error says what cannot be sent.
pub(super) fn prepare(client: &Client, request: &Request, keep_host: bool) -> Result<reqwest::Request, String> {
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|_| format!("`{}` is not an HTTP method", request.method.escape_debug()))?;
    let has_body = !request.body.is_empty();
    let says_length = has_body || matches!(method, Method::POST | Method::PUT | Method::PATCH);
    let mut ready = start(client, method, &request.url)?;
    let credentials = ready.headers_mut().remove(AUTHORIZATION);

    let headers = ready.headers_mut();
    headers.reserve(request.headers.len() + 4);
    headers.insert(HOST, host(request, keep_host)?);
    for (name, value) in request.headers.iter().filter(|(name, _)| !Headers::is_framing(name)) {
        let (name, value) = line(name, value)?;
        headers.append(name, value);
    }
    if let Some(credentials) = credentials.filter(|_| !headers.contains_key(AUTHORIZATION)) {
        headers.insert(AUTHORIZATION, credentials);
    }
    if says_length {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(request.body.len()));
    }
    if has_body {
        *ready.body_mut() = Some(Body::from(request.body.clone()));
    }
    Ok(ready)
}

/// With the URL's user and password, if any, moved into an `authorization` line.
fn start(client: &Client, method: Method, url: &Url) -> Result<reqwest::Request, String> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(reqwest::Request::new(method, url.clone()));
    }
    let built = client.request(method, url.clone()).build();
    built.map_err(|_| "the URL's user or password cannot be sent".to_owned())
}

fn host(request: &Request, keep_host: bool) -> Result<HeaderValue, String> {
    if let Some(kept) = request.headers.get("host").filter(|_| keep_host) {
        return line("host", kept).map(|(_, value)| value);
    }
    let url = &request.url;
    let name = url.host_str().unwrap_or_default();
    let value = match url.port() {
        Some(port) => HeaderValue::try_from(format!("{name}:{port}")),
        None => HeaderValue::from_str(name),
    };
    value.map_err(|_| "the URL's host cannot be sent".to_owned())
}

fn line(name: &str, value: &[u8]) -> Result<(HeaderName, HeaderValue), String> {
    let value = HeaderValue::from_bytes(value).map_err(|_| {
        format!(
            "the value of header `{}` holds a control character",
            name.escape_debug()
        )
    })?;
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("`{}` is not a header name", name.escape_debug()))?;
    Ok((name, value))
}

/// Header lines as they came.
pub(super) fn read_headers(map: &HeaderMap) -> Headers {
    let mut headers = Headers::with_capacity(map.len());
    for (name, value) in map {
        headers.push_raw(name.as_str(), value.as_bytes());
    }
    headers
}
