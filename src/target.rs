//! The only parser of targets: for `--to`, `--forward-to`, `--on`, `listen.on`, `[[route]]` and endpoints. Where a command is
//! possible too, the trust check and the code that acts use the same parsed value.

use url::{Host, ParseError, Url};

use crate::error::Error;
use crate::mask;
use crate::text::{is_unsafe, printable};
use crate::transport::address_policy::is_loopback;
pub use crate::transport::url_scheme;

/// The target of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetSpec {
    /// A request to this URL.
    Url(Url),
    /// A shell command: body on stdin, facts in the environment.
    Command(String),
}

impl TargetSpec {
    /// A URL is a text with a scheme, `:PORT`, a port alone, or a dotted host with a user, a port or a path; `localhost` and
    /// addresses need none of them. Everything else is a command, a bare dotted name such as `notify.sh` too.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TargetError::Empty);
        }
        if reads_as_url(text) {
            parse_url(text).map(Self::Url)
        } else {
            Ok(Self::Command(text.to_owned()))
        }
    }

    /// Whether it runs a command.
    pub fn is_command(&self) -> bool {
        matches!(self, Self::Command(_))
    }
}

/// Why a text is not a target.
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
    /// Missing or malformed.
    #[error("the target `{0}` has no valid host")]
    Host(String),
    /// Anything else that is wrong with it.
    #[error("the target `{0}` is not a URL: {1}")]
    Malformed(String, String),
}

/// Parses a target as people type it: `4400`, `:4400/path`, `localhost:3000`, `127.0.0.1:3000/x`, `[::1]:80` (http, this
/// machine), `example.com/x` (https), or a whole URL.
pub fn parse_url(text: &str) -> Result<Url, TargetError> {
    if text.is_empty() {
        return Err(TargetError::Empty);
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(TargetError::Space(mask::url(&printable(text, usize::MAX))));
    }
    let url = match url_scheme(text) {
        Some(scheme) if !is_http(scheme) => Err(TargetError::Scheme(scheme.to_owned())),
        Some(_) => parse(text, text),
        None => short(text),
    }?;
    match url.port() {
        Some(0) => Err(TargetError::Port(mask::url(text))),
        _ => Ok(url),
    }
}

/// A target without a scheme.
fn short(text: &str) -> Result<Url, TargetError> {
    if lacks_slashes(text) {
        return Err(TargetError::Slashes(mask::url(text)));
    }
    // `file:/x` would read as a host called `file` with its port left out.
    if text[..authority_ends(text)].ends_with(':') {
        return Err(TargetError::Port(mask::url(text)));
    }
    let after_colon = text.strip_prefix(':').unwrap_or(text);
    let port = &after_colon[..authority_ends(after_colon)];
    if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) {
        return parse(text, &format!("http://127.0.0.1:{after_colon}"));
    }
    if text.starts_with(':') {
        return Err(TargetError::Port(mask::url(text)));
    }
    // A path or the name of a command: `/x`, `./x`, `make`.
    if !text.starts_with(|c: char| c.is_alphanumeric() || c == '[') {
        return Err(TargetError::Host(mask::url(text)));
    }
    // Parsed before the scheme is chosen, because the host decides about it.
    let url = parse(text, &format!("https://{text}"))?;
    if is_loopback(&url) || is_unspecified(&url) {
        return parse(text, &format!("http://{text}"));
    }
    if !text[..authority_ends(text)].contains(['.', ':']) {
        return Err(TargetError::Host(mask::url(text)));
    }
    Ok(url)
}

fn parse(text: &str, url: &str) -> Result<Url, TargetError> {
    Url::parse(url).map_err(|error| match error {
        ParseError::InvalidPort => TargetError::Port(mask::url(text)),
        ParseError::EmptyHost
        | ParseError::IdnaError
        | ParseError::InvalidIpv4Address
        | ParseError::InvalidIpv6Address
        | ParseError::InvalidDomainCharacter => TargetError::Host(mask::url(text)),
        other => TargetError::Malformed(mask::url(text), other.to_string()),
    })
}

fn authority_ends(text: &str) -> usize {
    text.find(['/', '?', '#']).unwrap_or(text.len())
}

