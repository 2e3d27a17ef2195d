//! The memory that large request bodies share. A body waits for its part before it is read on, so that the sum over all
//! connections is bounded, however many there are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// A number of bytes that bodies take parts of.
#[derive(Debug)]
pub(super) struct Memory {
    size: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// By what is left of their bodies, then by arrival: a small body must not wait for all the large ones before it.
    waiting: BTreeMap<(usize, u64), Waiting>,
    arrivals: u64,
}

#[derive(Debug)]
struct Waiting {
    bytes: usize,
    /// Takes the part itself: one that is granted and never picked up is given back when it is dropped.
    grant: oneshot::Sender<Part>,
}

/// Bytes that somebody holds; given back when dropped.
#[derive(Debug)]
pub(super) struct Part {
    memory: Arc<Memory>,
    bytes: usize,
}

impl Memory {
    pub(super) fn new(size: usize) -> Arc<Self> {
        Arc::new(Self {
            size,
            state: Mutex::new(State {
                free: size,
                waiting: BTreeMap::new(),
                arrivals: 0,
            }),
        })
    }

    /// Takes that many bytes for a body of which `rest` bytes are to come, or says how to wait for them.
    pub(super) fn take(self: &Arc<Self>, bytes: usize, rest: usize) -> Result<Part, oneshot::Receiver<Part>> {
        self.hand_out(0);
        let mut state = self.state();
        let first = state.waiting.first_key_value();
        let my_turn = first.is_none_or(|((least, _), _)| rest < *least);
        if my_turn && state.free >= bytes {
            state.free -= bytes;
            return Ok(self.part(bytes));
        }
        let (grant, granted) = oneshot::channel();
        let arrival = state.arrivals;
        state.arrivals += 1;
        state.waiting.insert((rest, arrival), Waiting { bytes, grant });
        Err(granted)
    }

    /// How many bytes are held.
    pub(super) fn used(&self) -> usize {
        self.size - self.state().free
    }

    fn part(self: &Arc<Self>, bytes: usize) -> Part {
        Part {
            memory: Arc::clone(self),
            bytes,
        }
    }

    /// Gives those who wait what is free, and `freed` bytes more. Those who gave up waiting tell nobody, so this is asked
    /// for again now and then.
    pub(super) fn hand_out(self: &Arc<Self>, freed: usize) {
        let mut unwanted = Vec::new();
        let mut guard = self.state();
        let state = &mut *guard;
        state.free += freed;
        while let Some(first) = state.waiting.first_entry() {
            let (bytes, gone) = (first.get().bytes, first.get().grant.is_closed());
            if !gone && bytes > state.free {
                break;
            }
            let waiting = first.remove();
            if !gone {
                state.free -= bytes;
                // Whoever left in this moment hands the part back, which takes the lock: not before it is free.
                unwanted.extend(waiting.grant.send(self.part(bytes)).err());
            }
        }
        drop(guard);
        drop(unwanted);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// Adds another part of the same memory.
    pub(super) fn join(&mut self, mut other: Self) {
        self.bytes += std::mem::take(&mut other.bytes);
    }
}

impl Drop for Part {
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
    fn what_is_dropped_is_given_to_the_smallest_that_waits() {
        let memory = Memory::new(100);
        let all = memory.take(100, 0).unwrap();
        let mut large = memory.take(60, 900).unwrap_err();
        let mut small = memory.take(50, 10).unwrap_err();
        drop(all);
        let small = small.try_recv().unwrap();
        assert!(large.try_recv().is_err() && memory.used() == 50);
        drop(small);
        drop(large.try_recv().unwrap());
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn who_gave_up_waiting_takes_nothing() {
        let memory = Memory::new(100);
        let mut all = memory.take(60, 0).unwrap();
        all.join(memory.take(40, 0).unwrap());
        assert_eq!(memory.used(), 100);
        drop(memory.take(100, 0).unwrap_err());
        let granted = memory.take(100, 1).unwrap_err();
        drop(all);
        // Granted, but never picked up.
        drop(granted);
        assert_eq!(memory.used(), 0);
        assert!(memory.take(100, 0).is_ok());
    }

    #[test]
    fn a_larger_body_does_not_overtake_a_smaller_one_that_waits() {
        let memory = Memory::new(100);
        let held = memory.take(50, 0).unwrap();
        let mut small = memory.take(80, 10).unwrap_err();
        assert!(memory.take(10, 500).is_err());
        drop(held);
        assert!(small.try_recv().is_ok());
    }
}
