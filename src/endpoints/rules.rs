//! The provider's rules about endpoints, checked before one is stored. Every rule comes from the profile; a new rule is a
//! key there and a function here.

mod own;

use std::collections::HashSet;

use url::Url;

use super::endpoint::{Change, Endpoint, Events};
use super::error::EndpointError;
use super::names::check_name;
use crate::clock::Timestamp;
use crate::finding::{Finding, Level};
use crate::mask;
use crate::provider::{Https, Profile, near_names};
use crate::target;
use crate::text::{printable, quoted};
use crate::transport::address_policy::{self, AddressClass, AddressPolicy};

/// How strictly the rules are checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleOptions {
    /// Network rules are waived for targets on this machine.
    pub local: bool,
    /// What is recommended is required, and a target must be public.
    pub production: bool,
    /// Which addresses the sender reaches, where that is known: a target elsewhere would get nothing.
    pub reaches: Option<AddressPolicy>,
    /// Events outside the catalogue are let pass with a caution: the provider may have new ones.
    pub new_events: bool,
    /// The account's plan, should the endpoint not name one.
    pub plan: Option<String>,
    /// Whether the provider keeps the endpoint: it knows the plan, and gets the names of the events.
    pub is_remote: bool,
}

impl RuleOptions {
    /// For a URL that may be one of this machine: it is there for tests.
    pub fn for_url(url: &str) -> Self {
        Self {
            local: Url::parse(url).is_ok_and(|url| address_policy::is_loopback(&url)),
            ..Self::default()
        }
    }
}

/// Judges an endpoint that is to be added, or changed when `existing` has one of the same id.
pub fn judge(profile: &Profile, candidate: &Endpoint, existing: &[Endpoint], options: &RuleOptions) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(what) = check_name(&candidate.name) {
        findings.push(Finding::problem("bad-name", what).at(&["name"]));
    }
    let at = |field: &'static str| move |finding: Finding| finding.at(&[field]);
    findings.extend(judge_url(profile, &candidate.url, options).into_iter().map(at("url")));
    findings.extend(own::judge(profile, candidate));
    let is_peer = |other: &&Endpoint| other.id != candidate.id && other.provider_name() == profile.name;
    let peers: Vec<&Endpoint> = existing.iter().filter(is_peer).collect();
    let before = existing.iter().find(|other| other.id == candidate.id);
    findings.extend(judge_duplicate(profile, candidate, &peers).map(at("url")));
    findings.extend(judge_plan(profile, candidate, before, &peers, options).map(at("plan")));
    let of_events = judge_events(profile, &candidate.events, options);
    findings.extend(of_events.into_iter().map(at("events")));
    findings
}

/// Checks an endpoint with the events as they were typed, and replaces them by the catalogue's names. Findings that are
/// `known` do not count.
pub fn validate(
    profile: &Profile,
    endpoint: &mut Endpoint,
    existing: &[Endpoint],
    options: &RuleOptions,
    known: &[Finding],
) -> Result<Vec<Finding>, EndpointError> {
    let mut findings = judge(profile, endpoint, existing, options);
    findings.retain(|finding| !known.contains(finding));
    if findings.iter().any(Finding::is_problem) {
        return Err(EndpointError::Rule(findings));
    }
    let has_name = |other: &&Endpoint| other.name == endpoint.name && other.id != endpoint.id;
    if let Some(other) = existing.iter().find(has_name) {
        let (what, value) = ("name", other.name.clone());
        return Err(EndpointError::Duplicate { what, value });
    }
    endpoint.events = canonical_events(profile, &endpoint.events);
    Ok(findings)
}

/// Changes one of `existing`.
pub fn validate_change(
    profile: &Profile,
    endpoint: &mut Endpoint,
    change: Change,
    existing: &[Endpoint],
    (options, now): (&RuleOptions, Timestamp),
) -> Result<Vec<Finding>, EndpointError> {
    // What was allowed when the endpoint was added, as with `--local`, does not stop another change.
    let known = judge(profile, endpoint, existing, options);
    let enables = change.active == Some(true);
    endpoint.apply(change, now);
    if enables && endpoint.is_pending() {
        let finding = Finding::problem(
            "not-confirmed",
            format!("endpoint `{}` is not confirmed yet", endpoint.name),
        );
        return Err(EndpointError::Rule(vec![finding.hint(endpoint.activation_hint())]));
    }
    validate(profile, endpoint, existing, options, &known)
}

/// Judges a URL by itself.
pub fn judge_url(profile: &Profile, url: &str, options: &RuleOptions) -> Vec<Finding> {
    match target::parse_whole_url(url) {
        Ok(url) => judge_password(&url)
            .into_iter()
            .chain(judge_network(profile, &url, options))
            .collect(),
        Err(what) => {
            let hint = "write the whole URL, such as `https://example.com/hooks`";
            vec![Finding::problem("bad-url", what).hint(hint)]
        }
    }
}

