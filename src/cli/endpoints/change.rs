//! `hook endpoints update` and `rotate-secret`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ask::whole_url;
use super::judge::{self, RuleArgs};
use super::new_secret::{self, SecretArgs};
use super::show::EndpointLine;
use crate::cli::session::Session;
use crate::clock::human_duration;
use crate::endpoints::{Change, Endpoint, Events, admit_change, rotate, select_mut};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::finding::Finding;
use crate::provider::Profile;
use crate::signature::Scheme;

/// Change an endpoint; its secret stays
#[derive(Debug, clap::Args)]
pub(super) struct UpdateArgs {
    /// Name, id, or the beginning of an id
    #[arg(value_name = "NAME", add = crate::cli::complete::endpoints())]
    pub(super) endpoint: String,
    /// Another URL
    #[arg(short, long, value_name = "URL", help_heading = "Changes")]
    to: Option<String>,
    /// Other events, separated by commas, or `all`
    #[arg(long, value_name = "EVENTS", value_delimiter = ',', add = crate::cli::complete::events(), help_heading = "Changes")]
    events: Option<Vec<String>>,
    /// Another name
    #[arg(long = "name", value_name = "NAME", help_heading = "Changes")]
    rename: Option<String>,
    /// Another description; an empty one removes it
    #[arg(long, value_name = "TEXT", help_heading = "Changes")]
    description: Option<String>,
    /// Switch it on or off
    #[arg(long, value_name = "BOOL", help_heading = "Changes")]
    active: Option<bool>,
    /// Another environment; an empty one removes it
    #[arg(long, value_name = "NAME", help_heading = "Changes")]
    env: Option<String>,
    /// Another plan; an empty one removes it
    #[arg(long, value_name = "PLAN", help_heading = "Changes")]
    plan: Option<String>,
    /// Another value of an envelope's parameter: `NAME=VALUE` (can be repeated)
    #[arg(long = "param", value_name = "PAIR", help_heading = "Changes")]
    params: Vec<String>,
    #[command(flatten)]
    pub(super) rules: RuleArgs,
    /// With `--remote`: where the provider cannot change it, remove it and make it anew; its id and secret are new then
    #[arg(long, requires = "remote")]
    pub(super) recreate: bool,
}

/// Give an endpoint a new secret; the old one counts for a while
#[derive(Debug, clap::Args)]
pub(super) struct RotateArgs {
    /// Name, id, or the beginning of an id
    #[arg(value_name = "NAME", add = crate::cli::complete::endpoints())]
    endpoint: String,
    /// How long the old secret still verifies; `0` ends it at once
    #[arg(long, value_name = "DURATION", value_parser = super::super::duration, default_value = "24h")]
    overlap: Duration,
    #[command(flatten)]
    secret: SecretArgs,
}

impl UpdateArgs {
    pub(super) fn change(&self, endpoint: &Endpoint, profile: &Profile) -> Result<Change> {
        let names = |list: &Vec<String>| {
            let names = list.iter().map(|name| name.trim().to_owned());
            Events::Only(names.filter(|name| !name.is_empty()).collect())
        };
        let params = judge::params(profile, &self.params)?;
        let change = Change {
            name: self.rename.clone(),
            url: self.to.as_deref().map(whole_url).transpose()?,
            events: self.events.as_ref().map(names),
            active: self.active,
            description: self.description.clone(),
            labels: self.env.as_ref().map(|env| with_env(&endpoint.labels, env)),
            plan: self.plan.clone(),
            params: (!params.is_empty()).then(|| endpoint.params.clone().into_iter().chain(params).collect()),
        };
        if change == Change::default() {
            return Err(Error::usage("nothing to change is given")
                .hint(format!("`hook endpoints update {} --events a,b`", endpoint.name)));
        }
        Ok(change)
    }
}

fn with_env(labels: &BTreeMap<String, String>, env: &str) -> BTreeMap<String, String> {
    let mut labels = labels.clone();
    labels.remove("env");
    if !env.is_empty() {
        labels.extend([super::add::env_label(env.to_owned())]);
    }
    labels
}

