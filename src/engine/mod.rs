//! The delivery engine: it takes deliveries, tries them on their schedules and emits events, in order for each delivery.
//! It prints and stores nothing. A waiting delivery holds no body: that is fetched from a store when its attempt begins.

mod delivery;
mod queue;
mod retry;
mod scheduler;
#[cfg(test)]
mod tests;
mod waiting;
mod worker;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

pub use delivery::{Delivery, Label, Progress, Promise, Signing};
pub use retry::{FailureReason, Next, Situation, decide, retry_after};
pub use waiting::DeliveryContent;

use crate::clock::Clock;
use crate::exchange::{Attempt, Outcome};
use crate::id::Id;
use crate::random::Random;
use crate::transport::Transport;

/// An event of a delivery.
#[derive(Debug, Clone)]
pub struct Event {
    /// The delivery.
    pub delivery: Arc<Delivery>,
    /// The attempt; absent when the delivery was stopped while it waited.
    pub attempt: Option<Attempt>,
    /// What follows.
    pub next: Next,
    /// Dropped by the recorder once the event is handed to the ledger: then the engine drops the content.
    pub until_recorded: Option<Arc<DropGuard>>,
}

/// A future of a trait that is used as an object.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where the content of deliveries is while they wait: they are on record there.
pub trait ContentStore: Send + Sync {
    /// The content of a delivery; `None` when it is not there any more.
    fn fetch(&self, id: Id) -> Boxed<'_, Option<DeliveryContent>>;
}

/// Asked before each attempt.
pub trait Gate: Send + Sync {
    /// Whether a delivery with that label may be tried now.
    fn admits<'a>(&'a self, label: &'a Label) -> Boxed<'a, bool>;

    /// Waits as long as deliveries with that label are held back.
    fn released<'a>(&'a self, label: &'a Label) -> Boxed<'a, ()>;
}

/// Learns of attempts the moment they are over.
pub trait Witness: Send + Sync {
    /// An attempt of that delivery is over.
    fn attempted(&self, delivery: &Delivery, attempt: &Attempt);
}

/// Faults on purpose: watches attempts, and may replace what the sender learns of them.
pub trait FaultInjector: Send + Sync {
    /// An attempt of that delivery begins.
    fn begin(&self, delivery: &Delivery);

    /// The store has the content of that delivery no more: it ends without an event.
    fn gone(&self, delivery: Id);

    /// What the sender takes for the outcome of that attempt, counted from 1.
    fn outcome(&self, delivery: &Delivery, attempt: u32, outcome: Outcome) -> Outcome;
}

/// Requests in flight at once to all targets together, which bounds the memory of a run.
pub const TOTAL: usize = 256;

/// How the engine works.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests in flight at once to one target: an endpoint, or the origin of a URL. With 1, the first attempts go out in
    /// the order of the deliveries.
    pub concurrency: usize,
    /// Requests in flight at once to all targets together; absent: as many as to one.
    pub total: Option<usize>,
    /// Divides every wait between attempts, never a time limit.
    pub time_scale: f64,
    /// Attempts begun in a second, at most.
    pub rate: Option<f64>,
    /// As in [`Situation::spread`].
    pub spread: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 1,
            total: None,
            time_scale: 1.0,
            rate: None,
            spread: 0.0,
        }
    }
}

/// The engine: a transport, a clock and limits.
pub struct Engine<T> {
    /// Carries requests.
    pub transport: Arc<T>,
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// For jitter.
    pub random: Arc<Random>,
    /// How it works.
    pub limits: Limits,
    /// When it fires, waiting retries end; deliveries in flight and later ones are tried once.
    pub stop_retrying: CancellationToken,
    /// Where the content of what waits is; absent: in memory.
    pub store: Option<Arc<dyn ContentStore>>,
    /// Whether the content is there before the deliveries come, and not only when the event of their first attempt is
    /// recorded.
    pub stored_first: bool,
    /// Whether deliveries that are tried again are given back: the event of the attempt is the last one of such a delivery,
    /// and it comes again as a job when it is due.
    pub gives_back: bool,
    /// Asked before each attempt.
    pub gate: Option<Arc<dyn Gate>>,
    /// Makes the gate check everything that waits.
    pub recheck: Arc<Notify>,
    /// Learns of each attempt the moment it is over, before its event.
    pub witness: Option<Arc<dyn Witness>>,
    /// Injects faults.
    pub faults: Option<Arc<dyn FaultInjector>>,
}

impl<T: Transport> Engine<T> {
    /// An engine that works with these, without a store and a gate.
    pub fn new(transport: Arc<T>, clock: Arc<dyn Clock>, random: Arc<Random>, limits: Limits) -> Self {
        Self {
            transport,
            clock,
            random,
            limits,
            stop_retrying: CancellationToken::new(),
            store: None,
            stored_first: false,
            gives_back: false,
            gate: None,
            recheck: Arc::default(),
            witness: None,
            faults: None,
        }
    }

    /// Works until the jobs end and all of them are finished, or until `cancel`: then each unfinished delivery gets an event
    /// with [`Next::Interrupted`].
    pub async fn run(self, jobs: mpsc::Receiver<Delivery>, events: mpsc::Sender<Event>, cancel: CancellationToken) {
        scheduler::Scheduler::new(self, events, cancel).run(jobs).await;
    }
}
