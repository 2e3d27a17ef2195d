//! A provider's management API: one description in its profile, two sides that go by it. The client stands behind
//! [`crate::endpoints::EndpointStore`]; the face answers like the provider.

pub mod client;
pub mod face;
pub mod object;
