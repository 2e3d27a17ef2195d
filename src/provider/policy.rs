//! How a provider delivers: time limit, success codes, the schedule of retries and what ends it. Data only; the
//! decisions are the engine's.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::human_duration;
use crate::exchange::{ErrorKind, Outcome};
use crate::words::words;

/// A set of status codes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Codes(Vec<RangeInclusive<u16>>);

impl TryFrom<Vec<String>> for Codes {
    type Error = String;

    fn try_from(items: Vec<String>) -> Result<Self, String> {
        Self::parse(&items)
    }
}

impl From<Codes> for Vec<String> {
    fn from(codes: Codes) -> Self {
        codes.0.iter().map(range_text).collect()
    }
}

/// `200` or `200-299`.
fn range_text(range: &RangeInclusive<u16>) -> String {
    if range.start() == range.end() {
        range.start().to_string()
    } else {
        format!("{}-{}", range.start(), range.end())
    }
}

impl Codes {
    /// Reads `200`, `200-299`, each in 100..=599.
    pub fn parse(items: &[impl AsRef<str>]) -> Result<Self, String> {
        let code = |text: &str| text.trim().parse().ok().filter(|code| (100..=599).contains(code));
        items
            .iter()
            .map(|item| {
                let item = item.as_ref();
                let (low, high) = item.split_once('-').unwrap_or((item, item));
                match (code(low), code(high)) {
                    (Some(low), Some(high)) if low <= high => Ok(low..=high),
                    _ => Err(format!(
                        "`{item}` is not a status code such as `200` or a range such as `200-299`"
                    )),
                }
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Every code that HTTP calls a success.
    pub fn any_success() -> Self {
        Self(vec![200..=299])
    }

    /// That code alone.
    pub fn only(code: u16) -> Self {
        Self(vec![code..=code])
    }

    /// Whether the code is in the set.
    pub fn contains(&self, code: u16) -> bool {
        self.0.iter().any(|range| range.contains(&code))
    }

    /// The usual success where it is in the set, else the first success that is; the usual one also where none is.
    pub fn success_like(&self, usual: u16) -> u16 {
        if self.contains(usual) {
            return usual;
        }
        // A range may begin below 200: its first code from there on is meant.
        let mut starts = self.0.iter().map(|range| *range.start().max(&200));
        let first = starts.find(|code| (200..300).contains(code) && self.contains(*code));
        first.unwrap_or(usual)
    }

    /// Whether no code is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for Codes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ranges: Vec<_> = self.0.iter().map(range_text).collect();
        f.write_str(&ranges.join(", "))
    }
}

words! {
    /// What the delays of a schedule run from.
    #[derive(Default)]
    pub enum RunFrom {
        /// The end of the previous attempt.
        #[default]
        Previous = "previous",
        /// The start of the first attempt.
        First = "first",
    }
}

/// What follows the last failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exhaustion {
    /// The delivery has failed. What becomes of the endpoint is not stated.
    #[default]
    Unstated,
    /// The delivery has failed, nothing else: the endpoint is never disabled for that.
    Fail,
    /// The endpoint is disabled after that many failed deliveries in a row.
    DisableEndpoint {
        /// At least 1.
        after: u32,
    },
    /// The endpoint is disabled after it failed for that long without a success.
    DisableAfter(Duration),
}

/// Which failures are tried again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryOn {
    /// All of them.
    #[default]
    EveryFailure,
    /// These codes, a missing answer when `errors`, and what is missing for one of these reasons.
    Only {
        /// Answers.
        codes: Codes,
        /// Timeouts and failed connections.
        errors: bool,
        /// Some of those.
        #[serde(default)]
        kinds: Vec<ErrorKind>,
    },
}

impl RetryOn {
    /// Reads status codes and ranges, `error` for every missing answer, and the names of its reasons.
    pub fn parse(items: &[String]) -> Result<Self, String> {
        let (mut numbers, mut kinds, mut errors) = (Vec::new(), Vec::new(), false);
        for item in items {
            match ErrorKind::from_name(item) {
                Some(kind) => kinds.push(kind),
                None if item == "error" => errors = true,
                None => numbers.push(item),
            }
        }
        let codes = Codes::parse(&numbers)?;
        Ok(Self::Only { codes, errors, kinds })
    }

    /// Whether that outcome, which is no success, is one of them.
    pub fn contains(&self, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (Self::EveryFailure, _) => true,
            (Self::Only { codes, .. }, Outcome::Answer(answer)) => codes.contains(answer.status),
            (Self::Only { errors, kinds, .. }, Outcome::Error { kind, .. }) => {
                // No provider tells the two apart.
                let is_dns = *kind == ErrorKind::Resolver && kinds.contains(&ErrorKind::Dns);
                *errors || is_dns || kinds.contains(kind)
            }
        }
    }

    /// The codes and reasons as a list; empty where every failure is meant.
    pub fn names(&self) -> Vec<String> {
        let Self::Only { codes, errors, kinds } = self else {
            return Vec::new();
        };
        let codes = (!codes.is_empty()).then(|| codes.to_string());
        let errors = errors.then(|| "no answer at all".to_owned());
        let kinds = kinds.iter().map(|kind| format!("the error `{}`", kind.name()));
        codes.into_iter().chain(errors).chain(kinds).collect()
    }
}

