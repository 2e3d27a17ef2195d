//! Names to addresses, and the two loopback families.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::TcpStream;
use url::{Host, Url};

use super::guard::{self, AddressClass, Reach};

pub(super) const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// How long the other family has to answer. On loopback either side answers at once.
const PROBE: Duration = Duration::from_millis(250);

/// The system's resolver, except that `localhost` is both loopback addresses without asking anybody: a server may
/// listen on either, and the system may know only one.
///
/// Addresses that may not be reached are left out.
pub(super) struct Resolver(pub(super) Reach);

/// A name that has no address.
#[derive(Debug, thiserror::Error)]
#[error("`{name}` does not resolve: {reason}")]
pub(super) struct Unresolved {
    name: String,
    reason: String,
}

/// A name whose addresses may not be reached.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to a {} address", .0.name())]
pub(super) struct Blocked(pub(super) AddressClass);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (name, reach) = (name.as_str().to_owned(), self.0);
        Box::pin(async move {
            if guard::is_localhost(&name) {
                return Ok(addresses(LOOPBACK.map(|ip| SocketAddr::new(ip, 0))));
            }
            match look_up(&name).await {
                Ok(found) => {
                    let (may, blocked): (Vec<_>, Vec<_>) =
                        found.into_iter().partition(|address| reach.check(address.ip()).is_ok());
                    match blocked.first().map(|address| AddressClass::of(address.ip())) {
                        Some(class) if may.is_empty() => Err(Blocked(class).into()),
                        _ => Ok(addresses(may)),
                    }
                }
                Err(reason) => Err(Unresolved { name, reason }.into()),
            }
        })
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

fn addresses<I: IntoIterator<Item = SocketAddr, IntoIter: Send + 'static>>(found: I) -> Addrs {
    Box::new(found.into_iter())
}

fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text
        .strip_prefix("failed to lookup address information: ")
        .unwrap_or(&text);
    super::failure::lower(text)
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
