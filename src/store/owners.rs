//! Which process works on what: every process that works for long has a lease under a name that is written beside its work, so
//! that others can find out whether it is still running.

use std::any::Any;
use std::fmt;
use std::io;

use super::StoreError;

/// The processes that work on a ledger.
pub trait Owners: Send + Sync + fmt::Debug {
    /// Gives this process a lease under a new name.
    fn claim(&self) -> Result<Lease, ClaimError>;

    /// Takes the one lease of the durable service, whose name is [`SERVICE`](super::queue::SERVICE).
    fn claim_service(&self) -> Result<Lease, ClaimError>;

    /// Whether the process with the lease of that name is still running. Called for each record of a list, so it must be cheap.
    fn is_alive(&self, name: &str) -> bool;
}

/// A lease, held until it is dropped.
pub struct Lease {
    name: String,
    /// Releases the lease when it is dropped.
    _held: Box<dyn Any + Send + Sync>,
}

impl Lease {
    /// A lease under that name, which lasts as long as `held`.
    pub(super) fn new(name: impl Into<String>, held: impl Any + Send + Sync) -> Self {
        let name = name.into();
        Self {
            name,
            _held: Box::new(held),
        }
    }

    /// What is written beside a delivery: `NewDelivery::owner`.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Why a lease was not given.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Another process has it.
    #[error("another process has it")]
    Taken {
        /// Its process id, where that is known.
        process: Option<String>,
    },
    /// Beside the ledger's file nothing can be written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The owners of a store that this build does not have.
#[derive(Debug)]
pub(super) struct NoOwners(pub(super) StoreError);

impl Owners for NoOwners {
    fn claim(&self) -> Result<Lease, ClaimError> {
        Err(self.0.clone().into())
    }

    fn claim_service(&self) -> Result<Lease, ClaimError> {
        Err(self.0.clone().into())
    }

    fn is_alive(&self, _: &str) -> bool {
        false
    }
}
