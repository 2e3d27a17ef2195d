//! Diagnoses an endpoint. The groups of checks are those of the providers' own troubleshooting pages, in their order: not
//! being received, verification failing, timeouts, duplicates.

mod book;
mod history;
mod network;
mod workflow;

use std::sync::Arc;

use serde::Serialize;

use crate::app::context::Context;
use crate::config::workflow::WorkflowFile;
use crate::endpoints::{Endpoint, select};
use crate::error::{Error, Result};
use crate::finding::{Finding, Level};
use crate::provider::Profile;
use crate::text::printable;

/// The complaint that a group of checks is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckGroup {
    /// Nothing arrives.
    NotReceived,
    /// Signatures are refused.
    VerificationFailing,
    /// Answers come too late.
    Timeouts,
    /// Events arrive more than once.
    Duplicates,
}

/// What was examined.
#[derive(Debug, Clone)]
pub enum CheckSubject<'a> {
    /// An endpoint of the book.
    Endpoint(&'a Endpoint),
    /// A workflow of the settings, by its name.
    Workflow(&'a str, &'a WorkflowFile),
}

/// What was found about one endpoint or workflow.
#[derive(Debug, Clone)]
pub struct CheckReport<'a> {
    /// What was examined.
    pub subject: CheckSubject<'a>,
    /// The findings by group.
    pub groups: Vec<(CheckGroup, Vec<Finding>)>,
}

/// What to examine.
#[derive(Debug, Clone, Default)]
pub struct DoctorOptions {
    /// Names, ids, or the beginnings of ids; all endpoints when nothing is named at all.
    pub endpoints: Vec<String>,
    /// Workflows of the settings; all of them when nothing is named at all.
    pub workflows: Vec<String>,
}

/// An endpoint and what it is checked against.
struct Subject<'a> {
    context: &'a Context,
    endpoint: &'a Endpoint,
    all: &'a [Endpoint],
    profile: Arc<Profile>,
}

impl CheckReport<'_> {
    /// How many findings have that level.
    pub fn count(&self, level: Level) -> u64 {
        let findings = self.groups.iter().flat_map(|(_, findings)| findings);
        findings.filter(|finding| finding.level == level).count() as u64
    }
}

/// Checks one endpoint or workflow after the other. Sends no event.
pub async fn doctor(
    context: &Context,
    options: &DoctorOptions,
    mut report: impl FnMut(CheckReport<'_>) -> Result<()>,
) -> Result<()> {
    let all = context.book().read()?;
    let everything = options.endpoints.is_empty() && options.workflows.is_empty();
    let endpoints: Vec<&Endpoint> = if everything {
        all.iter().collect()
    } else {
        let named = options.endpoints.iter().map(|name| select(&all, name));
        named.collect::<std::result::Result<_, _>>()?
    };
    let workflows = workflow::chosen(context, &options.workflows, everything)?;
    if endpoints.is_empty() && workflows.is_empty() {
        return Err(Error::nothing("there are no endpoints to check").hint("`hook endpoints add` makes one"));
    }
    for endpoint in endpoints {
        report(CheckReport {
            subject: CheckSubject::Endpoint(endpoint),
            groups: examine(context, endpoint, &all).await?,
        })?;
    }
    for (name, file) in workflows {
        report(CheckReport {
            subject: CheckSubject::Workflow(name, file),
            groups: vec![(CheckGroup::NotReceived, workflow::examine(context, name, file))],
        })?;
    }
    Ok(())
}

async fn examine(context: &Context, endpoint: &Endpoint, all: &[Endpoint]) -> Result<Vec<(CheckGroup, Vec<Finding>)>> {
    let profile = match context.registry.get(&endpoint.provider) {
        Ok(profile) => profile,
        Err(error) => return Ok(vec![(CheckGroup::NotReceived, vec![no_provider(&error)])]),
    };
    let subject = Subject {
        context,
        endpoint,
        all,
        profile,
    };
    let past = history::recent(&subject)?;
    let mut received = vec![book::active(&subject), book::events(&subject)];
    received.extend(book::rules(&subject));
    received.extend(network::checks(&subject).await);
    received.push(history::deliveries(&subject, &past));
    let mut verification = book::secrets(&subject);
    verification.extend(history::refusals(&past));
    let mut duplicates = vec![book::registrations(&subject), book::dedupe(&subject)];
    duplicates.extend(history::repeats(&past));
    Ok(vec![
        (CheckGroup::NotReceived, received),
        (CheckGroup::VerificationFailing, verification),
        (CheckGroup::Timeouts, vec![history::times(&subject, &past)]),
        (CheckGroup::Duplicates, duplicates),
    ])
}

fn no_provider(error: &dyn std::error::Error) -> Finding {
    Finding::problem("provider", printable(&error.to_string(), 400)).hint("`hook providers list` shows all of them")
}

/// A finding of a rule as a check: only one note matters here, that a rule is waived for a target on this machine.
fn of_rule(finding: &Finding) -> Option<Finding> {
    match (finding.level, finding.code) {
        (Level::Note, "waived") => {
            let fact = "the URL is on this machine: fine for tests, out of the provider's reach";
            let hint = "for the provider itself, register a public URL, such as a tunnel's";
            Some(Finding::caution("waived", fact).hint(hint))
        }
        (Level::Note, _) => None,
        _ => Some(Finding {
            fact: printable(&finding.fact, 1000),
            hint: finding.hint.as_ref().map(|hint| printable(hint, 1000)),
            ..finding.clone()
        }),
    }
}

/// What the rules found about a URL, or that it keeps them.
fn of_url<'f>(profile: &Profile, findings: impl Iterator<Item = &'f Finding>) -> Vec<Finding> {
    let checks: Vec<Finding> = findings.filter_map(of_rule).collect();
    or_ok(checks, "url", || {
        format!("the URL keeps the rules of `{}`", profile.label())
    })
}

/// The findings of a check, or that it passed.
fn or_ok(findings: Vec<Finding>, code: &'static str, passed: impl FnOnce() -> String) -> Vec<Finding> {
    if findings.is_empty() {
        return vec![Finding::ok(code, passed())];
    }
    findings
}
