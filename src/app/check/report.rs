//! The result of an audit.

use std::time::Duration;

use serde::Serialize;

use super::case::{CaseInfo, Requirement};
use super::cause::Cause;
use super::diagnose::Unjudged;
use super::rules::FoundCause;
use crate::case_report::{CaseOutcome, CaseReport, JudgedCase};
use crate::exit::Exit;
use crate::text::{printable, serialize_millis};

/// A judged case of an audit.
#[derive(Debug, Clone, Serialize)]
pub struct AuditCase {
    /// Its place in the table.
    #[serde(flatten)]
    pub info: CaseInfo,
    /// The event, in the case about events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The result.
    pub outcome: CaseOutcome,
    /// What was seen, or why it was skipped.
    pub message: Option<String>,
    /// The likely cause of a failure.
    pub cause: Option<Cause>,
    /// Numbers of the requests in the ledger.
    pub records: Vec<u64>,
    /// How long it took.
    #[serde(rename = "took_ms", serialize_with = "serialize_millis")]
    pub duration: Duration,
}

/// The result of an audit.
#[derive(Debug, Clone)]
pub struct AuditReport {
    /// The receiver.
    pub url: String,
    /// The provider that was played.
    pub provider: String,
    /// Why nothing was judged, when nothing was.
    pub unjudged: Option<Unjudged>,
    /// Why not all cases were run.
    pub incomplete: Option<Incomplete>,
    /// The cases in their order.
    pub cases: Vec<AuditCase>,
    /// The causes of all failures.
    pub causes: Vec<FoundCause>,
}

/// Why not all cases of an audit were run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incomplete {
    /// The time was over.
    Late,
    /// The user ended it.
    Interrupted,
    /// The receiver has ended.
    Ended,
}

/// Passed cases of those that were judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Score {
    /// How many passed.
    pub passed: usize,
    /// Of how many.
    pub of: usize,
}

impl AuditReport {
    /// The score of the cases that matter so much.
    pub fn score(&self, requirement: Requirement) -> Score {
        let judged = self.cases.iter().filter(|case| case.info.requirement == requirement);
        let judged = judged.filter(|case| case.outcome != CaseOutcome::Skipped);
        let (mut passed, mut of) = (0, 0);
        for case in judged {
            of += 1;
            passed += usize::from(case.outcome == CaseOutcome::Passed);
        }
        Score { passed, of }
    }

    /// The exit code: whether everything that is required holds.
    pub fn exit(&self) -> Exit {
        let is_failed = self.cases.iter().any(|case| case.outcome == CaseOutcome::Failed);
        if self.incomplete == Some(Incomplete::Interrupted) {
            Exit::Interrupted
        } else if is_failed || self.unjudged.is_some() || self.incomplete.is_some() || !self.has_judged() {
            Exit::Unmet
        } else {
            Exit::Ok
        }
    }

    /// Whether any case was judged, and not skipped.
    pub fn has_judged(&self) -> bool {
        self.cases.iter().any(|case| case.outcome != CaseOutcome::Skipped)
    }

    /// The cases for other programs.
    pub fn case_report(&self) -> CaseReport {
        let unjudged = self.unjudged.iter().map(|unjudged| JudgedCase {
            message: Some(format!("{}: {}", unjudged.fact, unjudged.reason)),
            cause: unjudged.cause.map(|cause| cause.to_string()),
            link: unjudged.cause.map(Cause::link),
            ..JudgedCase::new("events", "accepts a valid event", CaseOutcome::Failed)
        });
        let cases = self.cases.iter().map(|case| JudgedCase {
            message: case.message.clone(),
            cause: case.cause.map(|cause| cause.to_string()),
            link: case.cause.map(Cause::link),
            duration: case.duration,
            ..JudgedCase::new(case.info.group, case.name(), case.outcome)
        });
        CaseReport {
            name: format!("hook check {} as {}", self.url, self.provider),
            cases: unjudged.chain(cases).collect(),
        }
    }
}

impl AuditCase {
    /// `wrong-secret`, or `event job.paid`.
    pub fn name(&self) -> String {
        match &self.event {
            Some(event) => format!("{} {}", self.info.case, printable(event, 200)),
            None => self.info.case.to_string(),
        }
    }
}
