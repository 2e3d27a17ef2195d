//! `GET /metrics`: the counters of this run, and the queue's own counts. Nothing here counts a table.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::RouteState;
use crate::app::serve::metrics::{Exposition, Kind, load};
use crate::app::serve::queue::ServiceQueue;
use crate::clock::Clock as _;
use crate::store::QueueCounts;

/// All metrics.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "readMetrics",
    responses((status = 200, description = "All metrics, for Prometheus", body = String, content_type = "text/plain; version=0.0.4"))
)]
pub(super) async fn metrics(State(state): State<Arc<RouteState>>) -> Response {
    let queue = &state.queue;
    // While the ledger cannot be read, the counters are still of use.
    let counts = queue.counts().await.ok();
    let mut page = Exposition::default();
    process(queue, &mut page);
    totals(queue, &mut page);
    if let Some(counts) = counts {
        unfinished(counts, &mut page);
    }
    endpoints(queue, &mut page);
    queue.stats.requests.expose(&mut page);
    ([(header::CONTENT_TYPE, Exposition::CONTENT_TYPE)], page.text()).into_response()
}

fn process(queue: &ServiceQueue, page: &mut Exposition) {
    page.family("hook_build_info", Kind::Gauge, "The version that runs.");
    page.sample("hook_build_info", &[("version", env!("CARGO_PKG_VERSION"))], &1);
    let started = queue.clock.start().unix();
    let help = "When the service started, in seconds since 1970.";
    page.single("process_start_time_seconds", Kind::Gauge, help, &started);
}

fn totals(queue: &ServiceQueue, page: &mut Exposition) {
    let stats = &queue.stats;
    let accepted = load(&stats.events);
    page.single(
        "hook_events_accepted_total",
        Kind::Counter,
        "Events accepted.",
        &accepted,
    );
    let deliveries = [("delivered", load(&stats.delivered)), ("failed", load(&stats.failed))];
    let family = (
        "hook_deliveries_total",
        Kind::Counter,
        "Deliveries that ended, by outcome.",
    );
    page.labelled(family, "outcome", deliveries);
    stats.attempts.expose(page);
    let help =
        "Transactions that the ledger refused: what is in them is tried again, or its call is answered with 503.";
    page.single("hook_store_errors_total", Kind::Counter, help, &queue.ledger.refusals());
}

fn unfinished((counts, in_flight): (QueueCounts, usize), page: &mut Exposition) {
    let states = [
        ("waiting", counts.waiting),
        ("taken", in_flight as u64),
        ("parked", counts.parked),
    ];
    let help = "Deliveries that are not finished, by state.";
    page.labelled(("hook_queue_deliveries", Kind::Gauge, help), "state", states);
}

fn endpoints(queue: &ServiceQueue, page: &mut Exposition) {
    let subscribers = queue.book.current();
    let now = queue.clock.now();
    let (outlook, failing, (is_paused, paused)) = {
        let lanes = queue.lanes();
        (lanes.outlook(now), lanes.failing().len(), lanes.paused())
    };
    let age = outlook.oldest.map_or(0.0, |due| now.since(due).as_secs_f64());
    let help = "How long the delivery has waited that is due the longest.";
    page.single("hook_backlog_age_seconds", Kind::Gauge, help, &age);
    let all = subscribers.all();
    let active = all.iter().filter(|of| of.endpoint.is_active()).count();
    let states = [("active", active), ("inactive", all.len() - active)];
    page.labelled(("hook_endpoints", Kind::Gauge, "Endpoints, by state."), "state", states);
    let help = "Endpoints whose last attempts all failed.";
    page.single("hook_endpoints_failing", Kind::Gauge, help, &failing);
    let help = "Endpoints that are paused by themselves.";
    page.single("hook_endpoints_paused", Kind::Gauge, help, &paused.len());
    let help = "1 while all deliveries are paused.";
    page.single("hook_paused", Kind::Gauge, help, &u8::from(is_paused));
}
