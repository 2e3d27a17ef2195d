//! The workers of a run: one for each target, and what they have in common.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::answer::{AnswerMemory, Ask};
use super::command::{CommandTally, CommandWorker};
use super::forward::ForwardWorker;
use super::source::Source;
use super::{Observer, WorkEvent};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::pipeline::Tally;
use crate::random::Random;
use crate::store::{Lane, LaneSummary, Lease, Ledger, Op, Reader, WorkKind};
use crate::transport::Transport;

/// How long a worker waits before it asks a ledger again that has failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Senders that may wait for one app; more wait to be handed over.
const ASKS: usize = 64;

/// How the work ends.
#[derive(Debug, Clone)]
pub struct Ends {
    /// Nothing more is promised: workers end when the queue is empty.
    pub no_more: CancellationToken,
    /// The time is over: what is under way is stopped, and stays in the queue with the rest.
    pub late: CancellationToken,
    /// Commands that do not end are killed at once.
    pub kill: CancellationToken,
}

/// What all workers have in common.
pub struct WorkersOptions<T> {
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// Fresh identities, and jitter.
    pub random: Arc<Random>,
    /// Keeps records.
    pub ledger: Ledger,
    /// Reads them.
    pub reader: Reader,
    /// The ledger's place, beside which the claims of processes lie.
    pub ledger_path: PathBuf,
    /// This process's claim.
    pub owner: Arc<Lease>,
    /// Carries forwards.
    pub transport: Arc<T>,
    /// Divides every wait between attempts.
    pub time_scale: f64,
    /// Learns what happens.
    pub observer: Arc<dyn Observer>,
    /// How it ends.
    pub ends: Ends,
    /// Whether forwards with attempts left are taken up too.
    pub retrying: bool,
}

/// One target's work.
#[derive(Debug, Default)]
pub struct Target {
    /// Lanes of earlier processes that this one has claimed, the oldest first.
    pub left: Vec<LaneSummary>,
    /// The lane of this process, and what wakes its worker.
    pub own: Option<(Arc<Lane>, Arc<Notify>)>,
}

pub(super) struct Common {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<Random>,
    pub(super) ledger: Ledger,
    pub(super) reader: Reader,
    pub(super) ledger_path: PathBuf,
    pub(super) owner: Arc<Lease>,
    pub(super) time_scale: f64,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) answers: AnswerMemory,
    pub(super) ends: Ends,
}

/// Workers that run.
pub struct Workers {
    common: Arc<Common>,
    lanes: Vec<Uuid>,
    asks: HashMap<Uuid, mpsc::Sender<Ask>>,
    forwards: Vec<JoinHandle<Result<Tally>>>,
    commands: Vec<JoinHandle<Result<CommandTally>>>,
}

/// What came of the work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WorkSummary {
    /// Forwards that were delivered.
    pub delivered: u64,
    /// Forwards that failed for good.
    pub failed: u64,
    /// Commands that succeeded.
    pub commands_succeeded: u64,
    /// Commands that failed.
    pub commands_failed: u64,
    /// Forwards and commands that are left to do.
    pub interrupted: u64,
    /// The worst of what the forwards came to.
    pub exit: Option<Exit>,
}

impl Workers {
    /// Starts a worker for each target. Must be called within a runtime.
    pub fn start<T: Transport>(options: WorkersOptions<T>, targets: Vec<Target>) -> Self {
        let common = Arc::new(Common {
            clock: options.clock,
            random: options.random,
            ledger: options.ledger,
            reader: options.reader,
            ledger_path: options.ledger_path,
            owner: options.owner,
            time_scale: options.time_scale,
            observer: options.observer,
            answers: AnswerMemory::default(),
            ends: options.ends,
        });
        let mut workers = Self {
            common: Arc::clone(&common),
            lanes: Vec::new(),
            asks: HashMap::new(),
            forwards: Vec::new(),
            commands: Vec::new(),
        };
        for target in targets {
            let own = target.own.as_ref().map(|(lane, _)| Arc::clone(lane));
            workers.lanes.extend(target.left.iter().map(|left| left.lane.id));
            workers.lanes.extend(own.as_ref().map(|lane| lane.id));
            let (reader, ends) = (common.reader.clone(), common.ends.clone());
            let source = Source::new(reader, ends, target.left, target.own, options.retrying);
            match source.lane().map(|lane| lane.kind) {
                Some(WorkKind::Forward) => {
                    let (asks_in, asks) = mpsc::channel(ASKS);
                    workers.asks.extend(own.map(|lane| (lane.id, asks_in)));
                    let worker = ForwardWorker {
                        common: Arc::clone(&common),
                        transport: Arc::clone(&options.transport),
                        asks,
                    };
                    workers.forwards.push(tokio::spawn(worker.run(source)));
                }
                Some(WorkKind::Command) => {
                    let worker = CommandWorker::new(Arc::clone(&common), &source);
                    workers.commands.push(tokio::spawn(worker.run(source)));
                }
                None => {}
            }
        }
        workers
    }

