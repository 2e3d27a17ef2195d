//! The bytes of a body: what was added at its ends, lost, cut off, or signed in its place.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};

use super::context::{BOM, SearchContext};
use super::digests::Digest;
use super::mistake::{Change, Rank, Sink, mistake};

/// Sizes at which programs cut bodies off: powers of two from 1 KiB to 8 MiB, and round decimal ones.
const LIMITS: [usize; 21] = [
    1 << 10,
    1 << 11,
    1 << 12,
    1 << 13,
    1 << 14,
    1 << 15,
    65_535,
    1 << 16,
    100 << 10,
    1 << 17,
    1 << 18,
    1 << 19,
    1 << 20,
    1 << 21,
    1 << 22,
    1 << 23,
    1000,
    10_000,
    100_000,
    1_000_000,
    5_000_000,
];

/// What programs write in place of a body that is not there, or that they do not write as text.
pub(super) const BODY_PLACEHOLDERS: [&str; 28] = [
    "{}",
    "null",
    "undefined",
    "[object Object]",
    "None",
    "[]",
    "\"\"",
    "nil",
    "false",
    "[object Buffer]",
    "Array",
    "[object Promise]",
    "[object ReadableStream]",
    "[object ArrayBuffer]",
    "[object Uint8Array]",
    "[object FormData]",
    "[object Blob]",
    "b''",
    "<nil>",
    "map[]",
    "NULL",
    "NaN",
    "true",
    "1",
    "System.String",
    "System.IO.MemoryStream",
    "System.Byte[]",
    "Promise { <pending> }",
];

/// How many of them are looked for beside another mistake.
const FREQUENT_PLACEHOLDERS: usize = 5;

/// The ends of the body and its lines.
pub(super) fn ends(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let body = context.case.received.body;
    let hint = "use the raw bytes as they came: editors and `echo` add a newline";
    let added = |what: &str| {
        mistake(
            "body-newline-added",
            format!("the body got {what} at its end after it was signed"),
            hint,
        )
    };
    let hint = "use the raw bytes as they came: `curl -d @FILE` drops newlines, `--data-binary @FILE` keeps them";
    let lost = |what: &str| {
        mistake(
            "body-newline-lost",
            format!("the body lost {what} at its end after it was signed"),
            hint,
        )
    };
    let copy = |bytes: &[u8]| context.make(|| bytes.to_vec());
    let joined = |after: &[u8]| context.make(|| [body, after].concat());
    let tail = &body[body.trim_ascii_end().len()..];
    let several = if tail.contains(&b'\n') {
        "newlines"
    } else {
        "whitespace"
    };
    let cuts = [
        (body.strip_suffix(b"\r\n"), "the newline"),
        (body.strip_suffix(b"\n"), "the newline"),
        (body.strip_suffix(b"\n\n"), "two newlines"),
        (
            Some(body.trim_ascii_end()).filter(|cut| cut.len() < body.len()),
            several,
        ),
    ];
    for (cut, what) in cuts {
        if let Some(cut) = cut.and_then(copy)
            && sink(Change::new(Rank::Common, cut, added(what)))
        {
            return true;
        }
    }
    let longer: [(&[u8], &str); 4] = [
        (b"\n", "the newline"),
        (b"\r\n", "the newline"),
        (b"\n\n", "two newlines"),
        (b" ", "a space"),
    ];
    for (after, what) in longer {
        let rank = if after == b"\n" { Rank::Common } else { Rank::Sometimes };
        if joined(after).is_some_and(|longer| sink(Change::new(rank, longer, lost(what)))) {
            return true;
        }
    }
    if before(context, sink) {
        return true;
    }
    let longest: [(&[u8], &str); 4] = [
        (b"\n\n\n", "three newlines"),
        (b"\r\n\r\n", "two newlines"),
        (b"\t", "a tab"),
        (b"\r", "a carriage return"),
    ];
    longest
        .into_iter()
        .any(|(after, what)| joined(after).is_some_and(|longer| sink(Change::new(Rank::Rare, longer, lost(what)))))
        || zero_byte(context, sink)
}

