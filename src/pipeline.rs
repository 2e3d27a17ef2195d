//! Runs the engine, records its events in the ledger, and only then passes them to an observer, so that a number on the
//! screen can be replayed at once.

mod health;
mod stored;
mod tally;
#[cfg(test)]
mod tests;
mod times;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock as _, SteadyClock};
use crate::engine::{Delivery, Engine, Event, Next, Promise, Signing};
use crate::error::Result;
use crate::exchange::Source;
use crate::health::DisabledEndpoint;
use crate::id::Id;
use crate::store::{Ack, DeliveryState, Lease, Ledger, Op, PendingAck, QueueOp, StoreError};
use crate::transport::Transport;
pub use health::DisableRules;
use stored::{LedgerContentStore, record_attempt};
pub use stored::{message_of, progress, record};
pub use tally::Tally;
pub use times::Times;

/// How long the ledger is left alone after it refused an event of the queue.
const RECORD_AGAIN: Duration = Duration::from_secs(1);

/// Learns what happens to deliveries.
pub trait DeliveryObserver {
    /// After the event is in the ledger under that number.
    fn event(&mut self, number: u64, event: &Event) -> Result<()>;
}

/// Learns that a delivery disabled its endpoint.
pub trait DisableObserver: Send + Sync {
    /// The ledger has it: nothing more goes to that endpoint.
    fn disabled(&self, endpoint: &DisabledEndpoint);

    /// The event of the delivery has been shown.
    fn shown(&self, endpoint: &DisabledEndpoint);
}

/// For deliveries that go to no endpoint.
impl DisableObserver for () {
    fn disabled(&self, _: &DisabledEndpoint) {}
    fn shown(&self, _: &DisabledEndpoint) {}
}

/// Everything that one run of deliveries needs.
pub struct Pipeline<T> {
    /// Makes the attempts.
    pub engine: Engine<T>,
    /// Keeps records.
    pub ledger: Ledger,
    /// Stops the engine.
    pub cancel: CancellationToken,
    /// The lease on deliveries with several attempts; absent: each has one, and is recorded when it is over.
    pub lease: Option<Arc<Lease>>,
    /// Present when deliveries come from the ledger's queue.
    pub queue: Option<QueueMode>,
    /// The clock by which retries are due, where they wait in the ledger's work queue and not in memory.
    pub retries: Option<SteadyClock>,
    /// By which rules endpoints are disabled.
    pub rules: DisableRules,
    /// Learns which endpoints are.
    pub disabled: Arc<dyn DisableObserver>,
}

/// Gets what the ledger fails with, and nothing once it works again.
pub type StallReport = Arc<dyn Fn(Option<&StoreError>) + Send + Sync>;

/// How deliveries of the ledger's queue are recorded.
#[derive(Clone)]
pub struct QueueMode {
    /// By which deliveries are due.
    pub clock: SteadyClock,
    /// Learns that the ledger fails, and that it works again. What it refuses is tried again until it takes it.
    pub stalled: StallReport,
}

impl<T: Transport> Pipeline<T> {
    /// Delivers until the jobs end.
    pub async fn run(
        self,
        jobs: mpsc::Receiver<Delivery>,
        observer: &mut (dyn DeliveryObserver + Send),
    ) -> Result<Tally> {
        let (events_in, events) = mpsc::channel(256);
        let (acked_in, acked) = mpsc::channel::<(Event, PendingAck)>(512);
        let mut engine = self.engine;
        if self.queue.is_none() {
            engine.store = Some(Arc::new(LedgerContentStore {
                ledger: self.ledger.clone(),
                cancel: self.cancel.clone(),
            }));
        }
        engine.gives_back = self.queue.is_some() || self.retries.is_some();
        let recheck = Arc::clone(&engine.recheck);
        let stored_first = engine.stored_first;
        let engine = tokio::spawn(engine.run(jobs, events_in, self.cancel.clone()));
        let recorder = Recorder {
            ledger: self.ledger.clone(),
            lease: self.lease,
            queue: self.queue.clone(),
            retries: self.retries,
            rules: self.rules,
            stored_first,
            pending: HashSet::new(),
        };
        let mut tally = Tally::default();
        // Without a ledger or an observer no attempt is begun; those in flight are recorded if possible.
        let stop = self.cancel;
        let recording = async { recorder.run(events, acked_in).await.inspect_err(|_| stop.cancel()) };
        let again = self.queue.map(|mode| RecordAgain {
            mode,
            rules: self.rules,
            ledger: self.ledger,
            stop: stop.clone(),
        });
        let showing = async {
            let shown = show(
                acked,
                &mut tally,
                (observer, &*self.disabled),
                (&recheck, again.as_ref()),
            )
            .await;
            shown.inspect_err(|_| stop.cancel())
        };
        let (recorded, shown) = tokio::join!(recording, showing);
        let _ = engine.await;
        recorded?;
        shown.map(|()| tally)
    }
}

