//! Schemes of no built-in provider, and schemes that sign where a request goes, through the real binary.

use crate::support::{Sandbox, request};

/// A scheme that no built-in has: SHA-512, method and a header in what is signed, millisecond pairs, two headers.
const ACME: &str = r#"
format = 1
name = "acme"

[secret]
form = "acme_${new.hex32}"

[signature.hmac]
algorithm = "sha512"
key-prefix = "acme_"
key = "hex"
content = "${method} ${url}|${header.x-acme-tenant}|${timestamp.ms}|${body.order.id}|${body.note?}|${body}"
header = "X-Acme-Sign"
value = "at=${timestamp.ms}; sig=${signature}"
pairs = ";"
encoding = "base64url"
tolerance = "30s"
clock = "past"

[signature.hmac.carrier]
more-headers = ["X-Acme-Sign-Next"]
url-forms = ["given", "without-port"]

[headers]
X-Acme-Tenant = "t1"

[envelope.json]
"..." = "${data}"

[events."order.made"]
summary = "An order was made"
sample = '''{ "order": { "id": "${new.uuid}" } }'''
"#;

#[test]
fn a_scheme_that_no_builtin_has_is_accepted_signs_and_verifies() {
    let sandbox = Sandbox::new();
    sandbox.write("acme.toml", ACME);
    let outcome = sandbox.hook(["providers", "check", "acme.toml"]).run().ok();
    assert_eq!(outcome.stdout(), "ok acme: 1 event, 0 variants\n");
    sandbox.write(sandbox.config("providers/acme.toml"), ACME);
    let body = r#"{"order":{"id":"o1"}}"#;
    let secret = "literal:acme_00112233445566778899aabbccddeeff";
    let sign = [
        "sign",
        "-p",
        "acme",
        "--secret",
        secret,
        "--body",
        body,
        "--at",
        "1893553445",
        "--url",
        "https://a.example/x",
        "--method",
        "PUT",
    ];
    let lines = sandbox.hook(sign).run().ok().stdout();
    let verify = |url: &str, at: &str| {
        let mut args = vec!["verify", "-p", "acme", "--secret", secret, "--body", body, "--at", at];
        args.extend(["--url", url, "--method", "PUT"]);
        for line in lines.lines() {
            args.extend(["--header", line]);
        }
        sandbox.hook(args).run()
    };
    verify("https://a.example/x", "1893553445").ok();
    verify("https://a.example:8443/x", "1893553445").ok();
    verify("https://a.example/x", "1893553476").exits(5).prints(["too old"]);
    verify("https://a.example/y", "1893553445").exits(5);
}

#[test]
fn a_signed_url_that_is_not_known_is_asked_for() {
    let sandbox = Sandbox::new();
    let sign = ["sign", "-p", "square", "--secret", "literal:a", "--body", "{}"];
    sandbox
        .hook(sign)
        .run()
        .exits(2)
        .says(["`--url https://example.com/hook`"]);
    let header = "x-square-hmacsha256-signature: AAAA";
    let verify = [
        "verify",
        "-p",
        "square",
        "--secret",
        "literal:a",
        "--body",
        "{}",
        "-H",
        header,
    ];
    sandbox.hook(verify).run().exits(5).says(["`--url URL`"]);
}

#[test]
fn a_pair_of_keys_is_written_as_the_provider_writes_it_and_signs() {
    let sandbox = Sandbox::new();
    for (provider, length) in [("discord", 64), ("sendgrid", 124)] {
        let made = sandbox
            .hook(["secret", "new", "--provider", provider, "--out", provider])
            .run()
            .ok();
        let public = std::fs::read_to_string(sandbox.path(&format!("{provider}.pub"))).expect("the public half");
        assert_eq!(public.trim().len(), length, "{provider}: {made}");
        let sign = [
            "sign",
            "-p",
            provider,
            "--secret",
            &format!("file:{provider}"),
            "--body",
            "{}",
        ];
        let lines = sandbox.hook(sign).run().ok().stdout();
        let secret = format!("file:{provider}.pub");
        let mut args = vec!["verify", "-p", provider, "--secret", &secret, "--body", "{}"];
        for line in lines.lines() {
            args.extend(["--header", line]);
        }
        sandbox.hook(args).run().ok();
    }
}

