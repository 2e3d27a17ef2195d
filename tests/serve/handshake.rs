//! Endpoints that are asked first: a token goes there, and nothing else until it came back.

use serde_json::{Value, json};

use crate::support::{App, CLOSED_PORT, MockApi, Reply, Sandbox, Seen};

fn face(sandbox: &Sandbox) -> MockApi {
    let mut face = sandbox.serve("hoopai", &[]);
    face.with("version", "2021-07-28");
    face
}

/// Registers an endpoint; the path of its own calls.
#[track_caller]
fn register(face: &MockApi, url: &str) -> String {
    let body = json!({"url": url, "events": ["ContactCreated"], "locationId": "loc1"});
    let (status, made) = face.call("POST", "/webhooks", &body.to_string());
    assert_eq!(
        (status, &made["status"], &made["locationId"]),
        (201, &json!("pending"), &json!("loc1"))
    );
    format!("/webhooks/{}", made["id"].as_str().expect("an id"))
}

fn state(face: &MockApi) -> Value {
    face.call("GET", "/webhooks", "").1[0]["status"].clone()
}

fn token(seen: &Seen) -> String {
    let body: Value = serde_json::from_slice(&seen.body).expect("JSON");
    assert_eq!(body["type"], "WebhookVerification");
    body["token"].as_str().expect("a token").to_owned()
}

/// How many endpoints get an event of that location.
fn happen(face: &MockApi) -> Value {
    let body = json!({"type": "ContactCreated", "params": {"location_id": "loc1"}});
    face.call("POST", "/_hook/events", &body.to_string()).1["deliveries"].clone()
}

#[test]
fn an_endpoint_that_gives_the_token_back_is_confirmed_and_gets_events() {
    let sandbox = Sandbox::new();
    for echo in ["body", "header"] {
        let mut face = face(&sandbox);
        let app = App::start(move |seen| {
            let body: Value = serde_json::from_slice(&seen.body).expect("JSON");
            let token: &'static str = Box::leak(body["token"].as_str().unwrap_or_default().to_owned().into_boxed_str());
            if echo == "body" {
                Reply::Status(200, token)
            } else {
                Reply::Full(204, vec![("x-token", token)], Vec::new())
            }
        });
        let path = register(&face, &app.url);
        let said = face.next("hook.handshake/1");
        assert_eq!((&said["confirmed"], &said["why"]), (&json!(true), &Value::Null));
        assert_eq!(state(&face), "active");
        let asked = app.next();
        assert!(asked.header("x-hmac-signature").is_some(), "the question is signed");
        assert_eq!(happen(&face), 1);
        let event: Value = serde_json::from_slice(&app.next().body).expect("JSON");
        assert_eq!(
            (&event["type"], &event["locationId"]),
            (&json!("ContactCreated"), &json!("loc1"))
        );
        face.call("DELETE", &path, "");
        face.stop().ok().never([token(&asked).as_str()]);
    }
}

#[test]
fn an_endpoint_stays_pending_until_the_token_is_confirmed_by_the_api() {
    let sandbox = Sandbox::new();
    let mut face = face(&sandbox);
    let app = App::start(|_| Reply::Status(200, "no token here"));
    let path = register(&face, &app.url);
    let said = face.next("hook.handshake/1");
    assert_eq!(said["why"], "its answer does not carry the token");
    let token = token(&app.next());
    assert_eq!((state(&face), happen(&face)), (json!("pending"), json!(0)));
    let confirm = |token: &str| face.call("POST", &format!("{path}/confirm"), &json!({"token": token}).to_string());
    assert_eq!(confirm("wrong").0, 422);
    assert_eq!(
        face.call("POST", &format!("{path}/confirm"), "{}").1["message"],
        "`token` is missing"
    );
    assert_eq!(state(&face), "pending");
    let (status, confirmed) = confirm(&token);
    assert_eq!((status, &confirmed["status"]), (200, &json!("active")));
    assert_eq!(confirm(&token).0, 200, "once more makes no difference");
    assert_eq!(happen(&face), 1);
    let kept = std::fs::read_to_string(sandbox.config("endpoints.json")).expect("the book");
    assert!(!kept.contains(&token), "{kept}");
}

