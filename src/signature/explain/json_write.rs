//! JSON re-serialized as common programs write it.

use super::json::{JsonNode, Member, text, unit};
use super::json_style::{Escapes, JsonStyle, Layout, Numbers, Order, UpperDigits};
use super::numbers::number;

/// Changes to single values that a writer cannot know of, by their numbers in the document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// Numbers that get this behind them.
    pub(super) behind: &'static str,
    pub(super) numbers: u64,
    /// Empty arrays that are written as objects, and the reverse.
    pub(super) empties: u64,
}

/// Writes a document in that style; `size` is how long it came. `None` when it gets far longer: indented by its depth, a
/// deep document has hundreds of bytes for one.
pub(super) fn write(node: &JsonNode<'_>, style: &JsonStyle, marks: Marks, size: usize) -> Option<Vec<u8>> {
    let mut writer = Writer {
        style,
        marks,
        met: (0, 0),
        most: size.saturating_mul(8) + 4096,
        out: String::with_capacity(size + size / 4),
    };
    writer.node(node, 0);
    (writer.out.len() <= writer.most).then(|| writer.out.into_bytes())
}

struct Writer<'s> {
    style: &'s JsonStyle,
    marks: Marks,
    /// How many whole numbers and how many empty values are written.
    met: (u32, u32),
    most: usize,
    out: String,
}

/// Two digits behind every point, as amounts of money have them.
pub(super) const TWO_DECIMALS: &str = ".00";

