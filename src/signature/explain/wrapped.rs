//! A body in another encoding than when it was signed, or inside of something else: compressed, in base64, chunked, escaped,
//! or a member of a gateway's event.

use base64::Engine as _;

use super::context::SearchContext;
use super::html_escapes;
use super::json::{self, JsonNode};
use super::mistake::{Change, Rank, Sink, mistake};
use crate::inflate;
use crate::signature::encoding::LENIENT_KEY;

/// A compressed body is not decompressed beyond this, and a small one to less: see [`most_inflated`].
const MOST_INFLATED: usize = 16 * 1024 * 1024;

/// Texts of a document that are looked at, at most, and how deep.
const MOST_TEXTS: usize = 64;
const DEEPEST: usize = 5;

pub(super) fn compressed(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let body = context.case.received.body;
    let inflated = context.make(|| inflated(body)).flatten();
    let said = "the body is compressed, and was signed before that";
    let hint = "decompress the raw body before the check, or sign what is sent: compression changes its bytes";
    inflated.is_some_and(|text| {
        sink(Change::new(
            Rank::Sometimes,
            text,
            mistake("body-compressed", said, hint),
        ))
    })
}

/// JSON is seldom compressed to less than a thirtieth. A body that inflates to a thousand times its size is a trap.
fn most_inflated(body: &[u8]) -> usize {
    MOST_INFLATED.min(512 * 1024 + body.len().saturating_mul(32))
}

pub(super) fn inflated(body: &[u8]) -> Option<Vec<u8>> {
    inflate::inflated(body, most_inflated(body))
}

/// The bytes of base64 in either alphabet, in quotes and on lines.
pub(super) fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let bare = text.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != b'"');
    let standard = bare.map(|byte| match byte {
        b'-' => b'+',
        b'_' => b'/',
        byte => *byte,
    });
    LENIENT_KEY.decode(standard.collect::<Vec<u8>>()).ok()
}

/// The body as text of its bytes: base64 or hex.
pub(super) fn decoded(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let body = context.case.received.body;
    let bare = || {
        body.iter()
            .copied()
            .filter(|byte| !byte.is_ascii_whitespace() && *byte != b'"')
    };
    let is_text = !body.is_empty() && bare().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte));
    if !is_text {
        return false;
    }
    let hint = "decode the body before the check: the raw bytes are signed, not their text";
    let ways = [
        (
            context.make(|| from_base64(body)).flatten(),
            "the body is base64, as API gateways give it, and was signed before that",
        ),
        (
            context.make(|| hex::decode(bare().collect::<Vec<u8>>()).ok()).flatten(),
            "the body is hex, and was signed before that",
        ),
    ];
    ways.into_iter().any(|(text, said)| {
        text.is_some_and(|text| sink(Change::new(Rank::Common, text, mistake("body-encoded", said, hint))))
    })
}

/// The sizes of chunks were left in the body (RFC 9112, section 7.1).
pub(super) fn chunked(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let joined = |mut rest: &[u8]| {
        let mut whole = Vec::new();
        loop {
            let end = rest.windows(2).take(32).position(|two| two == b"\r\n")?;
            let line = std::str::from_utf8(&rest[..end]).ok()?;
            let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
            rest = &rest[end + 2..];
            if size == 0 {
                return Some(whole);
            }
            whole.extend_from_slice(rest.get(..size)?);
            rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
            if rest.is_empty() {
                return Some(whole);
            }
        }
    };
    let body = context.case.received.body;
    let whole = context.make(|| joined(body)).flatten();
    let said = "the body still has the chunk sizes of its transfer encoding in it";
    let hint = "decode the chunked transfer encoding before the check, and use the raw body";
    whole.is_some_and(|text| sink(Change::new(Rank::Sometimes, text, mistake("body-chunked", said, hint))))
}

/// The text of a field of a multipart form.
pub(super) fn multipart(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let body = context.case.received.body;
    let Some(end) = body
        .windows(2)
        .take(128)
        .position(|two| two == b"\r\n")
        .filter(|_| body.starts_with(b"--"))
    else {
        return false;
    };
    let boundary = [b"\r\n", &body[..end]].concat();
    let mut rest = &body[end..];
    let mut parts = Vec::new();
    while let Some(head) = find(rest, b"\r\n\r\n") {
        let Some(length) = find(&rest[head + 4..], &boundary).filter(|_| parts.len() < MOST_TEXTS) else {
            break;
        };
        parts.push(rest[head + 4..head + 4 + length].to_vec());
        rest = &rest[head + 4 + length + boundary.len()..];
    }
    let said = "the body is a multipart form, and what was signed is the text of one of its fields";
    let hint = "sign and send the same raw bytes: send the JSON as the body itself, not as a field of a multipart form";
    parts
        .into_iter()
        .any(|text| sink(Change::new(Rank::Sometimes, text, mistake("body-form", said, hint))))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|part| part == wanted)
}