/// Whitespace in front of the body.
fn before(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let body = context.case.received.body;
    let said = |cause, what| mistake(cause, what, HINT_RAW);
    let added = said(
        "body-newline-added",
        "the body got whitespace before it after it was signed",
    );
    let lost = said(
        "body-newline-lost",
        "the body lost the whitespace before it after it was signed",
    );
    let head = body.trim_ascii_start();
    if head.len() < body.len() {
        let whole = context.make(|| head.to_vec());
        let cut = context.make(|| head.trim_ascii_end().to_vec());
        return whole.is_some_and(|whole| sink(Change::new(Rank::Sometimes, whole, added.clone())))
            || cut.is_some_and(|cut| sink(Change::new(Rank::Rare, cut, added)));
    }
    [b"\n".as_slice(), b" ", b"\r\n"].into_iter().any(|before| {
        let longer = context.make(|| [before, body].concat());
        longer.is_some_and(|longer| sink(Change::new(Rank::Rare, longer, lost.clone())))
    })
}

const HINT_RAW: &str = "use the raw bytes of the body as they came";

fn zero_byte(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let body = context.case.received.body;
    let other = match body.strip_suffix(b"\0") {
        Some(bare) => context.make(|| bare.to_vec()),
        None => context.make(|| [body, b"\0"].concat()),
    };
    let said = if body.ends_with(b"\0") {
        "the body got a NUL byte at its end after it was signed"
    } else {
        "the sender signs a NUL byte behind the body: its length counts the end of a C string"
    };
    let said = mistake("body-nul", said, "sign the bytes that are sent, without the NUL byte");
    other.is_some_and(|other| sink(Change::new(Rank::Sometimes, other, said)))
}

/// Makes another body.
type Way = fn(&[u8]) -> Vec<u8>;

/// CRLF and LF, and the end of the body with them.
pub(super) fn line_ends(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let body = context.case.received.body;
    if !body.contains(&b'\n') && !body.contains(&b'\r') {
        return false;
    }
    let said = mistake(
        "body-line-ends",
        "the line ends of the body were changed after it was signed (CRLF and LF)",
        "use the raw bytes as they came: read and write the body in binary mode",
    );
    let newline = mistake(
        "body-newline-added",
        "the body got a newline at its end after it was signed",
        "use the raw bytes as they came: editors and `echo` add a newline",
    );
    let ways: [Way; 5] = [
        unix_line_ends,
        windows_line_ends,
        |body| body.iter().copied().filter(|byte| *byte != b'\r').collect(),
        |body| replaced(body, b'\r', b'\n'),
        |body| replaced(body, b'\n', b'\r'),
    ];
    ways.into_iter().any(|way| {
        let Some(other) = context.make(|| way(body)) else {
            return false;
        };
        let cut = other.trim_ascii_end().to_vec();
        let found = other != body && sink(Change::new(Rank::Common, other.clone(), said.clone()));
        found || cut.len() < other.len() && sink(Change::new(Rank::Sometimes, cut, said.clone()).and(&newline))
    })
}

fn replaced(body: &[u8], from: u8, to: u8) -> Vec<u8> {
    body.iter().map(|byte| if *byte == from { to } else { *byte }).collect()
}

fn unix_line_ends(body: &[u8]) -> Vec<u8> {
    let mut unix = Vec::with_capacity(body.len());
    for (at, byte) in body.iter().enumerate() {
        if *byte != b'\r' || body.get(at + 1) != Some(&b'\n') {
            unix.push(*byte);
        }
    }
    unix
}

fn windows_line_ends(body: &[u8]) -> Vec<u8> {
    let mut windows = Vec::with_capacity(body.len() + body.len() / 16);
    for (at, byte) in body.iter().enumerate() {
        if *byte == b'\n' && (at == 0 || body[at - 1] != b'\r') {
            windows.push(b'\r');
        }
        windows.push(*byte);
    }
    windows
}

pub(super) fn mark(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let body = context.case.received.body;
    let hint = "use the raw bytes as they came: save and read them as UTF-8 without a mark, or in binary mode";
    let said = |text: &'static str| mistake("body-bom", text, hint);
    match body.strip_prefix(BOM) {
        Some(rest) => {
            let said = said("the body got a byte order mark before it after it was signed");
            let rest = context.make(|| rest.to_vec());
            rest.is_some_and(|rest| {
                let cut = rest.trim_ascii_end().to_vec();
                sink(Change::new(Rank::Common, rest, said.clone())) || sink(Change::new(Rank::Rare, cut, said))
            })
        }
        None => {
            let said = said("the body lost its byte order mark after it was signed");
            let longer = context.make(|| [BOM, body].concat());
            longer.is_some_and(|longer| sink(Change::new(Rank::Sometimes, longer, said)))
        }
    }
}

