//! What the answer of a management API is: JSON, or a failure with what the user can do about it.

use serde_json::Value;
use url::Url;

use super::Client;
use crate::clock::human_duration;
use crate::endpoints::EndpointError;
use crate::engine::retry_after;
use crate::error::{Error, Result};
use crate::exchange::{Answer, ErrorKind, Outcome};
use crate::exit::Exit;
use crate::json::get;
use crate::mask;
use crate::provider::api::{Call, FaultKind, Verb};

const IN_DOUBT: &str = "the subscription may exist now: check with `hook endpoints list` before you try again";
const CHECK_PROFILE: &str = "does the profile's `[api]` describe this call?";
const LIST: &str = "list endpoints with `hook endpoints list`";
const RETRY_LATER: &str = "try again later";

/// The JSON of a success; null where it may be empty and is.
pub(super) fn read<T>(client: &Client<T>, verb: Verb, call: &Call, answer: &Answer) -> Result<Value> {
    let garbled = |what: String| Err(garbled(verb, what));
    if !(200..300).contains(&answer.status) {
        return Err(refused(client, verb, answer));
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
    let kind = answer.headers.get_text("content-type");
    kind.is_some_and(|kind| kind.contains("html")) || answer.body.trim_ascii_start().starts_with(b"<")
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

/// No answer was received.
pub(super) fn unreachable<T>(client: &Client<T>, verb: Verb, kind: ErrorKind, text: String) -> Error {
    let hint = match kind {
        ErrorKind::Timeout | ErrorKind::Protocol if verb == Verb::Create => IN_DOUBT,
        ErrorKind::Dns | ErrorKind::Resolver | ErrorKind::Connect => {
            "is the URL right? `--api-url URL` sets another one"
        }
        ErrorKind::Tls => "is the URL right? This machine must trust the server's certificate",
        _ => RETRY_LATER,
    };
    let what = format!("the API of `{}` does not answer", client.name);
    Error::new(Exit::Unreachable, what).cause(text).hint(hint)
}

/// The answer is not what the profile describes.
pub(super) fn garbled(verb: Verb, what: String) -> Error {
    let hint = match verb {
        Verb::Create => IN_DOUBT,
        _ => "does `--api-url` lead to the API, and does the profile's `[api]` describe it?",
    };
    Error::new(Exit::Refused, what).hint(hint)
}

/// The failure with the call that it is about.
pub(super) fn of_call(error: Error, method: &str, url: &Url) -> EndpointError {
    error.cause(format!("`{method} {}`", mask::url(url.as_str()))).into()
}

/// The status is not that of a success.
pub(super) fn refused<T>(client: &Client<T>, verb: Verb, answer: &Answer) -> Error {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let faults = &client.api.faults;
    let at = |hole: &str| get(&body, &faults.answer.place_of(hole)?)?.as_str();
    let fault = faults.kind(answer.status, at("code"));
    let usual = ["message", "error", "detail", "title"];
    let message = at("message").or_else(|| usual.iter().find_map(|name| body.get(name)?.as_str()));
    let exit = match (fault, answer.status) {
        (Some(FaultKind::Unknown), _) => Exit::Nothing,
        (Some(FaultKind::Rate), _) | (None, 500..) => Exit::Unreachable,
        _ => Exit::Refused,
    };
    let (what, hint) = match fault {
        Some(fault) => explain_fault(client, verb, answer, fault),
        None => explain_status(verb, answer.status),
    };
    let cause = match message {
        Some(message) => format!("{}: {message}", answer.status),
        None => format!("{} without a message", answer.status),
    };
    Error::new(exit, format!("`{}` {what}", client.name))
        .cause(cause)
        .hint(hint)
}

/// What a refusal that the profile knows means, after the name of the remote, and the hint.
fn explain_fault<T>(client: &Client<T>, verb: Verb, answer: &Answer, fault: FaultKind) -> (&'static str, String) {
    let (what, hint) = match fault {
        FaultKind::Unauthorised if client.token.is_none() => (
            "requires an API token",
            "pass one with `--token env:VAR` or `--token file:PATH`",
        ),
        FaultKind::Unauthorised => return ("does not accept the API token", token_hint(client)),
        FaultKind::Limit => (
            "allows no more endpoints on this plan",
            "remove an endpoint, or change to a larger plan",
        ),
        FaultKind::Forbidden => (
            "does not allow this with the API token",
            "grant the key the scopes of these events at the provider",
        ),
        FaultKind::Unknown => ("has no such endpoint", LIST),
        FaultKind::Duplicate | FaultKind::Invalid if verb == Verb::Confirm => (
            "does not accept the confirmation",
            "find the token in the request that the endpoint received: `hook log list`",
        ),
        FaultKind::Duplicate => ("already has this endpoint", LIST),
        FaultKind::Invalid => (
            "rejects the endpoint",
            "correct what the message names; a URL that is already registered or an unknown event is rejected like this",
        ),
        FaultKind::Rate => {
            let wait = retry_after(&Outcome::Answer(answer.clone()), client.clock.now());
            let hint = wait.map(|wait| format!("try again in {}", human_duration(wait)));
            return ("accepts no more calls for now", hint.unwrap_or(RETRY_LATER.to_owned()));
        }
        FaultKind::Method => ("has no such call", CHECK_PROFILE),
    };
    (what, hint.to_owned())
}

/// The same for a status without a known meaning.
fn explain_status(verb: Verb, status: u16) -> (&'static str, String) {
    let (what, hint) = match status {
        500.. if verb == Verb::Create => ("failed to handle the call", IN_DOUBT),
        500.. => ("failed to handle the call", RETRY_LATER),
        300..=399 => (
            "redirects the call, which hook does not follow",
            "set the final URL with `--api-url URL`",
        ),
        _ => ("rejects the call", CHECK_PROFILE),
    };
    (what, hint.to_owned())
}

fn token_hint<T>(client: &Client<T>) -> String {
    let prefixes = client.api.key_prefixes();
    let fits = |token: &[u8]| prefixes.iter().any(|prefix| token.starts_with(prefix.as_bytes()));
    match &client.token {
        Some(token) if !prefixes.is_empty() && !fits(token.expose()) => {
            format!("its keys begin with `{}`, this one does not", prefixes.join("` or `"))
        }
        _ => "it may have expired or been revoked: create a new one at the provider".to_owned(),
    }
}
