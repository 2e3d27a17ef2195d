//! Events and deliveries, to list and to read.

use axum::extract::State;
use axum::http::Uri;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::extract::{DeliveryPath, Named, PageQuery, TenantQuery};
use super::input::{FILTER, Fields, number};
use super::schema::{self, AttemptList, DeliveryAnswer, DeliveryFilter, DeliveryPage};
use super::{Answer, Caller, Shared, document};
use crate::app::context::Context;
use crate::app::inspect::json as record_json;
use crate::app::inspect::show::show_from;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::mask;
use crate::message::Mode;
use crate::store::{EventRecord, Query, QueryPage, Record, RecordKind, Store, Summary};
use crate::text::printable;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ItemPage<T> {
    pub(super) items: Vec<T>,
    /// The cursor of the next page.
    #[schema(required)]
    pub(super) next: Option<String>,
}

/// An event as it is answered.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventItem {
    id: String,
    event: String,
    #[schema(schema_with = schema::mode)]
    mode: Mode,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    tenant: Option<String>,
    /// How many deliveries it was given.
    deliveries: u64,
}

/// An event with its deliveries, the first page of them or the one asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventDetails {
    #[serde(flatten)]
    event: EventItem,
    /// Of an event without deliveries; elsewhere it is in the body of each.
    #[schema(value_type = Option<Value>, required)]
    data: Option<Box<RawValue>>,
    #[serde(flatten)]
    #[schema(value_type = DeliveryPage)]
    page: ItemPage<Summary>,
}

/// Parameters of pages.
const PAGES: [&str; 2] = ["cursor", "limit"];

/// Events, the newest first.
#[utoipa::path(
    get,
    path = "/events",
    operation_id = "listEvents",
    params(PageQuery, TenantQuery),
    responses((status = 200, description = "A page, the newest first", body = ItemPage<EventItem>))
)]
pub(super) async fn events(State(state): Shared, caller: Caller, uri: Uri) -> Answer {
    let fields = Fields::of_query(&uri, &["cursor", "limit", "tenant"])?;
    let (page, tenant) = (fields.page()?, fields.tenant(&caller)?);
    let found = state
        .read(move |_, store| Ok(store.events(tenant.as_deref(), page.before, page.limit + 1)?))
        .await?;
    let found = ItemPage::cut(found, page, |event| event.number);
    Ok(document(&ItemPage {
        items: found.items.into_iter().map(EventItem::from).collect(),
        next: found.next,
    }))
}

/// One event.
#[utoipa::path(
    get,
    path = "/events/{id}",
    operation_id = "readEvent",
    params(("id" = String, Path, description = "The id, or the beginning of one"), PageQuery),
    responses((status = 200, description = "The event with a page of its deliveries", body = EventDetails))
)]
pub(super) async fn event(State(state): Shared, named: Named, uri: Uri) -> Answer {
    let page = Fields::of_query(&uri, &PAGES)?.page()?;
    let details = state.read(move |_, store| event_details(store, &named, page));
    Ok(document(&details.await?))
}

fn event_details(store: &dyn Store, named: &Named, page: QueryPage) -> Result<EventDetails> {
    let (tenant, id) = (named.caller.tenant.as_deref(), named.name.as_str());
    let shown = printable(id, 100);
    let event = match store.event(tenant, id)? {
        Some(event) => Some(event),
        None => match store.event_ids(tenant, id, 2)?.as_slice() {
            [one] => store.event(tenant, one)?,
            [] => None,
            _ => return Err(named.ambiguous()),
        },
    };
    let event = event.ok_or_else(|| Error::nothing(format!("event `{shown}` not found")))?;
    let end = event.first + event.deliveries;
    let query = Query {
        kind: Some(RecordKind::Delivery),
        page: QueryPage {
            after: Some(event.first - 1),
            before: Some(page.before.map_or(end, |before| before.min(end))),
            ..page
        },
        ..Query::default()
    };
    let data = event.data.as_deref().map(mask::bytes);
    let data = data.and_then(|data| serde_json::from_slice(&data).ok());
    Ok(EventDetails {
        event: event.into(),
        data,
        page: summaries(store, query)?,
    })
}

