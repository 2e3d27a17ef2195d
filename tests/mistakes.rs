//! Why a signature does not match: real programs make each mistake, and `hook verify` and `hook listen` name it.

mod formats;
mod hostile;
mod tools;
mod variants;

use std::io::Write as _;
use std::process::{Command, Stdio};

use hook::internals::shell::quote;
use serde_json::{Value, json};

use crate::support::{Outcome, Sandbox, request};

/// A text for schemes that take it as it is, base64 behind a prefix for others.
const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

/// Everything that writers of JSON differ in.
const BODY: &str = r#"{"event": "job.paid", "url":"https://a.example/x?a=1&b=<2>", "n":1.50, "big":1e21, "name":"Päm \u2602", "10":[], "2":{"b":1,"a":[1,2.0]}}"#;

const NOW: i64 = 1_893_553_445;

/// What the programs know: `body`, `secret`, `t` and an HMAC, `h`. They leave `head`, the headers, and `got`, the body that
/// arrives.
const PYTHON: &str = r#"
import base64, codecs, gzip, hashlib, hmac, json, os, subprocess, sys, urllib.parse, zlib
def b(x): return x if isinstance(x, bytes) else x.encode()
def h(key, text, hash="sha256"): return hmac.new(b(key), b(text), hash)
def b64(x): return base64.b64encode(x).decode()
given = json.load(sys.stdin)
def sh(command, text):
    env = dict(os.environ, S=given["secret"])
    return subprocess.run(["sh", "-c", command], input=b(text), stdout=subprocess.PIPE, env=env, check=True).stdout
out = []
for code in given["code"]:
    body = given["body"].encode()
    names = dict(globals(), body=body, secret=given["secret"], t=given["t"], got=body, head={})
    exec(code, names)
    out.append({"head": names["head"], "got": b(names["got"]).hex()})
json.dump(out, sys.stdout)
"#;

const NODE: &str = r#"
const crypto = require("crypto");
const h = (key, text, hash = "sha256") => crypto.createHmac(hash, key).update(text);
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
const out = given.code.map((code) => {
  const names = { body: Buffer.from(given.body), secret: given.secret, t: given.t, head: {} };
  names.got = names.body;
  new Function("names", "h", "crypto", `with (names) { ${code} }`)(names, h, crypto);
  return { head: names.head, got: Buffer.from(names.got).toString("hex") };
});
process.stdout.write(JSON.stringify(out));
"#;

/// A mistake: the cause that is to be named, the provider, more arguments of `hook verify`, and the program.
type Row<'r> = (&'r str, &'r str, &'r [&'r str], &'r str);

/// What the program makes of each row, or nothing when it is not installed.
#[expect(clippy::print_stderr, reason = "a test that does nothing on this machine says so")]
fn made(program: &str, flag: &str, text: &str, rows: &[Row<'_>]) -> Option<Vec<Value>> {
    let code: Vec<&str> = rows.iter().map(|row| row.3).collect();
    let child = Command::new(program)
        .args([flag, text])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        assert!(
            std::env::var_os("HOOK_TEST_PEERS").is_none(),
            "{program} is not installed, and must be"
        );
        eprintln!("skipped: {program} is not installed");
        return None;
    };
    let given = json!({"code": code, "body": BODY, "secret": SECRET, "t": NOW});
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(given.to_string().as_bytes())
        .expect("the program reads");
    let output = child.wait_with_output().expect("the program ends");
    assert!(output.status.success(), "{program} failed");
    Some(serde_json::from_slice(&output.stdout).expect("JSON"))
}

fn verify(sandbox: &Sandbox, provider: &str, more: &[&str], made: &Value) -> Outcome {
    sandbox.write(
        "body",
        hex::decode(made["got"].as_str().expect("a value")).expect("a value"),
    );
    let now = NOW.to_string();
    let mut args = ["verify", "-p", provider, "--body", "@body", "--at", &now]
        .map(str::to_owned)
        .to_vec();
    if !more.contains(&"-s") {
        args.extend(["-s".to_owned(), format!("literal:{SECRET}")]);
    }
    args.extend(more.iter().map(|text| (*text).to_owned()));
    for (name, value) in made["head"].as_object().expect("a value") {
        args.extend(["-H".to_owned(), format!("{name}: {}", value.as_str().expect("a value"))]);
    }
    sandbox.hook(args).env("HOOK_SECRET", "settings").run()
}

