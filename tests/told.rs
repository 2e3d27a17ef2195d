//! Results are reported where people and programs look for them.

use serde_json::Value;

use crate::support::{App, Reply, Sandbox};

#[test]
fn a_comparison_looks_at_formats_at_null_and_at_the_event() {
    let sandbox = Sandbox::new();
    let diff = |event: &str, provider: &str, body: &str| {
        let args = ["providers", "diff", event, "-", "-p", provider];
        sandbox.hook(args).stdin(body).run()
    };
    diff("push", "github", "null")
        .exits(8)
        .prints(["retyped", "object is now null"]);
    let body = |id: &str, event: &str, time: &str| {
        format!(
            r#"{{"id":"{id}","event":"{event}","company_id":1,"timestamp":"{time}","data":{{"customerId":1,"displayName":"x"}}}}"#
        )
    };
    let (id, time) = ("09e4248e-ba6f-4b19-8282-d04dd5a571ad", "2026-11-30T04:15:11.705460Z");
    let compare = |body: &str| diff("customer.created", "pool-brain", body);
    compare(&body(id, "customer.created", time)).ok();
    compare(&body(id, "customer.created", "2026-11-30T04:15:11+02:00")).ok();
    compare(&body("not-a-uuid", "customer.created", "yesterday"))
        .exits(8)
        .prints(["uuid is now another text", "time is now another text"]);
    compare(&body(id, "job.one_time.created", time))
        .exits(8)
        .prints(["the body is of the event `job.one_time.created`"]);
}

#[test]
fn an_event_that_is_sent_and_received_here_or_goes_to_several_is_counted_once() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["-p", "poolflow", "--secret", "--count", "3"]);
    for _ in 0..3 {
        sandbox.hook(["send", "job.paid", "--to", &listener.url]).run().ok();
    }
    listener.process.wait().ok();
    let app = App::start(|_| Reply::Status(200, ""));
    for name in ["a", "b"] {
        let url = format!("{}/{name}", app.url);
        sandbox.add_endpoint(&format!("{url} -p poolflow --events job.created --local --name {name}"));
    }
    sandbox
        .hook(["send", "job.created", "--subscribed", "-p", "poolflow"])
        .run()
        .ok();
    sandbox.hook(["replay", "last"]).run().ok();
    let stats = sandbox.hook(["log", "stats", "--json"]).run().ok().object();
    let count = |name: &str| {
        let events = stats["events"].as_array().expect("events");
        events
            .iter()
            .find(|event| event["event"] == name)
            .map(|event| event["count"].clone())
    };
    assert_eq!(
        (count("job.paid"), count("job.created")),
        (Some(3.into()), Some(1.into())),
        "{stats}"
    );
}

#[test]
fn the_newest_record_is_shown_with_its_mode() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox
        .hook(["send", "job.paid", "--mode", "live", "--to", &app.url])
        .run()
        .ok();
    sandbox
        .hook(["log", "show"])
        .run()
        .ok()
        .prints(["#1 ", "mode        live"]);
    let listener = sandbox.listen(["--count", "1"]);
    crate::support::post(&listener.url, &[], b"{}");
    listener.process.wait().ok();
    sandbox.hook(["log", "show"]).run().ok().prints(["#2 "]);
}

