//! What the pipeline reports: slots become free, lanes of disabled endpoints are closed, and the front end sees the rest.

use std::sync::Arc;

use super::queue::ServiceQueue;
use crate::app::endpoint_health;
use crate::engine::{Delivery, Event, Next, Witness};
use crate::error::Result;
use crate::exchange::Attempt;
use crate::health::DisabledEndpoint;
use crate::pipeline::{DeliveryObserver, DisableObserver};

/// Passes events on.
pub(super) struct QueueObserver<V> {
    pub(super) inner: V,
    pub(super) queue: Arc<ServiceQueue>,
}

impl<V: DeliveryObserver> DeliveryObserver for QueueObserver<V> {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        self.queue.recorded(event);
        // The queue reports those once for all of them.
        if matches!(event.next, Next::Postponed { .. }) {
            return Ok(());
        }
        self.inner.event(number, event)
    }
}

/// Learns of attempts before they are on record: the journal notes answers, and slots become free.
pub(super) struct AnswerWitness {
    pub(super) journal: Option<Arc<dyn Witness>>,
    pub(super) queue: Arc<ServiceQueue>,
}

impl Witness for AnswerWitness {
    fn attempted(&self, delivery: &Delivery, attempt: &Attempt) {
        if let Some(journal) = &self.journal {
            journal.attempted(delivery, attempt);
        }
        // A target that fails gets nothing more before its failure is counted.
        if attempt
            .outcome
            .status()
            .is_some_and(|status| (200..300).contains(&status))
        {
            self.queue.answered(delivery.id);
        }
    }
}

impl DisableObserver for ServiceQueue {
    fn disabled(&self, endpoint: &DisabledEndpoint) {
        // Before the lane is closed: a caller that has read the book before does not open it again.
        self.book.outdate();
        self.lanes().close(&endpoint.id, true);
    }

    fn shown(&self, endpoint: &DisabledEndpoint) {
        endpoint_health::report(&self.context.notices, endpoint);
    }
}
