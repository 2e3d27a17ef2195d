//! A new endpoint.

use std::sync::Arc;

use super::edit::StoreEdit;
use super::{Endpoints, SecretOptions, confirm, wanted};
use crate::endpoints::rules::RuleOptions;
use crate::endpoints::{DisabledBy, EndpointEntry, PlannedEndpoint, Step, name_for};
use crate::error::Result;
use crate::provider::Profile;

/// An endpoint as the user wants it.
#[derive(Debug)]
pub struct AddOptions {
    /// The provider that delivers.
    pub profile: Arc<Profile>,
    /// What it is to be. What has no scheme as its URL is read like a target of `send`.
    pub entry: EndpointEntry,
    /// Whether it is asked first, as its provider does.
    pub confirm: bool,
    /// Where its secret comes from.
    pub secret: SecretOptions,
    /// How strictly the rules are judged.
    pub rules: RuleOptions,
}

impl Endpoints<'_> {
    /// Adds an endpoint, judged by its provider's rules, and gives its name.
    pub fn add(&self, options: AddOptions) -> Result<String> {
        options.secret.check(self.store, &options.profile)?;
        if options.confirm {
            confirm::handshake(&options.profile)?;
        }
        let mut draft = wanted(self.context, &options.profile, &options.entry)?;
        if options.confirm {
            draft.disable(DisabledBy::Unconfirmed, None, draft.created);
        }
        let existing = self.store.list()?;
        let mut candidate = draft.clone();
        if candidate.name.is_empty() {
            candidate.name = name_for(&candidate.url, &existing);
        }
        let steps = [Step::Add(PlannedEndpoint {
            endpoint: draft,
            active: None,
            secret: options.secret.reference.clone(),
        })];
        let mut edit = StoreEdit::new(*self, options.rules);
        edit.secrets = options.secret;
        edit.confirms = options.confirm;
        // Judged before a secret is made, and again while nobody else can change the store.
        let stored = match edit.judge(&steps, existing) {
            Ok(()) => edit.run(&steps, &|_| true)?,
            refused => refused,
        };
        stored.map_err(|error| self.refused(&candidate, error))?;
        Ok(candidate.name)
    }
}
