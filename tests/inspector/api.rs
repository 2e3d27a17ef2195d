//! The API: who is let in, what it tells, and what it does.

use std::io::{BufRead as _, BufReader, Write as _};

use super::{Page, json, text};
use crate::support::{App, CLOSED_PORT, Listener, Reply, Sandbox, connect, raw, request};

#[test]
fn a_request_without_token_key_or_cookie_or_from_elsewhere_is_refused() {
    let sandbox = Sandbox::new();
    let page = Page::start(&sandbox);
    let host = page.origin.trim_start_matches("http://").to_owned();
    let (cookie, key) = (page.cookie().to_owned(), page.key.clone());
    let status = |target: &str, headers: &[(&str, &str)]| request("GET", &page.origin, target, headers, b"").status;
    let (with_cookie, with_key) = (("cookie", cookie.as_str()), ("x-hook-key", key.as_str()));
    assert_eq!(status("/api/status", &[with_cookie, with_key]), 200);
    assert_eq!(status("/api/status", &[]), 401);
    assert_eq!(
        status("/api/status", &[with_cookie]),
        401,
        "a cookie goes to every port"
    );
    assert_eq!(status("/api/status", &[with_key]), 401);
    assert_eq!(status("/api/status", &[with_cookie, ("x-hook-key", "0")]), 401);
    assert_eq!(status("/api/events", &[with_cookie]), 401);
    let own = format!("http://{host}");
    for (origin, expected) in [(own.as_str(), 200), ("http://127.0.0.1:1", 403), ("null", 403)] {
        let headers = [with_cookie, with_key, ("origin", origin)];
        assert_eq!(status("/api/status", &headers), expected, "{origin}");
    }
    assert_eq!(
        status(
            "/api/status",
            &[with_cookie, with_key, ("sec-fetch-site", "cross-site")]
        ),
        403
    );
    for foreign in ["evil.example", "127.0.0.1", "127.0.0.1:1"] {
        let head = format!(
            "GET /api/status HTTP/1.1\r\nhost: {foreign}\r\ncookie: {cookie}\r\nx-hook-key: {key}\r\nconnection: close\r\n\r\n"
        );
        let answer = raw(&page.origin, head.as_bytes());
        assert!(answer.starts_with(b"HTTP/1.1 403"), "{foreign}");
    }
    assert_eq!(request("POST", &page.origin, "/api/session", &[], b"wrong").status, 401);
    assert_eq!(request("DELETE", &page.origin, "/", &[], b"").status, 405);
}

