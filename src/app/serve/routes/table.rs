//! Which calls there are, and what is asked of their callers.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::input::Fields;
use super::problem::Problem;
use super::{Caller, RouteState, contract, endpoints, events, metrics, reads, retry, status};
use crate::message::Mode;

/// The service's own calls.
pub(super) fn calls(state: &Arc<RouteState>) -> Router<Arc<RouteState>> {
    let (with_key, _) = with_key().split_for_parts();
    let (without_key, _) = without_key().split_for_parts();
    with_key
        .layer(middleware::from_fn_with_state(Arc::clone(state), authenticate))
        .merge(without_key)
        // The server has a limit of its own.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn(note_route))
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
        .merge(of_all_tenants(seen_from_outside()))
        .merge(deciding())
        .route_layer(middleware::from_fn(refuse_parameters));
    listing.merge(without_parameters)
}

/// How the service as a whole is.
fn seen_from_outside() -> OpenApiRouter<Arc<RouteState>> {
    OpenApiRouter::new()
        .routes(routes!(status::status))
        .routes(routes!(metrics::metrics))
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
        .route_layer(middleware::from_fn(refuse_parameters))
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

/// Leaves the pattern of the path in the answer.
async fn note_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

/// A test key creates events and reads; it does not decide about live ones.
async fn require_live_key(caller: Caller, request: Request, next: Next) -> Response {
    match caller.mode {
        Mode::Live => next.run(request).await,
        Mode::Test => Problem::forbidden("a test key creates test events and reads only").into_response(),
    }
}

/// What concerns the service as a whole is not for one tenant.
async fn require_key_of_all(caller: Caller, request: Request, next: Next) -> Response {
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