/// The events as the book keeps them: aliases as the catalogue's names, each once, a provider's sign for all as all.
pub fn canonical_events(profile: &Profile, events: &Events) -> Events {
    let Events::Only(names) = events else {
        return Events::All;
    };
    let all = |name: &String| name == "all" || profile.endpoint.all_events.as_ref() == Some(name);
    if names.iter().any(all) {
        return Events::All;
    }
    let mut seen = HashSet::new();
    let canonical = names.iter().map(|name| profile.canonical_event(name).unwrap_or(name));
    Events::Only(canonical.filter(|name| seen.insert(*name)).map(str::to_owned).collect())
}

fn judge_password(url: &Url) -> Option<Finding> {
    url.password()?;
    let message = format!(
        "`{}` holds a password, which the book keeps as it is",
        mask::url(url.as_str())
    );
    Some(Finding::caution("password-in-url", message))
}

fn judge_network(profile: &Profile, url: &Url, options: &RuleOptions) -> Vec<Finding> {
    let (shown, class) = (mask::url(url.as_str()), AddressClass::of_url(url));
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(judge_https(profile, url, &shown, options));
    findings.extend(judge_port(profile, url, &shown));
    findings.extend(judge_public(profile, url, &shown, options));
    if findings.is_empty() {
        return findings;
    }
    let codes: Vec<&str> = findings.iter().map(|finding| finding.code).collect();
    match (class, options.local) {
        (Some(AddressClass::Loopback), true) => {
            let message = format!(
                "for `{shown}`, which is on this machine, `--local` waives: {}",
                codes.join(", ")
            );
            findings = vec![Finding::new(Level::Note, "waived", message)];
        }
        (Some(AddressClass::Loopback), false) => {
            let hint =
                "`--local` waives this for targets on this machine; to be reached from outside, use a tunnel's URL";
            findings = findings.into_iter().map(|finding| finding.hint(hint)).collect();
        }
        (_, true) => {
            let message = format!("`--local` waives nothing for `{shown}`, which is not on this machine");
            findings.push(Finding::new(Level::Note, "not-waived", message));
        }
        (_, false) => {}
    }
    findings
}

fn judge_https(profile: &Profile, url: &Url, shown: &str, options: &RuleOptions) -> Option<Finding> {
    if url.scheme() == "https" {
        return None;
    }
    let label = profile.label();
    let (level, code, why) = match (profile.endpoint.https, options.production) {
        (Https::Any, _) => return None,
        (Https::Required, _) => (Level::Problem, "https-required", "requires"),
        (Https::Recommended, true) => (Level::Problem, "https-required", "wants in production"),
        (Https::Recommended, false) => (Level::Caution, "https-recommended", "wants in production"),
    };
    let finding = Finding::new(level, code, format!("`{shown}` is not https, which `{label}` {why}"));
    Some(finding.hint(format!("use `https{}`", shown.strip_prefix("http").unwrap_or(shown))))
}

fn judge_port(profile: &Profile, url: &Url, shown: &str) -> Option<Finding> {
    let (ports, port) = (&profile.endpoint.ports, url.port_or_known_default()?);
    if ports.is_empty() || ports.contains(&port) {
        return None;
    }
    let reached: Vec<String> = ports.iter().map(u16::to_string).collect();
    let message = format!(
        "`{shown}` uses port {port}, and `{}` reaches only {}",
        profile.label(),
        reached.join(" and ")
    );
    Some(Finding::problem("port", message).hint(format!("serve it on port {}", reached.join(" or "))))
}

fn judge_public(profile: &Profile, url: &Url, shown: &str, options: &RuleOptions) -> Option<Finding> {
    let is_required = profile.endpoint.public || options.production;
    let class = AddressClass::of_url(url)?;
    let is_reached = match (options.reaches, is_required) {
        (Some(policy), true) => policy.allows(class),
        // A host name is checked when the connection is made: its addresses may change.
        (Some(policy), false) => policy.check_url(url).is_ok(),
        (None, true) => AddressPolicy::Public.allows(class),
        (None, false) => true,
    };
    if is_reached {
        return None;
    }
    let (what, label) = (class.description(), profile.label());
    let message = if is_required {
        format!("`{shown}` is {what}, and `{label}` must reach it from the internet")
    } else {
        format!("`{shown}` is {what}, which is not reached from here")
    };
    Some(Finding::problem("not-public", message).hint("use a public host, or a tunnel's URL"))
}

