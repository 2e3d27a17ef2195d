//! `hook providers`.

mod receiver;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Sandbox, keys};

/// The first of the list, with their events.
const BUILT_IN: [(&str, u64); 6] = [
    ("poolflow", 8),
    ("pool-brain", 6),
    ("pocketsflow", 16),
    ("hoopai", 67),
    ("slotflow", 2),
    ("standard-webhooks", 4),
];

/// Those that most developers meet have more samples than the rest.
const RICH: [&str; 10] = [
    "github", "stripe", "slack", "shopify", "twilio", "discord", "linear", "paddle", "meta", "square",
];

/// Those of which only the handshake is known.
const HANDSHAKES_ONLY: [&str; 11] = [
    "adobe-sign",
    "aws-sns",
    "azure-event-grid",
    "cloudevents",
    "gusto",
    "mailchimp",
    "microsoft-graph",
    "notion",
    "okta",
    "trello",
    "twitter",
];

#[test]
fn the_list_has_every_provider_with_its_events_and_where_it_comes_from() {
    let sandbox = Sandbox::new();
    let lines = sandbox.hook(["providers", "list", "--json"]).run().ok().json();
    let have: Vec<_> = lines
        .iter()
        .map(|line| (line["name"].as_str().unwrap(), line["events"].as_u64().unwrap()))
        .collect();
    assert_eq!(have[..BUILT_IN.len()], BUILT_IN);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/provider/builtin");
    let files = fs::read_dir(folder).expect("the built-in providers").count();
    assert_eq!(have.len(), files, "each file is built in");
    assert!(files >= 63, "{files}");
    for (name, events) in have {
        if HANDSHAKES_ONLY.contains(&name) {
            assert_eq!(events, 0, "{name}");
            continue;
        }
        // Nothing in a message of Airtable says what happened.
        let least = match name {
            "airtable" => 1,
            _ if RICH.contains(&name) => 5,
            _ => 2,
        };
        assert!(events >= least, "{name}: {events}");
    }
    assert!(
        lines
            .iter()
            .all(|line| line["schema"] == "hook.provider/1" && line["origin"] == "built in")
    );
    sandbox
        .hook(["providers", "ls"])
        .run()
        .ok()
        .prints(["pool-brain", "Pool Brain", "6 events", "built in"]);
}

#[test]
fn a_file_of_the_users_stands_in_the_list_and_a_broken_one_is_named() {
    let sandbox = Sandbox::new();
    let acme = "format = 1\nname = \"acme\"\ntitle = \"Acme\"\nextends = \"slotflow\"\n";
    sandbox.write(sandbox.config("providers/acme.toml"), acme);
    sandbox.write(sandbox.config("providers/broken.toml"), "format = 1\nnaem = \"x\"\n");
    let outcome = sandbox.hook(["providers", "list"]).run().ok();
    outcome
        .prints(["acme", "Acme", "providers/acme.toml"])
        .says(["warning: cannot be used", "broken.toml"]);
}

#[test]
fn events_are_one_object_each_with_exactly_the_documented_keys() {
    let sandbox = Sandbox::new();
    for (name, count) in BUILT_IN {
        let lines = sandbox.hook(["providers", "events", name, "--json"]).run().ok().json();
        assert_eq!(lines.len() as u64, count, "{name}");
        for line in &lines {
            let wanted = ["schema", "provider", "event", "summary", "grouping", "aliases"];
            assert_eq!(keys(line), wanted);
            assert_eq!(line["schema"], "hook.event/1");
            assert_eq!(line["provider"], name);
            assert!(line["aliases"].is_array() && line["grouping"].is_boolean());
            assert!(!line["summary"].as_str().unwrap().is_empty());
        }
    }
    sandbox.hook(["providers", "events", "pool-brain"]).run().ok().prints([
        "job.one_time.created",
        "also job.created",
        "may be grouped",
    ]);
}

