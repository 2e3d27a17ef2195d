//! The form of single values in the book. What is refused is reported with its line and column.

use serde::de::{Deserialize, Deserializer, Error as _};

use crate::clock::{self, Timestamp};
use crate::target;

/// The moment as the book keeps it: in whole seconds, and never one that cannot be written.
pub(super) fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_unix(at.unix().min(clock::LAST))
}

/// Whether it may stand behind `stored:`: a file's name that cannot lead out of its folder.
pub(super) fn is_stored_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !name.is_empty() && name.len() <= 128 && !name.starts_with('.') && name.chars().all(plain)
}

pub(super) fn url<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    target::parse_whole_url(&text).map_err(D::Error::custom)?;
    Ok(text)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
pub(super) fn is_zero(count: &u32) -> bool {
    *count == 0
}
