//! A delivery in full.

use serde_json::{Value, json};

use super::{RecordSheet, ago, later_json};
use crate::app::inspect::show::RecordDetails;
use crate::clock::human_duration;
use crate::exchange::{Attempt, Outcome, SecretKind, Source};
use crate::inflate::readable;
use crate::mask;
use crate::store::queue::{ParkReason, SERVICE};
use crate::store::{DeliveryRecord, DeliveryState, NewDelivery, SigningMode};
use crate::text::printable;
use crate::view::attempt::BODY_SHOWN;
use crate::view::body::encoded;
use crate::view::request::header_lines;
use crate::view::style::Tone;
use crate::view::{millis, short_size, short_time};

/// What is known of an attempt during which the process died.
pub(super) const CRASHED: &str = "outcome unknown, the process died during the attempt";

/// The fields of `hook.delivery/1`.
pub(super) fn json(details: &RecordDetails, record: &DeliveryRecord) -> Value {
    let delivery = &record.delivery;
    let (message, execution) = (&delivery.message, delivery.execution.as_ref());
    let (body, body_base64) = encoded(&message.body);
    json!({
        "number": record.number,
        "id": delivery.id,
        "at": delivery.at,
        "source": delivery.source.name(),
        "origin": delivery.origin,
        "event": Some(&message.event).filter(|event| !event.is_empty()),
        "message": Some(&message.wire_id).filter(|id| !id.is_empty()),
        "message_record": message.id,
        "message_time": message.time,
        "mode": message.mode.name(),
        "provider": delivery.provider,
        "endpoint": delivery.endpoint,
        "workflow": execution.map(|of| &of.workflow),
        "reason": execution.and_then(|of| of.note.as_ref()),
        "method": delivery.method,
        "url": delivery.url,
        "signing": delivery.signing.name(),
        "state": delivery.state.name(),
        "next_due": delivery.next_due,
        "parked": details.parked.map(ParkReason::name),
        "crashes": details.crashes,
        "owner_alive": (delivery.state == DeliveryState::Pending).then_some(details.is_worked_on),
        "delays_ms": delivery.delays.iter().map(|delay| millis(*delay)).collect::<Vec<_>>(),
        "attempts": delivery.attempts.iter().map(attempt_json).collect::<Vec<_>>(),
        "deliveries": later_json(details),
        "size": details.size,
        "content_type": message.content_type,
        "headers": header_lines(&delivery.headers, true, &[]),
        "body": body,
        "body_base64": body_base64,
    })
}

fn attempt_json(attempt: &Attempt) -> Value {
    let (answer, error) = (attempt.outcome.answer(), attempt.outcome.error());
    let (body, body_base64) = answer.map_or((None, None), |answer| encoded(&answer.body));
    let mut fields = json!({
        "attempt": attempt.seq,
        "at": attempt.at,
        "took_ms": millis(attempt.took),
        "request_headers": header_lines(&attempt.request_headers, true, &[]),
        "request_body": attempt.request_body.as_deref().and_then(|body| encoded(body).0),
        "status": answer.map(|answer| answer.status),
        "error": error.map(|(kind, _)| kind),
        "detail": attempt.outcome.detail(),
        "headers": answer.map(|answer| header_lines(&answer.headers, true, &[])),
        "body": body,
        "body_base64": body_base64,
        "truncated": answer.map(|answer| answer.truncated),
    });
    // Recorded only where the signature is in the body; elsewhere it equals the delivery's.
    if let Some(fields) = fields.as_object_mut().filter(|fields| fields["request_body"].is_null()) {
        fields.shift_remove("request_body");
    }
    fields
}

