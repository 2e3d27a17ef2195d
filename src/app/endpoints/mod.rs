//! The verbs of `hook endpoints`: each once, over the local book or a provider's API.

mod apply;
mod change;
mod confirm;
mod details;
pub mod doctor;
mod edit;
mod list;
mod parked;
mod pause;
pub mod probe;
pub mod rekey;
mod reviewed;
mod secret;
mod transfer;
mod whole_book;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::app::context::Context;
use crate::app::pauses::Paused;
use crate::clock::Timestamp;
use crate::endpoints::{Confirmed, Endpoint, EndpointEntry, EndpointError, EndpointStore, Step};
use crate::error::{Error, Result};
use crate::finding::Finding;
use crate::id::{Id, IdKind};
use crate::mask;
use crate::provider::Profile;
use crate::target::{parse_url, url_scheme};

pub use apply::{ApplyOptions, new_events};
pub use change::{AddOptions, UpdateOptions};
pub use details::EndpointDetails;
pub use edit::differences;
pub use list::{EndpointFilter, with_secret};
pub use secret::{SecretOptions, write_new};

/// A change of an endpoint, emitted as it happens: at a provider one call follows the other.
pub enum EndpointEvent {
    /// It was added.
    Added(Box<EndpointDetails>),
    /// It was changed: the fields that differ.
    Updated(Box<EndpointDetails>, Vec<&'static str>),
    /// It was switched on or off.
    Switched {
        /// As it is now.
        endpoint: Box<EndpointDetails>,
        /// Whether it was active before.
        was_active: bool,
        /// Failed deliveries that no longer count.
        forgotten: u32,
    },
    /// It was paused or resumed.
    Paused {
        /// As it is now.
        endpoint: Box<EndpointDetails>,
        /// Whether it was otherwise before.
        changed: bool,
    },
    /// Everything was paused or resumed.
    AllPaused {
        /// As it is now.
        paused: bool,
        /// Whether it was otherwise before.
        changed: bool,
    },
    /// It was removed.
    Removed(Box<EndpointDetails>),
    /// It has a new secret.
    Rotated {
        /// As it is now.
        endpoint: Box<EndpointDetails>,
        /// Until when the old one verifies.
        until: Option<Timestamp>,
        /// How long that is.
        overlap: Duration,
        /// Whether there was an old one.
        had_secret: bool,
    },
    /// A token was compared with the one that it was sent.
    Confirmed(Box<EndpointDetails>, Confirmed),
    /// The rules refuse it.
    Refused(Refusal),
    /// Steps that were not done because an earlier one failed.
    NotDone(Vec<Step>),
}

/// The endpoints of a store. Each verb is a method.
#[derive(Clone, Copy)]
pub struct Endpoints<'a> {
    /// Whose settings and whose machine.
    pub context: &'a Context,
    /// Where the endpoints are.
    pub store: &'a dyn EndpointStore,
    /// Receives each change. An error stops the remaining steps.
    pub on: &'a dyn Fn(EndpointEvent) -> Result<()>,
}

/// An endpoint that the rules refuse, as `hook.refusal/1` has it.
#[derive(Debug, Serialize)]
pub struct Refusal {
    name: String,
    provider: String,
    url: String,
    findings: Vec<Finding>,
}

impl Refusal {
    /// What the rules say.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl EndpointEvent {
    /// The endpoint, when something was done to one.
    pub fn endpoint(&self) -> Option<&EndpointDetails> {
        match self {
            Self::Added(endpoint)
            | Self::Updated(endpoint, _)
            | Self::Removed(endpoint)
            | Self::Confirmed(endpoint, _)
            | Self::Switched { endpoint, .. }
            | Self::Paused { endpoint, .. }
            | Self::Rotated { endpoint, .. } => Some(endpoint),
            Self::Refused(_) | Self::NotDone(_) | Self::AllPaused { .. } => None,
        }
    }
}

impl Endpoints<'_> {
    /// The error of a change that was not made; findings of the rules are emitted first.
    fn refused(&self, endpoint: &Endpoint, error: EndpointError) -> Error {
        if let EndpointError::Rule(findings) = &error {
            let refusal = Refusal {
                name: endpoint.name.clone(),
                provider: endpoint.provider.clone(),
                url: mask::url(&endpoint.url),
                findings: findings.clone(),
            };
            if let Err(error) = (self.on)(EndpointEvent::Refused(refusal)) {
                return error;
            }
            self.context.notices.findings(findings);
        }
        error.into()
    }

    /// Notes that an endpoint must confirm its subscription before any event.
    fn note_pending(&self, endpoint: &Endpoint) {
        if !endpoint.is_pending() {
            return;
        }
        let (name, notices) = (&endpoint.name, &self.context.notices);
        if self.store.remote().is_none() {
            notices.note(format!(
                "`{name}` is pending: it has not confirmed the subscription at this URL"
            ));
            notices.hint(endpoint.activation_hint());
            return;
        }
        notices.note(format!(
            "`{name}` is pending: the provider has asked it to confirm the subscription"
        ));
        notices.hint(format!(
            "`hook endpoints confirm {name} TOKEN` confirms it by the token that the endpoint was sent"
        ));
    }

    /// What there is to show of an endpoint of the store.
    fn details(&self, endpoint: &Endpoint) -> Box<EndpointDetails> {
        Box::new(self.details_beside(endpoint, &self.paused()))
    }

    fn details_beside(&self, endpoint: &Endpoint, paused: &Paused) -> EndpointDetails {
        EndpointDetails {
            paused: paused.has(&endpoint.id),
            ..self.context.endpoint_details(self.store.book(), endpoint)
        }
    }

    /// What is paused on this machine; of a provider's endpoints nothing is.
    fn paused(&self) -> Paused {
        match self.store.remote() {
            Some(_) => Paused::default(),
            None => self.context.paused(),
        }
    }
}

/// A URL is left to the rules as it was typed; anything shorter is read like a target of `send`.
pub fn whole_url(text: &str) -> Result<String> {
    if url_scheme(text).is_some() {
        return Ok(text.to_owned());
    }
    Ok(parse_url(text)?.into())
}

/// The endpoint of an entry, not checked yet; without a name where none is given.
fn wanted(context: &Context, profile: &Profile, entry: &EndpointEntry) -> Result<Endpoint> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let now = context.now();
    let id = Id::new(IdKind::Endpoint, now, &context.random);
    let (name, url) = (entry.name.as_deref().unwrap_or_default(), whole_url(&entry.url)?);
    check_params(profile, &entry.params)?;
    let mut endpoint = Endpoint::new(id.to_string(), name, &url, &profile.label(), entry.events.clone(), now);
    endpoint.description = given(&entry.description);
    endpoint.plan = given(&entry.plan);
    endpoint.params.clone_from(&entry.params);
    endpoint.tenant = given(&entry.tenant);
    endpoint.conditions.clone_from(&entry.conditions);
    endpoint.headers.clone_from(&entry.headers);
    endpoint.limits = entry.limits;
    let env = given(&entry.env).map(|name| ("env".to_owned(), name));
    endpoint.labels = env.into_iter().collect();
    Ok(endpoint)
}

fn check_params(profile: &Profile, given: &BTreeMap<String, String>) -> Result<()> {
    for (name, value) in given {
        profile.param_value(name, value)?;
    }
    Ok(())
}
