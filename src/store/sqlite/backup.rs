//! A copy of the ledger while others use it.

use std::path::Path;
use std::thread;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::fault::LedgerPath;
use super::open;
use crate::fs::NewFile;
use crate::store::{Access, BackupProgress, StoreError};

/// Pages that are copied between two looks at the progress.
const PAGES: i32 = 1024;

/// Copies the ledger as it is now, as [`crate::store::backup`].
pub(super) fn backup(
    place: &LedgerPath,
    to: &Path,
    goes_on: &mut dyn FnMut(BackupProgress) -> bool,
) -> Result<Option<u64>, StoreError> {
    let failed = |what: String| StoreError::NotCopied {
        path: place.text(),
        to: to.display().to_string(),
        what,
    };
    let source = open::open(place, Access::ReadOnly)?;
    let file = NewFile::create(to).map_err(|error| failed(error.to_string()))?;
    let is_done = copy(&source, file.temporary(), goes_on).map_err(|error| failed(error.to_string()))?;
    if !is_done {
        return Ok(None);
    }
    let bytes = file.temporary().metadata().map(|file| file.len());
    let bytes = bytes.and_then(|bytes| file.finish().map(|()| bytes));
    bytes.map(Some).map_err(|error| failed(error.to_string()))
}

/// Copies page by page. Returns `false` when it was stopped.
fn copy(source: &Connection, to: &Path, goes_on: &mut dyn FnMut(BackupProgress) -> bool) -> rusqlite::Result<bool> {
    // Read in one transaction: otherwise each write of another process would start the copy again.
    source.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut target = Connection::open_with_flags(to, flags)?;
    // The file counts only once it is whole, and is then synced.
    target.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")?;
    let backup = Backup::new(source, &mut target)?;
    loop {
        match backup.step(PAGES)? {
            StepResult::Done => return Ok(true),
            StepResult::More => {}
            _ => thread::sleep(Duration::from_millis(5)),
        }
        let all = backup.progress();
        let pages = |count: i32| u64::try_from(count).unwrap_or_default();
        let (all, left) = (pages(all.pagecount), pages(all.remaining));
        if !goes_on(BackupProgress {
            done: all - left.min(all),
            all,
        }) {
            return Ok(false);
        }
    }
}
