//! The service's own calls: an axum router on top of the server, which keeps its limits.

mod contract;
mod endpoint_answer;
mod endpoint_input;
mod endpoints;
mod events;
mod input;
mod problem;
mod reads;
mod retry;
mod schema;
mod status;

use std::ops::Deref;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

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
use crate::message::Mode;
use crate::server::{Handler, Incoming, IncompleteReason, Rejection, Reply};
use crate::store::{LedgerReader, NewDelivery, Store};
use crate::transport::HttpTransport;
use input::Fields;
use problem::{Problem, as_problem};

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
}

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
    /// Whether a delivery is one that it may know.
    fn sees(&self, delivery: &NewDelivery) -> bool {
        self.tenant.is_none() || self.tenant == delivery.tenant
    }

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
}

/// Marks the answer to a request that is none of the service's own calls.
#[derive(Debug, Clone, Copy)]
struct Unrouted;

impl ServiceApi {
    /// Calls are reported to `events`.
    pub(super) fn new(state: RouteState, provider: Option<MockApi>, events: mpsc::Sender<ApiEvent>) -> Self {
        let state = Arc::new(state);
        let router = Router::new().nest("/_hook", calls(&state).fallback(not_found));
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
    let (with_key, _) = with_key().split_for_parts();
    let (without_key, _) = without_key().split_for_parts();
    with_key
        .layer(middleware::from_fn_with_state(Arc::clone(state), authenticate))
        .merge(without_key)
        // The server has a limit of its own.
        .layer(DefaultBodyLimit::disable())
}

/// Calls that need a key.
fn with_key() -> OpenApiRouter<Arc<RouteState>> {
    let listing = OpenApiRouter::new()
        .routes(routes!(reads::events))
        .routes(routes!(reads::event))
        .routes(routes!(reads::deliveries))
        .routes(routes!(endpoints::list));
    let without_parameters = OpenApiRouter::new()
        .routes(routes!(events::one))
        .routes(routes!(events::batch))
        .routes(routes!(reads::delivery))
        .routes(routes!(reads::attempts))
        .routes(routes!(endpoints::read))
        .routes(routes!(status::endpoint_health))
        .routes(routes!(status::ready))
        .merge(of_all_tenants(OpenApiRouter::new().routes(routes!(status::status))))
        .merge(deciding())
        .route_layer(middleware::from_fn(refuse_parameters));
    listing.merge(without_parameters)
}

/// Calls that decide about live deliveries.
fn deciding() -> OpenApiRouter<Arc<RouteState>> {
    let of_all = OpenApiRouter::new()
        .routes(routes!(status::pause))
        .routes(routes!(status::resume));
    OpenApiRouter::new()
        .routes(routes!(endpoints::add))
        .routes(routes!(endpoints::change, endpoints::remove))
        .routes(routes!(endpoints::rotate))
        .routes(routes!(endpoints::enable))
        .routes(routes!(endpoints::disable))
        .routes(routes!(endpoints::test))
        .routes(routes!(status::pause_endpoint))
        .routes(routes!(status::resume_endpoint))
        .routes(routes!(retry::recover))
        .routes(routes!(retry::many))
        .routes(routes!(retry::one))
        .merge(of_all_tenants(of_all))
        .route_layer(middleware::from_fn(require_live_key))
}

/// Calls about the service as a whole.
fn of_all_tenants(calls: OpenApiRouter<Arc<RouteState>>) -> OpenApiRouter<Arc<RouteState>> {
    calls.route_layer(middleware::from_fn(require_key_of_all))
}

/// Calls that anybody may make.
fn without_key() -> OpenApiRouter<Arc<RouteState>> {
    OpenApiRouter::new()
        .routes(routes!(status::health))
        .routes(routes!(served_contract))
}

/// The `OpenAPI` document of the service's own calls.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "readContract",
    responses((status = 200, description = "This document", body = serde_json::Value))
)]
async fn served_contract() -> Response {
    static DOCUMENT: LazyLock<String> = LazyLock::new(openapi);
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response()
}

/// The `OpenAPI` document of the service's own calls, as JSON.
pub fn openapi() -> String {
    let calls = OpenApiRouter::with_openapi(contract::described())
        .merge(with_key())
        .merge(without_key());
    let document = contract::finished(&calls.into_openapi());
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
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

/// What concerns the service as a whole is not for one tenant.
async fn require_key_of_all(Extension(caller): Extension<Caller>, request: Request, next: Next) -> Response {
    match &caller.tenant {
        None => next.run(request).await,
        Some(tenant) => {
            let what = format!("the key is of tenant `{tenant}`, and this is about all of them");
            Problem::forbidden(what).into_response()
        }
    }
}

async fn refuse_parameters(request: Request, next: Next) -> Response {
    match Fields::of_query(request.uri(), &[]) {
        Ok(_) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn authenticate(State(state): State<Arc<RouteState>>, mut request: Request, next: Next) -> Response {
    let headers = request.headers();
    let header = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let caller = match state.access.caller(&state.queue.reader, header).await {
        Ok(grant) => Caller(grant),
        Err(refused) => return Problem::from(refused).into_response(),
    };
    let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
    if caller.reads_only && !is_reading {
        return Problem::forbidden("the key only reads").into_response();
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
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
    async fn endpoint(&self, caller: &Caller, selector: &str) -> std::result::Result<Arc<Subscriber>, Problem> {
        Ok(self.subscribers().await?.find(selector, caller.tenant.as_deref())?)
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
