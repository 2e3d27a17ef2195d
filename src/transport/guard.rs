//! What people type as a target.

use url::{Host, ParseError, Url};

use super::address_policy::is_loopback;

/// Why a text is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Nothing was typed.
    #[error("the target is empty")]
    Empty,
    /// A space or a control character.
    #[error("the target `{0}` holds a space or a control character")]
    Space(String),
    /// Neither `http` nor `https`.
    #[error("the target's scheme is `{0}`: it must be `http` or `https`")]
    Scheme(String),
    /// `http:example.com`
    #[error("the target `{0}` lacks `//` after its scheme")]
    Slashes(String),
    /// Zero, above 65535, or no number.
    #[error("the port of the target `{0}` is not a number from 1 to 65535")]
    Port(String),
    /// There is none, or it is malformed.
    #[error("the target `{0}` has no valid host")]
    Host(String),
    /// Anything else that is wrong with it.
    #[error("the target `{0}` is not a URL: {1}")]
    Malformed(String, String),
}

/// Reads what people type as a target: `4400`, `:4400/path`, `localhost:3000`, `127.0.0.1:3000/x`, `[::1]:80` (http, this
/// machine), `example.com/x` (https), or a whole URL.
pub fn target(text: &str) -> Result<Url, TargetError> {
    if text.is_empty() {
        return Err(TargetError::Empty);
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(TargetError::Space(crate::mask::url(&text.escape_debug().to_string())));
    }
    let url = match text.split_once("://") {
        Some((scheme, _)) if !is_scheme(scheme) => parse(text, &format!("https://{text}")),
        Some((scheme, _)) if !is_http(scheme) => Err(TargetError::Scheme(scheme.to_owned())),
        Some(_) => parse(text, text),
        None => short(text),
    }?;
    match url.port() {
        Some(0) => Err(TargetError::Port(crate::mask::url(text))),
        _ => Ok(url),
    }
}

/// A target without a scheme.
fn short(text: &str) -> Result<Url, TargetError> {
    if text.split_once(':').is_some_and(|(scheme, _)| is_http(scheme)) {
        return Err(TargetError::Slashes(crate::mask::url(text)));
    }
    // `file:/x` would read as a host called `file` with its port left out.
    if text[..authority_ends(text)].ends_with(':') {
        return Err(TargetError::Port(crate::mask::url(text)));
    }
    let after_colon = text.strip_prefix(':').unwrap_or(text);
    let port = &after_colon[..authority_ends(after_colon)];
    if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) {
        return parse(text, &format!("http://127.0.0.1:{after_colon}"));
    }
    if text.starts_with(':') {
        return Err(TargetError::Port(crate::mask::url(text)));
    }
    // A path or a command's name is no host: `/x`, `./x`, `make`.
    if !text.starts_with(|c: char| c.is_alphanumeric() || c == '[') {
        return Err(TargetError::Host(crate::mask::url(text)));
    }
    let url = parse(text, &format!("https://{text}"))?;
    if is_loopback(&url) || is_unspecified(&url) {
        return parse(text, &format!("http://{text}"));
    }
    if !text[..authority_ends(text)].contains(['.', ':']) {
        return Err(TargetError::Host(crate::mask::url(text)));
    }
    Ok(url)
}

fn parse(text: &str, url: &str) -> Result<Url, TargetError> {
    Url::parse(url).map_err(|error| match error {
        ParseError::InvalidPort => TargetError::Port(crate::mask::url(text)),
        ParseError::EmptyHost
        | ParseError::IdnaError
        | ParseError::InvalidIpv4Address
        | ParseError::InvalidIpv6Address
        | ParseError::InvalidDomainCharacter => TargetError::Host(crate::mask::url(text)),
        other => TargetError::Malformed(crate::mask::url(text), other.to_string()),
    })
}

fn authority_ends(text: &str) -> usize {
    text.find(['/', '?', '#']).unwrap_or(text.len())
}

fn is_http(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-".contains(c))
}

fn is_unspecified(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_unspecified(),
        Some(Host::Ipv6(address)) => address.is_unspecified(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_people_type_them() {
        for (text, url) in [
            ("4400", "http://127.0.0.1:4400/"),
            ("4400/a?b=c", "http://127.0.0.1:4400/a?b=c"),
            (":4400", "http://127.0.0.1:4400/"),
            (":4400/path", "http://127.0.0.1:4400/path"),
            ("localhost", "http://localhost/"),
            ("localhost:3000", "http://localhost:3000/"),
            ("LOCALHOST:3000/x", "http://localhost:3000/x"),
            ("app.localhost:3000", "http://app.localhost:3000/"),
            ("127.0.0.1:3000/x", "http://127.0.0.1:3000/x"),
            ("0.0.0.0:3000", "http://0.0.0.0:3000/"),
            ("[::1]:80", "http://[::1]/"),
            ("localhost:80", "http://localhost/"),
            ("localhost:443", "http://localhost:443/"),
            ("example.com/x", "https://example.com/x"),
            ("example.com:8443", "https://example.com:8443/"),
            (
                "example.com/?next=http://a.example/",
                "https://example.com/?next=http://a.example/",
            ),
            ("user:pw@example.com", "https://user:pw@example.com/"),
            ("db:8443", "https://db:8443/"),
            ("192.168.1.5:3000", "https://192.168.1.5:3000/"),
            ("http://example.com", "http://example.com/"),
            ("HTTPS://example.com:443/x", "https://example.com/x"),
        ] {
            assert_eq!(target(text).map(String::from).as_deref(), Ok(url), "{text}");
        }
    }

    #[test]
    fn what_is_no_target_is_refused_by_name() {
        let says = |text: &str| target(text).map(String::from).unwrap_err().to_string();
        assert_eq!(says(""), "the target is empty");
        for (text, part) in [
            ("ftp://example.com", "the target's scheme is `ftp`"),
            ("file:/etc/passwd", "is not a number from 1 to 65535"),
            ("http:4400", "lacks `//`"),
            ("a b", "holds a space"),
            ("a\u{0}b", "holds a space or a control character"),
            ("0", "is not a number from 1 to 65535"),
            (":0/x", "is not a number from 1 to 65535"),
            ("65536", "is not a number from 1 to 65535"),
            ("http://localhost:0", "is not a number from 1 to 65535"),
            ("localhost:x", "is not a number from 1 to 65535"),
            (":x", "is not a number from 1 to 65535"),
            ("/path", "has no valid host"),
            ("./deploy.sh", "has no valid host"),
            ("make", "has no valid host"),
            ("http://", "has no valid host"),
            ("[::1", "has no valid host"),
            ("exa^mple.com", "has no valid host"),
        ] {
            assert!(says(text).contains(part), "{text}: {}", says(text));
        }
    }

    #[test]
    fn an_error_does_not_repeat_the_password_of_the_target() {
        let text = target("http://me:hunter2@example.com:99999/x").unwrap_err().to_string();
        assert!(text.contains("http://********:********@example.com:99999/x"), "{text}");
        let text = target("me:hunter2@exa mple.com").unwrap_err().to_string();
        assert!(!text.contains("hunter2"), "{text}");
    }
}
