//! Explains failed exchanges: a kind and a text. A text never contains a URL, which may hold credentials.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError, InvalidMessage};
use url::Url;

use super::resolve::NoAddress;
use crate::exchange::ErrorKind;
use crate::text::lower;
use crate::transport::address_policy::{self, AddressClass};

/// The kind and the text of a failed exchange.
pub(super) fn explain(error: &reqwest::Error, url: &Url, proxied: bool) -> (ErrorKind, String) {
    let chain = chain(error);
    let place = place(url, proxied);
    if let Some(error) = find::<NoAddress>(&chain) {
        return unresolved(error);
    }
    if let Some(tls) = find::<rustls::Error>(&chain) {
        return (ErrorKind::Tls, tls_text(tls, &place));
    }
    if error.is_builder() {
        return (
            ErrorKind::Protocol,
            "the URL is not valid in an HTTP request".to_owned(),
        );
    }
    let (io, last) = innermost(&chain);
    if error.is_connect() {
        return connect(io, &last, &place, url);
    }
    (ErrorKind::Protocol, broken(io, &last, &place, url))
}

/// Why a host has no usable address.
pub(super) fn unresolved(error: &NoAddress) -> (ErrorKind, String) {
    let kind = match error {
        NoAddress::Blocked(_) => ErrorKind::Blocked,
        NoAddress::Unresolved { .. } => ErrorKind::Dns,
        NoAddress::NoResolver { .. } => ErrorKind::Resolver,
    };
    (kind, error.to_string())
}

/// Whether the server takes none of the protocols that the TLS handshake offered.
pub(super) fn refuses_protocol(error: &reqwest::Error) -> bool {
    let refused = rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol);
    find::<rustls::Error>(&chain(error)) == Some(&refused)
}

/// Why an address is not reached.
pub(super) fn blocked(class: AddressClass) -> String {
    format!("{} addresses are not reached from here", class.name())
}

/// Why a direct connection failed.
pub(super) fn unconnected(error: &io::Error, url: &Url) -> (ErrorKind, String) {
    connect(Some(error.kind()), &lower(&error.to_string()), &place(url, false), url)
}

/// Why an exchange on a direct connection failed.
pub(super) fn broken_off(error: &hyper::Error, url: &Url) -> (ErrorKind, String) {
    let (io, last) = innermost(&chain(error));
    (ErrorKind::Protocol, broken(io, &last, &place(url, false), url))
}

/// Why a client could not be built: only its trusted certificates can be at fault.
pub(super) fn unbuilt(error: &reqwest::Error) -> String {
    let (_, last) = innermost(&chain(error));
    format!("cannot set up TLS: {last}")
}

fn connect(io: Option<io::ErrorKind>, last: &str, place: &str, url: &Url) -> (ErrorKind, String) {
    use io::ErrorKind as Io;
    let is_tls = url.scheme() == "https";
    let is_localhost = url.domain().is_some_and(address_policy::is_localhost);
    let text = match io {
        Some(Io::ConnectionRefused) if is_localhost => {
            format!("connection refused by {place} (127.0.0.1 and ::1)")
        }
        Some(Io::ConnectionRefused) => format!("connection refused by {place}"),
        Some(Io::UnexpectedEof | Io::ConnectionReset | Io::ConnectionAborted | Io::BrokenPipe) if is_tls => {
            return (ErrorKind::Tls, format!("{place} broke off the TLS handshake"));
        }
        Some(Io::NetworkUnreachable) => format!("the network of {place} is unreachable"),
        Some(Io::HostUnreachable) => format!("no route to {place}"),
        Some(Io::TimedOut) => format!("{place} does not answer"),
        _ => format!("cannot connect to {place}: {last}"),
    };
    (ErrorKind::Connect, text)
}

fn broken(io: Option<io::ErrorKind>, last: &str, place: &str, url: &Url) -> String {
    use io::ErrorKind as Io;
    let is_tls = match url.scheme() {
        "http" => "; if it speaks TLS, use `https://`",
        _ => "",
    };
    match io {
        Some(Io::ConnectionReset | Io::ConnectionAborted | Io::BrokenPipe) => {
            format!("{place} broke off the connection{is_tls}")
        }
        Some(Io::UnexpectedEof) => format!("{place} closed the connection in the middle of its answer"),
        None if last.starts_with("connection closed before message completed") => {
            format!("{place} closed the connection without an answer{is_tls}")
        }
        None if last.contains("parsed") || last.contains("too large") => {
            format!("the answer of {place} is not HTTP: {last}{is_tls}")
        }
        _ => format!("the exchange with {place} failed: {last}"),
    }
}

fn tls_text(error: &rustls::Error, place: &str) -> String {
    use rustls::Error as Tls;
    match error {
        Tls::InvalidCertificate(reason) => certificate_text(reason, place),
        Tls::InvalidMessage(InvalidMessage::InvalidContentType) => format!("{place} does not speak TLS: use `http://`"),
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
        Cert::UnknownIssuer => format!("{certificate} comes from an unknown issuer: `--cacert FILE` trusts it"),
        // The library has no variant for it: the certificate is its own issuer, as `openssl req -x509` makes it.
        Cert::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            format!("{certificate} is self-signed: `--cacert FILE` trusts it")
        }
        Cert::UnsupportedSignatureAlgorithmContext { .. }
        | Cert::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            format!("{certificate} has an issuer that is not trusted: `--cacert FILE` trusts it")
        }
        Cert::Revoked => format!("{certificate} is revoked"),
        Cert::BadSignature => format!("the signature of {certificate} is wrong"),
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
        0 => "it contains no names".to_owned(),
        more if more > SHOWN => format!("{} and {} more", shown.join(", "), more - SHOWN),
        _ => shown.join(", "),
    }
}

/// The server: `127.0.0.1:3000`.
fn place(url: &Url, proxied: bool) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    let host = url.host_str().unwrap_or_default();
    let note = if proxied { " (a proxy is set)" } else { "" };
    format!("{host}:{port}{note}")
}

/// The kind of the I/O error, and the text of the innermost error.
fn innermost(chain: &[&(dyn Error + 'static)]) -> (Option<io::ErrorKind>, String) {
    // The outermost I/O error repeats the innermost, which alone has the system's code.
    let io = find::<io::Error>(chain).map(io::Error::kind);
    let last = chain.last().map(|last| lower(&last.to_string()));
    (io, last.unwrap_or_default())
}

/// An error and its causes, outermost first. An I/O error hides the error it was made from behind `get_ref`: its
/// `source` is that one's source.
pub(super) fn chain<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut chain = vec![error];
    let mut next = error.source();
    while let Some(cause) = next {
        chain.push(cause);
        let inside = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = inside.map_or_else(|| cause.source(), |inside| Some(inside as &(dyn Error + 'static)));
    }
    chain
}

/// The innermost error of that type.
pub(super) fn find<'a, T: Error + 'static>(chain: &[&'a (dyn Error + 'static)]) -> Option<&'a T> {
    chain.iter().rev().find_map(|error| error.downcast_ref::<T>())
}
