//! Deliveries while they wait.

use std::sync::{Arc, LazyLock};

use url::Url;

use super::{ContentStore, Delivery, Progress};
use crate::headers::Headers;
use crate::message::Message;

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

/// In place of the message of a delivery whose content is in the store.
static NOT_LOADED: LazyLock<Arc<Message>> = LazyLock::new(Arc::default);

/// A delivery that waits, with its attempts so far.
#[derive(Debug)]
pub(super) struct QueuedDelivery {
    /// Without its content when that is in the store.
    pub(super) delivery: Arc<Delivery>,
    pub(super) progress: Progress,
    is_stored: bool,
}

impl QueuedDelivery {
    pub(super) fn in_memory(delivery: Arc<Delivery>, progress: Progress) -> Self {
        Self {
            delivery,
            progress,
            is_stored: false,
        }
    }

    pub(super) fn is_in_memory(&self) -> bool {
        !self.is_stored
    }

    /// Leaves the content to the store.
    pub(super) fn stored(self) -> Self {
        let mut delivery = Arc::unwrap_or_clone(self.delivery);
        // One shared message: a million deliveries may wait.
        delivery.message = Arc::clone(&NOT_LOADED);
        // Headers that differ from the stored ones are nowhere else.
        if !delivery.is_changed {
            delivery.headers = Headers::new();
        }
        Self {
            delivery: Arc::new(delivery),
            is_stored: true,
            ..self
        }
    }

    /// The whole delivery; `None` when the store has its content no more.
    pub(super) async fn whole(self, store: Option<&Arc<dyn ContentStore>>) -> Option<Arc<Delivery>> {
        if !self.is_stored {
            return Some(self.delivery);
        }
        let content = store?.fetch(self.delivery.id).await?;
        let mut delivery = Arc::unwrap_or_clone(self.delivery);
        delivery.message = content.message;
        delivery.progress = self.progress;
        if !delivery.is_changed {
            (delivery.url, delivery.method, delivery.headers) = (content.url, content.method, content.headers);
        }
        Some(Arc::new(delivery))
    }
}
