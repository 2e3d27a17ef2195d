//! Leases of processes: each is a lock under the name of the lease, which a thread takes again when its connection was lost.
//!
//! What services take from the queue has leases of its own (`lease.rs`): any number of services share a database.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use uuid::Uuid;

use super::connection::Session;
use super::fault::Fault;
use super::lock::{self, LockKind, SessionLock};
use super::place::Place;
use super::process_database::{Answer, ProcessDatabase};
use super::values::get;
use crate::random::Random;
use crate::store::owners::{ClaimError, Lease, Owners};
use crate::store::queue::SERVICE;

/// How often it is looked whether a lease is still held.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How long a lease is waited for. Its name is new, so that no other process has it.
const CLAIM_WAIT: Duration = Duration::from_secs(10);

/// Leases whose answers are remembered.
const MOST_ANSWERS: usize = 4096;

impl Owners for ProcessDatabase {
    fn claim(&self) -> Result<Lease, ClaimError> {
        let name = Random::os().uuid_v4().simple().to_string();
        let place = &self.database.place;
        let held = HeldLease::take(place, &name).map_err(|fault| ClaimError::Store(place.error(&fault)))?;
        let (stop, stopped) = channel();
        let kept = Arc::clone(&held);
        let keep = move || kept.keep(&stopped);
        thread::Builder::new().name("lease".to_owned()).spawn(keep)?;
        Ok(Lease::new(name, Keeper { held, _stop: stop }))
    }

    /// Always given: services take turns by their leases on the rows of the queue.
    fn claim_service(&self) -> Result<Lease, ClaimError> {
        Ok(Lease::new(SERVICE, ()))
    }

    fn is_alive(&self, name: &str) -> bool {
        if name != SERVICE && Uuid::try_parse(name).is_err() {
            return false;
        }
        if let Some(is_alive) = self.answers().get(name).and_then(Answer::value) {
            return is_alive;
        }
        let found = self.database.read(|session| match name {
            SERVICE => Ok(self.has_tables(session)? && has_service(session)?),
            _ => is_locked(session, lock::key(LockKind::Lease, name)),
        });
        // What a living process has must not be taken from it only because the server is away.
        let is_alive = found.unwrap_or(true);
        let mut answers = self.answers();
        if answers.len() >= MOST_ANSWERS {
            answers.clear();
        }
        answers.insert(name.to_owned(), Answer::new(is_alive));
        is_alive
    }
}

impl ProcessDatabase {
    fn answers(&self) -> MutexGuard<'_, std::collections::HashMap<String, Answer<bool>>> {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn has_service(session: &Session) -> Result<bool, Fault> {
    let sql = "SELECT EXISTS (SELECT 1 FROM worker WHERE expires_at > clock_timestamp())";
    Ok(session.row(sql, &[], |row| get(row, 0))?.unwrap_or_default())
}

fn is_locked(session: &Session, key: i64) -> Result<bool, Fault> {
    // A lock with one number is listed with its upper and its lower half, and 1 behind them.
    let sql = "
        SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND (classid::bigint << 32 | objid::bigint) = $1)";
    Ok(session.row(sql, &[&key], |row| get(row, 0))?.unwrap_or_default())
}

/// A lease that is held, apart from moments in which its connection is lost.
pub(super) struct HeldLease {
    place: Place,
    key: i64,
    state: Mutex<LeaseState>,
}

struct LeaseState {
    lock: Option<SessionLock>,
    has_ended: bool,
}

impl HeldLease {
    pub(super) fn take(place: &Place, name: &str) -> Result<Arc<Self>, Fault> {
        let key = lock::key(LockKind::Lease, name);
        let lock = SessionLock::wait(place, key, CLAIM_WAIT)?;
        Ok(Arc::new(Self {
            place: place.clone(),
            key,
            state: Mutex::new(LeaseState {
                lock: Some(lock),
                has_ended: false,
            }),
        }))
    }

    fn state(&self) -> MutexGuard<'_, LeaseState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, stopped: &Receiver<()>) {
        while stopped.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            self.look();
        }
    }

    /// Takes the lock again when it was lost.
    pub(super) fn look(&self) {
        // The end of the lease must not wait for a server that does not answer.
        let lock = self.state().lock.take().filter(SessionLock::is_held);
        let lock = match lock {
            Some(lock) => Some(lock),
            None => SessionLock::try_take(&self.place, self.key).ok().flatten(),
        };
        let mut state = self.state();
        if !state.has_ended {
            state.lock = lock;
        }
    }

    pub(super) fn end(&self) {
        let mut state = self.state();
        state.has_ended = true;
        drop(state.lock.take());
    }
}

/// Ends the lease and its thread when it is dropped.
struct Keeper {
    held: Arc<HeldLease>,
    _stop: Sender<()>,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.held.end();
    }
}
