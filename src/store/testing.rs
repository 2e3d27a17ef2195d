//! What tests of other modules need from stores.

use std::sync::Arc;

use super::KeptRows;
use super::kept::testing::MemoryRows;

/// An empty place for documents in each store that keeps some, as far as it can be run on this machine.
pub(crate) fn kept_rows() -> Vec<Arc<dyn KeptRows>> {
    let mut all: Vec<Arc<dyn KeptRows>> = vec![Arc::new(MemoryRows::default())];
    #[cfg(feature = "postgres")]
    all.extend(super::postgres::tests::kept_rows());
    all
}
