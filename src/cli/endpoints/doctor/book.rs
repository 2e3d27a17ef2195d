//! What the book and the profile tell about an endpoint.

use super::{Check, CheckGroup, Subject};
use crate::clock::human_duration;
use crate::endpoints::rules::{self, RuleOptions};
use crate::endpoints::{Endpoint, Events, normalised};
use crate::finding::{Finding, Level};
use crate::signature::Scheme;
use crate::text::printable;
use crate::transport::address_policy;
use crate::view::count;

/// Findings about the events, which have a check of their own.
const ABOUT_EVENTS: [&str; 4] = ["no-events", "unknown-event", "alias", "all-events"];

fn findings(patient: &Subject<'_>) -> Vec<Finding> {
    let here = url::Url::parse(&patient.endpoint.url).is_ok_and(|url| address_policy::is_loopback(&url));
    let options = RuleOptions {
        local: here,
        new_events: false,
        ..RuleOptions::default()
    };
    rules::judge(&patient.profile, patient.endpoint, patient.all, &options)
}

pub(super) fn level(finding: &Finding) -> Option<Level> {
    match (finding.level, finding.code) {
        (Level::Note, "waived") => Some(Level::Caution),
        (Level::Note, _) => None,
        (level, _) => Some(level),
    }
}

pub(super) fn check_of(finding: &Finding, level: Level) -> Check {
    let message = match finding.code {
        "waived" => "the URL is on this machine: fine for tests, out of the provider's reach".to_owned(),
        _ => printable(&finding.fact, 1000),
    };
    let check = Check::new(CheckGroup::NotReceived, finding.code, level, message);
    match (&finding.hint, finding.code) {
        (_, "waived") => check.hint("for the provider itself, register a public URL, such as a tunnel's"),
        (Some(hint), _) => check.hint(printable(hint, 1000)),
        (None, _) => check,
    }
}

/// Whether it gets anything at all.
pub(super) fn active(patient: &Subject<'_>) -> Check {
    let endpoint = patient.endpoint;
    if patient.session.settings.account_off {
        let what = "the account's webhooks are switched off by `account.enabled`: no endpoint gets anything";
        return Check::problem(CheckGroup::NotReceived, "active", what)
            .hint("`hook config show` says where that is set");
    }
    match &endpoint.disabled {
        Some(disabled) => {
            let why = printable(&disabled.to_string(), 200);
            let since = disabled.since.local_datetime();
            Check::problem(
                CheckGroup::NotReceived,
                "active",
                format!("disabled since {since}: {why}"),
            )
            .hint(format!(
                "mend the receiver, then `hook endpoints enable {}`",
                endpoint.name
            ))
        }
        None if endpoint.failed_deliveries > 0 => {
            let failed = count(endpoint.failed_deliveries.into(), "failed delivery");
            let what = format!("active, but with {failed} in a row");
            Check::caution(CheckGroup::NotReceived, "active", what)
        }
        None => Check::ok(CheckGroup::NotReceived, "active", "active"),
    }
}

/// Whether it subscribed to what the provider sends.
pub(super) fn events(patient: &Subject<'_>) -> Check {
    let findings = findings(patient);
    let fault = findings
        .iter()
        .find(|finding| ABOUT_EVENTS.contains(&finding.code) && finding.is_problem());
    match (fault, &patient.endpoint.events) {
        (Some(fault), _) => check_of(fault, Level::Problem),
        (None, Events::All) => Check::ok(CheckGroup::NotReceived, "events", "subscribed to all events"),
        (None, events) => {
            let what = format!("subscribed to {}", events.summary(200));
            Check::ok(CheckGroup::NotReceived, "events", what)
        }
    }
}

/// Whether the provider takes the URL.
pub(super) fn rules(patient: &Subject<'_>) -> Vec<Check> {
    let findings = findings(patient);
    let about_url = findings
        .iter()
        .filter(|finding| !ABOUT_EVENTS.contains(&finding.code) && finding.code != "duplicate-url");
    let checks: Vec<Check> = about_url
        .filter_map(|finding| level(finding).map(|level| check_of(finding, level)))
        .collect();
    if checks.is_empty() {
        let what = format!("the URL keeps the rules of `{}`", patient.profile.label());
        return vec![Check::ok(CheckGroup::NotReceived, "url", what)];
    }
    checks
}

