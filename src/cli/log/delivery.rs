//! A message on its way, as `hook log show` shows it.

use std::borrow::Cow;

use serde::Serialize;

use super::show::{View, ago, encoded};
use crate::clock::human_duration;
use crate::error::Result;
use crate::exchange::{Attempt, Outcome, Source};
use crate::mask;
use crate::store::{Delivery, DeliveryState, Lease, NewDelivery, Signing};
use crate::text::printable;
use crate::view::attempt::BODY_SHOWN;
use crate::view::record::RecordLine;
use crate::view::{millis, short_size, short_time, status_line};

/// `{"schema":"hook.delivery/1"}`: a delivery, whole.
#[derive(Serialize)]
struct DeliveryLine<'a> {
    schema: &'static str,
    number: u64,
    id: String,
    at: String,
    source: &'static str,
    origin: Option<u64>,
    event: Option<&'a str>,
    message: &'a str,
    message_record: String,
    message_time: String,
    mode: &'static str,
    provider: Option<&'a str>,
    endpoint: Option<&'a str>,
    workflow: Option<&'a str>,
    reason: Option<&'a str>,
    method: &'a str,
    url: String,
    signing: &'static str,
    state: &'static str,
    next_due: Option<String>,
    owner_alive: Option<bool>,
    delays_ms: Vec<f64>,
    attempts: Vec<AttemptPart<'a>>,
    deliveries: Vec<RecordLine<'a>>,
    size: usize,
    content_type: &'a str,
    headers: Vec<(String, String)>,
    body: Option<String>,
    body_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a [String]>,
}

#[derive(Serialize)]
struct AttemptPart<'a> {
    attempt: u32,
    at: String,
    took_ms: f64,
    request_headers: Vec<(String, String)>,
    /// Where a signature stands in it; else it is the delivery's.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_body: Option<String>,
    status: Option<u16>,
    error: Option<&'static str>,
    detail: Option<Cow<'a, str>>,
    headers: Option<Vec<(String, String)>>,
    body: Option<String>,
    body_base64: Option<String>,
    truncated: Option<bool>,
}

pub(super) fn json(view: &View<'_>, record: &Delivery) -> Result<()> {
    let delivery = &record.delivery;
    let message = &delivery.message;
    let (body, body_base64) = encoded(&view.bytes(&message.body));
    view.session.ui.json(&DeliveryLine {
        schema: "hook.delivery/1",
        number: record.number,
        id: delivery.id.to_string(),
        at: delivery.at.to_string(),
        source: delivery.source.name(),
        origin: delivery.origin,
        event: Some(message.event.as_str()).filter(|event| !event.is_empty()),
        message: &message.wire_id,
        message_record: message.id.to_string(),
        message_time: message.time.to_string(),
        mode: message.mode.name(),
        provider: delivery.provider.as_deref(),
        endpoint: delivery.endpoint.as_deref(),
        workflow: delivery.execution.as_ref().map(|of| of.workflow.as_str()),
        reason: delivery.execution.as_ref().and_then(|of| of.note.as_deref()),
        method: &delivery.method,
        url: mask::url_unless(&delivery.url, view.reveal),
        signing: delivery.signing.name(),
        state: delivery.state.name(),
        next_due: delivery.next_due.map(|due| due.to_string()),
        owner_alive: (delivery.state == DeliveryState::Pending).then(|| is_worked_on(view, delivery)),
        delays_ms: delivery.delays.iter().map(|delay| millis(*delay)).collect(),
        attempts: delivery.attempts.iter().map(|attempt| part(view, attempt)).collect(),
        deliveries: view.later.iter().map(RecordLine::new).collect(),
        size: message.body.len(),
        content_type: &message.content_type,
        headers: view.header_lines(&delivery.headers),
        body,
        body_base64,
        why: view.why.as_deref(),
    })
}

fn part<'a>(view: &View<'_>, attempt: &'a Attempt) -> AttemptPart<'a> {
    let (answer, error) = match &attempt.outcome {
        Outcome::Answer(answer) => (Some(answer), None),
        Outcome::Error { kind, text } => (None, Some((kind.name(), text.as_str()))),
    };
    let (body, body_base64) = answer.map_or((None, None), |answer| encoded(&view.bytes(&answer.body)));
    AttemptPart {
        attempt: attempt.seq,
        at: attempt.at.to_string(),
        took_ms: millis(attempt.took),
        request_headers: view.header_lines(&attempt.request_headers),
        request_body: attempt
            .request_body
            .as_deref()
            .and_then(|body| encoded(&view.bytes(body)).0),
        status: answer.map(|answer| answer.status),
        error: error.map(|(kind, _)| kind),
        detail: error.map(|(_, text)| view.text(text)),
        headers: answer.map(|answer| view.header_lines(&answer.headers)),
        body,
        body_base64,
        truncated: answer.map(|answer| answer.truncated),
    }
}

