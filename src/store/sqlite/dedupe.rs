//! Finds the earlier capture of the same event.
//!
//! An index over the hashes of events would put every capture on a page of its own, and every such page into the
//! write-ahead log: with a million events that took twice the time of everything else together. So the newest hashes are
//! kept in memory, from where they are written in sorted runs that are never changed. A filter for each run, two bytes a
//! hash, tells in memory that a hash is not in it; that is the answer for nearly every new event.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{Connection, params};

use super::minutes;
use super::sequence::last_number;
use super::values::{change, row, rows};
use crate::clock::Timestamp;
use crate::store::NewCapture;
pub(super) use crate::store::encoding::event_hash as hash;

/// Hashes in memory at which they become a run.
const RUN: usize = if cfg!(test) { 64 } else { 1 << 15 };

/// Hashes in memory that are worth a run when the ledger is closed. Fewer are quickly read again.
const SHORT_RUN: usize = if cfg!(test) { 16 } else { 1 << 12 };

/// Buckets of a run; 32 hashes in each of a full one.
const BUCKETS: i64 = 1 << 10;

/// Bytes of an entry: a hash and a number, little-endian.
const ENTRY: usize = 16;

/// Whether the first capture of the same event has another event id.
pub(super) fn has_other_id(connection: &Connection, first: Option<i64>, new: &NewCapture) -> rusqlite::Result<bool> {
    let Some(first) = first else { return Ok(false) };
    let sql = "SELECT event_id FROM capture WHERE n = ?1";
    let id: Option<Option<String>> = row(connection, sql, [first], |row| row.get(0))?;
    Ok(id.is_some_and(|id| id != new.event_id))
}

/// The recent captures by the hashes of their events.
pub(super) struct DedupeIndex {
    window: Duration,
    /// Absent until the first capture that may be a duplicate: a process that only sends never needs it.
    known: Option<LoadedIndex>,
}

struct LoadedIndex {
    /// The newest capture of each hash that is in no run yet.
    recent: BTreeMap<u64, i64>,
    /// The oldest first.
    runs: Vec<HashRun>,
    /// The last number that was taken into account. Higher ones are of other processes.
    last_n: i64,
}

struct HashRun {
    number: i64,
    last_n: i64,
    filter: BloomFilter,
}

impl DedupeIndex {
    pub(super) fn new(window: Duration) -> Self {
        Self { window, known: None }
    }

    /// Forgets what a failed group has added; the rest is read from the file again.
    pub(super) fn reset(&mut self) {
        self.known = None;
    }

    /// Adds capture `n`, within the transaction that records it and whose first number is `first_n`. Returns the first
    /// capture of the same event, when the last one is not older than the window.
    pub(super) fn check_and_insert(
        &mut self,
        connection: &Connection,
        hash: Option<u64>,
        (first_n, n): (i64, i64),
        at: Timestamp,
    ) -> rusqlite::Result<Option<i64>> {
        let earlier = self.look(connection, hash, first_n, at)?;
        // `look` has loaded the index.
        if let (Some(known), Some(hash)) = (&mut self.known, hash) {
            if known.recent.len() >= RUN {
                known.write_run(connection, n - 1)?;
                known.leave_out(connection, at.minus(self.window))?;
            }
            known.recent.insert(hash, n);
        }
        Ok(earlier)
    }

    /// As [`DedupeIndex::check_and_insert`], for a capture that makes no other one a duplicate.
    pub(super) fn look(
        &mut self,
        connection: &Connection,
        hash: Option<u64>,
        first_n: i64,
        at: Timestamp,
    ) -> rusqlite::Result<Option<i64>> {
        let Some(hash) = hash else { return Ok(None) };
        let since = at.minus(self.window);
        let known = self.known(connection, since, first_n)?;
        let newest = match known.recent.get(&hash) {
            Some(newest) => Some(*newest),
            None => known.in_runs(connection, hash)?,
        };
        newest.map_or(Ok(None), |newest| first(connection, newest, hash, since))
    }

