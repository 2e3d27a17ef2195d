//! Ordered HTTP headers as they came: names in lower case in order of first appearance, values as bytes in their order
//! within a name.

use std::fmt;
use std::ops::Range;

use crate::known::MASK;
use crate::text::printable;

/// A list of header lines. Two lists with the same lines are equal, whatever is known to be a secret in them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<HeaderLine>);

/// One line.
#[derive(Clone)]
struct HeaderLine {
    /// In lower case.
    name: String,
    value: Vec<u8>,
    /// The part of the value that is a secret: the ledger does not store it.
    secret: Option<Range<usize>>,
}

/// Words of names of headers that hold credentials: masked in every output unless revealed.
const CREDENTIAL_WORDS: [&str; 15] = [
    "authorization",
    "authentication",
    "auth",
    "cookie",
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "credential",
    "credentials",
    "session",
    "jwt",
    "apikey",
    "apitoken",
];

/// Words before `key` or `token` in the names of headers that are no credentials.
const OTHER_KEYS: [&str; 6] = ["idempotency", "event", "websocket", "routing", "partition", "surrogate"];

/// Headers that belong to one hop and are never passed on (RFC 9110, section 7.6.1).
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that the transport sets from the target and the body; a caller's cannot override them.
const FRAMING: [&str; 3] = ["host", "content-length", "transfer-encoding"];

/// Characters of a wrong line that an error shows.
const SHOWN: usize = 200;

impl Headers {
    /// No lines.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line after those of the same name, or at the end.
    pub fn append(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let last = self.0.iter().rposition(|line| line.is_named(name));
        // Lines of one name form a list (RFC 9110, section 5.3): their order among each other is all that counts.
        let at = last.map_or(self.0.len(), |last| last + 1);
        self.0.insert(at, HeaderLine::new(name, value.as_ref()));
    }

