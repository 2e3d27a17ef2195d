//! The ledger in one SQLite file. Several processes use it at once: one writes at a time, and readers never block it.

mod backup;
mod close;
mod dedupe;
mod diagnosis;
mod fault;
mod filter;
mod group;
mod health;
mod keys;
mod list;
mod log_damage;
mod minutes;
mod notices;
mod open;
mod path;
mod policies;
mod processing;
mod prune;
mod queue;
mod queue_reads;
mod queue_recovery;
mod queue_rows;
mod quota;
mod read;
mod schema;
mod sealed;
mod sequence;
mod stats;
#[cfg(test)]
mod tests;
mod undelivered;
mod values;
mod work;
mod write;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use uuid::Uuid;

use self::close::CheckpointPolicy;
use self::dedupe::DedupeIndex;
use self::fault::LedgerPath;
use self::path::Files;
use self::prune::PruneSpeed;
use self::quota::Quota;
use self::values::signed;
use super::queue::ParkReason;
use super::search::search;
use super::{
    Access, Ack, ApiKeyRecord, BackupProgress, EventRecord, Lane, LaneDue, LaneSummary, Op, Processing, Pruned, Query,
    QueueCounts, Record, Sealed, SearchPage, Stats, Store, StoreError, StoreNotice, StoreOptions, Summary, Work,
};
use crate::clock::Timestamp;
use crate::health::{HealthById, OwnerNotice};
use crate::owner_notice::{NoticeChannel, NoticeTask};

/// Default time in which a second capture of the same event counts as a duplicate.
const DEDUPE_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// Default quota of unverified captures together, in bytes: anyone can send them.
const UNAUTHENTICATED_QUOTA: u64 = 100 * 1024 * 1024;

/// A ledger in an SQLite file.
pub struct SqliteStore {
    connection: Connection,
    place: LedgerPath,
    access: Access,
    checkpoint: CheckpointPolicy,
    dedupe: DedupeIndex,
    quota: Quota,
    pace: PruneSpeed,
    files: Files,
    /// The last number that was assigned here: another file continues from it.
    last: u64,
    notice: Option<StoreNotice>,
}

/// As [`super::open`].
pub(super) fn open_store(path: &Path, access: Access, options: StoreOptions) -> Result<Box<dyn Store>, StoreError> {
    let mut store = SqliteStore::open(path, access)?;
    store.configure(options);
    Ok(Box::new(store))
}

/// As [`super::ledger_format`].
pub(super) fn ledger_format(path: &Path) -> Result<(i64, i64), StoreError> {
    open::inspect(&LedgerPath(path.to_owned()))
}

/// As [`super::check_log`]. What cannot be read is left to the opening of the ledger.
pub(super) fn check_log(path: &Path) -> Result<(), StoreError> {
    let file = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    match log_damage::transactions_behind_damage(&file).unwrap_or_default() {
        0 => Ok(()),
        lost => Err(StoreError::DamagedLog {
            path: path.display().to_string(),
            lost,
        }),
    }
}

/// As [`super::backup`].
pub(super) fn backup(
    path: &Path,
    to: &Path,
    goes_on: &mut dyn FnMut(BackupProgress) -> bool,
) -> Result<Option<u64>, StoreError> {
    backup::backup(&LedgerPath(path.to_owned()), to, goes_on)
}

impl SqliteStore {
    /// As [`super::open`] without options.
    pub fn open(path: impl Into<PathBuf>, access: Access) -> Result<Self, StoreError> {
        let place = LedgerPath(path.into());
        let connection = open::open(&place, access)?;
        Ok(Self {
            checkpoint: CheckpointPolicy::begin(&connection),
            files: Files::of(&place),
            connection,
            place,
            access,
            dedupe: DedupeIndex::new(DEDUPE_WINDOW),
            quota: Quota::new(UNAUTHENTICATED_QUOTA),
            pace: PruneSpeed::FAST,
            last: 0,
            notice: None,
        })
    }

    /// Applies options.
    pub fn configure(&mut self, options: StoreOptions) {
        self.dedupe = DedupeIndex::new(options.dedupe_window.unwrap_or(DEDUPE_WINDOW));
        self.quota.total = options.size_limit;
        self.pace = if options.gentle {
            PruneSpeed::GENTLE
        } else {
            PruneSpeed::FAST
        };
    }

