//! The queue of a service: events are recorded with their deliveries before they are acknowledged, and deliveries are taken
//! from the ledger when they are due and their lane has room.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::lanes::{Ended, LaneName, Lanes, Order, URL_LANE};
use super::rates::MinuteCounter;
use super::remake;
use super::stats::QueueStats;
use super::subscribers::{SubscriberWatch, Subscribers};
use crate::app::context::{Context, aside};
use crate::clock::{Clock as _, SteadyClock, Timestamp};
use crate::engine::{self, Delivery, Event, Next};
use crate::error::Result;
use crate::id::Id;
use crate::message::Mode;
use crate::pipeline::{DisableRules, QueueMode, record};
use crate::store::queue::{IdempotencyKey, Intake, NewEvent, NewQueued};
use crate::store::{Ack, Ledger, LedgerReader, Op, QueueClass, QueueOp, StoreError, TakenDelivery};

/// Bytes of bodies that are taken from one lane at once.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// How long the ledger is left alone after it refused a change.
const PAUSE: Duration = Duration::from_secs(1);

/// For how long the file of endpoints is not looked at again.
const BOOK_PATIENCE: Duration = Duration::from_millis(50);

/// Lanes from which is taken at once.
const LANES_AT_ONCE: usize = 64;

/// An event to be accepted, with its deliveries and their lanes.
pub(super) struct AcceptedEvent {
    /// As its sender knows it.
    pub(super) id: String,
    /// Its name.
    pub(super) name: String,
    /// Test or live.
    pub(super) mode: Mode,
    /// Its data as JSON.
    pub(super) data: Option<Vec<u8>>,
    /// One for each subscriber.
    pub(super) deliveries: Vec<(LaneName, Delivery)>,
}

/// What happened lately.
struct Rates {
    events: MinuteCounter,
    delivered: MinuteCounter,
    failed: MinuteCounter,
}

/// The queue of one owner.
pub(super) struct ServiceQueue {
    pub(super) context: Arc<Context>,
    pub(super) owner: String,
    pub(super) ledger: Ledger,
    pub(super) reader: LedgerReader,
    pub(super) book: Arc<SubscriberWatch>,
    pub(super) clock: SteadyClock,
    time_scale: f64,
    pub(super) stats: QueueStats,
    lanes: Mutex<Lanes>,
    /// Lane and class of what is taken.
    taken: Mutex<HashMap<Id, (LaneName, QueueClass)>>,
    /// Something may be due, or has room.
    pub(super) wake: Notify,
    rates: Mutex<Rates>,
    /// Whether the ledger refuses changes.
    is_failing: AtomicBool,
    /// Present until the service ends.
    jobs: Mutex<Option<mpsc::Sender<Delivery>>>,
}

impl ServiceQueue {
    /// The queue of `owner`. Deliveries go to `jobs`, which must hold [`engine::TOTAL`] of them.
    pub(super) fn new(
        context: Arc<Context>,
        owner: String,
        (ledger, reader): (Ledger, LedgerReader),
        subscribers: SubscriberWatch,
        time_scale: f64,
        jobs: mpsc::Sender<Delivery>,
    ) -> Self {
        Self {
            clock: SteadyClock::new(context.now()),
            context,
            owner,
            time_scale,
            ledger,
            reader,
            book: Arc::new(subscribers),
            lanes: Mutex::new(Lanes::new(engine::TOTAL, time_scale)),
            taken: Mutex::default(),
            stats: QueueStats::default(),
            rates: Mutex::new(Rates {
                events: MinuteCounter::new(Instant::now()),
                delivered: MinuteCounter::new(Instant::now()),
                failed: MinuteCounter::new(Instant::now()),
            }),
            wake: Notify::new(),
            is_failing: AtomicBool::new(false),
            jobs: Mutex::new(Some(jobs)),
        }
    }

    pub(super) fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rates(&self) -> MutexGuard<'_, Rates> {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Events that were accepted in the last minute, and deliveries that succeeded and that failed for good.
    pub(super) fn last_minute(&self) -> (u64, u64, u64) {
        let (now, mut rates) = (Instant::now(), self.rates());
        (rates.events.sum(now), rates.delivered.sum(now), rates.failed.sum(now))
    }

    fn in_flight(&self) -> MutexGuard<'_, HashMap<Id, (LaneName, QueueClass)>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The endpoints as the book has them now.
    pub(super) async fn subscribers(&self) -> Result<Arc<Subscribers>> {
        // What the API of a provider that is played has just changed must count at once.
        let patience = if self.is_durable() {
            BOOK_PATIENCE
        } else {
            Duration::ZERO
        };
        if self.book.is_stale(patience) {
            let book = Arc::clone(&self.book);
            aside(&self.context, move |context| book.refresh(context)).await?;
            self.apply_endpoints();
        }
        Ok(self.book.current())
    }

