use std::sync::Arc;

use serde_json::{Value, json};
use url::Url;

use super::{Client, Remote};
use crate::clock::{SteppingClock, Timestamp};
use crate::endpoints::{Book, Change, Endpoint, EndpointError, Events, Vault};
use crate::exchange::{Answer, ErrorKind, Outcome};
use crate::exit::Exit;
use crate::headers::Headers;
use crate::id::{Id, IdKind};
use crate::provider::Registry;
use crate::random::Random;
use crate::secret::Secret;
use crate::transport::tests::Scripted;

struct Fixture {
    remote: Remote<Scripted>,
    _folder: tempfile::TempDir,
}

fn fixture(provider: &str, outcomes: Vec<Outcome>) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let profile = Registry::default().get(provider).unwrap();
    let client = Client {
        name: provider.to_owned(),
        api: Arc::new(profile.api.clone().unwrap()),
        base: Url::parse("http://127.0.0.1:1/v1").unwrap(),
        profile,
        token: Some(Secret::new("sk_live_1")),
        params: Vec::new(),
        transport: Arc::new(Scripted::new(outcomes)),
        clock: Arc::new(SteppingClock::new(Timestamp::from_unix(1_893_553_445))),
    };
    let vault = Vault::new(folder.path().join("secrets"), folder.path());
    let remote = Remote {
        client,
        notes: Book::notes(folder.path().join("notes.json"), vault),
        random: Random::os(),
        plan: None,
    };
    Fixture {
        remote,
        _folder: folder,
    }
}

fn answer(status: u16, body: impl Into<bytes::Bytes>) -> Outcome {
    Outcome::Answer(Answer {
        status,
        body: body.into(),
        ..Answer::default()
    })
}

fn told(status: u16, body: &Value) -> Outcome {
    answer(status, body.to_string())
}

fn with_header(outcome: Outcome, name: &str, value: &str) -> Outcome {
    let Outcome::Answer(mut answer) = outcome else {
        return outcome;
    };
    let mut headers = Headers::new();
    headers.append(name, value);
    answer.headers = headers;
    Outcome::Answer(answer)
}

fn failed(kind: ErrorKind) -> Outcome {
    Outcome::Error {
        kind,
        text: "as scripted".into(),
    }
}

fn one() -> Value {
    json!({"id": "7", "url": "https://example.com/in", "events": ["booking.confirmed"], "signing_secret": "whsec_1",
        "active": true, "created_at": "2030-01-02T03:04:05.000Z"})
}

fn draft() -> Endpoint {
    let id = Id::new(IdKind::Endpoint, Timestamp::from_unix(0), &Random::os());
    let events = Events::Only(vec!["booking.confirmed".into()]);
    Endpoint::new(
        id.to_string(),
        "crm",
        "https://example.com/in",
        "slotflow",
        events,
        Timestamp::from_unix(0),
    )
}

fn api_error(error: EndpointError) -> (Exit, String) {
    let error = crate::error::Error::from(error);
    let text = [vec![error.message], error.causes, error.hints].concat().join("; ");
    (error.exit, text)
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_is_made_and_found_again_by_the_name_and_with_the_secret_that_are_noted_here() {
    let list = json!({"webhooks": [one()], "total": 1});
    let fixture = fixture(
        "slotflow",
        vec![
            told(201, &one()),
            told(200, &list),
            told(200, &list),
            told(200, &json!({"deleted": true, "id": "7"})),
        ],
    );
    let remote = &fixture.remote;
    let added = remote.add(draft()).await.unwrap();
    assert_eq!((added.endpoint.id.as_str(), added.endpoint.name.as_str()), ("7", "crm"));
    assert_eq!(added.secret, Some(Secret::new("whsec_1")));
    let listed = remote.list().await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&added.endpoint));
    let secret = remote.notes.vault().signing(&listed[0].secrets[0]).unwrap();
    assert_eq!(secret.expose(), b"whsec_1");
    let gone = remote.remove("crm").await.unwrap();
    assert_eq!(gone.id, "7");
    assert!(remote.notes.read().unwrap().is_empty());
    assert!(
        remote.notes.vault().signing(&gone.secrets[0]).is_err(),
        "its secret is forgotten too"
    );

    let sent = remote.client.transport.requests();
    let lines: Vec<String> = sent
        .iter()
        .map(|request| format!("{} {}", request.method, request.url.path()))
        .collect();
    assert_eq!(
        lines,
        [
            "POST /v1/webhooks",
            "GET /v1/webhooks",
            "GET /v1/webhooks",
            "DELETE /v1/webhooks/7"
        ]
    );
    let body: Value = serde_json::from_slice(&sent[0].body).unwrap();
    assert_eq!(
        body,
        json!({"url": "https://example.com/in", "events": ["booking.confirmed"]})
    );
    assert_eq!(sent[0].headers.get_text("authorization"), Some("Bearer sk_live_1"));
}

