use super::*;

/// As a JSON handler gets it: a quote, a line break, characters above ASCII and above U+FFFF.
const BODY: &str = "{\"name\":\"Caf\u{e9} d'or \u{1f600}!\",\n \"n\":1.50}";

fn one(text: &str) -> ExportedRequest {
    read(text.as_bytes(), None).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn refused(text: &str) -> String {
    read(text.as_bytes(), None).expect_err(text).to_string()
}

fn header<'r>(request: &'r ExportedRequest, name: &str) -> &'r str {
    request.headers.get_text(name).unwrap_or_default()
}

#[test]
fn curl_as_browsers_copy_it() {
    let chrome = r#"curl 'https://a.example/in?x=1' \
  -H 'accept: */*' \
  -H 'content-type: application/json' \
  -b 'a=1; b=2' \
  -H 'X-Signature-256: sha256=ab' \
  --data-raw $'{"name":"Caf\u00e9 d\'or \ud83d\ude00\u0021",\n "n":1.50}' \
  --compressed"#;
    let older_chrome = r#"curl "https://a.example/in?x=1" -H "content-type: application/json" --data-binary $'{"name":"Caf\xc3\xa9 d\'or \xf0\x9f\x98\x80!",\n "n":1.50}' --compressed --insecure"#;
    let firefox = r#"curl --request POST --url https://a.example/in?x=1 -H 'content-type: application/json' --data-raw $'{"name":"Caf\xe9 d\'or \ud83d\ude00\u0021",\n "n":1.50}'"#;
    let windows = "curl ^\"https://a.example/in?x=1^\" ^\r\n  -H ^\"content-type: application/json^\" ^\r\n  --data-raw ^\"^{^\\^\"name^\\^\":^\\^\"Caf\u{e9} d'or \u{1f600}^!^\\^\",^\r\n\r\n ^\\^\"n^\\^\":1.50^}^\"";
    let older_firefox = "curl \"https://a.example/in?x=1\" -X POST -H \"content-type: application/json\" --data-raw \"{\"\"name\"\":\"\"Caf\u{e9} d'or \u{1f600}!\"\",\"^\r\n\r\n\" \"\"n\"\":1.50}\"";
    for text in [chrome, older_chrome, firefox, windows, older_firefox] {
        let request = one(text);
        assert_eq!(String::from_utf8_lossy(&request.body), BODY, "{text}");
        assert_eq!(request.method, "POST", "{text}");
        assert_eq!(request.url.as_deref(), Some("https://a.example/in?x=1"), "{text}");
        assert_eq!(header(&request, "content-type"), "application/json", "{text}");
    }
    assert_eq!(header(&one(chrome), "cookie"), "a=1; b=2");
    assert_eq!(header(&one(chrome), "x-signature-256"), "sha256=ab");
}

#[test]
fn curl_by_its_manual() {
    let forms = one("curl -sSd a=1 -d b=2 --data-urlencode 'c=x y&z' -XPUT localhost:3000/in -u me:pw");
    assert_eq!(forms.body, b"a=1&b=2&c=x%20y%26z");
    assert_eq!(forms.method, "PUT");
    assert_eq!(forms.url.as_deref(), Some("http://localhost:3000/in"));
    assert_eq!(header(&forms, "content-type"), "application/x-www-form-urlencoded");
    assert_eq!(header(&forms, "authorization"), "Basic bWU6cHc=");

    let query = one("curl -G -d a=1 'https://a.example/in?b=2' -o out.json | jq .");
    assert_eq!((query.method.as_str(), query.body.as_slice()), ("GET", &b""[..]));
    assert_eq!(query.url.as_deref(), Some("https://a.example/in?b=2&a=1"));

    let json = one("$ curl --json '{\"a\":' --json '1}' https://a.example");
    assert_eq!(json.body, b"{\"a\":1}");
    assert_eq!(header(&json, "content-type"), "application/json");

    let raw = one("curl https://a.example --data-raw @literal > /dev/null");
    assert_eq!(raw.body, b"@literal");
}

