//! Entries of a HAR file (<http://www.softwareishard.com/blog/har-12-spec/>), as browsers and proxies save them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Entries, ExportedRequest, ReadEntry, form_encoded, text_at};
use crate::error::{Error, Result};

/// The entries of a file, of a list of them, or a single one.
pub(super) fn entries(document: &Value) -> Option<Entries<'_>> {
    let entries: Vec<&Value> = match document.pointer("/log/entries").or(Some(document))? {
        Value::Array(entries) => entries.iter().collect(),
        entry => vec![entry],
    };
    let requests = entries.into_iter().map(|entry| entry.get("request").unwrap_or(entry));
    let requests: Vec<&Value> = requests.collect();
    let is_request = |request: &&Value| {
        request.get("method").is_some_and(Value::is_string)
            && request.get("url").is_some_and(Value::is_string)
            && request.get("headers").is_some_and(Value::is_array)
    };
    requests.iter().all(is_request).then(|| Entries {
        form: "a HAR file",
        found: requests
            .into_iter()
            .map(|request| {
                let label = format!("{} {}", text(request, "/method"), text(request, "/url"));
                let read: ReadEntry<'_> = Box::new(move || read(request));
                (label, read)
            })
            .collect(),
    })
}

fn text<'a>(request: &'a Value, pointer: &str) -> &'a str {
    text_at(request, pointer).unwrap_or_default()
}

/// Names and values of a list of `{"name": ..., "value": ...}`.
fn pairs<'a>(request: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let list = request.pointer(pointer).and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .map(|pair| (text(pair, "/name"), text(pair, "/value")))
}

fn read(request: &Value) -> Result<ExportedRequest> {
    // Chrome writes the pseudo headers of HTTP/2, such as `:authority`, beside the others.
    let headers = pairs(request, "/headers").filter(|(name, _)| !name.starts_with(':'));
    let body = match text_at(request, "/postData/text") {
        Some(text) if text_at(request, "/postData/encoding") == Some("base64") => STANDARD
            .decode(text)
            .map_err(|error| Error::usage("`postData.text` is not base64").cause(error))?,
        Some(text) => text.as_bytes().to_vec(),
        None => form_encoded(pairs(request, "/postData/params")).into_bytes(),
    };
    let mut read = ExportedRequest {
        method: text(request, "/method").to_owned(),
        url: Some(text(request, "/url").to_owned()),
        headers: headers.collect(),
        body,
        notes: Vec::new(),
    };
    let said = request.get("bodySize").and_then(Value::as_u64).unwrap_or_default();
    if read.body.is_empty() && said > 0 {
        read.notes
            .push(format!("the entry has no body, and its `bodySize` is {said}"));
    }
    Ok(read)
}
