//! Converts requests to hyper's and reqwest's types.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Uri;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Client, Method};
use url::{Position, Url};

use crate::headers::Headers;
use crate::text::printable;

/// A request for a connection.
pub(super) type WireRequest = hyper::Request<Full<Bytes>>;

/// The request for hyper. The error says what is not valid in HTTP.
pub(super) fn direct(request: &crate::exchange::Request, keep_host: bool) -> Result<WireRequest, String> {
    let method = method(request)?;
    let target = &request.url[Position::BeforePath..Position::AfterQuery];
    let target = Uri::try_from(target).map_err(|_| "the URL is not valid in an HTTP request".to_owned())?;
    let mut ready = WireRequest::new(Full::new(request.body.clone()));
    *ready.uri_mut() = target;
    *ready.headers_mut() = lines(request, &method, keep_host, None)?;
    *ready.method_mut() = method;
    Ok(ready)
}

/// The request for reqwest. The error says what is not valid in HTTP.
pub(super) fn prepare(
    client: &Client,
    request: &crate::exchange::Request,
    keep_host: bool,
) -> Result<reqwest::Request, String> {
    let mut ready = start(client, method(request)?, &request.url)?;
    let credentials = ready.headers_mut().remove(AUTHORIZATION);
    *ready.headers_mut() = lines(request, ready.method(), keep_host, credentials)?;
    if !request.body.is_empty() {
        *ready.body_mut() = Some(Body::from(request.body.clone()));
    }
    Ok(ready)
}

fn method(request: &crate::exchange::Request) -> Result<Method, String> {
    Method::from_bytes(request.method.as_bytes())
        .map_err(|_| format!("`{}` is not an HTTP method", printable(&request.method, 40)))
}

/// `host` comes first, then the request's own lines, then what follows from URL and body. reqwest adds `accept` where it
/// is missing and cannot be told not to; so that all requests are alike, all have it.
fn lines(
    request: &crate::exchange::Request,
    method: &Method,
    keep_host: bool,
    credentials: Option<HeaderValue>,
) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::with_capacity(request.headers.len() + 4);
    headers.insert(HOST, host(request, keep_host)?);
    for (name, value) in request.headers.iter().filter(|(name, _)| !Headers::is_framing(name)) {
        let (name, value) = line(name, value)?;
        headers.append(name, value);
    }
    if let Some(credentials) = credentials.filter(|_| !headers.contains_key(AUTHORIZATION)) {
        headers.insert(AUTHORIZATION, credentials);
    }
    if !request.body.is_empty() || matches!(*method, Method::POST | Method::PUT | Method::PATCH) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(request.body.len()));
    }
    if !headers.contains_key(ACCEPT) {
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    }
    Ok(headers)
}

/// With the URL's user and password, if any, moved into an `authorization` line.
fn start(client: &Client, method: Method, url: &Url) -> Result<reqwest::Request, String> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(reqwest::Request::new(method, url.clone()));
    }
    let built = client.request(method, url.clone()).build();
    built.map_err(|_| "the URL's user or password cannot be sent".to_owned())
}

fn host(request: &crate::exchange::Request, keep_host: bool) -> Result<HeaderValue, String> {
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
            printable(name, 200)
        )
    })?;
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("`{}` is not a header name", printable(name, 200)))?;
    Ok((name, value))
}