    /// Sets the quota of unverified captures together, in bytes; 100 MiB by default.
    #[cfg(test)]
    pub fn set_unauthenticated_quota(&mut self, bytes: u64) {
        self.quota.unauthenticated = bytes;
    }

    /// Continues in another file when the ledger was removed or replaced: writes to an unlinked file would be lost.
    fn follow(&mut self) -> Result<(), StoreError> {
        let Some(notice) = self.files.check(&self.place)? else {
            return Ok(());
        };
        // The old connection is closed first: with an emptied file both would use the same log.
        self.connection = Connection::open_in_memory().map_err(|e| self.place.writing(&e))?;
        self.files.clear(&self.place)?;
        self.connection = open::open(&self.place, self.access)?;
        sequence::begin_after(&self.connection, signed(self.last)).map_err(|e| self.place.writing(&e))?;
        self.files = Files::of(&self.place);
        self.checkpoint = CheckpointPolicy::begin(&self.connection);
        self.dedupe.reset();
        self.quota.forget();
        self.notice = Some(notice);
        Ok(())
    }
}

impl Store for SqliteStore {
    fn write(&mut self, ops: &[Op]) -> Result<Vec<Ack>, StoreError> {
        if ops.is_empty() {
            return Ok(Vec::new());
        }
        self.follow()?;
        self.checkpoint.wrote();
        let acks = write::group(&mut self.connection, &mut self.dedupe, ops).map_err(|e| self.place.writing(&e))?;
        self.files.wrote(&self.place);
        self.quota.wrote(ops);
        self.last = acks.iter().map(|ack| ack.number).fold(self.last, u64::max);
        Ok(acks)
    }

    fn tidy(&mut self) {
        // What fails is tried again after the next group.
        if let Ok(parked @ 1..) = self.quota.apply(&mut self.connection) {
            self.notice = Some(StoreNotice::ParkedDropped(parked));
        }
    }

    fn is_current(&self) -> bool {
        matches!(self.files.check(&self.place), Ok(None))
    }

    fn notice(&mut self) -> Option<StoreNotice> {
        self.notice.take()
    }

    fn prepare(&mut self) {
        write::prepare(&self.connection);
    }

    fn list(&self, query: &Query) -> Result<Vec<Summary>, StoreError> {
        list::list(&self.connection, query).map_err(|e| self.place.reading(&e))
    }

    fn count(&self, query: &Query) -> Result<u64, StoreError> {
        list::count(&self.connection, query).map_err(|e| self.place.reading(&e))
    }

    fn search(&self, query: &Query, text: &str, most: usize) -> Result<SearchPage, StoreError> {
        search(self, query, text, most)
    }

    fn get(&self, number: u64) -> Result<Option<Record>, StoreError> {
        read::record(&self.connection, number).map_err(|e| self.place.reading_record(number, &e))
    }

    fn find(&self, prefix: &str, limit: usize) -> Result<Vec<u64>, StoreError> {
        read::find(&self.connection, prefix, limit).map_err(|e| self.place.reading(&e))
    }

    fn undelivered(&self, query: &Query) -> Result<Vec<u64>, StoreError> {
        undelivered::undelivered(&self.connection, query).map_err(|e| self.place.reading(&e))
    }

    fn unprocessed(&self, query: &Query) -> Result<Vec<(u64, Processing)>, StoreError> {
        processing::open(&self.connection, query).map_err(|e| self.place.reading(&e))
    }

    fn sealed_work(&self) -> Result<Vec<(Option<String>, Sealed)>, StoreError> {
        sealed::of_work(&self.connection).map_err(|e| self.place.reading(&e))
    }

    fn lanes(&self) -> Result<Vec<LaneSummary>, StoreError> {
        work::lanes(&self.connection).map_err(|e| self.place.reading(&e))
    }

    fn waiting(&self, capture: u64) -> Result<Vec<Lane>, StoreError> {
        work::waiting(&self.connection, capture).map_err(|e| self.place.reading(&e))
    }

    fn work(&self, lane: Uuid, after: u64, limit: usize) -> Result<Vec<Work>, StoreError> {
        work::items(&self.connection, lane, after, limit).map_err(|e| self.place.reading(&e))
    }

