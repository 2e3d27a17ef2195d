//! The characters of a body in another charset, or composed otherwise, than when it was signed.

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

use super::charset_tables::CHARSETS;
use super::context::SearchContext;
use super::mistake::{Change, Rank, Sink, mistake};
use super::secret_cleanup::from_utf16;

const HINT: &str = "use the raw bytes of the body as they came: read, write and send it as UTF-8, in binary mode";

/// How many of the charsets are frequent.
const FREQUENT: usize = 2;

/// The body in every charset that it may have been signed in.
pub(super) fn changes(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let body = context.case.received.body;
    utf16(context, sink)
        || signed_as_utf16(context, sink)
        || body.iter().any(|byte| *byte >= 0x80)
            && match std::str::from_utf8(body) {
                Ok(text) => {
                    one_byte(context, text, sink)
                        || normal_forms(context, text, sink)
                        || ascii(context, text, sink)
                        || low_bytes(context, text, sink)
                }
                Err(_) => not_utf8(context, body, sink),
            }
}

fn utf16(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let body = context.case.received.body;
    let Some(text) = context.make(|| from_utf16(body)).flatten() else {
        return false;
    };
    let said = mistake(
        "body-charset",
        "the body is UTF-16, as PowerShell writes files, and was signed as UTF-8",
        HINT,
    );
    let lines = text.replace("\r\n", "\n");
    let trimmed = [text.trim_end().to_owned(), lines.trim_end().to_owned()];
    let all = trimmed.into_iter().chain([lines, text]);
    all.map(String::into_bytes)
        .any(|text| sink(Change::new(Rank::Sometimes, text, said.clone())))
}

/// Writes a UTF-16 unit.
type UnitBytes = fn(u16) -> [u8; 2];

/// The sender's program takes a text for UTF-16 before it signs, and sends it as UTF-8.
fn signed_as_utf16(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let Ok(text) = std::str::from_utf8(context.case.received.body) else {
        return false;
    };
    let ways: [(UnitBytes, &str); 3] = [
        (u16::to_le_bytes, ""),
        (u16::to_le_bytes, "\u{feff}"),
        (u16::to_be_bytes, ""),
    ];
    ways.into_iter().any(|(bytes, mark)| {
        let units = || mark.encode_utf16().chain(text.encode_utf16());
        let made = context.make(|| units().flat_map(bytes).collect::<Vec<u8>>());
        let said = "the sender signs the body in UTF-16, as .NET's `Encoding.Unicode` gives it, and sends UTF-8";
        made.is_some_and(|made| sink(Change::new(Rank::Rare, made, mistake("body-charset", said, HINT))))
    })
}

/// UTF-8 whose characters all fit into one byte each, or bytes that were taken for such characters.
fn one_byte(context: &SearchContext<'_>, text: &str, sink: Sink<'_, Vec<u8>>) -> bool {
    CHARSETS.into_iter().enumerate().any(|(index, charset)| {
        let Some(bytes) = context.make(|| charset.encode(text)).flatten() else {
            return false;
        };
        let said = if std::str::from_utf8(&bytes).is_ok() {
            format!(
                "the body's UTF-8 was decoded as {} and encoded again as UTF-8: its charset was mistaken",
                charset.name
            )
        } else {
            format!("the body was signed in the charset {}, and is UTF-8 here", charset.name)
        };
        let twice = std::str::from_utf8(&bytes).ok().and_then(|text| charset.encode(text));
        let again = mistake(
            "body-charset",
            said.replace("encoded again as UTF-8:", "encoded again as UTF-8, twice:"),
            HINT,
        );
        sink(Change::new(rank_of(index), bytes, mistake("body-charset", said, HINT)))
            || twice.is_some_and(|twice| sink(Change::new(Rank::Rare, twice, again)))
    }) || CHARSETS.into_iter().enumerate().any(|(index, charset)| {
        let twice = context.make(|| charset.decode(text.as_bytes()).into_bytes());
        let said = format!(
            "the sender takes its UTF-8 for {} and encodes it again before it signs: a wrong charset",
            charset.name
        );
        let said = mistake("body-charset", said, HINT);
        twice.is_some_and(|twice| sink(Change::new(rank_of(index), twice, said)))
    })
}

