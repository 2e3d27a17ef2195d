//! What the book and the profile tell about an endpoint.

use super::{Subject, of_rule, of_url};
use crate::app::context::Context;
use crate::clock::human_duration;
use crate::endpoints::rules::{self, RuleOptions};
use crate::endpoints::{Endpoint, normalised};
use crate::finding::Finding;
use crate::signature::Scheme;
use crate::text::{count, printable};

/// Findings about the events, which have a check of their own.
const ABOUT_EVENTS: [&str; 4] = ["no-events", "unknown-event", "alias", "all-events"];

fn findings(subject: &Subject<'_>) -> Vec<Finding> {
    let options = RuleOptions::for_url(&subject.endpoint.url);
    rules::judge(&subject.profile, subject.endpoint, subject.all, &options)
}

/// Whether it gets anything at all.
pub(super) fn active(subject: &Subject<'_>) -> Finding {
    let endpoint = subject.endpoint;
    if subject.context.settings.account_off {
        let what = "the account's webhooks are switched off by `account.enabled`: no endpoint gets anything";
        return Finding::problem("active", what).hint("`hook config show` says where that is set");
    }
    match &endpoint.disabled {
        Some(disabled) => {
            let why = printable(&disabled.to_string(), 200);
            let since = disabled.since.local_datetime();
            let finding = Finding::problem("active", format!("disabled since {since}: {why}"));
            finding.hint(format!("when the receiver is ready, {}", endpoint.activation_hint()))
        }
        None if endpoint.failed_deliveries > 0 => {
            let failed = count(endpoint.failed_deliveries.into(), "failed delivery");
            let what = format!("active, but with {failed} in a row");
            Finding::caution("active", what)
        }
        None => Finding::ok("active", "active"),
    }
}

/// Whether it subscribed to what the provider sends.
pub(super) fn events(subject: &Subject<'_>) -> Finding {
    let findings = findings(subject);
    let mut faults = findings
        .iter()
        .filter(|finding| ABOUT_EVENTS.contains(&finding.code) && finding.is_problem());
    let summary = subject.endpoint.events.summary(200);
    let ok = || Finding::ok("events", format!("subscribed to {summary}"));
    faults.find_map(of_rule).unwrap_or_else(ok)
}

/// Whether the provider takes the URL.
pub(super) fn rules(subject: &Subject<'_>) -> Vec<Finding> {
    let findings = findings(subject);
    let about_url = findings
        .iter()
        .filter(|finding| !ABOUT_EVENTS.contains(&finding.code) && finding.code != "duplicate-url");
    of_url(&subject.profile, about_url)
}

/// Whether there is something to sign with.
pub(super) fn secrets(subject: &Subject<'_>) -> Vec<Finding> {
    let (context, endpoint, profile) = (subject.context, subject.endpoint, &subject.profile);
    if matches!(profile.scheme, Scheme::Unsigned) {
        let what = format!(
            "`{}` signs nothing, so the receiver cannot tell who sends",
            profile.label()
        );
        return vec![Finding::caution("secret", what).hint("let the receiver ask for a bearer token")];
    }
    let secrets = endpoint.active_secrets(context.now());
    let rotate = format!("`hook endpoints rotate-secret {}`", endpoint.name);
    if secrets.is_empty() {
        return vec![Finding::problem("secret", "it has no secret").hint(rotate)];
    }
    let book = context.book();
    let mut checks = Vec::new();
    for secret in &secrets {
        let found = Context::signing_secret(&book, endpoint, secret);
        let usable = found.and_then(|found| Ok(profile.scheme.signer(&[found]).map(|_| ())?));
        let name = printable(&secret.reference.to_string(), 200);
        checks.push(match usable {
            Ok(()) => Finding::ok("secret", format!("`{name}` can sign")),
            Err(error) => {
                let hint = error.hints.first().cloned().unwrap_or_else(|| rotate.clone());
                Finding::problem("secret", printable(&error.to_string(), 400)).hint(hint)
            }
        });
    }
    let ends = secrets.iter().filter_map(|secret| secret.until).max();
    if let Some(until) = ends {
        let left = human_duration(until.since(context.now()));
        let what = format!("a rotation is under way: the old secret verifies for another {left}");
        checks.push(Finding::caution("rotation", what).hint("let the receiver take both until then"));
    }
    checks
}

/// Whether the URL is registered more than once.
pub(super) fn registrations(subject: &Subject<'_>) -> Finding {
    let endpoint = subject.endpoint;
    let url = normalised(&endpoint.url);
    let shares_url = |other: &&Endpoint| other.id != endpoint.id && normalised(&other.url) == url;
    let others: Vec<&Endpoint> = subject.all.iter().filter(shares_url).collect();
    let names: Vec<String> = others.iter().map(|other| format!("`{}`", other.name)).collect();
    let Some(first) = others.first() else {
        return Finding::ok("registrations", "the URL is registered once");
    };
    let what = format!("the URL is also registered as {}", names.join(", "));
    let overlaps = |other: &&Endpoint| {
        other.provider_name() == endpoint.provider_name()
            && (subject.profile.endpoint.unique_url || other.events.overlap(&endpoint.events))
    };
    if !others.iter().any(overlaps) {
        return Finding::caution("registrations", format!("{what}, for other events"));
    }
    let what = format!("{what}: the same event arrives more than once");
    Finding::problem("registrations", what).hint(format!("`hook endpoints remove {}`", first.name))
}

/// How a receiver recognises a duplicate.
pub(super) fn dedupe(subject: &Subject<'_>) -> Finding {
    let dedupe = &subject.profile.dedupe;
    let keys: Vec<String> = dedupe.keys.iter().map(|key| format!("`{key}`")).collect();
    if keys.is_empty() {
        let what = "every event may arrive twice: a receiver must not act on it twice";
        return Finding::ok("dedupe", what);
    }
    let what = format!(
        "every event may arrive twice: recognise duplicates by {}",
        keys.join(", else ")
    );
    let check = Finding::ok("dedupe", what);
    match (&dedupe.documented, &dedupe.caution) {
        (Some(documented), Some(caution)) => check.hint(format!("`{documented}` alone is not enough: {caution}")),
        _ => check,
    }
}
