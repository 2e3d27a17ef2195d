//! Leaves the file so that the next process opens it quickly.

use rusqlite::Connection;

/// How many pages may stay in the write-ahead log. The next process that finds nobody else at work reads all of them
/// before anything else, so that a log as long as a busy listener makes it would cost every command that follows tens of
/// milliseconds; moving the pages into the file costs this process a few syncs.
const PAGES_LEFT: i64 = 128;

/// Moves the write-ahead log into the file when it is long. It is no failure when another process is at work: then that
/// one does it, at its end or when the log is full.
pub(super) fn settle(connection: &mut Connection) {
    let _ = connection.busy_handler(None::<fn(i32) -> bool>);
    let pages = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get::<_, i64>(1));
    if pages.is_ok_and(|pages| pages > PAGES_LEFT) {
        let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
}
