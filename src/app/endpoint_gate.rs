//! The engine's gate: before each attempt it checks whether the endpoint is active, since this process or another one may
//! disable or remove it while a retry waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

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
}

impl EndpointGate {
    /// A gate for the endpoints of that file.
    pub fn new(book: Arc<BookWatch>) -> Self {
        Self {
            book,
            met: Mutex::default(),
        }
    }

    fn is_active(&self, name: &str, endpoints: &[Endpoint]) -> bool {
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
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
            // A test may go to a disabled endpoint, and to one that is not in the local file.
            let endpoint = label.endpoint.as_deref().filter(|_| label.source != Source::Test);
            let Some(name) = endpoint else { return true };
            let endpoints = match self.book.current_within(INTERVAL) {
                Some(endpoints) => Some(endpoints),
                None => {
                    let watch = Arc::clone(&self.book);
                    let read = tokio::task::spawn_blocking(move || {
                        watch.look().ok()?;
                        watch.read().ok()
                    });
                    read.await.ok().flatten()
                }
            };
            // When the file cannot be read, the decision at the delivery's creation stands.
            endpoints.is_none_or(|all| self.is_active(name, &all))
        })
    }
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
        let gate = EndpointGate::new(Arc::new(BookWatch::new(book.clone(), |_| {})));
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