    /// Makes this the only line of that name, in its place when there was one.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let first = self.0.iter().position(|line| line.is_named(name));
        self.remove(name);
        let at = first.unwrap_or(self.0.len());
        self.0.insert(at, HeaderLine::new(name, value.as_ref()));
    }

    /// Adds lines in place of those of the same names.
    pub fn replace_with<'a>(&mut self, own: impl Iterator<Item = (&'a str, &'a [u8])> + Clone) {
        own.clone().for_each(|(name, _)| self.remove(name));
        own.for_each(|(name, value)| self.append(name, value));
    }

    /// Drops every line of that name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|line| !line.is_named(name));
    }

    /// Marks the part of the values of that name that is a secret.
    pub fn conceal(&mut self, name: &str, part: impl Fn(&[u8]) -> Option<Range<usize>>) {
        for line in self.0.iter_mut().filter(|line| line.is_named(name)) {
            let part = part(&line.value).filter(|part| !part.is_empty());
            line.secret = part.or(line.secret.take());
        }
    }

    /// Marks the part of the value of a line, by its number, that is a secret.
    pub fn conceal_line(&mut self, line: usize, part: Range<usize>) {
        if let Some(line) = self.0.get_mut(line).filter(|line| part.end <= line.value.len()) {
            line.secret.get_or_insert(part);
        }
    }

    /// Marks the same parts as in another list, for lines that are the same.
    pub fn conceal_like(&mut self, other: &Self) {
        for line in other.0.iter().filter(|line| line.secret.is_some()) {
            self.conceal(&line.name, |own| line.secret.clone().filter(|_| own == line.value));
        }
    }

    /// Every line, and the part of its value that is a secret.
    pub fn iter_with_secrets(&self) -> impl Iterator<Item = (&str, &[u8], Option<Range<usize>>)> {
        let lines = self.0.iter();
        lines.map(|line| (&*line.name, &*line.value, line.secret.clone()))
    }

    /// The first value of that name, in any case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// The first value of that name as text, when it is UTF-8.
    pub fn get_text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Every value of that name, in order.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let lines = self.0.iter().filter(move |line| line.is_named(name));
        lines.map(|line| &*line.value)
    }

    /// Whether there is a line of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Every line, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> + Clone {
        self.0.iter().map(|line| (&*line.name, &*line.value))
    }

    /// Every line as text, in order.
    pub fn lines(&self) -> Vec<(String, String)> {
        let text = |(name, value): (&str, &[u8])| (name.to_owned(), String::from_utf8_lossy(value).into_owned());
        self.iter().map(text).collect()
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no lines.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lines that may be sent on to another hop: without hop-by-hop headers, those that `Connection` names, and those
    /// that the transport sets itself.
    #[must_use]
    pub fn end_to_end(&self) -> Self {
        let connection = self.all("connection").map(String::from_utf8_lossy).collect::<Vec<_>>();
        let named = |name: &str| {
            let mut tokens = connection.iter().flat_map(|value| value.split(','));
            tokens.any(|token| token.trim().eq_ignore_ascii_case(name))
        };
        self.only(|name| !HOP_BY_HOP.contains(&name) && !FRAMING.contains(&name) && !named(name))
    }

    /// Whether a caller may set that header: the framing ones are the transport's.
    pub fn is_framing(name: &str) -> bool {
        FRAMING.iter().any(|framing| framing.eq_ignore_ascii_case(name))
    }

    /// Whether that header's value is a credential, as far as its name tells: `authorization`, `cookie`, `x-api-key`,
    /// `x-NAME-token`.
    pub fn is_credential(name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let words: Vec<&str> = name.split(['-', '_']).collect();
        if let [.., before, _] = words[..]
            && OTHER_KEYS.contains(&before)
        {
            return false;
        }
        words.iter().any(|word| CREDENTIAL_WORDS.contains(word)) || words.last() == Some(&"key")
    }

    /// The lines without those that hold credentials.
    #[must_use]
    pub fn without_credentials(&self) -> Self {
        self.only(|name| !Self::is_credential(name))
    }

    /// One line per header, `name: value\n`, bytes as they are: the ledger's format.
    pub fn to_block(&self) -> Vec<u8> {
        let lines = self.0.iter();
        let lines = lines.map(|line| [line.name.as_bytes(), b": ", &line.value, b"\n"].concat());
        lines.collect::<Vec<_>>().concat()
    }

    /// Reads [`Headers::to_block`] back. A value has no line feed: HTTP forbids it.
    pub fn from_block(block: &[u8]) -> Self {
        let mut headers = Self::new();
        for line in block.split(|b| *b == b'\n') {
            if let Some(colon) = line.windows(2).position(|pair| pair == b": ") {
                headers.append(&String::from_utf8_lossy(&line[..colon]), &line[colon + 2..]);
            }
        }
        headers
    }

    fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|line| keep(&line.name)).cloned().collect())
    }
}

impl HeaderLine {
    fn new(name: &str, value: &[u8]) -> Self {
        Self {
            name: name.to_ascii_lowercase(),
            value: value.to_vec(),
            secret: None,
        }
    }

    fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

impl PartialEq for HeaderLine {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.value) == (&other.name, &other.value)
    }
}

impl Eq for HeaderLine {}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(lines: T) -> Self {
        let mut headers = Self::new();
        lines
            .into_iter()
            .for_each(|(name, value)| headers.append(name.as_ref(), value));
        headers
    }
}

impl From<&http::HeaderMap> for Headers {
    fn from(map: &http::HeaderMap) -> Self {
        map.iter().collect()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(name, value)| {
                if Self::is_credential(name) {
                    (name, "(masked)".into())
                } else {
                    (name, String::from_utf8_lossy(value))
                }
            }))
            .finish()
    }
}

/// Splits `Name: value`; `None` where the colon or the name is missing. Unchecked, for requests that other programs made and
/// that are read as they are; what a user or a provider file states is read by [`parse_line`].
pub fn split_line(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    Some((name.trim(), value.trim())).filter(|(name, _)| !name.is_empty())
}

/// Reads `Name: value` as a user or a provider file states it: the name is a token, the value holds no line break, and
/// whitespace around both is ignored. The error is a fact with the object in backticks.
pub fn parse_line(line: &str) -> Result<(&str, &str), String> {
    let (name, value) =
        split_line(line).ok_or_else(|| format!("`{}` is not a header of the form `NAME: VALUE`", shown_name(line)))?;
    check_field(name, value)?;
    Ok((name, value))
}

/// Checks a header that hook is to send: as [`parse_line`], and it is not one that the transport sets.
pub fn check_line(name: &str, value: &str) -> Result<(), String> {
    check_field(name, value)?;
    if Headers::is_framing(name) {
        return Err(format!("header `{name}` is set from the target and the body"));
    }
    Ok(())
}

