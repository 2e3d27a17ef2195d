//! Live display of deliveries.

use std::sync::Arc;

use crate::cli::ui::Ui;
use crate::engine::{Event, Next};
use crate::error::Result;
use crate::pipeline::DeliveryObserver;
use crate::view::attempt::{NumberedEvent, failure_detail, redirect_hint};
use crate::view::progress::Countdown;

/// Shows every attempt, with a countdown while a single delivery waits.
pub(super) struct Attempts {
    ui: Arc<Ui>,
    countdown: Option<Countdown>,
    /// Whether a countdown makes sense: one delivery, a terminal.
    counts_down: bool,
    failures_only: bool,
}

impl Attempts {
    /// For one delivery (`single`) or several.
    pub(super) fn new(ui: &Arc<Ui>, single: bool) -> Self {
        Self {
            ui: Arc::clone(ui),
            countdown: None,
            counts_down: single && ui.shows_progress(),
            failures_only: false,
        }
    }

    /// Leaves out attempts with success, and details of the others.
    pub(super) fn failures_only(mut self, failures_only: bool) -> Self {
        self.failures_only = failures_only;
        self
    }
}

impl DeliveryObserver for Attempts {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        if self.failures_only {
            // Flushed with the status: a line at a time would erase it again and again.
            return match event.next {
                Next::Delivered => Ok(()),
                _ => self.ui.show(&NumberedEvent(number, event)),
            };
        }
        // Dropping the countdown clears its line before the attempt is printed.
        self.countdown = None;
        self.ui.show(&NumberedEvent(number, event))?;
        // The reader of a pipe may wait for just this line.
        self.ui.flush()?;
        let failed = event.attempt.as_ref().filter(|_| event.next != Next::Delivered);
        if let Some(detail) = failed.and_then(failure_detail) {
            self.ui.aside(&detail);
        }
        if let Some(hint) = failed.and_then(|_| redirect_hint(event)) {
            self.ui.hint(&hint);
        }
        if let Next::Retry { after, .. } = event.next
            && self.counts_down
        {
            let attempt = event.attempt.as_ref().map_or(1, |attempt| attempt.seq) + 1;
            let of = event.delivery.policy.schedule.delays.len() + 1;
            self.countdown = Some(Countdown::start(&format!("attempt {attempt} of {of}"), after));
        }
        Ok(())
    }
}