#[test]
fn a_profile_is_shown_with_every_assumption_marked() {
    let sandbox = Sandbox::new();
    sandbox.hook(["providers", "show", "poolflow"]).run().ok().prints([
        "PoolFlow  poolflow  built in",
        "scheme          HMAC-SHA256 (assumed)",
        "header          X-PoolFlow-Signature\n",
        "timeout         10s\n",
        "success         200-299\n",
        "6 attempts: at once, then after 1m, 5m, 30m, 2h, 24h\n",
        "counted from    the previous attempt (assumed)",
        "in all          26h 36m",
        "the endpoint is disabled\n",
        "by 1 failed delivery (assumed)",
        "https           required",
        "caution         the documents name an event id",
        "sha256-prefix   The signature as `sha256=` and hex",
        "  - Amounts are in cents.",
        "hook providers events poolflow",
    ]);
}

#[test]
fn an_assumption_of_the_provider_is_none_of_a_variant_that_states_the_fact() {
    let sandbox = Sandbox::new();
    let plain = sandbox.hook(["providers", "show", "hoopai"]).run().ok();
    plain.prints(["HMAC-SHA256 (assumed)", "(assumed: algorithm, content, encoding)"]);
    let variant = sandbox.hook(["providers", "show", "hoopai@wl"]).run().ok();
    variant.prints(["scheme          HMAC-SHA256\n", "encoding        hex (assumed)"]);
    let object = sandbox
        .hook(["providers", "show", "hoopai@wl", "--json"])
        .run()
        .object();
    let assumed: Vec<_> = object["assumed"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(assumed.contains(&"signature.hmac.encoding") && !assumed.contains(&"signature.hmac.algorithm"));
}

#[test]
fn the_object_of_a_profile_says_what_the_file_says() {
    let sandbox = Sandbox::new();
    let object = sandbox
        .hook(["providers", "show", "slotflow", "--json"])
        .run()
        .ok()
        .object();
    assert_eq!(object["schema"], "hook.profile/1");
    assert_eq!(object["signature"]["kind"], "hmac");
    assert_eq!(object["signature"]["content"], "${timestamp}.${body}");
    assert_eq!(object["signature"]["value"], "t=${timestamp},v1=${signature}");
    assert_eq!(object["signature"]["tolerance_ms"], 300_000);
    assert_eq!(object["retry"]["delays_ms"], json!([300_000, 3_600_000]));
    assert_eq!(object["retry"]["offsets_ms"], json!([0, 300_000, 3_900_000]));
    assert_eq!(
        object["endpoint"]["plans"],
        json!({"free": 2, "starter": 10, "growth": "unlimited"})
    );
    assert_eq!(object["dedupe"]["documented"], "${body.data.id}");
    assert_eq!(object["detect"]["any_of"], json!(["header:x-slotflow-signature"]));
    assert_eq!(object["events"].as_array().unwrap().len(), 2);
    for (name, _) in BUILT_IN {
        let object = sandbox.hook(["providers", "show", name, "--json"]).run().ok().object();
        for variant in object["variants"].as_array().unwrap() {
            let label = format!("{name}@{}", variant["name"].as_str().unwrap());
            sandbox
                .hook(["providers", "show", &label])
                .run()
                .ok()
                .prints([&label, "Signature\n"]);
        }
    }
}

#[test]
fn a_sample_is_the_body_as_it_would_be_sent_and_a_newline() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.hook(["providers", "sample", "poolflow", "job.paid"]).run().ok();
    let text = outcome.stdout();
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(text, format!("{value}\n"), "compact, in order, one newline");
    assert_eq!(keys(&value), ["event", "timestamp", "data"]);
    let object = sandbox
        .hook(["providers", "sample", "slotflow", "booking.confirmed", "--json"])
        .run()
        .ok()
        .object();
    assert_eq!(keys(&object), ["schema", "provider", "event", "body"]);
    assert_eq!(object["schema"], "hook.sample/1");
    assert_eq!(object["body"]["event"], "booking.confirmed");
}

