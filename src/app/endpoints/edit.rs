//! Changes of a store: the provider's rules are checked, new secrets are kept, and each outcome is emitted.

use std::collections::VecDeque;
use std::time::Duration;

use super::secret::KeptSecret;
use super::{EndpointEvent, Endpoints, SecretOptions};
use crate::endpoints::rules::RuleOptions;
use crate::endpoints::{
    AddedEndpoint, Batch, Endpoint, EndpointError, EndpointSecret, PlannedEndpoint, Reference, Step, StepOutcome,
    name_for,
};
use crate::error::{Error, Result};
use crate::finding::Finding;
use crate::shell::quote;
use crate::signature::Scheme;
use crate::text::printable;

/// What a store answers.
type Stored = std::result::Result<(), EndpointError>;

/// Which verb changes endpoints: each has an event of its own.
#[derive(Clone, Copy)]
pub(super) enum ChangeKind {
    Update,
    Switch,
    Rotate { overlap: Duration },
}

/// One change of a store.
pub(super) struct StoreEdit<'a> {
    of: Endpoints<'a>,
    rules: RuleOptions,
    /// How the secrets of new endpoints are made and handed over.
    secrets: SecretOptions,
    /// Whether a new endpoint is sent a challenge.
    pub(super) confirms: bool,
    pub(super) kind: ChangeKind,
    /// Whether the steps still fit what the store has.
    pub(super) fits: &'a dyn Fn(&[Endpoint]) -> bool,
    /// Secrets of steps that are not done yet, in their order.
    kept: VecDeque<KeptSecret>,
    /// How many steps are done.
    pub(super) done: usize,
}

impl<'a> StoreEdit<'a> {
    /// A change under these rules; an error where the store cannot honour them.
    pub(super) fn new(of: Endpoints<'a>, mut rules: RuleOptions, secrets: SecretOptions) -> Result<Self> {
        let remote = of.store.remote();
        if let Some(remote) = remote.filter(|remote| rules.local && !remote.is_loopback) {
            let what = format!(
                "`--local` cannot be honoured: `{}` does not reach this machine",
                remote.name
            );
            return Err(Error::usage(what).hint("use a public URL, or that of a tunnel"));
        }
        // A mock of the provider's API on this machine delivers to targets on this machine.
        rules.local |= remote.is_some_and(|remote| remote.is_loopback) && !rules.production;
        rules.is_remote = remote.is_some();
        let plan = remote.and_then(|remote| remote.plan).map(str::to_owned);
        rules.plan = plan.or_else(|| of.context.settings.account_plan.clone());
        Ok(Self {
            of,
            rules,
            secrets,
            confirms: false,
            kind: ChangeKind::Update,
            fits: &|_| true,
            kept: VecDeque::new(),
            done: 0,
        })
    }

    /// Does the steps and emits the outcome of each. The outer error is that of a listener or of a secret.
    pub(super) fn run(&mut self, planned: &[Step]) -> Result<Stored> {
        let (of, rules) = (self.of, self.rules.clone());
        let existing = of.store.list()?;
        let mut batch = Batch {
            steps: planned,
            registry: &of.context.registry,
            rules: &rules,
            now: of.context.now(),
            fits: self.fits,
        };
        // Checked before a secret is made, and by the store again, while it holds the lock.
        if let Err(error) = batch.perform(&mut existing.clone()) {
            return Ok(Err(error));
        }
        let mut steps = planned.to_vec();
        let result = self.keep_secrets(&mut steps, existing).and_then(|()| {
            batch.steps = &steps;
            let mut emitted = Ok(());
            let stored = of.store.apply(&batch, &mut |outcome| {
                self.done += 1;
                emitted = self.emit(outcome);
                emitted.is_ok()
            });
            emitted.map(|()| stored)
        });
        for kept in self.kept.drain(..) {
            kept.settle(&of, result.as_ref().ok());
        }
        result
    }