/// Deliveries that match, the newest first.
#[utoipa::path(
    get,
    path = "/deliveries",
    operation_id = "listDeliveries",
    params(DeliveryFilter, PageQuery),
    responses((status = 200, description = "A page, the newest first", body = DeliveryPage))
)]
pub(super) async fn deliveries(State(state): Shared, caller: Caller, uri: Uri) -> Answer {
    let fields = Fields::of_query(&uri, &[&FILTER[..], &PAGES].concat())?;
    let (page, in_state, query) = (fields.page()?, fields.state()?, fields.query(&caller)?);
    let found = state.read(move |context, store| {
        let query = Query {
            state: in_state,
            page,
            ..fields.deliveries(context, query)?
        };
        summaries(store, query)
    });
    Ok(document(&found.await?))
}

fn summaries(store: &dyn Store, mut query: Query) -> Result<ItemPage<Summary>> {
    let page = query.page;
    query.page.limit += 1;
    let mut found = ItemPage::cut(store.list(&query)?, page, |summary| summary.number);
    found.items.iter_mut().for_each(Summary::mask_target);
    Ok(found)
}

/// One delivery, whole.
#[utoipa::path(
    get,
    path = "/deliveries/{id}",
    operation_id = "readDelivery",
    params(DeliveryPath),
    responses((status = 200, description = "The delivery with its attempts", body = DeliveryAnswer))
)]
pub(super) async fn delivery(State(state): Shared, named: Named) -> Answer {
    let shown = state.read(move |context, store| delivery_json(context, store, &named));
    Ok(document(&shown.await?))
}

/// The attempts of a delivery.
#[utoipa::path(
    get,
    path = "/deliveries/{id}/attempts",
    operation_id = "listAttempts",
    params(DeliveryPath),
    responses((status = 200, description = "Its attempts, the oldest first", body = AttemptList))
)]
pub(super) async fn attempts(State(state): Shared, named: Named) -> Answer {
    let shown = state.read(move |context, store| delivery_json(context, store, &named));
    Ok(document(&json!({"items": shown.await?["attempts"].take()})))
}

fn delivery_json(context: &Context, store: &dyn Store, named: &Named) -> Result<Value> {
    let number = delivery_number(store, named)?.to_string();
    let details = show_from(context, store, Some(&number), false)?;
    match &details.record {
        Record::Delivery(delivery) => Ok(record_json::delivery(&details, delivery)),
        // Captures are not of this API.
        Record::Capture(_) => Err(named.not_found()),
    }
}

/// The number of the delivery with that number, id, or beginning of an id, as far as the caller may know it.
pub(super) fn delivery_number(store: &dyn Store, named: &Named) -> Result<u64> {
    let tenant = named.caller.tenant.as_deref();
    if let Some(number) = number::<u64>(&named.name) {
        let query = Query {
            kind: Some(RecordKind::Delivery),
            tenant: tenant.map(str::to_owned),
            page: QueryPage {
                before: Some(number + 1),
                ..QueryPage::after(number.saturating_sub(1), 1)
            },
            ..Query::default()
        };
        let found = store.list(&query)?;
        return found.first().map(|found| found.number).ok_or_else(|| named.not_found());
    }
    match store.delivery_numbers(tenant, &named.name, 2)?.as_slice() {
        [one] => Ok(*one),
        [] => Err(named.not_found()),
        _ => Err(named.ambiguous()),
    }
}

impl Named {
    /// The error for an id without a delivery.
    pub(super) fn not_found(&self) -> Error {
        Error::nothing(format!("delivery `{}` not found", printable(&self.name, 100)))
    }

    fn ambiguous(&self) -> Error {
        let shown = printable(&self.name, 100);
        Error::usage(format!("`{shown}` is the beginning of several ids")).hint("write more of it")
    }
}

impl<T> ItemPage<T> {
    /// Cuts a list that was asked for with one item more than the page has.
    fn cut(mut items: Vec<T>, page: QueryPage, number: impl Fn(&T) -> u64) -> Self {
        let is_last = items.len() <= page.limit;
        items.truncate(page.limit);
        let next = items.last().filter(|_| !is_last).map(|last| number(last).to_string());
        Self { items, next }
    }
}

impl From<EventRecord> for EventItem {
    fn from(event: EventRecord) -> Self {
        Self {
            id: event.id,
            event: event.name,
            mode: event.mode,
            at: event.at,
            tenant: event.tenant,
            deliveries: event.deliveries,
        }
    }
}