    /// Asks the app of that lane for an answer; `None` when no worker has the lane.
    pub fn app(&self, lane: Uuid) -> Option<mpsc::Sender<Ask>> {
        self.asks.get(&lane).cloned()
    }

    /// Lets the workers come to their end, and gives what is left back to whoever resumes it. The error is that of the last
    /// worker that failed.
    pub async fn finish(mut self) -> (WorkSummary, Result<()>) {
        self.common.ends.no_more.cancel();
        self.asks.clear();
        let (mut sum, mut ended) = (WorkSummary::default(), Ok(()));
        for task in std::mem::take(&mut self.forwards) {
            match task.await.unwrap_or_else(|_| Ok(Tally::default())) {
                Ok(tally) => sum.add(&tally),
                Err(error) => ended = Err(error),
            }
        }
        for task in std::mem::take(&mut self.commands) {
            match task.await.unwrap_or_else(|_| Ok(CommandTally::default())) {
                Ok(tally) => {
                    sum.commands_succeeded += tally.succeeded;
                    sum.commands_failed += tally.failed;
                }
                Err(error) => ended = Err(error),
            }
        }
        let released = self.release(&mut sum).await;
        (sum, ended.and(released))
    }

    /// Counts what is left, and gives up the claim on it; drops the lanes in which nothing is.
    async fn release(&self, sum: &mut WorkSummary) -> Result<()> {
        if self.lanes.is_empty() {
            return Ok(());
        }
        for summary in self.common.reader.lanes().await? {
            let (id, total) = (summary.lane.id, summary.total());
            if !self.lanes.contains(&id) {
                continue;
            }
            sum.interrupted += summary.waiting;
            let op = match total {
                0 => Op::CloseLane(id),
                _ => Op::ClaimLane {
                    lane: id,
                    from: summary.lane.owner,
                    owner: None,
                },
            };
            self.common.ledger.write(op).await?;
        }
        Ok(())
    }
}

impl WorkSummary {
    fn add(&mut self, tally: &Tally) {
        self.delivered += tally.delivered;
        self.failed += tally.failed;
        self.interrupted += tally.interrupted;
        self.exit = match (self.exit, tally.exit) {
            (Some(one), Some(other)) => Some(one.worse(other)),
            (one, other) => one.or(other),
        };
    }
}

impl Common {
    /// Whether another process that still runs has that claim.
    pub(super) fn is_held_by_others(&self, owner: Option<&str>) -> bool {
        owner.is_some_and(|owner| owner != self.owner.name() && Lease::is_alive(&self.ledger_path, owner))
    }
}

/// What a worker does while the ledger fails: it says so once, waits, and tries again.
pub(super) struct Stall {
    common: Arc<Common>,
    lane: Option<Arc<Lane>>,
    stalled: AtomicBool,
}

impl Stall {
    pub(super) fn new(common: &Arc<Common>, lane: Option<Arc<Lane>>) -> Arc<Self> {
        Arc::new(Self {
            common: Arc::clone(common),
            lane,
            stalled: AtomicBool::new(false),
        })
    }

    /// Waits until it is worth trying again; `false` when there is no time left for that.
    pub(super) async fn wait(&self, error: &Error) -> bool {
        if let Some(lane) = &self.lane
            && !self.stalled.swap(true, Ordering::Relaxed)
        {
            let error = error.to_string();
            let _ = self.common.observer.on(WorkEvent::Stalled { lane, error: &error });
        }
        let ends = &self.common.ends;
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

    /// Something is on record: it goes on.
    pub(super) fn over(&self) {
        if let Some(lane) = &self.lane
            && self.stalled.swap(false, Ordering::Relaxed)
        {
            let _ = self.common.observer.on(WorkEvent::Recovered { lane });
        }
    }
}
