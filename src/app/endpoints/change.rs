//! Endpoints that are there: changed, switched on and off, removed, and given a new secret.

use std::collections::BTreeMap;
use std::time::Duration;

use super::edit::StoreEdit;
use super::{EndpointEvent, Endpoints, SecretOptions, check_params, whole_url};
use crate::endpoints::rules::RuleOptions;
use crate::endpoints::{Change, Endpoint, PlannedEndpoint, RemotePlace, Step, StepOutcome};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::provider::Profile;
use crate::signature::Scheme;

/// How an endpoint is changed.
#[derive(Debug, Default)]
pub struct UpdateOptions {
    /// What changes. Labels and parameters are added to those that it has; an empty label removes one.
    pub change: Change,
    /// How strictly the rules are judged.
    pub rules: RuleOptions,
    /// Whether what a provider cannot change is removed and made again.
    pub recreate: bool,
    /// How the secret of one that is made again is handed over.
    pub secret: SecretOptions,
}

/// The change with all that stays.
fn completed(mut change: Change, endpoint: &Endpoint, profile: &Profile) -> Result<Change> {
    if change == Change::default() {
        return Err(Error::usage("nothing to change is given")
            .hint(format!("`hook endpoints update {} --events a,b`", endpoint.name)));
    }
    change.url = change.url.as_deref().map(whole_url).transpose()?;
    if let Some(given) = &change.labels {
        let all = endpoint.labels.clone().into_iter().chain(given.clone());
        let all: BTreeMap<_, _> = all.collect();
        change.labels = Some(all.into_iter().filter(|(_, text)| !text.is_empty()).collect());
    }
    if let Some(given) = &change.params {
        check_params(profile, given)?;
        let own = endpoint.params.clone().into_iter();
        change.params = Some(own.chain(given.clone()).collect());
    }
    Ok(change)
}

impl Endpoints<'_> {
    /// Changes an endpoint; its secret stays.
    pub fn update(&self, selector: &str, options: UpdateOptions) -> Result<()> {
        let before = self.store.get(selector)?;
        let profile = self.context.registry.get(&before.provider)?;
        let has_plan = options.change.plan.is_some();
        let change = completed(options.change, &before, &profile)?;
        let is_moved = change.url.is_some();
        let step = Step::change(&before, change);
        let wanted = step.after().clone();
        let mut steps = vec![step];
        if let Some(place) = self.store.remote() {
            if has_plan {
                return Err(Error::usage("the plan is the account's")
                    .hint("`[remote.NAME]` or `[account]` in the settings says it"));
            }
            let add = format!(
                "add `--recreate` to remove `{}` and make it anew, with a new id and a new secret",
                before.name
            );
            place.check(&steps[0]).map_err(Error::usage)?;
            steps = recreated(&place, &steps, options.recreate).map_err(|(_, what)| Error::usage(what).hint(add))?;
        }
        let mut edit = StoreEdit::new(*self, options.rules);
        edit.secrets = options.secret;
        if let Err(error) = edit.run(&steps, &|_| true)? {
            return Err(match (edit.done, &steps[..]) {
                (1, [Step::Remove(_), Step::Add(again)]) => not_made_again(&again.endpoint, error.into()),
                _ => self.refused(&wanted, error),
            });
        }
        if is_moved && self.store.remote().is_none() {
            // Typed by the user: also where the book had that URL already.
            self.store.book().bind(&self.store.get(&before.id)?)?;
        }
        Ok(())
    }

    /// Switches endpoints on, which forgets their failed deliveries, or off.
    pub fn switch(&self, names: &[String], active: bool) -> Result<()> {
        let found = self.pick(names)?;
        let pending = found.iter().find(|endpoint| active && endpoint.is_pending());
        if let Some(Endpoint { name, .. }) = pending {
            let error = Error::new(Exit::Refused, format!("endpoint `{name}` is not confirmed yet"));
            return Err(error.hint(format!("`hook endpoints confirm {name}` asks it once more")));
        }
        let change = Change {
            active: Some(active),
            ..Change::default()
        };
        let steps = found.iter().map(|before| Step::change(before, change.clone()));
        let steps: Vec<Step> = steps.collect();
        if let (Some(place), Some(step)) = (self.store.remote(), steps.first()) {
            let hint = format!("`hook endpoints remove {}` ends it", step.name());
            place.check(step).map_err(|what| Error::usage(what).hint(hint))?;
        }
        let mut edit = StoreEdit::new(*self, RuleOptions::default());
        edit.apply(&steps, &|_| true, &mut |_, outcome| {
            let StepOutcome::Changed { before, after, .. } = outcome else {
                return Ok(());
            };
            (self.on)(EndpointEvent::Switched {
                endpoint: self.details(&after),
                was_active: before.is_active(),
                forgotten: if active { before.failed_deliveries } else { 0 },
            })
        })??;
        if !active {
            let hint = format!("`hook endpoints enable {}` turns it on again", names.join(" "));
            self.context.notices.hint(hint);
        }
        Ok(())
    }

    /// Removes endpoints, which were picked before: a name may belong to another one by the time the user has said yes.
    pub fn remove(&self, found: Vec<Endpoint>) -> Result<()> {
        let steps: Vec<Step> = found.into_iter().map(Step::Remove).collect();
        Ok(StoreEdit::new(*self, RuleOptions::default()).run(&steps, &|_| true)??)
    }

    /// Gives an endpoint a new secret; the old one counts as long as the overlap lasts.
    pub fn rotate(&self, selector: &str, overlap: Duration, secret: &SecretOptions) -> Result<()> {
        if let Some(place) = self.store.remote() {
            let label = place.profile.label();
            return Err(Error::usage(format!("hook knows of no call by which `{label}` makes a new secret")).hint(
                "make it at the provider; `rotate-secret NAME --secret REF` without `--remote` is for the local book",
            ));
        }
        let before = self.store.get(selector)?;
        let profile = self.context.registry.get(&before.provider)?;
        if matches!(profile.scheme, Scheme::Unsigned) {
            let (label, name) = (profile.label(), &before.name);
            return Err(Error::usage(format!(
                "`{label}` signs nothing, so `{name}` has no secret"
            )));
        }
        secret.check(self.store, &profile)?;
        let mut kept = secret.keep(self, &profile, &before.name)?;
        let change = Change {
            secret: kept.secret.clone().map(|secret| (secret, overlap)),
            ..Change::default()
        };
        let steps = [Step::change(&before, change)];
        let mut edit = StoreEdit::new(*self, RuleOptions::default());
        let stored = edit.apply(&steps, &|_| true, &mut |_, outcome| {
            let StepOutcome::Changed { before, after, .. } = outcome else {
                return Ok(());
            };
            let mut endpoint = self.details(&after);
            endpoint.hand_over(kept.handed.take());
            (self.on)(EndpointEvent::Rotated {
                endpoint,
                until: after.secrets.iter().filter_map(|secret| secret.until).max(),
                overlap,
                had_secret: !before.secrets.is_empty(),
            })?;
            if after.secrets.len() > 1 {
                self.context.notices.note(if profile.scheme.carries_several() {
                    "deliveries carry a signature of each secret until then"
                } else {
                    "deliveries are signed with the new secret from now on: let the receiver take both until then"
                });
            }
            Ok(())
        })?;
        if stored.is_err() {
            kept.settle(self, Some(&stored));
        }
        stored.map_err(|error| self.refused(&before, error))
    }
}