impl RecordSheet<'_> {
    /// Lines for people; attempts, headers and body only `with_content`.
    pub(super) fn delivery(&mut self, record: &DeliveryRecord, with_content: bool) {
        let delivery = &record.delivery;
        let message = &delivery.message;
        let made = format!("{}, by {}", self.moment(delivery.at), maker(delivery));
        self.title(record.number, &delivery.id.to_string(), delivery.state.name());
        self.page.field("made", &made);
        self.foreign("to", Some(&format!("{} {}", delivery.method, delivery.url)));
        self.foreign("endpoint", delivery.endpoint.as_deref());
        if let Some(execution) = &delivery.execution {
            self.foreign("workflow", Some(&execution.workflow));
            self.foreign("not sent", execution.note.as_deref());
        }
        self.foreign("event", Some(message.event.as_str()).filter(|event| !event.is_empty()));
        self.foreign("event id", Some(message.wire_id.as_str()).filter(|id| !id.is_empty()));
        self.page.field("mode", message.mode.name());
        self.page.field("message", &message.id.to_string());
        self.foreign("provider", delivery.provider.as_deref());
        self.page.field("signed", &signed(delivery));
        if !delivery.delays.is_empty() {
            self.page.field("schedule", &schedule(delivery));
        }
        if delivery.state == DeliveryState::Pending {
            self.page.field("next", &next(self.details, delivery));
        }
        if let Some(reason) = self.details.parked {
            self.page.field("parked", reason.words());
        }
        for at in &self.details.crashes {
            let crash = format!("{}: {CRASHED}", self.moment(*at));
            self.page.field("crash", &crash);
        }
        self.later("again");
        if with_content {
            for attempt in &delivery.attempts {
                let last = delivery.attempts.last() == Some(attempt);
                self.attempt(attempt, last && delivery.state == DeliveryState::Delivered);
            }
        }
        self.page.field("body", &short_size(self.details.size as u64));
        if with_content {
            self.page.line("");
            self.content("", &delivery.headers, &message.body);
        }
    }

    /// One line per attempt, with the response body; headers too with `--full`.
    fn attempt(&mut self, attempt: &Attempt, is_success: bool) {
        let style = self.page.style;
        let outcome = attempt.outcome.summary();
        let outcome = style.paint(if is_success { Tone::Good } else { Tone::Bad }, &outcome);
        let at = style.dim(&attempt.at.local_datetime());
        let line = format!("{outcome}  {}  {at}", short_time(attempt.took));
        self.page.field(&format!("attempt {}", attempt.seq), &line);
        if let Some(text) = attempt.outcome.detail() {
            self.page.field("", &style.dim(&printable(text, 400)));
        }
        let answer = attempt
            .outcome
            .answer()
            .filter(|answer| !self.full && !answer.body.is_empty());
        if let Some(answer) = answer {
            let text = printable(&said(self.details, &answer.body), BODY_SHOWN);
            self.page.field("", &style.dim(&format!("response body: {text}")));
        }
        if self.full {
            self.exchange(attempt);
        }
    }

    fn exchange(&mut self, attempt: &Attempt) {
        let style = self.page.style;
        self.page.line(style.name("    -->"));
        let body = attempt.request_body.as_deref().unwrap_or_default();
        self.content("    ", &attempt.request_headers, body);
        if let Outcome::Answer(answer) = &attempt.outcome {
            self.page.line(style.name("    <--"));
            self.content("    ", &answer.headers, &readable(&answer.body));
            if answer.truncated {
                self.page
                    .line(style.dim("    … the rest of the response was not recorded"));
            }
        }
        self.page.line("");
    }
}

/// A response body as text; URLs in it may hold credentials.
pub(super) fn said(details: &RecordDetails, body: &[u8]) -> String {
    let body = readable(body);
    let text = String::from_utf8_lossy(&body);
    if details.reveal {
        text.trim().to_owned()
    } else {
        mask::text(text.trim()).into_owned()
    }
}

/// The command that made the delivery.
pub(super) fn maker(delivery: &NewDelivery) -> String {
    let origin = delivery.origin.map_or_else(String::new, |n| format!(" of #{n}"));
    match delivery.source {
        Source::Send => "`hook send`".to_owned(),
        Source::Replay => format!("`hook replay`{origin}"),
        Source::Forward => format!("`hook listen`, a forward{origin}"),
        Source::Test => "`hook endpoints test`".to_owned(),
        Source::Serve => "`hook serve`".to_owned(),
    }
}

fn signed(delivery: &NewDelivery) -> String {
    match (delivery.signing, delivery.signing.fault()) {
        (_, Some(fault)) => format!("{}: {fault}, which a receiver must refuse", delivery.signing),
        (SigningMode::AsCaptured, None) => "no: with the headers that were captured".to_owned(),
        (_, None) if delivery.secret == Some(SecretKind::None) => "no: the provider signs nothing".to_owned(),
        (_, None) => "afresh on every attempt".to_owned(),
    }
}

/// `attempts 2, 3, ... after 5m, 1h`
fn schedule(delivery: &NewDelivery) -> String {
    let delays: Vec<_> = delivery.delays.iter().map(|delay| human_duration(*delay)).collect();
    let (attempts, delays) = (delays.len() + 1, delays.join(", "));
    format!("{attempts} attempts: at once, then after {delays}")
}

/// When the next attempt is due, and whether a running process makes it.
pub(super) fn next(details: &RecordDetails, delivery: &NewDelivery) -> String {
    let attempt = delivery.attempts.len() + 1;
    let when = delivery.next_due;
    let when = when.map(|due| format!(" {} ({})", ago(due, details.now), due.local_datetime()));
    let due = format!("attempt {attempt} is due{}", when.unwrap_or_default());
    let who = match (details.is_worked_on, delivery.owner.as_deref()) {
        (true, _) => "the process that makes it is running",
        (false, Some(SERVICE)) => "no running process makes it: the next `hook serve` does",
        (false, _) => "no running process makes it: `hook replay --resume` does",
    };
    format!("{due}; {who}")
}
