//! Small values in words: durations, sizes, counts and statuses.

use std::time::Duration;

/// A short duration for tables: `850us`, `3.4ms`, `1.20s`.
pub fn short_time(took: Duration) -> String {
    let us = took.as_micros();
    match us {
        0..1000 => format!("{us}us"),
        1000..1_000_000 => format!("{:.1}ms", took.as_secs_f64() * 1000.0),
        _ => format!("{:.2}s", took.as_secs_f64()),
    }
}

/// A size for tables: `812 B`, `1.2 KiB`, `3.0 MiB`.
pub fn short_size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let value = bytes as f64;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", value / 1024.0),
        _ => format!("{:.1} MiB", value / 1_048_576.0),
    }
}

/// `1 event`, `2 events`, `2 deliveries`.
pub fn count(n: u64, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if n == 1 => format!("1 {noun}"),
        Some(start) => format!("{n} {start}ies"),
        None => format!("{n} {noun}s"),
    }
}

/// Milliseconds with three decimals, for JSON.
pub fn millis(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1000.0
}

/// The standard phrase of a status, or nothing.
pub fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

/// `200 OK`.
pub fn status_line(status: u16) -> String {
    format!("{status} {}", phrase(status)).trim_end().to_owned()
}
