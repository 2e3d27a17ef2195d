//! Whether the open ledger is still the file at its path.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::fault::LedgerPath;
use crate::fs::remove;
use crate::store::{StoreError, StoreNotice};

/// Device and inode: a file, whatever its name.
type Identity = (u64, u64);

/// The files of an open ledger.
#[derive(Debug)]
pub(super) struct Files {
    ledger: Option<Identity>,
    /// Known after the first write.
    log: Option<Identity>,
}

fn identity(file: &Metadata) -> Identity {
    (file.dev(), file.ino())
}

impl Files {
    /// The files that exist now.
    pub(super) fn of(place: &LedgerPath) -> Self {
        Self {
            ledger: fs::metadata(place.path()).ok().as_ref().map(identity),
            log: None,
        }
    }

    /// Whether the ledger at the path is the one that is open. `None`: it is. An error when that cannot be found out,
    /// because no write may be acknowledged then.
    pub(super) fn check(&self, place: &LedgerPath) -> Result<Option<StoreNotice>, StoreError> {
        match found(place.path(), place)? {
            None => return Ok(Some(StoreNotice::Removed(place.text()))),
            Some(file) if Some(identity(&file)) != self.ledger => {
                return Ok(Some(StoreNotice::Replaced(place.text())));
            }
            Some(file) if file.len() == 0 => return Ok(Some(StoreNotice::Removed(place.text()))),
            Some(_) => {}
        }
        if let Some(log) = self.log
            && found(&beside(place, "-wal"), place)?.as_ref().map(identity) != Some(log)
        {
            return Err(place.unwritable("its log, the file `-wal` beside it, was removed while it was in use"));
        }
        Ok(None)
    }

    /// Remembers the log that a group was written to.
    pub(super) fn wrote(&mut self, place: &LedgerPath) {
        if self.log.is_none() {
            self.log = fs::metadata(beside(place, "-wal")).ok().as_ref().map(identity);
        }
    }

    /// Makes way for another ledger: the log of the one that is gone must not be taken for its.
    pub(super) fn clear(&self, place: &LedgerPath) -> Result<(), StoreError> {
        let ledger = found(place.path(), place)?;
        let is_emptied = ledger.as_ref().is_some_and(|file| file.len() == 0);
        let log = beside(place, "-wal");
        let is_stale = found(&log, place)?.is_some_and(|file| self.log.is_none_or(|own| own == identity(&file)));
        if is_emptied {
            remove(place.path()).map_err(|error| place.making(&error))?;
        }
        if is_emptied || is_stale || ledger.is_none() {
            for file in [log, beside(place, "-shm")] {
                remove(&file).map_err(|error| place.making(&error))?;
            }
        }
        Ok(())
    }
}

fn beside(place: &LedgerPath, suffix: &str) -> PathBuf {
    let mut path = place.path().as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn found(path: &Path, place: &LedgerPath) -> Result<Option<Metadata>, StoreError> {
    match fs::metadata(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(place.unwritable(&error)),
    }
}