#[test]
fn every_answer_has_a_strict_policy_and_is_not_kept() {
    let sandbox = Sandbox::new();
    let page = Page::start(&sandbox);
    assert!(
        page.cookie.contains("HttpOnly") && page.cookie.contains("SameSite=Strict"),
        "{}",
        page.cookie
    );
    let port = page.origin.rsplit(':').next().expect("a port");
    assert!(page.cookie.starts_with(&format!("hook_{port}=")), "{}", page.cookie);
    for target in ["/", "/assets/main.js", "/assets/none.js", "/api/status"] {
        let answer = request("GET", &page.origin, target, &[], b"");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{target}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(
            policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
    }
    let shell = text(&request("GET", &page.origin, "/", &[], b""));
    assert!(!shell.contains(&page.token) && !shell.contains("<script>") && !shell.contains("style="));
}

#[test]
fn the_url_is_the_first_line_and_the_next_free_port_is_taken() {
    let sandbox = Sandbox::new();
    let first = Page::start(&sandbox);
    let port: u16 = first
        .origin
        .rsplit(':')
        .next()
        .and_then(|text| text.parse().ok())
        .expect("a port");
    let mut second = sandbox.hook(["ui", "--port", &port.to_string()]).spawn();
    let url = second.wait_line(|_| true);
    let other: u16 = url
        .split(['/', ':'])
        .find_map(|part| part.parse().ok())
        .expect("a port");
    assert!(other > port && other <= port + 50, "{url}");
    let second = Page::enter(second, &url);
    assert_eq!(
        first.token, second.token,
        "the token outlives a process, so that an open page goes on"
    );
    assert_ne!(
        first.cookie(),
        second.cookie(),
        "but cookies have the port in their names"
    );
    second.process.signal("INT");
    second.process.wait().ok();
    let mut json = sandbox.hook(["ui", "--port", "0", "--json"]).spawn();
    let line = json.wait_line(|_| true);
    assert!(
        line.contains("\"schema\":\"hook.ready/1\"") && line.contains("#token="),
        "{line}"
    );
}

#[test]
fn an_empty_ledger_is_an_empty_list() {
    let page = Page::start(&Sandbox::new());
    let found = page.get("/api/records");
    assert_eq!(found["records"].as_array().map(Vec::len), Some(0));
    assert_eq!(page.get("/api/status")["listener"], serde_json::Value::Null);
    assert_eq!(page.call("GET", "/api/records/1", "").status, 404);
    assert_eq!(page.call("GET", "/api/nothing", "").status, 404);
    let tables = page.get("/api/tables");
    for table in ["columns", "tabs", "keys", "filter", "empty"] {
        assert!(
            tables[table].as_array().is_some_and(|table| !table.is_empty()),
            "{table}"
        );
    }
}

#[test]
fn records_are_listed_filtered_and_shown_without_their_secrets() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--secret", "literal:s3cr3t-of-the-test", "-p", "poolflow"]);
    let url = &listener.url;
    let secret = ["--secret", "literal:s3cr3t-of-the-test"];
    let target = format!("{url}/in?token=abcdefgh12345678");
    sandbox
        .hook(["send", "job.paid", "--to", &target].into_iter().chain(secret))
        .run()
        .ok();
    sandbox
        .hook([
            "send",
            "job.paid",
            "--to",
            url,
            "-H",
            "Authorization: Bearer top-secret-token",
            "--secret",
            "literal:another",
        ])
        .run();
    let page = Page::start(&sandbox);
    let numbers = |path: &str| {
        let found = page.get(path);
        let records = found["records"].as_array().expect("records").clone();
        let numbers: Vec<u64> = records.iter().filter_map(|record| record["number"].as_u64()).collect();
        (numbers, found["hidden"].as_u64())
    };
    assert_eq!(numbers("/api/records"), (vec![4, 3, 2, 1], Some(0)));
    assert_eq!(numbers("/api/records?q=failed"), (vec![4, 3], Some(2)));
    assert_eq!(numbers("/api/records?q=kind:capture&limit=1").0, [3]);
    assert_eq!(numbers("/api/records?q=kind:capture&before=3").0, [1]);
    assert_eq!(
        numbers("/api/records?q=JOB.PAID").0.len(),
        4,
        "text is found in either case"
    );
    assert_eq!(page.call("GET", "/api/records?q=kind:other", "").status, 422);

    let row = &page.get("/api/records?limit=1&q=kind:capture%20failed")["records"][0];
    assert_eq!(
        (row["verdict"].as_str(), row["tone"].as_str()),
        (Some("refused"), Some("bad"))
    );
    let why = page.get("/api/records/3/why");
    assert!(why["sentences"].as_array().is_some_and(|said| said.len() > 2), "{why}");
    let mut all = String::new();
    for number in 1..=4 {
        for part in ["", "/why", "/body", "/curl"] {
            all += &page.get(&format!("/api/records/{number}{part}")).to_string();
        }
        all += &text(&page.call("GET", &format!("/api/records/{number}/bytes"), ""));
    }
    all += &page.get("/api/records").to_string();
    for secret in ["s3cr3t-of-the-test", "top-secret-token", "abcdefgh12345678"] {
        assert!(!all.contains(secret), "{secret}");
    }
    assert!(all.contains("$SECRET"));
    let body = page.get("/api/records/1/body?form=hex");
    assert!(
        body["text"]
            .as_str()
            .is_some_and(|text| text.starts_with("00000000  7b ")),
        "{body}"
    );
}

