//! Calls a provider's management API as its profile describes it. Every call is bounded in time, size and tries, and its
//! answer becomes subscriptions, or an error that says what to do.

mod answer;
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
use crate::endpoints::EndpointError;
use crate::engine::retry_after;
use crate::exchange::{Answer, ErrorKind, Outcome, Request};
use crate::headers::Headers;
use crate::provider::Profile;
use crate::provider::api::{Api, Call, Verb};
use crate::secret::Secret;
use crate::transport::Transport;

pub use remote::Remote;
pub use store::RemoteStore;

/// Time limit of one call, its answer included.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum size of an answer in bytes: thousands of subscriptions.
pub const MOST_READ: usize = 8 * 1024 * 1024;

/// How often a repeatable call is made, at most.
const TRIES: u32 = 3;

/// The pause before the second try; twice that before the third.
const PAUSE: Duration = Duration::from_millis(500);

/// The longest pause that a server may ask for; a longer one is an error.
const PATIENCE: Duration = Duration::from_secs(15);

/// More pages than this are taken for an endless list.
const MOST_PAGES: u32 = 200;

/// Maximum number of subscriptions.
const MOST_LISTED: usize = 50_000;

/// A provider's API and the account that calls it.
pub struct Client<T> {
    /// The name of the remote.
    pub name: String,
    /// The provider, which has an API.
    pub profile: Arc<Profile>,
    /// The description of the API.
    pub api: Arc<Api>,
    /// The base URL.
    pub base: Url,
    /// The account's token.
    pub token: Option<Secret>,
    /// Parameters that calls may need, by name.
    pub params: Vec<(String, String)>,
    /// Sends the calls.
    pub transport: Arc<T>,
    /// For `Retry-After` dates.
    pub clock: Arc<dyn Clock>,
}

impl<T: Transport> Client<T> {
    /// The call for a verb; an error where the provider has none.
    fn verb(&self, verb: Verb) -> Result<&Call, EndpointError> {
        self.api.call(verb).ok_or_else(|| {
            let label = self.profile.label();
            EndpointError::unsupported(format!("`{label}` has no call to {verb} a subscription"))
        })
    }

    /// Makes a call, repeats it where that is safe, and returns the JSON of the answer, or null without a body.
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
                // An earlier try may have deleted it, and its answer was lost.
                None if verb == Verb::Delete && seq > 1 && outcome.status() == Some(404) => return Ok(Value::Null),
                None => return self.read(verb, call, &request, outcome),
            }
            seq += 1;
        }
    }

    /// How long to wait before the call is made again; `None` when it is not.
    fn pause(&self, verb: Verb, outcome: &Outcome, seq: u32) -> Option<Duration> {
        let usual = PAUSE * 2_u32.pow(seq - 1);
        let asked = retry_after(outcome, self.clock.now());
        let wait = match outcome {
            // Nothing was done yet, so that a creation may be repeated too.
            Outcome::Answer(Answer { status: 429, .. }) => asked?,
            // The call may have been done: only what is harmless twice is repeated.
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
            // Escapes the id as one segment, whatever it contains.
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
                let what = "the API token contains a control character, which is not valid in a header";
                return Err(EndpointError::unsupported(what));
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

    fn read(&self, verb: Verb, call: &Call, request: &Request, outcome: Outcome) -> Result<Value, EndpointError> {
        let read = match outcome {
            Outcome::Answer(answer) => answer::read(self, verb, call, &answer),
            Outcome::Error { kind, text } => Err(answer::unreachable(self, verb, kind, text)),
        };
        read.map_err(|error| answer::of_call(error, &request.method, &request.url))
    }
}
