//! The five providers as their documents have them: event names, envelopes, limits, and what counts as success.

use serde_json::{Value, json};

use crate::support::{App, Reply, Sandbox, keys, request};

/// A provider and one of its events.
const EVENTS: [(&str, &str); 5] = [
    ("poolflow", "job.paid"),
    ("pool-brain", "customer.created"),
    ("pocketsflow", "order.completed"),
    ("hoopai", "ContactCreated"),
    ("slotflow", "booking.confirmed"),
];

/// The body that `send` would send.
#[track_caller]
fn body<const N: usize>(sandbox: &Sandbox, args: [&str; N]) -> Value {
    serde_json::from_slice(&sandbox.signed(args).body).expect("a JSON body")
}

/// `hook providers show NAME --json`
#[track_caller]
fn profile(sandbox: &Sandbox, name: &str) -> Value {
    sandbox.hook(["providers", "show", name, "--json"]).run().ok().object()
}

#[test]
fn the_catalogues_have_the_events_that_the_documents_name_with_words_and_a_sample() {
    let sandbox = Sandbox::new();
    for (provider, whole, names) in [
        (
            "poolflow",
            true,
            "job.created job.lead_captured job.services_selected job.paid job.quote_sent job.quote_approved \
             job.quote_expired order.completed",
        ),
        (
            "pool-brain",
            true,
            "customer.created customer.status.updated job.one_time.created job.one_time.deleted \
             job.one_time.schedule.changed technician.route.changed",
        ),
        (
            "pocketsflow",
            false,
            "order.completed customer.created customer.subscription.deleted customer.subscription.created \
             invoice.payment_failed",
        ),
        (
            "hoopai",
            false,
            "ContactCreated ContactUpdated ContactDeleted OpportunityStageChanged FormSubmitted AppointmentBooked \
             AppointmentCancelled PaymentReceived MessageReceived",
        ),
        ("slotflow", true, "booking.confirmed booking.cancelled"),
    ] {
        let lines = sandbox
            .hook(["providers", "events", provider, "--json"])
            .run()
            .ok()
            .json();
        let have: Vec<&str> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
        let wanted: Vec<&str> = names.split(' ').collect();
        if whole {
            assert_eq!(have, wanted, "{provider}");
        }
        for name in wanted {
            let line = lines.iter().find(|line| line["event"] == name).expect(name);
            assert!(line["summary"].as_str().is_some_and(|text| text.len() > 10), "{line}");
            let sample = ["providers", "sample", provider, name, "--json"];
            let sample = sandbox.hook(sample).run().ok().object();
            assert!(!keys(&sample["body"]["data"]).is_empty(), "{provider} {name}: {sample}");
        }
    }
}

#[test]
fn each_envelope_has_the_fields_of_its_document_in_their_order_and_one_event() {
    let sandbox = Sandbox::new();
    let fields = [
        "event timestamp data",
        "id event company_id timestamp data",
        "id type data",
    ];
    let fields = fields
        .into_iter()
        .chain(["type locationId timestamp data", "event created_at data"]);
    for ((provider, event), fields) in EVENTS.into_iter().zip(fields) {
        let body = body(&sandbox, [event, "-p", provider]);
        assert_eq!(keys(&body).join(" "), fields, "{provider}");
        assert!(body["data"].is_object(), "single unless asked otherwise: {body}");
        let name = ["event", "type"].into_iter().find_map(|key| body[key].as_str());
        assert_eq!(name, Some(event));
    }
    let booking = body(&sandbox, ["booking.confirmed"]);
    let wanted = "id human_id starts_at ends_at duration_minutes attendee_name attendee_email status metadata";
    assert_eq!(keys(&booking["data"]).join(" "), wanted);
    let paid = body(&sandbox, ["job.paid"]);
    assert!(paid["data"]["total_cents"].is_u64(), "cents are whole: {paid}");
}

