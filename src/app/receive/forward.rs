//! Forwarding: one worker per target. It loads a capture when there is room for it and hands it to the engine; first
//! attempts go out in the order of the queue.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::answer::reply_to;
use super::event::{Observer, ReceiveEvent};
use super::forwarded::goes_out;
use super::policy::WorkPolicy;
use super::retries::Retries;
use super::source::{Item, WorkSource};
use super::summary::WorkSummary;
use super::work_context::{Stall, WorkContext};
use crate::engine::{Delivery, Engine, Event, Limits, Next, Promise};
use crate::error::{Error, Result};
use crate::id::Id;
use crate::listener::{AppReply, AskApp};
use crate::pipeline::{DeliveryObserver, DisableRules, Pipeline, Tally};
use crate::store::{Op, Sealed, StoreError};
use crate::transport::Transport;

/// Bytes of bodies that a target's worker holds for first attempts, the one in flight included. A larger body goes alone.
const BODIES: u32 = 8 * 1024 * 1024;

/// Bytes that are counted for a delivery beside its body: many small ones are not free.
const OVERHEAD: u32 = 16 * 1024;

/// Forwards whose outcome may be on its way to the ledger, beside those in flight: a crash sends no more than these and
/// those again.
const UNRECORDED: usize = 15;

type StoreResult<T> = std::result::Result<T, StoreError>;

/// Deliveries whose first attempt is not on record yet.
type Flights = Arc<Mutex<HashMap<Id, Flight>>>;

struct Flight {
    _room: Option<Room>,
    reply: Option<oneshot::Sender<AppReply>>,
}

/// Room for one delivery: of its bytes, and among those that are not recorded.
type Room = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// The worker of one target.
pub(super) struct ForwardWorker<T> {
    pub(super) context: Arc<WorkContext>,
    pub(super) transport: Arc<T>,
    pub(super) answers: Arc<Semaphore>,
    pub(super) asks: mpsc::Receiver<AskApp>,
}

impl<T: Transport> ForwardWorker<T> {
    /// Works until its lanes are empty and nothing more comes, or until the time is over. A failing ledger stalls it.
    pub(super) async fn run(mut self, mut source: WorkSource) -> Result<WorkSummary> {
        let mut sum = WorkSummary::default();
        let stall = Stall::new(&self.context, source.lane());
        loop {
            let (fed, ended) = self.round(&mut source, &stall).await;
            let ended = ended.map(|tally| sum.merge((&tally).into()));
            let Err(failed) = fed.map_err(Error::from).and(ended) else {
                return Ok(sum);
            };
            // An error without a message means that the observer has failed.
            if failed.message.is_empty() || !stall.wait(&failed).await {
                return Err(failed);
            }
            source.restart();
        }
    }

    /// Forwards until the end, or until the ledger fails.
    async fn round(&mut self, source: &mut WorkSource, stall: &Arc<Stall>) -> (StoreResult<()>, Result<Tally>) {
        let context = Arc::clone(&self.context);
        let (jobs_in, jobs) = mpsc::channel(1);
        let flights = Flights::default();
        // A target that fails stops itself, not the others.
        let cancel = context.ends.late.child_token();
        let limits = Limits {
            concurrency: source.concurrency(),
            time_scale: context.time_scale,
            ..Limits::default()
        };
        let (clock, random) = (Arc::clone(&context.clock), Arc::clone(&context.random));
        let pipeline = Pipeline {
            engine: Engine::new(Arc::clone(&self.transport), clock, random, limits),
            ledger: context.ledger.clone(),
            cancel: cancel.clone(),
            queue: None,
            retries: context.retrying.then(|| source.retries().clock()),
            lease: Some(Arc::clone(&context.owner)),
            rules: DisableRules::default(),
            disabled: Arc::new(()),
        };
        let mut view = Flying {
            observer: Arc::clone(&context.observer),
            answers: Arc::clone(&self.answers),
            flights: Arc::clone(&flights),
            retries: Arc::clone(source.retries()),
            in_queue: 0,
            stall: Arc::clone(stall),
        };
        let feeder = Feeder {
            context: &context,
            bytes: Arc::new(Semaphore::new(BODIES as usize)),
            places: Arc::new(Semaphore::new(source.concurrency() + UNRECORDED)),
            flights: &flights,
            retries: Arc::clone(source.retries()),
            jobs: jobs_in,
            cancel,
        };
        let asks = &mut self.asks;
        // The feeder goes with its channel: that is the end of the pipeline's jobs.
        let feeding = async move { feeder.feed(source, asks).await.inspect_err(|_| feeder.cancel.cancel()) };
        let (fed, ended) = tokio::join!(feeding, pipeline.run(jobs, &mut view));
        // Senders that still wait for an answer get 502 now.
        lock(&flights).clear();
        let ended = ended.map(|mut tally| {
            tally.interrupted -= view.in_queue;
            tally
        });
        (fed, ended)
    }
}