/// Judges whether one of `peers`, other endpoints of the provider, has the URL already. Those of another tenant, which get
/// other events, are not named.
fn judge_duplicate(profile: &Profile, candidate: &Endpoint, peers: &[&Endpoint]) -> Option<Finding> {
    let (shown, label) = (mask::url(&candidate.url), profile.label());
    let url = target::normalised(&candidate.url)?;
    let has_url = |peer: &&&Endpoint| target::normalised(&peer.url).as_ref() == Some(&url);
    let is_near = |peer: &&&Endpoint| peer.tenant == candidate.tenant;
    if profile.endpoint.unique_url {
        let same: Vec<_> = peers.iter().filter(has_url).collect();
        let message = |other: &str| format!("`{shown}` is {other} already, and `{label}` takes a URL once only");
        let Some(Endpoint { name, .. }) = same.iter().copied().find(is_near) else {
            let foreign = message("an endpoint of another tenant");
            return (!same.is_empty()).then(|| Finding::problem("duplicate-url", foreign));
        };
        let hint = format!("`hook endpoints update {name}` changes what it wants");
        return Some(Finding::problem("duplicate-url", message(&format!("endpoint `{name}`"))).hint(hint));
    }
    let events = canonical_events(profile, &candidate.events);
    let mut same = peers.iter().filter(is_near).filter(has_url);
    let other = &same.find(|peer| peer.events.overlap(&events))?.name;
    let message = format!("`{shown}` is endpoint `{other}` already: events that both want are delivered twice");
    Some(Finding::caution("duplicate-url", message))
}

/// The plan is the endpoint's, else the one that was given, else the last that another endpoint of the provider names.
fn judge_plan(
    profile: &Profile,
    candidate: &Endpoint,
    before: Option<&Endpoint>,
    peers: &[&Endpoint],
    options: &RuleOptions,
) -> Option<Finding> {
    let (label, plans) = (profile.label(), &profile.endpoint.plans);
    let inherited = || peers.iter().rev().find_map(|peer| peer.plan.as_ref());
    let plan = candidate.plan.as_ref().or(options.plan.as_ref()).or_else(inherited);
    let names = quoted(plans.keys());
    let Some(plan) = plan else {
        let message = format!("`{label}` limits endpoints by plan, and no plan is given: no limit is judged");
        let hint = format!("add `--plan NAME`: {names}");
        return (!plans.is_empty() && !options.is_remote)
            .then(|| Finding::new(Level::Note, "plan-not-given", message).hint(hint));
    };
    if plans.is_empty() {
        let message = format!("`{label}` has no plans: `{plan}` limits nothing");
        return Some(Finding::new(Level::Note, "unknown-plan", message));
    }
    let Some(limit) = plans.get(plan) else {
        let message = format!("`{label}` has no plan `{plan}`");
        return Some(Finding::problem("unknown-plan", message).hint(format!("its plans: {names}")));
    };
    // A change that keeps the plan adds no endpoint, so it must be possible even over the limit.
    let adds = before.is_none_or(|before| before.plan != candidate.plan);
    match limit.0 {
        Some(most) if adds && peers.len() >= usize::try_from(most).unwrap_or(usize::MAX) => {
            let endpoints = if most == 1 { "endpoint" } else { "endpoints" };
            let message = format!(
                "plan `{plan}` of `{label}` allows {most} {endpoints}, and there are {} already",
                peers.len()
            );
            Some(Finding::problem("plan-limit", message).hint("disabled ones count too: `hook endpoints remove NAME`"))
        }
        _ => None,
    }
}

/// Judges the events alone.
pub fn judge_events(profile: &Profile, events: &Events, options: &RuleOptions) -> Vec<Finding> {
    let label = profile.label();
    match (canonical_events(profile, events), events) {
        (Events::Only(names), _) if names.is_empty() => vec![
            Finding::problem("no-events", "the endpoint wants no event")
                .hint(format!("`hook providers events {label}` shows the catalogue")),
        ],
        // The names as they were typed, so that an alias is noted.
        (Events::Only(_), Events::Only(typed)) => {
            let findings = typed
                .iter()
                .filter_map(|name| judge_event(profile, name, options.new_events));
            findings.collect()
        }
        _ => {
            let what = match (options.is_remote, &profile.endpoint.all_events) {
                (true, None) => format!(
                    "`{label}` has no name for all events: the {} of the catalogue are subscribed by name, and not those \
                     that it adds later",
                    profile.events.len()
                ),
                _ => format!("all events of `{label}` are delivered, also those that it adds later"),
            };
            vec![Finding::caution("all-events", what).hint("subscribe only to what the application handles")]
        }
    }
}

fn judge_event(profile: &Profile, name: &str, new_events: bool) -> Option<Finding> {
    let label = profile.label();
    match profile.canonical_event(name) {
        Some(known) if known == name => None,
        Some(known) => Some(Finding::new(
            Level::Note,
            "alias",
            format!("`{name}` is another name of `{known}`, which is what `{label}` sends"),
        )),
        None => {
            let severity = if new_events { Level::Caution } else { Level::Problem };
            let near = near_names(name, profile.events.keys().map(String::as_str));
            let hint = match near.as_slice() {
                [] => format!("`hook providers events {label}` shows the catalogue"),
                near => format!("near names: `{}`", near.join("`, `")),
            };
            let message = format!("`{label}` has no event `{}`", printable(name, 200));
            Some(Finding::new(severity, "unknown-event", message).hint(hint))
        }
    }
}

#[cfg(test)]
mod tests;
