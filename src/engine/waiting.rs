//! Deliveries while they wait.

use std::sync::Arc;

use url::Url;

use super::{ContentStore, Delivery, Label, Progress, Signing};
use crate::clock::Timestamp;
use crate::headers::Headers;
use crate::id::Id;
use crate::message::Message;
use crate::provider::policy::Policy;
use crate::transport::AddressPolicy;

/// The parts of a delivery that may be large, which a store keeps.
#[derive(Debug, Clone)]
pub struct DeliveryContent {
    /// The message.
    pub message: Arc<Message>,
    /// The target.
    pub url: Url,
    /// The method.
    pub method: String,
    /// Headers beside the provider's own.
    pub headers: Headers,
}

/// A delivery that waits, with its attempts so far.
#[derive(Debug)]
pub(super) struct QueuedDelivery {
    pub(super) progress: Progress,
    pub(super) content: HeldContent,
}

#[derive(Debug)]
pub(super) enum HeldContent {
    /// In memory.
    InMemory(Arc<Delivery>),
    /// In the store, except for small and shared parts.
    Stored(Box<StoredDelivery>),
}

#[derive(Debug)]
pub(super) struct StoredDelivery {
    id: Id,
    /// URL, method and headers where they differ from the record.
    changed: Option<(Url, String, Headers)>,
    signing: Signing,
    policy: Arc<Policy>,
    addresses: AddressPolicy,
    at: Timestamp,
    label: Arc<Label>,
}

impl QueuedDelivery {
    pub(super) fn in_memory(delivery: Arc<Delivery>) -> Self {
        Self {
            progress: delivery.progress,
            content: HeldContent::InMemory(delivery),
        }
    }

    pub(super) fn is_in_memory(&self) -> bool {
        matches!(self.content, HeldContent::InMemory(_))
    }

    pub(super) fn label(&self) -> &Arc<Label> {
        match &self.content {
            HeldContent::InMemory(delivery) => &delivery.label,
            HeldContent::Stored(stored) => &stored.label,
        }
    }

    /// Drops what the store keeps.
    pub(super) fn stored(self) -> Self {
        let content = match self.content {
            HeldContent::InMemory(delivery) => HeldContent::Stored(Box::new(StoredDelivery {
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
            stored @ HeldContent::Stored(_) => stored,
        };
        Self { content, ..self }
    }

    /// The whole delivery; `None` when it is not in the store any more.
    pub(super) async fn whole(self, store: Option<&Arc<dyn ContentStore>>) -> Option<Arc<Delivery>> {
        let stored = match self.content {
            HeldContent::InMemory(delivery) => return Some(delivery),
            HeldContent::Stored(stored) => *stored,
        };
        let content = store?.fetch(stored.id).await?;
        let is_changed = stored.changed.is_some();
        let (url, method, headers) = match stored.changed {
            Some(changed) => changed,
            None => (content.url, content.method, content.headers),
        };
        Some(Arc::new(Delivery {
            id: stored.id,
            message: content.message,
            url,
            method,
            headers,
            is_changed,
            signing: stored.signing,
            policy: stored.policy,
            addresses: stored.addresses,
            progress: self.progress,
            at: stored.at,
            label: stored.label,
        }))
    }
}
