//! How the service is: its queue, pauses, and whether it can take events. Nothing here counts a table.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{Path, State};
use axum::response::Response;
use serde::Serialize;
use serde_json::json;

use super::problem::Problem;
use super::{RouteState, Summary, document};
use crate::app::serve::lanes::LaneName;
use crate::app::serve::subscribers::Subscribers;
use crate::clock::{Clock as _, Timestamp};
use crate::health::Disabled;

/// What `/status` answers.
#[derive(Debug, Serialize)]
struct Status {
    queue: QueueStatus,
    /// How long the delivery that is due the longest has waited.
    backlog_age_s: f64,
    /// When the next retry is due, unless one is due already.
    next_retry: Option<Timestamp>,
    /// Whether everything is paused.
    paused: bool,
    paused_endpoints: Vec<String>,
    /// Endpoints whose last attempts all failed.
    failing_endpoints: Vec<String>,
    last_minute: LastMinute,
    /// Notices that were given up since the start.
    failed_notices: u64,
}

#[derive(Debug, Serialize)]
struct QueueStatus {
    waiting: u64,
    taken: u64,
    parked: u64,
}

#[derive(Debug, Serialize)]
struct LastMinute {
    events: u64,
    delivered: u64,
    failed: u64,
}

/// How the service is.
pub(super) async fn status(State(state): State<Arc<RouteState>>) -> Result<Response, Problem> {
    let (queue, owner) = (&state.queue, state.queue.owner.clone());
    let counts = queue.reader.ask(move |store| store.queue_counts(&owner)).await?;
    let subscribers = queue.book.current();
    let now = queue.clock.now();
    let [events, delivered, failed] = queue.stats.last_minute();
    let lanes = queue.lanes();
    let outlook = lanes.outlook(now);
    let (is_paused, paused) = lanes.paused();
    let status = Status {
        queue: QueueStatus {
            waiting: counts.waiting,
            taken: counts.taken,
            parked: counts.parked,
        },
        backlog_age_s: outlook.oldest.map_or(0.0, |due| now.since(due).as_secs_f64()),
        next_retry: outlook.next_retry,
        paused: is_paused,
        paused_endpoints: names(&subscribers, &paused),
        failing_endpoints: names(&subscribers, &lanes.failing()),
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
pub(super) async fn ready(State(state): State<Arc<RouteState>>) -> Result<Response, Problem> {
    state.queue.ledger.ready().await?;
    Ok(document(&json!({"status": "ready"})))
}

/// Whether the process answers.
pub(super) async fn health() -> Response {
    document(&json!({"status": "ok"}))
}

/// How deliveries to one endpoint go.
#[derive(Debug, Serialize)]
struct EndpointStatus {
    endpoint: String,
    /// Whether it gets deliveries.
    active: bool,
    /// Why it does not, and since when.
    disabled: Option<Disabled>,
    /// Whether it is paused itself.
    paused: bool,
    /// Whether its last attempts all failed.
    failing: bool,
    /// Failed deliveries in a row, and since when.
    failed_deliveries: u32,
    failing_since: Option<Timestamp>,
    /// When a delivery succeeded last, about.
    succeeded_at: Option<Timestamp>,
}

/// How deliveries to one endpoint go.
pub(super) async fn endpoint_health(
    State(state): State<Arc<RouteState>>,
    Path(endpoint): Path<String>,
) -> Result<Response, Problem> {
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
pub(super) async fn pause(State(state): State<Arc<RouteState>>) -> Result<Response, Problem> {
    pause_all(&state, true).await
}

/// Goes on.
pub(super) async fn resume(State(state): State<Arc<RouteState>>) -> Result<Response, Problem> {
    pause_all(&state, false).await
}

/// Begins no attempts to one endpoint.
pub(super) async fn pause_endpoint(
    State(state): State<Arc<RouteState>>,
    Path(endpoint): Path<String>,
) -> Result<Response, Problem> {
    pause_one(&state, &endpoint, true).await
}

/// Goes on with one endpoint.
pub(super) async fn resume_endpoint(
    State(state): State<Arc<RouteState>>,
    Path(endpoint): Path<String>,
) -> Result<Response, Problem> {
    pause_one(&state, &endpoint, false).await
}

async fn pause_all(state: &RouteState, is_paused: bool) -> Result<Response, Problem> {
    state.queue.pause(None, is_paused).await?;
    Ok(answered(&json!({"paused": is_paused}), "deliveries", is_paused))
}

async fn pause_one(state: &RouteState, endpoint: &str, is_paused: bool) -> Result<Response, Problem> {
    let subscriber = state.endpoint(endpoint).await?;
    state.queue.pause(Some(&subscriber.lane), is_paused).await?;
    let name = &subscriber.endpoint.name;
    let body = json!({"endpoint": name, "paused": is_paused});
    Ok(answered(&body, &format!("deliveries to {name}"), is_paused))
}

fn answered(body: &serde_json::Value, what: &str, is_paused: bool) -> Response {
    let mut response = document(body);
    let done = if is_paused { "paused" } else { "resumed" };
    response.extensions_mut().insert(Summary(format!("{what} {done}")));
    response
}
