//! Documents that are kept beside the ledger: the endpoints of a book, and their secrets.

use std::any::Any;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use super::connection::{Session, Step};
use super::fault::Fault;
use super::hints;
use super::lock::{self, LockKind, SessionLock};
use super::process_database::{Answer, ProcessDatabase};
use super::values::{Param, Text, get, number, text};
use crate::random::Random;
use crate::store::StoreError;
use crate::store::encoding::signed;
use crate::store::kept::{KeptKind, KeptRow, KeptRows, RowChange};

/// How long a caller waits for a lock that another one has. Less than the client waits for any statement.
const LOCK_WAIT: Duration = Duration::from_secs(30);

/// How often a change is tried whose connection was lost, or that another transaction got in the way of.
const MOST_TRIES: u32 = 4;

const ADD: &str =
    "INSERT INTO kept (kind, key, text, version) VALUES ($1, $2, $3, $4) ON CONFLICT (kind, key) DO NOTHING";
const REPLACE: &str = "UPDATE kept SET text = $3, version = $4 WHERE kind = $1 AND key = $2 AND version = $5";
const REMOVE: &str = "DELETE FROM kept WHERE kind = $1 AND key = $2 AND version = $3";

fn kind_name(kind: KeptKind) -> &'static str {
    match kind {
        KeptKind::Endpoint => "endpoint",
        KeptKind::Secret => "secret",
    }
}

impl KeptRows for ProcessDatabase {
    fn rows(&self, kind: KeptKind) -> Result<Vec<KeptRow>, StoreError> {
        let sql = "SELECT key, text, version FROM kept WHERE kind = $1 ORDER BY position";
        self.read_kept(sql, &[&kind_name(kind)])
    }

    fn row(&self, kind: KeptKind, key: &str) -> Result<Option<KeptRow>, StoreError> {
        let sql = "SELECT key, text, version FROM kept WHERE kind = $1 AND key = $2";
        Ok(self.read_kept(sql, &[&kind_name(kind), &Text::from(key)])?.pop())
    }

    fn change(&self, kind: KeptKind, changes: &[RowChange]) -> Result<bool, StoreError> {
        if changes.is_empty() {
            return Ok(true);
        }
        let id = Random::os().uuid_v4();
        let mut tries = 1;
        let result = loop {
            let result = self.database.with(|session| {
                self.make_tables(session)?;
                change(session, id, kind, changes)
            });
            match result {
                Err(fault) if tries < MOST_TRIES && (fault.is_lost() || fault.is_conflict()) => tries += 1,
                result => break result,
            }
        };
        self.forget_generation();
        if matches!(result, Ok(true)) {
            let _ = self.database.with(hints::send);
        }
        result.map_err(|fault| self.database.place.error(&fault))
    }

    fn generation(&self) -> Result<u64, StoreError> {
        let mut known = self.known_generation();
        match known.as_ref().and_then(Answer::value) {
            Some(generation) => generation,
            None => self.ask_generation(&mut known),
        }
    }

    fn generation_now(&self) -> Result<u64, StoreError> {
        self.ask_generation(&mut self.known_generation())
    }

    fn lock(&self, name: &str) -> Result<Box<dyn Any + Send>, StoreError> {
        let place = &self.database.place;
        let lock = SessionLock::wait(place, lock::key(LockKind::Kept, name), LOCK_WAIT);
        Ok(Box::new(lock.map_err(|fault| place.error(&fault))?))
    }
}

/// The last known generation.
type KnownGeneration = Option<Answer<Result<u64, StoreError>>>;

impl ProcessDatabase {
    fn ask_generation(&self, known: &mut KnownGeneration) -> Result<u64, StoreError> {
        let generation = self.database.read(|session| {
            if !self.has_tables(session)? {
                return Ok(0);
            }
            let found = session.row("SELECT n FROM kept_generation", &[], |row| number(row, 0))?;
            Ok(found.unwrap_or_default())
        });
        // A failure counts as long: a server that is away must not delay every caller.
        *known = Some(Answer::new(generation.clone()));
        generation
    }