#[test]
fn a_disabled_endpoint_is_reported_with_quiet_and_as_data() {
    for (flags, is_json) in [(["-q"], false), (["--json"], true)] {
        let sandbox = Sandbox::new();
        let app = App::start(|_| Reply::Status(503, ""));
        sandbox.add_endpoint(&format!(
            "{} -p poolflow --events job.paid --local --name shop",
            app.url
        ));
        let send = [
            "send",
            "job.paid",
            "--endpoint",
            "shop",
            "--retry=1ms,1ms,1ms,1ms,1ms,1ms",
        ];
        let outcome = sandbox.hook(send.iter().chain(&flags)).run().exits(3);
        let outcome = outcome.says(["endpoint `shop` is disabled: a delivery failed for good"]);
        if is_json {
            let lines = outcome.json();
            let told: Vec<&Value> = lines
                .iter()
                .filter(|line| line["schema"] == "hook.endpoint-disabled/1")
                .collect();
            assert_eq!(told.len(), 1, "{outcome}");
            assert_eq!(
                (&told[0]["endpoint"], &told[0]["provider"]),
                (&"shop".into(), &"poolflow".into())
            );
        }
        // The message that nothing is sent comes with a hint.
        let send = ["send", "job.paid", "--subscribed", "-p", "poolflow", "--json"];
        let outcome = sandbox
            .hook(send)
            .run()
            .exits(6)
            .says(["`hook endpoints enable shop` turns it on again"]);
        let skipped = outcome.object();
        assert_eq!(
            (&skipped["schema"], &skipped["endpoint"]),
            (&"hook.skip/1".into(), &"shop".into())
        );
        assert!(
            skipped["reason"].as_str().is_some_and(|why| why.contains("inactive")),
            "{skipped}"
        );
    }
}

#[test]
fn a_bearer_token_is_a_check_and_its_scheme_may_be_in_any_case() {
    let sandbox = Sandbox::new();
    sandbox.write("token", "tok-0123456789");
    let bearer = ["--require-bearer", "file:token"];
    let exposed = ["--bind", "0.0.0.0", "--expose", "--count", "1", "--for", "10ms"];
    let outcome = sandbox.listening(bearer.iter().chain(&exposed)).run();
    outcome
        .says(["checking the bearer token"])
        .never(["nothing is verified"]);
    let listener = sandbox.listen(bearer.iter().chain(&["--count", "4"]));
    let statuses: Vec<u16> = [
        "Bearer tok-0123456789",
        "bearer tok-0123456789",
        "BEARER  tok-0123456789",
        "Basic tok-0123456789",
    ]
    .into_iter()
    .map(|line| crate::support::post(&listener.url, &[("authorization", line)], b"{}").status)
    .collect();
    assert_eq!(statuses, [200, 200, 200, 401]);
    listener.process.wait();
}

#[test]
fn a_secret_that_others_can_read_is_warned_of_once() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = Sandbox::new();
    let sign = |reference: &str| {
        let args = ["sign", "-p", "poolflow", "--body", "{}", "--secret", reference];
        sandbox.hook(args).run().ok()
    };
    for text in ["literal:s3cr3t-value", "s3cr3t-value"] {
        let outcome = sign(text);
        assert_eq!(
            outcome.stderr().matches("a secret given as text is visible").count(),
            1,
            "{outcome}"
        );
    }
    sandbox.write("my secret", "s3cr3t-value");
    let mode = |mode| {
        let path = sandbox.path("my secret");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
    };
    mode(0o644);
    sign("file:my secret").says([
        "other users can read the secret file `my secret`",
        "`chmod 600 'my secret'`",
    ]);
    mode(0o600);
    sign("file:my secret").never(["warning"]);
}

#[test]
fn a_run_of_a_workflow_that_fails_is_in_its_history_and_delivers_nothing_later() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let settings = format!(
        "[workflow.welcome]\nprovider = \"hoopai\"\nstate = \"published\"\nurl = \"{}\"\n\
         [workflow.welcome.fields]\nx = \"{{{{contact.nosuch}}}}\"\n",
        app.url
    );
    sandbox.write(sandbox.config("config.toml"), settings);
    sandbox
        .hook(["send", "--workflow", "welcome"])
        .run()
        .exits(2)
        .says(["unknown merge tag `{{contact.nosuch}}`"]);
    let listed = sandbox
        .hook(["log", "--workflow", "welcome", "--json"])
        .run()
        .ok()
        .object();
    assert_eq!(
        (&listed["workflow"], &listed["state"]),
        (&"welcome".into(), &"skipped".into())
    );
    sandbox.hook(["log", "show"]).run().ok().prints(["unknown merge tag"]);
    sandbox
        .hook(["replay", "1"])
        .run()
        .exits(2)
        .says(["the run of workflow `welcome` failed"]);
    assert_eq!(app.rest().len(), 0);
}

