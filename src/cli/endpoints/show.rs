//! What an endpoint looks like: a JSON object, a row of the table, a page of its own. Never a secret's text.

use std::collections::BTreeMap;

use serde::Serialize;

use super::new_secret::Handed;
use crate::cli::session::Session;
use crate::clock::Timestamp;
use crate::endpoints::{Book, Endpoint, EndpointSecret, Events};
use crate::error::Result;
use crate::finding::Finding;
use crate::mask;
use crate::provider::Profile;
use crate::signature::{Scheme, fingerprint};
use crate::text::printable;
use crate::view::count;

/// How much of a text from the book is shown.
const MOST: usize = 200;

/// `{"schema":"hook.endpoint/1"}`: an endpoint.
#[derive(Serialize)]
pub(super) struct EndpointLine {
    schema: &'static str,
    id: String,
    name: String,
    provider: String,
    url: String,
    events: Events,
    description: Option<String>,
    labels: BTreeMap<String, String>,
    plan: Option<String>,
    params: BTreeMap<String, String>,
    active: bool,
    disabled: Option<DisabledPart>,
    failed_deliveries: u32,
    secrets: Vec<SecretPart>,
    /// The public half of the current pair of keys: no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    created: String,
    updated: String,
    /// Only when it was generated just now, and once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<Finding>>,
}

#[derive(Serialize)]
struct DisabledPart {
    reason: &'static str,
    detail: String,
    since: String,
}

#[derive(Serialize)]
struct SecretPart {
    r#ref: String,
    name: Option<String>,
    fingerprint: Option<String>,
    until: Option<String>,
}

impl EndpointLine {
    pub(super) fn new(session: &Session, endpoint: &Endpoint) -> Self {
        let book = session.book();
        let profile = session.registry.get(&endpoint.provider).ok();
        let profile = profile.as_deref();
        let active = endpoint.active_secrets(session.now());
        let part = |secret: &&EndpointSecret| SecretPart {
            r#ref: secret.reference.to_string(),
            name: secret.name.clone(),
            fingerprint: mark(session, &book, endpoint, secret),
            until: secret.until.map(|until| until.to_string()),
        };
        Self {
            schema: "hook.endpoint/1",
            id: endpoint.id.clone(),
            name: endpoint.name.clone(),
            provider: endpoint.provider.clone(),
            url: mask::url(&endpoint.url),
            events: endpoint.events.clone(),
            description: endpoint.description.clone(),
            labels: endpoint.labels.clone(),
            plan: endpoint.plan.clone(),
            params: endpoint.params.clone(),
            active: endpoint.is_active(),
            disabled: endpoint.disabled.as_ref().map(|disabled| DisabledPart {
                reason: disabled.reason.name(),
                detail: disabled.to_string(),
                since: disabled.since.to_string(),
            }),
            failed_deliveries: endpoint.failed_deliveries,
            secrets: active.iter().map(part).collect(),
            public_key: profile.and_then(|profile| public_key(&book, endpoint, profile, session.now())),
            created: endpoint.created.to_string(),
            updated: endpoint.updated.to_string(),
            secret: None,
            secret_file: None,
            findings: None,
        }
    }

    /// With what the rules found.
    pub(super) fn findings(mut self, findings: &[Finding]) -> Self {
        self.findings = Some(findings.to_vec());
        self
    }

    /// With the secret that is handed over now.
    pub(super) fn handing_over(mut self, handed: Option<&Handed>) -> Self {
        match handed {
            Some(Handed::Secret(text)) => self.secret = Some(text.clone()),
            Some(Handed::PublicKey(text)) => self.public_key = Some(text.clone()),
            Some(Handed::File(path)) => self.secret_file = Some(path.display().to_string()),
            None => {}
        }
        self
    }
}

/// Tells two secrets apart without giving either away; nothing when it cannot be fetched.
fn mark(session: &Session, book: &Book, endpoint: &Endpoint, secret: &EndpointSecret) -> Option<String> {
    let found = session.signing_secret(book, endpoint, secret);
    found.ok().map(|secret| fingerprint(&secret))
}

fn public_key(book: &Book, endpoint: &Endpoint, profile: &Profile, now: Timestamp) -> Option<String> {
    let Scheme::Asymmetric(scheme) = &profile.scheme else {
        return None;
    };
    let pem = book.vault().public_key(endpoint.active_secrets(now).first()?)?;
    super::new_secret::public_text(scheme, &pem).ok()
}

/// The events in a few words.
pub(in super::super) fn events_shown(events: &Events, most: usize) -> String {
    events.summary(most)
}

