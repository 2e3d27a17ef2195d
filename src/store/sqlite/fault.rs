//! Maps errors of SQLite and the system to those of the ledger.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Error, ErrorCode, ffi};

use crate::store::StoreError;

/// The ledger's file, for naming it in errors.
#[derive(Debug, Clone)]
pub(super) struct LedgerPath(pub(super) PathBuf);

impl LedgerPath {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn text(&self) -> String {
        self.0.display().to_string()
    }

    pub(super) fn unreadable(&self, what: &(impl ToString + ?Sized)) -> StoreError {
        StoreError::Unreadable {
            path: self.text(),
            what: what.to_string(),
        }
    }

    pub(super) fn unwritable(&self, what: &(impl ToString + ?Sized)) -> StoreError {
        StoreError::ReadOnly {
            path: self.text(),
            what: what.to_string(),
        }
    }

    /// Maps an error of a read.
    pub(super) fn reading(&self, error: &Error) -> StoreError {
        self.known(error).unwrap_or_else(|| self.unreadable(error))
    }

    /// Maps an error of the read of one record.
    pub(super) fn reading_record(&self, number: u64, error: &Error) -> StoreError {
        if !is_damaged_record(error) {
            return self.reading(error);
        }
        StoreError::Damaged {
            path: self.text(),
            number,
            what: error.to_string(),
        }
    }

    /// Maps an error of a write.
    pub(super) fn writing(&self, error: &Error) -> StoreError {
        self.known(error).unwrap_or_else(|| self.unwritable(error))
    }

    /// Maps an error of the file system when the folder or the file is created.
    pub(super) fn making(&self, error: &io::Error) -> StoreError {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match error.kind() {
            StorageFull | QuotaExceeded | FileTooLarge => StoreError::Full(self.text()),
            _ => self.unwritable(error),
        }
    }

    fn known(&self, error: &Error) -> Option<StoreError> {
        let Error::SqliteFailure(code, _) = error else {
            return Some(self.unreadable(error));
        };
        // SQLite says "full" for ENOSPC alone. A file size limit (EFBIG) and a quota (EDQUOT) come as failed writes, and
        // the shared memory file that cannot grow has a code of its own.
        let full = matches!(
            code.extended_code,
            ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE | ffi::SQLITE_IOERR_TRUNCATE
        );
        match code.code {
            ErrorCode::DiskFull => Some(StoreError::Full(self.text())),
            ErrorCode::SystemIoFailure if full => Some(StoreError::Full(self.text())),
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
                Some(StoreError::Locked(self.text()))
            }
            ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt => Some(self.unreadable(error)),
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Some(self.unwritable(error)),
            _ => None,
        }
    }
}

/// Whether a row has values of other types than hook writes.
pub(super) fn is_damage(error: &Error) -> bool {
    !matches!(error, Error::SqliteFailure(..) | Error::QueryReturnedNoRows)
}

/// The same for one record, or it lies where the file is damaged: others may be whole.
pub(super) fn is_damaged_record(error: &Error) -> bool {
    is_damage(error) || error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt)
}

/// Whether SQLite could not open a file, or could not make one that it needs beside it.
pub(super) fn is_cannot_open(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied)
    )
}

/// Whether another connection holds the lock.
pub(super) fn is_busy(error: &Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}