/// Turns items into deliveries.
struct Feeder<'a> {
    context: &'a WorkContext,
    bytes: Arc<Semaphore>,
    places: Arc<Semaphore>,
    flights: &'a Flights,
    retries: Arc<Retries>,
    jobs: mpsc::Sender<Delivery>,
    cancel: CancellationToken,
}

impl Feeder<'_> {
    async fn feed(&self, source: &mut WorkSource, asks: &mut mpsc::Receiver<AskApp>) -> StoreResult<()> {
        let (mut more_asks, mut more_work) = (true, true);
        while more_asks || more_work {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => break,
                ask = asks.recv(), if more_asks => match ask {
                    Some(ask) => self.ask(ask, source).await?,
                    None => more_asks = false,
                },
                item = source.next(), if more_work => match item? {
                    Some(item) => self.item(item).await?,
                    None => more_work = false,
                },
            }
        }
        Ok(())
    }

    /// A capture whose sender waits for the answer: nothing is promised, so there is one attempt.
    async fn ask(&self, ask: AskApp, source: &WorkSource) -> StoreResult<()> {
        let lane = source.lane();
        let mut policy = WorkPolicy::from_text(&lane.policy);
        if let Some(delivery) = &mut policy.delivery {
            delivery.schedule.delays.clear();
        }
        let loaded = self.context.reader.capture(ask.capture).await?;
        let (Some(capture), Ok(target)) = (loaded, Url::parse(&lane.target)) else {
            return Ok(());
        };
        let delivery = self.context.forward(&target, &capture, &policy, Promise::Answer);
        self.begin(delivery, None, Some(ask.reply)).await;
        Ok(())
    }

    async fn item(&self, item: Item) -> StoreResult<()> {
        let size = u32::try_from(item.work.size).unwrap_or(u32::MAX);
        let size = size.saturating_add(OVERHEAD).min(BODIES);
        let room = async {
            let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
            let bytes = Arc::clone(&self.bytes).acquire_many_owned(size).await.ok()?;
            Some((place, bytes))
        };
        let room = tokio::select! {
            room = room => room,
            () = self.cancel.cancelled() => return Ok(()),
        };
        let key = item.work.key;
        self.retries.begin(key);
        let loaded = match item.work.delivery {
            Some(number) => self.resume(&item, number).await?,
            None => self.fresh(&item).await?,
        };
        match loaded {
            Some(delivery) => self.begin(delivery, room, None).await,
            None if item.work.delivery.is_some() => self.retries.skip(key),
            None => self.retries.end(key, None),
        }
        Ok(())
    }

    /// The first attempt of an item; `None` when there is nothing to send.
    async fn fresh(&self, item: &Item) -> StoreResult<Option<Delivery>> {
        let loaded = self.context.reader.capture(item.work.capture).await?;
        let (Some(capture), Ok(target)) = (loaded, Url::parse(&item.lane.target)) else {
            // It was pruned.
            self.context.ledger.write(Op::WorkDone(item.work.key)).await?;
            return Ok(None);
        };
        let promise = Promise::Item(item.work.key);
        let delivery = self.context.forward(&target, &capture, &item.policy, promise);
        let with_target = item.policy.inbound.is_none();
        let is_whole = self.is_whole(&capture.sealed, &delivery, (capture.number, &target), with_target);
        Ok(is_whole.then_some(delivery))
    }

    /// The next attempt of a forward that was begun; `None` when it stays in the queue.
    async fn resume(&self, item: &Item, number: u64) -> StoreResult<Option<Delivery>> {
        let Some(record) = self.context.reader.delivery(number).await? else {
            return Ok(None);
        };
        let from = record.delivery.owner.clone();
        if self.context.is_held_by_others(from.as_deref()) {
            return Ok(None);
        }
        let Some(delivery) = self.context.resume_forward(record.delivery, item) else {
            return Ok(None);
        };
        if !self.is_whole(&record.sealed, &delivery, (item.work.capture, &delivery.url), true) {
            return Ok(None);
        }
        let owner = self.context.owner.name();
        if from.as_deref() == Some(owner) {
            return Ok(Some(delivery));
        }
        let claim = Op::Claim {
            delivery: delivery.id,
            from,
            owner: owner.to_owned(),
        };
        let ack = self.context.ledger.write(claim).await?;
        // Without a number another process was faster.
        Ok((ack.number != 0).then_some(delivery))
    }

    /// Whether every secret of a delivery is available; reports one that is not.
    fn is_whole(
        &self,
        sealed: &[Sealed],
        delivery: &Delivery,
        (capture, target): (u64, &Url),
        with_target: bool,
    ) -> bool {
        let missing = sealed.iter().find(|one| goes_out(one, &delivery.headers, with_target));
        if let Some(sealed) = missing {
            self.context.report(ReceiveEvent::Incomplete {
                capture,
                sealed,
                target,
            });
        }
        missing.is_none()
    }

    async fn begin(&self, delivery: Delivery, room: Option<Room>, reply: Option<oneshot::Sender<AppReply>>) {
        lock(self.flights).insert(delivery.id, Flight { _room: room, reply });
        // The engine ends early only without a ledger or time; what was not begun stays in the queue.
        let _ = self.jobs.send(delivery).await;
    }
}

