//! The workers of a run: one per target.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::answer::answer_memory;
use super::command::CommandWorker;
use super::forward::ForwardWorker;
use super::policy::WorkPolicy;
use super::source::WorkSource;
use super::summary::WorkSummary;
use super::work_context::WorkContext;
use crate::error::Result;
use crate::listener::AskApp;
use crate::store::{Lane, LaneSummary, Op, WorkKind};
use crate::transport::Transport;

/// Senders that may wait for one app; more wait outside of the channel.
const ASKS: usize = 64;

/// One target's work.
#[derive(Debug, Default)]
pub struct WorkTarget {
    /// Lanes of earlier processes that this one has claimed, the oldest first.
    pub left: Vec<LaneSummary>,
    /// The lane of this process, and what wakes its worker.
    pub own: Option<(Arc<Lane>, Arc<Notify>)>,
}

/// The running workers.
pub struct Workers {
    context: Arc<WorkContext>,
    lanes: Vec<Uuid>,
    asks: HashMap<Uuid, mpsc::Sender<AskApp>>,
    tasks: Vec<JoinHandle<Result<WorkSummary>>>,
}

impl Workers {
    /// Starts a worker for each target, with the transport for the lane's policy. Must be called within a runtime.
    pub fn start<T: Transport>(
        context: WorkContext,
        transport: &dyn Fn(&WorkPolicy) -> Arc<T>,
        targets: Vec<WorkTarget>,
    ) -> Self {
        let context = Arc::new(context);
        let answers = answer_memory();
        let mut workers = Self {
            context: Arc::clone(&context),
            lanes: Vec::new(),
            asks: HashMap::new(),
            tasks: Vec::new(),
        };
        for target in targets {
            let own = target.own.as_ref().map(|(lane, _)| lane.id);
            workers.lanes.extend(target.left.iter().map(|left| left.lane.id));
            workers.lanes.extend(own);
            let Some(source) = WorkSource::new(&context, target.left, target.own) else {
                continue;
            };
            let task = match source.lane().kind {
                WorkKind::Forward => {
                    let (asks_in, asks) = mpsc::channel(ASKS);
                    workers.asks.extend(own.map(|lane| (lane, asks_in)));
                    let worker = ForwardWorker {
                        context: Arc::clone(&context),
                        transport: transport(&WorkPolicy::from_text(&source.lane().policy)),
                        answers: Arc::clone(&answers),
                        asks,
                    };
                    tokio::spawn(worker.run(source))
                }
                WorkKind::Command => tokio::spawn(CommandWorker::new(Arc::clone(&context), &source).run(source)),
            };
            workers.tasks.push(task);
        }
        workers
    }

    /// Asks the app of that lane for an answer; `None` when no worker has the lane.
    pub fn app(&self, lane: Uuid) -> Option<mpsc::Sender<AskApp>> {
        self.asks.get(&lane).cloned()
    }

    /// Waits for the workers to end, and releases what is left for a resumption. The error is that of the last worker that
    /// failed.
    pub async fn finish(mut self) -> (WorkSummary, Result<()>) {
        self.context.ends.no_more.cancel();
        self.asks.clear();
        let (mut sum, mut ended) = (WorkSummary::default(), Ok(()));
        for task in std::mem::take(&mut self.tasks) {
            match task.await.unwrap_or_else(|_| Ok(WorkSummary::default())) {
                Ok(done) => sum.merge(done),
                Err(error) => ended = Err(error),
            }
        }
        let released = self.release(&mut sum).await;
        (sum, ended.and(released))
    }

    /// Counts what is left and releases its lanes; closes those that are empty.
    async fn release(&self, sum: &mut WorkSummary) -> Result<()> {
        if self.lanes.is_empty() {
            return Ok(());
        }
        let own = |summary: &LaneSummary| self.lanes.contains(&summary.lane.id);
        for summary in self.context.reader.lanes().await?.into_iter().filter(own) {
            let id = summary.lane.id;
            sum.interrupted += if self.context.retrying {
                summary.total()
            } else {
                summary.waiting
            };
            let op = match summary.total() {
                0 => Op::CloseLane(id),
                _ => Op::ClaimLane {
                    lane: id,
                    from: summary.lane.owner,
                    owner: None,
                    now: self.context.clock.now(),
                },
            };
            self.context.ledger.write(op).await?;
        }
        Ok(())
    }
}
