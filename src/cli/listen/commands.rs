//! Commands that run for what was received, a few at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::listener::exec::{self, Ran};
use crate::store::{Ledger, NewCapture, Op};
use crate::ui::Ui;

/// Commands that run at once.
const AT_ONCE: usize = 4;

/// A command that is to run.
pub(super) struct Task {
    pub(super) command: String,
    pub(super) number: u64,
    pub(super) capture: Arc<NewCapture>,
}

/// What all commands have in common.
#[derive(Clone)]
pub(super) struct Runner {
    pub(super) ui: Arc<Ui>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ledger: Ledger,
    pub(super) limit: Option<Duration>,
    /// How many failed.
    pub(super) failed: Arc<AtomicU64>,
    /// Commands have had their time.
    pub(super) late: CancellationToken,
}

impl Runner {
    /// Runs commands in the order in which they were asked for, until nobody can ask any more.
    pub(super) async fn run(self, mut queue: mpsc::Receiver<Task>) {
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        let tasks = TaskTracker::new();
        while let Some(task) = queue.recv().await {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
                break;
            };
            let runner = self.clone();
            tasks.spawn(async move {
                runner.one(task).await;
                drop(permit);
            });
        }
        tasks.close();
        tasks.wait().await;
    }

    async fn one(&self, task: Task) {
        let ran = tokio::select! {
            biased;
            () = self.late.cancelled() => Ran::Badly("stopped with the listener".to_owned()),
            ran = exec::run(&task.command, task.number, &task.capture, self.limit) => ran,
        };
        let Ran::Badly(words) = ran else { return };
        self.failed.fetch_add(1, Ordering::Relaxed);
        let (number, command) = (task.number, &task.command);
        let kept = self.ledger.write(Op::Processed {
            capture: number,
            command: command.clone(),
            at: self.clock.now(),
            error: Some(words.clone()),
        });
        let kept = kept.await;
        self.ui.warn(&format!("#{number}: `{command}` failed: {words}"));
        if let Err(error) = kept {
            self.ui
                .warn(&format!("#{number}: that it failed is not recorded: {error}"));
        }
    }
}
