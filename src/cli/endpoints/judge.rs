//! Rules of the provider: flags about them, what they found said to the user, and refusals.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use crate::cli::session::Session;
use crate::endpoints::rules::{self, Options};
use crate::endpoints::{Endpoint, EndpointError, check_name};
use crate::error::{Error, Result};
use crate::finding::Finding;
use crate::mask;
use crate::provider::Profile;
use crate::provider::compose::ComposeError;

#[derive(Debug, Clone, Args)]
pub(super) struct RuleArgs {
    /// Waive the network rules for a target on this machine
    #[arg(long, help_heading = "Rules")]
    local: bool,
    /// Require what the provider only advises, and a public address
    #[arg(long, help_heading = "Rules")]
    production: bool,
    /// Take events that the catalogue does not have yet
    #[arg(long, help_heading = "Rules")]
    new_events: bool,
}

/// `{"schema":"hook.refusal/1"}`: an endpoint that the rules refuse.
#[derive(Serialize)]
struct RefusalLine<'a> {
    schema: &'static str,
    name: &'a str,
    provider: &'a str,
    url: String,
    findings: &'a [Finding],
}

impl RuleArgs {
    /// Whether events are taken that the catalogue does not have.
    pub(super) fn new_events(&self) -> bool {
        self.new_events
    }

    pub(super) fn options(&self, session: &Session) -> Options {
        Options {
            local: self.local,
            production: self.production,
            reaches: None,
            new_events: self.new_events,
            plan: session.settings.account_plan.clone(),
        }
    }
}

/// Judges the events of an endpoint that a provider keeps, and gives it the catalogue's names: an unknown name is a typo
/// more often than not. The other rules are the provider's to judge.
pub(super) fn check_events(
    profile: &Profile,
    endpoint: &mut Endpoint,
    args: &RuleArgs,
) -> std::result::Result<Vec<Finding>, EndpointError> {
    let findings = rules::judge_events(profile, &endpoint.events, args.new_events);
    if findings.iter().any(Finding::is_problem) {
        return Err(EndpointError::Rule(findings));
    }
    endpoint.events = rules::canonical_events(profile, &endpoint.events);
    Ok(findings)
}

/// Cautions against one URL that gets an event twice. Where a URL may be there once only, the provider says so itself.
pub(super) fn warn_of_twins(session: &Session, profile: &Profile, endpoint: &Endpoint, existing: &[Endpoint]) {
    let others: Vec<&Endpoint> = existing.iter().filter(|other| other.id != endpoint.id).collect();
    let found = rules::judge_duplicate(profile, &endpoint.url, &endpoint.events, &others);
    session.notices.findings(found.as_slice());
}

/// Whether the name can be noted beside those of the others.
pub(super) fn check_free_name(endpoint: &Endpoint, existing: &[Endpoint]) -> std::result::Result<(), EndpointError> {
    check_name(&endpoint.name).map_err(|what| EndpointError::Rule(vec![Finding::problem("bad-name", what)]))?;
    let taken = existing
        .iter()
        .any(|other| other.name == endpoint.name && other.id != endpoint.id);
    if taken {
        return Err(EndpointError::Duplicate {
            what: "name",
            value: endpoint.name.clone(),
        });
    }
    Ok(())
}

/// The error of a change that was not made; what else the rules found is said first.
pub(super) fn refused(session: &Session, endpoint: &Endpoint, error: EndpointError) -> Error {
    if let EndpointError::Rule(findings) = &error {
        let line = RefusalLine {
            schema: "hook.refusal/1",
            name: &endpoint.name,
            provider: &endpoint.provider,
            url: mask::url(&endpoint.url),
            findings,
        };
        if let Err(error) = session.ui.json(&line) {
            return error;
        }
        session.notices.findings(findings);
    }
    error.into()
}

/// Values of the envelope's parameters, checked.
pub(super) fn params(profile: &Profile, pairs: &[String]) -> Result<BTreeMap<String, String>> {
    let mut params = BTreeMap::new();
    for pair in pairs {
        let (name, value) = super::super::body::split_pair(pair, "--param")?;
        let bad = |what: String| ComposeError::BadParam {
            name: name.clone(),
            what,
        };
        let Some(param) = profile.params.get(&name) else {
            let known: Vec<String> = profile.params.keys().map(|name| format!("`{name}`")).collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            return Err(bad(format!("`{}` has {known}", profile.label())).into());
        };
        param.value(&value).map_err(bad)?;
        params.insert(name, value);
    }
    Ok(params)
}
