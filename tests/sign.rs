//! `hook sign`.

use crate::support::{App, Reply, Sandbox, keys};

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

#[test]
fn what_has_no_place_for_a_signature_is_refused_by_every_command_and_never_sent() {
    let sandbox = Sandbox::new();
    let app = App::start(|_| Reply::Status(200, ""));
    let platform = "balancePlatform.transfer.created";
    let by_platform = r#"{"type":"balancePlatform.transfer.created"}"#;
    let no_token = r#"{"signature":{"signature":""},"event-data":{}}"#;
    let to = app.url.as_str();
    let cases: [(&[&str], &str, &str); 8] = [
        (
            &["send", platform, "-p", "adyen", "--to", to],
            "no place for it",
            "--provider adyen@platform",
        ),
        (
            &["send", platform, "-p", "adyen", "--to", to, "-n"],
            "no place for it",
            "--provider adyen@platform",
        ),
        (
            &["send", platform, "-p", "adyen", "--to", to, "--curl"],
            "no place for it",
            "--provider adyen@platform",
        ),
        (
            &["sign", "-p", "adyen", "--body", by_platform],
            "no place for it",
            "--provider adyen@platform",
        ),
        (
            &["send", "delivered", "-p", "mailgun", "--form", "--to", to],
            "`body:signature.timestamp` is signed",
            "providers show mailgun",
        ),
        (
            &["send", "-p", "mailgun", "--body", "a=b", "--to", to],
            "no place for it",
            "providers show mailgun",
        ),
        (
            &["sign", "-p", "mailgun", "--body", no_token],
            "`body:signature.timestamp` is signed",
            "providers show mailgun",
        ),
        (
            &["send", "-p", "svix", "--id", "", "--body", "{}", "--to", to],
            "the id at `svix-id` is signed",
            "providers show svix",
        ),
    ];
    for (args, why, hint) in cases {
        sandbox
            .hook(args)
            .run()
            .exits(2)
            .says(["cannot sign this message", why, hint]);
    }
    assert_eq!(app.rest().len(), 0, "nothing went out unsigned");
    assert_eq!(sandbox.records().len(), 0, "nothing is on record as signed");
    // The variant that signs it sends it, and what is recorded without its signature is not repeated without one.
    let send = ["send", platform, "-p", "adyen@platform", "--to", to];
    sandbox.hook(send).run().ok();
    assert!(app.next().header("hmacsignature").is_some());
    sandbox
        .hook(["replay", "last", "-p", "adyen"])
        .run()
        .exits(2)
        .says(["`adyen` cannot sign this message"]);
    assert_eq!(app.rest().len(), 0);
}

#[test]
fn a_signature_in_the_body_changes_nothing_else_of_it() {
    let sandbox = Sandbox::new();
    let body =
        "{ \"signature\": {\"timestamp\": 10.50, \"token\":\"\\u0061\\/\", \"signature\" : null},\n \"x\":1, \"x\":2 }";
    let sign = ["sign", "-p", "mailgun", "--secret", "literal:k", "--body", body];
    let signed = sandbox.hook(sign).run().ok().stdout();
    let (before, after) = body.split_once("null").expect("a place");
    let signed = signed.trim_end_matches('\n');
    assert!(signed.starts_with(before) && signed.ends_with(after), "{signed}");
    let verify = ["verify", "-p", "mailgun", "--secret", "literal:k", "--body", signed];
    sandbox.hook(verify).run().ok();
    // What is no text cannot be written back as it was.
    let latin1 = b"{\"signature\":{\"timestamp\":\"1\",\"token\":\"t\",\"signature\":\"\"},\"x\":\"\xe9\"}";
    std::fs::write(sandbox.path("latin1"), latin1).expect("a file");
    let sign = ["sign", "-p", "mailgun", "--secret", "literal:k", "--body", "@latin1"];
    sandbox
        .hook(sign)
        .run()
        .exits(2)
        .says(["this body has no place for it"]);
}