/// The steps, where what no call can change is removed and made again if it `may` be. The old one goes first: its URL may
/// be taken once only, and the plan may allow no more. The error has the endpoint's name and what cannot be changed.
pub(super) fn recreated(
    place: &RemotePlace<'_>,
    steps: &[Step],
    may: bool,
) -> std::result::Result<Vec<Step>, (String, String)> {
    let mut all = Vec::new();
    for step in steps {
        let Step::Change { before, after, change } = step else {
            all.push(step.clone());
            continue;
        };
        match place.unchangeable(change) {
            None => all.push(step.clone()),
            Some(what) if !may => return Err((before.name.clone(), what)),
            Some(_) => {
                let mut endpoint = (**after).clone();
                endpoint.secrets.clear();
                all.push(Step::Remove((**before).clone()));
                all.push(Step::Add(PlannedEndpoint {
                    endpoint,
                    active: Some(after.is_active()).filter(|active| !active),
                    secret: None,
                }));
            }
        }
    }
    Ok(all)
}

/// The error where an endpoint was removed to be made again, and was not.
pub(super) fn not_made_again(wanted: &Endpoint, error: Error) -> Error {
    let message = format!("`{}` is removed, and not made anew: {}", wanted.name, error.message);
    let (to, events) = (&wanted.url, wanted.events.to_string().replace(", ", ","));
    Error { message, ..error }.hint(format!(
        "`hook endpoints add {to} --events {events} --name {}` makes it",
        wanted.name
    ))
}

/// What is different, in the words of people.
pub fn differences(before: &Endpoint, after: &Endpoint) -> Vec<&'static str> {
    let all = [
        (before.name != after.name, "name"),
        (before.url != after.url, "url"),
        (before.events != after.events, "events"),
        (before.description != after.description, "description"),
        (before.labels != after.labels, "environment"),
        (before.plan != after.plan, "plan"),
        (before.params != after.params, "parameters"),
        (before.is_active() && !after.is_active(), "disabled"),
        (!before.is_active() && after.is_active(), "active again"),
        (
            before.is_active() == after.is_active() && before.failed_deliveries != after.failed_deliveries,
            "failed deliveries forgotten",
        ),
    ];
    let different = all.iter().filter(|(differs, _)| *differs);
    different.map(|(_, what)| *what).collect()
}
