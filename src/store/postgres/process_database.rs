//! What a process has of a database beside its stores: one connection for the documents that are kept there, and for questions
//! about the leases of other processes.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::connection::{Database, Session};
use super::fault::Fault;
use super::place::Place;
use super::schema;
use crate::secret::Secret;
use crate::store::{Access, StoreError};

/// How long an answer of the database counts.
const LASTS: Duration = Duration::from_secs(1);

/// A database, as this process uses it.
pub(in crate::store) struct ProcessDatabase {
    pub(super) database: Database,
    /// The format that was found; 0 while there are no tables.
    format: AtomicI64,
    /// The generation of the documents.
    pub(super) generation: Mutex<Option<Answer<Result<u64, StoreError>>>>,
    /// Which leases are held, by their names.
    pub(super) alive: Mutex<HashMap<String, Answer<bool>>>,
}

/// An answer, and when it was given.
pub(super) struct Answer<T> {
    at: Instant,
    value: T,
}

impl<T: Clone> Answer<T> {
    pub(super) fn new(value: T) -> Self {
        let at = Instant::now();
        Self { at, value }
    }

    /// The value, while it counts.
    pub(super) fn value(&self) -> Option<T> {
        (self.at.elapsed() < LASTS).then(|| self.value.clone())
    }
}

/// The databases of this process. A list, since there is hardly ever more than one.
static DATABASES: Mutex<Vec<Arc<ProcessDatabase>>> = Mutex::new(Vec::new());

/// The one of this process for that URL. Does not connect.
pub(in crate::store) fn of_process(url: &Secret) -> Result<Arc<ProcessDatabase>, StoreError> {
    let place = Place::parse(&String::from_utf8_lossy(url.expose()))?;
    let mut databases = DATABASES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = databases.iter().find(|known| known.database.place == place) {
        return Ok(Arc::clone(known));
    }
    let database = Arc::new(ProcessDatabase::new(place));
    databases.push(Arc::clone(&database));
    Ok(database)
}

/// The format of the ledger at that URL, and the newest that this program knows; one of a newer program is an error.
pub(in crate::store) fn ledger_format(url: &Secret) -> Result<(i64, i64), StoreError> {
    let place = Place::parse(&String::from_utf8_lossy(url.expose()))?;
    let found = Session::open(&place, Access::ReadOnly).and_then(|session| schema::check(&session));
    match found.map_err(|fault| place.error(&fault))? {
        0 => Err(StoreError::Missing(place.text())),
        found => Ok((found, schema::FORMAT)),
    }
}

impl ProcessDatabase {
    pub(super) fn new(place: Place) -> Self {
        Self {
            database: Database::unconnected(place, Access::ReadWrite),
            format: AtomicI64::new(0),
            generation: Mutex::default(),
            alive: Mutex::default(),
        }
    }

    /// Whether there are tables to read.
    pub(super) fn has_tables(&self, session: &Session) -> Result<bool, Fault> {
        if self.format.load(Ordering::Relaxed) == 0 {
            self.format.store(schema::check(session)?, Ordering::Relaxed);
        }
        Ok(self.format.load(Ordering::Relaxed) > 0)
    }

    /// Makes the tables, or brings them up to date.
    pub(super) fn make_tables(&self, session: &Session) -> Result<(), Fault> {
        if self.format.load(Ordering::Relaxed) != schema::FORMAT {
            schema::migrate(session)?;
            self.format.store(schema::FORMAT, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl fmt::Debug for ProcessDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessDatabase")
            .field("place", &self.database.place)
            .finish_non_exhaustive()
    }
}
