//! `hook serve keys`: keys of the API.

use clap::Subcommand;

use crate::app::service_keys::{self, KeyOptions};
use crate::cli::session::Session;
use crate::cli::ui::Output;
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::message::Mode;
use crate::view::service_key::{AddedKey, KeyList, RevokedKey};

/// Manage the keys of the API, which a running `hook serve` knows at once
#[derive(Debug, Clone, clap::Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum KeysCommand {
    /// Add a key and print it, once: the ledger keeps a digest
    Add {
        /// Name of the key: lower-case letters, digits, `-`, `_` and `.`
        name: String,
        /// A key that only reads
        #[arg(long)]
        read: bool,
        /// A key whose calls create test events only
        #[arg(long)]
        test: bool,
        /// A key that sees and creates only what is of this tenant: events, deliveries and endpoints
        #[arg(long, value_name = "TENANT")]
        tenant: Option<String>,
    },
    /// List the keys, without their text
    #[command(visible_alias = "ls")]
    List,
    /// Revoke a key: calls with it are refused from now on
    Revoke {
        /// Name of the key
        name: String,
    },
}

pub(super) fn run(session: &Session, args: &KeysArgs) -> Result<Exit> {
    let (context, ui) = (&session.context, &session.ui);
    match &args.command {
        KeysCommand::Add {
            name,
            read,
            test,
            tenant,
        } => {
            if ui.output == Output::Quiet {
                return Err(
                    Error::usage("`--quiet` would hide the new key, which is shown only once")
                        .hint("leave out `--quiet`"),
                );
            }
            let key = service_keys::add(
                context,
                KeyOptions {
                    name: name.clone(),
                    reads_only: *read,
                    mode: if *test { Mode::Test } else { Mode::Live },
                    tenant: tenant.clone(),
                },
            )?;
            ui.show_now(&AddedKey(key))?;
            ui.note("keep the key: it is not shown again");
        }
        KeysCommand::List => {
            let keys = service_keys::list(context)?;
            if keys.is_empty() {
                ui.note("no keys yet");
                ui.hint("`hook serve keys add NAME` makes one");
            }
            ui.show(&KeyList(keys))?;
        }
        KeysCommand::Revoke { name } => ui.show(&RevokedKey(service_keys::revoke(context, name)?))?,
    }
    Ok(Exit::Ok)
}