pub(super) fn update(session: &Session, args: &UpdateArgs) -> Result<Exit> {
    let before = session.endpoint(&args.endpoint)?;
    let profile = session.registry.get(&before.provider)?;
    let change = args.change(&before, &profile)?;
    let now = session.now();
    let mut wanted = before.clone();
    wanted.apply(change.clone(), now);
    let (after, findings) = session
        .edit_book(|endpoints| {
            let existing = endpoints.clone();
            let endpoint = select_mut(endpoints, &before.id)?;
            let options = args.rules.options(session);
            let findings = admit_change(&profile, endpoint, change, &existing, (&options, now))?;
            Ok((endpoint.clone(), findings))
        })
        .map_err(|error| judge::refused(session, &wanted, error))?;
    if args.to.is_some() {
        // Typed by the user: also where the book had that URL already.
        session.book().bind(&after)?;
    }
    session.notices.findings(&findings);
    announce(session, &before, &after, &findings)?;
    Ok(Exit::Ok)
}

/// Says what is different now.
pub(super) fn announce(session: &Session, before: &Endpoint, after: &Endpoint, findings: &[Finding]) -> Result<()> {
    let ui = &session.ui;
    ui.json(&EndpointLine::new(session, after).findings(findings))?;
    let differs = differences(before, after);
    let name = ui.out.name(&after.name);
    match differs.as_slice() {
        [] => ui.line(&format!("{name} is as it was")),
        differs => ui.line(&format!("{} {name}: {}", ui.out.good("updated"), differs.join(", "))),
    }
}

pub(super) fn differences(before: &Endpoint, after: &Endpoint) -> Vec<&'static str> {
    let all = [
        (before.name != after.name, "name"),
        (before.url != after.url, "url"),
        (before.events != after.events, "events"),
        (before.description != after.description, "description"),
        (before.labels != after.labels, "environment"),
        (before.plan != after.plan, "plan"),
        (before.params != after.params, "parameters"),
        (before.is_active() && !after.is_active(), "disabled"),
        (!before.is_active() && after.is_active(), "active again"),
        (
            before.is_active() == after.is_active() && before.failed_deliveries != after.failed_deliveries,
            "failed deliveries forgotten",
        ),
    ];
    all.iter()
        .filter(|(differs, _)| *differs)
        .map(|(_, what)| *what)
        .collect()
}

pub(super) fn rotate_secret(session: &Session, args: &RotateArgs) -> Result<Exit> {
    let before = session.endpoint(&args.endpoint)?;
    let profile = session.registry.get(&before.provider)?;
    if matches!(profile.scheme, Scheme::Unsigned) {
        return Err(Error::usage(format!(
            "`{}` signs nothing, so `{}` has no secret",
            profile.label(),
            before.name
        )));
    }
    args.secret.check(session, &profile)?;
    let new = args.secret.make(session, &profile, &before.name)?;
    let (after, new) = new_secret::into_book(session, new, |endpoints, secret| {
        let endpoint = select_mut(endpoints, &before.id)?;
        if let Some(secret) = secret {
            rotate(endpoint, secret, args.overlap, session.now());
        }
        Ok(endpoint.clone())
    })
    .map_err(|error| judge::refused(session, &before, error))?;
    let ui = &session.ui;
    ui.json(&EndpointLine::new(session, &after).handing_over(new.handed.as_ref()))?;
    ui.line(&format!(
        "{} {}: {}",
        ui.out.good("rotated"),
        ui.out.name(&after.name),
        what_counts(&before, &after, args.overlap)
    ))?;
    new.show(session)?;
    ui.flush()?;
    if after.secrets.len() > 1 {
        ui.note(if profile.scheme.carries_several() {
            "deliveries carry a signature of each secret until then"
        } else {
            "deliveries are signed with the new secret from now on: let the receiver take both until then"
        });
    }
    Ok(Exit::Ok)
}

fn what_counts(before: &Endpoint, after: &Endpoint, overlap: Duration) -> String {
    let until = after.secrets.iter().filter_map(|secret| secret.until).max();
    match until {
        Some(until) => format!(
            "the old secret verifies until {} ({})",
            until.local_datetime(),
            human_duration(overlap)
        ),
        None if before.secrets.is_empty() => "it had no secret before".to_owned(),
        None => "the old secret counts no longer".to_owned(),
    }
}
