//! Bulk runs of `send`: many events, every one new.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use serde::Serialize;
use tokio::sync::mpsc;

use super::body::MessageSource;
use super::origin::MessageFactory;
use super::retry::RetryArgs;
use super::send::Plan;
use crate::app::endpoint_health;
use crate::cli::session::Session;
use crate::cli::ui::Ui;
use crate::engine::{self, Delivery, Event, Limits, Next};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::pipeline::{Known, Tally, View, record};
use crate::shutdown::Shutdown;
use crate::store::{Lease, Ledger, Op, PendingAck};
use crate::view::{count, millis, progress, short_time};

#[derive(Debug, Clone, Args)]
pub(super) struct BulkArgs {
    /// How many events to send
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..), help_heading = "Bulk")]
    pub(super) count: u64,
    /// Requests in flight at once to one target
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = super::concurrency, help_heading = "Bulk")]
    concurrency: usize,
    /// Requests begun in a second, at most
    #[arg(long, value_name = "N", value_parser = super::rate, help_heading = "Bulk")]
    rate: Option<f64>,
    /// Make ids and times of the events repeatable
    #[arg(long, value_name = "SEED", help_heading = "Bulk")]
    pub(super) random_seed: Option<u64>,
}

/// `{"schema":"hook.bulk/1"}`: a bulk run as a whole.
#[derive(Serialize)]
struct BulkLine {
    schema: &'static str,
    deliveries: u64,
    delivered: u64,
    failed: u64,
    interrupted: u64,
    seconds: f64,
    per_second: f64,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
    causes: std::collections::BTreeMap<String, u64>,
}

/// Counts on the bar, and shows single failures only on request.
struct Bar {
    ui: Arc<Ui>,
    progress: progress::Bulk,
    failed: u64,
}

impl View for Bar {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        match event.next {
            Next::Retry { .. } => return Ok(()),
            Next::Failed(_) => {
                self.failed += 1;
                let word = event
                    .attempt
                    .as_ref()
                    .map_or_else(String::new, |attempt| attempt.outcome.word());
                self.ui.detail(&format!("#{number} failed: {word}"));
            }
            Next::Delivered | Next::Interrupted => {}
        }
        self.progress.step(self.failed);
        Ok(())
    }
}

pub(super) async fn run(
    session: &Session,
    bulk: &BulkArgs,
    retry: &RetryArgs,
    plan: &Plan,
    maker: &MessageSource<'_>,
) -> Result<Exit> {
    let shutdown = Shutdown::install()?;
    let ledger = session.ledger();
    ledger.ready().await?;
    let owner = if plan.records_first() {
        Some(Arc::new(session.lease()?))
    } else {
        None
    };
    let known = if owner.is_some() { Known::All } else { Known::default() };
    let mut ahead = Ahead::new(ledger.clone(), owner.clone());
    let limits = Limits {
        concurrency: bulk.concurrency,
        total: Some(bulk.concurrency.max(engine::TOTAL)),
        time_scale: retry.time_scale,
        rate: bulk.rate,
    };
    let cancel = shutdown.soft.clone();
    let pipeline = session.pipeline(plan.transport()?, ledger.clone(), limits, cancel.clone(), owner);
    let (jobs_in, jobs) = mpsc::channel(256);
    let bar = progress::Bulk::new(bulk.count, session.ui.shows_progress());
    let bar = Bar {
        ui: Arc::clone(&session.ui),
        progress: bar,
        failed: 0,
    };
    let mut view = endpoint_health::Counting::new(session, bar, plan.works_off_schedule());
    let origin = MessageFactory::new(session, bulk.random_seed);
    let begun = Instant::now();
    let produce = async {
        for index in 0..bulk.count {
            let message = origin.message(session, maker, index)?;
            for delivery in plan.deliveries(session, &message)? {
                let Some(delivery) = ahead.put(delivery).await? else {
                    continue;
                };
                if cancel.is_cancelled() || jobs_in.send(delivery).await.is_err() {
                    return Ok(());
                }
            }
        }
        while let Some(delivery) = ahead.take().await? {
            if cancel.is_cancelled() || jobs_in.send(delivery).await.is_err() {
                break;
            }
        }
        drop(jobs_in);
        Ok::<(), Error>(())
    };
    let (produced, tally) = tokio::join!(produce, pipeline.run(jobs, known, &mut view));
    produced?;
    let tally = tally?;
    view.finish()?;
    ledger.close();
    report(session, &tally, begun.elapsed().as_secs_f64())?;
    if tally.interrupted > 0 {
        session.ui.hint(plan.resumption());
    }
    let exit = tally.exit.unwrap_or(Exit::Ok);
    // Events that were never made are unfinished too.
    Ok(if cancel.is_cancelled() {
        exit.worse(Exit::Interrupted)
    } else {
        exit
    })
}

