//! What happens to deliveries, as lines and as JSON.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;

use crate::cli::ui::{Output, Ui};
use crate::clock::human_duration;
use crate::engine::{DeliveryOutcome, Event, Next};
use crate::error::Result;
use crate::exchange::{Attempt, ErrorKind, Outcome};
use crate::mask;
use crate::pipeline::View;
use crate::text::printable;
use crate::view::progress::Countdown;
use crate::view::{millis, short_time};

/// What is shown of a delivery whose endpoint gets nothing any more.
const WITHHELD: &str = "failed: endpoint disabled or removed";

/// How much of a failed answer's body is shown, in characters.
pub const BODY_SHOWN: usize = 200;

/// `{"schema":"hook.attempt/1"}`: one attempt and what follows it.
#[derive(Debug, Serialize)]
pub struct AttemptLine<'a> {
    schema: &'static str,
    number: u64,
    delivery: String,
    message: String,
    event: &'a str,
    provider: Option<&'a str>,
    endpoint: Option<&'a str>,
    url: String,
    attempt: Option<u32>,
    status: Option<u16>,
    error: Option<&'static str>,
    detail: Option<Cow<'a, str>>,
    took_ms: Option<f64>,
    next: &'static str,
    retry_in_ms: Option<f64>,
}

impl<'a> AttemptLine<'a> {
    /// From what the engine tells.
    pub fn new(number: u64, event: &'a Event) -> Self {
        let attempt = event.attempt.as_ref();
        let error = attempt.and_then(|attempt| match &attempt.outcome {
            Outcome::Error { kind, text } => Some((kind.name(), mask::text(text))),
            Outcome::Answer(_) => None,
        });
        let retry = match event.next {
            Next::Retry { after, .. } => Some(millis(after)),
            _ => None,
        };
        Self {
            schema: "hook.attempt/1",
            number,
            delivery: event.delivery.id.to_string(),
            message: event.delivery.message.wire_id.clone(),
            event: &event.delivery.message.event,
            provider: event.delivery.label.provider.as_deref(),
            endpoint: event.delivery.label.endpoint.as_deref(),
            url: mask::url(event.delivery.url.as_str()),
            attempt: attempt.map(|attempt| attempt.seq),
            status: attempt.and_then(|attempt| attempt.outcome.status()),
            error: error.as_ref().map(|(kind, _)| *kind),
            detail: error.map(|(_, text)| text),
            took_ms: attempt.map(|attempt| millis(attempt.took)),
            next: next_name(&event.next),
            retry_in_ms: retry,
        }
    }
}

fn next_name(next: &Next) -> &'static str {
    match next {
        Next::Delivered => "delivered",
        Next::Retry { .. } => "retry",
        Next::Failed(_) => "failed",
        Next::Interrupted => "interrupted",
    }
}

/// Shows every attempt, with a countdown while a single delivery waits.
pub struct Attempts {
    ui: Arc<Ui>,
    countdown: Option<Countdown>,
    /// Whether a countdown makes sense: one delivery, a terminal.
    single: bool,
}

impl Attempts {
    /// For one delivery (`single`) or several.
    pub fn new(ui: Arc<Ui>, single: bool) -> Self {
        Self {
            ui,
            countdown: None,
            single,
        }
    }

    fn explain_failure(&self, attempt: &Attempt) {
        match &attempt.outcome {
            Outcome::Answer(answer) if !answer.body.is_empty() => {
                let text = printable(&mask::text(String::from_utf8_lossy(&answer.body).trim()), BODY_SHOWN);
                self.ui.note(&self.ui.err.dim(&format!("      it says: {text}")));
            }
            Outcome::Answer(_) => {}
            Outcome::Error { text, .. } => self
                .ui
                .note(&self.ui.err.dim(&format!("      {}", printable(text, 400)))),
        }
    }
}

impl View for Attempts {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        self.countdown = None;
        self.ui.json(&AttemptLine::new(number, event))?;
        if self.ui.output == Output::Human {
            self.ui.line(&line(&self.ui, number, event))?;
        }
        // Whoever reads the pipe may wait for just this line.
        self.ui.flush()?;
        if let (Some(attempt), true) = (&event.attempt, event.next != Next::Delivered) {
            self.explain_failure(attempt);
        }
        if let Next::Retry { after, .. } = event.next
            && self.single
            && self.ui.shows_progress()
        {
            let attempt = event.attempt.as_ref().map_or(1, |attempt| attempt.seq) + 1;
            let of = event.delivery.policy.schedule.delays.len() + 1;
            self.countdown = Some(Countdown::start(&format!("attempt {attempt} of {of}"), after));
        }
        Ok(())
    }
}

/// `#12  job.paid  to crm  attempt 1  200 OK  3.4ms  delivered`
fn line(ui: &Ui, number: u64, event: &Event) -> String {
    let style = ui.out;
    let name = printable(&event.delivery.message.event, 80);
    let number = style.strong(&format!("#{number}"));
    let Some(attempt) = &event.attempt else {
        let what = match &event.next {
            Next::Failed(DeliveryOutcome::Withheld) => style.bad(WITHHELD),
            _ => style.caution("interrupted"),
        };
        return format!("{number}  {}  {what}", style.name(&name));
    };
    let outcome = attempt.outcome.summary();
    let (outcome, next) = match &event.next {
        Next::Delivered => (style.good(&outcome), style.good("delivered")),
        Next::Retry { after, .. } => (
            style.bad(&outcome),
            style.caution(&format!("next attempt in {}", human_duration(*after))),
        ),
        Next::Failed(DeliveryOutcome::Gone) => (style.bad(&outcome), style.bad("failed: gone")),
        Next::Failed(_) => (style.bad(&outcome), style.bad("failed")),
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
    format!(
        "{number}  {}  {to}{seq}{outcome}  {}  {next}",
        style.name(&name),
        style.dim(&short_time(attempt.took))
    )
}

/// A failure without an answer, in two words.
pub fn error_words(kind: ErrorKind) -> &'static str {
    kind.words()
}
