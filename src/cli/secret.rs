//! `hook secret`: fresh secrets and key pairs, and the dev secret.

use std::path::PathBuf;

use clap::Subcommand;

use crate::app::new_secret;
use crate::cli::session::Session;
use crate::error::Result;
use crate::exit::Exit;

/// Generate secrets and key pairs, and show the dev secret
#[derive(Debug, clap::Args)]
pub(super) struct SecretArgs {
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// Generate a secret or key pair in the provider's format
    New {
        /// `NAME` or `NAME@VARIANT`
        #[arg(short, long, value_name = "NAME", add = super::complete::providers())]
        provider: Option<String>,
        /// Write it to this file (0600) instead of printing it; the public half goes to `FILE.pub`
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Show the dev secret in the provider's format, for the app under test
    Show {
        /// `NAME` or `NAME@VARIANT`
        #[arg(short, long, value_name = "NAME", add = super::complete::providers())]
        provider: Option<String>,
        /// Show the public half of the key pair
        #[arg(long)]
        public: bool,
    },
}

pub(super) fn run(session: &Session, args: SecretArgs) -> Result<Exit> {
    let ui = &session.ui;
    let shown = match args.command {
        SecretCommand::New { provider, out } => new_secret::make(&session.context, provider.as_deref(), out)?,
        SecretCommand::Show { provider, public } => {
            new_secret::dev_secret(&session.context, provider.as_deref(), public)?
        }
    };
    ui.show_now(&shown)?;
    // The hints follow the data: on a terminal both share the screen.
    match (&shown.file, &shown.public_file) {
        (Some(file), None) => ui.hint(&format!("use it: `--secret file:{}`", file.display())),
        (Some(file), Some(public)) => ui.hint(&format!(
            "sign with `--secret file:{}`; the receiver gets `--secret file:{}`",
            file.display(),
            public.display()
        )),
        (None, _) => {}
    }
    Ok(Exit::Ok)
}
