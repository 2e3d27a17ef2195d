//! Makes connections: names to addresses that may be reached, through a proxy where one is set, over TLS where it is
//! wanted.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::HeaderValue;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Host, Url};

use super::link::Link;
use super::resolve::{self, NoAddress};
use crate::transport::AddressPolicy;

/// How long the first family of a name's addresses has before the other one is tried besides (RFC 8305).
const HEAD_START: Duration = Duration::from_millis(300);

/// The longest head of a proxy's answer to `CONNECT`.
const LONGEST_HEAD: usize = 16 * 1024;

/// A machine and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) tls: bool,
}

/// A proxy.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    pub(super) place: Place,
    /// The value of `Proxy-Authorization`.
    pub(super) authorization: Option<HeaderValue>,
}

/// What a connection goes through. Requests of equal routes share connections.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// To the target itself, at an address that the policy allows.
    Direct(Place, AddressPolicy),
    /// To a proxy that is given whole URLs.
    Proxy(Proxy),
    /// To the target, by a tunnel through a proxy.
    Tunnel(Proxy, Place),
}

/// Why there is no connection.
pub(super) enum NoLink {
    /// There is nothing to connect to.
    NoAddress(NoAddress),
    /// Nobody answers.
    Connect(io::Error),
    /// TLS cannot be spoken at all.
    NoTls(rustls::Error),
    /// The handshake failed.
    Tls(io::Error),
    /// The proxy makes no tunnel.
    Tunnel(String),
    /// HTTP cannot be begun.
    Handshake(hyper::Error),
}

impl Place {
    /// Where a URL leads; `None` when it has no host.
    pub(super) fn of(url: &Url) -> Option<Self> {
        Some(Self {
            host: url.host()?.to_owned(),
            port: url.port_or_known_default()?,
            tls: url.scheme() == "https",
        })
    }
}

impl Route {
    /// Whether a proxy stands before the target.
    pub(super) fn is_proxied(&self) -> bool {
        !matches!(self, Self::Direct(..))
    }

    /// The proxy that must be given the whole URL.
    pub(super) fn whole_url(&self) -> Option<&Proxy> {
        match self {
            Self::Proxy(proxy) => Some(proxy),
            Self::Direct(..) | Self::Tunnel(..) => None,
        }
    }

    /// Where the first hop may be. The user named the proxy.
    fn addresses(&self) -> AddressPolicy {
        match self {
            Self::Direct(_, addresses) => *addresses,
            Self::Proxy(_) | Self::Tunnel(..) => AddressPolicy::Any,
        }
    }

    /// A new connection. `tls` gives the settings when they are needed.
    pub(super) async fn connect(
        &self,
        tls: impl Fn() -> Result<Arc<ClientConfig>, rustls::Error>,
    ) -> Result<Link, NoLink> {
        let tls = || tls().map_err(NoLink::NoTls);
        match self {
            Self::Direct(place, _) | Self::Proxy(Proxy { place, .. }) => {
                let stream = dial(place, self.addresses()).await?;
                if place.tls {
                    speak(shake_hands(tls()?, &place.host, stream).await?).await
                } else {
                    speak(stream).await
                }
            }
            Self::Tunnel(proxy, target) => {
                let mut stream = dial(&proxy.place, self.addresses()).await?;
                if proxy.place.tls {
                    let mut stream = shake_hands(tls()?, &proxy.place.host, stream).await?;
                    tunnel(&mut stream, proxy, target).await?;
                    speak(shake_hands(tls()?, &target.host, stream).await?).await
                } else {
                    tunnel(&mut stream, proxy, target).await?;
                    speak(shake_hands(tls()?, &target.host, stream).await?).await
                }
            }
        }
    }
}

async fn speak<S>(stream: S) -> Result<Link, NoLink>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    Link::new(stream).await.map_err(NoLink::Handshake)
}

async fn dial(place: &Place, policy: AddressPolicy) -> Result<TcpStream, NoLink> {
    let found = resolve::addresses(&place.host, place.port, policy).await?;
    let stream = race(&found).await.map_err(NoLink::Connect)?;
    stream.set_nodelay(true).map_err(NoLink::Connect)?;
    Ok(stream)
}

/// Tries the addresses in order. When the first family does not answer soon, the other one is tried besides: many networks
/// announce IPv6 and drop it.
async fn race(found: &[SocketAddr]) -> io::Result<TcpStream> {
    let is_v6 = found.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) = found.iter().copied().partition(|address| address.is_ipv6() == is_v6);
    if second.is_empty() {
        return TcpStream::connect(&first[..]).await;
    }
    let mut first = pin!(TcpStream::connect(&first[..]));
    let begun = match tokio::time::timeout(HEAD_START, &mut first).await {
        Ok(Ok(stream)) => return Ok(stream),
        Ok(Err(error)) => return TcpStream::connect(&second[..]).await.map_err(|_| error),
        Err(_) => TcpStream::connect(&second[..]),
    };
    let mut second = pin!(begun);
    tokio::select! {
        ended = &mut first => match ended {
            Ok(stream) => Ok(stream),
            Err(error) => second.await.map_err(|_| error),
        },
        ended = &mut second => match ended {
            Ok(stream) => Ok(stream),
            Err(_) => first.await,
        },
    }
}

async fn shake_hands<S>(config: Arc<ClientConfig>, host: &Host, stream: S) -> Result<TlsStream<S>, NoLink>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = match host {
        // A certificate is for the name without the dot of the root.
        Host::Domain(name) => ServerName::try_from(name.trim_end_matches('.').to_owned())
            .map_err(|error| NoLink::Tls(io::Error::new(io::ErrorKind::InvalidInput, error)))?,
        Host::Ipv4(address) => ServerName::from(std::net::IpAddr::from(*address)),
        Host::Ipv6(address) => ServerName::from(std::net::IpAddr::from(*address)),
    };
    let connected = TlsConnector::from(config).connect(name, stream).await;
    connected.map_err(NoLink::Tls)
}

/// Asks a proxy for a tunnel to the target.
async fn tunnel<S>(stream: &mut S, proxy: &Proxy, target: &Place) -> Result<(), NoLink>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let broken = |error: io::Error| NoLink::Tunnel(format!("the proxy broke off the connection: {error}"));
    let authority = format!("{}:{}", target.host, target.port);
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n").into_bytes();
    if let Some(value) = &proxy.authorization {
        request.extend_from_slice(b"proxy-authorization: ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // Byte by byte: what follows the head belongs to the tunnel. It is some hundred bytes, once a connection.
        let mut byte = [0];
        if stream.read(&mut byte).await.map_err(broken)? == 0 || head.len() == LONGEST_HEAD {
            return Err(NoLink::Tunnel("the proxy gave no answer".to_owned()));
        }
        head.push(byte[0]);
    }
    match status(&head) {
        Some(200..300) => Ok(()),
        Some(status) => {
            let mut text = format!("the proxy answered {status}");
            if let Ok(known) = hyper::StatusCode::from_u16(status)
                && let Some(reason) = known.canonical_reason()
            {
                let _ = write!(text, " {reason}");
            }
            Err(NoLink::Tunnel(text))
        }
        None => Err(NoLink::Tunnel("the proxy's answer is not HTTP".to_owned())),
    }
}

/// The status of `HTTP/1.1 200 Connection established`.
fn status(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"HTTP/1.")?.get(2..5)?;
    std::str::from_utf8(rest).ok()?.parse().ok()
}

impl From<NoAddress> for NoLink {
    fn from(error: NoAddress) -> Self {
        Self::NoAddress(error)
    }
}
