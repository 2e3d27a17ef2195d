//! Masks credentials in URLs, headers and texts. These rules are all of it:
//!
//! - in a URL the user name, the password, and each value of the query or the fragment whose name sounds like a credential
//!   (`SECRET_NAMES`) or that looks random: 16 or more letters, digits and `-_.~+/=`, with a letter and a digit, unless
//!   the name is that of a checksum;
//! - in a header the value, when the name is one of a credential ([`Headers::is_credential`]);
//! - anywhere else the secrets that this process knows, URLs as above, and what follows `literal:`.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Value;

use crate::headers::Headers;
use crate::known;
pub use crate::known::MASK;
use crate::text::halves;

/// Parts of names of a query's parameters that hold credentials.
const SECRET_NAMES: [&str; 17] = [
    "token",
    "secret",
    "passw",
    "passphrase",
    "pwd",
    "credential",
    "signature",
    "auth",
    "apikey",
    "api_key",
    "api-key",
    "session",
    "bearer",
    "jwt",
    "hmac",
    "private",
    "cookie",
];

/// Names and last words of names of the same kind, where a part would match too much.
const SECRET_WORDS: [&str; 8] = ["key", "sig", "sign", "code", "pass", "pin", "otp", "access"];

/// The shortest value that looks random.
const RANDOM: usize = 16;

/// Which values of a query are masked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Values {
    Credentials,
    All,
}

/// A URL, a target as people type it, or a method with path and query, without the credentials in it.
pub fn url(text: &str) -> String {
    parts(text, Values::Credentials)
}

/// Path and query of a request: of one to an inbound trigger (`workflow`) without the path.
pub fn target(target: &str, workflow: bool) -> String {
    if workflow { trigger(target) } else { url(target) }
}

/// The same as [`url()`], unless it is to be revealed.
pub fn url_unless(text: &str, reveal: bool) -> String {
    if reveal { text.to_owned() } else { url(text) }
}

/// A URL to show to others: without the values of its query, and without its fragment.
pub fn url_for_others(text: &str) -> String {
    let text = text.split('#').next().unwrap_or_default();
    parts(text, Values::All)
}

/// Path and query of a request to an inbound trigger, whose path is a credential.
pub fn trigger(target: &str) -> String {
    let query = target.split_once('?').map_or("", |(path, _)| &target[path.len()..]);
    format!("/{MASK}{}", url(query))
}

/// The value of a header as text, masked when the name is that of a credential or one of `more`.
pub fn header(name: &str, value: &[u8], more: &[String]) -> String {
    if Headers::is_credential(name) || more.iter().any(|other| other.eq_ignore_ascii_case(name)) {
        return MASK.to_owned();
    }
    text(&String::from_utf8_lossy(value)).into_owned()
}

/// An argument that does not have the form that its flag wants: without what follows the name of a credential, without
/// credentials of URLs and words that look random.
pub fn argument(text: &str) -> String {
    let ends = |c: char| c.is_whitespace() || matches!(c, ':' | '=');
    if let Some((name, _)) = text.split_once(ends)
        && (is_secret_name(name) || Headers::is_credential(name))
    {
        return format!("{name} {MASK}");
    }
    let word = |word| if is_random(word) { MASK.to_owned() } else { url(word) };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Any text: known secrets, credentials of the URLs in it, and secrets that were typed as such.
pub fn text(text: &str) -> Cow<'_, str> {
    let mut shown = secrets(text);
    if shown.contains("://") {
        shown = Cow::Owned(urls_in(&shown));
    }
    if shown.contains(LITERAL) {
        shown = Cow::Owned(literals_in(&shown));
    }
    shown
}

/// A text without the secrets that this process knows.
pub fn secrets(text: &str) -> Cow<'_, str> {
    // A short secret is found as a whole text only.
    if known::whole(text.as_bytes()).is_some() {
        return Cow::Borrowed(MASK);
    }
    match bytes(text.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        // A secret that is not UTF-8 may have cut a character in two.
        Cow::Owned(shown) => Cow::Owned(String::from_utf8_lossy(&shown).into_owned()),
    }
}

