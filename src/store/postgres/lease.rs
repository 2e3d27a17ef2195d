//! The lease of a process on what it has taken, and on lanes.
//!
//! A process has a random token and a row that says until when it is alive, by the database's clock. What it takes from the queue is
//! marked with the token. When the row has expired, others take over: it can neither renew the lease nor finish what it had.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::connection::Session;
use super::fault::Fault;
use super::values::{Text, get};
use crate::random::Random;

/// How long a lease lasts without a heartbeat, in seconds.
const LASTS: f64 = 15.0;

const IS_ALIVE: &str = "EXISTS (SELECT 1 FROM worker WHERE token = $1 AND expires_at > clock_timestamp())";

/// This process for one database; its stores share it.
#[derive(Debug, Default)]
pub(super) struct Worker {
    state: Mutex<WorkerState>,
    /// Stores of this process that write.
    writers: AtomicUsize,
}

#[derive(Debug, Default)]
struct WorkerState {
    /// Absent until it works off a queue, and after the lease was lost.
    token: Option<Uuid>,
    /// Lanes that it was found to hold. The database decides; this only saves asking.
    held: BTreeSet<String>,
    /// Where its lanes are read from, by owner, lane and class.
    starts: HashMap<(String, String, i16), LaneStart>,
}

/// Owner, lane and class.
type LanePlace<'p> = (&'p str, &'p str, i16);

/// Since when something of a lane is waiting.
#[derive(Debug, Clone, Copy)]
struct LaneStart {
    due: i64,
    /// When the lane was read from its very start.
    read_at: Instant,
}

/// How often a lane is read from its very start: something may be put back that was due long ago.
const READ_WHOLE: Duration = Duration::from_secs(1);

/// Before what was seen, something can still appear whose transaction took longer, in microseconds.
const STRAGGLERS_US: i64 = 100_000;

/// Lanes whose starts are remembered.
const MOST_STARTS: usize = 10_000;

/// The workers of this process by database.
static WORKERS: Mutex<Option<HashMap<String, Arc<Worker>>>> = Mutex::new(None);

impl Worker {
    /// The one of this process for that database.
    pub(super) fn of_process(place: &str) -> Arc<Self> {
        let mut workers = WORKERS.lock().unwrap_or_else(PoisonError::into_inner);
        let workers = workers.get_or_insert_default();
        Arc::clone(workers.entry(place.to_owned()).or_default())
    }

    fn state(&self) -> MutexGuard<'_, WorkerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token; that of no process where it has none.
    pub(super) fn token(&self) -> Uuid {
        self.state().token.unwrap_or_default()
    }

    /// Whether it works off a queue.
    pub(super) fn is_registered(&self) -> bool {
        self.state().token.is_some()
    }

    /// A store of this process that writes was opened.
    pub(super) fn add_writer(&self) {
        self.writers.fetch_add(1, Ordering::Relaxed);
    }

    /// A store of this process that writes is closed. Returns whether it was the last one: the lease may end.
    pub(super) fn remove_writer(&self) -> bool {
        self.writers.fetch_sub(1, Ordering::Relaxed) == 1
    }

    /// Registers the process unless it is. Its lease begins.
    pub(super) fn register(&self, session: &Session) -> Result<(), Fault> {
        let mut state = self.state();
        if state.token.is_some() {
            return Ok(());
        }
        let token = Random::os().uuid_v4();
        let sql = "INSERT INTO worker (token, expires_at) VALUES ($1, clock_timestamp() + make_interval(secs => $2))";
        session.run(sql, &[&token, &LASTS])?;
        *state = WorkerState {
            token: Some(token),
            ..WorkerState::default()
        };
        Ok(())
    }

    /// Renews the lease. `false` when it was lost: the process begins again with a new token, and what it had is of others.
    pub(super) fn renew(&self, session: &Session) -> Result<bool, Fault> {
        let token = self.token();
        let sql = "
            UPDATE worker SET expires_at = clock_timestamp() + make_interval(secs => $2)
            WHERE token = $1 AND expires_at > clock_timestamp()";
        if !self.is_registered() || session.change(sql, &[&token, &LASTS])? > 0 {
            return Ok(true);
        }
        *self.state() = WorkerState::default();
        self.register(session)?;
        Ok(false)
    }

    /// Gives up the lease: others need not wait for its end.
    pub(super) fn leave(&self, session: &Session) -> Result<(), Fault> {
        let token = self.state().token.take();
        if let Some(token) = token {
            session.run("DELETE FROM lane WHERE token = $1", &[&token])?;
            session.run("DELETE FROM worker WHERE token = $1", &[&token])?;
        }
        Ok(())
    }

