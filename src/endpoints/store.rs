//! The seam between the kinds of places where endpoints are kept. A provider's API answers over the network, so the
//! verbs are futures; the book's are ready at once.

use std::future::Future;

use super::endpoint::{Change, Endpoint};
use super::error::EndpointError;
use super::names::select;
use crate::clock::Timestamp;
use crate::secret::Secret;

/// What became of an endpoint that was added.
#[derive(Debug)]
pub struct Added {
    /// As the store keeps it.
    pub endpoint: Endpoint,
    /// The secret, where the store makes it and hands it over this once.
    pub secret: Option<Secret>,
    /// What this machine was to note about it and could not: the endpoint is there all the same.
    pub unnoted: Option<EndpointError>,
}

/// A place where endpoints are kept. Selectors are names, ids, or unique beginnings of ids.
pub trait EndpointStore: Send + Sync {
    /// All of them, in the store's order.
    fn list(&self) -> impl Future<Output = Result<Vec<Endpoint>, EndpointError>> + Send;

    /// One of them.
    fn get(&self, selector: &str) -> impl Future<Output = Result<Endpoint, EndpointError>> + Send {
        async move { Ok(select(&self.list().await?, selector)?.clone()) }
    }

    /// Adds one. Rules were judged before; the store refuses what it cannot keep.
    fn add(&self, endpoint: Endpoint) -> impl Future<Output = Result<Added, EndpointError>> + Send;

    /// Changes one, and gives it as it is now.
    fn update(
        &self,
        selector: &str,
        change: Change,
        now: Timestamp,
    ) -> impl Future<Output = Result<Endpoint, EndpointError>> + Send;

    /// Removes one with its stored secrets, and gives it as it was.
    fn remove(&self, selector: &str) -> impl Future<Output = Result<Endpoint, EndpointError>> + Send;
}
