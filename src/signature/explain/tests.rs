//! Every group of changes: what was signed, what came, and the causes that are named.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::digests::Digest;
use super::json_style::JsonStyle;
use super::json_write::{Marks, write};
use super::styles::{COMPACT, STYLES};
use super::*;
use crate::clock::Timestamp;
use crate::headers::Headers;
use crate::provider::Registry;

const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
const STAMP: &str = "1790000000";
const URL: &str = "https://hooks.example.com/in?a=1&b=2";

/// A request with its parts as they came, and a signature of whatever the sender signed.
struct Sent<'s> {
    provider: &'s str,
    secret: &'s [u8],
    url: &'s str,
    headers: Vec<(&'s str, String)>,
    body: &'s [u8],
}

fn diagnosed(sent: &Sent<'_>, budget: Option<Duration>) -> Diagnosis {
    let profile = Registry::default().get(sent.provider).unwrap();
    let headers: Headers = sent
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let secrets = [Secret::new(sent.secret).named("env:SECRET")];
    let others = [Secret::new("another").named("another")];
    let received = Received {
        method: "POST",
        url: Some(sent.url),
        headers: &headers,
        body: sent.body,
        now: Timestamp::parse(STAMP).unwrap(),
    };
    let case = Case {
        scheme: &profile.scheme,
        received,
        secrets: &secrets,
        others: &others,
        prefix: Some("whsec_"),
    };
    let budget = budget.map_or_else(
        || TimeBudget::new(&case),
        |budget| TimeBudget::within(sent.body.len(), false, budget),
    );
    explain(&case, &budget, |_| None)
}

fn causes(sent: &Sent<'_>) -> Vec<&'static str> {
    let found = diagnosed(sent, None).found;
    let found = found.filter(|found| !found.guessed);
    if let Some(found) = &found {
        let said = format!("{} {}", found.text, found.hint);
        assert!(!said.contains(&SECRET[6..]), "{said}");
        assert!(found.text.len() < 240, "{said}");
    }
    found.map(|found| found.causes()).unwrap_or_default()
}

fn hmac(key: &[u8], content: &[u8]) -> Vec<u8> {
    Digest::Sha256.hmac(key, &[content.into()])
}

/// A request of a scheme that signs the body alone.
fn bare<'s>(secret: &'s [u8], body: &'s [u8], signature: String) -> Sent<'s> {
    Sent {
        provider: "generic",
        secret,
        url: URL,
        headers: vec![("x-signature-256", signature)],
        body,
    }
}

fn signed<'s>(secret: &'s [u8], key: &[u8], body: &'s [u8], content: &[u8]) -> Sent<'s> {
    bare(secret, body, format!("sha256={}", hex::encode(hmac(key, content))))
}

const BODY: &[u8] = br#"{"id":7,"name":"P\u00e4m","at":"a/b","n":[1,2]}"#;

#[test]
fn keys_are_changed_back() {
    let key = b"s3cret-of-the-shop!";
    let text = |text: &str| text.as_bytes().to_vec();
    let cases: Vec<(Vec<u8>, Vec<&str>)> = vec![
        (text("s3cret-of-the-shop!\n"), vec!["secret-whitespace"]),
        (text(" s3cret-of-the-shop!"), vec!["secret-whitespace"]),
        (text("s3cret-of-the-shop!\\n"), vec!["secret-whitespace"]),
        (text("s3cret-of-the-shop!\u{200b}"), vec!["secret-whitespace"]),
        (text("\u{feff}s3cret-of-the-shop!"), vec!["secret-whitespace"]),
        (text("\"s3cret-of-the-shop!\""), vec!["secret-quotes"]),
        (text("\u{201c}s3cret-of-the-shop!\u{201d}"), vec!["secret-quotes"]),
        (text("s3cret-of-the-shop!'"), vec!["secret-quotes"]),
        (text("SECRET=s3cret-of-the-shop!"), vec!["secret-prefix"]),
        (text("Bearer s3cret-of-the-shop!"), vec!["secret-prefix"]),
        (text("s3cret-of-the-shop%21"), vec!["secret-encoding"]),
        (STANDARD.encode(key).into_bytes(), vec!["secret-encoding"]),
        (hex::encode(key).into_bytes(), vec!["secret-encoding"]),
        (
            text("'s3cret-of-the-shop!'\n"),
            vec!["secret-whitespace", "secret-quotes"],
        ),
        (
            STANDARD.encode(b"s3cret-of-the-shop!\n").into_bytes(),
            vec!["secret-encoding", "secret-whitespace"],
        ),
        (text("another secret"), vec![]),
    ];
    for (here, wanted) in cases {
        let found = causes(&signed(&here, key, BODY, BODY));
        assert_eq!(found, wanted, "{}", String::from_utf8_lossy(&here));
    }
    let utf16: Vec<u8> = "\u{feff}s3cret-of-the-shop!\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(causes(&signed(&utf16, key, BODY, BODY)), ["secret-encoding"]);
}

#[test]
fn keys_that_the_sender_made_otherwise_are_found() {
    let secret = SECRET.as_bytes();
    let decoded = STANDARD.decode(&SECRET[6..]).unwrap();
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (SECRET.as_bytes()[6..].to_vec(), "secret-encoding"),
        (decoded, "secret-encoding"),
        (digests::sha256(secret), "secret-encoding"),
        ([secret, b"\n"].concat(), "secret-whitespace"),
        ([b"\"", secret, b"\""].concat(), "secret-quotes"),
        (Vec::new(), "secret-not-set"),
        (b"undefined".to_vec(), "secret-not-set"),
        (b"env:SECRET".to_vec(), "secret-reference"),
        (b"another".to_vec(), "other-secret"),
    ];
    for (key, wanted) in cases {
        assert_eq!(causes(&signed(secret, &key, BODY, BODY)), [wanted], "{key:?}");
    }
    assert_eq!(causes(&signed(&secret[6..], secret, BODY, BODY)), ["secret-prefix"]);
}

