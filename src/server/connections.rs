//! The open connections: what each of them has moved of late, and which one makes room when there are too many of them or
//! when their bodies take too much memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// The time over which progress is measured, at least; twice as long at most.
const WINDOW: Duration = Duration::from_secs(1);

/// A connection that moves less than this in [`WINDOW`] is slow: the largest body would take minutes.
const SLOW: u64 = 128 * 1024;

/// All connections of a server.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<Members>);

#[derive(Debug, Default)]
struct Members {
    open: HashMap<u64, Arc<Progress>>,
    entered: u64,
}

/// What one connection does.
#[derive(Debug)]
pub(super) struct Progress {
    state: Mutex<ConnectionState>,
    /// Fires when the connection has to make room for others.
    pub(super) closed: CancellationToken,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing has come of its next request.
    Idle,
    /// A request, or a TLS handshake, is on its way. So is what just connected.
    Receiving,
    /// A whole request is being handled, which nobody may cut short: it may be on record by now.
    Handling,
    /// What it still sends is thrown away.
    Leaving,
}

#[derive(Debug, Clone, Copy)]
struct ConnectionState {
    phase: Phase,
    /// When the phase began.
    since: Instant,
    /// When something moved last, or could move again.
    moved: Instant,
    window: Instant,
    current: u64,
    previous: u64,
    /// Bytes of an answer that the client has not taken yet.
    unsent: usize,
    /// Bytes of the shared memory that its request holds.
    held: usize,
    /// It waits for memory, so that its lack of progress is not its own.
    starved: bool,
    /// Bytes of the request so far.
    received: usize,
}

/// A connection's membership, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Member {
    connections: Arc<Connections>,
    id: u64,
    pub(super) progress: Arc<Progress>,
}

impl Connections {
    pub(super) fn enter(self: &Arc<Self>) -> Member {
        let progress = Arc::new(Progress::new(Instant::now()));
        let mut members = self.members();
        let id = members.entered;
        members.entered += 1;
        members.open.insert(id, Arc::clone(&progress));
        drop(members);
        Member {
            connections: Arc::clone(self),
            id,
            progress,
        }
    }

    /// Closes the connection with the least progress, so that another one gets its place. Without `any`, one that has
    /// answered a request within `grace` is spared. Whether there was one.
    pub(super) fn free_place(&self, grace: Duration, any: bool) -> bool {
        let now = Instant::now();
        let members = self.members();
        let open = members.open.values().filter(|progress| !progress.closed.is_cancelled());
        let ranked = open.filter_map(|progress| Some((progress.state().rank(now, grace, any)?, progress)));
        let Some((_, least)) = ranked.min_by_key(|(rank, _)| *rank) else {
            return false;
        };
        least.closed.cancel();
        true
    }

    /// Closes connections that hold memory and make little progress, the least first, until `bytes` are on their way
    /// back. Whether they are.
    pub(super) fn free_memory(&self, bytes: usize, grace: Duration) -> bool {
        let now = Instant::now();
        let members = self.members();
        let holders = members.open.values().map(|progress| (progress.state(), progress));
        let holders: Vec<_> = holders
            .map(|(state, progress)| (*state, progress))
            .filter(|(state, _)| state.held > 0)
            .collect();
        let on_its_way = holders.iter().filter(|(_, progress)| progress.closed.is_cancelled());
        let mut freed: usize = on_its_way.map(|(state, _)| state.held).sum();
        let stalled = |state: &ConnectionState| {
            state.phase == Phase::Receiving && !state.starved && state.has_stalled(now, grace)
        };
        let mut least: Vec<_> = holders
            .iter()
            .filter(|(state, progress)| stalled(state) && !progress.closed.is_cancelled())
            .collect();
        least.sort_by_key(|(state, _)| (state.recent(now), state.since));
        for (state, progress) in least {
            if freed >= bytes {
                break;
            }
            freed += state.held;
            progress.closed.cancel();
        }
        freed >= bytes
    }

