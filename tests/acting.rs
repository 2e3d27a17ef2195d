//! What may make a listener act: run commands, forward, answer with a signature.

use base64::Engine as _;
use hmac::{KeyInit as _, Mac as _};

use crate::support::{App, Reply, Sandbox, keys, request};

const BODY: &str = r#"{"ref":"main"}"#;

/// Runs once for each event, and says what it was told of it.
const NOTE: &str = "cat > /dev/null; echo $WEBHOOK_VERIFIED $WEBHOOK_EVENT >> ran";

fn hex_mac(secret: &str, content: &str) -> String {
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(content.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

fn github(secret: &str, body: &str) -> String {
    format!("sha256={}", hex_mac(secret, body))
}

/// What the commands said, a line a run.
fn ran(sandbox: &Sandbox) -> Vec<String> {
    let text = std::fs::read_to_string(sandbox.path("ran")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn commands_need_the_provider_to_be_named_where_the_secret_is_the_users() {
    let sandbox = Sandbox::new();
    let refuses = |args: &[&str]| {
        let all = [args, &["--exec", "true"]].concat();
        sandbox.listening(all).env("S", "topsecret")
    };
    for args in [["--secret", "env:S"], ["--secret", "github=env:S"]] {
        refuses(&args).run().exits(2).says([
            "error: refusing to run commands for requests of any provider that a sender chooses to imitate",
            "hint: name the provider whose secret it is: `--provider NAME`",
        ]);
    }
    // `--secret` alone is the dev secret only where the settings have none.
    refuses(&["--secret"]).env("HOOK_SECRET", "env:S").run().exits(2);
    sandbox
        .listening(["--secret", "env:S", "--on", "push=true"])
        .env("S", "x")
        .run()
        .exits(2);
    for args in [
        &["--secret", "env:S", "-p", "github"][..],
        &["--secret", "a=env:S", "--secret", "b=env:S", "-p", "github"],
        &["--secret"],
    ] {
        let run = refuses(&[args, &["--count", "1", "--for", "10ms"]].concat()).run();
        run.exits(8).never(["imitate"]);
    }
    sandbox.write(sandbox.config("config.toml"), "provider = \"github\"\n");
    refuses(&["--secret", "env:S", "--count", "1", "--for", "10ms"])
        .run()
        .exits(8);
}

#[test]
fn an_endpoint_whose_secret_is_used_names_its_provider() {
    let sandbox = Sandbox::new();
    sandbox.add_endpoint("http://localhost:1/ -p github --events push --local --name shop --secret literal:topsecret");
    let listener = sandbox.listen(["--secret", "endpoint:shop", "--exec", NOTE]);
    let signed = github("topsecret", BODY);
    let lines = [("x-hub-signature-256", &*signed), ("x-github-event", "push")];
    assert_eq!(request("POST", &listener.url, "/", &lines, BODY.as_bytes()).status, 200);
    let other = hex_mac("topsecret", BODY);
    let lines = [
        ("x-pocketsflow-signature", &*other),
        ("x-pocketsflow-event", "order.completed"),
    ];
    assert_eq!(request("POST", &listener.url, "/", &lines, BODY.as_bytes()).status, 401);
    listener.stop().ok();
    assert_eq!(ran(&sandbox), ["true push"]);
}

/// Two endpoints, `shop` of GitHub and `till` of Pocketsflow, each with a secret of its own.
fn two_endpoints() -> Sandbox {
    let sandbox = Sandbox::new();
    for (name, provider, event, secret) in [
        ("shop", "github", "push", "literal:of-shop"),
        ("till", "pocketsflow", "order.completed", "literal:of-till"),
    ] {
        let flags = format!("-p {provider} --events {event} --local --name {name} --secret {secret}");
        sandbox.add_endpoint(&format!("http://localhost:1/ {flags}"));
    }
    sandbox
}

#[test]
fn a_token_that_was_given_as_text_is_verified_again_from_the_ledger() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["-p", "gitlab", "--secret", "literal:right-token"]);
    for (token, status) in [("right-token", 200), ("wrong-token", 401)] {
        let lines = [("x-gitlab-event", "Push Hook"), ("x-gitlab-token", token)];
        assert_eq!(
            request("POST", &listener.url, "/", &lines, BODY.as_bytes()).status,
            status
        );
    }
    listener.stop().ok();
    let verify = |number: &str, secret: &str| sandbox.hook(["verify", number, "--secret", secret]).run();
    verify("1", "literal:right-token").ok().prints(["token only: gitlab"]);
    verify("1", "literal:wrong-token").exits(5);
    verify("2", "literal:right-token").exits(5);
    verify("2", "literal:wrong-token").ok();
}

#[test]
fn secrets_of_several_endpoints_are_each_bound_to_its_provider() {
    for args in [
        &["--secret", "endpoint:shop", "--secret", "endpoint:till"][..],
        &[
            "--secret",
            "endpoint:shop",
            "--secret",
            "endpoint:till",
            "-p",
            "pocketsflow",
            "-p",
            "github",
        ],
        &[
            "--secret",
            "github=endpoint:shop",
            "--secret",
            "pocketsflow=endpoint:till",
            "-p",
            "github",
            "-p",
            "pocketsflow",
        ],
    ] {
        let sandbox = two_endpoints();
        let listener = sandbox.listen(args.iter().chain(&["--exec", NOTE]));
        let send = |secret: &str, body: &str| {
            let signed = github(secret, body);
            let lines = [("x-hub-signature-256", &*signed), ("x-github-event", "push")];
            request("POST", &listener.url, "/", &lines, body.as_bytes()).status
        };
        assert_eq!([send("of-till", "{}"), send("of-shop", BODY)], [401, 200], "{args:?}");
        listener.stop().ok();
        assert_eq!(ran(&sandbox), ["true push"]);
    }
}

#[test]
fn the_flags_to_type_name_endpoints_too() {
    let sandbox = two_endpoints();
    let args = [
        "--secret",
        "endpoint:till",
        "--secret",
        "env:A",
        "-p",
        "github",
        "-p",
        "stripe",
    ];
    let run = sandbox.listening(args.iter().chain(&["--exec", "true"])).env("A", "x");
    run.run()
        .exits(2)
        .says(["`--secret github=endpoint:till --secret stripe=env:A`"]);
}

#[test]
fn what_nobody_verified_makes_no_duplicate_of_what_somebody_did() {
    let sandbox = Sandbox::new();
    let signed = github("topsecret", BODY);
    let lines = [
        ("x-hub-signature-256", &*signed),
        ("x-github-event", "push"),
        ("x-github-delivery", "1"),
    ];
    let unverified = sandbox.listen(["-p", "github"]);
    assert_eq!(
        request("POST", &unverified.url, "/", &lines, BODY.as_bytes()).status,
        200
    );
    unverified.stop().ok();
    let args = ["-p", "github", "--secret", "literal:topsecret", "--exec", NOTE];
    let listener = sandbox.listen(args);
    assert_eq!(request("POST", &listener.url, "/", &lines, BODY.as_bytes()).status, 200);
    listener.stop().ok().says(["0 duplicates"]);
    assert_eq!(ran(&sandbox), ["true push"]);
}

#[test]
fn what_a_web_page_sends_makes_no_duplicate_of_what_a_provider_sends() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["-p", "slotflow@unsigned", "--unverified", "--exec", NOTE]);
    let body = br#"{"event":"booking.confirmed","data":{"id":"b1"}}"#;
    let page = [("origin", "https://evil.example")];
    assert_eq!(request("POST", &listener.url, "/", &page, body).status, 200);
    assert_eq!(request("POST", &listener.url, "/", &[], body).status, 200);
    listener.stop().ok().says(["0 duplicates"]);
    assert_eq!(ran(&sandbox), ["false booking.confirmed"]);
}

