//! An endpoint as every front end shows it: its record, and what this machine knows about its secrets. Never a secret's
//! text, but for the one that is handed over when it is new.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::secret::{Handed, public_text};
use crate::app::context::Context;
use crate::clock::Timestamp;
use crate::digest::fingerprint;
use crate::endpoints::{Book, DisabledBy, Endpoint, EndpointLimits, EndpointSecret, Events, Reference};
use crate::finding::Finding;
use crate::health::OwnerNotice;
use crate::mask;
use crate::provider::Profile;
use crate::signature::Scheme;

/// An endpoint, as `hook.endpoint/1` has it.
#[derive(Debug, Clone, Serialize)]
pub struct EndpointDetails {
    /// As the store has it.
    pub id: String,
    /// The user's name for it.
    pub name: String,
    /// The provider.
    pub provider: String,
    /// The URL, credentials masked.
    pub url: String,
    /// The subscribed events.
    pub events: Events,
    /// For people.
    pub description: Option<String>,
    /// Free labels.
    pub labels: BTreeMap<String, String>,
    /// The account's plan.
    pub plan: Option<String>,
    /// Parameters of the envelope.
    pub params: BTreeMap<String, String>,
    /// The tenant whose events it gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What the body of an event must say.
    #[serde(rename = "where", skip_serializing_if = "BTreeMap::is_empty")]
    pub conditions: BTreeMap<String, Value>,
    /// Headers beside the provider's, credentials masked.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// How fast it gets deliveries; absent: as fast as any.
    #[serde(skip_serializing_if = "EndpointLimits::is_default")]
    pub limits: EndpointLimits,
    /// Whether it gets deliveries.
    pub active: bool,
    /// Whether it was paused by hand: deliveries to it wait.
    pub paused: bool,
    /// Why it does not.
    pub disabled: Option<DisabledDetails>,
    /// In a row.
    pub failed_deliveries: u32,
    /// The notices to its owner, sent or not, the newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<OwnerNotice>,
    /// Those that count now.
    pub secrets: Vec<SecretDetails>,
    /// The public half of the current pair of keys: no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// When it was added.
    pub created: Timestamp,
    /// The last change by hand.
    pub updated: Timestamp,
    /// Only when it was generated just now, and once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The file that it was written to, where the user named one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<String>,
    /// Findings of the rules, where they were checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<Vec<Finding>>,
    /// Whether the public key is new, so that it is handed over.
    #[serde(skip)]
    pub is_new_key: bool,
}

/// Why an endpoint gets nothing.
#[derive(Debug, Clone, Serialize)]
pub struct DisabledDetails {
    /// Who or what did it.
    pub reason: DisabledBy,
    /// For people.
    pub detail: String,
    /// Since when.
    pub since: Timestamp,
}

/// One secret: its reference and fingerprint, never its text.
#[derive(Debug, Clone, Serialize)]
pub struct SecretDetails {
    /// Where its text is.
    #[serde(rename = "ref")]
    pub reference: Reference,
    /// What verdicts call it.
    pub name: Option<String>,
    /// Nothing when it cannot be fetched.
    pub fingerprint: Option<String>,
    /// When a rotation ends it.
    pub until: Option<Timestamp>,
    /// Why it cannot be fetched.
    #[serde(skip)]
    pub problem: Option<String>,
}

impl EndpointDetails {
    /// Takes in the secret that is handed over now.
    pub(super) fn hand_over(&mut self, handed: Option<Handed>) {
        match handed {
            Some(Handed::Secret(text)) => self.secret = Some(text),
            Some(Handed::PublicKey(text)) => (self.public_key, self.is_new_key) = (Some(text), true),
            Some(Handed::File(path)) => self.secret_file = Some(path.display().to_string()),
            None => {}
        }
    }

    /// Whether it has yet to be confirmed.
    pub fn is_pending(&self) -> bool {
        (self.disabled.as_ref()).is_some_and(|disabled| disabled.reason == DisabledBy::Unconfirmed)
    }
}

impl Context {
    /// What there is to show of an endpoint whose secrets are in the vault of that book.
    pub fn endpoint_details(&self, book: &Book, endpoint: &Endpoint) -> EndpointDetails {
        let profile = self.registry.get(&endpoint.provider).ok();
        let secrets = endpoint.active_secrets(self.now()).into_iter();
        EndpointDetails {
            id: endpoint.id.clone(),
            name: endpoint.name.clone(),
            provider: endpoint.provider.clone(),
            url: mask::url(&endpoint.url),
            events: endpoint.events.clone(),
            description: endpoint.description.clone(),
            labels: endpoint.labels.clone(),
            plan: endpoint.plan.clone(),
            params: endpoint.params.clone(),
            tenant: endpoint.tenant.clone(),
            conditions: endpoint.conditions.clone(),
            headers: endpoint.headers.iter().map(masked).collect(),
            limits: endpoint.limits,
            active: endpoint.is_active(),
            paused: false,
            disabled: endpoint.disabled.as_ref().map(|disabled| DisabledDetails {
                reason: disabled.reason,
                detail: disabled.to_string(),
                since: disabled.since,
            }),
            failed_deliveries: endpoint.failed_deliveries,
            notices: Vec::new(),
            secrets: secrets
                .map(|secret| Self::secret_details(book, endpoint, secret))
                .collect(),
            public_key: profile.and_then(|profile| public_key(book, endpoint, &profile, self.now())),
            created: endpoint.created,
            updated: endpoint.updated,
            secret: None,
            secret_file: None,
            findings: None,
            is_new_key: false,
        }
    }

    fn secret_details(book: &Book, endpoint: &Endpoint, secret: &EndpointSecret) -> SecretDetails {
        let found = Self::signing_secret(book, endpoint, secret);
        SecretDetails {
            reference: secret.reference.clone(),
            name: secret.name.clone(),
            fingerprint: found.as_ref().ok().map(fingerprint),
            until: secret.until,
            problem: found.err().map(|error| error.to_string()),
        }
    }
}

fn masked((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), mask::header(name, value.as_bytes(), &[]))
}

fn public_key(book: &Book, endpoint: &Endpoint, profile: &Profile, now: Timestamp) -> Option<String> {
    let Scheme::Asymmetric(scheme) = &profile.scheme else {
        return None;
    };
    let pem = book.vault().public_key(endpoint.active_secrets(now).first()?)?;
    public_text(scheme, &pem).ok()
}
