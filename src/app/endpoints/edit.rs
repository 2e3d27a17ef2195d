//! Steps on their way into a store: their secrets are made, the rules judge them, and what becomes of each is told.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::secret::KeptSecret;
use super::{EndpointEvent, Endpoints, SecretOptions, differences};
use crate::endpoints::rules::RuleOptions;
use crate::endpoints::{AddedEndpoint, Batch, Endpoint, EndpointError, Reference, Step, StepOutcome, name_for};
use crate::error::Result;
use crate::text::printable;

/// What a store answers.
type Stored = std::result::Result<(), EndpointError>;

/// One change of a store.
pub(super) struct StoreEdit<'a> {
    pub(super) of: Endpoints<'a>,
    rules: RuleOptions,
    /// How the secrets of new endpoints are made and handed over.
    pub(super) secrets: SecretOptions,
    /// Whether a new endpoint is asked to confirm itself.
    pub(super) confirms: bool,
    /// Of the new endpoints that are not there yet, in their order.
    kept: VecDeque<KeptSecret>,
    /// How many steps are done.
    pub(super) done: usize,
}

impl<'a> StoreEdit<'a> {
    pub(super) fn new(of: Endpoints<'a>, mut rules: RuleOptions) -> Self {
        let place = of.store.remote();
        // A provider that is played on this machine reaches what is on this machine.
        rules.local |= place.is_some_and(|place| place.is_loopback);
        rules.is_plan_elsewhere = place.is_some();
        let plan = place.and_then(|place| place.plan).map(str::to_owned);
        rules.plan = plan.or_else(|| of.context.settings.account_plan.clone());
        Self {
            of,
            rules,
            secrets: SecretOptions::default(),
            confirms: false,
            kept: VecDeque::new(),
            done: 0,
        }
    }

    /// Whether the rules let the steps pass, as far as that is known before they are done.
    pub(super) fn judge(&self, steps: &[Step], mut existing: Vec<Endpoint>) -> Stored {
        let batch = batch(self.of, &self.rules, steps, &|_| true);
        batch.perform(&mut existing).map(|_| ())
    }

    /// Does the steps with the secrets that new endpoints need, and tells what becomes of each.
    pub(super) fn run(&mut self, steps: &[Step], fits: &dyn Fn(&[Endpoint]) -> bool) -> Result<Stored> {
        let mut steps = steps.to_vec();
        let result = match self.keep_secrets(&mut steps) {
            Ok(()) => self.apply(&steps, fits, &mut Self::tell),
            Err(error) => Err(error),
        };
        // Those of endpoints that are not there.
        let stored = result.as_ref().ok();
        for kept in self.kept.drain(..) {
            kept.settle(&self.of, stored);
        }
        result
    }

    /// Does the steps; `each` hears what became of them. The outer error is that of whoever hears.
    pub(super) fn apply(
        &mut self,
        steps: &[Step],
        fits: &dyn Fn(&[Endpoint]) -> bool,
        each: &mut dyn FnMut(&mut Self, StepOutcome) -> Result<()>,
    ) -> Result<Stored> {
        let (of, rules) = (self.of, self.rules.clone());
        let batch = batch(of, &rules, steps, fits);
        let mut failed = Ok(());
        let stored = of.store.apply(&batch, &mut |outcome| {
            self.done += 1;
            failed = each(self, outcome);
            if failed.is_ok() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        failed.map(|()| stored)
    }

    fn keep_secrets(&mut self, steps: &mut [Step]) -> Result<()> {
        let goes = |endpoint: &Endpoint| {
            let mut steps = steps.iter();
            steps.any(|step| matches!(step, Step::Remove(gone) if gone.id == endpoint.id))
        };
        let mut taken = self.of.store.list()?;
        taken.retain(|endpoint| !goes(endpoint));
        for step in steps {
            let Step::Add(planned) = step else { continue };
            let endpoint = &mut planned.endpoint;
            if endpoint.name.is_empty() {
                endpoint.name = name_for(&endpoint.url, &taken);
            }
            let profile = self.of.context.registry.get(&endpoint.provider)?;
            let options = SecretOptions {
                reference: planned.secret.clone(),
                ..self.secrets.clone()
            };
            options.check(self.of.store, &profile)?;
            let kept = options.keep(&self.of, &profile, &endpoint.name)?;
            endpoint.secrets = kept.secret.clone().into_iter().collect();
            taken.push(endpoint.clone());
            self.kept.push_back(kept);
        }
        Ok(())
    }

    /// Tells what became of a step.
    fn tell(&mut self, outcome: StepOutcome) -> Result<()> {
        let of = self.of;
        match outcome {
            StepOutcome::Removed(endpoint) => {
                (of.on)(EndpointEvent::Removed(of.details(&endpoint)))?;
                self.tell_left_secrets(&endpoint);
            }
            StepOutcome::Changed {
                before,
                after,
                findings,
            } => {
                of.tell_findings(&findings);
                let mut details = of.details(&after);
                details.findings = Some(findings);
                (of.on)(EndpointEvent::Updated(details, differences(&before, &after)))?;
                of.tell_pending(&after);
            }
            StepOutcome::Added(added) => self.tell_added(added)?,
        }
        Ok(())
    }

    fn tell_added(&mut self, added: AddedEndpoint) -> Result<()> {
        let (of, notices) = (self.of, &self.of.context.notices);
        let kept = self.kept.pop_front().unwrap_or_default();
        of.tell_findings(&added.findings);
        let received = |secret| self.secrets.hand_over(notices, &secret);
        let handed = kept.handed.or_else(|| added.secret.map(received));
        let endpoint = if self.confirms {
            of.ask_first(&added.endpoint)?
        } else {
            added.endpoint
        };
        let mut details = of.details(&endpoint);
        details.findings = Some(added.findings);
        details.hand_over(handed);
        (of.on)(EndpointEvent::Added(details))?;
        of.tell_pending(&endpoint);
        let Some(error) = added.unnoted else { return Ok(()) };
        // The endpoint is there: that is told before what failed after it.
        notices.warn(format!(
            "the endpoint `{}` is made, but its name and secret are not noted on this machine",
            printable(&endpoint.id, 200)
        ));
        Err(error.into())
    }

    /// Names the stored secrets that stay, since the original of a copied project may need them.
    fn tell_left_secrets(&self, endpoint: &Endpoint) {
        let stored = |reference: &&Reference| matches!(reference, Reference::Stored(_));
        let references = endpoint.secrets.iter().map(|secret| &secret.reference).filter(stored);
        let paths = references.filter_map(|reference| self.of.store.book().vault().path(reference));
        for path in paths.filter(|path| path.exists()) {
            self.of.context.notices.note(format!(
                "`{}` stays: another copy of the project may use this secret; delete the file when none does",
                path.display()
            ));
        }
    }
}

fn batch<'b>(
    of: Endpoints<'b>,
    rules: &'b RuleOptions,
    steps: &'b [Step],
    fits: &'b dyn Fn(&[Endpoint]) -> bool,
) -> Batch<'b> {
    Batch {
        steps,
        registry: &of.context.registry,
        rules,
        now: of.context.now(),
        fits,
    }
}
