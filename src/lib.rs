//! The library behind `hook`, a command-line tool that plays both sides of a webhook: it signs and delivers like a
//! provider, receives and verifies like a careful consumer, and remembers every byte. `docs/architecture.md` tells how
//! the parts fit together.

#![cfg_attr(
    not(feature = "inspector"),
    allow(dead_code, reason = "some queries and facts are for the inspector alone")
)]

pub(crate) mod answered;
pub(crate) mod api;
pub(crate) mod app;
pub(crate) mod case_report;
pub(crate) mod cli;
pub(crate) mod clock;
pub(crate) mod condition;
pub(crate) mod config;
pub(crate) mod digest;
pub(crate) mod editor;
pub(crate) mod encryption;
pub(crate) mod endpoints;
pub(crate) mod engine;
pub(crate) mod error;
pub(crate) mod event_filter;
pub(crate) mod exchange;
pub(crate) mod exit;
pub(crate) mod expression;
pub(crate) mod finding;
pub(crate) mod form;
pub(crate) mod fs;
pub(crate) mod glob;
pub(crate) mod headers;
pub(crate) mod health;
pub(crate) mod id;
pub(crate) mod inflate;
#[cfg(feature = "inspector")]
pub(crate) mod inspector;
pub(crate) mod json;
pub(crate) mod json_text;
pub(crate) mod known;
pub(crate) mod listener;
pub(crate) mod mask;
pub(crate) mod message;
pub(crate) mod owner_notice;
pub(crate) mod percentile;
pub(crate) mod pipeline;
pub(crate) mod process;
pub(crate) mod provider;
pub(crate) mod random;
pub(crate) mod recent;
pub(crate) mod request_file;
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
#[cfg(feature = "inspector")]
pub(crate) mod tui;
pub(crate) mod verification;
pub(crate) mod view;
#[cfg(feature = "inspector")]
pub(crate) mod web;
pub(crate) mod words;

pub use cli::run;

/// The modules that the tests, benches and fuzz targets of this repository use beside [`run`]. Compiled with the feature
/// `internals` only, and not a public interface: users call the program.
#[cfg(feature = "internals")]
#[expect(missing_docs, reason = "each module is documented in its own file")]
pub mod internals {
    // A module with visibility `pub(crate)` cannot be re-exported as a whole, only its public items can.
    macro_rules! export {
        ($($name:ident)*) => {
            $(pub mod $name {
                pub use crate::$name::*;
            })*
        };
    }

    export! {
        app clock config encryption endpoints engine error event_filter exchange exit expression finding headers id json json_text message pipeline process
        provider random secret server shell shutdown signature store template transport verification
    }

    pub mod cli {
        pub use crate::cli::{complete, definition, man, run};
    }
}
