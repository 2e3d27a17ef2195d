//! Ordered HTTP headers as they came: names in lower case in order of first appearance, values as bytes in their order
//! within a name.

use std::fmt;
use std::ops::Range;

/// A list of header lines. Two lists with the same lines are equal, whatever is known to be a secret in them.
#[derive(Clone, Default)]
pub struct Headers {
    /// Names and values as they were added, one after the other. A buffer for each of them took a tenth of the time of a
    /// bulk send.
    text: Vec<u8>,
    /// In order.
    lines: Vec<Line>,
    /// Parts of values that are secrets, by the numbers of their lines: the ledger does not keep them.
    secrets: Vec<(usize, Range<usize>)>,
}

/// Where a line stands in the text: the name, right behind it the value.
#[derive(Clone, Copy)]
struct Line {
    start: usize,
    name: usize,
    value: usize,
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

/// Last word of names of the same kind.
const KEY: &str = "key";

/// What stands before `key` or `token` where that opens nothing.
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

impl Headers {
    /// No lines.
    pub fn new() -> Self {
        Self::default()
    }

    /// No lines yet, with room for that many.
    pub fn with_capacity(lines: usize) -> Self {
        Self {
            text: Vec::with_capacity(lines * 40),
            lines: Vec::with_capacity(lines),
            secrets: Vec::new(),
        }
    }

    /// Adds a line after those of the same name, or at the end.
    pub fn append(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let last = self.lines.iter().rposition(|line| self.is_named(*line, name));
        let line = self.write(name, value.as_ref());
        let at = last.map_or(self.lines.len(), |last| last + 1);
        self.lines.insert(at, line);
        self.secrets
            .iter_mut()
            .filter(|(line, _)| *line >= at)
            .for_each(|(line, _)| *line += 1);
    }

    /// Adds a line whose name is known to be lower case and not interleaved: what a parsed request gives.
    pub fn push_raw(&mut self, name: &str, value: &[u8]) {
        let line = self.write(name, value);
        self.lines.push(line);
    }

    /// Makes this the only line of that name, in its place when there was one.
    pub fn set(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let first = self.lines.iter().position(|line| self.is_named(*line, name));
        self.remove(name);
        let line = self.write(name, value.as_ref());
        let at = first.unwrap_or(self.lines.len());
        self.lines.insert(at, line);
        self.secrets
            .iter_mut()
            .filter(|(line, _)| *line >= at)
            .for_each(|(line, _)| *line += 1);
    }

    /// Adds lines in place of those of the same names.
    pub fn replace_with<'a>(&mut self, own: impl Iterator<Item = (&'a str, &'a [u8])> + Clone) {
        own.clone().for_each(|(name, _)| self.remove(name));
        own.for_each(|(name, value)| self.append(name, value));
    }

    /// Drops every line of that name.
    pub fn remove(&mut self, name: &str) {
        while let Some(at) = self.lines.iter().position(|line| self.is_named(*line, name)) {
            self.lines.remove(at);
            self.secrets.retain(|(line, _)| *line != at);
            self.secrets
                .iter_mut()
                .filter(|(line, _)| *line > at)
                .for_each(|(line, _)| *line -= 1);
        }
    }

    /// Notes which part of the values of that name is a secret.
    pub fn conceal(&mut self, name: &str, part: impl Fn(&[u8]) -> Option<Range<usize>>) {
        for at in 0..self.lines.len() {
            let line = self.lines[at];
            if self.is_named(line, name)
                && let Some(part) = part(line.value_in(&self.text)).filter(|part| !part.is_empty())
            {
                self.secrets.retain(|(line, _)| *line != at);
                self.secrets.push((at, part));
            }
        }
    }

    /// Notes which part of the value of a line, by its number, is a secret.
    pub fn conceal_line(&mut self, line: usize, part: Range<usize>) {
        if self.lines.get(line).is_some_and(|line| part.end <= line.value) {
            self.secrets.push((line, part));
        }
    }

    /// Notes the same parts as another list does, for lines that are the same.
    pub fn conceal_like(&mut self, other: &Self) {
        for (line, part) in &other.secrets {
            let line = other.lines[*line];
            let name = String::from_utf8_lossy(line.name_in(&other.text));
            let value = line.value_in(&other.text);
            self.conceal(&name, |own| (own == value).then(|| part.clone()));
        }
    }

    /// Every line, and the part of its value that is a secret.
    pub fn iter_with_secrets(&self) -> impl Iterator<Item = (&str, &[u8], Option<Range<usize>>)> {
        self.iter().enumerate().map(|(at, (name, value))| {
            let secret = self.secrets.iter().find(|(line, _)| *line == at);
            (name, value, secret.map(|(_, part)| part.clone()))
        })
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
        self.lines
            .iter()
            .filter(move |line| self.is_named(**line, name))
            .map(|line| line.value_in(&self.text))
    }

