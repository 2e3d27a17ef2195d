//! The engine's gate: before each attempt it checks whether the endpoint is active and not paused, since this process or another
//! one may disable, remove or pause it while a retry waits.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::app::notice::Notices;
use crate::app::pauses::PauseWatch;
use crate::endpoints::{BookWatch, Endpoint};
use crate::engine::{Boxed, Gate, Label};
use crate::exchange::Source;

/// How long changes of the health of endpoints by other processes may go unseen.
const INTERVAL: Duration = Duration::from_secs(1);

/// Admits deliveries to active endpoints, and those to plain URLs.
pub struct EndpointGate {
    book: Arc<BookWatch>,
    /// Ids of endpoints by the name at their first delivery: a renamed endpoint keeps its id.
    met: Mutex<HashMap<String, String>>,
    pauses: PauseWatch,
    /// Endpoints that are known to be paused.
    waited_for: Mutex<HashSet<String>>,
    notices: Notices,
}

impl EndpointGate {
    /// A gate for the endpoints of that file, which tells when a delivery waits for one that is paused.
    pub fn new(book: Arc<BookWatch>, pauses: PauseWatch, notices: Notices) -> Self {
        Self {
            book,
            met: Mutex::default(),
            pauses,
            waited_for: Mutex::default(),
            notices,
        }
    }

    /// The endpoints; when the file cannot be read, as they were.
    async fn endpoints(&self) -> Option<Arc<[Endpoint]>> {
        if let Some(current) = self.book.current_within(INTERVAL) {
            return Some(current);
        }
        let watch = Arc::clone(&self.book);
        let read = tokio::task::spawn_blocking(move || {
            watch.look().ok()?;
            watch.read().ok().map(|read| read.endpoints)
        });
        read.await.ok().flatten()
    }

    /// The id of the endpoint that has that name, or had it at its first delivery.
    async fn id(&self, name: &str) -> Option<String> {
        let endpoints = self.endpoints().await?;
        let named = endpoints.iter().find(|endpoint| endpoint.name == name);
        let met = || lock(&self.met).get(name).cloned();
        named.map(|endpoint| endpoint.id.clone()).or_else(met)
    }

    fn report_pause(&self, name: &str) {
        if lock(&self.waited_for).insert(name.to_owned()) {
            let notice = format!("endpoint `{name}` is paused: deliveries to it wait");
            self.notices.note(notice);
            let hint = format!("`hook endpoints resume {name}` lets them go on, or `--all` where everything is paused");
            self.notices.hint(hint);
        }
    }

    fn is_active(&self, name: &str, endpoints: &[Endpoint]) -> bool {
        let mut met = lock(&self.met);
        if let Some(endpoint) = endpoints.iter().find(|endpoint| endpoint.name == name) {
            if met.get(name) != Some(&endpoint.id) {
                met.insert(name.to_owned(), endpoint.id.clone());
            }
            return endpoint.is_active();
        }
        let renamed = |id: &String| endpoints.iter().find(|endpoint| endpoint.id == *id);
        met.get(name).and_then(renamed).is_some_and(Endpoint::is_active)
    }
}

impl Gate for EndpointGate {
    fn admits<'a>(&'a self, label: &'a Label) -> Boxed<'a, bool> {
        Box::pin(async move {
            let Some(name) = guarded(label) else { return true };
            // When the file cannot be read, the decision at the delivery's creation stands.
            self.endpoints().await.is_none_or(|all| self.is_active(name, &all))
        })
    }

    fn released<'a>(&'a self, label: &'a Label) -> Boxed<'a, ()> {
        Box::pin(async move {
            if let Some(name) = guarded(label)
                && let Some(id) = self.id(name).await
            {
                self.pauses.resumed(&id, || self.report_pause(name)).await;
            }
        })
    }
}

/// The endpoint of a delivery, unless it is a test: that may go to a disabled endpoint, and to one that is not in the local file.
fn guarded(label: &Label) -> Option<&str> {
    label.endpoint.as_deref().filter(|_| label.source != Source::Test)
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints::testing::endpoint;
    use crate::endpoints::{Book, Vault};

    #[tokio::test]
    async fn an_endpoint_that_is_renamed_stays_the_same_and_one_that_is_removed_gets_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(folder.path().join("secrets"), folder.path());
        let book = Book::new(folder.path().join("endpoints.json"), vault);
        let pauses = PauseWatch::of(folder.path().join("ledger.db").into());
        let watch = Arc::new(BookWatch::new(book.clone(), |_| {}));
        let gate = EndpointGate::new(watch, pauses, Notices::to(|_| {}));
        let label = |name: &str| Label {
            source: Source::Send,
            endpoint: Some(name.to_owned()),
            ..Label::default()
        };
        book.add(endpoint("one")).unwrap();
        assert!(!gate.admits(&label("two")).await);
        assert!(gate.admits(&label("one")).await);
        let rename = |all: &mut Vec<Endpoint>| {
            all[0].name = "two".to_owned();
            Ok(())
        };
        book.edit(rename).unwrap();
        assert!(gate.admits(&label("one")).await);
        assert!(gate.admits(&label("two")).await);
        book.remove("two").unwrap();
        assert!(!gate.admits(&label("one")).await);
    }
}
