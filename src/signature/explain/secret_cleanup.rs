//! Text around a secret that was copied with it, and what files, settings and editors do to a secret.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::embedded::{CleanedSecret, add, base64_of_another_form};
use super::mistake::{Rank, mistake};
use super::{html_escapes, json};
use crate::signature::encoding::LENIENT_KEY;
use base64::Engine as _;

/// What is put around a secret when it is copied, opening and closing.
pub(super) const QUOTES: [(&str, &str); 9] = [
    ("\"", "\""),
    ("'", "'"),
    ("`", "`"),
    ("\u{201c}", "\u{201d}"),
    ("\u{2018}", "\u{2019}"),
    ("\u{201e}", "\u{201c}"),
    ("\u{ab}", "\u{bb}"),
    ("\u{bb}", "\u{ab}"),
    ("$'", "'"),
];

/// What secrets of Standard Webhooks begin with.
pub(super) const KNOWN_PREFIX: &str = "whsec_";

/// Characters that are not visible, beside white space.
const INVISIBLE: [char; 14] = [
    '\u{feff}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{ad}', '\u{200e}', '\u{200f}', '\u{202a}',
    '\u{202c}', '\u{2066}', '\u{2069}', '\u{61c}', '\u{180e}',
];

fn is_invisible(c: char) -> bool {
    !c.is_ascii() && (c.is_whitespace() || INVISIBLE.contains(&c))
}

/// Every text that this one may have been before it got here. `name`: what the secret is called.
pub(super) fn cleanings(text: &[u8], name: &str) -> Vec<CleanedSecret> {
    let mut all = Vec::new();
    blank(text, name, &mut all);
    quoted(text, name, &mut all);
    framed(text, name, &mut all);
    encoded(text, name, &mut all);
    all.retain(|cleaned| !cleaned.text.is_empty() && cleaned.text != text);
    all
}

/// Spaces and newlines in words.
pub(super) fn name_of_blank(blank: &[u8]) -> &'static str {
    match blank {
        b"\n" => "a newline",
        b"\r\n" => "a newline (CR LF)",
        b"\r" => "a carriage return",
        b" " => "a space",
        b"\t" => "a tab",
        blank if blank.contains(&b'\n') => "whitespace or newlines",
        _ => "whitespace",
    }
}

fn blank(text: &[u8], name: &str, all: &mut Vec<CleanedSecret>) {
    let hint = "keep the secret without it: `printf %s VALUE > FILE` adds no newline";
    let (head, tail) = (text.len() - text.trim_ascii_start().len(), text.trim_ascii_end().len());
    let (before, after) = (&text[..head], text.get(tail..).unwrap_or_default());
    let (what, at) = match (before.is_empty(), after.is_empty()) {
        (true, false) => (name_of_blank(after), "at its end"),
        (false, true) => (name_of_blank(before), "at its beginning"),
        _ => ("whitespace or newlines", "around it"),
    };
    let said = mistake("secret-whitespace", format!("{name} has {what} {at}"), hint);
    add(all, Rank::Common, text.trim_ascii(), said.clone());
    add(all, Rank::Common, text.trim_ascii_end(), said);
    for end in [b"\\r\\n".as_slice(), b"\\n", b"\\r"] {
        if let Some(bare) = text.strip_suffix(end) {
            let said = format!("{name} has an escaped newline at its end, a backslash and a letter");
            add(all, Rank::Common, bare, mistake("secret-whitespace", said, hint));
        }
    }
    let words = std::str::from_utf8(text).unwrap_or_default();
    if words.contains(is_invisible) {
        let bare = words.replace(is_invisible, "");
        let said = format!("{name} has an invisible character in it, such as U+200B or a byte order mark");
        let hint = "type the secret, or copy it from where it was made, without invisible characters";
        add(all, Rank::Common, bare.trim(), mistake("secret-whitespace", said, hint));
    }
    let inner: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    if inner.len() < text.trim_ascii().len() && !words.contains("-----BEGIN") {
        let said = format!("{name} has whitespace or newlines inside: it was wrapped");
        add(all, Rank::Common, inner, mistake("secret-whitespace", said, hint));
    }
}

fn quoted(text: &[u8], name: &str, all: &mut Vec<CleanedSecret>) {
    let hint = "keep the secret without quotes: files of `NAME=VALUE` lines are not always read by a shell";
    for (open, close) in QUOTES.map(|(open, close)| (open.as_bytes(), close.as_bytes())) {
        let said = |what: &str| {
            mistake(
                "secret-quotes",
                format!("{name} has {what} that are no part of it"),
                hint,
            )
        };
        match (text.strip_prefix(open), text.strip_suffix(close)) {
            (Some(rest), Some(_)) => {
                let bare = rest.strip_suffix(close).unwrap_or_default();
                add(all, Rank::Common, bare, said("quotes around it"));
            }
            (Some(rest), None) => add(all, Rank::Common, rest, said("opening quotes")),
            (None, Some(rest)) => add(all, Rank::Common, rest, said("closing quotes")),
            (None, None) => {}
        }
    }
    if let Some(bare) = text.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">")) {
        let said = format!("{name} has angle brackets in place of quotes around it");
        add(all, Rank::Common, bare, mistake("secret-quotes", said, hint));
    }
}

