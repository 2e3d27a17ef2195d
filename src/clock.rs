//! Wall-clock time, for signatures, records and templates. Timers are tokio's.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The first second of the year 0.
const FIRST: i64 = -62_167_219_200;

/// The last second of the year 9999.
pub const LAST: i64 = 253_402_300_799;

/// The Unix epoch.
const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

/// A moment, in microseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// How many digits of a second are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// `2030-01-02T03:04:05Z`
    Seconds = 0,
    /// `2030-01-02T03:04:05.000Z`
    Millis = 3,
    /// `2030-01-02T03:04:05.000000Z`
    Micros = 6,
}

impl Timestamp {
    /// From whole seconds since the epoch.
    pub fn from_unix(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// From milliseconds since the epoch.
    pub fn from_unix_ms(ms: i64) -> Self {
        Self(ms.saturating_mul(1000))
    }

    /// From microseconds since the epoch.
    pub fn from_unix_us(us: i64) -> Self {
        Self(us)
    }

    /// Whole seconds since the epoch, rounded down.
    pub fn unix(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Milliseconds since the epoch, rounded down.
    pub fn unix_ms(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Microseconds since the epoch.
    pub fn unix_us(self) -> i64 {
        self.0
    }

    /// The moment `delta` later.
    #[must_use]
    pub fn plus(self, delta: Duration) -> Self {
        self.shifted_us(micros(delta))
    }

    /// The moment `delta` earlier.
    #[must_use]
    pub fn minus(self, delta: Duration) -> Self {
        self.shifted_us(-micros(delta))
    }

    /// The moment `us` microseconds later, earlier when negative.
    #[must_use]
    pub fn shifted_us(self, us: i64) -> Self {
        Self(self.0.saturating_add(us))
    }

    /// How long after `earlier` this is; zero when it is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whether RFC 3339 can write it: the years 0 to 9999.
    pub fn is_writable(self) -> bool {
        (FIRST..=LAST).contains(&self.unix())
    }

    /// RFC 3339 in UTC with the given digits, ending in `Z`. A moment that it cannot write is written as the nearest one.
    pub fn rfc3339(self, precision: Precision) -> String {
        let digits = precision as usize;
        let micros = self.0.clamp(FIRST * 1_000_000, LAST * 1_000_000 + 999_999);
        let utc = EPOCH.checked_add(SignedDuration::from_micros(micros)).unwrap_or(EPOCH);
        format!("{utc:.digits$}Z")
    }

    /// Seconds since the epoch, with a fraction.
    #[expect(
        clippy::cast_precision_loss,
        reason = "microseconds of this century are exact in 53 bits"
    )]
    pub fn unix_seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The date of an HTTP header, `Wed, 02 Jan 2030 03:04:05 GMT` (RFC 9110, section 5.6.7).
    pub fn http_date(self) -> String {
        let utc = EPOCH.checked_add(SignedDuration::from_micros(self.0)).unwrap_or(EPOCH);
        utc.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// `HH:MM:SS.mmm` of the machine's local time, of UTC when its zone cannot be known.
    pub fn local_clock(self) -> String {
        self.local("%H:%M:%S.%3f")
    }

    /// `YYYY-MM-DD HH:MM:SS` of the machine's local time, of UTC when its zone cannot be known.
    pub fn local_datetime(self) -> String {
        self.local("%Y-%m-%d %H:%M:%S")
    }

    fn local(self, format: &str) -> String {
        let at = jiff::Timestamp::from_microsecond(self.0).unwrap_or_default();
        at.to_zoned(local_zone()).strftime(format).to_string()
    }

    /// Reads Unix seconds (`1893553445`, fractions allowed), or RFC 3339. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(at) = text.parse::<jiff::Timestamp>() {
            return Some(Self(at.as_microsecond()));
        }
        // jiff's last moment is a day before the end of the year 9999, which the book writes for "without end".
        if let Some(Ok(utc)) = text.strip_suffix('Z').map(str::parse::<DateTime>)
            && utc.year() == 9999
        {
            return i64::try_from(EPOCH.duration_until(utc).as_micros()).ok().map(Self);
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let seconds: i64 = whole.parse().ok()?;
        if fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let us: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
        seconds
            .checked_mul(1_000_000)?
            .checked_add(if whole.starts_with('-') { -us } else { us })
            .map(Self)
    }

    /// Reads a moment as any sender writes it: as [`Timestamp::parse`], as an HTTP date, or without an offset, which is UTC.
    pub fn parse_any(text: &str) -> Option<Self> {
        let utc = || {
            let at: DateTime = text.trim().parse().ok()?;
            i64::try_from(EPOCH.duration_until(at).as_micros()).ok().map(Self)
        };
        Self::parse(text).or_else(|| Self::parse_http_date(text)).or_else(utc)
    }

    /// Reads the date of an HTTP header, `Wed, 02 Jan 2030 03:04:05 GMT` (RFC 9110, section 5.6.7).
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let text = text.trim();
        // The other zones of RFC 2822 are not HTTP's.
        let is_gmt = text.ends_with("GMT");
        let at = is_gmt.then(|| rfc2822::DateTimeParser::new().parse_timestamp(text));
        Some(Self(at?.ok()?.as_microsecond()))
    }
}

