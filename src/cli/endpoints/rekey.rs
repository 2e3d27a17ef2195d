//! `hook endpoints rekey`: another key for stored secrets.

use crate::app::endpoints::rekey::{RekeyOptions, rekey};
use crate::cli::complete;
use crate::cli::session::Session;
use crate::error::Result;

/// Encrypt all stored secrets with another key: those of endpoints, the dev secret, tokens in your settings
///
/// A key is 32 bytes in base64 (`openssl rand -base64 32`). Secrets in clear text are encrypted too. Each file is replaced
/// whole: a run that is killed leaves every secret readable with one of the two keys, and the next run does the rest.
#[derive(Debug, clap::Args)]
pub(super) struct RekeyArgs {
    /// The key before, by reference: `file:PATH`, `env:VAR`; default: that of `HOOK_KEY`
    #[arg(long, value_name = "REF", add = complete::references())]
    from: Option<String>,
    /// The key after, by reference
    #[arg(long, value_name = "REF", required_unless_present = "decrypt", add = complete::references())]
    to: Option<String>,
    /// Store all of them in clear text again
    #[arg(long, conflicts_with = "to")]
    decrypt: bool,
}

impl RekeyArgs {
    pub(super) fn run(&self, session: &Session) -> Result<()> {
        let options = RekeyOptions {
            from: self.from.clone(),
            to: self.to.clone(),
        };
        session.ui.show(&rekey(&session.context, &options)?)
    }
}