    /// Takes those of the lanes that no living process holds.
    pub(super) fn claim_lanes(&self, session: &Session, lanes: &BTreeSet<&str>) -> Result<(), Fault> {
        let mut state = self.state();
        let Some(token) = state.token else { return Ok(()) };
        let free: Vec<&str> = lanes
            .iter()
            .copied()
            .filter(|lane| !state.held.contains(*lane))
            .collect();
        if free.is_empty() {
            return Ok(());
        }
        let names: Vec<Text<'_>> = free.iter().map(|lane| Text::from(*lane)).collect();
        // What it holds is not written again: that would be a change, for which the others look.
        let sql = format!(
            "WITH held AS (
                 SELECT l.name, l.token FROM lane AS l WHERE l.name = ANY($2) AND EXISTS
                     (SELECT 1 FROM worker AS w WHERE w.token = l.token AND w.expires_at > clock_timestamp())
             ), claimed AS (
                 INSERT INTO lane (name, token) SELECT name, $1 FROM unnest($2::text[]) AS u (name)
                 WHERE {IS_ALIVE} AND NOT EXISTS (SELECT 1 FROM held WHERE held.name = u.name) ORDER BY name
                 ON CONFLICT (name) DO UPDATE SET token = excluded.token WHERE lane.token = $1 OR NOT EXISTS
                     (SELECT 1 FROM worker WHERE worker.token = lane.token AND worker.expires_at > clock_timestamp())
                 RETURNING name
             )
             SELECT name FROM held WHERE token = $1 UNION ALL SELECT name FROM claimed"
        );
        let held = session.rows(&sql, &[&token, &names], |row| super::values::text(row, 0))?;
        state.held.extend(held);
        Ok(())
    }

    /// As [`Worker::claim_lanes`], asking for all of them. Returns those that it holds.
    pub(super) fn claim_all(&self, session: &Session, lanes: &BTreeSet<&str>) -> Result<BTreeSet<String>, Fault> {
        self.state().held.clear();
        self.claim_lanes(session, lanes)?;
        Ok(self.state().held.clone())
    }

    /// Whether it holds the lane. Asks again for one that it is not known to hold.
    pub(super) fn holds(&self, session: &Session, lane: &str) -> Result<bool, Fault> {
        let sql = "SELECT 1 FROM lane WHERE name = $1 AND token = $2";
        let is_held = |session: &Session| {
            let held = session.row(sql, &[&Text::from(lane), &self.token()], |row| get::<i32>(row, 0))?;
            Ok::<_, Fault>(held.is_some())
        };
        if is_held(session)? {
            return Ok(true);
        }
        self.state().held.remove(lane);
        self.claim_lanes(session, &BTreeSet::from([lane]))?;
        is_held(session)
    }

    /// The due time from which on a lane is to be read.
    pub(super) fn start(&self, (owner, lane, class): LanePlace<'_>) -> i64 {
        let state = self.state();
        let known = state.starts.get(&(owner.to_owned(), lane.to_owned(), class));
        known
            .filter(|start| start.read_at.elapsed() < READ_WHOLE)
            .map_or(i64::MIN, |start| start.due)
    }

    /// A lane was read from `start` on, and the first of what it had was due at `earliest`.
    pub(super) fn note_start(&self, (owner, lane, class): LanePlace<'_>, start: i64, earliest: Option<i64>) {
        let Some(earliest) = earliest else { return };
        let mut state = self.state();
        if state.starts.len() >= MOST_STARTS {
            state.starts.clear();
        }
        let key = (owner.to_owned(), lane.to_owned(), class);
        let read_at = state
            .starts
            .get(&key)
            .map(|known| known.read_at)
            .filter(|_| start > i64::MIN);
        let due = earliest.saturating_sub(STRAGGLERS_US).max(start);
        let read_at = read_at.unwrap_or_else(Instant::now);
        state.starts.insert(key, LaneStart { due, read_at });
    }

    /// What is known of lanes may be that of a transaction that failed.
    pub(super) fn forget_lanes(&self) {
        let mut state = self.state();
        state.held.clear();
        state.starts.clear();
    }
}

/// The tokens of processes whose lease has ended, which are removed with their lanes.
pub(super) fn remove_expired(session: &Session) -> Result<usize, Fault> {
    let sql = "
        WITH gone AS (
            DELETE FROM worker WHERE token IN
                (SELECT token FROM worker WHERE expires_at <= clock_timestamp() FOR UPDATE SKIP LOCKED) RETURNING token
        ) DELETE FROM lane USING gone WHERE lane.token = gone.token";
    session.change(sql, &[])
}
