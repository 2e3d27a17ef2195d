//! `hook providers diff`, `hook log drift`, and the warning for names that break a provider's convention.

use serde_json::{Value, json};

use crate::support::{Listener, Sandbox, keys};

/// The sample of an event, changed.
fn body(sandbox: &Sandbox, provider: &str, event: &str, change: impl FnOnce(&mut Value)) -> String {
    let args = ["providers", "sample", provider, event, "--json"];
    let mut body = sandbox.hook(args).run().ok().object()["body"].take();
    change(&mut body);
    body.to_string()
}

/// Sends `job.paid` with its data changed by these flags to a listener that verifies.
fn sent(sandbox: &Sandbox, listener: &Listener, flags: &[&str]) {
    let args = [&["send", "job.paid", "--to", &listener.url], flags].concat();
    sandbox.hook(args).run().ok();
}

#[test]
fn a_body_as_in_the_catalogue_is_ok_from_a_file_and_from_stdin() {
    let sandbox = Sandbox::new();
    let sample = body(&sandbox, "poolflow", "job.paid", |_| {});
    sandbox.write("body.json", &sample);
    let file = sandbox.hook(["providers", "diff", "job.paid", "body.json"]).run().ok();
    assert_eq!(file.stdout(), "ok job.paid poolflow: as in the catalogue\n");
    let piped = ["providers", "diff", "job.paid", "-", "--json"];
    let piped = sandbox.hook(piped).stdin(sample).run().ok();
    assert_eq!(piped.stdout(), "");
}

#[test]
fn what_is_missing_or_retyped_ends_with_8_and_what_was_added_does_not() {
    let sandbox = Sandbox::new();
    let changed = body(&sandbox, "slotflow", "booking.confirmed", |body| {
        body.as_object_mut().unwrap().shift_remove("event");
        body["data"]["id"] = json!(7);
        body["data"]["extra"] = json!([]);
        body["data"]["metadata"] = json!({"mine": 1});
    });
    sandbox.write("body.json", &changed);
    let args = ["providers", "diff", "booking.confirmed", "body.json"];
    let outcome = sandbox.hook(args).run().exits(8);
    let shown: Vec<String> = outcome
        .stdout()
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    assert_eq!(
        shown,
        [
            "booking.confirmed slotflow: 3 differences",
            "  missing  event       string",
            "  retyped  data.id     string is now integer",
            "  added    data.extra  array",
        ]
    );
    let lines = sandbox.hook(args).run().exits(8);
    assert_eq!(lines.stdout(), outcome.stdout(), "the same every time");
    let lines = sandbox.hook([&args[..], &["--json"]].concat()).run().exits(8).json();
    let wanted = ["schema", "provider", "event", "path", "finding", "wanted", "found"];
    assert!(
        lines
            .iter()
            .all(|line| keys(line) == wanted && line["schema"] == "hook.drift/1")
    );
    assert_eq!(
        lines[1],
        json!({"schema": "hook.drift/1", "provider": "slotflow", "event": "booking.confirmed", "path": "data.id",
            "finding": "retyped", "wanted": "string", "found": "integer"})
    );
    let added = body(&sandbox, "slotflow", "booking.confirmed", |body| {
        body["more"] = json!(1);
    });
    sandbox.write("body.json", &added);
    sandbox.hook(args).run().ok().prints(["  added    more  integer"]);
}

#[test]
fn an_alias_resolves_with_a_notice_and_grouped_data_is_looked_into() {
    let sandbox = Sandbox::new();
    let sample = body(&sandbox, "pool-brain", "job.created", |_| {});
    let args = ["providers", "diff", "job.created", "-", "-p", "pool-brain"];
    let alias = sandbox.hook(args).stdin(sample).run().ok();
    alias
        .prints(["ok job.one_time.created pool-brain"])
        .says(["`job.created` is an alias of `job.one_time.created`"]);
    let grouped = body(&sandbox, "pool-brain", "customer.created", |body| {
        body["data"] = json!([body["data"], {"customerId": "12", "displayName": "Pat"}]);
    });
    let args = ["providers", "diff", "customer.created", "-", "-p", "pool-brain"];
    let grouped = sandbox.hook(args).stdin(grouped).run().exits(8);
    grouped.prints(["1 difference\n", "retyped  data.customerId  integer is now string"]);
}