#[test]
fn what_a_command_does_not_show_is_reported_and_nothing_is_run() {
    let refusals = [
        (
            "curl https://a.example -d @/etc/passwd",
            "the body is in the file `/etc/passwd`",
        ),
        ("curl https://a.example --json @x", "is not read"),
        ("curl https://a.example --data-urlencode n@x", "is not read"),
        ("curl https://a.example -H @/etc/passwd -d 1", "the file `/etc/passwd`"),
        ("curl -K /etc/passwd https://a.example", "the file `/etc/passwd`"),
        ("curl https://a.example --data=@x", "no option `--data=@x`"),
        ("curl https://a.example -d 1 --next -d 2", "several requests"),
        (
            "curl --variable a@x --expand-data {{a}} https://a.example",
            "from elsewhere",
        ),
        ("Invoke-WebRequest -Uri https://a.example -Body 1", "for PowerShell"),
        ("fetch(\"https://a.example\", {})", "`fetch` of JavaScript"),
        ("curl https://a.example -F a=@x", "does not show"),
        ("curl https://a.example -H \"X-Key: $TOKEN\"", "`$TOKEN`"),
        ("curl https://a.example -d `id`", "`id"),
        ("curl https://a.example -d \"$(id)\"", "`$(id)`"),
        ("curl https://a.example -d 'abc", "unclosed"),
        ("curl https://a.example -H", "no value"),
        ("hello", "no request"),
        ("", "no request"),
        ("[]", "no request"),
        ("{\"a\":1}", "no request"),
    ];
    for (text, part) in refusals {
        let message = refused(text);
        assert!(message.contains(part), "{text}: {message}");
    }
}

#[test]
fn several_requests_need_an_entry() {
    let script = "curl https://a.example/1 -d 1; curl https://a.example/2 -d 2 && curl https://a.example/3 -d 3\n";
    let error = read(script.as_bytes(), None).expect_err("three requests");
    assert!(error.message.contains("3 requests"), "{error}");
    assert!(
        error.hints.iter().any(|hint| hint == "2: https://a.example/2"),
        "{:?}",
        error.hints
    );
    assert_eq!(read(script.as_bytes(), Some(2)).expect("the second").body, b"2");
    for entry in [0, 4] {
        assert!(read(script.as_bytes(), Some(entry)).is_err(), "{entry}");
    }
}

