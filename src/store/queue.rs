//! The queue of services: deliveries that were promised to the sender of an event and are not finished. A delivery is entered
//! in the transaction that records its event, and leaves with the attempt that ends it.
//!
//! Deliveries wait in lanes. A lane is one target: its deliveries share its limits and are taken in the order in which they
//! are due. Only what is taken is in a process's memory.

use std::time::Duration;

use super::NewDelivery;
use crate::clock::Timestamp;
use crate::id::Id;
use crate::message::Mode;
use crate::words::words;

/// The owner of what the durable service of a ledger works off: there is one at a time.
pub const SERVICE: &str = "serve";

/// Process deaths during attempts of one delivery after which it is parked.
pub const MOST_CRASHES: u32 = 3;

/// How often a process renews its lease.
#[allow(dead_code, reason = "the service calls it once a store with leases can be chosen")]
pub const HEARTBEAT: Duration = Duration::from_secs(5);

/// What came of renewing a lease.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Heartbeat {
    /// Whether the lease had ended before: what was taken under it and its lanes may be another process's by now.
    pub was_lost: bool,
    /// How many deliveries ended processes had taken: they wait again, or are parked.
    pub crashed: u64,
}

/// How long the answer to a call with an idempotency key is kept.
pub const IDEMPOTENCY_KEPT: Duration = Duration::from_secs(24 * 60 * 60);

words! {
    /// Which deliveries of a lane are taken.
    #[derive(PartialOrd, Ord)]
    pub enum QueueClass {
        /// Not tried yet.
        First = "first",
        /// Tried before.
        Retry = "retry",
        /// A process died twice during its attempts: it is taken alone, so that it takes no others along.
        Suspect = "suspect",
    }
}

words! {
    /// Why a delivery is parked: it waits until it is released by hand.
    pub enum ParkReason {
        /// Its endpoint is disabled.
        Disabled = "disabled",
        /// The process died [`MOST_CRASHES`] times during its attempts.
        Crashed = "crashed",
        /// Its record cannot be read.
        Unusable = "unusable",
        /// The secret of its endpoint cannot be decrypted. It is released as soon as that can be done.
        Locked = "locked",
    }
}

impl ParkReason {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Disabled => "its endpoint is disabled",
            Self::Crashed => "the process died three times during its attempts",
            Self::Locked => "the secret of its endpoint cannot be decrypted: `HOOK_KEY` is not its key",
            Self::Unusable => "it cannot be made again from its record: its provider or its secret is gone",
        }
    }
}

/// Everything that one call hands over: all of it is recorded, or nothing.
#[derive(Debug, Clone, Default)]
pub struct Intake {
    /// Who works the deliveries off.
    pub owner: String,
    /// Makes a repetition of the call harmless.
    pub key: Option<IdempotencyKey>,
    /// The generation of the store's documents from which its deliveries were made. When it is another by now, nothing is recorded,
    /// and the ack says so. Absent: the endpoints are not in the store.
    pub book: Option<u64>,
    /// The events, in order.
    pub events: Vec<NewEvent>,
}

/// The key of a call, and what it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Digest of the key and of who sent it.
    pub key: [u8; 32],
    /// Digest of the body.
    pub body: [u8; 32],
    /// When it came.
    pub at: Timestamp,
    /// The answer, kept for repetitions.
    pub answer: String,
}

/// An event with its deliveries.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// As its sender knows it.
    pub id: String,
    /// When it came.
    pub at: Timestamp,
    /// Its name.
    pub name: String,
    /// Test or live.
    pub mode: Mode,
    /// Its data as JSON, for an event without deliveries.
    pub data: Option<Vec<u8>>,
    /// Whose it is.
    pub tenant: Option<String>,
    /// One for each subscribed endpoint.
    pub deliveries: Vec<NewQueued>,
}

/// A delivery to be entered in the queue.
#[derive(Debug, Clone)]
pub struct NewQueued {
    /// What is delivered, with the owner of the intake.
    pub delivery: NewDelivery,
    /// Where it waits: the id of an endpoint.
    pub lane: String,
    /// Whether its first attempt begins at once.
    pub taken: bool,
}

/// An event as recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Counts the events.
    pub number: u64,
    /// As its sender knows it.
    pub id: String,
    /// When it came.
    pub at: Timestamp,
    /// Its name.
    pub name: String,
    /// Test or live.
    pub mode: Mode,
    /// The number of its first delivery; the others follow it.
    pub first: u64,
    /// How many deliveries it has.
    pub deliveries: u64,
    /// Its data, where it has no deliveries.
    pub data: Option<Vec<u8>>,
    /// Whose it is.
    pub tenant: Option<String>,
}

