//! Opens the file: creates it for a writer, migrates its format, rejects what is not a ledger.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use url::Url;

use super::fault::{LedgerPath, is_busy, is_cannot_open};
use super::schema::{APPLICATION, FORMAT, MIGRATIONS, PAGE_SIZE, STAND_INS};
use crate::fs::{folder_of, private_folder, write_new};
use crate::store::{Access, StoreError};

/// How long another process may keep the ledger locked.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many pages the write-ahead log may hold before they are moved into the file. The default of 1000 makes every
/// few hundredth group wait for the move.
const CHECKPOINT_PAGES: u32 = 8000;

/// Opening for writing is one at a time within the process: closing the file that was just made would otherwise drop the
/// locks that another connection of this process holds on it, as POSIX has it.
static OPENING: Mutex<()> = Mutex::new(());

pub(super) fn open(place: &LedgerPath, access: Access) -> Result<Connection, StoreError> {
    let mut connection = match access {
        Access::ReadOnly => open_for_reading(place)?,
        Access::ReadWrite => open_for_writing(place)?,
    };
    set_up(&mut connection).map_err(|e| place.reading(&e))?;
    Ok(connection)
}

/// Settings that cost no I/O. `synchronous` is FULL by default.
fn set_up(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(32);
    // `close` decides about the checkpoint: SQLite would make one whenever the last connection closes.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // Without it a statement that compares a column with a placeholder is compiled again for every new value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    // No mutex: a connection is used by one thread at a time.
    let mut connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_handler(Some(waiter(PATIENCE)))?;
    Ok(connection)
}

/// Retries in short intervals: against a writer that takes the lock back as soon as it has released it, the growing
/// intervals of SQLite's own handler can starve for seconds.
pub(super) fn waiter(patience: Duration) -> impl FnMut(i32) -> bool + Send + 'static {
    let mut since = Instant::now();
    move |asked| {
        if asked == 0 {
            since = Instant::now();
        }
        thread::sleep(Duration::from_micros(if asked < 20 { 100 } else { 500 }));
        since.elapsed() < patience
    }
}

/// The format of the file, when this program can use it, and the newest that it knows.
pub(super) fn inspect(place: &LedgerPath) -> Result<(i64, i64), StoreError> {
    let connection = open_for_reading(place)?;
    let (found, _) = format(&connection).map_err(|e| place.reading(&e))?;
    Ok((found, FORMAT.into()))
}

fn open_for_reading(place: &LedgerPath) -> Result<Connection, StoreError> {
    let path = place.path();
    if !path.exists() {
        return Err(StoreError::Missing(place.text()));
    }
    let opened = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY).and_then(|connection| {
        let found = format(&connection)?;
        Ok((connection, found))
    });
    let (connection, found) = match opened {
        Err(error) if is_cannot_open(&error) && is_settled(path) => open_settled(place, path, &error)?,
        other => other.map_err(|e| place.reading(&e))?,
    };
    match found {
        // Another process has just created it.
        (0, 0) => Err(StoreError::Missing(place.text())),
        found => {
            let version = check(place, found)?;
            stand_in(&connection, version).map_err(|e| place.reading(&e))?;
            Ok(connection)
        }
    }
}

/// A reader changes nothing, the format included: tables that an older file lacks are empty.
fn stand_in(connection: &Connection, version: i64) -> rusqlite::Result<()> {
    let mut missing = STAND_INS.iter().filter(|(since, _)| version < *since);
    missing.try_for_each(|(_, table)| connection.execute_batch(table))
}

/// Whether everything is in the file itself, nothing in a write-ahead log beside it.
fn is_settled(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    fs::metadata(log).map_or(true, |log| log.len() == 0)
}

