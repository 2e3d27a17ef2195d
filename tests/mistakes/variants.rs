//! Less common forms of the mistakes: other characters, charsets, writers, timestamps and headers.

use super::{NOW, PYTHON, Row, each_is_named};

/// A row for a body: what is signed, and what arrives.
fn body(signed: &str, got: &str) -> String {
    format!(r#"signed = b({signed}); head["X-Signature-256"] = "sha256=" + h(secret, signed).hexdigest(); got = {got}"#)
}

fn key(key: &str) -> String {
    format!(r#"head["X-Signature-256"] = "sha256=" + h({key}, body).hexdigest()"#)
}

fn named(rows: &[(&str, &str, &[&str], String)]) {
    let rows: Vec<Row<'_>> = rows
        .iter()
        .map(|(cause, provider, more, code)| (*cause, *provider, *more, code.as_str()))
        .collect();
    each_is_named("python3", "-c", PYTHON, &rows);
}

#[test]
fn less_common_mistakes_with_the_secret_are_named() {
    let plain = || key("'It\\'s + a-key'");
    let given = |text: &'static str| -> Vec<&'static str> { vec!["-s", text] };
    let secrets = [
        ("secret-whitespace", given("literal:\u{3000}It's + a-key\u{2003}")),
        ("secret-quotes", given("literal:\u{ab}It's + a-key\u{bb}")),
        ("secret-encoding", given("literal:It&#39;s &#x2b; a-key")),
        ("secret-encoding", given("literal:It\\u0027s \\u002b a-key")),
        ("secret-encoding", given("literal:It\u{2019}s + a\u{2013}key")),
        ("secret-encoding", given("literal:It'\\''s + a-key")),
    ];
    let mut rows: Vec<(&str, &str, &[&str], String)> = secrets
        .iter()
        .map(|(cause, more)| (*cause, "generic", more.as_slice(), plain()))
        .collect();
    let variable: &[&str] = &["-s", "WEBHOOK_SECRET=literal:a b&c"];
    let sent = [
        ("secret-whitespace", "'\\n' + secret"),
        ("secret-quotes", "'\"' + secret + '\"\\n'"),
        ("secret-not-set", "'changeme'"),
        ("secret-not-set", "'<nil>'"),
        ("secret-encoding", "hashlib.md5(b(secret)).digest()"),
        ("secret-encoding", "b64(hashlib.sha256(b(secret)).digest())"),
    ];
    rows.extend(sent.map(|(cause, code)| (cause, "generic", &[][..], key(code))));
    let named_secret = [
        ("secret-reference", "'${{ secrets.WEBHOOK_SECRET }}'"),
        ("secret-reference", "'os.getenv(\"WEBHOOK_SECRET\")'"),
        ("secret-prefix", "'WEBHOOK_SECRET=a b&c'"),
        ("secret-encoding", "'a%20b%26c'"),
        ("secret-encoding", "'a b&amp;c'"),
    ];
    rows.extend(named_secret.map(|(cause, code)| (cause, "generic", variable, key(code))));
    named(&rows);
}

#[test]
fn less_common_mistakes_with_the_body_are_named() {
    let data = r#"'{"b":{"x":1,"a":"/"},"a":[],"long":"<é>","n":2}'"#;
    let cases = [
        ("body-newline-lost", "b'\\n' + body", "body"),
        ("body-newline-added", "b'ab'", "b'\\nab\\n'"),
        ("body-charset", "'Привет'", "'Привет'.encode('cp1251')"),
        ("body-charset", "'příliš'.encode('iso8859-2')", "'příliš'"),
        ("body-charset", "'caf&#233;'", "'café'"),
        ("body-escaped", "'&lt;&#39;&gt;'", "\"<'>\""),
        ("body-escaped", "'a\\\\\\'b'", "\"a'b\""),
        ("body-truncated", "b'caf\\xc3'", "'café'"),
        ("body-empty", "'[object Promise]'", "body"),
        ("body-encoded", "body", "b64(b(b64(body)))"),
        ("body-encoded", "body", "'data:application/json;base64,' + b64(body)"),
        ("body-encoded", "body.hex().upper()", "body"),
        ("body-part", "'{\"a\":1}'", "'[{\"a\":1}]'"),
        ("body-part", "'{\"a\":1}'", "'{\"a\":1,\"b\":2,\"c\":3}'"),
        (
            "body-reserialised",
            r#"'{"a":[],"b":{"x":1,"a":"/"},"long":"<é>","n":2}'"#,
            data,
        ),
        (
            "body-reserialised",
            r#"'{"a": [], "b": {"a": "/", "x": 1}, "n": 2, "long": "<é>"}'"#,
            data,
        ),
        (
            "body-reserialised",
            r#"'{"b":{"x":1,"a":"\\/"},"a":[],"long":"\\u003C\\u00e9\\u003E","n":2}'"#,
            data,
        ),
        (
            "body-reserialised",
            r#"'{"b":{"x":1,"a":"/"},"a":[],"long":"\\u003cé\\u003e","n":2}'"#,
            data,
        ),
        (
            "body-reserialised",
            r#"'{\n  "b": {\n    "x": 1,\n    "a": "/"\n  },\n  "a": [\n\n  ],\n  "long": "<é>",\n  "n": 2\n}'"#,
            data,
        ),
        (
            "body-reserialised",
            r#"'{ "b": { "x": 1, "a": "/" }, "a": [], "long": "<é>", "n": 2 }'"#,
            data,
        ),
        (
            "body-reserialised",
            r#"'a:4:{s:1:"b";a:2:{s:1:"x";i:1;s:1:"a";s:1:"/";}s:1:"a";a:0:{}s:4:"long";s:4:"<é>";s:1:"n";i:2;}'"#,
            data,
        ),
        ("body-reserialised", "'map[a:[] b:map[a:/ x:1] long:<é> n:2]'", data),
        (
            "body-reserialised",
            r#"'{"a":[],"b":{"a":"/"},"long":"<é>","n":2}'"#,
            data,
        ),
    ];
    let rows = cases.map(|(cause, signed, got)| (cause, "generic", &[][..], body(signed, got)));
    named(&rows);
}

#[test]
fn less_common_texts_of_timestamps_and_headers_are_named() {
    let timed = |time: &str, between: &str, header: &str| {
        let signature = format!("h(secret, {time} + '{between}' + body.decode()).hexdigest()");
        format!("s = {signature}; head['X-Slotflow-Signature'] = {header}")
    };
    let pairs = "'t=%d,v1=%s' % (t, s)";
    let iso = "__import__('datetime').datetime.fromtimestamp(t, __import__('datetime').timezone.utc)";
    let slack = |headers: &str| {
        format!("s = 'v0=' + h(secret, 'v0:%d:' % t + body.decode()).hexdigest(); head.update({headers})")
    };
    let rows: Vec<(&str, &str, &[&str], String)> = vec![
        ("timestamp-unit", "slotflow", &[], timed("'0%d' % t", ".", pairs)),
        ("timestamp-unit", "slotflow", &[], timed(&format!("str({iso})"), ".", pairs)),
        (
            "timestamp-unit",
            "slotflow",
            &[],
            timed(&format!("{iso}.strftime('%a, %d %b %Y %H:%M:%S GMT')"), ".", pairs),
        ),
        (
            "timestamp-unit",
            "slotflow",
            &[],
            timed(&format!("{iso}.strftime('%Y-%m-%dT%H:%M:%S.417Z')"), ".", pairs),
        ),
        ("timestamp-differs", "slotflow", &[], timed("str(t + 19800)", ".", pairs)),
        ("signed-content", "slotflow", &[], timed("str(t)", "\\\\n", pairs)),
        ("signature-encoding", "slotflow", &[], timed("str(t)", ".", "'%d.%s' % (t, s)")),
        ("signature-encoding", "slotflow", &[], timed("str(t)", ".", "json.dumps({'t': t, 'v1': s})")),
        ("signature-encoding", "slotflow", &[], timed("str(t)", ".", "'T=%d,V1=%s' % (t, s)")),
        (
            "other-header",
            "slack",
            &[],
            slack("{'X-Slack-Signature': s, 'X-Slack-Time': str(t)}"),
        ),
        (
            "other-header",
            "standard-webhooks",
            &[],
            "s = b64(h(base64.b64decode(secret[6:]), b'm.%d.' % t + body).digest()); head.update({'X-Webhook-Signature': 'v1,' + s, 'X-Webhook-Timestamp': str(t), 'X-Webhook-Id': 'm'})".to_owned(),
        ),
    ];
    assert_eq!(NOW.to_string().len(), 10, "seconds, as the headers are read");
    named(&rows);
}
