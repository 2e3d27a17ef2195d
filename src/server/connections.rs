//! The open connections: how much each of them transferred recently, and which of them is closed when there are too many
//! or when their bodies take too much memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// Progress is measured over the last one to two windows.
const WINDOW: Duration = Duration::from_secs(1);

/// Bytes: a connection that transfers less in [`WINDOW`] is slow. The largest body would take minutes.
const SLOW: u64 = 128 * 1024;

/// The open connections of a server. A connection is dropped from the list some time after its task has ended.
#[derive(Debug, Default)]
pub(super) struct Connections(Mutex<Vec<Weak<ConnectionProgress>>>);

/// The progress of one connection.
#[derive(Debug)]
pub(super) struct ConnectionProgress {
    state: Mutex<ConnectionState>,
    /// Cancelled when the connection has to make room for others.
    pub(super) closed: CancellationToken,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waiting for the first byte of the next request.
    Idle,
    /// Receiving a request or a TLS handshake; also right after connecting.
    Receiving,
    /// A whole request is being handled. It must not be cut off: it may already be in the ledger.
    Handling,
    /// The request was rejected; what the client still sends is discarded.
    Leaving,
}

#[derive(Debug, Clone, Copy)]
struct ConnectionState {
    phase: Phase,
    /// When the phase began.
    since: Instant,
    /// When bytes were last transferred, or could be again after a wait for memory.
    moved: Instant,
    /// When the current window began.
    window: Instant,
    /// Bytes transferred in the current window, and in the one before.
    current: u64,
    previous: u64,
    /// Bytes of an answer that are not written yet.
    unsent: usize,
    /// Bytes of the shared memory that its request holds.
    held: usize,
    /// The request waits for memory: its lack of progress is the server's doing.
    starved: bool,
    /// Bytes of the request's body received so far.
    received: usize,
}

impl Connections {
    /// Adds a connection. It counts as open until the last clone of its progress is dropped.
    pub(super) fn enter(&self) -> Arc<ConnectionProgress> {
        let progress = Arc::new(ConnectionProgress::new(Instant::now()));
        let mut all = self.lock();
        // Only before the list would grow: looking at each entry for every new connection would be quadratic.
        if all.len() == all.capacity() {
            all.retain(|entry| entry.strong_count() > 0);
        }
        all.push(Arc::downgrade(&progress));
        progress
    }

    /// Closes the connection with the least progress, so that another one gets its place. Without `any`, connections that
    /// answered a request within `grace` are kept. Returns whether a connection was closed.
    pub(super) fn free_place(&self, grace: Duration, any: bool) -> bool {
        let now = Instant::now();
        let all = self.lock();
        let ranked = open(&all).filter_map(|(state, progress)| Some((state.rank(now, grace, any)?, progress)));
        let least = ranked.min_by_key(|(rank, _)| *rank);
        least.inspect(|(_, progress)| progress.closed.cancel()).is_some()
    }

