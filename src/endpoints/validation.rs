//! What comes into a store: an endpoint, or a change of one, judged by the provider's rules and brought into the form that
//! is kept. The command line and the mock of a provider's API judge by the same functions.

use super::endpoint::{Change, Endpoint};
use super::error::EndpointError;
use super::rules::{self, RuleOptions};
use crate::clock::Timestamp;
use crate::finding::Finding;
use crate::provider::Profile;

/// Judges an endpoint with the events as they were typed, and gives it the catalogue's names for them.
pub fn validate(
    profile: &Profile,
    candidate: &mut Endpoint,
    existing: &[Endpoint],
    options: &RuleOptions,
) -> Result<Vec<Finding>, EndpointError> {
    let findings = rules::judge(profile, candidate, existing, options);
    accept(profile, candidate, existing, findings)
}

/// Makes a change of one of `existing`. What was let pass when it was added, as with `--local`, is not held against another
/// change.
pub fn validate_change(
    profile: &Profile,
    endpoint: &mut Endpoint,
    change: Change,
    existing: &[Endpoint],
    (options, now): (&RuleOptions, Timestamp),
) -> Result<Vec<Finding>, EndpointError> {
    let known = rules::judge(profile, endpoint, existing, options);
    endpoint.apply(change, now);
    let mut findings = rules::judge(profile, endpoint, existing, options);
    findings.retain(|finding| !known.contains(finding));
    accept(profile, endpoint, existing, findings)
}

fn accept(
    profile: &Profile,
    endpoint: &mut Endpoint,
    existing: &[Endpoint],
    findings: Vec<Finding>,
) -> Result<Vec<Finding>, EndpointError> {
    if findings.iter().any(Finding::is_problem) {
        return Err(EndpointError::Rule(findings));
    }
    let has_name = |other: &&Endpoint| other.name == endpoint.name && other.id != endpoint.id;
    if let Some(other) = existing.iter().find(has_name) {
        let (what, value) = ("name", other.name.clone());
        return Err(EndpointError::Duplicate { what, value });
    }
    endpoint.events = rules::canonical_events(profile, &endpoint.events);
    Ok(findings)
}