/// Counts and shows what is in the ledger, until the channel ends.
async fn show(
    mut acked: mpsc::Receiver<(Event, PendingAck)>,
    tally: &mut Tally,
    (observer, disables): (&mut (dyn DeliveryObserver + Send), &dyn DisableObserver),
    (recheck, again): (&Notify, Option<&RecordAgain>),
) -> Result<()> {
    while let Some((event, ack)) = acked.recv().await {
        let Ack { number, disabled, .. } = match (ack.await, again) {
            (Err(error), Some(again)) => again.until_recorded(&event, error).await?,
            (ack, _) => ack?,
        };
        if let Some(endpoint) = &disabled {
            disables.disabled(endpoint);
            // Other deliveries may wait for it.
            recheck.notify_one();
        }
        tally.count(&event);
        observer.event(number, &event)?;
        if let Some(endpoint) = &disabled {
            disables.shown(endpoint);
        }
    }
    Ok(())
}

/// Records events of the queue that the ledger refused: a full disk may have room again.
struct RecordAgain {
    mode: QueueMode,
    rules: DisableRules,
    ledger: Ledger,
    stop: CancellationToken,
}

impl RecordAgain {
    /// Tries until the ledger takes it; the error is the last one when no time is left.
    async fn until_recorded(&self, event: &Event, mut error: StoreError) -> std::result::Result<Ack, StoreError> {
        (self.mode.stalled)(Some(&error));
        while error != StoreError::Closed && !self.stop.is_cancelled() {
            tokio::select! {
                () = tokio::time::sleep(RECORD_AGAIN) => {}
                () = self.stop.cancelled() => {}
            }
            match self
                .ledger
                .write(queue_change(event, &self.mode.clock, self.rules))
                .await
            {
                Ok(ack) => {
                    (self.mode.stalled)(None);
                    return Ok(ack);
                }
                Err(again) => error = again,
            }
        }
        Err(error)
    }
}

/// Turns the engine's events into changes of the ledger.
struct Recorder {
    ledger: Ledger,
    lease: Option<Arc<Lease>>,
    queue: Option<QueueMode>,
    retries: Option<SteadyClock>,
    rules: DisableRules,
    /// Whether every delivery was recorded before it came.
    stored_first: bool,
    /// Deliveries that this run has recorded and that go on.
    pending: HashSet<Id>,
}

impl Recorder {
    async fn run(
        mut self,
        mut events: mpsc::Receiver<Event>,
        acked: mpsc::Sender<(Event, PendingAck)>,
    ) -> std::result::Result<(), StoreError> {
        while let Some(mut event) = events.recv().await {
            let until_recorded = event.until_recorded.take();
            let promise = event.delivery.label.promise;
            // An item that was not begun stays in the queue as it is.
            if matches!(promise, Promise::Item(_)) && event.attempt.is_none() && !self.is_recorded(&event.delivery) {
                continue;
            }
            let op = self.with_promise(&event);
            let pending = self.ledger.enqueue(op).await?;
            // The ledger keeps the order of changes and reads: from now on a read finds it.
            drop(until_recorded);
            // The receiver is gone once the observer has failed.
            let _ = acked.send((event, pending)).await;
        }
        Ok(())
    }

    fn is_recorded(&self, delivery: &Delivery) -> bool {
        self.stored_first || matches!(delivery.label.promise, Promise::Begun(_)) || self.pending.contains(&delivery.id)
    }

