//! Bodies, page by page: indented, as they came, or as bytes.

use std::fmt::Write as _;

use serde::Serialize;
use serde::de::IgnoredAny;

use crate::text::{printable, printable_lines};
use crate::view;
use crate::words::words;

/// Characters, or bytes of a dump, on one page.
pub const PAGE: usize = 64 * 1024;

/// Bytes of a body that is indented; a larger one is shown as it came.
const MOST_INDENTED: usize = 8 * 1024 * 1024;

/// Bytes in a line of a dump.
const DUMP_LINE: usize = 16;

words! {
    /// How a body is shown.
    #[derive(Default)]
    pub enum BodyForm {
        /// JSON indented.
        #[default]
        Pretty = "pretty",
        /// As it came.
        Raw = "raw",
        /// Bytes in hex.
        Hex = "hex",
    }
}

/// A page of a body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BodyPage {
    /// How it is shown; raw where it is too large to be indented, hex where it is no text.
    pub form: BodyForm,
    /// Harmless on a terminal.
    pub text: String,
    /// Where the page begins, in characters, or bytes of a dump.
    pub offset: usize,
    /// Where the next one begins; absent for the last page.
    pub next: Option<usize>,
    /// Bytes of the whole body.
    pub size: usize,
    /// Why a body that should be JSON is none.
    pub problem: Option<SyntaxProblem>,
}

/// Where a JSON text ends to be one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SyntaxProblem {
    /// What is wrong.
    pub message: String,
    /// From 1.
    pub line: usize,
    /// From 1, in bytes.
    pub column: usize,
    /// In bytes from the beginning.
    pub offset: usize,
}

/// A page of a body. `content_type` decides whether it should be JSON.
pub fn page(body: &[u8], content_type: Option<&str>, form: BodyForm, offset: usize) -> BodyPage {
    let text = std::str::from_utf8(body).ok();
    let form = match (form, text) {
        (_, None) => BodyForm::Hex,
        (BodyForm::Pretty, _) if body.len() > MOST_INDENTED => BodyForm::Raw,
        (form, _) => form,
    };
    let (text, next) = match (form, text) {
        (BodyForm::Hex, _) | (_, None) => dump(body, offset),
        (BodyForm::Raw, Some(text)) => part(&printable_lines(text, usize::MAX), offset),
        (BodyForm::Pretty, Some(_)) => part(&view::body::pretty(body, usize::MAX).text, offset),
    };
    BodyPage {
        form,
        text,
        offset,
        next,
        size: body.len(),
        problem: problem(body, content_type),
    }
}

fn part(text: &str, offset: usize) -> (String, Option<usize>) {
    let mut rest = text.chars().skip(offset);
    let part: String = rest.by_ref().take(PAGE).collect();
    (part, rest.next().map(|_| offset + PAGE))
}

/// `00000010  7b 22 61 22 ...  {"a"...`
fn dump(body: &[u8], offset: usize) -> (String, Option<usize>) {
    let start = offset.min(body.len()) / DUMP_LINE * DUMP_LINE;
    let end = (start + PAGE / 4).min(body.len());
    let mut text = String::with_capacity((end - start) * 5);
    for (index, line) in body[start..end].chunks(DUMP_LINE).enumerate() {
        let _ = write!(text, "{:08x} ", start + index * DUMP_LINE);
        for at in 0..DUMP_LINE {
            let gap = if at == DUMP_LINE / 2 { "  " } else { " " };
            let byte = line
                .get(at)
                .map_or_else(|| "  ".to_owned(), |byte| format!("{byte:02x}"));
            let _ = write!(text, "{gap}{byte}");
        }
        let shown = |byte: &u8| {
            if (0x20..0x7f).contains(byte) {
                char::from(*byte)
            } else {
                '.'
            }
        };
        let _ = writeln!(text, "  {}", line.iter().map(shown).collect::<String>());
    }
    (text, (end < body.len()).then_some(end))
}

/// Why a body that should be JSON is none: by its type, or by its first character.
pub fn problem(body: &[u8], content_type: Option<&str>) -> Option<SyntaxProblem> {
    let looks_like = || matches!(body.trim_ascii_start().first(), Some(b'{' | b'['));
    let is_wanted = content_type.is_some_and(|kind| kind.to_ascii_lowercase().contains("json")) || looks_like();
    if !is_wanted || body.trim_ascii().is_empty() {
        return None;
    }
    let error = serde_json::from_slice::<IgnoredAny>(body).err()?;
    let (line, column) = (error.line(), error.column().max(1));
    let before = body.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1));
    let offset = before.map(<[u8]>::len).sum::<usize>() + column - 1;
    Some(SyntaxProblem {
        message: printable(&error.to_string(), 200),
        line,
        column,
        offset: offset.min(body.len()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_shown_in_three_forms() {
        let body = br#"{"a":[1,2]}"#;
        let shown = |form| page(body, None, form, 0).text;
        assert_eq!(shown(BodyForm::Pretty), "{\n  \"a\": [\n    1,\n    2\n  ]\n}");
        assert_eq!(shown(BodyForm::Raw), r#"{"a":[1,2]}"#);
        assert_eq!(
            shown(BodyForm::Hex),
            "00000000  7b 22 61 22 3a 5b 31 2c  32 5d 7d                 {\"a\":[1,2]}\n"
        );
        assert_eq!(page(&[0xff, 0], None, BodyForm::Pretty, 0).form, BodyForm::Hex);
    }

    #[test]
    fn large_bodies_have_pages_that_add_up_to_the_whole() {
        let body = "é".repeat(PAGE + 10);
        let first = page(body.as_bytes(), None, BodyForm::Raw, 0);
        assert_eq!(first.next, Some(PAGE));
        let second = page(body.as_bytes(), None, BodyForm::Raw, PAGE);
        assert_eq!((second.text.chars().count(), second.next), (10, None));
        let bytes = vec![0; PAGE];
        let first = page(&bytes, None, BodyForm::Hex, 0);
        assert_eq!(first.next, Some(PAGE / 4));
        assert_eq!(page(&bytes, None, BodyForm::Hex, usize::MAX).text, "");
    }

    #[test]
    fn the_place_of_a_syntax_error_is_found() {
        let found = problem(b"{\n  \"a\": 1,\n  oops\n}", None).unwrap();
        assert_eq!((found.line, found.column), (3, 3));
        assert_eq!(found.offset, 14);
        assert_eq!(problem(b"a=1", None), None);
        assert!(problem(b"a=1", Some("application/json; charset=utf-8")).is_some());
        assert_eq!(problem(b"{}", Some("application/json")), None);
        assert_eq!(problem(b"", Some("application/json")), None);
    }
}