#[test]
fn texts_of_signatures_are_read_in_every_form() {
    let signature = hmac(SECRET.as_bytes(), BODY);
    let (digits, base64) = (hex::encode(&signature), STANDARD.encode(&signature));
    let dashed: Vec<String> = signature.iter().map(|byte| format!("{byte:02X}")).collect();
    for value in [
        digits.clone(),
        base64.clone(),
        format!("sha256={base64}"),
        format!("sha256=sha256={digits}"),
        format!("\"sha256={digits}\""),
        format!("sha256={digits}, sha256={digits}"),
        format!("sha256={}", dashed.join("-")),
        format!("sha256={}", STANDARD.encode(&digits)),
        format!("sha256=b'{digits}'"),
        format!("SHA2-256(stdin)= {digits}"),
        format!("sha256={}", &digits[..57]),
    ] {
        let sent = bare(SECRET.as_bytes(), BODY, value.clone());
        assert_eq!(causes(&sent), ["signature-encoding"], "{value}");
    }
    let mut moved = bare(SECRET.as_bytes(), BODY, String::new());
    moved.headers = vec![("x-my-digest", format!("sha256={digits}"))];
    assert_eq!(causes(&moved), ["other-header"]);
    for digest in [Digest::Md5, Digest::Sha1, Digest::Sha384, Digest::Sha512] {
        let other = digest.hmac(SECRET.as_bytes(), &[BODY.into()]);
        let whole = bare(SECRET.as_bytes(), BODY, format!("sha256={}", hex::encode(&other)));
        assert_eq!(causes(&whole), ["wrong-hash"], "{digest:?}");
        let base64 = bare(SECRET.as_bytes(), BODY, STANDARD.encode(other));
        assert_eq!(causes(&base64), ["wrong-hash", "signature-encoding"], "{digest:?}");
    }
}