    fn known(&mut self, connection: &Connection, since: Timestamp, first_n: i64) -> rusqlite::Result<&mut LoadedIndex> {
        let mut known = match self.known.take() {
            Some(known) => known,
            None => LoadedIndex::load(connection, since)?,
        };
        known.catch_up(connection, first_n)?;
        Ok(self.known.insert(known))
    }

    /// The transaction that assigned the numbers up to `last_n` was committed.
    pub(super) fn committed(&mut self, last_n: i64) {
        if let Some(known) = &mut self.known {
            known.last_n = last_n;
        }
    }

    /// Writes the hashes in memory as a run when reading them again would take long.
    pub(super) fn flush(&mut self, connection: &mut Connection) -> rusqlite::Result<()> {
        match &mut self.known {
            Some(known) if known.recent.len() >= SHORT_RUN => {
                let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
                // Within the transaction, so that no other process records a capture between the reading and the run.
                let last_n = last_number(&transaction)?;
                known.catch_up(&transaction, last_n + 1)?;
                known.write_run(&transaction, last_n)?;
                transaction.commit()
            }
            _ => Ok(()),
        }
    }
}

/// The first capture of the event that capture `n` is of, unless that one is too old or gone. A capture that is a duplicate
/// itself leads to the first one: it is the same event as long as it comes again within the window.
fn first(connection: &Connection, n: i64, hash: u64, since: Timestamp) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT coalesce(duplicate_of, n) FROM capture WHERE n = ?1 AND dedupe = ?2 AND at >= ?3";
    row(connection, sql, [n, hash.cast_signed(), since.unix_us()], |row| {
        row.get(0)
    })
}

impl LoadedIndex {
    fn load(connection: &Connection, since: Timestamp) -> rusqlite::Result<Self> {
        let floor = minutes::floor(connection, Some(since))?;
        let sql = "SELECT run, last_n, filter FROM seen_run WHERE last_n >= ?1 ORDER BY run";
        let runs = rows(connection, sql, [floor], |row| {
            Ok(HashRun {
                number: row.get(0)?,
                last_n: row.get(1)?,
                filter: BloomFilter::read(row.get_ref(2)?.as_blob()?),
            })
        })?;
        let in_runs: i64 =
            connection.query_row("SELECT coalesce(max(last_n), 0) FROM seen_run", [], |row| row.get(0))?;
        Ok(Self {
            recent: BTreeMap::new(),
            runs,
            last_n: in_runs.max(floor - 1),
        })
    }

    /// Adds the captures that other processes have recorded before `first_n`.
    fn catch_up(&mut self, connection: &Connection, first_n: i64) -> rusqlite::Result<()> {
        if self.last_n >= first_n - 1 {
            return Ok(());
        }
        let mut statement = connection.prepare_cached(
            "SELECT dedupe, n FROM capture WHERE n > ?1 AND n < ?2 AND dedupe IS NOT NULL ORDER BY n",
        )?;
        let mut rows = statement.query([self.last_n, first_n])?;
        while let Some(row) = rows.next()? {
            self.recent.insert(row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?);
        }
        self.last_n = first_n - 1;
        Ok(())
    }

    /// The newest capture of that hash in any run.
    fn in_runs(&self, connection: &Connection, hash: u64) -> rusqlite::Result<Option<i64>> {
        // The newest run first: it is the most likely one, and its capture is the latest.
        for run in self.runs.iter().rev().filter(|run| run.filter.may_hold(hash)) {
            let (sql, bucket) = ("SELECT entries FROM seen WHERE bucket = ?1", bucket(run.number, hash));
            let entry = row(connection, sql, [bucket], |row| {
                Ok(find(row.get_ref(0)?.as_blob()?, hash))
            })?;
            if let Some(Some(n)) = entry {
                return Ok(Some(n));
            }
        }
        Ok(None)
    }

