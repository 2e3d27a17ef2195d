//! Whether an endpoint gets anything: asked before each attempt, since it may be disabled or removed while a retry waits, by
//! this process or by another one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::endpoints::{BookWatch, Endpoint};
use crate::engine::{Boxed, Gate, Label};
use crate::exchange::Source;

/// Admits what goes to active endpoints of the book, and everything that goes to none.
pub struct EndpointGate {
    book: Arc<BookWatch>,
    /// By name, the ids of the endpoints that were met: one that is renamed meanwhile is still the same.
    met: Mutex<HashMap<String, String>>,
}

impl EndpointGate {
    /// Asks that book.
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
            // A test is of an endpoint as it is, and may be of one that a provider keeps.
            let endpoint = label.endpoint.as_deref().filter(|_| label.source != Source::Test);
            let Some(name) = endpoint else { return true };
            let endpoints = match self.book.current() {
                Some(endpoints) => Some(endpoints),
                None => {
                    let watch = Arc::clone(&self.book);
                    let read = tokio::task::spawn_blocking(move || watch.read().ok());
                    read.await.ok().flatten()
                }
            };
            // Where nothing can be known, what was decided when the delivery was made stands.
            endpoints.is_none_or(|all| self.is_active(name, &all))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoints::testing::endpoint;
    use crate::endpoints::{Book, Vault};
    use crate::engine::Promise;

    #[tokio::test]
    async fn an_endpoint_that_is_renamed_stays_the_same_and_one_that_is_removed_gets_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(folder.path().join("secrets"), folder.path());
        let book = Book::new(folder.path().join("endpoints.json"), vault);
        let gate = EndpointGate::new(Arc::new(BookWatch::new(book.clone(), |_| {})));
        let label = |name: &str| Label {
            source: Source::Send,
            provider: None,
            endpoint: Some(name.to_owned()),
            origin: None,
            execution: None,
            promise: Promise::Nothing,
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