    /// Whether a line of that name is there.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Every line, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> + Clone {
        self.lines.iter().map(|line| {
            // Every name was a `str` when it was added.
            let name = std::str::from_utf8(line.name_in(&self.text)).unwrap_or_default();
            (name, line.value_in(&self.text))
        })
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines that may be sent on to another hop: without hop-by-hop headers, those that `Connection` names, and those
    /// that the transport sets itself.
    #[must_use]
    pub fn end_to_end(&self) -> Self {
        let named: Vec<String> = self
            .all("connection")
            .flat_map(|value| {
                String::from_utf8_lossy(value)
                    .split(',')
                    .map(|t| t.trim().to_ascii_lowercase())
                    .collect::<Vec<_>>()
            })
            .collect();
        self.only(|name| !HOP_BY_HOP.contains(&name) && !FRAMING.contains(&name) && !named.iter().any(|n| n == name))
    }

    /// Whether a caller may set that header: the framing ones are the transport's.
    pub fn is_framing(name: &str) -> bool {
        FRAMING.iter().any(|framing| framing.eq_ignore_ascii_case(name))
    }

    /// Whether that header's value is a credential, as far as its name tells: `authorization`, `cookie`, `x-api-key`,
    /// `x-NAME-token`.
    pub fn is_credential(name: &str) -> bool {
        let is = |word: &str, other: &str| word.eq_ignore_ascii_case(other);
        let words = || name.split(['-', '_']);
        let mut last = words().rev();
        let (last, before) = (last.next(), last.next());
        if before.is_some_and(|word| OTHER_KEYS.iter().any(|other| is(word, other))) {
            return false;
        }
        words().any(|word| CREDENTIAL_WORDS.iter().any(|secret| is(word, secret)))
            || last.is_some_and(|word| is(word, KEY))
    }

    /// The lines without those that hold credentials.
    #[must_use]
    pub fn without_credentials(&self) -> Self {
        self.only(|name| !Self::is_credential(name))
    }

    /// One line a header, `name: value\n`, bytes as they are: the ledger's form.
    pub fn to_block(&self) -> Vec<u8> {
        let mut block = Vec::with_capacity(self.text.len() + self.lines.len() * 3);
        for line in &self.lines {
            block.extend_from_slice(line.name_in(&self.text));
            block.extend_from_slice(b": ");
            block.extend_from_slice(line.value_in(&self.text));
            block.push(b'\n');
        }
        block
    }

    /// Reads [`Headers::to_block`] back. A value holds no line feed: HTTP forbids it.
    pub fn from_block(block: &[u8]) -> Self {
        let mut headers = Self::new();
        for line in block.split(|b| *b == b'\n') {
            if let Some(colon) = line.windows(2).position(|pair| pair == b": ") {
                headers.push_raw(&String::from_utf8_lossy(&line[..colon]), &line[colon + 2..]);
            }
        }
        headers
    }

    fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        let mut kept = Self::with_capacity(self.len());
        for (name, value, secret) in self.iter_with_secrets().filter(|(name, ..)| keep(name)) {
            kept.secrets.extend(secret.map(|part| (kept.len(), part)));
            kept.push_raw(name, value);
        }
        kept
    }

    fn is_named(&self, line: Line, name: &str) -> bool {
        line.name_in(&self.text).eq_ignore_ascii_case(name.as_bytes())
    }

    fn write(&mut self, name: &str, value: &[u8]) -> Line {
        let start = self.text.len();
        self.text.extend_from_slice(name.as_bytes());
        self.text[start..].make_ascii_lowercase();
        self.text.extend_from_slice(value);
        Line {
            start,
            name: name.len(),
            value: value.len(),
        }
    }
}

impl Line {
    fn name_in(self, text: &[u8]) -> &[u8] {
        &text[self.start..self.start + self.name]
    }

    fn value_in(self, text: &[u8]) -> &[u8] {
        &text[self.start + self.name..][..self.value]
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

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
        let mut headers = Self::with_capacity(map.len());
        for (name, value) in map {
            headers.push_raw(name.as_str(), value.as_bytes());
        }
        headers
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(name, value)| {
                (
                    name,
                    if Self::is_credential(name) {
                        "(masked)".into()
                    } else {
                        String::from_utf8_lossy(value)
                    },
                )
            }))
            .finish()
    }
}

/// Splits `Name: value`; `None` where the colon or the name is missing.
pub fn split_line(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    Some((name.trim(), value.trim())).filter(|(name, _)| !name.is_empty())
}

/// Checks a header line that a user gave: the name is a token, the value holds no line break, neither is the
/// transport's own. The error is a fact with the object in backticks.
pub fn check_line(name: &str, value: &str) -> Result<(), String> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(format!("`{}` is not a header name", name.escape_debug()));
    }
    if value.bytes().any(|b| b < 0x20 && b != b'\t' || b == 0x7f) {
        return Err(format!("the value of header `{name}` holds a control character"));
    }
    if Headers::is_framing(name) {
        return Err(format!("header `{name}` is set from the target and the body"));
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