/// Deliveries on their way into the ledger, which come out when they are on record. Many are handed over before the first
/// is waited for, so that they share a sync.
struct Ahead {
    ledger: Ledger,
    /// Absent: nothing is recorded before its attempt.
    owner: Option<Arc<Lease>>,
    waiting: VecDeque<(Delivery, PendingAck)>,
    bytes: usize,
}

impl Ahead {
    /// Deliveries at most.
    const MOST: usize = 256;
    /// Bytes of bodies at most.
    const MOST_BYTES: usize = 8 * 1024 * 1024;

    fn new(ledger: Ledger, owner: Option<Arc<Lease>>) -> Self {
        Self {
            ledger,
            owner,
            waiting: VecDeque::new(),
            bytes: 0,
        }
    }

    /// Hands one over, and gives back the oldest when enough are on their way.
    async fn put(&mut self, delivery: Delivery) -> Result<Option<Delivery>> {
        let Some(owner) = &self.owner else {
            return Ok(Some(delivery));
        };
        let new = record(&delivery, Some(owner.name().to_owned()));
        let ack = self.ledger.enqueue(Op::Delivery(Box::new(new))).await?;
        self.bytes += delivery.message.body.len();
        self.waiting.push_back((delivery, ack));
        if self.waiting.len() < Self::MOST && self.bytes < Self::MOST_BYTES {
            return Ok(None);
        }
        self.take().await
    }

    /// The oldest, once it is on record.
    async fn take(&mut self) -> Result<Option<Delivery>> {
        let Some((delivery, ack)) = self.waiting.pop_front() else {
            return Ok(None);
        };
        ack.await?;
        self.bytes -= delivery.message.body.len();
        Ok(Some(delivery))
    }
}

fn report(session: &Session, tally: &Tally, seconds: f64) -> Result<()> {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let per_second = tally.total() as f64 / seconds.max(1e-9);
    let time = |share| tally.times.percentile(share);
    let ui = &session.ui;
    ui.json(&BulkLine {
        schema: "hook.bulk/1",
        deliveries: tally.total(),
        delivered: tally.delivered,
        failed: tally.failed,
        interrupted: tally.interrupted,
        seconds,
        per_second: per_second.round(),
        p50_ms: time(0.5).map(millis),
        p95_ms: time(0.95).map(millis),
        p99_ms: time(0.99).map(millis),
        causes: tally.causes.clone(),
    })?;
    let delivered = ui.out.good(&format!("{} delivered", tally.delivered));
    let failed = match tally.failed {
        0 => "0 failed".to_owned(),
        n => ui.out.bad(&format!("{n} failed")),
    };
    ui.line(&format!(
        "{}: {delivered}, {failed}, {seconds:.1} s, {per_second:.0} a second",
        count(tally.total(), "event")
    ))?;
    let shown = |share| time(share).map_or_else(|| "-".into(), short_time);
    ui.line(&format!(
        "answer times: p50 {}, p95 {}, p99 {}",
        shown(0.5),
        shown(0.95),
        shown(0.99)
    ))?;
    for (cause, n) in &tally.causes {
        ui.line(&format!("  {n} x {cause}"))?;
    }
    Ok(())
}
