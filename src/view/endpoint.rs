//! Endpoints and their changes. A secret's text is shown only when it is handed over.

use std::io;

use serde_json::json;

use super::columns::{Cell, Tone};
use super::style::Style;
use super::{JsonLines, Page, View, counted};
use crate::app::endpoints::{EndpointDetails, EndpointEvent, differences};
use crate::clock::human_duration;
use crate::endpoints::{Confirmed, EndpointLimits, Step};
use crate::health::OwnerNotice;
use crate::mask;
use crate::secret::SecretRef;
use crate::text::{count, printable};

/// How much of a text from a store is shown.
const MOST: usize = 200;

/// The schema of an endpoint.
const SCHEMA: &str = "hook.endpoint/1";

/// Endpoints: one line each, or in full.
pub struct EndpointsView {
    /// The endpoints.
    pub endpoints: Vec<EndpointDetails>,
    /// Whether everything about them is shown.
    pub full: bool,
}

/// What a plan does.
pub struct EndpointSteps<'a>(pub &'a [Step]);

impl View for EndpointsView {
    fn human(&self, page: &mut Page) {
        if self.full {
            for (index, endpoint) in self.endpoints.iter().enumerate() {
                if index > 0 {
                    page.line("");
                }
                one(endpoint, page);
            }
        } else if !self.endpoints.is_empty() {
            table(&self.endpoints, page);
        }
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        lines.objects(SCHEMA, &self.endpoints)
    }
}

fn table(endpoints: &[EndpointDetails], page: &mut Page) {
    let titles = ["NAME", "PROVIDER", "URL", "EVENTS", "STATE", "DESCRIPTION"];
    let titles = titles.map(|title| Cell::new(title, Tone::Dim)).to_vec();
    let row = |endpoint: &EndpointDetails| {
        let description = printable(endpoint.description.as_deref().unwrap_or_default(), 60);
        vec![
            Cell::new(&endpoint.name, Tone::Name),
            Cell::new(printable(&endpoint.provider, 40), Tone::Plain),
            Cell::new(printable(&endpoint.url, 80), Tone::Plain),
            Cell::new(endpoint.events.summary(32), Tone::Plain),
            state_cell(endpoint),
            Cell::new(description, Tone::Plain),
        ]
    };
    page.table([titles].into_iter().chain(endpoints.iter().map(row)));
}

/// In which state an endpoint is.
pub fn state_cell(endpoint: &EndpointDetails) -> Cell {
    match (endpoint.active, endpoint.is_pending()) {
        (true, _) if endpoint.paused => Cell::new("paused", Tone::Caution),
        (true, _) => Cell::new("active", Tone::Good),
        (false, true) => Cell::new("pending", Tone::Bad),
        (false, false) => Cell::new("disabled", Tone::Bad),
    }
}

/// Everything about one endpoint.
fn one(endpoint: &EndpointDetails, page: &mut Page) {
    let style = page.style;
    let mut row = |name: &str, value: &str| page.field(&format!("{name:<13}"), value);
    row("name", &style.name(&endpoint.name));
    row("id", &printable(&endpoint.id, MOST));
    row("provider", &printable(&endpoint.provider, MOST));
    row("url", &printable(&endpoint.url, 2000));
    row("events", &printable(&endpoint.events.to_string(), 4000));
    for (name, text) in [
        ("description", &endpoint.description),
        ("plan", &endpoint.plan),
        ("tenant", &endpoint.tenant),
    ] {
        if let Some(text) = text {
            row(name, &printable(text, MOST));
        }
    }
    for (path, wanted) in &endpoint.conditions {
        row("where", &printable(&format!("{path}={wanted}"), MOST));
    }
    for (name, value) in &endpoint.headers {
        row("header", &printable(&format!("{name}: {value}"), MOST));
    }
    for (kind, pairs) in [("label", &endpoint.labels), ("param", &endpoint.params)] {
        for (name, value) in pairs {
            row(kind, &printable(&format!("{name}={value}"), MOST));
        }
    }
    if let Some(limits) = limits(&endpoint.limits) {
        row("limits", &limits);
    }
    row("state", &state(style, endpoint));
    for notice in &endpoint.notices {
        row("notice", &told(notice));
    }
    for secret in &endpoint.secrets {
        let name = secret.name.as_ref().map(|name| format!("{name}="));
        let mut text = printable(&format!("{}{}", name.unwrap_or_default(), secret.reference), MOST);
        if let Some(fingerprint) = &secret.fingerprint {
            text.push_str(&style.dim(&format!("  fingerprint {fingerprint}")));
        }
        if let Some(problem) = &secret.problem {
            text.push_str(&style.bad(&format!("  {problem}")));
        }
        if let Some(until) = secret.until {
            text.push_str(&style.caution(&format!("  until {}", until.local_datetime())));
        }
        row("secret", &text);
    }
    if let Some(key) = &endpoint.public_key {
        row("public key", &key.replace('\n', "\n             "));
    }
    row("created", &endpoint.created.local_datetime());
    row("updated", &endpoint.updated.local_datetime());
}

