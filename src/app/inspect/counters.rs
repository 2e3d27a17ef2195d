//! The counters above a live list.

use std::time::Duration;

use serde::Serialize;

use crate::app::context::Context;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::percentile::nearest_rank;
use crate::store::{DeliveryState, Query, QueryPage, Record, RecordKind, Store};
use crate::text::serialize_millis_if_any;

/// Deliveries whose times make up the percentiles: the newest ones.
const TIMED: usize = 500;

/// Waiting deliveries whose next attempt is looked up: the newest ones.
const WAITING: usize = 50;

/// What the ledger holds, counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Counters {
    /// Requests that came.
    pub received: u64,
    /// Requests with a valid signature.
    pub verified: u64,
    /// Requests of which only the token was right.
    pub token_only: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Requests of an event that was there before.
    pub duplicates: u64,
    /// Deliveries that succeeded, forwards included.
    pub delivered: u64,
    /// Deliveries without an attempt left.
    pub failed: u64,
    /// Deliveries with attempts left.
    pub waiting: u64,
    /// Deliveries that wait until they are released by hand.
    pub parked: u64,
    /// When the next attempt is due.
    pub next_due: Option<Timestamp>,
    /// Half of the latest attempts took no longer.
    #[serde(rename = "p50_ms", serialize_with = "serialize_millis_if_any")]
    pub p50: Option<Duration>,
    /// 99 in 100 of the latest attempts took no longer.
    #[serde(rename = "p99_ms", serialize_with = "serialize_millis_if_any")]
    pub p99: Option<Duration>,
    /// Whether everything is paused.
    pub paused: bool,
    /// The latest deliveries that failed, in percent of those that came to an end; absent when none did.
    pub failing: Option<u64>,
}

/// Counts. The health is that of deliveries to URLs that begin with `target`, or of all. Reads every record once, so that a
/// caller should not count all the time.
pub fn counters(context: &Context, store: &dyn Store, target: Option<&str>) -> Result<Counters> {
    let stats = store.stats(&Query::default())?;
    let mut latest = store.list(&Query {
        kind: Some(RecordKind::Delivery),
        page: QueryPage::newest(TIMED),
        ..Query::default()
    })?;
    let is_meant = |url: &str| target.is_none_or(|target| url.starts_with(target.trim_end_matches('/')));
    latest.retain(|summary| is_meant(&summary.target));
    let mut took: Vec<Duration> = latest.iter().filter_map(|summary| summary.took).collect();
    took.sort_unstable();
    let percentile = |share| {
        let rank = nearest_rank(took.len() as u64, share)?;
        took.get(usize::try_from(rank).ok()?).copied()
    };
    let ended = |state: DeliveryState| latest.iter().filter(|one| one.state == state.name()).count() as u64;
    let (delivered, failed) = (ended(DeliveryState::Delivered), ended(DeliveryState::Failed));
    Ok(Counters {
        received: stats.captures,
        verified: stats.verified.saturating_sub(stats.token_only),
        token_only: stats.token_only,
        refused: stats.refused,
        duplicates: stats.duplicates,
        delivered: stats.delivered,
        failed: stats.failed,
        waiting: stats.pending,
        parked: stats.parked,
        next_due: if stats.pending > 0 { next_due(store)? } else { None },
        p50: percentile(0.5),
        p99: percentile(0.99),
        paused: context.paused().is_all(),
        failing: (failed * 100).checked_div(delivered + failed),
    })
}

fn next_due(store: &dyn Store) -> Result<Option<Timestamp>> {
    let waiting = store.list(&Query {
        state: Some(DeliveryState::Pending),
        page: QueryPage::newest(WAITING),
        ..Query::default()
    })?;
    let mut first: Option<Timestamp> = None;
    for summary in waiting {
        if let Some(Record::Delivery(record)) = store.get(summary.number)? {
            let due = record.delivery.next_due;
            first = match (first, due) {
                (Some(first), Some(due)) => Some(first.min(due)),
                (first, due) => first.or(due),
            };
        }
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::inspect::tests::context;
    use crate::store::conformance::{
        after, answered, capture, delivery, record_capture, record_delivery, refused, start,
    };
    use crate::store::{Access, NewDelivery, SqliteStore};

    #[test]
    fn requests_deliveries_and_the_next_attempt_are_counted() {
        let (context, _folder) = context();
        let mut store = SqliteStore::open(context.store_place.file().unwrap(), Access::ReadWrite).unwrap();
        assert_eq!(counters(&context, &store, None).unwrap(), Counters::default());
        let mut token = capture(start(), "a");
        token.verdict.name = "token-only".to_owned();
        for capture in [capture(start(), "a"), token, refused(start())] {
            record_capture(&mut store, &capture);
        }
        for (state, minute) in [(DeliveryState::Delivered, 1), (DeliveryState::Failed, 2)] {
            let attempts = vec![answered(1, after(minute), 200, Duration::from_millis(minute * 10))];
            record_delivery(
                &mut store,
                &NewDelivery {
                    state,
                    attempts,
                    ..delivery(after(minute), "b")
                },
            );
        }
        for minute in [9, 5, 7] {
            let next_due = Some(after(minute));
            record_delivery(
                &mut store,
                &NewDelivery {
                    next_due,
                    ..delivery(start(), "b")
                },
            );
        }
        let found = counters(&context, &store, None).unwrap();
        assert_eq!(
            (found.received, found.verified, found.token_only, found.refused),
            (3, 1, 1, 1)
        );
        assert_eq!((found.delivered, found.failed, found.waiting), (1, 1, 3));
        assert_eq!(found.next_due, Some(after(5)));
        assert_eq!(found.p50, Some(Duration::from_millis(10)));
        assert_eq!(found.p99, Some(Duration::from_millis(20)));
        assert_eq!(found.failing, Some(50));
        let elsewhere = counters(&context, &store, Some("http://127.0.0.1:1/")).unwrap();
        assert_eq!((elsewhere.p50, elsewhere.failing), (None, None));
        assert_eq!(elsewhere.delivered, 1, "records are counted wherever they went");
    }
}
