//! The changes of the ledger.

use uuid::Uuid;

use super::{Attempt, DeliveryState, DiagnosisNote, NewCapture, NewDelivery, NewWork, WorkKey};
use crate::clock::Timestamp;
use crate::id::Id;

/// A change of the ledger.
#[derive(Debug, Clone)]
pub enum Op {
    /// Records a request.
    Capture(Box<NewCapture>),
    /// Records a request and, in the same transaction, what was promised for it.
    Receive {
        /// What came.
        capture: Box<NewCapture>,
        /// What it causes.
        work: Vec<NewWork>,
    },
    /// Records a request whose answer is somebody else's and yet to come: whether it is a duplicate is found out, but it makes
    /// no other one a duplicate and causes nothing until [`Op::Promise`].
    ReceiveUnanswered(Box<NewCapture>),
    /// The answer to a recorded request is a success: it counts for duplicates from now on, and causes work. The ack says
    /// whether it is one itself by now.
    Promise {
        /// The capture's number.
        capture: u64,
        /// As in [`NewCapture::dedupe_key`].
        dedupe_key: Option<String>,
        /// What it causes.
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
    /// Takes over a lane of the work queue, unless somebody else was faster.
    ClaimLane {
        /// Which one.
        lane: Uuid,
        /// Who is known to own it so far; another owner by now means that nothing is changed.
        from: Option<String>,
        /// Who works on it from now on; absent: nobody.
        owner: Option<String>,
    },
    /// Drops a lane when nothing is in it.
    CloseLane(Uuid),
    /// Several changes in one transaction. The ack is that of the first.
    Together(Vec<Op>),
    /// Records a delivery with its message (once for several deliveries) and the attempts so far.
    Delivery(Box<NewDelivery>),
    /// Records a delivery that makes again what failed, unless that is not to be made again any more: of several processes
    /// that repeat what is undelivered, a single one does.
    Repeat {
        /// The number of the delivery that failed, as [`super::Store::undelivered`] gave it.
        failed: u64,
        /// The new one.
        delivery: Box<NewDelivery>,
    },
    /// Adds an attempt to a recorded delivery and says where it stands then.
    Attempt {
        /// Which delivery.
        delivery: Id,
        /// What was tried.
        attempt: Box<Attempt>,
        /// Where it stands.
        state: DeliveryState,
        /// When the next one is due, while pending.
        next_due: Option<Timestamp>,
    },
    /// Gives a delivery another state and owner, without an attempt.
    State {
        /// Which delivery.
        delivery: Id,
        /// Where it stands.
        state: DeliveryState,
        /// Who works on it from now on.
        owner: Option<String>,
    },
    /// Takes over a delivery that has attempts left, unless somebody else was faster: of several processes that resume the
    /// same one, a single one gets it.
    Claim {
        /// Which delivery.
        delivery: Id,
        /// Who is known to own it so far; another owner by now means that nothing is changed.
        from: Option<String>,
        /// Who works on it from now on.
        owner: String,
    },
    /// Notes where a capture was forwarded.
    Forwarded {
        /// The capture's number.
        capture: u64,
        /// The target.
        url: String,
    },
    /// Says what came of a command that ran for a capture: a failure puts it among what failed, a success takes it out.
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
    /// Takes over a command that failed, to run it again, unless somebody else was faster.
    ClaimProcessing {
        /// The capture's number.
        capture: u64,
        /// The command under which it is kept.
        command: String,
        /// Who is known to own it so far; another owner by now means that nothing is changed.
        from: Option<String>,
        /// Who runs it from now on.
        owner: String,
    },
}