    /// Closes, after a server was told to stop, what keeps it from ending and was promised nothing: requests that are not
    /// complete, and answers of which the client has taken nothing for `patience`. Returns how many.
    pub(super) fn dismiss(&self, patience: Duration) -> usize {
        let now = Instant::now();
        let members = self.members();
        let open = members.open.values().filter(|progress| !progress.closed.is_cancelled());
        let dismissed = open.filter_map(|progress| {
            let state = *progress.state();
            let taken = now.duration_since(state.since) < patience || state.recent(now) > 0;
            let promised = state.phase == Phase::Handling || (state.unsent > 0 && taken);
            (!promised).then(|| progress.closed.cancel()).map(|()| state)
        });
        dismissed
            .filter(|state| state.phase == Phase::Receiving || state.unsent > 0)
            .count()
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.connections.members().open.remove(&self.id);
    }
}

impl Progress {
    fn new(now: Instant) -> Self {
        Self {
            closed: CancellationToken::new(),
            state: Mutex::new(ConnectionState {
                phase: Phase::Receiving,
                since: now,
                moved: now,
                window: now,
                current: 0,
                previous: 0,
                unsent: 0,
                held: 0,
                starved: false,
                received: 0,
            }),
        }
    }

    /// Bytes came in.
    pub(super) fn read(&self, bytes: usize) {
        let now = Instant::now();
        let mut state = self.state();
        state.moved(bytes, now);
        if state.phase == Phase::Idle {
            state.enter(Phase::Receiving, now);
        }
    }

    /// Bytes went out.
    pub(super) fn wrote(&self, bytes: usize) {
        let mut state = self.state();
        state.moved(bytes, Instant::now());
        state.unsent = state.unsent.saturating_sub(bytes);
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.state().enter(phase, Instant::now());
    }

    /// The head of a request is read.
    pub(super) fn begin_body(&self) {
        let mut state = self.state();
        if state.phase != Phase::Receiving {
            state.enter(Phase::Receiving, Instant::now());
        }
        (state.held, state.received) = (0, 0);
    }

    /// So much of a body was received, and holds so much of the shared memory.
    pub(super) fn body(&self, received: usize, held: usize) {
        let mut state = self.state();
        if std::mem::take(&mut state.starved) {
            // What it did not send while it waited is not held against it.
            let now = Instant::now();
            (state.moved, state.since) = (now, now);
        }
        (state.received, state.held) = (received, held);
    }

    /// The request waits for memory.
    pub(super) fn starve(&self) {
        self.state().starved = true;
    }

    /// An answer of that many bytes is given.
    pub(super) fn answered(&self, bytes: usize) {
        let mut state = self.state();
        state.enter(Phase::Idle, Instant::now());
        state.unsent += bytes;
        state.held = 0;
    }

    /// Whether a part of a request has come and nothing of its answer went out, so that one can still be given; and how
    /// much of its body had come.
    pub(super) fn unanswered(&self) -> Option<usize> {
        let state = self.state();
        let begun = state.phase == Phase::Receiving && state.current + state.previous > 0;
        (begun && state.unsent == 0).then_some(state.received)
    }

    fn state(&self) -> MutexGuard<'_, ConnectionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionState {
    fn enter(&mut self, phase: Phase, now: Instant) {
        (self.phase, self.since) = (phase, now);
    }

    fn moved(&mut self, bytes: usize, now: Instant) {
        self.moved = now;
        let age = now.duration_since(self.window);
        if age >= WINDOW {
            self.previous = if age < 2 * WINDOW { self.current } else { 0 };
            (self.window, self.current) = (now, 0);
        }
        self.current += bytes as u64;
    }

    /// Bytes that moved in the last window or two.
    fn recent(&self, now: Instant) -> u64 {
        match now.duration_since(self.window) {
            age if age < WINDOW => self.current + self.previous,
            age if age < 2 * WINDOW => self.current,
            _ => 0,
        }
    }

    fn is_slow(&self, now: Instant, grace: Duration) -> bool {
        now.duration_since(self.since) >= grace && self.recent(now) < SLOW
    }

    /// Slow for what it holds, or nothing has moved at all, however much did before.
    fn has_stalled(&self, now: Instant, grace: Duration) -> bool {
        let slow = now.duration_since(self.since) >= grace.max(WINDOW) && self.recent(now) < self.held as u64 / 64;
        slow || self.is_slow(now, grace) || now.duration_since(self.moved) >= grace.max(WINDOW)
    }

