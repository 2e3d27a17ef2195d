//! Expressions of strangers on bodies of strangers. `tests/fuzz.rs` does it with a few thousand random changes, the fuzz target
//! for as long as it is let.

use hook::internals::expression::{Expression, Variables};
use hook::internals::headers::Headers;
use serde_json::Value;

/// Stands between the expression and the body: in a text it would be escaped.
const BETWEEN: u8 = 0;

/// Expressions that use everything, each with a body.
pub fn expression_seeds() -> Vec<Vec<u8>> {
    let sources = [
        r#"event == "job.paid" && data.total_cents > 1000"#,
        "data.items.all(i, i.n > 0 && has(i.id)) || data.items.exists(i, i.id == 'b')",
        "data.items.map(i, i.n * 2).filter(n, n > 1).size() == 1 ? verified : !duplicate",
        "headers['x-kind'] == ['a', 'b'] && query.a[0].startsWith('1') && string(body) != r'\\d'",
        "glob(event, 'job.*') && type(data.rate) == double && data.big >= 18446744073709551615u",
        "{'a': [1, 2u, 3.5, true, null, b'x']}.a[0] + 1 == -(-2) && 'a' in data && status % 2 == 0",
    ];
    let body =
        br#"{"total_cents":2500,"items":[{"id":"a","n":1},{"id":"b","n":2}],"rate":0.5,"big":18446744073709551615}"#;
    let seed = |source: &&str| [source.as_bytes(), &[BETWEEN], body].concat();
    sources.iter().map(seed).collect()
}

/// Compiles and evaluates. Whatever the input is, both end soon and without a panic.
pub fn evaluate(input: &[u8]) {
    let (source, body) = match input.iter().position(|byte| *byte == BETWEEN) {
        Some(at) => (&input[..at], &input[at + 1..]),
        None => (input, &b"{}"[..]),
    };
    let Ok(source) = std::str::from_utf8(source) else {
        return;
    };
    let expression = match Expression::compile(source) {
        Ok(expression) => expression,
        Err(error) => {
            assert!(error.line > 0 && error.column > 0, "{error}");
            drop(error.excerpt());
            return;
        }
    };
    drop(expression.parts());
    let headers: Headers = [("x-kind", "a"), ("X-Kind", "b")].into_iter().collect();
    let data: Result<Value, _> = serde_json::from_slice(body);
    let variables = Variables {
        event: Some("job.paid"),
        method: "POST",
        path: "/",
        query: "a=1&b",
        headers: Some(&headers),
        body,
        data: data.as_ref().map_err(ToString::to_string),
        direction: "in",
        status: Some(200),
        size: body.len() as u64,
        ..Variables::default()
    };
    let _ = expression.evaluate(&variables);
}
