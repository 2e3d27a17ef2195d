//! Endpoints over the API of the durable service, which are those of `hook endpoints`.

use serde_json::{Value, json};

use crate::support::{App, Reply, Sandbox};

/// An endpoint of all events at that URL.
fn new(name: &str, url: &str, more: &Value) -> String {
    let mut new = json!({"name": name, "url": url, "provider": "generic", "events": "all"});
    let fields = new.as_object_mut().expect("an object");
    fields.extend(more.as_object().cloned().unwrap_or_default());
    new.to_string()
}

fn event(data: &Value) -> String {
    json!({"event": "test.ping", "data": data}).to_string()
}

#[test]
fn the_command_and_the_api_see_the_same_endpoints_and_a_secret_is_told_once() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let service = sandbox.service(&[]);
    assert_eq!(
        service.gives(200, "GET", "/endpoints", ""),
        json!({"items": [], "next": null})
    );
    let made = service.gives(
        201,
        "POST",
        "/endpoints",
        &new("crm", &app.url, &json!({"tenant": null})),
    );
    let secret = made["secret"].as_str().expect("a secret").to_owned();
    let listed = sandbox.hook(["endpoints", "list", "--json"]).run().object();
    assert_eq!((&listed["id"], &listed["name"]), (&made["id"], &json!("crm")));
    let read = service.gives(200, "GET", "/endpoints/crm", "");
    assert_eq!(service.gives(200, "GET", "/endpoints", "")["items"][0], read);
    assert!(!read.to_string().contains(&secret) && read["secrets"][0]["fingerprint"].is_string());
    // The next event counts with it, and is signed with that secret.
    assert_eq!(
        service.gives(202, "POST", "/events", &event(&json!(1)))["deliveries"],
        1
    );
    let seen = app.next();
    sandbox.write(sandbox.path("body"), &seen.body);
    let mut verify = vec![
        "verify".to_owned(),
        "-p".into(),
        "generic".into(),
        "-s".into(),
        format!("literal:{secret}"),
    ];
    for (name, value) in &seen.headers {
        verify.extend(["-H".into(), format!("{name}: {value}")]);
    }
    verify.extend(["--body".into(), format!("@{}", sandbox.path("body").display())]);
    sandbox.hook(verify).run().ok();
    sandbox
        .hook([
            "endpoints",
            "update",
            "crm",
            "--description",
            "by hand",
            "--timeout",
            "5s",
        ])
        .run()
        .ok();
    let read = service.gives(200, "GET", "/endpoints/crm", "");
    assert_eq!(
        (&read["description"], &read["limits"]["timeout"]),
        (&json!("by hand"), &json!("5s"))
    );
    let rotated = service.gives(200, "POST", "/endpoints/crm/rotate", r#"{"overlap":"0"}"#);
    assert!(rotated["secret"].as_str().is_some_and(|new| new != secret), "{rotated}");
    service.gives(200, "POST", "/endpoints/crm/disable", "");
    assert_eq!(service.gives(200, "GET", "/endpoints/crm/health", "")["active"], false);
    assert_eq!(
        service.gives(202, "POST", "/events", &event(&json!(2)))["deliveries"],
        1
    );
    service.wait_for("/deliveries?state=parked", |page| {
        page["items"].as_array().is_some_and(|items| items.len() == 1)
    });
    let enabled = service.gives(200, "POST", "/endpoints/crm/enable", r#"{"replay_parked":true}"#);
    assert_eq!(enabled["active"], true);
    app.next();
    assert_eq!(service.answer("DELETE", "/endpoints/crm", "").status, 204);
    service.problem(404, "GET", "/endpoints/crm", "");
    assert_eq!(
        service.gives(202, "POST", "/events", &event(&json!(3)))["deliveries"],
        0
    );
    service.stop().ok().never([secret.as_str()]);
}

#[test]
fn an_endpoint_gets_what_its_conditions_want_with_its_own_headers() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let service = sandbox.service(&[]);
    let more = json!({
        "where": {"data.plan": "pro*", "data.count": 2},
        "headers": {"X-Team": "shop", "Authorization": "Bearer s3cr3t-of-the-endpoint"},
        "limits": {"rate": 50, "timeout": "2s", "ordered": true},
    });
    let made = service.gives(201, "POST", "/endpoints", &new("pro", &app.url, &more));
    assert_eq!(
        (&made["where"], &made["headers"]["X-Team"]),
        (&more["where"], &json!("shop"))
    );
    assert_eq!(made["findings"][0]["code"], "credential-in-header");
    let deliveries = |data: Value| service.gives(202, "POST", "/events", &event(&data))["deliveries"].clone();
    assert_eq!(deliveries(json!({"plan": "free", "count": 2})), 0);
    assert_eq!(deliveries(json!({"plan": "professional"})), 0);
    assert_eq!(deliveries(json!({"plan": "professional", "count": 2.0})), 1);
    let seen = app.next();
    assert_eq!(seen.header("x-team"), Some("shop"));
    assert_eq!(seen.header("authorization"), Some("Bearer s3cr3t-of-the-endpoint"));
    let change = json!({"where": {"data.count": null, "data.plan": null}, "headers": {"x-team": null}, "limits": {"rate": null}});
    let changed = service.gives(200, "PATCH", "/endpoints/pro", &change.to_string());
    assert_eq!(changed["where"], json!({}));
    assert_eq!(changed["limits"], json!({"ordered": true, "timeout": "2s"}));
    assert_eq!(deliveries(json!({})), 1);
    let seen = app.next();
    assert_eq!(
        (seen.header("x-team"), seen.header("authorization").is_some()),
        (None, true)
    );
    let tested = service.gives(200, "POST", "/endpoints/pro/test", "");
    assert_eq!(tested["verdicts"][0]["code"], "received", "{tested}");
    assert!(app.rest().iter().all(|seen| seen.header("authorization").is_some()));
    let shown = [
        service.gives(200, "GET", "/endpoints/pro", ""),
        service.gives(200, "GET", "/deliveries/1", ""),
    ];
    assert!(
        shown
            .iter()
            .all(|shown| !shown.to_string().contains("s3cr3t-of-the-endpoint")),
        "{shown:?}"
    );
    let exported = sandbox.hook(["endpoints", "export"]).run().ok().stdout();
    assert!(!exported.contains("s3cr3t-of-the-endpoint"), "{exported}");
    sandbox.write(sandbox.path("reviewed.toml"), &exported);
    sandbox
        .hook(["endpoints", "apply", "-f", "reviewed.toml", "--check"])
        .run()
        .ok();
}

