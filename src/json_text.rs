//! Reads and changes single values in the text of a JSON document, for what is sent, signed or compared. What is not changed
//! stays byte for byte: numbers keep their digits, strings their escapes, objects their equal names, and whitespace stays where
//! they stood.

mod texts;

use std::borrow::Cow;
use std::ops::Range;

use indexmap::IndexMap;
use serde::de::IgnoredAny;
use serde_json::Value;

pub use texts::{with_numbers_as_text, with_the_rest_as_text};

/// Deeper nesting is read by no JSON parser here.
const DEEPEST: usize = 128;

/// The text of a body that is JSON.
pub fn valid(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    serde_json::from_str::<IgnoredAny>(text).ok().map(|_| text)
}

/// The value at a dotted path of a JSON text.
pub fn get<'t>(text: &'t str, path: &str) -> Option<&'t str> {
    get_at(text, &path.split('.').collect::<Vec<_>>())
}

/// The same where the names on the path may have dots.
pub fn get_at<'t>(text: &'t str, keys: &[&str]) -> Option<&'t str> {
    let mut keys = keys.iter();
    let at = keys.try_fold(whole(text)?, |at, key| match find(text, at, key)? {
        Found::Value(span) => Some(span),
        Found::Missing { .. } | Found::Null => None,
    });
    text.get(at?)
}

/// Puts a value, itself JSON text, at a dotted path, and creates the objects on the path. `None` when a value on the path is
/// neither an object nor an array with that item, or when the text is not JSON.
pub fn set(text: &str, path: &str, value: &str) -> Option<String> {
    set_at(text, &path.split('.').collect::<Vec<_>>(), value)
}

/// The same where the names on the path may have dots.
pub fn set_at(text: &str, keys: &[&str], value: &str) -> Option<String> {
    valid(text.as_bytes())?;
    let mut at = whole(text)?;
    for (depth, key) in keys.iter().enumerate() {
        match find(text, at.clone(), key)? {
            Found::Value(span) => at = span,
            Found::Missing { end, is_empty } => {
                let comma = if is_empty { "" } else { "," };
                let member = format!("{comma}{}:{}", quoted(key), nested(&keys[depth + 1..], value));
                return Some(spliced(text, end..end, &member));
            }
            Found::Null => return Some(spliced(text, at, &nested(&keys[depth..], value))),
        }
    }
    Some(spliced(text, at, value))
}

/// Names and values of a JSON text that is an object.
pub fn members(text: &str) -> Option<Vec<(String, &str)>> {
    let mut scanner = Scanner {
        text,
        at: whole(text)?.start,
    };
    let members = (scanner.peek()? == b'{').then(|| scanner.members())??;
    let member =
        |(name, value): (Range<usize>, Range<usize>)| Some((unquoted(text.get(name)?)?.into_owned(), text.get(value)?));
    members.into_iter().map(member).collect()
}

/// The values of a JSON text that is an array.
pub fn items(text: &str) -> Option<Vec<&str>> {
    if !text.trim_ascii_start().starts_with('[') {
        return None;
    }
    let mut scanner = Scanner {
        text,
        at: whole(text)?.start,
    };
    let items = scanner.items()?;
    items.into_iter().map(|item| text.get(item)).collect()
}

/// The byte order mark of a body, mostly none, and the JSON text behind it. `None` where the body is not JSON in UTF-8.
pub fn split_mark(body: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(body).ok()?;
    let (mark, json) = text.split_at(text.len() - text.trim_start_matches('\u{feff}').len());
    valid(json.as_bytes())?;
    Some((mark, json))
}

/// The JSON text of an object with these members.
pub fn object(members: &IndexMap<String, String>) -> String {
    let members = members.iter().map(|(name, value)| format!("{}:{value}", quoted(name)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// A text as JSON.
pub fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A scalar as bare text: a string without quotes, a number or a boolean as it is written. `None` for `null`, arrays and
/// objects.
pub fn scalar(value: &str) -> Option<Cow<'_, str>> {
    match value.as_bytes().first()? {
        b'"' => unquoted(value),
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(value)),
    }
}

/// Any value as bare text: a string without quotes, all others as JSON.
pub fn bare(value: &str) -> String {
    let compact = || compact(value).unwrap_or_else(|_| value.to_owned());
    scalar(value).map_or_else(compact, Cow::into_owned)
}

/// A JSON text without the blanks between its values.
pub fn compact(text: &str) -> Result<String, serde_json::Error> {
    let pieces = pieces(text)?.into_iter();
    Ok(pieces.map(Piece::into_json).collect())
}

/// A piece of a JSON text.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// A value that is a string.
    String(String),
    /// Everything between two of them: numbers as they are written, names, brackets.
    Other(String),
}

impl Piece {
    fn into_json(self) -> String {
        match self {
            Self::String(text) => quoted(&text),
            Self::Other(text) => text,
        }
    }
}