#[test]
fn of_several_providers_each_secret_says_whose_it_is() {
    let sandbox = Sandbox::new();
    let named = ["-p", "github", "-p", "pocketsflow", "--exec", NOTE];
    let listening = |secrets: &[&str]| {
        let run = sandbox.listening(named.iter().chain(secrets));
        run.env("A", "of-github").env("B", "of-pocketsflow")
    };
    listening(&["--secret", "env:A", "--secret", "pocketsflow=env:B"])
        .run()
        .exits(2)
        .says([
            "error: refusing to run commands for several providers: a secret does not say which of them signs with it",
            "`--secret github=env:A --secret pocketsflow=env:B`",
        ]);
    let bare = listening(&["--secret", "literal:hush-hush"]).run().exits(2);
    bare.never(["hush-hush"]).says(["--secret github=REF"]);
    let bound = ["--secret", "github=env:A", "--secret", "pocketsflow=env:B"];
    let listener = crate::support::Listener::ready(listening(&bound));
    let github = |secret| {
        let signed = github(secret, BODY);
        let lines = [("x-hub-signature-256", &*signed), ("x-github-event", "push")];
        request("POST", &listener.url, "/", &lines, BODY.as_bytes()).status
    };
    let pocketsflow = |secret| {
        let signed = hex_mac(secret, BODY);
        let lines = [
            ("x-pocketsflow-signature", &*signed),
            ("x-pocketsflow-event", "order.completed"),
        ];
        request("POST", &listener.url, "/", &lines, BODY.as_bytes()).status
    };
    assert_eq!([github("of-pocketsflow"), pocketsflow("of-github")], [401, 401]);
    assert_eq!([github("of-github"), pocketsflow("of-pocketsflow")], [200, 200]);
    listener.stop().ok();
    let mut ran = ran(&sandbox);
    ran.sort();
    assert_eq!(ran, ["true order.completed", "true push"]);
}