#[test]
fn bodies_are_changed_back() {
    let json: &[u8] = b"{\"a\":1.50,\"b\":\"\xc3\xa9/<x>\",\"c\":[{}]}";
    let python: &[u8] = b"{\"a\": 1.5, \"b\": \"\\u00e9/<x>\", \"c\": [{}]}";
    let utf16: Vec<u8> = "\u{feff}{\"a\":\"\u{e9}\"}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let cases: Vec<(Vec<u8>, Vec<u8>, &str)> = vec![
        ([BODY, b"\n"].concat(), BODY.to_vec(), "body-newline-added"),
        (BODY.to_vec(), [BODY, b"\n"].concat(), "body-newline-lost"),
        (b"a\r\nb".to_vec(), b"a\nb".to_vec(), "body-line-ends"),
        ([b"\xef\xbb\xbf", BODY].concat(), BODY.to_vec(), "body-bom"),
        (json.to_vec(), python.to_vec(), "body-reserialised"),
        (b"{\"a\":2,\"b\":[]}".to_vec(), b"{\"a\":2.0,\"b\":{}}".to_vec(), ""),
        (
            b"{\"a\":2,\"b\":3}".to_vec(),
            b"{\"a\":2.0,\"b\":3}".to_vec(),
            "body-reserialised",
        ),
        (
            b"{\"a\":[],\"b\":[]}".to_vec(),
            b"{\"a\":{},\"b\":[]}".to_vec(),
            "body-reserialised",
        ),
        (utf16, "{\"a\":\"\u{e9}\"}".into(), "body-charset"),
        (
            b"{\"a\":\"\xe9\"}".to_vec(),
            "{\"a\":\"\u{e9}\"}".into(),
            "body-charset",
        ),
        (
            "{\"a\":\"\u{c3}\u{a9}\"}".into(),
            "{\"a\":\"\u{e9}\"}".into(),
            "body-charset",
        ),
        (
            "{\"a\":\"e\u{301}\"}".into(),
            "{\"a\":\"\u{e9}\"}".into(),
            "body-charset",
        ),
        (STANDARD.encode(BODY).into_bytes(), BODY.to_vec(), "body-encoded"),
        (hex::encode(BODY).into_bytes(), BODY.to_vec(), "body-encoded"),
        (b"5\r\nhello\r\n0\r\n\r\n".to_vec(), b"hello".to_vec(), "body-chunked"),
        (b"{\\\"a\\\":1}".to_vec(), b"{\"a\":1}".to_vec(), "body-escaped"),
        (
            b"{\"body\":\"{\\\"a\\\":1}\"}".to_vec(),
            b"{\"a\":1}".to_vec(),
            "body-wrapped",
        ),
        (
            b"{\"a\":1,\"data\":{\"b\":2}}".to_vec(),
            b"{\"b\":2}".to_vec(),
            "body-part",
        ),
        (
            b"{\"a\":1,\"signature\":\"x\"}".to_vec(),
            b"{\"a\":1}".to_vec(),
            "body-part",
        ),
        (b"a=1+2&b=%7E".to_vec(), b"a=1%202&b=~".to_vec(), "body-form"),
        (BODY.to_vec(), b"[object Object]".to_vec(), "body-empty"),
        (
            BODY.to_vec(),
            hex::encode(Digest::Sha256.hash(&[BODY.into()])).into_bytes(),
            "body-hashed",
        ),
        (BODY.to_vec(), [BODY, b"\0"].concat(), "body-nul"),
    ];
    for (here, there, wanted) in cases {
        let found = causes(&signed(SECRET.as_bytes(), SECRET.as_bytes(), &here, &there));
        let wanted: Vec<&str> = Some(wanted).filter(|wanted| !wanted.is_empty()).into_iter().collect();
        assert_eq!(found, wanted, "{}", String::from_utf8_lossy(&here));
    }
}

