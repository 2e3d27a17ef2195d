//! What a group of changes is made with.

use std::collections::HashMap;

use uuid::Uuid;

use super::connection::Session;
use super::lease::Worker;
use crate::clock::Timestamp;

/// What a group is made with.
pub(super) struct GroupContext<'c> {
    pub(super) session: &'c Session,
    pub(super) worker: &'c Worker,
    pub(super) options: &'c GroupOptions,
    /// The keys of policies that are in the database, by their addresses in memory.
    pub(super) policies: &'c HashMap<usize, Uuid>,
}

/// Settings of a store that its groups need.
#[derive(Debug, Clone)]
pub(super) struct GroupOptions {
    /// Within which a second capture of the same event counts as a duplicate, in microseconds.
    pub(super) dedupe_window_us: i64,
    /// Whether the moments of changes stand for the database's clock. For tests of moments that are far away.
    pub(super) is_clock_given: bool,
}

impl GroupContext<'_> {
    /// The moment that counts: absent where that is the database's.
    pub(super) fn now(&self, given: Timestamp) -> Option<i64> {
        self.options.is_clock_given.then(|| given.unix_us())
    }
}
