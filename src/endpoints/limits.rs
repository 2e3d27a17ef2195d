//! What deliveries to one endpoint keep to.

use std::num::NonZeroU16;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use crate::clock::{human_duration, parse_duration};

/// How fast an endpoint gets its deliveries; by default as fast as `hook serve` allows any endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointLimits {
    /// Attempts at once, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<NonZeroU16>,
    /// Attempts begun in a second, at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Whether each delivery waits for the end of the one before, so that there is one attempt at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ordered: bool,
    /// How long an attempt may take, in place of the provider's limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<AttemptTimeout>,
}

/// What is changed of the limits; what is absent stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LimitsChange {
    /// Another number of attempts at once; 0 removes it.
    pub concurrency: Option<u16>,
    /// Another rate.
    pub rate: Option<LimitChange<Rate>>,
    /// Whether deliveries are ordered from now on.
    pub ordered: Option<bool>,
    /// Another time limit of an attempt.
    pub timeout: Option<LimitChange<AttemptTimeout>>,
}

/// A change of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitChange<T> {
    /// There is none any more.
    Remove,
    /// It is this.
    To(T),
}

impl<T> LimitChange<T> {
    /// The limit from now on.
    fn limit(self) -> Option<T> {
        match self {
            Self::To(limit) => Some(limit),
            Self::Remove => None,
        }
    }
}

impl<T> From<Option<T>> for LimitChange<T> {
    fn from(limit: Option<T>) -> Self {
        limit.map_or(Self::Remove, Self::To)
    }
}

/// Attempts in a second: a number from 0.001 to 1,000,000.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64")]
pub struct Rate(f64);

// It is never NaN.
impl Eq for Rate {}

impl Rate {
    /// As a number.
    pub fn per_second(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Rate {
    type Error = &'static str;

    fn try_from(rate: f64) -> Result<Self, Self::Error> {
        if (0.001..=1e6).contains(&rate) {
            Ok(Self(rate))
        } else {
            Err("expected a number from 0.001 to 1000000")
        }
    }
}

/// The time limit of an attempt: a duration from 100ms to 5m.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct AttemptTimeout(Duration);

impl AttemptTimeout {
    /// As a duration.
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl TryFrom<Duration> for AttemptTimeout {
    type Error = &'static str;

    fn try_from(limit: Duration) -> Result<Self, Self::Error> {
        if (Duration::from_millis(100)..=Duration::from_secs(300)).contains(&limit) {
            Ok(Self(limit))
        } else {
            Err("expected a duration from 100ms to 5m")
        }
    }
}

impl TryFrom<String> for AttemptTimeout {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(Self::try_from(parse_duration(&text)?)?)
    }
}

impl Serialize for AttemptTimeout {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&human_duration(self.0))
    }
}

impl EndpointLimits {
    /// Whether none is set.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// With these changes.
    #[must_use]
    pub fn changed(mut self, change: LimitsChange) -> Self {
        if let Some(concurrency) = change.concurrency {
            self.concurrency = NonZeroU16::new(concurrency);
        }
        self.rate = change.rate.map_or(self.rate, LimitChange::limit);
        self.ordered = change.ordered.unwrap_or(self.ordered);
        self.timeout = change.timeout.map_or(self.timeout, LimitChange::limit);
        self
    }
}
