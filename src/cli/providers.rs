//! `hook providers`: the catalogue.

mod api;
mod diff;
mod handshake;
mod json;
mod receiver;
mod sheet;
mod show;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;
use serde::Serialize;
use serde_json::Value;

pub(super) use diff::or_near;

use super::input;
use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::id::{Id, IdKind};
use crate::provider::compose::{ComposeError, ComposeOptions, Composer};
use crate::provider::{Origin, Profile, RegistryError};

/// Show the catalogue: schemes, events, samples, schedules; check a file of your own
#[derive(Debug, clap::Args)]
pub(super) struct ProvidersArgs {
    #[command(subcommand)]
    command: ProvidersCommand,
}

#[derive(Debug, Subcommand)]
enum ProvidersCommand {
    /// List all providers and where each comes from
    #[command(visible_alias = "ls")]
    List,
    /// Show how one provider signs, delivers and retries; assumptions are marked
    Show {
        /// `NAME` or `NAME@VARIANT`
        #[arg(add = super::complete::providers())]
        name: String,
    },
    /// List the events of a provider
    Events {
        /// `NAME` or `NAME@VARIANT`
        #[arg(add = super::complete::providers())]
        name: String,
    },
    /// Print a sample body of an event, as it would be sent
    Sample {
        /// `NAME` or `NAME@VARIANT`
        #[arg(add = super::complete::providers())]
        name: String,
        /// The event
        #[arg(add = super::complete::events_of_argument())]
        event: String,
        /// Give the envelope a value that it needs; can be repeated
        #[arg(long, value_name = "NAME=VALUE", value_parser = input::pair)]
        param: Vec<(String, String)>,
    },
    /// Print a webhook handler that verifies as the provider signs, to start from
    Receiver {
        /// `NAME` or `NAME@VARIANT`
        #[arg(add = super::complete::providers())]
        name: String,
        /// What it is written with
        #[arg(long, value_enum)]
        lang: receiver::Lang,
    },
    /// Check a provider file of your own
    Check {
        /// The file
        file: PathBuf,
    },
    Diff(diff::ProvidersDiffArgs),
}

#[derive(Serialize)]
struct ProviderLine<'a> {
    schema: &'static str,
    name: &'a str,
    title: &'a str,
    events: usize,
    origin: String,
}

#[derive(Serialize)]
struct EventLine<'a> {
    schema: &'static str,
    provider: &'a str,
    event: &'a str,
    summary: &'a str,
    grouping: bool,
    aliases: &'a [String],
}

#[derive(Serialize)]
struct SampleLine<'a> {
    schema: &'static str,
    provider: &'a str,
    event: &'a str,
    body: Value,
}

#[derive(Serialize)]
struct CheckLine<'a> {
    schema: &'static str,
    file: &'a Path,
    provider: &'a str,
    events: usize,
    variants: usize,
}

pub(super) fn run(session: &Session, args: ProvidersArgs) -> Result<Exit> {
    match args.command {
        ProvidersCommand::List => list(session),
        ProvidersCommand::Show { name } => show(session, &name),
        ProvidersCommand::Events { name } => events(session, &name),
        ProvidersCommand::Sample { name, event, param } => sample(session, &name, &event, param),
        ProvidersCommand::Receiver { name, lang } => receiver::run(session, &name, lang),
        ProvidersCommand::Check { file } => check(session, &file),
        ProvidersCommand::Diff(args) => diff::run(session, &args),
    }
}

fn list(session: &Session) -> Result<Exit> {
    let ui = &session.ui;
    let listings = session.registry.list();
    let widths = |text: fn(&crate::provider::Listing) -> &str| {
        listings
            .iter()
            .map(|listing| text(listing).chars().count())
            .max()
            .unwrap_or(0)
    };
    let (names, titles) = (widths(|listing| &listing.name), widths(|listing| &listing.title));
    for listing in &listings {
        let origin = origin_text(&listing.origin);
        ui.line(&format!(
            "{}  {:<titles$}  {:>3} events  {}",
            ui.out.name(&format!("{:<names$}", listing.name)),
            listing.title,
            listing.events,
            ui.out.dim(&origin)
        ))?;
        ui.json(&ProviderLine {
            schema: "hook.provider/1",
            name: &listing.name,
            title: &listing.title,
            events: listing.events,
            origin,
        })?;
    }
    ui.flush()?;
    for error in session.registry.broken() {
        ui.warn(&format!("cannot be used: {error}"));
    }
    Ok(Exit::Ok)
}

fn origin_text(origin: &Origin) -> String {
    match origin {
        Origin::Builtin => "built in".to_owned(),
        Origin::File(path) => path.display().to_string(),
    }
}

