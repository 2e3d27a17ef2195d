//! The four verdicts of a test: received, signature checked, 2xx, in time.

use std::time::Duration;

use serde::Serialize;

use super::{Exchange, Trial};
use crate::clock::human_duration;
use crate::exchange::{Answer, ErrorKind, Outcome};
use crate::signature::Scheme;
use crate::text::printable;
use crate::view::{short_time, status_line};

/// Above this the answer is slow for a provider whose limit nobody states.
const SLOW: Duration = Duration::from_secs(3);

/// How one question was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// As it must be.
    Pass,
    /// Not as it must be.
    Fail,
    /// It cannot be told.
    Unknown,
    /// There is nothing to ask.
    Skipped,
}

/// The answer to one question.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Verdict {
    #[serde(rename = "verdict")]
    pub(super) state: State,
    pub(super) detail: String,
    pub(super) caution: Option<String>,
    pub(super) hint: Option<String>,
}

/// All four.
#[derive(Debug, Serialize)]
pub(super) struct Verdicts {
    pub(super) received: Verdict,
    pub(super) signature_checked: Verdict,
    pub(super) success: Verdict,
    pub(super) in_time: Verdict,
}

impl Verdict {
    fn new(state: State, detail: impl Into<String>) -> Self {
        Self {
            state,
            detail: detail.into(),
            caution: None,
            hint: None,
        }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    fn caution(self, caution: Option<String>) -> Self {
        Self { caution, ..self }
    }
}

impl Verdicts {
    pub(super) fn of(trial: &Trial<'_>, exchanges: &[Exchange]) -> Self {
        let genuine: Vec<&Exchange> = exchanges.iter().filter(|exchange| exchange.genuine).collect();
        let twin = exchanges.iter().find(|exchange| !exchange.genuine);
        Self {
            received: received(trial, &genuine),
            signature_checked: signature_checked(trial, &genuine, twin),
            success: success(trial, &genuine),
            in_time: in_time(trial, &genuine),
        }
    }

