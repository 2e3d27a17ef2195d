//! From the engine's request to hyper's, and back from its headers to ours.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION,
};
use hyper::{Method, Uri};
use url::{Position, Url};

use super::connect::Proxy;
use crate::headers::Headers;

/// A request for a connection.
pub(super) type Request = hyper::Request<Full<Bytes>>;

/// The request as it goes onto a connection; a proxy is given the whole URL. The error says what cannot be sent.
pub(super) fn request(
    request: &crate::exchange::Request,
    keep_host: bool,
    proxy: Option<&Proxy>,
) -> Result<Request, String> {
    let method = method(request)?;
    let url = &request.url;
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let target = match proxy {
        None => Uri::try_from(target),
        // Without user, password and fragment.
        Some(_) => Uri::try_from(format!("{}{target}", url.origin().ascii_serialization())),
    };
    let target = target.map_err(|_| "the URL cannot be asked for over HTTP".to_owned())?;
    let mut ready = Request::new(Full::new(request.body.clone()));
    *ready.uri_mut() = target;
    *ready.headers_mut() = lines(request, &method, keep_host)?;
    if let Some(value) = proxy.and_then(|proxy| proxy.authorization.clone()) {
        ready.headers_mut().insert(PROXY_AUTHORIZATION, value);
    }
    *ready.method_mut() = method;
    Ok(ready)
}

fn method(request: &crate::exchange::Request) -> Result<Method, String> {
    Method::from_bytes(request.method.as_bytes())
        .map_err(|_| format!("`{}` is not an HTTP method", request.method.escape_debug()))
}

/// `host` comes first, then the request's own lines, then what follows from URL and body.
fn lines(request: &crate::exchange::Request, method: &Method, keep_host: bool) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::with_capacity(request.headers.len() + 4);
    headers.insert(HOST, host(request, keep_host)?);
    for (name, value) in request.headers.iter().filter(|(name, _)| !Headers::is_framing(name)) {
        let (name, value) = line(name, value)?;
        headers.append(name, value);
    }
    if !headers.contains_key(AUTHORIZATION)
        && let Some(credentials) = credentials(&request.url)
    {
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

/// The URL's user and password, if any, as a value of `Authorization`.
fn credentials(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut pair = percent_decoded(url.username());
    pair.push(b':');
    pair.extend(percent_decoded(url.password().unwrap_or_default()));
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = after.get(..2).filter(|_| *first == b'%');
        let byte = escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        decoded.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    decoded
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
