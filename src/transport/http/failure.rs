//! What went wrong with a request, as a kind and a fact for people. Never shows a URL: it may hold credentials.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError, InvalidMessage};
use url::Url;

use super::connect::NoLink;
use super::resolve::NoAddress;
use crate::exchange::ErrorKind;
use crate::transport::address_policy::{self, AddressClass};

/// Why an address was not even tried.
pub(super) fn blocked(class: AddressClass) -> String {
    format!("{} addresses are not reached from here", class.name())
}

/// Why there is no connection.
pub(super) fn unconnected(error: &NoLink, url: &Url, proxied: bool) -> (ErrorKind, String) {
    let place = place(url, proxied);
    match error {
        NoLink::NoAddress(error @ NoAddress::Unresolved { .. }) => (ErrorKind::Dns, error.to_string()),
        NoLink::NoAddress(error @ NoAddress::Blocked(_)) => (ErrorKind::Blocked, error.to_string()),
        NoLink::Connect(error) => connect(error, &place, url),
        NoLink::NoTls(error) => {
            let reason = lower(&error.to_string());
            (ErrorKind::Tls, format!("TLS cannot be set up: {reason}"))
        }
        NoLink::Tls(error) => (ErrorKind::Tls, handshake(error, &place)),
        NoLink::Tunnel(reason) => (ErrorKind::Connect, format!("cannot connect to {place}: {reason}")),
        NoLink::Handshake(error) => exchange(error, &place),
    }
}

/// Why an exchange did not come to its end.
pub(super) fn broken_off(error: &hyper::Error, url: &Url, proxied: bool) -> (ErrorKind, String) {
    exchange(error, &place(url, proxied))
}

fn exchange(error: &hyper::Error, place: &str) -> (ErrorKind, String) {
    let chain = chain(error);
    if let Some(tls) = find::<rustls::Error>(&chain) {
        return (ErrorKind::Tls, tls_text(tls, place));
    }
    // The outermost I/O error repeats the innermost, which alone has the system's code.
    let io = find::<io::Error>(&chain).map(io::Error::kind);
    let last = chain.last().map(|last| lower(&last.to_string())).unwrap_or_default();
    (ErrorKind::Protocol, broken(io, &last, place))
}

/// Why TLS was not agreed on.
fn handshake(error: &io::Error, place: &str) -> String {
    use io::ErrorKind as Io;
    let chain = chain(error);
    if let Some(tls) = find::<rustls::Error>(&chain) {
        return tls_text(tls, place);
    }
    match error.kind() {
        Io::UnexpectedEof | Io::ConnectionReset | Io::ConnectionAborted | Io::BrokenPipe => {
            format!("{place} broke off the TLS handshake")
        }
        Io::InvalidInput => format!("{place} has no name that a certificate can be for"),
        _ => format!("the TLS handshake with {place} failed: {}", lower(&error.to_string())),
    }
}

fn connect(error: &io::Error, place: &str, url: &Url) -> (ErrorKind, String) {
    use io::ErrorKind as Io;
    let is_localhost = url.domain().is_some_and(address_policy::is_localhost);
    let text = match error.kind() {
        Io::ConnectionRefused if is_localhost => format!("connection refused by {place} (127.0.0.1 and ::1)"),
        Io::ConnectionRefused => format!("connection refused by {place}"),
        Io::NetworkUnreachable => format!("the network of {place} is unreachable"),
        Io::HostUnreachable => format!("no route to {place}"),
        Io::TimedOut => format!("{place} does not answer"),
        _ => format!("cannot connect to {place}: {}", lower(&error.to_string())),
    };
    (ErrorKind::Connect, text)
}

