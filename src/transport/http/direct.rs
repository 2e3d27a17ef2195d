//! Plain HTTP to an address that needs no looking up, straight onto hyper's connections: no proxy, no TLS, no names. It
//! is what developers send to. reqwest takes 6 µs more of a core for each request, a sixth of what an event of a bulk send
//! takes in all.

use std::net::SocketAddr;

use tokio::net::TcpStream;
use url::{Host, Url};

use super::attempt::{Connection, FailedAttempt, Failure};
use super::link::Link;
use super::options::TransportSettings;
use super::pool::{DirectAddress, IdleConnections};
use super::resolve::LOOPBACK;
use super::{failure, wire};
use crate::exchange::{Answer, ErrorKind, Request};
use crate::transport::address_policy;

/// Connections to be used again.
#[derive(Default)]
pub(super) struct Direct(IdleConnections);

/// The place, when nothing but a connection is needed to reach it.
pub(super) fn place(url: &Url) -> Option<DirectAddress> {
    if url.scheme() != "http" || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    let port = url.port_or_known_default()?;
    match url.host()? {
        Host::Domain(name) => address_policy::is_localhost(name).then_some(DirectAddress::Local(port)),
        Host::Ipv4(address) => Some(DirectAddress::At((address, port).into())),
        Host::Ipv6(address) => Some(DirectAddress::At((address, port).into())),
    }
}

impl Direct {
    /// One attempt.
    pub(super) async fn exchange(
        &self,
        settings: &TransportSettings,
        place: DirectAddress,
        request: &Request,
        connection: Connection,
    ) -> Result<Answer, FailedAttempt> {
        let ready = wire::direct(request, settings.keep_host);
        let ready = ready.map_err(|text| FailedAttempt::here((ErrorKind::Protocol, text)))?;
        let idle = match connection {
            Connection::Any => self.0.take(place),
            Connection::Fresh => None,
        };
        let is_reused = idle.is_some();
        let mut link = match idle {
            Some(link) => link,
            None => open(place, &request.url).await.map_err(FailedAttempt::here)?,
        };
        match link.exchange(ready, settings.kept).await {
            Ok((answer, can_go_on)) => {
                if can_go_on && !link.is_closed() {
                    self.0.keep(place, link, settings.idle);
                }
                Ok(answer)
            }
            Err((error, unheard)) => Err(FailedAttempt {
                had_ended: is_reused && unheard,
                ..FailedAttempt::here(failure::broken_off(&error, &request.url))
            }),
        }
    }
}

/// A connection without anything sent on it.
pub(super) async fn connect(place: DirectAddress, url: &Url) -> Result<TcpStream, Failure> {
    let stream = match place {
        DirectAddress::Local(port) => TcpStream::connect(&LOOPBACK.map(|ip| SocketAddr::new(ip, port))[..]).await,
        DirectAddress::At(address) => TcpStream::connect(address).await,
    };
    let stream = stream.and_then(|stream| stream.set_nodelay(true).map(|()| stream));
    stream.map_err(|error| failure::unconnected(&error, url))
}

async fn open(place: DirectAddress, url: &Url) -> Result<Link, Failure> {
    let link = Link::new(connect(place, url).await?).await;
    link.map_err(|error| failure::broken_off(&error, url))
}
