//! The items of a worker: read from the ledger's queue, lane after lane, a few keys at a time and never a body.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Notify;

use super::policy::WorkPolicy;
use super::work_context::WorkContext;
use crate::store::{Lane, LaneSummary, StoreError, Work};

/// Keys that are read at once.
const READ_AHEAD: usize = 256;

/// An item that a worker has taken.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) work: Work,
    pub(super) lane: Arc<Lane>,
    pub(super) policy: Arc<WorkPolicy>,
}

/// The lanes of one target.
pub(super) struct WorkSource {
    target: Arc<Lane>,
    concurrency: usize,
    context: Arc<WorkContext>,
    wake: Arc<Notify>,
    /// The lanes of earlier processes, the oldest first, then the own one.
    lanes: Vec<TakenLane>,
    /// The lane that is read.
    at: usize,
    ahead: VecDeque<Work>,
}

struct TakenLane {
    lane: Arc<Lane>,
    policy: Arc<WorkPolicy>,
    /// The last item that was read.
    after: u64,
    /// Whether items are still added to it.
    open: bool,
}

impl WorkSource {
    /// `left` were taken over from earlier processes; `own` gets items until the intake ends. `None` without any lane.
    pub(super) fn new(
        context: &Arc<WorkContext>,
        left: Vec<LaneSummary>,
        own: Option<(Arc<Lane>, Arc<Notify>)>,
    ) -> Option<Self> {
        let taken = |lane: Arc<Lane>, open| TakenLane {
            policy: Arc::new(WorkPolicy::from_text(&lane.policy)),
            lane,
            after: 0,
            open,
        };
        let mut lanes: Vec<TakenLane> = left.into_iter().map(|left| taken(Arc::new(left.lane), false)).collect();
        let mut wake = Arc::default();
        if let Some((lane, notify)) = own {
            lanes.push(taken(lane, true));
            wake = notify;
        }
        let last = lanes.last()?;
        Some(Self {
            target: Arc::clone(&last.lane),
            concurrency: last.policy.concurrency.max(1),
            context: Arc::clone(context),
            wake,
            lanes,
            at: 0,
            ahead: VecDeque::new(),
        })
    }

    /// The lane that names the target.
    pub(super) fn lane(&self) -> &Arc<Lane> {
        &self.target
    }

    /// Items in progress at once, at most.
    pub(super) fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// The next item in order, waited for; `None` when no more will come, or when the time is over. Dropping the future
    /// loses nothing.
    pub(super) async fn next(&mut self) -> Result<Option<Item>, StoreError> {
        let context = Arc::clone(&self.context);
        while !context.ends.late.is_cancelled() {
            let Some(taken) = self.lanes.get_mut(self.at) else {
                break;
            };
            if let Some(work) = self.ahead.pop_front() {
                return Ok(Some(Item {
                    work,
                    lane: Arc::clone(&taken.lane),
                    policy: Arc::clone(&taken.policy),
                }));
            }
            // Asked before the queue is read: what is promised until the intake ends is in it by then.
            let complete = !taken.open || context.ends.no_more.is_cancelled();
            let found = context.reader.work(taken.lane.id, taken.after, READ_AHEAD).await?;
            match found.last() {
                Some(last) => {
                    taken.after = last.key.seq;
                    let wanted = |work: &Work| context.retrying || work.delivery.is_none();
                    self.ahead.extend(found.into_iter().filter(wanted));
                }
                None if complete => self.at += 1,
                None => tokio::select! {
                    () = self.wake.notified() => {}
                    () = context.ends.no_more.cancelled() => {}
                    () = context.ends.late.cancelled() => {}
                },
            }
        }
        Ok(None)
    }

    /// Starts again with what is left in the lanes, after a failure. No item may be in progress.
    pub(super) fn restart(&mut self) {
        self.at = 0;
        self.ahead.clear();
        self.lanes.iter_mut().for_each(|taken| taken.after = 0);
    }
}
