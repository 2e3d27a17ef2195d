//! The queue of a service: events are recorded with their deliveries before they are acknowledged.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use super::lanes::{Ended, LaneName, Lanes, URL_LANE};
use super::signing::lacks_signature;
use super::stats::QueueStats;
use super::subscribers::{SubscriberWatch, Subscribers};
use crate::app::context::{Context, aside};
use crate::clock::{Clock as _, SteadyClock, Timestamp};
use crate::engine::{self, Delivery, Event, Next};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::message::Mode;
use crate::owner_notice::NoticePlan;
use crate::pipeline::{DisableRules, QueueMode, record};
use crate::store::queue::{IdempotencyKey, Intake, NewEvent, NewQueued};
use crate::store::{Ack, Ledger, LedgerReader, Op, QueueClass, QueueCounts, QueueOp, StoreError};
use crate::text::printable;

/// How often the queue is counted at most, when it changes meanwhile.
const LOOKS: u32 = 5;

/// For how long the file of endpoints is not looked at again.
const BOOK_PATIENCE: Duration = Duration::from_millis(50);

/// How often an intake is made for other endpoints than before. Each time another process has changed one in the milliseconds
/// between.
const MOST_BOOKS: usize = 10;

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
    /// Whose it is.
    pub(super) tenant: Option<String>,
    /// One for each subscriber.
    pub(super) deliveries: Vec<(LaneName, Delivery)>,
}

/// Events that are recorded together.
#[derive(Default)]
pub(super) struct NewIntake {
    /// Makes a repetition of the call harmless.
    pub(super) key: Option<IdempotencyKey>,
    /// All of them, in order.
    pub(super) events: Vec<AcceptedEvent>,
    /// Another change in the same transaction.
    pub(super) also: Option<Op>,
}