/// The pieces of a JSON text, without its blanks.
pub fn pieces(text: &str) -> Result<Vec<Piece>, serde_json::Error> {
    serde_json::from_str::<IgnoredAny>(text)?;
    let mut scanner = Scanner { text, at: 0 };
    let (mut pieces, mut other) = (Vec::new(), String::new());
    loop {
        scanner.blanks();
        let start = scanner.at;
        match scanner.peek() {
            None => break,
            Some(b'"') => {
                scanner.string();
                let string = serde_json::from_str::<String>(&text[start..scanner.at])?;
                scanner.blanks();
                if scanner.peek() == Some(b':') {
                    other.push_str(&quoted(&string));
                } else {
                    pieces.extend([Piece::Other(std::mem::take(&mut other)), Piece::String(string)]);
                }
            }
            Some(_) => {
                scanner.step_over_other();
                other.push_str(&text[start..scanner.at]);
            }
        }
    }
    pieces.push(Piece::Other(other));
    Ok(pieces)
}

fn unquoted(text: &str) -> Option<Cow<'_, str>> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(text).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// Whether an object of the document has a name twice: a reader keeps the last value only.
pub fn repeated_name(text: &str) -> Option<String> {
    let mut scanner = Scanner { text, at: 0 };
    let mut open: Vec<Vec<String>> = Vec::new();
    while let Some(byte) = scanner.peek() {
        match byte {
            b'{' | b'[' => open.push(Vec::new()),
            b'}' | b']' => drop(open.pop()),
            b'"' => {
                let span = scanner.value(0)?;
                scanner.blanks();
                if scanner.peek() == Some(b':')
                    && let Some(names) = open.last_mut()
                {
                    let name: String = unquoted(text.get(span)?)?.into_owned();
                    if names.contains(&name) {
                        return Some(name);
                    }
                    names.push(name);
                }
                continue;
            }
            _ => {}
        }
        scanner.at += 1;
    }
    None
}

/// What is at a key of a value.
enum Found {
    /// A value.
    Value(Range<usize>),
    /// Nothing: a member of the object would end there.
    Missing { end: usize, is_empty: bool },
    /// The value itself is `null`, in place of which an object may be.
    Null,
}

/// The key of the value at `around`; of equal names the last one counts, as for every reader.
fn find(text: &str, around: Range<usize>, key: &str) -> Option<Found> {
    let mut scanner = Scanner { text, at: around.start };
    match scanner.peek()? {
        b'n' => return Some(Found::Null),
        b'[' => {
            let index: usize = key.parse().ok()?;
            let items = scanner.items()?;
            return items.get(index).cloned().map(Found::Value);
        }
        b'{' => {}
        _ => return None,
    }
    let members = scanner.members()?;
    let is_key = |name: &Range<usize>| {
        text.get(name.clone())
            .and_then(unquoted)
            .is_some_and(|name| name == key)
    };
    let found = members.iter().rev().find(|(name, _)| is_key(name));
    Some(match (found, members.last()) {
        (Some((_, value)), _) => Found::Value(value.clone()),
        (None, Some((_, last))) => Found::Missing {
            end: last.end,
            is_empty: false,
        },
        (None, None) => Found::Missing {
            end: around.start + 1,
            is_empty: true,
        },
    })
}

fn whole(text: &str) -> Option<Range<usize>> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.blanks();
    scanner.value(0)
}

fn nested(keys: &[&str], value: &str) -> String {
    let keys = keys.iter().rev();
    keys.fold(value.to_owned(), |inner, key| format!("{{{}:{inner}}}", quoted(key)))
}

fn spliced(text: &str, span: Range<usize>, with: &str) -> String {
    format!("{}{with}{}", &text[..span.start], &text[span.end..])
}

