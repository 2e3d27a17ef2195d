//! How long records are kept. `hook listen` and `hook serve` drop old ones while they run, so that the ledger stays bounded.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use crate::app::notice::Notices;
use crate::clock::{Clock, Timestamp, human_duration};
use crate::config::Settings;
use crate::store::{self, Access, Pruned, Store, StoreError, StoreOptions, StorePlace};
use crate::text::count;

/// After the start: the first requests come first.
const FIRST: Duration = Duration::from_secs(1);

/// Between one round and the next.
const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RetentionLimits {
    /// Records up to this age.
    pub age: Option<Duration>,
    /// As many of the newest as fit into that many bytes.
    pub size: Option<u64>,
}

impl RetentionLimits {
    /// The settings'. 0 sets no limit: who writes it means that, and not an empty ledger. The size is that of a file: a
    /// database may hold more than the ledger.
    pub fn of(settings: &Settings, place: &StorePlace) -> Self {
        Self {
            age: Some(settings.retention).filter(|age| !age.is_zero()),
            size: Some(settings.max_size).filter(|size| *size > 0 && place.file().is_some()),
        }
    }

    fn apply(self, store: &mut dyn Store, now: Timestamp) -> Result<Pruned, StoreError> {
        store.prune(self.age.map(|age| now.minus(age)), self.size)
    }
}

/// Drops what is beyond the limits, and unverified captures beyond their share.
pub fn prune(ledger: &StorePlace, limits: RetentionLimits, now: Timestamp) -> Result<Pruned, StoreError> {
    let mut store = store::open(ledger, Access::ReadWrite, StoreOptions::default())?;
    limits.apply(&mut *store, now)
}

/// Keeps the ledger of a running program within its limits.
pub struct Retention {
    /// Where the ledger is.
    pub ledger: StorePlace,
    /// What is kept.
    pub limits: RetentionLimits,
    /// When the newest record was made before the program started; set once the ledger is open.
    pub newest: Arc<OnceLock<Option<Timestamp>>>,
    /// For the age of records.
    pub clock: Arc<dyn Clock>,
}

impl Retention {
    /// Drops old records soon and then every hour, in a thread of its own that ends with the process.
    pub fn start(self, notices: &Notices) {
        let (first, notice) = self.first_round();
        if let Some(notice) = notice {
            notices.note(notice);
            notices
                .hint("`hook log prune` drops records at once, `[ledger] retention` in the settings keeps them longer");
        }
        let notices = notices.clone();
        // Without a thread the ledger grows until the next start.
        let _ = thread::Builder::new()
            .name("retention".to_owned())
            .spawn(move || self.run(first, &notices));
    }

    /// When the first round is, and why it waits.
    fn first_round(&self) -> (Duration, Option<String>) {
        let newest = self.newest.get().copied().flatten();
        let age = newest.map(|newest| self.clock.now().since(newest));
        let too_old = age.zip(self.limits.age).filter(|(age, limit)| age > limit);
        let Some((age, limit)) = too_old.filter(|(_, limit)| *limit > FIRST) else {
            return (FIRST, None);
        };
        // Where every record is too old, the clock may be wrong, or this is a copy of a ledger that is kept for reading.
        // A retention of less than an hour is no mistake: it is waited for only as long as it says.
        let first = limit.min(INTERVAL);
        let notice = format!(
            "the newest record of the ledger is {} old and the retention {}: nothing is dropped for {}",
            human_duration(age),
            human_duration(limit),
            human_duration(first)
        );
        (first, Some(notice))
    }

    fn run(&self, first: Duration, notices: &Notices) {
        // Kept open: closing it would move what the listener has just written into the file, and hold up the next request.
        let mut store = None;
        thread::sleep(first);
        loop {
            match self.round(&mut store) {
                Ok(Pruned { parked: 0, .. }) => {}
                Ok(Pruned { parked, .. }) => notices.warn(format!(
                    "the retention dropped {}: what was parked for too long is not delivered",
                    count(parked, "parked delivery")
                )),
                // Tried again in an hour; every use of the ledger reports what is wrong with it anyway.
                Err(_) => store = None,
            }
            thread::sleep(INTERVAL);
        }
    }

    fn round(&self, store: &mut Option<Box<dyn Store>>) -> Result<Pruned, StoreError> {
        // A ledger that was deleted is not created again.
        if !self.ledger.exists() {
            return Ok(Pruned::default());
        }
        if store.as_ref().is_none_or(|store| !store.is_current()) {
            let options = StoreOptions {
                gentle: true,
                ..StoreOptions::default()
            };
            *store = Some(store::open(&self.ledger, Access::ReadWrite, options)?);
        }
        let now = self.clock.now();
        store
            .as_deref_mut()
            .map_or_else(|| Ok(Pruned::default()), |store| self.limits.apply(store, now))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

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
        let ledger = StorePlace::from(folder.path().join("ledger.db"));
        let now = Timestamp::from_unix(1_000_000);
        let keeper = |age| Retention {
            ledger: ledger.clone(),
            limits: RetentionLimits { age, size: None },
            newest: Arc::default(),
            clock: Arc::new(SteppingClock::new(now)),
        };
        let (mut store, day) = (None, Duration::from_secs(86_400));
        let dropped = |age, store: &mut Option<Box<dyn Store>>| keeper(age).round(store).unwrap().records;
        assert_eq!(dropped(Some(day), &mut store), 0, "without a ledger");
        assert!(!ledger.exists());
        let mut writer = store::open(&ledger, Access::ReadWrite, StoreOptions::default()).unwrap();
        let ops: Vec<Op> = (0..100).map(|n| capture(now.minus(day * n))).collect();
        writer.write(&ops).unwrap();
        assert_eq!(dropped(None, &mut store), 0);
        assert_eq!(dropped(Some(day * 30), &mut store), 69);
        assert_eq!(dropped(Some(day), &mut store), 29);
        assert_eq!(writer.list(&Query::default()).unwrap().len(), 2);
    }

    #[test]
    fn nothing_is_dropped_at_first_where_even_the_newest_record_is_too_old() {
        let now = Timestamp::from_unix(10_000_000);
        let day = Duration::from_secs(86_400);
        let first = |newest: Option<u32>, age: Option<Duration>| {
            let retention = Retention {
                ledger: StorePlace::File(PathBuf::new()),
                limits: RetentionLimits { age, size: None },
                newest: Arc::new(OnceLock::from(newest.map(|days| now.minus(day * days)))),
                clock: Arc::new(SteppingClock::new(now)),
            };
            let (first, notice) = retention.first_round();
            assert_eq!(notice.is_some(), first != FIRST);
            first
        };
        let (month, minute) = (day * 30, Duration::from_secs(60));
        for (newest, age, expected) in [
            (Some(31), Some(month), INTERVAL),
            (Some(31), Some(minute), minute),
            (Some(31), Some(Duration::from_millis(1)), FIRST),
            (Some(30), Some(month), FIRST),
            (Some(31), None, FIRST),
            (None, Some(month), FIRST),
        ] {
            assert_eq!(first(newest, age), expected, "{newest:?} {age:?}");
        }
    }
}