/// The texts of a document that wraps the request.
pub(super) fn wrapped(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let mut texts = Vec::new();
    match context.document() {
        Some(node @ (JsonNode::Object(_) | JsonNode::Array(_))) => collect(node, "", 0, &mut texts),
        _ => return false,
    }
    let hint = "check the text of that member, the raw body, and not the event around it";
    let mut plain: Vec<(String, String)> = texts
        .into_iter()
        .map(|(name, raw)| (name, json::text(raw).into_owned()))
        .collect();
    // An event in an event, as a queue has it that is fed by a topic.
    for at in 0..plain.len() {
        let mut inner = Vec::new();
        if let Some(Ok(node @ JsonNode::Object(_))) = plain[at]
            .1
            .starts_with('{')
            .then(|| json::parse(plain[at].1.as_bytes()))
        {
            collect(&node, "", 0, &mut inner);
        }
        let inner: Vec<_> = inner
            .into_iter()
            .map(|(name, raw)| (name, json::text(raw).into_owned()))
            .collect();
        plain.extend(inner);
    }
    plain.into_iter().any(|(name, text)| {
        let decoded = LENIENT_KEY.decode(&text).ok().filter(|_| text.len() >= 16);
        let said = format!("the body is an event that wraps the request, as gateways and queues make: what was signed is its member `{}`", name.escape_debug());
        let plain = mistake("body-wrapped", said.clone(), hint);
        let encoded = mistake("body-wrapped", format!("{said}, decoded from base64"), "decode the member from base64 and check that raw body, not the event around it");
        let compressed = decoded.as_deref().and_then(inflated);
        sink(Change::new(Rank::Common, text.into_bytes(), plain))
            || decoded.is_some_and(|bytes| sink(Change::new(Rank::Common, bytes, encoded.clone())))
            || compressed.is_some_and(|bytes| sink(Change::new(Rank::Rare, bytes, encoded)))
    })
}

fn collect<'t>(node: &JsonNode<'t>, name: &str, depth: usize, texts: &mut Vec<(String, &'t str)>) {
    if depth > DEEPEST || texts.len() >= MOST_TEXTS {
        return;
    }
    match node {
        JsonNode::Text(raw) if raw.len() > 1 => texts.push((name.to_owned(), raw)),
        JsonNode::Array(items) => items
            .iter()
            .take(4)
            .for_each(|item| collect(item, name, depth + 1, texts)),
        JsonNode::Object(members) => {
            for (name, value) in members {
                collect(value, name, depth + 1, texts);
            }
        }
        JsonNode::Text(_) | JsonNode::Number(_) | JsonNode::Word(_) => {}
    }
}

/// Escapes of a string that were left in the body, or put into what is signed.
pub(super) fn escaped(context: &SearchContext<'_>, sink: Sink<'_, Vec<u8>>) -> bool {
    let body = context.case.received.body;
    let Ok(text) = std::str::from_utf8(body) else {
        return false;
    };
    let hint = "use the raw bytes of the body as they came, not text that a log or a string escaped";
    let said = |text: &'static str| mistake("body-escaped", text, hint);
    let backslashes = body.contains(&b'\\');
    let bare = text.trim();
    let quoted = ["\"", "'"]
        .iter()
        .find_map(|quote| bare.strip_prefix(quote)?.strip_suffix(quote));
    let mut ways: Vec<(Option<String>, &'static str)> = Vec::new();
    if backslashes {
        let words = if text.contains("\\\"") {
            "the body has a backslash before its quotes: it was copied from a string or a log"
        } else {
            "the body has escapes, as `\\n` or `\\u001b`, of characters that were signed as they are"
        };
        ways.push((context.make(|| json::text(text).into_owned()), words));
        ways.push((
            context.make(|| without_backslashes(text)),
            "the body has backslashes before its quotes and slashes, as `addslashes` escapes them",
        ));
    }
    ways.push((
        quoted.map(str::to_owned),
        "the body has quotes around it that were not signed: it was escaped as a string",
    ));
    let said_html = "the body was escaped for HTML after it was signed";
    ways.push((context.make(|| html_escapes::unescape(text)).flatten(), said_html));
    // PHP, Python and JavaScript write the apostrophe each in its own way; PHP before 8.1 and templates leave it.
    for apostrophe in [Some("&#039;"), Some("&#x27;"), Some("&#39;"), Some("'"), None] {
        let escaped = context.make(|| html_escapes::escape(text, apostrophe));
        ways.push((escaped, "the sender signs the body escaped for HTML"));
    }
    let slashed = context.make(|| with_backslashes(text));
    ways.push((
        slashed,
        "the sender signs the body with backslashes before its quotes, as `addslashes` escapes them",
    ));
    ways.into_iter().any(|(other, words)| {
        // What a sender escapes before it signs is not looked for beside another mistake.
        let rank = if words.starts_with("the sender") {
            Rank::Rare
        } else {
            Rank::Sometimes
        };
        other.is_some_and(|other| other != text && sink(Change::new(rank, other.into_bytes(), said(words))))
    }) || {
        let said = mistake(
            "body-escaped",
            "the sender signs Python's `b'...'` in place of the body: it formats bytes that it did not decode",
            "sign the raw bytes of the body: decode them before they are put into a text",
        );
        context
            .make(|| python_bytes(body))
            .is_some_and(|text| sink(Change::new(Rank::Sometimes, text, said)))
    }
}

fn with_backslashes(text: &str) -> String {
    let mut slashed = String::with_capacity(text.len() + text.len() / 4);
    for c in text.chars() {
        if matches!(c, '\'' | '"' | '\\') {
            slashed.push('\\');
        }
        slashed.push(c);
    }
    slashed
}

fn without_backslashes(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        bare.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    bare
}

/// How Python shows bytes.
fn python_bytes(body: &[u8]) -> Vec<u8> {
    let quote = if body.contains(&b'\'') && !body.contains(&b'"') {
        b'"'
    } else {
        b'\''
    };
    let mut text = vec![b'b', quote];
    for byte in body {
        match byte {
            b'\\' => text.extend(b"\\\\"),
            b'\n' => text.extend(b"\\n"),
            b'\r' => text.extend(b"\\r"),
            b'\t' => text.extend(b"\\t"),
            byte if *byte == quote => text.extend([b'\\', quote]),
            b' '..=b'~' => text.push(*byte),
            byte => text.extend(format!("\\x{byte:02x}").bytes()),
        }
    }
    text.push(quote);
    text
}
