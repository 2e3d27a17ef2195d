//! Ordered HTTP headers as they came: names in lower case in order of first appearance, values as bytes in their order
//! within a name.

use std::fmt;

/// A list of header lines.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Vec<u8>)>);

/// Names of headers that hold credentials: masked in every output unless revealed.
const CREDENTIALS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "set-cookie"];

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
        Self(Vec::with_capacity(lines))
    }

    /// Adds a line after those of the same name, or at the end.
    pub fn append(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        let name = name.to_ascii_lowercase();
        match self.0.iter().rposition(|(have, _)| *have == name) {
            Some(last) => self.0.insert(last + 1, (name, value.into())),
            None => self.0.push((name, value.into())),
        }
    }

    /// Adds a line whose name is known to be lower case and not interleaved: what a parsed request gives.
    pub fn push_raw(&mut self, name: &str, value: &[u8]) {
        self.0.push((name.to_owned(), value.to_vec()));
    }

    /// Makes this the only line of that name, in its place when there was one.
    pub fn set(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        let name = name.to_ascii_lowercase();
        match self.0.iter().position(|(have, _)| *have == name) {
            Some(first) => {
                self.0[first].1 = value.into();
                let mut index = 0;
                self.0.retain(|(have, _)| {
                    index += 1;
                    *have != name || index - 1 == first
                });
            }
            None => self.0.push((name, value.into())),
        }
    }

    /// Drops every line of that name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(have, _)| !have.eq_ignore_ascii_case(name));
    }

    /// The first value of that name, in any case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.0
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// The first value of that name as text, when it is UTF-8.
    pub fn get_text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Every value of that name, in order.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.0
            .iter()
            .filter(move |(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }

    /// Whether a line of that name is there.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Every line, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
        let keep =
            |name: &str| !HOP_BY_HOP.contains(&name) && !FRAMING.contains(&name) && !named.iter().any(|n| n == name);
        Self(self.0.iter().filter(|(name, _)| keep(name)).cloned().collect())
    }

    /// Whether a caller may set that header: the framing ones are the transport's.
    pub fn is_framing(name: &str) -> bool {
        FRAMING.iter().any(|framing| framing.eq_ignore_ascii_case(name))
    }

    /// Whether that header's value is a credential.
    pub fn is_credential(name: &str) -> bool {
        CREDENTIALS
            .iter()
            .any(|credential| credential.eq_ignore_ascii_case(name))
    }

    /// The lines without those that hold credentials.
    #[must_use]
    pub fn without_credentials(&self) -> Self {
        Self(
            self.0
                .iter()
                .filter(|(name, _)| !Self::is_credential(name))
                .cloned()
                .collect(),
        )
    }

    /// One line a header, `name: value\n`, bytes as they are: the ledger's form.
    pub fn to_block(&self) -> Vec<u8> {
        let size = self.0.iter().map(|(name, value)| name.len() + value.len() + 3).sum();
        let mut block = Vec::with_capacity(size);
        for (name, value) in &self.0 {
            block.extend_from_slice(name.as_bytes());
            block.extend_from_slice(b": ");
            block.extend_from_slice(value);
            block.push(b'\n');
        }
        block
    }

    /// Reads [`Headers::to_block`] back. A value holds no line feed: HTTP forbids it.
    pub fn from_block(block: &[u8]) -> Self {
        let line = |line: &[u8]| {
            let colon = line.windows(2).position(|pair| pair == b": ")?;
            Some((
                String::from_utf8_lossy(&line[..colon]).into_owned(),
                line[colon + 2..].to_vec(),
            ))
        };
        Self(block.split(|b| *b == b'\n').filter_map(line).collect())
    }
}

impl<N: AsRef<str>, V: Into<Vec<u8>>> FromIterator<(N, V)> for Headers {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(lines: T) -> Self {
        let mut headers = Self::new();
        lines
            .into_iter()
            .for_each(|(name, value)| headers.append(name.as_ref(), value));
        headers
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.0.iter().map(|(name, value)| {
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
