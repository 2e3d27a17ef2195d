//! What can be wrong with the ledger, and what can happen to it.

/// Why the ledger cannot be used. All of them mean exit code 7.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is no such file, and it may not be made.
    #[error("there is no ledger at `{0}`")]
    Missing(String),
    /// Written by a newer hook.
    #[error("ledger `{path}` has format {found}, this hook knows up to {known}")]
    Newer {
        /// The file.
        path: String,
        /// Its format.
        found: i64,
        /// The newest known.
        known: i64,
    },
    /// No ledger, or a damaged one.
    #[error("ledger `{path}` is not readable: {what}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        what: String,
    },
    /// One record is damaged; others can be read.
    #[error("record `#{number}` of ledger `{path}` cannot be read: {what}")]
    Damaged {
        /// The file.
        path: String,
        /// The record.
        number: u64,
        /// What is wrong with it.
        what: String,
    },
    /// Another process kept it locked for too long.
    #[error("ledger `{0}` is locked by another process")]
    Locked(String),
    /// No room is left; nothing of the group was kept.
    #[error("no room is left for ledger `{0}`")]
    Full(String),
    /// The file or its folder cannot be written; nothing of the group was kept.
    #[error("ledger `{path}` cannot be written: {what}")]
    ReadOnly {
        /// The file.
        path: String,
        /// What the system said.
        what: String,
    },
    /// The writer has stopped.
    #[error("the ledger is closed")]
    Closed,
}

/// What happened to the ledger while it was open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreNotice {
    /// Its file was removed or emptied: a new one was made.
    #[error("ledger `{0}` was removed while it was in use; new records go into a new ledger there")]
    Removed(String),
    /// Another file took its place.
    #[error("ledger `{0}` was replaced while it was in use; new records go into the file that is there now")]
    Replaced(String),
}