fn broken(io: Option<io::ErrorKind>, last: &str, place: &str) -> String {
    use io::ErrorKind as Io;
    match io {
        Some(Io::ConnectionReset | Io::ConnectionAborted | Io::BrokenPipe) => {
            format!("{place} broke off the connection")
        }
        Some(Io::UnexpectedEof) => format!("{place} closed the connection in the middle of its answer"),
        None if last.starts_with("connection closed before message completed") => {
            format!("{place} closed the connection without an answer")
        }
        None if last.contains("parsed") || last.contains("too large") => {
            format!("the answer of {place} is not HTTP: {last}")
        }
        _ => format!("the exchange with {place} failed: {last}"),
    }
}

fn tls_text(error: &rustls::Error, place: &str) -> String {
    use rustls::Error as Tls;
    match error {
        Tls::InvalidCertificate(reason) => certificate_text(reason, place),
        Tls::InvalidMessage(InvalidMessage::InvalidContentType) => format!("{place} does not speak TLS"),
        Tls::AlertReceived(AlertDescription::CertificateRequired) => format!("{place} asks for a client certificate"),
        Tls::AlertReceived(alert) => format!("{place} refused the TLS handshake: {alert:?}"),
        Tls::PeerIncompatible(_) => format!("{place} offers no TLS version or cipher that is safe to use"),
        other => format!("the TLS handshake with {place} failed: {}", lower(&other.to_string())),
    }
}

fn certificate_text(reason: &CertificateError, place: &str) -> String {
    use CertificateError as Cert;
    let certificate = format!("the certificate of {place}");
    match reason {
        Cert::Expired | Cert::ExpiredContext { .. } => format!("{certificate} has expired"),
        Cert::NotValidYet | Cert::NotValidYetContext { .. } => format!("{certificate} is not valid yet"),
        Cert::NotValidForName => format!("{certificate} is for another name"),
        Cert::NotValidForNameContext { presented, .. } => {
            format!("{certificate} is for another name: {}", names(presented))
        }
        Cert::UnknownIssuer => format!("{certificate} comes from an unknown issuer"),
        Cert::Revoked => format!("{certificate} is revoked"),
        Cert::BadSignature => format!("{certificate} has a wrong signature"),
        Cert::BadEncoding => format!("{certificate} is malformed"),
        other => format!("{certificate} is not acceptable: {}", lower(&other.to_string())),
    }
}

/// `DnsName("localhost")` as `localhost`, a few of them.
fn names(presented: &[String]) -> String {
    const SHOWN: usize = 5;
    let bare = |name: &String| {
        let inner = name.split_once('(').map_or(name.as_str(), |(_, inner)| inner);
        inner.trim_end_matches(')').trim_matches('"').to_owned()
    };
    let shown: Vec<_> = presented.iter().take(SHOWN).map(bare).collect();
    match presented.len() {
        0 => "it names none".to_owned(),
        more if more > SHOWN => format!("{} and {} more", shown.join(", "), more - SHOWN),
        _ => shown.join(", "),
    }
}

/// `127.0.0.1:3000`: who was talked to.
fn place(url: &Url, proxied: bool) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    let host = url.host_str().unwrap_or_default();
    let note = if proxied { " (a proxy is set)" } else { "" };
    format!("{host}:{port}{note}")
}

/// An error and its causes, outermost first. An I/O error hides the error it was made from behind `get_ref`: its
/// `source` is that one's source.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut chain = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        chain.push(cause);
        let inside = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = inside.map_or_else(|| cause.source(), |inside| Some(inside as &(dyn Error + 'static)));
    }
    chain
}

/// The innermost error of that type.
fn find<'a, T: Error + 'static>(chain: &[&'a (dyn Error + 'static)]) -> Option<&'a T> {
    chain.iter().rev().find_map(|error| error.downcast_ref::<T>())
}

/// A fact begins in lower case, unless its first word is a name such as `TLS`.
pub(super) fn lower(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if first.is_ascii_uppercase() && !second.is_ascii_uppercase() => {
            format!("{}{}", first.to_ascii_lowercase(), &text[1..])
        }
        _ => text.to_owned(),
    }
}