#[test]
fn a_changed_url_must_be_confirmed_again_and_other_changes_need_not() {
    let sandbox = Sandbox::new();
    let mut face = face(&sandbox);
    let listener = sandbox.listen(["-p", "hoopai"]);
    let path = register(&face, &listener.url);
    assert_eq!(face.next("hook.handshake/1")["confirmed"], true);
    let (_, changed) = face.call("PUT", &path, r#"{"events":["ContactDeleted"]}"#);
    assert_eq!(changed["status"], "active");
    let (_, moved) = face.call("PUT", &path, &json!({"url": CLOSED_PORT}).to_string());
    assert_eq!(moved["status"], "pending");
    let said = face.next("hook.handshake/1");
    assert!(
        said["why"].as_str().is_some_and(|why| why.contains("refused")),
        "{said}"
    );
}

#[test]
fn a_listener_answers_the_question_and_takes_it_for_no_event() {
    let sandbox = Sandbox::new();
    for args in [
        &[][..],
        &["-p", "hoopai"],
        &["-p", "hoopai", "--secret", "literal:another"],
    ] {
        let mut face = face(&sandbox);
        let app = App::start(|_| Reply::Status(200, ""));
        let mut listener = sandbox.listen([args, &["--forward-to", &app.url]].concat());
        let path = register(&face, &listener.url);
        assert_eq!(face.next("hook.handshake/1")["confirmed"], true, "{args:?}");
        listener.shows("handshake answered");
        face.call("DELETE", &path, "");
        listener.stop().ok().says(["received 0:", "1 handshake"]);
        assert!(app.rest().is_empty(), "it is not passed on");
    }
}

#[test]
fn a_question_from_an_address_that_is_not_allowed_is_not_answered() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["-p", "hoopai", "--allow-ip", "10.0.0.0/8"]);
    let question = br#"{"type":"WebhookVerification","token":"abc"}"#;
    let answer = crate::support::post(&listener.url, &[], question);
    assert_eq!((answer.status, answer.body.as_slice()), (401, b"refused\n".as_slice()));
}

#[test]
fn a_pending_endpoint_is_confirmed_by_hand_and_not_by_switching_it_on() {
    let sandbox = Sandbox::new();
    let mut face = face(&sandbox);
    let app = App::start(|_| Reply::Status(200, ""));
    register(&face, &app.url);
    face.next("hook.handshake/1");
    let first = token(&app.next());
    let endpoints = |args: &[&str]| sandbox.hook([&["endpoints"], args].concat()).run();
    let line = endpoints(&["list", "--json"]).ok().object();
    let name = line["name"].as_str().expect("a name");
    assert_eq!(line["disabled"]["reason"], "unconfirmed");
    endpoints(&["list"]).ok().prints(["pending"]);
    for args in [&["update", name, "--active", "true"][..], &["enable", name]] {
        let refused = endpoints(args).exits(3);
        refused.says(["is not confirmed yet", &format!("`hook endpoints confirm {name}`")]);
    }
    // Nothing leads to a command that would be refused.
    endpoints(&["disable", name]).ok().never(["endpoints enable"]);
    let send = ["send", "ContactCreated", "-p", "hoopai", "--param", "location_id=loc1"];
    for (args, code) in [(&["--endpoint", name][..], 3), (&["--subscribed"], 6)] {
        let sent = sandbox.hook(send.iter().chain(args)).run().exits(code);
        sent.says([&format!("`hook endpoints confirm {name}`")])
            .never(["endpoints enable"]);
    }
    let doctor = endpoints(&["doctor", name, "--json"]).exits(8);
    assert!(
        doctor.stdout().contains(&format!("`hook endpoints confirm {name}`")),
        "{doctor}"
    );
    doctor.never(["endpoints enable"]);
    assert_eq!(state(&face), "pending");
    endpoints(&["confirm", name, "wrong"]).exits(3).says(["is not the one"]);
    // Asked once more, the endpoint gets another token, and the first one counts no longer.
    endpoints(&["confirm", name])
        .exits(3)
        .says(["does not confirm", "does not carry the token"]);
    let second = token(&app.next());
    endpoints(&["confirm", name, &first]).exits(3);
    endpoints(&["confirm", name, &second])
        .ok()
        .prints(["is confirmed"])
        .never([&second]);
    endpoints(&["confirm", name]).ok().prints(["needs no confirmation"]);
    endpoints(&["confirm", "nothing"]).exits(6);
    assert_eq!(state(&face), "active");
}

#[test]
fn a_local_endpoint_is_asked_first_when_that_is_wanted() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["-p", "hoopai"]);
    let add = |url: &str, provider: &str, event: &str| {
        let args = [
            "endpoints",
            "add",
            url,
            "-p",
            provider,
            "--events",
            event,
            "--local",
            "--confirm",
            "--json",
        ];
        sandbox.hook(args).run()
    };
    let out = add(&listener.url, "hoopai", "ContactCreated").ok();
    assert_eq!(out.object()["active"], true);
    out.says(["has confirmed the subscription"]);
    let out = add(CLOSED_PORT, "hoopai", "ContactCreated").exits(3);
    assert_eq!(out.object()["disabled"]["reason"], "unconfirmed");
    out.says([
        "does not confirm",
        "it is pending",
        "hook endpoints confirm 127-0-0-1-1 TOKEN",
    ]);
    add(CLOSED_PORT, "slotflow", "booking.confirmed")
        .exits(2)
        .says(["`slotflow` sends no challenge"]);
    assert_eq!(sandbox.hook(["endpoints", "list", "--json"]).run().json().len(), 2);
}

