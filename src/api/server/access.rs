//! Who may call: keys, the pages and names that an open door refuses, the headers that every call carries, and how many
//! calls are taken.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::response::{ApiRejection, ApiResult};
use crate::clock::{Timestamp, human_duration};
use crate::message::Mode;
use crate::provider::api::{Api, FaultKind, RateFact};
use crate::secret::Secret;
use crate::server::{Incoming, Reply};
use crate::signature::same;
use crate::template::Template;

/// A key that calls are made with.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// The token.
    pub secret: Secret,
    /// Of the events that its calls cause.
    pub mode: Mode,
}

/// Who may call.
#[derive(Debug, Clone)]
pub enum ApiAccess {
    /// Whoever has one of these keys.
    Keys(Vec<ApiKey>),
    /// Any program of this machine that reaches that port; web pages and foreign names may not.
    Open {
        /// The port that is listened on.
        port: u16,
    },
}

/// Calls since the first one of a window.
#[derive(Debug)]
struct RateWindow {
    began: Timestamp,
    calls: u32,
}

/// How many calls each key has made.
#[derive(Debug, Default)]
pub(super) struct RateLimits(Mutex<HashMap<usize, RateWindow>>);

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Caller {
    /// Which key it is; 0 at an open door.
    pub(super) key: usize,
    pub(super) mode: Mode,
}

/// How much a caller has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RateStatus {
    most: u32,
    /// `None` beyond the limit.
    calls: Option<u32>,
    per: Duration,
    until: Duration,
}

impl ApiAccess {
    /// Who calls, when it may.
    pub(super) fn admit(&self, api: &Api, incoming: &Incoming) -> ApiResult<Caller> {
        match self {
            Self::Keys(keys) => known(keys, incoming),
            Self::Open { port } => {
                open(*port, incoming)?;
                let test = api.test_key.as_ref().map(Template::fixed_start);
                let live = api.key.fixed_start();
                let mode = match bearer(incoming) {
                    Some(token) if begins(token, test) => Mode::Test,
                    Some(token) if begins(token, Some(live)) => Mode::Live,
                    _ => Mode::Test,
                };
                Ok(Caller { key: 0, mode })
            }
        }
    }
}

fn begins(token: &[u8], start: Option<&str>) -> bool {
    start.is_some_and(|start| !start.is_empty() && token.starts_with(start.as_bytes()))
}

/// The token of `Authorization: Bearer`.
fn bearer(incoming: &Incoming) -> Option<&[u8]> {
    let value = incoming.headers.get("authorization")?;
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

fn known(keys: &[ApiKey], incoming: &Incoming) -> ApiResult<Caller> {
    let refused =
        |what: &str| ApiRejection::fault(FaultKind::Unauthorised, what).header("www-authenticate", "Bearer".to_owned());
    let Some(token) = bearer(incoming) else {
        return Err(refused("the header `Authorization: Bearer KEY` is missing"));
    };
    // Every key is compared, so that the time does not tell which one is near.
    let fits = keys.iter().enumerate().fold(None, |found, (index, key)| {
        let fits = same(token, key.secret.expose());
        if fits { Some((index, key.mode)) } else { found }
    });
    match fits {
        Some((key, mode)) => Ok(Caller { key, mode }),
        None => Err(refused("the key is not known")),
    }
}

/// A local port is reachable from any web page, also under a name that somebody points to this machine.
fn open(port: u16, incoming: &Incoming) -> ApiResult<()> {
    let refused = |what: &str| Err(ApiRejection::own(403, "FORBIDDEN", what));
    if incoming.headers.contains("origin") {
        return refused("requests of web pages are refused while no key is needed");
    }
    let host = incoming.headers.get_text("host").unwrap_or_default();
    let name = host.strip_suffix(&format!(":{port}")).unwrap_or_default();
    let own = ["127.0.0.1", "localhost", "[::1]"];
    if own.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        Ok(())
    } else {
        refused("only names of this machine are answered while no key is needed")
    }
}

/// The headers that every call carries beside its key.
pub(super) fn headers(api: &Api, incoming: &Incoming) -> ApiResult<()> {
    for (name, wanted) in &api.headers {
        match incoming.headers.get_text(name) {
            Some(given) if given == wanted => {}
            Some(_) => return Err(ApiRejection::invalid(format!("the header `{name}` must be `{wanted}`"))),
            None => {
                return Err(ApiRejection::invalid(format!(
                    "the header `{name}: {wanted}` is missing"
                )));
            }
        }
    }
    Ok(())
}

impl RateLimits {
    /// Counts a call; what is left of the caller's window, where calls are limited.
    pub(super) fn count(&self, api: &Api, caller: Caller, now: Timestamp) -> Option<RateStatus> {
        let rate = api.rate.as_ref()?;
        let (most, per) = (rate.calls, rate.per.0);
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry(caller.key).or_insert(RateWindow { began: now, calls: 0 });
        // A clock that was set back must not close the door for long.
        if window.began > now || now.since(window.began) >= per {
            *window = RateWindow { began: now, calls: 0 };
        }
        window.calls = window.calls.saturating_add(1);
        Some(RateStatus {
            most,
            calls: most.checked_sub(window.calls),
            per,
            until: per.saturating_sub(now.since(window.began)),
        })
    }
}

impl RateStatus {
    /// Refuses a call beyond the limit.
    pub(super) fn check(&self) -> ApiResult<()> {
        if self.calls.is_some() {
            return Ok(());
        }
        let what = format!("more than {} calls in {}", self.most, human_duration(self.per));
        Err(ApiRejection::fault(FaultKind::Rate, what).header("retry-after", self.reset().to_string()))
    }

    fn reset(&self) -> u64 {
        u64::try_from(self.until.as_millis().div_ceil(1000))
            .unwrap_or(u64::MAX)
            .max(1)
    }

    /// What the provider's answers say of it.
    pub(super) fn headers(&self, api: &Api, reply: &mut Reply) {
        for (name, fact) in api.rate.iter().flat_map(|rate| &rate.headers) {
            let value = match fact {
                RateFact::Limit => self.most.to_string(),
                RateFact::Remaining => self.calls.unwrap_or_default().to_string(),
                RateFact::WindowMs => self.per.as_millis().to_string(),
                RateFact::ResetS => self.reset().to_string(),
            };
            reply.headers.append(&name.to_ascii_lowercase(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Registry;

    #[test]
    fn calls_are_counted_for_each_key_in_windows_that_begin_with_a_call() {
        let profile = Registry::default().get("hoopai").unwrap();
        let api = profile.api.as_ref().unwrap();
        let rate_limits = RateLimits::default();
        let caller = |key| Caller { key, mode: Mode::Live };
        let count = |key, second| {
            rate_limits
                .count(api, caller(key), Timestamp::from_unix(second))
                .unwrap()
        };
        for left in (0..100).rev() {
            assert_eq!(count(0, 50).calls, Some(left));
        }
        let over = count(0, 57);
        let refusal = over.check().unwrap_err();
        assert_eq!(refusal.headers, [("retry-after", "3".to_owned())]);
        assert_eq!(refusal.status(api), 429);
        assert_eq!(count(1, 57).calls, Some(99), "another key");
        assert_eq!(count(0, 60).calls, Some(99), "the next window");
        assert_eq!(count(0, 10).calls, Some(99), "a clock that was set back");
        let mut reply = Reply::default();
        over.headers(api, &mut reply);
        assert_eq!(reply.headers.get_text("x-ratelimit-remaining"), Some("0"));
        assert_eq!(
            reply.headers.get_text("x-ratelimit-interval-milliseconds"),
            Some("10000")
        );
    }
}