#[test]
fn raw_http() {
    let text = format!("POST /in?x=1 HTTP/1.1\r\nHost: a.example\r\nX-A: 1\r\nX-A: 2\r\n\r\n{BODY}");
    let request = one(&text);
    assert_eq!(String::from_utf8_lossy(&request.body), BODY);
    assert_eq!(request.url.as_deref(), Some("https://a.example/in?x=1"));
    assert_eq!(request.headers.all("x-a").count(), 2);

    let saved_by_an_editor = one("\nPOST /in HTTP/1.1\nHost: localhost:3000\nContent-Length: 2\n\n{}\n\n");
    assert_eq!(saved_by_an_editor.body, b"{}");
    assert_eq!(saved_by_an_editor.url.as_deref(), Some("http://localhost:3000/in"));
    assert!(saved_by_an_editor.notes.is_empty());

    let chunked = one("POST /in HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    assert_eq!(chunked.body, b"abcde");
    assert_eq!(chunked.url, None);

    let cut = one("POST /in HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
    assert!(cut.notes.iter().any(|note| note.contains("3 bytes")), "{:?}", cut.notes);

    let cut = one("POST /in HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nabc");
    assert!(
        cut.notes.iter().any(|note| note.contains("incomplete")),
        "{:?}",
        cut.notes
    );
    let decoded = one("POST /in HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{}");
    assert!(decoded.notes.is_empty() && decoded.body == b"{}");

    let http_2 = one("POST /in HTTP/2\n:authority: a.example\n:method: POST\nx-a: 1\n\n{}");
    assert_eq!(http_2.url.as_deref(), Some("https://a.example/in"));
    assert_eq!(header(&http_2, "x-a"), "1");
}

#[test]
fn har_files_of_browsers_and_proxies() {
    let request = serde_json::json!({
        "method": "POST", "url": "https://a.example/in", "httpVersion": "h2",
        "headers": [{"name": ":authority", "value": "a.example"}, {"name": "x-a", "value": "1"}],
        "postData": {"mimeType": "application/json", "text": BODY}
    });
    let whole = serde_json::json!({"log": {"version": "1.2", "entries": [{"request": request, "response": {}}]}});
    for document in [whole, serde_json::json!({"request": request}), request] {
        let request = one(&document.to_string());
        assert_eq!(String::from_utf8_lossy(&request.body), BODY);
        assert_eq!(request.headers.len(), 1);
        assert_eq!(header(&request, "x-a"), "1");
    }
    let fields = r#"{"method":"POST","url":"https://a.example","headers":[],"postData":{"params":[{"name":"a b","value":"c&d"}]}}"#;
    assert_eq!(one(fields).body, b"a+b=c%26d");
}

#[test]
fn events_of_lambda() {
    let version_1 = serde_json::json!({
        "resource": "/in", "path": "/in", "httpMethod": "POST", "isBase64Encoded": false, "body": BODY,
        "headers": {"X-A": "2"}, "multiValueHeaders": {"X-A": ["1", "2"], "Host": ["a.example"]},
        "queryStringParameters": {"x": "a b"}, "multiValueQueryStringParameters": {"x": ["a b", "c"]},
        "requestContext": {"domainName": "a.example", "path": "/prod/in", "httpMethod": "POST"}
    });
    let request = one(&version_1.to_string());
    assert_eq!(String::from_utf8_lossy(&request.body), BODY);
    assert_eq!(request.url.as_deref(), Some("https://a.example/prod/in?x=a+b&x=c"));
    assert_eq!(request.headers.all("x-a").count(), 2);

    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, BODY);
    let version_2 = serde_json::json!({
        "version": "2.0", "rawPath": "/in", "rawQueryString": "x=1", "cookies": ["a=1", "b=2"], "headers": {"x-a": "1"},
        "requestContext": {"domainName": "a.example", "http": {"method": "POST", "path": "/in"}},
        "body": encoded, "isBase64Encoded": true
    });
    let request = one(&version_2.to_string());
    assert_eq!(String::from_utf8_lossy(&request.body), BODY);
    assert_eq!(request.url.as_deref(), Some("https://a.example/in?x=1"));
    assert_eq!(header(&request, "cookie"), "a=1; b=2");
    assert!(refused(r#"{"httpMethod":"POST","body":"***","isBase64Encoded":true}"#).contains("not base64"));
}

#[test]
fn items_of_postman() {
    let item = serde_json::json!({
        "name": "paid", "request": {
            "method": "POST", "url": {"raw": "{{base}}/in"},
            "header": [{"key": "X-A", "value": "1"}, {"key": "X-Off", "value": "1", "disabled": true}],
            "body": {"mode": "raw", "raw": BODY, "options": {"raw": {"language": "json"}}}
        }
    });
    let collection = serde_json::json!({
        "info": {"name": "hooks"}, "variable": [{"key": "base", "value": "https://a.example"}],
        "item": [{"name": "folder", "item": [item]}]
    });
    let request = one(&collection.to_string());
    assert_eq!(String::from_utf8_lossy(&request.body), BODY);
    assert_eq!(request.url.as_deref(), Some("https://a.example/in"));
    assert_eq!(header(&request, "content-type"), "application/json");
    assert!(!request.headers.contains("x-off"));
    assert!(refused(&item.to_string()).contains("`{{base}}`"));
    let form = r#"{"method":"POST","url":"https://a.example","body":{"mode":"urlencoded","urlencoded":[{"key":"a","value":"b c"}]}}"#;
    assert_eq!(one(form).body, b"a=b+c");
    let file = r#"{"method":"POST","url":"https://a.example","body":{"mode":"file","file":{"src":"/etc/passwd"}}}"#;
    assert!(refused(file).contains("mode `file`"));
}

proptest::proptest! {
    #[test]
    fn any_input_is_read_or_refused(text in "(curl |POST / HTTP/1.1\n|\\{\"httpMethod\":\"A\",)?[ -~\n\\\\$'\"]{0,120}") {
        let _ = read(text.as_bytes(), Some(1));
    }

    #[test]
    fn a_body_quoted_for_a_shell_comes_back(body in "[^\0]{0,60}") {
        let text = format!("curl https://a.example --data-raw {}", crate::shell::quote(&body));
        // Line ends of Windows are those of the file.
        proptest::prop_assume!(!body.contains('\r'));
        let request = one(&text);
        proptest::prop_assert_eq!(String::from_utf8_lossy(&request.body), body);
    }
}
