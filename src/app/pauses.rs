//! Pauses of endpoints: a row in the ledger that every process obeys.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::store::{self, LedgerReader, StorePlace};

/// How old the answer of the ledger may be.
const INTERVAL: Duration = Duration::from_secs(1);

/// What is paused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paused(BTreeSet<String>);

impl Paused {
    /// As the ledger has it.
    pub fn new(lanes: Vec<String>) -> Self {
        Self(lanes.into_iter().collect())
    }

    /// Whether everything is paused.
    pub fn is_all(&self) -> bool {
        self.0.contains("")
    }

    /// Whether the endpoint with that id is paused by itself.
    pub fn has(&self, id: &str) -> bool {
        self.0.contains(id)
    }

    /// Whether nothing is delivered to the endpoint with that id.
    pub fn holds(&self, id: &str) -> bool {
        self.is_all() || self.has(id)
    }
}

/// Pauses, read again while they are waited for.
pub struct PauseWatch {
    ledger: LedgerReader,
    seen: Mutex<Option<(Instant, Arc<Paused>)>>,
}

impl PauseWatch {
    /// Those of the ledger at that place.
    pub fn of(ledger: StorePlace) -> Self {
        Self::new(LedgerReader::start(move || store::open_read_only(&ledger)))
    }

    /// Those of a ledger.
    pub fn new(ledger: LedgerReader) -> Self {
        Self {
            ledger,
            seen: Mutex::default(),
        }
    }

    /// What is paused, as it was a second ago or later. Without a ledger nothing is.
    pub async fn current(&self) -> Arc<Paused> {
        let mut seen = self.seen.lock().await;
        if let Some((at, paused)) = &*seen
            && at.elapsed() < INTERVAL
        {
            return Arc::clone(paused);
        }
        let asked = Instant::now();
        let read = self.ledger.ask(|store| store.paused()).await;
        let paused = Arc::new(Paused::new(read.unwrap_or_default()));
        *seen = Some((asked, Arc::clone(&paused)));
        paused
    }

    /// Waits until the endpoint with that id is not paused; with an empty one, until not everything is. Calls `waits` when it
    /// is paused.
    pub async fn resumed(&self, id: &str, waits: impl FnOnce()) {
        if !self.current().await.holds(id) {
            return;
        }
        waits();
        while self.current().await.holds(id) {
            tokio::time::sleep(INTERVAL).await;
        }
    }
}
