//! Locks between processes: a file beside what is changed.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::EndpointError;
use crate::error::Error;
use crate::exit::Exit;

/// How long another process may keep a lock. A change takes milliseconds.
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Waits for the lock, which is held until the returned file is dropped. `what` says what is locked.
pub(super) fn lock(path: &Path, what: &str, patience: Duration) -> Result<File, EndpointError> {
    let side = beside(path, ".lock");
    let failed = EndpointError::io(&side, "locked");
    // Never deleted: two processes could then hold locks on two files of that name.
    let opened = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&side);
    let file = match opened {
        Ok(file) => file,
        Err(error) => return Err(failed(error)),
    };
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if started.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(TryLockError::WouldBlock) => {
                let what = format!("{what} `{}` is locked by another process", path.display());
                let error = Error::new(Exit::Store, what);
                return Err(error.hint("wait until the other process is done").into());
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}

/// The file of that name with an ending.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(ending);
    path.with_file_name(name)
}
