//! Providers that ask whether they are wanted: each question of theirs to `hook listen`, and `hook send --handshake`, which
//! asks as they do.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{Answer, App, CLOSED_PORT, Reply, Sandbox, request};

/// A question and the answer that the provider requires. Fields that are only for people are not read.
#[derive(Debug, Deserialize)]
struct Vector {
    provider: String,
    request: Question,
    response: Required,
    secret: Option<String>,
    signed: bool,
}

#[derive(Debug, Deserialize)]
struct Question {
    method: String,
    #[serde(default)]
    query: BTreeMap<String, String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    body_raw: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Required {
    status: Option<Value>,
    #[serde(default)]
    any_of: Vec<Form>,
    #[serde(flatten)]
    form: Form,
}

#[derive(Debug, Deserialize)]
struct Form {
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
}

/// Those that hook signs differently from the provider, or not at all.
const UNCHECKED: [&str; 1] = ["aws-sns"];

impl Vector {
    /// Each with the provider that hook knows it as.
    fn all() -> Vec<(&'static str, Self)> {
        let text = include_str!("handshakes/vectors.json");
        let vectors: Vec<Self> = serde_json::from_str(text).expect("a file of handshakes");
        let mut all = Vec::new();
        for vector in vectors {
            let name = match vector.provider.as_str() {
                "discord-interactions" | "discord-webhook-events" => "discord",
                // The same question, asked with another method.
                "bigcommerce-mailchimp-trello" => "mailchimp",
                other => String::leak(other.to_owned()),
            };
            all.push((name, vector));
        }
        assert_eq!(all.len(), 19);
        all
    }

    fn method(&self) -> &str {
        self.request.method.split(' ').next().expect("a method")
    }

    fn target(&self) -> String {
        // A value that has to be encoded for a URL is so already.
        let pairs: Vec<String> = (self.request.query.iter())
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if pairs.is_empty() {
            "/hooks".to_owned()
        } else {
            format!("/hooks?{}", pairs.join("&"))
        }
    }

    fn body(&self) -> Vec<u8> {
        match (&self.request.body, &self.request.body_raw) {
            (Some(Value::String(text)), None) | (None, Some(text)) => text.clone().into_bytes(),
            (Some(body), None) => body.to_string().into_bytes(),
            _ => Vec::new(),
        }
    }

    /// The headers, with the signature where the provider signs.
    fn headers(&self, sandbox: &Sandbox, provider: &str) -> Vec<(String, String)> {
        let mut headers: Vec<(String, String)> = Vec::new();
        if self.signed && !UNCHECKED.contains(&provider) {
            sandbox.write("body", self.body());
            let mut args = vec!["sign", "-p", provider, "--body", "@body"];
            let secret = self.secret.as_ref().map(|secret| format!("literal:{secret}"));
            args.extend(secret.iter().flat_map(|secret| ["--secret", secret]));
            let signed = sandbox.hook(args).run().ok().stdout();
            let line = |line: &str| line.split_once(": ").map(|(n, v)| (n.to_owned(), v.to_owned()));
            headers.extend(signed.lines().filter_map(line));
        }
        for (name, value) in &self.request.headers {
            headers.retain(|(have, _)| !have.eq_ignore_ascii_case(name));
            headers.push((name.clone(), value.clone()));
        }
        headers
    }

    /// Asks.
    fn ask(&self, url: &str, headers: &[(String, String)]) -> Answer {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        request(self.method(), url, &self.target(), &headers, &self.body())
    }

