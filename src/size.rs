//! Sizes in bytes, as users write them.

/// Reads `500MiB`, `2GiB`, `1GB`, or bytes.
pub fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size such as `500MiB` or `2GiB`");
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).ok_or_else(wrong)
}

/// The largest body limit that can be set: a body of this size still fits into a record of the ledger.
const LARGEST_BODY: u64 = 512 << 20;

/// Reads how large a request's body may be.
pub fn body(text: &str) -> Result<usize, String> {
    let size = parse(text)?;
    if !(1..=LARGEST_BODY).contains(&size) {
        return Err("a body has between 1 byte and 512 MiB".to_owned());
    }
    usize::try_from(size).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_every_unit_and_refused_otherwise() {
        for (text, bytes) in [
            ("0", 0),
            ("12", 12),
            ("12B", 12),
            ("2KiB", 2048),
            ("500 MiB", 524_288_000),
            ("2GiB", 2_147_483_648),
            ("1gb", 1_000_000_000),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "GiB", "1.5GiB", "-1", "2 elephants", "99999999999GiB"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_body_has_at_least_a_byte_and_fits_into_a_record() {
        assert_eq!(body("25MB"), Ok(25_000_000));
        for text in ["0", "1GiB", "large"] {
            assert!(body(text).is_err(), "{text}");
        }
    }
}
