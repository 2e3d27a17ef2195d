//! What callers of the API ask of the queue: to try deliveries again, and to pause.

use super::queue::ServiceQueue;
use crate::clock::Clock as _;
use crate::store::{Op, PendingAck, QueueClass, QueueOp, StoreError};

/// A delivery that is tried again.
pub(super) struct Requeued {
    /// Its number.
    pub(super) number: u64,
    /// Where it waits.
    pub(super) lane: String,
    /// Whether an attempt was made.
    pub(super) was_tried: bool,
}

impl ServiceQueue {
    /// Enters deliveries again. Returns how many; the others have changed meanwhile.
    pub(super) async fn requeue(&self, items: Vec<Requeued>) -> Result<u64, StoreError> {
        let due = self.clock.now();
        let mut pending: Vec<(Requeued, PendingAck)> = Vec::with_capacity(items.len());
        // All are handed to the writer before the first is waited for: it puts them in few transactions.
        for item in items {
            let op = QueueOp::Requeue {
                delivery: item.number,
                owner: self.owner.clone(),
                lane: item.lane.clone(),
                due,
            };
            let ack = self.ledger.enqueue(Op::Queue(op)).await?;
            pending.push((item, ack));
        }
        let mut entered = 0;
        for (item, ack) in pending {
            if ack.await?.number == 0 {
                continue;
            }
            entered += 1;
            let class = if item.was_tried {
                QueueClass::Retry
            } else {
                QueueClass::First
            };
            self.lanes().add(&item.lane, class, due);
        }
        self.wake.notify_one();
        Ok(entered)
    }

    /// Pauses a lane, or everything when there is none, or resumes it: in the ledger, for every process, and here at once.
    pub(super) async fn pause(&self, lane: Option<&str>, is_paused: bool) -> Result<(), StoreError> {
        let op = QueueOp::Pause {
            lane: lane.map(str::to_owned),
            at: is_paused.then(|| self.context.now()),
        };
        self.ledger.write(Op::Queue(op)).await?;
        let mut lanes = self.lanes();
        match lane {
            Some(lane) => lanes.pause(lane, is_paused),
            None => lanes.pause_all(is_paused),
        }
        drop(lanes);
        self.wake.notify_one();
        Ok(())
    }
}
