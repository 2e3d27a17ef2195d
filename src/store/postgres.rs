//! The ledger in a PostgreSQL database, which any number of processes on any number of machines share.

mod attempt_rows;
mod attempts;
mod backoff;
mod connection;
mod context;
mod days;
mod duplicates;
mod fault;
mod filter;
mod group;
mod health;
mod hints;
mod horizon;
mod idempotency;
mod kept;
mod keys;
mod lease;
mod list;
mod lock;
mod notices;
mod owners;
mod place;
mod process_database;
mod processing;
mod prune;
mod queue;
mod queue_reads;
mod queue_rows;
mod read;
mod records;
mod recovery;
mod rights;
mod rows;
mod schema;
mod sealed;
mod singles;
mod stats;
#[cfg(test)]
pub(super) mod tests;
mod undelivered;
mod upkeep;
mod values;
mod work;
mod write;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

pub(super) use self::hints::Hints;
pub(super) use self::process_database::{ledger_format, of_process};
pub(super) use self::rights::check_rights;

use self::connection::{Database, Session};
use self::context::GroupOptions;
use self::hints::SentHints;
use self::horizon::Horizon;
use self::lease::Worker;
use self::place::Place;
use self::write::WriterState;
use super::encoding::signed;
use super::queue::{Heartbeat, ParkReason};
use super::search::search;
use super::{
    Access, Ack, ApiKeyRecord, DueWork, EventRecord, Lane, LaneDue, LaneSummary, Op, Processing, Pruned, Query,
    QueueCounts, Record, Sealed, SearchPage, Stats, Store, StoreError, StoreOptions, Summary, Work,
};
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::health::{HealthById, OwnerNotice};
use crate::owner_notice::{NoticeChannel, NoticeTask};
use crate::secret::Secret;

/// Default time in which a second capture of the same event counts as a duplicate.
const DEDUPE_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// Quota of unverified captures together, in bytes: anyone can send them.
const UNAUTHENTICATED_QUOTA: u64 = 100 * 1024 * 1024;

/// How often the limits of the ledger are looked at.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// A ledger in a PostgreSQL database.
pub struct PostgresStore {
    database: Database,
    access: Access,
    /// This process, for all of its stores of that database.
    worker: Arc<Worker>,
    writer: WriterState,
    options: GroupOptions,
    size_limit: Option<u64>,
    horizon: Mutex<Horizon>,
    hints: SentHints,
    tidied: Instant,
}

/// Opens the ledger at that URL, as [`super::open`] does a file's.
pub(super) fn open_store(url: &Secret, access: Access, options: StoreOptions) -> Result<Box<dyn Store>, StoreError> {
    let url = String::from_utf8_lossy(url.expose());
    Ok(Box::new(PostgresStore::open(&url, access, options)?))
}

impl PostgresStore {
    /// As [`super::open`]. Never blocks for longer than the server may take: see [`StoreError::Unavailable`].
    pub fn open(url: &str, access: Access, options: StoreOptions) -> Result<Self, StoreError> {
        let place = Place::parse(url)?;
        let opened = Session::open(&place, access).and_then(|session| {
            match access {
                Access::ReadWrite => schema::migrate(&session)?,
                Access::ReadOnly if schema::check(&session)? == 0 => return Ok(None),
                Access::ReadOnly => {}
            }
            Ok(Some(session))
        });
        let Some(session) = opened.map_err(|fault| place.error(&fault))? else {
            return Err(StoreError::Missing(place.text()));
        };
        let window = options.dedupe_window.unwrap_or(DEDUPE_WINDOW);
        let worker = Worker::of_process(&place.text());
        if access == Access::ReadWrite {
            worker.add_writer();
        }
        Ok(Self {
            worker,
            database: Database::new(place, access, session),
            access,
            writer: WriterState::default(),
            options: GroupOptions {
                dedupe_window_us: i64::try_from(window.as_micros()).unwrap_or(i64::MAX),
                is_clock_given: false,
            },
            size_limit: options.size_limit,
            horizon: Mutex::default(),
            hints: SentHints::default(),
            tidied: Instant::now(),
        })
    }

