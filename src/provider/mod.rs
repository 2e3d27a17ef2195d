//! Providers as data: the file format, its checked form, the catalogue, and how events become messages.

pub mod api;
pub mod causes;
mod compile;
pub mod compose;
mod data;
pub mod detect;
pub mod drift;
mod errors;
mod fault;
pub mod file;
pub mod handshake;
mod headers;
mod ids;
mod naming;
mod near;
mod overlay;
pub mod policy;
mod profile;
pub mod receiver;
mod registry;
mod round_trip;
mod sample;
mod value;
pub mod workflow;

pub use data::BodyEvent;
pub use file::{Https, Param};
pub use headers::RequestTarget;
pub use near::{near_names, or_near};
pub use profile::{Facts, Profile};
pub use registry::{ProviderListing, Registry, RegistryError, name_of};
pub use value::{DurationText, RequestField};
