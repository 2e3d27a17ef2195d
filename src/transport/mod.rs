//! Sends requests to their targets: the trait, a transport for HTTP, and one for tests.

use std::future::Future;

use crate::exchange::{Outcome, Request};

pub mod address_policy;
pub mod http;
mod join;
pub mod mail;
mod scheme;
#[cfg(test)]
pub mod tests;

pub use address_policy::{AddressClass, AddressPolicy};
pub use http::{HttpOptions, HttpTransport, ShapedTransport, WireShape, other_loopback_answers};
pub use join::join_url;
pub use scheme::url_scheme;

/// Sends one request to its target and returns the answer, within the request's time limit.
pub trait Transport: Send + Sync + 'static {
    /// Sends only to addresses that the policy allows. A failure is an outcome too.
    fn send_within(&self, request: &Request, addresses: AddressPolicy) -> impl Future<Output = Outcome> + Send;

    /// Sends to a target that the user typed.
    fn send(&self, request: &Request) -> impl Future<Output = Outcome> + Send {
        self.send_within(request, AddressPolicy::Any)
    }
}
