//! Rules that need neither the other endpoints nor the network: tenant, conditions and headers.

use serde_json::Value;

use crate::condition::Condition;
use crate::endpoints::endpoint::Endpoint;
use crate::endpoints::names::check_tenant;
use crate::finding::Finding;
use crate::headers::{Headers, check_line};
use crate::provider::Profile;
use crate::text::printable;

/// Conditions and headers of an endpoint, at most.
const MOST_CONDITIONS: usize = 20;
const MOST_HEADERS: usize = 20;

/// Characters of a path of a condition, and of a header line, at most.
const LONGEST_PATH: usize = 200;
const LONGEST_HEADER: usize = 2000;

/// Judges what concerns the endpoint alone: its tenant, its conditions and its headers.
pub(super) fn judge(profile: &Profile, candidate: &Endpoint) -> Vec<Finding> {
    let refused = |code, path: &[&str], checked: Result<(), String>| {
        checked.err().map(|what| Finding::problem(code, what).at(path))
    };
    let tenant = candidate.tenant.as_deref();
    let mut findings: Vec<Finding> = tenant
        .and_then(|tenant| refused("bad-tenant", &["tenant"], check_tenant(tenant)))
        .into_iter()
        .collect();
    let conditions = candidate.conditions.iter();
    findings.extend(
        conditions.filter_map(|(path, wanted)| refused("bad-where", &["where", path], check_condition(path, wanted))),
    );
    let headers = candidate.headers.iter();
    findings.extend(
        headers
            .filter_map(|(name, value)| refused("bad-header", &["headers", name], check_header(profile, name, value))),
    );
    let counts = [
        ("where", candidate.conditions.len(), MOST_CONDITIONS),
        ("headers", candidate.headers.len(), MOST_HEADERS),
    ];
    findings.extend(
        counts
            .iter()
            .filter(|(_, count, most)| count > most)
            .map(|(field, count, most)| {
                Finding::problem("too-many", format!("`{field}` has {count} entries: at most {most}")).at(&[field])
            }),
    );
    let credential = candidate.headers.keys().find(|name| Headers::is_credential(name));
    findings.extend(credential.map(|name| {
        let what = format!("the header `{name}` holds a credential, which the book keeps as it is");
        Finding::caution("credential-in-header", what).at(&["headers", name])
    }));
    findings
}

fn check_condition(path: &str, wanted: &Value) -> Result<(), String> {
    if path.is_empty() || path.len() > LONGEST_PATH {
        return Err(format!("a path of `where` has 1 to {LONGEST_PATH} characters"));
    }
    Condition::new(path, wanted)
        .map(drop)
        .map_err(|what| format!("`where` {what}"))
}

/// The framing headers are the transport's, and those that the provider signs or sends with every event are not an endpoint's.
fn check_header(profile: &Profile, name: &str, value: &str) -> Result<(), String> {
    check_line(name, value)?;
    let shown = printable(name, 100);
    if name.len() + value.len() > LONGEST_HEADER {
        return Err(format!(
            "the header `{shown}` is longer than {LONGEST_HEADER} characters"
        ));
    }
    let is_named = |other: &str| other.eq_ignore_ascii_case(name);
    let is_own = profile.headers.keys().any(|own| is_named(own)) || profile.scheme.header().is_some_and(is_named);
    if is_own || Headers::is_framing(name) {
        return Err(format!("the header `{shown}` is set by `{}` itself", profile.label()));
    }
    Ok(())
}