#[test]
fn a_provider_that_signs_nothing_runs_commands_only_for_anybody() {
    let sandbox = Sandbox::new();
    for secret in [&["--secret"][..], &["--secret", "literal:x"], &[]] {
        let args = [&["-p", "slotflow@unsigned", "--on", "booking.confirmed=true"], secret].concat();
        sandbox
            .listening(args)
            .run()
            .exits(2)
            .says(["unverified requests", "`--unverified`"]);
    }
    // Beside one that signs it is told request by request.
    let args = ["-p", "slotflow@unsigned", "-p", "poolflow", "--secret", "--exec", NOTE];
    let mut listener = sandbox.listen(args);
    let unsigned = r#"{"event":"booking.confirmed","data":{"id":"1"}}"#;
    request(
        "POST",
        &listener.url,
        "/",
        &[("x-slotflow-signature", "")],
        unsigned.as_bytes(),
    );
    listener.shows("#1");
    listener.stop().ok();
    assert!(ran(&sandbox).is_empty(), "{:?}", ran(&sandbox));
    let other = unsigned.replace('1', "2");
    let listener = sandbox.listen(["-p", "slotflow@unsigned", "--secret", "--exec", NOTE, "--unverified"]);
    assert_eq!(request("POST", &listener.url, "/", &[], other.as_bytes()).status, 200);
    listener.stop().ok();
    assert_eq!(ran(&sandbox), ["false booking.confirmed"]);
}

