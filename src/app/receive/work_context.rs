//! The shared context of workers, and how they wait while the ledger fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::event::{Observer, ReceiveEvent};
use crate::app::context::Context;
use crate::app::pauses::PauseWatch;
use crate::clock::Clock;
use crate::error::Error;
use crate::process::CommandOutput;
use crate::random::Random;
use crate::store::{Lane, Lease, Ledger, LedgerReader, Owners, StoreError};

/// How long a worker waits before it tries a failed ledger again.
const PAUSE: Duration = Duration::from_secs(1);

/// How workers end.
#[derive(Debug, Clone)]
pub struct WorkEnds {
    /// No item is added: workers end when the queue is empty.
    pub no_more: CancellationToken,
    /// The time is over: items in progress are stopped, and stay in the queue with the rest.
    pub late: CancellationToken,
    /// Commands that do not end are killed at once.
    pub kill: CancellationToken,
}

/// The shared context of workers.
pub struct WorkContext {
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// Fresh identities, and jitter.
    pub random: Arc<Random>,
    /// Keeps records.
    pub ledger: Ledger,
    /// Reads them.
    pub reader: LedgerReader,
    /// The processes that work on the ledger.
    pub owners: Arc<dyn Owners>,
    /// This process's lease.
    pub owner: Arc<Lease>,
    /// Divides every wait between attempts.
    pub time_scale: f64,
    /// Gets the events.
    pub observer: Arc<dyn Observer>,
    /// Where commands print.
    pub command_output: CommandOutput,
    /// How it ends.
    pub ends: WorkEnds,
    /// What is paused.
    pub pauses: PauseWatch,
    /// Whether it was reported that everything is paused.
    pub is_paused: AtomicBool,
    /// Whether forwards with attempts left are resumed too. Otherwise those that are begun keep their retries in memory.
    pub retrying: bool,
}

impl WorkContext {
    /// Work under that lease on that ledger, read by that reader.
    pub fn new(
        context: &Context,
        (ledger, reader): (Ledger, LedgerReader),
        owner: Lease,
        observer: Arc<dyn Observer>,
        ends: WorkEnds,
    ) -> Self {
        Self {
            clock: Arc::clone(&context.clock),
            random: Arc::clone(&context.random),
            ledger,
            pauses: PauseWatch::new(reader.clone()),
            is_paused: AtomicBool::new(false),
            reader,
            owners: context.owners(),
            owner: Arc::new(owner),
            time_scale: 1.0,
            observer,
            command_output: context.command_output.clone(),
            ends,
            retrying: true,
        }
    }

    /// Waits while everything is paused, which is reported once.
    pub(super) async fn resumed(&self) {
        let report = || {
            if !self.is_paused.swap(true, Ordering::Relaxed) {
                self.report(ReceiveEvent::Paused);
            }
        };
        self.pauses.resumed("", report).await;
        self.is_paused.store(false, Ordering::Relaxed);
    }

    /// Whether another process that still runs has that lease.
    pub(super) fn is_held_by_others(&self, owner: Option<&str>) -> bool {
        owner.is_some_and(|owner| owner != self.owner.name() && self.owners.is_alive(owner))
    }

    /// Reports an event of work that goes on even when the front end has failed.
    pub(super) fn report(&self, event: ReceiveEvent<'_>) {
        let _ = self.observer.on(event);
    }
}

/// Waits while the ledger fails, and reports that once.
pub(super) struct Stall {
    context: Arc<WorkContext>,
    lane: Arc<Lane>,
    stalled: AtomicBool,
}

impl Stall {
    pub(super) fn new(context: &Arc<WorkContext>, lane: &Arc<Lane>) -> Arc<Self> {
        Arc::new(Self {
            context: Arc::clone(context),
            lane: Arc::clone(lane),
            stalled: AtomicBool::new(false),
        })
    }

    /// Waits before another try; `false` when no time is left.
    pub(super) async fn wait(&self, error: &Error) -> bool {
        if !self.stalled.swap(true, Ordering::Relaxed) {
            let (lane, error) = (&*self.lane, &*error.to_string());
            self.context.report(ReceiveEvent::Stalled { lane, error });
        }
        let ends = &self.context.ends;
        if ends.no_more.is_cancelled() || ends.late.is_cancelled() {
            return false;
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => true,
            // Once more at the end: it may have room again.
            () = ends.no_more.cancelled() => true,
            () = ends.late.cancelled() => false,
        }
    }

    /// Repeats an attempt until the ledger does not fail; `None` when no time is left.
    pub(super) async fn until_ok<T, F>(&self, attempt: impl Fn() -> F) -> Option<T>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        loop {
            match attempt().await {
                Ok(done) => return Some(done),
                Err(error) => {
                    if !self.wait(&error.into()).await {
                        return None;
                    }
                }
            }
        }
    }

    /// Reports that the ledger has recovered.
    pub(super) fn over(&self) {
        if self.stalled.swap(false, Ordering::Relaxed) {
            self.context.report(ReceiveEvent::Recovered { lane: &self.lane });
        }
    }
}
