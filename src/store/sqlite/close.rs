//! Leaves the file in a state that the next process opens quickly.

use rusqlite::Connection;

use super::dedupe::DedupeIndex;

/// How many pages may stay in the write-ahead log. The next process that has the file for itself reads all of them
/// first, a millisecond per 400 pages: the log of a busy listener would cost every following command more than the rest
/// of its work. A checkpoint costs this process a few syncs, so not every command does it: about nine sends fill a log
/// of this length.
const PAGES_LEFT: i64 = 64;

/// After how many groups the log counts as this connection's own.
const OWN_GROUPS: u32 = 64;

/// What a connection has seen and written, to decide about a checkpoint when it is closed.
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

    /// Counts a group that was written.
    pub(super) fn wrote(&mut self) {
        self.groups = self.groups.saturating_add(1);
    }

    /// Notes that this connection alone has filled the log.
    pub(super) fn wrote_much(&mut self) {
        self.groups = OWN_GROUPS;
    }

    /// Moves the write-ahead log into the file when it is long. A short-lived process beside a writer leaves that to the
    /// writer. A failure is ignored: the next process tries again.
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
