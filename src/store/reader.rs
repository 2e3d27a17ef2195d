//! Reads beside the writer: one thread with the ledger open for reading, so that a task which needs a record neither
//! blocks the runtime's thread nor waits for the writer.

use std::sync::mpsc::{Sender, channel};
use std::thread;

use uuid::Uuid;

use super::ledger::{OpenedStore, StoreQuery, store_query};
use super::{Capture, DeliveryRecord, DueWork, LaneSummary, Record, Store, StoreError, Work};
use crate::clock::Timestamp;

/// A handle for reading from many tasks. Clones share the thread, which ends with the last one.
#[derive(Clone)]
pub struct LedgerReader(Sender<StoreQuery>);

impl LedgerReader {
    /// Starts the thread. The store is opened with the first query, and again when that failed or when another
    /// file has taken its place.
    pub fn start(mut open: impl FnMut() -> OpenedStore + Send + 'static) -> Self {
        let (queries, queue) = channel::<StoreQuery>();
        let serve = move || {
            let mut store: OpenedStore = Err(StoreError::Closed);
            for query in queue {
                if !matches!(&store, Ok(store) if store.is_current()) {
                    store = open();
                }
                query(&store);
            }
        };
        // Without a thread every query is answered with `Closed`.
        let _ = thread::Builder::new().name("reader".to_owned()).spawn(serve);
        Self(queries)
    }

    /// Runs a query on the reader's thread.
    pub async fn ask<T: Send + 'static>(
        &self,
        query: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (query, answer) = store_query(query);
        self.0.send(query).map_err(|_| StoreError::Closed)?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// The capture of that number; `None` when it was pruned.
    pub async fn capture(&self, number: u64) -> Result<Option<Capture>, StoreError> {
        let record = self.ask(move |store| store.get(number)).await?;
        Ok(record.and_then(Record::into_capture))
    }

    /// The delivery of that number.
    pub async fn delivery(&self, number: u64) -> Result<Option<DeliveryRecord>, StoreError> {
        let record = self.ask(move |store| store.get(number)).await?;
        Ok(record.and_then(Record::into_delivery))
    }

    /// As [`Store::lanes`].
    pub async fn lanes(&self) -> Result<Vec<LaneSummary>, StoreError> {
        self.ask(|store| store.lanes()).await
    }

    /// As [`Store::work`].
    pub async fn work(&self, lane: Uuid, after: u64, limit: usize) -> Result<Vec<Work>, StoreError> {
        self.ask(move |store| store.work(lane, after, limit)).await
    }

    /// As [`Store::due_work`].
    pub async fn due_work(&self, lane: Uuid, now: Timestamp, limit: usize) -> Result<DueWork, StoreError> {
        self.ask(move |store| store.due_work(lane, now, limit)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{capture, record_capture, start};
    use crate::store::{Access, SqliteStore};

    #[tokio::test]
    async fn a_reader_sees_what_is_recorded_and_opens_again_after_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let opened = path.clone();
        let reader = LedgerReader::start(move || Ok(Box::new(SqliteStore::open(&opened, Access::ReadOnly)?)));
        assert!(matches!(reader.capture(1).await, Err(StoreError::Missing(_))));
        let mut store = SqliteStore::open(&path, Access::ReadWrite).unwrap();
        record_capture(&mut store, &capture(start(), "a"));
        let found = reader.capture(1).await.unwrap().unwrap();
        assert_eq!(found.request.event.as_deref(), Some("a"));
        record_capture(&mut store, &capture(start(), "b"));
        assert!(reader.clone().capture(2).await.unwrap().is_some());
        assert_eq!(reader.delivery(2).await, Ok(None));
        assert_eq!(reader.lanes().await, Ok(Vec::new()));
        drop(store);
        std::fs::remove_file(&path).unwrap();
        assert!(
            matches!(reader.capture(1).await, Err(StoreError::Missing(_))),
            "it is gone"
        );
    }
}
