//! A provider's management API: one description in its profile, two sides that go by it. The client stands behind
//! [`crate::endpoints::EndpointStore`]; the server answers like the provider.

pub mod client;
pub mod object;
pub mod server;
