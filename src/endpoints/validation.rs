//! What comes into a store: an endpoint, or a change of one, judged by the provider's rules and brought into the form that
//! is kept. The command line and the provider's API take the same way.

use super::endpoint::{Change, Endpoint};
use super::error::EndpointError;
use super::rules::{self, Options};
use crate::clock::Timestamp;
use crate::finding::Finding;
use crate::provider::Profile;

/// Judges an endpoint with the events as they were typed, and gives it the catalogue's names for them.
pub fn admit(
    profile: &Profile,
    candidate: &mut Endpoint,
    existing: &[Endpoint],
    options: &Options,
) -> Result<Vec<Finding>, EndpointError> {
    let findings = rules::judge(profile, candidate, existing, options);
    if findings.iter().any(Finding::is_problem) {
        return Err(EndpointError::Rule(findings));
    }
    candidate.events = rules::canonical_events(profile, &candidate.events);
    Ok(findings)
}

/// Makes a change of one of `existing`. What was let pass when it was added, as with `--local`, is not held against another
/// change.
pub fn admit_change(
    profile: &Profile,
    endpoint: &mut Endpoint,
    change: Change,
    existing: &[Endpoint],
    (options, now): (&Options, Timestamp),
) -> Result<Vec<Finding>, EndpointError> {
    let known = rules::judge(profile, endpoint, existing, options);
    endpoint.apply(change, now);
    let mut findings = rules::judge(profile, endpoint, existing, options);
    findings.retain(|finding| !known.contains(finding));
    if findings.iter().any(Finding::is_problem) {
        return Err(EndpointError::Rule(findings));
    }
    endpoint.events = rules::canonical_events(profile, &endpoint.events);
    Ok(findings)
}
