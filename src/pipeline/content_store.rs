//! The content of deliveries that wait, fetched from the ledger.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use url::Url;

use crate::engine::{Boxed, ContentStore, DeliveryContent};
use crate::id::Id;
use crate::store::{DeliveryState, Ledger};

/// The ledger as the place where the content of deliveries is.
pub(super) struct LedgerContentStore {
    pub(super) ledger: Ledger,
    pub(super) cancel: CancellationToken,
}

impl ContentStore for LedgerContentStore {
    fn fetch(&self, id: Id) -> Boxed<'_, Option<DeliveryContent>> {
        Box::pin(async move {
            let found = self.ledger.delivery(id).await;
            // Without a ledger nothing more is begun; the record says where the delivery stands.
            let found = found.inspect_err(|_| self.cancel.cancel()).ok()??;
            let rest = found.delivery;
            // Somebody else has ended it.
            if rest.state != DeliveryState::Pending {
                return None;
            }
            Some(DeliveryContent {
                message: Arc::new(rest.message),
                url: Url::parse(&rest.url).ok()?,
                method: rest.method,
                headers: rest.headers,
            })
        })
    }
}
