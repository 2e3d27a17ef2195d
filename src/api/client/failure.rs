//! Failures of a management API, each with what the user can do about it.

use super::Client;
use crate::clock::human_duration;
use crate::endpoints::{ApiError, ApiErrorKind};
use crate::engine::retry_after;
use crate::exchange::{Answer, ErrorKind, Outcome};
use crate::provider::api::{FaultKind, Verb};

fn error(kind: ApiErrorKind, what: String, causes: Vec<String>, hint: Option<String>) -> ApiError {
    ApiError {
        kind,
        what,
        causes,
        hint,
    }
}

/// No answer came.
pub(super) fn unreachable<T>(client: &Client<T>, verb: Verb, kind: ErrorKind, text: String) -> ApiError {
    let what = format!("the API of `{}` does not answer", client.name);
    let hint = match kind {
        ErrorKind::Timeout | ErrorKind::Protocol if verb == Verb::Create => in_doubt(),
        ErrorKind::Dns | ErrorKind::Connect => "is it there? `--api-url URL` names another place".to_owned(),
        ErrorKind::Tls => "is it that place? its certificate must be one that this machine trusts".to_owned(),
        _ => "try again later".to_owned(),
    };
    error(ApiErrorKind::Unreachable, what, vec![text], Some(hint))
}

/// Something came that the profile does not describe.
pub(super) fn garbled(verb: Verb, what: String) -> ApiError {
    let hint = match verb {
        Verb::Create => in_doubt(),
        _ => "does `--api-url` lead to the API, and does the profile's `[api]` describe it?".to_owned(),
    };
    error(ApiErrorKind::Garbled, what, Vec::new(), Some(hint))
}

fn in_doubt() -> String {
    "the subscription may have been made: look with `hook endpoints list` before you try again".to_owned()
}

/// It said no in a way that the profile knows.
pub(super) fn refused<T>(
    client: &Client<T>,
    verb: Verb,
    answer: &Answer,
    kind: FaultKind,
    message: Option<String>,
) -> ApiError {
    let name = &client.name;
    let (what, hint) = match kind {
        FaultKind::Unauthorised if client.token.is_none() => (
            format!("the API of `{name}` wants a token"),
            "`--token env:VAR` or `--token file:PATH` gives one".to_owned(),
        ),
        FaultKind::Unauthorised => (
            format!("the API of `{name}` does not accept the token"),
            token_hint(client),
        ),
        FaultKind::Limit => (
            format!("the plan at `{name}` allows no more endpoints"),
            "remove one, or take a larger plan".to_owned(),
        ),
        FaultKind::Forbidden => (
            format!("the token may not do that at `{name}`"),
            "give the key the scopes that the events need, at the provider".to_owned(),
        ),
        FaultKind::Unknown => (
            format!("`{name}` knows no such endpoint"),
            "`hook endpoints list` shows what there is".to_owned(),
        ),
        FaultKind::Duplicate | FaultKind::Invalid if verb == Verb::Confirm => (
            format!("`{name}` does not accept the confirmation"),
            "the token is in the request that the endpoint got: `hook log list`".to_owned(),
        ),
        FaultKind::Duplicate => (
            format!("`{name}` has such an endpoint already"),
            "`hook endpoints list` shows it".to_owned(),
        ),
        FaultKind::Invalid => (
            format!("`{name}` refuses the endpoint as it is"),
            "correct what it names; URLs already registered and unknown events are refused like this".to_owned(),
        ),
        FaultKind::Rate => (
            format!("`{name}` takes no more calls for now"),
            wait_hint(client, answer),
        ),
        FaultKind::Method => (
            format!("`{name}` has no such call"),
            "does the profile's `[api]` describe it?".to_owned(),
        ),
    };
    let kind = match kind {
        FaultKind::Unknown => ApiErrorKind::Unknown,
        FaultKind::Rate => ApiErrorKind::Unreachable,
        _ => ApiErrorKind::Refused,
    };
    error(kind, what, said(answer.status, message), Some(hint))
}

/// A status that means nothing in particular.
pub(super) fn unexpected(verb: Verb, status: u16, message: Option<String>) -> ApiError {
    match status {
        500.. => {
            let hint = match verb {
                Verb::Create => in_doubt(),
                _ => "the fault is on the other side: try again later".to_owned(),
            };
            let what = "the API has a fault of its own".to_owned();
            error(ApiErrorKind::Unreachable, what, said(status, message), Some(hint))
        }
        300..=399 => {
            let what = "the API sends callers elsewhere, which is not followed".to_owned();
            let hint = "name the place itself: `--api-url URL`".to_owned();
            error(ApiErrorKind::Refused, what, said(status, message), Some(hint))
        }
        _ => {
            let what = "the API refuses the call".to_owned();
            let hint = "does the profile's `[api]` describe it?".to_owned();
            error(ApiErrorKind::Refused, what, said(status, message), Some(hint))
        }
    }
}

fn said(status: u16, message: Option<String>) -> Vec<String> {
    vec![match message {
        Some(message) => format!("{status}: {message}"),
        None => format!("{status}, without a word"),
    }]
}

fn token_hint<T>(client: &Client<T>) -> String {
    let prefixes = client.api.key_prefixes();
    let fits = |token: &[u8]| prefixes.iter().any(|prefix| token.starts_with(prefix.as_bytes()));
    match &client.token {
        Some(token) if !prefixes.is_empty() && !fits(token.expose()) => {
            format!("its keys begin with `{}`, this one does not", prefixes.join("` or `"))
        }
        _ => "it may have expired or been withdrawn: make a new one at the provider".to_owned(),
    }
}

fn wait_hint<T>(client: &Client<T>, answer: &Answer) -> String {
    let outcome = Outcome::Answer(answer.clone());
    match retry_after(&outcome, client.clock.now()) {
        Some(wait) => format!("try again in {}", human_duration(wait)),
        None => "try again later".to_owned(),
    }
}