    /// Plays a process of its own, with a lease of its own.
    #[cfg(test)]
    fn into_other_process(mut self) -> Self {
        self.worker.remove_writer();
        self.worker = Arc::default();
        self.worker.add_writer();
        self
    }

    /// Takes the moments of the changes for the database's clock.
    #[cfg(test)]
    fn with_given_clock(mut self) -> Self {
        self.options.is_clock_given = true;
        self
    }
}

impl Store for PostgresStore {
    fn write(&mut self, ops: &[Op]) -> Result<Vec<Ack>, StoreError> {
        if ops.is_empty() {
            return Ok(Vec::new());
        }
        let acks = write::write(&self.database, &self.worker, &self.options, &mut self.writer, ops)?;
        if hints::concern_others(ops, &acks) {
            self.hints.owe();
        }
        Ok(acks)
    }

    fn tidy(&mut self) {
        self.hints.send(&self.database);
        if self.tidied.elapsed() >= TIDY_EVERY {
            self.tidied = Instant::now();
            // What fails is tried again the next time.
            let _ = self.tidy_up();
        }
    }

    fn heartbeat(&self, pause: Duration) -> Result<Heartbeat, StoreError> {
        self.database
            .with(|session| self.beat(session, pause))
            .map_err(|fault| self.database.place.error(&fault))
    }

    fn clock_ahead_us(&self) -> Result<i64, StoreError> {
        let begun = Instant::now();
        let theirs = self.now()?;
        let round_trip = begun.elapsed();
        let ours = SystemClock.now().minus(round_trip / 2);
        Ok(theirs.unix_us().saturating_sub(ours.unix_us()))
    }

    fn list(&self, query: &Query) -> Result<Vec<Summary>, StoreError> {
        let after = query.page.after.filter(|_| query.page.oldest_first);
        self.database.read(|session| {
            let mut horizon = self.horizon.lock().unwrap_or_else(PoisonError::into_inner);
            let settled = after.map(|after| horizon.reach(session, signed(after))).transpose()?;
            list::list(session, query, settled)
        })
    }

    fn count(&self, query: &Query) -> Result<u64, StoreError> {
        self.database.read(|session| list::count(session, query))
    }

    fn search(&self, query: &Query, text: &str, most: usize) -> Result<SearchPage, StoreError> {
        search(self, query, text, most)
    }

    fn get(&self, number: u64) -> Result<Option<Record>, StoreError> {
        let result = self.database.read(|session| read::record(session, number));
        result.map_err(|error| match error {
            StoreError::Unreadable { path, what } => StoreError::Damaged { path, number, what },
            error => error,
        })
    }

    fn find(&self, prefix: &str, limit: usize) -> Result<Vec<u64>, StoreError> {
        self.database.read(|session| read::find(session, prefix, limit))
    }

    fn undelivered(&self, query: &Query) -> Result<Vec<u64>, StoreError> {
        self.database.read(|session| undelivered::undelivered(session, query))
    }

    fn unprocessed(&self, query: &Query) -> Result<Vec<(u64, Processing)>, StoreError> {
        self.database.read(|session| processing::open(session, query))
    }

    fn sealed_work(&self) -> Result<Vec<(Option<String>, Sealed)>, StoreError> {
        self.database.read(read::sealed_work)
    }

    fn lanes(&self) -> Result<Vec<LaneSummary>, StoreError> {
        self.database.read(work::lanes)
    }

    fn due_work(&self, lane: Uuid, now: Timestamp, limit: usize) -> Result<DueWork, StoreError> {
        self.database.read(|session| work::due(session, lane, now, limit))
    }

    fn waiting(&self, capture: u64) -> Result<Vec<Lane>, StoreError> {
        self.database.read(|session| work::waiting(session, capture))
    }

    fn work(&self, lane: Uuid, after: u64, limit: usize) -> Result<Vec<Work>, StoreError> {
        self.database.read(|session| work::items(session, lane, after, limit))
    }

