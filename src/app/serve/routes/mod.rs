//! The service's own calls: an axum router on top of the server, which keeps its limits.

mod events;
mod input;
mod problem;
mod reads;
mod retry;
mod status;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc};
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;

use super::deliveries::FanOut;
use super::queue::ServiceQueue;
use super::subscribers::{Subscriber, Subscribers};
use crate::api::server::{AccessDenied, ApiAccess, ApiCall, ApiEvent, MockApi};
use crate::app::context::Context;
use crate::error::Result;
use crate::headers::Headers;
use crate::mask;
use crate::message::Mode;
use crate::provider::api::OWN_PATHS;
use crate::server::{Handler, Incoming, IncompleteReason, Rejection, Reply};
use crate::store::{LedgerReader, Store};
pub(super) use events::MOST_DELIVERIES;
use input::Fields;
use problem::{Problem, as_problem};

/// What the calls work with.
pub(super) struct RouteState {
    pub(super) queue: Arc<ServiceQueue>,
    /// Lists and whole records.
    pub(super) reader: LedgerReader,
    pub(super) access: ApiAccess,
    pub(super) fan_out: FanOut,
    /// Places of deliveries in memory.
    pub(super) deliveries: Semaphore,
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
        let router = Router::new().nest(OWN_PATHS, calls(&state).fallback(not_found));
        // Every other path belongs to the provider that is played.
        let router = if provider.is_some() {
            router
        } else {
            router.merge(calls(&state))
        };
        let router = router
            .fallback(unrouted)
            .layer(middleware::map_response(as_problem))
            .layer(CatchPanicLayer::custom(|_| Problem::broken().into_response()))
            .with_state(state);
        Self {
            router,
            provider,
            events,
        }
    }
}

/// The service's own calls.
fn calls(state: &Arc<RouteState>) -> Router<Arc<RouteState>> {
    let listing = Router::new()
        .route("/events", get(reads::events).post(events::one))
        .route("/events/{id}", get(reads::event))
        .route("/deliveries", get(reads::deliveries));
    let control = Router::new()
        .route("/deliveries/retry", post(retry::many))
        .route("/deliveries/{id}/retry", post(retry::one))
        .route("/endpoints/{endpoint}/recover", post(retry::recover))
        .route("/endpoints/{endpoint}/pause", post(status::pause_endpoint))
        .route("/endpoints/{endpoint}/resume", post(status::resume_endpoint))
        .route("/pause", post(status::pause))
        .route("/resume", post(status::resume))
        .route_layer(middleware::from_fn(require_live_key));
    let without_parameters = Router::new()
        .route("/events/batch", post(events::batch))
        .route("/deliveries/{id}", get(reads::delivery))
        .route("/deliveries/{id}/attempts", get(reads::attempts))
        .route("/endpoints/{endpoint}/health", get(status::endpoint_health))
        .route("/status", get(status::status))
        .route("/ready", get(status::ready))
        .merge(control)
        .route_layer(middleware::from_fn(refuse_parameters));
    listing
        .merge(without_parameters)
        .layer(middleware::from_fn_with_state(Arc::clone(state), authenticate))
        .route("/health", get(status::health))
        // The server has a limit of its own.
        .layer(DefaultBodyLimit::disable())
}

/// A JSON document.
fn document(value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn unrouted() -> Response {
    let mut response = not_found().await;
    response.extensions_mut().insert(Unrouted);
    response
}

async fn not_found() -> Response {
    Problem::not_found("path not found").into_response()
}

/// A test key creates events and reads; it does not decide about live ones.
async fn require_live_key(Extension(caller): Extension<Caller>, request: Request, next: Next) -> Response {
    match caller.mode {
        Mode::Live => next.run(request).await,
        Mode::Test => Problem::forbidden("a test key creates test events and reads only").into_response(),
    }
}

async fn refuse_parameters(request: Request, next: Next) -> Response {
    match Fields::of_query(request.uri(), &[]) {
        Ok(_) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
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

impl RouteState {
    /// Reads the ledger, beside the queue.
    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Context, &dyn Store) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, Problem> {
        let context = Arc::clone(&self.queue.context);
        let found = self.reader.ask(move |store| Ok(query(&context, store))).await?;
        Ok(found?)
    }

    /// The endpoints as the book has them now.
    async fn subscribers(&self) -> std::result::Result<Arc<Subscribers>, Problem> {
        // A call about an endpoint comes rarely, and often just after a change of the book.
        let subscribers = self.queue.subscribers_within(Duration::ZERO).await;
        subscribers.map_err(|error| Problem::unavailable(error.to_string()))
    }

    /// The endpoint of that name or id.
    async fn endpoint(&self, selector: &str) -> std::result::Result<Arc<Subscriber>, Problem> {
        Ok(self.subscribers().await?.find(selector)?)
    }
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
    // Every answer is in memory already.
    match axum::body::to_bytes(body, usize::MAX).await {
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
        let is_reading = matches!(incoming.method.as_str(), "GET" | "HEAD");
        if is_reading && reply.status < 400 {
            return reply;
        }
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
        Some(Problem::new(status, message).reply())
    }

    fn accept_failed(&self, error: &std::io::Error) {
        let _ = self.events.try_send(ApiEvent::NotAccepted(error.to_string()));
    }
}
