//! Actions, one after the other.

use std::sync::mpsc::Receiver;

use super::{Job, Message, Worker};
use crate::app::actions::{self, ActionResult, ReplayAction};
use crate::app::inspect::{counters, select};
use crate::error::{Error, Result};
use crate::inspector::detail;
use crate::inspector::model::{Effect, Input};
use crate::runtime::runtime;
use crate::shutdown::Shutdown;

pub(super) fn run(worker: &Worker, jobs: &Receiver<Job>, shutdown: &Shutdown) {
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return worker.failed(&error),
    };
    while let Ok(job) = jobs.recv() {
        if !shutdown.soft.is_cancelled() {
            let updates_endpoints = matches!(job, Job::Endpoint(..));
            let pauses = matches!(job, Job::Effect(Effect::Pause(_)));
            let done = runtime.block_on(act(worker, job, shutdown));
            // The next press of the key is the other way round.
            if pauses
                && let Ok(store) = select::reader(&worker.context)
                && let Ok(found) = counters::counters(&worker.context, &*store, worker.target())
            {
                worker.input(Input::Counters(Box::new(found)));
            }
            // Before the notice: a key that answers the notice finds them as they are.
            if updates_endpoints && let Ok(found) = actions::endpoints(&worker.context) {
                worker.send(Message::Endpoints { found, opens: false });
            }
            match done {
                Ok(done) => worker.input(Input::Done(done)),
                Err(error) => worker.failed(&error),
            }
        }
        worker.finished();
    }
}

async fn act(worker: &Worker, job: Job, shutdown: &Shutdown) -> Result<ActionResult> {
    let (context, secrets) = (&worker.context, worker.secrets.as_slice());
    match job {
        Job::Edited(number, action) => actions::replay(context, number, &action, secrets, shutdown).await,
        Job::Endpoint(name, action) => actions::endpoint(context, &name, action, shutdown).await,
        Job::Effect(Effect::Replay { number, mode, to }) => {
            let to = target(worker, number, to)?;
            let action = ReplayAction {
                mode,
                to,
                ..ReplayAction::default()
            };
            actions::replay(context, number, &action, secrets, shutdown).await
        }
        Job::Effect(Effect::Delete(number)) => actions::delete(context, number),
        Job::Effect(Effect::Pause(paused)) => actions::pause_all(context, paused),
        Job::Effect(Effect::Resume) => actions::resume(context, secrets, shutdown).await,
        Job::Effect(Effect::Send(action)) => actions::send(context, &action, secrets, shutdown).await,
        Job::Effect(other) => Err(Error::internal(format!("{other:?} is not an action"))),
    }
}

/// Where a replay goes: `to` is for a record that went nowhere before.
fn target(worker: &Worker, number: u64, to: Option<String>) -> Result<Option<String>> {
    let Some(to) = to else { return Ok(None) };
    let store = select::reader(&worker.context)?;
    let before = detail::detail(&worker.context, &*store, number)?.edit.to;
    Ok(before.is_empty().then_some(to))
}
