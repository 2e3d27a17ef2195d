//! Delivers one message to its targets.

use std::sync::Arc;

use tokio::sync::mpsc;
use url::Url;

use super::SendPlan;
use crate::app::context::Context;
use crate::app::endpoint_health::EndpointHealth;
use crate::engine::{Delivery, Limits, TOTAL};
use crate::error::Result;
use crate::pipeline::{AlreadyRecorded, DeliveryObserver, Tally, record};
use crate::provider::Profile;
use crate::shutdown::Shutdown;
use crate::store::Op;
use crate::transport::other_loopback_answers;

/// Makes these deliveries of the plan, divides the waits between attempts by `time_scale`, and tells what helps after a
/// failure. Those that may take several attempts are on record before the first one.
pub async fn deliver(
    context: &Context,
    plan: &SendPlan<'_>,
    deliveries: Vec<Delivery>,
    time_scale: f64,
    shutdown: &Shutdown,
    observer: &mut (dyn DeliveryObserver + Send),
) -> Result<Tally> {
    let limits = Limits {
        concurrency: 16,
        total: Some(TOTAL),
        time_scale,
        rate: None,
    };
    let url = deliveries.first().map(|delivery| delivery.url.clone());
    let transport = plan.transport()?;
    let ledger = context.ledger();
    // What cannot be recorded is not sent.
    ledger.ready().await?;
    let mut recorded = AlreadyRecorded::default();
    let mut lease = None;
    if plan.retries() {
        let claimed = Arc::new(context.claim_lease()?);
        for delivery in &deliveries {
            let record = record(delivery, Some(claimed.name().to_owned()));
            ledger.write(Op::Delivery(Box::new(record))).await?;
        }
        (recorded, lease) = (AlreadyRecorded::All, Some(claimed));
    }
    let (jobs_in, jobs) = mpsc::channel(deliveries.len().max(1));
    for delivery in deliveries {
        let _ = jobs_in.send(delivery).await;
    }
    drop(jobs_in);
    let pipeline = context.pipeline(transport, ledger.clone(), limits, shutdown.soft.clone(), lease);
    let mut health = EndpointHealth::new(context, observer, plan.works_off_schedule());
    let tally = pipeline.run(jobs, recorded, &mut health).await?;
    ledger.close();
    health.finish()?;
    if tally.interrupted == 0 && tally.failed > 0 {
        advise(context, &plan.profile, &tally, url.as_ref()).await;
    }
    Ok(tally)
}

/// Tells what the causes of failures suggest; `url` is the target, where there is one.
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
