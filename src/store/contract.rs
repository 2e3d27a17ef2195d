//! What every store can do.

use std::time::Duration;

use uuid::Uuid;

use super::queue::{Heartbeat, ParkReason};
use super::{
    Ack, ApiKeyRecord, DeliveryRecord, DueWork, EventRecord, Lane, LaneDue, LaneSummary, Op, Processing, Pruned, Query,
    QueueCounts, Record, Sealed, SearchPage, Stats, StoreError, StoreNotice, Summary, Work,
};
use crate::clock::Timestamp;
use crate::health::{HealthById, OwnerNotice};
use crate::id::Id;
use crate::owner_notice::{NoticeChannel, NoticeTask};

/// A place where the ledger is kept. One conformance suite runs against every implementation.
pub trait Store: Send {
    /// Applies a group of changes: all or none, durable when this returns. Acks are in the order of the changes.
    fn write(&mut self, ops: &[Op]) -> Result<Vec<Ack>, StoreError>;

    /// Does work ahead that the first group would have to do, such as compiling statements. Changes nothing.
    fn prepare(&mut self) {}

    /// Keeps the store within its limits. Called after the acks of a group were sent.
    fn tidy(&mut self) {}

    /// Whether the file at the path is still the one that was opened. Otherwise the reader opens it again.
    fn is_current(&self) -> bool {
        true
    }

    /// Renews the lease of this process on what it has taken from the queue and on its lanes, and takes over what processes left
    /// whose leases have ended. To be called every [`super::queue::HEARTBEAT`]. What crashed twice waits for `pause`. A store that one
    /// service uses at a time has nothing to renew.
    fn heartbeat(&self, _pause: Duration) -> Result<Heartbeat, StoreError> {
        Ok(Heartbeat::default())
    }

    /// How many microseconds the clock by which deliveries are due is ahead of the machine's, where it is another one.
    fn clock_ahead_us(&self) -> Result<i64, StoreError> {
        Ok(0)
    }

    /// What happened to the store and its user has to know; returned once.
    fn notice(&mut self) -> Option<StoreNotice> {
        None
    }

    /// Records that match, the newest first by default.
    fn list(&self, query: &Query) -> Result<Vec<Summary>, StoreError>;

    /// How many records match. Of the page only its ends count.
    fn count(&self, query: &Query) -> Result<u64, StoreError>;

    /// Records that match and have that text in their headers, bodies or answers, in letters of either case. Stops when the
    /// page is full, or after `most` records were read.
    fn search(&self, query: &Query, text: &str, most: usize) -> Result<SearchPage, StoreError>;

    /// A record by its number.
    fn get(&self, number: u64) -> Result<Option<Record>, StoreError>;

    /// A delivery by its id; the newest one where the id came twice.
    fn delivery(&self, id: Id) -> Result<Option<DeliveryRecord>, StoreError> {
        let newest = self.find(&id.to_string(), usize::MAX)?.into_iter().max();
        let record = newest.map(|newest| self.get(newest)).transpose()?;
        Ok(record.flatten().and_then(Record::into_delivery))
    }

    /// Numbers of the records whose id starts with that text (`dlv_`, `cap_` or `msg_` and hex digits), at most `limit`.
    fn find(&self, prefix: &str, limit: usize) -> Result<Vec<u64>, StoreError>;

    /// Numbers of the deliveries that failed and are still not delivered, the oldest first, each message once for its
    /// target. Of the query only the moment and the event count.
    fn undelivered(&self, query: &Query) -> Result<Vec<u64>, StoreError>;

    /// Commands that failed and did not succeed since, by the numbers of their captures, of the captures that match. Of the
    /// page only the direction counts.
    fn unprocessed(&self, query: &Query) -> Result<Vec<(u64, Processing)>, StoreError>;

    /// The lanes of the work queue, the oldest first.
    fn lanes(&self) -> Result<Vec<LaneSummary>, StoreError>;

    /// Items of a lane of the work queue after `after`, in order, at most `limit`.
    fn work(&self, lane: Uuid, after: u64, limit: usize) -> Result<Vec<Work>, StoreError>;