/// Releases the room of a first attempt, answers the sender that waits for it, and passes the event on.
struct Flying {
    observer: Arc<dyn Observer>,
    answers: Arc<Semaphore>,
    flights: Flights,
    retries: Arc<Retries>,
    /// Forwards that were interrupted, and that the release of the lanes counts.
    in_queue: u64,
    stall: Arc<Stall>,
}

impl DeliveryObserver for Flying {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        self.stall.over();
        if let Some(key) = event.delivery.label.promise.item() {
            let wait = match event.next {
                Next::Retry { after, .. } => Some(after),
                _ => None,
            };
            self.retries.end(key, wait);
            self.in_queue += u64::from(event.next == Next::Interrupted);
        }
        let flight = lock(&self.flights).remove(&event.delivery.id);
        if let Some(reply) = flight.and_then(|flight| flight.reply) {
            let (answer, problem) = reply_to(event, &self.answers);
            let _ = reply.send(answer);
            if let Some(reason) = problem {
                let capture = event.delivery.label.origin.unwrap_or_default();
                self.observer.on(ReceiveEvent::AnswerNotPassedOn {
                    capture,
                    reason: &reason,
                })?;
            }
        }
        self.observer.on(ReceiveEvent::Attempt { number, event })
    }
}

fn lock(flights: &Flights) -> MutexGuard<'_, HashMap<Id, Flight>> {
    flights.lock().unwrap_or_else(PoisonError::into_inner)
}
