//! From deliveries to records and lines: runs the engine, keeps what happened in the ledger, and only then shows it, so
//! that an id on the screen can be replayed at once.

mod concealed;
mod content_store;
mod tally;
#[cfg(test)]
mod tests;
mod times;

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::engine::{Delivery, Engine, Event, FailureReason, Next, Promise, Signing};
use crate::error::Result;
use crate::exchange::{SecretKind, Source};
use crate::id::Id;
use crate::store::{self, Ack, DeliveryState, Lease, Ledger, NewDelivery, Op, PendingAck, StoreError};
use crate::transport::Transport;
use concealed::{concealed, concealed_headers};
use content_store::LedgerContentStore;
pub use tally::Tally;
pub use times::Times;

/// Learns what happens to deliveries.
pub trait DeliveryObserver {
    /// After the event is in the ledger under that number.
    fn event(&mut self, number: u64, event: &Event) -> Result<()>;

    /// How a delivery to an endpoint ended. Gives back what it leaves to the tally; an observer of a run without an end
    /// takes care of each by itself.
    fn outcome(&mut self, outcome: EndpointOutcome) -> Result<Option<EndpointOutcome>> {
        Ok(Some(outcome))
    }
}

/// Which deliveries are in the ledger before they are worked on.
#[derive(Debug, Clone)]
pub enum AlreadyRecorded {
    /// These.
    These(HashSet<Id>),
    /// All of them.
    All,
}

/// How a delivery to an endpoint ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointOutcome {
    /// The endpoint's name.
    pub endpoint: String,
    /// Whether it was delivered.
    pub delivered: bool,
    /// Whether the answer told the provider to disable the endpoint.
    pub gone: bool,
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
}

impl<T: Transport> Pipeline<T> {
    /// Works off the deliveries; those that are `recorded` are in the ledger already.
    pub async fn run(
        self,
        jobs: mpsc::Receiver<Delivery>,
        recorded: AlreadyRecorded,
        observer: &mut (dyn DeliveryObserver + Send),
    ) -> Result<Tally> {
        let (events_in, events) = mpsc::channel(256);
        let (acked_in, acked) = mpsc::channel::<(Event, PendingAck)>(512);
        let mut engine = self.engine;
        engine.stored_first = matches!(recorded, AlreadyRecorded::All);
        engine.store = Some(Arc::new(LedgerContentStore {
            ledger: self.ledger.clone(),
            cancel: self.cancel.clone(),
        }));
        let recheck = Arc::clone(&engine.recheck);
        let engine = tokio::spawn(engine.run(jobs, events_in, self.cancel.clone()));
        let recorder = Recorder {
            ledger: self.ledger,
            lease: self.lease,
            recorded,
        };
        let recording = recorder.run(events, acked_in);
        let mut tally = Tally::default();
        // Without a ledger or a screen nothing more is begun; what is under way is recorded all the same, if it can be.
        let stop = self.cancel;
        let recording = async { recording.await.inspect_err(|_| stop.cancel()) };
        let showing = async {
            let shown = show(acked, &mut tally, observer, &recheck).await;
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
    observer: &mut (dyn DeliveryObserver + Send),
    recheck: &Notify,
) -> Result<()> {
    while let Some((event, ack)) = acked.recv().await {
        let Ack { number, .. } = ack.await?;
        tally.count(&event);
        observer.event(number, &event)?;
        if let Some(outcome) = EndpointOutcome::of(&event) {
            let failed = !outcome.delivered;
            if let Some(outcome) = observer.outcome(outcome)? {
                tally.add_outcome(outcome);
            }
            // It may have disabled the endpoint, for which more is waiting.
            if failed {
                recheck.notify_one();
            }
        }
    }
    Ok(())
}

/// Turns the engine's events into changes of the ledger.
struct Recorder {
    ledger: Ledger,
    lease: Option<Arc<Lease>>,
    recorded: AlreadyRecorded,
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
            // What was not begun is in the queue as before.
            if matches!(promise, Promise::Item(_))
                && event.attempt.is_none()
                && !self.recorded.contains(event.delivery.id)
            {
                continue;
            }
            let op = self.with_promise(&event);
            let pending = self.ledger.enqueue(op).await?;
            // From now on it is found in the ledger, whose changes and reads keep their order.
            drop(until_recorded);
            // Nobody looks on any more once the screen has failed.
            let _ = acked.send((event, pending)).await;
        }
        Ok(())
    }