    /// What is wrong with an answer.
    fn fault(&self, answer: &Answer) -> Option<String> {
        let status = match &self.response.status {
            Some(Value::String(text)) => text.split(" or ").any(|one| one == answer.status.to_string()),
            Some(status) => *status == answer.status,
            None => answer.status == 200,
        };
        let forms = if self.response.any_of.is_empty() {
            std::slice::from_ref(&self.response.form)
        } else {
            &self.response.any_of
        };
        (!status || !forms.iter().any(|form| form.fits(answer))).then(|| {
            format!(
                "{}: {} {:?} {}",
                self.provider,
                answer.status,
                answer.headers,
                String::from_utf8_lossy(&answer.body)
            )
        })
    }
}

impl Form {
    fn fits(&self, answer: &Answer) -> bool {
        let header = |(name, value): (&String, &String)| answer.header(&name.to_lowercase()) == Some(value);
        let body = match &self.body {
            None => true,
            Some(Value::String(text)) => answer.body == text.as_bytes(),
            Some(body) => serde_json::from_slice::<Value>(&answer.body).is_ok_and(|have| have == *body),
        };
        body && self.headers.iter().all(header)
    }
}

#[test]
fn every_question_is_answered_as_its_provider_requires_and_with_the_secret_only_when_it_is_named() {
    let sandbox = Sandbox::new();
    let mut wrong = Vec::new();
    for (provider, vector) in Vector::all() {
        let secret = vector.secret.as_ref().map(|secret| format!("literal:{secret}"));
        let verified = match &secret {
            Some(secret) => vec!["--secret", secret],
            None => vec!["--secret"],
        };
        let headers = vector.headers(&sandbox, provider);
        for named in [true, false] {
            let mut args = vec!["--json"];
            if named {
                args.extend(["-p", provider]);
            }
            args.extend(&verified);
            let mut listener = sandbox.listen(&args);
            let answer = vector.ask(&listener.url, &headers);
            let line: Value = serde_json::from_str(&listener.shows("hook.capture/1")).expect("JSON");
            if !named && ["zoom", "twitter"].contains(&provider) {
                assert_eq!((answer.status, answer.body.len()), (401, 0), "{provider}");
                let refused = line["handshake_refused"].as_str().expect("a reason");
                assert!(refused.contains(&format!("add `--provider {provider}`")), "{refused}");
                listener.stop().ok();
                continue;
            }
            wrong.extend(vector.fault(&answer));
            let shown = (&line["handshake"], &line["event"], &line["handshake_refused"]);
            if shown != (&json!(true), &Value::Null, &Value::Null) {
                wrong.push(line.to_string());
            }
            listener.stop().ok().says(["received 0:", "1 handshake"]);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_signature_is_refused_with_an_empty_answer_and_a_missing_one_too() {
    let sandbox = Sandbox::new();
    let signing = Vector::all().into_iter();
    for (provider, vector) in signing.filter(|(name, vector)| vector.signed && !UNCHECKED.contains(name)) {
        let mut listener = sandbox.listen(["-p", provider, "--secret", "--json"]);
        let mut headers = vector.headers(&sandbox, provider);
        for (name, value) in &mut headers {
            if name.to_lowercase().contains("signature") && !name.to_lowercase().contains("timestamp") {
                let at = value.len() - 3;
                let other = if &value[at..=at] == "0" { "1" } else { "0" };
                value.replace_range(at..=at, other);
            }
        }
        for headers in [headers, vector.request.headers.clone().into_iter().collect()] {
            let answer = vector.ask(&listener.url, &headers);
            assert_eq!((answer.status, answer.body.len()), (401, 0), "{provider}");
            assert_eq!(answer.header("set-cookie"), None);
            let line: Value = serde_json::from_str(&listener.shows("hook.capture/1")).expect("JSON");
            assert_eq!(
                (&line["verdict"], &line["handshake"]),
                (&json!("refused"), &json!(false))
            );
        }
    }
}

#[test]
fn playing_the_provider_passes_against_a_listener_and_fails_against_a_wrong_answer() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Full(200, vec![("content-type", "text/html")], b"hello".to_vec()));
    let broken = App::start(|_| Reply::Status(500, ""));
    let mut providers: Vec<&str> = Vector::all().into_iter().map(|(provider, _)| provider).collect();
    providers.extend(["trello", "hoopai"]);
    providers.dedup();
    for provider in providers {
        let send = |url: &str| sandbox.hook(["send", "--handshake", "-p", provider, "--to", url]).run();
        let listener = sandbox.listen(["--secret", "-p", provider]);
        send(&listener.url).ok().prints([provider, "passed"]);
        send(&broken.url).exits(8).prints([provider, "failed"]);
        // Those that want nothing but a success get it.
        if !["notion", "gusto", "aws-sns", "trello"].contains(&provider) {
            send(&app.url).exits(8).prints([provider, "failed"]);
        }
        send(CLOSED_PORT).exits(4);
    }
}

#[test]
fn the_verdict_on_a_receiver_is_one_object_a_question() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--secret"]);
    let send = ["send", "--handshake", "-p", "okta", "--json", "--to"];
    let line = sandbox
        .hook(send.into_iter().chain([listener.url.as_str()]))
        .run()
        .ok()
        .object();
    assert_eq!(line["schema"], "hook.handshake/1");
    assert_eq!(
        (&line["provider"], &line["confirmed"], &line["status"], &line["why"]),
        (&json!("okta"), &json!(true), &json!(200), &Value::Null)
    );
    let app = App::start(|_| Reply::Status(404, ""));
    let line = sandbox
        .hook(send.into_iter().chain([app.url.as_str()]))
        .run()
        .exits(8)
        .object();
    assert_eq!(line["why"], "its status is 404, not 200");
    let silent = App::start(|_| Reply::Silence);
    let late = ["--timeout", "100ms"];
    let args = send.into_iter().chain([silent.url.as_str()]).chain(late);
    let line = sandbox.hook(args).run().exits(8).object();
    assert_eq!(line["why"], "no answer came within 100ms");
}

#[test]
fn a_provider_shows_how_it_asks() {
    let sandbox = Sandbox::new();
    sandbox.hook(["providers", "show", "discord"]).run().ok().prints([
        "Handshake",
        "interactions",
        "signed; also with",
    ]);
    let shakes = |name: &str| {
        let profile = sandbox.hook(["providers", "show", name, "--json"]).run().ok().object();
        profile["handshakes"].clone()
    };
    assert_eq!(shakes("poolflow"), json!([]));
    let zoom = &shakes("zoom")[0];
    assert_eq!(zoom["request"]["body"]["payload"]["plainToken"], "${token}");
    assert_eq!(zoom["answer"]["body"]["encryptedToken"], "${hmac.hex}");
    assert_eq!((&zoom["signed"], &zoom["within_ms"]), (&json!(true), &json!(3000)));
    let meta = &shakes("meta")[0];
    assert_eq!(meta["request"]["query"]["hub.verify_token"], "${verify}");
    assert_eq!(meta["answer"]["headers"], json!({ "content-type": "text/plain" }));
}

#[test]
fn a_receiver_that_answers_no_more_than_the_documents_want_passes() {
    let sandbox = Sandbox::new();
    let app = App::start(|request| {
        let body: Value = serde_json::from_slice(&request.body).expect("a question");
        let challenge = body["challenge"].as_str().expect("a challenge").to_owned();
        Reply::Full(200, vec![("content-type", "text/plain")], challenge.into_bytes())
    });
    for provider in ["slack", "twitch"] {
        let send = ["send", "--handshake", "-p", provider, "--to", &app.url];
        sandbox.hook(send).run().ok().prints([provider, "passed"]);
    }
}

#[test]
fn a_provider_that_asks_nothing_cannot_be_played_so() {
    let sandbox = Sandbox::new();
    let send = |args: &[&str]| {
        sandbox
            .hook([&["send", "--handshake", "--to", CLOSED_PORT], args].concat())
            .run()
    };
    send(&["-p", "poolflow"])
        .exits(2)
        .says(["`poolflow` has no handshake in its provider file"]);
    send(&[]).exits(2).says(["no provider is given", "--provider NAME"]);
    send(&["-p", "okta", "job.paid"]).exits(2);
}

#[test]
fn a_handshake_is_recorded_and_neither_passed_on_nor_filtered_away() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let mut listener = sandbox.listen([
        "-p",
        "dropbox",
        "--forward-to",
        &app.url,
        "--exec",
        "false",
        "--unverified",
        "--filter",
        "job.*",
    ]);
    for _ in 0..2 {
        let answer = request("GET", &listener.url, "/?challenge=abc", &[], b"");
        assert_eq!((answer.status, answer.body.as_slice()), (200, b"abc".as_slice()));
        let shown = listener.shows("handshake answered");
        assert!(!shown.contains("duplicate"), "{shown}");
    }
    listener.stop().ok().says(["received 0:", "0 forwarded, 2 handshakes"]);
    assert!(app.rest().is_empty());
    let log = sandbox.hook(["log", "--json"]).run().ok().json();
    assert_eq!(log.len(), 2, "{log:?}");
}

