//! Everything by which a run of a listener is judged, as cases of a report.

use super::options::ListenOptions;
use super::retry_judge::{RetryJudge, RetryReport};
use super::summary::ListenSummary;
use crate::app::expect::ExpectationReport;
use crate::case_report::{CaseOutcome, CaseReport, JudgedCase};
use crate::error::Error;
use crate::exit::Exit;

/// Groups of the cases.
const RETRIES: &str = "retries";
const COMMAND: &str = "command";

/// Events whose attempts are cases of their own, at most.
const MOST_EVENTS: usize = 1000;

/// Whether anything is judged at all.
pub(super) fn is_judged(options: &ListenOptions) -> bool {
    options.expectations.is_some() || options.expect_retries.is_some() || options.count.is_some()
}

/// The cases of the retries that were seen: of each event that was tried more than once, and of all together.
pub(super) fn retry_cases(judge: &RetryJudge) -> Vec<JudgedCase> {
    let (wrong, right): (Vec<_>, Vec<_>) = judge.reports().partition(|report| report.difference.is_some());
    let events = wrong.into_iter().chain(right).take(MOST_EVENTS).zip(1..);
    let events = events.map(|(report, number)| retries_of(&report, number));
    let unmet = judge.totals().unmet();
    let all = case(RETRIES, "all events", unmet);
    events.chain([all]).collect()
}

fn retries_of(report: &RetryReport, number: usize) -> JudgedCase {
    let event = report.event.as_deref().unwrap_or("an event without a type");
    let id = report.event_id.as_ref().map(|id| format!(" {id}"));
    let name = format!("{number} {event}{}", id.unwrap_or_default());
    let unmet = report.difference.as_ref().map(|difference| {
        let (said, provider) = (difference.describe(), &report.provider);
        format!(
            "{said}\nexpected {} ({provider})\nseen {}",
            report.expected, report.seen
        )
    });
    case(RETRIES, name, unmet)
}

/// The cases of a run whose command could not be started, so that nothing was judged.
pub(super) fn not_started(
    options: &ListenOptions,
    why: &Error,
    expectations: Option<&ExpectationReport>,
) -> CaseReport {
    let expectations = expectations.map_or_else(Vec::new, |report| report.expectations.clone());
    let skipped = expectations.iter().map(|one| JudgedCase {
        outcome: CaseOutcome::Skipped,
        message: Some("the command could not be started".to_owned()),
        ..one.case()
    });
    let why = why.causes.first().unwrap_or(&why.message);
    let failed = case(COMMAND, program(options), Some(format!("it cannot be started: {why}")));
    report(skipped.chain([failed]).collect())
}

/// All cases of a run that came to its end.
pub(super) fn cases(
    options: &ListenOptions,
    summary: &ListenSummary,
    expectations: Option<&ExpectationReport>,
    retries: Vec<JudgedCase>,
) -> CaseReport {
    let mut cases = expectations.map_or_else(Vec::new, ExpectationReport::cases);
    cases.extend(retries);
    if let Some(expected) = summary.expected {
        let came = (!summary.is_met()).then(|| format!("{} came", summary.received));
        cases.push(case("requests", format!("at least {expected}"), came));
    }
    if let Some(end) = summary.command {
        cases.push(case(COMMAND, program(options), command_failure(end, summary.time_over)));
    }
    if summary.work.interrupted > 0 {
        let left = format!("{} left to do", summary.work.interrupted);
        cases.push(case("work", "forwards and commands", Some(left)));
    }
    report(cases)
}

/// A report of these cases.
fn report(cases: Vec<JudgedCase>) -> CaseReport {
    CaseReport {
        name: "webhooks that are expected".to_owned(),
        cases,
    }
}

/// What is wrong with the end of the command beside the listener.
pub(super) fn command_failure(end: Exit, time_over: bool) -> Option<String> {
    match end {
        Exit::Ok => None,
        Exit::Interrupted if time_over => Some("it did not end in time".to_owned()),
        Exit::Interrupted => Some("it was interrupted".to_owned()),
        end => Some(format!("it ended with the exit code {}", end.code())),
    }
}

/// The name of the command. Its arguments may hold secrets.
pub(super) fn program(options: &ListenOptions) -> String {
    options.command.first().cloned().unwrap_or_default()
}

/// A case that is passed where nothing is wrong.
fn case(group: &str, name: impl Into<String>, wrong: Option<String>) -> JudgedCase {
    let outcome = if wrong.is_some() {
        CaseOutcome::Failed
    } else {
        CaseOutcome::Passed
    };
    JudgedCase {
        message: wrong,
        ..JudgedCase::new(group, name, outcome)
    }
}
