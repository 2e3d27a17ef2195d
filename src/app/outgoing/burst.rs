//! Hands deliveries over to the engine, several at once and then the next ones where that is wanted.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::engine::{Delivery, Event};
use crate::error::Result;
use crate::id::Id;
use crate::pipeline::DeliveryObserver;

/// Deliveries of a burst whose first attempt is not over.
#[derive(Debug, Default)]
pub(super) struct Burst {
    under_way: Mutex<HashSet<Id>>,
    over: Notify,
}

impl Burst {
    fn under_way(&self) -> MutexGuard<'_, HashSet<Id>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the first attempts of all of them are over.
    async fn ended(&self) {
        while !self.under_way().is_empty() {
            self.over.notified().await;
        }
    }

    /// The first attempt of a delivery is over, or there will be none.
    pub(super) fn end(&self, delivery: Id) {
        let mut under_way = self.under_way();
        if under_way.remove(&delivery) && under_way.is_empty() {
            self.over.notify_one();
        }
    }
}

/// The way into the engine.
pub(super) struct Handover {
    jobs: mpsc::Sender<Delivery>,
    cancel: CancellationToken,
    /// Those of the next burst; with 1, each goes at once.
    waiting: Vec<Delivery>,
    size: usize,
    burst: Option<Arc<Burst>>,
}

impl Handover {
    pub(super) fn new(
        jobs: mpsc::Sender<Delivery>,
        cancel: CancellationToken,
        size: Option<usize>,
        burst: Option<Arc<Burst>>,
    ) -> Self {
        Self {
            jobs,
            cancel,
            waiting: Vec::new(),
            size: size.unwrap_or(1),
            burst,
        }
    }

    /// Hands one over, or keeps it for the next burst. Returns whether the run is over.
    pub(super) async fn give(&mut self, delivery: Delivery) -> bool {
        self.waiting.push(delivery);
        self.waiting.len() >= self.size && self.flush().await
    }

    /// Hands over what waits. Returns whether the run is over.
    pub(super) async fn flush(&mut self) -> bool {
        let waiting = std::mem::take(&mut self.waiting);
        if let Some(burst) = &self.burst {
            tokio::select! {
                () = burst.ended() => {}
                () = self.cancel.cancelled() => {}
            }
            burst.under_way().extend(waiting.iter().map(|delivery| delivery.id));
        }
        for delivery in waiting {
            if self.cancel.is_cancelled() || self.jobs.send(delivery).await.is_err() {
                return true;
            }
        }
        false
    }
}

/// Notes when first attempts are over, and passes on every event.
pub(super) struct BurstObserver<'a> {
    pub(super) burst: Arc<Burst>,
    pub(super) inner: &'a mut (dyn DeliveryObserver + Send),
}

impl DeliveryObserver for BurstObserver<'_> {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        self.burst.end(event.delivery.id);
        self.inner.event(number, event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::engine::FaultInjector as _;
    use crate::id::IdKind;
    use crate::random::Random;

    #[tokio::test]
    async fn a_burst_does_not_wait_for_a_delivery_that_is_gone() {
        let burst = Arc::new(Burst::default());
        let ids = [0, 1].map(|_| Id::new(IdKind::Delivery, Timestamp::default(), &Random::os()));
        burst.under_way().extend(ids);
        let watch = super::super::faults::FaultWatch::new(false, 1, Some(Arc::clone(&burst)));
        burst.end(ids[0]);
        watch.gone(ids[1]);
        burst.ended().await;
    }
}
