//! Endpoints added, changed, switched on and off, removed, and given a new secret.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::edit::{ChangeKind, StoreEdit, not_added_again};
use super::{Endpoints, SecretOptions, check_params, confirm, wanted, whole_url};
use crate::endpoints::rules::RuleOptions;
use crate::endpoints::{Change, DisabledBy, Endpoint, EndpointEntry, LimitsChange, PlannedEndpoint, Step, name_for};
use crate::error::{Error, Result};
use crate::provider::Profile;
use crate::signature::Scheme;

/// An endpoint as the user wants it.
#[derive(Debug)]
pub struct AddOptions {
    /// The provider that delivers.
    pub profile: Arc<Profile>,
    /// Its fields. A URL without a scheme is read like a target of `send`.
    pub entry: EndpointEntry,
    /// Whether it is sent a challenge first, as its provider does.
    pub confirm: bool,
    /// Where its secret comes from.
    pub secret: SecretOptions,
    /// How strictly the rules are checked.
    pub rules: RuleOptions,
}

/// How an endpoint is changed.
#[derive(Debug, Default)]
pub struct UpdateOptions {
    /// What changes. Labels, parameters, headers and conditions are added to those that it has; an empty text removes one.
    pub change: Change,
    /// What changes of the limits.
    pub limits: LimitsChange,
    /// How strictly the rules are checked.
    pub rules: RuleOptions,
    /// Whether an endpoint that the provider cannot change is removed and added again.
    pub recreate: bool,
    /// How the secret of one that is added again is handed over.
    pub secret: SecretOptions,
}

/// The change with the labels and parameters that stay.
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
    if let Some(given) = change.headers.take() {
        // The name of a header has no case.
        let is_given = |name: &String| given.keys().any(|new| new.eq_ignore_ascii_case(name));
        let kept = endpoint.headers.clone().into_iter().filter(|(name, _)| !is_given(name));
        let all: Vec<_> = kept.chain(given.clone()).collect();
        change.headers = Some(all.into_iter().filter(|(_, text)| !text.is_empty()).collect());
    }
    if let Some(given) = change.conditions.take() {
        let mut all = endpoint.conditions.clone();
        all.extend(given);
        all.retain(|_, wanted| !wanted.is_null() && *wanted != "");
        change.conditions = Some(all);
    }
    Ok(change)
}

impl Endpoints<'_> {
    /// Adds an endpoint that the provider's rules allow, and returns its name.
    pub fn add(&self, options: AddOptions) -> Result<String> {
        options.secret.check(self.store, &options.profile)?;
        let secret = options.secret.reference.clone();
        let mut edit = StoreEdit::new(*self, options.rules, options.secret)?;
        let mut draft = wanted(self.context, &options.profile, &options.entry)?;
        if options.confirm {
            confirm::handshake(&options.profile)?;
            draft.disable(DisabledBy::Unconfirmed, None, draft.created);
        }
        if draft.name.is_empty() {
            draft.name = name_for(&draft.url, &self.store.list()?);
        }
        let step = Step::Add(PlannedEndpoint {
            endpoint: draft.clone(),
            active: None,
            secret,
        });
        let steps = self.supported(&[step], false)?;
        edit.confirms = options.confirm;
        edit.run(&steps)?.map_err(|error| self.refused(&draft, error))?;
        Ok(draft.name)
    }

    /// Changes an endpoint; its secret stays.
    pub fn update(&self, selector: &str, options: UpdateOptions) -> Result<()> {
        let before = self.store.get(selector)?;
        let is_local = self.store.remote().is_none();
        if options.change.plan.is_some() && !is_local {
            return Err(Error::usage("the plan is the account's")
                .hint("set it in `[remote.NAME]` or `[account]` of the settings"));
        }
        let mut change = options.change;
        if options.limits != LimitsChange::default() {
            change.limits = Some(before.limits.changed(options.limits));
        }
        let change = completed(change, &before, &*self.context.registry.get(&before.provider)?)?;
        let is_moved = change.url.is_some();
        let step = Step::change(&before, change);
        let steps = self.supported(std::slice::from_ref(&step), options.recreate)?;
        let mut edit = StoreEdit::new(*self, options.rules, options.secret)?;
        if let Err(error) = edit.run(&steps)? {
            return Err(match (edit.done, &steps[..]) {
                (1, [Step::Remove(_), Step::Add(again)]) => not_added_again(&again.endpoint, error.into()),
                _ => self.refused(step.after(), error),
            });
        }
        if is_moved && is_local {
            // The user typed the URL: that allows the secret to be used there, also where the book had that URL already.
            self.store.book().bind(&self.store.get(&before.id)?)?;
        }
        Ok(())
    }

    /// Switches endpoints on, which forgets their failed deliveries. What was parked meanwhile is released where `replay` says
    /// so.
    pub fn enable(&self, names: &[String], replay: bool) -> Result<()> {
        self.check_replay(replay)?;
        let found = self.pick(names)?;
        self.switch(&found, true)?;
        self.release_parked(&found, replay)
    }

    /// Switches endpoints off.
    pub fn disable(&self, names: &[String]) -> Result<()> {
        let found = self.pick(names)?;
        self.switch(&found, false)?;
        let hint = match found.as_slice() {
            [one] => one.activation_hint(),
            _ => format!("`hook endpoints enable {}` turns them on again", names.join(" ")),
        };
        self.context.notices.hint(hint);
        Ok(())
    }

    fn switch(&self, found: &[Endpoint], active: bool) -> Result<()> {
        let change = Change {
            active: Some(active),
            ..Change::default()
        };
        let step = |before: &Endpoint| Step::change(before, change.clone());
        let steps: Vec<Step> = found.iter().map(step).collect();
        if let (Some(remote), Some(step)) = (self.store.remote(), steps.first()) {
            let hint = format!("`hook endpoints remove {}` ends the subscription", step.name());
            remote.check(step).map_err(|what| Error::usage(what).hint(hint))?;
        }
        let mut edit = StoreEdit::new(*self, RuleOptions::default(), SecretOptions::default())?;
        edit.kind = ChangeKind::Switch;
        Ok(edit.run(&steps)??)
    }

    /// Removes endpoints that were looked up before: a name may belong to another one by the time the user has said yes.
    pub fn remove(&self, found: Vec<Endpoint>) -> Result<()> {
        let steps: Vec<Step> = found.into_iter().map(Step::Remove).collect();
        Ok(StoreEdit::new(*self, RuleOptions::default(), SecretOptions::default())?.run(&steps)??)
    }

    /// Gives an endpoint a new secret; the old one verifies until the overlap ends.
    pub fn rotate(&self, selector: &str, overlap: Duration, secret: SecretOptions) -> Result<()> {
        if let Some(remote) = self.store.remote() {
            let label = remote.profile.label();
            return Err(Error::usage(format!("the API of `{label}` has no call that makes a new secret")).hint(
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
        let mut edit = StoreEdit::new(*self, RuleOptions::default(), secret)?;
        edit.kind = ChangeKind::Rotate { overlap };
        let stored = edit.run(&[Step::change(&before, Change::default())])?;
        stored.map_err(|error| self.refused(&before, error))
    }
}
