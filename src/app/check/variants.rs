//! The same JSON in other bytes. A receiver that checks the signature over the raw bytes takes all of them; one that parses the
//! body and serialises it again takes those that its own serialiser would have written.

use std::fmt::Write as _;

use crate::json_text;

/// A part of a JSON text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    /// A string with its quotes.
    String(&'t str),
    /// A number, a literal or one character of punctuation.
    Other(&'t str),
}

/// The tokens of a valid JSON text, without blanks.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'"' => {
                while let Some(byte) = bytes.get(at) {
                    at += if *byte == b'\\' { 2 } else { 1 };
                    if *byte == b'"' {
                        break;
                    }
                }
                found.extend(text.get(start..at).map(Token::String));
            }
            b'{' | b'}' | b'[' | b']' | b':' | b',' => found.extend(text.get(start..at).map(Token::Other)),
            _ => {
                while bytes.get(at).is_some_and(|byte| !b" \t\r\n{}[]:,\"".contains(byte)) {
                    at += 1;
                }
                found.extend(text.get(start..at).map(Token::Other));
            }
        }
    }
    found
}

/// The text with each string and each other token changed.
fn rewritten(text: &str, string: impl Fn(&str) -> String, other: impl Fn(&str) -> String) -> String {
    let written = tokens(text).into_iter().map(|token| match token {
        Token::String(text) => string(text),
        Token::Other(text) => other(text),
    });
    written.collect()
}

/// With blanks and line feeds between values, none of them at the ends. `line` is the end of a line.
fn spaced(text: &str, line: &str) -> String {
    rewritten(text, str::to_owned, |token| match token {
        ":" => " :  ".to_owned(),
        "," => format!(" ,{line}\t"),
        other => other.to_owned(),
    })
}

/// With other white space between values.
pub(super) fn white_space(text: &str) -> String {
    spaced(text, "\n")
}

/// With CR LF between values.
pub(super) fn line_ends(text: &str) -> String {
    spaced(text, "\r\n")
}

/// With the members of the outermost object in the opposite order; `None` where it has no two.
pub(super) fn key_order(text: &str) -> Option<String> {
    let members = json_text::members(text).filter(|members| members.len() > 1)?;
    let members = members.iter().rev();
    let members: Vec<String> = members
        .map(|(name, value)| format!("{}:{value}", json_text::quoted(name)))
        .collect();
    Some(format!("{{{}}}", members.join(",")))
}

/// With the first letter of each string value as an escape; `None` where there is none.
pub(super) fn unicode_escapes(text: &str) -> Option<String> {
    let tokens = tokens(text);
    let mut written = String::with_capacity(text.len() * 2);
    for (index, token) in tokens.iter().enumerate() {
        match token {
            Token::String(string) if tokens.get(index + 1) != Some(&Token::Other(":")) => {
                let inner = string.strip_prefix('"').unwrap_or(string);
                match inner.chars().next().filter(char::is_ascii_alphanumeric) {
                    Some(first) => {
                        // Writing to a string does not fail.
                        let _ = write!(written, "\"\\u{:04X}{}", u32::from(first), &inner[1..]);
                    }
                    None => written += string,
                }
            }
            Token::String(text) | Token::Other(text) => written += text,
        }
    }
    (written.len() > text.len()).then_some(written)
}

/// With every slash as an escape; `None` where there is none.
pub(super) fn slash_escapes(text: &str) -> Option<String> {
    let escaped = |string: &str| {
        let mut written = String::with_capacity(string.len());
        let mut is_escaped = false;
        for c in string.chars() {
            if c == '/' && !is_escaped {
                written.push('\\');
            }
            is_escaped = c == '\\' && !is_escaped;
            written.push(c);
        }
        written
    };
    let written = rewritten(text, escaped, str::to_owned);
    written.contains("\\/").then_some(written)
}

