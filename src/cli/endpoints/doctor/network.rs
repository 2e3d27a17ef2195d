//! Whether the endpoint's host can be found and reached from here. No event is sent.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Host, Url};

use super::{Check, CheckGroup, Subject};
use crate::exchange::{ErrorKind, Outcome, Request};
use crate::finding::Level;
use crate::headers::Headers;
use crate::text::printable;
use crate::transport::{
    AddressClass, HttpOptions, HttpTransport, Transport as _, address_policy, other_loopback_answers,
};

/// The check of what the name's addresses are for.
const NOT_PUBLIC: &str = "public-address";

/// How long the network has to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the name says and whether something answers. Behind a proxy the name need not be known here: then the answer
/// counts; else an unknown name is the reason why nothing answers.
pub(super) async fn checks(patient: &Subject<'_>) -> Vec<Check> {
    let (dns, reach) = (dns(patient).await, reach(patient).await);
    let is_problem = |check: &Option<Check>| check.as_ref().is_some_and(|check| check.result == Level::Problem);
    match (is_problem(&dns), is_problem(&reach)) {
        _ if dns.as_ref().is_some_and(|check| check.name == NOT_PUBLIC) => dns.into_iter().chain(reach).collect(),
        (true, true) => dns.into_iter().collect(),
        (true, false) => reach.into_iter().collect(),
        _ => dns.into_iter().chain(reach).collect(),
    }
}

/// Whether the name is known, and its addresses can be reached by the provider.
async fn dns(patient: &Subject<'_>) -> Option<Check> {
    let url = Url::parse(&patient.endpoint.url).ok()?;
    let name = match url.host()? {
        Host::Domain(name) if !address_policy::is_localhost(name) => name,
        Host::Domain(_) => return None,
        Host::Ipv4(_) | Host::Ipv6(_) => return literal(patient, &url),
    };
    let section = CheckGroup::NotReceived;
    let found = match timeout(PATIENCE, tokio::net::lookup_host((name, 0))).await {
        Ok(Ok(found)) => found.collect::<Vec<SocketAddr>>(),
        Ok(Err(_)) => Vec::new(),
        Err(_) => {
            let what = format!("the name server does not say what `{name}` is");
            return Some(Check::problem(section, "dns", what).hint("is this machine online?"));
        }
    };
    let Some(first) = found.first().map(SocketAddr::ip) else {
        let what = format!("the name `{name}` is not known");
        return Some(Check::problem(section, "dns", what).hint("check the spelling, and the name's DNS records"));
    };
    let inside = found
        .iter()
        .map(|address| (address.ip(), AddressClass::of(address.ip())))
        .find(|(_, class)| *class != AddressClass::Public);
    Some(match inside {
        None => Check::ok(section, "dns", format!("`{name}` is {first}")),
        Some((ip, class)) => {
            let what = format!("`{name}` is {ip}, which is no public address ({})", class.name());
            if patient.profile.endpoint.public {
                Check::problem(section, NOT_PUBLIC, what).hint("use a public host, or a tunnel's URL")
            } else {
                Check::caution(section, NOT_PUBLIC, what).hint("the provider must be able to reach it")
            }
        }
    })
}

/// What an address in the URL is for. Where the provider says that it must be public, the rules have judged it.
fn literal(patient: &Subject<'_>, url: &Url) -> Option<Check> {
    let class = AddressClass::of_url(url)?;
    if matches!(class, AddressClass::Public | AddressClass::Loopback) || patient.profile.endpoint.public {
        return None;
    }
    let host = url.host_str().unwrap_or_default();
    let what = format!("`{host}` is no public address ({})", class.name());
    Some(Check::caution(CheckGroup::NotReceived, NOT_PUBLIC, what).hint("the provider must be able to reach it"))
}

/// Whether something answers there, over TLS where the URL says so.
async fn reach(patient: &Subject<'_>) -> Option<Check> {
    let url = Url::parse(&patient.endpoint.url).ok()?;
    if url.scheme() == "http" && address_policy::is_loopback(&url) {
        return Some(connect(&url).await);
    }
    Some(head(url).await)
}

/// A connection is enough to know about a receiver on this machine, and does not disturb it.
async fn connect(url: &Url) -> Check {
    let section = CheckGroup::NotReceived;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or(80);
    let error = match timeout(PATIENCE, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => return Check::ok(section, "connect", format!("something listens on port {port}")),
        Ok(Err(error)) => error.kind().to_string(),
        Err(_) => "no answer".to_owned(),
    };
    let check = Check::problem(section, "connect", format!("nothing listens on port {port}: {error}"));
    match other_loopback_answers(url).await {
        Some(other) => check.hint(format!("something listens on the other loopback address: {other}")),
        None => check.hint(format!("start the receiver, or try with `hook listen --port {port}`")),
    }
}

/// A request without an event: what it is answered with does not matter.
async fn head(url: Url) -> Check {
    let (section, secure) = (CheckGroup::NotReceived, url.scheme() == "https");
    let place = printable(url.host_str().unwrap_or_default(), 200);
    let request = Request {
        method: "HEAD".into(),
        url,
        headers: Headers::new(),
        body: bytes::Bytes::new(),
        timeout: PATIENCE,
    };
    let options = HttpOptions {
        proxy_from_env: true,
        ..HttpOptions::default()
    };
    let transport = match HttpTransport::new(options) {
        Ok(transport) => transport,
        Err(error) => return Check::caution(section, "connect", printable(&error.to_string(), 400)),
    };
    match transport.send(&request).await {
        Outcome::Answer(_) if secure => Check::ok(
            section,
            "tls",
            format!("{place} answers over TLS with a valid certificate"),
        ),
        Outcome::Answer(_) => Check::ok(section, "connect", format!("{place} answers")),
        Outcome::Error { kind, text } => {
            let hint = match kind {
                ErrorKind::Dns => "check the spelling, and the name's DNS records",
                ErrorKind::Tls => {
                    "get a certificate that everybody trusts: providers refuse self-signed and expired ones"
                }
                ErrorKind::Timeout | ErrorKind::Connect => {
                    "does the server run, and does its firewall let the port through?"
                }
                ErrorKind::Protocol | ErrorKind::Cancelled | ErrorKind::Blocked | ErrorKind::Signing => {
                    "is that an HTTP server?"
                }
            };
            let check = if kind == ErrorKind::Tls { "tls" } else { "connect" };
            Check::problem(section, check, printable(&text, 400)).hint(hint)
        }
    }
}
