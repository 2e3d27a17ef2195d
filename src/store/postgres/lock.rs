//! Locks with names. Each is an advisory lock of a connection of its own, so that the server releases it however the process ends.

use std::time::Duration;

use super::connection::Session;
use super::fault::Fault;
use super::place::Place;
use super::values::get;
use crate::digest::sha256;
use crate::store::Access;

/// How long the server may take to release a lock. Closing the connection releases it too, a little later.
const RELEASE: Duration = Duration::from_secs(1);

/// What a lock is for. Names of different kinds never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LockKind {
    /// Keeps changes of documents apart.
    Kept,
    /// Shows that a process is running.
    Lease,
}

/// The number of a lock among the advisory locks of the database. Those of the tables have two numbers, and are others.
pub(super) fn key(kind: LockKind, name: &str) -> i64 {
    let kind: &[u8] = match kind {
        LockKind::Kept => b"hook kept ",
        LockKind::Lease => b"hook lease ",
    };
    let digest = sha256(&[kind, name.as_bytes()]);
    let (first, _) = digest.split_first_chunk().unwrap_or((&[0; 8], &[]));
    i64::from_be_bytes(*first)
}

/// A lock, held until it is dropped or its connection is lost.
pub(super) struct SessionLock {
    session: Session,
}

impl SessionLock {
    /// Waits for the lock, as long as `limit` at most: afterwards [`Fault::is_locked`].
    pub(super) fn wait(place: &Place, key: i64, limit: Duration) -> Result<Self, Fault> {
        let session = Session::open(place, Access::ReadWrite)?;
        // While it waits its snapshot keeps old rows from being vacuumed, which is why there is a limit.
        let limits = format!(
            "SET statement_timeout = 0; SET lock_timeout = '{}ms'",
            limit.as_millis()
        );
        session.batch(&limits)?;
        session.run("SELECT pg_advisory_lock($1)", &[&key])?;
        Ok(Self { session })
    }

    /// Takes the lock unless another connection has it.
    pub(super) fn try_take(place: &Place, key: i64) -> Result<Option<Self>, Fault> {
        let session = Session::open(place, Access::ReadWrite)?;
        let taken = session.row("SELECT pg_try_advisory_lock($1)", &[&key], |row| get(row, 0))?;
        Ok(taken.unwrap_or(false).then_some(Self { session }))
    }

    /// Asks the server whether the connection, and with it the lock, is still there.
    pub(super) fn is_held(&self) -> bool {
        self.session.batch("SELECT 1").is_ok()
    }
}

impl Drop for SessionLock {
    fn drop(&mut self) {
        if !self.session.is_closed() {
            // The server notices a closed connection some time later, and others wait.
            let _ = self.session.batch_within(RELEASE, "SELECT pg_advisory_unlock_all()");
        }
    }
}