#[test]
fn an_unknown_event_warns_with_near_names() {
    let sandbox = Sandbox::new();
    let diff = |more: &[&str]| {
        let args = [&["providers", "diff", "job.piad", "-"], more].concat();
        sandbox.hook(args).stdin("{}").run().ok()
    };
    diff(&[]).says(["warning: no provider has an event `job.piad`; near names: `job.paid`"]);
    diff(&["-p", "poolflow"]).says(["warning: `poolflow` has no event `job.piad`; near names: `job.paid`"]);
}

#[test]
fn what_cannot_be_compared_is_a_usage_error() {
    let sandbox = Sandbox::new();
    sandbox.write("text", "event=a");
    let diff = |args: [&str; 2]| {
        sandbox
            .hook([&["providers", "diff"], &args[..]].concat())
            .run()
            .exits(2)
    };
    diff(["job.paid", "absent"]).says(["error: `FILE`: file `absent` cannot be read", "caused by: "]);
    diff(["job.paid", "text"]).says(["error: `text` is not JSON", "caused by: "]);
    let args = ["providers", "diff", "job.paid", "-", "-p", "poolflwo"];
    sandbox
        .hook(args)
        .stdin("{}")
        .run()
        .exits(6)
        .says(["provider `poolflwo` not found"]);
}

#[test]
fn a_body_that_is_a_form_is_compared_where_the_provider_sends_forms() {
    let sandbox = Sandbox::new();
    std::fs::write(sandbox.path("form"), "MessageSid=SM1&SmsStatus=received").expect("a file");
    let diff = |provider: &str, event: &str| sandbox.hook(["providers", "diff", "-p", provider, event, "form"]).run();
    diff("twilio", "received").exits(8).prints(["missing  AccountSid"]);
    diff("stripe", "customer.created").exits(2).says(["`form` is not JSON"]);
}

#[test]
fn a_body_of_another_event_is_said() {
    let sandbox = Sandbox::new();
    let other = body(&sandbox, "poolflow", "job.created", |_| {});
    let outcome = sandbox.hook(["providers", "diff", "job.paid", "-"]).stdin(other).run();
    outcome
        .exits(8)
        .prints(["other-event", "the body is of the event `job.created`"]);
}

#[test]
fn recorded_requests_are_compared_by_event_with_how_many_and_one_of_them() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--secret"]);
    let good = |event: &str| {
        sandbox.hook(["send", event, "--to", &listener.url]).run().ok();
    };
    good("job.paid");
    good("booking.confirmed");
    sandbox.hook(["log", "drift"]).run().ok().prints([
        "ok booking.confirmed slotflow: 1 record, as in the catalogue\n",
        "ok job.paid poolflow: 1 record, as in the catalogue\n",
    ]);
    for _ in 0..2 {
        sent(&sandbox, &listener, &["--set-json", "data.total_cents=\"12\""]);
    }
    sent(&sandbox, &listener, &["--set-json", "data.more=1", "--set-new"]);
    let wrong = [
        "send",
        "job.paid",
        "--set-json",
        "data=1",
        "-s",
        "literal:wrong",
        "--to",
        &listener.url,
    ];
    sandbox.hook(wrong).run().exits(3);
    listener.stop().ok();
    let drift = |more: &[&str]| sandbox.hook([&["log", "drift"], more].concat()).run();
    let lines = drift(&["--json"]).exits(8).json();
    let found: Vec<_> = lines
        .iter()
        .map(|l| [&l["event"], &l["path"], &l["finding"], &l["records"]])
        .collect();
    assert_eq!(
        found,
        [
            [
                &json!("job.paid"),
                &json!("data.total_cents"),
                &json!("retyped"),
                &json!(2)
            ],
            [&json!("job.paid"), &json!("data.more"), &json!("added"), &json!(1)],
        ]
    );
    let wanted = [
        "schema", "provider", "event", "path", "finding", "wanted", "found", "records", "example",
    ];
    assert!(
        lines
            .iter()
            .all(|line| keys(line) == wanted && line["schema"] == "hook.drift/1")
    );
    drift(&[]).exits(8).prints([
        "job.paid poolflow: 4 records, 2 differences\n",
        "retyped  data.total_cents  integer is now string  in 2 records, such as #",
        "added    data.more         integer                in 1 record, such as #",
    ]);
    drift(&["--event", "booking.*"]).ok().prints(["ok booking.confirmed"]);
    drift(&["--limit", "1"])
        .ok()
        .prints(["1 record, 1 difference"])
        .says(["there are more"]);
    drift(&["--failed"])
        .ok()
        .says(["no verified request in the ledger matches"]);
    drift(&["--kind", "delivery"])
        .exits(2)
        .says(["`hook log drift` looks at requests"]);
    sandbox.hook(["log", "--follow", "drift"]).run().exits(2);
}

