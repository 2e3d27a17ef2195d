//! What keeps the endpoints of a book: a file, or rows of a store. Rules, health and secrets are the book's.

mod file;
mod store;

use std::any::Any;
use std::fmt::{Debug, Display};
use std::time::SystemTime;

use super::endpoint::Endpoint;
use super::error::EndpointError;
pub(super) use file::{FORMAT, FileRows};
pub(super) use store::StoreRows;

/// Identifies a state of what is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Mark {
    /// There is nothing, or it cannot be found out.
    #[default]
    Absent,
    /// Of a file: its time of change, inode and length.
    File(Option<SystemTime>, u64, u64),
    /// Of rows: their generation.
    Generation(u64),
}

/// What keeps endpoints.
pub(super) trait BookRows: Debug + Send + Sync {
    /// Whether nothing was ever kept, so that nothing else needs to be asked.
    fn is_missing(&self) -> bool;

    /// All of them, in order.
    fn read(&self) -> Result<Vec<Endpoint>, EndpointError>;

    /// Begins a change. Others that change the same rows wait until it is dropped.
    fn begin(&self) -> Result<Box<dyn BookEdit + '_>, EndpointError>;

    /// Keeps others from holding them too, until the result is dropped. Changes are not hindered.
    fn hold(&self) -> Result<Box<dyn Any + Send>, EndpointError>;

    /// Identifies the state, as it was at most a second ago, at little cost.
    fn mark(&self) -> Mark;

    /// Identifies the state now.
    fn mark_now(&self) -> Mark {
        self.mark()
    }

    /// The error of what is kept and cannot be used.
    fn invalid(&self, what: &dyn Display) -> EndpointError;
}

/// A change that was begun. It ends when it is dropped; what was not written stays as it was.
pub(super) trait BookEdit {
    /// All of them as they are kept now.
    fn read(&mut self) -> Result<Vec<Endpoint>, EndpointError>;

    /// Keeps these instead, all or nothing.
    fn write(&mut self, endpoints: &[Endpoint]) -> Result<(), EndpointError>;
}

#[cfg(test)]
mod tests;