/// Rows under a header, in columns that are as wide as their widest cell.
pub(super) fn table(session: &Session, endpoints: &[&Endpoint]) -> Result<()> {
    let header = ["NAME", "PROVIDER", "URL", "EVENTS", "STATE", "DESCRIPTION"];
    let rows: Vec<[String; 6]> = endpoints.iter().map(|endpoint| cells(endpoint)).collect();
    let wide = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..header.len()).map(wide).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>()
    };
    let style = session.ui.out;
    let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
    session.ui.line(&style.dim(line(&header).join("  ").trim_end()))?;
    for (endpoint, row) in endpoints.iter().zip(&rows) {
        let mut cells = line(row);
        cells[0] = style.name(&cells[0]);
        cells[4] = if endpoint.is_active() {
            style.good(&cells[4])
        } else {
            style.bad(&cells[4])
        };
        session.ui.line(cells.join("  ").trim_end())?;
    }
    Ok(())
}

fn state_word(endpoint: &Endpoint) -> &'static str {
    match (endpoint.is_active(), endpoint.is_pending()) {
        (true, _) => "active",
        (false, true) => "pending",
        (false, false) => "disabled",
    }
}

fn cells(endpoint: &Endpoint) -> [String; 6] {
    let state = state_word(endpoint);
    [
        endpoint.name.clone(),
        printable(&endpoint.provider, 40),
        printable(&mask::url(&endpoint.url), 80),
        events_shown(&endpoint.events, 32),
        state.to_owned(),
        printable(endpoint.description.as_deref().unwrap_or_default(), 60),
    ]
}

/// Everything about one endpoint.
pub(super) fn page(session: &Session, endpoint: &Endpoint) -> Result<()> {
    let (ui, style) = (&session.ui, session.ui.out);
    let row = |name: &str, value: &str| ui.line(&format!("{} {value}", style.dim(&format!("{name:<12}"))));
    row("name", &style.name(&endpoint.name))?;
    row("id", &printable(&endpoint.id, MOST))?;
    row("provider", &printable(&endpoint.provider, MOST))?;
    row("url", &printable(&mask::url(&endpoint.url), 2000))?;
    row("events", &printable(&endpoint.events.to_string(), 4000))?;
    if let Some(description) = &endpoint.description {
        row("description", &printable(description, MOST))?;
    }
    if let Some(plan) = &endpoint.plan {
        row("plan", &printable(plan, MOST))?;
    }
    for (kind, pairs) in [("label", &endpoint.labels), ("param", &endpoint.params)] {
        for (name, value) in pairs {
            row(kind, &printable(&format!("{name}={value}"), MOST))?;
        }
    }
    row("state", &state(session, endpoint))?;
    secrets(session, endpoint, &row)?;
    row("created", &endpoint.created.local_datetime())?;
    row("updated", &endpoint.updated.local_datetime())
}

fn state(session: &Session, endpoint: &Endpoint) -> String {
    let style = session.ui.out;
    let failed = match endpoint.failed_deliveries {
        0 => String::new(),
        n => format!(", {} in a row", count(n.into(), "failed delivery")),
    };
    match &endpoint.disabled {
        None => format!("{}{failed}", style.good("active")),
        Some(disabled) => format!(
            "{} since {}: {}{failed}",
            style.bad(state_word(endpoint)),
            disabled.since.local_datetime(),
            printable(&disabled.to_string(), MOST)
        ),
    }
}

fn secrets(session: &Session, endpoint: &Endpoint, row: &impl Fn(&str, &str) -> Result<()>) -> Result<()> {
    let (style, book) = (session.ui.out, session.book());
    let profile = session.registry.get(&endpoint.provider).ok();
    for secret in endpoint.active_secrets(session.now()) {
        let mut text = match &secret.name {
            Some(name) => printable(&format!("{name}={}", secret.reference), MOST),
            None => printable(&secret.reference.to_string(), MOST),
        };
        match session.signing_secret(&book, endpoint, secret) {
            Ok(found) => text.push_str(&style.dim(&format!("  fingerprint {}", fingerprint(&found)))),
            Err(error) => text.push_str(&style.bad(&format!("  {error}"))),
        }
        if let Some(until) = secret.until {
            text.push_str(&style.caution(&format!("  until {}", until.local_datetime())));
        }
        row("secret", &text)?;
    }
    let public = profile.and_then(|profile| public_key(&book, endpoint, &profile, session.now()));
    public.map_or(Ok(()), |key| row("public key", &key.replace('\n', "\n             ")))
}
