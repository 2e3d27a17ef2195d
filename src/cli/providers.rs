//! `hook providers`: the catalogue.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::provider::Origin;
use crate::session::Session;

/// The catalogue: schemes, events, samples, schedules; check your own file
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// All providers and where each comes from
    #[command(visible_alias = "ls")]
    List,
    /// One provider: how it signs, delivers and retries; assumptions are marked
    Show {
        /// `NAME` or `NAME@VARIANT`
        #[arg(add = super::complete::providers())]
        name: String,
    },
    /// The events of a provider
    Events {
        /// `NAME` or `NAME@VARIANT`
        #[arg(add = super::complete::providers())]
        name: String,
    },
    /// A sample body of an event, as it would be sent
    Sample {
        /// `NAME` or `NAME@VARIANT`
        #[arg(add = super::complete::providers())]
        name: String,
        /// The event
        #[arg(add = super::complete::events_of_argument())]
        event: String,
    },
    /// Check a provider file of your own
    Check {
        /// The file
        file: PathBuf,
    },
}

#[derive(Serialize)]
struct ProviderLine<'a> {
    schema: &'static str,
    name: &'a str,
    title: &'a str,
    events: usize,
    origin: String,
}

pub(super) fn run(session: &Session, args: Args) -> Result<Exit> {
    match args.command {
        Command::List => list(session),
        _ => Err(Error::internal("not there yet")),
    }
}

fn list(session: &Session) -> Result<Exit> {
    for listing in session.registry.list() {
        let origin = match &listing.origin {
            Origin::Builtin => "built in".to_owned(),
            Origin::File(path) => path.display().to_string(),
        };
        let ui = &session.ui;
        ui.line(&format!(
            "{:<20} {:<20} {:>3} events  {}",
            ui.out.name(&listing.name),
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
    Ok(Exit::Ok)
}