#[test]
fn a_right_token_acts_and_is_told_from_a_signature() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["-p", "gitlab", "--secret", "t=literal:right", "--exec", NOTE]);
    let event = ("x-gitlab-event", "Push Hook");
    let with = |token: &[(&'static str, &'static str)]| {
        let lines = [token, &[event]].concat();
        request("POST", &listener.url, "/", &lines, b"{}").status
    };
    assert_eq!(with(&[("x-gitlab-token", "wrong")]), 401);
    assert_eq!(with(&[]), 401);
    assert_eq!(with(&[("x-gitlab-token", "right")]), 200);
    listener.shows("refused: the token in `X-Gitlab-Token` is not the secret");
    listener.shows("token only by `t`");
    listener.stop().ok().says(["1 verified, 2 refused"]);
    assert_eq!(ran(&sandbox), ["token Push Hook"]);
    let shown = sandbox.hook(["log", "show", "3", "--json"]).run().ok().object();
    assert_eq!(shown["verdict"], "token-only", "{shown}");
    let verify = [
        "verify",
        "-p",
        "gitlab",
        "-s",
        "literal:right",
        "--body",
        "{}",
        "-H",
        "x-gitlab-token: right",
    ];
    let verdict = sandbox.hook(verify.iter().chain(&["--json"])).run().ok().object();
    assert_eq!(verdict["verdict"], "token-only");
    assert_eq!(verdict["unsigned"], serde_json::json!(["body"]));
}

#[test]
fn a_bearer_token_that_is_demanded_is_a_token() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--require-bearer", "literal:tok", "--exec", NOTE]);
    let with = |value: &'static str| {
        let lines = [("authorization", value), ("x-event", "e")];
        request("POST", &listener.url, "/", &lines, b"{}").status
    };
    assert_eq!([with("Bearer wrong"), with("Bearer tok")], [401, 200]);
    listener.stop().ok();
    assert_eq!(ran(&sandbox).len(), 1);
    assert!(ran(&sandbox)[0].starts_with("token"));
    let public = "literal:whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
    sandbox
        .listening(["--require-bearer", public])
        .run()
        .exits(2)
        .says(["not a secret"]);
}

#[test]
fn a_variant_that_proves_less_is_taken_only_by_its_name() {
    let sandbox = Sandbox::new();
    let verify = |label: &str, line: &str| {
        let args = ["verify", "-p", label, "-s", "literal:shh", "--body", "{}", "-H", line];
        sandbox.hook(args).run()
    };
    verify("pocketsflow", "X-Webhook-Secret: shh")
        .exits(5)
        .says(["`--provider pocketsflow@secret-header`"]);
    verify("pocketsflow@secret-header", "X-Webhook-Secret: shh")
        .ok()
        .prints(["token only"]);
    verify("slotflow", "X-Anything: x").exits(5);
    verify("slotflow@unsigned", "X-Anything: x")
        .exits(5)
        .prints(["unsigned"]);
    // Proves as much: another encoding, and a time where the plain form has none.
    let raw = hex::decode(hex_mac("shh", "{}")).expect("hex");
    let base64 = base64::engine::general_purpose::STANDARD.encode(raw);
    verify("poolflow", &format!("X-PoolFlow-Signature: {base64}")).ok();
    let at = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("a clock")
        .as_secs();
    let timed = format!("X-Signature-256: t={at},v1={}", hex_mac("shh", &format!("{at}.{{}}")));
    verify("generic", &timed).ok().prints(["verified: generic@timestamped"]);
}