    fn queue_lanes(&self, owner: &str) -> Result<Vec<LaneDue>, StoreError> {
        queue_reads::lanes(&self.connection, owner).map_err(|e| self.place.reading(&e))
    }

    fn queue_counts(&self, owner: &str) -> Result<QueueCounts, StoreError> {
        queue_reads::counts(&self.connection, owner).map_err(|e| self.place.reading(&e))
    }

    fn paused(&self) -> Result<Vec<String>, StoreError> {
        queue_reads::paused(&self.connection).map_err(|e| self.place.reading(&e))
    }

    fn delivery_owners(&self) -> Result<Vec<String>, StoreError> {
        queue_reads::owners(&self.connection).map_err(|e| self.place.reading(&e))
    }

    fn left_by(&self, owner: &str, limit: usize) -> Result<Vec<(u64, Option<String>, String)>, StoreError> {
        queue_reads::left(&self.connection, owner, limit).map_err(|e| self.place.reading(&e))
    }

    fn trouble(&self, number: u64) -> Result<(Option<ParkReason>, Vec<Timestamp>), StoreError> {
        queue_reads::trouble(&self.connection, signed(number)).map_err(|e| self.place.reading(&e))
    }

    fn health(&self) -> Result<HealthById, StoreError> {
        health::all(&self.connection).map_err(|e| self.place.reading(&e))
    }

    fn owner_notices(&self, endpoint: &str, limit: usize) -> Result<Vec<OwnerNotice>, StoreError> {
        notices::told(&self.connection, endpoint, limit).map_err(|e| self.place.reading(&e))
    }

    fn notice_tasks(
        &self,
        channel: NoticeChannel,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<NoticeTask>, StoreError> {
        notices::tasks(&self.connection, channel, now, limit).map_err(|e| self.place.reading(&e))
    }

    fn parked(&self, lane: &str) -> Result<u64, StoreError> {
        queue_reads::parked_count(&self.connection, lane, ParkReason::Disabled).map_err(|e| self.place.reading(&e))
    }

    fn api_keys(&self) -> Result<Vec<ApiKeyRecord>, StoreError> {
        keys::all(&self.connection).map_err(|e| self.place.reading(&e))
    }

    fn parked_lanes(&self, reason: ParkReason) -> Result<Vec<String>, StoreError> {
        queue_reads::parked_lanes(&self.connection, reason).map_err(|e| self.place.reading(&e))
    }

    fn event(&self, tenant: Option<&str>, id: &str) -> Result<Option<EventRecord>, StoreError> {
        queue_reads::event_by_id(&self.connection, tenant, id).map_err(|e| self.place.reading(&e))
    }

    fn event_ids(&self, tenant: Option<&str>, prefix: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        queue_reads::event_ids(&self.connection, tenant, (prefix, limit)).map_err(|e| self.place.reading(&e))
    }

    fn events(&self, tenant: Option<&str>, before: Option<u64>, limit: usize) -> Result<Vec<EventRecord>, StoreError> {
        queue_reads::events(&self.connection, tenant, (before, limit)).map_err(|e| self.place.reading(&e))
    }

    fn version(&self) -> Result<i64, StoreError> {
        let version = self
            .connection
            .pragma_query_value(None, "data_version", |row| row.get(0));
        version.map_err(|e| self.place.reading(&e))
    }

    fn stats(&self, query: &Query) -> Result<Stats, StoreError> {
        stats::stats(&self.connection, query).map_err(|e| self.place.reading(&e))
    }

    fn prune(&mut self, before: Option<Timestamp>, max_bytes: Option<u64>) -> Result<Pruned, StoreError> {
        let Self {
            connection,
            quota,
            pace,
            ..
        } = self;
        let (most, from) = (quota.unauthenticated, &mut quota.unchecked_from);
        let gone =
            prune::prune(connection, before, max_bytes, most, from, *pace).map_err(|e| self.place.writing(&e))?;
        if gone.records > 0 {
            self.checkpoint.wrote_much();
        }
        Ok(gone)
    }

    fn remove(&mut self, number: u64) -> Result<bool, StoreError> {
        prune::remove(&mut self.connection, signed(number)).map_err(|e| self.place.writing(&e))
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if self.access == Access::ReadWrite {
            self.checkpoint.end(&mut self.connection, &mut self.dedupe);
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.place.path())
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}
