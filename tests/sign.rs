//! `hook sign`.

use crate::support::{Sandbox, keys};

const BODY: &str = r#"{"event":"job.paid","timestamp":"2030-01-02T03:04:05Z","data":{"id":1}}"#;

#[test]
fn the_header_lines_go_to_stdout_and_nothing_else_does() {
    let sandbox = Sandbox::new();
    let args = [
        "sign",
        "--provider",
        "slotflow",
        "--secret",
        "env:S",
        "--at",
        "1893553445",
        "--body",
        "{}",
    ];
    let outcome = sandbox.hook(args).env("S", "whsec_a").run().ok();
    assert_eq!(outcome.stderr(), "");
    let line = outcome.stdout();
    assert!(
        line.starts_with("x-slotflow-signature: t=1893553445,v1=") && line.lines().count() == 1,
        "{line}"
    );
}

#[test]
fn headers_that_verification_needs_are_there_and_those_of_the_transport_are_not() {
    let sandbox = Sandbox::new();
    let args = [
        "sign",
        "-p",
        "standard-webhooks",
        "-s",
        "literal:whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ];
    let more = ["--id", "msg_1", "--at", "2030-01-02T03:04:05Z", "--body", "{}"];
    let outcome = sandbox.hook(args.iter().chain(&more)).run().ok();
    outcome
        .prints([
            "webhook-id: msg_1\n",
            "webhook-timestamp: 1893553445\n",
            "webhook-signature: v1,",
        ])
        .never(["content-type", "user-agent"]);
}

#[test]
fn event_and_id_come_from_the_body_unless_they_are_given() {
    let sandbox = Sandbox::new();
    let sign = |more: &[&str]| {
        let body = r#"{"id":"evt_7","type":"order.completed","data":{}}"#;
        let args = ["sign", "-p", "pocketsflow", "-s", "literal:a", "--json", "--body", body];
        sandbox.hook(args.iter().chain(more)).run().ok().object()
    };
    let object = sign(&[]);
    let wanted = ["schema", "provider", "secret", "event", "id", "timestamp", "headers"];
    assert_eq!(keys(&object), wanted);
    assert_eq!(object["schema"], "hook.signature/1");
    assert_eq!(
        (object["event"].as_str(), object["id"].as_str()),
        (Some("order.completed"), Some("evt_7"))
    );
    let event = |object: &serde_json::Value| object["headers"][0]["value"].as_str().map(str::to_owned);
    assert_eq!(event(&object).as_deref(), Some("order.completed"));
    let object = sign(&["--event", "order.refunded", "--id", "x"]);
    assert_eq!(event(&object).as_deref(), Some("order.refunded"));
    assert_eq!(object["id"], "x");
}

#[test]
fn the_dev_secret_signs_when_none_is_given_and_the_event_finds_the_provider() {
    let sandbox = Sandbox::new();
    let first = sandbox.hook(["sign", "--event", "job.paid", "--body", BODY]).run().ok();
    let again = sandbox
        .hook(["sign", "-p", "poolflow", "--body", "-"])
        .stdin(BODY)
        .run()
        .ok();
    assert_eq!(first.stdout(), again.stdout());
    first.says(["provider: poolflow", "signed with the dev secret"]);
}

#[test]
fn two_secrets_sign_where_the_header_has_room_for_both() {
    let sandbox = Sandbox::new();
    let sign = |provider: &str| {
        let args = [
            "sign",
            "-p",
            provider,
            "-s",
            "literal:a",
            "-s",
            "literal:b",
            "--body",
            "{}",
        ];
        sandbox.hook(args).run().ok()
    };
    assert_eq!(sign("slotflow").stdout().matches("v1=").count(), 2);
    sign("poolflow").says(["only the first secret signs"]);
}

#[test]
fn what_cannot_sign_is_refused_with_a_way_out() {
    let sandbox = Sandbox::new();
    let sign = |args: &[&str]| sandbox.hook(["sign", "--body", "x"].iter().chain(args)).run().exits(2);
    sign(&[]).says(["error: no provider is given", "`--provider NAME`"]);
    sign(&["-p", "slotflow@unsigned"]).says(["`slotflow@unsigned` signs nothing"]);
    sign(&["-p", "hoopai@rsa", "-s", "literal:topsecret"])
        .says(["not an RSA private key", "hook secret new --provider hoopai@rsa"])
        .never(["topsecret"]);
    sign(&["-p", "poolflow", "-s", "env:NOT_THERE"]).says(["`NOT_THERE` is not set", "export NOT_THERE"]);
    sign(&["-p", "poolflow", "--at", "soon"]).says(["neither Unix seconds nor RFC 3339"]);
    let both = sandbox
        .hook(["sign", "-p", "poolflow", "--body", "-", "-s", "-"])
        .run()
        .exits(2);
    both.says(["stdin can be read only once"]);
    let absent = sandbox
        .hook(["sign", "-p", "poolflow", "--body", "@absent"])
        .run()
        .exits(2);
    absent.says(["`absent` cannot be read"]);
}

#[test]
fn an_event_of_the_body_cannot_add_header_lines() {
    let sandbox = Sandbox::new();
    let body = r#"{"type":"a\r\nx-evil: 1"}"#;
    let outcome = sandbox
        .hook(["sign", "-p", "pocketsflow", "--body", body])
        .run()
        .exits(2);
    outcome
        .says(["header `x-pocketsflow-event` holds a control character"])
        .never(["\nx-evil"]);
}
