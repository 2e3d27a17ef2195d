//! Calls a provider's management API as its profile describes it. Every call is bounded in time, in size and in tries, and
//! whatever comes back becomes subscriptions or an error that says what to do.

mod answer;
mod failure;
mod remote;
mod store;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use url::Url;

use crate::clock::Clock;
use crate::endpoints::{ApiError, EndpointError};
use crate::engine::retry_after;
use crate::exchange::{Answer, ErrorKind, Outcome, Request};
use crate::headers::Headers;
use crate::provider::Profile;
use crate::provider::api::{Api, Call, Verb};
use crate::secret::Secret;
use crate::transport::Transport;

pub use remote::Remote;
pub use store::RemoteStore;

/// Of one call, its answer included.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How much of an answer is read, in bytes: thousands of subscriptions.
pub const MOST_READ: usize = 8 * 1024 * 1024;

/// How often a call is made that may be repeated.
const TRIES: u32 = 3;

/// Before the second try; twice that before the third.
const PAUSE: Duration = Duration::from_millis(500);

/// A server that wants a longer pause is not waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// More pages than this are a server that never ends.
const MOST_PAGES: u32 = 200;

/// More subscriptions than this are nobody's.
const MOST_LISTED: usize = 50_000;

/// Who is called, and in whose name.
pub struct Client<T> {
    /// What the user calls the place.
    pub name: String,
    /// Whose API it is. It has one.
    pub profile: Arc<Profile>,
    /// Its description.
    pub api: Arc<Api>,
    /// Where it is.
    pub base: Url,
    /// In the name of whom.
    pub token: Option<Secret>,
    /// Parameters by name, for calls that need some.
    pub params: Vec<(String, String)>,
    /// How it is reached.
    pub transport: Arc<T>,
    /// For `Retry-After` dates.
    pub clock: Arc<dyn Clock>,
}

impl<T: Transport> Client<T> {
    /// The call for a verb, where the provider has it.
    fn verb(&self, verb: Verb) -> Result<&Call, EndpointError> {
        self.api.call(verb).ok_or_else(|| {
            let what = format!(
                "`{}` has no call to {} a subscription",
                self.profile.label(),
                verb.name()
            );
            EndpointError::Unsupported(what)
        })
    }

    /// Makes a call, again where it may be repeated, and gives what a success answers: JSON, or null without a body.
    async fn call(
        &self,
        verb: Verb,
        id: Option<&str>,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, EndpointError> {
        let call = self.verb(verb)?;
        let request = self.request(call, id, query, body)?;
        let mut seq = 1;
        loop {
            let outcome = self.transport.send(&request).await;
            match self.pause(verb, &outcome, seq) {
                Some(pause) => tokio::time::sleep(pause).await,
                // The first of several answers may have been lost on its way back.
                None if verb == Verb::Delete && seq > 1 && outcome.status() == Some(404) => return Ok(Value::Null),
                None => return self.judge(verb, call, &request, outcome),
            }
            seq += 1;
        }
    }

    /// How long to wait before the call is made again; `None` when it is not.
    fn pause(&self, verb: Verb, outcome: &Outcome, seq: u32) -> Option<Duration> {
        let usual = PAUSE * 2_u32.pow(seq - 1);
        let asked = retry_after(outcome, self.clock.now());
        let wait = match outcome {
            // Refused before anything was done, so that also a creation may be repeated.
            Outcome::Answer(Answer { status: 429, .. }) => asked?,
            Outcome::Answer(answer) if answer.status >= 500 && verb.is_repeatable() => asked.unwrap_or(usual),
            Outcome::Error {
                kind: ErrorKind::Timeout | ErrorKind::Protocol,
                ..
            } if verb.is_repeatable() => usual,
            _ => return None,
        };
        (seq < TRIES && wait <= PATIENCE).then_some(wait)
    }

    fn request(
        &self,
        call: &Call,
        id: Option<&str>,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Request, EndpointError> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            let id = id.unwrap_or_default();
            // Escaped as one part, whatever the id is made of.
            path.pop_if_empty().extend(
                call.path
                    .split('/')
                    .skip(1)
                    .map(|part| if part == "{id}" { id } else { part }),
            );
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut headers = Headers::new();
        headers.append("accept", "application/json");
        if let Some(token) = &self.token {
            let value = [b"Bearer ".as_slice(), token.expose()].concat();
            if value.iter().any(|byte| *byte < 0x20 || *byte == 0x7f) {
                let what = "the token holds a control character, which no header can carry";
                return Err(EndpointError::Unsupported(what.to_owned()));
            }
            headers.append("authorization", value);
        }
        for (name, value) in &self.api.headers {
            headers.append(name, value);
        }
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        if !body.is_empty() {
            headers.append("content-type", "application/json");
        }
        headers.append("user-agent", concat!("hook/", env!("CARGO_PKG_VERSION")));
        Ok(Request {
            method: call.method.clone(),
            url,
            headers,
            body,
            timeout: TIMEOUT,
        })
    }

    fn judge(&self, verb: Verb, call: &Call, request: &Request, outcome: Outcome) -> Result<Value, EndpointError> {
        let told = match outcome {
            Outcome::Answer(answer) => answer::judge(self, verb, call, &answer),
            Outcome::Error { kind, text } => Err(failure::unreachable(self, verb, kind, text)),
        };
        told.map_err(|error: ApiError| EndpointError::Api(Box::new(error.of_call(&request.method, &request.url))))
    }
}
