//! The service's own calls: an axum router on top of the server, which keeps its limits.

mod contract;
mod endpoint_answer;
mod endpoint_input;
mod endpoints;
mod events;
mod extract;
mod input;
mod metrics;
mod problem;
mod reads;
mod retry;
mod schema;
mod status;
mod table;

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;

use super::access::{Grant, ServiceAccess};
use super::deliveries::FanOut;
use super::queue::ServiceQueue;
use super::subscribers::{Subscriber, Subscribers};
use crate::api::server::{ApiCall, ApiEvent, MockApi};
use crate::app::context::Context;
use crate::endpoints::rules::RuleOptions;
use crate::error::Result;
use crate::headers::Headers;
use crate::mask;
use crate::provider::api::OWN_PATHS;
use crate::server::{Handler, Incoming, IncompleteReason, Rejection, Reply};
use crate::store::{LedgerReader, Store};
use crate::transport::HttpTransport;
pub(super) use events::MOST_DELIVERIES;
use extract::Named;
use problem::{Problem, as_problem};
use table::calls;
#[cfg(any(test, feature = "internals"))]
pub use table::openapi;

/// What the calls work with.
pub(super) struct RouteState {
    pub(super) queue: Arc<ServiceQueue>,
    /// Lists and whole records.
    pub(super) reader: LedgerReader,
    pub(super) access: ServiceAccess,
    pub(super) fan_out: FanOut,
    /// How strictly endpoints are checked.
    pub(super) rules: RuleOptions,
    /// Carries tests of endpoints.
    pub(super) transport: Arc<HttpTransport>,
    /// Stops them.
    pub(super) cancel: CancellationToken,
    /// Places of deliveries in memory.
    pub(super) deliveries: Semaphore,
}

/// What handlers share, as axum hands it over.
type Shared = axum::extract::State<Arc<RouteState>>;

/// The answer of a handler.
type Answer = std::result::Result<Response, Problem>;

/// Who calls.
#[derive(Debug, Clone)]
struct Caller(Arc<Grant>);

impl Deref for Caller {
    type Target = Grant;

    fn deref(&self) -> &Grant {
        &self.0
    }
}

impl Caller {
    /// The tenant that a call is about: the key's, else the one that the call names, if any.
    fn tenant(&self, named: Option<&str>) -> std::result::Result<Option<String>, Problem> {
        match (&self.tenant, named) {
            (Some(own), Some(named)) if own != named => {
                Err(Problem::forbidden(format!("the key is of tenant `{own}`")))
            }
            (Some(own), _) => Ok(Some(own.clone())),
            (None, named) => Ok(named.map(str::to_owned)),
        }
    }
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
    /// Counts requests.
    queue: Arc<ServiceQueue>,
}

/// Marks the answer to a request that is none of the service's own calls.
#[derive(Debug, Clone, Copy)]
struct Unrouted;

impl ServiceApi {
    /// Calls are reported to `events`.
    pub(super) fn new(state: RouteState, provider: Option<MockApi>, events: mpsc::Sender<ApiEvent>) -> Self {
        let queue = Arc::clone(&state.queue);
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
            queue,
        }
    }

    /// Counts a request by the pattern that its path has, below `/_hook` or not.
    fn count(&self, method: &str, route: &str, status: u16) {
        let route = route.strip_prefix(OWN_PATHS).unwrap_or(route);
        self.queue.stats.requests.count(method, route, status);
    }
}

/// A JSON document.
fn document(value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// A JSON document with that status, and what was done, for the log.
fn answered(status: StatusCode, body: &impl Serialize, summary: String) -> Response {
    (status, Extension(Summary(summary)), document(body)).into_response()
}

async fn unrouted() -> Response {
    let mut response = not_found().await;
    response.extensions_mut().insert(Unrouted);
    response
}

async fn not_found() -> Response {
    Problem::not_found("path not found").into_response()
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

    /// The endpoint of that name or id, as far as the caller may know it.
    async fn endpoint(&self, named: &Named) -> std::result::Result<Arc<Subscriber>, Problem> {
        let tenant = named.caller.tenant.as_deref();
        let known = self.subscribers().await?;
        if let Ok(found) = known.find(&named.name, tenant) {
            return Ok(found);
        }
        let renewed = self.queue.renewed(&known).await;
        let renewed = renewed.map_err(|error| Problem::unavailable(error.to_string()))?;
        Ok(renewed.find(&named.name, tenant)?)
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
            ..Reply::default()
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
            let method = incoming.method.clone();
            let reply = provider.handle(incoming).await;
            self.count(&method, "provider", reply.status);
            return reply;
        }
        let route = response.extensions().get::<MatchedPath>().cloned();
        let summary = response.extensions().get::<Summary>().map(|summary| summary.0.clone());
        let reply = reply(response).await;
        let route = route.as_ref().map_or("none", MatchedPath::as_str);
        self.count(&incoming.method, route, reply.status);
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
        if let Some(status) = rejection.reason.status() {
            self.count("unknown", "incomplete", status);
        }
        if let Some(provider) = &self.provider {
            return provider.rejected(rejection);
        }
        let message = match rejection.reason {
            IncompleteReason::TooLarge => "the body is too large",
            _ => "the request is incomplete",
        };
        let status = rejection.reason.status();
        // Dropped when the reader is too slow: many broken requests must not slow down good ones.
        let _ = self.events.try_send(ApiEvent::Rejected(rejection));
        // A client that does not speak TLS cannot be answered.
        Some(Problem::new(status?, message).reply())
    }

    fn accept_failed(&self, error: &std::io::Error) {
        let _ = self.events.try_send(ApiEvent::NotAccepted(error.to_string()));
    }
}
