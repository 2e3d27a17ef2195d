//! The memory that large request bodies share. A body waits for its part before it is read on, so that the sum over all
//! connections is bounded, however many there are.
//!
//! A body gets more only while all of its rest would fit into what is free. So the one that got some last can always be
//! completed, then the one before it, and so on: bodies never wait for each other for good.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// A number of bytes that bodies take parts of.
#[derive(Debug)]
pub(super) struct Memory {
    state: Mutex<MemoryState>,
}

#[derive(Debug)]
struct MemoryState {
    free: usize,
    /// The latest first: it must not wait for all those that were sent before it and get no further.
    waiting: BTreeMap<Reverse<u64>, MemoryWaiter>,
    arrivals: u64,
}

#[derive(Debug)]
struct MemoryWaiter {
    bytes: usize,
    /// What has to be free.
    rest: usize,
    /// That much is on its way back, so that nobody older may take of it.
    claimed: bool,
    /// Takes the part itself: one that is granted and never picked up is given back when it is dropped.
    grant: Option<oneshot::Sender<MemoryPart>>,
}

/// Bytes that somebody holds; given back when dropped.
#[derive(Debug)]
pub(super) struct MemoryPart {
    memory: Arc<Memory>,
    pub(super) bytes: usize,
}

impl Memory {
    pub(super) fn new(size: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(MemoryState {
                free: size,
                waiting: BTreeMap::new(),
                arrivals: 0,
            }),
        })
    }

    /// A number for a body that begins, by which those that wait are ordered.
    pub(super) fn arrival(&self) -> u64 {
        let mut state = self.state();
        state.arrivals += 1;
        state.arrivals
    }

    /// Takes that many bytes for a body that may take `rest` bytes in all from now on, these included; nothing when
    /// it has to wait for them.
    pub(super) fn take(self: &Arc<Self>, bytes: usize, rest: usize) -> Option<MemoryPart> {
        let mut state = self.state();
        let claimed = state.waiting.first_key_value().is_some_and(|(_, first)| first.claimed);
        if claimed || state.free < rest.max(bytes) {
            return None;
        }
        state.free -= bytes;
        Some(self.part(bytes))
    }

    /// Waits for that many bytes, which are given as soon as `rest` are free.
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

    /// Says whether enough is on its way back for one that waits.
    pub(super) fn claim(&self, arrival: u64, claimed: bool) {
        if let Some(waiting) = self.state().waiting.get_mut(&Reverse(arrival)) {
            waiting.claimed = claimed;
        }
    }

    /// How many bytes are not held.
    pub(super) fn free(&self) -> usize {
        self.state().free
    }

    pub(super) fn part(self: &Arc<Self>, bytes: usize) -> MemoryPart {
        MemoryPart {
            memory: Arc::clone(self),
            bytes,
        }
    }

    /// Gives those who wait what is free, and `freed` bytes more. Those who gave up waiting tell nobody, so this is asked
    /// for again now and then.
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
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