/// What an error shows of a line without a colon: what follows the name may be a credential.
fn shown_name(line: &str) -> String {
    match line.trim().split_once(|c: char| c.is_whitespace() || c == '=') {
        Some((name, _)) => format!("{} {MASK}", printable(name, SHOWN)),
        None => printable(line, SHOWN),
    }
}

fn check_field(name: &str, value: &str) -> Result<(), String> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        // `Authorization Basic user:password` has the colon in its value.
        let is_value = name
            .split(char::is_whitespace)
            .next()
            .is_some_and(Headers::is_credential);
        let shown = if is_value {
            shown_name(name)
        } else {
            printable(name, SHOWN)
        };
        return Err(format!("`{shown}` is not a header name"));
    }
    if value.bytes().any(|b| b < 0x20 && b != b'\t' || b == 0x7f) {
        return Err(format!("the value of header `{name}` holds a control character"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_names_stay_together_in_the_order_of_first_appearance() {
        let mut headers = Headers::new();
        for (name, value) in [("A", "1"), ("b", "2"), ("a", "3")] {
            headers.append(name, value);
        }
        let lines: Vec<_> = headers
            .iter()
            .map(|(n, v)| format!("{n}={}", String::from_utf8_lossy(v)))
            .collect();
        assert_eq!(lines, ["a=1", "a=3", "b=2"]);
        headers.set("A", "9");
        assert_eq!(headers.all("a").collect::<Vec<_>>(), [b"9"]);
        assert_eq!(headers.len(), 2);
    }

    #[test]
    fn a_block_reads_back_whatever_the_bytes() {
        let mut headers = Headers::new();
        headers.append("x", vec![0xff, b':', b' ', 0x80]);
        headers.append("empty", "");
        assert_eq!(Headers::from_block(&headers.to_block()), headers);
    }

    #[test]
    fn hop_by_hop_headers_and_those_that_connection_names_are_dropped() {
        let headers: Headers = [
            ("connection", "x-hop, close"),
            ("x-hop", "1"),
            ("host", "a"),
            ("content-type", "t"),
            ("te", "x"),
        ]
        .into_iter()
        .collect();
        let kept: Vec<_> = headers.end_to_end().iter().map(|(n, _)| n.to_owned()).collect();
        assert_eq!(kept, ["content-type"]);
    }

    #[test]
    fn what_is_a_secret_stays_so_while_lines_come_and_go() {
        let lines = [("x", "1"), ("x-token", "Bearer abc"), ("y", "2"), ("connection", "y")];
        let mut headers: Headers = lines.into_iter().collect();
        headers.conceal("X-Token", |_| Some(7..10));
        headers.append("x", "3");
        headers.remove("y");
        headers.set("z", "4");
        let mut copy: Headers = headers.iter().collect();
        copy.conceal_like(&headers);
        for headers in [headers.clone(), headers.end_to_end(), copy] {
            let secrets = headers.iter_with_secrets();
            let secrets: Vec<_> = secrets.filter_map(|(name, _, part)| Some((name, part?))).collect();
            assert_eq!(secrets, [("x-token", 7..10)]);
        }
    }

    #[test]
    fn credentials_are_masked_in_debug_output() {
        let headers: Headers = [("authorization", "Bearer abc")].into_iter().collect();
        assert!(!format!("{headers:?}").contains("abc"));
    }

    #[test]
    fn header_lines_from_users_are_checked() {
        for line in ["X-A:b", "X-A:  b ", "\tX-A : b"] {
            assert_eq!(parse_line(line), Ok(("X-A", "b")), "{line}");
        }
        assert_eq!(parse_line("Host: a"), Ok(("Host", "a")), "a request that came has one");
        for line in ["X A: b", "X-A", ": b", "X-A: b\r\nc: d"] {
            assert!(parse_line(line).is_err(), "{line}");
        }
        assert!(check_line("x-a", "b").is_ok());
        for (name, value) in [
            ("", "b"),
            ("a b", "c"),
            ("x", "a\r\nb: c"),
            ("Host", "a"),
            ("content-length", "1"),
        ] {
            assert!(check_line(name, value).is_err(), "{name}");
        }
    }
}
