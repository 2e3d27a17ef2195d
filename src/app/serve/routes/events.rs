//! `POST /events` and `POST /events/batch`.

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use tokio::sync::SemaphorePermit;
use utoipa::ToSchema;

use super::input::json;
use super::problem::Problem;
use super::schema::EventInput;
use super::{Answer, Caller, RouteState, Shared, Summary};
use crate::app::serve::deliveries::NamedEvent;
use crate::app::serve::queue::{AcceptedEvent, NewIntake};
use crate::app::serve::subscribers::Subscribers;
use crate::app::serve::trace::TraceContext;
use crate::digest;
use crate::endpoints::check_tenant;
use crate::finding::Finding;
use crate::id::{Id, IdKind};
use crate::json_text;
use crate::message::Mode;
use crate::store::queue::IdempotencyKey;
use crate::text::printable;

/// Events of one call, at most.
pub(super) const MOST_EVENTS: usize = 1000;

/// Deliveries of a batch, and of all calls that are handled at once: until they are on disk they are in memory.
pub(in crate::app::serve) const MOST_DELIVERIES: usize = 50_000;

/// Bytes of the data of an event, at most: every delivery of it is held in memory while it is sent.
const LARGEST_DATA: usize = 1024 * 1024;

/// Characters of an event's name or id, and of an idempotency key, at most.
const LONGEST_NAME: usize = 255;

/// What is answered for an event.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct EventAnswer {
    id: String,
    event: String,
    deliveries: usize,
}

/// Accepts one event.
#[utoipa::path(
    post,
    path = "/events",
    operation_id = "addEvent",
    params(("idempotency-key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$", description = "Makes a repetition of the call harmless for 24 hours")),
    request_body = EventInput,
    responses((status = 202, description = "On disk, with its deliveries", body = EventAnswer), (status = 409, description = "It contradicts an earlier call, or the state of things"))
)]
pub(super) async fn one(State(state): Shared, caller: Caller, headers: HeaderMap, body: Bytes) -> Answer {
    let text = json(&headers, &body)?;
    let mut event = read(&state, text, &caller)?;
    event.trace = trace(&headers);
    let _room = state.room(1).await?;
    let call = Call {
        caller: &caller,
        headers: &headers,
        body: &body,
    };
    call.accept(&state, &[event], false).await
}

/// Accepts several events: all or none.
#[utoipa::path(
    post,
    path = "/events/batch",
    operation_id = "addEvents",
    params(("idempotency-key" = Option<String>, Header, min_length = 1, max_length = 255, pattern = "^[!-~]+$", description = "Makes a repetition of the call harmless for 24 hours")),
    request_body = Vec<EventInput>,
    responses((status = 202, description = "On disk, all of them", body = Vec<EventAnswer>), (status = 409, description = "It contradicts an earlier call, or the state of things"))
)]
pub(super) async fn batch(State(state): Shared, caller: Caller, headers: HeaderMap, body: Bytes) -> Answer {
    let text = json(&headers, &body)?;
    let items = json_text::items(text).ok_or_else(|| Problem::invalid("the body must be an array of events"))?;
    if items.is_empty() || items.len() > MOST_EVENTS {
        let what = format!("a batch has 1 to {MOST_EVENTS} events, this one has {}", items.len());
        return Err(Problem::invalid(what));
    }
    let trace = trace(&headers);
    let _room = state.room(items.len()).await?;
    let items = items.into_iter().enumerate().map(|(index, item)| {
        let event = read(&state, item, &caller).map_err(|problem| problem.of_item(index))?;
        let trace = trace.clone();
        Ok(NamedEvent { trace, ..event })
    });
    let events: Vec<NamedEvent> = items.collect::<Result<_, Problem>>()?;
    let call = Call {
        caller: &caller,
        headers: &headers,
        body: &body,
    };
    call.accept(&state, &events, true).await
}

fn trace(headers: &HeaderMap) -> Option<TraceContext> {
    TraceContext::of_headers(|name| headers.get_all(name).iter().map(HeaderValue::as_bytes).collect())
}

/// A call that hands events over.
struct Call<'c> {
    caller: &'c Caller,
    headers: &'c HeaderMap,
    body: &'c Bytes,
}

/// What is answered, and a word about it for the log.
#[derive(Default)]
struct Answered {
    text: String,
    summary: String,
}