#[test]
fn a_report_has_the_url_that_senders_know() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--count", "1"]);
    crate::support::request("POST", &listener.url, "/in", &[], b"{}");
    listener.process.wait().ok();
    let report = ["log", "report", "1", "--public-url", "https://abc.tunnel.example/"];
    sandbox
        .hook(report)
        .run()
        .ok()
        .prints(["https://abc.tunnel.example/in"]);
}

#[test]
fn a_report_has_the_time_that_the_request_states() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["-p", "slotflow", "--secret", "--count", "1"]);
    let time = ["--time", "2030-01-02T03:04:05Z", "--to", &listener.url];
    let send = ["send", "booking.confirmed", "-p", "slotflow"];
    sandbox.hook(send.iter().chain(&time)).run().ok();
    listener.process.wait().ok();
    let report = sandbox.hook(["log", "report", "1"]).run().ok();
    report.prints(["timestamp:     2030-01-02T03:04:05.000Z"]);
}

#[test]
fn json_with_the_content_type_of_a_form_is_warned_of() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["-p", "github", "--secret", "literal:s3cr3t-value"]);
    let form = "application/x-www-form-urlencoded";
    let post = |body: &str| {
        let sign = ["sign", "-p", "github", "-s", "literal:s3cr3t-value", "--body", body];
        let signed = sandbox.hook(sign).run().ok().stdout();
        let signature = signed.trim().trim_start_matches("x-hub-signature-256: ").to_owned();
        let lines = [
            ("x-hub-signature-256", &*signature),
            ("x-github-event", "push"),
            ("content-type", form),
        ];
        assert_eq!(crate::support::post(&listener.url, &lines, body.as_bytes()).status, 200);
    };
    post("payload=%7B%7D");
    post(r#"{"ref":"a"}"#);
    listener.says("#2 has the content type `application/x-www-form-urlencoded`, and its body is JSON");
    listener.stop().ok().never(["#1 has the content type"]);
}

#[test]
fn a_listener_of_a_provider_that_signs_nothing_does_not_claim_to_verify() {
    let sandbox = Sandbox::new();
    let unsigned = ["-p", "slotflow@unsigned", "--secret", "literal:s3cr3t-value"];
    let exposed = ["--bind", "0.0.0.0", "--expose", "--count", "1", "--for", "10ms"];
    let outcome = sandbox.listening(unsigned.iter().chain(&exposed)).run();
    outcome
        .says([
            "verifying nothing (`slotflow@unsigned` signs nothing)",
            "nothing is verified on an address that other machines can reach",
        ])
        .never(["verifying with"]);
}

#[test]
fn an_event_of_another_provider_than_the_endpoint_is_warned_of() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    sandbox.add_endpoint(&format!("{} -p pocketsflow --events all --local --name a", app.url));
    let send = ["send", "job.paid", "-p", "poolflow", "--endpoint", "a"];
    sandbox
        .hook(send)
        .run()
        .ok()
        .says(["endpoint `a` is of `pocketsflow`, and the event is sent as one of `poolflow`"]);
    sandbox
        .hook(["send", "order.completed", "--endpoint", "a"])
        .run()
        .ok()
        .never(["is of `pocketsflow`"]);
}

#[test]
fn a_list_of_endpoints_says_that_the_account_is_switched_off() {
    let sandbox = Sandbox::new();
    sandbox.add_endpoint("http://127.0.0.1:1 -p poolflow --events job.paid --local --name a");
    sandbox.write(sandbox.config("config.toml"), "[account]\nenabled = false\n");
    for command in [&["list"][..], &["show", "a"]] {
        let outcome = sandbox.hook(["endpoints"].iter().chain(command)).run().ok();
        outcome.says(["the account's webhooks are switched off"]);
    }
}
