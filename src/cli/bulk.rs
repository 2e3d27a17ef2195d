//! Flags of bulk runs of `send`, and their progress.

use std::sync::Arc;

use clap::Args;

use super::retry::RetryArgs;
use crate::app::outgoing::{FaultOptions, RunOptions};
use crate::cli::ui::Ui;
use crate::engine::{Event, Next};
use crate::error::Result;
use crate::pipeline::DeliveryObserver;
use crate::view::progress::BulkProgress;

/// Concurrent requests per target, unless there is a reason for another number.
const CONCURRENCY: usize = 16;

#[derive(Debug, Clone, Args)]
pub(super) struct BulkArgs {
    /// How many events to send
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..), help_heading = "Bulk")]
    pub(super) count: u64,
    /// Concurrent requests per target; default: 16, with `--duplicate` and `--shuffle` 1, with `--burst N` that number
    #[arg(long, value_name = "N", value_parser = super::input::concurrency(), help_heading = "Bulk")]
    concurrency: Option<usize>,
    /// Maximum requests per second
    #[arg(long, value_name = "N", value_parser = super::input::rate, help_heading = "Bulk")]
    rate: Option<f64>,
    /// Seed for reproducible event ids and times, and for the order and the waits of `--shuffle` and `--jitter`
    #[arg(long, value_name = "SEED", help_heading = "Bulk")]
    pub(super) random_seed: Option<u64>,
}

impl BulkArgs {
    pub(super) fn options(&self, retry: &RetryArgs, faults: FaultOptions) -> RunOptions {
        RunOptions {
            count: self.count,
            concurrency: faults.concurrency(CONCURRENCY, self.concurrency),
            rate: self.rate,
            time_scale: retry.time_scale,
            faults,
        }
    }
}

/// Counts on the bar, and shows single failures only on request.
pub(super) struct BulkBar {
    ui: Arc<Ui>,
    progress: BulkProgress,
    failed: u64,
}

impl BulkBar {
    pub(super) fn new(ui: &Arc<Ui>, count: u64) -> Self {
        Self {
            ui: Arc::clone(ui),
            progress: BulkProgress::new(count, ui.shows_progress()),
            failed: 0,
        }
    }
}

impl DeliveryObserver for BulkBar {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        match event.next {
            // A delivery counts once, when it has ended.
            Next::Retry { .. } | Next::Postponed { .. } => return Ok(()),
            Next::Failed(_) => {
                self.failed += 1;
                let attempt = event.attempt.as_ref();
                let word = attempt.map_or_else(String::new, |attempt| attempt.outcome.word());
                self.ui.detail(&format!("#{number} failed: {word}"));
            }
            Next::Delivered | Next::Interrupted => {}
        }
        self.progress.step(self.failed);
        Ok(())
    }
}