impl Call<'_> {
    /// Records the events, all or none.
    async fn accept(&self, state: &RouteState, events: &[NamedEvent], is_batch: bool) -> Answer {
        let context = &state.queue.context;
        let own_id = || Id::new(IdKind::Message, context.now(), &context.random);
        let ids: Vec<Id> = events.iter().map(|_| own_id()).collect();
        let mut answered = Answered::default();
        let make = |subscribers: &Subscribers| {
            let (accepted, answers) = made(state, subscribers, events.iter().zip(&ids), is_batch)?;
            answered = Answered::of(&answers, is_batch);
            Ok::<_, Problem>(NewIntake {
                key: self.idempotency_key(state, &answered.text)?,
                events: accepted,
                also: None,
            })
        };
        let ack = state.queue.accept(make).await?;
        if ack.is_conflict {
            let what = "another body was sent with this `Idempotency-Key` before";
            return Err(Problem::conflict(what));
        }
        let Answered { text, summary } = answered;
        let repeated = ack.answer.is_some();
        let body = ack.answer.unwrap_or(text);
        let mut response = (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        let summary = if repeated { "repeated".to_owned() } else { summary };
        response.extensions_mut().insert(Summary(summary));
        Ok(response)
    }

    fn idempotency_key(&self, state: &RouteState, answer: &str) -> Result<Option<IdempotencyKey>, Problem> {
        let Some(key) = self.headers.get("idempotency-key") else {
            return Ok(None);
        };
        let is_visible = key.as_bytes().iter().all(u8::is_ascii_graphic);
        if key.is_empty() || key.len() > LONGEST_NAME || !is_visible {
            let what = format!("`Idempotency-Key` has 1 to {LONGEST_NAME} visible ASCII characters");
            return Err(Problem::invalid(what));
        }
        Ok(Some(IdempotencyKey {
            key: digest::sha256(&[self.caller.id.as_bytes(), b"\0", key.as_bytes()]),
            body: digest::sha256(&[self.body]),
            at: state.queue.context.now(),
            answer: answer.to_owned(),
        }))
    }
}

impl Answered {
    fn of(answers: &[EventAnswer], is_batch: bool) -> Self {
        match answers {
            [answer] if !is_batch => Self {
                text: serde_json::to_string(answer).unwrap_or_default(),
                summary: format!("{} goes to {}", answer.event, answer.deliveries),
            },
            answers => {
                let deliveries: usize = answers.iter().map(|answer| answer.deliveries).sum();
                Self {
                    text: serde_json::to_string(answers).unwrap_or_default(),
                    summary: format!("{} events, {deliveries} deliveries", answers.len()),
                }
            }
        }
    }
}

/// The events with their deliveries to these endpoints, and what is answered for each.
fn made<'e>(
    state: &RouteState,
    subscribers: &Subscribers,
    events: impl Iterator<Item = (&'e NamedEvent, &'e Id)>,
    is_batch: bool,
) -> Result<(Vec<AcceptedEvent>, Vec<EventAnswer>), Problem> {
    let (mut accepted, mut answers, mut deliveries) = (Vec::new(), Vec::new(), 0);
    for (index, (event, own_id)) in events.enumerate() {
        let of_item = |problem: Problem| if is_batch { problem.of_item(index) } else { problem };
        let (event, answer) = state.event(subscribers, event, *own_id).map_err(of_item)?;
        deliveries += answer.deliveries;
        accepted.push(event);
        answers.push(answer);
        if deliveries > MOST_DELIVERIES && accepted.len() > 1 {
            let what = format!("the batch makes more than {MOST_DELIVERIES} deliveries: send it in parts");
            return Err(Problem::new(413, what));
        }
    }
    Ok((accepted, answers))
}