#[tokio::test(start_paused = true)]
async fn an_update_sends_what_changes_with_patch_and_everything_with_put() {
    let object =
        json!({"id": "7", "url": "https://example.com/in", "events": ["*"], "active": true, "status": "active"});
    let list = json!([object]);
    let change = || Change {
        events: Some(Events::Only(vec!["ContactCreated".into()])),
        ..Change::default()
    };
    for (provider, method, body) in [
        ("pocketsflow", "PATCH", json!({"events": ["ContactCreated"]})),
        (
            "hoopai",
            "PUT",
            json!({"url": "https://example.com/in", "events": ["ContactCreated"]}),
        ),
    ] {
        let fixture = fixture(provider, vec![told(200, &list), told(200, &object), told(200, &list)]);
        fixture
            .remote
            .update("7", change(), Timestamp::from_unix(0))
            .await
            .unwrap();
        let sent = &fixture.remote.client.transport.requests()[1];
        let carried: Value = serde_json::from_slice(&sent.body).unwrap();
        assert_eq!((sent.method.as_str(), carried), (method, body), "{provider}");
    }
    let fixture = fixture("slotflow", vec![told(200, &json!({"webhooks": [one()]}))]);
    let refused = fixture
        .remote
        .update("7", change(), Timestamp::from_unix(0))
        .await
        .unwrap_err();
    assert_eq!(refused.to_string(), "`slotflow` cannot change an endpoint's events");
}

