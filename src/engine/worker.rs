//! One attempt: from the queue to its event.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::waiting::QueuedDelivery;
use super::{Delivery, Engine, Event, FailureReason, Next, Progress, Promise, Situation, decide};
use crate::exchange::{Attempt, ErrorKind, Outcome};
use crate::headers::Headers;
use crate::transport::Transport;

pub(super) struct Worker<T> {
    pub(super) engine: Engine<T>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) cancel: CancellationToken,
}

/// A delivery that is tried again after that time.
pub(super) type NextAttempt = (QueuedDelivery, Duration);

impl<T: Transport> Worker<T> {
    /// Makes the next attempt of a delivery. Returns when its event was taken, so that a slow ledger slows down the sending
    /// and outcomes do not pile up in memory.
    pub(super) async fn attempt(&self, waiting: QueuedDelivery) -> Option<NextAttempt> {
        let mut progress = waiting.progress;
        let delivery = self.whole(waiting).await?;
        let is_admitted = match &self.engine.gate {
            Some(gate) => {
                tokio::select! {
                    biased;
                    () = gate.released(&delivery.label) => {}
                    () = self.cancel.cancelled() => {}
                }
                gate.admits(&delivery.label).await
            }
            None => true,
        };
        if !is_admitted {
            let withheld = Next::Failed(FailureReason::Withheld);
            self.emit(delivery, None, withheld, None).await;
            self.engine.recheck.notify_one();
            return None;
        }
        // Cancelled while the content was fetched: an attempt would be stopped at once, and counted.
        if self.cancel.is_cancelled() {
            self.emit(delivery, None, Next::Interrupted, None).await;
            return None;
        }
        let is_queued = delivery.label.promise == Promise::Queued;
        let attempt = self.exchange(&delivery, progress).await;
        progress.attempts += 1;
        progress.retry_reason = Some(attempt.outcome.retry_reason());
        if let Some(witness) = &self.engine.witness {
            witness.attempted(&delivery, &attempt);
        }
        progress.first_at.get_or_insert(attempt.at);
        let due = progress.due.take().filter(|_| progress.attempts > 1);
        let next = decide(
            &delivery.policy,
            &attempt.outcome,
            Situation {
                attempts: progress.attempts,
                since_due: due.map_or(attempt.took, |due| due.elapsed()),
                now: self.engine.clock.now(),
                time_scale: self.engine.limits.time_scale,
                chance: self.engine.random.unit(),
                spread: self.engine.limits.spread,
                postpones: is_queued,
            },
        );
        if matches!(next, Next::Postponed { .. }) {
            self.emit(delivery, None, next, None).await;
            return None;
        }
        let after = match &next {
            Next::Retry { after, .. } => Some(*after),
            _ => None,
        };
        let waiting = QueuedDelivery::in_memory(Arc::clone(&delivery), progress);
        let has_store = self.engine.store.is_some();
        let recorded = CancellationToken::new();
        let guard = has_store.then(|| Arc::new(recorded.clone().drop_guard()));
        self.emit(delivery, Some(attempt), next, guard).await;
        let after = after.filter(|_| !self.engine.gives_back)?;
        if !has_store {
            return Some((waiting, after));
        }
        // Only a delivery that is on record can be fetched from the store.
        recorded.cancelled().await;
        Some((waiting.stored(), after))
    }

    /// The delivery with its content, unless that is gone.
    async fn whole(&self, waiting: QueuedDelivery) -> Option<Arc<Delivery>> {
        let id = waiting.delivery.id;
        let delivery = waiting.whole(self.engine.store.as_ref()).await;
        if let (None, Some(faults)) = (&delivery, &self.engine.faults) {
            faults.gone(id);
        }
        delivery
    }

    /// One more attempt after those of the progress.
    async fn exchange(&self, delivery: &Delivery, progress: Progress) -> Attempt {
        let at = self.engine.clock.now();
        let request = delivery.request(at, progress);
        let begun = Instant::now();
        let (request_headers, request_body, outcome) = match request {
            Ok(request) => {
                if let Some(faults) = &self.engine.faults {
                    faults.begin(delivery);
                }
                let outcome = tokio::select! {
                    biased;
                    outcome = self.engine.transport.send_within(&request, delivery.addresses) => {
                        match &self.engine.faults {
                            Some(faults) => faults.outcome(delivery, progress.attempts + 1, outcome),
                            None => outcome,
                        }
                    }
                    () = self.cancel.cancelled() => {
                        Outcome::Error { kind: ErrorKind::Cancelled, text: "stopped before an answer came".into() }
                    }
                };
                let changed = (request.body != delivery.message.body).then_some(request.body);
                (request.headers, changed, outcome)
            }
            // Not sent unsigned: the receiver would refuse it, and be blamed.
            Err(error) => {
                let (kind, text) = (ErrorKind::Signing, error.to_string());
                (Headers::new(), None, Outcome::Error { kind, text })
            }
        };
        Attempt {
            seq: progress.attempts + 1,
            at,
            request_headers,
            request_body,
            outcome,
            took: begun.elapsed(),
        }
    }

    /// Emits how a delivery that waits ends.
    pub(super) async fn end(&self, waiting: QueuedDelivery, next: Next) {
        if let Some(delivery) = self.whole(waiting).await {
            self.emit(delivery, None, next, None).await;
        }
    }

    pub(super) async fn emit(
        &self,
        delivery: Arc<Delivery>,
        attempt: Option<Attempt>,
        next: Next,
        until_recorded: Option<Arc<DropGuard>>,
    ) {
        let event = Event {
            delivery,
            attempt,
            next,
            until_recorded,
        };
        // Deliveries come to their end even when the receiver is gone.
        let _ = self.events.send(event).await;
    }
}
