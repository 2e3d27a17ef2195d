//! Events of deliveries.

use std::io;

use serde_json::json;

use crate::clock::human_duration;
use crate::engine::{Event, FailureReason, Next};
use crate::exchange::{Attempt, Outcome, Source};
use crate::inflate::readable;
use crate::mask;
use crate::shell::quote;
use crate::text::printable;
use crate::view::log_level::LogLevel;
use crate::view::{JsonLines, Page, View, millis, short_time};

/// Shown for a delivery whose endpoint was disabled or removed.
const WITHHELD: &str = "failed: endpoint disabled or removed";

/// Characters of a failed response's body that are shown.
pub const BODY_SHOWN: usize = 200;

/// An event of a delivery, with the number of its record.
pub struct NumberedEvent<'a>(pub u64, pub &'a Event);

impl View for NumberedEvent<'_> {
    /// `#12  job.paid  to crm  attempt 1  200 OK  3.4ms  delivered`
    fn human(&self, page: &mut Page) {
        let Self(number, event) = self;
        let style = page.style;
        let number = style.strong(&format!("#{number}"));
        let name = style.name(&printable(&event.delivery.message.event, 80));
        let Some(attempt) = &event.attempt else {
            let what = match &event.next {
                Next::Failed(FailureReason::Withheld) => style.bad(WITHHELD),
                Next::Postponed { why } => style.caution(&format!("waits: {}", printable(why, 200))),
                _ => style.caution("interrupted"),
            };
            return page.line(format!("{number}  {name}  {what}"));
        };
        let outcome = attempt.outcome.summary();
        let (outcome, next) = match &event.next {
            Next::Delivered => (style.good(&outcome), style.good("delivered")),
            Next::Retry { after, .. } => (
                style.bad(&outcome),
                style.caution(&format!("next attempt in {}", human_duration(*after))),
            ),
            Next::Failed(FailureReason::Gone) => (style.bad(&outcome), style.bad("failed: gone")),
            Next::Failed(_) => (style.bad(&outcome), style.bad("failed")),
            Next::Postponed { .. } => (style.caution(&outcome), style.caution("waits")),
            Next::Interrupted => (style.caution(&outcome), style.caution("interrupted")),
        };
        let seq = if attempt.seq > 1 || matches!(event.next, Next::Retry { .. }) {
            format!("attempt {}  ", attempt.seq)
        } else {
            String::new()
        };
        let to = match &event.delivery.label.endpoint {
            Some(endpoint) => format!("to {}  ", style.name(&printable(endpoint, 64))),
            None => String::new(),
        };
        let took = style.dim(&short_time(attempt.took));
        page.line(format!("{number}  {name}  {to}{seq}{outcome}  {took}  {next}"));
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        let Self(number, event) = self;
        let (delivery, attempt) = (&event.delivery, event.attempt.as_ref());
        let outcome = attempt.map(|attempt| &attempt.outcome);
        let error = outcome.and_then(Outcome::error);
        let (next, retry_in) = match event.next {
            Next::Delivered => ("delivered", None),
            Next::Retry { after, .. } => ("retry", Some(after)),
            Next::Failed(_) => ("failed", None),
            Next::Postponed { .. } => ("postponed", None),
            Next::Interrupted => ("interrupted", None),
        };
        let level = match event.next {
            Next::Delivered => LogLevel::Info,
            Next::Failed(_) => LogLevel::Error,
            Next::Retry { .. } | Next::Postponed { .. } | Next::Interrupted => LogLevel::Warn,
        };
        let record = json!({
            "at": attempt.map(|attempt| attempt.at),
            "level": level,
            "number": number,
            "delivery": delivery.id,
            "message": Some(&delivery.message.wire_id).filter(|id| !id.is_empty()),
            "event": delivery.message.event,
            "provider": delivery.label.provider,
            "endpoint": delivery.label.endpoint,
            "url": mask::url(delivery.url.as_str()),
            "attempt": attempt.map(|attempt| attempt.seq),
            "status": outcome.and_then(Outcome::status),
            "error": error.map(|(kind, _)| kind),
            "detail": outcome.and_then(Outcome::detail).map(mask::text),
            "took_ms": attempt.map(|attempt| millis(attempt.took)),
            "next": next,
            "retry_in_ms": retry_in.map(millis),
        });
        lines.object("hook.attempt/1", &record)
    }
}

/// Where an answer redirects to, and how to send there.
pub fn redirect_hint(event: &Event) -> Option<String> {
    let answer = event.attempt.as_ref()?.outcome.answer()?;
    let location = answer.headers.get_text("location")?;
    let to = event.delivery.url.join(location).ok()?;
    let to = quote(&mask::url(to.as_str()));
    (300..400).contains(&answer.status).then(|| {
        let command = match (&event.delivery.label.endpoint, event.delivery.label.source) {
            (Some(endpoint), _) => format!("hook endpoints update {endpoint} --to {to}"),
            (None, Source::Forward) => format!("--forward-to {to}"),
            (None, _) => format!("--to {to}"),
        };
        format!("redirects are not followed: `{command}`")
    })
}

/// Detail of a failed attempt: the beginning of the response body, or the error.
pub fn failure_detail(attempt: &Attempt) -> Option<String> {
    match &attempt.outcome {
        Outcome::Answer(answer) if answer.body.is_empty() => None,
        Outcome::Answer(answer) => {
            let body = readable(&answer.body);
            let text = printable(&mask::text(String::from_utf8_lossy(&body).trim()), BODY_SHOWN);
            Some(format!("      response body: {text}"))
        }
        Outcome::Error { text, .. } => Some(format!("      {}", printable(text, 400))),
    }
}