/// Finds where values begin and end, in a text that is JSON.
struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl Scanner<'_> {
    /// Steps to the next string or blank.
    fn step_over_other(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let is_end = |byte: &u8| *byte == b'"' || byte.is_ascii_whitespace();
        self.at += rest.iter().position(is_end).unwrap_or(rest.len());
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Steps over a list or an object of any depth.
    fn step_over_container(&mut self) {
        let mut open = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.string();
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open -= 1,
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return;
            }
        }
    }

    /// Steps over one value.
    fn value(&mut self, depth: usize) -> Option<Range<usize>> {
        let start = self.at;
        match self.peek()? {
            _ if depth > DEEPEST => return None,
            b'"' => self.string(),
            b'{' | b'[' => self.container(depth)?,
            _ => {
                while self
                    .peek()
                    .is_some_and(|byte| !matches!(byte, b',' | b'}' | b']') && !byte.is_ascii_whitespace())
                {
                    self.at += 1;
                }
            }
        }
        Some(start..self.at)
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                break;
            }
        }
    }

    fn container(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        loop {
            self.blanks();
            match self.peek()? {
                b'}' | b']' => {
                    self.at += 1;
                    return Some(());
                }
                b',' | b':' => self.at += 1,
                _ => {
                    self.value(depth + 1)?;
                }
            }
        }
    }

    /// The values of the array or the object that begins here, names among them.
    fn items(&mut self) -> Option<Vec<Range<usize>>> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.blanks();
            match self.peek()? {
                b'}' | b']' => return Some(items),
                b',' | b':' => self.at += 1,
                _ => items.push(self.value(1)?),
            }
        }
    }

    /// Names and values of the object that begins here.
    fn members(&mut self) -> Option<Vec<(Range<usize>, Range<usize>)>> {
        let items = self.items()?;
        let pairs = items.chunks_exact(2);
        Some(pairs.map(|pair| (pair[0].clone(), pair[1].clone())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_addressed_value_changes() {
        let text = "{\"a\": 10.00, \"b\":{\"c\" : [1, {\"d\":\"\\u00e9\\/\"} ]},\n \"big\":123456789012345678901234567890, \"x\":1,\"x\":2 }";
        let set = |path: &str, value: &str| set(text, path, value).unwrap();
        assert_eq!(set("b.c.1.d", "\"f\""), text.replace("\"\\u00e9\\/\"", "\"f\""));
        assert_eq!(set("a", "null"), text.replace("10.00", "null"));
        assert_eq!(
            set("x", "3"),
            text.replace("\"x\":2", "\"x\":3"),
            "a reader takes the last one"
        );
        assert_eq!(
            set("new.at", "[1]"),
            text.replace("\"x\":2 }", "\"x\":2,\"new\":{\"at\":[1]} }")
        );
        assert_eq!(set("b.n", "1.10"), text.replace(" ]}", " ],\"n\":1.10}"));
    }

    #[test]
    fn objects_are_made_in_empty_places_and_nothing_is_put_into_other_values() {
        assert_eq!(set("{ }", "a.b", "1").unwrap(), "{\"a\":{\"b\":1} }");
        assert_eq!(set("{\"a\":null}", "a.b", "1").unwrap(), "{\"a\":{\"b\":1}}");
        assert_eq!(set("null", "a", "1").unwrap(), "{\"a\":1}");
        for (text, path) in [
            ("[1]", "1"),
            ("[1]", "x"),
            ("{\"a\":1}", "a.b"),
            ("{\"a\":", "a"),
            ("", "a"),
        ] {
            assert_eq!(set(text, path, "1"), None, "{text} {path}");
        }
    }

    #[test]
    fn equal_names_are_found_in_one_object_only() {
        assert_eq!(repeated_name("{\"a\":{\"b\":1},\"c\":[{\"b\":2},{\"b\":\"b\"}]}"), None);
        assert_eq!(repeated_name("[{\"a\":1, \"\\u0061\" :2}]"), Some("a".to_owned()));
    }

    #[test]
    fn values_are_found_as_they_are_written() {
        let text = r#" {"a":{"b":[1, 1.10 ,{"c":"\u00e9\/"}]},"x":1,"x":1e5,"n":null}"#;
        for (path, expected) in [
            ("a.b.1", Some("1.10")),
            ("a.b.2.c", Some(r#""\u00e9\/""#)),
            ("x", Some("1e5")),
            ("n", Some("null")),
            ("n.a", None),
            ("a.b.3", None),
            ("x.y", None),
        ] {
            assert_eq!(get(text, path), expected, "{path}");
        }
        assert_eq!(scalar(get(text, "a.b.2.c").unwrap()).as_deref(), Some("é/"));
        let names: Vec<String> = members(text).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "x", "x", "n"]);
        assert_eq!((members("[]"), members("")), (None, None));
    }

    #[test]
    fn blanks_are_left_out_and_numbers_and_equal_names_are_not() {
        let text = "{ \"a b\" : [ 10.00 , -0, 1e3 ] ,\n\"a b\": \"x \\u00e9\" }";
        assert_eq!(compact(text).unwrap(), "{\"a b\":[10.00,-0,1e3],\"a b\":\"x é\"}");
        assert_eq!(
            pieces("[\"a\",1.0]").unwrap(),
            [
                Piece::Other("[".into()),
                Piece::String("a".into()),
                Piece::Other(",1.0]".into())
            ]
        );
        assert!(compact("{\"a\":1").is_err());
    }

    #[test]
    fn no_text_makes_a_search_panic() {
        for text in [
            "",
            "{",
            "\"",
            "\"\\",
            "{\"a\\",
            "{\"\\é\":1",
            "[1,",
            "{\"a\":",
            "nul",
            "\u{1f600}",
        ] {
            for path in ["a", "0", "a.b", ""] {
                get(text, path);
                assert_eq!(set(text, path, "1"), None, "{text}");
            }
            members(text);
            bare(text);
            repeated_name(text);
        }
    }
}
