//! A moment as programs write it: in seconds, milliseconds or another unit, and as dates.

use crate::clock::{Precision, Timestamp};

/// The moment of a timestamp in seconds or milliseconds, or of a date, with the name of its unit.
pub(super) fn read(stamp: &str) -> Option<(Timestamp, &'static str)> {
    let text = stamp.trim();
    match text.parse::<i64>() {
        Ok(number) if number.unsigned_abs() >= 100_000_000_000 => {
            Some((Timestamp::from_unix_ms(number), "milliseconds"))
        }
        Ok(number) => Some((Timestamp::from_unix(number), "seconds")),
        Err(_) => Some((
            Timestamp::parse(text).or_else(|| Timestamp::parse_http_date(text))?,
            if text.contains(['-', ',']) {
                "a date"
            } else {
                "seconds with a fraction"
            },
        )),
    }
}

/// The same moment in every other unit, with the words for it.
pub(super) fn units(at: Timestamp) -> Vec<(String, &'static str)> {
    let seconds = at.unix();
    vec![
        (at.unix_ms().to_string(), "in milliseconds"),
        (seconds.to_string(), "in seconds"),
        (format!("{seconds}000"), "in milliseconds"),
        (at.rfc3339(Precision::Seconds), "as a date"),
        (at.rfc3339(Precision::Millis), "as a date with milliseconds"),
        (at.rfc3339(Precision::Micros), "as a date with microseconds"),
        (format!("\"{seconds}\""), "in quotes"),
        (
            at.rfc3339(Precision::Seconds).replace(['-', ':'], ""),
            "as a date without dashes and colons",
        ),
        (
            at.rfc3339(Precision::Seconds).replace('Z', "+00:00"),
            "as a date with an offset",
        ),
        (
            at.rfc3339(Precision::Seconds).replace('T', " ").replace('Z', ""),
            "as a date without a zone",
        ),
        (format!("{seconds}.0"), "as a number with a fraction"),
        (format!("{seconds}000000"), "in microseconds"),
        (at.unix_us().to_string(), "in microseconds"),
        (format!("{seconds}000000000"), "in nanoseconds"),
        (at.http_date(), "as an HTTP date"),
        (
            at.rfc3339(Precision::Seconds).replace('T', " ").replace('Z', "+00:00"),
            "as a date, as Python prints it",
        ),
        (
            at.rfc3339(Precision::Seconds).replace('T', " ").replace('Z', " UTC"),
            "as a date, as Ruby prints it",
        ),
        (javascript_date(at), "as a date, as JavaScript prints it"),
        (exponent(seconds), "as a number with an exponent, as Go prints a float"),
        (format!("0{seconds}"), "with a zero before it"),
    ]
}

/// A number with a digit before its point, as Go prints a float: `1.79e+09`.
fn exponent(seconds: i64) -> String {
    let text = format!("{seconds:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{digits}e+{exponent:0>2}")
}

/// As JavaScript prints a `Date` in UTC: `Mon Sep 21 2026 14:13:20 GMT+0000 (Coordinated Universal Time)`.
fn javascript_date(at: Timestamp) -> String {
    match at
        .http_date()
        .split([',', ' '])
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()[..]
    {
        [weekday, day, month, year, time, _] => {
            format!("{weekday} {month} {day} {year} {time} GMT+0000 (Coordinated Universal Time)")
        }
        _ => String::new(),
    }
}