    fn queue_lanes(&self, owner: &str) -> Result<Vec<LaneDue>, StoreError> {
        self.database.read(|session| queue::lanes(session, &self.worker, owner))
    }

    fn queue_counts(&self, owner: &str) -> Result<QueueCounts, StoreError> {
        self.database.read(|session| queue_reads::counts(session, owner))
    }

    fn paused(&self) -> Result<Vec<String>, StoreError> {
        self.database.read(queue_reads::paused)
    }

    fn delivery_owners(&self) -> Result<Vec<String>, StoreError> {
        self.database.read(queue_reads::owners)
    }

    fn left_by(&self, owner: &str, limit: usize) -> Result<Vec<(u64, Option<String>, String)>, StoreError> {
        self.database.read(|session| queue_reads::left(session, owner, limit))
    }

    fn trouble(&self, number: u64) -> Result<(Option<ParkReason>, Vec<Timestamp>), StoreError> {
        self.database
            .read(|session| queue_reads::trouble(session, signed(number)))
    }

    fn health(&self) -> Result<HealthById, StoreError> {
        self.database.read(health::all)
    }

    fn owner_notices(&self, endpoint: &str, limit: usize) -> Result<Vec<OwnerNotice>, StoreError> {
        self.database
            .read(|session| notices::of_endpoint(session, endpoint, limit))
    }

    fn notice_tasks(
        &self,
        channel: NoticeChannel,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<NoticeTask>, StoreError> {
        self.database
            .read(|session| notices::tasks(session, channel, now, limit))
    }

    fn parked(&self, lane: &str) -> Result<u64, StoreError> {
        self.database
            .read(|session| queue_reads::parked_count(session, lane, ParkReason::Disabled))
    }

    fn api_keys(&self) -> Result<Vec<ApiKeyRecord>, StoreError> {
        self.database.read(keys::all)
    }

    fn parked_lanes(&self, reason: ParkReason) -> Result<Vec<String>, StoreError> {
        self.database.read(|session| queue_reads::parked_lanes(session, reason))
    }

    fn event(&self, tenant: Option<&str>, id: &str) -> Result<Option<EventRecord>, StoreError> {
        self.database
            .read(|session| queue_reads::event_by_id(session, tenant, id))
    }

    fn event_ids(&self, tenant: Option<&str>, prefix: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        self.database
            .read(|session| queue_reads::event_ids(session, tenant, (prefix, limit)))
    }

    fn delivery_numbers(&self, tenant: Option<&str>, prefix: &str, limit: usize) -> Result<Vec<u64>, StoreError> {
        self.database
            .read(|session| read::delivery_numbers(session, tenant, (prefix, limit)))
    }

    fn events(&self, tenant: Option<&str>, before: Option<u64>, limit: usize) -> Result<Vec<EventRecord>, StoreError> {
        self.database
            .read(|session| queue_reads::events(session, tenant, (before, limit)))
    }

    fn version(&self) -> Result<i64, StoreError> {
        // The end of a snapshot moves on with every transaction that has changed something.
        let sql = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint";
        let version = self
            .database
            .read(|session| session.row(sql, &[], |row| values::get(row, 0)))?;
        Ok(version.unwrap_or_default())
    }

    fn stats(&self, query: &Query) -> Result<Stats, StoreError> {
        self.database.read(|session| stats::stats(session, query))
    }

    fn prune(&mut self, before: Option<Timestamp>, max_bytes: Option<u64>) -> Result<Pruned, StoreError> {
        self.writer.days.forget();
        self.database
            .read(|session| prune::prune(session, before, max_bytes, UNAUTHENTICATED_QUOTA))
    }

    fn remove(&mut self, number: u64) -> Result<bool, StoreError> {
        self.database.read(|session| prune::remove(session, signed(number)))
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // Others need not wait for the end of the lease.
        if self.access == Access::ReadWrite && self.worker.remove_writer() && self.worker.is_registered() {
            let _ = self.database.with(|session| self.worker.leave(session));
        }
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("place", &self.database.place)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}
