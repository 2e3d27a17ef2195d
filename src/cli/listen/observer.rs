//! What `listen` and `replay --resume` show of forwards and commands.

use std::sync::Arc;

use crate::app::receive::takeover::described;
use crate::app::receive::{Observer, WorkEvent};
use crate::cli::ui::{Output, Ui};
use crate::engine::{Event, Next};
use crate::error::Result;
use crate::exchange::Outcome;
use crate::mask;
use crate::shell::quote;
use crate::text::printable;
use crate::view::delivery::{AttemptLine, BODY_SHOWN, error_words};
use crate::view::{short_time, status_line};

/// Characters of a command in a message, at most.
const COMMAND_SHOWN: usize = 200;

/// Shows `-->` and `<--` under the number of the request, and which commands failed.
pub(in super::super) struct Arrows {
    pub(in super::super) ui: Arc<Ui>,
}

impl Observer for Arrows {
    fn on(&self, event: WorkEvent<'_>) -> Result<()> {
        match event {
            WorkEvent::Attempt { number, event } => self.attempt(number, event)?,
            WorkEvent::AnswerNotPassedOn { capture, reason } => self.ui.warn(&format!("#{capture}: {reason}")),
            WorkEvent::Incomplete {
                capture,
                sealed,
                target,
            } => {
                let what = sealed.what();
                self.ui.warn(&format!(
                    "#{capture} is not forwarded: the ledger has but the fingerprint `{}` of {what}, and the secret is not at hand",
                    sealed.fingerprint
                ));
                let reference = sealed
                    .reference
                    .as_deref()
                    .filter(|name| !name.contains(' '))
                    .unwrap_or("REF");
                let target = quote(&mask::url(target.as_str()));
                self.ui.hint(&format!(
                    "`hook replay {capture} --to {target} --secret {reference}` sends it"
                ));
            }
            WorkEvent::CommandSucceeded { .. } => {}
            WorkEvent::CommandFailed {
                capture,
                command,
                error,
            } => {
                let command = printable(&mask::text(command), COMMAND_SHOWN);
                self.ui.warn(&format!("#{capture}: `{command}` failed: {error}"));
            }
            WorkEvent::Stalled { lane, error } => {
                let what = described(lane);
                self.ui.warn(&format!("{what} waits for the ledger: {error}"));
            }
            WorkEvent::Recovered { lane } => self.ui.note(&format!("{} goes on", described(lane))),
        }
        Ok(())
    }
}

impl Arrows {
    fn attempt(&self, number: u64, event: &Event) -> Result<()> {
        let origin = event.delivery.label.origin.unwrap_or(number);
        self.ui.json(&AttemptLine::new(number, event))?;
        if self.ui.output == Output::Human {
            self.lines(origin, number, event)?;
        }
        self.ui.flush()
    }

    fn lines(&self, origin: u64, number: u64, event: &Event) -> Result<()> {
        let style = self.ui.out;
        let Some(attempt) = &event.attempt else { return Ok(()) };
        let shown = style.strong(&format!("#{origin}"));
        let url = printable(&mask::url(event.delivery.url.as_str()), 200);
        self.ui.line(&format!(
            "  --> {shown}  {} {url}  {}",
            event.delivery.method,
            style.dim(&format!("as #{number}"))
        ))?;
        let took = style.dim(&short_time(attempt.took));
        let follows = match &event.next {
            Next::Retry { after, .. } => format!("  next attempt in {}", crate::clock::human_duration(*after)),
            _ => String::new(),
        };
        let good = event.next == Next::Delivered;
        let (what, body) = match &attempt.outcome {
            Outcome::Answer(answer) => (
                status_line(answer.status),
                printable(&mask::text(String::from_utf8_lossy(&answer.body).trim()), BODY_SHOWN),
            ),
            Outcome::Error { kind, text } => (error_words(*kind).to_owned(), printable(&mask::text(text), BODY_SHOWN)),
        };
        let what = if good { style.good(&what) } else { style.bad(&what) };
        self.ui
            .line(&format!("  <-- {shown}  {what}  {took}{}", style.caution(&follows)))?;
        if !good && !body.is_empty() {
            self.ui.line(&format!("        {}", style.dim(&body)))?;
        }
        Ok(())
    }
}
