//! `hook verify`.

use serde_json::Value;

use crate::support::{App, Outcome, Reply, Sandbox, keys};

const BODY: &str = r#"{"event":"job.paid","timestamp":"2030-01-02T03:04:05Z","data":{"id":1}}"#;
const SECRET: &str = "whsec_hooktest_0123456789abcdef";

/// The header lines that `hook sign` gives.
fn signed(sandbox: &Sandbox, provider: &str, secret: &str, body: &str, at: &str) -> Vec<String> {
    sandbox.write("signed-body", body);
    let reference = format!("literal:{secret}");
    let args = [
        "sign",
        "-p",
        provider,
        "-s",
        &reference,
        "--at",
        at,
        "--body",
        "@signed-body",
    ];
    sandbox
        .hook(args)
        .run()
        .ok()
        .stdout()
        .lines()
        .map(str::to_owned)
        .collect()
}

/// `hook verify` with these headers and this body.
fn verify(sandbox: &Sandbox, headers: &[String], body: &str, more: &[&str]) -> Outcome {
    sandbox.write("body", body);
    let mut args = vec!["verify", "--body", "@body"];
    for line in headers {
        args.extend(["--header", line]);
    }
    args.extend(more);
    sandbox
        .hook(args)
        .env("RIGHT", SECRET)
        .env("WRONG", "whsec_wrong")
        .run()
}

const NOW: &str = "1893553445";

#[test]
fn a_verified_request_names_provider_and_secret_and_exits_0() {
    let sandbox = Sandbox::new();
    let headers = signed(&sandbox, "pool-brain", SECRET, BODY, NOW);
    let outcome = verify(&sandbox, &headers, BODY, &["-p", "pool-brain", "-s", "env:RIGHT"]).ok();
    assert_eq!(outcome.stdout(), "verified: pool-brain by `env:RIGHT`\n");
    let named = [
        "-p",
        "pool-brain",
        "-s",
        "new=env:WRONG",
        "-s",
        "old=env:RIGHT",
        "--json",
    ];
    let object = verify(&sandbox, &headers, BODY, &named).ok().object();
    let wanted = [
        "schema",
        "verdict",
        "provider",
        "secret",
        "reason",
        "detail",
        "cause",
        "causes",
        "diagnosis",
        "hint",
        "not_tried",
        "unsigned",
    ];
    assert_eq!(keys(&object), wanted);
    assert_eq!(object["schema"], "hook.verdict/1");
    assert_eq!(
        (object["verdict"].as_str(), object["secret"].as_str()),
        (Some("verified"), Some("old"))
    );
    assert!(["reason", "cause", "hint"].iter().all(|key| object[key] == Value::Null));
}

#[test]
fn without_provider_and_secret_the_headers_and_the_dev_secret_decide() {
    let sandbox = Sandbox::new();
    let line = sandbox
        .hook(["sign", "-p", "poolflow", "--body", BODY])
        .run()
        .ok()
        .stdout();
    let outcome = verify(&sandbox, &[line.trim().into()], BODY, &[]).ok();
    outcome
        .prints(["verified: poolflow by `dev secret`"])
        .says(["poolflow, recognised by its headers", "checked with the dev secret"]);
}

#[test]
fn a_refused_request_exits_5_and_shows_neither_secret_nor_expected_signature() {
    let sandbox = Sandbox::new();
    let headers = signed(&sandbox, "poolflow", SECRET, BODY, NOW);
    let expected = signed(&sandbox, "poolflow", "whsec_wrong", BODY, NOW).remove(0);
    let expected = expected.split(": ").nth(1).unwrap();
    for output in ["human", "json"] {
        let more = ["-p", "poolflow", "-s", "literal:whsec_wrong", "-v", "--output", output];
        let outcome = verify(&sandbox, &headers, BODY, &more).exits(5);
        outcome
            .prints(["refused"])
            .says(["hint:"])
            .never(["whsec_wrong", SECRET, expected]);
    }
    let quiet = verify(&sandbox, &headers, BODY, &["-p", "poolflow", "-s", "env:WRONG", "-q"]).exits(5);
    assert_eq!((quiet.stdout(), quiet.stderr()), (String::new(), String::new()));
}