#[test]
fn an_alias_gives_the_sample_of_its_event_and_says_so() {
    let sandbox = Sandbox::new();
    let outcome = sandbox
        .hook(["providers", "sample", "pool-brain", "job.created", "--json"])
        .run()
        .ok();
    assert_eq!(outcome.object()["event"], "job.one_time.created");
    outcome.says(["`job.created` is another name of `job.one_time.created`"]);
}

#[test]
fn a_parameter_that_the_envelope_needs_can_be_given() {
    let sandbox = Sandbox::new();
    let sample = |param: &str| {
        let args = [
            "providers",
            "sample",
            "pool-brain",
            "customer.created",
            "--json",
            "--param",
            param,
        ];
        sandbox.hook(args).run()
    };
    assert_eq!(sample("company_id=40").ok().object()["body"]["company_id"], 40);
    sample("company_id=x")
        .exits(2)
        .says(["`company_id`", "`x` is not a whole number"]);
    sample("company=1").exits(2).says(["`pool-brain` has `company_id`"]);
}

#[test]
fn unknown_names_give_near_ones_and_the_documented_codes() {
    let sandbox = Sandbox::new();
    for command in ["show", "events"] {
        let hint = format!("hint: did you mean `hook providers {command} poolflow`?");
        let outcome = sandbox.hook(["providers", command, "poolflwo"]).run();
        outcome
            .exits(6)
            .says(["error: provider `poolflwo` not found", &hint, "`hook providers list`"]);
    }
    let variant = sandbox.hook(["providers", "show", "hoopai@sra"]).run();
    variant.exits(6).says(["`hoopai` has no variant `sra`", "rsa"]);
    let event = sandbox.hook(["providers", "sample", "poolflow", "job.piad"]).run();
    event.exits(6).says([
        "error: `poolflow` has no event `job.piad`",
        "hint: did you mean `hook providers sample poolflow job.paid`?",
        "hint: `hook providers events poolflow`",
    ]);
}

#[test]
fn a_good_file_is_ok_with_its_counts() {
    let sandbox = Sandbox::new();
    let file = sandbox.path("acme.toml");
    sandbox.write(&file, "format = 1\nname = \"acme\"\nextends = \"slotflow\"\n");
    let outcome = sandbox.hook(["providers", "check", "acme.toml"]).run().ok();
    assert_eq!(outcome.stdout(), "ok acme: 2 events, 2 variants\n");
    assert_eq!(outcome.stderr(), "");
    sandbox.write("other.toml", fs::read(&file).unwrap());
    let other = sandbox.hook(["providers", "check", "other.toml"]).run().ok();
    other.says(["warning", "`acme.toml`"]);
}

#[test]
fn a_fault_in_a_file_is_named_with_its_line_and_the_accepted_names() {
    let sandbox = Sandbox::new();
    let check = |text: &str| {
        sandbox.write("acme.toml", text);
        sandbox.hook(["providers", "check", "acme.toml"]).run().exits(2)
    };
    let head = "format = 1\nname = \"acme\"\n";
    check(&format!("{head}[signature.hmac]\nheadre = \"X-A\"\n")).says([
        "error: provider file `acme.toml` is not valid",
        "line 4, column 1",
        "unknown field `headre`",
        "`header`",
    ]);
    check(&format!(
        "{head}[signature.hmac]\nheader = \"X-A\"\ncontent = \"a${{bodi}}\"\n"
    ))
    .says([
        "line 5",
        "`signature.hmac.content`",
        "unknown placeholder `${bodi}` at character 2",
    ]);
    check(&format!(
        "{head}[signature.hmac]\nheader = \"X-A\"\nalgorithm = \"md5\"\n"
    ))
    .says(["line 5", "`md5` is none of `sha256`, `sha1`, `sha512`"]);
    check(&format!("{head}extends = \"slotflow\"\n[detect]\nany-of = [\"x-a\"]\n")).says([
        "line 5",
        "`detect.any-of`",
        "`header:NAME`",
    ]);
    check(&format!(
        "{head}extends = \"slotflow\"\n[events.\"a.b\"]\nsummary = \"A\"\nsample = '''{{\"a\": }}'''\n"
    ))
    .says(["sample of `a.b` is not JSON", "line 1"]);
    check(head)
        .says(["`signature`", "`[signature.KIND]` is missing"])
        .never(["line 0"]);
    check("format = 2\n").says(["`format`", "must be 1"]);
    let absent = sandbox.hook(["providers", "check", "absent.toml"]).run().exits(2);
    absent.says(["`absent.toml` cannot be read", "caused by:"]);
}

