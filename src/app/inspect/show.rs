//! One record, whole, with what belongs to it.

use super::{is_worked_on, select};
use crate::app::context::Context;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::headers::Headers;
use crate::mask;
use crate::provider::name_of;
use crate::store::queue::ParkReason;
use crate::store::{
    Capture, DeliveryRecord, DeliveryState, Lane, NewDelivery, Outcome, Query, QueryPage, Record, Store, Summary,
};

/// Forwards and repetitions that are named, at most.
const LATER: usize = 50;

/// A record as it may be shown.
#[derive(Debug)]
pub struct RecordDetails {
    /// Without credentials, unless they are to be revealed.
    pub record: Record,
    /// Whether credentials are to be revealed.
    pub reveal: bool,
    /// Bytes of the body as it was recorded.
    pub size: usize,
    /// When this was read.
    pub now: Timestamp,
    /// Deliveries that forward or repeat the record, the oldest first.
    pub later: Vec<Summary>,
    /// Whether the first capture of the same event has another event id, which is then not signed.
    pub same_content: bool,
    /// Pending work of a capture.
    pub waiting: Vec<WaitingWork>,
    /// Whether a living process has the delivery.
    pub is_worked_on: bool,
    /// Why a delivery is parked.
    pub parked: Option<ParkReason>,
    /// When processes died during attempts of a delivery: the outcome of these is unknown.
    pub crashes: Vec<Timestamp>,
    /// Of a delivery that failed at its only attempt: what its provider itself does.
    pub provider_schedule: Option<String>,
}

/// A pending forward or command.
#[derive(Debug)]
pub struct WaitingWork {
    /// Its lane.
    pub lane: Lane,
    /// Whether a living process does it; else `replay --resume`.
    pub is_worked_on: bool,
}

/// The body of a record, as it was recorded.
pub fn body(context: &Context, id: Option<&str>, reveal: bool) -> Result<bytes::Bytes> {
    let record = find(context, &*select::reader(context)?, id, reveal)?;
    Ok(body_of(&record).clone())
}

/// The record that a user names, else the newest, and what belongs to it.
pub fn show(context: &Context, id: Option<&str>, reveal: bool) -> Result<RecordDetails> {
    show_from(context, &*select::reader(context)?, id, reveal)
}

/// The same from a ledger that is open already.
pub fn show_from(context: &Context, store: &dyn Store, id: Option<&str>, reveal: bool) -> Result<RecordDetails> {
    let mut record = find(context, store, id, reveal)?;
    let number = record.number();
    let (waiting, is_worked_on_now, provider_schedule) = match &record {
        Record::Capture(_) => (store.waiting(number)?, false, None),
        Record::Delivery(delivery) => (
            Vec::new(),
            is_worked_on(context, delivery.delivery.owner.as_deref()),
            provider_schedule(context, &delivery.delivery),
        ),
    };
    let (parked, crashes) = store.trouble(number)?;
    let waiting = waiting.into_iter().map(|lane| WaitingWork {
        is_worked_on: is_worked_on(context, lane.owner.as_deref()),
        lane,
    });
    // Of the body as it was recorded: masking may change its length.
    let size = body_of(&record).len();
    if !reveal {
        mask_record(context, &mut record);
    }
    Ok(RecordDetails {
        reveal,
        size,
        now: context.now(),
        later: later(store, number)?,
        same_content: is_same_content(store, &record)?,
        waiting: waiting.collect(),
        is_worked_on: is_worked_on_now,
        parked,
        crashes,
        provider_schedule,
        record,
    })
}

fn find(context: &Context, store: &dyn Store, id: Option<&str>, reveal: bool) -> Result<Record> {
    let number = match id {
        Some(id) => select::number(store, id)?,
        None => select::newest_of_all(store)?,
    };
    let mut record = select::record(store, number)?;
    // Either way the secrets of the record become known: put back, or recognised wherever they are to be masked.
    if reveal {
        context.restore(&mut record);
    } else {
        context.learn_secrets_of(&record);
    }
    Ok(record)
}

