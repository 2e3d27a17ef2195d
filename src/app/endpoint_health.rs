//! What becomes of endpoints after deliveries to them: failures are counted, and disable where the provider does so.

use crate::app::context::Context;
use crate::endpoints::{DeliveryOutcome, Disabled, Endpoint, EndpointError, note_delivery};
use crate::engine::Event;
use crate::error::Result;
use crate::pipeline::{End, View};
use crate::provider::policy::{Exhaustion, Schedule};
use crate::text::printable;

/// A view that counts what came of deliveries to endpoints: at once where that may disable one, so that what waits for it
/// ends, else when [`Counting::finish`] is called.
pub struct Counting<'a, V> {
    inner: V,
    context: &'a Context,
    whole_schedule: bool,
    pending: Vec<End>,
    counts: bool,
    /// Whether failures of the delivery that was shown last disable endpoints.
    disables: bool,
}

impl<'a, V: View> Counting<'a, V> {
    /// Counts for a run that works off the whole schedule of each delivery, or only some of its attempts.
    pub fn new(context: &'a Context, inner: V, whole_schedule: bool) -> Self {
        Self {
            inner,
            context,
            whole_schedule,
            pending: Vec::new(),
            counts: true,
            disables: false,
        }
    }

    /// The same, which counts nothing unless this says so.
    pub fn only_when(self, counts: bool) -> Self {
        Self { counts, ..self }
    }

    /// Counts what was not counted yet.
    pub fn finish(self) -> Result<()> {
        note(self.context, &self.pending, self.whole_schedule)
    }
}

impl<V: View> View for Counting<'_, V> {
    fn event(&mut self, number: u64, event: &Event) -> Result<()> {
        self.disables = matches!(event.delivery.policy.schedule.then, Exhaustion::DisableEndpoint { .. });
        self.inner.event(number, event)
    }

    fn ended(&mut self, end: End) -> Result<Option<End>> {
        if !self.counts {
            return Ok(None);
        }
        let may_disable = end.gone || (!end.delivered && self.whole_schedule && self.disables);
        // A success that follows one says nothing new, and there may be a million of them.
        if !(end.delivered && self.pending.last() == Some(&end)) {
            self.pending.push(end);
        }
        // A book that cannot be written now is told about at the end.
        if may_disable && note(self.context, &self.pending, self.whole_schedule).is_ok() {
            self.pending.clear();
        }
        Ok(None)
    }
}

/// Counts what came of deliveries to endpoints, and says when one was disabled. A failure counts only when the schedule
/// was worked off to its end: after a single attempt the provider would have gone on.
pub fn note(context: &Context, ends: &[End], whole_schedule: bool) -> Result<()> {
    let counts = |end: &&End| end.delivered || end.gone || whole_schedule;
    let ends: Vec<&End> = ends.iter().filter(counts).collect();
    if ends.is_empty() {
        return Ok(());
    }
    let known = context.book().read()?;
    // A success after successes changes nothing, and must not wait for the book.
    let changes = |end: &&End| {
        let of = known.iter().find(|endpoint| endpoint.name == end.endpoint);
        of.is_some_and(|endpoint| !end.delivered || endpoint.failed_deliveries > 0)
    };
    if !ends.iter().any(changes) {
        return Ok(());
    }
    let disabled = context.edit_book(|endpoints| Ok::<_, EndpointError>(count_ends(context, endpoints, &ends)))?;
    for (endpoint, disabled, schedule) in disabled {
        say_disabled(context, &endpoint, &disabled, schedule.as_ref());
    }
    Ok(())
}

type NowDisabled = (Endpoint, Disabled, Option<Schedule>);

fn count_ends(context: &Context, endpoints: &mut [Endpoint], ends: &[&End]) -> Vec<NowDisabled> {
    let mut all = Vec::new();
    for endpoint in endpoints {
        let own: Vec<&&End> = ends.iter().filter(|end| end.endpoint == endpoint.name).collect();
        if own.is_empty() {
            continue;
        }
        let profile = context.registry.get(&endpoint.provider).ok();
        let schedule = profile.map(|profile| profile.policy.schedule.clone());
        let rule = schedule.as_ref().map(|schedule| schedule.then).unwrap_or_default();
        for end in own {
            let ending = match (end.delivered, end.gone) {
                (true, _) => DeliveryOutcome::Delivered,
                (false, true) => DeliveryOutcome::Gone,
                (false, false) => DeliveryOutcome::Failed,
            };
            if let Some(disabled) = note_delivery(endpoint, ending, rule, context.now()) {
                all.push((endpoint.clone(), disabled, schedule.clone()));
            }
        }
    }
    all
}

fn say_disabled(context: &Context, endpoint: &Endpoint, disabled: &Disabled, schedule: Option<&Schedule>) {
    let (notices, name) = (&context.notices, &endpoint.name);
    notices.warn(format!("endpoint `{name}` is disabled: {disabled}"));
    if let Some(how) = schedule.and_then(|schedule| schedule.notify.as_ref()) {
        let (provider, how) = (printable(&endpoint.provider, 80), printable(how, 80));
        notices.note(format!("{provider} would tell the endpoint's owner by {how}"));
    }
    notices.hint(format!("`hook endpoints enable {name}` turns it on again"));
}
