//! Decides which delivery is tried next, and when.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::queue::{Queue, TargetKey};
use super::waiting::QueuedDelivery;
use super::worker::{NextAttempt, Worker};
use super::{Delivery, Engine, Event, FailureReason, Next};
use crate::transport::Transport;

/// Deliveries that wait for room without their content, at most. The producer of more has to wait.
const MOST_READY: usize = 65_536;

pub(super) struct Scheduler<T> {
    worker: Arc<Worker<T>>,
    queue: Queue,
    tasks: JoinSet<(TargetKey, Option<NextAttempt>)>,
    rate_limiter: RateLimiter,
    /// When the rate limit lets the next attempt begin.
    turn: Option<Instant>,
}

impl<T: Transport> Scheduler<T> {
    pub(super) fn new(engine: Engine<T>, events: mpsc::Sender<Event>, cancel: CancellationToken) -> Self {
        Self {
            queue: Queue::new(engine.limits),
            rate_limiter: RateLimiter::new(engine.limits.rate),
            turn: None,
            tasks: JoinSet::new(),
            worker: Arc::new(Worker { engine, events, cancel }),
        }
    }

    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Delivery>) {
        let worker = Arc::clone(&self.worker);
        let (cancel, engine) = (&worker.cancel, &worker.engine);
        let mut is_open = true;
        loop {
            self.begin();
            // New jobs are taken before ended attempts, so that targets with room are never idle.
            while is_open && self.has_room() {
                match jobs.try_recv() {
                    Ok(delivery) => self.take(Arc::new(delivery)).await,
                    Err(mpsc::error::TryRecvError::Empty) => break,
                    Err(mpsc::error::TryRecvError::Disconnected) => is_open = false,
                }
                self.begin();
            }
            if !is_open && self.queue.is_empty() && self.tasks.is_empty() {
                break;
            }
            let stops_retrying = engine.stop_retrying.is_cancelled();
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                Some(landed) = self.tasks.join_next() => {
                    // A task that panicked has emitted nothing; its target is lost with it, and nothing else.
                    if let Ok((target, again)) = landed {
                        self.landed(&target, again).await;
                    }
                }
                () = engine.recheck.notified(), if engine.gate.is_some() => self.recheck().await,
                () = engine.stop_retrying.cancelled(), if !stops_retrying => self.stop_retrying().await,
                () = until(self.turn), if self.turn.is_some() && self.queue.has_turn() => {}
                () = until(self.queue.next_due()), if self.queue.next_due().is_some() => {
                    self.queue.wake(Instant::now());
                }
                job = jobs.recv(), if is_open && self.has_room() => match job {
                    Some(delivery) => self.take(Arc::new(delivery)).await,
                    None => is_open = false,
                },
            }
        }
        self.finish(jobs).await;
    }

    /// Whether one more job may come. Those that hold their content come one by one.
    fn has_room(&self) -> bool {
        if self.worker.engine.stored_first {
            self.queue.ready() < MOST_READY
        } else {
            self.queue.held() == 0
        }
    }

    /// Begins what may begin now.
    fn begin(&mut self) {
        while self.queue.has_turn() {
            let turn = self.turn.take().or_else(|| self.rate_limiter.next());
            if turn.is_some_and(|at| at > Instant::now()) {
                self.turn = turn;
                return;
            }
            let Some((target, waiting)) = self.queue.take() else {
                return;
            };
            let worker = Arc::clone(&self.worker);
            self.tasks.spawn(async move {
                let again = worker.attempt(waiting).await;
                (target, again)
            });
        }
    }

    /// Queues a new delivery, or one that is resumed at its moment.
    async fn take(&mut self, delivery: Arc<Delivery>) {
        let engine = &self.worker.engine;
        let target = Queue::target(&delivery);
        let (mut progress, now) = (delivery.progress, engine.clock.now());
        let left = progress.next_due.map(|due| due.since(now));
        let wait = left.unwrap_or_default().div_f64(engine.limits.time_scale);
        if let Some(due) = progress.next_due {
            progress.due = (Instant::now() + wait).checked_sub(now.since(due));
        }
        let mut waiting = QueuedDelivery::in_memory(delivery, progress);
        let is_free = self.queue.ready() == 0;
        if engine.stored_first && !(wait.is_zero() && is_free) {
            waiting = waiting.stored();
        }
        if wait.is_zero() {
            self.queue.push(&target, waiting);
        } else if engine.stop_retrying.is_cancelled() {
            self.worker.end(waiting, Next::Interrupted).await;
        } else {
            self.queue.push_later(target, waiting, Instant::now() + wait);
        }
    }

    async fn landed(&mut self, target: &TargetKey, again: Option<NextAttempt>) {
        self.queue.landed(target);
        let Some((mut waiting, after)) = again else { return };
        if self.worker.engine.stop_retrying.is_cancelled() {
            self.worker.end(waiting, Next::Interrupted).await;
        } else {
            let due = Instant::now() + after;
            waiting.progress.due = Some(due);
            self.queue.push_later(Arc::clone(target), waiting, due);
        }
    }

    /// Ends what waits for its moment.
    async fn stop_retrying(&mut self) {
        for waiting in self.queue.take_later() {
            self.worker.end(waiting, Next::Interrupted).await;
        }
    }

    /// Ends what waits for endpoints that were disabled or removed.
    async fn recheck(&mut self) {
        let Some(gate) = self.worker.engine.gate.clone() else {
            return;
        };
        for label in self.queue.endpoints() {
            if gate.admits(&label).await {
                continue;
            }
            for waiting in self
                .queue
                .take_where(|waiting| waiting.delivery.label.endpoint == label.endpoint)
            {
                self.worker.end(waiting, Next::Failed(FailureReason::Withheld)).await;
            }
        }
    }

    /// Waits for what is in flight, which ends at once after an interruption. The rest is left, each with an event.
    async fn finish(mut self, mut jobs: mpsc::Receiver<Delivery>) {
        while let Some(landed) = self.tasks.join_next().await {
            if let Ok((_, Some((waiting, _)))) = landed {
                self.worker.end(waiting, Next::Interrupted).await;
            }
        }
        for waiting in self.queue.take_where(|_| true) {
            self.worker.end(waiting, Next::Interrupted).await;
        }
        jobs.close();
        while let Some(delivery) = jobs.recv().await {
            let interrupted = Next::Interrupted;
            self.worker.emit(Arc::new(delivery), None, interrupted, None).await;
        }
    }
}

/// Until that moment.
async fn until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at).await;
    }
}

/// Spreads beginnings evenly.
pub(super) struct RateLimiter {
    gap: Option<Duration>,
    next: Instant,
}

impl RateLimiter {
    pub(super) fn new(rate: Option<f64>) -> Self {
        let rate = rate.filter(|rate| *rate > 0.0);
        Self {
            gap: rate.and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok()),
            next: Instant::now(),
        }
    }

    /// When one more may begin; absent: at once, whatever the others do.
    pub(super) fn next(&mut self) -> Option<Instant> {
        let gap = self.gap?;
        // What was missed is caught up for a second at most: a stall must not end in a burst.
        let floor = Instant::now().checked_sub(Duration::from_secs(1));
        let at = floor.map_or(self.next, |floor| self.next.max(floor));
        self.next = at + gap;
        Some(at)
    }
}
