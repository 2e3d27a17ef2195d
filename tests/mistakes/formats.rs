//! Mistakes of programs that take one form of data for another: bytes as lists, data as a language prints it, forms as JSON,
//! secrets in longer texts, signatures that are encoded twice.

use super::{PYTHON, Row, each_is_named};

fn signs(body: &str, signed: &str) -> String {
    format!(r#"body = got = {body}; head["X-Signature-256"] = "sha256=" + h(secret, {signed}).hexdigest()"#)
}

fn gets(body: &str, arrives: &str) -> String {
    let signed = signs(body, "body");
    format!("{signed}; got = {arrives}")
}

fn writes(signature: &str) -> String {
    format!(r#"d = h(secret, body).digest(); head["X-Signature-256"] = {signature}"#)
}

fn all_are_named(rows: &[(&str, String)]) {
    let rows: Vec<Row<'_>> = rows
        .iter()
        .map(|(cause, code)| (*cause, "generic", &[][..], code.as_str()))
        .collect();
    each_is_named("python3", "-c", PYTHON, &rows);
}

#[test]
fn bodies_that_are_texts_of_bytes_are_named() {
    all_are_named(&[
        (
            "body-encoded",
            gets("body", r#"json.dumps({"type": "Buffer", "data": list(body)})"#),
        ),
        ("body-encoded", gets("body", "str(list(body))")),
        ("body-encoded", signs("body", r#"",".join(str(n) for n in body)"#)),
        ("body-encoded", gets("body", r#""\\x" + body.hex()"#)),
        ("body-encoded", gets("body", "urllib.parse.quote(body, safe='')")),
        ("body-encoded", gets("body", "b64(gzip.compress(body))")),
        ("body-escaped", gets("body", "repr(body)")),
        (
            "body-wrapped",
            gets("body", r#"b"POST / HTTP/1.1\r\nHost: a.example\r\n\r\n" + body"#),
        ),
        (
            "body-wrapped",
            gets(
                "body",
                r#"json.dumps({"Records": [{"body": json.dumps({"Message": body.decode()})}]})"#,
            ),
        ),
        (
            "body-part",
            gets(r#"b'{"a":1}'"#, r#"b'[{"headers":{},"query":{},"body":{"a":1}}]'"#),
        ),
        ("body-line-ends", gets(r#"b"one\ntwo""#, r#"b"one\rtwo""#)),
    ]);
}

#[test]
fn charsets_that_programs_mistake_are_named() {
    let twice = r#"body.decode("latin-1").encode().decode("latin-1").encode()"#;
    all_are_named(&[
        ("body-charset", signs("body", r#"body.decode().encode("utf-16-le")"#)),
        ("body-charset", gets(r#""Päm".encode()"#, twice)),
        (
            "body-charset",
            signs(
                r#""5 € für Päm".encode()"#,
                "bytes(ord(c) & 255 for c in body.decode())",
            ),
        ),
    ]);
}

#[test]
fn data_that_a_sender_signs_in_another_form_than_it_sends_is_named() {
    let data = r#"b'{"a":{"b":1},"c":true,"d":null}'"#;
    let form = r#"b"a=1+2&b=x%2Fy""#;
    let object = r#"b'{"a":"1 2","b":"x/y"}'"#;
    let field = r#"b"x=" + urllib.parse.quote_plus('{"a":"1&2=3"}').encode()"#;
    all_are_named(&[
        ("body-reserialised", signs(data, "str(json.loads(body))")),
        (
            "body-reserialised",
            signs(data, r#"'{"a"=>{"b"=>1}, "c"=>true, "d"=>nil}'"#),
        ),
        ("body-reserialised", signs(data, "'{a={b=1}, c=true, d=null}'")),
        (
            "body-reserialised",
            gets(r#"b'{"a":1}'"#, r#"b'{"a":1,"b":null,"c":null}'"#),
        ),
        (
            "body-reserialised",
            signs(data, r#"'{\n "a": {\n  "b": 1\n },\n "c": true,\n "d": null\n}'"#),
        ),
        (
            "body-reserialised",
            gets(r#"b'{"a":25.00,"b":2.50,"c":7}'"#, r#"b'{"a":25,"b":2.5,"c":7}'"#),
        ),
        ("body-form", signs(data, r#""a%5Bb%5D=1&c=1""#)),
        ("body-form", gets(form, object)),
        ("body-form", signs(form, object)),
        ("body-form", gets(field, r#"b'x={"a":"1&2=3"}'"#)),
    ]);
}

#[test]
fn signatures_in_odd_notations_are_named() {
    let zeros = r#""".join("%x" % n for n in d)"#;
    all_are_named(&[
        ("signature-encoding", writes(r#""sha256=0x" + d.hex()"#)),
        ("signature-encoding", writes(r#""sha256=" + d.hex().encode().hex()"#)),
        ("signature-encoding", writes(r#""sha256=" + b64(b64(d).encode())"#)),
        ("signature-encoding", writes(r#""sha256=" + d.hex(":")"#)),
        ("signature-encoding", writes(r#""sha256=" + d.hex(" ")"#)),
        ("signature-encoding", writes(r#""sha256=" + str(list(d))"#)),
        (
            "signature-encoding",
            writes(r#""sha256=" + urllib.parse.quote(b64(d), safe="")"#),
        ),
        (
            "signature-encoding",
            format!("body = got = b'zeros'; {}", writes(&format!(r#""sha256=" + {zeros}"#))),
        ),
        ("wrong-hash", writes(r#""sha256=" + hashlib.sha256(d).hexdigest()"#)),
        ("wrong-hash", writes(r#""sha256=" + h(secret, d.hex()).hexdigest()"#)),
    ]);
}

#[test]
fn secrets_in_longer_texts_and_other_keys_are_named() {
    let with = |key: &str| format!(r#"head["X-Signature-256"] = "sha256=" + h({key}, body).hexdigest()"#);
    let (plain, padded) = (with("'s3cret-of-the-shop'"), with("'c2hvcC1zZWNyZXQtMQ=='"));
    let (md5, utf16) = (
        with("hashlib.md5(b(secret)).hexdigest()"),
        with("secret.encode('utf-16-le')"),
    );
    let curly = with("'\\u201c' + secret + '\\u201d'");
    let rows: &[Row<'_>] = &[
        (
            "secret-prefix",
            "generic",
            &["-s", r#"literal:{"secret": "s3cret-of-the-shop"}"#],
            &plain,
        ),
        (
            "secret-prefix",
            "generic",
            &["-s", "literal:secret: \"s3cret-of-the-shop\"\n"],
            &plain,
        ),
        (
            "secret-prefix",
            "generic",
            &["-s", "literal:s3cret-of-the-shop%"],
            &plain,
        ),
        (
            "secret-prefix",
            "generic",
            &["-s", "literal:old-one,s3cret-of-the-shop"],
            &plain,
        ),
        (
            "secret-encoding",
            "generic",
            &["-s", "literal:c2hvcC1zZWNyZXQtMQ"],
            &padded,
        ),
        ("secret-encoding", "generic", &[], &md5),
        ("secret-encoding", "generic", &[], &utf16),
        ("secret-quotes", "generic", &[], &curly),
    ];
    for said in each_is_named("python3", "-c", PYTHON, rows) {
        assert_eq!(said["causes"].as_array().map(Vec::len), Some(1), "{said}");
        assert!(!said["diagnosis"].to_string().contains("s3cret-of"), "{said}");
    }
}

#[test]
fn times_tokens_and_headers_in_other_forms_are_named() {
    let date = r#"t = "Wed, 02 Jan 2030 03:04:05 GMT"; head["X-Slack-Request-Timestamp"] = t
head["X-Slack-Signature"] = "v0=" + h(secret, b"v0:" + t.encode() + b":" + body).hexdigest()"#;
    let hashed = r#"head["Stripe-Signature"] = "t=%d,v1=%s" % (t, h(secret, hashlib.sha256(b"%d.%s" % (t, body)).hexdigest()).hexdigest())"#;
    let square =
        r#"head["x-square-hmacsha256-signature"] = b64(h(secret, b"http://localhost:3000/in" + body).digest())"#;
    let rows: &[Row<'_>] = &[
        ("timestamp-unit", "slack", &[], date),
        ("body-hashed", "stripe", &[], hashed),
        ("url-differs", "square", &["--url", "http://127.0.0.1:3000/in"], square),
        (
            "token-form",
            "gitlab",
            &[],
            r#"head["X-Gitlab-Token"] = '"' + secret + '"'"#,
        ),
        (
            "other-header",
            "gitlab",
            &[],
            r#"head["Authorization"] = "Basic " + b64(b("hook:" + secret))"#,
        ),
        (
            "other-header",
            "github",
            &[],
            r#"head["X-Hub-Signature"] = "sha256=" + h(secret, body).hexdigest()"#,
        ),
    ];
    each_is_named("python3", "-c", PYTHON, rows);
}
