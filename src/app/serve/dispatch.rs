//! Deliveries are taken from the ledger when they are due and their lane has room.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::lanes::{Ended, Order};
use super::queue::ServiceQueue;
use super::remake;
use crate::app::context::aside;
use crate::clock::Clock as _;
use crate::engine::Delivery;
use crate::error::Result;
use crate::id::Id;
use crate::store::{Ack, Op, QueueOp, StoreError, TakenDelivery};

/// Bytes of bodies that are taken from one lane at once.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// How long the ledger is left alone after it refused a change.
const PAUSE: Duration = Duration::from_secs(1);

/// Lanes from which is taken at once.
const LANES_AT_ONCE: usize = 64;

impl ServiceQueue {
    /// Reports once that the ledger fails, and that it works again.
    pub(super) fn report(&self, error: Option<&StoreError>) {
        let notices = &self.context.notices;
        let was_failing = self.is_failing.swap(error.is_some(), Ordering::Relaxed);
        match error {
            Some(error) if !was_failing => {
                notices.warn(format!("deliveries wait, and events are refused: {error}"));
            }
            None if was_failing => notices.note("the ledger works again: deliveries go on"),
            _ => {}
        }
    }

    /// Makes a change, again and again until the ledger takes it or `stop`.
    async fn insist(&self, op: QueueOp, stop: &CancellationToken) {
        while let Err(error) = self.ledger.write(Op::Queue(op.clone())).await {
            self.report(Some(&error));
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    /// Takes what is due until `stop`.
    pub(super) async fn dispatch(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            // An endpoint that was just disabled or removed gets nothing more; a broken book was reported.
            let _ = self.subscribers().await;
            let mut pending = Vec::new();
            while pending.len() < LANES_AT_ONCE {
                let now = self.clock.now();
                let Some(order) = self.lanes().next(now) else { break };
                let op = QueueOp::Take {
                    owner: self.owner.clone(),
                    lane: order.lane.to_string(),
                    class: order.class,
                    limit: order.limit,
                    bytes: BATCH_BYTES,
                    now,
                };
                pending.push((order, self.ledger.enqueue(Op::Queue(op)).await));
            }
            if pending.is_empty() {
                self.wait(stop).await;
                continue;
            }
            let mut failed = None;
            for (order, ack) in pending {
                let ack = match ack {
                    Ok(ack) => ack.await,
                    Err(error) => Err(error),
                };
                match ack {
                    Ok(ack) => self.took(&order, ack, stop).await,
                    Err(error) => {
                        self.lanes().taken(&order, 0, Some(self.clock.now()));
                        failed = Some(error);
                    }
                }
            }
            self.report(failed.as_ref());
            if failed.is_some() {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }

    async fn wait(&self, stop: &CancellationToken) {
        let due = self.lanes().wake_at().map(|at| self.clock.instant(at));
        let timer = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.wake.notified() => {}
            () = timer => {}
        }
    }

    async fn took(&self, order: &Order, ack: Ack, stop: &CancellationToken) {
        self.lanes().taken(order, ack.taken.len(), ack.next_due);
        for number in ack.unreadable {
            let notices = &self.context.notices;
            notices.warn(format!("`#{number}` is parked: its record cannot be read"));
        }
        for taken in ack.taken {
            let (id, number, late) = (taken.delivery.id, taken.number, self.clock.now().since(taken.due));
            match self.remake(taken).await {
                Ok(mut delivery) => {
                    delivery.progress.due = Instant::now().checked_sub(late);
                    self.begin(Arc::clone(&order.lane), order.class, delivery).await;
                }
                Err(_) if self.is_to_be_emptied(&order.lane) => self.put_back(order, id, stop).await,
                Err(error) => {
                    let notices = &self.context.notices;
                    notices.warn(format!(
                        "`#{number}` is left to `hook replay --resume {number}`: {error}"
                    ));
                    self.lanes().ended(&order.lane, order.class, Ended::Unknown);
                    self.insist(QueueOp::Leave { delivery: id }, stop).await;
                }
            }
        }
    }

    /// Whether what waits in a lane is parked or cancelled, because its endpoint is locked or was removed.
    fn is_to_be_emptied(&self, lane: &str) -> bool {
        let subscribers = self.book.current();
        match subscribers.of_lane(lane) {
            Some(subscriber) => subscriber.is_locked(),
            None => subscribers.generation.is_some() && subscribers.is_removed(lane),
        }
    }

    /// Puts back what was taken just before its lane was closed: it goes where the others go.
    async fn put_back(&self, order: &Order, delivery: Id, stop: &CancellationToken) {
        self.insist(QueueOp::Release { delivery }, stop).await;
        let due = self.clock.now().plus(PAUSE);
        let mut lanes = self.lanes();
        lanes.ended(&order.lane, order.class, Ended::Unknown);
        lanes.add(&order.lane, order.class, due);
    }

    /// The delivery of a record that was taken.
    async fn remake(&self, taken: TakenDelivery) -> Result<Delivery> {
        let subscribers = self.book.current();
        if let Some(subscriber) = subscribers.of_lane(&taken.lane)
            && let Some(delivery) = remake::of_endpoint(&self.context, subscriber, &taken)
        {
            return Ok(delivery);
        }
        aside(&self.context, move |context| remake::of_record(context, &taken)).await
    }
}
