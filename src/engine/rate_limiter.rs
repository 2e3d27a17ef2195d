//! Spreads the beginnings of attempts evenly.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Spreads beginnings evenly.
pub(super) struct RateLimiter {
    gap: Option<Duration>,
    next: Mutex<Instant>,
}

impl RateLimiter {
    pub(super) fn new(rate: Option<f64>) -> Self {
        let gap = rate
            .filter(|rate| *rate > 0.0)
            .and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok());
        Self {
            gap,
            next: Mutex::new(Instant::now()),
        }
    }

    /// When one more may begin; absent: at once, whatever the others do.
    pub(super) fn next(&self) -> Option<Instant> {
        let gap = self.gap?;
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        // What was missed is caught up for a second at most: a stall must not end in a burst.
        let floor = Instant::now().checked_sub(Duration::from_secs(1)).unwrap_or(*next);
        let at = (*next).max(floor);
        *next = at + gap;
        Some(at)
    }
}
