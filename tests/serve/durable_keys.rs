//! Keys of the durable service: what each may do, and that what is refused leaves nothing behind.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{App, CLOSED_PORT, KEY, MockApi, Reply, Sandbox};

const EVENT: &str = r#"{"event":"test.ping","data":{"n":1}}"#;

/// Everything that the ledger has: events, deliveries and answers to repeated calls.
fn recorded(sandbox: &Sandbox) -> [u32; 3] {
    let ledger = rusqlite::Connection::open(sandbox.state("ledger.db")).expect("it opens");
    ["event", "delivery", "idempotency"].map(|table| {
        let count = ledger.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
        count.expect("a table")
    })
}

/// A key as `hook serve keys add ARGS` prints it.
fn add_key(sandbox: &Sandbox, args: &[&str]) -> String {
    let added = sandbox.hook([&["serve", "keys", "add"][..], args].concat()).run().ok();
    added.stdout().trim_end().to_owned()
}

/// Calls with another key from now on.
fn use_key(service: &mut MockApi, key: &str) {
    service.with("authorization", &format!("Bearer {key}"));
}

fn names(page: &Value, field: &str) -> Vec<String> {
    let items = page["items"].as_array().expect("items").iter();
    items
        .map(|item| item[field].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn a_key_that_only_reads_a_revoked_one_and_none_at_all_record_nothing() {
    let sandbox = Sandbox::new();
    sandbox.endpoint("one", "generic", CLOSED_PORT);
    let (reads, writes) = (add_key(&sandbox, &["reader", "--read"]), add_key(&sandbox, &["writer"]));
    let mut service = sandbox.service(&[]);
    use_key(&mut service, &writes);
    service.gives(202, "POST", "/events", EVENT);
    let before = recorded(&sandbox);
    let writing = [
        ("POST", "/events", EVENT),
        ("POST", "/events/batch", &format!("[{EVENT}]")),
        (
            "POST",
            "/endpoints",
            r#"{"url":"http://localhost:1/","events":"all","provider":"generic"}"#,
        ),
        ("PATCH", "/endpoints/one", r#"{"description":"x"}"#),
        ("DELETE", "/endpoints/one", ""),
        ("POST", "/endpoints/one/rotate", ""),
        ("POST", "/endpoints/one/test", ""),
        ("POST", "/endpoints/one/disable", ""),
        ("POST", "/pause", ""),
        ("POST", "/deliveries/1/retry", ""),
        ("POST", "/deliveries/retry", "{}"),
    ];
    service.with("idempotency-key", "once");
    use_key(&mut service, &reads);
    for (method, path, body) in writing {
        assert_eq!(service.problem(403, method, path, body), "the key only reads");
    }
    assert_eq!(
        service.gives(200, "GET", "/events", "")["items"][0]["event"],
        "test.ping"
    );
    sandbox
        .hook(["serve", "keys", "revoke", "writer"])
        .run()
        .ok()
        .prints(["revoked writer"]);
    use_key(&mut service, &writes);
    let end = Instant::now() + Duration::from_secs(1);
    while service.answer("GET", "/events", "").status == 200 {
        assert!(Instant::now() < end, "a revoked key counts for more than a second");
    }
    for key in [writes.as_str(), "", "hook_00"] {
        use_key(&mut service, key);
        for (method, path, body) in writing.into_iter().chain([("GET", "/endpoints", "")]) {
            let answer = service.answer(method, path, body);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{method} {path}");
            service.problem(401, method, path, body);
        }
    }
    assert_eq!(recorded(&sandbox), before);
    let listed = sandbox.hook(["endpoints", "list", "--json"]).run().object();
    assert_eq!((&listed["name"], &listed["active"]), (&json!("one"), &json!(true)));
    service.stop().ok().never([reads.as_str(), writes.as_str()]);
    let ledger = std::fs::read(sandbox.state("ledger.db")).expect("a ledger");
    for key in [&reads, &writes] {
        assert!(!ledger.windows(key.len()).any(|part| part == key.as_bytes()));
    }
}

#[test]
fn a_running_service_knows_an_added_key_within_a_second() {
    let sandbox = Sandbox::new();
    let mut service = sandbox.service(&[]);
    service.gives(200, "GET", "/events", "");
    let added = add_key(&sandbox, &["late"]);
    let end = Instant::now() + Duration::from_secs(1);
    use_key(&mut service, &added);
    while service.answer("GET", "/events", "").status == 401 {
        assert!(Instant::now() < end, "an added key is not known after a second");
    }
    // The key of the run stays valid beside it.
    use_key(&mut service, KEY);
    service.gives(202, "POST", "/events", EVENT);
    service.stop().ok();
    // With a stored key none is generated.
    let service = MockApi::ready(sandbox.service_with(&[] as &[&str]));
    assert_eq!(service.ready["key"], Value::Null);
    let out = service.stop().ok();
    out.says(["1 key of `hook serve keys`"]);
}

#[test]
fn a_stored_test_key_makes_test_events_only() {
    let sandbox = Sandbox::new();
    let key = add_key(&sandbox, &["tester", "--test"]);
    let mut service = sandbox.service(&[]);
    use_key(&mut service, &key);
    service.gives(202, "POST", "/events", EVENT);
    assert_eq!(service.gives(200, "GET", "/events", "")["items"][0]["mode"], "test");
    let live = r#"{"event":"test.ping","data":{},"mode":"live"}"#;
    service.problem(400, "POST", "/events", live);
    service.problem(403, "POST", "/pause", "");
    service.problem(403, "POST", "/endpoints", "{}");
    assert_eq!(recorded(&sandbox)[0], 1);
}

/// Calls that would be about another tenant's events, deliveries and endpoints.
const OF_ANOTHER: [(&str, &str); 15] = [
    ("GET", "/events/b-1"),
    ("GET", "/events/b"),
    ("GET", "/deliveries/1"),
    ("GET", "/deliveries/1/attempts"),
    ("POST", "/deliveries/1/retry"),
    ("GET", "/deliveries?endpoint=of-b"),
    ("GET", "/endpoints/of-b"),
    ("GET", "/endpoints/plain"),
    ("GET", "/endpoints/of-b/health"),
    ("PATCH", "/endpoints/of-b"),
    ("DELETE", "/endpoints/of-b"),
    ("POST", "/endpoints/of-b/pause"),
    ("POST", "/endpoints/of-b/rotate"),
    ("POST", "/endpoints/of-b/test"),
    ("POST", "/endpoints/of-b/disable"),
];

/// Endpoints without a tenant, of tenant `a`, and of tenant `b`, and the apps behind them.
fn endpoints_of_tenants(sandbox: &Sandbox) -> [App; 3] {
    let apps = [(); 3].map(|()| App::start(|_| Reply::Status(200, "")));
    for (app, (name, tenant)) in apps
        .iter()
        .zip([("plain", None), ("of-a", Some("a")), ("of-b", Some("b"))])
    {
        let mut add = vec![
            "endpoints",
            "add",
            &app.url,
            "-p",
            "generic",
            "--name",
            name,
            "--events",
            "all",
        ];
        add.extend(["--local", "--secret-file", "secret"]);
        add.extend(tenant.iter().flat_map(|tenant| ["--tenant", tenant]));
        sandbox.hook(add).run().ok();
        std::fs::remove_file(sandbox.path("secret")).expect("a secret was made");
    }
    apps
}

#[test]
fn a_tenant_sees_and_makes_only_its_own() {
    let sandbox = Sandbox::new();
    let apps = endpoints_of_tenants(&sandbox);
    let a = add_key(&sandbox, &["key-of-a", "--tenant", "a"]);
    let mut service = sandbox.service(&[]);
    let event =
        |id: &str, tenant: &str| json!({"event": "test.ping", "id": id, "data": {}, "tenant": tenant}).to_string();
    service.gives(202, "POST", "/events", &event("b-1", "b"));
    service.gives(202, "POST", "/events", EVENT);
    use_key(&mut service, &a);
    assert_eq!(
        service.gives(202, "POST", "/events", r#"{"event":"test.ping","id":"a-1","data":{}}"#)["deliveries"],
        1
    );
    service.gives(202, "POST", "/events", &event("a-2", "a"));
    let bodies = apps.each_ref().map(|app| app.next());
    assert!(bodies.iter().all(|request| !request.body.is_empty()));
    // Each app gets what is of its tenant, and the one without a tenant what is of none.
    apps[1].next();
    let before = recorded(&sandbox);
    let forbidden = service.problem(403, "POST", "/events", &event("x", "b"));
    assert_eq!(forbidden, "the key is of tenant `a`");
    service.problem(403, "POST", "/events/batch", &format!("[{}]", event("x", "b")));
    service.problem(403, "GET", "/events?tenant=b", "");
    service.problem(403, "GET", "/deliveries?tenant=b", "");
    service.problem(403, "GET", "/endpoints?tenant=b", "");
    service.problem(403, "GET", "/status", "");
    service.problem(403, "POST", "/pause", "");
    service.problem(
        403,
        "POST",
        "/endpoints",
        r#"{"url":"http://localhost:1/","events":"all","tenant":"b"}"#,
    );
    for (method, path) in OF_ANOTHER {
        let body = if method == "PATCH" {
            r#"{"description":"x"}"#
        } else {
            ""
        };
        service.problem(404, method, path, body);
    }
    service.problem(404, "POST", "/endpoints/of-b/recover", r#"{"since":"1h"}"#);
    assert_eq!(recorded(&sandbox), before);
    assert_eq!(names(&service.gives(200, "GET", "/events", ""), "id"), ["a-2", "a-1"]);
    assert_eq!(
        names(&service.gives(200, "GET", "/deliveries", ""), "tenant"),
        ["a", "a"]
    );
    assert_eq!(names(&service.gives(200, "GET", "/endpoints", ""), "name"), ["of-a"]);
    let made = r#"{"url":"http://localhost:1/","events":"all","provider":"generic","name":"made"}"#;
    assert_eq!(service.gives(201, "POST", "/endpoints", made)["tenant"], "a");
    service.problem(403, "PATCH", "/endpoints/made", r#"{"tenant":null}"#);
    // Numbers and ids are looked up among its own: neither another's is found, nor that there are several.
    let own = service.gives(200, "GET", "/deliveries", "")["items"][1].clone();
    let number = own["number"].as_u64().expect("a number");
    service.problem(404, "GET", &format!("/deliveries/{}", number - 1), "");
    let id = own["id"].as_str().expect("an id");
    assert_eq!(
        service.gives(200, "GET", &format!("/deliveries/{number}"), "")["id"],
        id
    );
    assert!(
        service
            .problem(400, "GET", "/deliveries/dlv_0", "")
            .contains("several ids")
    );
    assert!(
        service
            .problem(400, "POST", "/deliveries/dlv_0/retry", "")
            .contains("several ids")
    );
    let of_b = json!({"url": apps[2].url, "events": "all", "provider": "generic", "name": "same-url"});
    let made = service.gives(201, "POST", "/endpoints", &of_b.to_string());
    assert!(!made.to_string().contains("of-b"), "{made}");
    service.gives(200, "POST", "/endpoints/same-url/disable", "");
    // A key of all tenants may name one.
    use_key(&mut service, KEY);
    assert_eq!(names(&service.gives(200, "GET", "/events?tenant=b", ""), "id"), ["b-1"]);
    assert_eq!(
        names(&service.gives(200, "GET", "/endpoints?tenant=a", ""), "name"),
        ["of-a", "made", "same-url"]
    );
    assert!(apps.iter().all(|app| app.rest().is_empty()));
}

#[test]
fn a_key_has_so_many_calls_and_is_told_when_it_has_more() {
    let sandbox = Sandbox::new();
    let other = add_key(&sandbox, &["other"]);
    let run = sandbox.service_with(&["--key", "env:KEY", "--rate-limit", "0.01"]);
    let mut service = MockApi::ready(run.env("KEY", KEY));
    service.gives(202, "POST", "/events", EVENT);
    let answer = service.answer("POST", "/events", EVENT);
    let after: u64 = answer.header("retry-after").expect("when").parse().expect("seconds");
    assert!((90..=101).contains(&after), "{after}");
    assert_eq!(
        service.problem(429, "POST", "/events", EVENT),
        "too many calls with this key"
    );
    service.gives(200, "GET", "/health", "");
    use_key(&mut service, &other);
    assert_eq!(names(&service.gives(200, "GET", "/events", ""), "event"), ["test.ping"]);
    assert_eq!(recorded(&sandbox)[0], 1);
}

#[test]
fn keys_are_listed_without_their_text_and_a_name_is_given_once() {
    let sandbox = Sandbox::new();
    sandbox.hook(["serve", "keys", "list"]).run().ok().says(["no keys yet"]);
    let key = add_key(&sandbox, &["shop", "--read", "--tenant", "acme"]);
    assert!(key.starts_with("hook_") && key.len() == 5 + 64, "{key}");
    sandbox
        .hook(["serve", "keys", "add", "shop"])
        .run()
        .exits(2)
        .says(["there is a key `shop` already"]);
    sandbox
        .hook(["serve", "keys", "add", "Shop"])
        .run()
        .exits(2)
        .says(["is not a name"]);
    sandbox
        .hook(["serve", "keys", "add", "b", "--tenant", "a b"])
        .run()
        .exits(2)
        .says(["is not a tenant"]);
    sandbox
        .hook(["serve", "keys", "add", "b", "-q"])
        .run()
        .exits(2)
        .says(["shown only once"]);
    let listed = sandbox.hook(["serve", "keys", "list", "--json"]).run().object();
    assert_eq!(
        (&listed["name"], &listed["access"], &listed["mode"], &listed["tenant"]),
        (&json!("shop"), &json!("read"), &json!("live"), &json!("acme"))
    );
    assert!(listed.get("key").is_none());
    sandbox
        .hook(["serve", "keys", "revoke", "other"])
        .run()
        .exits(6)
        .says(["key `other` not found"]);
    sandbox.hook(["serve", "keys", "revoke", "shop"]).run().ok();
    assert_ne!(add_key(&sandbox, &["shop"]), key);
}

#[test]
fn the_idempotency_key_belongs_to_the_key_in_whatever_order_keys_are_given() {
    let sandbox = Sandbox::new();
    let both = |first: &str, second: &str| {
        let run = sandbox.service_with(&["--key", first, "--key", second]);
        MockApi::ready(run.env("KEY", KEY).env("OTHER", "the-other-key"))
    };
    let mut service = both("env:KEY", "env:OTHER");
    service.with("idempotency-key", "once");
    let first = service.gives(202, "POST", "/events", EVENT);
    use_key(&mut service, "the-other-key");
    assert_ne!(service.gives(202, "POST", "/events", EVENT), first, "another sender");
    service.stop().ok();
    let mut service = both("env:OTHER", "env:KEY");
    service.with("idempotency-key", "once");
    assert_eq!(service.gives(202, "POST", "/events", EVENT), first);
}
