//! Whether the endpoint's host can be found and reached from here. No event is sent.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Host, Url};

use super::Subject;
use crate::app::context::http_transport;
use crate::exchange::{ErrorKind, Outcome, Request};
use crate::finding::Finding;
use crate::headers::Headers;
use crate::text::printable;
use crate::transport::{AddressClass, Transport as _, address_policy, other_loopback_answers};

/// The check of what the name's addresses are for.
const NOT_PUBLIC: &str = "public-address";

/// Time limit of each answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the host's name resolves, and whether something answers.
pub(super) async fn checks(subject: &Subject<'_>) -> Vec<Finding> {
    let (mut dns, mut reach) = (dns(subject).await, reach(subject).await);
    if dns
        .as_ref()
        .is_some_and(|check| check.is_problem() && check.code != NOT_PUBLIC)
    {
        // Behind a proxy the name need not be known here: then the answer counts. Otherwise the name is why nothing answers.
        if reach.as_ref().is_some_and(Finding::is_problem) {
            reach = None;
        } else {
            dns = None;
        }
    }
    dns.into_iter().chain(reach).collect()
}

/// Whether the name is known, and its addresses can be reached by the provider.
async fn dns(subject: &Subject<'_>) -> Option<Finding> {
    let url = Url::parse(&subject.endpoint.url).ok()?;
    let name = match url.host()? {
        Host::Domain(name) if !address_policy::is_localhost(name) => name,
        Host::Domain(_) => return None,
        Host::Ipv4(_) | Host::Ipv6(_) => return literal(subject, &url),
    };
    let found = match timeout(PATIENCE, tokio::net::lookup_host((name, 0))).await {
        Ok(Ok(found)) => found.collect::<Vec<SocketAddr>>(),
        Ok(Err(_)) => Vec::new(),
        Err(_) => {
            let what = format!("the name server did not answer for `{name}`");
            return Some(Finding::problem("dns", what).hint("is this machine online?"));
        }
    };
    let Some(first) = found.first().map(SocketAddr::ip) else {
        let what = format!("the name `{name}` is not known");
        return Some(Finding::problem("dns", what).hint("check the spelling, and the name's DNS records"));
    };
    let mut classes = found
        .iter()
        .map(|address| (address.ip(), AddressClass::of(address.ip())));
    let inside = classes.find(|(_, class)| *class != AddressClass::Public);
    Some(match inside {
        None => Finding::ok("dns", format!("`{name}` is {first}")),
        Some((ip, class)) => {
            let what = format!("`{name}` is {ip}, which is not a public address ({})", class.name());
            if subject.profile.endpoint.public {
                Finding::problem(NOT_PUBLIC, what).hint("use a public host, or a tunnel's URL")
            } else {
                Finding::caution(NOT_PUBLIC, what).hint("the provider must be able to reach it")
            }
        }
    })
}

/// The class of an IP address in the URL. Where the provider requires a public one, the rules have checked it already.
fn literal(subject: &Subject<'_>, url: &Url) -> Option<Finding> {
    let class = AddressClass::of_url(url)?;
    if matches!(class, AddressClass::Public | AddressClass::Loopback) || subject.profile.endpoint.public {
        return None;
    }
    let host = url.host_str().unwrap_or_default();
    let what = format!("`{host}` is not a public address ({})", class.name());
    Some(Finding::caution(NOT_PUBLIC, what).hint("the provider must be able to reach it"))
}

/// Whether something answers, over TLS for an `https` URL.
async fn reach(subject: &Subject<'_>) -> Option<Finding> {
    let url = Url::parse(&subject.endpoint.url).ok()?;
    if url.scheme() == "http" && address_policy::is_loopback(&url) {
        return Some(connect(&url).await);
    }
    Some(head(url).await)
}

/// A connection is enough to know about a receiver on this machine, and does not disturb it.
async fn connect(url: &Url) -> Finding {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or(80);
    let error = match timeout(PATIENCE, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => return Finding::ok("connect", format!("something listens on port {port}")),
        Ok(Err(error)) => error.kind().to_string(),
        Err(_) => "no answer".to_owned(),
    };
    let check = Finding::problem("connect", format!("nothing listens on port {port}: {error}"));
    match other_loopback_answers(url).await {
        Some(other) => check.hint(format!("something listens on the other loopback address: {other}")),
        None => check.hint(format!("start the receiver, or try with `hook listen --port {port}`")),
    }
}

/// A request without an event: what it is answered with does not matter.
async fn head(url: Url) -> Finding {
    let secure = url.scheme() == "https";
    let place = printable(url.host_str().unwrap_or_default(), 200);
    let request = Request {
        method: "HEAD".into(),
        url,
        headers: Headers::new(),
        body: bytes::Bytes::new(),
        timeout: PATIENCE,
    };
    let transport = match http_transport(None) {
        Ok(transport) => transport,
        Err(error) => return Finding::caution("connect", printable(&error.to_string(), 400)),
    };
    match transport.send(&request).await {
        Outcome::Answer(_) if secure => {
            Finding::ok("tls", format!("{place} answers over TLS with a valid certificate"))
        }
        Outcome::Answer(_) => Finding::ok("connect", format!("{place} answers")),
        Outcome::Error { kind, text } => {
            let hint = match kind {
                ErrorKind::Resolver => "is this machine online?",
                ErrorKind::Dns => "check the spelling, and the name's DNS records",
                ErrorKind::Tls => "get a publicly trusted certificate: providers refuse self-signed and expired ones",
                ErrorKind::Timeout | ErrorKind::Connect => "does the server run, and does its firewall open the port?",
                _ => "is that an HTTP server?",
            };
            let check = if kind == ErrorKind::Tls { "tls" } else { "connect" };
            Finding::problem(check, printable(&text, 400)).hint(hint)
        }
    }
}