    /// The lower, the sooner it makes room; `None`: never.
    fn rank(&self, now: Instant, grace: Duration, any: bool) -> Option<(u8, u64, Instant)> {
        let idle = self.phase == Phase::Idle && self.unsent == 0;
        let old = now.duration_since(self.since) >= grace;
        match self.phase {
            Phase::Handling => None,
            Phase::Leaving => Some((0, 0, self.since)),
            _ if idle && old => Some((1, 0, self.since)),
            _ if self.is_slow(now, grace) => Some((2, self.recent(now), self.since)),
            // Those that came last are the most likely to send a whole request.
            Phase::Receiving if !old => Some((3, 0, self.since)),
            _ => any.then_some((4, self.recent(now), self.since)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(1);

    fn state(phase: Phase, age: u64, moved: u64) -> ConnectionState {
        let now = Instant::now();
        let mut state = *Progress::new(now).state();
        state.enter(phase, now.checked_sub(Duration::from_millis(age)).unwrap());
        state.current = moved;
        state
    }

    fn rank(state: ConnectionState, any: bool) -> Option<(u8, u64, Instant)> {
        state.rank(Instant::now(), GRACE, any)
    }

    #[test]
    fn idle_ones_make_room_first_then_the_slowest_then_the_oldest_newcomer() {
        let in_order = [
            state(Phase::Leaving, 0, 0),
            state(Phase::Idle, 5000, 0),
            state(Phase::Idle, 4000, 0),
            state(Phase::Receiving, 3000, 0),
            state(Phase::Receiving, 9000, 10),
            state(Phase::Receiving, 500, 0),
            state(Phase::Receiving, 100, 50),
        ];
        let ranks: Vec<_> = in_order.iter().map(|state| rank(*state, false).unwrap()).collect();
        assert!(ranks.is_sorted(), "{ranks:?}");
    }

    #[test]
    fn a_request_in_hand_and_a_fast_one_are_spared() {
        assert_eq!(rank(state(Phase::Handling, 60_000, 0), true), None);
        for spared in [state(Phase::Receiving, 9000, SLOW), state(Phase::Idle, 10, 300)] {
            assert_eq!(rank(spared, false), None);
            assert!(rank(spared, true).is_some(), "but not when there is nobody else");
        }
    }

    #[test]
    fn an_answer_that_is_not_taken_is_no_progress() {
        let mut slow = state(Phase::Idle, 2000, 0);
        slow.unsent = 10;
        assert_eq!(rank(slow, false).map(|rank| rank.0), Some(2));
        slow.current = SLOW;
        assert_eq!(rank(slow, false), None);
    }

    #[test]
    fn progress_is_that_of_the_last_seconds() {
        let begun = Instant::now();
        let mut state = *Progress::new(begun).state();
        let at = |millis| begun + Duration::from_millis(millis);
        state.moved(100, at(0));
        state.moved(10, at(900));
        assert_eq!(state.recent(at(950)), 110);
        state.moved(1, at(1500));
        assert_eq!(state.recent(at(2400)), 111);
        assert_eq!(state.recent(at(2600)), 1);
        assert_eq!(state.recent(at(4000)), 0);
    }

    #[test]
    fn a_body_that_stopped_has_stalled_however_much_had_come() {
        let mut state = state(Phase::Receiving, 5000, SLOW);
        let now = Instant::now();
        state.moved = now.checked_sub(GRACE).unwrap();
        assert!(state.has_stalled(now, GRACE));
        state.moved = now;
        assert!(!state.has_stalled(now, GRACE));
    }

    fn holding(connections: &Arc<Connections>, held: usize, moved: usize) -> Member {
        let member = connections.enter();
        member.progress.body(held, held);
        member.progress.read(moved);
        member
    }

    fn closed(members: &[&Member]) -> Vec<bool> {
        members
            .iter()
            .map(|member| member.progress.closed.is_cancelled())
            .collect()
    }

    #[test]
    fn memory_is_taken_from_the_least_progress_and_no_more_than_needed() {
        let connections = Arc::new(Connections::default());
        let (fast, slow, slower) = (
            holding(&connections, 50, 200_000),
            holding(&connections, 50, 9),
            holding(&connections, 50, 1),
        );
        connections.free_memory(40, Duration::ZERO);
        assert_eq!(closed(&[&fast, &slow, &slower]), [false, false, true]);
        connections.free_memory(40, Duration::ZERO);
        assert_eq!(closed(&[&fast, &slow]), [false, false], "that one is still on its way");
        connections.free_memory(90, Duration::ZERO);
        assert_eq!(closed(&[&fast, &slow]), [false, true]);
    }
}