/// A delivery that was taken from the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct TakenDelivery {
    /// Its number.
    pub number: u64,
    /// Its lane.
    pub lane: String,
    /// Its class.
    pub class: QueueClass,
    /// Its record, of the attempts with the last one alone.
    pub delivery: NewDelivery,
    /// Attempts so far.
    pub attempts: u32,
    /// When the first one began.
    pub first_at: Option<Timestamp>,
    /// Whether it failed before, and it was retried by hand.
    pub is_again: bool,
    /// When it was due.
    pub due: Timestamp,
}

/// When the first delivery of a class of a lane is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneDue {
    /// The lane.
    pub lane: String,
    /// The class.
    pub class: QueueClass,
    /// When.
    pub due: Timestamp,
}

/// How many deliveries of an owner wait for something. How many it tries now is for its process to know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Waiting for an attempt.
    pub waiting: u64,
    /// Parked.
    pub parked: u64,
}

/// A change of the queue.
#[derive(Debug, Clone)]
pub enum QueueOp {
    /// Records what a call hands over. The ack has the answer of an earlier call with the same key.
    Accept(Box<Intake>),
    /// Takes the deliveries of a lane that are due, the longest waiting first. The ack has them, and when the next one is due.
    Take {
        /// Whose.
        owner: String,
        /// Of which lane.
        lane: String,
        /// Of which class.
        class: QueueClass,
        /// How many at most.
        limit: usize,
        /// Bytes of bodies after which no more are taken.
        bytes: usize,
        /// Now.
        now: Timestamp,
    },
    /// Puts a taken delivery back, as if it had not been taken: it keeps its place.
    Release {
        /// Which delivery.
        delivery: Id,
    },
    /// Gives up a delivery: it leaves the queue, and stays pending until it is resumed by hand.
    Leave {
        /// Which delivery.
        delivery: Id,
    },
    /// Parks what waits in a lane, at most `limit` deliveries. The ack has their number.
    ParkLane {
        /// Whose.
        owner: String,
        /// Which lane.
        lane: String,
        /// Why.
        reason: ParkReason,
        /// When its endpoint was enabled last, as it was when it was found disabled: nothing is parked when it was enabled
        /// since.
        enabled_at: Option<Timestamp>,
        /// How many at most.
        limit: usize,
    },
    /// Releases what is parked in a lane for that reason, at most `limit` deliveries. The ack has their number.
    ReleaseLane {
        /// Which lane.
        lane: String,
        /// Why they are parked.
        reason: ParkReason,
        /// When they are due, by the machine's clock.
        due: Timestamp,
        /// How many at most.
        limit: usize,
    },
    /// Cancels what waits or is parked in a lane, at most `limit` deliveries. The ack has their number.
    CancelLane {
        /// Which lane.
        lane: String,
        /// How many at most.
        limit: usize,
    },
    /// Enters a finished or parked delivery again: it has one more attempt, and more where its schedule has some left.
    Requeue {
        /// The number of the delivery.
        delivery: u64,
        /// Who works it off.
        owner: String,
        /// Where it waits.
        lane: String,
        /// When it is due.
        due: Timestamp,
    },
    /// Enters pending deliveries that a dead process left, unless another process was faster.
    Adopt {
        /// The owner that died.
        from: String,
        /// The new one.
        to: String,
        /// Numbers and lanes.
        deliveries: Vec<(u64, String)>,
        /// Now.
        now: Timestamp,
    },
    /// The machine's clock was set while an owner works: it is so many microseconds ahead of the one by which the owner's
    /// deliveries are due.
    Clock {
        /// Whose.
        owner: String,
        /// How far ahead.
        ahead_us: i64,
    },
    /// Takes over the queue of a dead owner: what was taken counts as a crash. The ack has how many crashed.
    Recover {
        /// The owner that died; it may be the same.
        from: String,
        /// The new one.
        to: String,
        /// Now.
        now: Timestamp,
        /// How long what crashed twice waits after every start, so that nothing else is in its company, and so that it is not
        /// tried between other crashes.
        pause: Duration,
    },
    /// Gives up all deliveries of an owner: they stay pending until they are resumed by hand.
    Disown {
        /// Whose.
        owner: String,
    },
    /// Pauses a lane, or everything when there is none; or resumes it.
    Pause {
        /// Which lane.
        lane: Option<String>,
        /// Since when; absent: it is resumed.
        at: Option<Timestamp>,
    },
}
