//! Values of a message mean what was typed, byte for byte, or are refused.

use serde_json::Value;

use crate::support::{App, Reply, Sandbox};

/// The body of what `send ARGS` would send.
#[track_caller]
fn body<const N: usize>(sandbox: &Sandbox, args: [&str; N]) -> String {
    String::from_utf8(sandbox.signed(args).body).expect("text")
}

fn app() -> App {
    App::start(|_| Reply::Status(200, ""))
}

/// What an app got.
fn got(app: &App) -> String {
    String::from_utf8(app.next().body).expect("text")
}

#[test]
fn a_value_that_would_become_another_one_is_refused_with_what_to_type() {
    let sandbox = Sandbox::new();
    let app = app();
    let whole = r#"{"event":"job.paid","data":{"id":1},"timestamp":"2030-01-02T03:04:05Z"}"#;
    let group = format!("[{}]", whole.replace("job.paid", "customer.created"));
    let cases: [(&[&str], &str); 13] = [
        (
            &["customer.created", "-p", "pool-brain", "-d", " [ ] "],
            "at least one event",
        ),
        (
            &["customer.created", "-p", "pool-brain", "-d", &group],
            "the data is a whole event: it has `event`",
        ),
        (
            &["-p", "hoopai", "--field", "x=a {contact.email}} b"],
            "`{contact.email}}` is not opened",
        ),
        (
            &["job.paid", "--time", "1705314600123"],
            "in seconds these milliseconds are `1705314600`",
        ),
        (&["job.paid", "--time", "253402300800"], "after the year 9999"),
        (
            &["customer.created", "-p", "pool-brain", "--group", "0"],
            "at least one event",
        ),
        (
            &[
                "technician.route.changed",
                "-p",
                "pool-brain",
                "--data",
                r#"[{"routeName":"A"},{"routeName":"B"}]"#,
            ],
            "does not support grouping",
        ),
        (
            &["job.paid", "-p", "poolflow", "--data", "[1,2]"],
            "does not support grouping",
        ),
        (&["", "-p", "pool-brain", "--data", "{}"], "the event's name is empty"),
        (&[" ", "-p", "pool-brain", "--body", "{}"], "the event's name is empty"),
        (
            &["-p", "hoopai", "--field", "x={{contact.email"],
            "`{{contact.email` is not closed",
        ),
        (
            &["job.paid", "-p", "poolflow", "-d", whole],
            "the data is a whole event: it has `event`",
        ),
        (
            &["job.paid", "-p", "poolflow", "-d", r#"{"a":{"c":1,"\u0063":2}}"#],
            "has the name `c` twice",
        ),
    ];
    for (args, why) in cases {
        let to = ["send", "--to", &app.url];
        let outcome = sandbox.hook(to.iter().chain(args)).run().exits(2).says([why]);
        assert!(!outcome.stdout().contains("delivered"), "{outcome}");
    }
    assert_eq!(app.rest().len(), 0);
    assert_eq!(sandbox.records().len(), 0);
}

#[test]
fn times_up_to_the_last_one_are_written_and_a_shift_beyond_it_is_the_last_one() {
    let sandbox = Sandbox::new();
    let sent = body(
        &sandbox,
        ["booking.confirmed", "-p", "slotflow", "--time", "9999-12-31T23:59:59Z"],
    );
    assert!(sent.contains(r#""created_at":"9999-12-31T23:59:59.000Z""#), "{sent}");
    assert!(!sent.contains("1970"), "{sent}");
}

#[test]
fn the_key_of_metadata_is_a_name_and_not_a_path() {
    let sandbox = Sandbox::new();
    let args = [
        "booking.confirmed",
        "-p",
        "slotflow",
        "--metadata",
        "a.b=c",
        "--metadata",
        "n=12345678901234567890123",
    ];
    let sent: Value = serde_json::from_str(&body(&sandbox, args)).expect("JSON");
    assert_eq!(sent["data"]["metadata"]["a.b"], "c");
    assert_eq!(sent["data"]["metadata"]["n"], "12345678901234567890123");
}

#[test]
fn numbers_of_data_keep_their_text() {
    let sandbox = Sandbox::new();
    let data = r#"{"price":10.00,"big":123456789012345678901234567890,"small":1e-7,"n":-0}"#;
    assert_eq!(body(&sandbox, ["customer.created", "-p", "github", "-d", data]), data);
    let sent = body(
        &sandbox,
        [
            "job.paid",
            "-p",
            "poolflow",
            "-d",
            data,
            "--set-json",
            "data.x=1.10",
            "--set-new",
        ],
    );
    assert!(
        sent.ends_with(&format!(r#""data":{},"x":1.10}}}}"#, &data[..data.len() - 1])),
        "{sent}"
    );
}

#[test]
fn numbers_keep_their_text_in_edits_forms_queries_groups_and_records() {
    let sandbox = Sandbox::new();
    let data = r#"{"price" : 10.00, "big":98765432109876543210987, "list":[1e3, -1e5]}"#;
    let github = ["customer.created", "-p", "github", "-d", data];
    let with = |args: &[&str]| {
        let always = ["send", "--dry-run", "--json", "--to", "http://127.0.0.1:9"];
        let line = sandbox
            .hook(always.iter().chain(&github).chain(args))
            .run()
            .ok()
            .object();
        format!(
            "{} {}",
            line["url"].as_str().expect("a URL"),
            line["body"].as_str().expect("a body")
        )
    };
    let edited = with(&[
        "--set",
        "price=1.10",
        "--set",
        "big=98765432109876543210988",
        "--set-json",
        "list=[ 2.0 ]",
    ]);
    assert!(
        edited.ends_with(r#" {"price":1.10,"big":98765432109876543210988,"list":[2.0]}"#),
        "{edited}"
    );
    let form = with(&["--form"]);
    assert!(
        form.ends_with(" price=10.00&big=98765432109876543210987&list=%5B1e3%2C-1e5%5D"),
        "{form}"
    );
    let query = with(&["--method", "GET"]);
    assert!(query.contains("?price=10.00&big=98765432109876543210987&"), "{query}");
    sandbox.write(
        sandbox.config("record.json"),
        r#"{"deal":{"amount":10.00,"id":98765432109876543210987}}"#,
    );
    let record = sandbox.config("record.json");
    let record = record.to_str().expect("text");
    let workflow = [
        "-p",
        "hoopai",
        "--field",
        "a={{deal.amount}}",
        "--field",
        "b=no. {{deal.id}}",
        "--context",
        record,
    ];
    assert_eq!(
        body(&sandbox, workflow),
        r#"{"a":10.00,"b":"no. 98765432109876543210987"}"#
    );
    let grouped = [
        "customer.created",
        "-p",
        "pool-brain",
        "--group",
        "2",
        "-d",
        r#"{"price":10.00}"#,
    ];
    let grouped = body(&sandbox, grouped);
    assert!(grouped.contains(r#"[{"price":10.00},{"price":10.00}]"#), "{grouped}");
}

#[test]
fn a_replay_changes_the_addressed_value_and_nothing_else() {
    let sandbox = Sandbox::new();
    let app = app();
    let text = r#"{"ref":"a", "price":10.00, "big":123456789012345678901234567890, "s":"\u00e9\/", "x":1,"x":2}"#;
    let send = ["send", "push", "-p", "github", "--body", text, "--to", &app.url];
    sandbox.hook(send).run().ok();
    assert_eq!(got(&app), text);
    let replay = [
        "replay",
        "last",
        "--set",
        "ref=b",
        "--set-json",
        "new.at=1.0",
        "--set-new",
    ];
    sandbox.hook(replay).run().ok();
    let expected = text.replace(r#""ref":"a""#, r#""ref":"b""#);
    let expected = format!(r#"{},"new":{{"at":1.0}}}}"#, &expected[..expected.len() - 1]);
    assert_eq!(got(&app), expected);
    // A new id goes in the place of the old one.
    let text = r#"{"id":"evt_1", "price":10.00,"big":123456789012345678901234567890 }"#;
    let send = [
        "send",
        "customer.created",
        "-p",
        "stripe",
        "--body",
        text,
        "--to",
        &app.url,
    ];
    sandbox.hook(send).run().ok();
    app.next();
    sandbox.hook(["replay", "last", "--new-id"]).run().ok();
    let replayed = got(&app);
    let (before, after) = text.split_once("evt_1").expect("an id");
    assert!(replayed.starts_with(before) && replayed.ends_with(after), "{replayed}");
    assert!(!replayed.contains("\"evt_1\""), "{replayed}");
}

#[test]
fn a_replay_keeps_a_byte_order_mark_and_refuses_bytes_that_it_would_rewrite() {
    let sandbox = Sandbox::new();
    let app = app();
    let text = "\u{feff}{\"id\":\"evt_1\", \"n\":1.0}";
    let send = ["send", "customer.created", "-p", "stripe", "--to", &app.url, "--body"];
    sandbox.hook(send.iter().chain(&[text])).run().ok();
    assert_eq!(got(&app), text);
    sandbox.hook(["replay", "1", "--set", "n=2.50"]).run().ok();
    assert_eq!(got(&app), text.replace("1.0", "2.50"));
    sandbox.hook(["replay", "1", "--new-id"]).run().ok();
    let replayed = got(&app);
    assert!(
        replayed.starts_with("\u{feff}{\"id\":\"evt_") && !replayed.contains("\"evt_1\""),
        "{replayed}"
    );
    std::fs::write(sandbox.path("latin1"), b"{\"id\":\"evt_1\",\"name\":\"Ren\xe9\"}").expect("a file");
    sandbox.hook(send.iter().chain(&["@latin1"])).run().ok();
    app.next();
    let change = ["replay", "last", "--set", "id=evt_2"];
    sandbox.hook(change).run().exits(2).says(["is not JSON"]);
    assert_eq!(app.rest().len(), 0);
}

#[test]
fn a_new_id_is_of_the_kind_that_the_provider_sends() {
    let sandbox = Sandbox::new();
    let app = app();
    for (provider, event, path) in [
        ("hubspot", "contact.creation", "/0/eventId"),
        ("xero", "CREATE", "/events/0/resourceId"),
        ("calendly", "invitee.created", "/payload/uri"),
    ] {
        sandbox
            .hook(["send", event, "-p", provider, "--to", &app.url])
            .run()
            .ok();
        sandbox.hook(["replay", "last", "--new-id"]).run().ok();
        let ids = [(); 2].map(|()| {
            let body: Value = serde_json::from_str(&got(&app)).expect("JSON");
            body.pointer(path).expect("an id").clone()
        });
        // Letters stand for digits here, so that ids of one kind look alike.
        let shape = |id: &Value| -> String {
            let hex = |c: char| if c.is_ascii_hexdigit() { '0' } else { c };
            id.to_string().chars().map(hex).collect()
        };
        assert_ne!(ids[0], ids[1]);
        assert_eq!(shape(&ids[0]), shape(&ids[1]), "{provider}");
    }
}

#[test]
fn a_get_has_the_fields_of_a_form_in_its_query() {
    let sandbox = Sandbox::new();
    let app = app();
    let get = |args: &[&str]| {
        let send = ["send", "--method", "GET", "--to", &app.url];
        sandbox.hook(send.iter().chain(args)).run().ok();
        let seen = app.next();
        assert!(seen.body.is_empty());
        seen.target
    };
    let target = get(&["-p", "twilio", "received", "-d", r#"{"From":"+1555","n":1.10}"#]);
    assert_eq!(target, "/?From=%2B1555&n=1.10");
    assert_eq!(get(&["-p", "hoopai", "ContactCreated", "--body", ""]), "/");
}

#[test]
fn a_new_id_that_no_receiver_would_see_is_said() {
    let sandbox = Sandbox::new();
    let app = app();
    let send = ["send", "job.paid", "-p", "poolflow", "--to", &app.url];
    sandbox.hook(send).run().ok();
    let replayed = sandbox.hook(["replay", "last", "--new-id"]).run().ok();
    replayed.says(["carries no id: `--new-id` changes nothing in it"]);
    let record = sandbox.hook(["log", "show", "--json"]).run().ok().stdout();
    assert!(record.contains(r#""message":null"#), "{record}");
    assert_eq!(got(&app), got(&app));
}

#[test]
fn each_delivery_has_an_id_of_its_own_where_the_provider_gives_it_one() {
    let sandbox = Sandbox::new();
    let app = app();
    for name in ["a", "b", "c"] {
        let url = format!("{}/{name}", app.url);
        sandbox.add_endpoint(&format!(
            "{url} -p pool-brain --events customer.created --local --name {name}"
        ));
    }
    let send = ["send", "customer.created", "--subscribed", "-p", "pool-brain"];
    sandbox.hook(send).run().ok();
    let parse = |seen: crate::support::Seen| -> Value { serde_json::from_slice(&seen.body).expect("JSON") };
    let bodies: Vec<Value> = (0..3).map(|_| parse(app.next())).collect();
    let mut ids: Vec<&str> = bodies.iter().map(|body| body["id"].as_str().expect("an id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3, "{bodies:?}");
    assert!(
        bodies.iter().all(|body| body["data"] == bodies[0]["data"]),
        "one event: {bodies:?}"
    );
    // The ledger knows each by the id that its receiver got.
    let recorded: Vec<_> = sandbox
        .deliveries()
        .into_iter()
        .map(|one| one.delivery.message.wire_id)
        .collect();
    assert!(
        ids.iter().all(|id| recorded.iter().any(|known| known == id)),
        "{recorded:?}"
    );
}

#[test]
fn numbers_are_signed_and_compared_as_they_are_written() {
    let sandbox = Sandbox::new();
    let file = "format = 1\nname = \"acme\"\n[signature.hmac]\ncontent = \"${body.amount}\"\nheader = \"X-Sig\"\n\
                [envelope.json]\n\"...\" = \"${data}\"\n[read]\nid = [\"body:amount\"]\n[dedupe]\nkey = [\"${id}\"]\n\
                [retry.none]\n[events.paid]\nsample = \"{}\"\n";
    sandbox.write(sandbox.config("providers/acme.toml"), file);
    let digest = |amount: &str| {
        let body = format!("{{\"amount\":{amount}}}");
        let sign = ["sign", "-p", "acme", "--secret", "literal:k", "--body", &body];
        sandbox.hook(sign).run().ok().stdout()
    };
    assert_ne!(digest("1.10"), digest("1.1"));
    assert_eq!(digest("1.10"), digest("\"1.10\""));
    // Two long numbers that are one as floating point numbers are two events.
    let listener = sandbox.listen(["-p", "acme", "--secret", "literal:k", "--count", "2"]);
    for amount in ["12345678901234567890123", "12345678901234567890124"] {
        let body = format!("{{\"amount\":{amount}}}");
        let send = [
            "send",
            "-p",
            "acme",
            "--secret",
            "literal:k",
            "--body",
            &body,
            "--to",
            &listener.url,
        ];
        sandbox.hook(send).run().ok();
    }
    listener.process.wait().ok().says(["0 duplicates"]);
}

#[test]
fn an_id_of_another_form_than_the_providers_is_warned_of() {
    let sandbox = Sandbox::new();
    let send = |id: &str| {
        let args = [
            "send",
            "customer.created",
            "-p",
            "pool-brain",
            "--to",
            ":9",
            "-n",
            "--id",
            id,
        ];
        sandbox.hook(args).run().ok()
    };
    send("not-a-uuid").says(["`not-a-uuid` is no UUID, as the ids of `pool-brain` are"]);
    send("09e4248e-ba6f-4b19-8282-d04dd5a571ad").never(["warning"]);
}
