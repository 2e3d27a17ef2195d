//! Whether an endpoint gets anything: asked before each attempt, since it may be disabled or removed while a retry waits, by
//! this process or by another one.

use std::sync::Arc;

use crate::endpoints::{BookWatch, Endpoint};
use crate::engine::{Boxed, Gate, Label};
use crate::exchange::Source;

/// Admits what goes to active endpoints of the book, and everything that goes to none.
pub struct EndpointGate(pub Arc<BookWatch>);

impl Gate for EndpointGate {
    fn admits<'a>(&'a self, label: &'a Label) -> Boxed<'a, bool> {
        Box::pin(async move {
            // A test is of an endpoint as it is, and may be of one that a provider keeps.
            let endpoint = label.endpoint.as_deref().filter(|_| label.source != Source::Test);
            let Some(name) = endpoint else { return true };
            let endpoints = match self.0.current() {
                Some(endpoints) => Some(endpoints),
                None => {
                    let watch = Arc::clone(&self.0);
                    let read = tokio::task::spawn_blocking(move || watch.read().ok());
                    read.await.ok().flatten()
                }
            };
            let is_it = |endpoint: &&Endpoint| endpoint.name == name;
            // Where nothing can be known, what was decided when the delivery was made stands.
            endpoints.is_none_or(|all| all.iter().find(is_it).is_some_and(Endpoint::is_active))
        })
    }
}
