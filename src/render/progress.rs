//! Progress on stderr while somebody watches: the only user of `indicatif`.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Counts down to the next attempt; gone from the screen when dropped.
pub struct Countdown {
    bar: ProgressBar,
    ticker: Option<std::thread::JoinHandle<()>>,
}

impl Countdown {
    /// Starts at once.
    pub fn start(what: String, wait: Duration) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        let end = Instant::now() + wait;
        let shown = bar.clone();
        // A thread of its own: the runtime may be busy or paused, the clock on the wall is not.
        let ticker = std::thread::Builder::new().name("countdown".into()).spawn(move || {
            while !shown.is_finished() {
                let left = end.saturating_duration_since(Instant::now());
                let whole = Duration::from_secs(left.as_secs() + u64::from(left.subsec_millis() > 0));
                shown.set_message(format!("{what} in {}", crate::clock::human_duration(whole)));
                shown.tick();
                std::thread::park_timeout(Duration::from_millis(100));
            }
        });
        Self {
            bar,
            ticker: ticker.ok(),
        }
    }
}

impl Drop for Countdown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        if let Some(ticker) = self.ticker.take() {
            ticker.thread().unpark();
            let _ = ticker.join();
        }
    }
}

/// How far a bulk run is.
pub struct Bulk(ProgressBar);

impl Bulk {
    /// A bar, or nothing when nobody watches.
    pub fn new(total: u64, shown: bool) -> Self {
        if !shown {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(total);
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

impl Drop for Bulk {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