#[test]
fn signed_bytes_stand_beside_arrived_ones_with_their_differences() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--secret", "-p", "poolflow"]);
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox.hook(["send", "job.paid", "--to", &app.url]).run().ok();
    let sent = app.next();
    // A proxy in between added a line feed to the body.
    let body = [sent.body.as_slice(), b"\n"].concat();
    let headers: Vec<(&str, &str)> = sent
        .headers
        .iter()
        .filter(|(name, _)| !["host", "content-length", "connection"].contains(&name.to_ascii_lowercase().as_str()))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(request("POST", &listener.url, "/", &headers, &body).status, 401);
    let page = Page::start(&sandbox);
    let number = page.get("/api/records?q=kind:capture&limit=1")["records"][0]["number"].clone();
    let why = page.get(&format!("/api/records/{number}/why"));
    assert!(why["hint"].is_string() && why["diagnosis"].is_string(), "{why}");
    let arrived = why["bytes"]["arrived"].as_array().expect("segments");
    let last = arrived.last().expect("a segment");
    assert_eq!(
        (last["differs"].as_bool(), last["text"].as_str()),
        (Some(true), Some("⏎\n")),
        "{why}"
    );
    let signed = why["bytes"]["signed"].as_array().expect("segments");
    assert!(signed.iter().all(|segment| segment["differs"] == false), "{why}");
}