/// The limits that are set, in words.
fn limits(limits: &EndpointLimits) -> Option<String> {
    let concurrency = limits.concurrency.map(|most| format!("{most} at once"));
    let rate = limits.rate.map(|rate| format!("{} a second", rate.per_second()));
    let ordered = limits.ordered.then(|| "in order".to_owned());
    let timeout = limits.timeout.map(|limit| human_duration(limit.duration()));
    let timeout = timeout.map(|limit| format!("{limit} an attempt"));
    let all: Vec<String> = [concurrency, rate, ordered, timeout].into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn state(style: Style, endpoint: &EndpointDetails) -> String {
    let failed = match endpoint.failed_deliveries {
        0 => String::new(),
        n => format!(", {} in a row", count(n.into(), "failed delivery")),
    };
    let word = state_cell(endpoint).paint(style);
    match &endpoint.disabled {
        None if endpoint.paused => format!("{word}: deliveries to it wait{failed}"),
        None => format!("{word}{failed}"),
        Some(disabled) => format!(
            "{word} since {}: {}{failed}",
            disabled.since.local_datetime(),
            printable(&disabled.detail, MOST)
        ),
    }
}

/// The last notice to the owner, in a line.
fn told(notice: &OwnerNotice) -> String {
    let text = |key: &str| notice.told.get(key).and_then(serde_json::Value::as_str);
    let by = text("notified_by").map_or_else(String::new, |by| format!(" (by {})", printable(by, 80)));
    let reason = printable(text("reason").unwrap_or_default(), MOST);
    format!(
        "{}  {}: {reason}{by}",
        notice.at.local_datetime(),
        printable(&notice.kind, 40)
    )
}

impl View for EndpointEvent {
    fn human(&self, page: &mut Page) {
        if let Self::AllPaused { paused, changed } = self {
            page.line(format!("everything {}", pause(*paused, *changed)));
        }
        let Some(endpoint) = self.endpoint() else { return };
        let (style, name) = (page.style, page.style.name(&endpoint.name));
        page.line(match self {
            Self::Added(_) => {
                let (provider, events) = (&endpoint.provider, endpoint.events.summary(MOST));
                let added = style.good("added");
                format!("{added} {name}: {provider} delivers {events} to {}", endpoint.url)
            }
            Self::Updated(_, differences) if differences.is_empty() => format!("{name} is as it was"),
            Self::Updated(_, differences) => format!("{} {name}: {}", style.good("updated"), differences.join(", ")),
            Self::Switched {
                was_active, forgotten, ..
            } => format!("{name} {}", switched(endpoint.active, *was_active, *forgotten)),
            Self::Rotated {
                until,
                overlap,
                had_secret,
                ..
            } => {
                let counts = match until {
                    Some(until) => {
                        let (until, overlap) = (until.local_datetime(), human_duration(*overlap));
                        format!("the old secret verifies until {until} ({overlap})")
                    }
                    None if *had_secret => "the old secret is no longer valid".to_owned(),
                    None => "it had no secret before".to_owned(),
                };
                format!("{} {name}: {counts}", style.good("rotated"))
            }
            Self::Confirmed(_, Confirmed::Now) => format!("{name} is confirmed: it gets deliveries from now on"),
            Self::Confirmed(..) if endpoint.active => format!("{name} needs no confirmation"),
            Self::Confirmed(..) => format!("{name} needs no confirmation, but is disabled"),
            Self::Paused { changed, .. } => format!("{name} {}", pause(endpoint.paused, *changed)),
            Self::Removed(_) | Self::Refused(_) | Self::NotDone(_) | Self::AllPaused { .. } => {
                format!("{} {name}", style.bad("removed"))
            }
        });
        if let Self::Added(_) | Self::Rotated { .. } = self {
            new_secret(endpoint, page);
        }
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        match (self, self.endpoint()) {
            (Self::Refused(refusal), _) => lines.object("hook.refusal/1", refusal),
            (Self::AllPaused { paused, .. }, _) => lines.object("hook.pause/1", &json!({ "paused": paused })),
            (_, Some(endpoint)) => lines.object(SCHEMA, endpoint),
            (_, None) => Ok(()),
        }
    }
}

fn pause(paused: bool, changed: bool) -> &'static str {
    match (paused, changed) {
        (true, true) => "is paused: deliveries wait",
        (true, false) => "is paused already",
        (false, true) => "is resumed",
        (false, false) => "was not paused",
    }
}

