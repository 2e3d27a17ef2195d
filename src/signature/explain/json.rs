//! JSON read so that it can be re-serialized: numbers keep their text, members their order, and strings their escapes, since
//! that is what the signature was made of.

use std::borrow::Cow;
use std::str::Chars;

/// Deeper nesting is no JSON that anybody sends.
const DEEPEST: usize = 128;

/// More values than that take too much memory to be looked at. Each array or object counts for some.
const MOST_VALUES: usize = 2_000_000;
const CONTAINER: usize = 6;

/// Why a text is not looked at as a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is none.
    NotJson,
    /// It has too many values.
    TooMuch,
}

/// A parsed document that points into its text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum JsonNode<'t> {
    /// A number.
    Number(&'t str),
    /// `true`, `false` or `null`.
    Word(&'t str),
    /// What stands between the quotes, escapes and all.
    Text(&'t str),
    /// An array.
    Array(Vec<JsonNode<'t>>),
    /// An object.
    Object(Vec<Member<'t>>),
}

/// A name, escapes and all, and its value.
pub(super) type Member<'t> = (&'t str, JsonNode<'t>);

/// Reads a document.
pub(super) fn parse(body: &[u8]) -> Result<JsonNode<'_>, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| Fault::NotJson)?;
    let mut reader = JsonParser {
        text,
        at: 0,
        left: MOST_VALUES,
    };
    reader.blanks();
    let node = reader.value(0);
    reader.blanks();
    match node {
        Some(node) if reader.at == text.len() => Ok(node),
        None if reader.left < CONTAINER => Err(Fault::TooMuch),
        _ => Err(Fault::NotJson),
    }
}

struct JsonParser<'t> {
    text: &'t str,
    at: usize,
    left: usize,
}

impl<'t> JsonParser<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Option<JsonNode<'t>> {
        if depth > DEEPEST {
            return None;
        }
        let first = self.peek()?;
        let weight = if matches!(first, b'{' | b'[') { CONTAINER } else { 1 };
        self.left = self.left.checked_sub(weight)?;
        match first {
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b'"' => self.string().map(JsonNode::Text),
            b'-' | b'0'..=b'9' => Some(JsonNode::Number(
                self.run(|b| matches!(b, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')),
            )),
            _ => {
                let word = self.run(|b| b.is_ascii_lowercase());
                matches!(word, "true" | "false" | "null").then_some(JsonNode::Word(word))
            }
        }
    }

    fn run(&mut self, part: impl Fn(u8) -> bool) -> &'t str {
        let start = self.at;
        while self.peek().is_some_and(&part) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn string(&mut self) -> Option<&'t str> {
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        self.text.get(start..self.at - 1)
    }

    fn array(&mut self, depth: usize) -> Option<JsonNode<'t>> {
        self.at += 1;
        let mut items = Vec::new();
        self.blanks();
        if self.eat(b']') {
            return Some(JsonNode::Array(items));
        }
        loop {
            self.blanks();
            items.push(self.value(depth + 1)?);
            self.blanks();
            if self.eat(b']') {
                return Some(JsonNode::Array(items));
            }
            self.eat(b',').then_some(())?;
        }
    }

    fn object(&mut self, depth: usize) -> Option<JsonNode<'t>> {
        self.at += 1;
        let mut members = Vec::new();
        self.blanks();
        if self.eat(b'}') {
            return Some(JsonNode::Object(members));
        }
        loop {
            self.blanks();
            (self.peek()? == b'"').then_some(())?;
            let name = self.string()?;
            self.blanks();
            self.eat(b':').then_some(())?;
            self.blanks();
            members.push((name, self.value(depth + 1)?));
            self.blanks();
            if self.eat(b'}') {
                return Some(JsonNode::Object(members));
            }
            self.eat(b',').then_some(())?;
        }
    }
}

/// The next character of a string, or the half of a pair that stands alone.
pub(super) fn unit(rest: &mut Chars<'_>) -> Option<Result<char, u16>> {
    let c = rest.next()?;
    if c != '\\' {
        return Some(Ok(c));
    }
    Some(match rest.next()? {
        'u' => escaped(rest),
        'n' => Ok('\n'),
        'r' => Ok('\r'),
        't' => Ok('\t'),
        'b' => Ok('\u{8}'),
        'f' => Ok('\u{c}'),
        other => Ok(other),
    })
}

/// What `\u` and four digits stand for, or twice that.
fn escaped(rest: &mut Chars<'_>) -> Result<char, u16> {
    let first = hex4(rest);
    let mut ahead = rest.clone();
    let is_first_half = (0xd800..0xdc00).contains(&first);
    if is_first_half && ahead.next() == Some('\\') && ahead.next() == Some('u') {
        let pair = [first, hex4(&mut ahead)];
        if let Some(Ok(c)) = char::decode_utf16(pair).next() {
            *rest = ahead;
            return Ok(c);
        }
    }
    char::from_u32(first.into()).ok_or(first)
}

fn hex4(rest: &mut Chars<'_>) -> u16 {
    let digits = rest.by_ref().take(4).filter_map(|c| c.to_digit(16));
    digits.fold(0, |value, digit| {
        (value << 4) | u16::try_from(digit).unwrap_or_default()
    })
}

/// A string's text. Halves of pairs that stand alone are replaced.
pub(super) fn text(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw.chars();
    while let Some(unit) = unit(&mut rest) {
        text.push(unit.unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(text)
}