/// JSON without the secrets that this process knows.
pub fn value(value: &Value) -> Value {
    match value {
        Value::String(text) => secrets(text).into(),
        Value::Array(items) => items.iter().map(self::value).collect(),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, field)| (name.clone(), self::value(field)));
            fields.collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Bytes without the secrets that this process knows.
pub fn bytes(bytes: &[u8]) -> Cow<'_, [u8]> {
    let found = known::inside_written(bytes);
    if found.is_empty() {
        return Cow::Borrowed(bytes);
    }
    let (mut shown, mut from) = (Vec::with_capacity(bytes.len()), 0);
    for one in found {
        shown.extend_from_slice(&bytes[from..one.range.start]);
        shown.extend_from_slice(MASK.as_bytes());
        from = one.range.end;
    }
    shown.extend_from_slice(&bytes[from..]);
    Cow::Owned(shown)
}

/// Like [`bytes`], unless the user asked to see secrets.
pub fn bytes_unless(text: &[u8], reveal: bool) -> Cow<'_, [u8]> {
    if reveal { Cow::Borrowed(text) } else { bytes(text) }
}

/// What a reference begins with that holds the secret itself.
const LITERAL: &str = "literal:";

fn parts(text: &str, values: Values) -> String {
    let end = |text: &str| text.find(['/', '?', '#']).unwrap_or(text.len());
    // A method and a path have no user, but a path may have `@` in it.
    let is_path = !text.contains("://") && is_request_line(text);
    let start = match text.find("://") {
        Some(at) => at + 3,
        None if is_path => end(text),
        None => mistyped_scheme(text),
    };
    let (scheme, rest) = text.split_at(start);
    let (authority, rest) = rest.split_at(if is_path { 0 } else { end(rest) });
    let mut shown = scheme.to_owned();
    match authority.rsplit_once('@') {
        Some((user, host)) => {
            let password = if user.contains(':') {
                format!(":{MASK}")
            } else {
                String::new()
            };
            let _ = write!(shown, "{MASK}{password}@{host}");
        }
        None => shown.push_str(authority),
    }
    let (rest, fragment) = halves(rest, '#');
    let (path, query) = halves(rest, '?');
    shown.push_str(&secrets(&without_escaped(path)));
    // A fragment is read like a query: OAuth puts tokens there.
    for (mark, pairs) in [('?', query), ('#', fragment)] {
        if let Some(pairs) = pairs {
            shown.push(mark);
            let pairs: Vec<Cow<'_, str>> = pairs.split('&').map(|pair| masked_pair(pair, values)).collect();
            shown.push_str(&pairs.join("&"));
        }
    }
    shown
}

/// The length of `https//`, `http:/` and the like.
fn mistyped_scheme(text: &str) -> usize {
    let rest = text.strip_prefix("https").or_else(|| text.strip_prefix("http"));
    let rest = rest.filter(|rest| rest.starts_with([':', '/']));
    rest.map_or(0, |rest| text.len() - rest.trim_start_matches([':', '/']).len())
}

/// Whether it is a path, or a method and a path.
fn is_request_line(text: &str) -> bool {
    let method = |text: &str| text.bytes().all(|b| b.is_ascii_uppercase());
    text.starts_with('/') || text.split_once(" /").is_some_and(|(before, _)| method(before))
}

fn masked_pair(pair: &str, values: Values) -> Cow<'_, str> {
    let Some((name, value)) = pair.split_once('=') else {
        let masked = values == Values::All && !pair.is_empty() || is_known(pair) || is_random(pair);
        return match masked {
            true if values == Values::All => format!("{pair}={MASK}").into(),
            true => MASK.into(),
            false => pair.into(),
        };
    };
    let decoded_name = decoded(name);
    let masked = values == Values::All
        || is_secret_name(&decoded_name)
        || is_known(value)
        || !is_checksum_name(&decoded_name) && is_random(value);
    if masked && !value.is_empty() {
        format!("{name}={MASK}").into()
    } else {
        pair.into()
    }
}

