//! Providers as data: the file format, its checked form, the catalogue, and how events become messages.

pub mod api;
pub mod causes;
mod compile;
pub mod compose;
pub mod detect;
pub mod drift;
pub mod file;
pub mod handshake;
mod headers;
mod naming;
mod near;
mod overlay;
pub mod policy;
mod profile;
pub mod receiver;
mod registry;
mod sample;
pub mod workflow;

pub use compile::ProfileError;
pub use file::{Https, Param, ParamType, Place};
pub use headers::Target;
pub use near::{near_names, or_near};
pub use profile::{Facts, Profile};
pub use registry::{Listing, Origin, Registry, RegistryError};