#[test]
fn the_header_that_ends_retries_is_read_like_any_header_line() {
    let sandbox = Sandbox::new();
    let head = "format = 1\nname = \"acme\"\nextends = \"slotflow\"\n[retry.schedule]\ndelays = [\"1s\"]\n";
    let check = |line: &str| {
        sandbox.write("acme.toml", format!("{head}stop-on-header = \"{line}\"\n"));
        sandbox.hook(["providers", "check", "acme.toml"]).run()
    };
    for line in ["X-Stop:1", "X-Stop:  1", "X-Stop: 1"] {
        check(line).ok();
        let file = fs::read(sandbox.path("acme.toml")).expect("just written");
        sandbox.write(sandbox.config("providers/acme.toml"), file);
        let shown = sandbox.hook(["providers", "show", "acme", "--json"]).run().ok();
        shown.prints(["\"stop_on_header\":\"X-Stop: 1\""]);
    }
    for (line, fault) in [
        ("X Stop: 1", "`X Stop` is not a header name"),
        ("X-Stop", "`X-Stop` is not a header"),
    ] {
        check(line).exits(2).says(["`retry.schedule.stop-on-header`", fault]);
    }
}

#[test]
fn the_command_that_checks_a_file_again_is_named_for_another_file_only() {
    let sandbox = Sandbox::new();
    sandbox.write(sandbox.config("providers/base.toml"), "format = 1\nnaem = \"x\"\n");
    sandbox.write("acme.toml", "format = 1\nname = \"acme\"\nextends = \"base\"\n");
    let check = || sandbox.hook(["providers", "check", "acme.toml"]).run().exits(2);
    check().says([
        "providers/base.toml` is not valid",
        "providers/base.toml` checks it again",
    ]);
    for text in ["format = 1\nnaem = \"x\"\n", "format = 2\nname = \"acme\"\n"] {
        sandbox.write("acme.toml", text);
        check().says(["acme.toml`"]).never(["checks it again"]);
    }
}