    /// The change with those that belong into its transaction.
    fn with_promise(&mut self, event: &Event) -> Op {
        let first = !self.recorded.contains(event.delivery.id);
        let mut ops = vec![self.op(event)];
        if let Promise::Item(work) = event.delivery.label.promise
            && first
        {
            let delivery = event.delivery.id;
            ops.push(Op::WorkStarted { work, delivery });
        }
        ops.extend(forwarded(event));
        match ops.pop() {
            Some(only) if ops.is_empty() => only,
            last => {
                ops.extend(last);
                Op::Together(ops)
            }
        }
    }

    fn op(&mut self, event: &Event) -> Op {
        let promise = event.delivery.label.promise;
        let (state, next_due) = match &event.next {
            Next::Delivered => (DeliveryState::Delivered, None),
            Next::Interrupted if promise == Promise::Answer => (DeliveryState::Failed, None),
            Next::Failed(_) => (DeliveryState::Failed, None),
            Next::Retry { due, .. } => (DeliveryState::Pending, Some(*due)),
            Next::Interrupted => (DeliveryState::Pending, None),
        };
        let id = event.delivery.id;
        let goes_on = matches!(event.next, Next::Retry { .. });
        let is_recorded = self.recorded.update(id, goes_on) || promise == Promise::Taken;
        let owner = if goes_on {
            self.lease.as_ref().map(|lease| lease.name().to_owned())
        } else {
            None
        };
        match (is_recorded, &event.attempt) {
            (true, Some(attempt)) => Op::Attempt {
                delivery: id,
                attempt: Box::new(concealed(attempt, &event.delivery)),
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
                record.attempts = attempt
                    .iter()
                    .map(|attempt| concealed(attempt, &event.delivery))
                    .collect();
                Op::Delivery(Box::new(record))
            }
        }
    }
}

impl Default for AlreadyRecorded {
    fn default() -> Self {
        Self::These(HashSet::new())
    }
}

impl AlreadyRecorded {
    /// Whether that delivery is in the ledger.
    fn contains(&self, id: Id) -> bool {
        match self {
            Self::All => true,
            Self::These(ids) => ids.contains(&id),
        }
    }

    /// Whether that delivery is in the ledger; it is from now on, as long as it goes on.
    fn update(&mut self, id: Id, goes_on: bool) -> bool {
        match self {
            Self::All => true,
            Self::These(ids) if goes_on => !ids.insert(id),
            Self::These(ids) => ids.remove(&id),
        }
    }
}

impl EndpointOutcome {
    /// How a delivery to an endpoint ended; `None` where it has not, or was only a test.
    fn of(event: &Event) -> Option<Self> {
        let label = &event.delivery.label;
        let goes_on = matches!(event.next, Next::Retry { .. } | Next::Interrupted);
        let ended = !goes_on && event.next != Next::Failed(FailureReason::Withheld);
        let endpoint = label
            .endpoint
            .as_ref()
            .filter(|_| ended && label.source != Source::Test)?;
        Some(Self {
            endpoint: endpoint.clone(),
            delivered: event.next == Next::Delivered,
            gone: event.next == Next::Failed(FailureReason::Gone),
        })
    }
}

/// What is noted at a capture that was sent on.
fn forwarded(event: &Event) -> Option<Op> {
    let label = &event.delivery.label;
    let capture = label.origin.filter(|_| label.source == Source::Forward)?;
    let url = event.delivery.url.to_string();
    (event.next == Next::Delivered).then_some(Op::Forwarded { capture, url })
}

/// The ledger's form of a delivery, before its first attempt.
pub fn record(delivery: &Delivery, owner: Option<String>) -> NewDelivery {
    NewDelivery {
        id: delivery.id,
        at: delivery.at,
        message: (*delivery.message).clone(),
        provider: delivery.label.provider.clone(),
        endpoint: delivery.label.endpoint.clone(),
        url: delivery.url.to_string(),
        method: delivery.method.clone(),
        headers: concealed_headers(&delivery.headers, delivery),
        signing: match delivery.signing {
            Signing::Fresh { .. } => store::SigningMode::Fresh,
            Signing::AsCaptured => store::SigningMode::AsCaptured,
        },
        secret: Some(match &delivery.signing {
            Signing::Fresh { secret, .. } => (**secret).clone(),
            Signing::AsCaptured => SecretKind::None,
        }),
        policy: Some(Arc::clone(&delivery.policy)),
        addresses: Some(delivery.addresses.to_string()),
        source: delivery.label.source,
        origin: delivery.label.origin,
        execution: delivery.label.execution.clone(),
        delays: delivery.policy.schedule.delays.clone(),
        owner,
        state: DeliveryState::Pending,
        next_due: None,
        attempts: Vec::new(),
    }
}