    /// In the order in which they are asked, with their names.
    pub(super) fn all(&self) -> [(&'static str, &Verdict); 4] {
        [
            ("received", &self.received),
            ("signature checked", &self.signature_checked),
            ("2xx", &self.success),
            ("in time", &self.in_time),
        ]
    }

    /// Whether nothing failed and nothing is in doubt.
    pub(super) fn passed(&self) -> bool {
        let passed = |verdict: &Verdict| matches!(verdict.state, State::Pass | State::Skipped);
        self.all().into_iter().all(|(_, verdict)| passed(verdict))
    }
}

/// Whether every answer is there; the first failure otherwise.
fn received(trial: &Trial<'_>, genuine: &[&Exchange]) -> Verdict {
    let failure = genuine.iter().find_map(|exchange| match &exchange.attempt.outcome {
        Outcome::Error { text, .. } => Some(text),
        Outcome::Answer(_) => None,
    });
    match (failure, genuine) {
        (Some(text), _) => Verdict::new(State::Fail, printable(text, 400)).hint(match trial.remote {
            None => format!("`hook endpoints doctor {}` looks for the reason", trial.endpoint.name),
            Some(remote) => format!(
                "`hook endpoints doctor` looks for the reason, once `hook endpoints import {remote}` took the \
                 endpoint into the local book"
            ),
        }),
        (None, []) => Verdict::new(State::Unknown, "nothing was sent"),
        (None, [_]) => Verdict::new(State::Pass, "the receiver answered"),
        (None, several) => Verdict::new(State::Pass, format!("{} of {} answered", several.len(), several.len())),
    }
}

fn signature_checked(trial: &Trial<'_>, genuine: &[&Exchange], twin: Option<&Exchange>) -> Verdict {
    let label = trial.profile.label();
    if matches!(trial.profile.scheme, Scheme::Unsigned) {
        return Verdict::new(State::Skipped, format!("`{label}` signs nothing"));
    }
    let Some(twin) = twin else {
        return Verdict::new(State::Unknown, "no tampered twin was sent, since nothing answered");
    };
    let answer = match &twin.attempt.outcome {
        Outcome::Answer(answer) => answer,
        Outcome::Error { text, .. } => {
            let what = format!("no answer to the tampered twin: {}", printable(text, 400));
            return Verdict::new(State::Unknown, what);
        }
    };
    let status = status_line(answer.status);
    if trial.policy.success.contains(answer.status) {
        return Verdict::new(State::Fail, format!("the tampered twin was accepted with {status}"))
            .hint("let the receiver check the signature over the raw body before anything else, and answer 401");
    }
    if genuine.iter().any(|exchange| !is_success(trial, exchange)) {
        let what = format!("the tampered twin was refused with {status}, and so was the genuine event");
        return Verdict::new(State::Unknown, what);
    }
    let crash = (answer.status >= 500).then(|| format!("{status} looks like a crash: 401 is how a check refuses"));
    Verdict::new(State::Pass, format!("the tampered twin was refused with {status}")).caution(crash)
}

fn is_success(trial: &Trial<'_>, exchange: &Exchange) -> bool {
    let status = exchange.attempt.outcome.status();
    status.is_some_and(|status| trial.policy.success.contains(status))
}

fn success(trial: &Trial<'_>, genuine: &[&Exchange]) -> Verdict {
    let answers = genuine.iter().filter_map(|exchange| match &exchange.attempt.outcome {
        Outcome::Answer(answer) => Some(answer),
        Outcome::Error { .. } => None,
    });
    let answers: Vec<&Answer> = answers.collect();
    let refused = answers
        .iter()
        .find(|answer| !trial.policy.success.contains(answer.status));
    match (refused, answers.as_slice()) {
        (_, []) => Verdict::new(State::Unknown, "no answer"),
        (Some(answer), _) => Verdict::new(State::Fail, status_line(answer.status)).hint(what_to_do(trial, answer)),
        (None, [first, ..]) if answers.len() == genuine.len() => Verdict::new(State::Pass, status_line(first.status)),
        (None, several) => Verdict::new(
            State::Unknown,
            format!(
                "{} of {} events were not answered",
                genuine.len() - several.len(),
                genuine.len()
            ),
        ),
    }
}

fn what_to_do(trial: &Trial<'_>, answer: &Answer) -> String {
    match answer.status {
        300..=399 => {
            let to = answer.headers.get_text("location").unwrap_or("another URL");
            let name = &trial.endpoint.name;
            let there = trial.remote.map_or_else(String::new, |remote| format!(" {remote}"));
            format!(
                "redirects are not followed: `hook endpoints update {name} --to URL{there}` with the final one ({})",
                printable(to, 200)
            )
        }
        401 | 403 => {
            "does the receiver have this endpoint's secret, and does it check the raw bytes of the body?".into()
        }
        404 => "is the path of the URL right?".into(),
        405 => format!("let the receiver take {}", trial.profile.method),
        415 => format!("let the receiver take `{}`", trial.profile.content_type),
        500.. => "the receiver's own log says why it failed".into(),
        _ => format!("`{}` takes {} for success", trial.profile.label(), trial.policy.success),
    }
}

fn in_time(trial: &Trial<'_>, genuine: &[&Exchange]) -> Verdict {
    let limit = trial.policy.timeout;
    let allowed = human_duration(limit);
    let timed_out = |exchange: &&&Exchange| {
        let outcome = &exchange.attempt.outcome;
        matches!(outcome, Outcome::Error { kind, .. } if *kind == ErrorKind::Timeout)
    };
    let quick = "answer first, and do the work afterwards";
    if genuine.iter().any(|exchange| timed_out(&exchange)) {
        return Verdict::new(State::Fail, format!("no complete answer within {allowed}")).hint(quick);
    }
    let answered = genuine
        .iter()
        .filter(|exchange| exchange.attempt.outcome.status().is_some());
    let Some(slowest) = answered.map(|exchange| exchange.attempt.took).max() else {
        return Verdict::new(State::Unknown, "no answer");
    };
    let assumed = trial.profile.is_assumed("delivery.timeout");
    let caution = if assumed && slowest > SLOW {
        Some(format!("the limit of {allowed} is an assumption: {quick}"))
    } else if slowest > limit.mul_f64(0.8) {
        Some(format!("that is close to the limit: {quick}"))
    } else {
        None
    };
    let most = if genuine.len() > 1 { "at most " } else { "" };
    let detail = format!("{most}{}, and {allowed} are allowed", short_time(slowest));
    Verdict::new(State::Pass, detail).caution(caution)
}