#[test]
fn ids_and_times_have_the_form_that_each_document_gives_them() {
    let sandbox = Sandbox::new();
    let at = |provider: &str, event: &str, field: &str| {
        let time = ["--time", "2030-01-02T03:04:05.123456Z"];
        body(&sandbox, [event, "-p", provider, time[0], time[1]])[field].clone()
    };
    assert_eq!(at("poolflow", "job.paid", "timestamp"), "2030-01-02T03:04:05Z");
    assert_eq!(
        at("pool-brain", "customer.created", "timestamp"),
        "2030-01-02T03:04:05.123456Z"
    );
    assert_eq!(at("hoopai", "ContactCreated", "timestamp"), "2030-01-02T03:04:05Z");
    assert_eq!(
        at("slotflow", "booking.confirmed", "created_at"),
        "2030-01-02T03:04:05.123Z"
    );
    let message = body(&sandbox, ["customer.created", "-p", "pool-brain"]);
    let id = message["id"].as_str().expect("a text");
    let uuid = uuid::Uuid::try_parse(id).expect("a UUID");
    assert_eq!((uuid.get_version_num(), uuid.to_string().as_str()), (4, id));
    assert!(message["company_id"].is_u64(), "{message}");
}

#[test]
fn a_retried_delivery_keeps_its_id_and_its_bytes() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(500, ""));
    let send = [
        "send",
        "customer.created",
        "-p",
        "pool-brain",
        "--retry",
        "--time-scale",
        "1000000x",
    ];
    sandbox.hook(send.into_iter().chain(["--to", &app.url])).run().exits(3);
    let bodies: Vec<Vec<u8>> = app.rest().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies.len(), 4);
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    let state = sandbox.deliveries().remove(0).delivery.state;
    assert_eq!(state.name(), "failed", "nothing follows");
}

#[test]
fn every_provider_posts_json() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    for (provider, event) in EVENTS {
        sandbox
            .hook(["send", event, "-p", provider, "--to", &app.url])
            .run()
            .ok();
        let seen = app.next();
        let said = (seen.method.as_str(), seen.header("content-type"));
        assert_eq!(said, ("POST", Some("application/json")), "{provider}");
        serde_json::from_slice::<Value>(&seen.body).expect("JSON");
    }
}

#[test]
fn each_provider_waits_as_long_as_its_documents_say() {
    let sandbox = Sandbox::new();
    for ((provider, _), seconds) in EVENTS.into_iter().zip([10, 10, 5, 30, 10]) {
        let shown = profile(&sandbox, provider);
        assert_eq!(shown["delivery"]["timeout_ms"], seconds * 1000, "{provider}");
        let assumed = shown["assumed"]
            .as_array()
            .expect("a list")
            .contains(&json!("delivery.timeout"));
        assert_eq!(assumed, provider == "pool-brain", "a few seconds, one says");
    }
}

#[test]
fn any_2xx_is_success_for_every_provider_and_nothing_else_is() {
    let sandbox = Sandbox::new();
    for (status, code) in [
        (200, 0),
        (201, 0),
        (204, 0),
        (299, 0),
        (302, 3),
        (400, 3),
        (404, 3),
        (500, 3),
    ] {
        let app = App::start(move |_| Reply::Status(status, ""));
        for (provider, event) in EVENTS {
            let send = ["send", event, "-p", provider, "--json", "--to", &app.url];
            let line = sandbox.hook(send).run().exits(code).object();
            let next = if code == 0 { "delivered" } else { "failed" };
            assert_eq!(
                (&line["status"], &line["next"]),
                (&json!(status), &json!(next)),
                "{provider}"
            );
        }
    }
}

