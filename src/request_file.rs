//! Requests as other programs export them: a curl command, the raw text of an HTTP request, an entry of a HAR file, an event
//! of AWS Lambda, an item of a Postman collection. Reading one executes nothing and opens no other file.

mod curl;
mod har;
mod http;
mod lambda;
mod postman;
mod shell_words;
#[cfg(test)]
mod tests;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::headers::Headers;

/// A request as a file holds it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExportedRequest {
    /// `POST` and the like.
    pub method: String,
    /// The whole URL, where the file has it.
    pub url: Option<String>,
    /// In the order of the file.
    pub headers: Headers,
    /// The bytes, as the sender had them.
    pub body: Vec<u8>,
    /// What differs from the request that was sent, as sentences.
    pub notes: Vec<String>,
}

/// Names an entry in lists of several: `POST https://a.example/in`.
type EntryLabel = String;

/// Reads an entry when it is chosen.
type ReadEntry<'a> = Box<dyn FnOnce() -> Result<ExportedRequest> + 'a>;

/// The entries of a file.
struct Entries<'a> {
    /// What the file is, for messages: `a HAR file`.
    form: &'static str,
    found: Vec<(EntryLabel, ReadEntry<'a>)>,
}

/// At most this many entries are listed by an error.
const LISTED: usize = 10;

/// Reads the request of a file. `entry`, counted from 1, chooses one of several.
pub fn read(bytes: &[u8], entry: Option<usize>) -> Result<ExportedRequest> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let document: Option<Value> = serde_json::from_slice(bytes).ok();
    let entries = match &document {
        Some(document) => json_entries(document),
        None => match std::str::from_utf8(bytes) {
            Ok(text) if curl::is_command(text) => Some(curl::entries(text)?),
            _ => http::entries(bytes),
        },
    };
    let entries = entries
        .filter(|entries| !entries.found.is_empty())
        .ok_or_else(|| not_recognised(bytes))?;
    choose(entries, entry)
}

fn json_entries(document: &Value) -> Option<Entries<'_>> {
    har::entries(document)
        .or_else(|| lambda::entries(document))
        .or_else(|| postman::entries(document))
}

/// Programs whose commands are copied as well, by how their texts begin.
const OTHER_PROGRAMS: [(&str, &str); 8] = [
    ("Invoke-WebRequest", "PowerShell"),
    ("Invoke-RestMethod", "PowerShell"),
    ("$session", "PowerShell"),
    ("iwr ", "PowerShell"),
    ("fetch(", "`fetch` of JavaScript"),
    ("await fetch(", "`fetch` of JavaScript"),
    ("wget ", "wget"),
    ("http ", "HTTPie"),
];

fn not_recognised(bytes: &[u8]) -> Error {
    let start = bytes.trim_ascii_start();
    let other = OTHER_PROGRAMS
        .iter()
        .find(|(beginning, _)| start.starts_with(beginning.as_bytes()));
    if let Some((_, program)) = other {
        return Error::usage(format!("the file is a request for {program}, which is not read"))
            .hint("copy the request as a curl command, which browsers call `Copy as cURL`, or save it as HAR");
    }
    Error::usage("the file holds no request in a form that is known").hint(
        "forms: a curl command, a raw HTTP request, a HAR file, an AWS Lambda or API Gateway event, a Postman collection",
    )
}

fn choose(mut entries: Entries<'_>, entry: Option<usize>) -> Result<ExportedRequest> {
    let (form, count) = (entries.form, entries.found.len());
    let Some(entry) = entry.or((count == 1).then_some(1)) else {
        let listed = entries.found.iter().enumerate().take(LISTED);
        let listed = listed.map(|(at, (label, _))| format!("{}: {}", at + 1, crate::text::printable(label, 120)));
        return Err(listed.fold(
            Error::usage(format!("{form} with {count} requests")).hint("choose one: `--entry N`"),
            Error::hint,
        ));
    };
    if entry == 0 || entry > count {
        return Err(Error::usage(format!(
            "no entry `{entry}` in {form} with {}",
            crate::text::count(count as u64, "request")
        )));
    }
    let (_, read) = entries.found.swap_remove(entry - 1);
    read()
}

/// A part of a request that a file leaves out, or only names.
fn missing(what: impl Into<String>, hint: &str) -> Error {
    Error::usage(what).hint(hint)
}

fn text_at<'a>(document: &'a Value, pointer: &str) -> Option<&'a str> {
    document.pointer(pointer).and_then(Value::as_str)
}

/// What forms leave as it is, beside letters and digits.
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'*')
    .remove(b' ');

/// `a=b&c=d`, as forms and queries are encoded.
fn form_encoded<'p>(pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> String {
    let part = |text: &str| utf8_percent_encode(text, FORM).to_string().replace(' ', "+");
    let pairs = pairs
        .into_iter()
        .map(|(name, value)| format!("{}={}", part(name), part(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// `https://HOST/PATH`, or without TLS where headers or the host say so.
fn url_of(headers: &Headers, target: &str) -> Option<String> {
    let host = headers.get_text("host")?;
    let forwarded = headers.get_text("x-forwarded-proto");
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_local = name == "localhost" || name.starts_with("127.") || name == "[::1]";
    let scheme = forwarded.unwrap_or(if is_local { "http" } else { "https" });
    Some(format!("{scheme}://{host}{target}"))
}