#[test]
fn each_reason_of_a_refusal_has_its_code_and_a_hint() {
    let sandbox = Sandbox::new();
    let good = signed(&sandbox, "slotflow", SECRET, BODY, NOW);
    let line = |value: &str| vec![format!("x-slotflow-signature: {value}")];
    let none = vec!["content-type: text/plain".to_owned()];
    let cases = [
        (
            none.clone(),
            "slotflow",
            NOW,
            "header-missing",
            "hook providers show slotflow",
        ),
        (line("v1=00"), "slotflow", NOW, "part-missing", "--header"),
        (
            line("t=1893553445"),
            "slotflow",
            NOW,
            "malformed",
            "hook providers show slotflow",
        ),
        (
            line("t=1893553445,v1=00"),
            "slotflow",
            NOW,
            "no-match",
            "compare the secret",
        ),
        (good.clone(), "slotflow", "1893553746", "too-old", "--at 1893553445"),
        (good.clone(), "slotflow", "1893553144", "too-new", "--at 1893553445"),
        (
            vec!["x-wh-signature: AAAA".into()],
            "hoopai",
            NOW,
            "unusable-secret",
            "hook providers show hoopai@rsa",
        ),
    ];
    for (headers, provider, at, reason, hint) in cases {
        let more = ["-p", provider, "-s", "env:RIGHT", "--at", at, "--json"];
        let object = verify(&sandbox, &headers, BODY, &more).exits(5).object();
        assert_eq!(object["reason"], reason, "{object}");
        assert!(
            object["hint"].as_str().is_some_and(|text| text.contains(hint)),
            "{object}"
        );
    }
    let object = verify(&sandbox, &none, BODY, &["-s", "env:RIGHT", "--json"])
        .exits(5)
        .object();
    assert_eq!(
        (object["reason"].as_str(), &object["provider"]),
        (Some("unrecognised"), &Value::Null)
    );
    let unsigned = verify(&sandbox, &good, BODY, &["-p", "slotflow@unsigned", "-s", "env:RIGHT"]).exits(5);
    unsigned.prints(["unsigned: slotflow@unsigned"]);
}

#[test]
fn the_likely_mistakes_are_found_one_at_a_time() {
    let sandbox = Sandbox::new();
    let pretty = "{\n  \"event\": \"job.paid\",\n  \"n\": 1\n}\n";
    let compact = r#"{"event":"job.paid","n":1}"#;
    let dos = pretty.replace('\n', "\r\n");
    let cases = [
        (compact, "literal:whsec_x \n", compact, "whsec_x", "secret-whitespace"),
        (compact, "literal:whsec_x", compact, "whsec_x\n", "secret-whitespace"),
        ("{}\n", "env:RIGHT", "{}", SECRET, "body-newline-added"),
        ("{}\r\n", "env:RIGHT", "{}", SECRET, "body-newline-added"),
        ("{}", "env:RIGHT", "{}\n", SECRET, "body-newline-lost"),
        (&dos, "env:RIGHT", pretty, SECRET, "body-line-ends"),
        (pretty, "env:RIGHT", &dos, SECRET, "body-line-ends"),
        (pretty, "env:RIGHT", compact, SECRET, "body-reserialised"),
    ];
    for provider in ["poolflow", "slotflow"] {
        for (received, tried, body, secret, cause) in cases {
            let headers = signed(&sandbox, provider, secret, body, NOW);
            let more = ["-p", provider, "-s", tried, "--at", NOW, "--json"];
            let object = verify(&sandbox, &headers, received, &more).exits(5).object();
            assert_eq!(object["cause"], cause, "{object}");
            assert!(object["hint"].is_string(), "{object}");
        }
        let headers = signed(&sandbox, provider, SECRET, compact, NOW);
        let object = verify(
            &sandbox,
            &headers,
            "{}",
            &["-p", provider, "-s", "env:RIGHT", "--at", NOW, "--json"],
        );
        assert_eq!(
            object.exits(5).object()["cause"],
            Value::Null,
            "another body is none of them"
        );
    }
}