#[test]
fn a_body_that_is_another_schemes_content_is_refused_and_an_ordinary_one_is_not() {
    let sandbox = Sandbox::new();
    let verify = |body: &str| {
        let line = format!("X-Hub-Signature-256: {}", github("s", body));
        let args = [
            "verify",
            "-p",
            "github",
            "-s",
            "literal:s",
            "--body",
            body,
            "-H",
            &line,
            "--json",
        ];
        sandbox.hook(args).run()
    };
    for body in [
        r#"1700000000.{"id":"evt_1"}"#,
        "1700000000.a=1&b=2",
        "1700000000.text",
        r#"msg_2Lh9.1700000000.{"id":1}"#,
        r#"v0:1700000000:{"id":1}"#,
        "v0:1700000000:token=a&text=b",
        r#"1700000000:{"id":1}"#,
        r#"1700000000{"id":1}"#,
        r#"2030-01-02T03:04:05Z{"id":1}"#,
        r#"{"id":1}2030-01-02T03:04:05Z"#,
        r#"https://a.example/hooks{"id":1}"#,
        r#"https://a.example/hooks[{"id":1}]"#,
        r#"POSThttps://a.example/x{"id":1}1893553445000"#,
        r#"1700000000.x-event-id.evt_1.{"id":1}"#,
        "1893553445a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0a1b2c3d4",
        "8535296650153317:8535296650153318:Shop:ref:10100:EUR:AUTHORISATION:true",
    ] {
        let verdict = verify(body).exits(5).object();
        assert_eq!(verdict["reason"], "other-provider", "{body}");
        assert_eq!(verdict["cause"], "other-provider", "{body}");
    }
    for body in [
        "{}",
        " [1, 2]\n",
        "payload=%7B%22a%22%3A1%7D",
        "a=1.2&b=v0:1",
        "1.2.3=x",
        "Hello, World!",
        "1700000000",
        "1700000000.5",
        "v0",
        "<xml/>",
        "see https://a.example/",
    ] {
        verify(body).ok();
    }
    let line = format!("X-Signature-256: {}", github("s", "1700000000.{}"));
    let args = [
        "verify",
        "-p",
        "generic",
        "-s",
        "literal:s",
        "--body",
        "1700000000.{}",
        "-H",
        &line,
        "--json",
    ];
    assert_eq!(sandbox.hook(args).run().exits(5).object()["reason"], "other-variant");
}

#[test]
fn a_listener_refuses_the_content_of_another_scheme() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["-p", "github", "--secret", "literal:s", "--exec", NOTE]);
    let body = r#"1700000000.{"id":"evt_1"}"#;
    let signed = github("s", body);
    let lines = [("x-hub-signature-256", &*signed), ("x-github-event", "push")];
    assert_eq!(request("POST", &listener.url, "/", &lines, body.as_bytes()).status, 401);
    listener.shows("refused: what was signed reads as the content of another scheme");
    listener.stop().ok();
    assert!(ran(&sandbox).is_empty());
}

#[test]
fn the_answer_to_a_handshake_signs_no_event() {
    let sandbox = Sandbox::new();
    let answer = |url: &str, token: &str| {
        let answer = request("GET", url, &format!("/?crc_token={token}"), &[], b"");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        (
            answer.status,
            text.replace("{\"response_token\":\"", "").replace("\"}", ""),
        )
    };
    // Not named: no answer that is made with the secret.
    let mut listener = sandbox.listen(["--secret", "literal:s"]);
    let (status, text) = answer(&listener.url, "deploy-now");
    assert_eq!((status, &*text), (401, ""));
    listener.shows("the provider is not named: add `--provider twitter`");
    listener.stop().ok();
    // Named: what was answered is no event of it, nor of another that has the same secret.
    let args = [
        "-p",
        "twitter",
        "-p",
        "github",
        "-p",
        "mailgun",
        "--secret",
        "literal:s",
    ];
    let listener = sandbox.listen(args);
    let (status, own) = answer(&listener.url, "deploy-now");
    assert_eq!(status, 200);
    let post = |lines: &[(&str, &str)], body: &str| request("POST", &listener.url, "/", lines, body.as_bytes()).status;
    assert_eq!(post(&[("x-twitter-webhooks-signature", &own)], "deploy-now"), 401);
    let signed = github("s", "deploy-now");
    assert_eq!(post(&[("x-hub-signature-256", &signed)], "deploy-now"), 401);
    let token = "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0";
    assert_eq!(answer(&listener.url, &format!("1893553445{token}")).0, 401);
    for (time, token) in [("1893553445", token), ("1", "abc"), ("18935534450", "abc")] {
        let signature = hex_mac("s", &format!("{time}{token}"));
        let event = format!(
            r#"{{"signature":{{"timestamp":"{time}","token":"{token}","signature":"{signature}"}},"event-data":{{"event":"x","id":"{time}"}}}}"#
        );
        let wanted = if token.len() == 50 { 200 } else { 401 };
        assert_eq!(post(&[], &event), wanted, "{time}{token}");
        assert!(wanted == 401 || answer(&listener.url, &format!("{time}{token}")).0 == 401);
    }
    let signed = github("s", BODY);
    assert_eq!(post(&[("x-hub-signature-256", &signed)], BODY), 200);
    listener.stop().ok();
}

