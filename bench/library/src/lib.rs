//! What the benchmarks run on.

use std::fmt::Write as _;

/// A list of orders in `size` bytes or a little more.
#[must_use]
pub fn orders(size: usize) -> Vec<u8> {
    let mut body = String::from("{\"orders\": [");
    for number in 0.. {
        let _ = write!(
            body,
            "{{\"id\": {number}, \"name\": \"Caf\u{e9} {number}\", \"url\": \"https://example.com/o/{number}\", \"total\": 12.50}}"
        );
        if body.len() > size {
            break;
        }
        body.push_str(", ");
    }
    body.push_str("]}");
    body.into_bytes()
}
