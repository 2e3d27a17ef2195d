//! How long records are kept. `hook listen` drops old ones while it runs, so that a ledger does not grow for ever.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::clock::{Clock, Timestamp};
use crate::config::Settings;
use crate::session::Session;
use crate::store::{Access, SqliteStore, Store, StoreError};

/// After the start: the first requests come first.
const FIRST: Duration = Duration::from_secs(1);

/// Between one round and the next.
const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Records up to this age.
    pub age: Option<Duration>,
    /// As many of the newest as fit into that many bytes.
    pub size: Option<u64>,
}

impl Limits {
    /// The settings'. 0 sets no limit: who writes it means that, and not an empty ledger.
    pub fn of(settings: &Settings) -> Self {
        Self {
            age: Some(settings.retention).filter(|age| !age.is_zero()),
            size: Some(settings.max_size).filter(|size| *size > 0),
        }
    }

    /// Drops what is beyond the limits, and refused captures beyond their share. Returns how many records went.
    pub fn apply(self, store: &mut dyn Store, now: Timestamp) -> Result<u64, StoreError> {
        store.prune(self.age.map(|age| now.minus(age)), self.size)
    }
}

/// Drops old records soon and then every hour, in a thread of its own that ends with the process. It says nothing: what
/// fails now is tried again in an hour, and whoever records meanwhile learns by himself what is wrong with the ledger.
pub fn start(session: &Session) {
    let keeper = Keeper {
        ledger: session.ledger_path.clone(),
        limits: Limits::of(&session.settings),
        clock: Arc::clone(&session.clock),
    };
    // Without a thread the ledger grows until the next start.
    let _ = thread::Builder::new()
        .name("retention".to_owned())
        .spawn(move || keeper.keep());
}

struct Keeper {
    ledger: PathBuf,
    limits: Limits,
    clock: Arc<dyn Clock>,
}

impl Keeper {
    fn keep(&self) {
        let mut wait = FIRST;
        loop {
            thread::sleep(wait);
            let _ = self.round();
            wait = INTERVAL;
        }
    }

    /// A connection of its own, and only while it is used.
    fn round(&self) -> Result<u64, StoreError> {
        let mut store = SqliteStore::open(&self.ledger, Access::ReadWrite)?;
        self.limits.apply(&mut store, self.clock.now())
    }
}
