//! Who may call the service, and how often: keys of the run, and those of the ledger, which may change meanwhile.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::api::server::{AccessDenied, ApiKey, bearer, check_local};
use crate::digest;
use crate::message::Mode;
use crate::signature::same;
use crate::store::{ApiKeyRecord, LedgerReader};

/// For how long the keys of the ledger are not looked at again: an added one is known, and a revoked one refused, within that time.
const PATIENCE: Duration = Duration::from_millis(250);

/// What a caller may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    /// The same for every call with that key, in this run and in later ones.
    pub(super) id: String,
    /// Whether it may only read.
    pub(super) reads_only: bool,
    /// Of the events that it makes unless it says otherwise; a test key makes no others.
    pub(super) mode: Mode,
    /// The tenant to which it is confined.
    pub(super) tenant: Option<String>,
}

/// A key by its digest: comparing digests takes the same time for every key, whatever its length.
#[derive(Clone)]
struct Key {
    digest: [u8; 32],
    grant: Arc<Grant>,
}

/// Why a call is refused before anything is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallRefused {
    /// By its key or its origin.
    Denied(AccessDenied),
    /// It is one too many; the next one may come after that time.
    TooMany(Duration),
}

/// Who may call, and how often.
pub(super) struct ServiceAccess {
    /// Present: no key is required at that port.
    open: Option<u16>,
    /// Keys of this run.
    of_run: Vec<Key>,
    /// Those of the ledger, where they count.
    stored: Option<Mutex<StoredKeys>>,
    limits: CallLimits,
}

#[derive(Default)]
struct StoredKeys {
    keys: Vec<Key>,
    looked: Option<Instant>,
}

impl ServiceAccess {
    /// The keys of the run, beside those of the ledger where `uses_stored`; without any key it is open at that port.
    pub(super) fn new(of_run: &[ApiKey], port: u16, uses_stored: bool, rate: Option<f64>) -> Self {
        let is_open = of_run.is_empty() && !uses_stored;
        Self {
            open: is_open.then_some(port),
            of_run: of_run.iter().map(Key::of_run).collect(),
            stored: uses_stored.then(Mutex::default),
            limits: CallLimits::new(rate),
        }
    }

