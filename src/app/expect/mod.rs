//! Expectations on what a listener receives: which events have to arrive, how many, in which order. [`judge`] decides, and
//! does nothing else; [`watch`] feeds it; [`nearest`] explains what is missing.

pub(super) mod judge;
mod nearest;
mod report;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

pub use report::{ExpectationReport, ExpectationResult, NearestRequest, Violation};
pub(super) use watch::ExpectationWatch;

use crate::error::{Error, Result};
use crate::event_filter::{EventFilter, MOST_EXPECTATIONS};

/// How long a listener waits for what is expected, unless it is given.
pub const DEFAULT_WAIT: Duration = Duration::from_secs(30);

/// How long a listener goes on after the end of its command, unless it is given.
pub const DEFAULT_SETTLE: Duration = Duration::from_secs(2);

/// How many events have to match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CountRange {
    /// At least this many.
    pub least: u64,
    /// At most this many; absent: further ones are no fault.
    pub most: Option<u64>,
}

impl Default for CountRange {
    fn default() -> Self {
        Self { least: 1, most: None }
    }
}

impl CountRange {
    /// Reads `N`, `N..M`, or `0` for an event that must not arrive.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let number = |text: &str| text.trim().parse::<u64>();
        let wrong = || format!("`{text}` is neither a number nor a range such as `2..5`");
        match text.split_once("..") {
            None => match number(text).map_err(|_| wrong())? {
                0 => Ok(Self {
                    least: 0,
                    most: Some(0),
                }),
                least => Ok(Self { least, most: None }),
            },
            Some((least, most)) => {
                let (least, most) = (number(least).map_err(|_| wrong())?, number(most).map_err(|_| wrong())?);
                if least > most {
                    return Err(format!("`{text}` is empty: `{least}` is more than `{most}`"));
                }
                Ok(Self {
                    least,
                    most: Some(most),
                })
            }
        }
    }
}

impl CountRange {
    /// `at least 1`, `2 to 5`, `none wanted`.
    pub fn describe(&self) -> String {
        match (self.least, self.most) {
            (0, Some(0)) => "none wanted".to_owned(),
            (least, Some(most)) if least == most => format!("exactly {least}"),
            (least, Some(most)) => format!("{least} to {most}"),
            (least, None) => format!("at least {least}"),
        }
    }
}

/// Which events have to arrive.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// Which events.
    pub filter: Arc<EventFilter>,
    /// How many of them.
    pub count: CountRange,
}

/// Everything that has to hold for what arrives.
#[derive(Debug, Clone)]
pub struct Expectations {
    /// In the order of the command line.
    pub list: Vec<Expectation>,
    /// Whether they have to be met in that order.
    pub in_order: bool,
    /// Whether nothing else may arrive.
    pub no_extra: bool,
    /// Whether every request has to be verified.
    pub all_verified: bool,
    /// How long to go on after the end of the command.
    pub settle: Duration,
}

impl Expectations {
    /// Refuses what cannot be judged.
    pub(super) fn check(&self) -> Result<()> {
        if self.list.len() > MOST_EXPECTATIONS {
            return Err(Error::usage(format!("more than {MOST_EXPECTATIONS} expectations")));
        }
        Ok(())
    }

    /// The filters, in order.
    pub(super) fn filters(&self) -> Vec<Arc<EventFilter>> {
        self.list.iter().map(|one| Arc::clone(&one.filter)).collect()
    }
}

#[cfg(test)]
mod tests;
