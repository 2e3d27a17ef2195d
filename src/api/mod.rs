//! A provider's management API, as its profile describes it: the client behind
//! [`crate::endpoints::EndpointStore`], and the mock server.

pub mod client;
pub mod object;
pub mod server;
