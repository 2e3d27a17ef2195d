//! A body for people. Its tokens are not changed: parsing and re-serializing would alter numbers and lose repeated keys.

use serde::de::IgnoredAny;

use super::short_size;
use crate::text::printable_lines;

/// Deeper than any real event: what is deeper would be mostly indentation.
const DEEPEST: usize = 64;

/// A body, ready for a terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownBody {
    /// JSON indented, other text as it is, bytes counted.
    pub text: String,
    /// Whether there is more than is shown.
    pub cut: bool,
}

/// The first `most` characters of a body.
pub fn pretty(body: &[u8], most: usize) -> ShownBody {
    let Ok(text) = std::str::from_utf8(body) else {
        let size = short_size(body.len() as u64);
        return ShownBody {
            text: format!("({size} of binary data)"),
            cut: false,
        };
    };
    // The scanner below does not validate, so only valid JSON is indented.
    let indented = serde_json::from_str::<IgnoredAny>(text).ok().and_then(|_| indent(text));
    let text = indented.as_deref().unwrap_or(text);
    ShownBody {
        text: printable_lines(text, most),
        cut: text.chars().nth(most).is_some(),
    }
}

/// Valid JSON, a line for each value. `None` when it is too deep.
fn indent(json: &str) -> Option<String> {
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0;
    let mut chars = characters(json).peekable();
    while let Some((c, quoted)) = chars.next() {
        match c {
            _ if quoted => out.push(c),
            '{' | '[' => {
                out.push(c);
                if let Some((close, _)) = chars.next_if(|(next, quoted)| !quoted && matches!(next, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                new_line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => out.push(c),
        }
        // Indentation grows with the square of the depth.
        if depth > DEEPEST {
            return None;
        }
    }
    Some(out)
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    (0..depth).for_each(|_| out.push_str("  "));
}

/// The characters of a JSON text without the white space between values, each with whether it is part of a string.
fn characters(json: &str) -> impl Iterator<Item = (char, bool)> {
    let (mut quoted, mut escaped) = (false, false);
    json.chars().filter_map(move |c| {
        if quoted {
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
            return Some((c, true));
        }
        quoted = c == '"';
        (!c.is_ascii_whitespace()).then_some((c, quoted))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_and_its_tokens_stay_as_they_came() {
        let body = br#" {"a":1.10,"a":[ ],"s":"x, \"{y}\" \\","n":[12345678901234567890123,{}]} "#;
        let shown = pretty(body, 1000);
        assert_eq!(
            shown.text,
            "{\n  \"a\": 1.10,\n  \"a\": [],\n  \"s\": \"x, \\\"{y}\\\" \\\\\",\n  \"n\": [\n    12345678901234567890123,\n    \
             {}\n  ]\n}"
        );
        assert!(!shown.cut);
    }

    #[test]
    fn what_is_no_json_is_shown_as_text_and_bytes_are_counted() {
        assert_eq!(pretty(b"a=1&b={", 1000).text, "a=1&b={");
        assert_eq!(pretty(b"{\"a\":1", 1000).text, "{\"a\":1");
        assert_eq!(pretty(&[0xff, 0xfe], 1000).text, "(2 B of binary data)");
        assert_eq!(pretty(b"", 1000).text, "");
    }

    #[test]
    fn a_body_is_cut_and_one_that_is_all_depth_does_not_explode() {
        let shown = pretty(b"abcdef", 3);
        assert_eq!((shown.text.as_str(), shown.cut), ("abc", true));
        let deep = "[".repeat(100_000);
        let deep = format!("{deep}{}", "]".repeat(100_000));
        assert_eq!(pretty(deep.as_bytes(), usize::MAX).text.len(), 200_000);
    }
}