/// Words before a secret, and what ends a line behind it.
fn framed(text: &[u8], name: &str, all: &mut Vec<CleanedSecret>) {
    let words = std::str::from_utf8(text).unwrap_or_default();
    let hint = "keep the secret without the text around it";
    let said = |text: String| mistake("secret-prefix", text, hint);
    let bare = words.trim_start().strip_prefix("export ").unwrap_or(words);
    if let Some((left, rest)) = bare.split_once(['=', ':'])
        && left
            .trim()
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-. ".contains(&byte))
        && !left.is_empty()
    {
        let text = format!("{name} has a name before it, as in `NAME=VALUE`: that prefix is no part of it");
        add(all, Rank::Common, rest.trim_start(), said(text.clone()));
        let inner = rest.trim();
        for (open, close) in QUOTES {
            if let Some(bare) = inner.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)) {
                add(
                    all,
                    Rank::Rare,
                    bare,
                    said(format!(
                        "{name} has a name and quotes around it, as in `NAME=\"VALUE\"`"
                    )),
                );
            }
        }
    }
    // `v1,whsec_...`: `v1,` is a prefix of signatures, never of secrets.
    if let Some(at) = words.rfind(KNOWN_PREFIX).filter(|at| *at > 0) {
        let (before, bare) = words.split_at(at);
        let text = match before.len() {
            0..=8 => format!("{name} has `{before}` before its prefix `{KNOWN_PREFIX}` that is no part of it"),
            _ => format!("{name} has a text before its prefix `{KNOWN_PREFIX}` that is no part of it"),
        };
        add(all, Rank::Common, bare, said(text));
    }
    if let Some((word, rest)) = words.trim_start().split_once(' ')
        && word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b':')
    {
        let text = format!("{name} has a word such as `Bearer` before it: that prefix is no part of it");
        add(all, Rank::Common, rest.trim_start(), said(text));
    }
    for end in [";", ","] {
        if let Some(bare) = words.trim_end().strip_suffix(end) {
            let text = format!("{name} has `{end}` at its end that is no part of it");
            add(all, Rank::Common, bare, said(text));
        }
    }
    if let Some((bare, _)) = words.split_once(" #") {
        let text = format!("{name} has a comment behind it that is no part of it");
        add(all, Rank::Common, bare.trim_end(), said(text));
    }
    let half = text.len() / 2;
    if text.len().is_multiple_of(2) && half >= 4 && text[..half] == text[half..] {
        let text_said = format!("{name} was pasted twice, one behind the other");
        let said = mistake("secret-encoding", text_said, "keep the secret once");
        add(all, Rank::Common, &text[..half], said);
    }
}

fn words_of(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

/// Texts in another encoding than the secret's own.
fn encoded(text: &[u8], name: &str, all: &mut Vec<CleanedSecret>) {
    let mut encoding = |rank, bare: Vec<u8>, said: String, hint: &'static str| {
        add(all, rank, bare, mistake("secret-encoding", said, hint));
    };
    if let Some(bare) = from_utf16(text) {
        let said = format!("{name} is encoded as UTF-16, as PowerShell writes files");
        encoding(
            Rank::Common,
            bare.trim().as_bytes().to_vec(),
            said,
            "write the secret's file as UTF-8 without a mark and a newline",
        );
    }
    if let [before, label, inner, end, after] = words_of(text).split("-----").collect::<Vec<_>>().as_slice()
        && !inner.contains('\n')
    {
        let said = format!("{name} has spaces in place of the line breaks of its PEM");
        let hint = "keep the key with its line breaks, as its file has it";
        let bare = format!(
            "{before}-----{label}-----\n{}\n-----{end}-----\n{after}",
            inner.trim().replace(' ', "\n")
        );
        encoding(Rank::Common, bare.into_bytes(), said, hint);
    }
    if text.contains(&b'%') {
        let bare: Cow<'_, [u8]> = percent_decode(text).into();
        let said = format!("{name} is percent-encoded, as in a URL");
        encoding(
            Rank::Common,
            bare.into_owned(),
            said,
            "decode the secret's percent escapes (URL encoding) before it is used",
        );
    }
    let words = std::str::from_utf8(text).unwrap_or_default();
    if words.contains('\\') {
        let mut escaped = false;
        let bare: String = words
            .chars()
            .filter(|c| {
                escaped = *c == '\\' && !escaped;
                !escaped
            })
            .collect();
        let said = format!("{name} has backslashes before characters that were escaped");
        encoding(
            Rank::Common,
            bare.into_bytes(),
            said,
            "keep the secret without backslashes",
        );
        let said = format!("{name} has the escapes of a JSON string, such as `\\u0027`");
        let bare = json::text(words).into_owned();
        encoding(
            Rank::Sometimes,
            bare.into_bytes(),
            said,
            "decode the secret's JSON escapes",
        );
        let lines = words.replace("\\r", "").replace("\\n", "\n");
        let said = format!("{name} has escaped newlines, each a backslash and an `n`");
        encoding(
            Rank::Common,
            lines.into_bytes(),
            said,
            "keep the key with real newlines, without backslashes",
        );
    }
    replaced(text, name, all);
    encoded_whole(text, name, all);
}

