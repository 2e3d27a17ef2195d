//! Spreads the beginnings of attempts evenly.

use std::time::Duration;

use tokio::time::Instant;

/// Spreads beginnings evenly.
pub(super) struct RateLimiter {
    gap: Option<Duration>,
    next: Instant,
}

impl RateLimiter {
    pub(super) fn new(rate: Option<f64>) -> Self {
        let rate = rate.filter(|rate| *rate > 0.0);
        Self {
            gap: rate.and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok()),
            next: Instant::now(),
        }
    }

    /// When one more may begin; absent: at once, whatever the others do.
    pub(super) fn next(&mut self) -> Option<Instant> {
        let gap = self.gap?;
        // What was missed is caught up for a second at most: a stall must not end in a burst.
        let floor = Instant::now().checked_sub(Duration::from_secs(1));
        let at = floor.map_or(self.next, |floor| self.next.max(floor));
        self.next = at + gap;
        Some(at)
    }
}
