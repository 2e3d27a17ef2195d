//! Forms of a URL in what is signed.

use std::borrow::Cow;

use crate::words::words;

words! {
    /// How a URL is written in what is signed, where senders and receivers are known to differ.
    #[derive(Default)]
    pub enum UrlForm {
        /// As it was given.
        #[default]
        Given = "given",
        /// With the scheme's port when it has none.
        WithPort = "with-port",
        /// Without its port.
        WithoutPort = "without-port",
        /// With the escapes of a few characters undone: `:/?@!$'()*,;`.
        Unescaped = "unescaped",
    }
}

/// The characters whose escapes [`UrlForm::Unescaped`] undoes.
const UNESCAPED: &str = ":/?@!$'()*,;";

impl UrlForm {
    /// The URL in this form.
    pub fn of(self, url: &str) -> Cow<'_, str> {
        match self {
            Self::Given => Cow::Borrowed(url),
            Self::WithPort => match parts_of(url) {
                Some((scheme, host, None, rest)) => {
                    let port = if scheme == "http" { 80 } else { 443 };
                    Cow::Owned(format!("{scheme}://{host}:{port}{rest}"))
                }
                _ => Cow::Borrowed(url),
            },
            Self::WithoutPort => match parts_of(url) {
                Some((scheme, host, Some(_), rest)) => Cow::Owned(format!("{scheme}://{host}{rest}")),
                _ => Cow::Borrowed(url),
            },
            Self::Unescaped => unescaped(url),
        }
    }
}

/// Scheme, user and host, port, and the rest from the path on.
pub(super) fn parts_of(url: &str) -> Option<(&str, &str, Option<&str>, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let host_at = authority.rfind('@').map_or(0, |at| at + 1);
    // The colons of an address in brackets are no port.
    let after = authority[host_at..].rfind(']').map_or(host_at, |end| host_at + end + 1);
    Some(match authority[after..].find(':') {
        Some(colon) => (
            scheme,
            &authority[..after + colon],
            Some(&authority[after + colon + 1..]),
            rest,
        ),
        None => (scheme, authority, None, rest),
    })
}

fn unescaped(url: &str) -> Cow<'_, str> {
    let mut text = String::with_capacity(url.len());
    let mut rest = url;
    while let Some(at) = rest.find('%') {
        let code = rest.get(at + 1..at + 3).unwrap_or_default();
        text.push_str(&rest[..at]);
        let known = u8::from_str_radix(code, 16).ok().map(char::from);
        let known = known.filter(|plain| UNESCAPED.contains(*plain));
        text.push(known.unwrap_or('%'));
        rest = &rest[if known.is_some() { at + 3 } else { at + 1 }..];
    }
    if text.is_empty() {
        return Cow::Borrowed(url);
    }
    Cow::Owned(text + rest)
}
