//! Delivers the messages of a run: one, or many that are all different.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use url::Url;

use super::burst::{Burst, BurstObserver, Handover};
use super::faults::{FaultOptions, FaultReport, FaultWatch, Sequencer};
use super::{MessageFactory, SendPlan};
use crate::app::context::Context;
use crate::app::sign::check_signature;
use crate::engine::{Delivery, Limits, TOTAL};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::message::Message;
use crate::pipeline::{DeliveryObserver, Tally, record};
use crate::provider::Profile;
use crate::shutdown::Shutdown;
use crate::store::{Lease, Ledger, Op, PendingAck};
use crate::transport::other_loopback_answers;

/// The size and the speed of a run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// How many events.
    pub count: u64,
    /// Requests in flight at once to one target.
    pub concurrency: usize,
    /// Requests begun in a second, at most.
    pub rate: Option<f64>,
    /// Divides the waits between attempts.
    pub time_scale: f64,
    /// Faults on purpose.
    pub faults: FaultOptions,
}

/// The result of a run.
#[derive(Debug)]
pub struct SendResult {
    /// The totals of the deliveries.
    pub tally: Tally,
    /// How long it took.
    pub took: Duration,
    /// The worst exit code of a delivery.
    pub exit: Exit,
    /// What the receiver accepted of a run with faults.
    pub faults: Option<FaultReport>,
}

/// Makes and delivers as many messages as the options say. After the failure of a single one, hints say what may help.
pub async fn deliver(
    context: &Context,
    plan: &SendPlan<'_>,
    messages: &MessageFactory<'_>,
    options: RunOptions,
    shutdown: &Shutdown,
    observer: &mut (dyn DeliveryObserver + Send),
) -> Result<SendResult> {
    let is_bulk = options.count > 1;
    if options.faults.late_success && !plan.retries() {
        let what = format!("`--late-success` needs retries, and {} makes none", plan.profile.title);
        return Err(Error::usage(what).hint("name the delays: `--retry 5s,1m`"));
    }
    let ledger = context.ledger();
    // What cannot be recorded is not sent.
    ledger.ready().await?;
    // Recorded first where more than one attempt may be made, and where one target may be slower than another: then what
    // waits for it is in the ledger and not in memory.
    let faults = &options.faults;
    let records_first = plan.retries() || faults.jitter.is_some() || (is_bulk && plan.targets.len() > 1);
    let lease = records_first.then(|| context.lease().map(Arc::new)).transpose()?;
    let limits = Limits {
        concurrency: options.concurrency,
        total: Some(options.concurrency.max(TOTAL)),
        time_scale: options.time_scale,
        rate: options.rate,
        spread: 0.0,
    };
    let cancel = shutdown.soft.clone();
    let transport = plan.options.request.transport()?;
    let mut pipeline = context.pipeline(transport, ledger.clone(), limits, cancel.clone(), lease.clone());
    let burst = faults.burst.map(|_| Arc::new(Burst::default()));
    let targets = plan.targets.len();
    let watch = faults
        .is_any()
        .then(|| Arc::new(FaultWatch::new(faults.late_success, targets, burst.clone())));
    if let Some(watch) = &watch {
        pipeline.engine.faults = Some(Arc::<FaultWatch>::clone(watch));
    }
    let (jobs_in, jobs) = mpsc::channel(256);
    let mut producer = Producer {
        context,
        plan,
        faults,
        sequencer: Sequencer::new(faults),
        watch: watch.as_deref(),
        recording: RecordingQueue::new(ledger.clone(), lease),
        handover: Handover::new(jobs_in, cancel.clone(), faults.burst, burst.clone()),
    };
    let messages = (0..options.count).map(|index| messages.message(context, index));
    let begun = Instant::now();
    let produce = async {
        let produced = producer.produce(messages).await;
        // The engine ends with its jobs.
        drop(producer);
        produced
    };
    let (produced, tally) = match burst {
        None => tokio::join!(produce, pipeline.run(jobs, observer)),
        Some(burst) => {
            let mut noting = BurstObserver { burst, inner: observer };
            tokio::join!(produce, pipeline.run(jobs, &mut noting))
        }
    };
    produced?;
    let tally = tally?;
    ledger.close();
    // A refusal is what a fault asks for.
    let is_wanted = options.faults.tamper.is_some();
    if !is_bulk && !is_wanted && tally.interrupted == 0 && tally.failed > 0 {
        let url = plan.targets.first().map(|target| &target.url);
        advise(context, &plan.profile, &tally, url).await;
    }
    let exit = tally.exit.unwrap_or(Exit::Ok);
    // Events that were never made are unfinished too.
    let is_cut_short = is_bulk && cancel.is_cancelled();
    Ok(SendResult {
        tally,
        took: begun.elapsed(),
        faults: watch.map(|watch| watch.report()),
        exit: if is_cut_short {
            exit.worse(Exit::Interrupted)
        } else {
            exit
        },
    })
}