/// What was said of each row.
fn each_is_named(program: &str, flag: &str, text: &str, rows: &[Row<'_>]) -> Vec<Value> {
    let Some(all) = made(program, flag, text, rows) else {
        return Vec::new();
    };
    let mut said = Vec::new();
    let sandbox = Sandbox::new();
    let mut wrong = Vec::new();
    for (row, made) in rows.iter().zip(&all) {
        let (cause, provider, more, code) = row;
        let more = [more, &["--json"][..]].concat();
        let object = verify(&sandbox, provider, &more, made).exits(5).object();
        if object["cause"] != *cause {
            wrong.push(format!("{provider}: {cause} of `{code}`: {object}"));
            continue;
        }
        assert!(
            object["diagnosis"].as_str().is_some_and(|text| !text.is_empty()),
            "{object}"
        );
        assert!(object["hint"].as_str().is_some_and(|text| !text.is_empty()), "{object}");
        assert_eq!(object["not_tried"], json!([]), "{object}");
        assert!(!object.to_string().contains(&SECRET[6..]), "{object}");
        said.push(object);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    said
}

#[test]
fn mistakes_with_the_secret_that_python_makes_are_named() {
    let rows: &[Row<'_>] = &[
        (
            "secret-whitespace",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + h(secret + "\n", body).hexdigest()"#,
        ),
        (
            "secret-quotes",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + h('"' + secret + '"', body).hexdigest()"#,
        ),
        (
            "secret-quotes",
            "generic",
            &["-s", "literal:'abc'"],
            r#"head["X-Signature-256"] = "sha256=" + h("abc", body).hexdigest()"#,
        ),
        (
            "secret-encoding",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + h(base64.b64decode(secret[6:]), body).hexdigest()"#,
        ),
        (
            "secret-encoding",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + h(secret[6:], body).hexdigest()"#,
        ),
        (
            "secret-encoding",
            "generic",
            &["-s", "literal:00ff10"],
            r#"head["X-Signature-256"] = "sha256=" + h(bytes.fromhex("00ff10"), body).hexdigest()"#,
        ),
        (
            "secret-encoding",
            "standard-webhooks",
            &[],
            r#"head = {"webhook-id": "m", "webhook-timestamp": str(t), "webhook-signature": "v1," + b64(h(secret, b"m.%d." % t + body).digest())}"#,
        ),
        (
            "secret-encoding",
            "standard-webhooks",
            &[],
            r#"head = {"webhook-id": "m", "webhook-timestamp": str(t), "webhook-signature": "v1," + b64(h(base64.b64decode(base64.b64decode(secret[6:]) + b"="), b"m.%d." % t + body).digest())}"#,
        ),
        (
            "key-kind",
            "generic",
            &[
                "-s",
                "literal:-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            ],
            r#"head["X-Signature-256"] = "sha256=" + h("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", body).hexdigest()"#,
        ),
        ("token-form", "hoopai@bearer", &[], r#"head["Authorization"] = secret"#),
    ];
    each_is_named("python3", "-c", PYTHON, rows);
}

#[test]
fn mistakes_with_hash_and_form_that_python_makes_are_named() {
    let rows: &[Row<'_>] = &[
        (
            "wrong-hash",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + h(secret, body, "sha1").hexdigest()"#,
        ),
        (
            "wrong-hash",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + h(secret, body, "sha512").hexdigest()"#,
        ),
        (
            "signature-encoding",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + b64(h(secret, body).digest())"#,
        ),
        (
            "signature-encoding",
            "generic",
            &[],
            r#"head["X-Signature-256"] = h(secret, body).hexdigest()"#,
        ),
        (
            "signature-encoding",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "SHA256=" + h(secret, body).hexdigest().upper()"#,
        ),
        (
            "signature-encoding",
            "standard-webhooks",
            &[],
            r#"head = {"webhook-id": "m", "webhook-timestamp": str(t), "webhook-signature": "v1," + h(base64.b64decode(secret[6:]), b"m.%d." % t + body).hexdigest()}"#,
        ),
        (
            "signature-encoding",
            "github",
            &[],
            r#"head["X-Hub-Signature-256"] = "sha256=" + h(secret, body).hexdigest().upper()"#,
        ),
        (
            "signature-encoding",
            "pool-brain",
            &[],
            r#"head["X-Webhook-Signature"] = h(secret, body).hexdigest().upper()"#,
        ),
        (
            "signature-encoding",
            "shopify",
            &[],
            r#"head["X-Shopify-Hmac-Sha256"] = b64(h(secret, body).digest()).rstrip("=")"#,
        ),
        (
            "signature-encoding",
            "standard-webhooks",
            &[],
            r#"
for n in range(99):
    head = {"webhook-id": "m%d" % n, "webhook-timestamp": str(t), "webhook-signature": "v1," + base64.urlsafe_b64encode(h(base64.b64decode(secret[6:]), b"m%d.%d." % (n, t) + body).digest()).decode()}
    if "-" in head["webhook-signature"] and "_" in head["webhook-signature"]: break"#,
        ),
    ];
    each_is_named("python3", "-c", PYTHON, rows);
}

#[test]
fn other_places_other_schemes_and_two_mistakes_at_once_that_python_makes_are_named() {
    let rows: &[Row<'_>] = &[
        (
            "plain-hash",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + hashlib.sha256(b(secret) + body).hexdigest()"#,
        ),
        (
            "plain-hash",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + hashlib.sha256(body).hexdigest()"#,
        ),
        (
            "other-header",
            "generic",
            &[],
            r#"head["X-My-Signature"] = "sha256=" + h(secret, body).hexdigest()"#,
        ),
        (
            "other-variant",
            "generic@timestamped",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + h(secret, body).hexdigest()"#,
        ),
        (
            "signature-encoding",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + b64(h(secret, json.dumps(json.loads(body))).digest())"#,
        ),
        // Go's `mac.Sum(body)`, as in https://github.com/smallstep/certificates/pull/1546
        (
            "signature-encoding",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + (body + h(secret, "").digest()).hex()"#,
        ),
        // .NET's `Encoding.ASCII.GetBytes`, as in https://github.com/github/docs/issues/3567
        (
            "body-charset",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + h(secret, body.decode().encode("ascii", "replace")).hexdigest()"#,
        ),
        (
            "body-charset",
            "generic",
            &[],
            r#"
got = "{\"tier\": \"Gold \U0001f3c5\"}".encode()
head["X-Signature-256"] = "sha256=" + h(secret, b"{\"tier\": \"Gold ??\"}").hexdigest()
"#,
        ),
        // As in https://github.com/rocq-prover/bot/issues/224
        (
            "body-escaped",
            "generic",
            &[],
            r#"
got = rb"{\"text\": \"\u001b[0m\"}".replace(rb"\"", b"\"")
head["X-Signature-256"] = "sha256=" + h(secret, got.replace(b"\\u001b", b"\x1b")).hexdigest()
"#,
        ),
        // As in https://github.com/standard-webhooks/standard-webhooks/issues/235
        (
            "secret-prefix",
            "standard-webhooks",
            &["-s", "literal:v1,whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="],
            r#"head = {"webhook-id": "m", "webhook-timestamp": str(t), "webhook-signature": "v1," + b64(h(base64.b64decode(secret[6:]), b"m.%d." % t + body).digest())}"#,
        ),
        (
            "wrong-hash",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + h(secret, body + b"\n", "sha1").hexdigest()"#,
        ),
    ];
    each_is_named("python3", "-c", PYTHON, rows);
}

#[test]
fn mistakes_with_the_body_that_python_makes_are_named() {
    let signs = |text: &str| format!(r#"head["X-Signature-256"] = "sha256=" + h(secret, {text}).hexdigest()"#);
    let gets = |text: &str| format!("{}; got = {text}", signs("body"));
    let loads = "json.loads(body)";
    let mut rows: Vec<(&str, String)> = [
        "json.dumps(P)",
        "json.dumps(P, sort_keys=True)",
        "json.dumps(P, separators=(',', ':'))",
        "json.dumps(P, ensure_ascii=False, indent=2).replace('1e+21', '1e21').replace('1.5', '1.50')",
        "json.dumps(json.loads(body, parse_float=lambda x: 0), ensure_ascii=False).replace('\"n\": 0', '\"n\": 1.50').replace('\"big\": 0', '\"big\": 1e21').replace('2, 0]', '2, 2.0]').replace('1, 0]', '1, 2.0]')",
        "json.dumps(P, separators=(',', ':')).replace('/', '\\\\/').replace('1e+21', '1e21').replace('1.5,', '1.50,')",
    ]
    .iter()
    .map(|text| ("body-reserialised", signs(&text.replace('P', loads))))
    .collect();
    rows[2].1 = rows[2].1.replace(
        "separators=(',', ':'))",
        "separators=(',', ':')).replace('1e+21', '1e21').replace('1.5,', '1.50,')",
    );
    rows.extend([
        (
            "body-reserialised",
            format!(
                "body = json.dumps({loads}, separators=(',', ':')).encode(); {}",
                gets("json.dumps(json.loads(body))")
            ),
        ),
        ("body-reserialised", gets("json.dumps(body.decode())")),
        ("body-newline-added", gets(r#"body + b"\n""#)),
        ("body-newline-lost", signs(r#"body + b"\n""#)),
        ("body-line-ends", signs(r#"b"a\nb\n""#) + r#"; got = b"a\r\nb\r\n""#),
        ("body-line-ends", signs(r#"b"a\r\nb\r\n""#) + r#"; got = b"a\nb\n""#),
        ("body-bom", gets(r#"body.decode().encode("utf-8-sig")"#)),
        ("body-bom", signs("codecs.BOM_UTF8 + body")),
        ("body-compressed", gets("gzip.compress(body)")),
        ("body-compressed", gets("zlib.compress(body)")),
        ("body-form", signs(r#""payload=" + urllib.parse.quote_plus(body)"#)),
        (
            "body-form",
            gets(r#"urllib.parse.urlencode({"payload": body.decode()})"#),
        ),
        (
            "body-form",
            signs(r#""a=1 2&b=%C3%A4".replace("%C3%A4", "ä")"#) + r#"; got = "a=1+2&b=%C3%A4""#,
        ),
        ("body-form", signs(r#"b"a=1%202&b=3""#) + r#"; got = "a=1+2&b=3""#),
        (
            "body-truncated",
            format!("body = body * 20; got = body; {}", signs("body[:1024]")),
        ),
        ("body-empty", signs(r#"b"""#)),
        (
            "body-truncated",
            format!(r#"{}; head["Content-Length"] = str(len(body))"#, gets("body[:100]")),
        ),
        (
            "body-empty",
            format!(r#"{}; head["Content-Type"] = "application/json""#, gets(r#"b"""#)),
        ),
        ("url-signed", signs(r#""https://hooks.example.com/in" + body.decode()"#)),
    ]);
    let url: &[&str] = &["--url", "http://hooks.example.com:8080/in?x=1"];
    let rows: Vec<Row<'_>> = rows
        .iter()
        .map(|(cause, code)| {
            (
                *cause,
                "generic",
                if *cause == "url-signed" {
                    &["--url", "http://hooks.example.com/in"][..]
                } else {
                    url
                },
                code.as_str(),
            )
        })
        .collect();
    each_is_named("python3", "-c", PYTHON, &rows);
}

/// How Python signs a URL as each of those does that sign it.
fn signed_url(provider: &str, url: &str) -> String {
    match provider {
        "square" => format!(r#"head["x-square-hmacsha256-signature"] = b64(h(secret, b"{url}" + body).digest())"#),
        "twilio" => format!(
            r#"got = b"To=2&From=1"; head["X-Twilio-Signature"] = b64(h(secret, "{url}From1To2", "sha1").digest())"#
        ),
        _ => format!(
            r#"head = {{"X-HubSpot-Request-Timestamp": "%d000" % t, "X-HubSpot-Signature-v3": b64(h(secret, b"POST{url}" + body + b"%d000" % t).digest())}}"#
        ),
    }
}

#[test]
fn another_url_than_the_one_that_was_signed_is_named() {
    const PROXIED: &[&str] = &["-H", "X-Forwarded-Host: hooks.example.com"];
    const HOST: &[&str] = &["-H", "Host: hooks.example.com:8080"];
    // The URL here, what else is known, the one that is signed, and how it differs.
    let cases: &[(&str, &[&str], &str, &str)] = &[
        (
            "http://a.example/in?x=1",
            &[],
            "https://a.example/in?x=1",
            "with https for http",
        ),
        (
            "https://a.example/in",
            &[],
            "http://a.example/in",
            "with http for https",
        ),
        (
            "https://a.example:8443/in",
            &[],
            "https://a.example/in",
            "without the port",
        ),
        (
            "http://hooks.example.com/in",
            HOST,
            "http://hooks.example.com:8080/in",
            "with the port",
        ),
        (
            "https://a.example/in",
            &[],
            "https://a.example/in/",
            "with a slash at the end of its path",
        ),
        (
            "https://a.example/in/",
            &[],
            "https://a.example/in",
            "without the slash at the end of its path",
        ),
        (
            "https://a.example/in?x=1",
            &[],
            "https://a.example/in",
            "without the query",
        ),
        (
            "http://app:3000/in",
            PROXIED,
            "http://hooks.example.com/in",
            "with a proxy's host",
        ),
        (
            "http://app:3000/in?x=1",
            PROXIED,
            "https://hooks.example.com/in?x=1",
            "with https for http and with a proxy's host",
        ),
    ];
    for provider in ["square", "twilio", "hubspot"] {
        // Twilio signs with and without the port, and both are taken.
        let differs = |said: &str| provider != "twilio" || said != "without the port";
        let cases: Vec<_> = cases.iter().filter(|case| differs(case.3)).collect();
        let more: Vec<Vec<&str>> = cases.iter().map(|case| [&["--url", case.0], case.1].concat()).collect();
        let code: Vec<String> = cases.iter().map(|case| signed_url(provider, case.2)).collect();
        let rows: Vec<Row<'_>> = more
            .iter()
            .zip(&code)
            .map(|(more, code)| ("url-differs", provider, more.as_slice(), code.as_str()))
            .collect();
        for (object, case) in each_is_named("python3", "-c", PYTHON, &rows).iter().zip(cases) {
            let said = format!("the sender signs the URL as `{}`, {}", case.2, case.3);
            assert_eq!(object["diagnosis"], said, "{provider}: {object}");
            let hint = object["hint"].as_str().expect("a hint");
            assert!(hint.contains(&format!("`--url {}`", quote(case.2))), "{object}");
        }
    }
}

#[test]
fn what_a_proxy_made_of_the_url_is_named_by_listen() {
    let code = signed_url("square", "https://hooks.example.com/in?x=1");
    let Some(made) = made("python3", "-c", PYTHON, &[("", "", &[], &code)]) else {
        return;
    };
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["-p", "square", "-s", &format!("literal:{SECRET}")]);
    let name = "x-square-hmacsha256-signature";
    let signature = made[0]["head"][name].as_str().expect("a value").to_owned();
    let headers = [
        (name, signature.as_str()),
        ("x-forwarded-host", "hooks.example.com"),
        ("content-type", "application/json"),
    ];
    let answer = request("POST", &listener.url, "/in?x=1", &headers, BODY.as_bytes());
    assert_eq!(answer.status, 401);
    listener.says("the sender signs the URL as `https://hooks.example.com/in?x=1`, with https for http");
    listener.stop();
    let lines = sandbox.hook(["log", "--failed", "--json"]).run().ok().json();
    let number = lines[0]["number"].to_string();
    let args = ["verify", &number, "-p", "square", "-s"];
    let secret = format!("literal:{SECRET}");
    let object = sandbox
        .hook(args.iter().chain(&[secret.as_str(), "--json"]))
        .run()
        .exits(5)
        .object();
    assert_eq!(object["cause"], "url-differs", "{object}");
    let told = ["--url", "https://hooks.example.com/in?x=1"];
    sandbox
        .hook(args.iter().chain(&[secret.as_str()]).chain(&told))
        .run()
        .ok();
}

#[test]
fn mistakes_with_what_is_signed_beside_the_body_are_named() {
    let stamped = |text: &str| format!(r#"head["X-Signature-256"] = "t=%d,v1=" % t + h(secret, {text}).hexdigest()"#);
    let standard = |text: &str| {
        format!(
            r#"head = {{"webhook-id": "m", "webhook-timestamp": str(t), "webhook-signature": "v1," + b64(h(base64.b64decode(secret[6:]), {text}).digest())}}"#
        )
    };
    let rows = [
        (
            "timestamp-unit",
            "generic@timestamped",
            stamped(r#"b"%d." % (t * 1000) + body"#),
        ),
        (
            "timestamp-unit",
            "generic@timestamped",
            format!("t = t * 1000; {}", stamped(r#"b"%d." % t + body"#)),
        ),
        ("timestamp-left-out", "generic@timestamped", stamped("body")),
        ("signed-content", "generic@timestamped", stamped(r#"b"%d" % t + body"#)),
        ("signed-content", "generic@timestamped", stamped(r#"body + b".%d" % t"#)),
        (
            "timestamp-header",
            "generic@timestamped",
            stamped(r#"b"%d." % (t - 9) + body"#) + r#"; head["X-Request-Timestamp"] = str(t - 9)"#,
        ),
        (
            "expired",
            "generic@timestamped",
            format!("t = t - 1000; {}", stamped(r#"b"%d." % t + body"#)),
        ),
        (
            "future-clock",
            "generic@timestamped",
            format!("t = t + 1000; {}", stamped(r#"b"%d." % t + body"#)),
        ),
        (
            "id-timestamp-swapped",
            "standard-webhooks",
            standard(r#"b"%d.m." % t + body"#),
        ),
        ("timestamp-left-out", "standard-webhooks", standard("body")),
        ("timestamp-left-out", "standard-webhooks", standard(r#"b"m." + body"#)),
        ("signed-content", "standard-webhooks", standard(r#"b"m" + body"#)),
    ];
    let rows: Vec<Row<'_>> = rows
        .iter()
        .map(|(cause, provider, code)| (*cause, *provider, &[][..], code.as_str()))
        .collect();
    each_is_named("python3", "-c", PYTHON, &rows);
}

#[test]
fn mistakes_with_schemes_that_sign_more_or_less_than_the_body_are_named() {
    const URL: &[&str] = &["--url", "https://a.example/in?x=1"];
    const KEY: &[&str] = &["-s", "literal:00112233445566778899aabbccddeeff"];
    let twilio = |code: &str| {
        format!(r#"got = b"To=2&From=1"; u = "https://a.example/in?x=1"; head["X-Twilio-Signature"] = {code}"#)
    };
    let hubspot = |text: &str| {
        format!(
            r#"u = b"https://a.example/in?x=1"; head = {{"X-HubSpot-Request-Timestamp": "%d000" % t, "X-HubSpot-Signature-v3": b64(h(secret, {text}).digest())}}"#
        )
    };
    let plain =
        |text: &str| format!(r#"head = {{"X-HubSpot-Signature": {text}, "X-HubSpot-Signature-Version": "v1"}}"#);
    let mailgun = |text: &str| {
        format!(r#"got = json.dumps({{"signature": {{"timestamp": str(t), "token": "k", "signature": {text}}}}})"#)
    };
    let rows: Vec<(&str, &str, &[&str], String)> = vec![
        ("wrong-hash", "twilio", URL, twilio(r#"b64(h(secret, u + "From1To2").digest())"#)),
        ("signature-encoding", "twilio", URL, twilio(r#"h(secret, u + "From1To2", "sha1").hexdigest()"#)),
        ("body-form", "twilio", URL, twilio(r#"b64(h(secret, u + "To=2&From=1", "sha1").digest())"#)),
        ("body-form", "twilio", URL, twilio(r#"b64(h(secret, u + "To2From1", "sha1").digest())"#)),
        ("secret-whitespace", "twilio", URL, twilio(r#"b64(h(" " + secret, u + "From1To2", "sha1").digest())"#)),
        ("timestamp-left-out", "hubspot", URL, hubspot(r#"b"POST" + u + body"#)),
        ("timestamp-unit", "hubspot", URL, hubspot(r#"b"POST" + u + body + b"%d" % t"#)),
        ("body-reserialised", "hubspot", URL, hubspot(r#"b"POST" + u + b(json.dumps(json.loads(body))) + b"%d000" % t"#)),
        ("wrong-hash", "hubspot@v1", &[], plain("hashlib.sha1(b(secret) + body).hexdigest()")),
        ("signature-encoding", "hubspot@v1", &[], plain("b64(hashlib.sha256(b(secret) + body).digest())")),
        ("wrong-hash", "mailgun", &[], mailgun(r#"h(secret, "%dk" % t, "sha1").hexdigest()"#)),
        ("signature-encoding", "mailgun", &[], mailgun(r#"b64(h(secret, "%dk" % t).digest())"#)),
        ("other-secret", "mailgun", &["-s", "literal:x"], mailgun(r#"h("settings", "%dk" % t).hexdigest()"#)),
        ("secret-encoding", "adyen@platform", KEY, r#"head = {"HmacSignature": b64(h("00112233445566778899aabbccddeeff", body).digest()), "Protocol": "HmacSHA256"}"#.into()),
        ("body-truncated", "stripe", &[], r#"head["Stripe-Signature"] = "t=%d,v1=" % t + h(secret, b"%d." % t + body).hexdigest(); got = body[:50]"#.into()),
        ("plain-hash", "generic", &[], r#"head["X-Signature-256"] = "sha256=" + hashlib.sha1(b(secret) + body).hexdigest()"#.into()),
    ];
    let rows: Vec<Row<'_>> = rows.iter().map(|row| (row.0, row.1, row.2, row.3.as_str())).collect();
    each_is_named("python3", "-c", PYTHON, &rows);
}

#[test]
fn a_key_of_a_pair_is_told_unless_a_shared_secret_stands_beside_it() {
    let sandbox = Sandbox::new();
    let Some(made) = reserialized_by_python() else { return };
    let der = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
    let kinds = [
        (format!("literal:{der}"), "the secret is a public key"),
        (
            format!("literal:-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n"),
            "the secret is a public key",
        ),
        (
            "literal:-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(),
            "the secret is a certificate",
        ),
        (
            "literal:-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_owned(),
            "the secret is a private key",
        ),
    ];
    for (secret, said) in kinds {
        let object = verify(&sandbox, "generic", &["-s", &secret, "--json"], &made)
            .exits(5)
            .object();
        assert_eq!(object["cause"], "key-kind", "{object}");
        assert!(object["diagnosis"].as_str().unwrap().starts_with(said), "{object}");
        let beside = ["-s", &secret, "-s", &format!("literal:{SECRET}"), "--json"];
        let object = verify(&sandbox, "generic", &beside, &made).exits(5).object();
        assert_eq!(object["cause"], "body-reserialised", "{object}");
    }
}

#[test]
fn a_body_that_is_cut_off_explains_no_wrong_token() {
    let sandbox = Sandbox::new();
    let line = "Authorization: Bearer another";
    let args = [
        "verify",
        "-p",
        "hoopai@bearer",
        "-s",
        "literal:x",
        "--body",
        "{\"a\":",
        "-H",
        line,
        "--json",
    ];
    let object = sandbox.hook(args).run().exits(5).object();
    assert_eq!(object["cause"], Value::Null, "{object}");
}

#[test]
fn mistakes_that_node_makes_are_named() {
    let rows: &[Row<'_>] = &[
        (
            "body-reserialised",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + h(secret, JSON.stringify(JSON.parse(body))).digest("hex")"#,
        ),
        (
            "body-reserialised",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + h(secret, body = '{"a":1,"b":[{}]}').digest("hex"); got = JSON.stringify(JSON.parse(body), null, 2)"#,
        ),
        (
            "body-reserialised",
            "generic",
            &[],
            r#"got = '{"b":1,"a":[]}'; head["X-Signature-256"] = "sha256=" + h(secret, JSON.stringify(JSON.parse(got), null, 4)).digest("hex")"#,
        ),
        (
            "secret-encoding",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + h(Buffer.from(secret.slice(6), "base64"), body).digest("hex")"#,
        ),
        (
            "secret-encoding",
            "standard-webhooks",
            &[],
            r#"head = {"webhook-id": "m", "webhook-timestamp": String(t), "webhook-signature": "v1," + h(Buffer.from(secret, "base64"), `m.${t}.${body}`).digest("base64")}"#,
        ),
        (
            "signature-encoding",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + h(secret, body).digest("base64url")"#,
        ),
        (
            "timestamp-unit",
            "generic@timestamped",
            &[],
            r#"head["X-Signature-256"] = `t=${t},v1=` + h(secret, `${t * 1000}.${body}`).digest("hex")"#,
        ),
        (
            "body-empty",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + h(secret, "").digest("hex")"#,
        ),
        (
            "plain-hash",
            "generic",
            &[],
            r#"head["X-Signature-256"] = "sha256=" + crypto.createHash("sha256").update(secret).update(body).digest("hex")"#,
        ),
    ];
    each_is_named("node", "-e", NODE, rows);
}

/// A request that Python signs and then re-serializes.
fn reserialized_by_python() -> Option<Value> {
    let code = r#"head["X-Signature-256"] = "sha256=" + h(secret, json.dumps(json.loads(body))).hexdigest()"#;
    Some(made("python3", "-c", PYTHON, &[("", "", &[], code)])?.remove(0))
}

#[test]
fn a_diagnosis_reads_in_plain_words_and_says_what_did_not_fit() {
    let Some(made) = reserialized_by_python() else { return };
    let sandbox = Sandbox::new();
    let outcome = verify(&sandbox, "generic", &["-v"], &made).exits(5);
    outcome.says([
        "did not fit: signature-encoding, other-header, wrong-hash, other-secret, secret-whitespace",
        "caused by: what was signed is JSON with spaces after commas and colons, as Python's `json.dumps` writes it",
        "hint: sign and check the raw bytes",
    ]);
    let quiet = verify(&sandbox, "generic", &[], &made).exits(5);
    assert!(!quiet.stderr().contains("did not fit"), "{quiet}");
}

#[test]
fn the_expected_signature_is_shown_only_with_reveal() {
    let Some(made) = reserialized_by_python() else { return };
    let sandbox = Sandbox::new();
    let secret = format!("literal:{SECRET}");
    let sign = ["sign", "-p", "generic", "-s", &secret, "--body", BODY];
    let signed = sandbox.hook(sign).run().ok().stdout();
    let expected = signed.split("sha256=").nth(1).unwrap().lines().next().unwrap();
    verify(&sandbox, "generic", &["--reveal"], &made)
        .exits(5)
        .says([&format!("expected: X-Signature-256: sha256={expected}")]);
    let object = verify(&sandbox, "generic", &["--reveal", "--json"], &made)
        .exits(5)
        .object();
    assert!(object["expected"].as_str().unwrap().ends_with(expected), "{object}");
    verify(&sandbox, "generic", &["-v"], &made).exits(5).never([expected]);
}

#[test]
fn two_mistakes_of_the_short_list_are_named_together() {
    let code = r#"head["X-Signature-256"] = "sha256=" + h("the one in HOOK_SECRET", json.dumps(json.loads(body))).hexdigest()"#;
    let Some(made) = made("python3", "-c", PYTHON, &[("", "", &[], code)]) else {
        return;
    };
    let sandbox = Sandbox::new();
    sandbox.write("body", BODY);
    let line = format!(
        "X-Signature-256: {}",
        made[0]["head"]["X-Signature-256"].as_str().unwrap()
    );
    let args = [
        "verify",
        "-p",
        "generic",
        "-s",
        "literal:other",
        "--body",
        "@body",
        "-H",
        &line,
        "--json",
    ];
    let run = sandbox.hook(args).env("HOOK_SECRET", "the one in HOOK_SECRET");
    let object = run.run().exits(5).object();
    assert_eq!(
        object["causes"],
        json!(["other-secret", "body-reserialised"]),
        "{object}"
    );
    assert!(
        object["diagnosis"].as_str().unwrap().contains("`env:HOOK_SECRET`"),
        "{object}"
    );
}

#[test]
fn a_scheme_of_another_provider_that_has_the_same_header_is_named() {
    let sandbox = Sandbox::new();
    for (name, content) in [("acme", "acme:${body}"), ("bolt", "${body}")] {
        let file = format!(
            "format = 1\nname = \"{name}\"\nextends = \"generic\"\n[signature.hmac]\nheader = \"X-Both\"\n\
             content = \"{content}\"\n"
        );
        sandbox.write(sandbox.config(&format!("providers/{name}.toml")), file);
    }
    let secret = format!("literal:{SECRET}");
    let signed = sandbox
        .hook(["sign", "-p", "acme", "-s", &secret, "--body", BODY])
        .run()
        .ok()
        .stdout();
    let line = signed
        .lines()
        .find(|line| line.to_lowercase().starts_with("x-both"))
        .unwrap();
    let args = ["verify", "-p", "bolt", "-s", &secret, "--body", BODY, "-H", line];
    let outcome = sandbox.hook(args).run().exits(5);
    outcome.says(["it was signed as `acme`", "--provider acme"]);
    let object = sandbox.hook(args.iter().chain(&["--json"])).run().exits(5).object();
    assert_eq!(object["cause"], "other-provider", "{object}");
}

#[test]
fn a_large_body_is_looked_at_for_a_while_and_what_was_not_tried_is_said() {
    let sandbox = Sandbox::new();
    let items = vec![r#"{"a": "x", "b": [1, 2.50, "y"]}"#; 400_000];
    sandbox.write("body", format!("[{}]", items.join(", ")));
    let args = ["verify", "-p", "generic", "-s", "literal:x", "--body", "@body", "-H"];
    let line = "X-Signature-256: sha256=00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    let outcome = sandbox.hook(args.iter().chain(&[line])).run().exits(5);
    outcome.says(["time limit reached; not tried: ", "body-truncated"]);
}

#[test]
fn what_listen_finds_out_stands_on_its_terminal_and_in_the_ledger_and_not_in_the_answer() {
    let sandbox = Sandbox::new();
    let secret = format!("literal:{SECRET}");
    let mut listener = sandbox.listen(["-p", "generic", "-s", &secret]);
    let url = listener.url.clone();
    let quoted = format!("literal:\"{SECRET}\"");
    let answer = sandbox
        .hook(["send", "test.ping", "-p", "generic", "-s", &quoted, "--to", &url])
        .run()
        .exits(3);
    listener.says("the sender signs with quotes around");
    listener.stop();
    answer.never(["quotes", SECRET]);
    let list = sandbox.hook(["log", "--failed", "--json"]).run().ok().json();
    let capture = list.iter().find(|line| line["kind"] == "capture").expect("a capture");
    let number = capture["number"].to_string();
    let object = sandbox.hook(["log", "show", &number, "--json"]).run().ok().object();
    assert_eq!(object["cause"], "secret-quotes", "{object}");
    assert!(object["diagnosis"].as_str().unwrap().contains("quotes"), "{object}");
    let shown = sandbox.hook(["log", "show", &number]).run().ok();
    shown.prints(["caused by", "the sender signs with quotes"]);
    let why = sandbox.hook(["log", "show", &number, "--why"]).run().ok();
    why.prints([
        "The cause: the sender signs with quotes",
        "What helps: set the secret again at the sender",
    ]);
}
