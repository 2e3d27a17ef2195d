//! Text for people. Escaping of untrusted text: the one place that decides which characters may reach a terminal or a log
//! as they are. And the short forms of durations, sizes, counts and statuses.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::{Serialize, Serializer};

/// Parameters of the sequences that [`crate::view::style`] and the help of clap are written with.
const STYLES: [&str; 8] = ["0", "1", "2", "4", "31", "32", "33", "36"];

/// Whether a character can steer a terminal, reorder or break a line, or hide in it.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}'
            // Variation selectors can carry hidden bytes. The last two stay: emoji need them.
            | '\u{fe00}'..='\u{fe0d}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Escapes text from the network for a terminal: unsafe characters are shown as `\u{..}`, and no more than `most`
/// characters are kept.
pub fn printable(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most));
    for (count, c) in text.chars().enumerate() {
        if count == most {
            shown.push('…');
            break;
        }
        push(&mut shown, c);
    }
    shown
}

/// Like [`printable`], but keeps line feeds and tabs: for bodies.
pub fn printable_lines(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most));
    let mut chars = text.chars().take(most).peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' | '\t' => shown.push(c),
            // The line ends of Windows, and of HTTP.
            '\r' if matches!(chars.peek(), None | Some('\n')) => {}
            c => push(&mut shown, c),
        }
    }
    shown
}

/// A line that is about to be printed, from any source: only line feeds, tabs and, where the stream is `styled`,
/// the colours of this program are left as they are.
pub fn harmless_line(text: &str, styled: bool) -> Cow<'_, str> {
    let plain = |b: u8| (0x20..0x7f).contains(&b) || matches!(b, b'\n' | b'\t');
    if text.bytes().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let style = if styled { style_len(rest) } else { 0 };
        let taken = style.max(c.len_utf8());
        match c {
            '\n' | '\t' => shown.push(c),
            _ if style > 0 => shown.push_str(&rest[..style]),
            c => push(&mut shown, c),
        }
        rest = &rest[taken..];
    }
    Cow::Owned(shown)
}

/// A record with the name and version of its schema before its fields.
#[derive(Serialize)]
pub struct WithSchema<'a, T> {
    /// Such as `hook.capture/1`.
    pub schema: &'a str,
    /// An object.
    #[serde(flatten)]
    pub record: &'a T,
}

/// Writes a value as JSON on one line, with every unsafe character as a `\u` escape: for a JSON reader the text is the same.
pub fn write_json(mut to: impl io::Write, value: &impl Serialize) -> io::Result<()> {
    to.write_all(escaped_json(serde_json::to_string(value)?).as_bytes())
}

/// A value as indented JSON, with every unsafe character as a `\u` escape.
pub fn pretty_json(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string_pretty(value).map(escaped_json)
}

fn escaped_json(json: String) -> String {
    // The ASCII control characters in strings are escaped already, except DEL; those outside of strings are line ends.
    if json.bytes().all(|b| b < 0x7f) {
        return json;
    }
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if c >= '\u{7f}' && is_unsafe(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a `String` cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Bytes for JSON: as text, or in base64 when they are not UTF-8.
pub fn encoded(bytes: &[u8]) -> (Option<String>, Option<String>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text.to_owned()), None),
        Err(_) => (None, Some(STANDARD.encode(bytes))),
    }
}

/// A short duration for tables: `850us`, `3.4ms`, `1.20s`.
pub fn short_time(took: Duration) -> String {
    let us = took.as_micros();
    match us {
        0..1000 => format!("{us}us"),
        1000..1_000_000 => format!("{:.1}ms", took.as_secs_f64() * 1000.0),
        _ => format!("{:.2}s", took.as_secs_f64()),
    }
}

/// A size for tables: `812 B`, `1.2 KiB`, `3.0 MiB`.
pub fn short_size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let value = bytes as f64;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", value / 1024.0),
        _ => format!("{:.1} MiB", value / 1_048_576.0),
    }
}

/// Names in backticks: `` `a`, `b` ``.
pub fn quoted<T: Display>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// `1 event`, `2 events`, `2 deliveries`, `2 keys`.
pub fn count(n: u64, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if n == 1 => format!("1 {noun}"),
        Some(start) if !start.ends_with(['a', 'e', 'o']) => format!("{n} {start}ies"),
        _ => format!("{n} {noun}s"),
    }
}

/// Milliseconds with three decimals, for JSON.
pub fn millis(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1000.0
}

/// What is before the first mark, and what is after it, where there is one.
pub fn halves(text: &str, mark: char) -> (&str, Option<&str>) {
    let halves = text.split_once(mark);
    halves.map_or((text, None), |(before, after)| (before, Some(after)))
}

/// Serializes a value as the text that is shown for it.
pub fn serialize_text<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// A duration as a number of milliseconds in JSON.
pub fn serialize_millis<S: Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(millis(*took))
}

/// The same for one that may be missing.
#[expect(clippy::ref_option, reason = "serde calls it with a reference")]
pub fn serialize_millis_if_any<S: Serializer>(took: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    took.map(millis).serialize(serializer)
}