fn switched(active: bool, was_active: bool, forgotten: u32) -> String {
    let forgotten = match forgotten {
        0 => String::new(),
        1 => "; its failed delivery is forgotten".to_owned(),
        n => format!("; its {n} failed deliveries are forgotten"),
    };
    match (active, was_active) {
        (true, false) => format!("is active again{forgotten}"),
        (true, true) => format!("is active already{forgotten}"),
        (false, true) => "is disabled: nothing is delivered to it".to_owned(),
        (false, false) => "is disabled already".to_owned(),
    }
}

/// The new secret of an endpoint, or its public key.
fn new_secret(endpoint: &EndpointDetails, page: &mut Page) {
    let style = page.style;
    if let Some(file) = &endpoint.secret_file {
        page.line(format!("{} in `{file}`", style.dim(kind_of_secret(endpoint))));
    } else if let Some(text) = &endpoint.secret {
        // A provider's API may have made it.
        let text = printable(text, usize::MAX);
        page.line(format!("{} {}", style.dim("secret "), style.strong(&text)));
    } else if let Some(key) = endpoint.public_key.as_ref().filter(|_| endpoint.is_new_key) {
        page.line(style.dim("public key"));
        page.line(key);
    }
}

fn kind_of_secret(endpoint: &EndpointDetails) -> &'static str {
    if endpoint.public_key.is_some() {
        "public key"
    } else {
        "secret"
    }
}

impl EndpointEvent {
    /// What the user must do with a new secret.
    pub fn remark(&self) -> Option<String> {
        let (Self::Added(endpoint) | Self::Rotated { endpoint, .. }) = self else {
            return None;
        };
        if endpoint.secret_file.is_some() {
            let what = kind_of_secret(endpoint);
            return Some(format!(
                "give the receiver what is in the file: the {what} is not shown"
            ));
        }
        let remark = match (endpoint.secret.is_some(), endpoint.is_new_key) {
            (true, _) => "keep the secret: the receiver needs it, and it is not shown again",
            (_, true) => "the receiver verifies with the public key; the private half stays on this machine",
            _ => return None,
        };
        Some(remark.to_owned())
    }
}

impl View for EndpointSteps<'_> {
    fn human(&self, page: &mut Page) {
        for step in self.0 {
            page.line(step_line(page.style, step));
        }
    }

    fn json(&self, lines: &mut JsonLines<'_>) -> io::Result<()> {
        let records = self.0.iter().map(|step| {
            let (action, endpoint, differs) = match step {
                Step::Remove(endpoint) => ("remove", endpoint, Vec::new()),
                Step::Change { before, after, .. } => ("change", &**before, differences(before, after)),
                Step::Add(planned) => ("add", &planned.endpoint, Vec::new()),
            };
            json!({
                "action": action,
                "name": endpoint.name,
                "provider": endpoint.provider,
                "url": mask::url(&endpoint.url),
                "differs": differs,
            })
        });
        lines.objects("hook.step/1", records)
    }
}

impl EndpointSteps<'_> {
    /// How much there is to do.
    pub fn summary(&self) -> String {
        let count = |is: fn(&Step) -> bool| self.0.iter().filter(|step| is(step)).count() as u64;
        let parts = counted([
            (count(|step| matches!(step, Step::Add(_))), "to add"),
            (count(|step| matches!(step, Step::Change { .. })), "to change"),
            (count(|step| matches!(step, Step::Remove(_))), "to remove"),
        ]);
        match parts.as_slice() {
            [] => "nothing to do".to_owned(),
            parts => parts.join(", "),
        }
    }
}

/// A step in one line.
pub fn step_line(style: Style, step: &Step) -> String {
    let url = |url: &str| printable(&mask::url(url), MOST);
    match step {
        Step::Remove(endpoint) => {
            let url = url(&endpoint.url);
            format!("{} {}  {url}", style.bad("-"), style.name(&endpoint.name))
        }
        Step::Change { before, after, .. } => {
            let mut what = differences(before, after).join(", ");
            if before.url != after.url {
                what = format!("{what}: {}", url(&after.url));
            }
            format!("{} {}  {what}", style.caution("~"), style.name(&before.name))
        }
        Step::Add(planned) => {
            let endpoint = &planned.endpoint;
            let name = if endpoint.name.is_empty() {
                "(new)"
            } else {
                &endpoint.name
            };
            let (events, url) = (endpoint.events.summary(80), url(&endpoint.url));
            // The person who confirms the plan must see where a secret is read from.
            let secret = planned.secret.as_deref().map(|text| SecretRef::parse(text).to_string());
            let secret = secret.map_or_else(String::new, |secret| format!(", secret {}", printable(&secret, MOST)));
            format!(
                "{} {}  {} delivers {events} to {url}{secret}",
                style.good("+"),
                style.name(name),
                endpoint.provider
            )
        }
    }
}
