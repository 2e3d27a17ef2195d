//! The delivery engine: it takes deliveries, tries them on their schedules and tells what happened, in order for each
//! delivery. It prints nothing and stores nothing: whoever reads its events does.

mod delivery;
mod retry;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use delivery::{Delivery, Label, Progress, Promise, Signing};
pub use retry::{Ended, Next, Situation, decide, retry_after};

use crate::clock::{Clock, Timestamp};
use crate::exchange::{Attempt, ErrorKind, Outcome};
use crate::headers::Headers;
use crate::random::Random;
use crate::signature::SignError;
use crate::transport::Transport;

/// What happened to a delivery.
#[derive(Debug, Clone)]
pub struct Event {
    /// Which one.
    pub delivery: Arc<Delivery>,
    /// What was tried; absent when it was stopped while it waited.
    pub attempt: Option<Attempt>,
    /// What follows.
    pub next: Next,
}

/// How the engine works.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests in flight at once. With 1, the first attempts go out in the order of the deliveries.
    pub concurrency: usize,
    /// Divides every wait between attempts, never a time limit.
    pub time_scale: f64,
    /// Attempts begun in a second, at most.
    pub rate: Option<f64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: 1,
            time_scale: 1.0,
            rate: None,
        }
    }
}

/// The engine: a transport, a clock and limits.
pub struct Engine<T> {
    transport: Arc<T>,
    clock: Arc<dyn Clock>,
    random: Arc<Random>,
    limits: Limits,
    leave: CancellationToken,
}

impl<T: Transport> Engine<T> {
    /// An engine that works with these.
    pub fn new(transport: Arc<T>, clock: Arc<dyn Clock>, random: Arc<Random>, limits: Limits) -> Self {
        Self {
            transport,
            clock,
            random,
            limits,
            leave: CancellationToken::new(),
        }
    }

    /// The same, which gives up waiting when that token fires: what is in flight, and what comes yet, is tried once.
    #[must_use]
    pub fn leaving(self, leave: CancellationToken) -> Self {
        Self { leave, ..self }
    }

    /// Works until the jobs end and all of them are finished, or until `cancel`: then what is in flight is given up, what
    /// waits is left, and each gets an event that says [`Next::Interrupted`].
    pub async fn run(self, mut jobs: mpsc::Receiver<Delivery>, events: mpsc::Sender<Event>, cancel: CancellationToken) {
        let worker = Arc::new(Worker {
            permits: Arc::new(Semaphore::new(self.limits.concurrency.max(1))),
            events,
            cancel: cancel.clone(),
            pace: Pace::new(self.limits.rate),
            engine: self,
        });
        let tasks = TaskTracker::new();
        loop {
            let job = tokio::select! {
                biased;
                () = cancel.cancelled() => None,
                job = jobs.recv() => job,
            };
            let Some(delivery) = job.map(Arc::new) else { break };
            // The permit comes after the job: held while no job is there, it would keep a retry from its turn.
            let permit = Arc::clone(&worker.permits).acquire_owned().await;
            match (permit, worker.in_turn().await) {
                (Ok(permit), true) => drop(tasks.spawn(Arc::clone(&worker).drive(delivery, permit))),
                _ => worker.tell(delivery, None, Next::Interrupted).await,
            }
        }
        // Jobs that were handed over but never begun are told about too: nothing is lost without a word.
        jobs.close();
        while let Some(delivery) = jobs.recv().await {
            worker.tell(Arc::new(delivery), None, Next::Interrupted).await;
        }
        tasks.close();
        tasks.wait().await;
    }
}

struct Worker<T> {
    engine: Engine<T>,
    permits: Arc<Semaphore>,
    events: mpsc::Sender<Event>,
    cancel: CancellationToken,
    pace: Pace,
}

