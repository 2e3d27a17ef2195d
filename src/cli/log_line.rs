//! Lines of stderr as JSON objects.

use serde::Serialize;

use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::view::log_level::LogLevel;

/// What a service says beside its data: `hook.log-line/1`.
#[derive(Debug, Serialize)]
pub(super) struct LogLine {
    /// When.
    pub(super) at: Timestamp,
    /// How much it matters.
    pub(super) level: LogLevel,
    /// For people.
    pub(super) message: String,
    /// Of an error.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) causes: Vec<String>,
    /// What can be typed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) hints: Vec<String>,
}

impl LogLine {
    /// A line of now.
    pub(super) fn new(level: LogLevel, message: String) -> Self {
        Self {
            at: SystemClock.now(),
            level,
            message,
            causes: Vec::new(),
            hints: Vec::new(),
        }
    }
}

/// The text without colours and without the space that indents it.
pub(super) fn plain(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.map(|part| part.split_once('m').map_or(part, |(_, rest)| rest));
    rest.fold(first, |all, part| all + part).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_left_out() {
        assert_eq!(plain("  \u{1b}[2ma \u{1b}[1;31mb\u{1b}[0m c\u{1b}[0m"), "a b c");
    }
}
