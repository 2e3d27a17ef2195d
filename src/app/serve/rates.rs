//! How much happened in the last minute.

use std::time::Instant;

const SECONDS: usize = 60;

/// Counts what happens, second by second.
#[derive(Debug)]
pub(super) struct MinuteCounter {
    began: Instant,
    /// The second of the newest count.
    newest: u64,
    counts: [u64; SECONDS],
}

impl Default for MinuteCounter {
    fn default() -> Self {
        Self::new(Instant::now())
    }
}

impl MinuteCounter {
    /// Nothing has happened.
    fn new(now: Instant) -> Self {
        Self {
            began: now,
            newest: 0,
            counts: [0; SECONDS],
        }
    }

    /// Something happened `count` times.
    pub(super) fn add(&mut self, now: Instant, count: u64) {
        let place = self.advance(now);
        self.counts[place] += count;
    }

    /// How often it happened in the last minute.
    pub(super) fn sum(&mut self, now: Instant) -> u64 {
        self.advance(now);
        self.counts.iter().sum()
    }

    /// Forgets what is older than a minute. Returns the place of this second.
    fn advance(&mut self, now: Instant) -> usize {
        let second = now.saturating_duration_since(self.began).as_secs().max(self.newest);
        let passed = (second - self.newest).min(SECONDS as u64);
        for back in 0..passed {
            self.counts[place(second - back)] = 0;
        }
        self.newest = second;
        place(second)
    }
}

fn place(second: u64) -> usize {
    usize::try_from(second % SECONDS as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_older_than_a_minute_is_forgotten() {
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let mut counter = MinuteCounter::new(began);
        counter.add(at(0), 2);
        counter.add(at(59), 3);
        assert_eq!(counter.sum(at(59)), 5);
        assert_eq!(counter.sum(at(60)), 3);
        counter.add(at(61), 1);
        assert_eq!(counter.sum(at(118)), 4);
        assert_eq!(counter.sum(at(119)), 1);
        assert_eq!(counter.sum(at(10_000)), 0);
        counter.add(at(10_001), 7);
        assert_eq!(counter.sum(at(10_001)), 7);
        // Taken before another count, added after it.
        counter.add(at(10_000), 1);
        assert_eq!(counter.sum(at(10_001)), 8);
    }
}