    /// Asks for the generation again when it is wanted.
    pub(super) fn forget_generation(&self) {
        *self.known_generation() = None;
    }

    fn known_generation(&self) -> MutexGuard<'_, KnownGeneration> {
        self.generation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_kept(&self, sql: &str, values: &[Param<'_>]) -> Result<Vec<KeptRow>, StoreError> {
        self.database.read(|session| {
            if !self.has_tables(session)? {
                return Ok(Vec::new());
            }
            session.rows(sql, values, |row| {
                Ok(KeptRow {
                    key: text(row, 0)?,
                    text: text(row, 1)?,
                    version: number(row, 2)?,
                })
            })
        })
    }
}

/// Makes the changes in a transaction that is known by its id.
fn change(session: &Session, id: Uuid, kind: KeptKind, changes: &[RowChange]) -> Result<bool, Fault> {
    session.batch("BEGIN")?;
    match write(session, id, kind, changes) {
        Ok(Written::All) => session.batch("COMMIT").map(|()| true),
        Ok(Written::Before) => session.batch("ROLLBACK").map(|()| true),
        Ok(Written::Conflict) => session.batch("ROLLBACK").map(|()| false),
        Err(fault) => {
            if !fault.is_lost() {
                session.batch("ROLLBACK")?;
            }
            Err(fault)
        }
    }
}

/// What became of changes.
enum Written {
    /// They wait for COMMIT.
    All,
    /// An earlier try was committed; only its answer was lost.
    Before,
    /// Another process was faster.
    Conflict,
}

fn write(session: &Session, id: Uuid, kind: KeptKind, changes: &[RowChange]) -> Result<Written, Fault> {
    // Waits for the transaction of an earlier try, should the server still work on it.
    let sql = "UPDATE kept_generation SET n = n + 1 RETURNING n";
    let generation: i64 = session.row(sql, &[], |row| get(row, 0))?.unwrap_or_default();
    if session.change("INSERT INTO commit_log (id) VALUES ($1) ON CONFLICT DO NOTHING", &[&id])? == 0 {
        return Ok(Written::Before);
    }
    let kind = kind_name(kind);
    let rows: Vec<_> = changes.iter().map(ChangeValues::of).collect();
    let values: Vec<Vec<Param<'_>>> = rows.iter().map(|row| row.params(&kind, &generation)).collect();
    let requests: Vec<_> = rows
        .iter()
        .zip(&values)
        .map(|(row, values)| Step::Run(row.sql, values))
        .collect();
    let outcomes = session.pipeline(&requests)?;
    let is_whole = outcomes.iter().all(|outcome| outcome.changed == 1);
    Ok(if is_whole { Written::All } else { Written::Conflict })
}

/// A change as a statement takes it.
struct ChangeValues<'c> {
    sql: &'static str,
    key: Text<'c>,
    text: Option<Text<'c>>,
    version: Option<i64>,
}

impl<'c> ChangeValues<'c> {
    fn of(change: &'c RowChange) -> Self {
        let (sql, key, text, version) = match change {
            RowChange::Add { key, text } => (ADD, key, Some(text), None),
            RowChange::Replace { key, text, version } => (REPLACE, key, Some(text), Some(version)),
            RowChange::Remove { key, version } => (REMOVE, key, None, Some(version)),
        };
        Self {
            sql,
            key: Text::from(&**key),
            text: text.map(|text| Text::from(&**text)),
            version: version.map(|version| signed(*version)),
        }
    }

    fn params<'p>(&'p self, kind: &'p &'static str, generation: &'p i64) -> Vec<Param<'p>> {
        let mut params: Vec<Param<'p>> = vec![kind, &self.key];
        if let Some(text) = &self.text {
            params.extend([text as Param<'p>, generation]);
        }
        params.extend(self.version.iter().map(|version| version as Param<'p>));
        params
    }
}
