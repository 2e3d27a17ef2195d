//! Which file the ledger is: whether the one that is open is still the one at its path.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use super::fault::LedgerPath;
use crate::store::{StoreError, StoreNotice};

/// A file, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

/// The files of an open ledger.
#[derive(Debug)]
pub(super) struct Files {
    ledger: Option<Identity>,
    /// Known once something was written.
    log: Option<Identity>,
}

impl Identity {
    fn of(file: &Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
        }
    }
}

impl Files {
    /// Those that are there now.
    pub(super) fn of(place: &LedgerPath) -> Self {
        Self {
            ledger: fs::metadata(place.path()).ok().map(|file| Identity::of(&file)),
            log: None,
        }
    }

    /// Whether the ledger at the path is the one that is open. What was taken away, replaced or emptied is told of; what
    /// cannot be told is an error, as nothing may be acknowledged then.
    pub(super) fn check(&self, place: &LedgerPath) -> Result<Option<StoreNotice>, StoreError> {
        match found(&place.path().to_owned(), place)? {
            None => return Ok(Some(StoreNotice::Removed(place.text()))),
            Some(file) if Some(Identity::of(&file)) != self.ledger => {
                return Ok(Some(StoreNotice::Replaced(place.text())));
            }
            Some(file) if file.len() == 0 => return Ok(Some(StoreNotice::Removed(place.text()))),
            Some(_) => {}
        }
        if let Some(log) = self.log
            && found(&beside(place, "-wal"), place)?.map(|file| Identity::of(&file)) != Some(log)
        {
            return Err(place.unwritable("its log, the file `-wal` beside it, was removed while it was in use"));
        }
        Ok(None)
    }

    /// Takes note of the log that a group was written to.
    pub(super) fn wrote(&mut self, place: &LedgerPath) {
        if self.log.is_none() {
            let log = fs::metadata(beside(place, "-wal")).ok();
            self.log = log.map(|file| Identity::of(&file));
        }
    }

    /// Makes way for another ledger: the log of the one that is gone must not be taken for its.
    pub(super) fn clear(&self, place: &LedgerPath) -> Result<(), StoreError> {
        let path = place.path().to_owned();
        let emptied = found(&path, place)?.filter(|file| file.len() == 0);
        let log = beside(place, "-wal");
        let stale = found(&log, place)?.filter(|file| self.log.is_none_or(|own| own == Identity::of(file)));
        let gone = emptied.is_some() || found(&path, place)?.is_none();
        let files = [
            (emptied.is_some(), path),
            (gone || stale.is_some(), log),
            (gone || stale.is_some(), beside(place, "-shm")),
        ];
        for (_, file) in files.into_iter().filter(|(removed, _)| *removed) {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(place.making(&error)),
                _ => {}
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

fn found(path: &PathBuf, place: &LedgerPath) -> Result<Option<Metadata>, StoreError> {
    match fs::metadata(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(place.unwritable(&error)),
    }
}
