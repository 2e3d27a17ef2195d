//! Resolves names to addresses, with both loopback families for `localhost`.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::TcpStream;
use url::{Host, Url};

use crate::text::lower;
use crate::transport::address_policy::{self, AddressClass, AddressPolicy};

pub(super) const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Time limit for connecting to the other family: on loopback a server answers at once.
const PROBE: Duration = Duration::from_millis(250);

/// Time limit for looking a name up.
const LOOKUP: Duration = Duration::from_secs(5);

/// Names without an answer that are remembered.
const MOST_FAILING: usize = 1024;

tokio::task_local! {
    /// Whether the request of this task waits for the address of its host.
    pub(super) static IS_LOOKING_UP: Arc<AtomicBool>;
}

/// The system's resolver, except that `localhost` is always both loopback addresses: a server may listen on either, and the
/// system may know only one. Addresses that the policy does not allow are left out.
pub(super) struct Resolver {
    pub(super) policy: AddressPolicy,
    pub(super) lookups: Arc<LookupHistory>,
}

/// What the resolver has answered. A failure that it calls temporary may be its own, or that of the servers of one name: it is
/// theirs when another name was answered since that one began to fail.
#[derive(Debug, Default)]
pub(super) struct LookupHistory(Mutex<Lookups>);

#[derive(Debug, Default)]
struct Lookups {
    /// The last two names that were answered: one of them is always another one.
    answered: VecDeque<(String, Instant)>,
    /// Since when names are without an answer.
    failing: HashMap<String, Instant>,
}

impl LookupHistory {
    fn lookups(&self) -> MutexGuard<'_, Lookups> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self, name: &str, at: Instant) {
        let mut lookups = self.lookups();
        lookups.failing.remove(name);
        lookups.answered.retain(|(known, _)| known != name);
        lookups.answered.push_back((name.to_owned(), at));
        if lookups.answered.len() > 2 {
            lookups.answered.pop_front();
        }
    }

    /// Why a name has no answer, when it was looked for in vain.
    fn no_answer(&self, name: &str, reason: String, now: Instant) -> NoAddress {
        let name = name.to_owned();
        let mut lookups = self.lookups();
        if lookups.failing.len() >= MOST_FAILING && !lookups.failing.contains_key(&name) {
            // They are asked for again, or are not needed any more.
            lookups.failing.clear();
        }
        let since = *lookups.failing.entry(name.clone()).or_insert(now);
        if lookups.answered.iter().any(|(known, at)| *known != name && *at > since) {
            return NoAddress::Unresolved { name, reason };
        }
        NoAddress::NoResolver { name, reason }
    }

    /// The same for a name whose request had no more time.
    pub(super) fn out_of_time(&self, name: &str) -> NoAddress {
        self.no_answer(name, "no answer in time".to_owned(), Instant::now())
    }

    async fn look_up(&self, name: &str) -> Result<Vec<SocketAddr>, NoAddress> {
        let found = tokio::time::timeout(LOOKUP, tokio::net::lookup_host((name, 0))).await;
        let Ok(found) = found else {
            return Err(self.no_answer(name, format!("no answer within {LOOKUP:?}"), Instant::now()));
        };
        let found = found.map(Iterator::collect::<Vec<_>>);
        match found.map_err(|error| reason(&error)) {
            Err(reason) if TEMPORARY.contains(&&*reason) => Err(self.no_answer(name, reason, Instant::now())),
            answered => {
                self.answered(name, Instant::now());
                let name = name.to_owned();
                match answered {
                    Ok(found) if !found.is_empty() => Ok(found),
                    Ok(_) => Err(NoAddress::Unresolved {
                        name,
                        reason: "it has no address".to_owned(),
                    }),
                    Err(reason) => Err(NoAddress::Unresolved { name, reason }),
                }
            }
        }
    }
}

/// `EAI_AGAIN` as the C libraries write it: the standard library keeps nothing but their text.
const TEMPORARY: [&str; 2] = ["temporary failure in name resolution", "try again"];

