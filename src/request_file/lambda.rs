//! Events of AWS Lambda behind API Gateway, a function URL or a load balancer
//! (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Entries, ExportedRequest, ReadEntry, form_encoded, text_at};
use crate::error::{Error, Result};
use crate::headers::Headers;

/// One event, or a list of them.
pub(super) fn entries(document: &Value) -> Option<Entries<'_>> {
    let events: Vec<&Value> = match document {
        Value::Array(events) => events.iter().collect(),
        event => vec![event],
    };
    let methods: Option<Vec<&str>> = events.iter().map(|event| method(event)).collect();
    Some(Entries {
        form: "a list of Lambda events",
        found: methods?
            .into_iter()
            .zip(events)
            .map(|(method, event)| {
                let label = format!("{method} {}", path(event));
                let read: ReadEntry<'_> = Box::new(move || read(event, method));
                (label, read)
            })
            .collect(),
    })
}

/// `requestContext.http` is of version 2.0 of the payload, `httpMethod` of 1.0.
fn method(event: &Value) -> Option<&str> {
    text_at(event, "/requestContext/http/method").or_else(|| text_at(event, "/httpMethod"))
}

fn path(event: &Value) -> &str {
    let version_2 = text_at(event, "/rawPath");
    let with_stage = || text_at(event, "/requestContext/path");
    version_2
        .or_else(with_stage)
        .or_else(|| text_at(event, "/path"))
        .unwrap_or("/")
}

fn read(event: &Value, method: &str) -> Result<ExportedRequest> {
    let body = text_at(event, "/body").unwrap_or_default();
    let body = match event.get("isBase64Encoded").and_then(Value::as_bool) {
        Some(true) => STANDARD
            .decode(body)
            .map_err(|error| Error::usage("`isBase64Encoded` is true, and `body` is not base64").cause(error))?,
        _ => body.as_bytes().to_vec(),
    };
    let mut headers: Headers = values(event, "headers", "multiValueHeaders").into_iter().collect();
    let cookies = event.get("cookies").and_then(Value::as_array);
    let cookies: Vec<&str> = cookies.into_iter().flatten().filter_map(Value::as_str).collect();
    if !cookies.is_empty() {
        headers.append("cookie", cookies.join("; "));
    }
    let query = match text_at(event, "/rawQueryString") {
        Some(query) => query.to_owned(),
        None => form_encoded(values(
            event,
            "queryStringParameters",
            "multiValueQueryStringParameters",
        )),
    };
    let host = text_at(event, "/requestContext/domainName").or_else(|| headers.get_text("host"));
    let url = host.map(|host| {
        let separator = if query.is_empty() { "" } else { "?" };
        format!("https://{host}{}{separator}{query}", path(event))
    });
    Ok(ExportedRequest {
        method: method.to_owned(),
        url,
        headers,
        body,
        notes: Vec::new(),
    })
}

/// Names and values: all values of a name where the event has them, else one.
fn values<'a>(event: &'a Value, single: &str, multiple: &str) -> Vec<(&'a str, &'a str)> {
    let map = |name: &str| event.get(name).and_then(Value::as_object).filter(|map| !map.is_empty());
    let map = map(multiple).or_else(|| map(single));
    let values = map.into_iter().flatten().flat_map(|(name, value)| {
        let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        list.iter()
            .filter_map(move |value| Some((name.as_str(), value.as_str()?)))
    });
    values.collect()
}