/// Reads an event. Data is only left out where a provider is played, which has samples.
fn read(state: &RouteState, text: &str, caller: &Caller) -> Result<NamedEvent, Problem> {
    let fields = json_text::members(text).ok_or_else(|| Problem::invalid("an event must be a JSON object"))?;
    let mut given: HashMap<&str, &str> = HashMap::new();
    for (name, value) in &fields {
        // `type` is an alias of `event`.
        let name = if name == "type" { "event" } else { name };
        if !["event", "data", "id", "mode", "params", "tenant"].contains(&name) {
            return Err(Problem::invalid(format!(
                "`{}` is not known: an event has `event`, `data`, `id`, `mode`, `tenant` and `params`",
                printable(name, 100)
            )));
        }
        if given.insert(name, value).is_some() {
            return Err(Problem::invalid(format!("`{name}` is there twice")));
        }
    }
    let text = |name: &str| match given.get(name).filter(|value| **value != "null") {
        None => Ok(None),
        Some(value) => match serde_json::from_str::<String>(value) {
            // Both may be sent in headers.
            Ok(text) if text.chars().any(char::is_control) => Err(Problem::invalid(format!(
                "`{name}` must not contain control characters"
            ))),
            Ok(text) if !text.trim().is_empty() && text.chars().count() <= LONGEST_NAME => Ok(Some(text)),
            _ => {
                let what = format!("`{name}` must be a text of 1 to {LONGEST_NAME} characters");
                Err(Problem::invalid(what))
            }
        },
    };
    let event = text("event")?.ok_or_else(|| Problem::invalid("`event` is missing: the name of the event"))?;
    let data = given.get("data").map(|data| (*data).to_owned());
    if data.is_none() && state.fan_out.played.is_none() {
        return Err(Problem::invalid("`data` is missing: the data of the event"));
    }
    if data.as_ref().is_some_and(|data| data.len() > LARGEST_DATA) {
        let what = format!("`data` is larger than {LARGEST_DATA} bytes");
        return Err(Problem::new(413, what));
    }
    let mode = match given.get("mode").copied() {
        None | Some("null") => caller.mode,
        Some(mode) => match serde_json::from_str::<Mode>(mode) {
            Ok(Mode::Live) if caller.mode == Mode::Test => {
                return Err(Problem::invalid("a test key creates test events only"));
            }
            Ok(mode) => mode,
            Err(_) => return Err(Problem::invalid("`mode` is neither `test` nor `live`")),
        },
    };
    Ok(NamedEvent {
        name: event,
        data,
        id: text("id")?,
        mode,
        tenant: tenant(text("tenant")?.as_deref(), caller)?,
        params: params(given.get("params").copied())?,
        trace: None,
    })
}

fn tenant(given: Option<&str>, caller: &Caller) -> Result<Option<String>, Problem> {
    given.map_or(Ok(()), check_tenant).map_err(Problem::invalid)?;
    caller.tenant(given)
}

fn params(given: Option<&str>) -> Result<Vec<(String, String)>, Problem> {
    let wrong = || Problem::invalid("`params` must be an object of strings, numbers and booleans");
    let members = match given {
        None | Some("null") => return Ok(Vec::new()),
        Some(params) => json_text::members(params).ok_or_else(wrong)?,
    };
    let text = |(name, value): (String, &str)| Ok((name, json_text::scalar(value).ok_or_else(wrong)?.into_owned()));
    members.into_iter().map(text).collect()
}

impl RouteState {
    /// Waits until the deliveries of so many events may be in memory, and keeps their place.
    async fn room(&self, events: usize) -> Result<SemaphorePermit<'_>, Problem> {
        let unavailable = |why: String| Problem::unavailable(why);
        let subscribers = self
            .queue
            .subscribers()
            .await
            .map_err(|error| unavailable(error.to_string()))?;
        let most = events.saturating_mul(subscribers.all().len()).min(MOST_DELIVERIES);
        let place = self
            .deliveries
            .acquire_many(u32::try_from(most).unwrap_or(u32::MAX))
            .await;
        place.map_err(|closed| unavailable(closed.to_string()))
    }

    /// The event with its deliveries to these endpoints. `own_id` is its id where the sender gave none.
    fn event(
        &self,
        subscribers: &Subscribers,
        event: &NamedEvent,
        own_id: Id,
    ) -> Result<(AcceptedEvent, EventAnswer), Problem> {
        let id = event.id.clone().unwrap_or_else(|| own_id.to_string());
        let deliveries = self
            .fan_out
            .event(&self.queue.context, subscribers, event, own_id)
            .map_err(|why| match why.endpoint {
                Some(_) => Problem::unusable(&[Finding::problem("undeliverable", why.to_string())]),
                None => Problem::invalid(why.reason),
            })?;
        let answer = EventAnswer {
            id: id.clone(),
            event: event.name.clone(),
            deliveries: deliveries.len(),
        };
        // The deliveries have it in their bodies.
        let data = event.data.as_ref().filter(|_| deliveries.is_empty());
        let accepted = AcceptedEvent {
            id,
            name: event.name.clone(),
            mode: event.mode,
            tenant: event.tenant.clone(),
            data: data.map(|data| data.clone().into_bytes()),
            deliveries,
        };
        Ok((accepted, answer))
    }
}
