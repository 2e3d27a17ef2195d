//! Durations of answers as a histogram of fixed size, in steps of less than 2 %.

use std::time::Duration;

use crate::percentile::nearest_rank;

/// Steps of a doubling, as a power of two: 64.
const STEP_BITS: u32 = 6;

/// Below it every microsecond has a count of its own.
const EXACT: u64 = 1 << (STEP_BITS + 1);

/// A histogram of durations. Percentiles are wrong by 1 % at most, and within the shortest and the longest.
#[derive(Debug, Clone, Default)]
pub struct Times {
    /// As long as the longest duration asks for: at most 3,776, which is 30 kB.
    counts: Vec<u64>,
    total: u64,
    shortest: u64,
    longest: u64,
}

impl Times {
    /// Counts one.
    pub fn add(&mut self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let step = step_of(us);
        if self.counts.len() <= step {
            self.counts.resize(step + 1, 0);
        }
        self.counts[step] += 1;
        self.shortest = if self.total == 0 { us } else { self.shortest.min(us) };
        self.longest = self.longest.max(us);
        self.total += 1;
    }

    /// The duration that `share` (0.0..=1.0) of them did not exceed.
    pub fn percentile(&self, share: f64) -> Option<Duration> {
        let rank = nearest_rank(self.total, share)?;
        let mut below = 0;
        let step = self.counts.iter().position(|count| {
            below += count;
            below > rank
        })?;
        let us = middle_of(step).clamp(self.shortest, self.longest);
        Some(Duration::from_micros(us))
    }
}

/// The number of the step that a duration belongs to.
fn step_of(us: u64) -> usize {
    let doublings = (us | (EXACT - 1)).ilog2() - STEP_BITS;
    let within = us >> doublings;
    usize::try_from((u64::from(doublings) << STEP_BITS) + within).unwrap_or(usize::MAX)
}

/// A duration in the middle of a step.
fn middle_of(step: usize) -> u64 {
    let step = step as u64;
    let doublings = (step >> STEP_BITS).saturating_sub(1);
    let within = step - (doublings << STEP_BITS);
    (within << doublings) + ((1 << doublings) - 1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(all: impl Iterator<Item = u64>) -> Times {
        let mut times = Times::default();
        all.for_each(|us| times.add(Duration::from_micros(us)));
        times
    }

    #[test]
    fn a_percentile_is_wrong_by_one_percent_at_most() {
        for unit in [1, 7, 1000, 123_457, 3_600_000_000] {
            let times = of((1..=1000).map(|n| n * unit));
            for (share, rank) in [(0.0, 1), (0.5, 500), (0.95, 950), (0.99, 990), (1.0, 1000)] {
                let (told, right) = (times.percentile(share).unwrap(), Duration::from_micros(rank * unit));
                let wrong = told.abs_diff(right).as_secs_f64() / right.as_secs_f64();
                assert!(wrong <= 0.01, "{unit} {share}: {told:?} for {right:?}");
            }
        }
    }

    #[test]
    fn short_lists_are_told_as_they_are() {
        assert_eq!(of([].into_iter()).percentile(0.5), None);
        assert_eq!(
            of([98_765].into_iter()).percentile(0.5),
            Some(Duration::from_micros(98_765))
        );
        let times = of([100, 98_765].into_iter());
        let told = [0.0, 1.0].map(|share| times.percentile(share));
        assert_eq!(told, [100, 98_765].map(|us| Some(Duration::from_micros(us))));
    }

    #[test]
    fn the_size_has_an_end_and_every_duration_a_step() {
        let mut times = of([0, u64::MAX].into_iter());
        times.add(Duration::MAX);
        assert_eq!(times.counts.len(), 3776);
        for us in (0..64).flat_map(|bits| [1_u64 << bits, (1 << bits) + 1, u64::MAX >> bits]) {
            assert_eq!(step_of(middle_of(step_of(us))), step_of(us), "{us}");
        }
    }
}