impl<T: Transport> Worker<T> {
    /// One delivery from its first attempt to its end. A permit is held until what came of the request is told, never
    /// while waiting: were it given back earlier, a slow ledger would not slow down the sending, and outcomes would pile up
    /// in memory.
    async fn drive(self: Arc<Self>, delivery: Arc<Delivery>, permit: OwnedSemaphorePermit) {
        let mut progress = delivery.progress;
        let mut permit = Some(permit);
        if let Some(due) = progress.next_due {
            let left = due.since(self.engine.clock.now());
            let wait = left.div_f64(self.engine.limits.time_scale);
            if !wait.is_zero() {
                permit = None;
                if !self.pause(wait).await {
                    return self.tell(delivery, None, Next::Interrupted).await;
                }
            }
        }
        loop {
            let held = match permit.take() {
                Some(permit) => permit,
                None => match Arc::clone(&self.permits).acquire_owned().await {
                    Ok(permit) => permit,
                    Err(_) => return,
                },
            };
            // Those that waited for the permit are not begun only to be given up at once.
            if self.cancel.is_cancelled() {
                return self.tell(delivery, None, Next::Interrupted).await;
            }
            progress.attempts += 1;
            let attempt = self.attempt(&delivery, progress.attempts).await;
            let first_at = *progress.first_at.get_or_insert(attempt.at);
            let next = decide(
                &delivery.policy,
                &attempt.outcome,
                Situation {
                    attempts: progress.attempts,
                    first_at,
                    now: self.engine.clock.now(),
                    time_scale: self.engine.limits.time_scale,
                    chance: self.engine.random.unit(),
                },
            );
            let after = match &next {
                Next::Retry { after, .. } => Some(*after),
                _ => None,
            };
            self.tell(Arc::clone(&delivery), Some(attempt), next).await;
            drop(held);
            let Some(after) = after else { return };
            if !self.pause(after).await || !self.in_turn().await {
                return self.tell(delivery, None, Next::Interrupted).await;
            }
        }
    }

    /// Waits until the rate allows one more beginning; `false` when it was stopped.
    async fn in_turn(&self) -> bool {
        if let Some(at) = self.pace.next() {
            tokio::select! {
                () = tokio::time::sleep_until(at) => {}
                () = self.cancel.cancelled() => {}
            }
        }
        !self.cancel.is_cancelled()
    }

    async fn attempt(&self, delivery: &Delivery, seq: u32) -> Attempt {
        let at = self.engine.clock.now();
        let request = match delivery.request(at, seq.saturating_sub(1)) {
            Ok(request) => request,
            // Sent without a signature it would be refused, and the receiver would be blamed.
            Err(error) => return unsigned(seq, at, error),
        };
        let begun = Instant::now();
        let outcome = tokio::select! {
            biased;
            outcome = self.engine.transport.send_within(&request, delivery.addresses) => outcome,
            () = self.cancel.cancelled() => {
                Outcome::Error { kind: ErrorKind::Cancelled, text: "stopped before an answer came".into() }
            }
        };
        Attempt {
            seq,
            at,
            request_body: (request.body != delivery.message.body).then_some(request.body),
            request_headers: request.headers,
            outcome,
            took: begun.elapsed(),
        }
    }

    /// Waits; `false` when it was stopped.
    async fn pause(&self, wait: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(wait) => true,
            () = self.cancel.cancelled() => false,
            () = self.engine.leave.cancelled() => false,
        }
    }

    async fn tell(&self, delivery: Arc<Delivery>, attempt: Option<Attempt>, next: Next) {
        // A reader that is gone needs no news; the deliveries still have to come to their end.
        let _ = self
            .events
            .send(Event {
                delivery,
                attempt,
                next,
            })
            .await;
    }
}

/// An attempt whose request could not be signed: nothing was sent.
fn unsigned(seq: u32, at: Timestamp, error: SignError) -> Attempt {
    Attempt {
        seq,
        at,
        request_body: None,
        request_headers: Headers::new(),
        outcome: Outcome::Error {
            kind: ErrorKind::Signing,
            text: error.to_string(),
        },
        took: Duration::ZERO,
    }
}

/// Spreads beginnings evenly.
struct Pace {
    gap: Option<Duration>,
    next: Mutex<Instant>,
}

impl Pace {
    fn new(rate: Option<f64>) -> Self {
        let gap = rate
            .filter(|rate| *rate > 0.0)
            .and_then(|rate| Duration::try_from_secs_f64(1.0 / rate).ok());
        Self {
            gap,
            next: Mutex::new(Instant::now()),
        }
    }

    /// When one more may begin; absent: at once, whatever the others do.
    fn next(&self) -> Option<Instant> {
        let gap = self.gap?;
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        // What was missed is caught up for a second at most: a stall must not end in a burst.
        let floor = Instant::now().checked_sub(Duration::from_secs(1)).unwrap_or(*next);
        let at = (*next).max(floor);
        *next = at + gap;
        Some(at)
    }
}
