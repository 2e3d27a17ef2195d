//! Retries by hand.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::json;
use utoipa::ToSchema;

use super::extract::{DeliveryPath, EndpointPath, Named};
use super::input::{FILTER, Fields};
use super::problem::Problem;
use super::reads::delivery_number;
use super::schema::{DeliveryFilter, RecoveryInput, RetriedDelivery};
use super::{Answer, Caller, RouteState, Shared, answered};
use crate::app::serve::control::Requeued;
use crate::app::serve::subscribers::{Subscriber, Subscribers};
use crate::store::{DeliveryState, Query, QueryPage, Record, Source, Store};
use crate::text::count;

/// Deliveries that are read, and entered in the queue, at once.
const AT_ONCE: usize = 200;

/// How many deliveries a call entered in the queue again.
#[derive(Debug, Default, ToSchema)]
struct Tally {
    retried: u64,
    /// Of endpoints that are disabled or removed, forwards, and what changed meanwhile.
    skipped: u64,
}

/// Tries one delivery again.
#[utoipa::path(
    post,
    path = "/deliveries/{id}/retry",
    operation_id = "retryDelivery",
    params(DeliveryPath),
    responses((status = 202, description = "It is entered again", body = RetriedDelivery), (status = 409, description = "It contradicts an earlier call, or the state of things"))
)]
pub(super) async fn one(State(state): Shared, named: Named) -> Answer {
    let found = state
        .read(move |_, store| {
            let number = delivery_number(store, &named)?;
            let found = store.get(number)?.and_then(Record::into_delivery);
            found.ok_or_else(|| named.not_found())
        })
        .await?;
    let (number, delivery) = (found.number, &found.delivery);
    let conflict = |why: &str| Problem::conflict(format!("delivery `#{number}` {why}"));
    if !is_ended(delivery.state) {
        return Err(conflict(&format!("is {}", delivery.state.name())));
    }
    if delivery.source == Source::Forward {
        return Err(conflict("is a forward of `hook listen`"));
    }
    let subscribers = state.subscribers().await?;
    let of = (delivery.endpoint.as_deref(), delivery.tenant.as_deref());
    let lane = lane(&subscribers, of, &delivery.url).map_err(|why| conflict(&why))?;
    let item = Requeued {
        number,
        lane,
        was_tried: !delivery.attempts.is_empty(),
    };
    if state.queue.requeue(vec![item]).await? == 0 {
        return Err(conflict("has changed meanwhile"));
    }
    let body = json!({"number": number, "id": delivery.id, "state": DeliveryState::Pending});
    Ok(answered(
        StatusCode::ACCEPTED,
        &body,
        format!("#{number} entered again"),
    ))
}

/// Tries all deliveries again that match a filter.
#[utoipa::path(
    post,
    path = "/deliveries/retry",
    operation_id = "retryDeliveries",
    request_body = Option<DeliveryFilter>,
    responses((status = 202, description = "How many are entered again", body = Tally))
)]
pub(super) async fn many(State(state): Shared, caller: Caller, headers: HeaderMap, body: Bytes) -> Answer {
    let fields = Fields::of_body(&headers, &body, &FILTER)?;
    let in_state = fields.state()?.unwrap_or(DeliveryState::Failed);
    if !is_ended(in_state) {
        let what = format!(
            "`{}` deliveries are not retried: `failed`, `parked` and `cancelled` ones are",
            in_state.name()
        );
        return Err(Problem::invalid(what));
    }
    let query = fields.query(&caller)?;
    let query = state
        .read(move |context, _| {
            let query = fields.deliveries(context, query)?;
            Ok(Query {
                state: Some(in_state),
                ..query
            })
        })
        .await?;
    let mut tally = Tally::default();
    state.retry_all(query, &mut tally).await?;
    Ok(tally.response())
}

