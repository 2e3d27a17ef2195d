//! Works replays off. Bodies are read one after the other, when their turn comes: however many records are replayed, few are
//! in memory.

use std::collections::HashMap;

use tokio::sync::mpsc;

use super::{Prepared, Replay};
use crate::app::notice::Notice;
use crate::engine::Delivery;
use crate::error::{Error, Result};
use crate::pipeline::{AlreadyRecorded, DeliveryObserver, Pipeline, Tally, record};
use crate::store::{Lease, Op, Record, Store};
use crate::transport::Transport;

/// Deliveries that are read and wait for the engine.
const AHEAD: usize = 4;

/// What is said of a delivery that another process was faster to take.
const TAKEN: &str = "another process has already taken one of them";

/// What is worked off.
pub struct Run<'a, T> {
    /// Makes the deliveries.
    pub replay: &'a Replay<'a>,
    /// Where the records are read.
    pub store: &'a dyn Store,
    /// The records, in order.
    pub numbers: Vec<u64>,
    /// Whether they were chosen as what is still undelivered: one that another process repeats meanwhile is left to that.
    pub undelivered: bool,
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
    view: &mut (dyn DeliveryObserver + Send),
    say: &dyn Fn(Notice),
) -> Result<Tally> {
    let (jobs_in, jobs) = mpsc::channel(AHEAD);
    let ledger = run.pipeline.ledger.clone();
    let (owner, cancel) = (run.pipeline.lease.clone(), run.pipeline.cancel.clone());
    let known = if owner.is_some() {
        AlreadyRecorded::All
    } else {
        AlreadyRecorded::default()
    };
    let numbers = std::mem::take(&mut run.numbers);
    let mut changed = std::mem::take(&mut run.changed);
    let (replay, store, is_held, undelivered) = (run.replay, run.store, run.is_held, run.undelivered);
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
            let taken = match (replay.options().resume, undelivered) {
                (true, _) => Taken::Over(from),
                (false, true) => Taken::Failed(number),
                (false, false) => Taken::Copied,
            };
            if let Some(owner) = &owner
                && ledger.write(keep(&delivery, taken, owner)).await?.number == 0
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

/// What becomes of the record that a delivery was made of.
enum Taken {
    /// It goes on, and so far had this owner.
    Over(Option<String>),
    /// It failed, and is made again unless another process does that by now. Its number.
    Failed(u64),
    /// Nothing.
    Copied,
}

/// Puts a delivery on record under this process's claim. The ack has no number where another process has it.
fn keep(delivery: &Delivery, taken: Taken, owner: &Lease) -> Op {
    let owner = owner.name().to_owned();
    match taken {
        Taken::Over(from) => Op::Claim {
            delivery: delivery.id,
            from,
            owner,
        },
        Taken::Failed(failed) => Op::Repeat {
            failed,
            delivery: Box::new(record(delivery, Some(owner))),
        },
        Taken::Copied => Op::Delivery(Box::new(record(delivery, Some(owner)))),
    }
}
