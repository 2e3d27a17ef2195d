//! The tokio runtime.

use crate::error::{Error, Result};

/// A runtime on this thread alone, for many requests too: threads that wake each other for every request took a fifth
/// more of the processor. The ledger has a thread of its own.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::internal("cannot start the runtime").cause(error))
}