/// Only a beginning of the body was signed, or nothing of it.
pub(super) fn cut(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let body = context.case.received.body;
    let hint = "sign the bytes of the raw body as they are sent, and read the body once, before anything parses it";
    let text = "the sender signs an empty body: it hashes before the body is there, or reads it twice";
    // An empty body needs no hash in the URL, so that it would fit whatever the body was.
    let is_hashed = context
        .case
        .scheme
        .carrier()
        .is_some_and(|carrier| carrier.body_hash.is_some());
    if !body.is_empty()
        && !is_hashed
        && sink(Change::new(
            Rank::Sometimes,
            Vec::new(),
            mistake("body-empty", text, hint),
        ))
    {
        return true;
    }
    let placeholder = BODY_PLACEHOLDERS
        .into_iter()
        .enumerate()
        .filter(|(_, text)| text.as_bytes() != body)
        .any(|(index, text)| {
            let said = format!(
                "the sender signs `{text}` in place of the body: the body is empty or not there where it signs"
            );
            let text = text.as_bytes().to_vec();
            let rank = if index < FREQUENT_PLACEHOLDERS {
                Rank::Sometimes
            } else {
                Rank::Rare
            };
            sink(Change::new(rank, text, mistake("body-empty", said, hint)))
        });
    placeholder || cut_off(context, sink)
}

/// Only a beginning of the body was signed.
fn cut_off(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let body = context.case.received.body;
    let text = std::str::from_utf8(body).unwrap_or_default();
    let characters = "the number of its characters, not of its bytes";
    let lengths = [
        (text.chars().count(), characters),
        (text.encode_utf16().count(), characters),
        (body.len().saturating_sub(1), "all but the last"),
    ];
    let limits = LIMITS.into_iter().map(|limit| (limit, "a limit cuts the rest off"));
    lengths.into_iter().chain(limits).any(|(length, why)| {
        let Some(cut) = body.get(..length).filter(|cut| (1..body.len()).contains(&cut.len())) else {
            return false;
        };
        let said = format!("the sender signs the first {length} bytes only: {why}");
        let hint = "sign the whole body, all of its bytes";
        context
            .make(|| cut.to_vec())
            .is_some_and(|cut| sink(Change::new(Rank::Rare, cut, mistake("body-truncated", said, hint))))
    })
}

/// The sender signs another text of the body: its hash, or its base64 or hex.
pub(super) fn digests(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let body = context.case.received.body;
    let hint = "sign the bytes of the body themselves";
    let hashes = [Digest::Sha256, Digest::Sha1, Digest::Md5, Digest::Sha512];
    let hashed = hashes.into_iter().any(|digest| {
        let Some(hash) = context.make(|| digest.hash(&[body.into()])) else {
            return false;
        };
        let forms = [
            (hex::encode(&hash).into_bytes(), "in hex"),
            (STANDARD.encode(&hash).into_bytes(), "in base64"),
            (hash, "as bytes"),
        ];
        forms.into_iter().any(|(text, form)| {
            let said = format!(
                "the sender signs a hash of the body, {} {form}, not the body",
                digest.name()
            );
            sink(Change::new(Rank::Rare, text, mistake("body-hashed", said, hint)))
        })
    });
    hashed || encoded(context, sink)
}

/// The sender signs the base64 or the hex of the body.
fn encoded(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    type Encode = fn(&[u8]) -> String;
    let ways: [(Encode, &str); 5] = [
        (|body| STANDARD.encode(body), "base64"),
        (|body| hex::encode(body), "hex"),
        (|body| hex::encode_upper(body), "hex"),
        (|body| URL_SAFE_NO_PAD.encode(body), "URL-safe base64"),
        (|body| URL_SAFE.encode(body), "URL-safe base64"),
    ];
    ways.into_iter().any(|(encode, form)| {
        let said = format!("the sender signs the {form} of the body, not the body");
        let said = mistake("body-encoded", said, "sign the bytes of the body themselves");
        let text = context.make(|| encode(context.case.received.body).into_bytes());
        text.is_some_and(|text| sink(Change::new(Rank::Rare, text, said)))
    })
}
