//! How a request reaches its target. One trait; a transport for HTTP, one for tests.

use std::future::Future;

use crate::exchange::{Outcome, Request};

pub mod address_policy;
pub mod http;
mod join;
#[cfg(test)]
pub mod scripted;

pub use address_policy::{AddressClass, AddressPolicy};
pub use http::{HttpOptions, HttpTransport, other_loopback_answers};
pub use join::join_url;

/// Carries one request to its target and brings the answer back, within the request's time limit.
pub trait Transport: Send + Sync + 'static {
    /// Only to addresses that the policy allows. Never fails: what goes wrong is an outcome.
    fn send_within(&self, request: &Request, addresses: AddressPolicy) -> impl Future<Output = Outcome> + Send;

    /// To a target that the user typed.
    fn send(&self, request: &Request) -> impl Future<Output = Outcome> + Send {
        self.send_within(request, AddressPolicy::Any)
    }
}