/// Makes the messages of a run, and hands over their deliveries.
struct Producer<'a> {
    context: &'a Context,
    plan: &'a SendPlan<'a>,
    faults: &'a FaultOptions,
    sequencer: Sequencer<'a>,
    watch: Option<&'a FaultWatch>,
    recording: RecordingQueue,
    handover: Handover,
}

impl Producer<'_> {
    /// Works until the messages end, or until the run is cut short.
    async fn produce(&mut self, messages: impl Iterator<Item = Result<Arc<Message>>>) -> Result<()> {
        for (number, message) in (1..).zip(messages) {
            let deliveries = self.plan.deliveries(self.context, &message?)?;
            // Messages of a run differ in their values only, so one of them shows whether all can be signed.
            if number == 1 {
                deliveries
                    .iter()
                    .try_for_each(|delivery| check_signature(self.context, delivery))?;
            }
            for (target, delivery) in deliveries.into_iter().enumerate() {
                if self.give(delivery, target, number).await? {
                    return Ok(());
                }
            }
        }
        let rest = self.sequencer.rest();
        if self.record(rest).await? {
            return Ok(());
        }
        while let Some(ready) = self.recording.pop().await? {
            if self.handover.give(ready).await {
                return Ok(());
            }
        }
        self.handover.flush().await;
        Ok(())
    }

    /// One delivery with its faults. Returns whether the run is over.
    async fn give(&mut self, delivery: Delivery, target: usize, number: u64) -> Result<bool> {
        let delivery = match self.faults.tamper {
            Some(tamper) => tamper.apply(delivery, &self.plan.profile)?,
            None => delivery,
        };
        for copy in self.sequencer.copies(&delivery, self.context.now()) {
            if let Some(watch) = self.watch {
                watch.track(copy.id, target, number);
            }
            let ready = self.sequencer.push(copy);
            if self.record(ready).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Hands deliveries to the ledger, and those that are on record to the engine. Returns whether the run is over.
    async fn record(&mut self, deliveries: Vec<Delivery>) -> Result<bool> {
        for delivery in deliveries {
            if let Some(ready) = self.recording.push(delivery).await?
                && self.handover.give(ready).await
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Deliveries on their way into the ledger, which come out when they are on record.
struct RecordingQueue {
    ledger: Ledger,
    /// Absent: nothing is recorded before its attempt.
    lease: Option<Arc<Lease>>,
    waiting: VecDeque<(Delivery, PendingAck)>,
    bytes: usize,
}

impl RecordingQueue {
    /// Deliveries at most.
    const MOST: usize = 256;
    /// Bytes of bodies at most.
    const MOST_BYTES: usize = 8 * 1024 * 1024;

    fn new(ledger: Ledger, lease: Option<Arc<Lease>>) -> Self {
        Self {
            ledger,
            lease,
            waiting: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Hands one to the ledger, and gives back the oldest when enough are on their way.
    async fn push(&mut self, delivery: Delivery) -> Result<Option<Delivery>> {
        let Some(lease) = &self.lease else {
            return Ok(Some(delivery));
        };
        let new = record(&delivery, Some(lease.name().to_owned()));
        // Many are handed over before the first is waited for, so that they share a sync to disk.
        let ack = self.ledger.enqueue(Op::Delivery(Box::new(new))).await?;
        self.bytes += delivery.message.body.len();
        self.waiting.push_back((delivery, ack));
        if self.waiting.len() < Self::MOST && self.bytes < Self::MOST_BYTES {
            return Ok(None);
        }
        self.pop().await
    }

    /// The oldest, once it is on record.
    async fn pop(&mut self) -> Result<Option<Delivery>> {
        let Some((delivery, ack)) = self.waiting.pop_front() else {
            return Ok(None);
        };
        ack.await?;
        self.bytes -= delivery.message.body.len();
        Ok(Some(delivery))
    }
}

/// Hints about the causes of a failure.
async fn advise(context: &Context, profile: &Profile, tally: &Tally, url: Option<&Url>) {
    let hint = |text: String| context.notices.hint(text);
    if tally.causes.contains_key("401") {
        hint("401 is how a receiver refuses a signature: do both sides have the same secret?".into());
    }
    if let Some(code) = tally.causes.keys().find(|cause| cause.starts_with('2')) {
        let (title, success) = (&profile.title, &profile.policy.success);
        hint(format!(
            "{code} is a failure here: {title} takes only {success} for success"
        ));
    }
    if tally.causes.contains_key("connect")
        && let Some(url) = url
        && let Some(other) = other_loopback_answers(url).await
    {
        let path = url.path();
        hint(format!(
            "something answers on the other loopback address: `--to http://{other}{path}`"
        ));
    }
}
