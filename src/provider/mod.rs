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
mod merge;
mod naming;
mod near;
pub mod pattern;
pub mod policy;
mod profile;
pub mod receiver;
mod registry;
mod sample;
pub mod workflow;

pub use compile::ProfileError;
pub use headers::Target;
pub use naming::{Case, Tense};
pub use near::near_names;
pub use profile::{Facts, Https, Param, ParamType, Place, Profile};
pub use registry::{Listing, Origin, Registry, RegistryError};
