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
        // Kept open: closing it would move what the listener has just written into the file, and hold up the next request.
        let mut store = None;
        thread::sleep(FIRST);
        loop {
            if self.round(&mut store).is_err() {
                store = None;
            }
            thread::sleep(INTERVAL);
        }
    }

    fn round(&self, store: &mut Option<SqliteStore>) -> Result<u64, StoreError> {
        if store.is_none() {
            // A ledger that was taken away is not made again.
            if !self.ledger.exists() {
                return Ok(0);
            }
            let opened = store.insert(SqliteStore::open(&self.ledger, Access::ReadWrite)?);
            opened.prune_gently();
        }
        let now = self.clock.now();
        store.as_mut().map_or(Ok(0), |store| self.limits.apply(store, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SteppingClock;
    use crate::id::{Id, IdKind};
    use crate::random::Random;
    use crate::store::{NewCapture, Op, Query, VerdictNote};

    fn capture(at: Timestamp) -> Op {
        Op::Capture(Box::new(NewCapture {
            id: Id::new(IdKind::Capture, at, &Random::os()),
            at,
            method: "POST".into(),
            target: "/".into(),
            headers: crate::headers::Headers::new(),
            body: bytes::Bytes::new(),
            remote: "127.0.0.1:1".into(),
            provider: None,
            event: None,
            event_id: None,
            verdict: VerdictNote::default(),
            status: 200,
            dedupe_key: None,
            workflow: None,
        }))
    }

    #[test]
    fn each_round_drops_what_is_too_old_by_then_and_no_limit_drops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger.db");
        let now = Timestamp::from_unix(1_000_000);
        let keeper = |age| Keeper {
            ledger: ledger.clone(),
            limits: Limits { age, size: None },
            clock: Arc::new(SteppingClock::new(now)),
        };
        let (mut store, day) = (None, Duration::from_secs(86_400));
        assert_eq!(keeper(Some(day)).round(&mut store), Ok(0), "without a ledger");
        assert!(!ledger.exists());
        let mut writer = SqliteStore::open(&ledger, Access::ReadWrite).unwrap();
        let ops: Vec<Op> = (0..100).map(|n| capture(now.minus(day * n))).collect();
        writer.write(&ops).unwrap();
        assert_eq!(keeper(None).round(&mut store), Ok(0));
        assert_eq!(keeper(Some(day * 30)).round(&mut store), Ok(69));
        assert_eq!(keeper(Some(day)).round(&mut store), Ok(29));
        assert_eq!(writer.list(&Query::default()).unwrap().len(), 2);
    }
}
