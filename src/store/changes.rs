//! When other processes may have changed a ledger.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

#[cfg(feature = "postgres")]
use super::postgres::Hints;

/// How often a file is looked at, which tells nothing by itself.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often a database is looked at that sends hints: one of them may be lost.
#[cfg(feature = "postgres")]
const REST: Duration = super::queue::HEARTBEAT;

/// How long after a hint it is looked again: what was read just before it may be remembered for a second.
#[cfg(feature = "postgres")]
const LOOK_AGAIN: Duration = Duration::from_millis(1100);

/// The shortest time between two looks.
const GAP: Duration = Duration::from_millis(200);

/// When it is time to look for changes of other processes.
pub struct Changes {
    #[cfg(feature = "postgres")]
    hints: Option<Hints>,
    #[cfg(feature = "postgres")]
    was_hinted: bool,
    looked: Instant,
}

impl Changes {
    /// Those of a store that sends no hints.
    pub(super) fn without_hints() -> Self {
        Self {
            #[cfg(feature = "postgres")]
            hints: None,
            #[cfg(feature = "postgres")]
            was_hinted: false,
            looked: Instant::now(),
        }
    }

    /// Those of a store that sends hints.
    #[cfg(feature = "postgres")]
    pub(super) fn with_hints(hints: Hints) -> Self {
        Self {
            hints: Some(hints),
            ..Self::without_hints()
        }
    }

    /// Waits until it is time to look. Whatever becomes of the hints, that takes a few seconds at most.
    pub async fn next(&mut self) {
        self.wait().await;
        sleep_until(self.looked + GAP).await;
        self.looked = Instant::now();
    }

    #[cfg(feature = "postgres")]
    async fn wait(&mut self) {
        let Some(hints) = &self.hints else {
            return sleep(LOOK_EVERY).await;
        };
        let most = if self.was_hinted { LOOK_AGAIN } else { REST };
        self.was_hinted = tokio::time::timeout(most, hints.next()).await.is_ok();
    }

    #[cfg(not(feature = "postgres"))]
    async fn wait(&self) {
        sleep(LOOK_EVERY).await;
    }
}