#[test]
fn a_receiver_that_succeeds_too_late_gets_the_event_again_as_a_duplicate() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret", "--delay", "60s"]);
    let send = [
        "send",
        "job.paid",
        "--timeout",
        "100ms",
        "--retry",
        "1ms",
        "--to",
        &listener.url,
    ];
    sandbox.hook(send).run().exits(4).prints(["timeout"]);
    assert!(listener.shows("#2").contains("verified"));
    let again = listener.shows("#3");
    assert!(
        again.contains("verified") && again.contains("duplicate of #2"),
        "{again}"
    );
}

#[test]
fn a_confirmation_and_a_cancellation_of_one_booking_are_two_events_and_the_loss_is_told() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret", "--json"]);
    let mut duplicates = Vec::new();
    for event in ["booking.confirmed", "booking.cancelled", "booking.confirmed"] {
        let data = r#"{"id":"bk_1","status":"confirmed"}"#;
        let send = ["send", event, "--data", data, "--to", &listener.url];
        sandbox.hook(send).run().ok();
        let line: Value = serde_json::from_str(&listener.shows("hook.capture/1")).expect("JSON");
        duplicates.push(line["duplicate_of"].clone());
    }
    assert_eq!(duplicates, [json!(null), json!(null), json!(1)]);
    let dedupe = &profile(&sandbox, "slotflow")["dedupe"];
    assert_eq!(
        (&dedupe["keys"][0], &dedupe["documented"]),
        (&json!("${event}:${body.data.id}"), &json!("${body.data.id}"))
    );
    assert!(
        dedupe["caution"]
            .as_str()
            .is_some_and(|text| text.contains("drops the cancellation"))
    );
}

#[test]
fn an_event_that_comes_again_under_its_id_is_a_duplicate_whatever_its_bytes() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret", "--json", "--exec", "echo $WEBHOOK_ID >> ran"]);
    let mut duplicates = Vec::new();
    for (id, amount) in [("evt_1", "1"), ("evt_1", "2"), ("evt_2", "1")] {
        let amount = format!("data.amount={amount}");
        let send = [
            "send",
            "order.completed",
            "-p",
            "pocketsflow",
            "--id",
            id,
            "--set",
            &amount,
            "--to",
            &listener.url,
        ];
        sandbox.hook(send).run().ok();
        let line: Value = serde_json::from_str(&listener.shows("hook.capture/1")).expect("JSON");
        assert_eq!((&line["event_id"], &line["status"]), (&json!(id), &json!(200)));
        duplicates.push(line["duplicate_of"].clone());
    }
    assert_eq!(duplicates, [json!(null), json!(1), json!(null)]);
    listener.stop().ok();
    let ran = std::fs::read_to_string(sandbox.path("ran")).expect("commands ran");
    let mut ran: Vec<&str> = ran.lines().collect();
    ran.sort_unstable();
    assert_eq!(ran, ["evt_1", "evt_2"]);
}

#[test]
fn a_grouped_message_is_verified_and_is_one_event() {
    let sandbox = Sandbox::new();
    let mut listener = sandbox.listen(["--secret"]);
    let send = [
        "send",
        "customer.created",
        "-p",
        "pool-brain",
        "--group",
        "3",
        "--to",
        &listener.url,
    ];
    sandbox.hook(send).run().ok();
    assert!(listener.shows("#1").contains("customer.created  pool-brain  verified"));
    sandbox.hook(["replay", "last"]).run().ok();
    assert!(listener.shows("#3").contains("duplicate of #1"));
    sandbox
        .hook(["log", "drift"])
        .run()
        .ok()
        .prints(["ok customer.created pool-brain"]);
}