/// Single characters of a text that URLs, shells and editors replace.
fn replaced(text: &[u8], name: &str, all: &mut Vec<CleanedSecret>) {
    let words = words_of(text);
    let typographic = |c: char| match c {
        '\u{2018}' | '\u{2019}' => '\'',
        '\u{201c}' | '\u{201d}' => '"',
        '\u{2013}' | '\u{2014}' | '\u{2010}' | '\u{2011}' => '-',
        c => c,
    };
    let ways = [
        (words.replace('+', " "), "has `+` in place of spaces, as in a URL"),
        (
            words.replace(' ', "+"),
            "has spaces in place of `+`: it was URL-decoded",
        ),
        (
            words.chars().map(typographic).collect(),
            "has typographic quotes or dashes, which an editor put in place of plain ones",
        ),
        (
            words.replace("'\\''", "'"),
            "has `'\\''` in place of an apostrophe, as a shell needs it",
        ),
    ];
    for (bare, has) in ways {
        let said = mistake(
            "secret-encoding",
            format!("{name} {has}"),
            "keep the secret with the characters that it was made with",
        );
        add(all, Rank::Sometimes, bare, said);
    }
}

/// A text that was encoded as a whole, or put into one case.
fn encoded_whole(text: &[u8], name: &str, all: &mut Vec<CleanedSecret>) {
    let mut encoding = |rank, bare: Vec<u8>, said: String, hint: &'static str| {
        add(all, rank, bare, mistake("secret-encoding", said, hint));
    };
    let words = std::str::from_utf8(text).unwrap_or_default();
    if let Some(bare) = html_escapes::unescape(words) {
        let said = format!("{name} has HTML escapes such as `&amp;`");
        encoding(
            Rank::Sometimes,
            bare.into_bytes(),
            said,
            "decode the secret's HTML escapes",
        );
    }
    base64_of_another_form(words, name, all);
    let mut encoding = |rank, bare: Vec<u8>, said: String, hint: &'static str| {
        add(all, rank, bare, mistake("secret-encoding", said, hint));
    };
    let hint = "decode the secret before it is used: `printf %s VALUE | base64 -d`";
    if let Some(bare) = LENIENT_KEY
        .decode(text.trim_ascii())
        .ok()
        .filter(|bare| is_printable(bare))
    {
        encoding(
            Rank::Common,
            bare,
            format!("{name} is the base64 of the secret that signed"),
            hint,
        );
    }
    if let Some(bare) = hex::decode(text.trim_ascii()).ok().filter(|bare| is_printable(bare)) {
        let said = format!("{name} is the hex of the secret that signed");
        encoding(
            Rank::Sometimes,
            bare,
            said,
            "decode the secret from hex before it is used",
        );
    }
    for (bare, other) in [
        (text.to_ascii_uppercase(), "upper"),
        (text.to_ascii_lowercase(), "lower"),
    ] {
        let said = format!("the secret that signed is in {other} case, and {name} is not");
        encoding(
            Rank::Sometimes,
            bare,
            said,
            "give both sides the secret in the same case",
        );
    }
}

/// Text of a user, and not bytes of a key.
fn is_printable(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii_end();
    text.len() >= 6 && text.iter().all(|byte| (b' '..=b'~').contains(byte))
}

/// UTF-16 in either byte order, with a mark or without, as text.
pub(super) fn from_utf16(bytes: &[u8]) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let first = pairs.first()?;
    let zeros = |at: usize| pairs.iter().take(64).filter(|pair| pair[at] == 0).count() * 4 > pairs.len().min(64) * 3;
    let little = *first == [0xff, 0xfe] || (*first != [0xfe, 0xff] && zeros(1));
    let big = *first == [0xfe, 0xff] || zeros(0);
    if !rest.is_empty() || !(little || big) {
        return None;
    }
    let unit = |pair: &[u8; 2]| {
        if little {
            u16::from_le_bytes(*pair)
        } else {
            u16::from_be_bytes(*pair)
        }
    };
    let text = char::decode_utf16(pairs.iter().map(unit))
        .collect::<Result<String, _>>()
        .ok()?;
    Some(text.trim_start_matches('\u{feff}').to_owned())
}