/// The standard phrase of a status, or nothing. Two are older in the crate than in RFC 9110.
fn phrase(status: u16) -> &'static str {
    let known = StatusCode::from_u16(status).ok();
    match status {
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        _ => known.and_then(|status| status.canonical_reason()).unwrap_or_default(),
    }
}

/// `200 OK`.
pub fn status_line(status: u16) -> String {
    format!("{status} {}", phrase(status)).trim_end().to_owned()
}

/// A fact begins in lower case, unless its first word is a name such as `TLS`.
pub fn lower(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if first.is_ascii_uppercase() && !second.is_ascii_uppercase() => {
            format!("{}{}", first.to_ascii_lowercase(), &text[1..])
        }
        _ => text.to_owned(),
    }
}

fn push(shown: &mut String, c: char) {
    if is_unsafe(c) {
        shown.extend(c.escape_unicode());
    } else {
        shown.push(c);
    }
}

/// The length of a colour sequence of this program that the text begins with, else 0.
fn style_len(text: &str) -> usize {
    let Some((parameters, _)) = text.strip_prefix("\u{1b}[").and_then(|rest| rest.split_once('m')) else {
        return 0;
    };
    let ours = parameters.split(';').all(|parameter| STYLES.contains(&parameter));
    if ours { parameters.len() + 3 } else { 0 }
}

/// The text in lines of at most `width` characters, broken at blanks.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    for word in text.split(' ') {
        let Some(row) = rows.last_mut() else { continue };
        if row.is_empty() {
            row.push_str(word);
        } else if row.chars().count() + 1 + word.chars().count() <= width {
            row.push(' ');
            row.push_str(word);
        } else {
            rows.push(word.to_owned());
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_are_counted_in_english() {
        let said = [(1, "key"), (2, "key"), (2, "delivery"), (0, "event")].map(|(n, noun)| count(n, noun));
        assert_eq!(said, ["1 key", "2 keys", "2 deliveries", "0 events"]);
    }

    /// One of each kind: C0, DEL, C1, bidi, zero-width, line separators, byte order mark, tags, hidden selectors.
    const UNSAFE: [char; 16] = [
        '\u{0}',
        '\u{1b}',
        '\u{7f}',
        '\u{9b}',
        '\u{ad}',
        '\u{61c}',
        '\u{200b}',
        '\u{200d}',
        '\u{200e}',
        '\u{2028}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{feff}',
        '\u{e0041}',
        '\u{e0100}',
    ];

    #[test]
    fn foreign_text_cannot_steer_a_terminal_or_hide_in_it() {
        for c in UNSAFE {
            let escaped = format!("a{}b", c.escape_unicode());
            assert_eq!(printable(&format!("a{c}b"), 80), escaped);
            assert_eq!(printable_lines(&format!("a{c}b"), 80), escaped);
            assert_eq!(harmless_line(&format!("a{c}b"), true), escaped);
        }
        assert_eq!(printable("a\u{1b}[31mb\n", 80), "a\\u{1b}[31mb\\u{a}");
        assert_eq!(printable("abcdef", 3), "abc…");
        assert_eq!(printable_lines("a\r\n\tb\u{7}\rc", 80), "a\n\tb\\u{7}\\u{d}c");
        assert_eq!(printable("Grüße, 世界 ❤\u{fe0f}", 80), "Grüße, 世界 ❤\u{fe0f}");
    }

    #[test]
    fn a_line_keeps_the_colours_of_the_program_and_no_other_sequence() {
        let ours = "\u{1b}[1;36mname\u{1b}[0m\n";
        assert_eq!(harmless_line(ours, true), ours);
        assert_eq!(harmless_line(ours, false), "\\u{1b}[1;36mname\\u{1b}[0m\n");
        for foreign in ["\u{1b}[8m", "\u{1b}[2J", "\u{1b}]0;t\u{7}", "\u{1b}[", "\u{1b}[1;8m"] {
            assert!(!harmless_line(foreign, true).contains('\u{1b}'), "{foreign:?}");
        }
    }

    #[test]
    fn json_escapes_the_same_characters_and_reads_back_the_same() {
        let text: String = UNSAFE.iter().chain(&['a', '"', 'ü', '\n']).collect();
        let mut line = Vec::new();
        write_json(&mut line, &[&text]).unwrap();
        let pretty = pretty_json(&[&text]).unwrap();
        for written in [String::from_utf8(line).unwrap(), pretty] {
            assert_eq!(serde_json::from_str::<Vec<String>>(&written).unwrap(), [text.as_str()]);
            assert!(!written.replace('\n', "").chars().any(is_unsafe), "{written}");
            assert!(written.contains("\\udb40\\udc41") && written.contains('ü'), "{written}");
        }
    }

    #[test]
    fn lines_are_broken_at_blanks_and_long_words_stay_whole() {
        assert_eq!(wrapped("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrapped("abcdefgh i", 5), ["abcdefgh", "i"]);
        assert_eq!(wrapped("", 5), [""]);
    }
}