/// Tries again what an endpoint missed since a moment: failed and parked deliveries.
#[utoipa::path(
    post,
    path = "/endpoints/{endpoint}/recover",
    operation_id = "recoverEndpoint",
    params(EndpointPath),
    request_body = RecoveryInput,
    responses((status = 202, description = "How many are entered again", body = Tally), (status = 409, description = "It contradicts an earlier call, or the state of things"))
)]
pub(super) async fn recover(State(state): Shared, endpoint: Named, headers: HeaderMap, body: Bytes) -> Answer {
    let fields = Fields::of_body(&headers, &body, &["since"])?;
    if fields.get("since").is_none() {
        let what = "`since` is missing: a moment (RFC 3339), or how long ago (`2h`)";
        return Err(Problem::invalid(what));
    }
    let subscriber = state.endpoint(&endpoint).await?;
    check_active(&subscriber).map_err(Problem::conflict)?;
    let query = fields.query(&endpoint.caller)?;
    let query = state.read(move |context, _| fields.deliveries(context, query)).await?;
    let mut tally = Tally::default();
    for in_state in [DeliveryState::Failed, DeliveryState::Parked] {
        let query = Query {
            state: Some(in_state),
            endpoint: Some(subscriber.endpoint.name.clone()),
            ..query.clone()
        };
        state.retry_all(query, &mut tally).await?;
    }
    Ok(tally.response())
}

impl RouteState {
    /// Page by page, so that neither memory nor a transaction grows with their number.
    async fn retry_all(&self, mut query: Query, tally: &mut Tally) -> Result<(), Problem> {
        let mut after = 0;
        loop {
            query.page = QueryPage::after(after, AT_ONCE);
            let asked = query.clone();
            let found = self.read(move |_, store: &dyn Store| Ok(store.list(&asked)?)).await?;
            let Some(last) = found.last() else { return Ok(()) };
            after = last.number;
            let read = found.len();
            let subscribers = self.subscribers().await?;
            let items = found.into_iter().filter_map(|summary| {
                let of = (summary.endpoint.as_deref(), summary.tenant.as_deref());
                let lane = lane(&subscribers, of, &summary.target).ok()?;
                Some(Requeued {
                    number: summary.number,
                    lane,
                    was_tried: summary.attempts > 0,
                })
            });
            let retried = self.queue.requeue(items.collect()).await?;
            tally.retried += retried;
            tally.skipped += (read as u64).saturating_sub(retried);
            if read < AT_ONCE {
                return Ok(());
            }
        }
    }
}

impl Tally {
    fn response(&self) -> Response {
        let said = format!("{} entered again", count(self.retried, "delivery"));
        let body = json!({"retried": self.retried, "skipped": self.skipped});
        answered(StatusCode::ACCEPTED, &body, said)
    }
}

/// Whether nothing more happens to deliveries in that state unless it is retried by hand.
fn is_ended(state: DeliveryState) -> bool {
    matches!(
        state,
        DeliveryState::Failed | DeliveryState::Parked | DeliveryState::Cancelled
    )
}

/// Where a delivery waits, or why it cannot.
fn lane(
    subscribers: &Subscribers,
    (endpoint, tenant): (Option<&str>, Option<&str>),
    url: &str,
) -> Result<String, String> {
    let Some(name) = endpoint else {
        return Ok(subscribers.lane(None, url));
    };
    let subscriber = subscribers.named(name);
    let subscriber = subscriber.ok_or_else(|| format!("goes to endpoint `{name}`, which was removed"))?;
    // The name may have gone to another endpoint.
    if subscriber.endpoint.tenant.as_deref() != tenant {
        return Err(format!("goes to endpoint `{name}`, which is another tenant's now"));
    }
    check_active(subscriber).map_err(|why| format!("cannot be tried: {why}"))?;
    Ok(subscriber.lane.to_string())
}

fn check_active(subscriber: &Subscriber) -> Result<(), String> {
    if subscriber.endpoint.is_active() {
        return Ok(());
    }
    Err(format!(
        "endpoint `{}` is disabled: enable it first",
        subscriber.endpoint.name
    ))
}
