//! The library behind `hook`, a command-line tool that plays both sides of a webhook: it signs and delivers like a
//! provider, receives and verifies like a careful consumer, and remembers every byte. `docs/design.md` tells how the
//! parts fit together.

pub mod api;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod endpoints;
pub mod engine;
pub mod error;
pub mod exchange;
pub mod exit;
pub mod fs;
pub mod headers;
pub mod id;
pub mod json;
pub mod known;
pub mod listener;
pub mod mask;
pub mod message;
pub mod pipeline;
pub mod process;
pub mod prompt;
pub mod provider;
pub mod random;
pub mod render;
pub mod retention;
pub mod secret;
pub mod server;
pub mod session;
pub mod shell;
pub mod shutdown;
pub mod signature;
pub mod store;
pub mod style;
pub mod target;
pub mod template;
pub mod text;
pub mod transport;
pub mod trust;
pub mod ui;
pub mod verification;
