//! Commands that run for captures: one worker per command, which gets the capture as the ledger has it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use super::event::ReceiveEvent;
use super::policy::WorkPolicy;
use super::source::{Item, WorkSource};
use super::summary::WorkSummary;
use super::work_context::{Stall, WorkContext};
use crate::listener::exec::{self, Bounds, CommandError};
use crate::listener::without_path;
use crate::store::{Capture, NewCapture, Op};

/// The worker of one command.
pub(super) struct CommandWorker {
    context: Arc<WorkContext>,
    stall: Arc<Stall>,
    succeeded: AtomicU64,
    failed: AtomicU64,
}

impl CommandWorker {
    pub(super) fn new(context: Arc<WorkContext>, source: &WorkSource) -> Self {
        Self {
            stall: Stall::new(&context, source.lane()),
            context,
            succeeded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Works until its lanes are empty and closed, or until the time is over: a command that runs then is stopped, and its
    /// item stays in the queue.
    pub(super) async fn run(self, mut source: WorkSource) -> crate::error::Result<WorkSummary> {
        let slots = Arc::new(Semaphore::new(source.concurrency()));
        let (worker, tasks) = (Arc::new(self), TaskTracker::new());
        let mut ended = Ok(());
        while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
            match source.next().await {
                Ok(Some(item)) => {
                    worker.stall.over();
                    drop(tasks.spawn(Arc::clone(&worker).one(item, slot)));
                }
                Ok(None) => break,
                Err(error) => {
                    let error = error.into();
                    if !worker.stall.wait(&error).await {
                        ended = Err(error);
                        break;
                    }
                }
            }
        }
        tasks.close();
        tasks.wait().await;
        ended.map(|()| WorkSummary {
            commands_succeeded: worker.succeeded.load(Ordering::Relaxed),
            commands_failed: worker.failed.load(Ordering::Relaxed),
            ..WorkSummary::default()
        })
    }

    async fn one(self: Arc<Self>, item: Item, _slot: OwnedSemaphorePermit) {
        let number = item.work.capture;
        // `None` when the time is over, or when the capture was pruned, and its work with it.
        let loaded = self.stall.until_ok(|| self.context.reader.capture(number)).await;
        let Some(capture) = loaded.flatten() else { return };
        let error = match self.ran(&item, &capture).await {
            Ok(()) => None,
            Err(CommandError::Failed(words)) => Some(words),
            Err(CommandError::Stopped) => return,
        };
        if self.record(&item, &capture, error.clone()).await {
            self.emit(&item, error.as_deref());
        }
    }

    async fn ran(&self, item: &Item, capture: &Capture) -> Result<(), CommandError> {
        let folder = PathBuf::from(&item.lane.folder);
        let bounds = Bounds {
            limit: item.policy.exec_timeout,
            stop: &self.context.ends.late,
            kill: &self.context.ends.kill,
            folder: Some(&folder),
        };
        let with_record = record_of(&capture.request, &item.policy);
        let request = with_record.as_ref().unwrap_or(&capture.request);
        let output = &self.context.command_output;
        exec::run(&item.lane.target, capture.number, request, bounds, output).await
    }

    /// Records the result, as soon as the ledger takes it: were the item left, the command would run again.
    async fn record(&self, item: &Item, capture: &Capture, error: Option<String>) -> bool {
        let command = &item.lane.target;
        let failed_before = capture.processing.iter().any(|found| found.command == *command);
        let mut ops = vec![Op::WorkDone(item.work.key)];
        // A command that succeeds at once leaves no record.
        if error.is_some() || failed_before {
            ops.push(Op::Processed {
                capture: capture.number,
                command: command.clone(),
                at: self.context.clock.now(),
                error,
            });
        }
        let write = || self.context.ledger.write(Op::Together(ops.clone()));
        self.stall.until_ok(write).await.is_some()
    }

    fn emit(&self, item: &Item, error: Option<&str>) {
        self.stall.over();
        let (capture, command) = (item.work.capture, item.lane.target.as_str());
        let (count, event) = match error {
            None => (&self.succeeded, ReceiveEvent::CommandSucceeded),
            Some(error) => (
                &self.failed,
                ReceiveEvent::CommandFailed {
                    capture,
                    command,
                    error,
                },
            ),
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.context.report(event);
    }
}

/// The capture with the record of an inbound trigger as its body; `None` without a trigger.
fn record_of(request: &NewCapture, policy: &WorkPolicy) -> Option<NewCapture> {
    let inbound = policy.inbound.as_ref()?;
    let reading = inbound.read(&request.target, &request.headers, &request.body);
    let record = reading.record_text.map(Into::into);
    Some(NewCapture {
        target: without_path(&request.target),
        body: record.unwrap_or_else(|| request.body.clone()),
        ..request.clone()
    })
}
