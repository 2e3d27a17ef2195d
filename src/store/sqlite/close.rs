//! Leaves the file so that the next process opens it quickly.

use rusqlite::Connection;

use super::dedupe::DedupeIndex;

/// How many pages may stay in the write-ahead log. The next process that finds nobody else at work reads all of them
/// before anything else, a millisecond for every 400 pages: a log as long as a busy listener makes it would cost every
/// command that follows more than the rest of its work. Moving the pages into the file costs this process a few syncs,
/// so not every command does it: seven sends or so fill a log of this length.
const PAGES_LEFT: i64 = 48;

/// After how many groups the log is taken to be one's own work.
const OWN_GROUPS: u32 = 64;

/// What a connection has seen and done, for leaving well.
#[derive(Debug)]
pub(super) struct CheckpointPolicy {
    /// Another number than at the end when another connection has written in between.
    version: Option<i64>,
    groups: u32,
}

impl CheckpointPolicy {
    pub(super) fn begin(connection: &Connection) -> Self {
        Self {
            version: version(connection),
            groups: 0,
        }
    }

    /// Takes note of a group that was written.
    pub(super) fn wrote(&mut self) {
        self.groups = self.groups.saturating_add(1);
    }

    /// Takes note of a work that fills the log by itself.
    pub(super) fn wrote_much(&mut self) {
        self.groups = OWN_GROUPS;
    }

    /// Moves the write-ahead log into the file when it is long. A short visit beside a process that writes leaves that to
    /// the other one, at its end or when the log is full. It is no failure when somebody is in the way.
    pub(super) fn end(&self, connection: &mut Connection, seen: &mut DedupeIndex) {
        let left_to_others = self.groups < OWN_GROUPS && self.version != version(connection);
        if self.groups == 0 || left_to_others {
            return;
        }
        let _ = connection.busy_handler(None::<fn(i32) -> bool>);
        let _ = seen.flush(connection);
        let pages = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get::<_, i64>(1));
        if pages.is_ok_and(|pages| pages > PAGES_LEFT) {
            let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
    }
}

/// A number that changes when another connection writes.
pub(super) fn version(connection: &Connection) -> Option<i64> {
    connection
        .pragma_query_value(None, "data_version", |row| row.get(0))
        .ok()
}
