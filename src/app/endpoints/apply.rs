//! Compares a reviewed file with a store, and makes the store match it.

use std::path::Path;

use super::edit::{StoreEdit, not_added_again};
use super::{EndpointEvent, Endpoints, SecretOptions, reviewed};
use crate::app::context::Context;
use crate::app::trust;
use crate::endpoints::rules::{RuleOptions, judge_events};
use crate::endpoints::{Endpoint, EndpointError, PlannedEndpoint, Step, steps};
use crate::error::{Error, Result};
use crate::finding::Finding;

/// The steps that make a store match a file.
#[derive(Debug)]
pub struct EndpointPlan {
    /// In this order.
    pub steps: Vec<Step>,
    targets: Vec<PlannedEndpoint>,
}

/// How a plan is done.
#[derive(Debug, Default)]
pub struct ApplyOptions {
    /// How strictly the rules are checked.
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
    let events = match step {
        Step::Add(planned) => Some(&planned.endpoint.events),
        Step::Change { change, .. } => change.events.as_ref(),
        Step::Remove(_) => None,
    };
    let Some(events) = events else { return Ok(Vec::new()) };
    let profile = context.registry.get(&step.after().provider)?;
    let mut findings = judge_events(&profile, events, &RuleOptions::default());
    findings.retain(Finding::is_problem);
    Ok(findings)
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

    /// Makes the store match the file. The book is changed by all of the plan or not at all. At a provider one call follows
    /// the other; after a failure, a second run compares again and does the remaining steps.
    pub fn apply(&self, plan: &EndpointPlan, options: ApplyOptions) -> Result<()> {
        let all = self.check(plan, options.recreate)?;
        let mut was_bound = self.store.list()?;
        was_bound.retain(|endpoint| self.store.book().is_bound(endpoint));
        // A file that the user has not read cannot take secrets along to another URL.
        let changed = plan.steps.iter().filter(|step| matches!(step, Step::Change { .. }));
        let unbound = changed
            .filter(|_| !options.is_users_word)
            .map(|step| step.after().id.clone());
        let book = self.store.book().clone().without_binding(unbound.collect());
        let store = match self.store.remote() {
            Some(_) => self.store,
            None => &book,
        };
        let fits = |current: &[Endpoint]| steps(&plan.targets, current) == plan.steps;
        let mut edit = StoreEdit::new(Endpoints { store, ..*self }, options.rules, options.secret)?;
        edit.fits = &fits;
        match edit.run(&all)? {
            Ok(()) => self.warn_of_unbound(&was_bound),
            Err(error) => Err(self.stopped(&all, edit.done, error)),
        }
    }

    /// The steps of a plan as the store can do them. Fails on what it cannot do, before anything is asked or done.
    pub fn check(&self, plan: &EndpointPlan, recreate: bool) -> Result<Vec<Step>> {
        self.supported(&plan.steps, recreate)
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
        // Only a provider does the steps one by one; the book does all or none.
        let left = &all[done + 1..];
        if !left.is_empty()
            && let Err(error) = (self.on)(EndpointEvent::NotDone(left.to_vec()))
        {
            return error;
        }
        if let (Some(Step::Remove(gone)), Step::Add(again)) = (all[..done].last(), failed)
            && gone.name == again.endpoint.name
        {
            error = not_added_again(&again.endpoint, error);
        }
        let message = format!(
            "{done} of {} done, then `{}`: {}",
            all.len(),
            failed.name(),
            error.message
        );
        Error { message, ..error }.hint("fix the cause and run it again: it continues with the remaining steps")
    }

    fn warn_of_unbound(&self, was_bound: &[Endpoint]) -> Result<()> {
        for endpoint in self.store.list()? {
            let was_bound = was_bound.iter().any(|before| before.id == endpoint.id);
            if was_bound && !self.store.book().is_bound(&endpoint) {
                self.context.notices.warn(format!(
                    "endpoint `{}` has a new URL, and its secret is not used there until you allow it",
                    endpoint.name
                ));
                self.context.notices.hint(trust::HINT);
            }
        }
        Ok(())
    }
}