/// The shortest delay after failures that show an overload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overload {
    /// At least this long.
    pub delay: Duration,
    /// After these failures.
    pub on: RetryOn,
}

/// A schedule of retries.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Schedule {
    /// Waits before attempts 2, 3, ...; empty: the provider never retries.
    pub delays: Vec<Duration>,
    /// What they run from.
    pub from: RunFrom,
    /// Share of a delay by which it may be off either way, `0.0..=1.0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f64>,
    /// Codes whose `Retry-After` lengthens the wait.
    pub honour_retry_after: Codes,
    /// Which failures are tried again.
    pub retry_on: RetryOn,
    /// A longer delay after some failures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overload: Option<Overload>,
    /// Codes that end the delivery at once.
    pub stop_on: Codes,
    /// Name and value of a header of the answer that ends the delivery at once.
    pub stop_on_header: Option<(String, String)>,
    /// Codes that end the delivery and disable the endpoint at once.
    pub disable_on: Codes,
    /// After the last failure.
    pub then: Exhaustion,
    /// How the provider announces that it disabled the endpoint: `email`.
    pub notify: Option<String>,
    /// For a provider without retries: what it does instead.
    pub instead: Option<String>,
}

impl Schedule {
    /// Moments of the attempts counted from the first, without jitter and taking attempts to last no time.
    pub fn offsets(&self) -> Vec<Duration> {
        let later = self.delays.iter().scan(Duration::ZERO, |at, delay| {
            *at = match self.from {
                RunFrom::Previous => *at + *delay,
                RunFrom::First => *delay,
            };
            Some(*at)
        });
        std::iter::once(Duration::ZERO).chain(later).collect()
    }

    /// The plan in one line: `6 attempts: at once, then after 1m, 5m, 30m, 2h, 24h`.
    pub fn describe(&self) -> String {
        if self.delays.is_empty() {
            return "1 attempt, no retries".to_owned();
        }
        let waits = self.delays.chunk_by(|a, b| a == b).flat_map(|equal| {
            let wait = equal.first().map(|wait| human_duration(*wait)).unwrap_or_default();
            // A few equal ones are easier to read one by one.
            match equal.len() {
                0..=3 => vec![wait; equal.len()],
                many => vec![format!("{wait} ({many} times)")],
            }
        });
        let waits: Vec<_> = waits.collect();
        let from = if self.from == RunFrom::First {
            " from the first attempt"
        } else {
            ""
        };
        let jitter = match self.jitter {
            Some(jitter) if jitter > 0.0 => format!(" (give or take {:.0} %)", jitter * 100.0),
            _ => String::new(),
        };
        format!(
            "{} attempts: at once, then after {}{from}{jitter}",
            self.delays.len() + 1,
            waits.join(", ")
        )
    }
}

/// How one provider delivers. The ledger keeps it with each delivery, as JSON, so that one that is resumed is delivered by
/// the rules that it was begun with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// The whole exchange, body included.
    pub timeout: Duration,
    /// What counts as success.
    pub success: Codes,
    /// Retries.
    pub schedule: Schedule,
}

impl Default for Policy {
    /// The policy of a delivery that belongs to no provider: one attempt.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            success: Codes::any_success(),
            schedule: Schedule::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_ranges_and_single_numbers() {
        let codes = Codes::parse(&["200-204", "409"]).unwrap();
        assert!(codes.contains(204) && codes.contains(409) && !codes.contains(205));
        assert_eq!(codes.to_string(), "200-204, 409");
        for wrong in ["2xx", "99", "300-200", "600", ""] {
            assert!(Codes::parse(&[wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_usual_success_counts_where_it_is_one_else_the_first() {
        for (codes, wanted) in [
            (&["200-299"][..], 200),
            (&["204"], 204),
            (&["202", "204"], 202),
            (&["100-204"], 200),
            (&["301", "207"], 207),
            (&["100-199", "410"], 200),
            (&[], 200),
        ] {
            assert_eq!(Codes::parse(codes).unwrap().success_like(200), wanted, "{codes:?}");
        }
    }

    #[test]
    fn the_policy_of_every_provider_reads_back_from_its_json() {
        let registry = crate::provider::Registry::default();
        for name in registry.names() {
            let policy = registry.get(&name).unwrap().policy.clone();
            let text = serde_json::to_string(&policy).unwrap();
            assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy, "{name}: {text}");
        }
    }

    #[test]
    fn both_readings_of_a_schedule_give_their_moments() {
        let secs = |list: &[u64]| list.iter().map(|s| Duration::from_secs(*s)).collect::<Vec<_>>();
        let mut schedule = Schedule {
            delays: secs(&[60, 300, 1800]),
            ..Schedule::default()
        };
        assert_eq!(schedule.offsets(), secs(&[0, 60, 360, 2160]));
        assert_eq!(schedule.describe(), "4 attempts: at once, then after 1m, 5m, 30m");
        schedule.from = RunFrom::First;
        assert_eq!(schedule.offsets(), secs(&[0, 60, 300, 1800]));
    }
}
