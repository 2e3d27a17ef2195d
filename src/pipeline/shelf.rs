//! What waits, fetched from the ledger.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use url::Url;

use crate::engine::{Boxed, Content, Shelf};
use crate::id::Id;
use crate::store::{DeliveryState, Ledger};

/// Fetches what waits from the ledger.
pub(super) struct LedgerShelf {
    pub(super) ledger: Ledger,
    pub(super) cancel: CancellationToken,
}

impl Shelf for LedgerShelf {
    fn fetch(&self, id: Id) -> Boxed<'_, Option<Content>> {
        Box::pin(async move {
            let found = self.ledger.delivery(id).await;
            // Without a ledger nothing more is begun; the record says where the delivery stands.
            let found = found.inspect_err(|_| self.cancel.cancel()).ok()??;
            let rest = found.delivery;
            // Somebody else has ended it.
            if rest.state != DeliveryState::Pending {
                return None;
            }
            Some(Content {
                message: Arc::new(rest.message),
                url: Url::parse(&rest.url).ok()?,
                method: rest.method,
                headers: rest.headers,
            })
        })
    }
}