    /// Gives lanes the limits of their endpoints, and closes those whose endpoint is disabled.
    pub(super) fn apply_endpoints(&self) {
        let mut lanes = self.lanes();
        // A delivery has disabled one since they were read: its lane is closed.
        if self.book.is_outdated() {
            return;
        }
        let subscribers = self.book.current();
        lanes.close_all(|lane| subscribers.of_lane(lane).is_none() && !lane.starts_with(URL_LANE));
        for subscriber in subscribers.all() {
            lanes.limit(&subscriber.lane, subscriber.limits);
            lanes.close(&subscriber.lane, !subscriber.endpoint.is_active());
        }
    }

    /// Records events with their deliveries, all or none. What has room begins at once.
    pub(super) async fn accept(
        &self,
        key: Option<IdempotencyKey>,
        events: Vec<AcceptedEvent>,
    ) -> std::result::Result<Ack, StoreError> {
        let (at, due, accepted) = (self.context.now(), self.clock.now(), events.len());
        let mut begun = Vec::new();
        let mut waiting = Vec::new();
        let events = events
            .into_iter()
            .map(|event| self.new_event(event, (at, due), &mut begun, &mut waiting));
        let events: Vec<NewEvent> = events.collect();
        let count = events.len() as u64;
        let intake = Intake {
            owner: self.owner.clone(),
            key,
            events,
        };
        let written = self.ledger.write(Op::Queue(QueueOp::Accept(Box::new(intake)))).await;
        if !matches!(&written, Ok(ack) if ack.answer.is_none()) {
            let mut lanes = self.lanes();
            for (lane, _) in &begun {
                lanes.ended(lane, QueueClass::First, Ended::Unknown);
            }
            return written;
        }
        self.stats.accepted(accepted);
        self.rates().events.add(Instant::now(), count);
        for (lane, delivery) in begun {
            self.begin(lane, QueueClass::First, delivery).await;
        }
        if !waiting.is_empty() {
            let mut lanes = self.lanes();
            for lane in &waiting {
                lanes.add(lane, QueueClass::First, due);
            }
            drop(lanes);
            self.wake.notify_one();
        }
        written
    }

    fn new_event(
        &self,
        event: AcceptedEvent,
        (at, due): (Timestamp, Timestamp),
        begun: &mut Vec<(LaneName, Delivery)>,
        waiting: &mut Vec<LaneName>,
    ) -> NewEvent {
        let mut deliveries = Vec::with_capacity(event.deliveries.len());
        for (lane, delivery) in event.deliveries {
            let mut record = record(&delivery, Some(self.owner.clone()));
            record.next_due = Some(due);
            let taken = self.lanes().reserve(&lane, due);
            deliveries.push(NewQueued {
                delivery: record,
                lane: lane.to_string(),
                taken,
            });
            if taken {
                begun.push((lane, delivery));
            } else {
                waiting.push(lane);
            }
        }
        NewEvent {
            id: event.id,
            at,
            name: event.name,
            mode: event.mode,
            data: event.data.filter(|_| deliveries.is_empty()),
            deliveries,
        }
    }

    /// Hands a taken delivery to the engine.
    async fn begin(&self, lane: LaneName, class: QueueClass, delivery: Delivery) {
        self.in_flight().insert(delivery.id, (lane, class));
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(jobs) = jobs {
            // The engine ends only with the program, and then the ledger still has it.
            let _ = jobs.send(delivery).await;
        }
    }

    /// No more deliveries: the engine ends after those that it has.
    pub(super) fn close(&self) {
        *self.jobs.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// An event of the engine is on record: the slot of its delivery is free.
    pub(super) fn recorded(&self, event: &Event) {
        let Some((lane, class)) = self.in_flight().remove(&event.delivery.id) else {
            return;
        };
        let how = match &event.next {
            Next::Delivered => Ended::Delivered,
            Next::Interrupted => Ended::Unknown,
            Next::Retry { .. } | Next::Failed(_) => Ended::Failed,
        };
        self.stats.ended(&event.next);
        match &event.next {
            Next::Delivered => self.rates().delivered.add(Instant::now(), 1),
            Next::Failed(_) => self.rates().failed.add(Instant::now(), 1),
            Next::Retry { .. } | Next::Interrupted => {}
        }
        let mut lanes = self.lanes();
        lanes.ended(&lane, class, how);
        if let Next::Retry { after, .. } = &event.next {
            lanes.add(&lane, QueueClass::Retry, self.clock.now().plus(*after));
        }
        drop(lanes);
        self.wake.notify_one();
    }

    /// By which rules its endpoints are disabled: a mock has those of its provider alone.
    pub(super) fn rules(&self) -> DisableRules {
        DisableRules {
            time_scale: self.time_scale,
            unstated: self.is_durable(),
        }
    }

    /// How its events are recorded.
    pub(super) fn mode(self: &Arc<Self>) -> QueueMode {
        let queue = Arc::clone(self);
        QueueMode {
            clock: self.clock,
            stalled: Arc::new(move |error| queue.report(error)),
        }
    }

    /// Reports once that the ledger fails, and that it works again.
    fn report(&self, error: Option<&StoreError>) {
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
            let (id, number) = (taken.delivery.id, taken.number);
            match self.remake(taken).await {
                Ok(delivery) => self.begin(Arc::clone(&order.lane), order.class, delivery).await,
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
