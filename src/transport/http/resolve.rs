//! Resolves names to addresses, with both loopback families for `localhost`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::TcpStream;
use url::{Host, Url};

use crate::text::lower;
use crate::transport::address_policy::{self, AddressClass, AddressPolicy};

pub(super) const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Time limit for connecting to the other family: on loopback a server answers at once.
const PROBE: Duration = Duration::from_millis(250);

/// The system's resolver, except that `localhost` is always both loopback addresses: a server may listen on either, and the
/// system may know only one. Addresses that the policy does not allow are left out.
pub(super) struct Resolver(pub(super) AddressPolicy);

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
    /// Its addresses may not be reached.
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

async fn look_up(name: &str) -> Result<Vec<SocketAddr>, String> {
    let found = tokio::net::lookup_host((name, 0)).await;
    let found: Vec<_> = found.map_err(|error| reason(&error))?.collect();
    if found.is_empty() {
        return Err("it has no address".to_owned());
    }
    Ok(found)
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