/// The low bytes of all characters, as programs make them that take each for a byte.
fn low_bytes(context: &SearchContext<'_>, text: &str, sink: Sink<'_, Vec<u8>>) -> bool {
    let low = context.make(|| {
        text.encode_utf16()
            .map(|unit| unit.to_le_bytes()[0])
            .collect::<Vec<u8>>()
    });
    let said = "the sender signs the low bytes of the characters, as Node's `'binary'` and `'latin1'` take a text";
    low.is_some_and(|low| sink(Change::new(Rank::Rare, low, mistake("body-charset", said, HINT))))
}

/// Replaces a character that ASCII does not have.
type Substitute = fn(char) -> String;

/// Replacements for characters that ASCII does not have: of .NET, of Java and Python, of Python's decoder, of a filter.
const SUBSTITUTES: [(Substitute, &str); 5] = [
    (|c| "?".repeat(c.len_utf16()), "`?` for the others"),
    (|_| "?".to_owned(), "`?` for the others"),
    (|c| "\u{fffd}".repeat(c.len_utf8()), "U+FFFD for the others"),
    (|_| String::new(), "the others left out"),
    (
        |c| format!("&#{};", u32::from(c)),
        "escapes such as `&#228;` for the others",
    ),
];

/// The characters of ASCII alone, as a program signs that asks for the bytes of a text in ASCII.
fn ascii(context: &SearchContext<'_>, text: &str, sink: Sink<'_, Vec<u8>>) -> bool {
    SUBSTITUTES.into_iter().any(|(substitute, others)| {
        let made = context.make(|| {
            let mut ascii = String::with_capacity(text.len());
            for c in text.chars() {
                if c.is_ascii() {
                    ascii.push(c);
                } else {
                    ascii.push_str(&substitute(c));
                }
            }
            ascii.into_bytes()
        });
        let said = mistake(
            "body-charset",
            format!("the sender signs the characters of ASCII only, with {others}"),
            HINT,
        );
        made.is_some_and(|made| sink(Change::new(Rank::Rare, made, said)))
    })
}

fn rank_of(index: usize) -> Rank {
    if index < FREQUENT { Rank::Sometimes } else { Rank::Rare }
}

fn not_utf8(context: &SearchContext<'_>, body: &[u8], sink: Sink<'_, Vec<u8>>) -> bool {
    CHARSETS.into_iter().enumerate().any(|(index, charset)| {
        let text = context.make(|| charset.decode(body).into_bytes());
        let said = format!("the body is in the charset {}, and was signed as UTF-8", charset.name);
        let said = mistake("body-charset", said, HINT);
        text.is_some_and(|text| sink(Change::new(rank_of(index), text, said)))
    })
}

/// Letters and their accents as one character (NFC) or as two (NFD).
fn normal_forms(context: &SearchContext<'_>, text: &str, sink: Sink<'_, Vec<u8>>) -> bool {
    type Normalize = fn(&str) -> String;
    let forms: [(Normalize, &str, &str); 2] = [
        (
            |text| ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned(),
            "composed (NFC)",
            "decomposed (NFD)",
        ),
        (
            |text| DecomposingNormalizerBorrowed::new_nfd().normalize(text).into_owned(),
            "decomposed (NFD)",
            "composed (NFC)",
        ),
    ];
    forms.into_iter().any(|(normalize, signed, here)| {
        let Some(other) = context.make(|| normalize(text)).filter(|other| other != text) else {
            return false;
        };
        let said =
            format!("accented letters were signed {signed} and are {here} here: Unicode normalization changed them");
        let hint = "use the raw bytes of the body as they came: nothing may normalize its text";
        sink(Change::new(
            Rank::Sometimes,
            other.into_bytes(),
            mistake("body-charset", said, hint),
        ))
    })
}
