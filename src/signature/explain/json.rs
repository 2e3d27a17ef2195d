//! JSON written anew as common programs write it. Numbers keep their text and members their order unless a style says
//! otherwise, since that is what the signature was made of.

use std::borrow::Cow;
use std::str::Chars;

use super::numbers::number;
use super::styles::{Escapes, JsonStyle, Order};

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

/// Writes a document in that style; `size` is how long it came. `None` when it gets far longer: indented by its depth, a
/// deep document has hundreds of bytes for one.
pub(super) fn write(node: &JsonNode<'_>, style: &JsonStyle, size: usize) -> Option<Vec<u8>> {
    let mut writer = Writer {
        style,
        most: size.saturating_mul(8) + 4096,
        out: String::with_capacity(size + size / 4),
    };
    writer.node(node, 0);
    (writer.out.len() <= writer.most).then(|| writer.out.into_bytes())
}

struct Writer<'s> {
    style: &'s JsonStyle,
    most: usize,
    out: String,
}

impl Writer<'_> {
    fn node(&mut self, node: &JsonNode<'_>, depth: usize) {
        match node {
            _ if self.out.len() > self.most => {}
            JsonNode::Number(text) => {
                let text = number(text, self.style.numbers);
                self.out.push_str(&text);
            }
            JsonNode::Word(word) => self.out.push_str(word),
            JsonNode::Text(raw) => self.string(raw),
            JsonNode::Array(items) => {
                self.out.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.between(index, depth + 1);
                    self.node(item, depth + 1);
                }
                self.end(items.len(), depth);
                self.out.push(']');
            }
            JsonNode::Object(members) => {
                self.out.push('{');
                match ordered(members, self.style.order) {
                    Some(sorted) => self.members(sorted, depth + 1),
                    None => self.members(members, depth + 1),
                }
                self.end(members.len(), depth);
                self.out.push('}');
            }
        }
    }

    fn members<'m, 't: 'm>(&mut self, members: impl IntoIterator<Item = &'m Member<'t>>, depth: usize) {
        for (index, (name, value)) in members.into_iter().enumerate() {
            self.between(index, depth);
            self.string(name);
            self.out.push_str(self.style.separators.1);
            self.node(value, depth);
        }
    }

    fn between(&mut self, index: usize, depth: usize) {
        if self.style.indent.is_some() {
            if index > 0 {
                self.out.push(',');
            }
            self.line(depth);
        } else if index > 0 {
            self.out.push_str(self.style.separators.0);
        }
    }

    fn end(&mut self, items: usize, depth: usize) {
        if items > 0 {
            self.line(depth);
        }
    }

    fn line(&mut self, depth: usize) {
        if let Some(indent) = self.style.indent {
            self.out.push('\n');
            (0..depth).for_each(|_| self.out.push_str(indent));
        }
    }

    /// A string whose escapes are undone and made anew.
    fn string(&mut self, raw: &str) {
        let Escapes { unicode, slash, html } = self.style.escapes;
        // Of characters beyond ASCII the first byte is met first, so that the text is cut between characters.
        let special = |byte: u8| match byte {
            b'\\' | 0..=0x1f => true,
            b'/' => slash,
            b'<' | b'>' | b'&' => html,
            0xe2 => html || unicode,
            _ => unicode && byte > b'~',
        };
        self.out.push('"');
        let mut rest = raw;
        while let Some(at) = rest.bytes().position(special) {
            self.out.push_str(&rest[..at]);
            let mut chars = rest[at..].chars();
            match unit(&mut chars) {
                Some(Ok(c)) => self.char(c),
                Some(Err(alone)) => self.unit(alone),
                None => {}
            }
            rest = chars.as_str();
        }
        self.out.push_str(rest);
        self.out.push('"');
    }

    fn char(&mut self, c: char) {
        let escapes = self.style.escapes;
        match c {
            '"' => self.out.push_str("\\\""),
            '\\' => self.out.push_str("\\\\"),
            '\n' => self.out.push_str("\\n"),
            '\r' => self.out.push_str("\\r"),
            '\t' => self.out.push_str("\\t"),
            '\u{8}' => self.out.push_str("\\b"),
            '\u{c}' => self.out.push_str("\\f"),
            '/' if escapes.slash => self.out.push_str("\\/"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' if escapes.html => self.unit(c as u16),
            '\0'..='\u{1f}' => self.unit(c as u16),
            c if escapes.unicode && c > '~' => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    self.unit(*unit);
                }
            }
            c => self.out.push(c),
        }
    }

    fn unit(&mut self, unit: u16) {
        self.out.push_str("\\u");
        for shift in [12, 8, 4, 0] {
            let digit = char::from_digit(u32::from(unit >> shift) & 15, 16);
            self.out.push(digit.unwrap_or('0'));
        }
    }
}

/// The next character of a string, or the half of a pair that stands alone.
fn unit(rest: &mut Chars<'_>) -> Option<Result<char, u16>> {
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

/// The members in another order than their own.
fn ordered<'m, 't>(members: &'m [Member<'t>], order: Order) -> Option<Vec<&'m Member<'t>>> {
    let indexed = || members.iter().any(|(name, _)| index(name).is_some());
    if order == Order::Kept || (order == Order::IntegersFirst && !indexed()) {
        return None;
    }
    let mut sorted: Vec<&Member<'t>> = members.iter().collect();
    if order == Order::Sorted {
        sorted.sort_by_cached_key(|(name, _)| text(name));
    } else {
        sorted.sort_by_cached_key(|(name, _)| index(name).map_or((1, 0), |number| (0, number)));
    }
    Some(sorted)
}

/// The index of an array that a name is: without a leading zero and below 2^32 - 1.
fn index(name: &str) -> Option<u32> {
    let plain = name == "0" || matches!(name.as_bytes().first(), Some(b'1'..=b'9'));
    let number: u32 = plain.then(|| name.parse().ok()).flatten()?;
    (number < u32::MAX).then_some(number)
}