    fn keep_secrets(&mut self, steps: &mut [Step], mut taken: Vec<Endpoint>) -> Result<()> {
        let removed = |endpoint: &Endpoint| {
            let mut steps = steps.iter();
            steps.any(|step| matches!(step, Step::Remove(gone) if gone.id == endpoint.id))
        };
        taken.retain(|endpoint| !removed(endpoint));
        for step in steps {
            match (step, self.kind) {
                (Step::Add(planned), _) => {
                    let endpoint = &mut planned.endpoint;
                    if endpoint.name.is_empty() {
                        endpoint.name = name_for(&endpoint.url, &taken);
                    }
                    let secret = self.keep_secret(endpoint, planned.secret.clone())?;
                    endpoint.secrets = secret.into_iter().collect();
                    taken.push(endpoint.clone());
                }
                (Step::Change { before, change, .. }, ChangeKind::Rotate { overlap }) => {
                    let secret = self.keep_secret(before, self.secrets.reference.clone())?;
                    change.secret = secret.map(|secret| (secret, overlap));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn keep_secret(&mut self, endpoint: &Endpoint, reference: Option<String>) -> Result<Option<EndpointSecret>> {
        let profile = self.of.context.registry.get(&endpoint.provider)?;
        let options = SecretOptions {
            reference,
            ..self.secrets.clone()
        };
        options.check(self.of.store, &profile)?;
        let kept = options.keep(&self.of, &profile, &endpoint.name)?;
        let secret = kept.secret.clone();
        self.kept.push_back(kept);
        Ok(secret)
    }

    fn emit(&mut self, outcome: StepOutcome) -> Result<()> {
        match outcome {
            StepOutcome::Removed(endpoint) => {
                (self.of.on)(EndpointEvent::Removed(self.of.details(&endpoint)))?;
                self.note_left_secrets(&endpoint);
                Ok(())
            }
            StepOutcome::Changed {
                before,
                after,
                findings,
            } => self.emit_changed(&before, &after, findings),
            StepOutcome::Added(added) => self.emit_added(added),
        }
    }

    fn emit_changed(&mut self, before: &Endpoint, after: &Endpoint, findings: Vec<Finding>) -> Result<()> {
        let (of, notices) = (self.of, &self.of.context.notices);
        let mut endpoint = of.details(after);
        match self.kind {
            ChangeKind::Update => {
                notices.findings(&findings);
                endpoint.findings = Some(findings);
                (of.on)(EndpointEvent::Updated(endpoint, differences(before, after)))?;
                of.note_pending(after);
            }
            ChangeKind::Switch => (of.on)(EndpointEvent::Switched {
                endpoint,
                was_active: before.is_active(),
                forgotten: if after.is_active() { before.failed_deliveries } else { 0 },
            })?,
            ChangeKind::Rotate { overlap } => {
                endpoint.hand_over(self.kept.pop_front().and_then(|kept| kept.handed));
                (of.on)(EndpointEvent::Rotated {
                    endpoint,
                    until: after.secrets.iter().filter_map(|secret| secret.until).max(),
                    overlap,
                    had_secret: !before.secrets.is_empty(),
                })?;
                let several = of.context.registry.get(&after.provider)?.scheme.carries_several();
                if after.secrets.len() > 1 {
                    notices.note(if several {
                        "deliveries carry a signature of each secret until then"
                    } else {
                        "deliveries are signed with the new secret from now on: let the receiver accept both until then"
                    });
                }
            }
        }
        Ok(())
    }

    fn emit_added(&mut self, added: AddedEndpoint) -> Result<()> {
        let (of, notices) = (self.of, &self.of.context.notices);
        let kept = self.kept.pop_front().unwrap_or_default();
        notices.findings(&added.findings);
        let received = |secret| self.secrets.hand_over(notices, &secret);
        let handed = kept.handed.or_else(|| added.secret.map(received));
        let (endpoint, unconfirmed) = if self.confirms {
            of.challenge_new(&added.endpoint)?
        } else {
            (added.endpoint, None)
        };
        let mut details = of.details(&endpoint);
        details.findings = Some(added.findings);
        details.hand_over(handed);
        (of.on)(EndpointEvent::Added(details))?;
        // The endpoint exists: that is reported before what failed after it.
        if let Some(error) = unconfirmed {
            return Err(error);
        }
        if let Some(remote) = of.store.remote().filter(|remote| !remote.makes_secrets())
            && !matches!(remote.profile.scheme, Scheme::Unsigned)
        {
            let label = remote.profile.label();
            notices.note(format!(
                "the API of `{label}` returns no secret: the receiver needs the one that is set at the provider"
            ));
        }
        of.note_pending(&endpoint);
        let Some(error) = added.unnoted else { return Ok(()) };
        notices.warn(format!(
            "endpoint `{}` is created, but its name and secret could not be saved on this machine",
            printable(&endpoint.id, 200)
        ));
        Err(error.into())
    }

    fn note_left_secrets(&self, endpoint: &Endpoint) {
        let stored = |reference: &&Reference| matches!(reference, Reference::Stored(_));
        let references = endpoint.secrets.iter().map(|secret| &secret.reference).filter(stored);
        let paths = references.filter_map(|reference| self.of.store.book().vault().path(reference));
        // The original of a copied project may still need the file: only the user can know.
        for path in paths.filter(|path| path.exists()) {
            self.of.context.notices.note(format!(
                "`{}` stays: another copy of the project may use this secret; delete the file when none does",
                path.display()
            ));
        }
    }
}

impl Endpoints<'_> {
    /// The steps that the store can do, where an endpoint that no call can change is removed and added again if `recreate`
    /// allows that. Fails before anything is done.
    pub(super) fn supported(&self, steps: &[Step], recreate: bool) -> Result<Vec<Step>> {
        let Some(remote) = self.store.remote() else {
            return Ok(steps.to_vec());
        };
        let mut all = Vec::new();
        for step in steps {
            let refused = |what: String| Error::usage(format!("endpoint `{}`: {what}", step.name()));
            remote.check(step).map_err(refused)?;
            let unchangeable = match step {
                Step::Change { change, .. } => remote.unchangeable(change),
                _ => None,
            };
            match (step, unchangeable) {
                (Step::Change { before, after, .. }, Some(_)) if recreate => {
                    let mut endpoint = (**after).clone();
                    endpoint.secrets.clear();
                    // The old one goes first: the provider may accept its URL once only, and the plan may allow no more.
                    all.push(Step::Remove((**before).clone()));
                    all.push(Step::Add(PlannedEndpoint {
                        endpoint,
                        active: Some(after.is_active()).filter(|active| !active),
                        secret: None,
                    }));
                }
                (_, Some(what)) => {
                    let hint = "`--recreate` removes it and adds it again, with a new id and a new secret";
                    return Err(refused(what).hint(hint));
                }
                (step, None) => all.push(step.clone()),
            }
        }
        Ok(all)
    }
}

/// The error where an endpoint was removed to be added again, and was not.
pub(super) fn not_added_again(wanted: &Endpoint, error: Error) -> Error {
    let message = format!("`{}` is removed, and not added again: {}", wanted.name, error.message);
    let (to, events) = (&wanted.url, wanted.events.to_string().replace(", ", ","));
    Error { message, ..error }.hint(format!(
        "`hook endpoints add {} --events {} --name {}` adds it",
        quote(to),
        quote(&events),
        wanted.name
    ))
}

/// The fields that differ, in words.
pub fn differences(before: &Endpoint, after: &Endpoint) -> Vec<&'static str> {
    let all = [
        (before.name != after.name, "name"),
        (before.url != after.url, "url"),
        (before.events != after.events, "events"),
        (before.description != after.description, "description"),
        (before.labels != after.labels, "environment"),
        (before.plan != after.plan, "plan"),
        (before.params != after.params, "parameters"),
        (before.tenant != after.tenant, "tenant"),
        (before.conditions != after.conditions, "conditions"),
        (before.headers != after.headers, "headers"),
        (before.limits != after.limits, "limits"),
        (!before.is_pending() && after.is_pending(), "pending"),
        (
            before.is_active() && !after.is_active() && !after.is_pending(),
            "disabled",
        ),
        (!before.is_active() && after.is_active(), "active again"),
        (
            before.is_active() == after.is_active() && before.failed_deliveries != after.failed_deliveries,
            "failed deliveries forgotten",
        ),
    ];
    let different = all.iter().filter(|(differs, _)| *differs);
    different.map(|(_, what)| *what).collect()
}
