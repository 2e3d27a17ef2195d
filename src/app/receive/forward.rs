//! Sending on what was received: one worker a target. It loads a capture when there is room for it and hands it to the
//! engine; first attempts go out in the order of the queue.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::answer::{AnswerMemory, reply_to};
use super::event::{Observer, ReceiveEvent};
use super::forwarded::{headers, without_path};
use super::loaded::{Loaded, goes_out, taken_up};
use super::policy::WorkPolicy;
use super::source::{Item, WorkSource};
use super::summary::WorkSummary;
use super::work_context::{Stall, WorkContext};
use crate::engine::{Delivery, Event, Label, Limits, Progress, Promise, Signing};
use crate::error::{Error, Result};
use crate::exchange::Source as MadeBy;
use crate::id::{Id, IdKind};
use crate::listener::{AppReply, AskApp};
use crate::message::{Message, Mode};
use crate::pipeline::{Known, Pipeline, Tally, View};
use crate::store::{Capture, Op, Sealed, StoreError};
use crate::transport::{AddressPolicy, Transport, join_url};

/// Bytes of bodies that a target's worker holds for first attempts, the one in flight included. A larger body goes alone.
const BODIES: u32 = 8 * 1024 * 1024;

/// What a delivery takes beside its body, for that count: many small ones are not free.
const OVERHEAD: u32 = 16 * 1024;

/// Forwards beyond those at once whose outcome may be on its way to the ledger: a crash sends no more of them again than
/// these and those.
const UNRECORDED: usize = 15;

type StoreResult<T> = std::result::Result<T, StoreError>;

/// What is known of deliveries until their first attempt is on record.
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
    pub(super) answers: AnswerMemory,
    pub(super) asks: mpsc::Receiver<AskApp>,
}

impl<T: Transport> ForwardWorker<T> {
    /// Works until its lanes are empty and nothing more comes, or until the time is over. A failing ledger stalls it.
    pub(super) async fn run(mut self, mut source: WorkSource) -> Result<WorkSummary> {
        let mut sum = WorkSummary::default();
        let stall = Stall::new(&self.context, source.lane());
        loop {
            let (fed, ended) = self.round(&mut source, &stall).await;
            let ended = ended.map(|tally| sum.add(&tally));
            let Err(failed) = fed.map_err(Error::from).and(ended) else {
                return Ok(sum);
            };
            // An error without words means that nobody looks on any more.
            if failed.message.is_empty() || !stall.wait(&failed).await {
                return Err(failed);
            }
            source.restart();
        }
    }

    /// Until the end, or until the ledger fails.
    async fn round(&mut self, source: &mut WorkSource, stall: &Arc<Stall>) -> (StoreResult<()>, Result<Tally>) {
        let context = Arc::clone(&self.context);
        let (jobs_in, jobs) = mpsc::channel(1);
        let flights = Flights::default();
        // A target that fails stops itself, not the others.
        let cancel = context.ends.late.child_token();
        let pipeline = Pipeline {
            clock: Arc::clone(&context.clock),
            random: Arc::clone(&context.random),
            transport: Arc::clone(&self.transport),
            ledger: context.ledger.clone(),
            limits: Limits {
                concurrency: source.concurrency(),
                total: None,
                time_scale: context.time_scale,
                rate: None,
            },
            cancel: cancel.clone(),
            leave: CancellationToken::new(),
            owner: Some(Arc::clone(&context.owner)),
            gate: None,
        };
        let mut view = Flying {
            observer: Arc::clone(&context.observer),
            answers: self.answers.clone(),
            flights: Arc::clone(&flights),
            stall: Arc::clone(stall),
        };
        let feeder = Feeder {
            context: &context,
            bytes: Arc::new(Semaphore::new(BODIES as usize)),
            places: Arc::new(Semaphore::new(source.concurrency() + UNRECORDED)),
            flights: &flights,
            jobs: jobs_in,
            cancel,
        };
        let feeding = feeder.feed(source, &mut self.asks);
        let (fed, ended) = tokio::join!(feeding, pipeline.run(jobs, Known::default(), &mut view));
        // Whoever still waits for an answer learns that none will come.
        lock(&flights).clear();
        (fed, ended)
    }
}

/// Turns items into deliveries.
struct Feeder<'a> {
    context: &'a WorkContext,
    bytes: Arc<Semaphore>,
    places: Arc<Semaphore>,
    flights: &'a Flights,
    jobs: mpsc::Sender<Delivery>,
    cancel: CancellationToken,
}