#[test]
fn an_endpoint_that_answers_by_now_is_confirmed_by_asking_it_once_more() {
    let sandbox = Sandbox::new();
    let mut face = face(&sandbox);
    register(&face, CLOSED_PORT);
    face.next("hook.handshake/1");
    let listener = sandbox.listen(["-p", "hoopai"]);
    let update = ["endpoints", "update", "127-0-0-1-1", "--local", "--to", &listener.url];
    sandbox.hook(update).run().ok();
    sandbox
        .hook(["endpoints", "confirm", "127-0-0-1-1"])
        .run()
        .ok()
        .prints(["is confirmed"]);
    assert_eq!(state(&face), "active");
}

#[test]
fn a_new_url_of_a_confirmed_local_endpoint_must_be_confirmed_again() {
    let sandbox = Sandbox::new();
    let (first, second) = (sandbox.listen(["-p", "hoopai"]), sandbox.listen(["-p", "hoopai"]));
    let endpoints = |line: &str| {
        let args = line.split_whitespace();
        sandbox.hook(std::iter::once("endpoints").chain(args)).run()
    };
    let add = |name: &str, flags: &str| {
        let url = &first.url;
        let line = format!("add {url} -p hoopai --events ContactCreated --local --name {name} {flags}");
        endpoints(&line).ok();
    };
    add("asked", "--confirm");
    add("unasked", "");
    endpoints("update asked --events ContactDeleted")
        .ok()
        .prints(["updated asked: events"]);
    for (name, is_active, said) in [("asked", false, "url, pending"), ("unasked", true, "url")] {
        let moved = endpoints(&format!("update {name} --local --to {}", second.url)).ok();
        assert!(moved.stdout().ends_with(&format!("{said}\n")), "{moved}");
        let shown = endpoints(&format!("show {name} --json")).ok().object();
        assert_eq!(shown["active"], is_active, "{name}");
        if !is_active {
            moved.says(["`asked` is pending", "`hook endpoints confirm asked`"]);
        }
    }
    endpoints("confirm asked").ok().prints(["is confirmed"]);
}

#[test]
fn a_secret_that_no_answer_contains_is_shown_once() {
    let sandbox = Sandbox::new();
    let mut face = face(&sandbox);
    let app = App::start(|seen| Reply::Full(200, Vec::new(), seen.body.clone()));
    let body = json!({"url": app.url, "events": ["ContactCreated"], "locationId": "loc1"}).to_string();
    let (_, made) = face.call("POST", "/webhooks", &body);
    assert!(!made.to_string().contains("whsec_"), "{made}");
    let call = face.next("hook.call/1");
    let secret = call["secret"].as_str().expect("the secret").to_owned();
    assert!(secret.starts_with("whsec_"), "{secret}");
    assert_eq!(face.next("hook.handshake/1")["confirmed"], true);
    app.next();
    assert_eq!(happen(&face), 1);
    let event = app.next();
    let signature = format!(
        "x-hmac-signature: {}",
        event.header("x-hmac-signature").expect("a signature")
    );
    let verify = [
        "verify", "-p", "hoopai", "-s", "env:MINE", "--body", "-", "-H", &signature,
    ];
    sandbox.hook(verify).env("MINE", &secret).stdin(event.body).run().ok();
    face.call("GET", "/webhooks", "");
    assert_eq!(face.stop().ok().stdout().matches(&secret).count(), 1, "once");
    // On a terminal, too; where an answer contains the secret, it is not repeated.
    let run = sandbox.hook([
        "serve",
        "-p",
        "hoopai",
        "--port",
        "0",
        "--no-auth",
        "--ready-file",
        "ready",
    ]);
    let mut process = run.spawn();
    process.wait_said(|line| line.contains("serving HoopAI"));
    let url = std::fs::read_to_string(sandbox.path("ready")).expect("the URL");
    let headers = [("version", "2021-07-28"), ("content-type", "application/json")];
    let answer = crate::support::request("POST", url.trim(), "/webhooks", &headers, body.as_bytes());
    assert_eq!(answer.status, 201);
    process.wait_line(|line| line.starts_with("secret  whsec_"));
}
