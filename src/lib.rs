//! The library behind `hook`, a command-line tool that plays both sides of a webhook: it signs and delivers like a
//! provider, receives and verifies like a careful consumer, and remembers every byte. `docs/architecture.md` tells how
//! the parts fit together.

pub(crate) mod api;
pub(crate) mod app;
pub(crate) mod cli;
pub(crate) mod clock;
pub(crate) mod config;
pub(crate) mod digest;
pub(crate) mod endpoints;
pub(crate) mod engine;
pub(crate) mod error;
pub(crate) mod exchange;
pub(crate) mod exit;
pub(crate) mod finding;
pub(crate) mod fs;
pub(crate) mod glob;
pub(crate) mod headers;
pub(crate) mod id;
pub(crate) mod json;
pub(crate) mod known;
pub(crate) mod listener;
pub(crate) mod mask;
pub(crate) mod message;
pub(crate) mod names;
pub(crate) mod percentile;
pub(crate) mod pipeline;
pub(crate) mod process;
pub(crate) mod provider;
pub(crate) mod random;
pub(crate) mod runtime;
pub(crate) mod secret;
pub(crate) mod server;
pub(crate) mod shell;
pub(crate) mod shutdown;
pub(crate) mod signature;
pub(crate) mod size;
pub(crate) mod store;
pub(crate) mod target;
pub(crate) mod template;
pub(crate) mod text;
pub(crate) mod transport;
pub(crate) mod trust;
pub(crate) mod verification;
pub(crate) mod view;
pub(crate) mod words;

pub use cli::run;

/// What the tests, the benches and the fuzz targets of this repository reach beside [`run`]. It is compiled with the feature
/// `internals` only and promises nothing: the program is hook's interface.
#[cfg(feature = "internals")]
#[expect(missing_docs, reason = "each module says what it is about at its own place")]
pub mod internals {
    pub mod api {
        pub use crate::api::*;
    }
    pub mod app {
        pub use crate::app::*;
    }
    pub mod cli {
        pub use crate::cli::{definition, generated, run};
    }
    pub mod clock {
        pub use crate::clock::*;
    }
    pub mod config {
        pub use crate::config::*;
    }
    pub mod endpoints {
        pub use crate::endpoints::*;
    }
    pub mod engine {
        pub use crate::engine::*;
    }
    pub mod error {
        pub use crate::error::*;
    }
    pub mod exchange {
        pub use crate::exchange::*;
    }
    pub mod exit {
        pub use crate::exit::*;
    }
    pub mod finding {
        pub use crate::finding::*;
    }
    pub mod headers {
        pub use crate::headers::*;
    }
    pub mod id {
        pub use crate::id::*;
    }
    pub mod json {
        pub use crate::json::*;
    }
    pub mod known {
        pub use crate::known::*;
    }
    pub mod message {
        pub use crate::message::*;
    }
    pub mod pipeline {
        pub use crate::pipeline::*;
    }
    pub mod provider {
        pub use crate::provider::*;
    }
    pub mod random {
        pub use crate::random::*;
    }
    pub mod secret {
        pub use crate::secret::*;
    }
    pub mod shell {
        pub use crate::shell::*;
    }
    pub mod shutdown {
        pub use crate::shutdown::*;
    }
    pub mod signature {
        pub use crate::signature::*;
    }
    pub mod store {
        pub use crate::store::*;
    }
    pub mod template {
        pub use crate::template::*;
    }
    pub mod transport {
        pub use crate::transport::*;
    }
    pub mod verification {
        pub use crate::verification::*;
    }
    pub mod view {
        pub use crate::view::*;
    }
}
