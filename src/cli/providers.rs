//! `hook providers`: the catalogue.

mod receiver;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;
use serde_json::{Value, json};

use super::input;
use super::session::Session;
use super::ui::Output;
use crate::app::providers::{compare, lint_file};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::provider::compose::{ComposeError, ComposeOptions};
use crate::provider::drift::Difference;
use crate::provider::receiver::Lang;
use crate::provider::{Profile, RegistryError, name_of};
use crate::shell::quote;
use crate::view::drift::DriftReport;
use crate::view::provider::{CheckedFile, ProviderEvents, ProviderList, ProviderSheet};

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
        /// Parameter of the envelope (can be repeated)
        #[arg(long, value_name = "NAME=VALUE", value_parser = input::pair)]
        param: Vec<(String, String)>,
    },
    /// Print a starter webhook handler that verifies the provider's signature
    Receiver {
        /// `NAME` or `NAME@VARIANT`
        #[arg(add = super::complete::providers())]
        name: String,
        /// Language and framework
        #[arg(long, value_parser = input::words(&receiver::LANGS))]
        lang: Lang,
    },
    /// Check a provider file of your own
    Check {
        /// The file
        file: PathBuf,
    },
    Diff(ProvidersDiffArgs),
}

/// Compare a body with the catalogue's event: what is missing, retyped or added
#[derive(Debug, clap::Args)]
struct ProvidersDiffArgs {
    /// The event
    #[arg(add = super::complete::events())]
    event: String,
    /// The body as received, with its envelope: a file, or `-` for stdin
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: String,
    /// Provider of the event: `NAME` or `NAME@VARIANT`
    #[arg(short, long, value_name = "NAME", add = super::complete::providers())]
    provider: Option<String>,
}

pub(super) fn run(session: &Session, args: ProvidersArgs) -> Result<Exit> {
    match args.command {
        ProvidersCommand::List => {
            session.ui.show_now(&ProviderList(&session.context.registry.list()))?;
            for error in session.context.registry.broken() {
                session.ui.warn(&format!("cannot be used: {error}"));
            }
        }
        ProvidersCommand::Show { name } => {
            let profile = profile(session, "show", &name)?;
            let listings = session.context.registry.list();
            let listing = listings.iter().find(|listing| listing.name == name_of(&name));
            session.ui.show(&ProviderSheet {
                profile: &profile,
                origin: listing.map(|listing| listing.origin.to_string()).unwrap_or_default(),
            })?;
        }
        ProvidersCommand::Events { name } => {
            let profile = profile(session, "events", &name)?;
            session.ui.show(&ProviderEvents(&profile))?;
        }
        ProvidersCommand::Sample { name, event, param } => sample(session, &name, &event, param)?,
        ProvidersCommand::Receiver { name, lang } => receiver::run(session, &name, lang)?,
        ProvidersCommand::Check { file } => check(session, &file)?,
        ProvidersCommand::Diff(args) => return diff(session, &args),
    }
    Ok(Exit::Ok)
}

/// The profile of a name that was typed after `hook providers COMMAND`.
fn profile(session: &Session, command: &str, name: &str) -> Result<Arc<Profile>> {
    session.context.registry.get(name).map_err(|error| match &error {
        RegistryError::Unknown { near, .. } => Error::nothing(error.to_string())
            .near(near, |name| format!("hook providers {command} {name}"))
            .hint("`hook providers list` shows all of them"),
        _ => error.into(),
    })
}

fn sample(session: &Session, name: &str, event: &str, params: Vec<(String, String)>) -> Result<()> {
    let profile = profile(session, "sample", name)?;
    let options = ComposeOptions::of(event, params);
    let sample = crate::app::providers::sample(&session.context, &profile, options).map_err(|error| match &error {
        ComposeError::UnknownEvent { near, .. } => Error::nothing(error.to_string())
            .near(near, |event| format!("hook providers sample {name} {}", quote(event)))
            .hint(format!("`hook providers events {name}` shows its catalogue")),
        _ => error.into(),
    })?;
    let broken = |error: serde_json::Error| Error::internal("the sample is not JSON").cause(error);
    let body: Value = serde_json::from_slice(&sample.body).map_err(broken)?;
    let ui = &session.ui;
    if ui.stdout_is_terminal() {
        ui.line(&crate::text::pretty_json(&body).map_err(broken)?)?;
    } else if ui.output == Output::Human {
        ui.raw(&sample.body)?;
        ui.raw(b"\n")?;
    }
    ui.json(&json!({
        "schema": "hook.sample/1",
        "provider": profile.label(),
        "event": sample.event,
        "body": body,
    }))
}

fn check(session: &Session, file: &Path) -> Result<()> {
    let profile = session.context.registry.check(file).map_err(|error| {
        // Where the fault is in a file that this one extends, the command that checks that one is of use.
        if error.faulty_file() == Some(&*file.display().to_string()) {
            error.without_command()
        } else {
            error.into()
        }
    })?;
    session.ui.show(&CheckedFile {
        file,
        profile: &profile,
    })?;
    session.ui.flush()?;
    lint_file(&session.context, file, &profile);
    Ok(())
}

fn diff(session: &Session, args: &ProvidersDiffArgs) -> Result<Exit> {
    let bytes = match args.file.as_str() {
        "-" => input::source("-", "FILE")?,
        path => input::file(path, "FILE")?,
    };
    let (context, provider) = (&session.context, args.provider.as_deref());
    let Some(compared) = compare(context, provider, &args.event, &args.file, &bytes)? else {
        return Ok(Exit::Ok);
    };
    session.ui.show(&DriftReport {
        provider: &compared.provider,
        event: &compared.event,
        records: None,
        differences: compared.differences.iter().map(|one| (one, None)).collect(),
    })?;
    let differs = compared.differences.iter().any(Difference::is_problem);
    Ok(if differs { Exit::Unmet } else { Exit::Ok })
}
