//! A group of changes while its transaction lasts.

use rusqlite::Connection;

use super::dedupe::DedupeIndex;
use super::minutes;
use super::policies::Policies;
use super::sequence::last_number;
use super::values::row;
use crate::clock::Timestamp;
use crate::id::Id;

/// Changes that are made in one transaction.
pub(super) struct ChangeGroup<'c> {
    pub(super) connection: &'c Connection,
    pub(super) policies: Policies,
    pub(super) seen: &'c mut DedupeIndex,
    /// The number of the first record of the group.
    pub(super) first: i64,
    /// The number of the next record. Only this transaction can give numbers while it lasts.
    next: i64,
    /// The latest minute of any record so far.
    minute: Option<i64>,
}

impl<'c> ChangeGroup<'c> {
    /// No changes yet.
    pub(super) fn begin(connection: &'c Connection, seen: &'c mut DedupeIndex) -> rusqlite::Result<Self> {
        let next = last_number(connection)? + 1;
        Ok(Self {
            first: next,
            next,
            minute: minutes::last(connection)?,
            connection,
            policies: Policies::default(),
            seen,
        })
    }

    /// The last number that was given.
    pub(super) fn last(&self) -> i64 {
        self.next - 1
    }

    /// The number of a record of that moment, and whether it is late.
    pub(super) fn number(&mut self, at: Timestamp) -> rusqlite::Result<(i64, bool)> {
        let (n, minute) = (self.next, Some(minutes::minute(at)));
        self.next += 1;
        if self.minute < minute {
            minutes::begin(self.connection, at, n)?;
            self.minute = minute;
        }
        Ok((n, minute < self.minute))
    }

    /// The number of the delivery with that id.
    pub(super) fn delivery_number(&self, id: Id) -> rusqlite::Result<Option<i64>> {
        // A seeded run that is repeated gives the same ids again: the newest delivery counts.
        let sql = "SELECT n FROM delivery WHERE id = ?1 ORDER BY n DESC LIMIT 1";
        row(self.connection, sql, [id.uuid.as_bytes()], |row| row.get(0))
    }
}