    /// What the caller may do. `header` looks up a header of the call.
    pub(super) async fn caller<'h>(
        &self,
        reader: &LedgerReader,
        header: impl Fn(&str) -> Option<&'h [u8]>,
    ) -> Result<Arc<Grant>, CallRefused> {
        let grant = match self.open {
            Some(port) => {
                check_local(port, header("origin"), header("host")).map_err(CallRefused::Denied)?;
                Arc::new(Grant {
                    id: String::new(),
                    reads_only: false,
                    mode: Mode::Live,
                    tenant: None,
                })
            }
            None => {
                let token = bearer(header("authorization")).ok_or(CallRefused::Denied(AccessDenied::NoKey))?;
                let digest = digest::sha256(&[token]);
                self.refresh(reader).await;
                let found = self.find(&digest);
                found.ok_or(CallRefused::Denied(AccessDenied::UnknownKey))?
            }
        };
        self.limits
            .take(&grant.id, Instant::now())
            .map_err(CallRefused::TooMany)?;
        Ok(grant)
    }

    /// Looks which keys the ledger has, unless that was done just now. While the ledger cannot be read, the known ones count:
    /// nothing can be recorded then either.
    pub(super) async fn refresh(&self, reader: &LedgerReader) {
        let Some(stored) = &self.stored else { return };
        {
            let mut stored = locked(stored);
            if stored.looked.is_some_and(|looked| looked.elapsed() < PATIENCE) {
                return;
            }
            stored.looked = Some(Instant::now());
        }
        if let Ok(found) = reader.ask(|store| store.api_keys()).await {
            let keys: Vec<Key> = found.into_iter().map(Key::from).collect();
            self.limits.keep(self.of_run.iter().chain(&keys));
            locked(stored).keys = keys;
        }
    }

    /// How many keys of the ledger are known.
    pub(super) fn stored_keys(&self) -> usize {
        self.stored.as_ref().map_or(0, |stored| locked(stored).keys.len())
    }

    /// Every key is compared, so that the time does not tell which one is near.
    fn find(&self, digest: &[u8; 32]) -> Option<Arc<Grant>> {
        let stored = self.stored.as_ref().map(|stored| locked(stored));
        let stored = stored.iter().flat_map(|stored| &stored.keys);
        let found =
            self.of_run.iter().chain(stored).fold(
                None,
                |found, key| {
                    if same(digest, &key.digest) { Some(key) } else { found }
                },
            );
        found.map(|key| Arc::clone(&key.grant))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Key {
    /// A key that was given for the run. Its id is derived from it, so that it is the same in the next run, in whatever order keys
    /// are given.
    fn of_run(key: &ApiKey) -> Self {
        let (secret, digest) = (key.secret.expose(), digest::sha256(&[key.secret.expose()]));
        let id = hex::encode(digest::sha256(&[b"id of the key ", secret]));
        Self {
            digest,
            grant: Arc::new(Grant {
                id,
                reads_only: false,
                mode: key.mode,
                tenant: None,
            }),
        }
    }
}

impl From<ApiKeyRecord> for Key {
    fn from(key: ApiKeyRecord) -> Self {
        Self {
            digest: key.digest,
            grant: Arc::new(Grant {
                id: key.id,
                reads_only: key.reads_only,
                mode: key.mode,
                tenant: key.tenant,
            }),
        }
    }
}

/// How many calls each key may make: so many in a second, and as many at once after a second without calls.
struct CallLimits {
    rate: Option<f64>,
    left: Mutex<HashMap<String, Allowance>>,
}

/// The calls that a key may make now.
struct Allowance {
    calls: f64,
    at: Instant,
}

impl CallLimits {
    fn new(rate: Option<f64>) -> Self {
        Self {
            rate,
            left: Mutex::default(),
        }
    }

    /// Counts a call. The error is the time after which there may be another one.
    fn take(&self, key: &str, now: Instant) -> Result<(), Duration> {
        let Some(rate) = self.rate else { return Ok(()) };
        let most = rate.max(1.0);
        let mut left = locked(&self.left);
        if !left.contains_key(key) {
            left.insert(key.to_owned(), Allowance { calls: most, at: now });
        }
        let Some(allowance) = left.get_mut(key) else {
            return Ok(());
        };
        let passed = now.saturating_duration_since(allowance.at).as_secs_f64();
        (allowance.calls, allowance.at) = ((allowance.calls + passed * rate).min(most), now);
        if allowance.calls < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - allowance.calls) / rate));
        }
        allowance.calls -= 1.0;
        Ok(())
    }

    /// Forgets keys that are not there any more.
    fn keep<'k>(&self, keys: impl Iterator<Item = &'k Key>) {
        let known: Vec<&str> = keys.map(|key| key.grant.id.as_str()).collect();
        locked(&self.left).retain(|id, _| known.contains(&id.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn a_key_has_as_many_calls_as_its_rate_gives_and_another_key_its_own() {
        let limits = CallLimits::new(Some(10.0));
        let began = Instant::now();
        let take = |key: &str, ms| limits.take(key, began + Duration::from_millis(ms));
        for _ in 0..10 {
            assert_eq!(take("a", 0), Ok(()));
        }
        assert_eq!(take("a", 0), Err(Duration::from_millis(100)));
        assert_eq!(take("b", 0), Ok(()));
        assert_eq!(take("a", 101), Ok(()));
        assert!(take("a", 102).is_err());
        let all = (0..20).filter(|_| take("a", 60_000).is_ok()).count();
        assert_eq!(all, 10, "what is not used is not saved up");
        limits.keep([].iter());
        assert!(locked(&limits.left).is_empty());
        let slow = CallLimits::new(Some(0.5));
        assert_eq!(slow.take("a", began), Ok(()));
        assert_eq!(slow.take("a", began), Err(Duration::from_secs(2)));
        assert_eq!(CallLimits::new(None).take("a", began), Ok(()));
    }

    #[test]
    fn the_id_of_a_key_is_its_own_in_every_run_and_not_its_digest() {
        let key = |text: &str| {
            Key::of_run(&ApiKey {
                secret: Secret::new(text),
                mode: Mode::Live,
            })
        };
        let (a, b) = (key("a"), key("b"));
        assert_eq!(a.grant.id, key("a").grant.id);
        assert_ne!(a.grant.id, b.grant.id);
        assert_ne!(a.grant.id, hex::encode(a.digest));
    }
}
