//! Hints that a process has changed something that other processes wait for. They may be lost: all of it is found without them, only
//! later.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::connection::{Database, Session};
use super::fault::Fault;
use super::process_database::{self, ProcessDatabase};
use crate::health::HealthChange;
use crate::random::Random;
use crate::secret::Secret;
use crate::store::queue::QueueOp;
use crate::store::{Ack, Op, StoreError};

/// The shortest time between two hints of a store.
const GAP: Duration = Duration::from_millis(250);

/// How long after a lost connection hints are asked for again. How often that connects is decided by the back-off of all connections.
const RECONNECT: Duration = Duration::from_millis(500);

/// This process among those that send hints.
static PROCESS: LazyLock<Uuid> = LazyLock::new(|| Random::os().uuid_v4());

/// Sends a hint, outside of transactions: inside, every commit would wait for those that send one too.
pub(super) fn send(session: &Session) -> Result<(), Fault> {
    session.batch(&format!("NOTIFY hook, '{}'", PROCESS.simple()))
}

/// The hints of a store, of which only so many are sent in a second.
#[derive(Debug, Default)]
pub(super) struct SentHints {
    last: Option<Instant>,
    is_owed: bool,
}

impl SentHints {
    /// Something was changed that others wait for.
    pub(super) fn owe(&mut self) {
        self.is_owed = true;
    }

    /// Sends a hint when one is owed and it is time for it. One that is lost costs others some seconds.
    pub(super) fn send(&mut self, database: &Database) {
        if self.is_owed && self.last.is_none_or(|last| last.elapsed() >= GAP) {
            self.is_owed = false;
            self.last = Some(Instant::now());
            let _ = database.with(send);
        }
    }
}

/// Whether other services wait for one of these changes.
pub(super) fn concern_others(ops: &[Op], acks: &[Ack]) -> bool {
    let is_given_away = |ack: &Ack| !ack.not_taken.is_empty() || ack.disabled.is_some();
    acks.iter().any(is_given_away) || ops.iter().any(concerns_others)
}

fn concerns_others(op: &Op) -> bool {
    match op {
        Op::Together(ops) => ops.iter().any(concerns_others),
        Op::Queue(QueueOp::Accept(intake)) => {
            let mut queued = intake.events.iter().flat_map(|event| &event.deliveries);
            queued.any(|queued| !queued.taken)
        }
        Op::Queue(QueueOp::Take { .. } | QueueOp::Clock { .. }) => false,
        Op::Queue(_) | Op::Health(HealthChange::Enabled { .. } | HealthChange::Removed { .. }) => true,
        _ => false,
    }
}

/// Hints of other processes, as long as it is held.
pub(in crate::store) struct Hints {
    came: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Hints {
    /// Listens to the database at that URL. To be called in asynchronous code.
    pub(in crate::store) fn start(url: &Secret) -> Result<Self, StoreError> {
        let database = process_database::of_process(url)?;
        let came = Arc::new(Notify::new());
        let task = tokio::spawn(listen(database, Arc::clone(&came)));
        Ok(Self { came, task })
    }

    /// Waits for one that came since the last time.
    pub(in crate::store) async fn next(&self) {
        self.came.notified().await;
    }
}

impl Drop for Hints {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(database: Arc<ProcessDatabase>, came: Arc<Notify>) {
    let own = PROCESS.simple().to_string();
    loop {
        let heard = |payload: Option<&str>| {
            // Without a payload: the connection is new, and what came before it was not heard.
            if payload != Some(&own) {
                // The book may have changed: an event that comes now is for the endpoints of now.
                database.forget_generation();
                came.notify_one();
            }
        };
        // Why it is lost does not matter: the service reports that its store is away.
        let _ = database.database.place.listen("hook", heard).await;
        tokio::time::sleep(RECONNECT).await;
    }
}
