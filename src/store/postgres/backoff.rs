//! Paces the connections of this process to a database that is away. All threads share it: each of them would otherwise try again as
//! often as it has something to do.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::fault::Fault;
use crate::random::Random;

/// The wait after the first failure; each further one doubles it.
const FIRST: Duration = Duration::from_millis(50);

/// The longest wait: a server that is back is noticed within that time.
const LONGEST: Duration = Duration::from_secs(2);

/// What is known of the last tries to connect.
#[derive(Debug, Default)]
struct Backoff {
    /// Failures since a new connection was last of use.
    failures: u32,
    /// Before that moment no connection is tried.
    not_before: Option<Instant>,
    /// Why the last one failed.
    why: String,
}

/// One for each database, by role.
static BACKOFFS: Mutex<Option<HashMap<String, Arc<Mutex<Backoff>>>>> = Mutex::new(None);

impl Backoff {
    /// Whether a connection may be tried now; otherwise why the last one failed. While one is tried the others wait for its outcome.
    fn begin(&mut self, now: Instant, unit: f64) -> Result<(), String> {
        if self.not_before.is_some_and(|moment| now < moment) {
            return Err(self.why.clone());
        }
        if self.failures > 0 {
            self.not_before = Some(now + self.wait(unit));
        }
        Ok(())
    }

    /// Others may connect too. Whether the connection is of use is not known yet.
    fn connected(&mut self) {
        self.not_before = None;
    }

    fn failed(&mut self, now: Instant, why: String, unit: f64) {
        self.failures = self.failures.saturating_add(1);
        self.why = why;
        self.not_before = Some(now + self.wait(unit));
    }

    /// Between a half and the whole of the step, so that processes that lost the server at one moment do not return at one moment.
    fn wait(&self, unit: f64) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(16);
        let step = FIRST.saturating_mul(1 << doublings).min(LONGEST);
        step.mul_f64(0.5 + unit / 2.0)
    }
}

/// Connects to the database of that key, unless that failed just now: then the answer is the one of the last try.
pub(super) async fn paced<T>(key: &str, connecting: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let backoff = of_database(key);
    let begun = locked(&backoff).begin(Instant::now(), Random::os().unit());
    begun.map_err(Fault::Lost)?;
    let connected = connecting.await;
    match &connected {
        Ok(_) => locked(&backoff).connected(),
        Err(fault) => note_failure(key, fault),
    }
    connected
}

/// A new connection could not be made, or was of no use: a proxy may accept it, or the server take no writes.
pub(super) fn note_failure(key: &str, fault: &Fault) {
    let unit = Random::os().unit();
    locked(&of_database(key)).failed(Instant::now(), fault.what(), unit);
}

/// A new connection was of use.
pub(super) fn note_success(key: &str) {
    *locked(&of_database(key)) = Backoff::default();
}

fn of_database(key: &str) -> Arc<Mutex<Backoff>> {
    let mut all = BACKOFFS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(all.get_or_insert_default().entry(key.to_owned()).or_default())
}

fn locked(backoff: &Mutex<Backoff>) -> MutexGuard<'_, Backoff> {
    backoff.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_limit() {
        let (mut backoff, mut now) = (Backoff::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..9 {
            assert_eq!(backoff.begin(now, 1.0), Ok(()));
            // Accepted, and of no use.
            backoff.connected();
            backoff.failed(now, "away".to_owned(), 1.0);
            assert_eq!(backoff.begin(now, 1.0), Err("away".to_owned()));
            let moment = backoff.not_before.unwrap();
            waits.push((moment - now).as_millis());
            now = moment;
        }
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 2000, 2000, 2000]);
    }

    #[test]
    fn one_of_several_threads_tries_and_the_others_get_the_last_answer() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        backoff.failed(now, "away".to_owned(), 0.0);
        let later = now + FIRST / 2;
        assert_eq!(backoff.begin(later, 0.0), Ok(()));
        assert_eq!(backoff.begin(later, 0.0), Err("away".to_owned()));
    }

    #[test]
    fn a_first_connection_never_waits() {
        let mut backoff = Backoff::default();
        for _ in 0..3 {
            assert_eq!(backoff.begin(Instant::now(), 1.0), Ok(()));
        }
    }
}
