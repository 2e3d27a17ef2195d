//! How many effects the requests of an audit have. A receiver may apply an event after it has answered: before the next requests are
//! counted, the effects of the earlier ones are waited for.

use std::time::Duration;

use super::effects::{EffectCounter, LATE};
use crate::error::Result;

/// How long a receiver that applies at once is waited for when an effect is missing that nothing depends on.
const SHORT: Duration = Duration::from_secs(2);

/// How many times as long as effects took so far they may take later.
const TIMES: u32 = 3;

/// The count while the audit runs. Results are absent when the number means nothing, because it never stays the same.
pub(super) struct Counting {
    counter: EffectCounter,
    /// The number before the requests at hand.
    base: i64,
    /// Requests since then that were accepted and not counted.
    pending: i64,
    /// How long a missing effect of those is waited for.
    patience: Duration,
}

impl Counting {
    pub(super) fn new(counter: EffectCounter) -> Self {
        Self {
            counter,
            base: 0,
            pending: 0,
            patience: LATE,
        }
    }

    /// Requests were accepted whose effects are not counted.
    pub(super) fn skip(&mut self, accepted: usize) {
        self.pending = self.pending.saturating_add(i64::try_from(accepted).unwrap_or(i64::MAX));
    }

    /// Begins to count, once the effects of earlier requests are there.
    pub(super) async fn begin(&mut self) -> Result<Option<()>> {
        if self.pending > 0 {
            let settled = self.counter.settled(self.base, self.pending, self.patience).await?;
            if settled.is_none() {
                return Ok(None);
            }
            self.pending = 0;
        }
        self.base = self.counter.read().await?;
        Ok(Some(()))
    }

    /// The effects since it was begun, of which so many are expected.
    pub(super) async fn seen(&mut self, expected: i64) -> Result<Option<i64>> {
        let Some(growth) = self.counter.settled(self.base, expected, LATE).await? else {
            return Ok(None);
        };
        self.base += growth.seen;
        if growth.seen > 0 {
            self.patience = (growth.took * TIMES).clamp(SHORT, LATE);
        }
        Ok(Some(growth.seen))
    }
}
