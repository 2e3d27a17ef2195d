use serde_json::{Value, json};

use super::*;
use crate::headers::Headers;

fn holds_for(source: &str, data: &Value) -> Result<bool, EvaluationError> {
    let mut headers = Headers::new();
    headers.append("X-Kind", "a");
    headers.append("x-kind", "b");
    let variables = Variables {
        event: Some("job.paid"),
        verified: true,
        method: "POST",
        path: "/hooks",
        query: "a=1&a=2&b=%20",
        headers: Some(&headers),
        body: b"{}",
        data: Ok(data),
        direction: "in",
        status: Some(200),
        time: crate::clock::Timestamp::parse("2026-01-02T03:04:05Z"),
        size: 2,
        ..Variables::default()
    };
    Expression::compile(source)
        .map_err(|error| panic!("{source}: {error}"))
        .unwrap()
        .evaluate(&variables)
}

fn holds(source: &str) -> bool {
    let data = json!({"total_cents": 2500, "big": u64::MAX, "rate": 0.5, "none": null,
        "items": [{"id": "a", "n": 1}, {"id": "b", "n": 2}], "name": "Zoé"});
    holds_for(source, &data).unwrap()
}

#[test]
fn expressions_look_at_all_variables() {
    for source in [
        r#"event == "job.paid" && data.total_cents > 1000"#,
        "data.big > 9223372036854775807 && data.big == 18446744073709551615u",
        "data.rate == 0.5 && data.total_cents == 2500.0 && type(data.rate) == double",
        "has(data.name) && !has(data.other) && data.none == null && id == null",
        "data.items.all(i, i.n > 0) && data.items.exists(i, i.id == 'b') && data.items.exists_one(i, i.n == 2)",
        "data.items.map(i, i.n) == [1, 2] && data.items.filter(i, i.n > 1).size() == 1",
        "data.items.map(i, i.n > 1, i.id) == ['b'] && data.items[1].id == 'b' && data['name'] == 'Zoé'",
        "headers['x-kind'] == ['a', 'b'] && query.a == ['1', '2'] && query.b[0] == ' '",
        "size(body) == size && body == b'{}' && string(body) == '{}' && method == 'POST' && path.startsWith('/h')",
        "verified && !duplicate && direction == 'in' && status == 200 && time > '2026-01-01'",
        "glob(event, 'job.*') && !glob(event, 'order.*') && event.contains('paid') && event.endsWith('.paid')",
        "provider == null && reason == null && endpoint == null && mode == null && remote == ''",
        "(status >= 400 ? 'bad' : 'good') == 'good' && 'a' in data.items.map(i, i.id) && 'name' in data",
        "// a comment (((\ntrue",
    ] {
        assert!(holds(source), "{source}");
    }
    assert!(!holds("event == 'job.created' || data.total_cents < 1000"));
}

#[test]
fn an_error_is_never_true() {
    let data = json!({"items": [1, "a"], "n": 1});
    for (source, said) in [
        ("data.other == 1", "no field `other` in `data`"),
        ("data.n.deeper == 1", "no field `deeper`: `data.n` (int) has no fields"),
        (
            "data.n > 'text'",
            "`>` cannot be used with `data.n` (int) and `\"text\"` (string)",
        ),
        ("data.items[5] == 1", "no item 5: the list `data.items` has 2 items"),
        (
            "data.items.all(i, i > 0)",
            "`>` cannot be used with `i` (string) and `0` (int)",
        ),
        (
            "data.items.map(i, i + 1).size() > 0",
            "`+` cannot be used with `i` (string) and `1` (int)",
        ),
        (
            "data.items.filter(i, i > 1).size() > 0",
            "`>` cannot be used with `i` (string) and `1` (int)",
        ),
        ("data.n / 0 == 1", "division by zero"),
        ("data.n", "the result is of the type `int`, not `bool`"),
        ("data.items[double(data.n)] == 1", "an index is a whole number"),
        ("9223372036854775807 + data.n > 0", "too large"),
        (
            "data.n + 1.5 > 1.0",
            "`+` cannot be used with `data.n` (int) and `1.5` (double)",
        ),
        ("data.n.all(i, true)", "`data.n` (int) is neither a list nor a map"),
        ("query['x'][0] == '2'", "no field `x` in `query`"),
        ("query['a'][7] == '2'", "no item 7: the list `query.a` has 2 items"),
        ("'a' < 1", "`<` cannot be used with `\"a\"` (string) and `1` (int)"),
        (
            "provider.startsWith('stripe')",
            "`startsWith` cannot be used with `provider` (null) and `\"stripe\"` (string)",
        ),
        (
            "glob(provider, 'job.*')",
            "`glob` cannot be used with `provider` (null)",
        ),
        ("provider.size() > 2", "`size` cannot be used with `provider` (null)"),
        ("data.n.n == 1 || verified && id > 1", "no field `n`: `data.n` (int)"),
        (
            "(status >= 400 ? data.none : id) > 3",
            "`>` cannot be used with a value (null) and `3` (int)",
        ),
        ("(status < 400 ? data.none : id) == 3", "no field `none` in `data`"),
        (
            "headers['X-Kind'][0] == 'a'",
            "no field `X-Kind` in `headers`: their names are in lower case",
        ),
        ("int(event) == 1", "`int` fails for `event` (string)"),
        ("data.items && true", "`&&` cannot be used with `data.items` (list)"),
    ] {
        let error = holds_for(source, &data).unwrap_err().to_string();
        assert!(error.contains(said), "{source}: {error}");
    }
    let none = Variables {
        data: Err("the body is not JSON".to_owned()),
        ..Variables::default()
    };
    let error = Expression::compile("data.n == 1").unwrap().evaluate(&none).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no field `n`: `data` is null, because the body is not JSON"
    );
    let other = Expression::compile("has(data.other) || status >= 400").unwrap();
    let no_status = Variables {
        data: Ok(&data),
        ..Variables::default()
    };
    let error = other.evaluate(&no_status).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`>=` cannot be used with `status` (null) and `400` (int)"
    );
}