#[test]
fn recorded_events_outside_the_catalogue_warn() {
    let sandbox = Sandbox::new();
    sandbox
        .hook(["log", "drift"])
        .run()
        .ok()
        .says(["nothing was recorded yet"]);
    let listener = sandbox.listen(["--secret"]);
    let send = [
        "send",
        "job.piad",
        "-p",
        "poolflow",
        "--data",
        "{}",
        "--to",
        &listener.url,
    ];
    sandbox.hook(send).run().ok();
    listener.stop().ok();
    let outcome = sandbox.hook(["log", "drift"]).run().ok();
    assert_eq!(outcome.stdout(), "");
    outcome.says(["warning: `poolflow` has no event `job.piad`; near names: `job.paid`"]);
}

#[test]
fn a_name_of_the_users_own_that_breaks_the_convention_warns_and_is_sent() {
    let sandbox = Sandbox::new();
    let send = |event: &str, provider: &str| {
        let to = ["--data", "{}", "--to", "http://127.0.0.1:1", "--dry-run"];
        sandbox
            .hook([&["send", event, "-p", provider], &to[..]].concat())
            .run()
            .ok()
    };
    let breaks = "does not follow the naming convention of `pool-brain`";
    send("pump.replace", "pool-brain").says([breaks, "`replace` at its end is not a verb in the past tense"]);
    send("PumpReplaced", "pool-brain").says([breaks, "separated by `.`", "lower case"]);
    for (event, provider) in [
        ("pump.replaced", "pool-brain"),
        ("quote.sent", "pool-brain"),
        ("Pump", "poolflow"),
    ] {
        send(event, provider).never(["does not follow the naming convention"]);
    }
    // An alias is a name of the provider's own, however it is spelt.
    sandbox
        .hook(["send", "job.Deleted", "-p", "pool-brain", "--to", ":1", "--dry-run"])
        .run()
        .ok()
        .never(["does not follow the naming convention"]);
    let diff = ["providers", "diff", "pump.replace", "-", "-p", "pool-brain"];
    sandbox
        .hook(diff)
        .stdin("{}")
        .run()
        .ok()
        .says(["has no event `pump.replace`", breaks]);
}

#[test]
fn the_convention_is_a_table_of_the_provider_file() {
    let sandbox = Sandbox::new();
    let head = "format = 1\nname = \"acme\"\nextends = \"slotflow\"\n";
    let event = "[events.\"Parcel.ship\"]\nsummary = \"A\"\nsample = '{}'\n";
    let check = |naming: &str| {
        sandbox.write("acme.toml", format!("{head}[naming]\n{naming}\n{event}"));
        sandbox.hook(["providers", "check", "acme.toml"]).run()
    };
    check("case = \"lower\"\ntense = \"past\"").ok().says([
        "warning: `Parcel.ship` does not follow the naming convention of `acme`",
        "`Parcel.ship` is not lower case; `Parcel.ship` at its end",
    ]);
    check("case = \"any\"").ok().never(["warning"]);
    check("tense = \"future\"")
        .exits(2)
        .says(["`naming.tense`", "`future` is none of `any`, `past`"]);
    check("separator = \"\"").exits(2).says(["`naming.separator`", "empty"]);
    let shown = sandbox.hook(["providers", "show", "pool-brain"]).run().ok();
    shown.prints(["words separated by `.`, lower case, a past-tense verb at the end"]);
    let object = sandbox
        .hook(["providers", "show", "pool-brain", "--json"])
        .run()
        .ok()
        .object();
    assert_eq!(
        object["naming"],
        json!({"separator": ".", "case": "lower", "tense": "past"})
    );
}
