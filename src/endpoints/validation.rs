//! Validation of what comes into a store: an endpoint, or a change of one, checked by the provider's rules and brought into
//! the stored form. The command line and the mock of a provider's API use the same functions.

use super::endpoint::{Change, Endpoint};
use super::error::EndpointError;
use super::rules::{self, RuleOptions};
use crate::clock::Timestamp;
use crate::finding::Finding;
use crate::provider::Profile;

/// Checks an endpoint with the events as they were typed, and replaces them by the catalogue's names. Findings that are
/// `known` do not count.
pub fn validate(
    profile: &Profile,
    endpoint: &mut Endpoint,
    existing: &[Endpoint],
    options: &RuleOptions,
    known: &[Finding],
) -> Result<Vec<Finding>, EndpointError> {
    let mut findings = rules::judge(profile, endpoint, existing, options);
    findings.retain(|finding| !known.contains(finding));
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

/// Changes one of `existing`.
pub fn validate_change(
    profile: &Profile,
    endpoint: &mut Endpoint,
    change: Change,
    existing: &[Endpoint],
    (options, now): (&RuleOptions, Timestamp),
) -> Result<Vec<Finding>, EndpointError> {
    // What was allowed when the endpoint was added, as with `--local`, does not stop another change.
    let known = rules::judge(profile, endpoint, existing, options);
    endpoint.apply(change, now);
    validate(profile, endpoint, existing, options, &known)
}
