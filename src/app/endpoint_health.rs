//! Endpoint health: failed deliveries are counted, and disable the endpoint where the provider does so.

use crate::app::context::Context;
use crate::app::notice::{DisabledEndpoint, Fact};
use crate::endpoints::{DeliveryOutcome, Endpoint, note_delivery};
use crate::engine::Event;
use crate::error::Result;
use crate::pipeline::{DeliveryObserver, EndpointOutcome};
use crate::provider::policy::{Exhaustion, Schedule};
use crate::text::printable;

/// An observer that counts what came of deliveries to endpoints: at once where that may disable one, so that what waits for
/// it ends, else when [`EndpointHealth::finish`] is called.
pub struct EndpointHealth<'a> {
    context: &'a Context,
    inner: &'a mut (dyn DeliveryObserver + Send),
    whole_schedule: bool,
    pending: Vec<EndpointOutcome>,
    /// Whether anything is counted.
    pub counts: bool,
    /// Whether failures of the delivery that was shown last disable endpoints.
    disables: bool,
}

impl<'a> EndpointHealth<'a> {
    /// Passes everything on to `inner`. A failure counts only with the `whole_schedule` worked off.
    pub fn new(context: &'a Context, inner: &'a mut (dyn DeliveryObserver + Send), whole_schedule: bool) -> Self {
        Self {
            context,
            inner,
            whole_schedule,
            pending: Vec::new(),
            counts: true,
            disables: false,
        }
    }

    /// Counts what was not counted yet.
    pub fn finish(self) -> Result<()> {
        count_outcomes(self.context, &self.pending, self.whole_schedule)
    }
}

impl DeliveryObserver for EndpointHealth<'_> {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        self.disables = event.delivery.policy.schedule.then != Exhaustion::Fail;
        self.inner.event(number, event)
    }

    fn outcome(&mut self, outcome: EndpointOutcome) {
        if !self.counts {
            return;
        }
        let may_disable = match outcome.ending {
            DeliveryOutcome::Delivered => false,
            DeliveryOutcome::Failed => self.whole_schedule && self.disables,
            DeliveryOutcome::Gone => true,
        };
        // A success that follows one says nothing new, and there may be a million of them.
        if !(outcome.ending == DeliveryOutcome::Delivered && self.pending.last() == Some(&outcome)) {
            self.pending.push(outcome);
        }
        // A book that cannot be written now is told about at the end.
        if may_disable && count_outcomes(self.context, &self.pending, self.whole_schedule).is_ok() {
            self.pending.clear();
        }
    }
}

/// Counts what came of deliveries to endpoints, and says when one was disabled. A failure counts only when the schedule
/// was worked off to its end: after a single attempt the provider would have gone on.
pub fn count_outcomes(context: &Context, outcomes: &[EndpointOutcome], whole_schedule: bool) -> Result<()> {
    let counts = |outcome: &&EndpointOutcome| whole_schedule || outcome.ending != DeliveryOutcome::Failed;
    let outcomes: Vec<&EndpointOutcome> = outcomes.iter().filter(counts).collect();
    if outcomes.is_empty() {
        return Ok(());
    }
    let known = context.book().read()?;
    // A success after successes changes nothing, and must not wait for the book.
    let changes = |outcome: &&EndpointOutcome| {
        let of = known.iter().find(|endpoint| endpoint.name == outcome.endpoint);
        of.is_some_and(|endpoint| outcome.ending != DeliveryOutcome::Delivered || endpoint.failed_deliveries > 0)
    };
    if !outcomes.iter().any(changes) {
        return Ok(());
    }
    let disabled = context
        .book()
        .edit(|endpoints| Ok(count(context, endpoints, &outcomes)))?;
    for (endpoint, schedule) in disabled {
        warn_of_disabled(context, &endpoint, schedule.as_ref());
    }
    Ok(())
}

/// Counts the outcomes. Returns the endpoints that they disabled, with the retry schedules of their providers.
fn count(
    context: &Context,
    endpoints: &mut [Endpoint],
    outcomes: &[&EndpointOutcome],
) -> Vec<(Endpoint, Option<Schedule>)> {
    let mut disabled = Vec::new();
    for endpoint in endpoints {
        let profile = context.registry.get(&endpoint.provider).ok();
        let schedule = profile.map(|profile| profile.policy.schedule.clone());
        let rule = schedule.as_ref().map(|schedule| schedule.then).unwrap_or_default();
        let name = endpoint.name.clone();
        for outcome in outcomes.iter().filter(|outcome| outcome.endpoint == name) {
            if note_delivery(endpoint, outcome.ending, rule, context.now()) {
                disabled.push((endpoint.clone(), schedule.clone()));
            }
        }
    }
    disabled
}

fn warn_of_disabled(context: &Context, endpoint: &Endpoint, schedule: Option<&Schedule>) {
    let notices = &context.notices;
    let name = &endpoint.name;
    let notified_by = schedule.and_then(|schedule| schedule.notify.as_ref());
    if let Some(why) = &endpoint.disabled {
        notices.fact(Fact::Disabled(DisabledEndpoint {
            endpoint: name.clone(),
            provider: endpoint.provider.clone(),
            reason: why.to_string(),
            notified_by: notified_by.cloned(),
        }));
    }
    if let Some(how) = notified_by {
        let how = printable(how, 80);
        notices.note(format!(
            "{} would tell the endpoint's owner by {how}",
            printable(&endpoint.provider, 80)
        ));
    }
    notices.hint(endpoint.activation_hint());
}