/// With whole numbers as `1.0` and others with an exponent; `None` where there is no number.
pub(super) fn numbers(text: &str) -> Option<String> {
    let is_number = |token: &str| token.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    let has_number = tokens(text)
        .iter()
        .any(|token| matches!(token, Token::Other(text) if is_number(text)));
    let spelled = |token: &str| match token {
        token if !is_number(token) || token.contains(['e', 'E']) => token.to_owned(),
        token if token.contains('.') => format!("{token}e0"),
        token => format!("{token}.0"),
    };
    has_number.then(|| rewritten(text, str::to_owned, spelled))
}

/// How the serialisers of common languages would have written a body whose members are in that order.
pub(super) fn as_serialised(text: &str) -> Vec<(&'static str, String)> {
    let python = rewritten(text, str::to_owned, |token| match token {
        ":" | "," => format!("{token} "),
        other => other.to_owned(),
    });
    let mut forms = vec![("`json.dumps` of Python writes", python)];
    let sorted = serde_json::from_str::<serde_json::Value>(text).map(|mut value| {
        value.sort_all_objects();
        value.to_string()
    });
    forms.extend(sorted.ok().map(|sorted| ("serialisers that sort keys write", sorted)));
    forms
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const BODY: &str = r#"{"type":"a.b","n":1,"f":1.5,"t":true,"u":"http://x/y\\/","l":[1,"é \"q\""],"o":{"k":null}}"#;

    #[test]
    fn variants_are_other_bytes_of_the_same_document() {
        let before: Value = serde_json::from_str(BODY).unwrap();
        let numbers = numbers(BODY).unwrap();
        for (name, text) in [
            ("white space", white_space(BODY)),
            ("line ends", line_ends(BODY)),
            ("key order", key_order(BODY).unwrap()),
            ("unicode", unicode_escapes(BODY).unwrap()),
            ("slashes", slash_escapes(BODY).unwrap()),
        ] {
            assert_ne!(text, BODY, "{name}");
            let after: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}: {text}"));
            assert_eq!(after, before, "{name}");
        }
        let after: Value = serde_json::from_str(&numbers).unwrap();
        assert_eq!(after["n"].as_f64(), before["n"].as_f64());
        assert_eq!(numbers.matches(".0").count(), 2, "{numbers}");
    }

    #[test]
    fn each_variant_has_what_it_is_named_for() {
        assert_eq!(
            white_space(r#"{"a":1,"b":": ,"}"#),
            "{\"a\" :  1 ,\n\t\"b\" :  \": ,\"}"
        );
        assert_eq!(key_order(r#"{"a":1.00,"b":[2]}"#).unwrap(), r#"{"b":[2],"a":1.00}"#);
        assert_eq!(unicode_escapes(r#"{"a":"job"}"#).unwrap(), r#"{"a":"\u006Aob"}"#);
        assert_eq!(slash_escapes(r#"{"a":"b/c\/"}"#).unwrap(), r#"{"a":"b\/c\/"}"#);
        assert_eq!(
            numbers(r#"{"a":1,"b":1e3,"c":-0.5}"#).unwrap(),
            r#"{"a":1.0,"b":1e3,"c":-0.5e0}"#
        );
        assert_eq!(as_serialised(r#"{"b":1,"a":[1,2]}"#)[0].1, r#"{"b": 1, "a": [1, 2]}"#);
        assert_eq!(as_serialised(r#"{"b":1,"a":[1,2]}"#)[1].1, r#"{"a":[1,2],"b":1}"#);
    }

    #[test]
    fn what_a_body_lacks_has_no_variant() {
        assert_eq!(key_order(r#"{"a":1}"#), None);
        assert_eq!(key_order("[1,2]"), None);
        assert_eq!(unicode_escapes(r#"{"a":1}"#), None);
        assert_eq!(slash_escapes(r#"{"a":"b"}"#), None);
        assert_eq!(numbers(r#"{"a":"1"}"#), None);
    }
}
