//! A delivery in full.

use super::{RecordSheet, ago};
use crate::app::inspect::show::RecordDetails;
use crate::clock::human_duration;
use crate::exchange::{Attempt, Outcome, SecretKind, Source};
use crate::inflate::readable;
use crate::mask;
use crate::store::queue::SERVICE;
use crate::store::{DeliveryRecord, DeliveryState, NewDelivery, ORPHAN, SigningMode};
use crate::text::printable;
use crate::view::attempt::BODY_SHOWN;
use crate::view::style::Tone;
use crate::view::{short_size, short_time};

/// What is known of an attempt during which the process died.
pub(super) const CRASHED: &str = "outcome unknown, the process died during the attempt";

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
        if record.is_orphan {
            self.page.field("message", &format!("missing: {ORPHAN}"));
        } else {
            self.page.field("mode", message.mode.name());
            self.page.field("message", &message.id.to_string());
        }
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