/// The machine's zone. `TimeZone::system` would list every file below `/usr/share/zoneinfo` to find the name of
/// `/etc/localtime`, which takes 2 ms and which no time shown here needs.
fn local_zone() -> TimeZone {
    static ZONE: LazyLock<TimeZone> = LazyLock::new(|| {
        let rules = std::env::var_os("TZ")
            .is_none()
            .then(|| std::fs::read("/etc/localtime"));
        let zone = rules.and_then(|rules| TimeZone::tzif("local", &rules.ok()?).ok());
        zone.unwrap_or_else(TimeZone::system)
    });
    ZONE.clone()
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// As [`fmt::Display`] writes it.
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || D::Error::custom(format!("`{text}` is not a time such as `2030-01-02T03:04:05Z`"));
        Self::parse(&text).ok_or_else(wrong)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339(Precision::Millis))
    }
}

/// Writes a moment, where there is one, as RFC 3339 without needless digits.
pub fn write_short<T: Copy + Into<Option<Timestamp>>, S: Serializer>(at: &T, to: S) -> Result<S::Ok, S::Error> {
    let text = |at: Timestamp| {
        let is_whole = at.0.rem_euclid(1_000_000) == 0;
        at.rfc3339(if is_whole {
            Precision::Seconds
        } else {
            Precision::Micros
        })
    };
    (*at).into().map(text).serialize(to)
}

/// A source of the current time.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(micros(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()))
    }
}

/// A clock that starts at a given moment and moves one microsecond a reading: repeatable, and never the same twice.
#[derive(Debug)]
pub struct SteppingClock(AtomicI64);

impl SteppingClock {
    /// Starts at `at`.
    pub fn new(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.0))
    }
}

impl Clock for SteppingClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// Time since a start, as a wall-clock time: it is not moved when the machine's clock is set. For due times, which would
/// otherwise jump with that clock.
#[derive(Debug, Clone, Copy)]
pub struct SteadyClock {
    start: Timestamp,
    begun: tokio::time::Instant,
}

impl SteadyClock {
    /// Starts now, which is `start`.
    pub fn new(start: Timestamp) -> Self {
        Self {
            start,
            begun: tokio::time::Instant::now(),
        }
    }

    /// When it started.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// When that moment comes, for a timer.
    pub fn instant(&self, at: Timestamp) -> tokio::time::Instant {
        self.begun + at.since(self.start)
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        self.start.plus(self.begun.elapsed())
    }
}

/// The longest duration that can be given.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

/// Reads `250ms`, `30s`, `5m`, `2h`, `1d`, sums like `1m30s`, and `0`. The error names the expected forms.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration such as `250ms`, `30s`, `5m`, `2h` or `1d`");
    let text = text.trim();
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total = 0f64;
    let mut rest = text;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let seconds = match unit {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            _ => return Err(wrong()),
        };
        total += number * seconds;
        rest = tail;
    }
    let duration = Duration::try_from_secs_f64(total).map_err(|_| wrong())?;
    // Sums and multiples of such durations never overflow.
    if duration > LONGEST {
        return Err(format!("`{text}` is longer than 100 years"));
    }
    Ok(duration)
}

/// Writes a duration for people, in at most two units: `1m 30s`, `26h 36m`, `850ms`.
pub fn human_duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms == 0 && !duration.is_zero() {
        return format!("{}us", duration.as_micros());
    }
    if ms < 1000 {
        return format!("{ms}ms");
    }
    if ms < 10_000 && !ms.is_multiple_of(1000) {
        return format!("{:.1}s", duration.as_secs_f64());
    }
    let s = duration.as_secs();
    let two = |a: u64, ua: &str, b: u64, ub: &str| match b {
        0 => format!("{a}{ua}"),
        _ => format!("{a}{ua} {b}{ub}"),
    };
    match s {
        0..60 => format!("{s}s"),
        60..3600 => two(s / 60, "m", s % 60, "s"),
        3600..172_800 => two(s / 3600, "h", s % 3600 / 60, "m"),
        _ => two(s / 86_400, "d", s % 86_400 / 3600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_is_written_and_read_back_at_each_precision() {
        let at = Timestamp::from_unix_us(1_893_553_445_123_456);
        assert_eq!(at.rfc3339(Precision::Seconds), "2030-01-02T03:04:05Z");
        assert_eq!(at.rfc3339(Precision::Millis), "2030-01-02T03:04:05.123Z");
        assert_eq!(at.rfc3339(Precision::Micros), "2030-01-02T03:04:05.123456Z");
        assert_eq!(Timestamp::parse("2030-01-02T03:04:05.123456Z"), Some(at));
        assert_eq!(Timestamp::parse("2030-01-02T04:04:05.123456+01:00"), Some(at));
        assert_eq!(Timestamp::parse("1893553445.123456"), Some(at));
        assert_eq!(Timestamp::parse("yesterday"), None);
    }

    #[test]
    fn durations_are_read_in_every_unit_and_refused_otherwise() {
        for (text, ms) in [
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("1m30s", 90_000),
            ("24h", 86_400_000),
            ("0", 0),
            ("1.5s", 1500),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "5", "s", "5x", "-1s", "1e9d", "5m3", "999999d"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_written_in_two_units_at_most() {
        for (ms, text) in [
            (0, "0ms"),
            (850, "850ms"),
            (1500, "1.5s"),
            (60_000, "1m"),
            (90_000, "1m 30s"),
            (95_760_000, "26h 36m"),
            (259_200_000, "3d"),
        ] {
            assert_eq!(human_duration(Duration::from_millis(ms)), text);
        }
    }
}
