//! How a request reaches its target. One trait; a transport for HTTP, one for rehearsals, one for tests.

use std::future::Future;

use crate::exchange::{Outcome, Request};

pub mod guard;

/// Carries one request to its target and brings the answer back, within the request's time limit.
pub trait Transport: Send + Sync + 'static {
    /// Never fails: what goes wrong is an outcome.
    fn send(&self, request: &Request) -> impl Future<Output = Outcome> + Send;
}
