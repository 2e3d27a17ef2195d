//! Reading beside the writer: one thread that has the ledger open for reading, so that a task which needs a record neither
//! waits for the disk on the runtime's thread nor holds up the writer.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use tokio::sync::oneshot;

use super::{Capture, DeliveryRecord, LaneSummary, Record, Store, StoreError, Work};
use uuid::Uuid;

type ReaderJob = Box<dyn FnOnce(&Result<Box<dyn Store>, StoreError>) + Send>;

/// A handle for reading from many tasks. Clones share the thread, which ends with the last one.
#[derive(Clone)]
pub struct LedgerReader(Sender<ReaderJob>);

impl LedgerReader {
    /// Starts the thread. The store is opened with the first question, and again when that failed or when another
    /// file has taken its place.
    pub fn start(open: impl FnMut() -> Result<Box<dyn Store>, StoreError> + Send + 'static) -> Self {
        let (questions, queue) = channel();
        // Without a thread every question is answered with `Closed`.
        let _ = thread::Builder::new()
            .name("reader".to_owned())
            .spawn(move || serve(open, &queue));
        Self(questions)
    }

    /// Asks the store something.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let question: ReaderJob = Box::new(move |store| {
            let found = store
                .as_ref()
                .map_err(Clone::clone)
                .and_then(|store| question(store.as_ref()));
            // Whoever has stopped waiting needs no answer.
            let _ = answer.send(found);
        });
        self.0.send(question).map_err(|_| StoreError::Closed)?;
        answered.await.unwrap_or(Err(StoreError::Closed))
    }

    /// The capture of that number; `None` when it was pruned.
    pub async fn capture(&self, number: u64) -> Result<Option<Capture>, StoreError> {
        let record = self.ask(move |store| store.get(number)).await?;
        Ok(match record {
            Some(Record::Capture(capture)) => Some(*capture),
            _ => None,
        })
    }

    /// The delivery of that number.
    pub async fn delivery(&self, number: u64) -> Result<Option<DeliveryRecord>, StoreError> {
        let record = self.ask(move |store| store.get(number)).await?;
        Ok(match record {
            Some(Record::Delivery(delivery)) => Some(*delivery),
            _ => None,
        })
    }

    /// As [`Store::lanes`].
    pub async fn lanes(&self) -> Result<Vec<LaneSummary>, StoreError> {
        self.ask(|store| store.lanes()).await
    }

    /// As [`Store::work`].
    pub async fn work(&self, lane: Uuid, after: u64, limit: usize) -> Result<Vec<Work>, StoreError> {
        self.ask(move |store| store.work(lane, after, limit)).await
    }
}

fn serve(mut open: impl FnMut() -> Result<Box<dyn Store>, StoreError>, queue: &Receiver<ReaderJob>) {
    let mut store: Result<Box<dyn Store>, StoreError> = Err(StoreError::Closed);
    while let Ok(question) = queue.recv() {
        if !store.as_ref().is_ok_and(|store| store.is_current()) {
            store = open();
        }
        question(&store);
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
