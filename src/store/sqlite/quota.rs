//! Quotas. Unverified requests have a quota of their own, which is enforced soon after each group that contains some; the
//! limit of the whole ledger is enforced in the same way.

use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::prune::{self, PruneSpeed};
pub(super) use crate::store::encoding::{UNAUTHENTICATED, weight};
use crate::store::{NewCapture, Op, QueueOp};

/// How much of the quota is made free at once, so that not every group has to drop something.
const SHARE_FREED: u64 = 8;

/// How old an exact sum may be while another process writes too.
const EXACT_FOR: Duration = Duration::from_secs(1);

/// Bytes of bodies after which the log is moved into the file, and the size of the ledger is looked at. The log would
/// otherwise grow to its usual length, which is right for small records, beside the records that are dropped.
const LARGE: u64 = 16 * 1024 * 1024;

/// Groups after which the size of the ledger is looked at, however small they are.
const GROUPS: u32 = 256;

/// What is known about unauthenticated captures, and how much was written since the last check.
#[derive(Debug)]
pub(super) struct Quota {
    /// Bytes that unauthenticated captures may take together.
    pub(super) unauthenticated: u64,
    /// Bytes that the whole ledger may take.
    pub(super) total: Option<u64>,
    /// What unauthenticated captures take, as far as this connection knows; absent until there is one.
    sum: Option<QuotaSum>,
    /// Whether the last groups had any.
    met: bool,
    /// No capture of a listener without a secret has a lower number.
    pub(super) unchecked_from: i64,
    /// Bytes and groups since the size of the ledger was looked at.
    bytes: u64,
    groups: u32,
}

#[derive(Debug, Clone, Copy)]
struct QuotaSum {
    bytes: u64,
    counted: Instant,
    /// Another number than now when another connection has written since.
    version: Option<i64>,
}

impl Quota {
    pub(super) fn new(unauthenticated: u64) -> Self {
        Self {
            unauthenticated,
            total: None,
            sum: None,
            met: false,
            unchecked_from: 0,
            bytes: 0,
            groups: 0,
        }
    }

    /// Forgets what is known about the ledger, because the file was replaced.
    pub(super) fn forget(&mut self) {
        (self.sum, self.met, self.unchecked_from) = (None, true, 0);
    }

    /// Counts a group that was written.
    pub(super) fn wrote(&mut self, ops: &[Op]) {
        self.groups = self.groups.saturating_add(1);
        for op in ops {
            self.note(op);
        }
    }

    fn note(&mut self, op: &Op) {
        match op {
            Op::Capture(capture) | Op::ReceiveUnanswered(capture) | Op::Receive { capture, .. } => {
                self.capture(capture);
            }
            Op::Delivery(delivery) | Op::Repeat { delivery, .. } => self.bytes += delivery.message.body.len() as u64,
            Op::Queue(QueueOp::Accept(intake)) => {
                let deliveries = intake.events.iter().flat_map(|event| &event.deliveries);
                let bodies = deliveries.map(|queued| queued.delivery.message.body.len() as u64);
                self.bytes += bodies.sum::<u64>();
            }
            Op::Together(ops) => {
                for op in ops {
                    self.note(op);
                }
            }
            _ => {}
        }
    }

    fn capture(&mut self, capture: &NewCapture) {
        self.bytes += capture.body.len() as u64;
        if UNAUTHENTICATED.contains(&capture.verdict.name.as_str()) {
            self.met = true;
            if let Some(sum) = &mut self.sum {
                // Each line is stored with `: ` and a line feed.
                let lines = capture.headers.iter();
                let headers = lines.map(|(name, value)| name.len() + value.len() + 4).sum();
                sum.bytes += weight(capture, headers) as u64;
            }
        }
    }

    /// Drops what exceeds the limits. Called after every group, it mostly has nothing to do. Returns how many parked deliveries
    /// went.
    pub(super) fn apply(&mut self, connection: &mut Connection) -> rusqlite::Result<u64> {
        if std::mem::take(&mut self.met) {
            self.apply_to_unauthenticated(connection)?;
        }
        if self.bytes < LARGE && self.groups < GROUPS {
            return Ok(0);
        }
        let mut parked = 0;
        let large = self.bytes >= LARGE;
        (self.bytes, self.groups) = (0, 0);
        if let Some(total) = self.total
            && prune::bytes(connection)? > total
        {
            // A little more than needed, so that not every look finds the ledger too large.
            let target = total - total / 64;
            parked = prune::make_room(connection, target, &mut self.unchecked_from, PruneSpeed::FAST)?;
            // Unauthenticated captures were dropped first.
            self.sum = None;
        }
        if large {
            // It fails while another connection reads; the next one will succeed.
            let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        }
        Ok(parked)
    }

    fn apply_to_unauthenticated(&mut self, connection: &mut Connection) -> rusqlite::Result<()> {
        if self.sum(connection)?.bytes <= self.unauthenticated {
            return Ok(());
        }
        // Another process may have dropped some meanwhile, or have added more.
        let exact = self.count(connection)?;
        let target = self.unauthenticated - self.unauthenticated / SHARE_FREED;
        if exact.bytes > self.unauthenticated {
            let freed = prune::drop_unauthenticated(connection, exact.bytes - target)?;
            self.sum = Some(QuotaSum {
                bytes: exact.bytes - freed,
                version: super::close::version(connection),
                ..exact
            });
        }
        Ok(())
    }

    fn sum(&mut self, connection: &Connection) -> rusqlite::Result<QuotaSum> {
        match self.sum {
            Some(sum) if sum.counted.elapsed() < EXACT_FOR || sum.version == super::close::version(connection) => {
                Ok(sum)
            }
            _ => self.count(connection),
        }
    }

    fn count(&mut self, connection: &Connection) -> rusqlite::Result<QuotaSum> {
        let sum = QuotaSum {
            bytes: prune::unauthenticated_bytes(connection)?,
            counted: Instant::now(),
            version: super::close::version(connection),
        };
        self.sum = Some(sum);
        Ok(sum)
    }
}
