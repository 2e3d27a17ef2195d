//! Progress on a terminal: the only user of `indicatif`.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressFinish, ProgressState, ProgressStyle};

/// Counts down to the next attempt; gone from the screen when dropped.
pub struct Countdown {
    _bar: ProgressBar,
}

impl Countdown {
    /// Starts at once.
    pub fn start(what: &str, wait: Duration) -> Self {
        let bar = ProgressBar::new_spinner().with_finish(ProgressFinish::AndClear);
        let end = Instant::now() + wait;
        let left = move |_: &ProgressState, text: &mut dyn Write| {
            let left = end.saturating_duration_since(Instant::now());
            let whole = Duration::from_secs(left.as_secs() + u64::from(left.subsec_millis() > 0));
            let _ = text.write_str(&crate::clock::human_duration(whole));
        };
        // The template is constant; if it failed, the default style would do.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} in {left}") {
            bar.set_style(style.with_key("left", left));
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { _bar: bar }
    }
}

/// One line that is drawn below all others, and erased before each of them.
#[derive(Default)]
pub struct StatusLine(Mutex<Option<ProgressBar>>);

impl StatusLine {
    /// Draws it, cut to the width of the terminal.
    pub fn draw(&self, text: &str) {
        let mut bar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bar = bar.get_or_insert_with(|| {
            let bar = ProgressBar::new_spinner().with_finish(ProgressFinish::AndClear);
            if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        bar.set_message(text.to_owned());
    }

    /// Erases it until it is drawn again.
    pub fn erase(&self) {
        // The bar clears its line when it is dropped.
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// How far a copy is.
pub struct CopyProgress(ProgressBar);

impl CopyProgress {
    /// A bar, hidden unless `shown`.
    pub fn new(shown: bool) -> Self {
        if !shown {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(0).with_finish(ProgressFinish::AndClear);
        if let Ok(style) = ProgressStyle::with_template("{bar:32} {percent} %  {eta} left") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// So much of all is done.
    pub fn at(&self, done: u64, all: u64) {
        self.0.set_length(all);
        self.0.set_position(done);
    }
}

/// How far a bulk run is.
pub struct BulkProgress(ProgressBar);

impl BulkProgress {
    /// A bar, hidden unless `shown`.
    pub fn new(total: u64, shown: bool) -> Self {
        if !shown {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(total).with_finish(ProgressFinish::AndClear);
        let template = "{bar:32} {pos}/{len}  {per_sec}  {msg}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// One more is done.
    pub fn step(&self, failed: u64) {
        self.0.inc(1);
        if failed > 0 {
            self.0.set_message(format!("{failed} failed"));
        }
    }
}