/// Opens a file in a folder that is not writable: the shared-memory file that coordinates readers and writers is not needed
/// when no process can write.
fn open_settled(
    place: &LedgerPath,
    path: &Path,
    error: &rusqlite::Error,
) -> Result<(Connection, (i64, i64)), StoreError> {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let uri = Url::from_file_path(whole).map_err(|()| place.reading(error))?;
    let uri = format!("{uri}?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    connect(Path::new(&uri), flags)
        .and_then(|connection| format(&connection).map(|found| (connection, found)))
        .map_err(|e| place.reading(&e))
}

fn open_for_writing(place: &LedgerPath) -> Result<Connection, StoreError> {
    let path = place.path();
    let _alone = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
    let connection = match connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE) {
        // No look whether the file exists: another process may have created it since the attempt.
        Err(error) if is_cannot_open(&error) => {
            make(path).map_err(|e| place.making(&e))?;
            connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        }
        other => other,
    };
    let mut connection = connection.map_err(|e| place.writing(&e))?;
    // SQLite falls back to reading when the file may not be written.
    if connection.is_readonly("main").map_err(|e| place.writing(&e))? {
        return Err(place.unwritable("it is write-protected"));
    }
    let found = format(&connection).map_err(|e| place.writing(&e))?;
    if check(place, found)? < FORMAT.into() {
        migrate(place, &mut connection)?;
    }
    Ok(connection)
}

/// The format's number, and the mark of the program that the file belongs to. Both 0 in an empty file.
fn format(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get(0));
    Ok((number("user_version")?, number("application_id")?))
}

/// The format, when this program can use it.
fn check(place: &LedgerPath, (version, application): (i64, i64)) -> Result<i64, StoreError> {
    if application != APPLICATION && (version, application) != (0, 0) {
        return Err(place.unreadable("it is the database of another program"));
    }
    let known = i64::from(FORMAT);
    if !(0..=known).contains(&version) {
        return Err(StoreError::Newer {
            path: place.text(),
            found: version,
            known,
        });
    }
    Ok(version)
}

/// Creates the folder and an empty file that only its owner can read.
fn make(path: &Path) -> io::Result<()> {
    private_folder(folder_of(path))?;
    match write_new(path, &[]) {
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn migrate(place: &LedgerPath, connection: &mut Connection) -> Result<(), StoreError> {
    let failed = |e: rusqlite::Error| place.writing(&e);
    // The journal mode cannot be changed inside of a transaction, so this comes before it.
    if format(connection).map_err(failed)? == (0, 0) {
        refuse_foreign(place, connection)?;
        lay_out(connection).map_err(failed)?;
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed)?;
    // Another process may have done it in the meantime.
    let from = check(place, format(&transaction).map_err(failed)?)?;
    let migrate = || {
        let made = usize::try_from(from).unwrap_or(0);
        let mut missing = MIGRATIONS.iter().skip(made);
        missing.try_for_each(|statements| transaction.execute_batch(statements))?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
        transaction.pragma_update(None, "application_id", APPLICATION)
    };
    migrate().and_then(|()| transaction.commit()).map_err(failed)
}

/// A database with tables and without our application id belongs to another program.
fn refuse_foreign(place: &LedgerPath, connection: &Connection) -> Result<(), StoreError> {
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|e| place.reading(&e))?;
    // Unless another process has made the ledger since the marks were read.
    let ours = format(connection).map_err(|e| place.reading(&e))?.1 == APPLICATION;
    if tables > 0 && !ours {
        return Err(place.unreadable("it is the database of another program"));
    }
    Ok(())
}

/// Settings that are stored in the file, most of which can only be changed while it is empty.
fn lay_out(connection: &Connection) -> rusqlite::Result<()> {
    // Before the write-ahead log: page size and vacuum mode are fixed with the first page.
    connection.pragma_update(None, "page_size", PAGE_SIZE)?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    // SQLite does not call the busy handler when two processes switch to the write-ahead log at once.
    let mut wait = waiter(PATIENCE);
    let mut asked = 0;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if is_busy(&error) && wait(asked) => asked += 1,
            other => return other,
        }
    }
}