#[test]
fn a_repeat_under_another_id_that_is_not_signed_is_no_other_event() {
    let sandbox = Sandbox::new();
    let signed = github("s", BODY);
    let sha1 = {
        let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(b"s").expect("a key");
        mac.update(BODY.as_bytes());
        format!("sha1={}", hex::encode(mac.finalize().into_bytes()))
    };
    let send = |url: &str, id: &str, target: &str| {
        let lines = [
            ("x-hub-signature-256", &*signed),
            ("x-github-event", "push"),
            ("x-github-delivery", id),
        ];
        assert_eq!(request("POST", url, target, &lines, BODY.as_bytes()).status, 200);
    };
    let args = ["-p", "github", "--secret", "literal:s", "--exec", NOTE];
    let mut listener = sandbox.listen(args);
    send(&listener.url, "1", "/");
    send(&listener.url, "1", "/");
    listener.shows("duplicate of #1");
    send(&listener.url, "2", "/?x=1");
    listener.shows("same content as #1");
    let lines = [
        ("x-hub-signature", &*sha1),
        ("x-github-event", "push"),
        ("x-github-delivery", "3"),
    ];
    assert_eq!(request("POST", &listener.url, "/", &lines, BODY.as_bytes()).status, 200);
    listener.shows("same content as #1");
    listener.stop().ok().says(["3 duplicates"]);
    assert_eq!(ran(&sandbox), ["true push"]);
    let show = |number: &str| sandbox.hook(["log", "show", number, "--why"]).run().ok();
    show("2").prints(["the same event as #1", "It is the same event as #1"]);
    show("3").prints(["the same content as #1", "It has the same signed content as #1"]);
    let mut listener = sandbox.listen(args.iter().chain(&["--dedupe-window", "0", "--json"]));
    send(&listener.url, "4", "/");
    let line = listener.shows("hook.capture/1");
    assert!(line.contains(r#""same_content":false"#), "{line}");
    listener.stop().ok();
    assert_eq!(ran(&sandbox), ["true push", "true push"]);
}

#[test]
fn a_signed_id_makes_two_events_of_one_content_and_an_unsigned_one_in_a_list_of_keys_does_not() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret", "literal:s", "-p", "mailgun", "-p", "poolflow"]);
    let event = |id: &str| {
        let signature = hex_mac("s", "1893553445a8ce0edb2dd8301dee6c24");
        format!(
            r#"{{"signature":{{"timestamp":"1893553445","token":"a8ce0edb2dd8301dee6c24","signature":"{signature}"}},"event-data":{{"event":"x","id":"{id}"}}}}"#
        )
    };
    for id in ["one", "two"] {
        assert_eq!(
            request("POST", &listener.url, "/", &[], event(id).as_bytes()).status,
            200
        );
    }
    listener.shows("same content as #1");
    for id in ["1", "2"] {
        let body = format!(r#"{{"event":"job.paid","id":"{id}","timestamp":"t","data":{{"id":7}}}}"#);
        let signed = hex_mac("s", &body);
        let line = [("x-poolflow-signature", &*signed)];
        assert_eq!(request("POST", &listener.url, "/", &line, body.as_bytes()).status, 200);
    }
    listener.stop().ok().says(["1 duplicate"]);
}

#[test]
fn a_web_page_of_another_site_causes_nothing_without_a_signature() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let image = [("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "image")];
    let old = [("referer", "http://evil.example/page")];
    for more in [&["--unverified"][..], &["--inbound", "-p", "hoopai", "--unverified"]] {
        let args = [more, &["--exec", NOTE, "--forward-to", &app.url]].concat();
        let mut listener = sandbox.listen(args);
        let (base, path) = listener
            .url
            .split_at(listener.url[8..].find('/').map_or(listener.url.len(), |at| at + 8));
        let target = format!("{path}/?email=a%40b.c").replacen("//", "/", 1);
        let target = if path.is_empty() {
            target
        } else {
            format!("{path}?email=a%40b.c")
        };
        for lines in [&image[..], &old[..]] {
            assert_eq!(request("GET", base, &target, lines, b"").status, 200);
        }
        listener.says("is not passed on: it came from a web page and is not verified");
        listener.stop().ok();
        assert!(ran(&sandbox).is_empty(), "{more:?}");
        assert!(app.rest().is_empty(), "{more:?}");
    }
    let listener = sandbox.listen(["--unverified", "--exec", NOTE]);
    request("POST", &listener.url, "/", &[("sec-fetch-site", "same-origin")], b"{}");
    listener.stop().ok();
    assert_eq!(ran(&sandbox).len(), 1);
}

#[test]
fn what_is_not_signed_is_shown() {
    let sandbox = Sandbox::new();
    let signed = github("s", BODY);
    let mut listener = sandbox.listen(["-p", "github", "--secret", "literal:s", "--json"]);
    let lines = [("x-hub-signature-256", &*signed), ("x-github-event", "push")];
    request("POST", &listener.url, "/?x=1", &lines, BODY.as_bytes());
    let line: serde_json::Value = serde_json::from_str(&listener.shows("hook.capture/1")).expect("JSON");
    assert_eq!(line["unsigned"], serde_json::json!(["query", "header:x-github-event"]));
    assert!(keys(&line).contains(&"same_content"));
    listener.stop().ok();
    let mut listener = sandbox.listen(["-p", "github", "--secret", "literal:s", "-v"]);
    request("POST", &listener.url, "/?x=1", &lines, BODY.as_bytes());
    listener.shows("not signed: query, header:x-github-event");
    listener.stop().ok();
    let line = format!("X-Hub-Signature-256: {signed}");
    let verify = [
        "verify",
        "-v",
        "-p",
        "github",
        "-s",
        "literal:s",
        "--body",
        BODY,
        "-H",
        &line,
    ];
    sandbox
        .hook(verify.iter().chain(&["-H", "X-GitHub-Event: push"]))
        .run()
        .ok()
        .says(["not signed: header:x-github-event"]);
}

#[test]
fn a_public_key_in_hex_is_a_secret_only_of_a_provider_that_is_named() {
    let sandbox = Sandbox::new();
    let key = "ab".repeat(32);
    let line = format!("X-Hub-Signature-256: {}", github(&key, BODY));
    let secret = format!("literal:{key}");
    let verify = ["verify", "-s", &secret, "--body", BODY, "-H", &line];
    sandbox
        .hook(verify)
        .run()
        .exits(5)
        .prints(["no provider is named"])
        .says(["`--provider github`"]);
    sandbox.hook(verify.iter().chain(&["-p", "github"])).run().ok();
    for public in [
        "whpk_2gNKjb3kfUWFRgGKoIYRqKqsHfQyEYyYrrKeRhBAZwk=",
        "LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0K",
    ] {
        let line = format!("X-Gitlab-Token: {public}");
        let secret = format!("literal:{public}");
        let args = ["verify", "-p", "gitlab", "-s", &secret, "--body", BODY, "-H", &line];
        sandbox.hook(args).run().exits(5).prints(["a key of a pair"]);
        let line = format!("X-Hub-Signature-256: {}", github(public, BODY));
        let args = ["verify", "-p", "github", "-s", &secret, "--body", BODY, "-H", &line];
        sandbox.hook(args).run().exits(5).prints(["a key of a pair"]);
    }
}
