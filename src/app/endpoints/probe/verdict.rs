//! The four verdicts of a test: received, signature checked, 2xx, in time.

use std::time::Duration;

use super::{EndpointProbe, Exchange};
use crate::clock::human_duration;
use crate::exchange::{Answer, ErrorKind, Outcome};
use crate::finding::{Finding, Level};
use crate::signature::Scheme;
use crate::text::{printable, short_time, status_line};

/// A slower answer is a risk for a provider whose time limit is not documented.
const SLOW: Duration = Duration::from_secs(3);

/// The answers, in the order of the questions.
pub(super) fn findings(probe: &EndpointProbe<'_>, exchanges: &[Exchange]) -> [Finding; 4] {
    let genuine: Vec<&Exchange> = exchanges.iter().filter(|exchange| exchange.genuine).collect();
    let tampered = exchanges.iter().find(|exchange| !exchange.genuine);
    [
        received(probe, &genuine),
        signature_checked(probe, &genuine, tampered),
        success(probe, &genuine),
        in_time(probe, &genuine),
    ]
}

/// Whether every answer is there; the first failure otherwise.
fn received(probe: &EndpointProbe<'_>, genuine: &[&Exchange]) -> Finding {
    let failure = genuine.iter().find_map(|exchange| match &exchange.attempt.outcome {
        Outcome::Error { text, .. } => Some(text),
        Outcome::Answer(_) => None,
    });
    match (failure, genuine) {
        (Some(text), _) => Finding::problem("received", printable(text, 400)).hint(match probe.remote_flags() {
            None => format!("`hook endpoints doctor {}` looks for the reason", probe.endpoint.name),
            Some(remote) => format!(
                "`hook endpoints doctor` looks for the reason, once `hook endpoints import {remote}` took the \
                 endpoint into the local book"
            ),
        }),
        (None, []) => Finding::unknown("received", "nothing was sent"),
        (None, [_]) => Finding::ok("received", "the receiver answered"),
        (None, several) => Finding::ok("received", format!("{} of {} answered", several.len(), several.len())),
    }
}

fn signature_checked(probe: &EndpointProbe<'_>, genuine: &[&Exchange], tampered: Option<&Exchange>) -> Finding {
    let label = probe.profile.label();
    if matches!(probe.profile.scheme, Scheme::Unsigned) {
        return Finding::new(Level::Skipped, "signature_checked", format!("`{label}` signs nothing"));
    }
    let Some(tampered) = tampered else {
        return Finding::unknown("signature_checked", "no tampered twin was sent, since nothing answered");
    };
    let answer = match &tampered.attempt.outcome {
        Outcome::Answer(answer) => answer,
        Outcome::Error { text, .. } => {
            let what = format!("no answer to the tampered twin: {}", printable(text, 400));
            return Finding::unknown("signature_checked", what);
        }
    };
    let status = status_line(answer.status);
    if probe.policy.success.contains(answer.status) {
        return Finding::problem(
            "signature_checked",
            format!("the tampered twin was accepted with {status}"),
        )
        .hint("let the receiver check the signature over the raw body before anything else, and answer 401");
    }
    if genuine.iter().any(|exchange| !is_success(probe, exchange)) {
        let what = format!("the tampered twin was refused with {status}, and so was the genuine event");
        return Finding::unknown("signature_checked", what);
    }
    let fact = format!("the tampered twin was refused with {status}");
    if answer.status >= 500 {
        let crash = format!("{status} looks like a crash: 401 is how a check refuses");
        return Finding::caution("signature_checked", fact).hint(crash);
    }
    Finding::ok("signature_checked", fact)
}

fn is_success(probe: &EndpointProbe<'_>, exchange: &Exchange) -> bool {
    let status = exchange.attempt.outcome.status();
    status.is_some_and(|status| probe.policy.success.contains(status))
}

fn success(probe: &EndpointProbe<'_>, genuine: &[&Exchange]) -> Finding {
    let answers = genuine.iter().filter_map(|exchange| match &exchange.attempt.outcome {
        Outcome::Answer(answer) => Some(answer),
        Outcome::Error { .. } => None,
    });
    let answers: Vec<&Answer> = answers.collect();
    let is_refused = |answer: &&&Answer| !probe.policy.success.contains(answer.status);
    if let Some(answer) = answers.iter().find(is_refused) {
        return Finding::problem("success", status_line(answer.status)).hint(what_to_do(probe, answer));
    }
    let (sent, missing) = (genuine.len(), genuine.len() - answers.len());
    match answers.first() {
        None => Finding::unknown("success", "no answer"),
        Some(first) if missing == 0 => Finding::ok("success", status_line(first.status)),
        Some(_) => Finding::unknown("success", format!("{missing} of {sent} events were not answered")),
    }
}

fn what_to_do(probe: &EndpointProbe<'_>, answer: &Answer) -> String {
    match answer.status {
        300..=399 => {
            let to = answer.headers.get_text("location").unwrap_or("another URL");
            let name = &probe.endpoint.name;
            let there = probe
                .remote_flags()
                .map_or_else(String::new, |remote| format!(" {remote}"));
            format!(
                "redirects are not followed: `hook endpoints update {name} --to URL{there}` with the final one ({})",
                printable(to, 200)
            )
        }
        401 | 403 => {
            "does the receiver have this endpoint's secret, and does it check the raw bytes of the body?".into()
        }
        404 => "is the path of the URL right?".into(),
        405 => format!("let the receiver take {}", probe.profile.delivery.method),
        415 => format!("let the receiver take `{}`", probe.profile.delivery.content_type),
        500.. => "the receiver's own log says why it failed".into(),
        _ => format!("`{}` takes {} for success", probe.profile.label(), probe.policy.success),
    }
}

fn in_time(probe: &EndpointProbe<'_>, genuine: &[&Exchange]) -> Finding {
    let limit = probe.policy.timeout;
    let allowed = human_duration(limit);
    let timed_out = |exchange: &&&Exchange| {
        let outcome = &exchange.attempt.outcome;
        matches!(outcome, Outcome::Error { kind, .. } if *kind == ErrorKind::Timeout)
    };
    let quick = "answer first, and do the work afterwards";
    if genuine.iter().any(|exchange| timed_out(&exchange)) {
        return Finding::problem("in_time", format!("no complete answer within {allowed}")).hint(quick);
    }
    let answered = genuine
        .iter()
        .filter(|exchange| exchange.attempt.outcome.status().is_some());
    let Some(slowest) = answered.map(|exchange| exchange.attempt.took).max() else {
        return Finding::unknown("in_time", "no answer");
    };
    let assumed = probe.profile.is_assumed("delivery.timeout");
    let most = if genuine.len() > 1 { "at most " } else { "" };
    let fact = format!("{most}{}, and {allowed} are allowed", short_time(slowest));
    if assumed && slowest > SLOW {
        let hint = format!("the limit of {allowed} is an assumption: {quick}");
        Finding::caution("in_time", fact).hint(hint)
    } else if slowest > limit.mul_f64(0.8) {
        Finding::caution("in_time", fact).hint(format!("that is close to the limit: {quick}"))
    } else {
        Finding::ok("in_time", fact)
    }
}