fn is_http(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

/// Whether it is `http:` or `https:` with something else than `//` behind it.
fn lacks_slashes(text: &str) -> bool {
    url_scheme(text).is_none() && text.split_once(':').is_some_and(|(scheme, _)| is_http(scheme))
}

fn is_unspecified(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_unspecified(),
        Some(Host::Ipv6(address)) => address.is_unspecified(),
        _ => false,
    }
}

/// Reads a whole `http` or `https` URL. The error is a clause that follows the URL.
pub fn parse_whole_url(text: &str) -> Result<Url, String> {
    let shown = || printable(&mask::url(text), usize::MAX);
    // The URL standard drops tabs and line ends and trims whitespace: the registered URL would not be the intended one.
    if text.contains(|c: char| c.is_whitespace() || is_unsafe(c)) {
        return Err(format!("`{}` has whitespace or invisible characters in it", shown()));
    }
    let url = Url::parse(text).map_err(|error| format!("`{}` is not a URL: {error}", shown()))?;
    if !is_http(url.scheme()) {
        return Err(format!("`{}` is neither http nor https", shown()));
    }
    Ok(url)
}

/// The form in which two URLs that lead to the same place are equal: scheme and host in lower case, without a default
/// port, a fragment, or a missing root path. `None` when it is not a valid URL of an endpoint.
pub fn normalised(text: &str) -> Option<String> {
    let mut url = parse_whole_url(text).ok()?;
    url.set_fragment(None);
    Some(url.into())
}

fn reads_as_url(text: &str) -> bool {
    if url_scheme(text).is_some() || lacks_slashes(text) {
        return true;
    }
    // `[` and `]` are for IPv6 addresses, the rest for paths and queries. A `;`, `$`, quote or blank makes it a command.
    let in_urls = |c: char| c.is_alphanumeric() || "-._~:/?#[]@!&*+,=%".contains(c);
    if !text.chars().all(in_urls) {
        return false;
    }
    let authority = &text[..authority_ends(text)];
    if text.starts_with(':') || (!authority.is_empty() && authority.bytes().all(|b| b.is_ascii_digit())) {
        return true;
    }
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.starts_with('[') {
        return host.contains(']');
    }
    let host = host.split(':').next().unwrap_or_default();
    let name = host.strip_suffix('.').unwrap_or(host);
    let last = name.rsplit('.').next().unwrap_or_default();
    let mut labels = host.split('.');
    let labels = labels.all(|label| !label.is_empty() && !label.starts_with('-'));
    let is_local = last.eq_ignore_ascii_case("localhost");
    let is_address = host.contains('.') && labels && host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let is_name = host.contains('.') && labels && text.len() > host.len();
    is_local || is_address || is_name
}

