//! Subscriptions through the provider's API: each provider's own calls, shapes, rules and refusals.

use serde_json::{Value, json};

use super::{book, refused, registration};
use crate::support::{Sandbox, keys};

#[test]
fn slotflow_creates_lists_and_deletes_in_its_own_shapes() {
    let sandbox = Sandbox::new();
    let face = sandbox.serve("slotflow", &[]);
    assert!(face.url.ends_with("/v1"), "{}", face.url);
    assert_eq!(
        face.call("GET", "/webhooks", ""),
        (200, json!({"webhooks": [], "total": 0}))
    );
    let body = registration("https://hooks.example.com/in", "booking.confirmed");
    let (status, made) = face.call("POST", "/webhooks", &body);
    assert_eq!(status, 201);
    let all = ["id", "url", "events", "signing_secret", "active", "created_at"];
    assert_eq!(keys(&made), all);
    let id = made["id"].as_str().expect("an id");
    assert_eq!(id.len(), 36, "a uuid: {id}");
    assert!(
        made["signing_secret"]
            .as_str()
            .is_some_and(|secret| secret.starts_with("whsec_"))
    );
    assert_eq!(
        face.call("GET", "/webhooks/", ""),
        (200, json!({"webhooks": [made], "total": 1}))
    );
    assert_eq!(book(&sandbox), ["hooks-example-com"]);
    let gone = json!({"deleted": true, "id": id});
    assert_eq!(face.call("DELETE", &format!("/webhooks/{id}"), ""), (200, gone));
    assert!(book(&sandbox).is_empty());
    let answer = refused(&face, ("DELETE", &format!("/webhooks/{id}"), ""), 404, "NOT_FOUND");
    assert_eq!(keys(&answer["error"]), ["code", "message", "status"]);
    assert_eq!(answer["error"]["status"], 404);
    let out = face.stop().ok();
    let calls: Vec<String> = out.json()[1..]
        .iter()
        .map(|line| format!("{} {} {}", line["schema"], line["status"], line["said"]))
        .collect();
    assert_eq!(
        calls[1],
        "\"hook.call/1\" 201 \"added hooks-example-com for https://hooks.example.com/in\""
    );
    assert_eq!(calls.len(), 5, "a line for each call");
    out.never([made["signing_secret"].as_str().expect("a secret")]);
}