async fn is_told(outcome: Outcome, kind: Exit, says: &str) {
    let fixture = fixture("slotflow", vec![outcome.clone()]);
    let (found, text) = api_error(fixture.remote.add(draft()).await.unwrap_err());
    assert_eq!(found, kind, "{outcome:?}: {text}");
    assert!(text.contains(says), "{outcome:?}: {text}");
    assert_eq!(fixture.remote.client.transport.requests().len(), 1, "{outcome:?}");
    assert!(fixture.remote.notes.read().unwrap().is_empty(), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_what_it_means_and_what_to_do() {
    let fault = |status: u16, code: &str| {
        told(
            status,
            &json!({"error": {"code": code, "message": "No.", "status": status}}),
        )
    };
    let plain = |status: u16| answer(status, "");
    for (outcome, kind, says) in [
        (
            fault(401, "UNAUTHORIZED"),
            Exit::Refused,
            "does not accept the API token; 401: No.",
        ),
        (
            fault(402, "LIMIT_REACHED"),
            Exit::Refused,
            "allows no more endpoints on this plan; 402: No.",
        ),
        (fault(403, "FORBIDDEN"), Exit::Refused, "does not allow this"),
        (fault(404, "NOT_FOUND"), Exit::Nothing, "has no such endpoint"),
        (fault(409, "TAKEN"), Exit::Refused, "already has this endpoint"),
        (
            fault(422, "VALIDATION_ERROR"),
            Exit::Refused,
            "rejects the endpoint; 422: No.",
        ),
        (
            with_header(plain(429), "retry-after", "90"),
            Exit::Unreachable,
            "try again in 1m 30s",
        ),
        (
            plain(500),
            Exit::Unreachable,
            "failed to handle the call; 500 without a message; `POST http",
        ),
        (plain(302), Exit::Refused, "does not follow"),
        (plain(418), Exit::Refused, "rejects the call; 418 without a message"),
    ] {
        is_told(outcome, kind, says).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_a_creation_that_is_not_understood_says_that_it_may_have_been_done() {
    let plain = |status: u16| answer(status, "");
    for (outcome, kind, says) in [
        (
            failed(ErrorKind::Connect),
            Exit::Unreachable,
            "`--api-url URL` sets another one",
        ),
        (failed(ErrorKind::Timeout), Exit::Unreachable, "may exist now"),
        (plain(201), Exit::Refused, "the answer 201 has no body"),
        (
            answer(201, "<!doctype html><p>Hello"),
            Exit::Refused,
            "a web page, not JSON",
        ),
        (answer(201, r#"{"id": "7", "url"#), Exit::Refused, "ends after 16 bytes"),
        (
            told(200, &json!({"error": {"code": "LIMIT_REACHED", "message": "No."}})),
            Exit::Refused,
            "200 contains an error: No.",
        ),
        (
            told(201, &json!({"id": "7"})),
            Exit::Refused,
            "is not a subscription: it has no `url`",
        ),
    ] {
        is_told(outcome, kind, says).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_of_another_shape_is_an_error_and_no_empty_list() {
    for (outcome, says) in [
        (told(200, &json!([one()])), "`webhooks` of the answer is not a list"),
        (
            told(200, &json!({"webhooks": {"7": one()}})),
            "`webhooks` of the answer is not a list",
        ),
        (
            told(200, &json!({"webhooks": [one(), {"id": "8"}]})),
            "cannot read subscription 2 of the list: it has no `url`",
        ),
        (
            told(200, &json!({"webhooks": [{"id": "8", "url": "u", "events": "all"}]})),
            "its `events` is not a list of events",
        ),
        (told(200, &json!({"webhooks": ["x"]})), "it is not an object"),
        (answer(200, ""), "200 has no body"),
        (answer(204, ""), "204 has no body"),
        (
            Outcome::Answer(Answer {
                status: 200,
                body: "{".into(),
                truncated: true,
                ..Answer::default()
            }),
            "too long",
        ),
    ] {
        let fixture = fixture("slotflow", vec![outcome]);
        let (kind, text) = api_error(fixture.remote.list().await.unwrap_err());
        assert_eq!(kind, Exit::Refused, "{text}");
        assert!(text.contains(says), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_calls_that_may_be_repeated_are_and_not_forever() {
    let list = || told(200, &json!({"webhooks": [one()]}));
    // Reading goes on past a fault and a broken connection, with a pause that grows.
    let reading = fixture("slotflow", vec![answer(503, ""), failed(ErrorKind::Protocol), list()]);
    assert_eq!(reading.remote.list().await.unwrap().len(), 1);
    let times: Vec<u128> = reading
        .remote
        .client
        .transport
        .times()
        .iter()
        .map(std::time::Duration::as_millis)
        .collect();
    assert_eq!(times, [0, 500, 1500]);
    // A server that is never well is given up.
    let never = fixture(
        "slotflow",
        vec![answer(500, ""), answer(500, ""), answer(500, ""), list()],
    );
    assert_eq!(api_error(never.remote.list().await.unwrap_err()).0, Exit::Unreachable);
    assert_eq!(never.remote.client.transport.requests().len(), 3);
    // A closed port is told at once.
    let closed = fixture("slotflow", vec![failed(ErrorKind::Connect), list()]);
    assert!(closed.remote.list().await.is_err());
    // A creation waits when it is asked to wait, and is not repeated when it may have been done.
    let busy = || with_header(answer(429, ""), "retry-after", "2");
    let waiting = fixture("slotflow", vec![busy(), told(201, &one())]);
    waiting.remote.add(draft()).await.unwrap();
    let seconds: Vec<u64> = waiting
        .remote
        .client
        .transport
        .times()
        .iter()
        .map(std::time::Duration::as_secs)
        .collect();
    assert_eq!(seconds, [0, 2]);
    let lost = fixture("slotflow", vec![failed(ErrorKind::Timeout), told(201, &one())]);
    assert!(lost.remote.add(draft()).await.is_err());
    assert_eq!(lost.remote.client.transport.requests().len(), 1);
    // The first of two deletions was done, only its answer was lost.
    let gone = fixture("slotflow", vec![list(), failed(ErrorKind::Timeout), answer(404, "")]);
    assert_eq!(gone.remote.remove("7").await.unwrap().id, "7");
}

#[tokio::test(start_paused = true)]
async fn a_long_list_is_read_page_by_page_and_a_token_that_expires_in_the_middle_is_no_short_list() {
    let item = |id: u32| json!({"id": id, "url": "https://example.com/in", "events": ["thing.created"]});
    let page = |id: u32, next: Value| told(200, &json!({"endpoints": [item(id)], "next": next}));
    let whole = fixture(
        "generic",
        vec![page(1, json!("b")), page(2, json!("c")), page(3, Value::Null)],
    );
    let found = whole.remote.list().await.unwrap();
    let names: Vec<&str> = found.iter().map(|endpoint| endpoint.name.as_str()).collect();
    assert_eq!(names, ["example-com", "example-com-2", "example-com-3"]);
    let queries: Vec<String> = whole
        .remote
        .client
        .transport
        .requests()
        .iter()
        .map(|request| request.url.query().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(queries, ["limit=100", "limit=100&cursor=b", "limit=100&cursor=c"]);
    // A server that names the same page again has no more.
    let circle = fixture("generic", vec![page(1, json!("b")), page(2, json!("b"))]);
    assert_eq!(circle.remote.list().await.unwrap().len(), 2);
    let expired = told(401, &json!({"error": {"code": "unauthorised", "message": "Expired."}}));
    let broken = fixture("generic", vec![page(1, json!("b")), expired]);
    let (kind, text) = api_error(broken.remote.list().await.unwrap_err());
    assert_eq!(kind, Exit::Refused);
    assert!(text.contains("401: Expired."), "{text}");
}
