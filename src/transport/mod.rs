//! How a request reaches its target. One trait; a transport for HTTP, one for tests.

use std::future::Future;

use crate::exchange::{Outcome, Request};

pub mod address_policy;
mod by_policy;
pub mod guard;
pub mod http;
mod join;
#[cfg(test)]
pub mod scripted;

pub use address_policy::{AddressClass, AddressPolicy};
pub use by_policy::TransportByPolicy;
pub use http::{HttpOptions, HttpOptionsError, HttpTransport, other_loopback_answers};
pub use join::join_url;

/// Carries one request to its target and brings the answer back, within the request's time limit.
pub trait Transport: Send + Sync + 'static {
    /// Never fails: what goes wrong is an outcome.
    fn send(&self, request: &Request) -> impl Future<Output = Outcome> + Send;

    /// The same within the addresses that a delivery may reach. A transport with one policy of its own stays within that.
    fn send_within(&self, request: &Request, addresses: AddressPolicy) -> impl Future<Output = Outcome> + Send {
        let _ = addresses;
        self.send(request)
    }
}
