//! Who may call: keys, the pages and names that an open door refuses, the headers that every call carries, and how many
//! calls are taken.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::outcome::{Outcome, Refusal};
use crate::clock::Timestamp;
use crate::message::Mode;
use crate::provider::api::{Api, FaultKind};
use crate::secret::Secret;
use crate::server::Incoming;
use crate::signature::same;

/// A key that calls are made with.
#[derive(Debug, Clone)]
pub struct Key {
    /// The token.
    pub secret: Secret,
    /// Of the events that its calls cause.
    pub mode: Mode,
}

/// Who may call.
#[derive(Debug, Clone)]
pub enum Access {
    /// Whoever has one of these keys.
    Keys(Vec<Key>),
    /// Any program of this machine that reaches that port; web pages and foreign names may not.
    Open {
        /// The port that is listened on.
        port: u16,
    },
}

/// Counts calls in windows that begin with the first call.
#[derive(Debug, Default)]
pub(super) struct Window {
    began: Option<Timestamp>,
    calls: u32,
}

/// How many calls each key has made.
#[derive(Debug, Default)]
pub(super) struct Meter(Mutex<HashMap<usize, Window>>);

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Caller {
    /// Which key it is; 0 at an open door.
    pub(super) key: usize,
    pub(super) mode: Mode,
}

/// How much a caller has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) of: u32,
    pub(super) calls: u32,
    pub(super) until: Duration,
}

impl Access {
    /// Who calls, when it may.
    pub(super) fn admit(&self, api: &Api, incoming: &Incoming) -> Outcome<Caller> {
        match self {
            Self::Keys(keys) => known(keys, incoming),
            Self::Open { port } => {
                open(*port, incoming)?;
                let test = api.test_key.as_ref().map(crate::template::Template::fixed_start);
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

fn known(keys: &[Key], incoming: &Incoming) -> Outcome<Caller> {
    let refused =
        |what: &str| Refusal::fault(FaultKind::Unauthorised, what).header("www-authenticate", "Bearer".to_owned());
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
fn open(port: u16, incoming: &Incoming) -> Outcome<()> {
    let refused = |what: &str| Err(Refusal::own(403, "FORBIDDEN", what));
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
pub(super) fn headers(api: &Api, incoming: &Incoming) -> Outcome<()> {
    for (name, wanted) in &api.headers {
        match incoming.headers.get_text(name) {
            Some(given) if given == wanted => {}
            Some(_) => return Err(Refusal::invalid(format!("the header `{name}` must be `{wanted}`"))),
            None => return Err(Refusal::invalid(format!("the header `{name}: {wanted}` is missing"))),
        }
    }
    Ok(())
}

impl Meter {
    /// Counts a call; what is left after it, or how long to wait.
    pub(super) fn count(&self, api: &Api, caller: Caller, now: Timestamp) -> Outcome<Option<Left>> {
        let Some((most, per)) = api.rate else { return Ok(None) };
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry(caller.key).or_default();
        let began = match window.began {
            // A clock that was set back must not close the door for long.
            Some(began) if began <= now && now.since(began) < per => began,
            _ => {
                *window = Window {
                    began: Some(now),
                    calls: 0,
                };
                now
            }
        };
        let until = per.saturating_sub(now.since(began));
        if window.calls >= most {
            let seconds = until.as_millis().div_ceil(1000).max(1);
            let what = format!("more than {most} calls in {}", crate::clock::human_duration(per));
            return Err(Refusal::fault(FaultKind::Rate, what).header("retry-after", seconds.to_string()));
        }
        window.calls += 1;
        Ok(Some(Left {
            of: most,
            calls: most - window.calls,
            until,
        }))
    }
}