    /// Writes the hashes in memory as a run: the captures up to `last_n`.
    fn write_run(&mut self, connection: &Connection, last_n: i64) -> rusqlite::Result<()> {
        let number: i64 =
            connection.query_row("SELECT coalesce(max(run), 0) + 1 FROM seen_run", [], |row| row.get(0))?;
        let mut filter = BloomFilter::for_hashes(self.recent.len());
        let mut buckets: BTreeMap<i64, Vec<u8>> = BTreeMap::new();
        for (hash, n) in &self.recent {
            filter.add(*hash);
            let entries = buckets.entry(bucket(number, *hash)).or_default();
            entries.extend_from_slice(&hash.to_le_bytes());
            entries.extend_from_slice(&n.to_le_bytes());
        }
        for (bucket, entries) in buckets {
            let sql = "INSERT INTO seen (bucket, entries) VALUES (?1, ?2)";
            change(connection, sql, params![bucket, entries])?;
        }
        connection.execute(
            "INSERT INTO seen_run (run, last_n, filter) VALUES (?1, ?2, ?3)",
            params![number, last_n, filter.bytes()],
        )?;
        self.recent.clear();
        self.runs.push(HashRun { number, last_n, filter });
        Ok(())
    }

    /// Unloads the runs that are older than the window.
    fn leave_out(&mut self, connection: &Connection, since: Timestamp) -> rusqlite::Result<()> {
        let floor = minutes::floor(connection, Some(since))?;
        self.runs.retain(|run| run.last_n >= floor);
        Ok(())
    }
}

/// Drops the runs whose captures are all gone.
pub(super) fn forget(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let last: Option<i64> = transaction.query_row(
        "SELECT max(run) FROM seen_run WHERE last_n < (SELECT coalesce(min(n), 9223372036854775807) FROM capture)",
        [],
        |row| row.get(0),
    )?;
    if let Some(last) = last {
        transaction.execute("DELETE FROM seen_run WHERE run <= ?1", [last])?;
        transaction.execute("DELETE FROM seen WHERE bucket < ?1", [(last + 1) * BUCKETS])?;
    }
    transaction.commit()
}

/// The bucket of a hash in a run. By the upper bits, so that the buckets of sorted hashes are sorted too.
fn bucket(run: i64, hash: u64) -> i64 {
    run * BUCKETS + (hash >> (64 - BUCKETS.trailing_zeros())).cast_signed()
}

fn find(entries: &[u8], hash: u64) -> Option<i64> {
    let (entries, _) = entries.as_chunks::<ENTRY>();
    let (hash, entry) = (hash.to_le_bytes(), entries.iter());
    let entry = entry.map(|entry| entry.split_at(8)).find(|(found, _)| *found == hash)?;
    entry.1.try_into().ok().map(i64::from_le_bytes)
}

/// Tells which hashes are not in a run: a Bloom filter whose bits for a hash are all in one word.
struct BloomFilter(Vec<u64>);

impl BloomFilter {
    /// Four hashes a word: one in 200 strangers passes.
    fn for_hashes(count: usize) -> Self {
        Self(vec![0; count.div_ceil(4).next_power_of_two()])
    }

    fn read(bytes: &[u8]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        Self(words.iter().map(|word| u64::from_le_bytes(*word)).collect())
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn add(&mut self, hash: u64) {
        let word = self.word(hash);
        self.0[word] |= bits(hash);
    }

    fn may_hold(&self, hash: u64) -> bool {
        self.0
            .get(self.word(hash))
            .is_some_and(|word| word & bits(hash) == bits(hash))
    }

    fn word(&self, hash: u64) -> usize {
        let lower = usize::try_from(hash & 0xffff_ffff).unwrap_or_default();
        lower & self.0.len().saturating_sub(1)
    }
}

/// Four of the 64 bits of a word, from the part of the hash that does not choose the word.
fn bits(hash: u64) -> u64 {
    [32, 38, 44, 50]
        .iter()
        .fold(0, |bits, shift| bits | 1 << ((hash >> shift) & 63))
}
