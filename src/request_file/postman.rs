//! Items of a Postman collection (<https://schema.postman.com/collection/json/v2.1.0/draft-07/docs/index.html>).

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Entries, ExportedRequest, ReadEntry, form_encoded, missing, text_at};
use crate::error::Result;
use crate::headers::Headers;

/// Deeper folders of a collection are left out.
const MOST_FOLDERS: usize = 16;

/// The items of a collection, in its order, or a single item.
pub(super) fn entries(document: &Value) -> Option<Entries<'_>> {
    let mut items = Vec::new();
    collect(document, &mut items, 0);
    if items.is_empty() && document.get("url").is_some() && document.get("method").is_some() {
        items.push((document, document));
    }
    let variables = variables(document);
    (!items.is_empty()).then(|| Entries {
        form: "a Postman collection",
        found: items
            .into_iter()
            .map(|(item, request)| {
                let name = text_at(item, "/name").unwrap_or("request");
                let label = format!(
                    "{name}: {} {}",
                    text_at(request, "/method").unwrap_or("GET"),
                    url(request)
                );
                let variables = variables.clone();
                let read: ReadEntry<'_> = Box::new(move || read(request, &variables));
                (label, read)
            })
            .collect(),
    })
}

fn collect<'a>(item: &'a Value, items: &mut Vec<(&'a Value, &'a Value)>, depth: usize) {
    if let Some(request) = item
        .get("request")
        .filter(|request| request.is_object() || request.is_string())
    {
        items.push((item, request));
    }
    for inner in item.get("item").and_then(Value::as_array).into_iter().flatten() {
        if depth < MOST_FOLDERS {
            collect(inner, items, depth + 1);
        }
    }
}

fn url(request: &Value) -> &str {
    let url = request.get("url").unwrap_or(request);
    url.as_str().or_else(|| text_at(url, "/raw")).unwrap_or_default()
}

/// The pairs of a list that are not switched off.
fn pairs<'a>(document: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let list = document.pointer(pointer).and_then(Value::as_array);
    let used = list
        .into_iter()
        .flatten()
        .filter(|pair| pair.get("disabled") != Some(&Value::Bool(true)));
    used.filter_map(|pair| Some((text_at(pair, "/key")?, text_at(pair, "/value").unwrap_or_default())))
}

fn variables(document: &Value) -> BTreeMap<&str, &str> {
    pairs(document, "/variable").collect()
}

/// The text with the collection's variables in their places. Others are values that the file does not have.
fn resolved(text: &str, variables: &BTreeMap<&str, &str>, what: &str) -> Result<String> {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let end = after.find("}}").filter(|end| is_name(&after[..*end]));
        done.push_str(before);
        let Some(end) = end else {
            done.push_str("{{");
            rest = after;
            continue;
        };
        let name = &after[..end];
        let value = variables.get(name).ok_or_else(|| {
            let fact = format!("{what} has the variable `{{{{{name}}}}}`, whose value is not in the file");
            missing(fact, "write its value in its place")
        })?;
        done.push_str(value);
        rest = &after[end + 2..];
    }
    done.push_str(rest);
    Ok(done)
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.$".contains(&byte))
}

fn read(request: &Value, variables: &BTreeMap<&str, &str>) -> Result<ExportedRequest> {
    let mut headers = Headers::new();
    for (name, value) in pairs(request, "/header") {
        headers.append(name, resolved(value, variables, &format!("the header `{name}`"))?);
    }
    let (body, content_type) = body(request, variables)?;
    if let Some(content_type) = content_type.filter(|_| !headers.contains("content-type")) {
        headers.append("content-type", content_type);
    }
    Ok(ExportedRequest {
        method: text_at(request, "/method").unwrap_or("GET").to_owned(),
        url: Some(resolved(url(request), variables, "the URL")?).filter(|url| !url.is_empty()),
        headers,
        body,
        notes: Vec::new(),
    })
}

/// The body, and the content type that Postman adds for it.
fn body(request: &Value, variables: &BTreeMap<&str, &str>) -> Result<(Vec<u8>, Option<&'static str>)> {
    match text_at(request, "/body/mode") {
        None => Ok((Vec::new(), None)),
        Some("raw") => {
            let raw = text_at(request, "/body/raw").unwrap_or_default();
            let content_type = match text_at(request, "/body/options/raw/language") {
                Some("json") => "application/json",
                Some("xml") => "application/xml",
                _ => "text/plain",
            };
            Ok((resolved(raw, variables, "the body")?.into_bytes(), Some(content_type)))
        }
        Some("urlencoded") => {
            let form = form_encoded(pairs(request, "/body/urlencoded"));
            Ok((form.into_bytes(), Some("application/x-www-form-urlencoded")))
        }
        Some(mode) => Err(missing(
            format!("the body has the mode `{mode}`: the file does not hold its bytes"),
            "choose `raw` in Postman, and export again",
        )),
    }
}
