//! Reads answers of a management API.

use serde_json::Value;

use super::{Client, failure};
use crate::error::Result;
use crate::exchange::Answer;
use crate::json::get;
use crate::provider::api::{Call, Verb};

/// The JSON of a success; null where it may be empty and is.
pub(super) fn read<T>(client: &Client<T>, verb: Verb, call: &Call, answer: &Answer) -> Result<Value> {
    let garbled = |what: String| Err(failure::garbled(verb, what));
    if !(200..300).contains(&answer.status) {
        return Err(failure::refused(client, verb, answer));
    }
    if answer.truncated {
        return garbled("the answer is too long".into());
    }
    if answer.body.is_empty() {
        let needs_body = call.answer.is_none() && matches!(verb, Verb::Create | Verb::List | Verb::Get);
        if needs_body {
            return garbled(format!("the answer {} has no body", answer.status));
        }
        return Ok(Value::Null);
    }
    let value: Value = match serde_json::from_slice(&answer.body) {
        Ok(value) => value,
        Err(_) if looks_like_a_page(answer) => return garbled("the answer is a web page, not JSON".into()),
        Err(error) if error.is_eof() => {
            return garbled(format!(
                "the answer ends after {} bytes, in the middle",
                answer.body.len()
            ));
        }
        Err(error) => return garbled(format!("the answer is not JSON: {error}")),
    };
    match hidden_error(client, &value) {
        Some(message) => garbled(format!("the answer {} contains an error: {message}", answer.status)),
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

/// The message of an error in an answer whose status is that of a success.
fn hidden_error<T>(client: &Client<T>, value: &Value) -> Option<String> {
    let faults = &client.api.faults.answer;
    let at = |hole| faults.place_of(hole).and_then(|path| get(value, &path)?.as_str());
    // A subscription may have a field named like the message; an error has the code as well.
    if let (Some(_), Some(message)) = (at("code"), at("message")) {
        return Some(message.to_owned());
    }
    match value.get("error")? {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