#[test]
fn a_signature_in_the_body_is_put_there() {
    let sandbox = Sandbox::new();
    let body = r#"{"signature":{"timestamp":"1893553445","token":"t","signature":""},"event-data":{}}"#;
    let sign = ["sign", "-p", "mailgun", "--secret", "literal:k", "--body", body];
    let signed = sandbox.hook(sign).run().ok().stdout().trim().to_owned();
    let verify = ["verify", "-p", "mailgun", "--secret", "literal:k", "--body", &signed];
    sandbox.hook(verify).run().ok();
    let sign = ["sign", "-p", "mailgun", "--secret", "literal:k", "--body", "[]"];
    sandbox.hook(sign).run().exits(2).says(["cannot sign this message"]);
}

#[test]
fn a_listener_judges_a_signed_url_by_what_senders_have() {
    let sandbox = Sandbox::new();
    let secret = ["--secret", "literal:a"];
    let sign = [
        "sign",
        "-p",
        "square",
        "--body",
        "{}",
        "--url",
        "https://tunnel.example/hooks?x=1",
    ];
    let line = sandbox.hook(sign.iter().chain(&secret)).run().ok().stdout();
    let line = line
        .lines()
        .find(|line| line.starts_with("x-square-hmacsha256-signature: "));
    let (name, value) = line.expect("a signature").split_once(": ").expect("a value");
    for (base, status) in [("https://tunnel.example/", 200), ("https://other.example", 401)] {
        let listener = sandbox.listen(["--public-url", base].iter().chain(&secret));
        let answer = request("POST", &listener.url, "/hooks?x=1", &[(name, value)], b"{}");
        assert_eq!(answer.status, status, "{base}");
        listener.stop().ok();
    }
}

#[test]
fn a_body_that_is_no_form_goes_to_a_url_with_its_hash() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret"]);
    let to = format!("{}/sms?a=1&bodySHA256=old#part", listener.url);
    let send = ["send", "received", "-p", "twilio", "--to", &to];
    let rehearsed = sandbox
        .hook([&send[..], &["--body", "{}", "--dry-run"]].concat())
        .run()
        .ok()
        .stdout();
    let hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert!(
        rehearsed.starts_with(&format!("POST /sms?a=1&bodySHA256={hash} HTTP/1.1\n")),
        "{rehearsed}"
    );
    for more in [
        ["--body", "{}"].as_slice(),
        &["-H", "content-type: application/json"],
        &["--body", "a=1&b=2"],
    ] {
        sandbox.hook([&send[..], more].concat()).run().ok();
        assert!(listener.shows("#").contains("verified by"), "{more:?}");
    }
    let url = "https://a.example/?a=1";
    let sign = ["sign", "-p", "twilio", "--secret", "literal:12345", "--url", url];
    let signed = sandbox
        .hook([&sign[..], &["--body", "{}"]].concat())
        .run()
        .ok()
        .stdout();
    assert_eq!(signed.lines().last(), Some(&*format!("{url}&bodySHA256={hash}")));
    let signed = sandbox
        .hook([&sign[..], &["--body", "a=1", "--json"]].concat())
        .run()
        .ok()
        .stdout();
    assert!(!signed.contains("\"url\""), "{signed}");
    listener.stop().ok();
}

#[test]
fn a_body_whose_hash_is_in_the_url_cannot_be_left_out() {
    let sandbox = Sandbox::new();
    let url = "https://a.example/?bodySHA256=44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let sign = ["sign", "-p", "twilio", "--secret", "literal:12345", "--url", url];
    let signed = sandbox.hook(sign.iter().chain(&["--body", "{}"])).run().ok().stdout();
    let line = signed.lines().find(|line| line.starts_with("x-twilio-signature: "));
    let line = line.expect("a signature").to_owned();
    for (body, code) in [("{}", 0), ("", 5)] {
        let verify = ["verify", "-p", "twilio", "--secret", "literal:12345", "--url", url];
        let more = ["-H", &line, "--body", body];
        sandbox.hook(verify.iter().chain(&more)).run().exits(code);
    }
}

#[test]
fn every_attempt_signs_the_url_that_it_goes_to() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret"]);
    for (provider, event) in [
        ("twilio", "received"),
        ("square", "payment.created"),
        ("hubspot", "contact.creation"),
    ] {
        let to = format!("{}/hooks?provider={provider}", listener.url);
        sandbox.hook(["send", event, "-p", provider, "--to", &to]).run().ok();
        assert!(listener.shows(event).contains("verified by"), "{provider}");
    }
    listener.stop().ok();
}
