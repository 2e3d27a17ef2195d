//! How single values are written in the book, and what is refused there with its line and column.

use serde::de::{Deserialize, Deserializer, Error as _};

use crate::clock::{Precision, Timestamp};
use crate::target;

/// The last second of the year 9999: a later one cannot be written.
const LATEST: i64 = 253_402_300_799;

/// The moment without the fraction of its second, which nobody wants to read in a file; never one that cannot be
/// written.
pub(super) fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_unix(at.unix().min(LATEST))
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

fn text_of(at: Timestamp) -> String {
    let whole = at.unix_us().rem_euclid(1_000_000) == 0;
    at.rfc3339(if whole { Precision::Seconds } else { Precision::Micros })
}

fn read_time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| format!("`{text}` is not a time such as `2030-01-02T03:04:05Z`"))
}

/// A moment as RFC 3339.
pub(super) mod time {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::clock::Timestamp;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(in crate::endpoints) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::text_of(*at))
    }

    pub(in crate::endpoints) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        super::read_time(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// A moment as RFC 3339, or none.
pub(super) mod optional_time {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::clock::Timestamp;

    #[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
    pub(in crate::endpoints) fn serialize<S: Serializer>(at: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        at.map(super::text_of).serialize(to)
    }

    pub(in crate::endpoints) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        Option::<String>::deserialize(from)?
            .map(|text| super::read_time(&text))
            .transpose()
            .map_err(D::Error::custom)
    }
}
