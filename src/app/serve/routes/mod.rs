//! The service's own calls: an axum router on top of the server, which keeps its limits.

mod events;
mod problem;

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use serde_json::json;
use tokio::sync::mpsc;
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;

use super::deliveries::FanOut;
use super::queue::ServiceQueue;
use crate::api::server::{AccessDenied, ApiAccess, ApiCall, ApiEvent, MockApi};
use crate::headers::Headers;
use crate::mask;
use crate::message::Mode;
use crate::server::{Handler, Incoming, IncompleteReason, Rejection, Reply};
use problem::Problem;

/// Bytes of an answer, at most.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// What the calls work with.
pub(super) struct RouteState {
    pub(super) queue: Arc<ServiceQueue>,
    pub(super) access: ApiAccess,
    pub(super) fan_out: FanOut,
}

/// Who calls.
#[derive(Debug, Clone, Copy)]
struct Caller {
    /// The index of the key.
    key: usize,
    /// Of the events that it creates unless it says otherwise.
    mode: Mode,
}

/// What a call did, for the log.
#[derive(Debug, Clone)]
struct Summary(String);

/// The handler behind `hook serve`.
pub(super) struct ServiceApi {
    router: Router,
    /// The calls of the provider that is played: its paths come from files, so they are matched after the service's own.
    provider: Option<MockApi>,
    events: mpsc::Sender<ApiEvent>,
}

/// Marks the answer to a request that is none of the service's own calls.
#[derive(Debug, Clone, Copy)]
struct Unrouted;

impl ServiceApi {
    /// Calls are reported to `events`.
    pub(super) fn new(state: RouteState, provider: Option<MockApi>, events: mpsc::Sender<ApiEvent>) -> Self {
        let state = Arc::new(state);
        let own = Router::new()
            .route("/events", post(events::one))
            .route("/events/batch", post(events::batch))
            .route("/status", get(status))
            .route("/ready", get(ready))
            .layer(middleware::from_fn_with_state(Arc::clone(&state), authenticate))
            .route("/health", get(|| async { document(&json!({"status": "ok"})) }))
            .method_not_allowed_fallback(|| async { Problem::method("the path has no such method") });
        let router = Router::new().nest("/_hook", own.clone());
        // Every other path belongs to the provider that is played.
        let router = if provider.is_some() { router } else { router.merge(own) };
        let router = router
            .fallback(unrouted)
            .layer(CatchPanicLayer::custom(|_| Problem::broken().into_response()))
            .with_state(state);
        Self {
            router,
            provider,
            events,
        }
    }
}

/// A JSON document.
fn document(value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn unrouted(uri: Uri) -> Response {
    let mut response = Problem::not_found(format!("there is no `{}`", uri.path())).into_response();
    response.extensions_mut().insert(Unrouted);
    response
}

async fn authenticate(State(state): State<Arc<RouteState>>, mut request: Request, next: Next) -> Response {
    let header = |name: &str| request.headers().get(name).map(HeaderValue::as_bytes);
    match state.access.caller(header, Mode::Live) {
        Ok((key, mode)) => {
            request.extensions_mut().insert(Caller { key, mode });
            next.run(request).await
        }
        Err(denied @ (AccessDenied::NoKey | AccessDenied::UnknownKey)) => {
            Problem::unauthorized(denied.to_string()).into_response()
        }
        Err(denied) => Problem::forbidden(denied.to_string()).into_response(),
    }
}

async fn status(State(state): State<Arc<RouteState>>) -> Result<Response, Problem> {
    let (queue, owner) = (&state.queue, state.queue.owner.clone());
    let counts = queue.reader.ask(move |store| store.queue_counts(&owner)).await?;
    let failing: Vec<String> = queue.lanes().failing().iter().map(ToString::to_string).collect();
    let body = json!({
        "queue": {"waiting": counts.waiting, "taken": counts.taken, "parked": counts.parked},
        "failing": failing,
    });
    Ok(document(&body))
}

async fn ready(State(state): State<Arc<RouteState>>) -> Result<Response, Problem> {
    state.queue.ledger.ready().await?;
    Ok(document(&json!({"status": "ready"})))
}

/// The request as axum knows it. `None` when it is not valid there.
fn request(incoming: &Incoming) -> Option<Request> {
    let mut request = Request::builder()
        .method(incoming.method.as_str())
        .uri(incoming.target.as_str())
        .body(Body::from(incoming.body.clone()))
        .ok()?;
    for (name, value) in incoming.headers.iter() {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        request.headers_mut().append(name, HeaderValue::from_bytes(value).ok()?);
    }
    Some(request)
}

async fn reply(response: Response) -> Reply {
    let (parts, body) = response.into_parts();
    let mut headers = Headers::new();
    for (name, value) in &parts.headers {
        if !Headers::is_framing(name.as_str()) {
            headers.append(name.as_str(), value.as_bytes());
        }
    }
    match axum::body::to_bytes(body, LARGEST_ANSWER).await {
        Ok(body) => Reply {
            status: parts.status.as_u16(),
            headers,
            body,
        },
        Err(_) => Reply::empty(500),
    }
}

impl Handler for ServiceApi {
    async fn handle(&self, incoming: Incoming) -> Reply {
        let begun = Instant::now();
        let response = match request(&incoming) {
            Some(request) => match self.router.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            },
            None => Problem::invalid("the request line or a header is not valid").into_response(),
        };
        if let Some(provider) = &self.provider
            && response.extensions().get::<Unrouted>().is_some()
        {
            return provider.handle(incoming).await;
        }
        let summary = response.extensions().get::<Summary>().map(|summary| summary.0.clone());
        let reply = reply(response).await;
        // The receiver is dropped only while the program ends.
        let _ = self
            .events
            .send(ApiEvent::Call(ApiCall {
                method: incoming.method,
                target: mask::url(&incoming.target),
                status: reply.status,
                summary: summary.unwrap_or_default(),
                secret: None,
                mode: None,
                took: begun.elapsed(),
            }))
            .await;
        reply
    }

    fn rejected(&self, rejection: Rejection) -> Option<Reply> {
        if let Some(provider) = &self.provider {
            return provider.rejected(rejection);
        }
        let message = match rejection.reason {
            IncompleteReason::TooLarge => "the body is too large",
            _ => "the request is incomplete",
        };
        let status = rejection.reason.status()?;
        // Dropped when the reader is too slow: many broken requests must not slow down good ones.
        let _ = self.events.try_send(ApiEvent::Rejected(rejection));
        let problem = Problem {
            status,
            ..Problem::invalid(message)
        };
        Some(problem.reply())
    }

    fn accept_failed(&self, error: &std::io::Error) {
        let _ = self.events.try_send(ApiEvent::NotAccepted(error.to_string()));
    }
}
