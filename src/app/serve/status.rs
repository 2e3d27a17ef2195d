//! How a service does: its live status.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::queue::ServiceQueue;
use crate::clock::Clock as _;

/// How long the counts of the ledger are used.
const COUNTS_KEPT: Duration = Duration::from_secs(1);

/// The time over which a rate is measured.
const RATE_WINDOW: Duration = Duration::from_secs(3);

/// How a service does at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServeStatus {
    /// Events accepted in a second.
    pub events_per_second: f64,
    /// Deliveries in a second.
    pub deliveries_per_second: f64,
    /// Deliveries that wait for an attempt.
    pub waiting: u64,
    /// Attempts in flight.
    pub in_flight: u64,
    /// Deliveries that wait until they are released by hand.
    pub parked: u64,
    /// How long the delivery that is due the longest has waited.
    pub backlog: Option<Duration>,
    /// Endpoints that keep failing.
    pub failing: Vec<String>,
    /// When the next retry is due.
    pub next_retry: Option<Duration>,
}

/// Takes the status again and again, and measures rates between.
#[derive(Debug, Default)]
pub(super) struct StatusSampler {
    /// When, and what the counters of events and deliveries were.
    samples: VecDeque<(Instant, u64, u64)>,
}

impl StatusSampler {
    /// The status now.
    pub(super) fn take(&mut self, queue: &ServiceQueue) -> ServeStatus {
        let (stats, now) = (&queue.stats, queue.clock.now());
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (events, deliveries) = self.rates(Instant::now(), load(&stats.events), load(&stats.delivered));
        let subscribers = queue.book.current();
        let (outlook, failing) = {
            let lanes = queue.lanes();
            (lanes.outlook(now), lanes.failing())
        };
        let name = |lane: &super::lanes::LaneName| match subscribers.of_lane(lane) {
            Some(subscriber) => subscriber.endpoint.name.clone(),
            None => lane.to_string(),
        };
        let mut failing: Vec<String> = failing.iter().map(name).collect();
        failing.sort_unstable();
        ServeStatus {
            events_per_second: events,
            deliveries_per_second: deliveries,
            waiting: load(&stats.waiting),
            in_flight: outlook.in_flight as u64,
            parked: load(&stats.parked),
            backlog: outlook.oldest.map(|at| now.since(at)),
            failing,
            next_retry: outlook.next_retry.map(|at| at.since(now)),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a few digits are shown")]
    fn rates(&mut self, now: Instant, events: u64, deliveries: u64) -> (f64, f64) {
        self.samples.push_back((now, events, deliveries));
        while self.samples.len() > 2 && now - self.samples[1].0 >= RATE_WINDOW {
            self.samples.pop_front();
        }
        let (from, first_events, first_deliveries) = self.samples[0];
        let seconds = (now - from).as_secs_f64();
        let rate = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        (rate(events - first_events), rate(deliveries - first_deliveries))
    }
}

impl ServiceQueue {
    /// Reads the counts of the ledger for the status until `stop`.
    pub(super) async fn keep_counting(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let owner = self.owner.clone();
            // The last counts stay where the ledger cannot be read.
            if let Ok(counts) = self.reader.ask(move |store| store.queue_counts(&owner)).await {
                self.stats.waiting.store(counts.waiting, Ordering::Relaxed);
                self.stats.parked.store(counts.parked, Ordering::Relaxed);
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(COUNTS_KEPT) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_seconds() {
        let (mut sampler, start) = (StatusSampler::default(), Instant::now());
        let mut at = |ms: u64, events: u64| sampler.rates(start + Duration::from_millis(ms), events, 0).0;
        assert!(at(0, 10).abs() < 1e-9);
        assert!((at(1000, 30) - 20.0).abs() < 1e-9);
        assert!(
            (at(4000, 30) - 0.0).abs() < 1e-9,
            "what is older than the window does not count"
        );
        assert!((at(5000, 60) - 7.5).abs() < 1e-9);
    }
}
