//! Statistics of records.

use std::time::Duration;

use super::reader_if_any;
use crate::app::context::Context;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::store::{Query, Stats};

/// The shortest window of a frequency: three events of one second are not 10,800 an hour.
const SHORTEST: Duration = Duration::from_secs(60);

/// Figures, and the time that they are of.
#[derive(Debug)]
pub struct Statistics {
    /// The requested start.
    pub since: Option<Timestamp>,
    /// That moment, else the first record's; absent where there is neither.
    pub from: Option<Timestamp>,
    /// Now.
    pub until: Timestamp,
    /// What the ledger counted.
    pub stats: Stats,
}

/// Counts the records that match; nothing when there is no ledger.
pub fn stats(context: &Context, query: &Query) -> Result<Option<Statistics>> {
    let Some(store) = reader_if_any(context)? else {
        return Ok(None);
    };
    let stats = store.stats(query)?;
    Ok(Some(Statistics {
        since: query.since,
        from: query.since.or(stats.first),
        until: context.now(),
        stats,
    }))
}

impl Statistics {
    /// The length of the window.
    pub fn length(&self) -> Duration {
        self.from.map_or(Duration::ZERO, |from| self.until.since(from))
    }

    /// How often that is in an hour.
    #[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
    pub fn per_hour(&self, count: u64) -> f64 {
        let rate = count as f64 * 3600.0 / self.length().max(SHORTEST).as_secs_f64();
        (rate * 1000.0).round() / 1000.0
    }

    /// Of the deliveries that came to an end, the share that succeeded.
    pub fn success_rate(&self) -> Option<f64> {
        let ended = self.stats.delivered + self.stats.failed;
        #[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
        let rate = self.stats.delivered as f64 / ended as f64;
        // Rounded down, so that it is 1 only if none failed.
        (ended > 0).then(|| (rate * 10_000.0).floor() / 10_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frequency_is_that_of_the_window_and_of_a_minute_at_least() {
        let from = Timestamp::from_unix(1_893_553_200);
        let after = |seconds| Statistics {
            since: None,
            from: Some(from),
            until: from.plus(Duration::from_secs(seconds)),
            stats: Stats::default(),
        };
        assert!((after(7200).per_hour(3) - 1.5).abs() < 1e-9);
        assert!((after(1).per_hour(3) - 180.0).abs() < 1e-9);
        assert!(after(0).per_hour(0).abs() < 1e-9);
    }
}