#[test]
fn contents_and_timestamps_are_changed_back() {
    let body = String::from_utf8_lossy(BODY);
    let of = |content: String| Sent {
        provider: "slotflow",
        secret: SECRET.as_bytes(),
        url: URL,
        headers: vec![
            (
                "x-slotflow-signature",
                format!(
                    "t={STAMP},v1={}",
                    hex::encode(hmac(SECRET.as_bytes(), content.as_bytes()))
                ),
            ),
            ("x-request-start", "1789999993".to_owned()),
        ],
        body: BODY,
    };
    let cases = [
        (format!("{STAMP}000.{body}"), "timestamp-unit"),
        (format!("{STAMP}345.{body}"), "timestamp-unit"),
        (format!("2026-09-21T14:13:20Z.{body}"), "timestamp-unit"),
        (format!("1790000003.{body}"), "timestamp-differs"),
        (format!("1789999993.{body}"), "timestamp-header"),
        (body.clone().into_owned(), "timestamp-left-out"),
        (format!("{STAMP}:{body}"), "signed-content"),
        (format!("{body}.{STAMP}"), "signed-content"),
        (format!("t={STAMP}.{body}"), "signed-content"),
        (format!("{URL}{STAMP}.{body}"), "url-signed"),
    ];
    for (content, wanted) in cases {
        assert_eq!(causes(&of(content.clone())), [wanted], "{content}");
    }
    assert_eq!(
        causes(&of(format!("{STAMP}000.{body}\n"))),
        ["timestamp-unit", "body-newline-lost"]
    );
}

#[test]
fn urls_are_changed_back() {
    let of = |here: &'static str, there: &str| {
        let content = [there.as_bytes(), BODY].concat();
        causes(&Sent {
            provider: "square",
            secret: SECRET.as_bytes(),
            url: here,
            headers: vec![(
                "x-square-hmacsha256-signature",
                STANDARD.encode(hmac(SECRET.as_bytes(), &content)),
            )],
            body: BODY,
        })
    };
    for there in [
        "http://hooks.example.com/in?a=1&b=2",
        "https://hooks.example.com/in?b=2&a=1",
        "https://hooks.example.com/in",
        "https://hooks.example.com/in/?a=1&b=2",
        "https://www.hooks.example.com/in?a=1&b=2",
        "https://hooks.example.com:443/in?a=1&b=2",
    ] {
        assert_eq!(of(URL, there), ["url-differs"], "{there}");
    }
    assert!(of(URL, "https://other.example.com/in").is_empty());
}

/// A request that nothing explains: a signature of nothing that anybody signs.
fn unexplained(body: &[u8]) -> Sent<'_> {
    bare(SECRET.as_bytes(), body, "sha256=".to_owned() + &"0a".repeat(32))
}

fn document(size: usize) -> Vec<u8> {
    let item = r#"{"id": 12, "name": "Päm / <b>", "price": 1.50, "7": null}, "#;
    format!("[{}0]\n", item.repeat(size / item.len())).into_bytes()
}

#[test]
fn a_small_body_gets_every_single_change_and_a_large_one_as_many_as_the_time_allows() {
    let all = diagnosed(&unexplained(&document(2000)), Some(Duration::ZERO));
    let left: Vec<&str> = all
        .not_tried
        .into_iter()
        .filter(|name| *name != "two-mistakes")
        .collect();
    assert_eq!((all.found, left), (None, Vec::new()));
    let some = diagnosed(&unexplained(&document(time_budget::SMALL * 2)), Some(Duration::ZERO));
    assert!(some.not_tried.contains(&"body-reserialised"), "{some:?}");
}

/// With optimisation the bound is a quarter of a second; without, hashes take some forty times as long.
#[test]
fn sixteen_kibibytes_are_looked_at_in_a_moment() {
    let body = document(time_budget::SMALL - 100);
    let most = if cfg!(debug_assertions) { 60_000 } else { 250 };
    let begun = Instant::now();
    assert!(diagnosed(&unexplained(&body), Some(Duration::ZERO)).found.is_none());
    assert!(begun.elapsed() < Duration::from_millis(most), "{:?}", begun.elapsed());
}