/// The digits that a number can have lost behind its point.
pub(super) fn missing_digits(text: &str, behind: &'static str) -> Option<&'static str> {
    match text.split_once('.') {
        Some((_, digits)) => (digits.len() == 1 && behind == TWO_DECIMALS).then_some("0"),
        None => {
            let is_whole = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') && text.len() <= 15;
            is_whole.then_some(behind)
        }
    }
}

fn is_set(marks: u64, at: u32) -> bool {
    marks.checked_shr(at).is_some_and(|rest| rest & 1 == 1)
}

impl Writer<'_> {
    fn node(&mut self, node: &JsonNode<'_>, depth: usize) {
        match node {
            _ if self.out.len() > self.most => {}
            JsonNode::Number(text) => self.number(text),
            JsonNode::Word(word) => self.out.push_str(word),
            JsonNode::Text(raw) => self.string(raw),
            JsonNode::Array(items) if items.is_empty() => self.empty("[]", "{}", depth),
            JsonNode::Object(members) if members.is_empty() => self.empty("{}", "[]", depth),
            JsonNode::Array(items) => self.items(items, depth),
            JsonNode::Object(members) => {
                let is_padded = matches!(self.style.layout, Layout::Padded(_));
                self.out.push_str(if is_padded { "{ " } else { "{" });
                match ordered(members, self.style.order, depth) {
                    Some(sorted) => self.members(sorted, depth + 1),
                    None => self.members(members, depth + 1),
                }
                self.line(depth);
                self.out.push_str(if is_padded { " }" } else { "}" });
            }
        }
    }

    fn number(&mut self, text: &str) {
        self.out.push_str(&number(text, self.style.numbers));
        if let Some(digits) = missing_digits(text, self.marks.behind).filter(|_| self.marks.numbers != 0) {
            if is_set(self.marks.numbers, self.met.0) {
                self.out.push_str(digits);
            }
            self.met.0 += 1;
        }
    }

    fn empty(&mut self, own: &str, other: &str, depth: usize) {
        let text = if is_set(self.marks.empties, self.met.1) {
            other
        } else {
            own
        };
        self.met.1 += 1;
        match (self.style.layout, text) {
            (Layout::ArraysInLine, "[]") => self.out.push_str("[ ]"),
            (Layout::ArraysInLine, _) => self.out.push_str("{ }"),
            (Layout::EmptyLines, _) => {
                let (open, close) = text.split_at(1);
                self.out.extend([open, if open == "[" { "\n" } else { "" }]);
                self.line(depth);
                self.out.push_str(close);
            }
            _ => self.out.push_str(text),
        }
    }

    fn items(&mut self, items: &[JsonNode<'_>], depth: usize) {
        let in_line = matches!(self.style.layout, Layout::ArraysInLine | Layout::Padded(true));
        self.out.push_str(if in_line { "[ " } else { "[" });
        for (index, item) in items.iter().enumerate() {
            if in_line {
                self.out.push_str(if index > 0 { ", " } else { "" });
                // Jackson indents by the objects alone.
                self.node(item, depth);
                continue;
            }
            match self.style.layout {
                Layout::Lines(end) if depth == 0 && index > 0 => self.out.extend([",", end]),
                _ => self.between(index, depth + 1),
            }
            self.node(item, depth + 1);
        }
        match self.style.layout {
            _ if in_line => self.out.push_str(" ]"),
            Layout::Lines(end) if depth == 0 => self.out.extend(["]", end]),
            _ => {
                self.line(depth);
                self.out.push(']');
            }
        }
    }

    fn members<'m, 't: 'm>(&mut self, members: impl IntoIterator<Item = &'m Member<'t>>, depth: usize) {
        let after_name = match self.style.layout {
            Layout::Line(_, after) | Layout::Indented(_, after, _) => after,
            Layout::ArraysInLine => " : ",
            Layout::EmptyLines | Layout::Padded(_) => ": ",
            Layout::Lines(_) => ":",
        };
        for (index, (name, value)) in members.into_iter().enumerate() {
            self.between(index, depth);
            self.string(name);
            self.out.push_str(after_name);
            self.node(value, depth);
        }
    }

    fn between(&mut self, index: usize, depth: usize) {
        match self.style.layout {
            Layout::Line(separator, _) if index > 0 => self.out.push_str(separator),
            Layout::Lines(_) if index > 0 => self.out.push(','),
            Layout::Padded(_) if index > 0 => self.out.push_str(", "),
            Layout::Line(..) | Layout::Lines(_) | Layout::Padded(_) => {}
            Layout::Indented(..) | Layout::ArraysInLine | Layout::EmptyLines => {
                if index > 0 {
                    self.out.push(',');
                }
                self.line(depth);
            }
        }
    }

    fn line(&mut self, depth: usize) {
        let (indent, end) = match self.style.layout {
            Layout::Indented(indent, _, end) => (indent, end),
            Layout::ArraysInLine | Layout::EmptyLines => ("  ", "\n"),
            Layout::Line(..) | Layout::Lines(_) | Layout::Padded(_) => return,
        };
        self.out.push_str(end);
        (0..depth).for_each(|_| self.out.push_str(indent));
    }

    /// A string whose escapes are undone and made again.
    fn string(&mut self, raw: &str) {
        let Escapes {
            unicode,
            slash,
            lines,
            ascii,
            ..
        } = self.style.escapes;
        // Of characters beyond ASCII the first byte is met first, so that the text is cut between characters.
        let special = |byte: u8| match byte {
            b'\\' | 0..=0x1f => true,
            b'/' => slash,
            0xe2 => lines || unicode,
            0x80.. => unicode,
            byte => !ascii.is_empty() && ascii.as_bytes().contains(&byte),
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
            c if c.is_ascii() && escapes.ascii.contains(c) => self.unit(c as u16),
            '"' => self.out.push_str("\\\""),
            '\\' => self.out.push_str("\\\\"),
            '\n' => self.out.push_str("\\n"),
            '\r' => self.out.push_str("\\r"),
            '\t' => self.out.push_str("\\t"),
            '\u{8}' => self.out.push_str("\\b"),
            '\u{c}' => self.out.push_str("\\f"),
            '/' if escapes.slash => self.out.push_str("\\/"),
            '\u{2028}' | '\u{2029}' if escapes.lines => self.unit(c as u16),
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
        let is_upper = match self.style.escapes.upper {
            UpperDigits::None => false,
            UpperDigits::Ascii => unit < 0x80,
            UpperDigits::All => true,
        };
        for shift in [12, 8, 4, 0] {
            let digit = char::from_digit(u32::from(unit >> shift) & 15, 16).unwrap_or('0');
            self.out.push(if is_upper { digit.to_ascii_uppercase() } else { digit });
        }
    }
}

/// What of a style can be seen in a document: two styles that differ in nothing of it give the same bytes.
pub(super) struct Features {
    beyond_ascii: bool,
    escaped: bool,
    slash: bool,
    ascii: [bool; 128],
    fractions: bool,
    whole: bool,
    members: bool,
    indexes: bool,
    containers: bool,
}

impl Features {
    pub(super) fn of(body: &[u8], node: &JsonNode<'_>) -> Self {
        let mut features = Self {
            beyond_ascii: body.iter().any(|byte| *byte >= 0x7f),
            escaped: body.contains(&b'\\'),
            slash: body.contains(&b'/'),
            ascii: [false; 128],
            fractions: false,
            whole: false,
            members: false,
            indexes: false,
            containers: false,
        };
        for byte in body.iter().filter(|byte| byte.is_ascii()) {
            features.ascii[usize::from(*byte)] = true;
        }
        // A quote inside of a string is escaped.
        features.ascii[usize::from(b'"')] = features.escaped;
        features.look(node);
        features
    }

    fn look(&mut self, node: &JsonNode<'_>) {
        match node {
            JsonNode::Number(text) => {
                let plain = text.len() <= 15 && *text != "-0" && !text.contains(['.', 'e', 'E']);
                self.fractions |= !plain;
                self.whole = true;
            }
            JsonNode::Array(items) => {
                self.containers = true;
                for item in items {
                    self.look(item);
                }
            }
            JsonNode::Object(members) => {
                self.containers = true;
                self.members |= members.len() > 1;
                for (name, value) in members {
                    self.indexes |= index(name).is_some();
                    self.look(value);
                }
            }
            JsonNode::Word(_) | JsonNode::Text(_) => {}
        }
    }

    /// The style without what this document does not show.
    pub(super) fn seen(&self, style: &JsonStyle) -> JsonStyle {
        let mut seen = JsonStyle { name: "", ..*style };
        let Escapes {
            unicode,
            slash,
            lines,
            ascii,
            ..
        } = style.escapes;
        let any = self.escaped || self.beyond_ascii;
        seen.escapes.unicode = unicode && any;
        seen.escapes.lines = lines && any && !unicode;
        seen.escapes.slash = slash && self.slash;
        if !self.escaped && !ascii.bytes().any(|byte| self.ascii[usize::from(byte)]) {
            seen.escapes.ascii = "";
        }
        if !(seen.escapes.unicode || !seen.escapes.ascii.is_empty() || self.escaped) {
            seen.escapes.upper = UpperDigits::None;
        }
        seen.numbers = match style.numbers {
            Numbers::Doubles if self.whole => Numbers::Doubles,
            numbers if self.fractions => numbers,
            _ => Numbers::Kept,
        };
        seen.order = match style.order {
            order @ (Order::Sorted | Order::OutermostSorted | Order::ByLength) if self.members => order,
            Order::IntegersFirst if self.indexes && self.members => Order::IntegersFirst,
            _ => Order::Kept,
        };
        if !self.containers {
            seen.layout = Layout::Line("", "");
        }
        seen
    }
}

/// The members in another order than their own.
fn ordered<'m, 't>(members: &'m [Member<'t>], order: Order, depth: usize) -> Option<Vec<&'m Member<'t>>> {
    let indexed = || members.iter().any(|(name, _)| index(name).is_some());
    let mut sorted: Vec<&Member<'t>> = members.iter().collect();
    match order {
        Order::OutermostSorted if depth > 0 => return None,
        Order::Sorted | Order::OutermostSorted => sorted.sort_by_cached_key(|(name, _)| text(name)),
        Order::ByLength => sorted.sort_by_cached_key(|(name, _)| (text(name).len(), text(name))),
        Order::IntegersFirst if indexed() => {
            sorted.sort_by_cached_key(|(name, _)| index(name).map_or((1, 0), |number| (0, number)));
        }
        Order::Kept | Order::IntegersFirst => return None,
    }
    Some(sorted)
}

/// The index of an array that a name is: without a leading zero and below 2^32 - 1.
fn index(name: &str) -> Option<u32> {
    let plain = name == "0" || matches!(name.as_bytes().first(), Some(b'1'..=b'9'));
    let number: u32 = plain.then(|| name.parse().ok()).flatten()?;
    (number < u32::MAX).then_some(number)
}