impl Feeder<'_> {
    /// A failure stops what is under way.
    async fn feed(self, source: &mut WorkSource, asks: &mut mpsc::Receiver<AskApp>) -> StoreResult<()> {
        let fed = self.feed_all(source, asks).await;
        fed.inspect_err(|_| self.cancel.cancel())
    }

    async fn feed_all(&self, source: &mut WorkSource, asks: &mut mpsc::Receiver<AskApp>) -> StoreResult<()> {
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
        let loaded = match item.work.delivery {
            Some(number) => self.go_on(&item, number).await?,
            None => self.fresh(&item).await?,
        };
        match loaded {
            Loaded::Ready(delivery) => self.begin(*delivery, room, None).await,
            Loaded::Gone => {
                self.context.ledger.write(Op::WorkDone(item.work.key)).await?;
            }
            Loaded::Left => {}
        }
        Ok(())
    }

    async fn fresh(&self, item: &Item) -> StoreResult<Loaded> {
        let loaded = self.context.reader.capture(item.work.capture).await?;
        let (Some(capture), Ok(target)) = (loaded, Url::parse(&item.lane.target)) else {
            return Ok(Loaded::Gone);
        };
        let promise = Promise::Item(item.work.key);
        let delivery = self.context.forward(&target, &capture, &item.policy, promise);
        let whole = |one: &Sealed| goes_out(one, &delivery.headers, item.policy.inbound.is_none());
        if let Some(sealed) = capture.sealed.iter().find(|one| whole(one)) {
            self.incomplete(capture.number, sealed, &target);
            return Ok(Loaded::Left);
        }
        Ok(Loaded::Ready(Box::new(delivery)))
    }

    fn incomplete(&self, capture: u64, sealed: &Sealed, target: &Url) {
        // Whether anybody looks on is found out by the next attempt.
        self.context.report(ReceiveEvent::Incomplete {
            capture,
            sealed,
            target,
        });
    }

    /// A forward of an earlier process with attempts left.
    async fn go_on(&self, item: &Item, number: u64) -> StoreResult<Loaded> {
        let Some(mut record) = self.context.reader.delivery(number).await? else {
            return Ok(Loaded::Left);
        };
        let sealed = std::mem::take(&mut record.sealed);
        let delivery = taken_up(record, item);
        let Some((delivery, from)) = delivery else {
            return Ok(Loaded::Left);
        };
        if self.context.is_held_by_others(from.as_deref()) {
            return Ok(Loaded::Left);
        }
        if let Some(sealed) = sealed.iter().find(|one| goes_out(one, &delivery.headers, true)) {
            self.incomplete(item.work.capture, sealed, &delivery.url);
            return Ok(Loaded::Left);
        }
        let claim = Op::Claim {
            delivery: delivery.id,
            from,
            owner: self.context.owner.name().to_owned(),
        };
        let taken = self.context.ledger.write(claim).await?.number != 0;
        Ok(if taken {
            Loaded::Ready(Box::new(delivery))
        } else {
            Loaded::Left
        })
    }

    async fn begin(&self, delivery: Delivery, room: Option<Room>, reply: Option<oneshot::Sender<AppReply>>) {
        lock(self.flights).insert(delivery.id, Flight { _room: room, reply });
        // The engine ends early only when the ledger or the time does; what was not begun stays in the queue.
        let _ = self.jobs.send(delivery).await;
    }
}

impl WorkContext {
    /// The same bytes to another place: end-to-end headers, and where they came from.
    fn forward(&self, target: &Url, capture: &Capture, policy: &WorkPolicy, promise: Promise) -> Delivery {
        let (now, number) = (self.clock.now(), capture.number);
        let mut request = capture.request.clone();
        if policy.inbound.is_some() {
            request.target = without_path(&request.target);
        }
        let message = Message {
            id: Id::new(IdKind::Message, now, &self.random),
            wire_id: request.event_id.clone().unwrap_or_default(),
            event: request.event.clone().unwrap_or_default(),
            time: request.at,
            mode: Mode::Test,
            content_type: request.headers.get_text("content-type").unwrap_or_default().to_owned(),
            body: request.body.clone(),
        };
        Delivery {
            id: Id::new(IdKind::Delivery, now, &self.random),
            message: Arc::new(message),
            url: join_url(target, &request.target),
            headers: headers(&request, policy),
            method: request.method,
            signing: Signing::AsCaptured,
            policy: Arc::new(policy.delivery()),
            addresses: AddressPolicy::Any,
            is_changed: false,
            progress: Progress::default(),
            at: now,
            label: Arc::new(Label {
                source: MadeBy::Forward,
                provider: request.provider,
                endpoint: None,
                origin: Some(number),
                execution: None,
                promise,
            }),
        }
    }
}

/// Lets go of what was held for a first attempt, answers the sender that waits for it, and tells the observer.
struct Flying {
    observer: Arc<dyn Observer>,
    answers: AnswerMemory,
    flights: Flights,
    stall: Arc<Stall>,
}

impl View for Flying {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        self.stall.over();
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
