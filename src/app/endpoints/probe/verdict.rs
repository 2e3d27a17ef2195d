//! The four verdicts of a test: received, signature checked, 2xx, in time.

use std::time::Duration;

use super::EndpointProbe;
use crate::app::check::player::Exchange;
use crate::app::check::reason;
use crate::clock::human_duration;
use crate::exchange::{Answer, ErrorKind, Outcome, SigningMode};
use crate::finding::{Finding, Level};
use crate::signature::Scheme;
use crate::text::{printable, short_time, status_line};

/// A slower answer is a risk for a provider whose time limit is not documented.
const SLOW: Duration = Duration::from_secs(3);

/// The answers, in the order of the questions.
pub(super) fn findings(probe: &EndpointProbe<'_>, exchanges: &[Exchange]) -> [Finding; 4] {
    let (genuine, invalid): (Vec<_>, Vec<_>) = exchanges.iter().partition(|exchange| exchange.is_genuine());
    [
        received(probe, &genuine),
        signature_checked(probe, &genuine, &invalid),
        success(probe, &genuine),
        in_time(probe, &genuine),
    ]
}

/// Whether every answer is there; the first failure otherwise.
fn received(probe: &EndpointProbe<'_>, genuine: &[&Exchange]) -> Finding {
    let failure = genuine.iter().find_map(|exchange| match &exchange.attempt.outcome {
        Outcome::Error { kind, text } => Some((kind, printable(text, 400))),
        Outcome::Answer(_) => None,
    });
    let hint = || match probe.remote_flags() {
        None => format!("`hook endpoints doctor {}` looks for the reason", probe.endpoint.name),
        Some(remote) => format!(
            "`hook endpoints doctor` looks for the reason, once `hook endpoints import {remote}` took the endpoint \
             into the local book"
        ),
    };
    match (failure, genuine) {
        // A receiver that answers too late has the request.
        (Some((ErrorKind::Timeout, text)), _) => Finding::unknown("received", text).hint(hint()),
        (Some((_, text)), _) => Finding::problem("received", text).hint(hint()),
        (None, []) => Finding::unknown("received", "nothing was sent"),
        (None, [_]) => Finding::ok("received", "the receiver answered"),
        (None, several) => Finding::ok("received", format!("{} of {} answered", several.len(), several.len())),
    }
}

fn signature_checked(probe: &EndpointProbe<'_>, genuine: &[&Exchange], invalid: &[&Exchange]) -> Finding {
    let code = "signature_checked";
    if matches!(probe.player.profile.scheme, Scheme::Unsigned) {
        return Finding::new(
            Level::Skipped,
            code,
            format!("`{}` signs nothing", probe.player.profile.label()),
        );
    }
    if invalid.is_empty() {
        return Finding::unknown(
            code,
            "no request with a faulty signature was sent, since nothing answered",
        );
    }
    let accepted = |exchange: &&&Exchange| is_success(probe, exchange);
    // Without an enforced limit a receiver may take an old signature.
    let may_be_old = probe.player.profile.scheme.freshness().tolerance.is_none();
    let is_forbidden = |exchange: &&&Exchange| !(may_be_old && exchange.signing == SigningMode::Stale);
    let wrong: Vec<&Exchange> = invalid.iter().filter(accepted).filter(is_forbidden).copied().collect();
    if !wrong.is_empty() {
        return Finding::problem(code, format!("accepted: {}", outcomes(&wrong)))
            .hint("let the receiver check the signature over the raw body before anything else, and answer 401");
    }
    let refused = outcomes(invalid);
    if genuine.iter().any(|exchange| !is_success(probe, exchange)) {
        return Finding::unknown(code, format!("refused: {refused}; so was the genuine event"));
    }
    let is_unclear = |exchange: &&&Exchange| exchange.status().is_none_or(|status| status < 400) && !accepted(exchange);
    let unclear: Vec<&Exchange> = invalid.iter().filter(is_unclear).copied().collect();
    if !unclear.is_empty() {
        let hint = "a receiver refuses with 401: a redirect or no answer does not show that it checked anything";
        return Finding::unknown(code, format!("neither accepted nor refused: {}", outcomes(&unclear))).hint(hint);
    }
    let old: Vec<&Exchange> = invalid.iter().filter(accepted).copied().collect();
    if !old.is_empty() {
        let hint = "a signature without an age limit can be replayed: let the receiver refuse old ones";
        return Finding::caution(code, format!("accepted: {}", outcomes(&old))).hint(hint);
    }
    if let Some(crash) = invalid
        .iter()
        .find(|exchange| exchange.status().is_some_and(|status| status >= 500))
    {
        let status = crash.attempt.outcome.summary();
        let hint = format!("{status} looks like a crash: 401 is how a check refuses");
        return Finding::caution(code, format!("refused: {refused}")).hint(hint);
    }
    Finding::ok(code, format!("refused: {refused}"))
}

/// `missing, empty (401 Unauthorized), stale (400 Bad Request)`
fn outcomes(exchanges: &[&Exchange]) -> String {
    let groups = exchanges.chunk_by(|a, b| a.attempt.outcome.summary() == b.attempt.outcome.summary());
    let group = |group: &[&Exchange]| {
        let names: Vec<&str> = group.iter().map(|exchange| exchange.signing.name()).collect();
        let outcome = group.first().map(|exchange| exchange.attempt.outcome.summary());
        format!("{} ({})", names.join(", "), outcome.unwrap_or_default())
    };
    groups.map(group).collect::<Vec<_>>().join(", ")
}

fn is_success(probe: &EndpointProbe<'_>, exchange: &Exchange) -> bool {
    let status = exchange.attempt.outcome.status();
    status.is_some_and(|status| probe.player.policy.success.contains(status))
}

fn success(probe: &EndpointProbe<'_>, genuine: &[&Exchange]) -> Finding {
    let answers = genuine.iter().filter_map(|exchange| match &exchange.attempt.outcome {
        Outcome::Answer(answer) => Some(answer),
        Outcome::Error { .. } => None,
    });
    let answers: Vec<&Answer> = answers.collect();
    let is_refused = |answer: &&&Answer| !probe.player.policy.success.contains(answer.status);
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
        status => reason(status, &probe.player.profile, &probe.player.profile.delivery.method),
    }
}

fn in_time(probe: &EndpointProbe<'_>, genuine: &[&Exchange]) -> Finding {
    let limit = probe.player.policy.timeout;
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
    let assumed = probe.player.profile.is_assumed("delivery.timeout");
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