#[test]
fn an_envelope_may_be_nested_and_a_file_may_leave_out_the_events_of_its_parent() {
    let sandbox = Sandbox::new();
    let acme = r#"
format = 1
name = "acme"
extends = "generic"
inherit-events = false

[envelope.json]
meta = { id = "${id}", version = 2 }
data = { record_type = "event", event_type = "${event}", payload = "${data}" }

[read]
event = ["body:data.event_type"]
id = ["body:meta.id"]

[events."parcel.shipped"]
summary = "A parcel left the warehouse"
sample = '{ "parcel": "${new.uuid}" }'
"#;
    sandbox.write(sandbox.config("providers/acme.toml"), acme);
    let events = sandbox
        .hook(["providers", "events", "acme", "--json"])
        .run()
        .ok()
        .json();
    assert_eq!(events.len(), 1, "{events:?}");
    let sent = sandbox.signed([
        "parcel.shipped",
        "-p",
        "acme",
        "-d",
        r#"{"parcel":"p1"}"#,
        "--id",
        "evt_1",
    ]);
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    let wanted = json!({"meta": {"id": "evt_1", "version": 2},
        "data": {"record_type": "event", "event_type": "parcel.shipped", "payload": {"parcel": "p1"}}});
    assert_eq!(body, wanted);
    let again = [
        "send",
        "parcel.shipped",
        "-p",
        "acme",
        "--to",
        "http://127.0.0.1:1",
        "-d",
    ];
    let again = again.into_iter().map(str::to_owned).chain([body.to_string()]);
    sandbox
        .hook(again)
        .run()
        .exits(2)
        .says(["the data is a whole event: it has `data`"]);
    sandbox.write(
        "body.json",
        r#"{"meta":{"id":"1","version":2},"data":{"payload":{"parcel":1}}}"#,
    );
    let diff = ["providers", "diff", "parcel.shipped", "body.json", "-p", "acme"];
    sandbox
        .hook(diff)
        .run()
        .exits(8)
        .prints(["missing  data.event_type", "retyped  data.payload.parcel"]);
    let shown = sandbox.hook(["providers", "show", "acme"]).run().ok();
    shown.prints([r#"{"record_type":"event","event_type":"${event}","payload":"${data}"}"#]);
}

#[test]
fn a_variant_decides_where_an_optional_header_is_there() {
    let sandbox = Sandbox::new();
    let acme = "format = 1\nname = \"acme\"\n[signature.hmac]\nheader = \"X-Acme\"\n[detect]\n\
                any-of = [\"header:x-acme\"]\n[events.\"a.b\"]\nsummary = \"A\"\nsample = '{}'\n\
                [variants.timed]\nsummary = \"T\"\nrank = 1\nwhen = \"header:X-Time\"\n\
                headers = { X-Time = \"${timestamp}\" }\nsignature.hmac.content = \"${timestamp}:${body}\"\n";
    sandbox.write(sandbox.config("providers/acme.toml"), acme);
    let mut listener = sandbox.listen(["-p", "acme", "--secret", "literal:one"]);
    let to = listener.url.clone();
    for (label, shown) in [("acme", "acme"), ("acme@timed", "acme@timed")] {
        let send = ["send", "a.b", "-p", label, "--secret", "literal:one", "--to", &to];
        sandbox.hook(send).run().ok();
        let line = listener.shows("verified");
        assert!(line.contains(shown), "{line}");
    }
    listener.stop().ok().says(["2 verified"]);
}

#[test]
fn both_signatures_of_a_sender_are_sent() {
    let sandbox = Sandbox::new();
    for (event, provider, headers) in [
        ("push", "github", ["x-hub-signature", "x-hub-signature-256"]),
        (
            "contact.creation",
            "hubspot",
            ["x-hubspot-signature", "x-hubspot-signature-v3"],
        ),
    ] {
        let sent = sandbox.signed([event, "-p", provider]);
        for header in headers {
            let has = |(name, _): &(String, String)| name.eq_ignore_ascii_case(header);
            assert!(sent.headers.iter().any(has), "{provider} {header}: {:?}", sent.headers);
        }
    }
}

#[test]
fn what_is_wrong_with_a_file_comes_with_what_was_meant() {
    let sandbox = Sandbox::new();
    let check = |more: &str| {
        sandbox.write("acme.toml", format!("format = 1\nname = \"acme\"\n{more}"));
        sandbox.hook(["providers", "check", "acme.toml"]).run()
    };
    let hmac = "[signature.hmac]\nheader = \"X-A\"\n";
    check("[signature.hmac]\nheadre = \"X-A\"\n")
        .exits(2)
        .says(["hint: did you mean `header`?"]);
    check(&format!("{hmac}[signature.token]\nheader = \"X-B\"\n"))
        .exits(2)
        .says(["sends-also"]);
    check(&format!("{hmac}key = \"hex\"\n")).exits(2).says(["secret.form"]);
    check(&format!("{hmac}[secret]\nform = \"${{new.int16}}\"\n"))
        .exits(2)
        .says(["1 to 15", "new.digitsN"]);
    check(&format!("{hmac}[events.\"a.b\"]\nsummary = \"A\"\nsample = '{{}}'\n"))
        .ok()
        .says(["without `event` in `[read]`", "nothing limits the age"]);
}
