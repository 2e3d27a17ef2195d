//! What a target string means where it may be a URL or a command: `--on`, `listen.on`, `[[route]]`. It is parsed once;
//! the check whether a project is trusted and the code that acts ask the same value.

use url::Url;

use crate::transport::guard::{self, TargetError};

/// Where an event goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetSpec {
    /// A request to this URL.
    Url(Url),
    /// A shell command: body on stdin, facts in the environment.
    Command(String),
}

impl TargetSpec {
    /// A URL is a text with a scheme, `:PORT`, a port alone, or a host with a port or a path behind it; `localhost` and
    /// addresses need neither. Everything else is a command, a bare dotted name such as `notify.sh` too.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TargetError::Empty);
        }
        if reads_as_url(text) {
            guard::target(text).map(Self::Url)
        } else {
            Ok(Self::Command(text.to_owned()))
        }
    }

    /// Whether it runs a command.
    pub fn is_command(&self) -> bool {
        matches!(self, Self::Command(_))
    }
}

fn reads_as_url(text: &str) -> bool {
    if let Some((scheme, _)) = text.split_once("://") {
        let scheme_only =
            !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        if scheme_only && scheme.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return true;
        }
    }
    // `[` and `]` are for IPv6 addresses, the rest for paths and queries. A `;`, `$`, quote or blank makes it a command.
    let in_urls = |c: char| c.is_alphanumeric() || "-._~:/?#[]@!&*+,=%".contains(c);
    if !text.chars().all(in_urls) {
        return false;
    }
    let authority = &text[..text.find(['/', '?', '#']).unwrap_or(text.len())];
    if text.starts_with(':') || (!authority.is_empty() && authority.bytes().all(|b| b.is_ascii_digit())) {
        return true;
    }
    if authority.starts_with('[') {
        return authority.contains(']');
    }
    let host = authority.split(':').next().unwrap_or_default();
    let last = host
        .strip_suffix('.')
        .unwrap_or(host)
        .rsplit('.')
        .next()
        .unwrap_or_default();
    let labels = host
        .split('.')
        .all(|label| !label.is_empty() && !label.starts_with('-'));
    let is_local = last.eq_ignore_ascii_case("localhost");
    let is_address = host.contains('.') && labels && host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let is_name = host.contains('.') && labels && text.len() > host.len();
    is_local || is_address || is_name
}

#[cfg(test)]
mod tests {
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
            ("[::1]:80", "http://[::1]/"),
            ("a.example/x", "https://a.example/x"),
            ("a.example:8443", "https://a.example:8443/"),
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
        ] {
            assert!(TargetSpec::parse(command).unwrap().is_command(), "{command}");
        }
        for neither in ["", " ", "ftp://a.example/", "localhost:99999", "http://a b"] {
            assert!(TargetSpec::parse(neither).is_err(), "{neither}");
        }
    }
}