#[test]
fn another_known_secret_that_matches_is_named() {
    let sandbox = Sandbox::new();
    let headers = signed(&sandbox, "poolflow", SECRET, BODY, NOW);
    sandbox.write("body", BODY);
    let args = [
        "verify",
        "-p",
        "poolflow",
        "-H",
        &headers[0],
        "--body",
        "@body",
        "-s",
        "literal:other",
    ];
    let outcome = sandbox.hook(args).env("HOOK_SECRET", SECRET).run().exits(5);
    outcome
        .says([
            "caused by: it was signed with `env:HOOK_SECRET`",
            "--secret env:HOOK_SECRET",
        ])
        .never([SECRET]);
    let dev = sandbox
        .hook(["sign", "-p", "poolflow", "--body", BODY])
        .run()
        .ok()
        .stdout();
    let outcome = verify(
        &sandbox,
        &[dev.trim().into()],
        BODY,
        &["-p", "poolflow", "-s", "env:RIGHT"],
    );
    outcome.exits(5).says(["it was signed with `dev secret`"]);
}

#[test]
fn a_request_of_another_provider_or_variant_is_told_apart() {
    let sandbox = Sandbox::new();
    let headers = signed(&sandbox, "poolflow", SECRET, BODY, NOW);
    let outcome = verify(&sandbox, &headers, BODY, &["-p", "slotflow", "-s", "env:RIGHT"]).exits(5);
    outcome.says(["it was signed as `poolflow`", "--provider poolflow"]);
    let headers = signed(&sandbox, "generic", SECRET, BODY, NOW);
    let more = ["-p", "generic@timestamped", "-s", "env:RIGHT", "--at", NOW];
    let outcome = verify(&sandbox, &headers, BODY, &more).exits(5);
    outcome.says(["it was signed as `generic`", "--provider generic`"]);
    let headers = signed(&sandbox, "generic@timestamped", SECRET, BODY, NOW);
    let more = ["-p", "generic", "-s", "env:RIGHT", "--at", NOW];
    let outcome = verify(&sandbox, &headers, BODY, &more).ok();
    assert!(
        outcome.stdout().contains("generic@timestamped"),
        "the value's form tells two variants of one header apart"
    );
}

#[test]
fn the_highest_rank_whose_header_is_there_decides_alone() {
    let sandbox = Sandbox::new();
    let keys = |provider: &str, file: &str| {
        sandbox
            .hook(["secret", "new", "-p", provider, "--out", file])
            .run()
            .ok();
    };
    keys("hoopai@ed25519", "strong");
    let sign = |provider: &str, secret: &str| {
        let args = ["sign", "-p", provider, "-s", secret, "--body", BODY];
        sandbox.hook(args).run().ok().stdout().trim().to_owned()
    };
    let (strong, weak) = (sign("hoopai@ed25519", "file:strong"), sign("hoopai", "literal:s"));
    let both = ["-s", "file:strong.pub", "-s", "literal:s", "--json"];
    let check = |headers: &[String], more: &[&str]| {
        let object = verify(&sandbox, headers, BODY, more).object();
        [&object["verdict"], &object["provider"]].map(|value| value.as_str().unwrap().to_owned())
    };
    assert_eq!(
        check(&[weak.clone(), strong.clone()], &both),
        ["verified", "hoopai@ed25519"]
    );
    assert_eq!(check(std::slice::from_ref(&weak), &both), ["verified", "hoopai"]);
    let forged = "x-ghl-signature: AAAA".to_owned();
    assert_eq!(check(&[weak.clone(), forged], &both), ["refused", "hoopai@ed25519"]);
    let named = ["-p", "hoopai@wl", "-s", "literal:s", "--json"];
    assert_eq!(check(&[weak, strong], &named), ["refused", "hoopai@wl"]);
}

#[test]
fn a_weak_scheme_may_verify_and_is_called_weak() {
    let sandbox = Sandbox::new();
    let header = vec!["Authorization: Bearer abc".to_owned()];
    let outcome = verify(&sandbox, &header, BODY, &["-p", "hoopai@bearer", "-s", "t=literal:abc"]).ok();
    outcome.prints(["token only: hoopai@bearer by `t`, weak: a token covers no body"]);
    let outcome = verify(&sandbox, &header, BODY, &["-p", "hoopai@bearer", "-s", "literal:abc"]).ok();
    outcome.prints(["token only: hoopai@bearer, weak: a token covers no body"]);
    let outcome = verify(&sandbox, &header, BODY, &["-p", "hoopai", "-s", "literal:abc"]).exits(5);
    outcome.says(["it was signed as `hoopai@bearer`", "--provider hoopai@bearer"]);
}

