//! What a URL says by itself: whether it can be an endpoint's, where it points, when two are the same. Names are not
//! looked up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::mask;
use crate::text::{is_unsafe, printable};

/// Names below these never exist on the internet (RFC 6761, 6762, 8375, 9476).
const PRIVATE_SUFFIXES: [&str; 6] = [".local", ".localhost", ".internal", ".home.arpa", ".test", ".invalid"];

/// From where a host can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// This machine only.
    Loopback,
    /// Not from the internet; says what it is, with its article.
    Inside(&'static str),
    /// From the internet, as far as can be told without asking DNS.
    Public,
}

/// Reads an endpoint's URL. The error is a clause that follows the URL.
pub(super) fn parse(text: &str) -> Result<Url, String> {
    let hidden = |c: char| c.is_whitespace() || is_unsafe(c);
    // The URL standard drops tabs and line ends and trims blanks: what is registered would not be what was meant.
    if text.contains(hidden) {
        return Err(format!("`{}` has blanks or invisible characters in it", shown(text)));
    }
    let url = Url::parse(text).map_err(|error| format!("`{}` is not a URL: {error}", shown(text)))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{}` is neither http nor https", shown(text)));
    }
    Ok(url)
}

fn shown(text: &str) -> String {
    printable(&mask::url(text), usize::MAX)
}

/// The form in which two URLs that lead to the same place are equal: scheme and host in lower case, without a default
/// port, a fragment, or a missing root path. `None` when it is no endpoint's URL.
pub fn normalised(text: &str) -> Option<String> {
    let mut url = parse(text).ok()?;
    url.set_fragment(None);
    Some(url.into())
}

/// From where the URL's host can be reached.
pub(super) fn reach(url: &Url) -> Reach {
    match url.host() {
        Some(Host::Ipv4(address)) => reach_v4(address),
        Some(Host::Ipv6(address)) => reach_v6(address),
        Some(Host::Domain(name)) => reach_name(name.trim_end_matches('.')),
        None => Reach::Inside("no host"),
    }
}

fn reach_name(name: &str) -> Reach {
    match name {
        "localhost" => Reach::Loopback,
        name if name.ends_with(".localhost") => Reach::Loopback,
        name if !name.contains('.') => Reach::Inside("a name without a domain"),
        name if PRIVATE_SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) => Reach::Inside("a local name"),
        _ => Reach::Public,
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    let [a, b, ..] = address.octets();
    match address {
        address if address.is_loopback() => Reach::Loopback,
        address if address.is_private() => Reach::Inside("a private address"),
        address if address.is_link_local() => Reach::Inside("a link-local address"),
        _ if a == 100 && (64..128).contains(&b) => Reach::Inside("a carrier's private address"),
        _ if a == 0 || address.is_broadcast() || address.is_multicast() => Reach::Inside("no host's address"),
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    if let IpAddr::V4(inner) = address.to_canonical() {
        return reach_v4(inner);
    }
    match address {
        address if address.is_loopback() => Reach::Loopback,
        address if address.is_unique_local() => Reach::Inside("a private address"),
        address if address.is_unicast_link_local() => Reach::Inside("a link-local address"),
        address if address.is_unspecified() || address.is_multicast() => Reach::Inside("no host's address"),
        _ => Reach::Public,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_one_url_are_the_same() {
        for (a, b) in [
            ("HTTPS://Example.COM", "https://example.com/"),
            ("https://example.com:443/x", "https://example.com/x"),
            ("http://example.com:80", "http://example.com"),
            ("https://example.com/a/../b", "https://example.com/b"),
            ("https://example.com/x#top", "https://example.com/x"),
            ("http://127.1/", "http://127.0.0.1"),
        ] {
            assert_eq!(normalised(a), normalised(b), "{a} {b}");
        }
        for (a, b) in [
            ("https://example.com/x", "https://example.com/x/"),
            ("https://example.com/x", "https://example.com/X"),
            ("https://example.com/x", "https://example.com/x?y"),
            ("https://example.com", "http://example.com"),
            ("https://example.com:8443", "https://example.com"),
        ] {
            assert_ne!(normalised(a), normalised(b), "{a} {b}");
        }
    }

    #[test]
    fn what_is_no_endpoints_url_is_refused_with_the_reason() {
        for (text, says) in [
            ("example.com/x", "is not a URL"),
            ("ftp://example.com", "neither http nor https"),
            ("https://", "is not a URL"),
            ("https://example.com/x ", "blanks or invisible"),
            ("https://exam\u{200b}ple.com", "blanks or invisible"),
            ("https://example.com/a b", "blanks or invisible"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn hosts_are_sorted_by_where_they_can_be_reached_from() {
        let inside = |what| Reach::Inside(what);
        for (host, expected) in [
            ("127.0.0.1", Reach::Loopback),
            ("127.8.9.1", Reach::Loopback),
            ("0x7f.1", Reach::Loopback),
            ("[::1]", Reach::Loopback),
            ("[::ffff:127.0.0.1]", Reach::Loopback),
            ("localhost", Reach::Loopback),
            ("LOCALHOST.", Reach::Loopback),
            ("app.localhost", Reach::Loopback),
            ("10.1.2.3", inside("a private address")),
            ("172.16.0.1", inside("a private address")),
            ("192.168.1.1", inside("a private address")),
            ("[::ffff:10.0.0.1]", inside("a private address")),
            ("[fd00::1]", inside("a private address")),
            ("169.254.169.254", inside("a link-local address")),
            ("[fe80::1]", inside("a link-local address")),
            ("100.64.0.1", inside("a carrier's private address")),
            ("0.0.0.0", inside("no host's address")),
            ("255.255.255.255", inside("no host's address")),
            ("[::]", inside("no host's address")),
            ("[ff02::1]", inside("no host's address")),
            ("printer.local", inside("a local name")),
            ("app.test", inside("a local name")),
            ("db.internal.", inside("a local name")),
            ("web", inside("a name without a domain")),
            ("example.com", Reach::Public),
            ("localhost.example.com", Reach::Public),
            ("8.8.8.8", Reach::Public),
            ("172.32.0.1", Reach::Public),
            ("100.128.0.1", Reach::Public),
            ("[2001:4860:4860::8888]", Reach::Public),
        ] {
            let url = parse(&format!("http://{host}/x")).unwrap();
            assert_eq!(reach(&url), expected, "{host}");
        }
    }
}
