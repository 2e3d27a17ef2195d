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
    /// Its fields. A URL without a scheme is read like a target of `send`.
    pub entry: EndpointEntry,
    /// Whether it is sent a challenge first, as its provider does.
    pub confirm: bool,
    /// Where its secret comes from.
    pub secret: SecretOptions,
    /// How strictly the rules are checked.
    pub rules: RuleOptions,
}

impl Endpoints<'_> {
    /// Adds an endpoint that the provider's rules allow, and returns its name.
    pub fn add(&self, options: AddOptions) -> Result<String> {
        options.secret.check(self.store, &options.profile)?;
        let mut edit = StoreEdit::new(*self, options.rules)?;
        let mut draft = wanted(self.context, &options.profile, &options.entry)?;
        if options.confirm {
            confirm::handshake(&options.profile)?;
            draft.disable(DisabledBy::Unconfirmed, None, draft.created);
        }
        if draft.name.is_empty() {
            draft.name = name_for(&draft.url, &self.store.list()?);
        }
        let steps = [Step::Add(PlannedEndpoint {
            endpoint: draft.clone(),
            active: None,
            secret: options.secret.reference.clone(),
        })];
        edit.secrets = options.secret;
        edit.confirms = options.confirm;
        edit.run(&steps)?.map_err(|error| self.refused(&draft, error))?;
        Ok(draft.name)
    }
}