#[test]
fn calls_that_can_never_work_are_refused() {
    for (source, column, said) in [
        (
            "startsWith(event, 'job')",
            1,
            "`startsWith` is not a function of its own",
        ),
        ("true && event.glob('job.*')", 15, "`glob` is not a method"),
        ("glob(event)", 1, "`glob` takes 2 arguments"),
        ("size() > 1", 1, "`size` takes 1 argument"),
        ("event.size(1) > 1", 7, "`size` takes no argument here"),
        ("event.contains('a', 'b')", 7, "`contains` takes 1 argument"),
        ("event.foo()", 7, "unknown function `foo`"),
        ("foo (event)", 1, "unknown function `foo`"),
        ("1", 1, "the result is a number, never a `bool`"),
        ("[1, 2, 3]", 1, "the result is a list, never a `bool`"),
        ("event", 1, "the result is a `string`, never a `bool`"),
        ("headers", 1, "the result is a map, never a `bool`"),
        ("data.items.map(i, i > 1)", 15, "the result is a list, never a `bool`"),
        ("size(data.items)", 5, "the result is a number, never a `bool`"),
        ("verified ? 'a' : 'b'", 10, "the result is a `string`, never a `bool`"),
        ("event == 'a' && 'b'", 17, "`&&` needs a `bool`, and this is a `string`"),
        (
            "data.items.all(i, !event)",
            20,
            "`!` needs a `bool`, and this is a `string`",
        ),
        ("status ? true : false", 1, "`?:` needs a `bool`, and this is a number"),
    ] {
        let error = Expression::compile(source).unwrap_err();
        assert!(error.what.contains(said), "{source}: {error}");
        assert_eq!(error.column, column, "{source}: {error}");
    }
    for source in [
        "data",
        "data.paid",
        "verified",
        "!verified",
        "headers['x'][0] == 'a' ? data.a : verified",
        "data.items.all(event, event)",
        "data.items.exists_one(i, i)",
        "1 == 1",
        "dyn(data)",
    ] {
        assert!(Expression::compile(source).is_ok(), "{source}");
    }
}

#[test]
fn what_is_wrong_is_found_before_anything_is_evaluated() {
    for (source, at, said) in [
        ("event = 'a'", (1, 7), ""),
        ("event ==", (1, 9), ""),
        ("true &&\n  evnt == 'a'", (2, 3), "unknown variable `evnt`"),
        ("'é' == 'é' && evnt == 'a'", (1, 15), "unknown variable `evnt`"),
        ("data.items.all(i, j > 0)", (1, 19), "unknown variable `j`"),
        ("data.items.all(i, i > 0) && i > 0", (1, 29), "unknown variable `i`"),
        ("foo(event)", (1, 1), "unknown function `foo`"),
        ("event.matches('a+')", (1, 7), "`matches` is not supported"),
        ("data.items.all(i)", (1, 12), "`all` has the wrong number of arguments"),
        ("data.items[0.5] == 1", (1, 11), "an index is a whole number"),
        ("Thing{a: 1} == null", (1, 6), "messages are not supported"),
        ("  ", (1, 1), "it is empty"),
        ("data.?a == 1", (1, 5), ""),
        ("optional.of(1) == 1", (1, 10), "unknown function `of`"),
        ("\"unclosed", (1, 1), ""),
        ("'é' == 'é' && event event", (1, 21), ""),
    ] {
        let error = Expression::compile(source).unwrap_err();
        assert_eq!((error.line, error.column), at, "{source}: {error}");
        assert!(error.what.contains(said), "{source}: {error}");
    }
    let error = Expression::compile("true &&\n  evnt == 'a'").unwrap_err();
    assert_eq!(error.excerpt(), "  evnt == 'a'\n  ^");
    assert!(error.hint.unwrap().contains("`event`"));
}