pub(super) fn human(view: &View<'_>, record: &Delivery) -> Result<()> {
    let delivery = &record.delivery;
    let message = &delivery.message;
    view.title(record.number, &delivery.id.to_string(), delivery.state.name())?;
    view.field("made", &format!("{}, by {}", view.moment(delivery.at), maker(delivery)))?;
    let target = format!("{} {}", delivery.method, mask::url_unless(&delivery.url, view.reveal));
    view.foreign("to", Some(&target))?;
    view.foreign("endpoint", delivery.endpoint.as_deref())?;
    if let Some(execution) = &delivery.execution {
        view.foreign("workflow", Some(&execution.workflow))?;
        view.foreign("not sent", execution.note.as_deref())?;
    }
    view.foreign("event", Some(message.event.as_str()).filter(|event| !event.is_empty()))?;
    view.foreign("event id", Some(message.wire_id.as_str()).filter(|id| !id.is_empty()))?;
    view.field("message", &message.id.to_string())?;
    view.foreign("provider", delivery.provider.as_deref())?;
    view.field("signed", signed(delivery))?;
    if !delivery.delays.is_empty() {
        view.field("schedule", &schedule(delivery))?;
    }
    if delivery.state == DeliveryState::Pending {
        view.field("next", &next(view, delivery))?;
    }
    view.later("again")?;
    if view.why.is_none() {
        attempts(view, delivery)?;
    }
    view.field("body", &short_size(message.body.len() as u64))?;
    if view.explained()? {
        return Ok(());
    }
    view.session.ui.line("")?;
    view.content("", &delivery.headers, &message.body)
}

/// One line an attempt, with what the answer says; headers too when everything is wanted.
fn attempts(view: &View<'_>, delivery: &NewDelivery) -> Result<()> {
    let ui = &view.session.ui;
    for attempt in &delivery.attempts {
        let good = delivery.state == DeliveryState::Delivered && delivery.attempts.last() == Some(attempt);
        let outcome = match &attempt.outcome {
            Outcome::Answer(answer) => status_line(answer.status),
            Outcome::Error { kind, .. } => kind.words().to_owned(),
        };
        let outcome = if good {
            ui.out.good(&outcome)
        } else {
            ui.out.bad(&outcome)
        };
        view.field(
            &format!("attempt {}", attempt.seq),
            &format!(
                "{outcome}  {}  {}",
                short_time(attempt.took),
                ui.out.dim(&attempt.at.local_datetime())
            ),
        )?;
        match &attempt.outcome {
            Outcome::Error { text, .. } => view.field("", &ui.out.dim(&printable(&view.text(text), 400)))?,
            Outcome::Answer(answer) if !view.full && !answer.body.is_empty() => {
                let text = printable(
                    view.text(String::from_utf8_lossy(&answer.body).trim()).as_ref(),
                    BODY_SHOWN,
                );
                view.field("", &ui.out.dim(&format!("it says: {text}")))?;
            }
            Outcome::Answer(_) => {}
        }
        if view.full {
            exchange(view, attempt)?;
        }
    }
    Ok(())
}

fn exchange(view: &View<'_>, attempt: &Attempt) -> Result<()> {
    let ui = &view.session.ui;
    ui.line(&ui.out.name("    -->"))?;
    view.content(
        "    ",
        &attempt.request_headers,
        attempt.request_body.as_deref().unwrap_or_default(),
    )?;
    if let Outcome::Answer(answer) = &attempt.outcome {
        ui.line(&ui.out.name("    <--"))?;
        view.content("    ", &answer.headers, &answer.body)?;
        if answer.truncated {
            ui.line(&ui.out.dim("    … the rest of the answer was not kept"))?;
        }
    }
    ui.line("")
}

/// The command that made it.
pub(super) fn maker(delivery: &NewDelivery) -> String {
    let origin = delivery
        .origin
        .map_or_else(String::new, |origin| format!(" of #{origin}"));
    match delivery.source {
        Source::Send => "`hook send`".to_owned(),
        Source::Replay => format!("`hook replay`{origin}"),
        Source::Forward => format!("`hook listen`, a forward{origin}"),
        Source::Test => "`hook endpoints test`".to_owned(),
        Source::Serve => "`hook serve`".to_owned(),
    }
}

fn signed(delivery: &NewDelivery) -> &'static str {
    match delivery.signing {
        Signing::Fresh => "afresh on every attempt",
        Signing::AsCaptured => "no: with the headers that were captured",
    }
}

/// `attempts 2, 3, ... after 5m, 1h`
fn schedule(delivery: &NewDelivery) -> String {
    let delays: Vec<_> = delivery.delays.iter().map(|delay| human_duration(*delay)).collect();
    format!(
        "{} attempts: at once, then after {}",
        delivery.delays.len() + 1,
        delays.join(", ")
    )
}

/// When the next attempt is due, and whether anybody will make it.
pub(super) fn next(view: &View<'_>, delivery: &NewDelivery) -> String {
    let attempt = delivery.attempts.len() + 1;
    let due = match delivery.next_due {
        Some(due) => format!(
            "attempt {attempt} is due {} ({})",
            ago(due, view.now),
            due.local_datetime()
        ),
        None => format!("attempt {attempt} is due"),
    };
    let who = if is_worked_on(view, delivery) {
        "the process that makes it is running"
    } else {
        "no running process makes it: `hook replay --resume` does"
    };
    format!("{due}; {who}")
}

/// Whether a living process has it.
pub(super) fn is_worked_on(view: &View<'_>, delivery: &NewDelivery) -> bool {
    let alive = |owner: &String| Lease::is_alive(&view.session.ledger_path, owner);
    delivery.owner.as_ref().is_some_and(alive)
}
