//! How the service is: its queue, pauses, and whether it can take events. Nothing here counts a table.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::endpoint_answer::DisabledAnswer;
use super::extract::{EndpointPath, Named};
use super::schema::{Liveness, PauseAnswer};
use super::{Answer, RouteState, Shared, answered, document};
use crate::app::serve::lanes::LaneName;
use crate::app::serve::subscribers::Subscribers;
use crate::clock::{Clock as _, Timestamp};
use crate::health::Disabled;

/// What `/status` answers.
#[derive(Debug, Serialize, ToSchema)]
struct Status {
    queue: QueueStatus,
    /// How long the delivery that is due the longest has waited. Of the endpoints that this process delivers to.
    backlog_age_s: f64,
    /// When the next retry is due, unless one is due already. Of the endpoints that this process delivers to.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    next_retry: Option<Timestamp>,
    /// Whether everything is paused. Of the store.
    paused: bool,
    /// Of the store.
    paused_endpoints: Vec<String>,
    /// Endpoints whose last attempts all failed. Of this process, since its start.
    failing_endpoints: Vec<String>,
    /// Endpoints that get nothing as long as the resolver of this machine does not answer. Of this process.
    postponed_endpoints: Vec<String>,
    /// Ids of endpoints that the book does not have, and for which something waits. Of what this process would deliver.
    unknown_endpoints: Vec<String>,
    last_minute: LastMinute,
    /// Notices that were given up since the start. Of this process.
    failed_notices: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct QueueStatus {
    /// Of the store.
    waiting: u64,
    /// In flight, of this process.
    taken: usize,
    /// Of the store.
    parked: u64,
}

/// What this process accepted and delivered in the last minute.
#[derive(Debug, Serialize, ToSchema)]
struct LastMinute {
    events: u64,
    delivered: u64,
    failed: u64,
}

/// How the service is.
#[utoipa::path(
    get,
    path = "/status",
    operation_id = "readStatus",
    responses((status = 200, description = "How the service is", body = Status))
)]
pub(super) async fn status(State(state): Shared) -> Answer {
    let queue = &state.queue;
    let (counts, in_flight) = queue.counts().await?;
    let subscribers = queue.book.current();
    let now = queue.clock.now();
    let [events, delivered, failed] = queue.stats.last_minute();
    let unknown = queue.unknown.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let lanes = queue.lanes();
    let outlook = lanes.outlook(now);
    let (is_paused, paused) = lanes.paused();
    let status = Status {
        queue: QueueStatus {
            waiting: counts.waiting,
            taken: in_flight,
            parked: counts.parked,
        },
        backlog_age_s: outlook.oldest.map_or(0.0, |due| now.since(due).as_secs_f64()),
        // By the machine's clock, which may have been set.
        next_retry: outlook.next_retry.map(|due| queue.context.now().plus(due.since(now))),
        paused: is_paused,
        paused_endpoints: names(&subscribers, &paused),
        failing_endpoints: names(&subscribers, &lanes.failing()),
        postponed_endpoints: names(&subscribers, &lanes.postponed()),
        unknown_endpoints: unknown.into_iter().collect(),
        last_minute: LastMinute {
            events,
            delivered,
            failed,
        },
        failed_notices: queue.stats.failed_notices.load(Ordering::Relaxed),
    };
    drop(lanes);
    Ok(document(&status))
}

/// The names of the endpoints of lanes; a lane of no endpoint has its own.
fn names(subscribers: &Subscribers, lanes: &[impl AsRef<str>]) -> Vec<String> {
    let name = |lane: &str| match subscribers.of_lane(lane) {
        Some(subscriber) => subscriber.endpoint.name.clone(),
        None => lane.to_owned(),
    };
    let mut names: Vec<String> = lanes.iter().map(|lane| name(lane.as_ref())).collect();
    names.sort();
    names
}

/// Whether events are taken now.
#[utoipa::path(
    get,
    path = "/ready",
    operation_id = "readReadiness",
    responses((status = 200, description = "Events are taken", body = Liveness))
)]
pub(super) async fn ready(State(state): Shared) -> Answer {
    state.queue.ledger.ready().await?;
    Ok(document(&json!({"status": "ready"})))
}

/// Whether the process answers.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "readHealth",
    responses((status = 200, description = "The process runs", body = Liveness))
)]
pub(super) async fn health() -> Response {
    document(&json!({"status": "ok"}))
}