fn written(text: &str, style: &JsonStyle) -> String {
    let node = json::parse(text.as_bytes()).expect("a document");
    String::from_utf8(write(&node, style, Marks::default(), text.len()).unwrap()).unwrap()
}

#[test]
fn json_is_written_as_each_program_writes_it() {
    let text = "{ \"b\" : 1.50,\n\"a\":[ 1E5 , -0, {} , [] ], \"c\\/\" : \"\\u00e9\\ud83d\\ude00\\ud800\\n<'\" }";
    let named = |name: &str| STYLES.iter().find(|style| style.name.contains(name)).expect("a style");
    let cases = [
        (&COMPACT, "{\"b\":1.50,\"a\":[1E5,-0,{},[]],\"c/\":\"é😀\\ud800\\n<'\"}"),
        (
            named("Jackson writes it"),
            "{\n  \"b\" : 1.50,\n  \"a\" : [ 1E5, -0, { }, [ ] ],\n  \"c/\" : \"é😀\\ud800\\n<'\"\n}",
        ),
        (
            named("as Java's Gson writes it"),
            "{\"b\":1.50,\"a\":[1E5,-0,{},[]],\"c/\":\"é😀\\ud800\\n\\u003c\\u0027\"}",
        ),
        (
            named("System.Text.Json"),
            "{\"b\":1.50,\"a\":[1E5,-0,{},[]],\"c/\":\"\\u00E9\\uD83D\\uDE00\\uD800\\n\\u003C\\u0027\"}",
        ),
        (
            named("json_encode"),
            "{\"b\":1.50,\"a\":[1E5,-0,{},[]],\"c\\/\":\"\\u00e9\\ud83d\\ude00\\ud800\\n<'\"}",
        ),
        (
            named("json.dumps"),
            "{\"b\": 1.5, \"a\": [100000.0, 0, {}, []], \"c/\": \"\\u00e9\\ud83d\\ude00\\ud800\\n<'\"}",
        ),
    ];
    for (style, wanted) in cases {
        assert_eq!(written(text, style), wanted, "{}", style.name);
    }
    let numbers = r#"{"b":1.0,"10":1e21,"2":1e-7,"01":12345678901234567890,"a":0.000001}"#;
    let javascript = named("JSON.stringify");
    assert_eq!(
        written(numbers, javascript),
        r#"{"2":1e-7,"10":1e+21,"b":1,"01":12345678901234567000,"a":0.000001}"#
    );
    assert_eq!(written("[1e999,-1e999,-0,-0.0]", javascript), "[null,null,0,0]");
}

#[test]
fn what_would_grow_without_bound_is_not_written() {
    let deep = format!("{}{}0{}", "[".repeat(120), "0,".repeat(1000), "]".repeat(120));
    let node = json::parse(deep.as_bytes()).unwrap();
    let four = STYLES
        .iter()
        .find(|style| style.name == "JSON indented by four spaces")
        .unwrap();
    assert!(write(&node, &COMPACT, Marks::default(), deep.len()).is_some());
    assert_eq!(write(&node, four, Marks::default(), deep.len()), None);
    for many in ["0,".repeat(2_000_000), "[],".repeat(400_000)] {
        assert_eq!(json::parse(format!("[{many}0]").as_bytes()), Err(json::Fault::TooMuch));
    }
}

#[test]
fn what_is_no_json_is_not_written() {
    for text in ["", "{", "[1,]", "{\"a\"}", "nope", "\"open", "[1] 2", "\"a\\"] {
        assert_eq!(json::parse(text.as_bytes()), Err(json::Fault::NotJson), "{text}");
    }
    assert_eq!(json::parse("[".repeat(100_000).as_bytes()), Err(json::Fault::NotJson));
}
