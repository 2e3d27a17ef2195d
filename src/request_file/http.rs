//! The raw text of an HTTP request, as proxies and debuggers show it.

use super::{Entries, ExportedRequest, url_of};
use crate::headers::Headers;

/// One request, when the first line is that of a request.
pub(super) fn entries(bytes: &[u8]) -> Option<Entries<'_>> {
    let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let bytes = &bytes[start..];
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    let (method, target) = request_line(std::str::from_utf8(line).ok()?)?;
    let label = format!("{method} {target}");
    Some(Entries {
        form: "a raw HTTP request",
        found: vec![(label, Box::new(move || Ok(read(bytes, method, target))))],
    })
}

/// Method and target of `POST /in HTTP/1.1`.
fn request_line(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_ascii_whitespace();
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let is_method = method.len() <= 20 && method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    (is_method && version.starts_with("HTTP/") && words.next().is_none()).then_some((method, target))
}

fn read(bytes: &[u8], method: &str, target: &str) -> ExportedRequest {
    let (head, body) = split_head(bytes);
    let mut request = ExportedRequest {
        method: method.to_owned(),
        body: body.to_vec(),
        ..ExportedRequest::default()
    };
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // Developer tools show the pseudo headers of HTTP/2, such as `:authority: a.example`.
        if let Some(authority) = line.strip_prefix(b":authority:") {
            request.headers.append("host", authority.trim_ascii());
        } else if let Some(at) = line.iter().position(|byte| *byte == b':').filter(|at| *at > 0) {
            let name = String::from_utf8_lossy(line[..at].trim_ascii()).into_owned();
            request.headers.append(&name, line[at + 1..].trim_ascii());
        }
    }
    request.url = if target.contains("://") {
        Some(target.to_owned())
    } else {
        url_of(&request.headers, target)
    };
    frame(&mut request);
    request
}

/// Head and body, on either side of the first empty line.
fn split_head(bytes: &[u8]) -> (&[u8], &[u8]) {
    let crlf = find(bytes, b"\r\n\r\n").map(|at| (at, at + 4));
    let lf = find(bytes, b"\n\n").map(|at| (at, at + 2));
    match crlf.into_iter().chain(lf).min() {
        Some((head, body)) => (&bytes[..head], &bytes[body..]),
        None => (bytes, b""),
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Takes off what frames the body: chunk sizes, and what an editor added behind its end.
fn frame(request: &mut ExportedRequest) {
    let is_chunked = |headers: &Headers| {
        let coding = headers.get_text("transfer-encoding").unwrap_or_default();
        coding.to_ascii_lowercase().contains("chunked")
    };
    if is_chunked(&request.headers) {
        match unchunked(&request.body) {
            Some(body) => request.body = body,
            // Many programs decode the chunks and leave the header.
            None if starts_with_size(&request.body) => request
                .notes
                .push("the chunks of the body are incomplete: the file is not what was sent".to_owned()),
            None => {}
        }
        return;
    }
    let length = request
        .headers
        .get_text("content-length")
        .and_then(|text| text.parse::<usize>().ok());
    let Some(length) = length else { return };
    let has = request.body.len();
    if has > length && request.body[length..].iter().all(u8::is_ascii_whitespace) {
        request.body.truncate(length);
    } else if has != length {
        request.notes.push(format!(
            "the body has {has} bytes and its `Content-Length` says {length}: the file is not what was sent"
        ));
    }
}

/// Whether the body's first line is the size of a chunk.
fn starts_with_size(body: &[u8]) -> bool {
    let line = body
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default()
        .trim_ascii();
    !line.is_empty() && line.len() < body.len() && line.iter().all(u8::is_ascii_hexdigit)
}

/// The data of a chunked body, or nothing when it has no chunk sizes.
fn unchunked(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let size = std::str::from_utf8(&bytes[..end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        bytes = &bytes[end + 1..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(bytes.get(..size)?);
        bytes = &bytes[size..];
        bytes = bytes.strip_prefix(b"\r").unwrap_or(bytes).strip_prefix(b"\n")?;
    }
}