fn body_of(record: &Record) -> &bytes::Bytes {
    match record {
        Record::Capture(capture) => &capture.request.body,
        Record::Delivery(delivery) => &delivery.delivery.message.body,
    }
}

fn is_same_content(store: &dyn Store, record: &Record) -> Result<bool> {
    let Record::Capture(capture) = record else {
        return Ok(false);
    };
    let first = capture.duplicate_of.map(|first| store.get(first)).transpose()?;
    Ok(match first.flatten() {
        Some(Record::Capture(first)) => first.request.event_id != capture.request.event_id,
        _ => false,
    })
}

fn later(store: &dyn Store, number: u64) -> Result<Vec<Summary>> {
    Ok(store.list(&Query {
        origin: Some(number),
        page: QueryPage {
            oldest_first: true,
            ..QueryPage::newest(LATER)
        },
        ..Query::default()
    })?)
}

/// The provider's own retry schedule, for a delivery that failed at its only attempt.
fn provider_schedule(context: &Context, delivery: &NewDelivery) -> Option<String> {
    if delivery.state != DeliveryState::Failed || !delivery.delays.is_empty() {
        return None;
    }
    let profile = context.registry.get(delivery.provider.as_deref()?).ok()?;
    let schedule = &profile.policy.schedule;
    (!schedule.delays.is_empty()).then(|| format!("{} itself makes {}.", profile.title, schedule.describe()))
}

/// Masks the credentials of a record.
fn mask_record(context: &Context, record: &mut Record) {
    match record {
        Record::Capture(capture) => {
            let names = secret_headers(context, capture.request.provider.as_deref());
            mask_capture(capture, &names);
        }
        Record::Delivery(delivery) => {
            let mut names = secret_headers(context, delivery.delivery.provider.as_deref());
            let execution = delivery.delivery.execution.as_ref();
            names.extend(execution.and_then(|of| of.secret_header.clone()));
            mask_delivery(delivery, &names);
        }
    }
}

/// Headers that hold the secret itself, in any variant of the provider.
fn secret_headers(context: &Context, provider: Option<&str>) -> Vec<String> {
    let profiles = provider.and_then(|label| context.registry.ranked(name_of(label)).ok());
    let profiles = profiles.unwrap_or_default();
    let names = profiles.iter().filter_map(|profile| profile.scheme.token_header());
    names.map(str::to_owned).collect()
}

fn mask_capture(capture: &mut Capture, names: &[String]) {
    let request = &mut capture.request;
    request.target = mask::target(&request.target, request.workflow.is_some());
    mask_headers(&mut request.headers, names);
    mask_bytes(&mut request.body);
    capture.forwarded_to = capture.forwarded_to.as_deref().map(mask::url);
}

fn mask_delivery(record: &mut DeliveryRecord, names: &[String]) {
    let delivery = &mut record.delivery;
    delivery.url = mask::url(&delivery.url);
    mask_headers(&mut delivery.headers, names);
    mask_bytes(&mut delivery.message.body);
    for attempt in &mut delivery.attempts {
        mask_headers(&mut attempt.request_headers, names);
        attempt.request_body.iter_mut().for_each(mask_bytes);
        match &mut attempt.outcome {
            Outcome::Answer(answer) => {
                mask_headers(&mut answer.headers, names);
                mask_bytes(&mut answer.body);
            }
            Outcome::Error { text, .. } => *text = mask::text(text).into_owned(),
        }
    }
}

fn mask_headers(headers: &mut Headers, names: &[String]) {
    let masked = |(name, value): (&str, &[u8])| (name.to_owned(), mask::header(name, value, names));
    *headers = headers.iter().map(masked).collect();
}

fn mask_bytes(bytes: &mut bytes::Bytes) {
    if let std::borrow::Cow::Owned(masked) = mask::bytes(bytes) {
        *bytes = masked.into();
    }
}