#[test]
fn the_token_that_a_provider_was_told_to_say_is_compared_when_it_is_known() {
    let sandbox = Sandbox::new();
    let target = |token| format!("/?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}");
    let mut any = sandbox.listen(["-p", "meta"]);
    assert_eq!(request("GET", &any.url, &target("x"), &[], b"").status, 200);
    any.says("any verify token is accepted");
    let mut listener = sandbox.listen(["-p", "meta", "--handshake-token", "literal:tok"]);
    let right = request("GET", &listener.url, &target("tok"), &[], b"");
    assert_eq!((right.status, right.body.as_slice()), (200, b"1158201444".as_slice()));
    let wrong = request("GET", &listener.url, &target("tik"), &[], b"");
    assert_eq!((wrong.status, wrong.body.len()), (403, 0));
    listener.shows("handshake refused: its verify token is not that of `--handshake-token`");
    let send = ["send", "--handshake", "-p", "meta", "--to", &listener.url];
    sandbox.hook(send).run().exits(8);
    let known = ["--handshake-token", "literal:tok"];
    sandbox.hook(send.into_iter().chain(known)).run().ok();
}

#[test]
fn a_secret_that_arrives_is_shown_with_quiet_too() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listening(["--quiet", "-p", "asana", "--ready-file", "ready"]);
    let mut listener = listener.spawn();
    let ready = sandbox.path("ready");
    let url = loop {
        match std::fs::read_to_string(&ready) {
            Ok(url) => break url,
            Err(_) => std::thread::yield_now(),
        }
    };
    request("POST", url.trim(), "/", &[("x-hook-secret", "b537207f20cbfa02")], b"");
    listener.wait_said(|line| line.starts_with("#1: ") && line.contains("b537207f20cbfa02"));
    listener.signal("INT");
    let outcome = listener.wait().ok();
    assert_eq!(outcome.stdout(), "");
}

