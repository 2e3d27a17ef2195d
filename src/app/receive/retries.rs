//! The retries of a target's forwards. They wait in the ledger's work queue; in memory is only what is in progress.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

use crate::clock::{Clock as _, SteadyClock, Timestamp};
use crate::store::{LedgerReader, StoreError, Work, WorkKey};

/// Items that are read at once.
const READ_AHEAD: usize = 256;

/// What is known of the retries of one target.
pub(super) struct Retries {
    clock: SteadyClock,
    state: Mutex<State>,
    /// The worker of the target has something to look at.
    wake: Arc<Notify>,
}

#[derive(Default)]
struct State {
    /// Forwards whose attempt is not on record yet.
    in_progress: HashSet<WorkKey>,
    /// Left to another process.
    skipped: HashSet<WorkKey>,
    /// When the first one is due; absent: none waits.
    next: Option<Timestamp>,
    /// Whether `next` is known.
    is_read: bool,
}

impl Retries {
    pub(super) fn new(now: Timestamp, wake: Arc<Notify>) -> Self {
        Self {
            clock: SteadyClock::new(now),
            state: Mutex::default(),
            wake,
        }
    }

    /// By which retries are due.
    pub(super) fn clock(&self) -> SteadyClock {
        self.clock
    }

    /// An attempt of an item begins.
    pub(super) fn begin(&self, key: WorkKey) {
        self.state().in_progress.insert(key);
    }

    /// The attempt is on record, or was not made; with the time until the next one.
    pub(super) fn end(&self, key: WorkKey, wait: Option<std::time::Duration>) {
        let mut state = self.state();
        state.in_progress.remove(&key);
        if let Some(wait) = wait {
            let due = self.clock.now().plus(wait);
            state.next = Some(state.next.map_or(due, |next| next.min(due)));
        }
        drop(state);
        self.wake.notify_one();
    }

    /// Leaves an item that was begun to another process.
    pub(super) fn skip(&self, key: WorkKey) {
        self.state().skipped.insert(key);
        self.end(key, None);
    }

    /// Whether nothing waits and nothing is in progress.
    pub(super) fn is_empty(&self) -> bool {
        let state = self.state();
        state.is_read && state.next.is_none() && state.in_progress.is_empty()
    }

    /// Forgets what is known. Nothing may be in progress.
    pub(super) fn restart(&self) {
        *self.state() = State::default();
    }

    /// Waits until one is due.
    pub(super) async fn due(&self) {
        let next = self.state().next;
        match next {
            Some(next) => tokio::time::sleep_until(self.clock.instant(next)).await,
            None => std::future::pending().await,
        }
    }

    /// The items that are due, each with the place of its lane, the longest waiting first. Dropping the future loses nothing.
    pub(super) async fn read(
        &self,
        reader: &LedgerReader,
        lanes: &[Uuid],
    ) -> Result<VecDeque<(usize, Work)>, StoreError> {
        let now = self.clock.now();
        // What is in progress when the read begins may be on record before it ends.
        let excluded = {
            let mut state = self.state();
            if state.is_read && state.next.is_none_or(|next| next > now) {
                return Ok(VecDeque::new());
            }
            (state.is_read, state.next) = (false, None);
            state.in_progress.clone()
        };
        let limit = READ_AHEAD + excluded.len() + self.state().skipped.len();
        let (mut found, mut next) = (Vec::new(), None);
        for (place, lane) in lanes.iter().enumerate() {
            let due = reader.due_work(*lane, now, limit).await?;
            found.extend(due.items.into_iter().map(|work| (place, work)));
            next = [next, due.next].into_iter().flatten().min();
        }
        let mut state = self.state();
        state.is_read = true;
        state.next = [state.next, next].into_iter().flatten().min();
        found.retain(|(_, work)| !excluded.contains(&work.key) && !state.skipped.contains(&work.key));
        found.sort_by_key(|(_, work)| work.due);
        Ok(found.into())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
