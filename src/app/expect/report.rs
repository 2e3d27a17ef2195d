//! The result of judging what arrived.

use std::time::Duration;

use serde::Serialize;

use super::CountRange;
use crate::app::inspect::difference::ValueDifference;
use crate::case_report::{CaseOutcome, JudgedCase};
use crate::event_filter::EvaluationFailures;

/// What arrived and should not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "rule", rename_all = "kebab-case")]
pub enum Violation {
    /// More events than its range allows; of one that must not arrive, the first.
    TooMany {
        /// The capture.
        number: u64,
        /// The expectation, from 0.
        expectation: usize,
    },
    /// It meets an expectation whose turn it was not.
    OutOfOrder {
        /// The capture.
        number: u64,
        /// The expectation that it meets, from 0.
        expectation: usize,
        /// The expectation that was not met yet.
        before: usize,
        /// The capture that counted for that one afterwards.
        then: Option<u64>,
    },
    /// It meets no expectation.
    Extra {
        /// The capture.
        number: u64,
    },
    /// Neither a signature nor a token was right.
    NotVerified {
        /// The capture.
        number: u64,
    },
}

impl Violation {
    /// The expectation that it is about.
    pub fn expectation(&self) -> Option<usize> {
        match self {
            Self::TooMany { expectation, .. } | Self::OutOfOrder { expectation, .. } => Some(*expectation),
            Self::Extra { .. } | Self::NotVerified { .. } => None,
        }
    }

    /// A sentence. `shown` gives the number of a capture with its event.
    pub fn text(&self, shown: impl Fn(u64) -> String) -> String {
        match self {
            Self::TooMany { number, expectation } => {
                format!("{} is one too many for expectation {}", shown(*number), expectation + 1)
            }
            Self::OutOfOrder {
                number, before, then, ..
            } => match then {
                Some(then) => format!("{} came before {}", shown(*number), shown(*then)),
                None => format!("{} came before expectation {} was met", shown(*number), before + 1),
            },
            Self::Extra { number } => format!("{} meets no expectation (`--no-extra`)", shown(*number)),
            Self::NotVerified { number } => format!("{} is not verified (`--all-verified`)", shown(*number)),
        }
    }
}

/// A request that arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeenRequest {
    /// The capture.
    pub number: u64,
    /// The event's type.
    pub event: Option<String>,
    /// `counted`, `refused`, `duplicate`, `failed` (answered with a failure), `out of order` or `other` (meets no expectation).
    pub counted_as: &'static str,
}

/// The request that comes nearest to an expectation which is not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NearestRequest {
    /// The capture.
    pub number: u64,
    /// The event's type.
    pub event: Option<String>,
    /// Parts of the expression that do not hold for it.
    pub unmet_parts: Vec<String>,
    /// Why it does not count although every part holds.
    pub not_counted: Option<&'static str>,
    /// What is expected (left) and what came instead (right), where a part compares with a value.
    pub differences: Vec<ValueDifference>,
    /// What is there, where a part does something else.
    pub found: Vec<FoundValue>,
}

/// A value of a request, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FoundValue {
    /// Dotted.
    pub path: String,
    /// Absent: nothing is there.
    pub value: Option<String>,
}

/// The result of one expectation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExpectationResult {
    /// From 1.
    pub position: usize,
    /// The text of its expression.
    pub expression: String,
    /// How many events were expected.
    pub expected: CountRange,
    /// How many came.
    pub count: u64,
    /// Whether it is met.
    pub met: bool,
    /// What is wrong with it, a sentence each.
    pub problems: Vec<String>,
    /// What came instead.
    pub nearest: Option<NearestRequest>,
}

/// The result of all expectations.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExpectationReport {
    /// Whether everything is as expected.
    pub met: bool,
    /// In order.
    pub expectations: Vec<ExpectationResult>,
    /// What is wrong with no single expectation, a sentence each.
    pub problems: Vec<String>,
    /// The requests that arrived, the first ones.
    pub requests: Vec<SeenRequest>,
    /// How many arrived.
    pub received: u64,
    /// How long the listener waited.
    #[serde(rename = "took_ms")]
    pub waited_ms: u64,
    /// Evaluations that failed.
    #[serde(skip)]
    pub failures: Vec<EvaluationFailures>,
}

/// Names of the groups of a report's cases.
const EXPECTATION: &str = "expectation";

impl ExpectationReport {
    /// The same as cases: one for each expectation, and one for each problem beside them.
    pub fn cases(&self) -> Vec<JudgedCase> {
        let problems = self.problems.iter().map(|problem| JudgedCase {
            message: Some(problem.clone()),
            ..JudgedCase::new("rule", problem, CaseOutcome::Failed)
        });
        let expectations = self.expectations.iter().map(ExpectationResult::case);
        let mut cases: Vec<JudgedCase> = expectations.chain(problems).collect();
        if let Some(first) = cases.first_mut() {
            // All of them were waited for together.
            first.duration = Duration::from_millis(self.waited_ms);
        }
        cases
    }
}

impl ExpectationResult {
    /// How many came, and how many were expected: `2, at least 1`.
    pub fn counted(&self) -> String {
        format!("{}, {}", self.count, self.expected.describe())
    }

    /// The same as a case.
    pub fn case(&self) -> JudgedCase {
        let outcome = if self.met {
            CaseOutcome::Passed
        } else {
            CaseOutcome::Failed
        };
        // The position makes the name of two equal expressions unique.
        let name = format!("{} {}", self.position, self.expression);
        JudgedCase {
            message: (!self.met).then(|| self.said().join("\n")),
            ..JudgedCase::new(EXPECTATION, name, outcome)
        }
    }

    /// What is wrong, a line each.
    fn said(&self) -> Vec<String> {
        let mut lines = vec![self.counted()];
        lines.extend(self.problems.iter().cloned());
        let Some(near) = &self.nearest else { return lines };
        let event = near.event.as_deref().unwrap_or("an event without a type");
        lines.push(format!("nearest: #{} {event}", near.number));
        lines.extend(
            near.not_counted
                .map(|why| format!("it matches, and does not count: {why}")),
        );
        lines.extend(near.unmet_parts.iter().map(|part| format!("not true: {part}")));
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        lines.extend(near.differences.iter().map(|one| {
            let (expected, came) = (value(&one.left), value(&one.right));
            format!("{}: expected {expected}, came {came}", one.place)
        }));
        let found = near.found.iter();
        lines.extend(found.map(|found| format!("{} is {}", found.path, value(&found.value))));
        lines
    }
}