#[test]
fn actions_are_those_of_the_command_line() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox.hook(["send", "job.paid", "--to", &app.url]).run().ok();
    let first = app.next();
    let page = Page::start(&sandbox);
    let act = |path: &str, body: &str| {
        let answer = page.call("POST", path, body);
        (answer.status, json(&answer))
    };
    let (status, done) = act("/api/records/1/replay", r#"{"mode":"fresh"}"#);
    assert_eq!(
        (status, done["ok"].as_bool(), &done["records"]),
        (200, Some(true), &serde_json::json!([2])),
        "{done}"
    );
    assert_eq!(app.next().body, first.body);
    let edit = r#"{"method":"put","path":"/x?y=1","body":"{\"a\":1.10}","headers":[["x-own","1"],["content-type","application/json"]]}"#;
    let (_, done) = act("/api/records/1/replay", edit);
    assert_eq!(done["ok"], true, "{done}");
    let seen = app.next();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("PUT", "/x?y=1"));
    assert_eq!(
        (seen.header("x-own"), seen.body.as_slice()),
        (Some("1"), br#"{"a":1.10}"#.as_slice())
    );
    act("/api/records/1/replay", r#"{"mode":"tampered"}"#);
    assert_ne!(app.next().body, first.body);
    let (status, failed) = act("/api/records/1/replay", r#"{"to":":::"}"#);
    assert_eq!(status, 422, "{failed}");
    assert_eq!(act("/api/records/99/replay", "{}").0, 404);
    assert_eq!(act("/api/records/1/replay", r#"{"unknown":1}"#).0, 422);
    let sample = format!(r#"{{"event":"job.paid","provider":"poolflow","to":"{}"}}"#, app.url);
    assert_eq!(act("/api/samples", &sample).1["ok"], true);
    app.next();
    let found = page.get("/api/samples?q=jobpaid");
    assert_eq!(found[0]["event"], "job.paid");
    let diff = page.get("/api/diff?left=1&right=3");
    let places = diff["values"].as_array().expect("values");
    assert!(
        places
            .iter()
            .any(|value| value["place"] == "a" && value["right"] == "1.10"),
        "{diff}"
    );
    assert_eq!(page.call("DELETE", "/api/records/1", "").status, 200);
    assert_eq!(page.call("DELETE", "/api/records/1", "").status, 404);
    sandbox.hook(["log", "show", "1"]).run().exits(6);
    assert_eq!(act("/api/resume", "").1["ok"], true);
}

#[test]
fn pauses_and_endpoints_are_changed_for_every_process() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox
        .hook([
            "endpoints",
            "add",
            &app.url,
            "-p",
            "poolflow",
            "--local",
            "--name",
            "shop",
            "--events",
            "all",
        ])
        .run()
        .ok();
    sandbox.hook(["send", "job.paid", "--to", &app.url]).run().ok();
    let page = Page::start(&sandbox);
    let act = |path: &str, body: &str| {
        let answer = page.call("POST", path, body);
        assert_eq!(answer.status, 200, "{path}: {}", text(&answer));
        json(&answer)
    };
    act("/api/pause", r#"{"paused":true}"#);
    assert_eq!(page.get("/api/counters")["paused"], true);
    act("/api/pause", r#"{"paused":false}"#);
    assert_eq!(page.get("/api/counters")["paused"], false);
    assert_eq!(page.get("/api/endpoints")[0]["name"], "shop");
    act("/api/endpoints/shop/disable", "");
    sandbox
        .hook(["endpoints", "show", "shop"])
        .run()
        .ok()
        .prints(["disabled"]);
    act("/api/endpoints/shop/enable", "");
    act("/api/endpoints/shop/pause", "");
    assert_eq!(page.get("/api/endpoints")[0]["paused"], true);
    act("/api/endpoints/shop/resume", "");
    let tested = act("/api/endpoints/shop/test", "");
    assert_eq!(
        tested["ok"], false,
        "an app that accepts everything fails the test: {tested}"
    );
    let rotated = act("/api/endpoints/shop/rotate", "");
    let said = rotated.to_string();
    assert!(said.contains("rotated-") && !said.contains("whsec_"), "{said}");
    assert_eq!(page.call("POST", "/api/endpoints/none/test", "").status, 404);
    assert_eq!(page.call("POST", "/api/endpoints/shop/explode", "").status, 404);
}

/// The events after that id.
fn stream(page: &Page, last: &str) -> BufReader<std::net::TcpStream> {
    let mut stream = connect(&page.origin);
    let host = page.origin.trim_start_matches("http://");
    let head = format!(
        "GET /api/events HTTP/1.1\r\nhost: {host}\r\ncookie: {}\r\nx-hook-key: {}\r\nlast-event-id: {last}\r\n\r\n",
        page.cookie(),
        page.key
    );
    stream.write_all(head.as_bytes()).expect("a request");
    BufReader::new(stream)
}

#[test]
fn changes_arrive_as_events_and_a_stream_goes_on_where_it_was_cut() {
    let sandbox = Sandbox::new();
    sandbox.hook(["send", "job.paid", "--to", CLOSED_PORT]).run();
    let page = Page::start(&sandbox);
    let stream = |last: &str| stream(&page, last);
    // The next change whose newest record is that one, with the id before it.
    let change = |reader: &mut BufReader<std::net::TcpStream>, newest: u64| -> (String, String) {
        let (mut line, mut id) = (String::new(), String::new());
        loop {
            line.clear();
            assert!(reader.read_line(&mut line).expect("a line") > 0, "the stream ended");
            if let Some(text) = line.trim_end().strip_prefix("id: ") {
                text.clone_into(&mut id);
            }
            if line.contains(&format!("\"newest\":{newest},")) {
                return (id, line.clone());
            }
        }
    };
    let mut first = stream("");
    let (id, _) = change(&mut first, 1);
    sandbox.hook(["send", "job.paid", "--to", CLOSED_PORT]).run();
    change(&mut first, 2);
    drop(first);
    let mut second = stream(&id);
    let (_, data) = change(&mut second, 2);
    assert!(data.contains("\"reset\":false"), "{data}");
    let mut other = stream("elsewhere.7");
    let (_, data) = change(&mut other, 2);
    assert!(data.contains("\"reset\":true"), "{data}");
    page.process.signal("INT");
    page.process.wait().ok();
}

#[test]
fn a_listener_shows_itself_on_its_page_and_both_end_together() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let mut process = sandbox
        .hook([
            "listen",
            "--port",
            "0",
            "--ui=0",
            "--secret",
            "shop=literal:s3cr3t",
            "-p",
            "poolflow",
            "--forward-to",
            &app.url,
        ])
        .spawn();
    let said = process.wait_said(|line| line.contains("inspector: "));
    let url = said.split("inspector: ").nth(1).expect("a URL").to_owned();
    let said = process.wait_said(|line| line.starts_with("listening on "));
    let listens = said
        .trim_start_matches("listening on ")
        .split(',')
        .next()
        .expect("a URL")
        .to_owned();
    let page = Page::enter(process, &url);
    let listener = &page.get("/api/status")["listener"];
    assert_eq!(listener["url"].as_str(), Some(listens.as_str()));
    assert_eq!(listener["secrets"][0], "shop");
    assert_eq!(listener["providers"][0], "poolflow");
    assert!(
        listener["target"]
            .as_str()
            .is_some_and(|target| target.starts_with(&app.url))
    );
    page.process.signal("INT");
    page.process.wait().ok();
}

#[test]
fn a_listener_that_cannot_record_says_so_on_its_page_until_it_can() {
    let sandbox = Sandbox::new();
    let run = sandbox.listening(["--ui=0"]).file_limit(1500);
    let mut process = run.spawn();
    let said = process.wait_said(|line| line.contains("inspector: "));
    let url = said.split("inspector: ").nth(1).expect("a URL").to_owned();
    let mut page = Page::enter(process, &url);
    let listens = page.process.wait_said(|line| line.starts_with("listening on "));
    let target = listens
        .trim_start_matches("listening on ")
        .split(',')
        .next()
        .expect("a URL")
        .to_owned();
    let body = "x".repeat(256 * 1024);
    while request("POST", &target, "/", &[], body.as_bytes()).status == 200 {}
    let facts = page.get("/api/status")["listener"].clone();
    let unrecorded = facts["unrecorded"].as_str().unwrap_or_default();
    assert!(unrecorded.starts_with("no space left for ledger"), "{facts}");
    sandbox.checkpoint();
    assert_eq!(request("POST", &target, "/", &[], b"after").status, 200);
    assert_eq!(
        page.get("/api/status")["listener"]["unrecorded"],
        serde_json::Value::Null
    );
}

#[test]
fn more_streams_than_there_is_room_for_are_answered_503() {
    let sandbox = Sandbox::new();
    let page = Page::start(&sandbox);
    let mut streams: Vec<_> = (0..16).map(|_| stream(&page, "")).collect();
    for stream in &mut streams {
        let mut line = String::new();
        // An event is written by a stream that has its place.
        while !line.starts_with("event: change") {
            line.clear();
            assert!(stream.read_line(&mut line).expect("a line") > 0, "the stream ended");
        }
    }
    let refused = page.call("GET", "/api/events", "");
    assert_eq!(refused.status, 503, "{}", text(&refused));
    drop(streams);
}

#[test]
fn a_copied_command_goes_to_the_listener_whatever_host_the_sender_names() {
    let sandbox = Sandbox::new();
    let listener = Listener::ready(sandbox.listening::<&str>([]));
    request("POST", &listener.url, "/path", &[("host", "evil.example:8080")], b"x");
    listener.stop();
    let page = Page::start(&sandbox);
    let command = page.get("/api/records/1/curl")["text"].to_string();
    assert!(
        command.contains("http://127.0.0.1:4400/path") && !command.contains("evil"),
        "{command}"
    );
    let summary = page.get("/api/records/1")["summary"].to_string();
    assert!(summary.contains("POST /path"), "{summary}");
}

#[test]
fn a_forged_twin_that_was_accepted_is_explained_as_a_fault_of_the_receiver() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox.hook(["send", "job.paid", "--to", &app.url]).run().ok();
    let page = Page::start(&sandbox);
    page.call("POST", "/api/records/1/replay", r#"{"mode":"tampered"}"#);
    let why = page.get("/api/records/2/why");
    assert!(why["hint"].to_string().contains("make the receiver verify"), "{why}");
    assert!(!why["sentences"].to_string().contains("nothing is left to do"), "{why}");
    assert_eq!(page.get("/api/records/1/why")["bytes"]["sent"], true);
}

#[test]
fn the_command_that_is_offered_without_endpoints_makes_one() {
    let sandbox = Sandbox::new();
    let page = Page::start(&sandbox);
    let command = page.get("/api/tables")["no_endpoints"]
        .as_str()
        .expect("a command")
        .to_owned();
    sandbox.hook(command.split(' ').skip(1)).run().ok();
    assert_eq!(page.get("/api/endpoints").as_array().map(Vec::len), Some(1));
}
