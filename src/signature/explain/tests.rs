use std::time::{Duration, Instant};

use super::styles::{COMPACT, Escapes, JsonStyle, Numbers, Order};
use super::*;
use crate::clock::Timestamp;
use crate::headers::Headers;

fn scheme() -> Scheme {
    crate::provider::Registry::default()
        .get("generic")
        .unwrap()
        .scheme
        .clone()
}

/// What a request with that body and a wrong signature comes to.
fn looked_at(body: &[u8], budget: Duration) -> Diagnosis {
    let scheme = scheme();
    let headers: Headers = [("x-signature-256", "sha256=".to_owned() + &"0a".repeat(32))]
        .into_iter()
        .collect();
    let secrets = [Secret::new("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")];
    let others = [Secret::new("another"), Secret::new("a third")];
    let received = Received {
        method: "POST",
        url: Some("http://localhost:1/in?a=b"),
        headers: &headers,
        body,
        now: Timestamp::from_unix(0),
    };
    let case = Case {
        scheme: &scheme,
        received,
        secrets: &secrets,
        others: &others,
    };
    explain(&case, &TimeBudget::within(body.len(), false, budget))
}

fn document(size: usize) -> Vec<u8> {
    let item = r#"{"id": 12, "name": "Päm / <b>", "price": 1.50, "7": null}, "#;
    format!("[{}0]\n", item.repeat(size / item.len())).into_bytes()
}

#[test]
fn a_small_body_gets_every_probe_and_a_large_one_as_many_as_the_time_allows() {
    let all = looked_at(&document(2000), Duration::ZERO);
    assert_eq!(
        (all.found, all.excluded.len(), all.not_tried.len()),
        (None, PROBES.len(), 0)
    );
    let some = looked_at(&document(time_budget::SMALL * 2), Duration::ZERO);
    assert_eq!(some.excluded.len() + some.not_tried.len(), PROBES.len());
    assert!(some.not_tried.contains(&"body-reserialised"), "{some:?}");
}

/// With optimisation the bound is ten milliseconds; without, hashes take some forty times as long.
#[test]
fn sixteen_kibibytes_are_looked_at_in_a_moment() {
    let body = document(time_budget::SMALL - 100);
    let most = if cfg!(debug_assertions) { 3000 } else { 10 };
    let took = |_| {
        let begun = Instant::now();
        assert!(looked_at(&body, Duration::ZERO).not_tried.is_empty());
        begun.elapsed()
    };
    // The machine may be busy: the best of some counts.
    let best = (0..3).map(took).min().unwrap();
    assert!(best < Duration::from_millis(most), "{best:?}");
}

fn written(text: &str, style: &JsonStyle) -> String {
    let node = json::parse(text.as_bytes()).expect("a document");
    String::from_utf8(json::write(&node, style, text.len()).unwrap()).unwrap()
}

#[test]
fn json_written_anew_keeps_the_text_of_numbers_and_the_order_of_members() {
    let text = "{ \"b\" : 1.50,\n\"a\":[ 1E5 , -0, {} , [] ], \"c\\/\" : \"\\u00e9\\ud83d\\ude00\\ud800\\n\" }";
    assert_eq!(
        written(text, &COMPACT),
        "{\"b\":1.50,\"a\":[1E5,-0,{},[]],\"c/\":\"é😀\\ud800\\n\"}"
    );
    let ascii = JsonStyle {
        escapes: Escapes {
            unicode: true,
            slash: true,
            html: true,
        },
        ..COMPACT
    };
    assert_eq!(written("[\"é😀/<\"]", &ascii), "[\"\\u00e9\\ud83d\\ude00\\/\\u003c\"]");
    let pretty = JsonStyle {
        indent: Some("  "),
        separators: (",", ": "),
        ..COMPACT
    };
    assert_eq!(
        written("{\"a\":[1,{}],\"b\":[]}", &pretty),
        "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}"
    );
}

#[test]
fn members_and_numbers_are_as_the_language_has_them() {
    let style = |numbers, order| JsonStyle {
        numbers,
        order,
        ..COMPACT
    };
    let node = style(Numbers::JavaScript, Order::IntegersFirst);
    let text = r#"{"b":1.0,"10":1e21,"2":1e-7,"01":12345678901234567890,"a":0.000001,"c":100000000000000000000}"#;
    let wanted = r#"{"2":1e-7,"10":1e+21,"b":1,"01":12345678901234567000,"a":0.000001,"c":100000000000000000000}"#;
    assert_eq!(written(text, &node), wanted);
    let extreme = "[1e999,-1e999,-0,-0.0]";
    assert_eq!(written(extreme, &node), "[null,null,0,0]");
    let python = style(Numbers::Python, Order::Sorted);
    assert_eq!(written(extreme, &python), "[Infinity,-Infinity,0,-0.0]");
    let wanted = r#"{"01":12345678901234567890,"10":1e+21,"2":1e-07,"a":1e-06,"b":1.0,"c":100000000000000000000}"#;
    assert_eq!(written(text, &python), wanted);
}

#[test]
fn what_would_grow_without_bound_is_not_written() {
    let deep = format!("{}{}0{}", "[".repeat(120), "0,".repeat(1000), "]".repeat(120));
    let node = json::parse(deep.as_bytes()).unwrap();
    let four = JsonStyle {
        indent: Some("    "),
        ..COMPACT
    };
    assert!(json::write(&node, &COMPACT, deep.len()).is_some());
    assert_eq!(json::write(&node, &four, deep.len()), None);
    for many in ["0,".repeat(2_000_000), "[],".repeat(400_000)] {
        assert_eq!(json::parse(format!("[{many}0]").as_bytes()), Err(json::Fault::TooMuch));
    }
}

#[test]
fn what_is_no_json_is_not_written_anew() {
    for text in ["", "{", "[1,]", "{\"a\"}", "nope", "\"open", "[1] 2", "\"a\\"] {
        assert_eq!(json::parse(text.as_bytes()), Err(json::Fault::NotJson), "{text}");
    }
    assert_eq!(json::parse("[".repeat(100_000).as_bytes()), Err(json::Fault::NotJson));
}
