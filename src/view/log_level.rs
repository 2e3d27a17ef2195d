//! How much a line of a service's log matters.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::words::words;

words! {
    /// The level of a line.
    pub enum LogLevel {
        /// For debugging.
        Debug = "debug",
        /// As it should be.
        Info = "info",
        /// Something failed, and is tried again or can be.
        Warn = "warn",
        /// Something failed for good.
        Error = "error",
    }
}

/// A record with its time and its level in front.
#[derive(Debug, Serialize)]
pub struct Logged<'a, T> {
    /// When.
    pub at: Timestamp,
    /// How much it matters.
    pub level: LogLevel,
    /// What.
    #[serde(flatten)]
    pub record: &'a T,
}
