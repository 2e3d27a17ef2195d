//! What the service looks at beside its own work: the book, pauses, what dead processes left. Whenever others may have changed
//! something, which a store may say; a file is looked at once a second.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::queue::ServiceQueue;
use super::subscribers::{REMOVED_LANE, Subscribers};
use crate::app::context::aside;
use crate::clock::Clock as _;
use crate::engine::Witness;
use crate::error::Result;
use crate::store::queue::{HEARTBEAT, Heartbeat, ParkReason, SERVICE};
use crate::store::{self, LaneDue, Op, QueueClass, QueueOp};
use crate::text::count;

/// How long a delivery waits that was in flight when the process died twice: it is then tried alone. In real time whatever
/// the time scale is: processes that are killed one after the other do not die faster.
const SUSPECT_PAUSE: Duration = Duration::from_secs(10);

/// What the machine's clock must have been moved by before it is noted, in microseconds.
const CLOCK_SET_US: u64 = 500_000;

/// Unknown endpoints that are named at once.
const SHOWN: usize = 5;

/// Deliveries of a lane that are parked, cancelled or adopted in one transaction.
const AT_ONCE: usize = 500;

/// What was seen when it was looked last.
#[derive(Default)]
struct Seen {
    /// Of the ledger.
    version: Option<i64>,
    /// Other processes with unfinished deliveries. One that is killed then changes nothing in the ledger.
    others: Vec<String>,
}

impl ServiceQueue {
    /// Whether this is the durable service, and not the mock of a provider.
    pub(super) fn is_durable(&self) -> bool {
        self.owner == SERVICE
    }

    /// Takes over what is left of earlier runs, and learns what waits.
    /// The journal notes answers from now on.
    pub(super) async fn load(&self, time_scale: f64) -> Result<Option<Arc<dyn Witness>>> {
        let mut journal = None;
        if self.is_durable() {
            journal = self.open_journal(time_scale).await?;
            let op = QueueOp::Recover {
                from: SERVICE.to_owned(),
                to: SERVICE.to_owned(),
                now: self.clock.now(),
                pause: SUSPECT_PAUSE,
            };
            let crashed = self.ledger.write(Op::Queue(op)).await?.number;
            if crashed > 0 {
                let what = count(crashed, "delivery");
                self.context.notices.warn(format!(
                    "the last run ended during an attempt of {what}: outcome unknown, tried again"
                ));
            }
            self.adopt().await?;
        }
        self.look().await?;
        Ok(journal)
    }