    /// Items of a lane whose delivery waits for its next attempt, and which are due, at most `limit`.
    fn due_work(&self, lane: Uuid, now: Timestamp, limit: usize) -> Result<DueWork, StoreError>;

    /// The lanes with work for that capture that was not started.
    fn waiting(&self, capture: u64) -> Result<Vec<Lane>, StoreError>;

    /// The secrets that were left out of captures in the work queue, each once, with the provider of the capture.
    fn sealed_work(&self) -> Result<Vec<(Option<String>, Sealed)>, StoreError>;

    /// Lanes and classes of that owner's queue in which something waits.
    fn queue_lanes(&self, owner: &str) -> Result<Vec<LaneDue>, StoreError>;

    /// How many deliveries that owner's queue has. Costs the same however many there are.
    fn queue_counts(&self, owner: &str) -> Result<QueueCounts, StoreError>;

    /// The paused lanes; an empty name stands for all of them.
    fn paused(&self) -> Result<Vec<String>, StoreError>;

    /// Owners of pending deliveries, living or dead, apart from the durable service.
    fn delivery_owners(&self) -> Result<Vec<String>, StoreError>;

    /// Number, endpoint and URL of the pending deliveries of an owner that are in no queue and that a service may finish, at
    /// most `limit`.
    fn left_by(&self, owner: &str, limit: usize) -> Result<Vec<(u64, Option<String>, String)>, StoreError>;

    /// Why a delivery is parked, and when processes died during its attempts.
    fn trouble(&self, number: u64) -> Result<(Option<ParkReason>, Vec<Timestamp>), StoreError>;

    /// The health of all endpoints for which there is any.
    fn health(&self) -> Result<HealthById, StoreError>;

    /// The notices to the owner of an endpoint, the newest first, at most `limit`.
    fn owner_notices(&self, endpoint: &str, limit: usize) -> Result<Vec<OwnerNotice>, StoreError>;

    /// What a channel of notices has to do by then, the oldest first, at most `limit`.
    fn notice_tasks(&self, channel: NoticeChannel, now: Timestamp, limit: usize)
    -> Result<Vec<NoticeTask>, StoreError>;

    /// How many deliveries of a lane are parked because its endpoint is disabled.
    fn parked(&self, lane: &str) -> Result<u64, StoreError>;

    /// The keys of the API, the oldest first.
    fn api_keys(&self) -> Result<Vec<ApiKeyRecord>, StoreError>;

    /// The lanes in which deliveries are parked for that reason.
    fn parked_lanes(&self, reason: ParkReason) -> Result<Vec<String>, StoreError>;

    /// The newest event with that id. This and the next two: of that tenant, where one is given.
    fn event(&self, tenant: Option<&str>, id: &str) -> Result<Option<EventRecord>, StoreError>;

    /// Ids of events that begin with that text, each once, at most `limit`.
    fn event_ids(&self, tenant: Option<&str>, prefix: &str, limit: usize) -> Result<Vec<String>, StoreError>;

    /// The numbers of deliveries whose id starts with that text, of that tenant alone where one is given.
    fn delivery_numbers(&self, tenant: Option<&str>, prefix: &str, limit: usize) -> Result<Vec<u64>, StoreError>;

    /// Events with a number below `before`, the newest first, at most `limit`.
    fn events(&self, tenant: Option<&str>, before: Option<u64>, limit: usize) -> Result<Vec<EventRecord>, StoreError>;

    /// Another number than before when another process has changed the store since. Costs next to nothing.
    fn version(&self) -> Result<i64, StoreError>;

    /// Statistics of the records that match.
    fn stats(&self, query: &Query) -> Result<Stats, StoreError>;

    /// Drops records older than that moment, and the oldest beyond that many bytes; never deliveries in progress,
    /// nor their events.
    fn prune(&mut self, before: Option<Timestamp>, max_bytes: Option<u64>) -> Result<Pruned, StoreError>;

    /// Drops one record, unless something of it is left to do: a delivery with attempts left, or a capture in the work queue.
    /// Returns whether it was dropped. Its number is not given again.
    fn remove(&mut self, number: u64) -> Result<bool, StoreError>;
}
