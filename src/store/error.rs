//! Errors of the ledger, and what can happen to its file while it is open.

use super::place::url::is_database;
use crate::error::Error;
use crate::exit::Exit;
use crate::text::count;

/// Why the ledger cannot be used: exit code 7, or 6 for [`StoreError::Missing`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The file does not exist, and a reader does not create it.
    #[error("ledger `{0}` not found")]
    Missing(String),
    /// Written by a newer hook.
    #[error("ledger `{path}` has format {found}; this version of hook supports up to {known}")]
    Newer {
        /// The file.
        path: String,
        /// Its format.
        found: i64,
        /// The newest known.
        known: i64,
    },
    /// Not a ledger, or a damaged one.
    #[error("ledger `{path}` is not readable: {what}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        what: String,
    },
    /// Its log is damaged in the middle: to open the ledger would drop what was acknowledged behind that place.
    #[error("log `{path}-wal` is damaged: {} behind the damage would be dropped", count(*.lost, "transaction"))]
    DamagedLog {
        /// The ledger's file.
        path: String,
        /// Transactions behind the damage.
        lost: u64,
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
    /// The disk or a quota is full; nothing of the group was written.
    #[error("no space left for ledger `{0}`")]
    Full(String),
    /// The file or its folder is not writable; nothing of the group was written.
    #[error("ledger `{path}` cannot be written: {what}")]
    ReadOnly {
        /// The file.
        path: String,
        /// What the system said.
        what: String,
    },
    /// A copy could not be made; no file was left.
    #[error("ledger `{path}` cannot be copied to `{to}`: {what}")]
    NotCopied {
        /// The file.
        path: String,
        /// The file that was to be made.
        to: String,
        /// What the system said.
        what: String,
    },
    /// Its place is a database, and this program was built without that store.
    #[error("ledger `{0}` cannot be opened: this build has no PostgreSQL store")]
    #[cfg_attr(feature = "postgres", allow(dead_code, reason = "this build has that store"))]
    NoPostgres(String),
    /// What a connection to its database needs is missing or cannot be read.
    #[error("ledger `{place}` cannot be opened: {what}")]
    #[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "a file needs no connection"))]
    NoConnection {
        /// Its place, without a password.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// The server cannot be reached, does not let this user in, or does not answer; nothing of the group was written.
    #[error("PostgreSQL at `{place}` is not available: {what}")]
    #[cfg_attr(not(feature = "postgres"), allow(dead_code, reason = "a file is always there"))]
    Unavailable {
        /// Host, port and database.
        place: String,
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
    /// Its file was removed or emptied: a new one was created.
    #[error("ledger `{0}` was removed while it was in use; new records go into a new ledger there")]
    Removed(String),
    /// Another file took its place.
    #[error("ledger `{0}` was replaced while it was in use; new records go into the file that is there now")]
    Replaced(String),
    /// The size limit dropped deliveries that were parked.
    #[error("the size limit of the ledger dropped {}: it will not be delivered", count(*.0, "parked delivery"))]
    ParkedDropped(u64),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let base = Self::new(Exit::Store, error.to_string());
        if let Some(hint) = database_hint(&error) {
            return base.hint(hint);
        }
        match &error {
            // Nothing was recorded yet, so nothing can match.
            StoreError::Missing(_) => Self::nothing(base.message)
                .hint("`hook listen` and `hook send` create it; `--store FILE` selects another"),
            StoreError::Newer { .. } => base.hint("update hook, or use another file: `--store FILE`"),
            StoreError::Unreadable { .. } => base.hint("move it away, or use another file: `--store FILE`"),
            StoreError::DamagedLog { path, .. } => base
                .cause("the disk, or another program, changed it: nothing was changed now")
                .hint(format!(
                    "copy `{path}*` away first; then `hook log backup FILE` saves what can be read, and `--store FILE` goes on with it"
                )),
            StoreError::Damaged { .. } => base.hint("`hook log` lists all other records"),
            StoreError::Locked(_) => {
                base.hint("wait until the other process has finished, or use another file: `--store FILE`")
            }
            StoreError::Full(_) => base.hint("free some space, then run `hook log prune`"),
            StoreError::ReadOnly { .. } => base.hint("use a file that can be written: `--store FILE`"),
            StoreError::NotCopied { .. } => {
                base.hint("choose a new file in a folder with enough space: `hook log backup FILE`")
            }
            StoreError::NoPostgres(_) => {
                base.hint("build hook with the feature `postgres`, or use a file: `--store FILE`")
            }
            StoreError::NoConnection { .. } => base.hint("docs/configuration.md lists where a connection gets its settings"),
            StoreError::Unavailable { .. } => {
                base.hint("check that the server runs and can be reached, and the user, password and database of the URL")
            }
            StoreError::Closed => base,
        }
    }
}

impl StoreError {
    /// Whether its database is away: it may be back a moment later.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// What helps where the ledger is in a database, and hints about files would not.
fn database_hint(error: &StoreError) -> Option<&'static str> {
    let (place, hint) = match error {
        StoreError::Newer { path, .. } => (path, "update hook, or use another database: `--store URL`"),
        StoreError::Unreadable { path, .. } => (path, "the log of the database server may have more about it"),
        StoreError::Locked(path) => (
            path,
            "another connection holds a lock for long: try again when it has ended",
        ),
        StoreError::Full(path) => (
            path,
            "free some space for the database server, then run `hook log prune`",
        ),
        StoreError::ReadOnly { path, .. } => (
            path,
            "give the role of the URL the rights that docs/configuration.md lists, or use the role that made the tables",
        ),
        _ => return None,
    };
    is_database(place).then_some(hint)
}