#[test]
fn what_the_rules_refuse_is_not_added_and_the_reasons_are_told() {
    let sandbox = Sandbox::new();
    let service = sandbox.service(&[]);
    let url = "http://127.0.0.1:9/";
    service.gives(201, "POST", "/endpoints", &new("one", url, &json!({})));
    assert!(
        service
            .problem(
                409,
                "POST",
                "/endpoints",
                &new("one", "http://127.0.0.1:8/", &json!({}))
            )
            .contains("`one`")
    );
    for (more, code) in [
        (json!({"name": "Big"}), "bad-name"),
        (json!({"url": "ftp://x.example"}), "bad-url"),
        (json!({"url": "http://169.254.169.254/"}), "not-public"),
        (json!({"url": "http://10.0.0.1/"}), "not-public"),
        (json!({"tenant": "a b"}), "bad-tenant"),
        (json!({"where": {"": 1}}), "bad-where"),
        (json!({"headers": {"host": "x.example"}}), "bad-header"),
        (json!({"headers": {"a b": "x"}}), "bad-header"),
        (json!({"headers": {"x": "a\r\nb: c"}}), "bad-header"),
        (json!({"headers": {"x-signature-256": "x"}}), "bad-header"),
    ] {
        let body = new("two", url, &more);
        let (status, answer) = service.call("POST", "/endpoints", &body);
        let codes: Vec<_> = answer["findings"].as_array().into_iter().flatten().collect();
        assert_eq!(status, 422, "{body}: {answer}");
        assert!(codes.iter().any(|finding| finding["code"] == code), "{body}: {answer}");
    }
    service.problem(422, "PATCH", "/endpoints/one", "{}");
    for body in [
        "[]",
        "null",
        r#"{"url":"http://127.0.0.1:9/"}"#,
        r#"{"url":"http://127.0.0.1:9/","events":"all","colour":"red"}"#,
        r#"{"url":1,"events":"all"}"#,
    ] {
        service.problem(400, "POST", "/endpoints", body);
    }
    let large = json!({"description": "x".repeat(65 * 1024)}).to_string();
    service.problem(413, "PATCH", "/endpoints/one", &large);
    service.problem(404, "PATCH", "/endpoints/none", r#"{"description":"x"}"#);
    service.problem(422, "POST", "/endpoints/one/test", r#"{"event":"no.such.event"}"#);
    let listed = sandbox.hook(["endpoints", "list", "--json"]).run().object();
    assert_eq!((&listed["name"], &listed["description"]), (&json!("one"), &Value::Null));
}

#[test]
fn every_refused_field_is_named_with_its_reason_and_what_to_do() {
    let sandbox = Sandbox::new();
    let service = sandbox.service(&[]);
    let url = "http://127.0.0.1:9/";
    service.gives(201, "POST", "/endpoints", &new("one", url, &json!({})));
    let refused = |method: &str, path: &str, body: &Value| -> Vec<(String, String, String)> {
        let (status, answer) = service.call(method, path, &body.to_string());
        assert!(matches!(status, 400 | 422), "{body}: {answer}");
        let findings = answer["findings"].as_array().cloned().unwrap_or_default();
        let refused = findings.iter().filter(|finding| finding["severity"] == "refused");
        let text = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        let all = refused.map(|of| (text(of, "pointer"), text(of, "message"), text(of, "hint")));
        all.collect()
    };
    let pointers = |found: &[(String, String, String)]| -> Vec<String> {
        let mut pointers: Vec<_> = found.iter().map(|(pointer, ..)| pointer.clone()).collect();
        pointers.sort();
        pointers
    };
    let wrong = json!({"url": "no url", "provider": "genric", "events": "all", "limits": {"timeout": "1h"}});
    let found = refused("POST", "/endpoints", &wrong);
    assert_eq!(pointers(&found), ["/limits/timeout", "/provider", "/url"]);
    let provider = found.iter().find(|(pointer, ..)| pointer == "/provider").expect("it");
    assert!(
        provider.1.contains("`genric` not found") && provider.2.contains("generic`?"),
        "{found:?}"
    );
    let wrong = json!({"name": "Big", "url": url, "provider": "generic", "events": [], "tenant": "a b", "where": {"": 1},
        "headers": {"a/b ": "x"}});
    let found = refused("POST", "/endpoints", &wrong);
    assert_eq!(
        pointers(&found),
        ["/events", "/headers/a~1b ", "/name", "/tenant", "/where/"]
    );
    let wrong = json!({"url": url, "provider": "generic", "events": "all", "params": {"x": "1"}});
    let found = refused("POST", "/endpoints", &wrong);
    assert_eq!(pointers(&found), ["/params/x"]);
    let found = refused(
        "POST",
        "/endpoints",
        &json!({"url": url, "events": ["no.such.event.at.all"]}),
    );
    assert_eq!(pointers(&found), ["/events"]);
    let found = refused(
        "PATCH",
        "/endpoints/one",
        &json!({"url": "no url", "limits": {"timeout": "x"}}),
    );
    assert_eq!(pointers(&found), ["/limits/timeout", "/url"]);
    let found = refused("PATCH", "/endpoints/one", &json!({"limits": {"rate": -1}}));
    assert_eq!(pointers(&found), ["/limits/rate"]);
    let found = refused("PATCH", "/endpoints/one", &json!({}));
    assert!(found[0].1.contains("nothing to change"), "{found:?}");
    let found = refused("POST", "/endpoints/one/test", &json!({"event": "test.pin"}));
    assert_eq!(pointers(&found), ["/event"]);
    assert!(found[0].2.contains("test.ping"), "{found:?}");
    let (status, answer) = service.call("GET", "/endpoints/oen", "");
    assert_eq!(status, 404);
    assert!(
        answer["hint"].as_str().is_some_and(|hint| hint.contains("one")),
        "{answer}"
    );
}

#[test]
fn the_api_changes_what_the_command_changes() {
    let sandbox = Sandbox::new();
    let service = sandbox.service(&[]);
    let url = "http://127.0.0.1:9/";
    let fresh = json!({"name": "one", "url": url, "provider": "stripe", "events": ["brand.new"]});
    service.problem(422, "POST", "/endpoints", &fresh.to_string());
    let mut fresh = fresh;
    fresh["new_events"] = true.into();
    let made = service.gives(201, "POST", "/endpoints", &fresh.to_string());
    assert_eq!(made["events"], json!(["brand.new"]));
    service.problem(422, "PATCH", "/endpoints/one", r#"{"events":["brand.newer"]}"#);
    let change = r#"{"events":["brand.newer"],"new_events":true,"active":false}"#;
    let changed = service.gives(200, "PATCH", "/endpoints/one", change);
    assert_eq!(
        (&changed["events"][0], &changed["active"]),
        (&json!("brand.newer"), &json!(false))
    );
    assert_eq!(
        service.gives(200, "PATCH", "/endpoints/one", r#"{"active":true}"#)["active"],
        true
    );
    let several = service.gives(201, "POST", "/endpoints", &new("two", url, &json!({})));
    let id = several["id"].as_str().expect("an id");
    let why = service.problem(400, "GET", &format!("/endpoints/{}", &id[..5]), "");
    assert!(why.contains("may be any of `one`, `two`"), "{why}");
}
