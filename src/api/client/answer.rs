//! What an answer of a management API means.

use serde_json::Value;

use super::{Client, failure};
use crate::endpoints::ApiError;
use crate::exchange::Answer;
use crate::json::get;
use crate::provider::api::{Call, Verb};
use crate::template::BodyTemplate;

/// The JSON of a success; what is no success is an error.
pub(super) fn judge<T>(client: &Client<T>, verb: Verb, call: &Call, answer: &Answer) -> Result<Value, ApiError> {
    let is_success = (200..300).contains(&answer.status);
    if !is_success {
        return Err(refusal(client, verb, answer));
    }
    if answer.truncated {
        return Err(failure::garbled(verb, "the answer is too long to be read".into()));
    }
    if answer.body.is_empty() {
        return match (&call.answer, verb) {
            (BodyTemplate::Absent, Verb::Create | Verb::List | Verb::Get) => Err(failure::garbled(
                verb,
                format!("{} without a body is no answer", answer.status),
            )),
            _ => Ok(Value::Null),
        };
    }
    let value: Value = serde_json::from_slice(&answer.body).map_err(|error| {
        let what = match (looks_like_a_page(answer), error.is_eof()) {
            (true, _) => "the answer is a web page, not JSON".to_owned(),
            (false, true) => format!("the answer breaks off after {} bytes", answer.body.len()),
            (false, false) => format!("the answer is not JSON: {error}"),
        };
        failure::garbled(verb, what)
    })?;
    match hidden_refusal(client, call, &value) {
        Some(message) => Err(failure::garbled(
            verb,
            format!("the answer is {} with an error in it: {message}", answer.status),
        )),
        None => Ok(value),
    }
}

fn looks_like_a_page(answer: &Answer) -> bool {
    let html = answer
        .headers
        .get_text("content-type")
        .is_some_and(|kind| kind.contains("html"));
    html || answer.body.trim_ascii_start().starts_with(b"<")
}

/// The message of an error that comes with the status of a success.
fn hidden_refusal<T>(client: &Client<T>, call: &Call, value: &Value) -> Option<String> {
    let faults = &client.api.faults.answer;
    let at = |hole| faults.place_of(hole).and_then(|path| get(value, &path)?.as_str());
    // A subscription may have a field of the same name: an error has the code as well as the message.
    let told = at("code").and(at("message")).map(str::to_owned);
    let bare = || match (&call.answer, value.get("error")?) {
        (_, Value::Null | Value::Bool(false)) => None,
        (_, Value::String(text)) => Some(text.clone()),
        (_, other) => Some(other.to_string()),
    };
    told.or_else(bare)
}

fn refusal<T>(client: &Client<T>, verb: Verb, answer: &Answer) -> ApiError {
    let value: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let at = |hole: &str| {
        let path = client.api.faults.answer.place_of(hole)?;
        get(value.as_ref()?, &path)?.as_str().map(str::to_owned)
    };
    let usual = || {
        let value = value.as_ref()?;
        let found = ["message", "error", "detail", "title"]
            .iter()
            .find_map(|name| value.get(name)?.as_str());
        found.map(str::to_owned)
    };
    let message = at("message").or_else(usual);
    let kind = client.api.faults.kind(answer.status, at("code").as_deref());
    match kind {
        Some(kind) => failure::refused(client, verb, answer, kind, message),
        None => failure::unexpected(verb, answer.status, message),
    }
}
