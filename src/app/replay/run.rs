//! Works replays off. Bodies are read one after the other, when their turn comes: however many records are replayed, few are
//! in memory.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Prepared, Replay};
use crate::app::notice::Notice;
use crate::engine::Delivery;
use crate::error::{Error, Result};
use crate::pipeline::{Known, Pipeline, Tally, View, record};
use crate::store::{Op, Owner, Record, Store};
use crate::transport::Transport;

/// Deliveries that are read and wait for the engine.
const AHEAD: usize = 4;

/// What is said of a delivery that another process was faster to resume.
const TAKEN: &str = "another process has already resumed one of them";

/// What is worked off.
pub struct Run<'a, T> {
    /// Makes the deliveries.
    pub replay: &'a Replay<'a>,
    /// Where the records are read.
    pub store: &'a dyn Store,
    /// The records, in order.
    pub numbers: Vec<u64>,
    /// Those that were changed by hand before.
    pub changed: HashMap<u64, Delivery>,
    /// Delivers.
    pub pipeline: Pipeline<T>,
    /// Whether the process of that name still runs.
    pub is_held: &'a dyn Fn(&str) -> bool,
}

/// Delivers all of them. With a claim in the pipeline each is on record before its first attempt.
pub async fn run<T: Transport>(
    mut run: Run<'_, T>,
    view: &mut (dyn View + Send),
    say: &dyn Fn(Notice),
) -> Result<Tally> {
    let (jobs_in, jobs) = mpsc::channel(AHEAD);
    let ledger = run.pipeline.ledger.clone();
    let (owner, cancel) = (run.pipeline.owner.clone(), run.pipeline.cancel.clone());
    let known = if owner.is_some() { Known::All } else { Known::default() };
    let numbers = std::mem::take(&mut run.numbers);
    let mut changed = std::mem::take(&mut run.changed);
    let (replay, store, is_held) = (run.replay, run.store, run.is_held);
    let produce = async {
        for number in numbers {
            if cancel.is_cancelled() {
                break;
            }
            let delivery = match changed.remove(&number) {
                Some(delivery) => Some((delivery, None)),
                None => next(replay, store, number, is_held, say)?,
            };
            let Some((delivery, from)) = delivery else { continue };
            if let Some(owner) = &owner
                && !keep(&ledger, &delivery, from, owner, replay.options().resume).await?
            {
                say(Notice::Note(TAKEN.to_owned()));
                continue;
            }
            if jobs_in.send(delivery).await.is_err() {
                break;
            }
        }
        drop(jobs_in);
        Ok::<(), Error>(())
    };
    let (produced, tally) = tokio::join!(produce, run.pipeline.run(jobs, known, view));
    produced?;
    ledger.close();
    tally
}

/// A delivery, and who owned its record when that was read. `None`: it is left.
type Next = Option<(Delivery, Option<String>)>;

fn next(
    replay: &Replay<'_>,
    store: &dyn Store,
    number: u64,
    is_held: &dyn Fn(&str) -> bool,
    say: &dyn Fn(Notice),
) -> Result<Next> {
    let gone = || Error::nothing(format!("there is no record `#{number}` any more"));
    let record = store.get(number)?.ok_or_else(gone)?;
    let owner = match &record {
        Record::Delivery(delivery) => delivery.delivery.owner.clone(),
        Record::Capture(_) => None,
    };
    // Read after the list was made: in between another process that resumes may have claimed it.
    if replay.options().resume && owner.as_deref().is_some_and(is_held) {
        say(Notice::Note(TAKEN.to_owned()));
        return Ok(None);
    }
    match replay.prepare(record, None)? {
        Prepared::Ready(delivery, notices) => {
            notices.into_iter().for_each(say);
            Ok(Some((*delivery, owner)))
        }
        // It was said before the first was sent; this one has changed since.
        Prepared::Left(left) => {
            say(Notice::Warning(left.why));
            Ok(None)
        }
    }
}

/// Puts a delivery on record under this process's claim. `false`: another process has it.
async fn keep(
    ledger: &crate::store::Ledger,
    delivery: &Delivery,
    from: Option<String>,
    owner: &Arc<Owner>,
    resume: bool,
) -> Result<bool> {
    let name = owner.name().to_owned();
    let op = if resume {
        Op::Claim {
            delivery: delivery.id,
            from,
            owner: name,
        }
    } else {
        Op::Delivery(Box::new(record(delivery, Some(name))))
    };
    Ok(ledger.write(op).await?.number != 0)
}
