//! The memory that large request bodies share. A body waits for memory before more of it is read, so that the sum over all
//! connections is bounded.
//!
//! A body gets more only if all of its rest fits into the free memory. So the body that got some last can always be
//! completed, then the one before it, and so on: bodies never deadlock.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// A budget of bytes.
#[derive(Debug)]
pub(super) struct Memory(Mutex<MemoryState>);

#[derive(Debug)]
struct MemoryState {
    free: usize,
    /// By arrival, the latest first: it must not wait for all that arrived before it.
    waiting: BTreeMap<Reverse<u64>, MemoryWaiter>,
    arrivals: u64,
}

#[derive(Debug)]
struct MemoryWaiter {
    bytes: usize,
    /// Bytes that must be free.
    rest: usize,
    /// Connections that hold enough memory are being closed for it, so that no older body may take that.
    claimed: bool,
    /// Carries the part itself: a part that is granted and never received is returned when it is dropped.
    grant: Option<oneshot::Sender<MemoryPart>>,
}

/// Bytes of the budget; returned when dropped.
#[derive(Debug)]
pub(super) struct MemoryPart {
    memory: Arc<Memory>,
    pub(super) bytes: usize,
}

impl Memory {
    pub(super) fn new(size: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(MemoryState {
            free: size,
            waiting: BTreeMap::new(),
            arrivals: 0,
        })))
    }

    /// The next arrival number, by which waiting bodies are ordered.
    pub(super) fn arrival(&self) -> u64 {
        let mut state = self.state();
        state.arrivals += 1;
        state.arrivals
    }

    /// Takes bytes for a body that may need `rest` bytes from now on, these included; `None` if it has to wait.
    pub(super) fn take(self: &Arc<Self>, bytes: usize, rest: usize) -> Option<MemoryPart> {
        let mut state = self.state();
        let claimed = state.waiting.first_key_value().is_some_and(|(_, first)| first.claimed);
        if claimed || state.free < rest.max(bytes) {
            return None;
        }
        state.free -= bytes;
        Some(self.part(bytes))
    }

    /// Waits for bytes, which are granted as soon as `rest` bytes are free.
    pub(super) fn wait(self: &Arc<Self>, bytes: usize, rest: usize, arrival: u64) -> oneshot::Receiver<MemoryPart> {
        let (grant, granted) = oneshot::channel();
        let waiting = MemoryWaiter {
            bytes,
            rest: rest.max(bytes),
            claimed: false,
            grant: Some(grant),
        };
        self.state().waiting.insert(Reverse(arrival), waiting);
        self.hand_out(0);
        granted
    }

    /// Notes whether enough memory is being freed for a waiting body.
    pub(super) fn claim(&self, arrival: u64, claimed: bool) {
        if let Some(waiting) = self.state().waiting.get_mut(&Reverse(arrival)) {
            waiting.claimed = claimed;
        }
    }

    /// Free bytes.
    pub(super) fn free(&self) -> usize {
        self.state().free
    }

    pub(super) fn part(self: &Arc<Self>, bytes: usize) -> MemoryPart {
        MemoryPart {
            memory: Arc::clone(self),
            bytes,
        }
    }

    /// Returns `freed` bytes, and grants free memory to waiting bodies. Bodies that gave up waiting are noticed only here, so
    /// waiting bodies also call it from time to time.
    pub(super) fn hand_out(self: &Arc<Self>, freed: usize) {
        // Dropping a part takes the lock. Declared before the guard, these parts are dropped after it.
        let mut unwanted = Vec::new();
        let mut guard = self.state();
        let state = &mut *guard;
        state.free += freed;
        let mut claimed = false;
        state.waiting.retain(|_, waiting| {
            if claimed {
                return true;
            }
            let Some(grant) = waiting
                .grant
                .take_if(|grant| grant.is_closed() || waiting.rest <= state.free)
            else {
                claimed = waiting.claimed;
                return true;
            };
            if !grant.is_closed() {
                state.free -= waiting.bytes;
                unwanted.extend(grant.send(self.part(waiting.bytes)).err());
            }
            false
        });
    }

    fn state(&self) -> MutexGuard<'_, MemoryState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryPart {
    /// Adds another part of the same memory.
    pub(super) fn join(&mut self, mut other: Self) {
        self.bytes += std::mem::take(&mut other.bytes);
    }
}

impl Drop for MemoryPart {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.memory.hand_out(self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_given_to_the_latest_that_it_is_enough_for() {
        let memory = Memory::new(100);
        let (first, second, third) = (memory.arrival(), memory.arrival(), memory.arrival());
        let (some, most) = (memory.take(40, 0).unwrap(), memory.take(60, 0).unwrap());
        let mut old = memory.wait(30, 30, first);
        let mut new = memory.wait(30, 35, second);
        let mut large = memory.wait(10, 90, third);
        drop(some);
        let new = new.try_recv().unwrap();
        assert!(old.try_recv().is_err() && large.try_recv().is_err() && memory.free() == 10);
        drop(most);
        drop((new, old.try_recv().unwrap()));
        drop(large.try_recv().unwrap());
        assert_eq!(memory.free(), 100);
    }

    #[test]
    fn what_is_on_its_way_back_for_the_latest_is_not_taken_by_others() {
        let memory = Memory::new(100);
        let (some, more) = (memory.take(40, 0).unwrap(), memory.take(60, 0).unwrap());
        let mut old = memory.wait(30, 30, 1);
        let mut new = memory.wait(10, 90, 2);
        memory.claim(2, true);
        drop(some);
        assert!(old.try_recv().is_err() && memory.take(10, 10).is_none());
        drop(more);
        assert!(new.try_recv().is_ok() && old.try_recv().is_ok());
    }

    #[test]
    fn who_gave_up_waiting_takes_nothing() {
        let memory = Memory::new(100);
        let mut all = memory.take(60, 0).unwrap();
        all.join(memory.take(40, 0).unwrap());
        assert_eq!(memory.free(), 0);
        drop(memory.wait(100, 0, 1));
        let granted = memory.wait(100, 0, 2);
        drop(all);
        // Granted, but never picked up.
        drop(granted);
        assert_eq!(memory.free(), 100);
        assert!(memory.take(100, 0).is_some());
    }

    #[test]
    fn more_is_given_only_while_the_rest_would_fit_too() {
        let memory = Memory::new(100);
        let first = memory.take(30, 80).unwrap();
        assert!(memory.take(30, 80).is_none(), "the first one could not be completed");
        let rest = memory.take(50, 50).unwrap();
        drop((first, rest));
        assert!(memory.take(30, 80).is_some());
    }
}