fn decoded(text: &str) -> String {
    let mut pairs = url::form_urlencoded::parse(text.as_bytes());
    pairs.next().map_or_else(String::new, |(name, _)| name.into_owned())
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let last = name
        .rsplit(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    SECRET_NAMES.iter().any(|part| name.contains(part))
        || SECRET_WORDS.contains(&last)
        || last.len() > 3 && last.ends_with("key")
}

/// A checksum looks random, and opens nothing.
fn is_checksum_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["sha", "md5", "hash", "digest", "checksum"]
        .iter()
        .any(|part| name.contains(part))
}

fn value_of(value: &str) -> String {
    decoded(&value.replace('=', "%3D").replace('+', "%2B"))
}

fn is_known(value: &str) -> bool {
    let value = value_of(value);
    known::whole(value.as_bytes()).is_some() || !known::inside(value.as_bytes()).is_empty()
}

/// A path without the segments that are a secret whose characters are escaped.
fn without_escaped(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return path.into();
    }
    let is_secret = |segment: &&str| segment.contains('%') && known::whole(value_of(segment).as_bytes()).is_some();
    let segments = path.split('/');
    let shown = segments.map(|segment| if is_secret(&segment) { MASK } else { segment });
    shown.collect::<Vec<_>>().join("/").into()
}

fn is_random(value: &str) -> bool {
    let value = value_of(value);
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-_.~+/=".contains(&b);
    value.len() >= RANDOM
        && value.bytes().all(token)
        && value.bytes().any(|b| b.is_ascii_digit())
        && value.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Masks the URLs that stand in a text.
fn urls_in(text: &str) -> String {
    let scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let ends =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '`' | '\'' | '"' | '<' | '>' | '|' | '\\' | '^');
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("://") {
        let start = rest[..at].rfind(|c| !scheme(c)).map_or(0, |before| {
            before + rest[before..].chars().next().map_or(1, char::len_utf8)
        });
        let end = rest[at..].find(ends).map_or(rest.len(), |len| at + len);
        // A sentence goes on behind a URL.
        let whole = rest[start..end].trim_end_matches([',', '.', ';', ':', ')', '!']);
        shown.push_str(&rest[..start]);
        shown.push_str(&url(whole));
        rest = &rest[start + whole.len().max(at + 3 - start)..];
    }
    shown.push_str(rest);
    shown
}

