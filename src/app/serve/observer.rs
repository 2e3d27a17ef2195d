//! What the pipeline reports: slots become free, outcomes count for the health of endpoints, and the front end sees the rest.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::queue::ServiceQueue;
use crate::app::context::{Context, aside};
use crate::app::endpoint_health;
use crate::engine::Event;
use crate::error::Result;
use crate::pipeline::{DeliveryObserver, EndpointOutcome};

/// Passes events on.
pub(super) struct QueueObserver<V> {
    pub(super) inner: V,
    pub(super) queue: Arc<ServiceQueue>,
    pub(super) outcomes: mpsc::UnboundedSender<EndpointOutcome>,
}

impl<V: DeliveryObserver> DeliveryObserver for QueueObserver<V> {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        self.queue.recorded(event);
        self.inner.event(number, event)
    }

    fn outcome(&mut self, outcome: EndpointOutcome) {
        // The receiver is dropped only while the program ends.
        let _ = self.outcomes.send(outcome);
    }
}

/// Counts the outcomes of deliveries for the health of their endpoints. A failure to read or write the endpoint file is
/// reported once.
pub(super) async fn count_all(context: Arc<Context>, mut outcomes: mpsc::UnboundedReceiver<EndpointOutcome>) {
    let mut failing = false;
    while let Some(first) = outcomes.recv().await {
        let mut all = vec![first];
        while let Ok(next) = outcomes.try_recv() {
            all.push(next);
        }
        // The endpoint file has a lock that may be held for long.
        let counted = aside(&context, move |context| {
            endpoint_health::count_outcomes(context, &all, true)
        })
        .await;
        if let (Err(error), false) = (&counted, failing) {
            context
                .notices
                .warn(format!("could not update the health of endpoints: {error}"));
        }
        failing = counted.is_err();
    }
}
