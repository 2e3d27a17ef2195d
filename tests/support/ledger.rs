//! What is in a sandbox's ledger, read through the library.

use hook::internals::store::{Access, Capture, DeliveryRecord, Query, QueryPage, Record, SqliteStore, Store as _};

use super::Sandbox;

impl Sandbox {
    /// Every record, the oldest first.
    #[track_caller]
    pub(crate) fn records(&self) -> Vec<Record> {
        let path = self.state("ledger.db");
        if !path.exists() {
            return Vec::new();
        }
        let store = SqliteStore::open(path, Access::ReadOnly).expect("the ledger opens");
        let all = Query {
            page: QueryPage {
                limit: usize::MAX,
                oldest_first: true,
                ..Query::default().page
            },
            ..Query::default()
        };
        let found = store.list(&all).expect("the ledger lists");
        let record = |number| store.get(number).expect("the ledger reads").expect("a record");
        found.iter().map(|summary| record(summary.number)).collect()
    }

    /// Every capture, the oldest first.
    #[track_caller]
    pub(crate) fn captures(&self) -> Vec<Capture> {
        let capture = |record| match record {
            Record::Capture(capture) => Some(*capture),
            Record::Delivery(_) => None,
        };
        self.records().into_iter().filter_map(capture).collect()
    }

    /// Every delivery, the oldest first.
    #[track_caller]
    pub(crate) fn deliveries(&self) -> Vec<DeliveryRecord> {
        let delivery = |record| match record {
            Record::Delivery(delivery) => Some(*delivery),
            Record::Capture(_) => None,
        };
        self.records().into_iter().filter_map(delivery).collect()
    }
}