#[test]
fn a_secret_that_arrives_is_told_once_and_kept_nowhere() {
    let sandbox = Sandbox::new();
    let secret = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81";
    let mut listener = sandbox.listen(["-v", "-p", "asana", "-p", "notion"]);
    let answer = request("POST", &listener.url, "/", &[("x-hook-secret", secret)], b"");
    assert_eq!(answer.header("x-hook-secret"), Some(secret));
    listener.says(secret);
    let body = json!({"verification_token": "secret_abc"}).to_string();
    assert_eq!(request("POST", &listener.url, "/", &[], body.as_bytes()).status, 200);
    listener.says("secret_abc");
    let outcome = listener.stop().ok();
    assert!(
        !outcome.stdout().contains(secret) && !outcome.stdout().contains("secret_abc"),
        "{outcome}"
    );
    for number in ["1", "2"] {
        sandbox
            .hook(["log", "show", number, "--reveal", "--json"])
            .run()
            .ok()
            .never([secret, "secret_abc"]);
    }
}

#[test]
fn an_answer_that_needs_the_secret_is_not_given_without_one_nor_for_what_could_be_an_event() {
    let sandbox = Sandbox::new();
    let mut bare = sandbox.listen(["-p", "twitter"]);
    assert_eq!(request("GET", &bare.url, "/?crc_token=abc", &[], b"").status, 401);
    bare.shows("handshake refused: its answer needs the secret: add `--secret`");
    let mut listener = sandbox.listen(["-p", "twitter", "--secret", "literal:s"]);
    assert_eq!(request("GET", &listener.url, "/?crc_token=abc", &[], b"").status, 200);
    let forged = request("GET", &listener.url, "/?crc_token=%7B%22a%22%3A1%7D", &[], b"");
    assert_eq!((forged.status, forged.body.len()), (401, 0));
    listener.shows("its token could be an event");
}

/// The confirmation of a subscription whose URL is that one.
fn confirmation(url: &str) -> Vec<u8> {
    json!({"Type": "SubscriptionConfirmation", "SubscribeURL": url})
        .to_string()
        .into_bytes()
}

