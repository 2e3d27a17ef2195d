//! Who may call: keys, protection of a server without keys from web pages, required headers, and rate limits.

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
    /// The mode of the events that its calls create.
    pub mode: Mode,
}

/// Who may call.
#[derive(Debug, Clone)]
pub enum ApiAccess {
    /// Clients with one of these keys.
    Keys(Vec<ApiKey>),
    /// Any program of this machine; no web page, and no request to a foreign host name.
    Open {
        /// The port that the server listens on.
        port: u16,
    },
}

/// Calls since the first call of a window.
#[derive(Debug)]
struct RateWindow {
    began: Timestamp,
    calls: u32,
}

/// The calls of each key.
#[derive(Debug, Default)]
pub(super) struct RateLimits(Mutex<HashMap<usize, RateWindow>>);

/// An authenticated caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Caller {
    /// The index of its key; 0 where no key is required.
    pub(super) key: usize,
    pub(super) mode: Mode,
}

/// The state of a caller's rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RateStatus {
    most: u32,
    /// Calls that are left; `None` beyond the limit.
    calls: Option<u32>,
    per: Duration,
    until: Duration,
}

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessDenied {
    /// It has no key.
    #[error("the header `Authorization: Bearer KEY` is missing")]
    NoKey,
    /// There is no such key.
    #[error("unknown key")]
    UnknownKey,
    /// It comes from a web page.
    #[error("requests from web pages are rejected while no key is required")]
    WebPage,
    /// It is for another host.
    #[error("only `localhost` and loopback addresses are answered while no key is required")]
    ForeignHost,
}

impl From<AccessDenied> for ApiRejection {
    fn from(denied: AccessDenied) -> Self {
        match denied {
            AccessDenied::NoKey | AccessDenied::UnknownKey => {
                Self::fault(FaultKind::Unauthorised, denied.to_string()).header("www-authenticate", "Bearer".to_owned())
            }
            AccessDenied::WebPage | AccessDenied::ForeignHost => Self::own(403, "FORBIDDEN", denied.to_string()),
        }
    }
}

impl ApiAccess {
    /// The index of the caller's key and its mode, which is `open` where no key is required. `header` looks up a header of
    /// the call.
    fn caller<'h>(&self, header: impl Fn(&str) -> Option<&'h [u8]>, open: Mode) -> Result<(usize, Mode), AccessDenied> {
        match self {
            Self::Keys(keys) => find_key(keys, bearer(header("authorization"))),
            Self::Open { port } => check_local(*port, header("origin"), header("host")).map(|()| (0, open)),
        }
    }

    /// Authenticates the caller.
    pub(super) fn authenticate(&self, api: &Api, incoming: &Incoming) -> ApiResult<Caller> {
        let token = bearer(incoming.headers.get("authorization"));
        let begins = |form: &Template| {
            let start = form.fixed_start();
            !start.is_empty() && token.is_some_and(|token| token.starts_with(start.as_bytes()))
        };
        // The test form first: it may begin like the live one.
        let is_live = !api.test_key.as_ref().is_some_and(begins) && begins(&api.key);
        let open = if is_live { Mode::Live } else { Mode::Test };
        let (key, mode) = self.caller(|name| incoming.headers.get(name), open)?;
        Ok(Caller { key, mode })
    }
}

/// The token of `Authorization: Bearer`.
pub fn bearer(value: Option<&[u8]>) -> Option<&[u8]> {
    let (scheme, token) = value?.split_at_checked("Bearer ".len())?;
    // The name of the scheme is case-insensitive (RFC 9110, section 11.1).
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

fn find_key(keys: &[ApiKey], token: Option<&[u8]>) -> Result<(usize, Mode), AccessDenied> {
    let token = token.ok_or(AccessDenied::NoKey)?;
    // Every key is compared, so that the time does not tell which one is near.
    let found = keys.iter().enumerate().fold(None, |found, (index, key)| {
        let is_same = same(token, key.secret.expose());
        if is_same { Some((index, key.mode)) } else { found }
    });
    found.ok_or(AccessDenied::UnknownKey)
}

/// Without keys, web pages are kept out: they reach a local port too, also by a name that resolves to this machine.
pub fn check_local(port: u16, origin: Option<&[u8]>, host: Option<&[u8]>) -> Result<(), AccessDenied> {
    if origin.is_some() {
        return Err(AccessDenied::WebPage);
    }
    let host = host.and_then(|host| std::str::from_utf8(host).ok()).unwrap_or_default();
    let name = host.strip_suffix(&format!(":{port}")).unwrap_or_default();
    let own = ["127.0.0.1", "localhost", "[::1]"];
    if own.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        Ok(())
    } else {
        Err(AccessDenied::ForeignHost)
    }
}

/// Checks the headers that every call must carry beside its key.
pub(super) fn headers(api: &Api, incoming: &Incoming) -> ApiResult<()> {
    let given = |name: &str| incoming.headers.get_text(name);
    let is_wrong = |(name, value): &(&String, &String)| given(name) != Some(value.as_str());
    match api.headers.iter().find(is_wrong) {
        Some((name, value)) => Err(ApiRejection::invalid(format!("the header `{name}` must be `{value}`"))),
        None => Ok(()),
    }
}

impl RateLimits {
    /// Counts a call. `None` where calls are not limited.
    pub(super) fn count(&self, api: &Api, caller: Caller, now: Timestamp) -> Option<RateStatus> {
        let rate = api.rate.as_ref()?;
        let (most, per) = (rate.calls, rate.per.0);
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry(caller.key).or_insert(RateWindow { began: now, calls: 0 });
        // A clock that was set back must not block callers for long.
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
    /// Rejects a call beyond the limit.
    pub(super) fn check(&self) -> ApiResult<()> {
        if self.calls.is_some() {
            return Ok(());
        }
        let what = format!("more than {} calls in {}", self.most, human_duration(self.per));
        Err(ApiRejection::fault(FaultKind::Rate, what).header("retry-after", self.reset().to_string()))
    }

    /// Seconds until the window ends, at least 1.
    fn reset(&self) -> u64 {
        u64::try_from(self.until.as_millis().div_ceil(1000))
            .unwrap_or(u64::MAX)
            .max(1)
    }

    /// Adds the provider's headers about the rate limit.
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
        assert_eq!(refusal.reply(api).status, 429);
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