#[test]
fn sources_are_limited() {
    let nested = |levels: usize| format!("{}true{}", "(".repeat(levels), ")".repeat(levels));
    assert!(Expression::compile(&nested(MOST_NESTING)).is_ok());
    let error = Expression::compile(&nested(MOST_NESTING + 1)).unwrap_err();
    assert_eq!(
        (error.column, error.what.as_str()),
        (25, "it is nested more than 24 levels deep")
    );
    let long = format!("event == '{}'", "a".repeat(MOST_SOURCE));
    assert!(
        Expression::compile(&long)
            .unwrap_err()
            .what
            .contains("4096 are the limit")
    );
    for source in [
        format!("data{} == 1", "[0]".repeat(1300)),
        format!("data{} == 1", ".a".repeat(2000)),
        format!("1{} == 1", "+1".repeat(2000)),
        format!("{}true", "!".repeat(4000)),
        format!("{}1 == 1", "-".repeat(4000)),
        "true?".repeat(800),
        format!("{}1", "true?1:".repeat(500)),
    ] {
        drop(Expression::compile(&source));
    }
    assert!(
        Expression::compile(&format!("data{} == 1", "[0]".repeat(1300)))
            .unwrap_err()
            .what
            .contains("levels deep")
    );
    assert!(
        Expression::compile(&vec!["event == 'a'"; 200].join(" || ")).is_ok(),
        "many alternatives"
    );
}

#[test]
fn what_is_as_deep_as_allowed_can_be_evaluated() {
    let data = json!({"n": 1, "a": [[[1]]]});
    let sum = vec!["data.n"; 95].join(" + ");
    assert_eq!(holds_for(&format!("{sum} == 95"), &data), Ok(true));
    let nested = format!("{}data.n{} == 1", "size([".repeat(11), "])".repeat(11));
    assert_eq!(holds_for(&nested, &data), Ok(true));
    let loops = "data.a.all(x, x.all(y, y.all(z, [z].all(u, [u].all(v, [v].exists(w, w == 1))))))";
    assert_eq!(holds_for(loops, &data), Ok(true));
}

#[test]
fn work_on_hostile_bodies_is_limited() {
    let numbers: Vec<u64> = (0..50_000).collect();
    let data = json!({"items": numbers, "text": "a".repeat(500_000)});
    for source in [
        "data.items.all(a, data.items.all(b, a + b >= 0))",
        "data.items.exists(a, data.items.exists(b, data.items.exists(c, false)))",
        "data.items.map(a, data.items.map(b, b)).size() == 0",
        "data.items.map(a, data).size() == 0",
        "data.items.filter(a, data.items == data.items).size() == 0",
        "data.items.exists(a, data.text.contains('b'))",
        "data.items.exists(a, data.text + 'a' == data.text)",
        "data.items.exists(a, 'x' in data.items)",
        "data.items.exists(a, size(data.text) == 0) || true",
        "data.items.exists(a, glob(data.text, '*b*'))",
        "data.items.exists(a, {data.text: 1} == {})",
        "data.items.exists_one(a, string(bytes(data.text)) == data.text)",
        "data.items.exists(a, data.text < data.text)",
    ] {
        let begun = std::time::Instant::now();
        assert_eq!(holds_for(source, &data), Err(EvaluationError::TooMuchWork), "{source}");
        assert!(begun.elapsed().as_secs() < 5, "{source}: {:?}", begun.elapsed());
    }
    let sum = vec!["data.text"; 60].join(" + ");
    let error = holds_for(&format!("size({sum}) == 1"), &data);
    assert_eq!(error, Err(EvaluationError::TooMuchWork));
    let copies = vec!["data"; 600].join(", ");
    assert_eq!(
        holds_for(&format!("size([{copies}]) == 1"), &data),
        Err(EvaluationError::TooMuchWork)
    );
    assert_eq!(
        holds_for("data.items.all(a, a >= 0) && data.text.contains('a')", &data),
        Ok(true),
        "one pass is fine"
    );
}