    /// Looks again and again until `stop`.
    pub(super) async fn watch(&self, stop: &CancellationToken) {
        let (mut seen, mut is_failing) = (Seen::default(), false);
        let mut ahead_us = 0;
        let mut changes = store::changes(&self.context.store_place);
        let mut beat_at = Instant::now() + HEARTBEAT;
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => break,
                () = changes.next() => {}
            }
            let looked = self.turn(&mut seen, &mut ahead_us, &mut beat_at).await;
            if let (Err(error), false) = (&looked, is_failing) {
                self.context
                    .notices
                    .warn(format!("changes of others are not seen: {error}"));
            }
            is_failing = looked.is_err();
        }
    }

    async fn turn(&self, seen: &mut Seen, ahead_us: &mut i64, beat_at: &mut Instant) -> Result<()> {
        if Instant::now() >= *beat_at {
            *beat_at = Instant::now() + HEARTBEAT;
            self.beat(seen).await?;
        }
        self.note_clock(ahead_us).await?;
        self.look_if_changed(seen).await
    }

    /// Renews the lease of this process where the store is shared with other services.
    async fn beat(&self, seen: &mut Seen) -> Result<()> {
        let Heartbeat { was_lost, crashed } = self.ledger.heartbeat(SUSPECT_PAUSE).await?;
        let notices = &self.context.notices;
        if was_lost {
            notices.warn(
                "this process did not renew its lease in time: other processes may have taken its deliveries over",
            );
        }
        if crashed > 0 {
            let what = count(crashed, "delivery");
            notices.warn(format!(
                "a process ended during an attempt of {what}: outcome unknown, tried again"
            ));
        }
        if was_lost || crashed > 0 {
            seen.version = None;
        }
        Ok(())
    }

    /// Notes when the machine's clock was set: deliveries are due by one that is not, which other processes do not have.
    async fn note_clock(&self, known_us: &mut i64) -> Result<()> {
        let ahead_us = self.context.now().unix_us() - self.clock.now().unix_us();
        if ahead_us.abs_diff(*known_us) >= CLOCK_SET_US {
            let owner = self.owner.clone();
            self.ledger.write(Op::Queue(QueueOp::Clock { owner, ahead_us })).await?;
            *known_us = ahead_us;
        }
        Ok(())
    }

    async fn look_if_changed(&self, seen: &mut Seen) -> Result<()> {
        // The key may be right again.
        if self.book.current().locked().next().is_some() {
            self.book.outdate();
        }
        let version = Some(self.reader.ask(|store| store.version()).await?);
        if seen.version != version || seen.others.iter().any(|owner| !self.is_alive(owner)) {
            if self.is_durable() {
                seen.others = self.adopt().await?;
            }
            self.look().await?;
            // Not before: what could not be looked at is looked at again.
            seen.version = version;
            return Ok(());
        }
        if self.book.is_stale(Duration::ZERO) {
            self.look().await?;
        }
        Ok(())
    }

    /// Learns which lanes have something, are paused, or are closed.
    async fn look(&self) -> Result<()> {
        let owner = self.owner.clone();
        let (waiting, paused, locked, disabled) = self
            .reader
            .ask(move |store| {
                let locked = store.parked_lanes(ParkReason::Locked)?;
                let disabled = store.parked_lanes(ParkReason::Disabled)?;
                Ok((store.queue_lanes(&owner)?, store.paused()?, locked, disabled))
            })
            .await?;
        // After that: an endpoint for which something waits is known by then.
        let book = Arc::clone(&self.book);
        aside(&self.context, move |_| book.look()).await?;
        let subscribers = self.subscribers().await?;
        {
            let mut lanes = self.lanes();
            lanes.pause_all(paused.iter().any(String::is_empty));
            lanes.pause_only(&paused);
            for LaneDue { lane, class, due } in &waiting {
                lanes.add(lane, *class, *due);
            }
        }
        // Lanes of endpoints that this book does not have stay closed: another project's book may have them.
        self.apply_endpoints();
        self.wake.notify_one();
        let with_work: BTreeSet<String> = waiting.into_iter().map(|waiting| waiting.lane).collect();
        if subscribers.generation.is_some() {
            self.cancel_removed(with_work.iter().chain(&locked).chain(&disabled), &subscribers)
                .await?;
        } else {
            self.note_unknown(&with_work, &subscribers);
        }
        for lane in with_work {
            let subscriber = subscribers.of_lane(&lane);
            if let Some(subscriber) = subscriber.filter(|subscriber| !subscriber.takes_deliveries()) {
                let reason = if subscriber.endpoint.is_active() {
                    ParkReason::Locked
                } else {
                    ParkReason::Disabled
                };
                self.empty(|| QueueOp::ParkLane {
                    owner: self.owner.clone(),
                    lane: lane.clone(),
                    reason,
                    enabled_at: subscriber.endpoint.enabled_at,
                    limit: AT_ONCE,
                })
                .await?;
            }
        }
        let unlocked = |lane: &String| {
            subscribers
                .of_lane(lane)
                .is_some_and(|subscriber| !subscriber.is_locked())
        };
        for lane in locked.into_iter().filter(unlocked) {
            self.release_locked(lane).await?;
        }
        Ok(())
    }

    /// Releases what waits for a secret that can be decrypted again.
    async fn release_locked(&self, lane: String) -> Result<()> {
        let due = self.clock.now();
        self.empty(|| QueueOp::ReleaseLane {
            lane: lane.clone(),
            reason: ParkReason::Locked,
            due,
            limit: AT_ONCE,
        })
        .await?;
        let mut lanes = self.lanes();
        lanes.add(&lane, QueueClass::First, due);
        lanes.add(&lane, QueueClass::Retry, due);
        drop(lanes);
        self.wake.notify_one();
        Ok(())
    }

    /// Cancels what came back or came late for endpoints that were removed. They were in the same store, so that no other book has them.
    async fn cancel_removed(&self, lanes: impl Iterator<Item = &String>, known: &Subscribers) -> Result<()> {
        let removed: BTreeSet<&String> = lanes.filter(|lane| known.is_removed(lane)).collect();
        if removed.is_empty() {
            return Ok(());
        }
        // One of them may just have been added.
        let subscribers = self.renewed(known).await?;
        let still = |lane: &&&String| subscribers.generation.is_some() && subscribers.is_removed(lane);
        for lane in removed.iter().filter(still) {
            self.empty(|| QueueOp::CancelLane {
                lane: (*lane).clone(),
                limit: AT_ONCE,
            })
            .await?;
        }
        Ok(())
    }

    /// Reports once for which endpoints something waits that the book does not have. It is not cancelled: another project's
    /// book may have them, and a person may be about to save the file.
    fn note_unknown(&self, with_work: &BTreeSet<String>, subscribers: &Subscribers) {
        let unknown = with_work.iter().filter(|lane| subscribers.is_removed(lane));
        let unknown: BTreeSet<String> = unknown.cloned().collect();
        let mut known = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<&str> = unknown.difference(&known).map(String::as_str).take(SHOWN).collect();
        if !new.is_empty() {
            let (book, notices) = (self.context.book(), &self.context.notices);
            let what = format!(
                "deliveries wait for endpoints that `{}` does not have",
                book.path().display()
            );
            notices.warn(format!("{what}: {}", new.join(", ")));
            notices.hint("put them back there, or deliver by hand: `hook replay ID --to URL`");
        }
        *known = unknown;
    }

    /// Repeats a change of a lane until it changes nothing.
    async fn empty(&self, op: impl Fn() -> QueueOp) -> Result<()> {
        while self.ledger.write(Op::Queue(op())).await?.number > 0 {}
        Ok(())
    }

    /// Whether the process with that lease is still running.
    fn is_alive(&self, owner: &str) -> bool {
        self.context.owners().is_alive(owner)
    }

    /// Takes over what dead processes left. Returns the other owners, which are alive.
    async fn adopt(&self) -> Result<Vec<String>> {
        let mut alive = Vec::new();
        for owner in self.reader.ask(|store| store.delivery_owners()).await? {
            if owner == self.owner {
                continue;
            }
            if self.is_alive(&owner) {
                alive.push(owner);
                continue;
            }
            let op = QueueOp::Recover {
                from: owner.clone(),
                to: self.owner.clone(),
                now: self.clock.now(),
                pause: SUSPECT_PAUSE,
            };
            self.ledger.write(Op::Queue(op)).await?;
            while self.adopt_some(&owner).await? {}
        }
        Ok(alive)
    }

    /// Enters some of what that owner left. Returns whether there was something.
    async fn adopt_some(&self, owner: &str) -> Result<bool> {
        let from = owner.to_owned();
        let left = self.reader.ask(move |store| store.left_by(&from, AT_ONCE)).await?;
        if left.is_empty() {
            return Ok(false);
        }
        let subscribers = self.book.current();
        let deliveries = left
            .into_iter()
            .map(|(number, endpoint, url)| (number, subscribers.lane(endpoint.as_deref(), &url)))
            // What goes to an endpoint that this book does not have stays pending for `hook replay --resume`.
            .filter(|(_, lane)| !lane.starts_with(REMOVED_LANE));
        let op = QueueOp::Adopt {
            from: owner.to_owned(),
            to: self.owner.clone(),
            deliveries: deliveries.collect(),
            now: self.clock.now(),
        };
        Ok(self.ledger.write(Op::Queue(op)).await?.number > 0)
    }
}
