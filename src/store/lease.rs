//! Leases on a ledger that is a file. While a process lives it locks a file with the name of its lease; the system releases
//! the lock however the process ends, so that nothing has to be guessed from process ids.

use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::owners::{ClaimError, Lease, Owners};
use super::queue::SERVICE;
use crate::fs::private_folder;
use crate::random::Random;

/// Digits of a process id, at most.
const PID_MOST: u64 = 20;

/// The processes that work on the ledger in a file: each has a locked file beside it.
#[derive(Debug)]
pub(super) struct FileOwners {
    ledger: PathBuf,
}

impl FileOwners {
    /// Those of the ledger at that path.
    pub(super) fn new(ledger: impl Into<PathBuf>) -> Self {
        Self { ledger: ledger.into() }
    }
}

impl Owners for FileOwners {
    fn claim(&self) -> Result<Lease, ClaimError> {
        let folder = folder(&self.ledger);
        private_folder(&folder)?;
        // Here, because no process that is killed can remove its own file.
        sweep(&folder);

        let name = Random::os().uuid_v4().simple().to_string();
        let mut options = File::options();
        // It is renamed once it is locked, so that an unlocked file with that name always belongs to a dead process.
        let unnamed = folder.join(format!("{name}.new"));
        let lock = options.write(true).create_new(true).mode(0o600).open(&unnamed)?;
        let file = folder.join(&name);
        lock.lock()
            .and_then(|()| fs::rename(&unnamed, &file))
            .inspect_err(|_| {
                let _ = fs::remove_file(&unnamed);
            })?;
        Ok(Lease::new(name, LockedFile { file, _lock: lock }))
    }

    fn claim_service(&self) -> Result<Lease, ClaimError> {
        let folder = folder(&self.ledger);
        private_folder(&folder)?;
        let mut options = File::options();
        // Emptied only once it is locked: it says who holds the lock.
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut lock = options.open(folder.join(SERVICE))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = lock.take(PID_MOST).read_to_string(&mut pid);
                let process = Some(pid).filter(|pid| !pid.is_empty());
                return Err(ClaimError::Taken { process });
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        lock.set_len(0)?;
        lock.write_all(std::process::id().to_string().as_bytes())?;
        // The file stays: another process may open it just before it is removed, and would lock a file that no other process
        // finds.
        Ok(Lease::new(SERVICE, lock))
    }

    fn is_alive(&self, name: &str) -> bool {
        // The name comes from the ledger file, which may be forged: it must not lead out of the folder.
        (name == SERVICE || Uuid::try_parse(name).is_ok()) && is_locked(&folder(&self.ledger).join(name))
    }
}

/// The file of a lease, removed when the lease ends.
struct LockedFile {
    file: PathBuf,
    /// Open because closing it would give up the lock.
    _lock: File,
}

impl Drop for LockedFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

/// Where processes keep what is beside the ledger: beside the file itself, so that a link to it leads to the same place.
pub(super) fn folder(ledger: &Path) -> PathBuf {
    let mut folder = file_of(ledger).into_os_string();
    folder.push(".owners");
    folder.into()
}

/// The file that a path leads to. One that a link names need not exist yet.
fn file_of(ledger: &Path) -> PathBuf {
    if let Ok(file) = fs::canonicalize(ledger) {
        return file;
    }
    match fs::read_link(ledger) {
        Ok(target) => ledger.parent().unwrap_or(Path::new("")).join(target),
        Err(_) => ledger.to_owned(),
    }
}

/// Tries a shared lock, so that two processes that check at once do not take each other for the owner.
fn is_locked(file: &Path) -> bool {
    let locked = |file: File| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    File::open(file).is_ok_and(locked)
}

/// Removes the files of processes that were killed.
fn sweep(folder: &Path) {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    for file in files.filter(|file| Uuid::try_parse(&file.file_name().to_string_lossy()).is_ok()) {
        if !is_locked(&file.path()) {
            let _ = fs::remove_file(file.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(ledger: &Path) -> Vec<String> {
        let files = fs::read_dir(folder(ledger)).unwrap();
        files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_claim_is_alive_until_it_is_dropped() {
        let place = tempfile::tempdir().unwrap();
        let ledger = place.path().join("state/ledger.db");
        let owners = FileOwners::new(&ledger);
        let (one, other) = (owners.claim().unwrap(), owners.claim().unwrap());
        let name = one.name().to_owned();
        assert_ne!(name, other.name());
        assert!(FileOwners::new(&ledger).is_alive(&name));
        drop(one);
        assert!(!FileOwners::new(&ledger).is_alive(&name));
        assert!(FileOwners::new(&ledger).is_alive(other.name()));
        assert_eq!(files(&ledger), [other.name()]);
    }

    #[test]
    fn a_file_without_its_process_is_no_claim_and_the_next_claim_removes_it() {
        let place = tempfile::tempdir().unwrap();
        let ledger = place.path().join("ledger.db");
        fs::create_dir(folder(&ledger)).unwrap();
        let dead = Random::os().uuid_v4().simple().to_string();
        fs::write(folder(&ledger).join(&dead), "").unwrap();
        assert!(!FileOwners::new(&ledger).is_alive(&dead));
        let owner = FileOwners::new(&ledger).claim().unwrap();
        assert_eq!(files(&ledger), [owner.name()]);
    }

    #[test]
    fn the_lease_of_the_service_is_held_by_one_process_which_is_named() {
        let place = tempfile::tempdir().unwrap();
        let ledger = place.path().join("ledger.db");
        let service = FileOwners::new(&ledger).claim_service().unwrap();
        assert!(FileOwners::new(&ledger).is_alive(SERVICE));
        let other = FileOwners::new(&ledger).claim_service().unwrap_err();
        let ClaimError::Taken { process } = other else {
            panic!("{other}");
        };
        assert_eq!(process, Some(std::process::id().to_string()));
        drop(service);
        assert!(!FileOwners::new(&ledger).is_alive(SERVICE));
        FileOwners::new(&ledger).claim_service().unwrap();
    }

    #[test]
    fn a_link_to_the_ledger_leads_to_the_same_leases() {
        let place = tempfile::tempdir().unwrap();
        let (ledger, link) = (place.path().join("ledger.db"), place.path().join("link.db"));
        std::os::unix::fs::symlink("ledger.db", &link).unwrap();
        // The first process claims it before it creates the ledger.
        let _service = FileOwners::new(&link).claim_service().unwrap();
        assert!(FileOwners::new(&ledger).claim_service().is_err());
        fs::write(&ledger, "").unwrap();
        assert!(FileOwners::new(&ledger).claim_service().is_err());
        assert!(FileOwners::new(&link).claim_service().is_err());
        let other = FileOwners::new(&ledger).claim().unwrap();
        assert!(FileOwners::new(&link).is_alive(other.name()));
    }

    #[test]
    fn a_name_cannot_lead_out_of_the_folder() {
        let place = tempfile::tempdir().unwrap();
        let ledger = place.path().join("ledger.db");
        let locked = File::create(place.path().join("locked")).unwrap();
        locked.lock().unwrap();
        fs::create_dir(folder(&ledger)).unwrap();
        assert!(is_locked(&folder(&ledger).join("../locked")));
        for name in ["../locked", "", "nobody"] {
            assert!(!FileOwners::new(&ledger).is_alive(name), "{name}");
        }
    }
}
