//! What the service looks at beside its own work: the book, pauses, what dead processes left. Once a second, so that changes of
//! other processes count within that time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::queue::ServiceQueue;
use super::subscribers::REMOVED_LANE;
use crate::app::context::aside;
use crate::clock::Clock as _;
use crate::engine::Witness;
use crate::error::Result;
use crate::store::queue::{ParkReason, SERVICE};
use crate::store::{LaneDue, Lease, Op, QueueClass, QueueOp};
use crate::text::count;

/// How often other processes' changes are looked for.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long a delivery waits that was in flight when the process died twice: it is then tried alone.
const SUSPECT_PAUSE: Duration = Duration::from_secs(10);

/// Deliveries of a lane that are parked, cancelled or adopted in one transaction.
const AT_ONCE: usize = 500;

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
                pause: SUSPECT_PAUSE.div_f64(time_scale),
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
        let (mut version, mut is_failing) = (None, false);
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(INTERVAL) => {}
            }
            let looked = self.look_if_changed(&mut version).await;
            if let (Err(error), false) = (&looked, is_failing) {
                self.context
                    .notices
                    .warn(format!("changes of others are not seen: {error}"));
            }
            is_failing = looked.is_err();
        }
    }

    async fn look_if_changed(&self, known: &mut Option<i64>) -> Result<()> {
        // The key may be right again.
        if self.book.current().locked().next().is_some() {
            self.book.outdate();
        }
        let version = self.reader.ask(|store| store.version()).await?;
        if *known != Some(version) {
            *known = Some(version);
            if self.is_durable() {
                self.adopt().await?;
            }
            return self.look().await;
        }
        if self.book.is_stale(Duration::ZERO) {
            self.look().await?;
        }
        Ok(())
    }

    /// Learns which lanes have something, are paused, or are closed.
    async fn look(&self) -> Result<()> {
        let owner = self.owner.clone();
        let (waiting, paused, locked) = self
            .reader
            .ask(move |store| {
                let locked = store.parked_lanes(ParkReason::Locked)?;
                Ok((store.queue_lanes(&owner)?, store.paused()?, locked))
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

    /// Repeats a change of a lane until it changes nothing.
    async fn empty(&self, op: impl Fn() -> QueueOp) -> Result<()> {
        while self.ledger.write(Op::Queue(op())).await?.number > 0 {}
        Ok(())
    }

    /// Takes over what dead processes left.
    async fn adopt(&self) -> Result<()> {
        for owner in self.reader.ask(|store| store.delivery_owners()).await? {
            if owner == self.owner || Lease::is_alive(&self.context.ledger_path, &owner) {
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
        Ok(())
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
        };
        Ok(self.ledger.write(Op::Queue(op)).await?.number > 0)
    }
}