#[test]
fn providers_that_fit_alike_are_shown_and_the_one_that_matches_wins() {
    let sandbox = Sandbox::new();
    let acme = "format = 1\nname = \"acme\"\nextends = \"generic\"\n[signature.hmac]\nvalue = \"v=${signature}\"\n";
    sandbox.write(sandbox.config("providers/acme.toml"), acme);
    let headers = signed(&sandbox, "acme", SECRET, BODY, NOW);
    let outcome = verify(&sandbox, &headers, BODY, &["-s", "env:RIGHT"]).ok();
    outcome
        .prints(["verified: acme"])
        .says(["these fit as well: `generic`", "--provider"]);
}

#[test]
fn a_broken_provider_file_is_not_passed_over_in_silence() {
    let sandbox = Sandbox::new();
    sandbox.write(
        sandbox.config("providers/acme.toml"),
        "format = 1\nname = \"acme\"\nbad = 1\n",
    );
    let outcome = verify(&sandbox, &["x-acme: 1".into()], BODY, &["-s", "env:RIGHT"]).exits(5);
    outcome.says(["skipped", "acme.toml"]);
}

#[test]
fn command_lines_that_say_too_little_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.hook(["verify"]).run().exits(2).says(["--body"]);
    let header = sandbox.hook(["verify", "--body", "x", "-H", "nocolon"]).run().exits(2);
    header.says(["is not a header of the form `NAME: VALUE`"]);
    let unknown = sandbox.hook(["verify", "--body", "x", "-p", "poolflwo"]).run().exits(6);
    unknown.says(["provider `poolflwo` not found", "--provider poolflow"]);
    let url = verify(
        &sandbox,
        &[],
        BODY,
        &["-p", "poolflow", "-s", "env:RIGHT", "--url", "http://a/"],
    );
    url.exits(5).says(["`--url` change nothing"]);
}

/// A secret for those that sign in the body: hex.
const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[test]
fn a_delivery_with_its_signature_in_the_body_is_judged_by_what_was_sent() {
    for (provider, event) in [("mailgun", "delivered"), ("adyen", "AUTHORISATION")] {
        let sandbox = Sandbox::new();
        let app = App::start(|_| Reply::Status(200, ""));
        let (right, wrong) = (format!("literal:{KEY}"), format!("literal:{}", "ab".repeat(32)));
        let send = ["send", event, "-p", provider, "-s", &right, "--to", &app.url];
        sandbox.hook(send).run().ok();
        let sent = app.next().body;
        let verify = |secret: &str| sandbox.hook(["verify", "1", "-s", secret]).run();
        verify(&right).ok().prints([&format!("verified: {provider}")]);
        verify(&wrong).exits(5).prints(["does not match"]);
        let shown = sandbox.hook(["log", "show", "1", "--json"]).run().ok().object();
        let attempt = &shown["attempts"][0]["request_body"];
        assert_eq!(attempt.as_str().map(str::as_bytes), Some(sent.as_slice()), "{shown}");
        assert_ne!(shown["body"], *attempt, "the message itself has no signature");
        sandbox.hook(["replay", "1", "--as-captured"]).run().ok();
        assert_eq!(app.next().body, sent, "{provider}");
    }
}

#[test]
fn a_capture_with_its_signature_in_the_body_is_judged_by_its_bytes() {
    for (provider, event) in [("mailgun", "delivered"), ("adyen", "AUTHORISATION")] {
        let (sender, receiver) = (Sandbox::new(), Sandbox::new());
        let secret = format!("literal:{KEY}");
        let listener = receiver.listen(["-p", provider, "-s", &secret]);
        let send = ["send", event, "-p", provider, "-s", &secret, "--to", &listener.url];
        sender.hook(send).run().ok();
        listener.stop().ok();
        let verify = ["verify", "1", "-s", &secret];
        receiver
            .hook(verify)
            .run()
            .ok()
            .prints([&format!("verified: {provider}")]);
    }
}