    /// The change with those that belong into its transaction.
    fn with_promise(&mut self, event: &Event) -> Op {
        if let Some(mode) = &self.queue {
            return queue_change(event, &mode.clock, self.rules);
        }
        let first = !self.is_recorded(&event.delivery);
        let mut ops = vec![self.op(event)];
        if let Promise::Item(work) = event.delivery.label.promise
            && first
        {
            let delivery = event.delivery.id;
            ops.push(Op::WorkStarted { work, delivery });
        }
        ops.extend(forwarded(event));
        ops.extend(self.rules.change(event).map(Op::Health));
        together(ops)
    }

    fn op(&mut self, event: &Event) -> Op {
        let promise = event.delivery.label.promise;
        let (state, next_due) = match &event.next {
            // What a receiver must refuse is never delivered again by itself.
            Next::Delivered | Next::Failed(_) if matches!(event.delivery.signing, Signing::Invalid(_)) => {
                (DeliveryState::Tested, None)
            }
            Next::Delivered => (DeliveryState::Delivered, None),
            Next::Interrupted if promise == Promise::Answer => (DeliveryState::Failed, None),
            Next::Failed(_) => (DeliveryState::Failed, None),
            Next::Retry { due, after } => {
                let due = self.retries.map_or(*due, |clock| clock.now().plus(*after));
                (DeliveryState::Pending, Some(due))
            }
            Next::Postponed { .. } | Next::Interrupted => (DeliveryState::Pending, None),
        };
        let id = event.delivery.id;
        let goes_on = matches!(event.next, Next::Retry { .. });
        let is_recorded = self.is_recorded(&event.delivery);
        if !goes_on {
            self.pending.remove(&id);
        } else if !self.stored_first && self.retries.is_none() {
            self.pending.insert(id);
        }
        let lease = self.lease.as_ref().filter(|_| goes_on);
        let owner = lease.map(|lease| lease.name().to_owned());
        match (is_recorded, &event.attempt) {
            (true, Some(attempt)) => Op::Attempt {
                delivery: id,
                number: event.delivery.number,
                attempt: Box::new(record_attempt(attempt, &event.delivery)),
                state,
                next_due,
            },
            (true, None) => Op::State {
                delivery: id,
                state,
                owner,
            },
            (false, attempt) => {
                let mut record = record(&event.delivery, owner);
                record.state = state;
                record.next_due = next_due;
                let attempts = attempt.iter();
                record.attempts = attempts
                    .map(|attempt| record_attempt(attempt, &event.delivery))
                    .collect();
                Op::Delivery(Box::new(record))
            }
        }
    }
}

/// Changes of one transaction.
fn together(mut ops: Vec<Op>) -> Op {
    match ops.pop() {
        Some(only) if ops.is_empty() => only,
        last => {
            ops.extend(last);
            Op::Together(ops)
        }
    }
}

/// The change of a delivery that comes from the queue, by the queue's clock, with that of its endpoint's health.
pub fn queue_change(event: &Event, clock: &SteadyClock, rules: DisableRules) -> Op {
    let delivery = event.delivery.id;
    let (state, next_due) = match &event.next {
        Next::Delivered => (DeliveryState::Delivered, None),
        Next::Failed(_) => (DeliveryState::Failed, None),
        Next::Retry { after, .. } => (DeliveryState::Pending, Some(clock.now().plus(*after))),
        Next::Postponed { .. } | Next::Interrupted => (DeliveryState::Pending, None),
    };
    let change = match &event.attempt {
        Some(attempt) => Op::Attempt {
            delivery,
            number: event.delivery.number,
            attempt: Box::new(record_attempt(attempt, &event.delivery)),
            state,
            next_due,
        },
        None => Op::Queue(QueueOp::Release { delivery }),
    };
    let health = rules.change(event).map(Op::Health);
    together([change].into_iter().chain(health).collect())
}

/// The note at a capture that was forwarded.
fn forwarded(event: &Event) -> Option<Op> {
    let label = &event.delivery.label;
    let capture = label.origin.filter(|_| label.source == Source::Forward)?;
    let url = event.delivery.url.to_string();
    (event.next == Next::Delivered).then_some(Op::Forwarded { capture, url })
}
