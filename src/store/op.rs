//! The changes of the ledger.

use uuid::Uuid;

use super::queue::QueueOp;
use super::{Attempt, DeliveryState, DiagnosisNote, KeyOp, NewCapture, NewDelivery, NewWork, WorkKey};
use crate::clock::Timestamp;
use crate::health::HealthChange;
use crate::id::Id;
use crate::owner_notice::NoticeChange;

/// A change of the ledger.
#[derive(Debug, Clone)]
pub enum Op {
    /// Records a request.
    Capture(Box<NewCapture>),
    /// Records a request and, in the same transaction, what was promised for it.
    Receive {
        /// The request.
        capture: Box<NewCapture>,
        /// The work that it causes.
        work: Vec<NewWork>,
    },
    /// Records a request that another process will answer: it is checked for a duplicate, but makes no other one a duplicate
    /// and causes no work until [`Op::Promise`].
    ReceiveUnanswered(Box<NewCapture>),
    /// The answer to a recorded request is a success: it counts for duplicates from now on, and causes work. The ack says
    /// whether it is one itself by now.
    Promise {
        /// The capture's number.
        capture: u64,
        /// As in [`NewCapture::dedupe_key`].
        dedupe_key: Option<String>,
        /// The work that it causes.
        work: Vec<NewWork>,
    },
    /// An item of the work queue is done.
    WorkDone(WorkKey),
    /// The first attempt of a forward is on record: the item is done when the delivery is.
    WorkStarted {
        /// Which item.
        work: WorkKey,
        /// Its delivery.
        delivery: Id,
    },
    /// Takes over a lane of the work queue, unless another process was faster.
    ClaimLane {
        /// Which one.
        lane: Uuid,
        /// The expected current owner; with another one nothing is changed.
        from: Option<String>,
        /// The new owner; absent: none.
        owner: Option<String>,
        /// Now.
        now: Timestamp,
    },
    /// Drops a lane when nothing is in it.
    CloseLane(Uuid),
    /// Changes the queue of services.
    Queue(QueueOp),
    /// Changes the health of an endpoint.
    Health(HealthChange),
    /// Changes the keys of the API.
    Keys(KeyOp),
    /// A channel has sent a notice, gave it up, or tries it again.
    Notice(NoticeChange),
    /// Several changes in one transaction. The ack is that of the first, and tells whether any of them disabled an endpoint.
    Together(Vec<Op>),
    /// Records a delivery with its message (once for several deliveries) and the attempts so far.
    Delivery(Box<NewDelivery>),
    /// Records a delivery that repeats a failed one, unless that was repeated or delivered meanwhile: of several processes
    /// that repeat the same failure, a single one does.
    Repeat {
        /// The number of the delivery that failed, as [`super::Store::undelivered`] gave it.
        failed: u64,
        /// The new one.
        delivery: Box<NewDelivery>,
    },
    /// Adds an attempt to a recorded delivery and sets its state.
    Attempt {
        /// Which delivery.
        delivery: Id,
        /// Its number, where it is known: then it is not looked for.
        number: Option<u64>,
        /// What was tried.
        attempt: Box<Attempt>,
        /// The new state.
        state: DeliveryState,
        /// When the next one is due, while pending.
        next_due: Option<Timestamp>,
    },
    /// Sets the state and the owner of a delivery, without an attempt.
    State {
        /// Which delivery.
        delivery: Id,
        /// The new state.
        state: DeliveryState,
        /// The new owner.
        owner: Option<String>,
    },
    /// Takes over a delivery that has attempts left, unless another process was faster: of several processes that resume the
    /// same one, a single one gets it.
    Claim {
        /// Which delivery.
        delivery: Id,
        /// The expected current owner; with another one nothing is changed.
        from: Option<String>,
        /// The new owner.
        owner: String,
    },
    /// Notes where a capture was forwarded.
    Forwarded {
        /// The capture's number.
        capture: u64,
        /// The target.
        url: String,
    },
    /// Records how a command ended that ran for a capture: a failure adds it to the failed commands, a success removes it.
    Processed {
        /// The capture's number.
        capture: u64,
        /// The command under which it is kept.
        command: String,
        /// When it ended.
        at: Timestamp,
        /// How it failed; `None` for a success.
        error: Option<String>,
    },
    /// Notes why a capture was refused.
    Explained {
        /// The capture's number.
        capture: u64,
        /// What was found.
        note: Box<DiagnosisNote>,
    },
    /// Takes over a command that failed, to run it again, unless another process was faster.
    ClaimProcessing {
        /// The capture's number.
        capture: u64,
        /// The command under which it is kept.
        command: String,
        /// The expected current owner; with another one nothing is changed.
        from: Option<String>,
        /// The new owner.
        owner: String,
    },
}