    /// Closes connections that hold memory and make little progress, the least first, until `bytes` are being released.
    /// Returns whether they are.
    pub(super) fn free_memory(&self, bytes: usize, grace: Duration) -> bool {
        let now = Instant::now();
        let all = self.lock();
        // A connection that was closed releases its memory soon; closing more for the same bytes would be too many.
        let alive = all.iter().filter_map(Weak::upgrade);
        let closed = alive.filter(|progress| progress.closed.is_cancelled());
        let mut freed: usize = closed.map(|progress| progress.state().held).sum();
        let stalled = |state: &ConnectionState| {
            state.held > 0 && state.phase == Phase::Receiving && !state.starved && state.has_stalled(now, grace)
        };
        let mut least: Vec<_> = open(&all).filter(|(state, _)| stalled(state)).collect();
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

    /// Closes, while the server stops, connections that keep it from ending: incomplete requests, and answers of which the
    /// client has taken nothing for `patience`. Returns the number of requests and answers cut off.
    pub(super) fn dismiss(&self, patience: Duration) -> usize {
        let now = Instant::now();
        let all = self.lock();
        let dismissed = open(&all).filter(|(state, _)| {
            let is_taken = now.duration_since(state.since) < patience || state.recent(now) > 0;
            state.phase != Phase::Handling && (state.unsent == 0 || !is_taken)
        });
        dismissed
            .inspect(|(_, progress)| progress.closed.cancel())
            .filter(|(state, _)| state.phase == Phase::Receiving || state.unsent > 0)
            .count()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<ConnectionProgress>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connections that have not been told to close, each with a copy of its state.
fn open(all: &[Weak<ConnectionProgress>]) -> impl Iterator<Item = (ConnectionState, Arc<ConnectionProgress>)> {
    let open = all.iter().filter_map(Weak::upgrade);
    let open = open.filter(|progress| !progress.closed.is_cancelled());
    open.map(|progress| {
        let state = *progress.state();
        (state, progress)
    })
}

impl ConnectionProgress {
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

    /// Notes bytes read from the client.
    pub(super) fn read(&self, bytes: usize) {
        // The end of the stream is reported as a read of nothing.
        if bytes == 0 {
            return;
        }
        let now = Instant::now();
        let mut state = self.state();
        state.moved(bytes, now);
        if state.phase == Phase::Idle {
            state.enter(Phase::Receiving, now);
        }
    }

    /// Notes bytes written to the client.
    pub(super) fn wrote(&self, bytes: usize) {
        let mut state = self.state();
        state.moved(bytes, Instant::now());
        state.unsent = state.unsent.saturating_sub(bytes);
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.state().enter(phase, Instant::now());
    }

    /// Notes that the head of a request was read.
    pub(super) fn begin_body(&self) {
        let mut state = self.state();
        if state.phase != Phase::Receiving {
            state.enter(Phase::Receiving, Instant::now());
        }
        (state.held, state.received) = (0, 0);
    }

    /// Notes the size of the body received so far, and of the shared memory it holds, in bytes.
    pub(super) fn body(&self, received: usize, held: usize) {
        let mut state = self.state();
        if std::mem::take(&mut state.starved) {
            // The client could not send while its request waited for memory.
            let now = Instant::now();
            (state.moved, state.since) = (now, now);
        }
        (state.received, state.held) = (received, held);
    }

    /// Notes that the request waits for memory.
    pub(super) fn starve(&self) {
        self.state().starved = true;
    }

    /// Notes that an answer with a body of that many bytes is ready to be written.
    pub(super) fn answered(&self, bytes: usize) {
        let mut state = self.state();
        state.enter(Phase::Idle, Instant::now());
        state.unsent += bytes;
        state.held = 0;
    }

    /// The bytes of the body received so far, if a part of a request was received and nothing of an answer was sent, so
    /// that an answer is still possible.
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

    /// Bytes transferred in the current window and the one before.
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

    /// Slow for the memory it holds, or nothing was transferred lately, however much was before.
    fn has_stalled(&self, now: Instant, grace: Duration) -> bool {
        // A connection must transfer as much as it holds within one to two minutes.
        let slow = now.duration_since(self.since) >= grace.max(WINDOW) && self.recent(now) < self.held as u64 / 64;
        slow || self.is_slow(now, grace) || now.duration_since(self.moved) >= grace.max(WINDOW)
    }

    /// Connections with the lowest rank are closed first; `None`: never closed.
    fn rank(&self, now: Instant, grace: Duration, any: bool) -> Option<(u8, u64, Instant)> {
        let idle = self.phase == Phase::Idle && self.unsent == 0;
        let old = now.duration_since(self.since) >= grace;
        match self.phase {
            Phase::Handling => None,
            Phase::Leaving => Some((0, 0, self.since)),
            _ if idle && old => Some((1, 0, self.since)),
            _ if self.is_slow(now, grace) => Some((2, self.recent(now), self.since)),
            // The oldest newcomer: those that connected last are the most likely to send a whole request.
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
        let mut state = *ConnectionProgress::new(now).state();
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
        let mut state = *ConnectionProgress::new(begun).state();
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

    fn holding(connections: &Connections, held: usize, moved: usize) -> Arc<ConnectionProgress> {
        let progress = connections.enter();
        progress.body(held, held);
        progress.read(moved);
        progress
    }

    fn closed(all: &[&Arc<ConnectionProgress>]) -> Vec<bool> {
        all.iter().map(|progress| progress.closed.is_cancelled()).collect()
    }

    #[test]
    fn memory_is_taken_from_the_least_progress_and_no_more_than_needed() {
        let connections = Connections::default();
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
