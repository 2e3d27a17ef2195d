//! A reviewed file, and a store that is made to match it.

use std::path::Path;

use super::change::{not_made_again, recreated};
use super::edit::StoreEdit;
use super::{EndpointEvent, Endpoints, SecretOptions, reviewed};
use crate::app::context::Context;
use crate::app::trust;
use crate::endpoints::rules::{RuleOptions, judge_events};
use crate::endpoints::{EndpointError, EndpointStore, PlannedEndpoint, Step, steps};
use crate::error::{Error, Result};
use crate::finding::Finding;

/// What has to be done so that a store matches a file.
#[derive(Debug)]
pub struct EndpointPlan {
    /// In this order.
    pub steps: Vec<Step>,
    targets: Vec<PlannedEndpoint>,
}

/// How a plan is done.
#[derive(Debug, Default)]
pub struct ApplyOptions {
    /// How strictly the rules are judged.
    pub rules: RuleOptions,
    /// Whether what a provider cannot change is removed and made again.
    pub recreate: bool,
    /// How new secrets are handed over.
    pub secret: SecretOptions,
    /// Whether the user has read the plan, or named the file: a project's file alone is not the user's word.
    pub is_users_word: bool,
}

/// What the catalogue does not have of the events that a step would make an endpoint want: a typo more often than not.
pub fn new_events(context: &Context, step: &Step) -> Result<Vec<Finding>> {
    let (endpoint, events) = match step {
        Step::Add(planned) => (&planned.endpoint, Some(&planned.endpoint.events)),
        Step::Change { before, change, .. } => (&**before, change.events.as_ref()),
        Step::Remove(_) => return Ok(Vec::new()),
    };
    let Some(events) = events else { return Ok(Vec::new()) };
    let profile = context.registry.get(&endpoint.provider)?;
    let mut findings = judge_events(&profile, events, false);
    findings.retain(Finding::is_problem);
    Ok(findings)
}

impl EndpointPlan {
    /// The steps as the store can do them. Refuses what it cannot do, before anything is asked or done.
    pub fn check(&self, store: &dyn EndpointStore, recreate: bool) -> Result<Vec<Step>> {
        let Some(place) = store.remote() else {
            return Ok(self.steps.clone());
        };
        let refused =
            |name: &str, what: &str| Error::usage(format!("endpoint `{name}` cannot be as the file wants it: {what}"));
        for step in &self.steps {
            place.check(step).map_err(|what| refused(step.name(), &what))?;
        }
        recreated(&place, &self.steps, recreate).map_err(|(name, what)| {
            refused(&name, &what).hint("`--recreate` removes it and makes it anew, with a new id and a new secret")
        })
    }
}

impl Endpoints<'_> {
    /// Compares the file, or the project's where none is named, with the store.
    pub fn plan(&self, file: Option<&Path>) -> Result<EndpointPlan> {
        let mut targets = reviewed::read(self.context, self.store.remote(), file)?;
        let current = self.store.list()?;
        reviewed::unmask(&mut targets, &current)?;
        let steps = steps(&targets, &current);
        Ok(EndpointPlan { steps, targets })
    }

    /// Makes the store match the file. The book is changed by all of the plan or not at all; at a provider one call
    /// follows the other, and a second run goes on where the first one stopped, since it compares what is there with what
    /// is wanted.
    pub fn apply(&self, plan: &EndpointPlan, options: ApplyOptions) -> Result<()> {
        let all = plan.check(self.store, options.recreate)?;
        let changed = || {
            plan.steps
                .iter()
                .filter(|step| matches!(step, Step::Change { .. }))
                .map(Step::after)
        };
        let was_bound = self
            .store
            .list()?
            .into_iter()
            .filter(|endpoint| self.store.book().is_bound(endpoint));
        let bound: Vec<String> = was_bound.map(|endpoint| endpoint.id).collect();
        // Where it is not the user's word, secrets of endpoints stay bound to where these went before.
        let unbound = changed()
            .filter(|_| !options.is_users_word)
            .map(|endpoint| endpoint.id.clone());
        let book = self.store.book().clone().without_binding(unbound.collect());
        let store = if self.store.remote().is_some() {
            self.store
        } else {
            &book
        };
        let of = Endpoints {
            context: self.context,
            store,
            on: self.on,
        };
        let mut edit = StoreEdit::new(of, options.rules);
        edit.secrets = options.secret;
        let stored = edit.run(&all, &|current| steps(&plan.targets, current) == plan.steps)?;
        let done = edit.done;
        match stored {
            Ok(()) => self.warn_of_unbound(&bound),
            Err(error) => Err(self.stopped(&all, done, error)),
        }
    }

    /// The error of a plan that stopped after so many steps.
    fn stopped(&self, all: &[Step], done: usize, error: EndpointError) -> Error {
        let is_judged = matches!(
            error,
            EndpointError::Rule(_) | EndpointError::Duplicate { .. } | EndpointError::Outdated
        );
        let mut error = Error::from(error);
        let Some(failed) = all.get(done).filter(|_| self.store.remote().is_some() && !is_judged) else {
            return error;
        };
        let left = &all[done + 1..];
        if !left.is_empty()
            && let Err(error) = (self.on)(EndpointEvent::NotDone(left.to_vec()))
        {
            return error;
        }
        if let (Some(Step::Remove(gone)), Step::Add(again)) = (all[..done].last(), failed)
            && gone.name == again.endpoint.name
        {
            error = not_made_again(&again.endpoint, error);
        }
        let message = format!(
            "{done} of {} done, then `{}`: {}",
            all.len(),
            failed.name(),
            error.message
        );
        Error { message, ..error }.hint("run it once more when the cause is gone: it does what is left")
    }

    /// Says which endpoints may not use their secrets any more.
    fn warn_of_unbound(&self, bound: &[String]) -> Result<()> {
        let book = self.store.book();
        for endpoint in self
            .store
            .list()?
            .iter()
            .filter(|endpoint| bound.contains(&endpoint.id))
        {
            if !book.is_bound(endpoint) {
                self.context.notices.warn(format!(
                    "endpoint `{}` goes elsewhere now, and its secret is not used there before that is allowed",
                    endpoint.name
                ));
                self.context.notices.hint(trust::HINT);
            }
        }
        Ok(())
    }
}