impl From<TargetError> for Error {
    fn from(error: TargetError) -> Self {
        Self::usage(error.to_string()).hint("write a URL, `localhost:3000/path`, `:3000` or a port")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_are_told_from_commands() {
        for (text, url) in [
            ("http://a.example/x;y$z", "http://a.example/x;y$z"),
            (":3000/in", "http://127.0.0.1:3000/in"),
            ("3000", "http://127.0.0.1:3000/"),
            (" 3000/in?a=1&b=2 ", "http://127.0.0.1:3000/in?a=1&b=2"),
            ("localhost", "http://localhost/"),
            ("localhost:3000/a?b", "http://localhost:3000/a?b"),
            ("app.localhost:1", "http://app.localhost:1/"),
            ("127.0.0.1:1", "http://127.0.0.1:1/"),
            ("127.1", "http://127.0.0.1/"),
            ("10.0.0.7/x", "https://10.0.0.7/x"),
            ("10.0.0.5:3000/hooks", "https://10.0.0.5:3000/hooks"),
            ("[::1]:80", "http://[::1]/"),
            ("a.example/x", "https://a.example/x"),
            ("a.example:8443", "https://a.example:8443/"),
            ("user:pw@a.example/x", "https://user:pw@a.example/x"),
            ("user@10.0.0.7", "https://user@10.0.0.7/"),
        ] {
            let parsed = TargetSpec::parse(text).unwrap();
            assert_eq!(parsed, TargetSpec::Url(Url::parse(url).unwrap()), "{text}");
        }
        for command in [
            "a.b/;touch${IFS}x",
            "localhost/;touch${IFS}x",
            "127.0.0.1;reboot",
            "[ -f x ]",
            "./run.sh",
            "/usr/bin/true",
            "jq .",
            "cat > out",
            "notify",
            "notify.sh",
            "bin/notify.sh",
            "a.b/`id`",
            "a.b/$(id)",
            "a.b|sh",
            "curl http://a.example/",
            "http :3000/x",
            "db:8443/x",
            "user:pw@db/x",
        ] {
            assert_eq!(TargetSpec::parse(command).unwrap(), TargetSpec::Command(command.into()));
        }
        for neither in [
            "",
            " ",
            "ftp://a.example/",
            "localhost:99999",
            "http://a b",
            "http:localhost:3000",
            "HTTPS:a.example",
        ] {
            assert!(TargetSpec::parse(neither).is_err(), "{neither}");
        }
    }

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
            (
                "localhost:3000/x?next=http://y",
                "http://localhost:3000/x?next=http://y",
            ),
            ("user:pw@example.com", "https://user:pw@example.com/"),
            ("db:8443", "https://db:8443/"),
            ("192.168.1.5:3000", "https://192.168.1.5:3000/"),
            ("http://example.com", "http://example.com/"),
            ("HTTPS://example.com:443/x", "https://example.com/x"),
        ] {
            assert_eq!(parse_url(text).map(String::from).as_deref(), Ok(url), "{text}");
        }
    }

    #[test]
    fn what_is_no_target_is_refused_by_name() {
        let says = |text: &str| parse_url(text).map(String::from).unwrap_err().to_string();
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
        let text = parse_url("http://me:hunter2@example.com:99999/x")
            .unwrap_err()
            .to_string();
        assert!(text.contains("http://********:********@example.com:99999/x"), "{text}");
        let text = parse_url("me:hunter2@exa mple.com").unwrap_err().to_string();
        assert!(!text.contains("hunter2"), "{text}");
    }

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
    fn what_is_no_whole_url_is_refused_with_the_reason() {
        for (text, says) in [
            ("example.com/x", "is not a URL"),
            ("ftp://example.com", "neither http nor https"),
            ("https://", "is not a URL"),
            ("https://example.com/x ", "whitespace or invisible"),
            ("https://exam\u{200b}ple.com", "whitespace or invisible"),
            ("https://example.com/a b", "whitespace or invisible"),
        ] {
            let error = parse_whole_url(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    proptest! {
        /// A flag that takes only URLs reads every URL that a route has as the same URL, refuses what a route refuses, and
        /// accepts more in three cases only.
        #[test]
        fn a_url_is_the_same_wherever_it_is_read(
            scheme in "(https?://|HTTP://|https?:|)", user in "([a-z]{1,3}(:[a-z]{0,3})?@)?", port in "(:[0-9]{1,5})?",
            host in "(localhost|a\\.example|b\\.sh|10\\.0\\.0\\.7|127\\.1|\\[::1\\]|db|[a-z0-9]{1,3}(\\.[a-z0-9]{1,3}){0,2}|)", path in "([/?#][a-z./;$?#@:=]{0,8})?",
        ) {
            let text = [scheme.clone(), user.clone(), host.clone(), port.clone(), path].concat();
            match (TargetSpec::parse(&text), parse_url(&text)) {
                (Ok(TargetSpec::Url(url)), other) => prop_assert_eq!(other, Ok(url), "{}", text),
                (Err(error), other) => prop_assert_eq!(other, Err(error), "{}", text),
                (Ok(TargetSpec::Command(_)), Ok(_)) => {
                    let is_file_name = text == host;
                    let has_more = !user.is_empty() || !port.is_empty();
                    let is_one_word = has_more && !host.contains('.');
                    prop_assert!(text.contains([';', '$']) || is_file_name || is_one_word, "{}", text);
                }
                (Ok(TargetSpec::Command(_)), Err(_)) => prop_assert_eq!(scheme, "", "{}", text),
            }
        }
    }
}
