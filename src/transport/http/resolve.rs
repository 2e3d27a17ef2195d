//! Names to addresses, and the two loopback families.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::TcpStream;
use url::{Host, Url};

use crate::text::lower;
use crate::transport::address_policy::{self, AddressClass, AddressPolicy};

pub(super) const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// How long the other family has to answer. On loopback either side answers at once.
const PROBE: Duration = Duration::from_millis(250);

/// The system's resolver, except that `localhost` is both loopback addresses without asking anybody: a server may
/// listen on either, and the system may know only one.
///
/// Addresses that may not be reached are left out.
pub(super) struct Resolver(pub(super) AddressPolicy);

/// Why a name has no address that can be tried.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAddress {
    /// It has none.
    #[error("`{name}` does not resolve: {reason}")]
    Unresolved {
        /// What was looked up.
        name: String,
        /// Why not.
        reason: String,
    },
    /// It has some that may not be reached.
    #[error("the name leads to a {} address", .0.name())]
    Blocked(AddressClass),
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (name, policy) = (name.as_str().to_owned(), self.0);
        Box::pin(async move {
            let found = if address_policy::is_localhost(&name) {
                LOOPBACK.map(|ip| SocketAddr::new(ip, 0)).to_vec()
            } else {
                let found = look_up(&name).await;
                found.map_err(|reason| NoAddress::Unresolved { name, reason })?
            };
            let addresses: Addrs = Box::new(within(policy, found)?.into_iter());
            Ok(addresses)
        })
    }
}

/// Those that may be reached.
fn within(policy: AddressPolicy, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, NoAddress> {
    let first = found.first().map(|address| AddressClass::of(address.ip()));
    let may: Vec<_> = found
        .into_iter()
        .filter(|address| policy.check(address.ip()).is_ok())
        .collect();
    match first {
        Some(class) if may.is_empty() => Err(NoAddress::Blocked(class)),
        _ => Ok(may),
    }
}

async fn look_up(name: &str) -> Result<Vec<SocketAddr>, String> {
    let found: Vec<_> = match tokio::net::lookup_host((name, 0)).await {
        Ok(found) => found.collect(),
        Err(error) => return Err(reason(&error)),
    };
    if found.is_empty() {
        return Err("it has no address".to_owned());
    }
    Ok(found)
}

fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text
        .strip_prefix("failed to lookup address information: ")
        .unwrap_or(&text);
    lower(text)
}

/// When nobody listens on a loopback address: the address of the other family on the same port, if somebody listens
/// there. `None` for `localhost`, of which both were tried.
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
