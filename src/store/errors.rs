//! How what is wrong with the ledger reaches the user.

use super::StoreError;
use crate::error::Error;
use crate::exit::Exit;

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let base = Self::new(Exit::Store, error.to_string());
        match &error {
            StoreError::Missing(_) => {
                // Nothing was recorded yet, so nothing can match.
                Self {
                    exit: Exit::Nothing,
                    ..base
                }
                .hint("`hook listen` and `hook send` make one; `--ledger FILE` names another")
            }
            StoreError::Newer { .. } => base.hint("update hook, or use another file: `--ledger FILE`"),
            StoreError::Unreadable { .. } => base.hint("move it away, or use another file: `--ledger FILE`"),
            StoreError::Damaged { .. } => base.hint("`hook log` lists all others"),
            StoreError::Locked(_) => {
                base.hint("wait until the other process is done, or use another file: `--ledger FILE`")
            }
            StoreError::Full(_) => base.hint("make room, then `hook log prune`"),
            StoreError::ReadOnly { .. } => base.hint("use a file that can be written: `--ledger FILE`"),
            StoreError::Closed => base,
        }
    }
}
