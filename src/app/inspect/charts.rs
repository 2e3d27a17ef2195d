//! Figures over time: requests a minute by verdict, and how long attempts took.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::percentile::nearest_rank;
use crate::store::{Query, QueryPage, RecordKind, Store, Summary};
use crate::text::serialize_millis_if_any;

/// Records that are read, at most: the newest ones.
const MOST: usize = 20_000;

/// Minutes that are shown.
const MINUTES: u64 = 60;

/// What happened in one minute.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Minute {
    /// Its first moment.
    pub at: Timestamp,
    /// Requests that came, by the name of their verdict.
    pub received: BTreeMap<String, u64>,
    /// Deliveries, by their states.
    pub deliveries: BTreeMap<String, u64>,
    /// Half of the attempts took no longer.
    #[serde(rename = "p50_ms", serialize_with = "serialize_millis_if_any")]
    pub p50: Option<Duration>,
    /// 99 in 100 of the attempts took no longer.
    #[serde(rename = "p99_ms", serialize_with = "serialize_millis_if_any")]
    pub p99: Option<Duration>,
}

/// The minutes of the hour before the newest record in which something happened, the oldest first.
pub fn minutes(store: &dyn Store) -> Result<Vec<Minute>> {
    let newest = store.list(&Query {
        page: QueryPage::newest(1),
        ..Query::default()
    })?;
    let Some(newest) = newest.first() else {
        return Ok(Vec::new());
    };
    let found = store.list(&Query {
        since: Some(newest.at.minus(Duration::from_secs(MINUTES * 60))),
        page: QueryPage::newest(MOST),
        ..Query::default()
    })?;
    Ok(by_minute(&found))
}

fn by_minute(found: &[Summary]) -> Vec<Minute> {
    let mut minutes: BTreeMap<i64, (Minute, Vec<Duration>)> = BTreeMap::new();
    for summary in found {
        let start = summary.at.unix().div_euclid(60) * 60;
        let (minute, took) = minutes.entry(start).or_default();
        let counts = match summary.kind {
            RecordKind::Capture => &mut minute.received,
            RecordKind::Delivery => &mut minute.deliveries,
        };
        *counts.entry(summary.state.clone()).or_default() += 1;
        took.extend(summary.took);
    }
    let finished = minutes.into_iter().map(|(start, (minute, mut took))| {
        took.sort_unstable();
        let percentile = |share| {
            let rank = nearest_rank(took.len() as u64, share)?;
            took.get(usize::try_from(rank).ok()?).copied()
        };
        Minute {
            at: Timestamp::from_unix(start),
            p50: percentile(0.5),
            p99: percentile(0.99),
            ..minute
        }
    });
    finished.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{after, answered, capture, delivery, record_capture, record_delivery, refused};
    use crate::store::{NewDelivery, SqliteStore};

    #[test]
    fn an_hour_is_divided_into_minutes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let mut store = SqliteStore::open(&path, crate::store::Access::ReadWrite).unwrap();
        assert_eq!(minutes(&store).unwrap(), []);
        record_capture(&mut store, &capture(after(1), "a"));
        record_capture(&mut store, &capture(after(100), "a"));
        record_capture(&mut store, &refused(after(100)));
        let attempts = vec![answered(1, after(101), 200, Duration::from_millis(7))];
        record_delivery(
            &mut store,
            &NewDelivery {
                attempts,
                ..delivery(after(101), "a")
            },
        );
        let found = minutes(&store).unwrap();
        assert_eq!(found.len(), 2, "the first one is more than an hour old");
        assert_eq!(found[0].received.values().sum::<u64>(), 2);
        assert_eq!(found[1].p99, Some(Duration::from_millis(7)));
    }
}
