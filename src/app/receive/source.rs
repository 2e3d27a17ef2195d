//! The items of a worker: read from the ledger's queue, lane after lane, a few keys at a time and never a body. Retries come
//! when they are due.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Notify;

use super::policy::WorkPolicy;
use super::retries::Retries;
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
    retries: Arc<Retries>,
    /// Retries that are due, with the places of their lanes.
    due: VecDeque<(usize, Work)>,
    /// Whether the last item was a retry. They take turns with first attempts, so that neither holds up the other.
    was_retry: bool,
}

struct TakenLane {
    lane: Arc<Lane>,
    policy: Arc<WorkPolicy>,
    /// The last item that was read.
    after: u64,
    /// Whether items are still added to it.
    open: bool,
}

impl TakenLane {
    fn item(&self, work: Work) -> Item {
        Item {
            work,
            lane: Arc::clone(&self.lane),
            policy: Arc::clone(&self.policy),
        }
    }
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
            retries: Arc::new(Retries::new(context.clock.now(), Arc::clone(&wake))),
            wake,
            lanes,
            at: 0,
            ahead: VecDeque::new(),
            due: VecDeque::new(),
            was_retry: false,
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

    /// The retries of the target.
    pub(super) fn retries(&self) -> &Arc<Retries> {
        &self.retries
    }

    /// The next item, waited for: retries when they are due, and between them the others in order. `None` when no more will
    /// come, or when the time is over. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Result<Option<Item>, StoreError> {
        let context = Arc::clone(&self.context);
        while !context.ends.late.is_cancelled() {
            tokio::select! {
                () = context.resumed() => {}
                () = context.ends.late.cancelled() => break,
            }
            // Asked before the queue is read: what is promised until the intake ends is in it by then.
            let is_complete = context.ends.no_more.is_cancelled();
            let found = if self.was_retry {
                match self.first_attempt(is_complete).await? {
                    None => self.retry().await?,
                    found => found,
                }
            } else {
                match self.retry().await? {
                    None => self.first_attempt(is_complete).await?,
                    found => found,
                }
            };
            if let Some(item) = found {
                self.was_retry = item.work.delivery.is_some();
                return Ok(Some(item));
            }
            if self.at == self.lanes.len() && (!context.retrying || self.retries.is_empty()) {
                break;
            }
            tokio::select! {
                () = self.wake.notified() => {}
                () = self.retries.due() => {}
                () = context.ends.no_more.cancelled(), if !is_complete => {}
                () = context.ends.late.cancelled() => {}
            }
        }
        Ok(None)
    }

    /// The next item that was not tried yet.
    async fn first_attempt(&mut self, is_complete: bool) -> Result<Option<Item>, StoreError> {
        while let Some(taken) = self.lanes.get_mut(self.at) {
            if let Some(work) = self.ahead.pop_front() {
                return Ok(Some(taken.item(work)));
            }
            let found = self.context.reader.work(taken.lane.id, taken.after, READ_AHEAD).await?;
            match found.last() {
                Some(last) => {
                    taken.after = last.key.seq;
                    self.ahead
                        .extend(found.into_iter().filter(|work| work.delivery.is_none()));
                }
                None if is_complete || !taken.open => self.at += 1,
                None => break,
            }
        }
        Ok(None)
    }

    /// The next item whose retry is due.
    async fn retry(&mut self) -> Result<Option<Item>, StoreError> {
        if self.context.retrying && self.due.is_empty() {
            let lanes: Vec<_> = self.lanes.iter().map(|taken| taken.lane.id).collect();
            self.due = self.retries.read(&self.context.reader, &lanes).await?;
        }
        let due = self.due.pop_front();
        Ok(due.and_then(|(at, work)| Some(self.lanes.get(at)?.item(work))))
    }

    /// Starts again with what is left in the lanes, after a failure. No item may be in progress.
    pub(super) fn restart(&mut self) {
        self.at = 0;
        self.ahead.clear();
        self.due.clear();
        self.retries.restart();
        self.lanes.iter_mut().for_each(|taken| taken.after = 0);
    }
}