/// Where a delivery belongs that is taken.
struct TakenPlace {
    lane: LaneName,
    class: QueueClass,
    /// Whether its slot is free already.
    is_answered: bool,
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
    /// Which notices go where.
    pub(super) notices: NoticePlan,
    pub(super) stats: QueueStats,
    lanes: Mutex<Lanes>,
    /// What is taken, by the ids of the deliveries.
    taken: Mutex<HashMap<Id, TakenPlace>>,
    /// Something may be due, or has room.
    pub(super) wake: Notify,
    /// Lanes of endpoints that the book does not have, and for which something waits.
    pub(super) unknown: Mutex<BTreeSet<String>>,
    /// Whether the ledger refuses changes.
    pub(super) is_failing: AtomicBool,
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
            notices: NoticePlan::default(),
            ledger,
            reader,
            book: Arc::new(subscribers),
            lanes: Mutex::new(Lanes::new(engine::TOTAL, time_scale)),
            taken: Mutex::default(),
            stats: QueueStats::default(),
            wake: Notify::new(),
            unknown: Mutex::default(),
            is_failing: AtomicBool::new(false),
            jobs: Mutex::new(Some(jobs)),
        }
    }

    pub(super) fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn in_flight(&self) -> MutexGuard<'_, HashMap<Id, TakenPlace>> {
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
        self.subscribers_within(patience).await
    }

    /// The endpoints as they are, or were within that time.
    pub(super) async fn subscribers_within(&self, patience: Duration) -> Result<Arc<Subscribers>> {
        if self.book.is_stale(patience) {
            let book = Arc::clone(&self.book);
            aside(&self.context, move |context| book.refresh(context)).await?;
            self.apply_endpoints();
        }
        Ok(self.book.current())
    }

    /// The endpoints as they are now, where another process may have changed them since they were read as `known`.
    pub(super) async fn renewed(&self, known: &Subscribers) -> Result<Arc<Subscribers>> {
        let (book, generation) = (Arc::clone(&self.book), known.generation);
        aside(&self.context, move |context| book.renew(context, generation)).await?;
        self.apply_endpoints();
        Ok(self.book.current())
    }

    /// Gives lanes the limits of their endpoints, and closes those whose endpoint is disabled, or cannot be signed for.
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
            lanes.close(&subscriber.lane, !subscriber.takes_deliveries());
        }
    }

    /// Records the events that `make` makes for the endpoints, all or none. What has room begins at once. Made and recorded again when
    /// another process has just changed an endpoint: no event misses one that was added before it came.
    pub(super) async fn accept<E: From<Error> + From<StoreError>>(
        &self,
        mut make: impl FnMut(&Subscribers) -> std::result::Result<NewIntake, E>,
    ) -> std::result::Result<Ack, E> {
        let mut subscribers = self.subscribers().await?;
        for _ in 0..MOST_BOOKS {
            let ack = self.write(make(&subscribers)?, subscribers.generation).await?;
            if !ack.is_outdated {
                return Ok(ack);
            }
            subscribers = self.renewed(&subscribers).await?;
        }
        Err(E::from(StoreError::Unavailable {
            place: self.context.store_place.to_string(),
            what: "other processes change its endpoints all the time".to_owned(),
        }))
    }

    async fn write(&self, new: NewIntake, book: Option<u64>) -> std::result::Result<Ack, StoreError> {
        let NewIntake { key, events, also } = new;
        let (at, due, accepted) = (self.context.now(), self.clock.now(), events.len());
        let mut begun = Vec::new();
        let mut waiting = Vec::new();
        let events = events
            .into_iter()
            .map(|event| self.new_event(event, (at, due), &mut begun, &mut waiting));
        let events: Vec<NewEvent> = events.collect();
        let count: u64 = events.iter().map(|event| event.deliveries.len() as u64).sum();
        let intake = Intake {
            owner: self.owner.clone(),
            key,
            book,
            events,
        };
        let intake = Op::Queue(QueueOp::Accept(Box::new(intake)));
        let written = self.ledger.write(match also {
            Some(also) => Op::Together(vec![intake, also]),
            None => intake,
        });
        let written = written.await;
        self.report(written.as_ref().err());
        if !matches!(&written, Ok(ack) if ack.answer.is_none() && !ack.is_outdated) {
            let mut lanes = self.lanes();
            for (lane, ..) in &begun {
                lanes.ended(lane, QueueClass::First, Ended::Unknown);
            }
            return written;
        }
        self.stats.accepted(accepted);
        // The deliveries of a call have the last numbers that the ledger gave, in order.
        let first = written.as_ref().map_or(0, |ack| ack.number) + 1 - count;
        for (lane, at, mut delivery) in begun {
            // Another process works on that lane, and takes it.
            if matches!(&written, Ok(ack) if ack.not_taken.contains(&(first + at))) {
                self.lanes().ended(&lane, QueueClass::First, Ended::Unknown);
                continue;
            }
            delivery.number = Some(first + at);
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
        begun: &mut Vec<(LaneName, u64, Delivery)>,
        waiting: &mut Vec<LaneName>,
    ) -> NewEvent {
        let mut deliveries = Vec::with_capacity(event.deliveries.len());
        for (lane, delivery) in event.deliveries {
            let at = (begun.len() + waiting.len()) as u64;
            let mut record = record(&delivery, Some(self.owner.clone()));
            record.next_due = Some(due);
            let taken = !lacks_signature(&delivery) && self.lanes().reserve(&lane, due);
            deliveries.push(NewQueued {
                delivery: record,
                lane: lane.to_string(),
                taken,
            });
            if taken {
                begun.push((lane, at, delivery));
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
            tenant: event.tenant,
            deliveries,
        }
    }

    /// How many deliveries wait or are parked in the ledger, and how many are in flight. No unfinished one is missing unless
    /// attempts begin and end all the time.
    pub(super) async fn counts(&self) -> std::result::Result<(QueueCounts, usize), StoreError> {
        let mut before = self.lanes().in_flight();
        let mut looks = 0;
        loop {
            let owner = self.owner.clone();
            let counts = self.reader.ask(move |store| store.queue_counts(&owner)).await?;
            let after = self.lanes().in_flight();
            looks += 1;
            // Otherwise one that was taken or put back meanwhile may be in neither number.
            if before == after || looks == LOOKS {
                return Ok((counts, before.0.max(after.0)));
            }
            before = after;
        }
    }

    /// Hands a taken delivery to the engine.
    pub(super) async fn begin(&self, lane: LaneName, class: QueueClass, delivery: Delivery) {
        let place = TakenPlace {
            lane,
            class,
            is_answered: false,
        };
        self.in_flight().insert(delivery.id, place);
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

    /// A target has accepted a delivery, which is not on record yet.
    pub(super) fn answered(&self, delivery: Id) {
        let mut in_flight = self.in_flight();
        let Some(place) = in_flight.get_mut(&delivery) else {
            return;
        };
        place.is_answered = self.lanes().answered(&place.lane, place.class);
        let is_freed = place.is_answered;
        drop(in_flight);
        if is_freed {
            self.wake.notify_one();
        }
    }

    /// An event of the engine is on record: the slot of its delivery is free.
    pub(super) fn recorded(&self, event: &Event) {
        let Some(place) = self.in_flight().remove(&event.delivery.id) else {
            return;
        };
        let TakenPlace { lane, class, .. } = place;
        self.stats.ended(event);
        let mut lanes = self.lanes();
        if place.is_answered {
            lanes.recall(&lane, class);
        }
        let was_postponing = lanes.is_postponing();
        match &event.next {
            Next::Delivered => lanes.ended(&lane, class, Ended::Delivered),
            Next::Interrupted => lanes.ended(&lane, class, Ended::Unknown),
            Next::Postponed { .. } => lanes.postpone(&lane, class, self.clock.now()),
            Next::Retry { .. } | Next::Failed(_) => lanes.ended(&lane, class, Ended::Failed),
        }
        if let Next::Retry { after, .. } = &event.next {
            lanes.add(&lane, QueueClass::Retry, self.clock.now().plus(*after));
        }
        let is_postponing = lanes.is_postponing();
        drop(lanes);
        self.wake.notify_one();
        let notices = &self.context.notices;
        match &event.next {
            Next::Postponed { why } if !was_postponing => {
                notices.warn(format!(
                    "deliveries wait, and spend no attempt: {}",
                    printable(why, 400)
                ));
            }
            _ if was_postponing && !is_postponing => notices.note("deliveries that waited go on"),
            _ => {}
        }
    }

    /// By which rules its endpoints are disabled: a mock has those of its provider alone.
    pub(super) fn rules(&self) -> DisableRules {
        DisableRules {
            time_scale: self.time_scale,
            unstated: self.is_durable(),
            notices: self.notices,
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
}