const SNS: [(&str, &str); 1] = [("x-amz-sns-message-type", "SubscriptionConfirmation")];
const SUBSCRIBE: &str = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=abc";

#[test]
fn the_url_of_a_subscription_is_shown_and_opened_only_when_that_is_allowed() {
    let sandbox = Sandbox::new();
    // Whoever opens an https URL through a proxy asks it for that host first.
    let proxy = App::start(|_| Reply::Status(403, ""));
    let listen = |args: &[&str]| {
        let run = sandbox.listening(args).env("HTTPS_PROXY", &proxy.url);
        crate::support::Listener::ready(run)
    };
    let mut shown = listen(&[]);
    assert_eq!(
        request("POST", &shown.url, "/", &SNS, &confirmation(SUBSCRIBE)).status,
        200
    );
    shown.says(SUBSCRIBE);
    shown.says("--confirm-sns");
    shown.stop().ok();
    assert!(proxy.rest().is_empty(), "nothing is opened");
    let mut opened = listen(&["--confirm-sns"]);
    request("POST", &opened.url, "/", &SNS, &confirmation(SUBSCRIBE));
    let seen = proxy.next();
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("CONNECT", "sns.eu-west-1.amazonaws.com:443")
    );
    opened.says("#2: not confirmed");
}

#[test]
fn a_url_elsewhere_is_not_opened_even_when_opening_is_allowed() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let run = sandbox.listening(["--confirm-sns"]).env("HTTPS_PROXY", &app.url);
    let mut listener = crate::support::Listener::ready(run);
    for url in [
        app.url.as_str(),
        "http://sns.eu-west-1.amazonaws.com/",
        "https://sns.eu-west-1.amazonaws.com.example.com/",
        "https://sns.eu-west-1.amazonaws.com:8443/",
        "https://127.0.0.1/",
    ] {
        assert_eq!(
            request("POST", &listener.url, "/", &SNS, &confirmation(url)).status,
            200
        );
        listener.says("do not open that URL: it is not the provider's");
    }
    listener.stop().ok();
    assert!(app.rest().is_empty());
}

#[test]
fn a_header_of_a_provider_without_signatures_is_refused_where_secrets_are_checked() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--secret"]);
    for header in ["aeg-event-type", "x-amz-sns-message-type"] {
        let answer = request("POST", &listener.url, "/", &[(header, "Notification")], b"[]");
        assert_eq!(answer.status, 401, "{header}");
    }
}

#[test]
fn a_provider_file_of_ones_own_asks_and_is_answered_when_it_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write(
        sandbox.config("providers/acme.toml"),
        "format = 1\nname = \"acme\"\n[signature.hmac]\nheader = \"X-Acme\"\ncontent = \"${body}\"\n\
         [handshakes.first]\nsigned = true\nprobes-signature = true\nwithin = \"2s\"\n\
         request.body = '{\"ping\":\"${token}\"}'\nanswer.body = '{\"pong\":\"${hmac.hex}\"}'\n\
         [handshakes.second]\nrequest.method = \"GET\"\nrequest.query.echo = \"${token}\"\nanswer.body = \"${token}\"\n",
    );
    let listener = sandbox.listen(["-p", "acme", "--secret"]);
    let send = ["send", "--handshake", "-p", "acme", "--json", "--to", &listener.url];
    let lines = sandbox.hook(send).run().ok().json();
    let asked: Vec<_> = lines
        .iter()
        .map(|line| (&line["handshake"], &line["wrongly_signed"], &line["status"]))
        .collect();
    let (first, second) = (&json!("first"), &json!("second"));
    assert_eq!(
        asked,
        [
            (first, &json!(false), &json!(200)),
            (first, &json!(true), &json!(401)),
            (second, &json!(false), &json!(200))
        ]
    );
    let lenient = App::start(|_| Reply::Status(200, ""));
    let send = ["send", "--handshake", "-p", "acme", "--to", &lenient.url];
    sandbox
        .hook(send)
        .run()
        .exits(8)
        .prints(["a wrong signature must be refused with 401"]);
}