/// How deliveries to one endpoint go.
#[derive(Debug, Serialize, ToSchema)]
struct EndpointStatus {
    endpoint: String,
    /// Whether it gets deliveries.
    active: bool,
    /// Why it does not, and since when.
    #[schema(value_type = Option<DisabledAnswer>, required)]
    disabled: Option<Disabled>,
    /// Whether it is paused itself.
    paused: bool,
    /// Whether its last attempts all failed.
    failing: bool,
    /// Failed deliveries in a row, and since when.
    failed_deliveries: u32,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    failing_since: Option<Timestamp>,
    /// When a delivery succeeded last, about.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    succeeded_at: Option<Timestamp>,
}

/// How deliveries to one endpoint go.
#[utoipa::path(
    get,
    path = "/endpoints/{endpoint}/health",
    operation_id = "readEndpointHealth",
    params(EndpointPath),
    responses((status = 200, description = "How deliveries to it go", body = EndpointStatus))
)]
pub(super) async fn endpoint_health(State(state): Shared, endpoint: Named) -> Answer {
    let subscriber = state.endpoint(&endpoint).await?;
    let id = subscriber.endpoint.id.clone();
    let known = state.read(move |_, store| Ok(store.health()?.remove(&id))).await?;
    let known = known.unwrap_or_default();
    let (endpoint, lanes) = (&subscriber.endpoint, state.queue.lanes());
    let has = |lanes: &[LaneName]| lanes.contains(&subscriber.lane);
    let status = EndpointStatus {
        endpoint: endpoint.name.clone(),
        active: endpoint.is_active(),
        disabled: endpoint.disabled.clone(),
        paused: has(&lanes.paused().1),
        failing: has(&lanes.failing()),
        failed_deliveries: known.failed,
        failing_since: known.failing_since,
        succeeded_at: known.succeeded_at,
    };
    drop(lanes);
    Ok(document(&status))
}

/// Begins no attempts.
#[utoipa::path(
    post,
    path = "/pause",
    operation_id = "pauseAll",
    responses((status = 200, description = "Nothing begins", body = PauseAnswer))
)]
pub(super) async fn pause(State(state): Shared) -> Answer {
    pause_all(&state, true).await
}

/// Goes on.
#[utoipa::path(
    post,
    path = "/resume",
    operation_id = "resumeAll",
    responses((status = 200, description = "It goes on", body = PauseAnswer))
)]
pub(super) async fn resume(State(state): Shared) -> Answer {
    pause_all(&state, false).await
}

/// Begins no attempts to one endpoint.
#[utoipa::path(
    post,
    path = "/endpoints/{endpoint}/pause",
    operation_id = "pauseEndpoint",
    params(EndpointPath),
    responses((status = 200, description = "Nothing begins", body = PauseAnswer))
)]
pub(super) async fn pause_endpoint(State(state): Shared, endpoint: Named) -> Answer {
    pause_one(&state, &endpoint, true).await
}

/// Goes on with one endpoint.
#[utoipa::path(
    post,
    path = "/endpoints/{endpoint}/resume",
    operation_id = "resumeEndpoint",
    params(EndpointPath),
    responses((status = 200, description = "It goes on", body = PauseAnswer))
)]
pub(super) async fn resume_endpoint(State(state): Shared, endpoint: Named) -> Answer {
    pause_one(&state, &endpoint, false).await
}

async fn pause_all(state: &RouteState, is_paused: bool) -> Answer {
    state.queue.pause(None, is_paused).await?;
    let summary = format!("deliveries {}", done(is_paused));
    Ok(answered(StatusCode::OK, &json!({"paused": is_paused}), summary))
}

async fn pause_one(state: &RouteState, endpoint: &Named, is_paused: bool) -> Answer {
    let subscriber = state.endpoint(endpoint).await?;
    state.queue.pause(Some(&subscriber.lane), is_paused).await?;
    let name = &subscriber.endpoint.name;
    let body = json!({"endpoint": name, "paused": is_paused});
    let summary = format!("deliveries to {name} {}", done(is_paused));
    Ok(answered(StatusCode::OK, &body, summary))
}

fn done(is_paused: bool) -> &'static str {
    if is_paused { "paused" } else { "resumed" }
}