/// The profile of a name that was typed after `hook providers COMMAND`.
fn profile(session: &Session, command: &str, name: &str) -> Result<Arc<Profile>> {
    session.registry.get(name).map_err(|error| match &error {
        RegistryError::Unknown { near, .. } => Error::usage(error.to_string())
            .near(near, |name| format!("hook providers {command} {name}"))
            .hint("`hook providers list` shows all of them"),
        _ => error.into(),
    })
}

fn show(session: &Session, name: &str) -> Result<Exit> {
    let profile = profile(session, "show", name)?;
    let listings = session.registry.list();
    let listing = listings
        .iter()
        .find(|listing| Some(listing.name.as_str()) == name.split('@').next());
    let origin = listing.map_or_else(String::new, |listing| origin_text(&listing.origin));
    for line in show::lines(&profile, &origin, session.ui.out) {
        session.ui.line(&line)?;
    }
    session.ui.json(&json::profile(&profile, &origin))?;
    Ok(Exit::Ok)
}

fn events(session: &Session, name: &str) -> Result<Exit> {
    let profile = profile(session, "events", name)?;
    let (ui, label) = (&session.ui, profile.label());
    let width = profile
        .events
        .keys()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    for (name, event) in &profile.events {
        let mut line = format!("{}  {}", ui.out.name(&format!("{name:<width$}")), event.summary);
        if event.grouping {
            line += &ui.out.dim("; may be grouped");
        }
        if !event.aliases.is_empty() {
            line += &ui.out.dim(&format!("; also {}", event.aliases.join(", ")));
        }
        if event.assumed {
            line += " ";
            line += &ui.out.caution("(assumed data)");
        }
        ui.line(&line)?;
        ui.json(&EventLine {
            schema: "hook.event/1",
            provider: &label,
            event: name,
            summary: &event.summary,
            grouping: event.grouping,
            aliases: &event.aliases,
        })?;
    }
    Ok(Exit::Ok)
}

fn sample(session: &Session, name: &str, event: &str, params: Vec<(String, String)>) -> Result<Exit> {
    let profile = profile(session, "sample", name)?;
    let (ui, label) = (&session.ui, profile.label());
    let wishes = ComposeOptions {
        event: event.to_owned(),
        params,
        ..ComposeOptions::default()
    };
    let composer = Composer::new(&profile, wishes).map_err(|error| match &error {
        ComposeError::UnknownEvent { near, .. } => Error::nothing(error.to_string())
            .near(near, |event| format!("hook providers sample {name} {event}"))
            .hint(format!("`hook providers events {name}` shows its catalogue")),
        _ => error.into(),
    })?;
    if composer.event() != event {
        ui.note(&format!("`{event}` is another name of `{}`", composer.event()));
    }
    let message = composer.compose(
        Id::new(IdKind::Message, session.now(), &session.random),
        session.now(),
        &session.random,
    )?;
    let broken = |error: serde_json::Error| Error::internal("the sample is not JSON").cause(error);
    let body: Value = serde_json::from_slice(&message.body).map_err(broken)?;
    if ui.stdout_is_terminal() {
        ui.line(&crate::text::pretty_json(&body).map_err(broken)?)?;
    } else if ui.output == crate::cli::ui::Output::Human {
        ui.raw(&message.body)?;
        ui.raw(b"\n")?;
    }
    ui.json(&SampleLine {
        schema: "hook.sample/1",
        provider: &label,
        event: composer.event(),
        body,
    })?;
    Ok(Exit::Ok)
}

fn check(session: &Session, file: &Path) -> Result<Exit> {
    let profile = session.registry.check(file).map_err(|error| {
        let mut error = Error::from(error);
        // The command that its hint names is the one that has just run.
        error.hints.retain(|hint| !hint.contains("hook providers check"));
        error
    })?;
    let ui = &session.ui;
    let (events, variants) = (profile.events.len(), profile.variants.len());
    let plural = |count: usize, name: &str| format!("{count} {name}{}", if count == 1 { "" } else { "s" });
    ui.line(&format!(
        "{} {}: {}, {}",
        ui.out.good("ok"),
        ui.out.name(&profile.name),
        plural(events, "event"),
        plural(variants, "variant")
    ))?;
    ui.json(&CheckLine {
        schema: "hook.provider-check/1",
        file,
        provider: &profile.name,
        events,
        variants,
    })?;
    ui.flush()?;
    for event in profile.events.keys() {
        session.notices.findings(&profile.naming.check(&profile.label(), event));
    }
    if file.file_stem().is_none_or(|stem| stem != profile.name.as_str()) {
        ui.warn(&format!(
            "a provider is found by its file's name: this one must be called `{}.toml`",
            profile.name
        ));
    }
    Ok(Exit::Ok)
}