#[test]
fn a_text_that_the_documents_do_not_list_is_reported_and_is_no_fault() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["--secret"]);
    let send = |status: &str| {
        let status = format!("data.currentStatus={status}");
        let send = [
            "send",
            "customer.status.updated",
            "--set",
            &status,
            "--to",
            &listener.url,
        ];
        sandbox.hook(send).run().ok();
    };
    ["active", "inactive", "lead"].into_iter().for_each(&send);
    let drift = || sandbox.hook(["log", "drift"]).run().ok();
    drift().prints(["3 records, as in the catalogue"]);
    send("on holiday");
    drift().prints([
        "customer.status.updated pool-brain: 4 records, 1 difference",
        "unknown  data.currentStatus  a text that the documents do not list  in 1 record, such as #7",
    ]);
    let diff = ["providers", "diff", "customer.status.updated", "-", "--json"];
    let last = sandbox.captures().pop().expect("a capture").request.body;
    let line = sandbox.hook(diff).stdin(last).run().ok().object();
    assert_eq!(
        (&line["finding"], &line["path"]),
        (&json!("unknown"), &json!("data.currentStatus"))
    );

    let acme =
        "format = 1\nname = \"acme\"\nextends = \"pool-brain\"\n[events.\"a.changed\"]\nsample = '{\"a\": \"b\"}'\n";
    sandbox.write("acme.toml", format!("{acme}values = {{ b = [\"c\"] }}\n"));
    let check = sandbox.hook(["providers", "check", "acme.toml"]).run().exits(2);
    check.says(["`events.\"a.changed\".values`", "the sample has no text at `b`"]);
}

#[test]
fn messages_are_a_rehearsal_unless_they_are_said_to_be_live() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    for mode in [&[][..], &["--mode", "live"]] {
        let send = ["send", "job.paid", "--to", &app.url];
        sandbox.hook(send.iter().chain(mode)).run().ok();
    }
    let mode = |id: &str| sandbox.hook(["log", "show", id, "--json"]).run().ok().object()["mode"].clone();
    assert_eq!([mode("1"), mode("2")], ["test", "live"]);
}

#[test]
fn a_bare_listener_is_a_request_bin_that_takes_anything() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen::<&str>([]);
    for (method, body) in [
        ("GET", ""),
        ("PUT", "plain words"),
        ("POST", "a=1&b=2"),
        ("DELETE", "{}"),
    ] {
        let answer = request(
            method,
            &listener.url,
            "/any/where?x=1",
            &[("x-mine", "1")],
            body.as_bytes(),
        );
        assert_eq!(answer.status, 200);
    }
    listener.stop().ok().says(["received 4"]);
    sandbox
        .hook(["log", "show", "2"])
        .run()
        .ok()
        .prints(["PUT /any/where?x=1", "x-mine: 1", "plain words"]);
    assert_eq!(
        sandbox.hook(["log", "show", "3", "--body"]).run().ok().stdout(),
        "a=1&b=2"
    );
}

#[test]
fn an_endpoint_has_a_description_that_can_be_changed() {
    let sandbox = Sandbox::new();
    let endpoints = |args: &[&str]| sandbox.hook(["endpoints"].iter().chain(args)).run().ok();
    let add = [
        "add",
        "https://a.example.com",
        "-p",
        "pocketsflow",
        "--events",
        "order.completed",
        "--name",
        "a",
    ];
    endpoints(&[&add[..], &["--description", "the shop's own"]].concat());
    endpoints(&["show", "a"]).prints(["the shop's own"]);
    endpoints(&["update", "a", "--description", "the CRM"]);
    assert_eq!(endpoints(&["show", "a", "--json"]).object()["description"], "the CRM");
}

#[test]
fn requests_without_a_body_are_told_apart_by_their_url_where_the_body_alone_is_signed() {
    let sandbox = Sandbox::new();
    let listener = sandbox.listen(["-p", "hoopai", "--secret", "--count", "3"]);
    let to = format!("{}/in", listener.url);
    for email in ["ann@example.com", "bob@example.com", "bob@example.com"] {
        let field = format!("email={email}");
        let send = [
            "send", "-p", "hoopai", "--to", &to, "--method", "GET", "--field", &field,
        ];
        sandbox.hook(send).run().ok();
    }
    listener.process.wait().ok().says(["1 duplicate"]);
}