/// Whether there is something to sign with.
pub(super) fn secrets(patient: &Subject<'_>) -> Vec<Check> {
    let (session, endpoint, profile) = (patient.session, patient.endpoint, &patient.profile);
    let section = CheckGroup::VerificationFailing;
    if matches!(profile.scheme, Scheme::Unsigned) {
        let what = format!(
            "`{}` signs nothing, so the receiver cannot tell who sends",
            profile.label()
        );
        return vec![Check::caution(section, "secret", what).hint("let the receiver ask for a bearer token")];
    }
    let secrets = endpoint.active_secrets(session.now());
    let rotate = format!("`hook endpoints rotate-secret {}`", endpoint.name);
    if secrets.is_empty() {
        return vec![Check::problem(section, "secret", "it has no secret").hint(rotate)];
    }
    let book = session.book();
    let mut checks = Vec::new();
    for secret in &secrets {
        let found = session.signing_secret(&book, endpoint, secret);
        let usable = found.and_then(|found| Ok(profile.scheme.signer(&[found]).map(|_| ())?));
        let name = printable(&secret.reference.to_string(), 200);
        checks.push(match usable {
            Ok(()) => Check::ok(section, "secret", format!("`{name}` can sign")),
            Err(error) => {
                let hint = error.hints.first().cloned().unwrap_or_else(|| rotate.clone());
                Check::problem(section, "secret", printable(&error.to_string(), 400)).hint(hint)
            }
        });
    }
    let ends = secrets.iter().filter_map(|secret| secret.until).max();
    if let Some(until) = ends {
        let left = human_duration(until.since(session.now()));
        let what = format!("a rotation is under way: the old secret verifies for another {left}");
        checks.push(Check::caution(section, "rotation", what).hint("let the receiver take both until then"));
    }
    checks
}

/// Whether the URL is registered more than once.
pub(super) fn registrations(patient: &Subject<'_>) -> Check {
    let (section, endpoint) = (CheckGroup::Duplicates, patient.endpoint);
    let url = normalised(&endpoint.url);
    let twin = |other: &&Endpoint| other.id != endpoint.id && normalised(&other.url) == url;
    let twins: Vec<&Endpoint> = patient.all.iter().filter(twin).collect();
    let names: Vec<String> = twins.iter().map(|twin| format!("`{}`", twin.name)).collect();
    let Some(first) = twins.first() else {
        return Check::ok(section, "registrations", "the URL is registered once");
    };
    let same_provider = |twin: &&&Endpoint| twin.provider_name() == endpoint.provider_name();
    let what = format!("the URL is registered as {} too", names.join(", "));
    let overlap = twins
        .iter()
        .filter(same_provider)
        .any(|twin| patient.profile.endpoint.unique_url || twin.events.overlap(&endpoint.events));
    if overlap {
        Check::problem(
            section,
            "registrations",
            format!("{what}: the same event arrives more than once"),
        )
        .hint(format!("`hook endpoints remove {}`", first.name))
    } else {
        Check::caution(section, "registrations", format!("{what}, for other events"))
    }
}

/// By what a receiver tells a duplicate.
pub(super) fn dedupe(patient: &Subject<'_>) -> Check {
    let dedupe = &patient.profile.dedupe;
    let keys: Vec<String> = dedupe.keys.iter().map(|key| format!("`{key}`")).collect();
    let section = CheckGroup::Duplicates;
    if keys.is_empty() {
        return Check::ok(
            section,
            "dedupe",
            "every event may come twice: a receiver must not act on it twice",
        );
    }
    let what = format!(
        "every event may come twice: a receiver tells by {}",
        keys.join(", else ")
    );
    let check = Check::ok(section, "dedupe", what);
    match (&dedupe.documented, &dedupe.caution) {
        (Some(documented), Some(caution)) => check.hint(format!("`{documented}` alone is not enough: {caution}")),
        _ => check,
    }
}
