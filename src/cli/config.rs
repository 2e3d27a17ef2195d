//! `hook config`: the settings and where each comes from, the files, and trust in a project.

use std::path::PathBuf;

use clap::Subcommand;

use crate::app::trust::TrustRequest;
use crate::cli::prompt;
use crate::cli::session::Session;
use crate::cli::ui::Output;
use crate::config::describe::describe;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::view::config::SettingsView;

/// Show the settings and their sources, and trust a project
#[derive(Debug, clap::Args)]
pub(super) struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Show every setting as TOML, with its source
    Show,
    /// Show where hook keeps its files
    Path,
    /// Show and allow what the project's `hook.toml` and endpoints request
    Trust {
        /// The file or its folder; default: that of the nearest parent folder
        file: Option<PathBuf>,
        /// Do not ask; without a terminal, hook never asks
        #[arg(short, long)]
        yes: bool,
    },
}

impl ConfigArgs {
    /// Whether this command itself reports what an untrusted project requests.
    pub(super) fn trusts(&self) -> bool {
        matches!(self.command, ConfigCommand::Trust { .. })
    }
}

pub(super) fn run(session: &Session, args: ConfigArgs) -> Result<Exit> {
    match args.command {
        ConfigCommand::Show => session.ui.show(&SettingsView(&describe(&session.context.settings)))?,
        ConfigCommand::Path => session.ui.show(&session.context.file_places())?,
        ConfigCommand::Trust { file, yes } => trust_project(session, file, yes)?,
    }
    Ok(Exit::Ok)
}

fn trust_project(session: &Session, file: Option<PathBuf>, yes: bool) -> Result<()> {
    let request = TrustRequest::of(
        &session.context.paths,
        &session.context.settings,
        &session.context.registry,
        file,
    )?;
    let (ui, shown, asks) = (&session.ui, request.file.display(), !request.grants.is_empty());
    ui.note(&if asks {
        format!("`{shown}` asks for:")
    } else {
        format!("nothing in `{shown}` requires trust")
    });
    ui.show(&request)?;
    // All of it is on the screen before any of it holds.
    ui.flush()?;
    if request.is_allowed() {
        if asks {
            ui.note(&format!("`{shown}` is already trusted"));
        }
        return Ok(());
    }
    if !yes && ui.output == Output::Quiet {
        return Err(Error::usage("`--quiet` would hide what is allowed").hint("leave it out, or add `--yes`"));
    }
    if !yes && ui.can_ask() {
        prompt::insist(ui, "Allow all of this?", "add `--yes`")?;
    }
    request.allow()?;
    ui.note(&format!(
        "`{shown}` is trusted as shown; changed entries must be allowed again"
    ));
    Ok(())
}
