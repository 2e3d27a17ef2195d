//! A list of judged cases: what a run of checks gives, whatever was checked. `view::case_report` writes it as `JUnit` XML, TAP,
//! JSON and for GitHub Actions.

use std::time::Duration;

use serde::Serialize;

use crate::text::serialize_millis;
use crate::words::words;

words! {
    /// The result of one case.
    pub enum CaseOutcome {
        /// As it must be.
        Passed = "passed",
        /// Not as it must be: the run fails.
        Failed = "failed",
        /// Not judged; the message says why.
        Skipped = "skipped",
        /// It works and could be better: the run does not fail.
        Advice = "advice",
    }
}

/// One judged case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JudgedCase {
    /// Its name, unique within the report.
    pub name: String,
    /// What it belongs to.
    pub group: String,
    /// The result.
    pub outcome: CaseOutcome,
    /// What was seen; for a case that is not passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The likely cause, as a stable word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Where the cause and its fix are described.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// How long it took.
    #[serde(rename = "took_ms", serialize_with = "serialize_millis")]
    pub duration: Duration,
}

/// The judged cases of one run, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseReport {
    /// What was checked.
    pub name: String,
    /// The cases.
    pub cases: Vec<JudgedCase>,
}

impl JudgedCase {
    /// A case with nothing to say about it.
    pub fn new(group: impl Into<String>, name: impl Into<String>, outcome: CaseOutcome) -> Self {
        Self {
            name: name.into(),
            group: group.into(),
            outcome,
            message: None,
            cause: None,
            link: None,
            duration: Duration::ZERO,
        }
    }
}

impl CaseReport {
    /// How many cases have that outcome.
    pub fn count(&self, outcome: CaseOutcome) -> usize {
        self.cases.iter().filter(|case| case.outcome == outcome).count()
    }

    /// How long all cases took together.
    pub fn duration(&self) -> Duration {
        self.cases.iter().map(|case| case.duration).sum()
    }
}