/// Masks what was typed as `literal:TEXT`.
fn literals_in(text: &str) -> String {
    let ends = |c: char| c.is_whitespace() || matches!(c, '`' | '\'' | '"');
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(LITERAL) {
        let (before, after) = rest.split_at(at + LITERAL.len());
        let len = after.find(ends).unwrap_or(after.len());
        shown.push_str(before);
        // The grammar of references is named in help and hints.
        let named = &after[..len] == "TEXT" || len == 0;
        shown.push_str(if named { &after[..len] } else { MASK });
        rest = &after[len..];
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn a_url_keeps_its_place_and_loses_what_opens_doors() {
        for (text, shown) in [
            ("http://u:p@h:1/a?b=c:d@e", "http://********:********@h:1/a?b=c:d@e"),
            ("http://u:p@q@h/", "http://********:********@h/"),
            ("http://token@h/x:y@z", "http://********@h/x:y@z"),
            ("u:p@example.com/x", "********:********@example.com/x"),
            ("http://h:1/", "http://h:1/"),
            (":4400/x?token=a", ":4400/x?token=********"),
            ("https//u:p@h/x", "https//********:********@h/x"),
            ("http:/u@h/x", "http:/********@h/x"),
            ("https:h:1/x:y@z", "https:h:1/x:y@z"),
            ("POST /a:b@c?key=1", "POST /a:b@c?key=********"),
            (
                "/in?hub.mode=subscribe&hub.verify_token=x&hub.challenge=1158201444",
                "/in?hub.mode=subscribe&hub.verify_token=********&hub.challenge=1158201444",
            ),
            (
                "http://h/?api%5Fkey=1&page=2&x-amz-signature=3",
                "http://h/?api%5Fkey=********&page=2&x-amz-signature=********",
            ),
            (
                "http://h/?t=a1b2c3d4e5f6g7h8&when=2030-01-02T03:04:05Z",
                "http://h/?t=********&when=2030-01-02T03:04:05Z",
            ),
            (
                "http://h/?a1b2c3d4e5f6g7h8%3D#access_token=x",
                "http://h/?********#access_token=********",
            ),
            (
                "http://h/?bodySHA256=a1b2c3d4e5f6g7h8&x=1",
                "http://h/?bodySHA256=a1b2c3d4e5f6g7h8&x=1",
            ),
            (
                "http://h/?token=&monkeys=1&event=job.paid",
                "http://h/?token=&monkeys=1&event=job.paid",
            ),
        ] {
            assert_eq!(url(text), shown);
            assert_eq!(url(shown), shown, "a masked URL stays as it is");
        }
        assert_eq!(
            url_for_others("https://u:p@h/x?page=2&a#f"),
            "https://********:********@h/x?page=********&a=********"
        );
        assert_eq!(url_for_others("no url?secret=1"), "no url?secret=********");
    }

    #[test]
    fn a_text_loses_known_secrets_urls_credentials_and_literals() {
        known::remember(&Secret::new("mask-test-s3cret"), None);
        for (given, shown) in [
            (
                "sent mask-test-s3cret twice: mask-test-s3cret.",
                "sent ******** twice: ********.",
            ),
            (
                "cannot reach (http://u:p@h/?sig=1), sorry",
                "cannot reach (http://********:********@h/?sig=********), sorry",
            ),
            ("`a://b` and `https://t@h`: no", "`a://b` and `https://********@h`: no"),
            (
                "unexpected argument 'literal:abc' found",
                "unexpected argument 'literal:********' found",
            ),
            ("write `literal:TEXT`", "write `literal:TEXT`"),
            ("nothing :// here", "nothing :// here"),
        ] {
            assert_eq!(text(given), shown);
        }
        assert_eq!(
            url("http://h/a/mask-test-s3cret?x=mask-test-s3cret"),
            "http://h/a/********?x=********"
        );
        assert_eq!(url("POST /a/mask%2Dtest-s3cret/b%20c"), "POST /a/********/b%20c");
        let shown = value(&serde_json::json!({"a": ["b mask-test-s3cret", 1]}));
        assert_eq!(shown, serde_json::json!({"a": ["b ********", 1]}));
        assert_eq!(bytes(b"\xffmask-test-s3cret"), b"\xff********".as_slice());
    }

    #[test]
    fn a_header_is_masked_by_its_name_or_by_what_it_holds() {
        known::remember(&Secret::new("mask-header-s3cret"), None);
        for name in [
            "Authorization",
            "x-api-key",
            "x-gitlab-token",
            "x-webhook-secret",
            "cookie",
            "x-auth",
        ] {
            assert_eq!(header(name, b"v", &[]), MASK, "{name}");
        }
        for name in [
            "idempotency-key",
            "x-event-key",
            "webhook-signature",
            "x-author",
            "content-type",
        ] {
            assert_eq!(header(name, b"v", &[]), "v", "{name}");
        }
        assert_eq!(header("x-own", b"v", &["X-Own".to_owned()]), MASK);
        assert_eq!(header("x-other", b"a mask-header-s3cret", &[]), "a ********");
        assert_eq!(header("referer", b"http://u:p@h/", &[]), "http://********:********@h/");
    }
}