#[test]
fn slotflow_refuses_what_its_rules_refuse_and_keeps_nothing_of_it() {
    let sandbox = Sandbox::new();
    let face = sandbox.serve("slotflow", &[]);
    let create = |url: &str| {
        let body = registration(url, "booking.cancelled");
        face.call("POST", "/webhooks", &body).0
    };
    assert_eq!(create("https://a.example.com/x"), 201);
    for (url, events, part) in [
        (
            json!("https://A.example.com:443/x"),
            json!(["booking.confirmed"]),
            "takes a URL once only",
        ),
        (
            json!("https://b.example.com"),
            json!(["booking.moved"]),
            "has no event `booking.moved`",
        ),
        (json!("https://b.example.com"), json!([]), "wants no event"),
        (json!("https://b.example.com"), json!(["all"]), "has no event `all`"),
        (json!("https://b.example.com"), json!("all"), "is not a list of events"),
        (
            json!("https://b.example.com"),
            json!([7]),
            "something that is not a string",
        ),
        (json!(7), json!(["booking.confirmed"]), "`url` is not a string"),
        (
            json!("ftp://b.example.com"),
            json!(["booking.confirmed"]),
            "neither http nor https",
        ),
        (
            json!("https://10.0.0.1/"),
            json!(["booking.confirmed"]),
            "a private address",
        ),
    ] {
        let body = json!({"url": url, "events": events}).to_string();
        let answer = refused(&face, ("POST", "/webhooks", &body), 422, part);
        assert_eq!(answer["error"]["code"], "VALIDATION_ERROR");
    }
    for (body, part) in [
        (r#"{"url":"https://b.example.com"}"#, "`events` is missing"),
        (r#"{"events":["booking.confirmed"]}"#, "`url` is missing"),
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("", "not JSON"),
    ] {
        refused(&face, ("POST", "/webhooks", body), 422, part);
    }
    assert_eq!(book(&sandbox).len(), 1);
    assert_eq!(create("https://b.example.com"), 201);
    let third = registration("https://c.example.com", "booking.confirmed");
    let answer = refused(&face, ("POST", "/webhooks", &third), 402, "LIMIT_REACHED");
    assert!(
        answer["error"]["message"]
            .as_str()
            .is_some_and(|text| text.contains("plan `free`"))
    );
    // The limit is the answer to a request that is valid otherwise.
    for (url, events, part) in [
        ("https://c.example.com", json!([]), "wants no event"),
        (
            "https://c.example.com",
            json!(["booking.moved"]),
            "no event `booking.moved`",
        ),
        (
            "ftp://c.example.com",
            json!(["booking.confirmed"]),
            "neither http nor https",
        ),
    ] {
        let body = json!({"url": url, "events": events}).to_string();
        refused(&face, ("POST", "/webhooks", &body), 422, part);
    }
}

#[test]
fn a_call_that_there_is_not_is_refused_in_the_providers_shape() {
    let sandbox = Sandbox::new();
    let face = sandbox.serve("slotflow", &[]);
    let one = "/webhooks/01a1fdff-c95f-7c78-8156-c8ca0ed10ae8";
    for (method, path, status, part) in [
        ("GET", one, 405, "METHOD_NOT_ALLOWED"),
        ("PATCH", one, 405, "METHOD_NOT_ALLOWED"),
        ("OPTIONS", "/webhooks", 405, "POST, GET"),
        ("DELETE", one, 404, "NOT_FOUND"),
        ("DELETE", "/webhooks/nothing", 404, "NOT_FOUND"),
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("GET", "/", 404, "NOT_FOUND"),
    ] {
        refused(&face, (method, path, ""), status, part);
    }
    let head = face.answer("HEAD", "/webhooks", "");
    assert_eq!(
        (head.status, head.header("allow"), head.body.len()),
        (405, Some("POST, GET"), 0)
    );
}

#[test]
fn a_larger_plan_allows_more_and_the_settings_say_which_one_it_is() {
    for (args, settings, most) in [
        (&["--plan", "starter"][..], "", 10),
        (&[], "[account]\nplan = \"starter\"\n", 10),
        (&["--plan", "growth"], "[account]\nplan = \"free\"\n", 12),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write(sandbox.config("config.toml"), settings);
        let face = sandbox.serve("slotflow", args);
        let create = |n: i32| {
            let body = registration(&format!("https://{n}.example.com"), "booking.confirmed");
            face.call("POST", "/webhooks", &body).0
        };
        let made = (0..12).filter(|n| create(*n) == 201).count();
        assert_eq!(made, most, "{args:?} {settings:?}");
    }
}

#[test]
fn a_body_of_another_type_or_too_large_is_refused_in_the_providers_shape() {
    let sandbox = Sandbox::new();
    let mut face = sandbox.serve("slotflow", &[]);
    let large = "x".repeat(1024 * 1024 + 1);
    let (status, answer) = face.call("POST", "/webhooks", &large);
    assert_eq!((status, &answer["error"]["status"]), (413, &json!(413)));
    let body = registration("https://a.example.com", "booking.confirmed");
    face.with("content-type", "application/x-www-form-urlencoded");
    refused(
        &face,
        ("POST", "/webhooks", &body),
        422,
        "Content-Type: application/json",
    );
    face.with("content-type", "application/json; charset=utf-8");
    assert_eq!(face.call("POST", "/webhooks", &body).0, 201);
}

#[test]
fn pocketsflow_updates_shows_the_secret_once_and_takes_only_https_elsewhere() {
    let sandbox = Sandbox::new();
    let face = sandbox.serve("pocketsflow", &[]);
    let body = json!({"url": "https://a.example.com/in", "events": ["order.completed"], "description": "orders"});
    let (status, made) = face.call("POST", "/webhooks", &body.to_string());
    assert_eq!(status, 201, "{made}");
    assert!(
        made["secret"]
            .as_str()
            .is_some_and(|secret| secret.starts_with("whsec_"))
    );
    let path = format!("/webhooks/{}", made["id"].as_str().expect("an id"));
    let mut known = made.clone();
    known.as_object_mut().expect("an object").remove("secret");
    assert_eq!(face.call("GET", "/webhooks", ""), (200, json!([known])));
    let change = json!({"events": ["*"], "active": false, "description": null});
    let (status, changed) = face.call("PATCH", &path, &change.to_string());
    assert_eq!(status, 200);
    assert_eq!(
        (
            &changed["events"],
            &changed["active"],
            &changed["description"],
            &changed["secret"]
        ),
        (&json!(["*"]), &json!(false), &Value::Null, &Value::Null)
    );
    refused(
        &face,
        ("PATCH", &path, r#"{"active":"no"}"#),
        400,
        "neither true nor false",
    );
    refused(
        &face,
        ("PATCH", &path, r#"{"url":"https://a.example.com:8443"}"#),
        400,
        "uses port 8443",
    );
    let plain = registration("http://b.example.com", "order.completed");
    refused(&face, ("POST", "/webhooks", &plain), 400, "is not https");
    assert_eq!(face.call("DELETE", &path, ""), (204, Value::Null));
    refused(&face, ("PATCH", &path, "{}"), 404, "Not Found");
}

#[test]
fn the_generic_provider_gets_one_and_cuts_long_lists_into_pages() {
    let sandbox = Sandbox::new();
    let face = sandbox.serve("generic", &[]);
    for name in ["a", "b", "c"] {
        let body = json!({"url": format!("https://{name}.example.com"), "events": ["all"], "name": name});
        assert_eq!(face.call("POST", "/endpoints", &body.to_string()).0, 201);
    }
    let taken = json!({"url": "https://d.example.com", "events": ["all"], "name": "a"});
    refused(&face, ("POST", "/endpoints", &taken.to_string()), 409, "duplicate");
    let (_, first) = face.call("GET", "/endpoints?limit=2", "");
    let names = |page: &Value| -> Vec<String> {
        let items = page["endpoints"].as_array().expect("a list");
        items
            .iter()
            .map(|item| item["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    assert_eq!(names(&first), ["a", "b"]);
    let (_, second) = face.call(
        "GET",
        &format!("/endpoints?cursor={}", first["next"].as_str().expect("more")),
        "",
    );
    assert_eq!((names(&second), &second["next"]), (vec!["c".to_owned()], &Value::Null));
    refused(&face, ("GET", "/endpoints?limit=0", ""), 422, "above 0");
    let id = second["endpoints"][0]["id"].as_str().expect("an id");
    let (status, one) = face.call("GET", &format!("/endpoints/{id}"), "");
    assert_eq!((status, &one), (200, &second["endpoints"][0]));
    refused(&face, ("GET", "/endpoints/ep_01", ""), 404, "unknown");
    let renamed = face.call("PATCH", &format!("/endpoints/{id}"), r#"{"name":"z"}"#);
    assert_eq!(renamed.1["name"], "z");
    refused(
        &face,
        ("PATCH", &format!("/endpoints/{id}"), r#"{"name":"a"}"#),
        409,
        "duplicate",
    );
}

#[test]
fn a_face_neither_shows_nor_touches_endpoints_of_other_providers() {
    let sandbox = Sandbox::new();
    let other = sandbox
        .add_endpoint("https://a.example.com -p generic --events all --json")
        .object();
    let face = sandbox.serve("pocketsflow", &[]);
    assert_eq!(face.call("GET", "/webhooks", ""), (200, json!([])));
    let path = format!("/webhooks/{}", other["id"].as_str().expect("an id"));
    for method in ["DELETE", "PATCH"] {
        refused(&face, (method, &path, "{}"), 404, "Not Found");
    }
    assert_eq!(book(&sandbox).len(), 1);
}

#[test]
fn targets_on_this_machine_are_taken_unless_production_is_played() {
    let body = registration("http://127.0.0.1:3000/in", "order.completed");
    let sandbox = Sandbox::new();
    assert_eq!(
        sandbox.serve("pocketsflow", &[]).call("POST", "/webhooks", &body).0,
        201
    );
    let strict = sandbox.serve("pocketsflow", &["--production"]);
    let other = registration("http://127.0.0.1:3001/in", "order.completed");
    refused(&strict, ("POST", "/webhooks", &other), 400, "is not https");
    let advised = sandbox.serve("slotflow", &["--production"]);
    let plain = registration("http://a.example.com/in", "booking.confirmed");
    refused(&advised, ("POST", "/webhooks", &plain), 422, "wants in production");
}

#[test]
fn what_a_service_does_not_reach_is_not_registered() {
    let sandbox = Sandbox::new();
    let (plain, private) = (
        sandbox.serve("generic", &[]),
        sandbox.serve("generic", &["--allow-private"]),
    );
    for (host, by_plain, by_private) in [
        ("127.0.0.1:9", 201, 201),
        ("app.test", 201, 201),
        ("10.0.0.1", 422, 201),
        ("169.254.169.254", 422, 422),
        ("168.63.129.16", 422, 422),
        ("[::ffff:169.254.1.1]", 422, 422),
        ("metadata.google.internal", 422, 422),
    ] {
        let body = registration(&format!("http://{host}/in"), "all");
        for (face, status) in [(&plain, by_plain), (&private, by_private)] {
            let (got, said) = face.call("POST", "/endpoints", &body);
            assert_eq!(got, status, "{host}: {said}");
        }
    }
}

#[test]
fn what_is_registered_by_the_api_is_an_endpoint_like_any_other() {
    let sandbox = Sandbox::new();
    let face = sandbox.serve("slotflow", &[]);
    let (_, made) = face.call(
        "POST",
        "/webhooks",
        &registration("http://127.0.0.1:1/in", "booking.confirmed"),
    );
    let shown = sandbox
        .hook(["endpoints", "show", "127-0-0-1-1", "--json"])
        .run()
        .ok()
        .object();
    let id = format!("ep_{}", made["id"].as_str().expect("an id").replace('-', ""));
    assert_eq!((&shown["id"], &shown["provider"]), (&json!(id), &json!("slotflow")));
    sandbox.hook(["endpoints", "disable", "127-0-0-1-1"]).run().ok();
    let (_, listed) = face.call("GET", "/webhooks", "");
    assert_eq!(listed["webhooks"][0]["active"], false);
}