/// Why a name has no usable address.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAddress {
    /// It has no address.
    #[error("`{name}` does not resolve: {reason}")]
    Unresolved {
        /// The name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// No server answered the query for it.
    #[error("the resolver of this machine does not answer for `{name}`: {reason}")]
    NoResolver {
        /// The name.
        name: String,
        /// Why not.
        reason: String,
    },
    /// Its addresses may not be reached.
    #[error("the name leads to a {} address", .0.name())]
    Blocked(AddressClass),
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (name, policy, lookups) = (name.as_str().to_owned(), self.policy, Arc::clone(&self.lookups));
        Box::pin(async move {
            let found = if address_policy::is_localhost(&name) {
                LOOPBACK.map(|ip| SocketAddr::new(ip, 0)).to_vec()
            } else {
                let note = |is_looking| IS_LOOKING_UP.try_with(|noted| noted.store(is_looking, Ordering::Relaxed));
                let _ = note(true);
                let found = lookups.look_up(&name).await;
                let _ = note(false);
                found?
            };
            let addresses: Addrs = Box::new(within(policy, found)?.into_iter());
            Ok(addresses)
        })
    }
}

/// The addresses that may be reached.
fn within(policy: AddressPolicy, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, NoAddress> {
    // Taken before filtering, for the error about a name without an allowed address.
    let first = found.first().map(|address| AddressClass::of(address.ip()));
    let allowed = found
        .into_iter()
        .filter(|address| policy.allows(AddressClass::of(address.ip())));
    let allowed: Vec<_> = allowed.collect();
    match first {
        Some(class) if allowed.is_empty() => Err(NoAddress::Blocked(class)),
        _ => Ok(allowed),
    }
}

fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    lower(text.trim_start_matches("failed to lookup address information: "))
}

/// The loopback address of the other family, if a server listens there on the same port. `None` for `localhost`, where both
/// were tried already.
pub async fn other_loopback_answers(url: &Url) -> Option<SocketAddr> {
    let other = match url.host()? {
        Host::Ipv4(address) if address.is_loopback() => LOOPBACK[1],
        Host::Ipv6(address) if address.is_loopback() => LOOPBACK[0],
        _ => return None,
    };
    let address = SocketAddr::new(other, url.port_or_known_default()?);
    let connected = tokio::time::timeout(PROBE, TcpStream::connect(address)).await;
    matches!(connected, Ok(Ok(_))).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_fails_alone_is_its_own_fault_and_one_that_fails_with_all_others_is_the_resolvers() {
        let (lookups, start) = (LookupHistory::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let is_own = |name: &str, seconds: u64| {
            let failed = lookups.no_answer(name, String::new(), at(seconds));
            matches!(failed, NoAddress::NoResolver { .. })
        };
        lookups.answered("a", at(0));
        lookups.answered("b", at(1));
        assert!(
            is_own("a", 2) && is_own("b", 2) && is_own("a", 3),
            "the resolver went down"
        );
        lookups.answered("b", at(4));
        lookups.answered("b", at(5));
        assert!(!is_own("a", 6), "`b` was answered since");
        assert!(is_own("b", 7), "`a` was not");
        lookups.answered("a", at(8));
        assert!(is_own("a", 9) && !is_own("b", 9));
    }

    #[test]
    fn a_name_leads_only_to_addresses_that_may_be_reached() {
        let at = |text: &str| SocketAddr::new(text.parse().unwrap(), 0);
        let mixed = vec![at("10.0.0.1"), at("8.8.8.8"), at("127.0.0.1")];
        assert_eq!(within(AddressPolicy::Public, mixed.clone()).unwrap(), [at("8.8.8.8")]);
        assert_eq!(within(AddressPolicy::Any, mixed.clone()).unwrap(), mixed);
        let inside = vec![at("169.254.169.254"), at("10.0.0.1")];
        let blocked = within(AddressPolicy::PublicAndLoopback, inside).unwrap_err();
        assert_eq!(blocked.to_string(), "the name leads to a metadata address");
    }
}
