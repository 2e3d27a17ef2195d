//! Deliveries while they wait.

use std::sync::Arc;

use url::Url;

use super::{Delivery, Label, Progress, Shelf, Signing};
use crate::clock::Timestamp;
use crate::headers::Headers;
use crate::id::Id;
use crate::message::Message;
use crate::provider::policy::Policy;
use crate::transport::AddressPolicy;

/// What a shelf keeps of a delivery: everything that may be large.
#[derive(Debug, Clone)]
pub struct Content {
    /// What is delivered.
    pub message: Arc<Message>,
    /// Where to.
    pub url: Url,
    /// With which method.
    pub method: String,
    /// Headers beside the provider's own.
    pub headers: Headers,
}

/// A delivery that waits, and what was tried by now.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) progress: Progress,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// In memory.
    Held(Arc<Delivery>),
    /// On the shelf, but for what is small or shared.
    Shelved(Box<Shelved>),
}

#[derive(Debug)]
pub(super) struct Shelved {
    id: Id,
    /// Of a delivery that is sent in another way than its record says.
    changed: Option<(Url, String, Headers)>,
    signing: Signing,
    policy: Arc<Policy>,
    addresses: AddressPolicy,
    at: Timestamp,
    label: Arc<Label>,
}

impl Waiting {
    pub(super) fn held(delivery: Arc<Delivery>) -> Self {
        Self {
            progress: delivery.progress,
            what: What::Held(delivery),
        }
    }

    pub(super) fn is_held(&self) -> bool {
        matches!(self.what, What::Held(_))
    }

    pub(super) fn label(&self) -> &Arc<Label> {
        match &self.what {
            What::Held(delivery) => &delivery.label,
            What::Shelved(shelved) => &shelved.label,
        }
    }

    /// The same without what the shelf keeps.
    pub(super) fn shelved(self) -> Self {
        let what = match self.what {
            What::Held(delivery) => What::Shelved(Box::new(Shelved {
                id: delivery.id,
                changed: delivery
                    .is_changed
                    .then(|| (delivery.url.clone(), delivery.method.clone(), delivery.headers.clone())),
                signing: delivery.signing.clone(),
                policy: Arc::clone(&delivery.policy),
                addresses: delivery.addresses,
                at: delivery.at,
                label: Arc::clone(&delivery.label),
            })),
            shelved @ What::Shelved(_) => shelved,
        };
        Self { what, ..self }
    }

    /// The whole delivery; `None` when it is not on the shelf any more.
    pub(super) async fn whole(self, shelf: Option<&Arc<dyn Shelf>>) -> Option<Arc<Delivery>> {
        let shelved = match self.what {
            What::Held(delivery) => return Some(delivery),
            What::Shelved(shelved) => *shelved,
        };
        let content = shelf?.fetch(shelved.id).await?;
        let is_changed = shelved.changed.is_some();
        let (url, method, headers) = match shelved.changed {
            Some(changed) => changed,
            None => (content.url, content.method, content.headers),
        };
        Some(Arc::new(Delivery {
            id: shelved.id,
            message: content.message,
            url,
            method,
            headers,
            is_changed,
            signing: shelved.signing,
            policy: shelved.policy,
            addresses: shelved.addresses,
            progress: self.progress,
            at: shelved.at,
            label: shelved.label,
        }))
    }
}
