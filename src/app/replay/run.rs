//! Runs a replay. Bodies are read one after the other, when their turn comes: however many records are replayed, few are
//! in memory.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::plan::{PlannedDeliveries, ReplayPlan};
use super::{Prepared, Replay, ReplayOptions, resume};
use crate::app::context::Context;
use crate::app::receive::Observer;
use crate::engine::{self, Delivery, Limits};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::pipeline::{DeliveryObserver, record};
use crate::shutdown::Shutdown;
use crate::store::{Lease, Ledger, Op, Record};
use crate::transport::Transport;

/// Deliveries that are read and wait for the engine.
const AHEAD: usize = 4;

/// The note about a delivery that another process has claimed.
const TAKEN: &str = "another process has already taken one of them";

/// How a plan is carried out.
pub struct ReplayRun<'a, T> {
    /// Carries the requests of deliveries.
    pub transport: Arc<T>,
    /// By what waits are divided.
    pub time_scale: f64,
    /// Requests begun in a second, at most.
    pub rate: Option<f64>,
    /// Ends it.
    pub shutdown: &'a Shutdown,
}

impl Replay<'_> {
    /// Carries out a plan: `view` learns what happens to deliveries, `observer` what happens to forwards and commands.
    pub async fn run<T: Transport>(
        &self,
        plan: ReplayPlan,
        run: ReplayRun<'_, T>,
        view: impl DeliveryObserver + Send,
        observer: Arc<dyn Observer>,
    ) -> Result<Exit> {
        let (time_scale, shutdown) = (run.time_scale, run.shutdown);
        let working = async {
            match plan.work {
                Some(work) => resume::run(self.context, work, time_scale, observer, shutdown).await,
                None => Ok(Exit::Ok),
            }
        };
        let delivering = async {
            match plan.deliveries {
                Some(planned) => self.deliver(planned?, run, view).await,
                None => Ok(Exit::Ok),
            }
        };
        let (worked, delivered) = tokio::join!(working, delivering);
        Ok(worked?.worse(delivered?))
    }

    async fn deliver<T: Transport>(
        &self,
        plan: PlannedDeliveries,
        run: ReplayRun<'_, T>,
        mut view: impl DeliveryObserver + Send,
    ) -> Result<Exit> {
        let context = self.context;
        let limits = Limits {
            concurrency: 1,
            total: Some(engine::TOTAL),
            time_scale: run.time_scale,
            rate: run.rate,
            spread: 0.0,
        };
        let ledger = context.ledger();
        // Nothing is sent that cannot be recorded.
        ledger.ready().await?;
        // Of several processes that repeat one failed delivery, the first to record it does.
        let records_first = self.options.resume || plan.undelivered || plan.retries;
        let owner = records_first.then(|| context.lease().map(Arc::new)).transpose()?;
        let cancel = run.shutdown.soft.clone();
        let pipeline = context.pipeline(run.transport, ledger.clone(), limits, cancel, owner.clone());
        let (jobs_in, jobs) = mpsc::channel(AHEAD);
        let exit = plan.exit;
        let produce = self.produce(plan, &ledger, owner.as_deref(), run.shutdown, jobs_in);
        let (produced, tally) = tokio::join!(produce, pipeline.run(jobs, &mut view));
        produced?;
        ledger.close();
        let tally = tally?;
        if tally.interrupted > 0 {
            context
                .notices
                .hint("`hook replay --resume` continues what was interrupted");
        }
        Ok(tally.exit.unwrap_or(Exit::Ok).worse(exit))
    }

    /// Hands deliveries over one by one; with an owner each is on record before.
    async fn produce(
        &self,
        plan: PlannedDeliveries,
        ledger: &Ledger,
        owner: Option<&Lease>,
        shutdown: &Shutdown,
        jobs: mpsc::Sender<Delivery>,
    ) -> Result<()> {
        let mut changed: HashMap<u64, Delivery> = plan.changed;
        for number in plan.numbers {
            if shutdown.soft.is_cancelled() {
                break;
            }
            let next = match changed.remove(&number) {
                Some(delivery) => Some((delivery, None)),
                None => self.next(number)?,
            };
            let Some((delivery, from)) = next else { continue };
            if let Some(owner) = owner {
                let failed = plan.undelivered.then_some(number);
                let op = self.keep(&delivery, from, failed, owner);
                if ledger.write(op).await?.number == 0 {
                    self.context.notices.note(TAKEN);
                    continue;
                }
            }
            if jobs.send(delivery).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// The delivery of that record, with the remarks on it, and who owned the record when it was read. `None`: it is left.
    pub(super) fn next(&self, number: u64) -> Result<Option<(Delivery, Option<String>)>> {
        let gone = || Error::nothing(format!("record `#{number}` no longer exists"));
        let record = self.store.get(number)?.ok_or_else(gone)?;
        let owner = match &record {
            Record::Delivery(delivery) => delivery.delivery.owner.clone(),
            Record::Capture(_) => None,
        };
        let notices = &self.context.notices;
        // Read after the list was made: in between another process that resumes may have claimed it.
        if self.options.resume && owner.as_deref().is_some_and(|owner| self.is_held(owner)) {
            notices.note(TAKEN);
            return Ok(None);
        }
        match self.prepare(record, None)? {
            Prepared::Ready(delivery, remarks) => {
                self.emit(remarks);
                Ok(Some((*delivery, owner)))
            }
            // Skipped records were reported with the plan; this one has changed since.
            Prepared::Skipped(why) => {
                notices.warn(why.message);
                Ok(None)
            }
        }
    }

    /// The change that records a delivery under this process's lease: a resumed one, which had the owner `from`; one that
    /// repeats a `failed` one; or a new one. The ack has no number when another process was faster.
    fn keep(&self, delivery: &Delivery, from: Option<String>, failed: Option<u64>, owner: &Lease) -> Op {
        let owner = owner.name().to_owned();
        if self.options.resume {
            return Op::Claim {
                delivery: delivery.id,
                from,
                owner,
            };
        }
        let delivery = Box::new(record(delivery, Some(owner)));
        match failed {
            Some(failed) => Op::Repeat { failed, delivery },
            None => Op::Delivery(delivery),
        }
    }
}

/// The delivery of a record with attempts left, to be resumed.
pub fn resumed(context: &Context, number: u64) -> Result<Delivery> {
    let options = ReplayOptions {
        resume: true,
        ..ReplayOptions::default()
    };
    let store = context.reader()?;
    let gone = || Error::nothing(format!("record `#{number}` no longer exists"));
    let record = store.get(number)?.ok_or_else(gone)?;
    match Replay::new(context, &*store, &options).prepare(record, None)? {
        Prepared::Ready(delivery, _) => Ok(*delivery),
        Prepared::Skipped(why) => Err(why),
    }
}
