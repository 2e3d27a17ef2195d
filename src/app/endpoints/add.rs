//! A new endpoint.

use std::sync::Arc;

use super::edit::StoreEdit;
use super::{Endpoints, SecretOptions, confirm, env_label, event_names, params, whole_url};
use crate::endpoints::rules::RuleOptions;
use crate::endpoints::{DisabledBy, Endpoint, Events, PlannedEndpoint, Step, name_for};
use crate::error::Result;
use crate::id::{Id, IdKind};
use crate::provider::Profile;

/// An endpoint as the user wants it.
#[derive(Debug)]
pub struct AddOptions {
    /// The provider that delivers.
    pub profile: Arc<Profile>,
    /// Where to; what has no scheme is read like a target of `send`.
    pub url: String,
    /// Events of the catalogue, or `all`.
    pub events: Vec<String>,
    /// What to call it; made from the URL when absent.
    pub name: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// The environment that it belongs to.
    pub env: Option<String>,
    /// The account's plan.
    pub plan: Option<String>,
    /// Parameters of the envelope.
    pub params: Vec<(String, String)>,
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
        let draft = self.draft(&options)?;
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

    /// The endpoint as the user wants it, without its secret; without a name where none is given.
    fn draft(&self, options: &AddOptions) -> Result<Endpoint> {
        let (now, profile) = (self.context.now(), &options.profile);
        let id = Id::new(IdKind::Endpoint, now, &self.context.random);
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let events = Events::Only(event_names(&options.events));
        let name = options.name.as_deref().unwrap_or_default();
        let mut endpoint = Endpoint::new(id, name, &whole_url(&options.url)?, &profile.label(), events, now);
        endpoint.description = given(&options.description);
        endpoint.plan = given(&options.plan);
        endpoint.params = params(profile, options.params.clone())?;
        if options.confirm {
            endpoint.disable(DisabledBy::Unconfirmed, None, now);
        }
        endpoint.labels = env_label(options.env.as_deref()).into_iter().collect();
        Ok(endpoint)
    }
}
